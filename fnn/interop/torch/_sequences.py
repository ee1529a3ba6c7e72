"""Recurrent layers, attention and positions, from PyTorch and to PyTorch."""

from __future__ import annotations

from typing import Any

import attrs
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import filled, recurrent_of
from fnn.interop.torch import _own as own
from fnn.interop.torch._activations import activation_of
from fnn.interop.torch._kinds import NOTHING, layer_of, loaded, module_of, require, same, state_of
from fnn.layers.attention import Attention
from fnn.layers.dropout import Dropout
from fnn.layers.gru import Gru
from fnn.layers.lstm import Lstm
from fnn.layers.positional import Positional, Sinusoidal
from fnn.layers.recurrent import LastStep, Rnn
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Pick, Residual
from fnn.networks.graph import Graph, Node
from fnn.networks.serial import Serial
from fnn.networks.transformer import decoder_parts

STEPS = {Rnn: nn.RNN, Gru: nn.GRU, Lstm: nn.LSTM}

same(own.LastStep, LastStep)
same(own.Sinusoidal, Sinusoidal)


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


@module_of.register(Rnn)
@module_of.register(Gru)
@module_of.register(Lstm)
def module_of_recurrent(layer: Any) -> nn.Module:
    if not getattr(layer, "reset_after", True):
        raise NotImplementedError
    units = layer.hidden_weight.shape[0]
    return own.Steps(loaded(STEPS[type(layer)], len(layer.input_weight), units, layer=layer, batch_first=True))


@module_of.register
def module_of_bidirectional(layer: Bidirectional) -> nn.Module:
    ahead, back = layer.forwards, layer.backwards
    before = any(not getattr(each, "reset_after", True) for each in (ahead, back))
    if before or type(ahead) not in STEPS or type(ahead) is not type(back) or ahead.bias.shape != back.bias.shape:
        raise NotImplementedError
    sizes = len(ahead.input_weight), ahead.hidden_weight.shape[0]
    return own.Steps(loaded(STEPS[type(ahead)], *sizes, layer=layer, batch_first=True, bidirectional=True))


@layer_of.register
def layer_of_steps(module: own.Steps, x: Any) -> Record:
    return layer_of(module.layer, x)


@layer_of.register
def layer_of_positional(module: own.Positional, x: Any) -> Record:
    return filled(Positional(NOTHING), state_of(module))


@module_of.register
def module_of_positional(layer: Positional) -> nn.Module:
    return loaded(own.Positional, *layer.weight.shape, layer=layer)


@layer_of.register
def layer_of_attention(module: nn.MultiheadAttention, x: Any) -> Record:
    require(module, add_zero_attn=False, bias_k=None)
    return filled(Attention(NOTHING, NOTHING, NOTHING, NOTHING, module.num_heads), state_of(module))


@layer_of.register
def layer_of_self_attention(module: own.SelfAttention, x: Any) -> Record:
    return attrs.evolve(layer_of_attention(module.attention, x), causal=module.causal)


@module_of.register
def module_of_attention(layer: Attention) -> nn.Module:
    others = layer.kv_heads, layer.window, layer.rotary, layer.softcap, layer.also
    width = layer.output_bias.size
    if any(each is not None for each in others) or layer.bias.size != 3 * width or len(layer.weight) != width:
        raise NotImplementedError
    sizes: dict[str, Any] = {}
    if layer.key_weight is not None and layer.value_weight is not None:
        sizes = {"kdim": len(layer.key_weight), "vdim": len(layer.value_weight)}
    attention = loaded(nn.MultiheadAttention, width, layer.heads, layer=layer, batch_first=True, **sizes)
    return own.SelfAttention(attention, layer.causal)


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


@layer_of.register
def layer_of_decoder_layer(module: nn.TransformerDecoderLayer, x: Any) -> Record:
    return Serial((_decoder_block(module, x), Pick(0)))


@layer_of.register
def layer_of_decoder(module: nn.TransformerDecoder, x: Any) -> Record:
    norm = () if module.norm is None else (layer_of(module.norm, x[0]),)
    return Serial((*[_decoder_block(each, x) for each in module.layers], Pick(0), *norm))


def _decoder_block(module: Any, x: Any) -> Graph:
    """Return the block, without a mask over its own steps: PyTorch's is an argument."""
    x = x[0]  # of the steps, and not of the memory
    drop = [(Dropout(each.p),) if each.p else () for each in (module.dropout1, module.dropout2, module.dropout3)]
    between = (Dropout(module.dropout.p),) if module.dropout.p else ()
    own, look, widen, narrow = (
        layer_of(part, x) for part in (module.self_attn, module.multihead_attn, module.linear1, module.linear2)
    )
    feed = widen, activation_of(module.activation, x), *between, narrow, *drop[2]
    norms = tuple([layer_of(part, x) for part in (module.norm1, module.norm2, module.norm3)])
    parts = decoder_parts(
        (own, *drop[0]), (look, *drop[1]), feed, norms, module.norm_first, residual, lambda *layers: Serial(layers)
    )
    return Graph(tuple([Node(*part) for part in parts]), ("x", "memory"), ("y", "kept"))


def residual(*layers: Any) -> Residual:
    return Residual(layers[0] if len(layers) == 1 else Serial(layers))
