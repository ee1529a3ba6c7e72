"""What each layer becomes in PyTorch: a function for each kind, and one more for each of your own.

module_of : layer -> module, for a layer to which the order of the axes does not matter
loaded    : a kind of module, its settings, layer -> a module with the layer's parameters

The functions stand beside those of the way back, a family a file, as ``_torch_layer_of`` says.
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import numpy as np
import torch
from torch import nn

from fnn.interop._weights import entries


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


def loaded(make: Callable[..., nn.Module], *settings: Any, layer: Any, **named: Any) -> Any:
    """Return a module with the parameters of a layer; PyTorch's generator of random numbers is left alone."""
    return filled_module(partial(make, *settings, **named), entries(layer))


def filled_module(make: Callable[..., nn.Module], state: dict[str, np.ndarray]) -> Any:
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    module = make(dtype=next(iter(tensors.values())).dtype, device="meta").to_empty(device="cpu")
    module.load_state_dict(tensors)
    return module
