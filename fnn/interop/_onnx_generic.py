"""Operators of ONNX that no layer is, in and out: read as ``OnnxOperator``, and written as they came.

array_operator : reader, op, inputs, ... -> output, or a tuple of several
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from onnx import defs, helper

from fnn.core.vjp import forward
from fnn.interop import _onnx_rearranging, _onnx_resize, _onnx_sums  # noqa: F401 (they register)
from fnn.interop._onnx_arithmetic import BY_PLACE
from fnn.interop._onnx_arrays import FORMULAS, Constant, Formula, Integers, OnnxOperator, integers
from fnn.interop._onnx_reader import Cannot, Op, Reader, Tensor
from fnn.interop._onnx_writer import Value, Writer, emit, sample_of
from fnn.networks.branches import Pick

# What says where numbers go must be known when a graph is read, so that shapes are.
_KNOWN = {"axes", "shape", "starts", "ends", "steps", "split", "pads", "repeats", "scales", "sizes", "roi", "k"}
_VALUES = {"A", "B", "X", "Y", "min", "max", "constant_value", "slope"}  # numbers of the kind that x has
_LARGE = 64  # integers beyond this many are a layer of their own


def array_operator(reader: Reader, op: Op, given: list[Any], of_rows: list[bool]) -> Any:
    """Return what an operator of arrays computes.

    Args:
        reader: the network in the making.
        op: the node.
        given: its inputs: values, constants, and None for those that are left out.
        of_rows: for each whether it is a constant in which -1 stands for the number of rows.
    """
    known = FORMULAS[op.type]
    if any(of_rows) and op.type not in ("Reshape", "Expand", "Resize"):
        raise Cannot("of the number of rows")
    settings = _settings(op, known)
    arrays: list[Any] = []
    names = _names(op, known, len(given))
    computed = [(name, each) for name, each in zip(names, given, strict=True) if isinstance(each, Tensor)]
    rank = max(each.rank for _, each in computed)
    numbers = any(name in _VALUES for name, _ in computed)  # of the kind of which a single one is
    for name, each in zip(names, given, strict=True):
        if isinstance(each, Tensor) and name in _KNOWN:
            raise Cannot(f"whose {name} is computed, not constant")
        if each is None or isinstance(each, Tensor):
            arrays.append(each)
        elif name in known.fixed and each.size <= _LARGE:
            settings[name] = _plainly(each.tolist())
        # A single number was not learned: it is an exponent, a divisor.
        elif name in _VALUES and numbers and each.size == 1 and each.ndim <= rank:
            settings[name] = each.item()
        else:
            layer = Constant(each) if each.dtype.kind == "f" else integers(each)
            arrays.append(reader.add(layer, order=tuple(range(each.ndim))))
    if op.type == "Expand":  # to the number of rows, which x has
        settings["shape"] = tuple([1 if n == -1 else n for n in settings["shape"]])
    while arrays and arrays[-1] is None:
        arrays.pop()
    values = [each for each in arrays if each is not None]
    order = values[0].order
    by_place = op.type in BY_PLACE and all(each.order == order for each in values)
    laid = [each if each is None or by_place else reader.plain(each) for each in arrays]
    y = reader.add(OnnxOperator(op.type, tuple(settings.items())), *laid, order=order if by_place else None)
    if not isinstance(y.sample, tuple):
        return y if by_place else _plain(y)
    picked = [_plain(reader.add(Pick(i), y)) if name else None for i, name in enumerate(op.outputs)]
    return tuple(picked)


def _plain(value: Tensor) -> Tensor:
    return attrs.evolve(value, order=tuple(range(np.ndim(value.sample))))


def _names(op: Op, known: Formula, count: int) -> list[str]:
    """Return the names of the inputs, "" of those of which there may be any number."""
    if not known.inputs:
        return [""] * count
    if count > len(known.inputs):
        raise Cannot(f"of {count} inputs")
    there = [each.name for each in defs.get_schema(op.type, op.opset).inputs]
    pairs = zip(there, known.inputs, strict=False)
    return [name if name in known.inputs else usual for name, usual in pairs][:count]


def _settings(op: Op, known: Formula) -> dict[str, Any]:
    """Return the settings of a node but for those that are as usual."""
    usual = defs.get_schema(op.type, op.opset).attributes
    found: dict[str, Any] = {}
    for name, value in op.settings.items():
        name = "constant_value" if (op.type, name) == ("Pad", "value") else name
        if name not in known.defaults and name not in known.inputs:
            if name in ("blocksize", "equation", "axis", "to"):
                found[name] = value
            elif name not in usual or value != helper.get_attribute_value(usual[name].default_value):
                raise Cannot(f"with {name}={value}")
        elif value is not None and known.defaults.get(name, None) != value:
            found[name] = _plainly(value)
    return found


def _plainly(value: Any) -> Any:
    """Return lists as tuples."""
    return tuple(map(_plainly, value)) if isinstance(value, list | tuple) else value


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
    if name in _VALUES:
        return np.array(value, first.sample.dtype)
    if name in ("scales", "roi"):  # in float32, whatever x is
        return graph.node("Cast", np.array(value, graph.dtype), to=1)
    return np.array(value, graph.dtype if name == "weight" else np.int64)
