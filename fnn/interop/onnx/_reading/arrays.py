"""Operators of ONNX that no layer is: each is read as an ``OnnxOperator``, what it makes of arrays.

array_operator : reader, op, inputs, ... -> output, or a tuple of several
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from onnx import defs, helper

from fnn.interop._onnx_arrays.arithmetic import BY_PLACE
from fnn.interop._onnx_arrays.operator import FORMULAS, VALUES, Constant, Formula, OnnxOperator, integers
from fnn.interop.onnx._reading.reader import Cannot, Op, Reader, Tensor
from fnn.networks.branches import Pick

# What says where numbers go must be known when a graph is read, so that shapes are.
_KNOWN = {"axes", "shape", "starts", "ends", "steps", "split", "pads", "repeats", "scales", "sizes", "roi", "k"}
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
    numbers = any(name in VALUES for name, _ in computed)  # of the kind of which a single one is
    for name, each in zip(names, given, strict=True):
        if isinstance(each, Tensor) and name in _KNOWN:
            raise Cannot(f"whose {name} is computed, not constant")
        if each is None or isinstance(each, Tensor):
            arrays.append(each)
        elif name in known.fixed and each.size <= _LARGE:
            settings[name] = _plainly(each.tolist())
        # A single number was not learned: it is an exponent, a divisor.
        elif name in VALUES and numbers and each.size == 1 and each.ndim <= rank:
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
