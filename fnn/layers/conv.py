"""A convolution looks through one small window at each place of an image, and everywhere with the same weights.

    conv : filters, size -> constructor
    Conv : x (n, height, width, channels) -> y (n, rows, columns, filters)
           x (n, time, features)          -> y (n, steps, filters)
           (x, lengths)                   -> (y, lengths), each row as if it were alone

y[n, r, c] = sum over i, j of x[n, r stride + i dilation - top, c stride + j dilation - left] @ weight[i, j] + bias.
As in every library of neural networks this is a cross-correlation: the kernel is not flipped.

The windows are copied out, each as a row, and then all is one matrix product (im2col). The gradient of x is a
convolution too: of dy with zeros between its pixels, by the kernel flipped and with inputs and outputs exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np
from numpy.lib.stride_tricks import as_strided

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import is_pair, values_of
from fnn.layers._stable import sum_of_rows, widened
from fnn.layers._windows import (
    Margins,
    Padding,
    Sizes,
    by_length,
    checked_padding,
    checked_sizes,
    expected_images,
    margins_of,
    per_axis,
    require_padding,
    with_margins,
)
from fnn.layers.initializers import Initializer, he_uniform, zeros

# Bytes of windows to copy out at once: as many as the processor's cache holds, for the product reads them again.
_AT_ONCE = 2**19


class Conv(Record):
    """y = x convolved with weight, plus bias.

    ``weight`` is (kernel height, kernel width, channels / groups, filters), for sequences (kernel, features / groups,
    filters), and ``bias`` (filters,). With groups, the first filters see the first channels alone, and so on. From
    PyTorch's weights these are ``weight.permute(2, 3, 1, 0)``, from those of Conv1d ``weight.permute(2, 1, 0)``.

    >>> Conv(weight=np.ones((2, 1, 1)), bias=np.zeros(1), padding="valid")(np.array([[[1.0], [2.0], [4.0]]])).tolist()
    [[[3.0], [6.0]]]
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "conv: stride"))
    padding: Padding = attrs.field(default="same", converter=partial(checked_padding, "conv: padding"))
    dilation: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "conv: dilation"))
    groups: int = attrs.field(default=1, converter=partial(integer, "conv: groups"))


@vjp.register
@widened
def conv_vjp(layer: Conv, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if is_pair(x):
        return _of_pair(layer, x)
    x = floats("conv", x)
    _require_fit(layer, x)
    shape, weight, groups, axes = x.shape, layer.weight, layer.groups, x.ndim - 2
    stride, dilation = per_axis("conv: stride", layer.stride, axes), per_axis("conv: dilation", layer.dilation, axes)
    span = tuple((size - 1) * step + 1 for size, step in zip(weight.shape, dilation, strict=False))
    margins = margins_of("conv", layer.padding, x, span, stride)
    if axes == 1:  # a sequence is an image of one line
        x, weight = x[:, None], weight[None]
        stride, dilation, span, margins = (1, *stride), (1, *dilation), (1, *span), ((0, 0), *margins)
    y, windows = _convolved(with_margins(x, margins), weight, stride, dilation, groups)
    # To whole lines of pixels: to add the few values of a bias pixel by pixel would take many times longer.
    lines = y.reshape(y.shape[0] * y.shape[1], y.shape[2] * y.shape[3])
    lines += np.tile(layer.bias, y.shape[2])

    def conv_pullback(dy):
        dy = dy.reshape(y.shape)
        dweight = np.zeros((groups, math.prod(weight.shape[:3]), weight.shape[3] // groups), dy.dtype)
        by_group = _by_group(dy, groups)
        for rows, unfolded in windows():
            dweight += unfolded.swapaxes(1, 2) @ by_group[:, rows]
        dweight = np.ascontiguousarray(dweight.swapaxes(0, 1)).reshape(layer.weight.shape)

        def dx():
            spread = _spread(dy, x, span, stride, margins)
            return _convolved(spread, _transposed(weight, groups), (1, 1), dilation, groups)[0].reshape(shape)

        settings = layer.stride, layer.padding, layer.dilation, groups
        return Conv(read_only(dweight), sum_of_rows(dy), *settings), dx

    return (y[:, 0] if axes == 1 else y), conv_pullback


def _of_pair(layer: Conv, x: Any) -> tuple[Any, Pullback]:
    values = floats("conv", x[0])
    _require_fit(layer, values)
    if values.ndim != 3:
        raise LayerValueError("conv", f"expects lengths beside sequences (n, time, features) alone, got {values.shape}")
    (stride,), (dilation,) = per_axis("conv: stride", layer.stride, 1), per_axis("conv: dilation", layer.dilation, 1)
    span = (layer.weight.shape[0] - 1) * dilation + 1
    return by_length("conv", lambda layer, rows: conv_vjp(layer, rows.x), layer, x, span, stride)


def _convolved(
    x: np.ndarray, weight: np.ndarray, stride: tuple[int, ...], dilation: tuple[int, ...], groups: int
) -> tuple[np.ndarray, Callable[[], Iterator[tuple[slice, np.ndarray]]]]:
    """Convolve without padding; return y and a function that goes through the windows, a few images at a time."""
    kernel, filters = weight.shape[:2], weight.shape[3]
    rows, columns = map(_windows_along, x.shape[1:3], kernel, stride, dilation)
    y = np.empty((len(x), rows, columns, filters), np.result_type(x, weight))
    pixels, inputs = rows * columns, math.prod(weight.shape[:3])
    size = max(1, _AT_ONCE // (pixels * inputs * groups * x.itemsize))
    views = _windows(x, kernel, (rows, columns), stride, dilation, groups)

    def windows() -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(x), size):
            block = _unfolded(views[:, start : start + size])
            yield slice(start * pixels, start * pixels + block.shape[1]), block

    matrices, by_group = weight.reshape(inputs, groups, filters // groups).swapaxes(0, 1), _by_group(y, groups)
    for rows_of_y, unfolded in windows():
        np.matmul(unfolded, matrices, out=by_group[:, rows_of_y])
    return y, windows


def _windows_along(length: int, size: int, stride: int, dilation: int) -> int:
    return (length - (size - 1) * dilation - 1) // stride + 1


def _windows(
    x: np.ndarray,
    kernel: tuple[int, ...],
    counts: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """View all windows: (groups, n, rows, columns, kernel height, kernel width, channels / groups)."""
    image, *line_and_pixel, number = x.strides
    channels = x.shape[3] // groups
    from_window_to_window, from_cell_to_cell = (
        [each * bytes_of_one for each, bytes_of_one in zip(steps, line_and_pixel, strict=True)]
        for steps in (stride, dilation)
    )
    shape = (groups, len(x), *counts, *kernel, channels)
    strides = (channels * number, image, *from_window_to_window, *from_cell_to_cell, number)
    return as_strided(x, shape, strides, writeable=False)


def _unfolded(windows: np.ndarray) -> np.ndarray:
    """Return each window as a row: (groups, n * rows * columns, kernel height * kernel width * channels / groups)."""
    groups, n, rows, columns, *kernel, channels = windows.shape
    places, inputs = n * rows * columns, math.prod(kernel) * channels
    # Either way this is one copy, and none for a kernel of 1 x 1. What is contiguous is copied at once, so the longer
    # run is chosen: a line of the kernel with its channels, or one cell of the kernel along a line of windows.
    if kernel[1] * channels < columns:
        return windows.transpose(0, 4, 5, 6, 1, 2, 3).reshape(groups, inputs, places).swapaxes(1, 2)
    return windows.reshape(groups, places, inputs)


def _by_group(y: np.ndarray, groups: int) -> np.ndarray:
    """View (n, rows, columns, filters) as (groups, n * rows * columns, filters / groups)."""
    return y.reshape(math.prod(y.shape[:3]), groups, y.shape[3] // groups).swapaxes(0, 1)


def _transposed(weight: np.ndarray, groups: int) -> np.ndarray:
    """Flip the kernel, and exchange inputs and outputs within each group."""
    height, width, channels, filters = weight.shape
    flipped = weight[::-1, ::-1].reshape(height, width, channels, groups, filters // groups)
    return flipped.transpose(0, 1, 4, 3, 2).reshape(height, width, filters // groups, groups * channels)


def _spread(
    dy: np.ndarray, x: np.ndarray, span: tuple[int, ...], stride: tuple[int, ...], margins: Margins
) -> np.ndarray:
    """Return dy with its pixels ``stride`` cells from each other among zeros, where each pixel of x has one window."""
    height, width = (length + s - 1 for length, s in zip(x.shape[1:3], span, strict=True))
    spread = np.zeros((len(dy), height, width, dy.shape[3]), dy.dtype)
    top, left = (s - 1 - before for s, (before, _) in zip(span, margins, strict=True))
    spread[:, top :: stride[0], left :: stride[1]][:, : dy.shape[1], : dy.shape[2]] = dy
    return spread


def _require_fit(layer: Conv, x: np.ndarray) -> None:
    weight, bias, groups = layer.weight, layer.bias, layer.groups
    if weight.ndim not in (3, 4) or 0 in weight.shape:
        raise LayerValueError("conv", f"expects a weight (height, width, inputs, filters), got {weight.shape}")
    if x.ndim != weight.ndim:
        if weight.ndim == 4:
            raise expected_images("conv", x)
        raise LayerValueError("conv", f"expects sequences (n, time, features), got {x.shape}")
    channels = weight.shape[-2] * groups
    if x.shape[-1] != channels:
        kind = "images (n, height, width, {})" if x.ndim == 4 else "sequences (n, time, {})"
        raise LayerValueError("conv", f"expects {kind.format(channels)}, got {x.shape}")
    if weight.shape[-1] % groups:
        raise _indivisible("filters", weight.shape[-1], groups)
    if bias.shape != weight.shape[-1:]:
        raise LayerValueError("conv", f"expects a bias {weight.shape[-1:]}, got {bias.shape}")


def _indivisible(what: str, number: int, groups: int) -> LayerValueError:
    return LayerValueError("conv", f"expects {what} that are a multiple of its {groups} groups, got {number}")


@constructor
def conv(
    filters: int,
    size: Sizes,
    stride: Sizes = 1,
    padding: Padding = "same",
    dilation: Sizes = 1,
    groups: int = 1,
    weight: Initializer = he_uniform,
    bias: Initializer = zeros,
) -> Construct:
    """Construct a convolution; its rank, its channels and its dtype come from the data.

    Images (n, height, width, channels) get a kernel (height, width), sequences (n, time, features) one along time.

    Args:
        filters: the number of outputs at each place.
        size: of the kernel, an integer or a pair (height, width).
        stride: the cells from one window to the next, an integer or a pair.
        padding: "same", as many zeros around as make ceil(length / stride) windows, an odd one at the end; "valid",
            none; or how many on either side.
        dilation: the cells from one cell of the kernel to the next, an integer or a pair.
        groups: into how many parts channels and filters are split, each convolved by itself.
        weight: the initializer of the kernel; He's keeps the size of the signal where relu follows.
        bias: the initializer of the bias.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense, and if filters or channels are not a
    multiple of the groups.

    >>> conv(8, 3)(Key(0), np.zeros((1, 28, 28, 1), np.float32))
    Conv(weight=f32[3,3,1,8], bias=f32[8], stride=1, padding='same', dilation=1, groups=1)
    """
    filters, groups = integer("conv: filters", filters), integer("conv: groups", groups)
    for name, value in (("size", size), ("stride", stride), ("dilation", dilation)):
        per_axis(f"conv: {name}", value)
    require_padding("conv: padding", padding)
    if filters % groups:
        raise _indivisible("filters", filters, groups)
    settings = (stride, padding, dilation, groups)
    return partial(_construct_conv, filters=filters, size=size, settings=settings, weight=weight, bias=bias)


def _construct_conv(
    key: Key,
    x: Any,
    *,
    filters: int,
    size: Sizes,
    settings: tuple[Sizes, Padding, Sizes, int],
    weight: Initializer,
    bias: Initializer,
) -> Conv:
    require_key("conv", key)
    x, groups = floats("conv", values_of(x)), settings[-1]
    axes = len(size) if isinstance(size, tuple) else x.ndim - 2
    if x.ndim != axes + 2 or axes not in (1, 2) or x.shape[-1] == 0:
        if axes == 1:
            raise LayerValueError("conv", f"expects sequences (n, time, features), got {x.shape}")
        raise expected_images("conv", x)
    if x.shape[-1] % groups:
        raise _indivisible("channels", x.shape[-1], groups)
    shape = (*per_axis("conv: size", size, axes), x.shape[-1] // groups, filters)
    return Conv(weight(fold_in(key, 0), shape, x.dtype), bias(fold_in(key, 1), (filters,), x.dtype), *settings)
