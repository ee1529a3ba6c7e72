"""A dense layer: each output is a weighted sum of all inputs, plus a bias.

    dense : units -> constructor          Dense : x (n, inputs) -> y = x @ weight + bias (n, units)

Further axes between n and inputs, say the steps of sequences, are more rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import float_dtype, floats, ones
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers.initializers import glorot_uniform, zeros


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
    x, weight, bias = _fitting(layer, x), layer.weight, layer.bias
    if x.ndim > weight.ndim:
        return _on_merged_rows(layer, x)
    # On small arrays the dot method costs half of what matmul does, but only matmul works on a stack of layers.
    product: Callable[..., np.ndarray] = np.ndarray.dot if weight.ndim == 2 else np.matmul
    y = product(x, weight)
    y += bias if weight.ndim == 2 else bias[..., None, :]

    def dense_pullback(dy):
        dweight = product(x.mT, dy)
        dbias = product(ones(dy.shape[-2], dy.dtype), dy)  # a sum over rows, as a product: ten times faster
        dweight.setflags(write=False)
        dbias.setflags(write=False)
        return Dense(dweight, dbias), lambda: product(dy, weight.mT)

    return y, dense_pullback


def _on_merged_rows(layer: Dense, x: np.ndarray) -> tuple[np.ndarray, Callable[..., Any]]:
    """Evaluate on one axis of rows instead of several."""
    members = layer.weight.shape[:-2]
    rows = x.reshape(*members, math.prod(x.shape[len(members) : -1]), x.shape[-1])
    y, pullback = dense_vjp(layer, rows)

    def merged_rows_pullback(dy):
        dlayer, drows = pullback(dy.reshape(y.shape))
        return dlayer, lambda: drows().reshape(x.shape)

    return y.reshape(*x.shape[:-1], y.shape[-1]), merged_rows_pullback


def _fitting(layer: Dense, x: Any) -> np.ndarray:
    """Return ``x`` as floats if it fits the layer, and else say what would."""
    x, shape = floats("dense", x), layer.weight.shape
    if len(shape) == 2 == x.ndim and x.shape[1] == shape[0] and layer.bias.shape == shape[1:]:
        return x  # the usual case, seen at once
    members = shape[:-2]
    if len(shape) < 2:
        raise LayerValueError("dense", f"expects a weight (inputs, units), got {shape}")
    if layer.bias.shape != (*members, shape[-1]):
        raise LayerValueError("dense", f"expects a bias {(*members, shape[-1])}, got {layer.bias.shape}")
    if x.ndim < len(shape) or x.shape[-1] != shape[-2] or x.shape[: len(members)] != members:
        inputs, hint = shape[-2], ""
        if x.shape == (inputs,):
            hint = "; write x[None] for a single row"
        elif x.ndim > 2 and math.prod(x.shape[1:]) == inputs:
            hint = "; put flatten before it"
        rows = f"({', '.join(map(str, (*members, 'n', inputs)))})"
        raise LayerValueError("dense", f"expects rows {rows}, got {x.shape}{hint}")
    return x


@constructor
def dense(units: int, weight: Callable[..., Any] = glorot_uniform, bias: Callable[..., Any] = zeros) -> Construct:
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


def _construct_dense(key: Key, x: Any, *, units: int, weight: Callable[..., Any], bias: Callable[..., Any]) -> Dense:
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
