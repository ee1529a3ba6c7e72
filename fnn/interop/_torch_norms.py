"""Normalizations, from PyTorch and to PyTorch."""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop import _torch_own as own
from fnn.interop._torch_layer_of import NOTHING, layer_of, require, state_of
from fnn.interop._torch_module_of import loaded, module_of
from fnn.interop._weights import filled, fixed
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.norm import BatchNorm, Scale


@layer_of.register(nn.BatchNorm1d)
@layer_of.register(nn.BatchNorm2d)
def layer_of_batch_norm(module: Any, x: Any) -> Record:
    state = state_of(module)
    if "running_mean" in state:
        return fixed(state, module.eps)
    ones, zeros = np.ones(module.num_features, np.float32), np.zeros(module.num_features, np.float32)
    return filled(BatchNorm(NOTHING, NOTHING, module.eps), {"weight": ones, "bias": zeros} | state)


@layer_of.register
def layer_of_scale(module: own.Scale, x: Any) -> Record:
    return filled(Scale(NOTHING, NOTHING), state_of(module))


@layer_of.register
def layer_of_layer_norm(module: nn.LayerNorm, x: Any) -> Record:
    if len(module.normalized_shape) != 1:
        require(module, normalized_shape=module.normalized_shape[-1:])
    state = state_of(module)
    weight = np.ones(module.normalized_shape, np.asarray(x).dtype)
    return filled(LayerNorm(NOTHING, NOTHING, module.eps), {"weight": weight} | state)


@module_of.register
def module_of_layer_norm(layer: LayerNorm) -> nn.Module:
    return loaded(nn.LayerNorm, _one_axis(layer), layer.epsilon, layer=layer)


@layer_of.register
def layer_of_rms_norm(module: nn.RMSNorm, x: Any) -> Record:
    if len(module.normalized_shape) != 1:
        require(module, normalized_shape=module.normalized_shape[-1:])
    dtype = np.asarray(x).dtype
    epsilon = float(np.finfo(dtype).eps) if module.eps is None else module.eps
    return filled(RMSNorm(NOTHING, epsilon), {"weight": np.ones(module.normalized_shape, dtype)} | state_of(module))


@module_of.register
def module_of_rms_norm(layer: RMSNorm) -> nn.Module:
    return loaded(nn.RMSNorm, _one_axis(layer), layer.epsilon, layer=layer)


def _one_axis(layer: LayerNorm | RMSNorm) -> int:
    """Return the features of a layer over the last axis; several axes lie in another order in PyTorch."""
    if layer.scale.ndim != 1:
        raise NotImplementedError
    return layer.scale.size
