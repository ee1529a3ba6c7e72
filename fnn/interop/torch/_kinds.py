"""What each kind of module becomes here, and each kind of layer there: a function for each, and for each of your own.

layer_of  : module, x -> layer         x is a sample of what the module takes, in the order of fnn's axes
module_of : layer -> module            for a layer to which the order of the axes does not matter
same      : a kind of module, a kind of layer, settings -> both functions at once, where nothing else differs
loaded    : a kind of module, its settings, layer -> a module with the layer's parameters
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import numpy as np
import torch
from torch import nn

from fnn.core.record import Record
from fnn.interop._weights import entries

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


@singledispatch
def module_of(layer: Any) -> nn.Module:
    """Return the module that a layer becomes, one to which the order of the axes does not matter.

    For a layer of your own register a function:

    >>> from fnn import Record
    >>> class Square(Record):
    ...     pass
    >>> class TorchSquare(nn.Module):
    ...     def forward(self, x):
    ...         return x * x
    >>> @module_of.register
    ... def module_of_square(layer: Square):
    ...     return TorchSquare()
    >>> module_of(Square())
    TorchSquare()
    """
    raise NotImplementedError


def same(module_kind: type[nn.Module], layer_kind: type[Record], **settings: str) -> None:
    """Register both ways for a module and a layer without parameters that compute the same.

    Args:
        module_kind: the module's type.
        layer_kind: the layer's.
        settings: by the layer's names for them, those of the module.
    """

    def layer_of_same(module: Any, x: Any) -> Record:
        return layer_kind(**{ours: getattr(module, theirs) for ours, theirs in settings.items()})

    def module_of_same(layer: Any) -> nn.Module:
        return module_kind(**{theirs: getattr(layer, ours) for ours, theirs in settings.items()})

    layer_of.register(module_kind)(layer_of_same)
    module_of.register(layer_kind)(module_of_same)


def loaded(make: Callable[..., nn.Module], *settings: Any, layer: Any, **named: Any) -> Any:
    """Return a module with the parameters of a layer; PyTorch's generator of random numbers is left alone."""
    return filled_module(partial(make, *settings, **named), entries(layer))


def filled_module(make: Callable[..., nn.Module], state: dict[str, np.ndarray]) -> Any:
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    module = make(dtype=next(iter(tensors.values())).dtype, device="meta").to_empty(device="cpu")
    module.load_state_dict(tensors)
    return module


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
