"""Activations, from PyTorch and to PyTorch: a line of a table, or a function where that does not say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import filled
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import NOTHING, Unsupported, layer_of, loaded, module_of, require, same, state_of
from fnn.layers import activations as act
from fnn.layers import hard, smooth, softmax
from fnn.layers.gated import Glu, SwiGlu
from fnn.layers.prelu import PRelu

SAME = {
    nn.Identity: act.identity, nn.ReLU: act.relu, nn.Sigmoid: act.sigmoid, nn.Tanh: act.tanh, nn.SiLU: smooth.silu,
    nn.Mish: smooth.mish, nn.Softsign: smooth.softsign, nn.Hardswish: hard.hard_swish, own.Heaviside: act.heaviside,
}  # fmt: skip
# These are settings of another layer, which may be another module on the way back.
INWARDS = {nn.SELU: smooth.selu, nn.ReLU6: hard.relu6, nn.Hardsigmoid: hard.hard_sigmoid}


def layer_of_simple(module: nn.Module, x: Any) -> Record:
    return (SAME | INWARDS)[type(module)]


def module_of_simple(layer: Any) -> nn.Module:
    return next(kind for kind, value in SAME.items() if type(value) is type(layer))()


for kind, value in (SAME | INWARDS).items():
    layer_of.register(kind)(layer_of_simple)
    if kind in SAME:
        module_of.register(type(value))(module_of_simple)

same(nn.LeakyReLU, act.LeakyRelu, slope="negative_slope")
same(nn.ELU, smooth.Elu, alpha="alpha")
same(nn.GELU, smooth.Gelu, approximate="approximate")
same(nn.Hardtanh, hard.HardTanh, low="min_val", high="max_val")


@module_of.register
def module_of_selu(layer: smooth.Selu) -> nn.Module:
    if layer != smooth.selu and (layer.alpha, layer.scale) != (smooth.selu.alpha, smooth.selu.scale):
        raise NotImplementedError
    return nn.SELU()


@module_of.register
def module_of_hard_sigmoid(layer: hard.HardSigmoid) -> nn.Module:
    if (layer.slope, layer.shift) != (hard.hard_sigmoid.slope, hard.hard_sigmoid.shift):
        raise NotImplementedError
    return nn.Hardsigmoid()


@layer_of.register
def layer_of_softplus(module: nn.Softplus, x: Any) -> Record:
    require(module, beta=1.0)
    return smooth.softplus


@module_of.register
def module_of_softplus(layer: smooth.Softplus) -> nn.Module:
    return nn.Softplus()


@layer_of.register(nn.Softmax)
@layer_of.register(nn.LogSoftmax)
def layer_of_softmax(module: Any, x: Any) -> Record:
    if module.dim not in (-1, 1, np.ndim(x) - 1):
        require(module, dim=-1)
    return softmax.softmax if isinstance(module, nn.Softmax) else softmax.log_softmax


@layer_of.register
def layer_of_glu(module: nn.GLU, x: Any) -> Record:
    if module.dim not in (-1, 1, np.ndim(x) - 1):
        require(module, dim=-1)
    return Glu()


@layer_of.register
def layer_of_swiglu(module: own.SwiGlu, x: Any) -> Record:
    return SwiGlu()


@layer_of.register
def layer_of_prelu(module: nn.PReLU, x: Any) -> Record:
    return filled(PRelu(NOTHING), state_of(module))


@module_of.register
def module_of_prelu(layer: PRelu) -> nn.Module:
    return loaded(nn.PReLU, layer.slope.size, layer=layer)


def activation_of(function: Any, x: Any) -> Any:
    """Return the layer of an activation, which PyTorch has as a function or as a module."""
    if isinstance(function, nn.Module):
        return layer_of(function, x)
    found = {"relu": act.relu, "gelu": smooth.gelu, "sigmoid": act.sigmoid, "tanh": act.tanh, "silu": smooth.silu}
    if getattr(function, "__name__", None) not in found:
        raise Unsupported(f" with activation={function!r}")
    return found[function.__name__]
