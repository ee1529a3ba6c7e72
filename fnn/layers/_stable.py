"""Functions that overflow when they are typed as in the textbook, written so that they do not.

logistic          : x -> 1 / (1 + exp(-x))
log1p_exp         : x -> log(1 + exp(x))
softmax           : x -> exp(x) / sum(exp(x)), over the last axis
log_softmax_parts : x -> x - log(sum(exp(x))), and what softmax is made of
gelu_and_slope    : x -> x P(z <= x) and its slope, z standard normal          tanh_gelu_and_slope : likewise, by tanh
sum_of_rows       : array (..., m) -> sums (m,)          sums_along : array (..., rows, m) -> sums (..., m)
add_to_rows       : y (..., m), row (m,) -> y, to each row of which the row is added, in place
widened           : the vjp of a layer -> the same, which computes float16 in float32
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core._arrays import ones, read_only
from fnn.core.vjp import Pullback

Vjp = Callable[..., tuple[Any, Pullback]]  # layer, x, key? -> y, pullback
HALF = np.dtype(np.float16).char


def widened(function: Vjp, like: Callable[[Any], Any] = lambda x: x) -> Vjp:
    """Decorate the vjp of a layer so that it computes float16 in float32, and returns it as float16.

    In float16 a sum or a square overflows at 65504, and an epsilon of 1e-8 is 0; a product is not even faster.
    ``like`` returns the part of x whose dtype is that of the results; what comes beside it may be wider.
    """

    @functools.wraps(function)
    def widened_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        dtype = getattr(x[0] if type(x) is tuple and x else x, "dtype", None)
        if getattr(dtype, "char", None) != HALF:
            return function(layer, x, key)
        return computed_in(np.float32, function, layer, x, key, like(x))

    return widened_vjp


def first_of(x: Any) -> Any:
    """Return the first of several parts of x, or x, as ``widened`` takes it for layers with a state or tables."""
    return x[0] if type(x) is tuple else x


def computed_in(
    wider: Any, function: Vjp, layer: Any, x: Any, key: Any = None, like: Any = None
) -> tuple[Any, Pullback]:
    """Evaluate the vjp of a layer in a wider dtype, and return the results in the one that they would have had.

    That is the dtype of x and the layer together, or of ``like`` and the layer.
    """
    of_x = [a.dtype for a in tree.leaves((x if like is None else like,)) if a.dtype.kind == "f"]
    dtype = np.result_type(*of_x, *tree.leaves(layer))  # beside wider parameters x is promoted, as everywhere in NumPy
    if dtype.itemsize > np.dtype(wider).itemsize:
        return function(layer, _floats_as(dtype, x), key)
    y, pullback = function(_floats_as(wider, layer), _floats_as(wider, x), key)

    def computed_in_pullback(dy):
        dlayer, dx = pullback(_floats_as(wider, dy))
        return _floats_as(dtype, dlayer), lambda: _floats_as(dtype, dx())

    return _floats_as(dtype, y), computed_in_pullback


def _floats_as(dtype: Any, node: Any) -> Any:
    """Return a tree with its floats in another dtype; what is too large for it is infinite, as where it is computed."""
    with np.errstate(over="ignore"):
        return tree.map(lambda a: a.astype(dtype, copy=False) if a.dtype.kind == "f" else a, node)


def sum_of_rows(values: np.ndarray) -> np.ndarray:
    """Return the sum over all axes but the last as a read-only array.

    >>> sum_of_rows(np.ones((2, 3, 2)))
    array([6., 6.])
    """
    return read_only(sums_along(values.reshape(math.prod(values.shape[:-1]), values.shape[-1])))


def sums_along(values: np.ndarray) -> np.ndarray:
    """Return the sums over the last axis but one, as a product with ones: faster than NumPy's sum over the first axis.

    Many rows are summed in blocks: one sum of 70,000 equal float32 is 3e-4 off, for late terms meet a large sum.

    >>> sums_along(np.ones((2, 3, 1)))
    array([[3.],
           [3.]])
    """
    *members, rows, width = values.shape
    if rows <= 1024:
        return ones(rows, values.dtype).dot(values) if not members else ones(rows, values.dtype) @ values
    block = math.isqrt(rows)
    count = rows // block
    blocks = values[..., : count * block, :].reshape(*members, count, block, width)
    total = (ones(block, values.dtype) @ blocks).sum(axis=-2, dtype=np.float64)
    total += sums_along(values[..., count * block :, :])
    with np.errstate(over="ignore"):
        return total.astype(values.dtype)


def add_to_rows(y: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Add a row to each row of y (..., m), a contiguous array that was just made, and return y.

    To several rows at once, of some 8,000 values: to add a few values again and again takes NumPy up to five times as
    long.

    >>> add_to_rows(np.zeros((2, 3)), np.array([1.0, 2.0, 3.0]))
    array([[1., 2., 3.],
           [1., 2., 3.]])
    """
    rows = y.reshape(math.prod(y.shape[:-1]), len(row))
    together = max(1, 2**13 // max(1, len(row)))
    whole = len(rows) // together * together
    if whole:
        lines = rows[:whole].reshape(whole // together, together * len(row))
        lines += np.tile(row, together)
    rest = rows[whole:]
    rest += row
    return y


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), by an exponential that is never above 1.

    >>> logistic(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    return np.maximum((x >= 0).astype(x.dtype), e) / (1 + e)  # 1 / (1 + e) above zero, e / (1 + e) below


def log1p_exp(x: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(x)).

    >>> log1p_exp(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softmax(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return exp(x) / sum(exp(x)) over the last axis; ``out``, which may be x itself, is where the result is put.

    Each row is shifted by its own maximum: with one maximum for all, a row far below it would be 0 / 0.

    >>> softmax(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]]))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    e = np.subtract(x, np.maximum.reduce(x, axis=-1, keepdims=True), out=out)
    np.exp(e, out=e)
    e /= e.dot(ones(e.shape[-1], e.dtype))[..., None]  # a sum over few columns, as a product: several times faster
    return e


def log_softmax_parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x - log(sum(exp(x))) over the last axis, and softmax as the exponentials and their sums.

    The largest exponential, 1, is kept apart from the rest of the sum: where the rest is near 0, log(1 + rest) keeps
    what log(sum) would lose.

    >>> log_softmax_parts(np.array([[0.0, -100.0]]))[0]
    array([[-3.72007598e-44, -1.00000000e+02]])
    """
    largest = x.argmax(axis=-1)[..., None]
    shifted = x - np.take_along_axis(x, largest, -1)
    e = np.exp(shifted)
    np.put_along_axis(e, largest, 0, -1)
    rest = e.dot(ones(x.shape[-1], x.dtype))[..., None]
    np.put_along_axis(e, largest, 1, -1)
    return shifted - np.log1p(rest), e, 1 + rest


# log(erfc(z) / t) + z**2 with t = 2 / (2 + z), as a Chebyshev series in 2 t - 1 on [0, 1]: computed with 50 digits.
# The form is that of Press et al., Numerical Recipes, 3rd edition, section 6.2; the error stays below 3e-16.
_ERFC = [
    -0.65132685989085472, 0.64196979235649027, 1.9476473204185826e-2, -9.5615147868086212e-3,
    -9.4659534448204728e-4, 3.6683949785277179e-4, 4.2523324806897519e-5, -2.0278578112524094e-5,
    -1.6242900046570555e-6, 1.3036558355904190e-6, 1.5626441712319642e-8, -8.5238095905344175e-8,
    6.5290544296952258e-9, 5.0593435047620175e-9, -9.9136416549646638e-10, -2.2736511351058576e-10,
    9.6467902471773899e-11, 2.3940463841827171e-12, -6.8860355677617780e-12, 8.9449569645140126e-13,
    3.1308465473849703e-13, -1.1270103375300682e-13, 3.7420693508308564e-16, 7.1126644690019838e-15,
    -1.5292683433303105e-15, -8.8670994194502903e-17, 1.1546491842076697e-16, -2.2961412143772259e-17,
]  # fmt: skip


# P(z > a) exp(a**2 / 2) / t with t = 3.3 / (3.3 + a), as a polynomial in t for single precision, the constant first: by
# Remez's exchange, 9e-8 off at most for a from 0 to 13.3, where the tail ends in float32.
_TAIL_SINGLE = [
    0.1208440805, 0.1218488769, 0.1016803273, 0.1252229004, -0.04656748889, 0.1966524093, -0.1564110512, 0.03672993726,
]  # fmt: skip

# This many values at a time stay in the processor's cache from one operation to the next.
_BLOCK = 2**15


def gelu_and_slope(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x P(z <= x), z standard normal, and its slope, P(z <= x) + x exp(-x**2 / 2) / sqrt(2 pi).

    Both need the same exponential, which is most of the work. P(z <= x) is erfc(-x / sqrt(2)) / 2.

    >>> y, slope = gelu_and_slope(np.array([-1.0, 0.0, 1.0]))
    >>> y.round(4), slope.round(4)
    (array([-0.1587,  0.    ,  0.8413]), array([-0.0833,  0.5   ,  1.0833]))
    """
    fill = _fill_tail if x.dtype.itemsize > 4 else _fill_tail_single
    y, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    values, products, slopes = x.reshape(-1), y.reshape(-1), slope.reshape(-1)
    with np.errstate(over="ignore"):  # the exponential of minus infinity is 0, as it should be
        for begin in range(0, x.size, _BLOCK):
            block = slice(begin, begin + _BLOCK)
            v, tail, bell = values[block], products[block], slopes[block]
            fill(tail, bell, np.abs(v))
            # The tail itself below 0, one minus the tail above: what np.where returns, in a tenth of its time.
            p = np.subtract((v >= 0).astype(x.dtype), tail, out=tail)
            np.abs(p, out=p)
            bell *= 1 / math.sqrt(2 * math.pi)
            bell *= v
            bell += p
            p *= v
    return y, slope


def tanh_gelu_and_slope(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x**3), and its slope.

    (1 + tanh(u)) / 2 is the logistic function of 2 u, which does not cancel below 0. Beyond 40 it is 0 or 1.

    >>> tanh_gelu_and_slope(np.array([-1.0, 0.0, 1.0]))[0].round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    scale, v = math.sqrt(8 / math.pi), np.clip(x, -40, 40)
    s = logistic(scale * v * (1 + 0.044715 * v * v))
    return x * s, s + v * s * (1 - s) * (scale * (1 + 3 * 0.044715 * v * v))


def _fill_tail(tail: np.ndarray, bell: np.ndarray, a: np.ndarray) -> None:
    """Put P(z > a) for a >= 0, by Clenshaw's recurrence, into ``tail``, and exp(-a**2 / 2) into ``bell``."""
    z = a * math.sqrt(0.5)
    t = 2 / (2 + z)
    u = 2 * t - 1
    twice, b, b_next = 2 * u, np.zeros_like(u), np.zeros_like(u)
    for c in reversed(_ERFC[1:]):
        b_next = np.subtract(np.multiply(twice, b, out=tail), b_next, out=b_next)
        b_next += c
        b, b_next = b_next, b
    np.exp(-z * z, out=bell)
    np.multiply(0.5 * t, np.exp(u * b - b_next + _ERFC[0] - z * z), out=tail)


def _fill_tail_single(tail: np.ndarray, bell: np.ndarray, a: np.ndarray) -> None:
    """Do the same for single precision, by Horner's rule."""
    t = np.divide(3.3, np.add(a, 3.3, out=bell), out=bell)
    np.multiply(t, _TAIL_SINGLE[-1], out=tail)
    for c in reversed(_TAIL_SINGLE[:-1]):
        tail += c
        tail *= t
    np.multiply(a, -0.5, out=bell)
    bell *= a
    np.exp(bell, out=bell)
    tail *= bell
