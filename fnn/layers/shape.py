"""Layers that change axes alone: the values stay, and rows stay rows.

reshape : shape -> layer          Reshape : x (n, ...) -> (n, *shape)
                                  flatten : x (n, ...) -> (n, k); flatten(start=2) : x (n, m, ...) -> (n, m, k)
permute : order -> layer          Permute : x -> y, its axes in another order
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, unshared
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import is_pair, over_time


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
    """y = x with the axes from ``start`` on as one: from 1, each row as a vector.

    >>> flatten(start=2)(np.zeros((5, 4, 3, 2))).shape
    (5, 4, 6)
    """

    start: int = attrs.field(default=1, converter=partial(integer, "flatten: start"))


@vjp.register
def reshape_vjp(layer: Reshape, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _rearranged(layer, "reshape", _whole("reshape", x), layer.shape)


@vjp.register
def flatten_vjp(layer: Flatten, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if layer.start > 1 and is_pair(x):
        return over_time(flatten_vjp)(layer, x)
    x = _whole("flatten", x)
    if x.ndim < layer.start:
        raise LayerValueError("flatten", f"expects rows of at least {layer.start} axes, got {x.shape}")
    return _rearranged(layer, "flatten", x, (*x.shape[1 : layer.start], math.prod(x.shape[layer.start :])))


def _whole(caller: str, x: Any) -> np.ndarray:
    """Return ``x`` as floats, or raise in the name of ``caller`` if it comes with lengths."""
    if is_pair(x):
        hint = "put last_step or global_avg_pool before it, or pick(0), which drops the lengths"
        raise LayerTypeError(caller, f"does not keep steps apart, and takes no lengths; {hint}")
    return floats(caller, x)


def _rearranged(
    layer: Reshape | Flatten, caller: str, x: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, Pullback]:
    """Evaluate on rows of this shape."""
    if x.ndim == 0 or math.prod(x.shape[1:]) != math.prod(shape):
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


def _order(order: Any) -> tuple[int, ...]:
    if not isinstance(order, tuple):
        raise TypeError(f"permute: the order must be a tuple of axes, got {describe(order)}; write permute((0, 2, 1))")
    axes = tuple([integer("permute: each axis of the order", axis, minimum=0) for axis in order])
    if sorted(axes) != list(range(len(axes))):
        raise ValueError(f"permute: the order must have each axis once, counted from 0, got {order}")
    return axes


class Permute(Record):
    """y = x with its axes in this order: axis i of y is axis ``order[i]`` of x, as in ``np.transpose``."""

    order: tuple[int, ...] = attrs.field(converter=_order)


@vjp.register
def permute_vjp(layer: Permute, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("permute", x)
    if x.ndim != len(layer.order):
        raise LayerValueError("permute", f"expects {len(layer.order)} axes, got {x.shape}")

    def permute_pullback(dy):
        return layer, lambda: dy.transpose(np.argsort(layer.order))

    return unshared(x).transpose(layer.order), permute_pullback


def permute(order: tuple[int, ...]) -> Permute:
    """Construct the layer that puts the axes in another order; rows stay rows where it begins with 0.

    ``permute((0, 3, 1, 2))`` makes (n, channels, height, width) of images, ``permute((0, 2, 3, 1))`` images of these.
    Raises ``TypeError`` or ``ValueError`` unless it is a tuple with each axis once.

    >>> permute((0, 3, 1, 2))(np.zeros((5, 28, 14, 3))).shape
    (5, 3, 28, 14)
    """
    return Permute(order)
