"""Weights by name: what PyTorch's ``state_dict`` holds, or a safetensors file of it, in the layers of a network.

    from_state_dict : params, state or file -> params          to_state_dict : params -> state

A state groups arrays by module, "conv1.weight" and "conv1.bias". The modules go to the layers that have parameters, in
order, or as you say by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from fnn.checkpoint.files import load
from fnn.core import tree
from fnn.core._errors import FormatError, describe
from fnn.core.record import children, edges, is_record
from fnn.interop._weights import channels_first, entries, filled, in_order
from fnn.interop.torch._kinds import to_numpy
from fnn.interop.torch._reading import refusal
from fnn.layers.conv import Conv
from fnn.layers.dense import Dense
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.shape import Flatten, Reshape

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".tar")
RECURRENT = re.compile(r"(?:(.*)\.)?((?:weight|bias)_(?:ih|hh)_l)(\d+)(_reverse)?")
STATISTICS = {"running_mean", "running_var"}


def from_state_dict(params: Any, state: Any, names: Mapping[str, str] | None = None, channels: int = 1) -> Any:
    """Return a network like ``params`` with the weights of a ``state_dict`` of PyTorch.

    A batch norm that has statistics becomes a ``Scale``; its epsilon is that of the ``BatchNorm`` in its place, or
    PyTorch's default. Dense layers behind a ``flatten`` of images are brought into the order of fnn's axes. Arrays get
    the dtypes that they have in ``params``.

    Args:
        params: a network of these layers, say one that was just constructed.
        state: tensors or arrays by name, or the path of a safetensors file.
        names: the name of a module for the path of each layer, ``{"layers[0]": "conv1"}``; if None they are taken in
            order. Of a recurrent module of several layers, these are "lstm.l0", "lstm.l1" and so on.
        channels: those of the images that the network takes, where it flattens them before any convolution.

    Raises ``FormatError`` for a file of ``torch.save``, ``ValueError`` that names all layers and modules that do not
    fit, ``TypeError`` for layers that PyTorch has no module for.

    >>> from fnn import Key, dense, relu, serial
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> net = from_state_dict(serial(dense(3), relu, dense(1))(Key(0), np.zeros((1, 2))), module.state_dict())
    >>> bool((net.layers[2].weight.T == module[2].weight.detach().numpy()).all())
    True
    """
    slots = dict(_slots(params, channels))
    modules = _by_module(_arrays(state))
    if names is None and len(slots) == len(modules):
        names = dict(zip(slots, modules, strict=True))
    elif names is None:
        raise ValueError(
            f"from_state_dict: {len(slots)} layers have parameters ({', '.join(slots)}), but the state has "
            f"{len(modules)} modules ({', '.join(modules)}); give names, a module's name for each layer's path"
        )
    faults = [f"names has {path!r}, which is no layer with parameters" for path in names if path not in slots]
    faults += [f"names lacks {path}" for path in slots if path not in names]
    faults += [f"{path}: the state has no module {name!r}" for path, name in names.items() if name not in modules]
    faults += [f"module {name!r} has no layer" for name in modules if name not in names.values()]
    for path in slots.keys() & names.keys():
        faults += _misfits(slots[path][0], modules.get(names[path]), f"{path} and {names[path]!r}")
    if faults:
        raise ValueError(f"from_state_dict: {'; '.join(sorted(faults))}")
    for path, (layer, flattened) in slots.items():
        dtype = tree.leaves(layer)[0].dtype
        new = filled(layer, {name: array.astype(dtype) for name, array in modules[names[path]].items()})
        if flattened > 1:
            new = in_order(new, _order(new, flattened))
        params = tree.at(path, lambda _, new=new: new, params) if path else new
    return params


def to_state_dict(params: Any, names: Mapping[str, str] | None = None, channels: int = 1) -> dict[str, torch.Tensor]:
    """Return the weights of a network as a ``state_dict`` of PyTorch, in its shapes and order.

    Args:
        params: the network.
        names: the name of a module for the path of each layer, ``{"layers[0]": "conv1"}``; if None these are the
            layers' own paths, with dots.
        channels: as in ``from_state_dict``.

    Raises ``ValueError`` for a layer whose path is not in ``names``, ``TypeError`` as ``from_state_dict`` does.

    >>> from fnn import Dense
    >>> to_state_dict(Dense(np.ones((3, 2)), np.zeros(2)), {"": "fc"})["fc.weight"].shape
    torch.Size([2, 3])
    """
    slots, state = dict(_slots(params, channels)), {}
    missing = [path or '""' for path in slots if names is not None and path not in names]
    if missing:
        raise ValueError(f"to_state_dict: names lacks {', '.join(missing)}")
    for path, (layer, flattened) in slots.items():
        if flattened > 1:
            layer = in_order(layer, np.argsort(_order(layer, flattened)))
        module = re.sub(r"\[(\d+)\]", r".\1", path) if names is None else names[path]
        base, _, number = module.rpartition(".l")
        for name, array in entries(layer).items():
            if number.isdigit() and "_l0" in name:  # one layer of a recurrent module
                name, prefix = name.replace("_l0", f"_l{number}"), base
            else:
                prefix = module
            state[f"{prefix}.{name}" if prefix else name] = torch.from_numpy(array)
    return state


def _slots(params: Any, channels: int) -> Iterator[tuple[str, tuple[Any, int]]]:
    """Yield the path of each layer that PyTorch has a module for, the layer, and the channels its features had.

    These are above 1 if the layer takes features that were flattened from so many channels.
    """
    unknown: list[str] = []
    found: list[tuple[str, tuple[Any, int]]] = []

    def visit(node: Any, path: str, before: tuple[int, int]) -> tuple[int, int]:
        seen, flattened = before
        if entries.dispatch(type(node)) is not entries.dispatch(object):
            by_feature = isinstance(node, Dense | Scale | BatchNorm | LayerNorm | RMSNorm)
            found.append((path, (node, flattened if by_feature else 1)))
            if isinstance(node, Conv):
                return node.weight.shape[-1], 1
            return (seen, flattened) if by_feature and not isinstance(node, Dense) else (1, 1)
        if isinstance(node, Flatten):
            return 1, seen
        if isinstance(node, Reshape):
            return (node.shape[-1] if len(node.shape) > 2 else 1), 1
        for edge, part in zip(edges(node), children(node), strict=True):
            if isinstance(part, np.ndarray):
                unknown.append(f"{type(node).__name__}{f' at {path}' if path else ''}")
                break
            if is_record(part) or isinstance(part, tuple):
                before = visit(part, f"{path}{edge}".lstrip("."), before)
        return before

    visit(params, "", (channels, 1))
    if unknown:
        raise TypeError(f"state_dict: PyTorch has no module for {'; '.join(unknown)}")
    yield from found


def _order(layer: Any, channels: int) -> np.ndarray:
    size = len(layer.weight) if isinstance(layer, Dense) else layer.scale.size
    return channels_first((size // channels, channels))


def _arrays(state: Any) -> dict[str, np.ndarray]:
    if isinstance(state, str | os.PathLike):
        if str(state).endswith(PICKLES):
            raise FormatError(f"from_state_dict: {refusal(state)}")
        where, state = state, load(state)
        if not isinstance(state, dict):
            raise FormatError(f"from_state_dict: {where}: a network that fnn.save wrote; read it with fnn.load")
    if not isinstance(state, Mapping):
        raise TypeError(f"from_state_dict expects tensors by name or a safetensors file, got {describe(state)}")
    arrays = {name: to_numpy(value) if torch.is_tensor(value) else value for name, value in state.items()}
    wrong = [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]
    if wrong:
        hint = "; take the part of the file that is the state_dict" if isinstance(arrays[wrong[0]], Mapping) else ""
        raise TypeError(
            f"from_state_dict: {wrong[0]!r} must be a tensor or array, got {describe(arrays[wrong[0]])}{hint}"
        )
    return arrays


def _by_module(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of each module by their names in it, in the order of the state."""
    several = {found[1] for found in map(RECURRENT.fullmatch, arrays) if found and int(found[3]) > 0}
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        module, _, entry = name.rpartition(".")
        found = RECURRENT.fullmatch(name)
        if found:
            base = found[1] or ""
            module = f"{base}.l{found[3]}".lstrip(".") if found[1] in several else base
            entry = f"{found[2]}0{found[4] or ''}"
        elif f"{module.removesuffix('out_proj')}in_proj_weight" in arrays and module.endswith("out_proj"):
            module, entry = module.removesuffix("out_proj").rstrip("."), f"out_proj.{entry}"
        if entry != "num_batches_tracked":
            modules.setdefault(module, {})[entry] = array
    return modules


def _misfits(layer: Any, module: Mapping[str, np.ndarray] | None, where: str) -> list[str]:
    """Return what of a module does not fit a layer; a bias may be missing, and a norm may have statistics."""
    if module is None:
        return []
    expected = {name: array.shape for name, array in entries(layer).items()}
    given = {name: array.shape for name, array in module.items()}
    if isinstance(layer, Scale | BatchNorm) and given.keys() >= STATISTICS:
        expected |= dict.fromkeys(STATISTICS, layer.scale.shape)
        given = {**dict.fromkeys(expected, layer.scale.shape), **given}
    given = {**{name: shape for name, shape in expected.items() if "bias" in name}, **given}
    return [] if given == expected else [f"{where}: expected {_shown(expected)}, got {_shown(given)}"]


def _shown(shapes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
