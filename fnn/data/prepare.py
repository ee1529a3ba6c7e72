"""Before training: set rows aside for testing, scale inputs, spell out labels.

train_test_split : data, fraction, key -> train, test
one_hot          : labels (n,), classes -> (n, classes)
standardise      : x, like? -> x with mean 0 and deviation 1 in each column
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.arrays import as_array, floats
from fnn.data.rows import Data, require_rows, take_rows
from fnn.errors import describe, number, whole
from fnn.keys import Key, permutation, require_key


def train_test_split(data: Any, fraction: float, key: Key) -> tuple[Data, Data]:
    """Shuffle the rows and set ``fraction`` of them aside: ``(train, test)``, with rows still belonging together.

    Raises ``ValueError`` for NaN or infinity, lengths that differ, or a side without rows.

    >>> x = np.arange(5)
    >>> (train, _), (test, _) = train_test_split((x, x), 0.2, Key(0))
    >>> train, test
    (array([3, 2, 1, 0]), array([4]))
    """
    data, n = require_rows("train_test_split", data)
    for place, array in enumerate(data):
        bad = np.flatnonzero(~np.isfinite(array).reshape(n, -1).all(axis=1))
        if bad.size:
            raise ValueError(
                f"train_test_split: data[{place}] holds NaN or infinity in {bad.size} rows, the first is row {bad[0]}; "
                "take them out first"
            )
    require_key("train_test_split", key)
    fraction = number("train_test_split: the fraction", fraction, below=1)
    held_out = round(fraction * n)
    if not 0 < held_out < n:
        raise ValueError(f"train_test_split: {fraction} of {n} rows leaves one side without any")
    order = permutation(key, n)
    return take_rows(data, order[: n - held_out]), take_rows(data, order[n - held_out :])


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Give each label as a row of zeros with a one at its place, float32.

    Raises ``TypeError`` for labels that are not whole numbers, ``ValueError`` for any outside 0 to classes - 1.

    >>> one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels, classes = as_array("one_hot", labels), whole("one_hot: classes", classes)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot expects whole numbers, got {describe(labels)}")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"one_hot expects labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    return (labels[..., None] == np.arange(classes)).astype(np.float32)


def standardise(x: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Give (x - mean) / deviation, column by column; a column that is constant becomes 0.

    Mean and deviation are those of ``like``, or of ``x`` itself: a test set is scaled as its training set was,
    ``standardise(test, like=train)``.

    >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = floats("standardise", x)
    like = x if like is None else floats("standardise", like)
    if x.ndim == 0 or like.ndim == 0 or x.shape[1:] != like.shape[1:] or len(like) == 0:
        raise ValueError(f"standardise expects rows of one shape, got {x.shape} like {like.shape}")
    if not (np.isfinite(x).all() and np.isfinite(like).all()):
        raise ValueError("standardise: the data holds NaN or infinity; take those rows out first")
    mean = like.mean(axis=0, dtype=np.float64)
    deviation = like.std(axis=0, dtype=np.float64)
    constant = (like.max(axis=0) == like.min(axis=0)) | (deviation == 0)
    mean, deviation = np.where(constant, like[0], mean), np.where(constant, 1.0, deviation)
    return ((x - mean) / deviation).astype(x.dtype)
