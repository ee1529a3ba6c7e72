"""Images changed at random, each in a way of its own, that leave their labels true.

    random_shift : pixels         -> augmentation      random_crop : height, width? -> augmentation
    random_flip  : mode?          -> augmentation      cutout      : size, value?   -> augmentation

Each is ``batch, key -> batch``, where x of the batch is (n, height, width, channels) and keeps its dtype.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe, finite_number, integer
from fnn.core.keys import Key, uniforms
from fnn.data._rows import Data
from fnn.data._units import held
from fnn.data.augment import Augmentation, parts_of


def random_shift(pixels: int, value: float = 0.0) -> Augmentation:
    """Move each image by up to so many pixels, up or down and left or right, each way as likely as another.

    Args:
        pixels: how far at most, 0 or more.
        value: of the pixels that come into the image.

    Raises ``TypeError`` or ``ValueError`` for anything else.

    >>> (x,) = random_shift(1)((np.ones((2, 3, 3, 1), int),), Key(0))
    >>> x[0, :, :, 0].tolist(), x[1, :, :, 0].tolist()
    ([[0, 1, 1], [0, 1, 1], [0, 1, 1]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    """
    return partial(_shift, integer("random_shift: pixels", pixels, 0), finite_number("random_shift: the value", value))


def _shift(pixels: int, value: float, batch: Data, key: Key) -> Data:
    x, *others = _images("random_shift", batch)
    n, height, width, _ = x.shape
    margin = (0, 0), (pixels, pixels), (pixels, pixels), (0, 0)
    around = np.pad(x, margin, constant_values=held("random_shift", value, x.dtype))
    return _windows(around, _integers(key, n, 2 * pixels + 1, 2 * pixels + 1), height, width), *others


def random_crop(height: int, width: int | None = None) -> Augmentation:
    """Cut a window of height and width (as much as the height if None) out of each image, anywhere in it.

    The network then learns images of that size; to evaluate it, crop their middle.

    Raises ``TypeError`` or ``ValueError`` for what are no sizes, and images that are smaller.

    >>> (x,) = random_crop(2)((np.arange(9).reshape(1, 3, 3, 1),), Key(0))
    >>> x[0, :, :, 0]
    array([[3, 4],
           [6, 7]])
    """
    height = integer("random_crop: the height", height)
    return partial(_crop, height, height if width is None else integer("random_crop: the width", width))


def _crop(height: int, width: int, batch: Data, key: Key) -> Data:
    x, *others = _images("random_crop", batch)
    n, tall, wide, _ = x.shape
    if height > tall or width > wide:
        raise ValueError(f"random_crop: a window of {height} by {width} does not fit into images of {tall} by {wide}")
    return _windows(x, _integers(key, n, tall - height + 1, wide - width + 1), height, width), *others


def random_flip(mode: str = "horizontal") -> Augmentation:
    """Mirror each image with probability 1/2: "horizontal" swaps left and right, "vertical" top and bottom.

    For data whose mirror images have the same label: cats, not digits.

    Raises ``ValueError`` for another mode.

    >>> (x,) = random_flip()((np.arange(4).reshape(2, 1, 2, 1),), Key(0))
    >>> x.reshape(2, 2)
    array([[0, 1],
           [3, 2]])
    """
    if not isinstance(mode, str) or mode not in ("horizontal", "vertical"):
        kind = ValueError if isinstance(mode, str) else TypeError
        raise kind(f'random_flip: mode must be "horizontal" or "vertical", got {describe(mode)}')
    return partial(_flip, 2 if mode == "horizontal" else 1)


def _flip(axis: int, batch: Data, key: Key) -> Data:
    x, *others = _images("random_flip", batch)
    mirrored = uniforms(key, len(x)) < 0.5
    return np.where(mirrored[:, None, None, None], np.flip(x, axis), x), *others


def cutout(size: int, value: float = 0.0) -> Augmentation:
    """Blot out a square of each image, of size by size pixels, its center anywhere in it (DeVries and Taylor, 2017).

    Args:
        size: of the square, which may lie partly outside.
        value: of its pixels.

    Raises ``TypeError`` or ``ValueError`` for anything else.

    >>> (x,) = cutout(2)((np.ones((1, 3, 3, 1), int),), Key(5))
    >>> x[0, :, :, 0]
    array([[1, 1, 1],
           [1, 0, 0],
           [1, 0, 0]])
    """
    return partial(_cutout, integer("cutout: the size", size), finite_number("cutout: the value", value))


def _cutout(size: int, value: float, batch: Data, key: Key) -> Data:
    x, *others = _images("cutout", batch)
    n, height, width, _ = x.shape
    center = _integers(key, n, height, width)
    down, across = (
        (np.arange(many) >= place[:, None] - size // 2) & (np.arange(many) < place[:, None] - size // 2 + size)
        for many, place in zip((height, width), center, strict=True)
    )
    inside = down[:, :, None, None] & across[:, None, :, None]
    return np.where(inside, held("cutout", value, x.dtype), x), *others


def _integers(key: Key, n: int, *many: int) -> np.ndarray:
    """Draw integers (len(many), n), those of the i-th row from 0 to below ``many[i]``."""
    return np.floor(uniforms(key, (n, len(many))) * many).astype(np.int64).T


def _windows(x: np.ndarray, corner: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a window of each image, whose upper left corner is at ``corner`` (2, n)."""
    top, left = corner
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    return x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _images(caller: str, batch: Any) -> Data:
    """Return a batch whose x is images, or raise in the name of ``caller``."""
    x, *others = parts_of(caller, batch)
    x = as_array(caller, x)
    if x.ndim != 4:
        side = round(x.shape[1] ** 0.5) if x.ndim == 2 else 0
        hint = f"; write x.reshape(-1, {side}, {side}, 1)" if side and side**2 == x.shape[1] else ""
        hint = "; write x[..., None]" if x.ndim == 3 else hint
        hint = "; write x[None] for a single image" if x.ndim == 3 and x.shape[-1] in (1, 3, 4) else hint
        raise ValueError(f"{caller} expects images (n, height, width, channels), got {x.shape}{hint}")
    return x, *others
