"""The arithmetic of convolution, over any number of axes: windows are copied out as rows, and all is a matrix product.

convolved : x, weight, stride, dilation, groups -> y, windows, without padding (im2col)
added_up  : x, weight, stride, dilation, lengths, margins, groups -> y: each place of x puts down a window
pulled_to_weight : windows, dy, weight, groups -> the gradient of weight
exchanged : weight -> the kernel with inputs and outputs in each other's place

``added_up`` is the transpose of ``convolved``, so each, by the kernel exchanged, pulls back through the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from fnn.layers._windows import Margins

Axes = tuple[int, ...]
Windows = Callable[[], Iterable[tuple[slice, np.ndarray]]]

# Bytes of windows to copy out at once: as many as the processor's cache holds, for the product reads them again.
_AT_ONCE = 2**19
# Bytes of windows to keep for the pullback; more are copied out once more, as they are many times as large as x.
_KEPT = 6 * 2**20


def convolved(
    x: np.ndarray, weight: np.ndarray, stride: Axes, dilation: Axes, groups: int
) -> tuple[np.ndarray, Windows]:
    """Convolve without padding; return y and a function that goes through the windows, a few images at a time."""
    kernel, filters = weight.shape[:-2], weight.shape[-1]
    counts = tuple(
        [
            (length - (size - 1) * cells - 1) // step + 1
            for length, size, step, cells in zip(x.shape[1:-1], kernel, stride, dilation, strict=True)
        ]
    )
    y = np.empty((len(x), *counts, filters), np.result_type(x, weight))
    places, inputs = math.prod(counts), math.prod(weight.shape[:-1])
    size = max(1, _AT_ONCE // (places * inputs * groups * x.itemsize))
    views = _windows(x, kernel, counts, stride, dilation, groups)

    def copied() -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(x), size):
            block = _unfolded(views[:, start : start + size], len(kernel))
            yield slice(start * places, start * places + block.shape[1]), block

    few = len(x) * places * inputs * groups * x.itemsize <= _KEPT
    kept: list[tuple[slice, np.ndarray]] = []
    matrices, by_group = weight.reshape(inputs, groups, filters // groups).swapaxes(0, 1), _by_group(y, groups)
    for rows_of_y, unfolded in copied():
        np.matmul(unfolded, matrices, out=by_group[:, rows_of_y])
        if few:
            kept.append((rows_of_y, unfolded))
    return y, (lambda: kept) if few else copied


def _windows(x: np.ndarray, kernel: Axes, counts: Axes, stride: Axes, dilation: Axes, groups: int) -> np.ndarray:
    """View all windows: (groups, n, *counts, *kernel, channels / groups)."""
    image, *cells, number = x.strides
    channels = x.shape[-1] // groups
    from_window_to_window, from_cell_to_cell = (
        [each * bytes_of_one for each, bytes_of_one in zip(steps, cells, strict=True)] for steps in (stride, dilation)
    )
    shape = (groups, len(x), *counts, *kernel, channels)
    strides = (channels * number, image, *from_window_to_window, *from_cell_to_cell, number)
    return as_strided(x, shape, strides, writeable=False)


def _unfolded(windows: np.ndarray, axes: int) -> np.ndarray:
    """Return each window as a row: (groups, n * places, cells of the kernel * channels / groups)."""
    groups, n, *counts = windows.shape[: 2 + axes]
    kernel, channels = windows.shape[2 + axes : -1], windows.shape[-1]
    places, inputs = n * math.prod(counts), math.prod(kernel) * channels
    # Either way this is one copy, and none for a kernel of 1 x 1. What is contiguous is copied at once, so the longer
    # run is chosen: a line of the kernel with its channels, or one cell of the kernel along a line of windows.
    if kernel[-1] * channels < counts[-1]:
        order = 0, *range(2 + axes, windows.ndim), *range(1, 2 + axes)
        return windows.transpose(order).reshape(groups, inputs, places).swapaxes(1, 2)
    return windows.reshape(groups, places, inputs)


def _by_group(y: np.ndarray, groups: int) -> np.ndarray:
    """View (n, ..., filters) as (groups, n * places, filters / groups)."""
    return y.reshape(math.prod(y.shape[:-1]), groups, y.shape[-1] // groups).swapaxes(0, 1)


def pulled_to_weight(windows: Windows, dy: np.ndarray, weight: np.ndarray, groups: int) -> np.ndarray:
    """Return the gradient of the weight by which the windows were multiplied."""
    dweight = np.zeros((groups, math.prod(weight.shape[:-1]), weight.shape[-1] // groups), dy.dtype)
    by_group = _by_group(dy, groups)
    for rows, unfolded in windows():
        dweight += unfolded.swapaxes(1, 2) @ by_group[:, rows]
    return np.ascontiguousarray(dweight.swapaxes(0, 1)).reshape(weight.shape)


def exchanged(weight: np.ndarray, groups: int) -> np.ndarray:
    """Exchange inputs and outputs within each group: (..., inputs, outputs) -> (..., outputs / groups, inputs).

    ``inputs`` are those of a group, as for ``Conv``.
    """
    *kernel, inputs, outputs = weight.shape
    by_group = weight.reshape(*kernel, inputs, groups, outputs // groups)
    return by_group.swapaxes(-1, -3).reshape(*kernel, outputs // groups, groups * inputs)


def added_up(
    x: np.ndarray, weight: np.ndarray, stride: Axes, dilation: Axes, lengths: Axes, margins: Margins, groups: int
) -> np.ndarray:
    """Return y, to which each place of x adds a window: y[r stride + i dilation - before] += x[r] @ weight[i].

    ``lengths`` are those of y. That is the transpose of ``convolved``: a product for each cell of the kernel, and no
    windows to copy out.
    """
    kernel, inputs, outputs = weight.shape[:-2], weight.shape[-2], weight.shape[-1]
    counts, whole = x.shape[1:-1], [n + sum(margin) for n, margin in zip(lengths, margins, strict=True)]
    y = np.zeros((len(x), *whole, outputs), np.result_type(x, weight))
    matrices = np.ascontiguousarray(weight.reshape(*kernel, inputs, groups, outputs // groups).swapaxes(-3, -2))
    size = max(1, _AT_ONCE // (math.prod(counts) * max(inputs * groups, outputs) * y.itemsize))
    for start in range(0, len(x), size):
        block = x[start : start + size]
        part = np.empty((len(block), *counts, outputs), y.dtype)
        rows, by_group = _by_group(block, groups), _by_group(part, groups)
        times = np.multiply if inputs == 1 else np.matmul  # of one input, the product is a multiplication
        for cell in product(*map(range, kernel)):
            times(rows, matrices[cell], out=by_group)
            begins = [i * cells for i, cells in zip(cell, dilation, strict=True)]
            axes = zip(begins, counts, stride, strict=True)
            y[start : start + size, *[slice(b, b + (n - 1) * step + 1, step) for b, n, step in axes]] += part
    inside = [slice(before, before + n) for n, (before, _) in zip(lengths, margins, strict=True)]
    return np.ascontiguousarray(y[:, *inside])
