"""Convolutions, pools, margins and upsampling, from PyTorch and to PyTorch, over one, two or three axes.

conv_module, conv_transpose_module, pool_module, resize_module : layer -> module, whose channels are first
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import filled
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import NOTHING, Unsupported, layer_of, loaded, require, sizes, state_of
from fnn.layers._windows import per_axis, sides_of
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.margins import Crop, Pad
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.shape import Permute, Reshape
from fnn.layers.upsample import Upsample
from fnn.networks.serial import Serial

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MAX_POOLS, AVG_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE_AVG = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
ADAPTIVE_MAX = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
PADS = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
ZERO_PADS = (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d)
LINEAR = ("linear", "bilinear", "trilinear")  # over one axis, two, three
WINDOWS = (
    *CONVS, *TRANSPOSED, *MAX_POOLS, *AVG_POOLS, *ADAPTIVE_AVG, *ADAPTIVE_MAX, *PADS, *ZERO_PADS, nn.Upsample,
    nn.PixelShuffle,
)  # fmt: skip


def _for_each(kinds: tuple[Any, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that registers a function for each kind of module."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in kinds:
            layer_of.register(kind)(function)
        return function

    return register


@_for_each(CONVS)
def layer_of_conv(module: Any, x: Any) -> Record:
    require(module, padding_mode="zeros", transposed=False)
    settings = sizes(module.stride), padding_of(module), sizes(module.dilation), module.groups
    return filled(Conv(NOTHING, NOTHING, *settings), state_of(module))


@_for_each(TRANSPOSED)
def layer_of_conv_transpose(module: Any, x: Any) -> Record:
    require(module, padding_mode="zeros")
    settings = sizes(module.stride), padding_of(module), sizes(module.dilation), module.groups
    return filled(ConvTranspose(NOTHING, NOTHING, *settings, sizes(module.output_padding)), state_of(module))


@_for_each(MAX_POOLS)
def layer_of_max_pool(module: Any, x: Any) -> Record:
    require(module, return_indices=False)
    more = sizes(module.dilation), bool(module.ceil_mode)
    return MaxPool(sizes(module.kernel_size), sizes(module.stride), padding_of(module), *more)


@_for_each(AVG_POOLS)
def layer_of_avg_pool(module: Any, x: Any) -> Record:
    if getattr(module, "divisor_override", None):
        require(module, divisor_override=None)
    pool = AvgPool(sizes(module.kernel_size), sizes(module.stride), padding_of(module), 1, bool(module.ceil_mode))
    if pool.padding == "valid" or not module.count_include_pad:
        return pool
    if module.ceil_mode:
        require(module, count_include_pad=False)
    sides = per_axis("padding", pool.padding, np.ndim(x) - 2)
    return Serial((Pad(sizes(sides)), attrs.evolve(pool, padding="valid")))  # zeros that count


def padding_of(module: Any) -> Any:
    return module.padding if isinstance(module.padding, str) else sizes(module.padding) or "valid"


@_for_each(ADAPTIVE_AVG + ADAPTIVE_MAX)
def layer_of_adaptive_pool(module: Any, x: Any) -> Record:
    lengths = x.shape[1:-1]
    wanted = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * len(lengths)
    wanted = tuple(n or length for n, length in zip(wanted, lengths, strict=True))
    mean = isinstance(module, ADAPTIVE_AVG)
    if set(wanted) == {1}:
        return Serial((GlobalAvgPool() if mean else GlobalMaxPool(), Reshape((*wanted, x.shape[-1]))))
    if any(length % n for length, n in zip(lengths, wanted, strict=True)):
        raise Unsupported(f" with output_size={module.output_size!r}, into which {lengths} does not divide")
    size = sizes(tuple(length // n for length, n in zip(lengths, wanted, strict=True)))
    return (AvgPool if mean else MaxPool)(size, size)


@layer_of.register
def layer_of_upsample(module: nn.Upsample, x: Any) -> Record:
    lengths = x.shape[1:-1]
    if module.mode not in ("nearest", *LINEAR) or module.align_corners:
        raise Unsupported(f" with mode={module.mode!r}, align_corners={module.align_corners}")
    if module.size is not None:
        size = module.size if isinstance(module.size, tuple | list) else (module.size,) * len(lengths)
        factors = [new / n for new, n in zip(size, lengths, strict=True)]
    else:
        given: Any = module.scale_factor
        factors = list(given) if isinstance(given, tuple | list) else [given] * len(lengths)
    if any(factor != round(factor) or factor < 1 for factor in factors):
        raise Unsupported(f" by {tuple(factors)}, which are no integers")
    return Upsample(sizes(tuple(map(round, factors))), "nearest" if module.mode == "nearest" else "linear")


@_for_each(PADS + ZERO_PADS)
def layer_of_pad(module: Any, x: Any) -> Record:
    # PyTorch begins with the last axis.
    width = tuple(zip(module.padding[::2], module.padding[1::2], strict=True))[::-1]
    if max(map(max, width)) <= 0:
        return Crop(_short(tuple([(-first, -last) for first, last in width])))
    if min(map(min, width)) < 0:
        raise Unsupported(f" with padding={module.padding}, which adds and cuts")
    return Pad(_short(width), float(getattr(module, "value", 0.0)))


def _short(width: tuple[tuple[int, int], ...]) -> Any:
    """Return a number for two sides that are the same, and for axes that are."""
    short = tuple([first if first == last else (first, last) for first, last in width])
    return short[0] if len(set(short)) == 1 and isinstance(short[0], int) else short


@layer_of.register
def layer_of_pixel_shuffle(module: nn.PixelShuffle, x: Any) -> Record:
    r, (height, width, channels) = module.upscale_factor, x.shape[1:]
    left = channels // r**2
    apart = Reshape((height, width, left, r, r)), Permute((0, 1, 4, 2, 5, 3))
    return Serial((*apart, Reshape((height * r, width * r, left))))


@layer_of.register
def layer_of_same(module: own.Same, x: Any) -> Any:
    return attrs.evolve(layer_of(module.layer, x), padding="same")


def conv_module(layer: Conv) -> nn.Module:
    count = layer.weight.ndim - 2
    _require_settings(layer)
    kernel, groups = layer.weight.shape[:count], layer.groups
    stride, dilation = per_axis("stride", layer.stride, count), per_axis("dilation", layer.dilation, count)
    span = tuple((size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True))
    channels = layer.weight.shape[-2] * groups, layer.weight.shape[-1]
    padding, uneven = layer.padding, _uneven(layer.padding, span, stride)
    if not isinstance(padding, str):
        padding = per_axis("padding", padding, count, minimum=0)
    settings = {"stride": stride, "padding": 0 if uneven else padding, "dilation": dilation, "groups": groups}
    module = loaded(CONVS[count - 1], *channels, kernel, layer=layer, **settings)
    return own.Same(module, span, stride, 0.0) if uneven else module


def conv_transpose_module(layer: ConvTranspose) -> nn.Module:
    count = layer.weight.ndim - 2
    _require_settings(layer)
    if layer.padding == "same":  # stride times as long: what the windows are longer than it is cut off
        sizes_of = per_axis("stride", layer.stride, count), per_axis("dilation", layer.dilation, count)
        cut = [(n - 1) * far + 1 - step for n, step, far in zip(layer.weight.shape[:count], *sizes_of, strict=True)]
        if any(cells % 2 or cells < 0 for cells in cut):
            raise NotImplementedError
        padding = tuple([cells // 2 for cells in cut])
    else:
        padding = per_axis("padding", 0 if layer.padding == "valid" else layer.padding, count, minimum=0)
    settings = {
        name: per_axis(name, getattr(layer, name), count, minimum=0)
        for name in ("stride", "dilation", "output_padding")
    }
    channels = layer.weight.shape[-2] * layer.groups, layer.weight.shape[-1]
    kernel, make = layer.weight.shape[:count], TRANSPOSED[count - 1]
    return loaded(make, *channels, kernel, layer=layer, padding=padding, groups=layer.groups, **settings)


def pool_module(layer: MaxPool | AvgPool, count: int) -> nn.Module:
    _require_settings(layer)
    size, stride = per_axis("size", layer.size, count), per_axis("stride", layer.stride, count)
    dilation = per_axis("dilation", layer.dilation, count)
    largest = isinstance(layer, MaxPool)
    span = tuple((n - 1) * step + 1 for n, step in zip(size, dilation, strict=True))
    uneven = _uneven(layer.padding, span, stride)
    if layer.padding == "same":
        sides = (0,) * count if uneven else tuple(n // 2 for n in span)
    else:
        sides = per_axis("padding", 0 if layer.padding == "valid" else layer.padding, count, minimum=0)
    if any(2 * side > n for side, n in zip(sides, size, strict=True)):
        raise NotImplementedError
    if largest:
        pool = MAX_POOLS[count - 1](size, stride, sides, dilation, ceil_mode=layer.ceil_mode)
    elif set(dilation) != {1}:
        raise NotImplementedError
    else:
        pool = AVG_POOLS[count - 1](size, stride, sides, layer.ceil_mode, count_include_pad=not any(sides))
    return own.Same(pool, span, stride, -np.inf if largest else 0.0) if uneven else pool


def resize_module(layer: Pad | Crop | Upsample, count: int) -> nn.Module:
    if isinstance(layer, Upsample):
        factors = tuple(map(float, per_axis("size", layer.size, count)))
        return nn.Upsample(scale_factor=factors, mode="nearest" if layer.method == "nearest" else LINEAR[count - 1])
    sign = 1 if isinstance(layer, Pad) else -1
    width = [sign * n for sides in sides_of("width", layer.width, count)[::-1] for n in sides]
    return PADS[count - 1](tuple(width), layer.value if isinstance(layer, Pad) else 0.0)


def _require_settings(layer: Any) -> None:
    """Raise for settings of windows that PyTorch's modules lack."""
    sides = layer.padding if isinstance(layer.padding, tuple) else ()
    if layer.padding == "causal" or any(isinstance(each, tuple) for each in sides):
        raise NotImplementedError


def _uneven(padding: Any, span: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Return True for a padding that depends on x, or is not the same on both sides."""
    return padding == "same" and (any(step != 1 for step in stride) or any(n % 2 == 0 for n in span))
