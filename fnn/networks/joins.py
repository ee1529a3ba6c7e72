"""Branches join: of a tuple of arrays one is made, side by side, as their sum or as their product.

    concatenate   : (x, ...) -> y, along the last axis; concatenate(axis=1) along another
    add, multiply : (x, ...) -> y, place by place; an axis of length 1 goes with any length

Called with constructors or layers a join is short for branches: ``add(a, b)`` is ``serial(parallel(a, b), add)``.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.keys import Key
from fnn.core.record import Record, is_record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import as_lengths, is_pair, zero_padding
from fnn.layers._stable import widened
from fnn.layers.softmax import an_axis
from fnn.networks.branches import parallel
from fnn.networks.serial import serial


class Concatenate(Record):
    """y = the arrays side by side, along an axis, the last.

    >>> concatenate((np.ones((1, 2)), np.zeros((1, 1))))
    array([[1., 1., 0.]])
    """

    axis: int = attrs.field(default=-1, converter=partial(an_axis, "concatenate: axis"))

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return _branches(self, inputs) or super().__call__(*inputs, **named)


@vjp.register
def concatenate_vjp(layer: Concatenate, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if _all_pairs(x):
        return _joined_pairs("concatenate", layer, x)
    arrays, axis = _several("concatenate", x), layer.axis
    if not -arrays[0].ndim <= axis < arrays[0].ndim:
        raise LayerValueError("concatenate", f"expects arrays with an axis {axis}, got {arrays[0].shape}")
    others = {(*a.shape[: axis % a.ndim], *a.shape[axis % a.ndim + 1 :]) for a in arrays}
    if len(others) > 1 or len({a.ndim for a in arrays}) > 1:
        but = "the last axis" if axis == -1 else f"axis {axis}"
        raise LayerValueError("concatenate", f"expects arrays of one shape but for {but}, got {_shapes(arrays)}")
    ends = np.cumsum([array.shape[axis] for array in arrays])[:-1]

    def concatenate_pullback(dy):
        return layer, lambda: tuple(np.split(dy, ends, axis=axis))

    return np.concatenate(arrays, axis=axis), concatenate_pullback


class Add(Record):
    """y = the sum of arrays of one shape, or of shapes whose axes between the rows and the end may be 1.

    >>> add((np.ones((1, 2)), np.array([[3.0]])))
    array([[4., 4.]])
    """

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return _branches(self, inputs) or super().__call__(*inputs, **named)


@vjp.register
@widened
def add_vjp(layer: Add, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if _all_pairs(x):
        return _joined_pairs("add", layer, x)
    arrays = _alike("add", x)

    def add_pullback(dy):
        return layer, lambda: tuple([_summed(dy, array.shape) for array in arrays])

    return reduce(np.add, arrays[1:], arrays[0].copy()), add_pullback


class Multiply(Record):
    """y = the product of arrays, whose shapes fit as those of ``add`` do; each gets dy times the product of the others.

    >>> multiply((np.array([[2.0, 3.0]]), np.array([[10.0]])))
    array([[20., 30.]])
    """

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return _branches(self, inputs) or super().__call__(*inputs, **named)


@vjp.register
@widened
def multiply_vjp(layer: Multiply, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if _all_pairs(x):
        return _joined_pairs("multiply", layer, x)
    arrays = _alike("multiply", x)

    def multiply_pullback(dy):
        def dx():
            # Not y / array, which a 0 has no answer to.
            others = [reduce(np.multiply, [*arrays[:i], *arrays[i + 1 :]], dy) for i in range(len(arrays))]
            return tuple([_summed(each, array.shape) for each, array in zip(others, arrays, strict=True)])

        return layer, dx

    return reduce(np.multiply, arrays[1:], arrays[0].copy()), multiply_pullback


def _summed(dy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the sum of dy over the axes along which an array of this shape was repeated."""
    if dy.shape == shape:
        return dy
    return dy.sum(axis=tuple([i for i, n in enumerate(shape) if n != dy.shape[i]]), keepdims=True)


def _all_pairs(x: Any) -> bool:
    return type(x) is tuple and bool(x) and all(map(is_pair, x))


def _joined_pairs(caller: str, layer: Record, x: Any) -> tuple[Any, Pullback]:
    """Evaluate on several (x, lengths) whose lengths are the same; these stay."""
    values, lengths = zip(*x, strict=True)
    if any(not np.array_equal(each, lengths[0]) for each in lengths):
        raise LayerValueError(caller, f"expects pairs (x, lengths) of the same lengths, got {describe(lengths)}")
    if getattr(layer, "axis", -1) % values[0].ndim < 2 or len({each.shape[:2] for each in values}) > 1:
        found = f"axis={getattr(layer, 'axis', -1)} and {' and '.join(str(each.shape) for each in values)}"
        raise LayerValueError(caller, f"keeps the rows and steps of pairs (x, lengths), got {found}")
    kept = as_lengths(caller, lengths[0], *values[0].shape[:2])
    y, pullback = vjp(layer, tuple([zero_padding(each, kept) for each in values]))

    def joined_pairs_pullback(dy):
        _, dx = pullback(zero_padding(dy[0], kept))
        return layer, lambda: tuple([(each, np.zeros(kept.shape, each.dtype)) for each in dx()])

    return (y, kept), joined_pairs_pullback


def _branches(layer: Record, inputs: tuple[Any, ...]) -> Any:
    """Return branches that are joined if the inputs are constructors or layers, or None."""
    if inputs and all(is_record(each) or callable(each) for each in inputs):
        return serial(parallel(*inputs), layer)
    return None


def _alike(caller: str, x: Any) -> list[np.ndarray]:
    """Return a tuple's arrays as floats, if each axis has one length in all of them, or but for the rows also 1."""
    arrays = _several(caller, x)
    shapes = [array.shape for array in arrays]
    lengths = [set(axis) for axis in zip(*shapes, strict=False)]
    if len({len(shape) for shape in shapes}) > 1 or len(lengths[0]) > 1 or any(len(each - {1}) > 1 for each in lengths):
        hint = ", or axes of 1 behind the rows" if any(1 in shape[1:] for shape in shapes) else ""
        raise LayerValueError(caller, f"expects arrays of one shape{hint}, got {_shapes(arrays)}")
    return arrays


def _several(caller: str, x: Any) -> list[np.ndarray]:
    """Return a tuple's arrays as floats, or raise in the name of ``caller`` if there is none, or no rows in one."""
    if not isinstance(x, tuple) or not x:
        raise LayerTypeError(caller, f"expects a tuple of arrays, got {describe(x)}; put parallel(...) before it")
    arrays = [floats(caller, array) for array in x]
    if any(array.ndim < 2 for array in arrays):
        found = _shapes(arrays)
        raise LayerValueError(caller, f"expects arrays (n, ..., features), got {found}; write x[None] for a single row")
    return arrays


def _shapes(arrays: list[np.ndarray]) -> str:
    return " and ".join(str(array.shape) for array in arrays)


concatenate: Concatenate = Concatenate()
add: Add = Add()
multiply: Multiply = Multiply()
