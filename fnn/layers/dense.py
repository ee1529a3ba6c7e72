"""A dense layer: each output is a weighted sum of all inputs, plus a bias.

dense : units -> maker          Dense : x (..., n, inputs) -> y = x @ weight + bias (..., n, units)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.arrays import float_dtype, floats, ones, read_only
from fnn.core import vjp
from fnn.errors import LayerValueError, whole
from fnn.initializers import glorot_uniform, zeros
from fnn.keys import Key, fold_in, require_key
from fnn.records import record


@record
class Dense:
    """y = x @ weight + bias; rows are examples.

    ``weight`` is (inputs, units) and ``bias`` (units,). Both may have the same further axes in front, an ensemble of
    layers that work as one; ``x`` then has them too.

    >>> Dense(weight=np.array([[1.0], [10.0]]), bias=np.array([0.5]))(np.array([[1.0, 2.0]]))
    array([[21.5]])
    """

    weight: np.ndarray
    bias: np.ndarray


@vjp.register
def _(layer: Dense, x, key=None):
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
    """Reduce to rows: an ensemble to its members, more axes of x to one. What does not fit is refused here."""
    weight, bias = layer.weight, layer.bias
    if weight.ndim < 2 or x.ndim < max(weight.ndim, 2) or x.shape[-1] != weight.shape[-2]:
        raise _misfit(weight, x)
    if bias.shape != weight.shape[:-2] + weight.shape[-1:]:
        expected = weight.shape[:-2] + weight.shape[-1:]
        raise LayerValueError("dense", f"expects a bias {expected}, got {bias.shape}")
    if weight.ndim == 2:
        y, pullback = vjp(layer, x.reshape(math.prod(x.shape[:-1]), x.shape[-1]))

        def rows_pullback(dy):
            dlayer, dx = pullback(dy.reshape(y.shape))
            return dlayer, lambda: dx().reshape(x.shape)

        return y.reshape(*x.shape[:-1], weight.shape[1]), rows_pullback
    if len(x) != len(weight):
        raise _misfit(weight, x)
    members = [vjp(Dense(w, b), each) for w, b, each in zip(weight, bias, x, strict=True)]

    def ensemble_pullback(dy):
        pulled = [pullback(each) for (_, pullback), each in zip(members, dy, strict=True)]
        dweight, dbias = np.stack([d.weight for d, _ in pulled]), np.stack([d.bias for d, _ in pulled])
        return Dense(read_only(dweight), read_only(dbias)), lambda: np.stack([dx() for _, dx in pulled])

    return np.stack([y for y, _ in members]), ensemble_pullback


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
