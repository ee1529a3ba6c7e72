"""Before training: set rows aside for testing, scale inputs, spell out labels.

train_test_split : data, fraction, key, stratify? -> train, test
one_hot          : labels (n,), classes -> (n, classes)
standardize      : x, like? -> x with mean 0 and deviation 1 in each column
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import as_array, floats
from fnn.core._errors import describe, integer, number
from fnn.core._structure import walk
from fnn.core.keys import Key, permutation, require_key
from fnn.data._rows import Data, require_rows, take_rows


def train_test_split(data: Any, fraction: float, key: Key, *, stratify: np.ndarray | None = None) -> tuple[Data, Data]:
    """Shuffle the rows and set ``fraction`` of them aside: ``(train, test)``, with rows still belonging together.

    With ``stratify``, labels (n,), both sides have each class in its share, as nearly as whole rows allow: of m rows
    floor(fraction m) are set aside, and the rows then lacking in the total of round(fraction n) are one each from the
    classes with the largest remainders, lower labels first where these are equal.

    Raises ``ValueError`` for NaN or infinity, lengths that differ, a side without rows, or a class of a single row,
    which cannot be on both sides.

    >>> x = np.arange(5)
    >>> (train, _), (test, _) = train_test_split((x, x), 0.2, Key(0))
    >>> train, test
    (array([3, 2, 1, 0]), array([4]))
    >>> label = np.repeat([0, 1], [80, 20])
    >>> _, (test,) = train_test_split((label,), 0.1, Key(0), stratify=label)
    >>> np.bincount(test)
    array([8, 2])
    """
    data, n = require_rows("train_test_split", data)
    for path, array in walk(data):
        bad = np.flatnonzero(~np.isfinite(array).reshape(n, -1).all(axis=1))
        if bad.size:
            raise ValueError(
                f"train_test_split: data{path} holds NaN or infinity in {bad.size} rows, the first is row {bad[0]}; "
                "take them out first"
            )
    require_key("train_test_split", key)
    fraction = number("train_test_split: the fraction", fraction, below=1)
    held_out = round(fraction * n)
    if not 0 < held_out < n:
        side, other = ("testing", "larger") if held_out == 0 else ("training", "smaller")
        raise ValueError(
            f"train_test_split: {fraction} of {n} rows leaves none for {side}; write a {other} fraction, or more rows"
        )
    order = permutation(key, n)
    if stratify is None:
        return take_rows(data, order[: n - held_out]), take_rows(data, order[n - held_out :])
    aside = _set_aside(_classes(stratify, n)[order], fraction, held_out)
    return take_rows(data, order[~aside]), take_rows(data, order[aside])


def _classes(labels: Any, n: int) -> np.ndarray:
    """Give each label as the number of its class, from 0."""
    labels = as_array("train_test_split", labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"train_test_split: stratify must be labels, integers, got {describe(labels)}")
    if labels.shape != (n,):
        hint = "; write labels.argmax(axis=1)" if labels.ndim == 2 and len(labels) == n else ""
        raise ValueError(f"train_test_split: stratify must be one label a row, {(n,)}, got {labels.shape}{hint}")
    labels, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    single = labels[counts == 1]
    if single.size:
        raise ValueError(
            f"train_test_split: class {single[0]} of stratify has a single row, which cannot be on both sides; "
            f"leave out or merge such classes, there {'is 1' if single.size == 1 else f'are {single.size}'}"
        )
    return classes


def _set_aside(classes: np.ndarray, fraction: float, total: int) -> np.ndarray:
    """Give the mask that picks from each class its share of the total, its last rows."""
    counts = np.bincount(classes)
    shares = fraction * counts
    chosen = np.floor(shares).astype(np.int64)
    largest_first = np.argsort(chosen - shares, kind="stable")
    chosen[largest_first[: total - chosen.sum()]] += 1
    # Class by class, the rows of each in their order: those from the place counts - chosen on are set aside.
    place = np.arange(classes.size) - np.repeat(np.cumsum(counts) - counts, counts)
    aside = np.empty(classes.size, bool)
    aside[np.argsort(classes, kind="stable")] = place >= np.repeat(counts - chosen, counts)
    return aside


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Give each label as a row of zeros with a one at its place, float32.

    Raises ``TypeError`` for labels that are not integers, ``ValueError`` for any outside 0 to classes - 1.

    >>> one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels, classes = as_array("one_hot", labels), integer("one_hot: classes", classes)
    if labels.dtype.kind not in "iu":
        hint = "labels.astype(int)" if labels.dtype.kind == "f" else "np.unique(labels, return_inverse=True)[1]"
        raise TypeError(f"one_hot expects integers, got {describe(labels)}; write {hint}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"one_hot expects labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    return (labels[..., None] == np.arange(classes)).astype(np.float32)


def standardize(x: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Give (x - mean) / deviation, column by column; a column that is constant becomes 0.

    Mean and deviation are those of ``like``, or of ``x`` itself: a test set is scaled as its training set was,
    ``standardize(test, like=train)``.

    >>> standardize(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = floats("standardize", x)
    like = x if like is None else floats("standardize", like)
    if x.ndim == 0 or like.ndim == 0 or x.shape[1:] != like.shape[1:] or len(like) == 0:
        raise ValueError(
            f"standardize expects rows, and one or more of the same shape to be like, got {x.shape} like {like.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(like).all()):
        raise ValueError("standardize: the data holds NaN or infinity; take those rows out first")
    mean = like.mean(axis=0, dtype=np.float64)
    deviation = like.std(axis=0, dtype=np.float64)
    constant = (like.max(axis=0) == like.min(axis=0)) | (deviation == 0)
    mean, deviation = np.where(constant, like[0], mean), np.where(constant, 1.0, deviation)
    return ((x - mean) / deviation).astype(x.dtype)
