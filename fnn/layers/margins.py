"""Cells around an image or a sequence are added or taken away; the channels stay.

    pad  : width, value -> layer          Pad  : x (n, height, width, channels) -> y, larger
    crop : width -> layer                 Crop : x (n, height, width, channels) -> y, smaller

Sequences (n, time, features) have one axis, volumes three. Of (x, lengths) each row is padded or cropped as if alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, unshared
from fnn.core._errors import LayerValueError, finite_number
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import each_alone
from fnn.layers._windows import AXES, Margins, expected_images, sides_of, with_margins

Width = int | tuple[int | tuple[int, int], ...]


def _width(what: str, width: Any) -> Width:
    sides_of(what, width)
    return width


class Pad(Record):
    """y = x with cells of one value around it."""

    width: Width = attrs.field(converter=partial(_width, "pad: width"))
    value: float = attrs.field(default=0.0, converter=partial(finite_number, "pad: value"))


class Crop(Record):
    """y = x without the cells at its edges; of a sequence that is too short nothing is left."""

    width: Width = attrs.field(converter=partial(_width, "crop: width"))


@vjp.register
@each_alone
def pad_vjp(layer: Pad, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, margins = _read("pad", x, layer.width)

    def pad_pullback(dy):
        return layer, lambda: dy[_inside(margins, dy.shape)]

    return unshared(with_margins(x, margins, layer.value)), pad_pullback


@vjp.register
@each_alone
def crop_vjp(layer: Crop, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, margins = _read("crop", x, layer.width)
    inside = _inside(margins, x.shape)
    y = x[inside].copy()
    if y.ndim > 3 and 0 in y.shape[1:]:
        raise LayerValueError("crop", f"expects images larger than what is taken off, got {x.shape}")

    def crop_pullback(dy):
        def dx():
            zeros = np.zeros(x.shape, dy.dtype)
            zeros[inside] = dy
            return zeros

        return layer, dx

    return y, crop_pullback


def _read(caller: str, x: Any, width: Width) -> tuple[np.ndarray, Margins]:
    x = floats(caller, x)
    axes = len(width) if isinstance(width, tuple) else x.ndim - 2
    if x.ndim != axes + 2 or axes not in AXES:
        raise expected_images(caller, x, axes if axes in AXES else 2)
    return x, sides_of(f"{caller}: width", width, axes)


def _inside(margins: Margins, shape: tuple[int, ...]) -> tuple[slice, ...]:
    cells = zip(margins, shape[1:-1], strict=True)
    return slice(None), *[slice(before, max(n - after, before)) for (before, after), n in cells]


def pad(width: Width, value: float = 0.0) -> Pad:
    """Construct the layer that puts cells around an image or a sequence.

    Args:
        width: how many, an integer, or for each axis one or a pair (before, after).
        value: what they are.

    Raises ``TypeError`` or ``ValueError`` for a setting that makes no sense.

    >>> pad(((1, 0),))(np.ones((1, 2, 1))).ravel()
    array([0., 1., 1.])
    """
    return Pad(width, value)


def crop(width: Width) -> Crop:
    """Construct the layer that takes cells off the edges of an image or a sequence.

    ``width`` is how many, an integer, or for each axis one or a pair (before, after). Raises ``TypeError`` or
    ``ValueError`` for anything else.

    >>> crop(1)(np.arange(4.0).reshape(1, 4, 1)).ravel()
    array([1., 2.])
    """
    return Crop(width)
