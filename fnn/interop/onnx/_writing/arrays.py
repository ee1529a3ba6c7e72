"""What operators that no layer is add to an ONNX graph: themselves, as they came."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core.vjp import forward
from fnn.interop._onnx_arrays.arithmetic import BY_PLACE
from fnn.interop._onnx_arrays.operator import FORMULAS, VALUES, Constant, Integers, OnnxOperator
from fnn.interop.onnx._writing.writer import Value, Writer, emit, sample_of


@emit.register(Constant)
def constant_emit(layer: Constant, graph: Writer, x: Any) -> str:
    return graph.constant(layer.value)


@emit.register(Integers)
def integers_emit(layer: Integers, graph: Writer, x: Any) -> str:
    return graph.constant(layer(x))


@emit.register(OnnxOperator)
def onnx_operator_emit(layer: OnnxOperator, graph: Writer, x: Any) -> Any:
    known, settings = FORMULAS[layer.type], dict(layer.settings)
    parts: list[Any] = list(x) if isinstance(x, tuple) else [x]
    values: list[Value] = [each for each in parts if each is not None]
    first = next((each for each in values if each.sample.dtype.kind != "b"), values[0])
    order = first.order if layer.type in BY_PLACE and all(each.order == first.order for each in values) else None
    left = iter([each.name if order and each is not None else each for each in parts])
    inputs: list[Any] = []
    for name in known.inputs or parts:
        if name in settings:
            inputs.append(_as_input(graph, name, settings.pop(name), first))
        else:
            inputs.append(next(left, None))
    while inputs[-1] is None:
        inputs.pop()
    sample = forward(layer, sample_of(x))
    count = len(sample) if isinstance(sample, tuple) else 1
    made = graph.node(layer.type, *inputs, outputs=count, **settings)
    return Value(made, order, sample) if order else (made,) if isinstance(sample, tuple) and count == 1 else made


def _as_input(graph: Writer, name: str, value: Any, first: Value) -> Any:
    if name in VALUES:
        return np.array(value, first.sample.dtype)
    if name in ("scales", "roi"):  # in float32, whatever x is
        return graph.node("Cast", np.array(value, graph.dtype), to=1)
    return np.array(value, graph.dtype if name == "weight" else np.int64)
