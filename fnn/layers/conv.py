"""A convolution looks through one small window at each place of an image, and everywhere with the same weights.

    conv : filters, size -> constructor
    Conv : x (n, height, width, channels) -> y (n, rows, columns, filters)
           x (n, time, features), x (n, depth, height, width, channels) likewise
           (x, lengths)                   -> (y, lengths), each row as if it were alone

y[n, r, c] = sum over i, j of x[n, r stride + i dilation - top, c stride + j dilation - left] @ weight[i, j] + bias.
As in every library of neural networks this is a cross-correlation: the kernel is not flipped.
``_convolution`` has the arithmetic.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._convolution import added_up, convolved, exchanged, pulled_to_weight
from fnn.layers._sequences import is_pair, values_of
from fnn.layers._stable import add_to_rows, sum_of_rows, widened
from fnn.layers._windows import (
    AXES,
    Padding,
    Sizes,
    axes_of,
    checked_padding,
    checked_sizes,
    expected_images,
    margins_of,
    per_axis,
    require_padding,
    spans,
    with_margins,
)
from fnn.layers._windows_by_length import by_length
from fnn.layers.initializers import Initializer, he_uniform, zeros


class Conv(Record):
    """y = x convolved with weight, plus bias.

    ``weight`` is (kernel height, kernel width, channels / groups, filters), for sequences (kernel, features / groups,
    filters), for volumes with the depth in front, and ``bias`` (filters,). With groups, the first filters see the
    first channels alone, and so on. From PyTorch's weights these are ``weight.permute(2, 3, 1, 0)``, from those of
    Conv1d ``weight.permute(2, 1, 0)``.

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
    weight, groups, axes = layer.weight, layer.groups, x.ndim - 2
    stride, dilation = per_axis("conv: stride", layer.stride, axes), per_axis("conv: dilation", layer.dilation, axes)
    margins = margins_of("conv", layer.padding, x, spans(weight.shape[:axes], dilation), stride)
    y, windows = convolved(with_margins(x, margins), weight, stride, dilation, groups)

    def conv_pullback(dy):
        def dx():
            return added_up(dy, exchanged(weight, groups), stride, dilation, x.shape[1:-1], margins, groups)

        settings = layer.stride, layer.padding, layer.dilation, groups
        return Conv(read_only(pulled_to_weight(windows, dy, weight, groups)), sum_of_rows(dy), *settings), dx

    return add_to_rows(y, layer.bias), conv_pullback


def _of_pair(layer: Conv, x: Any) -> tuple[Any, Pullback]:
    values = floats("conv", x[0])
    _require_fit(layer, values)
    if values.ndim != 3:
        raise LayerValueError("conv", f"expects lengths beside sequences (n, time, features) alone, got {values.shape}")
    (stride,), (dilation,) = per_axis("conv: stride", layer.stride, 1), per_axis("conv: dilation", layer.dilation, 1)
    (span,) = spans(layer.weight.shape[:1], (dilation,))
    return by_length("conv", lambda layer, rows: conv_vjp(layer, rows.x), layer, x, span, stride)


def _require_fit(layer: Conv, x: np.ndarray) -> None:
    require_kernel("conv", layer, x, layer.weight.shape[-2] * layer.groups if layer.weight.ndim > 1 else 0)
    if layer.weight.shape[-1] % layer.groups:
        raise indivisible("conv", "filters", layer.weight.shape[-1], layer.groups)


def require_kernel(caller: str, layer: Any, x: np.ndarray, channels: int) -> None:
    """Raise in the name of ``caller`` unless a layer's weight and bias fit each other and x, which has ``channels``."""
    weight, axes = layer.weight, layer.weight.ndim - 2
    if axes not in AXES or 0 in weight.shape:
        raise LayerValueError(caller, f"expects a weight (height, width, inputs, filters), got {weight.shape}")
    if x.ndim != weight.ndim:
        raise expected_images(caller, x, axes)
    if x.shape[-1] != channels:
        raise LayerValueError(caller, f"expects {AXES[axes].format(channels)}, got {x.shape}")
    if layer.bias.shape != weight.shape[-1:]:
        raise LayerValueError(caller, f"expects a bias {weight.shape[-1:]}, got {layer.bias.shape}")


def require_sizes(caller: str, size: Sizes, stride: Sizes, dilation: Sizes) -> None:
    """Raise in the name of ``caller`` unless each is an integer, 1 or more, or a tuple of such."""
    for name, value in (("size", size), ("stride", stride), ("dilation", dilation)):
        per_axis(f"{caller}: {name}", value)


def kernel_and_bias(
    caller: str, key: Key, x: Any, filters: int, size: Sizes, groups: int, weight: Initializer, bias: Initializer
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first weight and bias of a convolution, whose rank, channels and dtype are those of x; or raise."""
    require_key(caller, key)
    x = floats(caller, values_of(x))
    axes = axes_of(caller, size, x)
    if x.shape[-1] % groups:
        raise indivisible(caller, "channels", x.shape[-1], groups)
    shape = (*per_axis(f"{caller}: size", size, axes), x.shape[-1] // groups, filters)
    return weight(fold_in(key, 0), shape, x.dtype), bias(fold_in(key, 1), (filters,), x.dtype)


def indivisible(caller: str, what: str, number: int, groups: int) -> LayerValueError:
    """Return the error for filters or channels that cannot be split into groups."""
    return LayerValueError(caller, f"expects {what} that are a multiple of its {groups} groups, got {number}")


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

    Images (n, height, width, channels) get a kernel (height, width), sequences (n, time, features) one along time,
    volumes (n, depth, height, width, channels) one of three axes.

    Args:
        filters: the number of outputs at each place.
        size: of the kernel, an integer or one for each axis, (height, width).
        stride: the cells from one window to the next, an integer or one for each axis.
        padding: "same", as many zeros around as make ceil(length / stride) windows, an odd one at the end; "valid",
            none; "causal", for sequences, all of them before, so that no step sees a later one; or how many on either
            side, an integer, or for each axis one or a pair (before, after).
        dilation: the cells from one cell of the kernel to the next, an integer or one for each axis.
        groups: into how many parts channels and filters are split, each convolved by itself.
        weight: the initializer of the kernel; He's keeps the size of the signal where relu follows.
        bias: the initializer of the bias.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense, and if filters or channels are not a
    multiple of the groups.

    >>> conv(8, 3)(Key(0), np.zeros((1, 28, 28, 1), np.float32))
    Conv(weight=f32[3,3,1,8], bias=f32[8], stride=1, padding='same', dilation=1, groups=1)
    """
    filters, groups = integer("conv: filters", filters), integer("conv: groups", groups)
    require_sizes("conv", size, stride, dilation)
    require_padding("conv: padding", padding)
    if filters % groups:
        raise indivisible("conv", "filters", filters, groups)
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
    return Conv(*kernel_and_bias("conv", key, x, filters, size, settings[-1], weight, bias), *settings)
