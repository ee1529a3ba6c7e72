"""What each layer becomes in PyTorch: a function for each kind, and one more for each of your own.

module_of   : layer -> module, for a layer to which the order of the axes does not matter
conv_module, pool_module : layer -> module, whose channels are first
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import numpy as np
import torch
from torch import nn

from fnn.interop import _torch_own as own
from fnn.interop._weights import entries
from fnn.layers import activations as act
from fnn.layers import hard, smooth
from fnn.layers._windows import per_axis
from fnn.layers.attention import Attention
from fnn.layers.conv import Conv
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.gru import Gru
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.lstm import Lstm
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.positional import Positional, Sinusoidal
from fnn.layers.recurrent import LastStep, Rnn
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Pick
from fnn.networks.joins import Add

STEPS = {Rnn: nn.RNN, Gru: nn.GRU, Lstm: nn.LSTM}


@singledispatch
def module_of(layer: Any) -> nn.Module:
    """Return the module that a layer becomes, one to which the order of the axes does not matter.

    For a layer of your own register a function:

    >>> from fnn import Record
    >>> class Square(Record):
    ...     pass
    >>> class TorchSquare(nn.Module):
    ...     def forward(self, x):
    ...         return x * x
    >>> @module_of.register
    ... def module_of_square(layer: Square):
    ...     return TorchSquare()
    >>> module_of(Square())
    TorchSquare()
    """
    raise NotImplementedError


def loaded(make: Callable[..., nn.Module], *settings: Any, layer: Any, **named: Any) -> Any:
    """Return a module with the parameters of a layer; PyTorch's generator of random numbers is left alone."""
    return filled_module(partial(make, *settings, **named), entries(layer))


def filled_module(make: Callable[..., nn.Module], state: dict[str, np.ndarray]) -> Any:
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    module = make(dtype=next(iter(tensors.values())).dtype, device="meta").to_empty(device="cpu")
    module.load_state_dict(tensors)
    return module


SIMPLE = {
    act.Identity: nn.Identity, act.Relu: nn.ReLU, act.Sigmoid: nn.Sigmoid, act.Tanh: nn.Tanh,
    smooth.Mish: nn.Mish, smooth.Softsign: nn.Softsign, hard.HardSwish: nn.Hardswish,
    smooth.Silu: nn.SiLU, smooth.Softplus: nn.Softplus, act.Heaviside: own.Heaviside, LastStep: own.LastStep,
    Sinusoidal: own.Sinusoidal, Add: own.Add,
}  # fmt: skip


def module_of_simple(layer: Any) -> nn.Module:
    return SIMPLE[type(layer)]()


for kind in SIMPLE:
    module_of.register(kind)(module_of_simple)


@module_of.register
def module_of_leaky_relu(layer: act.LeakyRelu) -> nn.Module:
    return nn.LeakyReLU(layer.slope)


@module_of.register
def module_of_elu(layer: smooth.Elu) -> nn.Module:
    return nn.ELU(layer.alpha)


@module_of.register
def module_of_selu(layer: smooth.Selu) -> nn.Module:
    if layer != smooth.selu and (layer.alpha, layer.scale) != (smooth.selu.alpha, smooth.selu.scale):
        raise NotImplementedError
    return nn.SELU()


@module_of.register
def module_of_gelu(layer: smooth.Gelu) -> nn.Module:
    return nn.GELU(layer.approximate)


@module_of.register
def module_of_hard_tanh(layer: hard.HardTanh) -> nn.Module:
    return nn.Hardtanh(layer.low, layer.high)


@module_of.register
def module_of_hard_sigmoid(layer: hard.HardSigmoid) -> nn.Module:
    if (layer.slope, layer.shift) != (hard.hard_sigmoid.slope, hard.hard_sigmoid.shift):
        raise NotImplementedError
    return nn.Hardsigmoid()


@module_of.register
def module_of_dropout(layer: Dropout) -> nn.Module:
    if layer.channels:
        raise NotImplementedError
    return nn.Dropout(layer.rate)


@module_of.register
def module_of_pick(layer: Pick) -> nn.Module:
    return own.Pick(layer.place)


@module_of.register
def module_of_dense(layer: Dense) -> nn.Module:
    if layer.weight.ndim != 2:  # an ensemble of layers
        raise NotImplementedError
    return loaded(nn.Linear, *layer.weight.shape, layer=layer)


@module_of.register
def module_of_embedding(layer: Embedding) -> nn.Module:
    return loaded(nn.Embedding, *layer.weight.shape, layer=layer)


@module_of.register
def module_of_positional(layer: Positional) -> nn.Module:
    return loaded(own.Positional, *layer.weight.shape, layer=layer)


@module_of.register
def module_of_layer_norm(layer: LayerNorm) -> nn.Module:
    return loaded(nn.LayerNorm, _one_axis(layer), layer.epsilon, layer=layer)


@module_of.register
def module_of_rms_norm(layer: RMSNorm) -> nn.Module:
    return loaded(nn.RMSNorm, _one_axis(layer), layer.epsilon, layer=layer)


def _one_axis(layer: LayerNorm | RMSNorm) -> int:
    """Return the features of a layer over the last axis; several axes lie in another order in PyTorch."""
    if layer.scale.ndim != 1:
        raise NotImplementedError
    return layer.scale.size


@module_of.register(Rnn)
@module_of.register(Gru)
@module_of.register(Lstm)
def module_of_recurrent(layer: Any) -> nn.Module:
    units = layer.hidden_weight.shape[0]
    return own.Steps(loaded(STEPS[type(layer)], len(layer.input_weight), units, layer=layer, batch_first=True))


@module_of.register
def module_of_bidirectional(layer: Bidirectional) -> nn.Module:
    ahead, back = layer.forwards, layer.backwards
    if type(ahead) not in STEPS or type(ahead) is not type(back) or ahead.bias.shape != back.bias.shape:
        raise NotImplementedError
    sizes = len(ahead.input_weight), ahead.hidden_weight.shape[0]
    return own.Steps(loaded(STEPS[type(ahead)], *sizes, layer=layer, batch_first=True, bidirectional=True))


@module_of.register
def module_of_attention(layer: Attention) -> nn.Module:
    width = layer.output_bias.size
    attention = loaded(nn.MultiheadAttention, width, layer.heads, layer=layer, batch_first=True)
    return own.SelfAttention(attention, layer.causal)


def _require_settings(layer: Conv | MaxPool | AvgPool, count: int) -> None:
    """Raise for settings of windows that PyTorch's modules lack, or that are not translated."""
    sides = layer.padding if isinstance(layer.padding, tuple) else ()
    if count > 2 or layer.padding == "causal" or any(isinstance(each, tuple) for each in sides):
        raise NotImplementedError
    if not isinstance(layer, Conv) and (layer.ceil_mode or set(per_axis("dilation", layer.dilation, count)) != {1}):
        raise NotImplementedError


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


def _uneven(padding: Any, span: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    """Return True for a padding that depends on x, or is not the same on both sides."""
    return padding == "same" and (any(step != 1 for step in stride) or any(n % 2 == 0 for n in span))
