"""Normalizations, from PyTorch and to PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import filled, fixed
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import NOTHING, layer_of, loaded, module_of, state_of
from fnn.layers.group_norm import GroupNorm
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.norm import BatchNorm, Scale


@layer_of.register(nn.BatchNorm1d)
@layer_of.register(nn.BatchNorm2d)
@layer_of.register(nn.BatchNorm3d)
def layer_of_batch_norm(module: Any, x: Any) -> Record:
    state = state_of(module)
    if "running_mean" in state:
        return fixed(state, module.eps)
    ones, zeros = np.ones(module.num_features, np.float32), np.zeros(module.num_features, np.float32)
    return filled(BatchNorm(NOTHING, NOTHING, module.eps), {"weight": ones, "bias": zeros} | state)


@layer_of.register
def layer_of_group_norm(module: nn.GroupNorm, x: Any) -> Record:
    ones = np.ones(module.num_channels, np.asarray(x).dtype)
    return filled(GroupNorm(NOTHING, NOTHING, module.num_groups, module.eps), {"weight": ones} | state_of(module))


@layer_of.register(nn.InstanceNorm1d)
@layer_of.register(nn.InstanceNorm2d)
@layer_of.register(nn.InstanceNorm3d)
def layer_of_instance_norm(module: Any, x: Any) -> Record:
    state = state_of(module)
    if "running_mean" in state:
        return fixed(state, module.eps)
    ones = np.ones(module.num_features, np.asarray(x).dtype)
    return filled(GroupNorm(NOTHING, NOTHING, module.num_features, module.eps), {"weight": ones} | state)


@layer_of.register
def layer_of_scale(module: own.Scale, x: Any) -> Record:
    return filled(Scale(NOTHING, NOTHING), state_of(module))


@layer_of.register
def layer_of_layer_norm(module: nn.LayerNorm, x: Any) -> Record:
    state = {"weight": np.ones(module.normalized_shape, np.asarray(x).dtype)} | state_of(module)
    return filled(LayerNorm(NOTHING, NOTHING, module.eps), _channels_last(module, x, state))


def _channels_last(module: Any, x: Any, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights over whole rows in the order of our axes, as their shape says; images decide for channels."""
    shape, row = tuple(module.normalized_shape), np.shape(x)[1:]
    if len(shape) == len(row) > 1 and shape == (row[-1], *row[:-1]) and (shape != row or len(row) > 2):
        return {name: np.moveaxis(array, 0, -1) for name, array in state.items()}
    return state


@module_of.register
def module_of_layer_norm(layer: LayerNorm) -> nn.Module:
    return loaded(nn.LayerNorm, layer.scale.shape, layer.epsilon, layer=layer)


@layer_of.register
def layer_of_rms_norm(module: nn.RMSNorm, x: Any) -> Record:
    dtype = np.asarray(x).dtype
    epsilon = float(np.finfo(dtype).eps) if module.eps is None else module.eps
    state = {"weight": np.ones(module.normalized_shape, dtype)} | state_of(module)
    return filled(RMSNorm(NOTHING, epsilon), _channels_last(module, x, state))


@module_of.register
def module_of_rms_norm(layer: RMSNorm) -> nn.Module:
    return loaded(nn.RMSNorm, layer.scale.shape, layer.epsilon, layer=layer)


@module_of.register
def module_of_group_norm(layer: GroupNorm) -> nn.Module:
    return loaded(nn.GroupNorm, layer.groups, layer.scale.size, layer.epsilon, layer=layer)
