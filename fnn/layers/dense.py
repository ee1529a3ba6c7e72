"""A dense layer: each output is a weighted sum of all inputs, plus a bias.

    dense : units -> constructor          Dense : x (n, inputs) -> y = x @ weight + bias (n, units)

Further axes between n and inputs, say the steps of sequences, are more rows.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import WIDE, floats, ones, read_only
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import stepwise, values_of
from fnn.layers._stable import add_to_rows, sums_along
from fnn.layers.initializers import Initializer, glorot_uniform, zeros


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
def dense_vjp(layer: Dense, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    weight, bias = layer.weight, layer.bias
    plain = type(x) is np.ndarray and x.dtype.char in WIDE and x.ndim == weight.ndim == 2
    if not plain or x.shape[1:] + bias.shape != weight.shape:
        return _of_any_form(layer, x, key)
    y = x.dot(weight)  # on small arrays this and += take half the time of x @ weight + bias
    if len(y) <= 1024:
        y += bias
    else:
        add_to_rows(y, bias)

    def dense_pullback(dy):
        dweight = x.T.dot(dy)
        dweight.setflags(write=False)
        # A sum over rows, as a product: ten times faster. Of more rows rounding adds up, so they are summed in blocks.
        n = len(dy)
        dbias = ones(n, dy.dtype).dot(dy) if n <= 1024 else sums_along(dy)
        dbias.setflags(write=False)
        return Dense(dweight, dbias), lambda: dy.dot(weight.T)

    return y, dense_pullback


def _with_more_axes(layer: Dense, x: np.ndarray, key: Key | None) -> tuple[np.ndarray, Pullback]:
    """Evaluate on several axes of rows as on one, and a stack of layers each on its own rows."""
    weight = layer.weight
    if x.ndim == weight.ndim == 3 and x.shape[::2] == weight.shape[:2] and layer.bias.shape == weight.shape[::2]:
        return _stacked(layer, x)  # an ensemble: nothing to lay out
    _require_fit(layer, x)
    members = layer.weight.shape[:-2]
    rows = x.reshape(*members, math.prod(x.shape[len(members) : -1]), x.shape[-1])
    y, pullback = _stacked(layer, rows) if members else dense_vjp(layer, rows)

    def more_axes_pullback(dy):
        dlayer, drows = pullback(dy.reshape(y.shape))
        return dlayer, lambda: drows().reshape(x.shape)

    return y.reshape(*x.shape[:-1], y.shape[-1]), more_axes_pullback


# Sequences with lengths, lists, integers, float16, more axes: made plain rows of floats, and then dense_vjp again.
_of_any_form = stepwise(_with_more_axes, caller="dense")


def _stacked(layer: Dense, x: np.ndarray) -> tuple[np.ndarray, Pullback]:
    y = x @ layer.weight
    y += layer.bias[..., None, :]

    def stacked_pullback(dy):
        dlayer = Dense(read_only(x.mT @ dy), read_only(sums_along(dy)))
        return dlayer, lambda: dy @ layer.weight.mT

    return y, stacked_pullback


def _require_fit(layer: Dense, x: np.ndarray) -> None:
    if layer.weight.ndim < 2:
        raise LayerValueError("dense", f"expects a weight (inputs, units), got {layer.weight.shape}")
    *members, inputs, units = layer.weight.shape
    if layer.bias.shape != (*members, units):
        raise LayerValueError("dense", f"expects a bias {(*members, units)}, got {layer.bias.shape}")
    if x.ndim < layer.weight.ndim or x.shape[-1] != inputs or x.shape[: len(members)] != (*members,):
        hint = "; put flatten before it" if x.ndim > 2 and math.prod(x.shape[1:]) == inputs else ""
        hint = "; write x[None] for a single row" if x.shape == (inputs,) else hint
        rows = ", ".join(map(str, (*members, "n", inputs)))
        raise LayerValueError("dense", f"expects rows ({rows}), got {x.shape}{hint}")


@constructor
def dense(units: int, weight: Initializer = glorot_uniform, bias: Initializer = zeros) -> Construct:
    """Construct a dense layer; its inputs and its dtype come from the data.

    Args:
        units: the number of outputs.
        weight: the initializer of the weight, ``(key, shape, dtype) -> array``.
        bias: the initializer of the bias.

    Raises ``TypeError`` or ``ValueError`` unless ``units`` is an integer, 1 or more.

    >>> dense(3)(Key(0), np.zeros((1, 2), np.float32))
    Dense(weight=f32[2,3], bias=f32[3])
    """
    if isinstance(units, Key):
        raise TypeError("dense expects its number of units before the key and the data; write dense(64)")
    return partial(_construct_dense, units=integer("dense: units", units), weight=weight, bias=bias)


def _construct_dense(key: Key, x: Any, *, units: int, weight: Initializer, bias: Initializer) -> Dense:
    require_key("dense", key)
    x = floats("dense", values_of(x))
    if x.ndim < 2 or x.shape[-1] == 0:
        hint = "; write x[:, None] for rows of one number, x[None] for a single row" if x.ndim == 1 else ""
        raise LayerValueError("dense", f"expects rows (n, inputs), got {x.shape}{hint}")
    return Dense(weight(fold_in(key, 0), (x.shape[-1], units), x.dtype), bias(fold_in(key, 1), (units,), x.dtype))
