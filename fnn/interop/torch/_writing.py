"""Our networks as PyTorch's: a fold that knows at each place in which order PyTorch has the axes.

    to_torch : params -> module

Images and the sequences of convolutions have their channels first in PyTorch and last here. Where one kind of layer
follows the other, as a dense layer behind a convolution, the axes are moved in between, by ``nn.Flatten`` and another
order of the weights if the features were flattened.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from torch import nn

from fnn.core._errors import describe
from fnn.core.record import children, is_record
from fnn.interop._weights import in_order
from fnn.interop.torch import _activations, _layers, _norms, _sequences  # noqa: F401 (they register)
from fnn.interop.torch import _own as own
from fnn.interop.torch._axes import Axes, back, beginning, cells, moves_to, needs_x
from fnn.interop.torch._kinds import loaded, module_of
from fnn.interop.torch._windows import (
    ADAPTIVE_AVG,
    ADAPTIVE_MAX,
    conv_module,
    conv_transpose_module,
    pool_module,
    resize_module,
)
from fnn.layers import activations as act
from fnn.layers.attention import Attention
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.gated import Glu, SwiGlu
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.group_norm import GroupNorm
from fnn.layers.gru import Gru
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.lstm import Lstm
from fnn.layers.margins import Crop, Pad
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.positional import Positional, Sinusoidal
from fnn.layers.prelu import PRelu
from fnn.layers.recurrent import LastStep, Rnn
from fnn.layers.shape import Flatten, Reshape
from fnn.layers.softmax import LogSoftmax, Softmax
from fnn.layers.upsample import Upsample
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Parallel, Residual
from fnn.networks.graph import Graph
from fnn.networks.joins import Concatenate
from fnn.networks.serial import Serial

ADAPTIVE = {GlobalAvgPool: ADAPTIVE_AVG, GlobalMaxPool: ADAPTIVE_MAX}
DROPOUTS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def to_torch(params: Any, x: Any = None) -> nn.Module:
    """Return the module of PyTorch that computes what a network computes, with its parameters.

    ``Serial`` becomes ``nn.Sequential``, ``Dense`` becomes ``nn.Linear`` and so on; the layers keep their places. The
    module takes images, and sequences for convolutions, with their channels first, as is usual there, all other
    sequences as (n, time, features). What PyTorch has no module for, as a residual, is a small one of this package.
    Lengths beside x are left out. The tensors are copies.

    Args:
        params: a network.
        x: a sample of what it takes; needed where the layers alone do not say how many axes or channels there are.

    Raises ``TypeError`` that names all layers for which there is no module, ``ValueError`` where ``x`` is needed.

    >>> from fnn import Key, dense, relu, serial
    >>> to_torch(serial(dense(4), relu, dense(2))(Key(0), np.zeros((1, 3), np.float32)))
    Sequential(
      (0): Linear(in_features=3, out_features=4, bias=True)
      (1): ReLU()
      (2): Linear(in_features=4, out_features=2, bias=True)
    )
    """
    if not is_record(params):
        raise TypeError(f"to_torch expects a finished network, got {describe(params)}; make it first: net(key, x)")
    fold = _Fold()
    begin = beginning(params, x)
    module, end = fold.module_at(params, begin, "")
    if fold.faults:
        raise TypeError(
            f"to_torch has no module for {'; '.join(fold.faults)}. For a layer of your own register a function: "
            "@module_of.register, def module_of_mine(layer: Mine): return the module"
        )
    if end.flattened:
        raise ValueError(
            "to_torch: the network ends in features that were flattened from channels, and PyTorch has these in "
            "another order; let a dense layer follow"
        )
    images_end_last = begin.first and end.count == 4 and not end.first
    return own.Group(module, own.ChannelsFirst()) if images_end_last else module


def _arrays_of(layer: Any) -> dict[str, np.ndarray]:
    return {name: value for name, value in zip(layer.__record__, children(layer), strict=True) if np.ndim(value)}


class _Fold:
    """What is found on the way: faults, and the module of each layer, which may stand at several places."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.modules: dict[int, nn.Module] = {}

    def module_at(self, layer: Any, axes: Axes, path: str) -> tuple[nn.Module, Axes]:
        try:
            modules, axes = self.modules_of(layer, axes, path)
        except NotImplementedError:
            self.faults.append(f"{layer!r} at {path}" if path else repr(layer))
            return nn.Identity(), axes
        return modules[0] if len(modules) == 1 else own.Group(*modules), axes

    def modules_of(self, layer: Any, axes: Axes, path: str) -> tuple[list[nn.Module], Axes]:
        inside = f"{path}." if path else ""
        registered = module_of.dispatch(type(layer)) is not module_of.dispatch(object)
        match layer:
            case Serial(layers=layers):
                parts = []
                for place, part in enumerate(layers):
                    module, axes = self.module_at(part, axes, f"{inside}layers[{place}]")
                    parts.append(module)
                return [nn.Sequential(*parts)], axes
            case Residual(body=body):
                module, end = self.module_at(body, axes, f"{inside}body")
                moves = moves_to(end, axes.first)
                return [own.Residual(own.Group(module, *moves) if moves else module)], axes
            case Parallel(branches=branches):
                pairs = [self.module_at(part, axes, f"{inside}branches[{i}]") for i, part in enumerate(branches)]
                end = pairs[0][1]
                moves = [moves_to(each, end.first) for _, each in pairs]
                parts = [own.Group(part, *move) if move else part for (part, _), move in zip(pairs, moves, strict=True)]
                if any(each.flattened for _, each in pairs):
                    raise NotImplementedError
                return [own.Branches(parts)], end
            case Graph():
                return self.graph(layer, axes, inside)
            case Concatenate(axis=-1):
                return [own.Concatenate(1 if axes.first else -1)], attrs.evolve(axes, channels=None)
            case Softmax(axis=-1):
                return [nn.Softmax(1 if axes.first else -1)], axes
            case LogSoftmax(axis=-1):
                return [nn.LogSoftmax(1 if axes.first else -1)], axes
            case Glu(axis=-1):
                return [nn.GLU(1 if axes.first else -1)], attrs.evolve(axes, channels=None)
            case SwiGlu(axis=-1):
                return [own.SwiGlu(1 if axes.first else -1)], attrs.evolve(axes, channels=None)
            case Flatten(start=1):
                return self.flatten(axes)
            case Flatten(start=start) if not axes.first and not axes.flattened:
                return [nn.Flatten(start)], Axes(False, None if axes.count is None else start + 1)
            case Reshape(shape=shape):
                return self.reshape(shape, axes)
            case Conv():
                count = layer.weight.ndim
                modules = [*moves_to(attrs.evolve(axes, count=count), True), conv_module(layer)]
                return modules, Axes(True, count, layer.weight.shape[-1])
            case ConvTranspose():
                count = layer.weight.ndim
                modules = [*moves_to(attrs.evolve(axes, count=count), True), conv_transpose_module(layer)]
                return modules, Axes(True, count, layer.weight.shape[-1])
            case MaxPool() | AvgPool():
                return [*moves_to(axes, True), pool_module(layer, cells(axes, layer))], attrs.evolve(axes, first=True)
            case Pad() | Crop() | Upsample():
                return [*moves_to(axes, True), resize_module(layer, cells(axes, layer))], attrs.evolve(axes, first=True)
            case GlobalAvgPool() | GlobalMaxPool():
                pool = ADAPTIVE[type(layer)][cells(axes, layer) - 1](1)
                return [*moves_to(axes, True), pool, nn.Flatten()], Axes(False, 2)
            case Dropout(channels=True):
                dropout = DROPOUTS[cells(axes, layer) - 1](layer.rate)
                return [*moves_to(axes, True), dropout], attrs.evolve(axes, first=True)
            case LayerNorm() | RMSNorm() if layer.scale.ndim > 1 and axes.first and axes.count == layer.scale.ndim + 1:
                arrays = {name: np.moveaxis(array, -1, 0) for name, array in _arrays_of(layer).items()}
                return [module_of(attrs.evolve(layer, **arrays))], axes
            case PRelu(slope=slope) if slope.size == 1:
                return [module_of(layer)], axes
            case PRelu() | GroupNorm():
                if axes.flattened:
                    raise NotImplementedError
                moves = [] if axes.count is None else moves_to(axes, True)
                return [*moves, module_of(layer)], attrs.evolve(axes, first=(axes.count or 2) > 2)
            case Scale() | BatchNorm():
                return self.by_channel(layer, axes)
            case _ if not registered and is_record(layer) and any(map(is_record, children(layer))):
                raise NotImplementedError
        return self.by_feature(layer, axes)

    def graph(self, net: Graph, axes: Axes, inside: str) -> tuple[list[nn.Module], Axes]:
        known = dict.fromkeys(net.inputs, axes)
        steps: list[tuple[nn.Module, tuple[str, ...], str]] = []

        def moved(name: str, first: bool) -> str:
            """Return the name of a value with its channels first, or last; a step moves them if they are not."""
            moves = moves_to(known[name], first)
            if not moves:
                return name
            new = f"{name}/{'first' if first else 'last'}"
            if new not in known:
                steps.append((moves[0], (name,), new))
                known[new] = attrs.evolve(known[name], first=first)
            return new

        for place, node in enumerate(net.nodes):
            given = [known[name] for name in node.inputs if name]
            if len(given) != len(node.inputs) or not given or len({each.flattened for each in given}) > 1:
                raise NotImplementedError
            takes = tuple([moved(name, given[0].first) for name in node.inputs])
            module, end = self.module_at(node.layer, given[0], f"{inside}nodes[{place}].layer")
            steps.append((module, takes, node.output))
            known[node.output] = end
        images = [known[name].first or known[name].count == 4 for name in net.outputs]
        names = tuple([moved(name, first) for name, first in zip(net.outputs, images, strict=True)])
        return [own.Graph(steps, net.inputs, names)], known[names[0]]

    def by_feature(self, layer: Any, axes: Axes) -> tuple[list[nn.Module], Axes]:
        """Translate a layer over the last axis, or one to which no axis matters."""
        if axes.flattened and type(layer).__module__ != act.__name__ and not isinstance(layer, Dropout):
            layer, axes = (
                in_order(layer, back(axes, layer)),
                attrs.evolve(axes, flattened=not isinstance(layer, Dense)),
            )
            return [module_of(layer)], axes
        if id(layer) not in self.modules:
            self.modules[id(layer)] = module_of(layer)
        module = self.modules[id(layer)]
        if isinstance(layer, Embedding):
            return [module], Axes(False, None if axes.count is None else axes.count + 1)
        last = isinstance(layer, Dense | LayerNorm | RMSNorm | Attention | Positional | Sinusoidal | LastStep)
        if not last and not isinstance(layer, Bidirectional | Rnn | Gru | Lstm):
            return [module], axes
        count = axes.count
        if isinstance(layer, Attention | Positional | Sinusoidal | Bidirectional | Rnn | Gru | Lstm):
            count = 3
        return [*moves_to(axes, False), module], Axes(False, 2 if isinstance(layer, LastStep) else count)

    def by_channel(self, layer: Any, axes: Axes) -> tuple[list[nn.Module], Axes]:
        layer = in_order(layer, back(axes, layer)) if axes.flattened else layer
        if isinstance(layer, Scale):
            behind = axes.count - 2 if axes.first and axes.count is not None else 0
            return [loaded(own.Scale, layer.scale.size, behind, layer=layer)], axes
        norm = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}.get(axes.count or 2, nn.BatchNorm1d)
        module = loaded(norm, layer.scale.size, layer.epsilon, layer=layer, track_running_stats=False)
        moves = [] if axes.count is None else moves_to(axes, True)  # rows, unless a sample says otherwise
        return [*moves, module], attrs.evolve(axes, first=(axes.count or 2) > 2)

    def flatten(self, axes: Axes) -> tuple[list[nn.Module], Axes]:
        if not axes.first:
            return [nn.Flatten()], Axes(False, 2, axes.channels, axes.flattened)
        if axes.channels is None:
            raise needs_x("Flatten")
        return [nn.Flatten()], Axes(False, 2, axes.channels, axes.channels > 1)

    def reshape(self, shape: Any, axes: Axes) -> tuple[list[nn.Module], Axes]:
        if axes.flattened:
            raise NotImplementedError
        flat = [] if axes.count == 2 else [*moves_to(axes, False), nn.Flatten()]
        if len(shape) < 3:
            return [*flat, nn.Unflatten(1, shape)], Axes(False, len(shape) + 1, shape[-1])
        if shape[-1] == 1:
            return [*flat, nn.Unflatten(1, (1, *shape[:-1]))], Axes(True, len(shape) + 1, 1)
        return [*flat, own.Images(shape)], Axes(True, len(shape) + 1, shape[-1])
