"""Group normalization: each image over its places and over a group of channels, whatever else is in the batch.

    group_norm    : groups, epsilon -> constructor          GroupNorm : x (n, ..., channels) -> y, of the same shape
    instance_norm : epsilon -> constructor                  the same, with each channel a group of its own

y = scale (x - mean) / sqrt(variance + epsilon) + shift, scale and shift channel by channel. One group of all channels
is a layer norm over the whole image. Training and evaluation are the same.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError, integer, positive
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers import initializers
from fnn.layers._constructor import Construct, constructor
from fnn.layers._normalization import mean_over_features, normalized
from fnn.layers._sequences import each_alone, values_of
from fnn.layers._stable import sum_of_rows


class GroupNorm(Record):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift, over places and a group of channels (Wu and He, 2018).

    The first group is the first channels. With as many groups as channels it is instance normalization (Ulyanov et
    al., 2016).
    """

    scale: np.ndarray
    shift: np.ndarray
    groups: int = attrs.field(converter=partial(integer, "group_norm: groups"))
    epsilon: float = attrs.field(default=1e-5, converter=partial(positive, "group_norm: epsilon"))


@vjp.register
@each_alone
def group_norm_vjp(layer: GroupNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, groups = floats("group_norm", x), layer.groups
    if layer.scale.ndim != 1 or layer.shift.shape != layer.scale.shape:
        found = f"{layer.scale.shape} and {layer.shift.shape}"
        raise LayerValueError("group_norm", f"expects a scale and a shift (channels,), got {found}")
    if x.ndim < 2 or x.shape[-1:] != layer.scale.shape or 0 in x.shape[1:]:
        raise LayerValueError("group_norm", f"expects images (n, ..., {layer.scale.size}), got {x.shape}")
    if x.shape[-1] % groups:
        raise _indivisible(x.shape[-1], groups)
    places, width = math.prod(x.shape[1:-1]), x.shape[-1] // groups

    def by_group(values: np.ndarray) -> np.ndarray:
        """Return (n, groups, places * width)."""
        grouped = values.reshape(len(x), places, groups, width).swapaxes(1, 2)
        return grouped.reshape(len(x), groups, places * width)

    def as_images(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(len(x), groups, places, width).swapaxes(1, 2).reshape(x.shape)

    rows, root = normalized(by_group(x), mean_over_features, layer.epsilon)
    z = as_images(rows)

    def group_norm_pullback(dy):
        def dx():
            g = by_group(dy * layer.scale)
            centered = g - mean_over_features(g) - rows * mean_over_features(g * rows)
            return as_images(centered / root)

        return GroupNorm(sum_of_rows(dy * z), sum_of_rows(dy), groups, layer.epsilon), dx

    return z * layer.scale + layer.shift, group_norm_pullback


def _indivisible(channels: int, groups: int) -> LayerValueError:
    return LayerValueError("group_norm", f"expects channels that are a multiple of its {groups} groups, got {channels}")


@constructor
def group_norm(groups: int, epsilon: float = 1e-5) -> Construct:
    """Construct a group normalization; its channels and its dtype come from the data.

    Args:
        groups: into how many parts the channels are split.
        epsilon: what keeps the division finite where a group is constant.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense, and if the channels are no multiple.

    >>> group_norm(2)(Key(0), np.zeros((1, 8, 8, 4)))
    GroupNorm(scale=f64[4], shift=f64[4], groups=2, epsilon=1e-05)
    """
    groups = integer("group_norm: groups", groups)
    return partial(_construct_group_norm, "group_norm", groups, positive("group_norm: epsilon", epsilon))


@constructor
def instance_norm(epsilon: float = 1e-5) -> Construct:
    """Construct a group normalization in which each channel is a group of its own.

    ``epsilon`` keeps the division finite where a channel is constant. Raises ``TypeError`` or ``ValueError`` unless it
    is a number above 0.

    >>> instance_norm()(Key(0), np.zeros((1, 8, 8, 3)))
    GroupNorm(scale=f64[3], shift=f64[3], groups=3, epsilon=1e-05)
    """
    return partial(_construct_group_norm, "instance_norm", None, positive("instance_norm: epsilon", epsilon))


def _construct_group_norm(caller: str, groups: int | None, epsilon: float, key: Key, x: Any) -> GroupNorm:
    require_key(caller, key)
    x = floats(caller, values_of(x))
    if x.ndim < 2 + (groups is None) or 0 in x.shape[1:]:
        raise LayerValueError(caller, f"expects images (n, height, width, channels) or sequences, got {x.shape}")
    channels = x.shape[-1]
    parts = channels if groups is None else groups
    if channels % parts:
        raise _indivisible(channels, parts)
    scale, shift = (start(key, (channels,), x.dtype) for start in (initializers.ones, initializers.zeros))
    return GroupNorm(scale, shift, parts, epsilon)
