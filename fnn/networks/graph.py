"""A graph is layers with names between them: each takes values by their names, and gives its own a name.

    Node     : layer, names of its inputs, name of its output
    Graph    : x -> y, or of several inputs and outputs a tuple: networks of any shape, as files of networks have them
    subgraph : graph, outputs, inputs? -> the part of it that computes these outputs

Forward is a fold over the nodes in their order, which is one in which every value is there before it is used. Backward
is the same fold reversed, over gradients by name: where a value is used twice, its gradients add.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core import tree
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core._flat import has_leaves
from fnn.core.keys import Key, fold_in
from fnn.core.record import Record, is_record
from fnn.core.vjp import Pullback, forward, vjp
from fnn.networks._parts import inside, part_vjp
from fnn.networks.branches import plus
from fnn.networks.inference import inference


def _names(what: str, value: Any) -> tuple[str, ...]:
    if (
        isinstance(value, str)
        or not isinstance(value, tuple | list)
        or not all(isinstance(name, str) for name in value)
    ):
        raise TypeError(f"{what} must be a tuple of names, got {describe(value)}; write ('x',)")
    return tuple(value)


def _input_names(value: Any) -> tuple[str, ...]:
    return _names("graph: the inputs", value)


def _output_names(value: Any) -> tuple[str, ...]:
    return _names("graph: the outputs", value)


class Node(Record):
    """A layer in a graph: it takes the values named ``inputs``, several as a tuple, and ``output`` names its y.

    The empty name stands for None, a part of the input that is left out.
    """

    layer: Any
    inputs: tuple[str, ...] = attrs.field(converter=_input_names)
    output: str


class Graph(Record):
    """y = the values named ``outputs`` after all nodes, in order; x are those named ``inputs``. One is no tuple.

    >>> from fnn import add, tanh
    >>> Graph((Node(tanh, ("x",), "a"), Node(add, ("x", "a"), "y")), ("x",), ("y",))(np.zeros((1, 2)))
    array([[0., 0.]])
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...] = attrs.field(converter=_input_names)
    outputs: tuple[str, ...] = attrs.field(converter=_output_names)


@vjp.register
def node_vjp(node: Node, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    y, pullback = part_vjp(node.layer, x, key, "layer")

    def node_pullback(dy):
        dlayer, dx = pullback(dy)
        return Node(dlayer, node.inputs, node.output), dx

    return y, node_pullback


@vjp.register
def graph_vjp(net: Graph, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    pullbacks: list[Pullback] = []

    def evaluate(node: Node, x: Any, place: int) -> Any:
        y, pullback = part_vjp(node, x, key if key is None else fold_in(key, place), f"nodes[{place}]")
        pullbacks.append(pullback)
        return y

    def graph_pullback(dy):
        learned = _learned(net)
        gradients: dict[str, Any] = {}
        _collect(gradients, net.outputs, dy)
        nodes = list(net.nodes)
        waiting: dict[int, Callable[[], Any]] = {}
        for place, node in reversed([*enumerate(net.nodes)]):
            if node.output not in learned:
                continue  # nothing to learn up to here: only whoever asks for dx needs it
            if node.output not in gradients:
                nodes[place] = tree.zeros_like(node)
                continue
            nodes[place], dx = pullbacks[place](gradients[node.output])
            if learned.intersection(node.inputs):
                _collect(gradients, node.inputs, dx())
            else:
                waiting[place] = dx

        def graph_dx():
            found = dict(gradients)
            for place, node in reversed([*enumerate(net.nodes)]):
                if place in waiting:
                    _collect(found, node.inputs, waiting[place]())
                elif node.output in found and node.output not in learned:
                    _collect(found, node.inputs, pullbacks[place](found[node.output])[1]())
            dx = tuple([found[name] if name in found else tree.map(_zeros, each) for name, each in inputs.items()])
            return dx if len(dx) != 1 else dx[0]

        return Graph(tuple(nodes), net.inputs, net.outputs), graph_dx

    inputs = given(net, x)
    return folded(net, x, evaluate), graph_pullback


def folded(net: Graph, x: Any, evaluate: Callable[[Node, Any, int], Any]) -> Any:
    """Return the outputs of a graph, of which ``evaluate(node, x, place)`` computes each node.

    Raises ``ValueError`` for a name that is not there yet, or there already, and ``TypeError`` for other nodes.
    """
    values = given(net, x)
    for place, node in enumerate(net.nodes):
        values[node.output] = evaluate(node, taken(values, node, place), place)
    return returned(net, values)


def given(net: Graph, x: Any) -> dict[str, Any]:
    """Return the inputs of a graph by name, or raise if it is none that can be folded."""
    if type(net.nodes) is not tuple or not all(isinstance(node, Node) for node in net.nodes):
        hint = "write Graph((Node(...),), ('x',), ('y',))"
        raise LayerTypeError("graph", f"expects a tuple of nodes, got {describe(net.nodes)}; {hint}")
    if len(net.inputs) == 1:
        return {net.inputs[0]: x}
    if not isinstance(x, tuple) or len(x) != len(net.inputs):
        raise LayerTypeError("graph", f"expects a tuple of its inputs {', '.join(net.inputs)}, got {describe(x)}")
    return dict(zip(net.inputs, x, strict=True))


def taken(values: dict[str, Any], node: Node, place: int) -> Any:
    """Return what a node takes of the values so far, one or a tuple of several."""
    if node.output in values:
        raise LayerValueError("graph", f"expects new names for values, got {node.output!r} again at nodes[{place}]")
    parts = tuple([_value(values, name, f"nodes[{place}]") if name else None for name in node.inputs])
    return parts if len(parts) != 1 else parts[0]


def returned(net: Graph, values: dict[str, Any]) -> Any:
    """Return the outputs of a graph, one or a tuple of several."""
    y = tuple([_value(values, name, "outputs") for name in net.outputs])
    return y if len(y) != 1 else y[0]


def _value(values: dict[str, Any], name: str, place: str) -> Any:
    if name not in values:
        raise LayerValueError("graph", f"expects names of inputs and earlier nodes at {place}, got {name!r}")
    return values[name]


def _collect(gradients: dict[str, Any], names: tuple[str, ...], given: Any) -> None:
    """Add to gradients by name those of ``names``, given as one of them or as a tuple of several."""
    for name, gradient in zip(names, given if len(names) != 1 else (given,), strict=True):
        if name and gradient is not None:
            gradients[name] = plus(gradients[name], gradient) if name in gradients else gradient


def _learned(net: Graph) -> set[str]:
    """Return the names of the values on which parameters have an influence."""
    names: set[str] = set()
    for node in net.nodes:
        if has_leaves(node.layer) or names.intersection(node.inputs):
            names.add(node.output)
    return names


def _zeros(array: np.ndarray) -> np.ndarray:
    return np.zeros(array.shape, array.dtype if array.dtype.kind == "f" else np.float32)


@inference.register
def node_inference(params: Node, x: Any = None) -> Node:
    with inside("layer"):
        return Node(inference(params.layer, x), params.inputs, params.output)


@inference.register
def graph_inference(params: Graph, x: Any = None) -> Graph:
    nodes: list[Node] = []

    def evaluate(node: Node, x: Any, place: int) -> Any:
        with inside(f"nodes[{place}]"):
            nodes.append(inference(node, x))
            return None if x is None else forward(nodes[-1], x)

    if x is None:
        for place, node in enumerate(params.nodes):
            evaluate(node, None, place)
    else:
        folded(params, x, evaluate)
    return Graph(tuple(nodes), params.inputs, params.outputs)


def subgraph(net: Graph, outputs: tuple[str, ...], inputs: tuple[str, ...] | None = None) -> Graph:
    """Return the part of a graph that computes the values named ``outputs``: to cut a head off, or look inside.

    Args:
        net: the graph.
        outputs: names of values, in the order in which they are to be returned.
        inputs: names of values to begin with; those of the graph if None, of which it keeps what is needed.

    Raises ``TypeError`` for what is no graph or no tuple of names, ``ValueError`` for a name that is not there, or if
    more inputs are needed than ``inputs``.

    >>> from fnn import add, tanh
    >>> net = Graph((Node(tanh, ("x",), "a"), Node(add, ("x", "a"), "y")), ("x",), ("y",))
    >>> subgraph(net, ("a",)).nodes
    (Node(layer=Tanh(), inputs=('x',), output='a'),)
    """
    if not is_record(net) or not isinstance(net, Graph):
        raise TypeError(f"subgraph expects a Graph, got {describe(net)}")
    outputs = _names("subgraph: outputs", outputs)
    begin = net.inputs if inputs is None else _names("subgraph: inputs", inputs)
    there = {*net.inputs, *[node.output for node in net.nodes]}
    unknown = [name for name in (*outputs, *begin) if name not in there]
    if unknown:
        some = ", ".join(node.output for node in net.nodes[-6:])
        raise ValueError(f"subgraph: there is no value {unknown[0]!r} in the graph; its last are {some}")
    needed, kept = set(outputs), []
    for node in reversed(net.nodes):
        if node.output in needed and node.output not in begin:
            needed.update(filter(None, node.inputs))
            kept.append(node)
    made = {node.output for node in kept}
    missing = sorted(needed - made - set(begin))
    if missing:
        raise ValueError(f"subgraph: {', '.join(outputs)} need {', '.join(missing)} too; add it to inputs")
    used = begin if inputs is not None else tuple([name for name in begin if name in needed])
    return Graph(tuple(kept[::-1]), used, outputs)
