"""Modules with a ``forward`` of their own: PyTorch traces what it calls, and each call becomes a layer of a graph.

traced : fold, module, sample, path -> layer, sample behind it

A call of a module is read as that module, in the fold that found the forward, and of a function as ``_calls`` says.
"""

from __future__ import annotations

import inspect
from typing import Any

import attrs
from torch import fx, nn

from fnn.interop.torch._calls import Calls, Value, values_in
from fnn.interop.torch._kinds import Unsupported
from fnn.interop.torch._sample import joined
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.shape import Flatten
from fnn.networks.graph import Graph
from fnn.networks.serial import Serial

GLOBAL = (GlobalAvgPool, GlobalMaxPool)


class _Tracer(fx.Tracer):
    """Traces what one module calls: each of its parts is one call, and is read by itself."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def traced(fold: Any, module: nn.Module, sample: Any, path: str) -> tuple[Any, Any]:
    """Return the layer that a module's calls are, and the sample behind them.

    Raises ``Unsupported`` for what cannot be traced, with the way out: nn.Sequential, or a registered function.
    """
    try:
        graph = _Tracer().trace(
            module, _defaults(module, len(sample.theirs) if isinstance(sample.theirs, tuple) else 1)
        )
    except Exception as error:  # whatever a forward raises when it is given something that is no tensor
        hint = "write it as nn.Sequential, or register a function for it"
        raise Unsupported(f", whose forward cannot be traced ({str(error).splitlines()[0]}); {hint}") from error
    for node in reversed(list(graph.nodes)):  # what nobody takes, as the last states in y, _ = lstm(x)
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    reading = _Reading(fold, module, path)
    for node in graph.nodes:
        reading.read(node, sample)
    outputs = reading.outputs
    if fold.faults or not outputs:
        return None, sample
    nodes, names = reading.nodes, [each.name for each in outputs]
    before = [*reading.inputs, *[node.output for node in nodes]]
    chain = len(reading.inputs) == 1 and [(name,) for name in before[:-1]] == [node.inputs for node in nodes]
    if chain and names == before[-1:]:
        layers: list[Any] = []
        for node in nodes:
            before = layers[-1] if layers else None
            if isinstance(node.layer, Flatten) and isinstance(before, Serial) and isinstance(before.layers[0], GLOBAL):
                layers[-1] = before.layers[0]  # which flattens by itself
            else:
                layers.append(node.layer)
        return layers[0] if len(layers) == 1 else Serial(tuple(layers)), outputs[0].sample
    behind = joined([each.sample for each in outputs])
    return Graph(tuple(nodes), tuple(reading.inputs), tuple(names)), behind


def _defaults(module: nn.Module, given: int) -> dict[str, Any]:
    """Return the settings of a forward behind its inputs, as they are by default."""
    parameters = list(inspect.signature(module.forward).parameters.values())[given:]
    return {each.name: each.default for each in parameters if each.default is not each.empty}


class _Reading(Calls):
    """The values of a traced graph so far."""

    def __init__(self, fold: Any, module: nn.Module, path: str) -> None:
        super().__init__(fold, path)
        self.module = module
        self.values: dict[Any, Any] = {}
        self.outputs: list[Value] = []

    def read(self, node: Any, sample: Any) -> None:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda each: self.values.get(each))
        if node.op == "placeholder":
            self.values[node] = self.placeholder(node, sample)
        elif node.op == "get_attr":
            self.values[node] = _attribute(self.module, node.target)
        elif node.op == "output":
            found = args[0] if isinstance(args[0], tuple | list) else (args[0],)
            if not self.fold.faults and not all(isinstance(each, Value) for each in found):
                raise Unsupported(", which returns what does not depend on its input")
            self.outputs = list(found)
        elif not self.fold.faults:
            read = self.submodule if node.op == "call_module" else self.called
            self.values[node] = read(node, args, kwargs)

    def placeholder(self, node: Any, sample: Any) -> Any:
        place = len(self.inputs)
        several = isinstance(sample.theirs, tuple)
        if (several and place >= len(sample.theirs)) or (not several and place):
            return node.args[0] if node.args else None  # as it is by default
        self.inputs.append(node.name)
        if several:
            sample = attrs.evolve(sample, ours=sample.ours[place], theirs=sample.theirs[place])
        return Value(node.name, sample)

    def submodule(self, node: Any, args: Any, kwargs: Any) -> Any:
        part, values = self.module.get_submodule(node.target), values_in((args, kwargs))
        if not values:
            return part(*args, **kwargs)
        attends = isinstance(part, nn.MultiheadAttention)
        if len({each.name for each in values}) > 1 or (kwargs and not attends):
            raise Unsupported(f", whose forward gives {type(part).__name__} more than one array")
        path = f"{self.path}.{node.target}" if self.path else node.target
        layer, behind = self.fold.layer_at(part, values[0].sample, path)
        returns = "several" if attends or isinstance(part, nn.RNN | nn.GRU | nn.LSTM) else "all"
        return attrs.evolve(self.add(node, layer, [values[0]], behind), part=returns)


def _attribute(module: nn.Module, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module
