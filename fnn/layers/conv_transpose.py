"""A transposed convolution makes an image larger: each place of x puts a window of y, and windows add up.

    conv_transpose : filters, size, stride -> constructor
    ConvTranspose  : x (n, height, width, channels) -> y (n, rows, columns, filters), and of sequences and volumes

y[n, r stride + i dilation - top] += x[n, r] @ weight[i], the same along the other axes, and plus bias. It is the
pullback of a convolution, and a convolution is its: ``_convolution`` has the arithmetic of both.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._convolution import added_up, convolved, exchanged, pulled_to_weight
from fnn.layers._sequences import each_alone
from fnn.layers._stable import add_to_rows, sum_of_rows
from fnn.layers._windows import (
    Margins,
    Padding,
    Sizes,
    checked_sizes,
    per_axis,
    require_padding,
    sides_of,
    spans,
    with_margins,
)
from fnn.layers.conv import indivisible, kernel_and_bias, require_kernel, require_sizes
from fnn.layers.initializers import Initializer, he_uniform, zeros


def _padding(padding: Any) -> Padding:
    require_padding("conv_transpose: padding", padding)
    if padding == "causal":
        raise ValueError("conv_transpose: padding must be 'same', 'valid' or an integer, got 'causal'")
    return padding


def _extra(value: Any) -> Sizes:
    per_axis("conv_transpose: output_padding", value, minimum=0)
    return value


class ConvTranspose(Record):
    """y = what each place of x puts down by weight, added up, plus bias (Zeiler et al., 2010).

    ``weight`` is (kernel height, kernel width, channels / groups, filters), as that of ``Conv``, and ``bias``
    (filters,). From PyTorch's weights without groups these are ``weight.permute(2, 3, 0, 1)``.

    >>> layer = ConvTranspose(np.ones((2, 1, 1)), np.zeros(1), stride=2)
    >>> layer(np.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "conv_transpose: stride"))
    padding: Padding = attrs.field(default="same", converter=_padding)
    dilation: Sizes = attrs.field(default=1, converter=partial(checked_sizes, "conv_transpose: dilation"))
    groups: int = attrs.field(default=1, converter=partial(integer, "conv_transpose: groups"))
    output_padding: Sizes = attrs.field(default=0, converter=_extra)


@vjp.register
@each_alone
def conv_transpose_vjp(layer: ConvTranspose, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, weight, groups = floats("conv_transpose", x), layer.weight, layer.groups
    require_kernel("conv_transpose", layer, x, weight.shape[-2] * groups if weight.ndim > 1 else 0)
    if weight.shape[-1] % groups:
        raise indivisible("conv_transpose", "filters", weight.shape[-1], groups)
    axes = x.ndim - 2
    stride, dilation = (
        per_axis(f"conv_transpose: {name}", getattr(layer, name), axes) for name in ("stride", "dilation")
    )
    lengths, margins = lengths_and_margins(layer, x, spans(weight.shape[:axes], dilation), stride)
    y = added_up(x, weight, stride, dilation, lengths, margins, groups)

    def conv_transpose_pullback(dy):
        backwards = exchanged(weight, groups)
        dx, windows = convolved(with_margins(dy, margins), backwards, stride, dilation, groups)
        dweight = exchanged(pulled_to_weight(windows, x.astype(dy.dtype, copy=False), backwards, groups), groups)
        settings = layer.stride, layer.padding, layer.dilation, groups, layer.output_padding
        return ConvTranspose(read_only(dweight), sum_of_rows(dy), *settings), lambda: dx

    return add_to_rows(y, layer.bias), conv_transpose_pullback


def lengths_and_margins(
    layer: ConvTranspose, x: np.ndarray, span: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[tuple[int, ...], Margins]:
    """Return the lengths of y, and the cells that are cut off before and after it."""
    extra = per_axis("conv_transpose: output_padding", layer.output_padding, len(span), minimum=0)
    if any(each >= step for each, step in zip(extra, stride, strict=True) if each):
        raise LayerValueError("conv_transpose", f"expects an output_padding below its stride {stride}, got {extra}")
    full = [(n - 1) * step + s for n, step, s in zip(x.shape[1:-1], stride, span, strict=True)]
    if layer.padding == "same":
        extra = tuple([max(step - s, 0) for step, s in zip(stride, span, strict=True)])
        cut = [max(s - step, 0) for step, s in zip(stride, span, strict=True)]
        margins = tuple([(each // 2, each - each // 2) for each in cut])
    else:
        what = "conv_transpose: padding"
        margins = sides_of(what, 0 if layer.padding == "valid" else layer.padding, len(span))
        if any(max(margin) >= s for margin, s in zip(margins, span, strict=True)):
            found = f"{layer.padding} beside a window of {span}"
            raise LayerValueError("conv_transpose", f"expects a padding below its window, got {found}")
    lengths = tuple([n + more - sum(cut) for n, more, cut in zip(full, extra, margins, strict=True)])
    if 0 in x.shape[1:-1] or min(lengths) < 1:
        raise LayerValueError("conv_transpose", f"expects an x of which something is left, got {x.shape}")
    return lengths, margins


@constructor
def conv_transpose(
    filters: int,
    size: Sizes,
    stride: Sizes = 1,
    padding: Padding = "same",
    dilation: Sizes = 1,
    groups: int = 1,
    output_padding: Sizes = 0,
    weight: Initializer = he_uniform,
    bias: Initializer = zeros,
) -> Construct:
    """Construct a transposed convolution; its rank, its channels and its dtype come from the data.

    Args:
        filters: the number of outputs at each place.
        size: of the kernel, an integer or one for each axis.
        stride: how many times as large y is, an integer or one for each axis.
        padding: "same", which makes length * stride places; "valid", (length - 1) * stride + the kernel's span; or how
            many of these to cut off on either side, an integer, or for each axis one or a pair (before, after).
        dilation: the cells from one cell of the kernel to the next.
        groups: into how many parts channels and filters are split, each by itself.
        output_padding: places to add at the end, fewer than the stride; of no effect with "same".
        weight, bias: the initializers.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense, and if filters or channels are not a
    multiple of the groups.

    >>> layer = conv_transpose(8, 3, stride=2)(Key(0), np.zeros((1, 7, 7, 16), np.float32))
    >>> layer, layer(np.zeros((1, 7, 7, 16), np.float32)).shape     # doctest: +ELLIPSIS
    (ConvTranspose(weight=f32[3,3,16,8], bias=f32[8], stride=2, ...), (1, 14, 14, 8))
    """
    filters, groups = integer("conv_transpose: filters", filters), integer("conv_transpose: groups", groups)
    require_sizes("conv_transpose", size, stride, dilation)
    if filters % groups:
        raise indivisible("conv_transpose", "filters", filters, groups)
    settings = stride, _padding(padding), dilation, groups, _extra(output_padding)
    return partial(_construct, filters=filters, size=size, settings=settings, weight=weight, bias=bias)


def _construct(
    key: Key, x: Any, *, filters: int, size: Sizes, settings: tuple[Any, ...], weight: Initializer, bias: Initializer
) -> ConvTranspose:
    parameters = kernel_and_bias("conv_transpose", key, x, filters, size, settings[3], weight, bias)
    return ConvTranspose(*parameters, *settings)
