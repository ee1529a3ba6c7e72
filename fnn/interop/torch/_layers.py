"""Dense layers, dropout, and what arranges values, from PyTorch and to PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import filled
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import NOTHING, Unsupported, layer_of, loaded, module_of, require, same, state_of
from fnn.layers import activations as act
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.shape import Flatten, Reshape
from fnn.networks.branches import Pick
from fnn.networks.joins import Add, Concatenate, Multiply

same(nn.Dropout, Dropout, rate="p")
same(own.Add, Add)
same(own.Multiply, Multiply)
same(own.Pick, Pick, place="place")


@layer_of.register
def layer_of_linear(module: nn.Linear, x: Any) -> Record:
    return filled(Dense(NOTHING, NOTHING), state_of(module))


@module_of.register
def module_of_dense(layer: Dense) -> nn.Module:
    if layer.weight.ndim != 2:  # an ensemble of layers
        raise NotImplementedError
    return loaded(nn.Linear, *layer.weight.shape, layer=layer)


@layer_of.register
def layer_of_embedding(module: nn.Embedding, x: Any) -> Record:
    require(module, max_norm=None)
    return filled(Embedding(NOTHING), state_of(module))


@module_of.register
def module_of_embedding(layer: Embedding) -> nn.Module:
    return loaded(nn.Embedding, *layer.weight.shape, layer=layer)


@layer_of.register(nn.Dropout1d)
@layer_of.register(nn.Dropout2d)
@layer_of.register(nn.Dropout3d)
def layer_of_dropout_of_channels(module: Any, x: Any) -> Record:
    return Dropout(module.p, channels=True)


@layer_of.register
def layer_of_flatten(module: nn.Flatten, x: Any) -> Record:
    require(module, end_dim=-1)
    if module.start_dim == 1:
        return Flatten()
    if module.start_dim == 2 and np.ndim(x) > 3:  # images, whose cells become one axis
        return Reshape((math.prod(np.shape(x)[1:-1]), np.shape(x)[-1]))
    if module.start_dim < 1:
        require(module, start_dim=1)
    return Flatten(module.start_dim)


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
def layer_of_images(module: own.Images, x: Any) -> Record:
    return Reshape(module.shape)


@layer_of.register(own.ChannelsFirst)
@layer_of.register(own.ChannelsLast)
def layer_of_moved(module: Any, x: Any) -> Record:
    return act.identity


@layer_of.register
def layer_of_concatenate(module: own.Concatenate, x: Any) -> Record:
    return Concatenate()
