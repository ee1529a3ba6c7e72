"""Layers that change axes alone: the values stay, and rows stay rows.

reshape : shape -> layer          Reshape : x (n, ...) -> (n, *shape)
                                  flatten : x (n, ...) -> (n, k)
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, unshared
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import is_pair


def _row(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple):
        raise TypeError(
            f"reshape expects the shape of a row as a tuple, got {describe(shape)}; write reshape((28, 28, 1))"
        )
    return tuple([integer("reshape: each axis of a row", n) for n in shape])


class Reshape(Record):
    """y = x with rows of this shape, in C order (the last index runs fastest)."""

    shape: tuple[int, ...] = attrs.field(converter=_row)


class Flatten(Record):
    """y = x with each row as a vector."""


@vjp.register
def reshape_vjp(layer: Reshape, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _rearranged(layer, "reshape", x, layer.shape)


@vjp.register
def flatten_vjp(layer: Flatten, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _rearranged(layer, "flatten", x, None)


def _rearranged(
    layer: Reshape | Flatten, caller: str, x: Any, shape: tuple[int, ...] | None
) -> tuple[np.ndarray, Pullback]:
    """Evaluate on rows of this shape, which is None for vectors."""
    if is_pair(x):
        hint = "put last_step or global_avg_pool before it, or pick(0), which drops the lengths"
        raise LayerTypeError(caller, f"does not keep steps apart, and takes no lengths; {hint}")
    x = floats(caller, x)
    size = math.prod(x.shape[1:])
    shape = (size,) if shape is None else shape
    if x.ndim == 0 or size != math.prod(shape):
        raise LayerValueError(caller, f"expects rows of {math.prod(shape)} numbers, got {x.shape}")

    def rearranging_pullback(dy):
        return layer, lambda: dy.reshape(x.shape)

    return unshared(x).reshape(x.shape[0], *shape), rearranging_pullback


flatten: Flatten = Flatten()


def reshape(shape: tuple[int, ...]) -> Reshape:
    """Construct the layer that gives rows this shape, say (28, 28, 1) for images of height, width and channels.

    Raises ``TypeError`` or ``ValueError`` unless it is a tuple of positive integers.

    >>> reshape((2, 3))(np.zeros((5, 6))).shape
    (5, 2, 3)
    """
    return Reshape(shape)
