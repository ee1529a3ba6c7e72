"""Convolutions and pools, from PyTorch and to PyTorch.

conv_module, pool_module : layer -> module, whose channels are first
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop import _torch_own as own
from fnn.interop._torch_layer_of import NOTHING, Unsupported, layer_of, require, sizes, state_of
from fnn.interop._torch_module_of import loaded
from fnn.interop._weights import filled
from fnn.layers._windows import per_axis
from fnn.layers.conv import Conv
from fnn.layers.global_pool import GlobalAvgPool
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.shape import Reshape
from fnn.networks.serial import Serial


@layer_of.register(nn.Conv1d)
@layer_of.register(nn.Conv2d)
def layer_of_conv(module: Any, x: Any) -> Record:
    require(module, padding_mode="zeros", transposed=False)
    settings = sizes(module.stride), padding_of(module), sizes(module.dilation), module.groups
    like = Conv(NOTHING, NOTHING, *settings)
    return filled(like, state_of(module))


@layer_of.register(nn.MaxPool1d)
@layer_of.register(nn.MaxPool2d)
def layer_of_max_pool(module: Any, x: Any) -> Record:
    require(module, ceil_mode=False, return_indices=False)
    if sizes(module.dilation) != 1:
        require(module, dilation=1)
    return MaxPool(sizes(module.kernel_size), sizes(module.stride), padding_of(module))


@layer_of.register(nn.AvgPool1d)
@layer_of.register(nn.AvgPool2d)
def layer_of_avg_pool(module: Any, x: Any) -> Record:
    require(module, ceil_mode=False)
    if padding_of(module) != "valid":
        require(module, count_include_pad=False)
    if getattr(module, "divisor_override", None):
        require(module, divisor_override=None)
    return AvgPool(sizes(module.kernel_size), sizes(module.stride), padding_of(module))


def padding_of(module: Any) -> Any:
    return module.padding if isinstance(module.padding, str) else sizes(module.padding) or "valid"


@layer_of.register(nn.AdaptiveAvgPool1d)
@layer_of.register(nn.AdaptiveAvgPool2d)
@layer_of.register(nn.AdaptiveMaxPool1d)
@layer_of.register(nn.AdaptiveMaxPool2d)
def layer_of_adaptive_pool(module: Any, x: Any) -> Record:
    lengths = x.shape[1:-1]
    wanted = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * len(lengths)
    wanted = tuple(n or length for n, length in zip(wanted, lengths, strict=True))
    mean = isinstance(module, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d)
    if mean and set(wanted) == {1}:
        return Serial((GlobalAvgPool(), Reshape((*wanted, x.shape[-1]))))
    if any(length % n for length, n in zip(lengths, wanted, strict=True)):
        raise Unsupported(f" with output_size={module.output_size!r}, into which {lengths} does not divide")
    size = sizes(tuple(length // n for length, n in zip(lengths, wanted, strict=True)))
    return (AvgPool if mean else MaxPool)(size, size)


@layer_of.register
def layer_of_same(module: own.Same, x: Any) -> Any:
    return attrs.evolve(layer_of(module.layer, x), padding="same")


def conv_module(layer: Conv) -> nn.Module:
    count = layer.weight.ndim - 2
    _require_settings(layer, count)
    kernel, groups = layer.weight.shape[:count], layer.groups
    stride, dilation = per_axis("stride", layer.stride, count), per_axis("dilation", layer.dilation, count)
    span = tuple((size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True))
    channels = layer.weight.shape[-2] * groups, layer.weight.shape[-1]
    padding, uneven = layer.padding, _uneven(layer.padding, span, stride)
    if not isinstance(padding, str):
        padding = per_axis("padding", padding, count, minimum=0)
    settings = {"stride": stride, "padding": 0 if uneven else padding, "dilation": dilation, "groups": groups}
    make = nn.Conv1d if count == 1 else nn.Conv2d
    module = loaded(make, *channels, kernel, layer=layer, **settings)
    return own.Same(module, span, stride, 0.0) if uneven else module


def pool_module(layer: MaxPool | AvgPool, count: int) -> nn.Module:
    _require_settings(layer, count)
    size, stride = per_axis("size", layer.size, count), per_axis("stride", layer.stride, count)
    largest, uneven = isinstance(layer, MaxPool), _uneven(layer.padding, size, stride)
    if layer.padding == "same":
        sides = (0,) * count if uneven else tuple(n // 2 for n in size)
    else:
        sides = per_axis("padding", 0 if layer.padding == "valid" else layer.padding, count, minimum=0)
    if any(2 * side > n for side, n in zip(sides, size, strict=True)):
        raise NotImplementedError
    kinds: tuple[Any, ...] = (nn.MaxPool1d, nn.MaxPool2d) if largest else (nn.AvgPool1d, nn.AvgPool2d)
    pool = kinds[count - 1](size, stride, sides, **({} if largest else {"count_include_pad": not any(sides)}))
    return own.Same(pool, size, stride, -np.inf if largest else 0.0) if uneven else pool


def _require_settings(layer: Conv | MaxPool | AvgPool, count: int) -> None:
    """Raise for settings of windows that PyTorch's modules lack, or that are not translated."""
    sides = layer.padding if isinstance(layer.padding, tuple) else ()
    if count > 2 or layer.padding == "causal" or any(isinstance(each, tuple) for each in sides):
        raise NotImplementedError
    if not isinstance(layer, Conv) and (layer.ceil_mode or set(per_axis("dilation", layer.dilation, count)) != {1}):
        raise NotImplementedError


def _uneven(padding: Any, span: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Return True for a padding that depends on x, or is not the same on both sides."""
    return padding == "same" and (any(step != 1 for step in stride) or any(n % 2 == 0 for n in span))
