"""Pooling keeps one number of each window, the largest or the mean, so that an image shrinks and small shifts vanish.

    max_pool, avg_pool : size -> layer     x (n, height, width, channels) -> y (n, rows, columns, channels)
    global_avg_pool    : a layer           x (n, ..., channels) -> y (n, channels)

Sequences (n, time, features) are pooled along time. The maximum over a window is the maximum over its lines of the
maximum in each line, and so is the mean: both work along one axis after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from fnn.core._arrays import floats, ones
from fnn.core._errors import LayerValueError
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._windows import Padding, Sizes, expected_images, margins_of, per_axis, require_padding, with_margins


class MaxPool(Record):
    """y = the largest number in each window, channel by channel. Of equal ones the first, line by line, gets dy."""

    size: Sizes
    stride: Sizes
    padding: Padding = "valid"


class AvgPool(Record):
    """y = the mean of each window, channel by channel; cells of the margin do not count."""

    size: Sizes
    stride: Sizes
    padding: Padding = "valid"


class GlobalAvgPool(Record):
    """y = the mean of each channel over the whole image or sequence."""


@vjp.register
def max_pool_vjp(layer: MaxPool, x, key=None):
    return _pooled("max_pool", layer, x, _largest)


@vjp.register
def avg_pool_vjp(layer: AvgPool, x, key=None):
    return _pooled("avg_pool", layer, x, _mean)


@vjp.register
def global_avg_pool_vjp(layer: GlobalAvgPool, x, key=None):
    x = floats("global_avg_pool", x)
    cells = math.prod(x.shape[1:-1])
    if x.ndim < 3 or cells == 0:
        raise LayerValueError(
            "global_avg_pool", f"expects images (n, height, width, channels) or sequences, got {x.shape}"
        )

    def global_avg_pool_pullback(dy):
        return layer, lambda: np.repeat((dy / cells)[:, None], cells, axis=1).reshape(x.shape)

    y = ones(cells, x.dtype) @ x.reshape(len(x), cells, x.shape[-1])
    return y / cells, global_avg_pool_pullback


global_avg_pool: Any = GlobalAvgPool()


def _pooled(caller: str, layer: Any, x: Any, along: Callable) -> tuple[np.ndarray, Callable]:
    x = floats(caller, x)
    axes = len(layer.size) if isinstance(layer.size, tuple) else x.ndim - 2
    if x.ndim != axes + 2 or axes not in (1, 2):
        raise expected_images(caller, x)
    size, stride = per_axis(f"{caller}: size", layer.size, axes), per_axis(f"{caller}: stride", layer.stride, axes)
    margins = margins_of(caller, layer.padding, x, size, stride)
    y, pulls = x, []
    for axis in range(axes, 0, -1):  # the lines first, so that of equal cells the first in reading order is found
        y, pull = along(y, axis, size[axis - 1], stride[axis - 1], margins[axis - 1])
        pulls.append(pull)

    def pool_pullback(dy):
        return layer, lambda: reduce(lambda d, pull: pull(d), reversed(pulls), dy)

    return y, pool_pullback


def _largest(x: np.ndarray, axis: int, size: int, stride: int, margin: tuple) -> tuple[np.ndarray, Callable]:
    """Give the maxima of the windows along one axis, and their pullback."""
    lines = _lines(x, axis, margin, -math.inf)
    cells = _cells(lines, size, stride)
    y = np.maximum(cells[0], cells[min(1, size - 1)])
    for cell in cells[2:]:
        np.maximum(y, cell, out=y)

    def pull(dy):
        apart, all_covered = size <= stride, size == stride and lines.shape[1] == size * y.shape[1]
        dlines = (np.empty_like if all_covered else np.zeros_like)(lines, dy.dtype)
        dcells, left = _cells(dlines, size, stride), dy.reshape(y.shape)
        for cell, dcell in zip(cells[:-1], dcells[:-1], strict=True):
            # What has found its place is gone from ``left``, so that of equal cells the first alone has it. Where no
            # two windows overlap, both are written where they belong at once.
            part = np.multiply(left, cell == y, out=dcell if apart else None)
            left = np.subtract(left, part, out=dcells[-1] if apart else None)
            if not apart:
                dcell += part
        if left is not dcells[-1]:
            _put(dcells[-1], left, apart)
        return _without_margin(dlines, x, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _mean(x: np.ndarray, axis: int, size: int, stride: int, margin: tuple) -> tuple[np.ndarray, Callable]:
    """Give the means of the windows along one axis, and their pullback."""
    lines = _lines(x, axis, margin, 0.0)
    real = _lines(np.ones((1, x.shape[axis], 1), x.dtype), 1, margin, 0.0)
    counts, y = (reduce(np.add, _cells(each, size, stride)) for each in (real, lines))
    y = y / counts

    def pull(dy):
        dlines, share = np.zeros_like(lines, dy.dtype), dy.reshape(y.shape) / counts
        for dcell in _cells(dlines, size, stride):
            _put(dcell, share, size <= stride)
        return _without_margin(dlines, x, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _lines(x: np.ndarray, axis: int, margin: tuple, value: float) -> np.ndarray:
    """Give x as (before, along, behind) the axis, with a margin along it."""
    lines = x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    return with_margins(lines, (margin,), value)


def _without_margin(lines: np.ndarray, x: np.ndarray, axis: int, margin: tuple) -> np.ndarray:
    return lines[:, margin[0] : margin[0] + x.shape[axis]].reshape(x.shape)


def _cells(lines: np.ndarray, size: int, stride: int) -> list[np.ndarray]:
    """View the first cell of every window, the second, and so on."""
    last = (lines.shape[1] - size) // stride * stride
    return [lines[:, place : place + last + 1 : stride] for place in range(size)]


def _put(dcell: np.ndarray, part: np.ndarray, alone: bool) -> None:
    """Add to a cell's gradient; where no windows overlap it is alone in being written, which is faster."""
    if alone:
        dcell[:] = part
    else:
        dcell += part


def max_pool(size: Sizes, stride: Sizes | None = None, padding: Padding = "valid") -> MaxPool:
    """Make the layer that keeps the largest number of each window of ``size``, windows being ``stride`` apart.

    ``size`` and ``stride`` are integers or pairs (height, width); without a stride, windows lie side by side. What
    is left over at the end is dropped, or with ``padding="same"`` there are ceil(length / stride) windows, some of
    which reach over the edge. Raises ``TypeError`` or ``ValueError`` for what is no size.

    >>> max_pool(2)(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[3.0], [2.0]]]
    """
    return _pool(MaxPool, "max_pool", size, stride, padding)


def avg_pool(size: Sizes, stride: Sizes | None = None, padding: Padding = "valid") -> AvgPool:
    """Make the layer that gives the mean of each window; the arguments are those of ``max_pool``.

    >>> avg_pool(2, padding="same")(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[2.0], [1.0], [5.0]]]
    """
    return _pool(AvgPool, "avg_pool", size, stride, padding)


def _pool(kind: type, caller: str, size: Sizes, stride: Sizes | None, padding: Padding) -> Any:
    stride = size if stride is None else stride
    per_axis(f"{caller}: size", size)
    per_axis(f"{caller}: stride", stride)
    require_padding(f"{caller}: padding", padding)
    return kind(size, stride, padding)
