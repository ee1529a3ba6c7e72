"""Pooling keeps one value of each window, the largest or the mean, so that an image shrinks and small shifts vanish.

    max_pool, avg_pool : size -> layer     x (n, height, width, channels) -> y (n, rows, columns, channels)

Sequences (n, time, features) are pooled along time, and of (x, lengths) each row as if it were alone; volumes have
three axes. The maximum over a window is the maximum of the maxima in its lines, and so it is with means: both work
along one axis after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError, boolean
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import is_pair
from fnn.layers._stable import widened
from fnn.layers._windows import (
    Padding,
    Sizes,
    axes_of,
    checked_padding,
    checked_sizes,
    margins_of,
    per_axis,
    spans,
    with_margins,
)
from fnn.layers._windows_by_length import Rows, by_length


class MaxPool(Record):
    """y = the largest value in each window, channel by channel. Of equal ones the first, line by line, gets dy."""

    size: Sizes = attrs.field(converter=partial(checked_sizes, "max_pool: size"))
    stride: Sizes = attrs.field(converter=partial(checked_sizes, "max_pool: stride"))
    padding: Padding = attrs.field(default="valid", converter=partial(checked_padding, "max_pool: padding"))
    dilation: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "max_pool: dilation"))
    ceil_mode: bool = attrs.field(default=False, converter=partial(boolean, "max_pool: ceil_mode"))


class AvgPool(Record):
    """y = the mean of each window, channel by channel; cells of the padding do not count."""

    size: Sizes = attrs.field(converter=partial(checked_sizes, "avg_pool: size"))
    stride: Sizes = attrs.field(converter=partial(checked_sizes, "avg_pool: stride"))
    padding: Padding = attrs.field(default="valid", converter=partial(checked_padding, "avg_pool: padding"))
    dilation: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "avg_pool: dilation"))
    ceil_mode: bool = attrs.field(default=False, converter=partial(boolean, "avg_pool: ceil_mode"))


@vjp.register
@widened
def max_pool_vjp(layer: MaxPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _pooled("max_pool", layer, x, _largest)


@vjp.register
@widened
def avg_pool_vjp(layer: AvgPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _pooled("avg_pool", layer, x, _mean)


@attrs.frozen
class Steps:
    """Along one axis: the cells of a window, the cells from window to window, and those from cell to cell."""

    size: int
    stride: int
    dilation: int

    @property
    def disjoint(self) -> bool:
        """Whether no cell is in two windows, as far as can be seen without a look at the rest."""
        return self.size <= self.stride and self.dilation == 1


# Reduces the windows along one axis, and returns how to pull a gradient back: x, axis, steps, margin -> y, pull.
Along = Callable[[np.ndarray, int, Steps, tuple[int, int]], tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]


def _pooled(caller: str, layer: MaxPool | AvgPool, x: Any, along: Along) -> tuple[Any, Pullback]:
    """Evaluate ``along`` over one axis after the other."""
    if is_pair(x):
        return _pooled_pair(caller, layer, x, along)
    x = floats(caller, x)
    axes = axes_of(caller, layer.size, x)
    size, stride, dilation = (
        per_axis(f"{caller}: {name}", getattr(layer, name), axes) for name in ("size", "stride", "dilation")
    )
    margins = margins_of(caller, layer.padding, x, spans(size, dilation), stride, layer.ceil_mode)
    y, pulls = x, []
    for axis in range(axes, 0, -1):  # within lines first, so that of equal cells the first in reading order is found
        steps = Steps(size[axis - 1], stride[axis - 1], dilation[axis - 1])
        y, pull = along(y, axis, steps, margins[axis - 1])
        pulls.append(pull)

    def pool_pullback(dy):
        return layer, lambda: reduce(lambda d, pull: pull(d), reversed(pulls), dy)

    return y, pool_pullback


def _pooled_pair(caller: str, layer: MaxPool | AvgPool, x: Any, along: Along) -> tuple[Any, Pullback]:
    """Evaluate on (x, lengths), along time."""
    if x[0].ndim != 3:
        raise LayerValueError(caller, f"expects lengths beside sequences (n, time, features) alone, got {x[0].shape}")
    (size,), (stride,), (dilation,) = (
        per_axis(f"{caller}: {name}", getattr(layer, name), 1) for name in ("size", "stride", "dilation")
    )
    (span,) = spans((size,), (dilation,))

    def largest(layer: Any, rows: Rows) -> tuple[np.ndarray, Pullback]:
        return _pooled(caller, layer, rows.x, along)

    def mean(layer: Any, rows: Rows) -> tuple[np.ndarray, Pullback]:
        y, pullback = _pooled(caller, layer, rows.x, along)
        real, _ = _pooled(caller, layer, rows.real[..., None].astype(y.dtype), along)
        scale = 1 / np.where(real > 0, real, 1)  # the cells around a row do not count
        return y * scale, lambda dy: pullback(dy * scale)

    if along is _largest:
        return by_length(caller, largest, layer, x, span, stride, -math.inf)
    return by_length(caller, mean, layer, x, span, stride)


def _largest(
    x: np.ndarray, axis: int, steps: Steps, margin: tuple[int, int]
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    lines = _lines(x, axis, margin, -math.inf)
    cells, real = _cells(lines, steps), None
    y = np.maximum(cells[0], cells[min(1, steps.size - 1)])
    for cell in cells[2:]:
        np.maximum(y, cell, out=y)
    if y.size and not y.min() > -math.inf:  # a cell of the margin, -inf too, must not win, and NaN equals nothing
        real = _cells(_lines(np.ones((1, x.shape[axis], 1), bool), 1, margin, False), steps)

    # Where a cell is the largest is all that the pullback has to know: a byte, where cells and y are many.
    wins = [cell == y for cell in cells[:-1]]
    if real is not None:
        wins = [(win | np.isnan(cell)) & there for win, cell, there in zip(wins, cells[:-1], real[:-1], strict=True)]
    shape, pulled_to, windows = x.shape, lines.shape, y.shape

    def pull(dy):
        disjoint = steps.disjoint
        all_covered = disjoint and steps.size == steps.stride and pulled_to[1] == steps.size * windows[1]
        dlines = (np.empty if all_covered else np.zeros)(pulled_to, dy.dtype)
        dcells, left = _cells(dlines, steps), dy.reshape(windows)
        for win, dcell in zip(wins, dcells[:-1], strict=True):
            # What a cell gets is gone from ``left``, so that of equal cells the first alone has it. Where windows are
            # disjoint, both can be written at once to where they belong.
            part = np.multiply(left, win, out=dcell if disjoint else None)
            left = np.subtract(left, part, out=dcells[-1] if disjoint else None)
            if not disjoint:
                dcell += part
        if left is not dcells[-1]:
            _put(dcells[-1], left, disjoint)
        return _without_margin(dlines, shape, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _mean(
    x: np.ndarray, axis: int, steps: Steps, margin: tuple[int, int]
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    lines = _lines(x, axis, margin, 0.0)
    real = _lines(np.ones((1, x.shape[axis], 1), x.dtype), 1, margin, 0.0)
    counts, y = (reduce(np.add, _cells(each, steps)) for each in (real, lines))
    counts = np.maximum(counts, 1)  # a window of no cell of x is 0
    y = y / counts
    shape, pulled_to, windows = x.shape, lines.shape, y.shape

    def pull(dy):
        dlines, part = np.zeros(pulled_to, dy.dtype), dy.reshape(windows) / counts
        for dcell in _cells(dlines, steps):
            _put(dcell, part, steps.disjoint)
        return _without_margin(dlines, shape, axis, margin)

    return y.reshape(*x.shape[:axis], y.shape[1], *x.shape[axis + 1 :]), pull


def _lines(x: np.ndarray, axis: int, margin: tuple[int, int], value: float) -> np.ndarray:
    """Return x as (before, along, behind) the axis, with a margin of ``value`` along it."""
    lines = x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    return with_margins(lines, (margin,), value)


def _without_margin(lines: np.ndarray, shape: tuple[int, ...], axis: int, margin: tuple[int, int]) -> np.ndarray:
    """Return lines without their margin, in the shape that x had."""
    return lines[:, margin[0] : margin[0] + shape[axis]].reshape(shape)


def _cells(lines: np.ndarray, steps: Steps) -> list[np.ndarray]:
    """View the first cell of every window, the second, and so on."""
    places = range(0, steps.size * steps.dilation, steps.dilation)
    last = (lines.shape[1] - places[-1] - 1) // steps.stride * steps.stride
    return [lines[:, place : place + last + 1 : steps.stride] for place in places]


def _put(dcell: np.ndarray, part: np.ndarray, disjoint: bool) -> None:
    """Add a window's part to a cell's gradient; where windows are disjoint, assign it, which is faster."""
    if disjoint:
        dcell[:] = part
    else:
        dcell += part


def max_pool(
    size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> MaxPool:
    """Construct the layer that keeps the largest value of each window.

    Args:
        size: of a window, an integer or one for each axis, (height, width).
        stride: the cells from one window to the next, an integer or one for each axis; if None, that of the size.
        padding: "valid", which drops what is left over at the end; "same", with which there are ceil(length / stride)
            windows, some of which reach over the edge; "causal", for sequences; or how many cells on either side, as
            for ``conv``.
        dilation: the cells from one cell of a window to the next.
        ceil_mode: whether what is left over at the end is a window too.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> max_pool(2)(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[3.0], [2.0]]]
    """
    return MaxPool(size, size if stride is None else stride, padding, dilation, ceil_mode)


def avg_pool(
    size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> AvgPool:
    """Construct the layer that returns the mean of each window.

    Args:
        size, stride, padding, dilation, ceil_mode: those of ``max_pool``; cells of the padding do not count.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> avg_pool(2, padding="same")(np.array([[[1.0], [3.0], [2.0], [0.0], [5.0]]])).tolist()
    [[[2.0], [1.0], [5.0]]]
    """
    return AvgPool(size, size if stride is None else stride, padding, dilation, ceil_mode)
