"""Pooling keeps one value of each window, the largest or the mean, so that an image shrinks and small shifts vanish.

    max_pool, avg_pool : size -> layer     x (n, height, width, channels) -> y (n, rows, columns, channels)
    global_avg_pool    : a layer           x (n, ..., channels) -> y (n, channels)

Sequences (n, time, features) are pooled along time, and of (x, lengths) each row as if it were alone. The maximum over
a window is the maximum of the maxima in its lines, and so it is with means: both work along one axis after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import as_lengths, is_pair, zero_padding
from fnn.layers._stable import sums_along, widened
from fnn.layers._windows import (
    Padding,
    Rows,
    Sizes,
    by_length,
    checked_padding,
    checked_sizes,
    expected_images,
    margins_of,
    per_axis,
    with_margins,
)


class MaxPool(Record):
    """y = the largest value in each window, channel by channel. Of equal ones the first, line by line, gets dy."""

    size: Sizes = attrs.field(converter=partial(checked_sizes, "max_pool: size"))
    stride: Sizes = attrs.field(converter=partial(checked_sizes, "max_pool: stride"))
    padding: Padding = attrs.field(default="valid", converter=partial(checked_padding, "max_pool: padding"))


class AvgPool(Record):
    """y = the mean of each window, channel by channel; cells of the padding do not count."""

    size: Sizes = attrs.field(converter=partial(checked_sizes, "avg_pool: size"))
    stride: Sizes = attrs.field(converter=partial(checked_sizes, "avg_pool: stride"))
    padding: Padding = attrs.field(default="valid", converter=partial(checked_padding, "avg_pool: padding"))


class GlobalAvgPool(Record):
    """y = the mean of each channel over the whole image or sequence."""


@vjp.register
@widened
def max_pool_vjp(layer: MaxPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _pooled("max_pool", layer, x, _largest)


@vjp.register
@widened
def avg_pool_vjp(layer: AvgPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _pooled("avg_pool", layer, x, _mean)


@vjp.register
@widened
def global_avg_pool_vjp(layer: GlobalAvgPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if is_pair(x):
        return _mean_of_steps(layer, x)
    x = floats("global_avg_pool", x)
    cells = math.prod(x.shape[1:-1])
    if x.ndim < 3 or cells == 0:
        raise LayerValueError(
            "global_avg_pool", f"expects images (n, height, width, channels) or sequences, got {x.shape}"
        )

    def global_avg_pool_pullback(dy):
        return layer, lambda: np.repeat((dy / cells)[:, None], cells, axis=1).reshape(x.shape)

    return sums_along(x.reshape(len(x), cells, x.shape[-1])) / cells, global_avg_pool_pullback


def _mean_of_steps(layer: GlobalAvgPool, x: Any) -> tuple[np.ndarray, Pullback]:
    """Evaluate on (x, lengths): the mean of a row over its own steps, and 0 if it has none."""
    values = floats("global_avg_pool", x[0])
    lengths = as_lengths("global_avg_pool", x[1], *values.shape[:2])
    if values.ndim != 3:
        raise LayerValueError(
            "global_avg_pool", f"expects lengths beside sequences (n, time, features) alone, got {values.shape}"
        )
    steps = np.maximum(lengths, 1)[:, None].astype(values.dtype)

    def mean_of_steps_pullback(dy):
        def dx():
            repeated = np.repeat((dy / steps)[:, None], values.shape[1], axis=1)
            return zero_padding(repeated, lengths), np.zeros(lengths.shape, repeated.dtype)

        return layer, dx

    return sums_along(zero_padding(values, lengths)) / steps, mean_of_steps_pullback


global_avg_pool: GlobalAvgPool = GlobalAvgPool()


# Reduces the windows along one axis, and returns how to pull a gradient back: x, axis, size, stride, margin -> y, pull.
Along = Callable[[np.ndarray, int, int, int, tuple[int, int]], tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]


def _pooled(caller: str, layer: MaxPool | AvgPool, x: Any, along: Along) -> tuple[Any, Pullback]:
    """Evaluate ``along`` over one axis after the other."""
    if is_pair(x):
        return _pooled_pair(caller, layer, x, along)
    x = floats(caller, x)
    axes = len(layer.size) if isinstance(layer.size, tuple) else x.ndim - 2
    if x.ndim != axes + 2 or axes not in (1, 2):
        raise expected_images(caller, x)
    size, stride = per_axis(f"{caller}: size", layer.size, axes), per_axis(f"{caller}: stride", layer.stride, axes)
    margins = margins_of(caller, layer.padding, x, size, stride)
    y, pulls = x, []
    for axis in range(axes, 0, -1):  # within lines first, so that of equal cells the first in reading order is found
        y, pull = along(y, axis, size[axis - 1], stride[axis - 1], margins[axis - 1])
        pulls.append(pull)

    def pool_pullback(dy):
        return layer, lambda: reduce(lambda d, pull: pull(d), reversed(pulls), dy)

    return y, pool_pullback


def _pooled_pair(caller: str, layer: MaxPool | AvgPool, x: Any, along: Along) -> tuple[Any, Pullback]:
    """Evaluate on (x, lengths), along time."""
    if x[0].ndim != 3:
        raise LayerValueError(caller, f"expects lengths beside sequences (n, time, features) alone, got {x[0].shape}")
    (size,), (stride,) = per_axis(f"{caller}: size", layer.size, 1), per_axis(f"{caller}: stride", layer.stride, 1)

    def largest(layer: Any, rows: Rows) -> tuple[np.ndarray, Pullback]:
        return _pooled(caller, layer, rows.x, along)

    def mean(layer: Any, rows: Rows) -> tuple[np.ndarray, Pullback]:
        y, pullback = _pooled(caller, layer, rows.x, along)
        real, _ = _pooled(caller, layer, rows.real[..., None].astype(y.dtype), along)
        scale = 1 / np.where(real > 0, real, 1)  # the cells around a row do not count
        return y * scale, lambda dy: pullback(dy * scale)

    if along is _largest:
        return by_length(caller, largest, layer, x, size, stride, -math.inf)
    return by_length(caller, mean, layer, x, size, stride)


def _largest(
    x: np.ndarray, axis: int, size: int, stride: int, margin: tuple[int, int]
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    lines = _lines(x, axis, margin, -math.inf)
    cells, real = _cells(lines, size, stride), None
    y = np.maximum(cells[0], cells[min(1, size - 1)])
    for cell in cells[2:]:
        np.maximum(y, cell, out=y)
    if y.size and not y.min() > -math.inf:  # a cell of the margin, -inf too, must not win, and NaN equals nothing
        real = _cells(_lines(np.ones((1, x.shape[axis], 1), bool), 1, margin, False), size, stride)

    def wins(place):
        if real is None:
            return cells[place] == y
        return ((cells[place] == y) | np.isnan(cells[place])) & real[place]

    def pull(dy):
        disjoint, all_covered = size <= stride, size == stride and lines.shape[1] == size * y.shape[1]
        dlines = (np.empty_like if all_covered else np.zeros_like)(lines, dy.dtype)
        dcells, left = _cells(dlines, size, stride), dy.reshape(y.shape)
        for place, dcell in enumerate(dcells[:-1]):
            # What a cell gets is gone from ``left``, so that of equal cells the first alone has it. Where windows are
            # disjoint, both can be written at once to where they belong.
            part = np.multiply(left, wins(place), out=dcell if disjoint else None)
            left = np.subtract(left, part, out=dcells[-1] if disjoint else None)
            if not disjoint:
                dcell += part
        if left is not dcells[-1]:
            _put(dcells[-1], left, disjoint)
        return _without_margin(dlines, x, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _mean(
    x: np.ndarray, axis: int, size: int, stride: int, margin: tuple[int, int]
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    lines = _lines(x, axis, margin, 0.0)
    real = _lines(np.ones((1, x.shape[axis], 1), x.dtype), 1, margin, 0.0)
    counts, y = (reduce(np.add, _cells(each, size, stride)) for each in (real, lines))
    y = y / counts

    def pull(dy):
        dlines, part = np.zeros_like(lines, dy.dtype), dy.reshape(y.shape) / counts
        for dcell in _cells(dlines, size, stride):
            _put(dcell, part, size <= stride)
        return _without_margin(dlines, x, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _lines(x: np.ndarray, axis: int, margin: tuple[int, int], value: float) -> np.ndarray:
    """Return x as (before, along, behind) the axis, with a margin of ``value`` along it."""
    lines = x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    return with_margins(lines, (margin,), value)


def _without_margin(lines: np.ndarray, x: np.ndarray, axis: int, margin: tuple[int, int]) -> np.ndarray:
    """Return lines without their margin, in the shape of x."""
    return lines[:, margin[0] : margin[0] + x.shape[axis]].reshape(x.shape)


def _cells(lines: np.ndarray, size: int, stride: int) -> list[np.ndarray]:
    """View the first cell of every window, the second, and so on."""
    last = (lines.shape[1] - size) // stride * stride
    return [lines[:, place : place + last + 1 : stride] for place in range(size)]


def _put(dcell: np.ndarray, part: np.ndarray, disjoint: bool) -> None:
    """Add a window's part to a cell's gradient; where windows are disjoint, assign it, which is faster."""
    if disjoint:
        dcell[:] = part
    else:
        dcell += part


def max_pool(size: Sizes, stride: Sizes | None = None, padding: Padding = "valid") -> MaxPool:
    """Construct the layer that keeps the largest value of each window.

    Args:
        size: of a window, an integer or a pair (height, width).
        stride: the cells from one window to the next, an integer or a pair; if None, windows lie side by side.
        padding: "valid", which drops what is left over at the end; "same", with which there are ceil(length / stride)
            windows, some of which reach over the edge; or how many cells on either side.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> max_pool(2)(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[3.0], [2.0]]]
    """
    return MaxPool(size, size if stride is None else stride, padding)


def avg_pool(size: Sizes, stride: Sizes | None = None, padding: Padding = "valid") -> AvgPool:
    """Construct the layer that returns the mean of each window.

    Args:
        size, stride, padding: those of ``max_pool``; cells of the padding do not count in the mean.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> avg_pool(2, padding="same")(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[2.0], [1.0], [5.0]]]
    """
    return AvgPool(size, size if stride is None else stride, padding)
