"""The arithmetic of a recurrent layer's gates, each in a block of its own, and of members of an ensemble.

    by_gate   : array (..., gates units) -> view (gates, ..., units)
    for_gates : a weight or bias -> the same for each gate, those of sigmoids for -a, of which sigmoid_of_minus is taken
    inputs    : x, weight, bias -> x @ weight + bias of each gate at all steps, in one product
    product   : rows, weight -> rows @ weight          for_rows : bias, rows -> what is added to them
    by_member : layer, rows -> a view of them as np.matmul takes them with its weights
    blocks    : time, numbers -> where blocks of steps begin and end, the last one first
    dweight, dbias : the gradients of weight and bias over all steps

Weights and biases may have one more axis in front, of members of an ensemble: each then has its own share of the rows,
the first rows being those of the first member.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.core._arrays import ones, read_only
from fnn.layers._stable import sum_of_rows, sums_along

_BLOCK = 2**18  # numbers that a block of steps computes, so that they stay in a processor's cache


def by_gate(values: np.ndarray, count: int) -> np.ndarray:
    """Return a view (gate, ..., units) of what lies side by side for the gates, (..., count units)."""
    *shape, width = values.shape
    axes = len(shape), *range(len(shape)), len(shape) + 1
    return values.reshape(*shape, count, width // count).transpose(axes)


def for_gates(leaf: np.ndarray, order: list[int], sigmoids: int) -> np.ndarray:
    """Return a weight or bias for each gate, (gates, ..., units), so that the first of them get -a in place of a.

    Args:
        leaf: the weight or bias, (..., gates units).
        order: where each gate of the result lies in it.
        sigmoids: how many of them become sigmoids, by ``sigmoid_of_minus``; they come first.
    """
    each = by_gate(leaf, len(order))[order]
    np.negative(each[:sigmoids], out=each[:sigmoids])
    return each


def sigmoid_of_minus(a: np.ndarray) -> None:
    """Replace a by sigmoid(-a) = 1 / (1 + exp(a)), in half the time of a tanh; let the exponential be infinite."""
    np.exp(a, out=a)
    one = ones(1, a.dtype)  # for a few rows an array takes less time than the number 1
    a += one
    np.divide(one, a, out=a)


def inputs(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return what x adds to each gate at every step, (gates, time, n, units): one product, not one for each step.

    Args:
        x: the input, (time, n, features).
        weight: the weight of each gate, (gates, features, units).
        bias: the bias of each gate, (gates, units).
    """
    gates, *members, features, units = weight.shape
    time, n, _ = x.shape
    rows = (time, *members, n // members[0]) if members else (time * n,)
    if members:
        weight, bias = weight[:, None], bias[:, None]
    everything = np.matmul(x.reshape(*rows, features), weight)
    everything += bias[..., None, :]
    return everything.reshape(gates, time, n, units)


def for_rows(bias: np.ndarray, rows: int) -> np.ndarray:
    """Return what is added to rows: a bias as it is, or of a stack of them each for its own rows, (rows, units)."""
    return bias if bias.ndim == 1 else np.repeat(bias, rows // len(bias), axis=0)


def product(rows: np.ndarray, weight: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return rows (..., n, d) times weight, as an array or in ``out``; of a stack of weights each for its own rows."""
    if weight.ndim == 2:
        if rows.ndim == 2:
            return np.dot(rows, weight, out=out)
        return _rows(rows).dot(weight).reshape(*rows.shape[:-1], weight.shape[1])
    n = len(weight)
    whole = np.matmul(_by_member(rows, n), weight, out=None if out is None else _by_member(out, n))
    return whole.reshape(*rows.shape[:-1], weight.shape[2]) if out is None else out


def by_member(layer: Any, rows: np.ndarray) -> np.ndarray:
    """View (..., n, d) so that ``np.matmul`` multiplies it with the weights of a layer, or of a stack of them."""
    return rows if layer.bias.ndim == 1 else _by_member(rows, len(layer.bias))


def _by_member(rows: np.ndarray, n: int) -> np.ndarray:
    """View (..., n rows, d) as (..., n, rows, d)."""
    return rows.reshape(*rows.shape[:-2], n, rows.shape[-2] // n, rows.shape[-1])


def blocks(time: int, numbers: int) -> Iterator[tuple[int, int]]:
    """Yield where blocks of steps begin and end, the last one first.

    Args:
        time: the number of steps.
        numbers: how many numbers each step computes.
    """
    length = max(1, _BLOCK // max(1, numbers))
    for end in range(time, 0, -length):
        yield max(0, end - length), end


def dweight(weight: np.ndarray, multiplied: np.ndarray, dproducts: np.ndarray) -> np.ndarray:
    """Return the gradient of a weight with which ``multiplied`` was multiplied at every step: one product for all."""
    if weight.ndim == 2:
        return read_only(_rows(multiplied).T.dot(_rows(dproducts)))
    left, right = [_rows(_by_member(each, len(weight)).swapaxes(0, 1)) for each in (multiplied, dproducts)]
    return read_only(left.mT @ right)


def dbias(bias: np.ndarray, dsums: np.ndarray) -> np.ndarray:
    """Return the gradient of a bias that was added to every row at every step."""
    if bias.ndim == 1:
        return sum_of_rows(dsums)
    return read_only(sums_along(_rows(_by_member(dsums, len(bias)).swapaxes(0, 1))))


def _rows(values: np.ndarray) -> np.ndarray:
    """Return (..., time, n, d) as (..., time n, d)."""
    return values.reshape(*values.shape[:-3], values.shape[-3] * values.shape[-2], values.shape[-1])
