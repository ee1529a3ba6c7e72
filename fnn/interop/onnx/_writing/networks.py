"""What networks made of layers add to an ONNX graph: that of their parts, and what joins them."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from fnn.interop.onnx._writing.layers import zero_padding
from fnn.interop.onnx._writing.writer import Value, Writer, emit, plain, sample_of
from fnn.layers._sequences import is_pair
from fnn.networks._parts import inside
from fnn.networks.branches import Parallel, Pick, Residual
from fnn.networks.ensemble import Ensemble, members
from fnn.networks.graph import Graph, folded
from fnn.networks.joins import Add, Concatenate, Multiply
from fnn.networks.serial import Serial


def part(graph: Writer, layer: Any, x: Any, place: str) -> Any:
    """Add a part of a network, and return its output; an error says at which place it arose."""
    with inside(place):
        return graph.layer(layer, x, place)


@emit.register(Serial)
def serial_emit(net: Serial, graph: Writer, x: Any) -> Any:
    for place, layer in enumerate(net.layers):
        x = part(graph, layer, x, f"layers[{place}]")
    return x


@emit.register(Parallel)
def parallel_emit(net: Parallel, graph: Writer, x: Any) -> Any:
    return tuple([part(graph, branch, x, f"branches[{place}]") for place, branch in enumerate(net.branches)])


@emit.register(Ensemble)
def ensemble_emit(nets: Ensemble, graph: Writer, x: Any) -> Any:
    def of(place: int, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple([of(place, each) for each in x])
        name = graph.node("Gather", x, np.array(place), axis=0)
        return Value(name, plain(x.rank - 1), x.sample[place])

    ys = [part(graph, net, of(place, x), f"members[{place}]") for place, net in enumerate(members(nets))]
    return _stacked(graph, ys)


def _stacked(graph: Writer, ys: list[Any]) -> Any:
    """Return values of several members, one after the other along a first axis."""
    if isinstance(ys[0], tuple):
        return tuple([_stacked(graph, list(each)) for each in zip(*ys, strict=True)])
    rows = [graph.node("Unsqueeze", y, np.array([0])) for y in ys]
    return Value(graph.node("Concat", *rows, axis=0), plain(ys[0].rank + 1), np.stack([y.sample for y in ys]))


@emit.register(Graph)
def graph_emit(net: Graph, graph: Writer, x: Any) -> Any:
    return folded(net, x, lambda node, x, place: part(graph, node.layer, x, f"nodes[{place}].layer"))


@emit.register(Residual)
def residual_emit(net: Residual, graph: Writer, x: Any) -> Any:
    change = part(graph, net.body, x, "body")
    return graph.layer(Add(), (x, change))


@emit.register(Pick)
def pick_emit(layer: Pick, graph: Writer, x: Any) -> Any:
    return x[layer.place]


@emit.register(Concatenate)
def concatenate_emit(layer: Concatenate, graph: Writer, x: Any) -> Any:
    if all(map(is_pair, sample_of(x))):
        return _of_pairs(layer, graph, x)
    values, order = _alike(graph, x)
    return Value(graph.node("Concat", *values, axis=order.index(layer.axis % len(order))), order)


@emit.register(Add)
@emit.register(Multiply)
def add_emit(layer: Add | Multiply, graph: Writer, x: Any) -> Any:
    if all(map(is_pair, sample_of(x))):
        return _of_pairs(layer, graph, x)
    values, order = _alike(graph, x)
    operator = "Add" if isinstance(layer, Add) else "Mul"
    return Value(reduce(lambda a, b: graph.node(operator, a, b), values), order)


def _alike(graph: Writer, x: Any) -> tuple[list[str], tuple[int, ...]]:
    """Return the names of several values in one order, that of the first."""
    values = [graph.floats(each) for each in x]
    order = values[0].order
    return [graph.laid(each, order) for each in values], order


def _of_pairs(layer: Any, graph: Writer, x: Any) -> Any:
    """Join (x, lengths) whose lengths are the same; these stay."""
    lengths = x[0][1]
    return zero_padding(graph, graph.layer(layer, tuple([values for values, _ in x])), lengths), lengths
