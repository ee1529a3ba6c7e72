"""A model as a network: its nodes are read in order, and what they became is a chain or a graph.

from_onnx : path or ModelProto -> params, or one error with all that there is no layer for
"""

from __future__ import annotations

from typing import Any

from fnn.core._errors import FormatError
from fnn.core.record import Record
from fnn.interop.onnx._reading.file import model_in
from fnn.interop.onnx._reading.inputs import declared
from fnn.interop.onnx._reading.nodes import Reading
from fnn.interop.onnx._reading.reader import Tensor, pruned
from fnn.networks.graph import Graph, Node
from fnn.networks.serial import Serial


def from_onnx(source: Any, x: Any = None) -> Any:
    """Return an ONNX model as a network: a value that can be looked at, cut, trained and written again.

    It takes what the model takes and returns what the model returns, in the same order of axes: of a model of images
    the first layer is a ``Permute`` that makes channels the last axis. A chain becomes a ``Serial``, anything else a
    ``Graph`` whose values have the model's names. Batch normalizations are those of evaluation, ``Scale``; dropout is
    left out. What is constant in the graph is computed now, and the lengths of all axes but the first are fixed. An
    operator that no layer is stays itself, an ``OnnxOperator`` with its gradient, or is read as the operators that ONNX
    says it stands for. A graph that mixes rows, or computes with their number, is read for as many rows as x has.

    Args:
        source: the path of a file, or a ``ModelProto``.
        x: an input, or a tuple of several, of the shape that the network is to take; for models that leave it open.

    Raises ``FormatError`` for what is no ONNX model, other versions of its operators than are known, and arrays in
    files that are missing or not in the model's folder; and one that names all that there is no layer for: register a
    function with ``operator`` for it.

    >>> import numpy as np
    >>> from fnn import Key, mlp
    >>> from fnn.interop.onnx import to_onnx
    >>> x = np.zeros((1, 4), np.float32)
    >>> from_onnx(to_onnx(mlp(8, 3)(Key(0), x), x))
    Serial(layers=(Dense(weight=f32[4,8], bias=f32[8]), Relu(), Dense(weight=f32[8,3], bias=f32[3])))
    """
    return network_of(*model_in(source), x)


def network_of(model: Any, opset: int, caller: str, x: Any) -> Record:
    """Return the network of a model.

    Args:
        model: the model, with all its arrays.
        opset: the version of its operators.
        caller: what to call it in messages.
        x: an input whose shape it is to take, or None.

    Where a graph mixes rows, or computes with their number, it is read for as many as x has, or as it says itself.

    Raises ``FormatError`` that names all operators that there is no layer for.
    """
    reading = Reading(model, opset, caller, x, False)
    for node in model.graph.node:
        reading.read(node)
    if reading.missing and (x is not None or all(None not in declared(each) for each in reading.graph.input)):
        again = Reading(model, opset, caller, x, True)
        for node in model.graph.node:
            again.read(node)
        reading = again if len(again.missing) <= len(reading.missing) else reading
    if reading.missing:
        found = [f"{what} (at {reading.places[what]}{_times(n)})" for what, n in sorted(reading.missing.items())]
        hint = ""
        if x is None and any("number of rows" in what for what in reading.missing):
            hint = "; pass x, an input, and it is read for as many rows"
        raise FormatError(f"{caller} has what fnn has no layer for: {'; '.join(found)}{hint}")
    outputs = [reading.values.get(each.name) for each in model.graph.output]
    names: list[str] = []
    for each, value in zip(model.graph.output, outputs, strict=True):
        if not isinstance(value, Tensor):
            raise FormatError(f"{caller}: its output {each.name} does not depend on its inputs")
        reading.reader.begin(each.name, None)
        names.append(reading.reader.plain(value).name)
    return _network(pruned(reading.reader.steps, names), reading.inputs, names)


def _times(n: int) -> str:
    return f" and {n - 1} more" if n > 1 else ""


def _network(steps: list[Any], inputs: list[str], outputs: list[str]) -> Record:
    """Return a chain as a ``Serial``, anything else as a ``Graph``."""
    before = [*inputs, *[step.output for step in steps]]
    chain = len(inputs) == 1 and [(name,) for name in before[:-1]] == [step.inputs for step in steps]
    if chain and outputs == before[-1:]:
        return Serial(tuple([step.layer for step in steps]))
    nodes = tuple([Node(step.layer, step.inputs, step.output) for step in steps])
    return Graph(nodes, tuple(inputs), tuple(outputs))
