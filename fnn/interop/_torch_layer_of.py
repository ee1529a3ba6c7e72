"""What each module of PyTorch becomes: a function for each kind, and one more for each of your own.

layer_of : module, x -> layer          x is a sample of what the module takes, in the order of fnn's axes

The functions stand beside those of the way back: ``_torch_layers``, ``_torch_activations``, ``_torch_windows``,
``_torch_norms`` and ``_torch_sequences``.
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import nn

NOTHING = np.zeros(0)  # stands for the parameters of a layer that is about to be filled


class Unsupported(ValueError):
    """A module, or a setting of one, that no layer has; its message follows the module's name."""


@singledispatch
def layer_of(module: Any, x: Any) -> Any:
    """Return the layer that a module becomes; ``x`` is a sample of what it takes, in the order of fnn's axes.

    For a module of your own register a function:

    >>> from fnn import tanh
    >>> class Tanh(nn.Module):
    ...     def forward(self, x):
    ...         return torch.tanh(x)
    >>> @layer_of.register
    ... def layer_of_tanh(module: Tanh, x):
    ...     return tanh
    >>> layer_of(Tanh(), np.zeros((1, 3)))
    Tanh()
    """
    raise Unsupported("")


def state_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return the parameters and statistics of a module as NumPy's arrays; bfloat16, which NumPy lacks, as float32."""
    return {name: to_numpy(value) for name, value in module.state_dict().items() if torch.is_tensor(value)}


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def require(module: nn.Module, **settings: Any) -> None:
    """Raise ``Unsupported`` for the settings of a module that are not these."""
    others = [f"{name}={getattr(module, name)!r}" for name, value in settings.items() if getattr(module, name) != value]
    if others:
        raise Unsupported(f" with {', '.join(others)}")


def sizes(value: Any) -> Any:
    """Return the same number for every axis as that number, and different ones as a tuple."""
    several = tuple(value) if isinstance(value, tuple | list) else (value,)
    return several[0] if len(set(several)) == 1 else several
