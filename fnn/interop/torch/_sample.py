"""A batch on its way from PyTorch: as fnn has it and as PyTorch has it, and how the axes of the one lie in the other.

sample_of : module, x -> Sample, from an array in the order of axes of fnn, or a tensor in the module's own
as_ours   : Sample -> our arrays, from theirs
joined    : several samples -> one of them all
close_to  : two arrays -> whether they are the same, to rounding
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import torch
from torch import nn

from fnn.core import tree
from fnn.core._errors import describe
from fnn.interop.torch import _own as own
from fnn.interop.torch._kinds import to_numpy
from fnn.interop.torch._windows import WINDOWS

RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)
CHANNELS_FIRST = (
    *WINDOWS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
    nn.InstanceNorm3d, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, own.ChannelsLast, own.Scale,
)  # fmt: skip
CHANNELS_LAST = (
    *RECURRENT, nn.Linear, nn.MultiheadAttention, nn.LayerNorm, nn.RMSNorm, nn.Embedding, own.ChannelsFirst,
    own.Positional, own.LastStep,
)  # fmt: skip
TOLERANCE = 1e-3  # between layers and modules, relative to the largest value: what is wrong is much further away
NARROW = 5e-2  # the same where PyTorch computes in bfloat16 or float16


@attrs.frozen
class Sample:
    """A batch on its way: as fnn has it, as PyTorch has it, and how the axes of the one lie in the other.

    ``axes`` is "same", "channels" if PyTorch has them first, or "time" if it has time first. ``order`` is, for rows
    that were flattened from channels, where in theirs the features of ours are.
    """

    ours: Any
    theirs: Any
    axes: str = "same"
    order: np.ndarray | None = None


def sample_of(module: nn.Module, x: Any) -> Sample:
    """Return a sample from arrays in the order of axes of fnn, or from tensors in the module's own."""
    parts: tuple[Any, ...] = x if isinstance(x, tuple) else (x,)
    if not parts or not all(isinstance(part, np.ndarray | torch.Tensor) for part in parts):
        raise TypeError(f"from_torch expects a sample as an array or a tensor, got {describe(x)}")
    axes = _axes(module, max(part.ndim for part in parts))
    dtype = next((each.dtype for each in module.parameters() if each.is_floating_point()), None)
    theirs = mapped(lambda part: _as_theirs(part, axes, dtype), x)
    return Sample(as_ours(Sample(None, theirs, axes)), theirs, axes)


def _axes(module: nn.Module, rank: int) -> str:
    """Return how the axes of what a module takes lie, as its first part shows to which that matters."""
    parts = [part for part in module.modules() if isinstance(part, CHANNELS_FIRST + CHANNELS_LAST)]
    parts = [part for part in parts if len(getattr(part, "normalized_shape", (1,))) == 1]  # else it may be either
    if any(getattr(part, "batch_first", True) is False for part in parts):
        return "time"
    flattened = rank > 3 and any(isinstance(part, nn.Flatten) for part in module.modules())
    if rank > 2 and (isinstance(parts[0], CHANNELS_FIRST) if parts and not flattened else rank > 3):
        return "channels"
    return "same"


def _as_theirs(part: Any, axes: str, dtype: torch.dtype | None) -> torch.Tensor:
    if isinstance(part, np.ndarray):
        if axes == "channels" and part.ndim > 2:
            part = np.moveaxis(part, -1, 1)
        if axes == "time" and part.ndim > 1:
            part = part.swapaxes(0, 1)
        part = torch.from_numpy(np.array(part, order="C"))
    return part.detach().to(dtype) if part.is_floating_point() and dtype is not None else part.detach()


def as_ours(sample: Sample) -> Any:
    def turned(theirs: torch.Tensor) -> np.ndarray:
        array = to_numpy(theirs)
        if sample.order is not None:
            return array[:, sample.order]
        if sample.axes == "channels" and array.ndim > 2:
            return np.moveaxis(array, 1, -1)
        return array.swapaxes(0, 1) if sample.axes == "time" and array.ndim > 1 else array

    return mapped(turned, sample.theirs)


def mapped(function: Any, parts: Any) -> Any:
    return tuple([mapped(function, part) for part in parts]) if isinstance(parts, tuple) else function(parts)


def joined(samples: list[Any]) -> Any:
    """Return several samples as one, in the order of axes of the first; one as it is."""
    if len(samples) == 1:
        return samples[0]
    ours, theirs = (tuple([getattr(each, name) for each in samples]) for name in ("ours", "theirs"))
    return attrs.evolve(samples[0], ours=ours, theirs=theirs)


def leaves(parts: Any) -> list[np.ndarray]:
    return tree.leaves(mapped(lambda part: to_numpy(part) if torch.is_tensor(part) else part, (parts,)))


def is_narrow(parts: Any) -> bool:
    return any(map(is_narrow, parts)) if isinstance(parts, tuple) else parts.dtype in (torch.bfloat16, torch.float16)


def close_to(ours: np.ndarray, theirs: np.ndarray, tolerance: float = TOLERANCE) -> bool:
    if ours.shape != theirs.shape:
        return False
    size = max(float(np.abs(theirs).max(initial=0)), 1e-30)
    return bool((np.abs(ours - theirs) <= tolerance * size).all() or np.array_equal(ours, theirs, equal_nan=True))
