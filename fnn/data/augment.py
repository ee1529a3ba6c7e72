"""More rows than there are: each batch is changed at random in ways that leave its labels true.

    augmentation : batch, key -> batch             batch is (x, ...); each makes its own numbers of the key

    augmented    : batches, key, augmentations, start? -> batches, the one of step k with the key of k
    random_shift : pixels       -> augmentation    random_crop  : height, width?   -> augmentation
    random_flip  : mode?        -> augmentation    cutout       : size, value?     -> augmentation
    random_noise : std          -> augmentation    mixup        : alpha?, classes? -> augmentation

Images are ``x`` (n, height, width, channels), and each is changed in a way of its own. What is not computed with keeps
its dtype; noise and mixing make float32 of integers. An augmentation of your own is any such function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, floats, is_tuple
from fnn.core._errors import describe, integer, number, positive
from fnn.core._members import rows_of, stack
from fnn.core.keys import Key, fold_in, normals, permutation, require_key, require_keys, uniforms
from fnn.data._labels import out_of_range, require_labels
from fnn.data._rows import Data
from fnn.data._units import finite, held

Augmentation = Callable[[Data, Key], Data]


def augmented(
    batches: Iterable[Any], key: Key | tuple[Key, ...], *augmentations: Augmentation, start: int = 0
) -> Iterator[Any]:
    """Return the stream of batches, each changed by the augmentations, one after the other.

    The i-th changes the batch of step k by ``fold_in(fold_in(key, k), i)``, so a run that is resumed at step k goes on
    to the bit: ``augmented(epochs(data, 32, key, start=k), noise_key, random_shift(2), start=k)``.

    Args:
        batches: such as ``epochs`` returns.
        key: for all that is random. A tuple of n keys is for batches of an ensemble, with an axis of n in front: those
            of member i are what its key makes of its batch alone.
        augmentations: functions ``(batch, key) -> batch``, such as ``random_shift(2)``.
        start: the step of the first batch.

    Raises ``TypeError`` for what is no iterable, no key or no function, ``ValueError`` without a key or for a negative
    start, and whatever the augmentations raise.

    >>> from fnn.data import epochs
    >>> data = np.arange(8.0).reshape(2, 2, 2, 1), np.array([0, 1])
    >>> one, other = augmented(epochs(data, 2, Key(0), epochs=2), Key(1), random_flip())
    >>> one[0][0, :, :, 0].tolist(), other[0][0, :, :, 0].tolist()
    ([[0.0, 1.0], [2.0, 3.0]], [[1.0, 0.0], [3.0, 2.0]])
    """
    try:
        stream = iter(batches)
    except TypeError:
        raise TypeError(f"augmented expects batches, say epochs(data, 32, key), got {describe(batches)}") from None
    for function in augmentations:
        if not callable(function):
            raise TypeError(f"augmented expects augmentations, say random_shift(2), got {describe(function)}")
    start = integer("augmented: start", start, 0)
    change: Callable[[Data, Any, int], Data]
    if is_tuple(key):
        keys, change = require_keys("augmented", key), partial(_each_changed, augmentations)
        return (change(batch, keys, step) for step, batch in zip(count(start), stream, strict=False))
    one, change = require_key("augmented", key), partial(_changed, augmentations)
    return (change(batch, one, step) for step, batch in zip(count(start), stream, strict=False))


def _changed(augmentations: tuple[Augmentation, ...], batch: Data, key: Key, step: int) -> Data:
    for i, function in enumerate(augmentations):
        batch = function(batch, fold_in(fold_in(key, step), i))
    return batch


def _each_changed(augmentations: tuple[Augmentation, ...], batch: Data, keys: tuple[Key, ...], step: int) -> Data:
    batches = rows_of(batch, len(keys))
    return stack([_changed(augmentations, each, key, step) for each, key in zip(batches, keys, strict=True)])


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
    return partial(_shift, integer("random_shift: pixels", pixels, 0), finite("random_shift: the value", value))


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


def random_noise(std: float) -> Augmentation:
    """Add values of a normal distribution of mean 0 and this standard deviation to each value of x (n, ...).

    Raises ``TypeError`` or ``ValueError`` unless it is a number, 0 or more.

    >>> x, target = random_noise(0.1)((np.zeros((1000, 2)), np.zeros(1000, int)), Key(0))
    >>> bool(abs(x.std() - 0.1) < 0.01)
    True
    """
    return partial(_noise, number("random_noise: std", std))


def _noise(std: float, batch: Data, key: Key) -> Data:
    x, *others = _parts("random_noise", batch)
    x = floats("random_noise", x)
    return (x + std * normals(key, x.shape)).astype(x.dtype), *others


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
    return partial(_cutout, integer("cutout: the size", size), finite("cutout: the value", value))


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


def mixup(alpha: float = 0.2, classes: int | None = None) -> Augmentation:
    """Mix each row with another one of the batch, x and target alike (Zhang et al., 2018).

    Row i becomes p x[i] + (1 - p) x[j], with j of a shuffle of the rows and p drawn from Beta(alpha, alpha) for each
    row. Labels become soft targets, which ``cross_entropy`` takes. Weights are mixed too, and a target by what its row
    weighs, so that the loss is p weight[i] loss[i] + (1 - p) weight[j] loss[j], where a loss is linear in the target.

    Args:
        alpha: above 0; the smaller, the closer is a mixture to one of its rows.
        classes: how many, for a target of labels; None for a target of floats, such as one-hot rows.

    Raises ``TypeError`` or ``ValueError`` for other settings, and for labels without ``classes`` or beyond them.

    >>> x, target = mixup(1.0, classes=2)((np.array([[0.0], [1.0]]), np.array([0, 1])), Key(1))
    >>> bool(np.allclose(x[:, 0], target[:, 1])), bool(np.allclose(target.sum(axis=1), 1.0))
    (True, True)
    """
    return partial(
        _mixup, positive("mixup: alpha", alpha), None if classes is None else integer("mixup: classes", classes)
    )


def _mixup(alpha: float, classes: int | None, batch: Data, key: Key) -> Data:
    x, target, *weights = _parts("mixup", batch, "(x, target)", 2)
    x = floats("mixup", x)
    target = as_array("mixup", target)
    if classes is not None:
        target = require_labels("mixup", target)
        if target.size and not (target.min() >= 0 and target.max() < classes):
            raise out_of_range("mixup", target, classes).placed(target.shape)
        target = (target[..., None] == np.arange(classes)).astype(x.dtype)
    elif target.dtype.kind != "f":
        raise TypeError(
            f"mixup expects a target of floats, got {describe(target)}; for labels write mixup(classes=...)"
        )
    n = len(x)
    other, p = permutation(fold_in(key, 0), n), _symmetric_beta(fold_in(key, 1), alpha, n)
    if not weights:
        return _mixed(x, other, p), _mixed(target, other, p)
    weight = floats("mixup", weights[0])
    if weight.ndim != 1:
        raise ValueError(f"mixup expects a weight for each row, ({n},), got {weight.shape}")
    mixed = _mixed(weight, other, p)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = p * weight / mixed
    return _mixed(x, other, p), _mixed(target, other, np.where(mixed > 0, part, p)), mixed


def _mixed(values: np.ndarray, other: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = p.reshape(-1, *[1] * (values.ndim - 1))
    return (p * values + (1 - p) * values[other]).astype(values.dtype)


def _symmetric_beta(key: Key, alpha: float, n: int) -> np.ndarray:
    """Draw from Beta(alpha, alpha), float64 (n,): 1/2 + t / (2 sqrt(t**2 + 2 alpha)), t of Student's with 2 alpha.

    Student's t is sqrt(2 alpha (u**(-1 / alpha) - 1)) cos(2 pi v) (Bailey, 1994), here without what overflows in it.
    """
    u, v = uniforms(key, (n, 2)).T
    small, cosine = (1 - u) ** (1 / alpha), np.cos(2 * np.pi * v)
    square = (1 - small) * cosine**2
    return 0.5 + 0.5 * np.sign(cosine) * np.sqrt(square / (small + square))


def _integers(key: Key, n: int, *many: int) -> np.ndarray:
    """Draw integers (len(many), n), those of the i-th row from 0 to below ``many[i]``."""
    return np.floor(uniforms(key, (n, len(many))) * many).astype(np.int64).T


def _windows(x: np.ndarray, corner: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a window of each image, whose upper left corner is at ``corner`` (2, n)."""
    top, left = corner
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    return x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _parts(caller: str, batch: Any, wanted: str = "(x, ...)", least: int = 1) -> Data:
    if not is_tuple(batch) or not least <= len(batch) <= 3:
        raise TypeError(f"{caller} expects a batch as a tuple, {wanted}, got {describe(batch)}")
    return batch


def _images(caller: str, batch: Any) -> Data:
    """Return a batch whose x is images, or raise in the name of ``caller``."""
    x, *others = _parts(caller, batch)
    x = as_array(caller, x)
    if x.ndim != 4:
        side = round(x.shape[1] ** 0.5) if x.ndim == 2 else 0
        hint = f"; write x.reshape(-1, {side}, {side}, 1)" if side and side**2 == x.shape[1] else ""
        hint = "; write x[..., None]" if x.ndim == 3 else hint
        raise ValueError(f"{caller} expects images (n, height, width, channels), got {x.shape}{hint}")
    return x, *others
