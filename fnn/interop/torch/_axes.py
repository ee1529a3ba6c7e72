"""How the axes lie in PyTorch at a place of a network, which has images and what convolutions see with channels first.

Axes      : channels first or last, how many, and whether features were flattened from channels
beginning : params, x -> Axes of what a network takes
moves_to  : Axes, first -> the modules that bring the channels there
back      : Axes, layer -> where flattened features are in our order
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from torch import nn

from fnn.core._structure import walk
from fnn.core.record import is_record
from fnn.interop._weights import channels_first
from fnn.interop.torch import _own as own
from fnn.layers.attention import Attention
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.group_norm import GroupNorm
from fnn.layers.gru import Gru
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.lstm import Lstm
from fnn.layers.margins import Crop, Pad
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.positional import Positional
from fnn.layers.recurrent import Rnn
from fnn.layers.shape import Flatten, Reshape
from fnn.layers.upsample import Upsample

POOLS = (GlobalAvgPool, GlobalMaxPool)
FIRST = (Conv, ConvTranspose, MaxPool, AvgPool, *POOLS, Pad, Crop, Upsample, BatchNorm, Scale, GroupNorm)


@attrs.frozen
class Axes:
    """How the axes lie in PyTorch at a place of the network.

    ``first`` says that the channels come first. The number of axes and of channels is None where it is not known.
    ``flattened`` says that the features were flattened from such, and are in PyTorch's order.
    """

    first: bool
    count: int | None = None
    channels: int | None = None
    flattened: bool = False


def beginning(params: Any, x: Any) -> Axes:
    """Return how the axes lie in what a network takes, as its first layer shows to which that matters."""
    layers = [node for _, node in walk(params, every=True) if is_record(node)]
    kinds = (*FIRST, Flatten, Dense, Reshape, LayerNorm, RMSNorm, Embedding, Rnn, Gru, Lstm, Attention, Positional)
    decisive = next((layer for layer in layers if isinstance(layer, kinds) or _drops_channels(layer)), None)
    whole = isinstance(decisive, LayerNorm | RMSNorm) and decisive.scale.ndim > 1
    if x is not None:
        shape = np.shape(x[0] if isinstance(x, tuple) else x)
        images = isinstance(decisive, Flatten | None) or whole
        first = len(shape) > 3 if images else isinstance(decisive, FIRST) or _drops_channels(decisive)
        return Axes(first and len(shape) > 2, len(shape), shape[-1] if len(shape) > 1 else None)
    conv = next((layer for layer in layers if isinstance(layer, Conv)), None)
    count = None if conv is None else conv.weight.ndim
    if isinstance(decisive, Conv | ConvTranspose):
        return Axes(True, decisive.weight.ndim, decisive.weight.shape[-2] * decisive.groups)
    if isinstance(decisive, MaxPool | AvgPool):
        count = len(decisive.size) + 2 if isinstance(decisive.size, tuple) else count
        return Axes(True, count, None if conv is None else conv.weight.shape[-2] * conv.groups)
    if isinstance(decisive, (*POOLS, Pad, Crop, Upsample, Flatten)):
        raise needs_x(type(decisive).__name__)
    return Axes(False, 2 if isinstance(decisive, Reshape | BatchNorm | Scale) else None)


def _drops_channels(layer: Any) -> bool:
    return isinstance(layer, Dropout) and layer.channels


def needs_x(name: str) -> ValueError:
    """Return the error of a layer whose module depends on axes that the layers before it do not say."""
    return ValueError(
        f"to_torch: {name} needs to know the axes of what it gets, which the layers before it do not say; write "
        "to_torch(params, x) with a sample x"
    )


def cells(axes: Axes, layer: Any) -> int:
    """Return how many axes of cells a layer finds between rows and channels."""
    if axes.count not in (3, 4, 5):
        raise needs_x(type(layer).__name__)
    return axes.count - 2


def moves_to(axes: Axes, first: bool) -> list[nn.Module]:
    """Return the modules that bring the channels first, or last, if they are not."""
    if axes.first == first or axes.count == 2:
        return []
    return [own.ChannelsFirst() if first else own.ChannelsLast()]


def back(axes: Axes, layer: Any) -> np.ndarray:
    """Return where in our order the features are that PyTorch has flattened."""
    size = len(layer.weight) if isinstance(layer, Dense) else getattr(layer, "scale", np.zeros(0)).size
    channels = axes.channels or 1
    if not size or size % channels:
        raise NotImplementedError
    return np.argsort(channels_first((size // channels, channels)))
