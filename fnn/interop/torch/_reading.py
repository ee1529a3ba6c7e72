"""PyTorch's networks as ours: a fold that carries a sample through the modules and through what they become.

    from_torch : module, x -> params

The sample goes through each module, and through the layer that it becomes, side by side. So shapes are known, a
layer that computes something else is found where it stands, and the orders of axes are told apart by the numbers:
PyTorch has images as (n, channels, height, width), and sequences as (time, n, features) unless told otherwise.
"""

from __future__ import annotations

import copy
import inspect
import os
from functools import partial
from typing import Any

import attrs
import numpy as np
import torch
from torch import nn

from fnn.core._errors import FormatError, describe
from fnn.core.record import is_record
from fnn.core.vjp import forward
from fnn.interop._weights import channels_first, in_order
from fnn.interop.torch import _activations, _layers, _norms, _sequences  # noqa: F401 (they register)
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import Unsupported, layer_of, to_numpy
from fnn.interop.torch._sample import (
    NARROW,
    RECURRENT,
    TOLERANCE,
    Sample,
    as_ours,
    close_to,
    is_narrow,
    joined,
    leaves,
    mapped,
    sample_of,
)
from fnn.interop.torch._traced import traced
from fnn.layers import activations, hard, smooth, softmax
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.shape import Flatten
from fnn.networks.branches import Parallel, Residual
from fnn.networks.graph import Graph, Node
from fnn.networks.inference import inference
from fnn.networks.serial import Serial

# In these, what happens to a feature does not depend on which it is.
_OF_ACTIVATIONS = tuple(family.__name__ for family in (activations, smooth, hard, softmax))


def from_torch(module: nn.Module, x: Any) -> Any:
    """Return the network that computes what a module of PyTorch computes in evaluation, with its parameters.

    ``nn.Sequential`` becomes ``Serial``, ``nn.Linear`` becomes ``Dense`` and so on. A ``forward`` of your own is
    traced: what it calls becomes a ``Serial``, or a ``Graph`` where values are used twice. A batch norm becomes
    ``Scale``, with the statistics that it has. Dropout stays, until ``inference`` takes it out, but for that of
    attention's weights, which is left out. The network takes images and the sequences of convolutions with their
    channels last, all others with their rows first; weights of features that are flattened from channels are brought
    into that order.
    The arrays are copies, and the module stays as it is.

    Args:
        module: the module.
        x: a sample of what it takes: an array in the order of axes of fnn, or a tensor in the module's own.

    Raises ``TypeError`` that names every module that has no layer, and each setting that no layer has; ``ValueError``
    if the module cannot compute x, or computes something else than the layers do.

    >>> from_torch(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), np.zeros((2, 3), np.float32))
    Serial(layers=(Dense(weight=f32[3,4], bias=f32[4]), Relu(), Dense(weight=f32[4,2], bias=f32[2])))
    """
    if isinstance(module, str | os.PathLike):
        raise FormatError(f"from_torch: {refusal(module)}")
    if not isinstance(module, nn.Module):
        hint = "; its state_dict is for from_state_dict(params, state)" if isinstance(module, dict) else ""
        raise TypeError(f"from_torch expects a module of PyTorch, got {describe(module)}{hint}")
    # A copy whose mode is its own, and which shares every number.
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    module = copy.deepcopy(module, shared).eval()
    for part in module.modules():
        if getattr(part, "inplace", False):  # else it would write into the samples
            setattr(part, "inplace", False)  # noqa: B010 (PyTorch's types have only tensors and modules as attributes)
    fold = _Fold()
    with torch.no_grad():
        sample = sample_of(module, x)
        _computed(module, sample.theirs, "")
        layer, sample = fold.layer_at(module, sample, "")
    if fold.faults:
        raise TypeError(
            f"from_torch has no layer for {'; '.join(fold.faults)}. For a module of your own register a function: "
            "@layer_of.register, def layer_of_mine(module: Mine, x): return the layer"
        )
    if sample.order is not None:
        raise ValueError(
            "from_torch: the network ends in features that were flattened from channels, and fnn has these in another "
            "order; let an nn.Linear follow"
        )
    return layer


def refusal(path: Any) -> str:
    """Return why a file is not read, and what to do instead."""
    return (
        f"{path}: a file of torch.save is a pickle, which can run any code when it is read, and fnn reads none. "
        "Convert it once: state = torch.load(path, weights_only=True), then "
        'safetensors.torch.save_file(state, "model.safetensors"), and here from_state_dict(params, "model.safetensors")'
    )


def _computed(module: nn.Module, x: Any, path: str) -> Any:
    """Return what a module computes; of the several results of recurrent modules and attention, the first."""
    try:
        if isinstance(module, nn.MultiheadAttention):
            y = module(*((*x, x[-1])[:3] if isinstance(x, tuple) else (x, x, x)))
        else:
            y = module(*x) if isinstance(x, tuple) and _takes_several(module) else module(x)
    except Exception as error:
        what = f"{type(module).__name__}{f' at {path}' if path else ''}"
        shape = describe(mapped(to_numpy, x))
        raise ValueError(f"from_torch: {what} cannot compute a sample that is {shape} to PyTorch: {error}") from error
    return y[0] if isinstance(module, (*RECURRENT, nn.MultiheadAttention)) else y


def _takes_several(module: nn.Module) -> bool:
    parameters = inspect.signature(module.forward).parameters.values()
    return sum(each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters) > 1


class _Fold:
    """What is found on the way: faults, and the layer of each module, which may occur at several places."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.layers: dict[int, Any] = {}

    def layer_at(self, module: nn.Module, sample: Sample, path: str) -> tuple[Any, Sample]:
        theirs = _computed(module, sample.theirs, path)
        inside = f"{path}." if path else ""
        registered = layer_of.dispatch(type(module)) is not layer_of.dispatch(object)
        layer = None
        try:
            if not all(map(torch.is_tensor, theirs if isinstance(theirs, tuple) else (theirs,))):
                raise Unsupported(f", which returns {describe(theirs)}")
            if not registered and isinstance(module, nn.Sequential) and not _is_of_a_user(module):
                return self.serial(module, module._modules, sample, theirs, inside)  # with those that occur twice
            if not registered and isinstance(module, nn.TransformerEncoder):
                parts = {f"layers.{name}": part for name, part in module.layers._modules.items()}
                parts |= {"norm": module.norm} if module.norm is not None else {}
                return self.serial(module, parts, sample, theirs, inside)
            if isinstance(module, own.Residual):
                layer = Residual(self.layer_at(module.body, sample, f"{inside}body")[0])
            elif isinstance(module, own.Graph):
                return self.graph(module, sample, inside)
            elif isinstance(module, own.Branches):
                branches = enumerate(module)
                layer = Parallel(tuple([self.layer_at(part, sample, f"{inside}{i}")[0] for i, part in branches]))
            elif not registered and _is_of_a_user(module):
                layer, behind = traced(self, module, sample, path)
                if not self.faults and not all(map(close_to, leaves(behind.theirs), leaves(theirs))):
                    raise Unsupported(", which computes something else than its calls one after the other")
                return layer, attrs.evolve(behind, theirs=theirs)
            else:
                layer = self.leaf(module, sample)
        except Unsupported as error:
            self.faults.append(f"{type(module).__name__}{f' at {path}' if path else ''}{error}")
        except Exception:
            if not self.faults:  # behind one, layers need not fit
                raise
        if self.faults:
            try:
                behind = attrs.evolve(sample, theirs=theirs, order=None)
                return None, attrs.evolve(behind, ours=as_ours(behind))
            except (AttributeError, ValueError):  # what follows is only looked through for further faults
                return None, sample
        return layer, _behind(layer, sample, theirs, path)

    def found_behind(self, layer: Any, sample: Sample, theirs: Any, tolerance: float | None = None) -> Sample | None:
        """Return the sample behind a layer, or None if it computes something else."""
        try:
            return _behind(layer, sample, theirs, "", tolerance)
        except (ValueError, TypeError):
            return None

    def as_ours(self, sample: Sample) -> Sample:
        """Return a sample with our arrays from theirs."""
        return attrs.evolve(sample, ours=as_ours(sample))

    def serial(self, module: Any, parts: Any, sample: Sample, theirs: Any, inside: str) -> tuple[Any, Sample]:
        layers: list[Any] = []
        for name, part in parts.items():
            layer, sample = self.layer_at(part, sample, f"{inside}{name}")
            if isinstance(layer, Flatten) and layers and _is_global(layers[-1]):
                layers[-1] = layers[-1].layers[0]  # which flattens by itself
            elif not isinstance(part, own.ChannelsFirst | own.ChannelsLast):
                layers.append(layer)
        if not self.faults and not all(map(close_to, leaves(sample.theirs), leaves(theirs))):
            where = f"{type(module).__name__}{f' at {inside[:-1]}' if inside else ''}"
            raise ValueError(f"from_torch: {where} does more than its parts, one after the other; see layer_of")
        return layers[0] if isinstance(module, own.Group) and len(layers) == 1 else Serial(tuple(layers)), sample

    def graph(self, module: own.Graph, sample: Sample, inside: str) -> tuple[Any, Sample]:
        several = len(module.inputs) > 1
        parts = zip(sample.ours, sample.theirs, strict=True) if several else [(sample.ours, sample.theirs)]
        known = {name: attrs.evolve(sample, ours=ours, theirs=theirs)
                 for name, (ours, theirs) in zip(module.inputs, parts, strict=True)}  # fmt: skip
        same = {name: name for name in module.inputs}  # what only moves the channels of a value is that value here
        nodes = []
        for place, (step, (takes, gives)) in enumerate(zip(module.steps, module.names, strict=True)):
            given = [known[name] for name in takes]
            layer, known[gives] = self.layer_at(step, joined(given), f"{inside}steps.{place}")
            moves = isinstance(step, own.ChannelsFirst | own.ChannelsLast)
            same[gives] = same[takes[0]] if moves else gives
            nodes += [] if moves else [Node(layer, tuple([same[name] for name in takes]), gives)]
        behind = joined([known[name] for name in module.outputs])
        return Graph(tuple(nodes), module.inputs, tuple([same[name] for name in module.outputs])), behind

    def leaf(self, module: nn.Module, sample: Sample) -> Any:
        if id(module) not in self.layers:  # with the module, so that no other gets its id
            self.layers[id(module)] = layer_of(module, sample.ours), module
        layer, _ = self.layers[id(module)]
        if not is_record(layer):
            raise TypeError(f"layer_of must return a layer for {type(module).__name__}, got {describe(layer)}")
        if sample.order is None or _is_same_for_all_features(layer):
            return layer
        ordered = in_order(layer, sample.order)
        if ordered is None:
            raise Unsupported(" behind features that were flattened from channels")
        return ordered


def _is_global(layer: Any) -> bool:
    return (
        isinstance(layer, Serial) and bool(layer.layers) and isinstance(layer.layers[0], GlobalAvgPool | GlobalMaxPool)
    )


def _is_same_for_all_features(layer: Any) -> bool:
    return type(layer).__module__ in _OF_ACTIVATIONS or isinstance(layer, Dropout | Flatten)


def _is_of_a_user(module: nn.Module) -> bool:
    """Return True for a module with a forward of its own, which neither PyTorch nor fnn has written."""
    return not type(module).forward.__module__.startswith(("torch.nn", "fnn."))


def _behind(layer: Any, sample: Sample, theirs: Any, path: str, tolerance: float | None = None) -> Sample:
    """Return the sample behind a layer, in the order of axes in which both agree; raise if they agree in none."""
    ours = forward(inference(layer, sample.ours), sample.ours)
    order = None if isinstance(layer, Dense) else sample.order
    if isinstance(layer, Flatten) and sample.axes == "channels" and order is None:
        order = channels_first(sample.ours.shape[1:])
        order = None if (order == np.arange(order.size)).all() else order
    for axes, way in ((sample.axes, order), ("same", None), ("channels", None), ("time", None)):
        behind = Sample(ours, theirs, axes, way)
        close = partial(close_to, tolerance=tolerance or (NARROW if is_narrow(theirs) else TOLERANCE))
        if all(map(close, leaves(ours), leaves(as_ours(behind)))):
            return behind
    where = f"{type(layer).__name__}{f' for {path}' if path else ''}"
    shapes = f"{describe(ours)} beside {describe(mapped(to_numpy, theirs))}"
    raise ValueError(f"from_torch: {where} does not compute the same on the sample: {shapes}")
