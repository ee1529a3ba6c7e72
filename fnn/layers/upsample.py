"""Upsampling makes an image larger without weights: each cell is repeated, or values between cells are read off lines.

upsample : size, method -> layer          Upsample : x (n, height, width, channels) -> y (n, rows, columns, channels)

Sequences (n, time, features) have one axis, volumes three; of (x, lengths) each row is made longer as if it were alone.
"""

from __future__ import annotations

from functools import lru_cache, partial, reduce
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import each_alone
from fnn.layers._windows import Sizes, axes_of, checked_sizes, per_axis


def _method(value: Any) -> str:
    if value not in ("nearest", "linear"):
        raise ValueError(f"upsample: method must be 'nearest' or 'linear', got {describe(value)}")
    return value


class Upsample(Record):
    """y = x with ``size`` times as many cells along each axis.

    "nearest" repeats each cell. "linear" takes a cell to stand at its middle, and beyond the first and the last one
    the values stay, as in PyTorch with ``align_corners=False``; over two axes this is called bilinear.
    """

    size: Sizes = attrs.field(default=2, converter=partial(checked_sizes, "upsample: size"))
    method: str = attrs.field(default="nearest", converter=_method)


@vjp.register
@each_alone
def upsample_vjp(layer: Upsample, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("upsample", x)
    axes = axes_of("upsample", layer.size, x)
    if 0 in x.shape[1:-1]:
        raise LayerValueError("upsample", f"expects images with at least one cell, got {x.shape}")
    matrix = _repeated if layer.method == "nearest" else _between
    sizes = per_axis("upsample: size", layer.size, axes)
    matrices = [matrix(n, size, x.dtype) for n, size in zip(x.shape[1:-1], sizes, strict=True)]

    def upsample_pullback(dy):
        return layer, lambda: reduce(_along, enumerate([each.T for each in matrices], 1), dy)

    if layer.method == "nearest":  # what is not finite stays where it is
        return reduce(lambda y, axis: y.repeat(sizes[axis - 1], axis), range(1, axes + 1), x), upsample_pullback
    return reduce(_along, enumerate(matrices, 1), x), upsample_pullback


def _along(x: np.ndarray, place: tuple[int, np.ndarray]) -> np.ndarray:
    """Return the product of a matrix with x along an axis."""
    axis, matrix = place
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)


@lru_cache(maxsize=64)
def _repeated(n: int, size: int, dtype: np.dtype[Any]) -> np.ndarray:
    return read_only(np.eye(n, dtype=dtype).repeat(size, axis=0))


@lru_cache(maxsize=64)
def _between(n: int, size: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return how much of each cell (n,) is in each of the new ones (n * size, n)."""
    place = np.clip((np.arange(n * size) + 0.5) / size - 0.5, 0, n - 1)
    return read_only(np.maximum(1 - np.abs(place[:, None] - np.arange(n)), 0).astype(dtype))


def upsample(size: Sizes = 2, method: str = "nearest") -> Upsample:
    """Construct the layer that makes images or sequences ``size`` times as large.

    Args:
        size: an integer, or one for each axis.
        method: "nearest" or "linear".

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> x = np.array([[[0.0], [4.0]]])
    >>> upsample(2)(x).ravel(), upsample(2, "linear")(x).ravel()
    (array([0., 0., 4., 4.]), array([0., 1., 3., 4.]))
    """
    return Upsample(size, method)
