"""An operator of ONNX that no layer of ours is, as a record: what it makes of whole arrays, in ONNX's order of axes.

    OnnxOperator : x, one array or a tuple of several -> y, one or a tuple of several
    Constant     : () -> value, an array of a graph that no layer holds; a parameter
    Integers     : () -> the same of integers or booleans, which nobody learns: a setting
    formula      : name, inputs -> a decorator, for the function of an operator: arrays, settings -> y, pull

A formula is a function of the arrays and of the settings by ONNX's names; ``pull`` returns the gradient of each array,
or None. What is constant in the graph and is nothing to learn, as axes, an exponent or indices, is a setting, by the
name that the operator has for this input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._stable import widened

Pull = Callable[[Any], tuple[Any, ...]]


@attrs.frozen
class Formula:
    """What an operator computes: its inputs by name, () for any number; those that are settings where constant."""

    function: Callable[..., tuple[Any, Pull]]
    inputs: tuple[str, ...]
    fixed: frozenset[str]
    defaults: Mapping[str, Any]


FORMULAS: dict[str, Formula] = {}
VALUES = {"A", "B", "X", "Y", "min", "max", "constant_value", "slope"}  # inputs that are numbers of the kind that x has


def formula(*names: str, inputs: str = "", fixed: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that registers what operators compute.

    Args:
        names: the operators.
        inputs: the names that they have for their inputs, "" for any number of them.
        fixed: the names of those that are settings where they are constant, whatever their size.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}
        known = Formula(function, tuple(inputs.split()), frozenset(fixed.split()), defaults)
        FORMULAS.update(dict.fromkeys(names, known))
        return function

    return register


class OnnxOperator(Record):
    """y = what the operator ``type`` of ONNX makes of arrays; ``settings`` are pairs of a name and a value.

    >>> OnnxOperator("Neg")(np.array([1.0]))
    array([-1.])
    >>> OnnxOperator("Pow", (("Y", 2.0),))(np.array([1.0, 3.0]))
    array([1., 9.])
    """

    type: str
    settings: tuple[tuple[str, Any], ...] = ()


class Constant(Record):
    """y = ``value``; x is ()."""

    value: np.ndarray


class Integers(Record):
    """y = an array of integers or booleans, whose bytes are kept as text, which no optimizer touches; x is ()."""

    dtype: str
    shape: tuple[int, ...]
    values: str


def integers(array: np.ndarray) -> Integers:
    """Return the layer that returns this array.

    >>> integers(np.array([3, 4]))(())
    array([3, 4])
    """
    return Integers(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes().hex())


@vjp.register
def constant_vjp(layer: Constant, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return layer.value, lambda dy: (Constant(dy), lambda: ())


@vjp.register
def integers_vjp(layer: Integers, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _decoded(layer.dtype, layer.shape, layer.values), lambda dy: (layer, lambda: ())


@lru_cache(maxsize=64)
def _decoded(dtype: str, shape: tuple[int, ...], values: str) -> np.ndarray:
    return read_only(np.frombuffer(bytes.fromhex(values), np.dtype(dtype)).reshape(shape).copy())


@vjp.register
def onnx_operator_vjp(layer: OnnxOperator, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    # A cast is not wider inside: what it returns is of another dtype.
    return (_computed if layer.type in ("Cast", "CastLike") else widened(_computed))(layer, x, key)


def _computed(layer: OnnxOperator, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    caller = f"onnx_operator {layer.type}"
    if layer.type not in FORMULAS:
        raise LayerTypeError(caller, f"is none of {', '.join(sorted(FORMULAS))}")
    known, given = FORMULAS[layer.type], x if isinstance(x, tuple) else (x,)
    arrays = [None if each is None else as_array(caller, each) for each in given]
    settings = dict(layer.settings)
    inputs, ours = _inputs(known, arrays, settings)
    try:
        with np.errstate(all="ignore"):  # what is not finite is so in every runtime
            y, pull = known.function(*inputs, **settings)
    except (ValueError, TypeError, IndexError) as error:
        raise LayerValueError(caller, f"cannot take {describe(x)}: {error}") from error

    def onnx_operator_pullback(dy):
        def dx():
            with np.errstate(all="ignore"):
                found = pull(dy)
            whole = tuple([_gradient(found[place], array) for place, array in zip(ours, arrays, strict=True)])
            return whole if isinstance(x, tuple) else whole[0]

        return layer, dx

    return (tuple(map(np.asarray, y)) if isinstance(y, tuple) else np.asarray(y)), onnx_operator_pullback


def _inputs(known: Formula, arrays: list[Any], settings: dict[str, Any]) -> tuple[list[Any], list[int]]:
    """Return the inputs of an operator, those that are settings in their places, and at which places the arrays are."""
    if not known.inputs:
        return arrays, list(range(len(arrays)))
    inputs: list[Any] = []
    ours: list[int] = []
    left = iter(arrays)
    for place, name in enumerate(known.inputs):
        if name in settings:
            inputs.append(settings.pop(name))
        elif len(ours) < len(arrays):
            ours.append(place)
            inputs.append(next(left))
        else:
            inputs.append(None)
    return inputs, ours


def _gradient(dx: Any, array: np.ndarray | None) -> np.ndarray | None:
    if array is None:
        return None
    if dx is None or array.dtype.kind != "f":
        return np.zeros(array.shape, array.dtype if array.dtype.kind == "f" else np.float32)
    return dx


def summed(dy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the sum of dy over the axes along which an array of this shape was repeated."""
    if dy.shape == shape:
        return dy
    before = dy.ndim - len(shape)
    dy = dy.sum(axis=tuple(range(before)))
    return dy.sum(axis=tuple([axis for axis, n in enumerate(shape) if n != dy.shape[axis]]), keepdims=True)
