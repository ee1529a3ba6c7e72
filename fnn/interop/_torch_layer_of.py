"""What each module of PyTorch becomes: a function for each kind, and one more for each of your own.

layer_of : module, x -> layer          x is a sample of what the module takes, in the order of fnn's axes
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from functools import singledispatch
from typing import Any

import attrs
import numpy as np
import torch
from torch import nn

from fnn.core.record import Record
from fnn.interop import _torch_own as own
from fnn.interop._weights import filled, fixed, recurrent_of
from fnn.layers import activations as act
from fnn.layers import hard, smooth, softmax
from fnn.layers.attention import Attention
from fnn.layers.conv import Conv
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.global_pool import GlobalAvgPool
from fnn.layers.gru import Gru
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.lstm import Lstm
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.positional import Positional, Sinusoidal
from fnn.layers.recurrent import LastStep, Rnn
from fnn.layers.shape import Flatten, Reshape
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Pick, Residual
from fnn.networks.joins import Add, Concatenate
from fnn.networks.serial import Serial

NOTHING = np.zeros(0)  # stands for the parameters of a layer that is about to be filled


class Unsupported(ValueError):
    """A module, or a setting of one, that no layer has; its message follows the module's name."""


@singledispatch
def layer_of(module: Any, x: Any) -> Any:
    """Return the layer that a module becomes; ``x`` is a sample of what it takes, in the order of fnn's axes.

    For a module of your own register a function:

    >>> from fnn import tanh
    >>> class Tanh(nn.Module):
    ...     def forward(self, x):
    ...         return torch.tanh(x)
    >>> @layer_of.register
    ... def layer_of_tanh(module: Tanh, x):
    ...     return tanh
    >>> layer_of(Tanh(), np.zeros((1, 3)))
    Tanh()
    """
    raise Unsupported("")


def state_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return the parameters and statistics of a module as NumPy's arrays; bfloat16, which NumPy lacks, as float32."""
    return {name: to_numpy(value) for name, value in module.state_dict().items() if torch.is_tensor(value)}


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def require(module: nn.Module, **settings: Any) -> None:
    """Raise ``Unsupported`` for the settings of a module that are not these."""
    others = [f"{name}={getattr(module, name)!r}" for name, value in settings.items() if getattr(module, name) != value]
    if others:
        raise Unsupported(f" with {', '.join(others)}")


SIMPLE = {
    nn.Identity: act.identity, nn.ReLU: act.relu, nn.Sigmoid: act.sigmoid, nn.Tanh: act.tanh, nn.SELU: smooth.selu,
    nn.SiLU: smooth.silu, nn.Mish: smooth.mish, nn.Softsign: smooth.softsign, nn.ReLU6: hard.relu6,
    nn.Hardsigmoid: hard.hard_sigmoid, nn.Hardswish: hard.hard_swish,
    own.LastStep: LastStep(), own.Sinusoidal: Sinusoidal(), own.Add: Add(),
    own.Concatenate: Concatenate(), own.Heaviside: act.heaviside, own.ChannelsFirst: act.identity,
    own.ChannelsLast: act.identity,
}  # fmt: skip


def layer_of_simple(module: nn.Module, x: Any) -> Record:
    return SIMPLE[type(module)]


for kind in SIMPLE:
    layer_of.register(kind)(layer_of_simple)


@layer_of.register
def layer_of_leaky_relu(module: nn.LeakyReLU, x: Any) -> Record:
    return act.LeakyRelu(module.negative_slope)


@layer_of.register
def layer_of_elu(module: nn.ELU, x: Any) -> Record:
    return smooth.Elu(module.alpha)


@layer_of.register
def layer_of_gelu(module: nn.GELU, x: Any) -> Record:
    return smooth.Gelu(module.approximate)


@layer_of.register
def layer_of_hard_tanh(module: nn.Hardtanh, x: Any) -> Record:
    return hard.HardTanh(module.min_val, module.max_val)


@layer_of.register
def layer_of_softplus(module: nn.Softplus, x: Any) -> Record:
    require(module, beta=1.0)
    return smooth.softplus


@layer_of.register(nn.Softmax)
@layer_of.register(nn.LogSoftmax)
def layer_of_softmax(module: Any, x: Any) -> Record:
    if module.dim not in (-1, 1, np.ndim(x) - 1):
        require(module, dim=-1)
    return softmax.softmax if isinstance(module, nn.Softmax) else softmax.log_softmax


@layer_of.register
def layer_of_dropout(module: nn.Dropout, x: Any) -> Record:
    return Dropout(module.p)


@layer_of.register
def layer_of_flatten(module: nn.Flatten, x: Any) -> Record:
    require(module, start_dim=1, end_dim=-1)
    return Flatten()


@layer_of.register
def layer_of_unflatten(module: nn.Unflatten, x: Any) -> Record:
    shape = tuple(module.unflattened_size)
    if module.dim != 1 or np.ndim(x) != 2 or not all(isinstance(n, int) for n in shape):
        raise Unsupported(f" with dim={module.dim!r}, unflattened_size={shape}")
    if len(shape) < 3:  # (time, features) is the same in both
        return Reshape(shape)
    if shape[0] != 1:
        raise Unsupported(f" with {shape[0]} channels: fnn has these last")
    return Reshape((*shape[1:], 1))


@layer_of.register
def layer_of_linear(module: nn.Linear, x: Any) -> Record:
    return filled(Dense(NOTHING, NOTHING), state_of(module))


@layer_of.register(nn.Conv1d)
@layer_of.register(nn.Conv2d)
def layer_of_conv(module: Any, x: Any) -> Record:
    require(module, padding_mode="zeros", transposed=False)
    settings = sizes(module.stride), padding_of(module), sizes(module.dilation), module.groups
    like = Conv(NOTHING, NOTHING, *settings)
    return filled(like, state_of(module))


def sizes(value: Any) -> Any:
    """Return the same number for every axis as that number, and different ones as a tuple."""
    several = tuple(value) if isinstance(value, tuple | list) else (value,)
    return several[0] if len(set(several)) == 1 else several


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


@layer_of.register(nn.BatchNorm1d)
@layer_of.register(nn.BatchNorm2d)
def layer_of_batch_norm(module: Any, x: Any) -> Record:
    state = state_of(module)
    if "running_mean" in state:
        return fixed(state, module.eps)
    ones, zeros = np.ones(module.num_features, np.float32), np.zeros(module.num_features, np.float32)
    return filled(BatchNorm(NOTHING, NOTHING, module.eps), {"weight": ones, "bias": zeros} | state)


@layer_of.register
def layer_of_layer_norm(module: nn.LayerNorm, x: Any) -> Record:
    if len(module.normalized_shape) != 1:
        require(module, normalized_shape=module.normalized_shape[-1:])
    state = state_of(module)
    weight = np.ones(module.normalized_shape, np.asarray(x).dtype)
    return filled(LayerNorm(NOTHING, NOTHING, module.eps), {"weight": weight} | state)


@layer_of.register
def layer_of_rms_norm(module: nn.RMSNorm, x: Any) -> Record:
    if len(module.normalized_shape) != 1:
        require(module, normalized_shape=module.normalized_shape[-1:])
    dtype = np.asarray(x).dtype
    epsilon = float(np.finfo(dtype).eps) if module.eps is None else module.eps
    return filled(RMSNorm(NOTHING, epsilon), {"weight": np.ones(module.normalized_shape, dtype)} | state_of(module))


@layer_of.register
def layer_of_scale(module: own.Scale, x: Any) -> Record:
    return filled(Scale(NOTHING, NOTHING), state_of(module))


@layer_of.register
def layer_of_embedding(module: nn.Embedding, x: Any) -> Record:
    require(module, max_norm=None)
    return filled(Embedding(NOTHING), state_of(module))


@layer_of.register
def layer_of_positional(module: own.Positional, x: Any) -> Record:
    return filled(Positional(NOTHING), state_of(module))


@layer_of.register
def layer_of_pick(module: own.Pick, x: Any) -> Record:
    return Pick(module.place)


@layer_of.register
def layer_of_images(module: own.Images, x: Any) -> Record:
    return Reshape(module.shape)


@layer_of.register
def layer_of_same(module: own.Same, x: Any) -> Any:
    return attrs.evolve(layer_of(module.layer, x), padding="same")


@layer_of.register
def layer_of_steps(module: own.Steps, x: Any) -> Record:
    return layer_of(module.layer, x)


@layer_of.register(nn.RNN)
@layer_of.register(nn.GRU)
@layer_of.register(nn.LSTM)
def layer_of_recurrent(module: Any, x: Any) -> Record:
    require(module, proj_size=0)
    if isinstance(module, nn.RNN):
        require(module, nonlinearity="tanh")
    kind, state, layers = {nn.RNN: Rnn, nn.GRU: Gru, nn.LSTM: Lstm}[type(module)], state_of(module), []
    for place in range(module.num_layers):
        layer = recurrent_of(kind, state, f"_l{place}")
        if module.bidirectional:
            layer = Bidirectional(layer, recurrent_of(kind, state, f"_l{place}_reverse"))
        layers += [Dropout(module.dropout), layer] if place and module.dropout else [layer]
    return layers[0] if len(layers) == 1 else Serial(tuple(layers))


@layer_of.register
def layer_of_attention(module: nn.MultiheadAttention, x: Any) -> Record:
    require(module, add_zero_attn=False, bias_k=None, _qkv_same_embed_dim=True)
    return filled(Attention(NOTHING, NOTHING, NOTHING, NOTHING, module.num_heads), state_of(module))


@layer_of.register
def layer_of_self_attention(module: own.SelfAttention, x: Any) -> Record:
    return attrs.evolve(layer_of_attention(module.attention, x), causal=module.causal)


@layer_of.register
def layer_of_encoder_layer(module: nn.TransformerEncoderLayer, x: Any) -> Record:
    attend, widen, narrow, first, second = (
        layer_of(part, x) for part in (module.self_attn, module.linear1, module.linear2, module.norm1, module.norm2)
    )
    drop = [(Dropout(each.p),) if each.p else () for each in (module.dropout1, module.dropout, module.dropout2)]
    attending = attend, *drop[0]
    feeding = widen, activation_of(module.activation, x), *drop[1], narrow, *drop[2]
    if module.norm_first:
        return Serial((residual(first, *attending), residual(second, *feeding)))
    return Serial((residual(*attending), first, residual(*feeding), second))


def residual(*layers: Any) -> Residual:
    return Residual(layers[0] if len(layers) == 1 else Serial(layers))


def activation_of(function: Any, x: Any) -> Any:
    """Return the layer of an activation, which PyTorch has as a function or as a module."""
    if isinstance(function, nn.Module):
        return layer_of(function, x)
    found = {"relu": act.relu, "gelu": smooth.gelu, "sigmoid": act.sigmoid, "tanh": act.tanh, "silu": smooth.silu}
    if getattr(function, "__name__", None) not in found:
        raise Unsupported(f" with activation={function!r}")
    return found[function.__name__]
