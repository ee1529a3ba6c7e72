"""A dense layer: each output is a weighted sum of all inputs, plus a bias.

dense : units -> maker          Dense : x (..., n, inputs) -> y = x @ weight + bias (..., n, units)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.arrays import float_dtype, floats, sum_rows
from fnn.core import vjp
from fnn.errors import LayerValueError, describe
from fnn.initializers import glorot_uniform, zeros
from fnn.keys import Key, fold_in
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
    weight, x = layer.weight, floats("dense", x)
    if x.ndim < 2 or x.shape[-1] != weight.shape[-2]:
        n_in = weight.shape[-2]
        raise LayerValueError("dense", f"expects rows (n, {n_in}), got {x.shape}{_hint(x, n_in)}")
    rows = x if x.ndim == weight.ndim else x.reshape(*weight.shape[:-2], -1, x.shape[-1])
    y = _product(rows, weight)
    y += layer.bias if weight.ndim == 2 else layer.bias[..., None, :]

    def dense_pullback(dy):
        drows = dy if rows is x else dy.reshape(y.shape)
        dweight, dbias = _product(rows.mT, drows), sum_rows(drows)
        dweight.setflags(write=False)
        dbias.setflags(write=False)
        return Dense(dweight, dbias), lambda: _product(drows, weight.mT).reshape(x.shape)

    return y if rows is x else y.reshape(*x.shape[:-1], y.shape[-1]), dense_pullback


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply matrices, or stacks of them. For small ones the dot method costs half of what the operator does."""
    return a.dot(b) if a.ndim == 2 else a @ b


def _hint(x: np.ndarray, n_in: int) -> str:
    if x.shape == (n_in,):
        return "; write x[None] for a single row"
    if x.ndim > 2 and int(np.prod(x.shape[1:])) == n_in:
        return "; put flatten before it"
    return ""


Maker = Callable[[Key, Any], Any]


def dense(units: int, weight: Callable = glorot_uniform, bias: Callable = zeros) -> Maker:
    """Make a dense layer of ``units`` outputs; its inputs and its dtype come from the data.

    ``weight`` and ``bias`` are initializers. Raises ``ValueError`` unless ``units`` is a positive whole number.

    >>> dense(3)(Key(0), np.zeros((1, 2), np.float32))
    Dense(weight=f32[2,3], bias=f32[3])
    """
    if not isinstance(units, int) or isinstance(units, bool) or units < 1:
        raise ValueError(f"dense expects a positive number of units, got {describe(units)}")
    return partial(_make_dense, units=units, weight=weight, bias=bias)


def _make_dense(key: Key, x: Any, *, units: int, weight: Callable, bias: Callable) -> Dense:
    floats("dense", x)
    x = np.asarray(x)
    if x.ndim < 2 or x.shape[-1] == 0:
        raise LayerValueError("dense", f"expects rows (n, inputs), got {x.shape}")
    dtype = float_dtype(x)
    return Dense(
        weight(fold_in(key, 0), (x.shape[-1], units), dtype),
        bias(fold_in(key, 1), (units,), dtype),
    )
