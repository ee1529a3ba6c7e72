"""A dense layer: each output is a weighted sum of all inputs, plus a bias.

dense : units -> maker          Dense : x (..., n, inputs) -> y = x @ weight + bias (..., n, units)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import float_dtype, floats, ones, read_only
from fnn.core.vjp import vjp
from fnn.core._errors import LayerValueError, whole
from fnn.layers.initializers import glorot_uniform, zeros
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record


class Dense(Record):
    """y = x @ weight + bias; rows are examples.

    ``weight`` is (inputs, units) and ``bias`` (units,). Both may have the same further axes in front, an ensemble of
    layers that work as one; ``x`` then has them too.

    >>> Dense(weight=np.array([[1.0], [10.0]]), bias=np.array([0.5]))(np.array([[1.0, 2.0]]))
    array([[21.5]])
    """

    weight: np.ndarray
    bias: np.ndarray


@vjp.register
def dense_vjp(layer: Dense, x, key=None):
    weight, bias, x = layer.weight, layer.bias, floats("dense", x)
    if not (x.ndim == 2 == weight.ndim and x.shape[1:] == weight.shape[:1] and bias.shape == weight.shape[1:]):
        return _with_more_axes(layer, x)
    y = x.dot(weight)  # on small arrays the dot method costs half of what the @ operator does
    y += bias

    def dense_pullback(dy):
        dweight, dbias = x.T.dot(dy), ones(len(dy), dy.dtype).dot(dy)  # a sum over rows, as a product: ten times faster
        dweight.setflags(write=False)
        dbias.setflags(write=False)
        return Dense(dweight, dbias), lambda: dy.dot(weight.T)

    return y, dense_pullback


def _with_more_axes(layer: Dense, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """Make one axis of rows of several, and a stack of products of an ensemble. What does not fit is refused here."""
    weight, bias = layer.weight, layer.bias
    members = weight.shape[:-2]
    if weight.ndim < 2 or x.ndim < max(weight.ndim, 2) or x.shape[-1] != weight.shape[-2]:
        raise _misfit(weight, x)
    if bias.shape != (*members, weight.shape[-1]):
        raise LayerValueError("dense", f"expects a bias {(*members, weight.shape[-1])}, got {bias.shape}")
    if x.shape[: len(members)] != members:
        raise _misfit(weight, x)
    rows = x.reshape(*members, math.prod(x.shape[len(members) : -1]), x.shape[-1])
    y = rows @ weight
    y += bias[..., None, :]
    shape = y.shape

    def more_axes_pullback(dy):
        dy = dy.reshape(shape)
        dweight, dbias = rows.swapaxes(-1, -2) @ dy, ones(shape[-2], dy.dtype) @ dy
        return Dense(read_only(dweight), read_only(dbias)), lambda: (dy @ weight.swapaxes(-1, -2)).reshape(x.shape)

    return y.reshape(*x.shape[:-1], shape[-1]), more_axes_pullback


def _misfit(weight: np.ndarray, x: np.ndarray) -> LayerValueError:
    if weight.ndim < 2:
        return LayerValueError("dense", f"expects a weight (inputs, units), got {weight.shape}")
    n_in, hint = weight.shape[-2], ""
    if x.shape == (n_in,):
        hint = "; write x[None] for a single row"
    elif x.ndim > 2 and math.prod(x.shape[1:]) == n_in:
        hint = "; put flatten before it"
    members = "".join(f"{n}, " for n in weight.shape[:-2])
    return LayerValueError("dense", f"expects rows ({members}n, {n_in}), got {x.shape}{hint}")


Maker = Callable[[Key, Any], Any]


def dense(units: int, weight: Callable = glorot_uniform, bias: Callable = zeros) -> Maker:
    """Make a dense layer of ``units`` outputs; its inputs and its dtype come from the data.

    ``weight`` and ``bias`` are initializers. Raises unless ``units`` is a whole number, 1 or more.

    >>> dense(3)(Key(0), np.zeros((1, 2), np.float32))
    Dense(weight=f32[2,3], bias=f32[3])
    """
    if isinstance(units, Key):
        raise TypeError("dense expects its number of units before the key and the data; write dense(64)")
    return partial(_make_dense, units=whole("dense: units", units), weight=weight, bias=bias)


def _make_dense(key: Key, x: Any, *, units: int, weight: Callable, bias: Callable) -> Dense:
    require_key("dense", key)
    floats("dense", x)
    x = np.asarray(x)
    if x.ndim < 2 or x.shape[-1] == 0:
        hint = "; write x[:, None] for rows of one number, x[None] for a single row" if x.ndim == 1 else ""
        raise LayerValueError("dense", f"expects rows (n, inputs), got {x.shape}{hint}")
    dtype = float_dtype(x)
    return Dense(
        weight(fold_in(key, 0), (x.shape[-1], units), dtype),
        bias(fold_in(key, 1), (units,), dtype),
    )
