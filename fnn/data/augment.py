"""More rows than there are: each batch is changed at random in ways that leave its labels true.

    augmentation : batch, key -> batch       batch is (x, ...), and is not written to

    augmented    : batches, key, augmentations, start? -> batches, the one of step k with the key of k
    random_noise : std                                 -> augmentation
    mixup        : alpha?, classes?                    -> augmentation

Noise and mixing make float32 of integers. Those of images are in ``images``, and an augmentation of your own is any
such function.
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

    >>> from fnn.data import epochs, random_flip
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


def random_noise(std: float) -> Augmentation:
    """Add values of a normal distribution of mean 0 and this standard deviation to each value of x (n, ...).

    Raises ``TypeError`` or ``ValueError`` unless it is a number, 0 or more.

    >>> x, target = random_noise(0.1)((np.zeros((1000, 2)), np.zeros(1000, int)), Key(0))
    >>> bool(abs(x.std() - 0.1) < 0.01)
    True
    """
    return partial(_noise, number("random_noise: std", std))


def _noise(std: float, batch: Data, key: Key) -> Data:
    x, *others = parts_of("random_noise", batch)
    x = floats("random_noise", x)
    return (x + std * normals(key, x.shape)).astype(x.dtype), *others


def mixup(alpha: float = 0.2, classes: int | None = None) -> Augmentation:
    """Mix each row with another one of the batch, x (n, ...) and target (n, ...) alike (Zhang et al., 2018).

    Row i becomes p x[i] + (1 - p) x[j], with j of a shuffle of the rows and p drawn from Beta(alpha, alpha) for each
    row. Labels (n,) become soft targets (n, classes), which ``cross_entropy`` takes. Weights (n,) are mixed too, and a
    target by what its row weighs, so that the loss is p weight[i] loss[i] + (1 - p) weight[j] loss[j], where it is
    linear in the target.

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
    x, target, *weights = parts_of("mixup", batch, "(x, target)", 2)
    x = floats("mixup", x)
    target = as_array("mixup", target)
    if not x.ndim or target.shape[:1] != x.shape[:1]:  # a single row would be mixed with any number
        raise ValueError(f"mixup expects x and target with the same rows, got {x.shape} and {target.shape}")
    if classes is not None:
        target = require_labels("mixup", target)
        if target.size and not (target.min() >= 0 and target.max() < classes):
            raise out_of_range("mixup", target, classes).placed(target.shape)
        target = (target[..., None] == np.arange(classes)).astype(x.dtype)
    elif target.dtype.kind != "f":
        hint = "for labels write mixup(classes=...)" if target.ndim < 2 else "write target.astype(np.float32)"
        raise TypeError(f"mixup expects a target of floats, got {describe(target)}; {hint}")
    n = len(x)
    other, p = permutation(fold_in(key, 0), n), _symmetric_beta(fold_in(key, 1), alpha, n)
    if not weights or weights[0] is None:
        return _mixed(x, other, p), _mixed(target, other, p), *weights
    weight = floats("mixup", weights[0])
    if weight.shape != (n,):
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


def parts_of(caller: str, batch: Any, wanted: str = "(x, ...)", least: int = 1) -> Data:
    """Return a batch, or raise in the name of ``caller`` unless it is a tuple of at least so many parts.

    >>> parts_of("random_flip", (np.zeros(2),))
    (array([0., 0.]),)
    """
    if not is_tuple(batch) or not least <= len(batch) <= 3:
        raise TypeError(f"{caller} expects a batch as a tuple, {wanted}, got {describe(batch)}")
    return batch
