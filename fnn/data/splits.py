"""Rows that a network is not trained on say how good it is: a part set aside, or each row in turn.

train_test_split : data, fraction, key, stratify? -> train, test
kfold            : data, k, key, stratify?        -> k times (train, test), each row in one test

Rows of a time series are no such rows: their neighbors tell what they are. Cut those in time, as ``windows`` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.core._errors import integer, number
from fnn.core._structure import walk
from fnn.core.keys import Key, permutation, require_key
from fnn.data._labels import require_labels
from fnn.data._rows import Data, require_rows, take_rows


def train_test_split(
    data: tuple[Any, ...], fraction: float, key: Key, *, stratify: np.ndarray | None = None
) -> tuple[Data, Data]:
    """Shuffle the rows, set ``fraction`` of them aside, and return ``(train, test)``.

    Args:
        data: a tuple of arrays whose rows belong together, say ``(x, target)``.
        fraction: how much of the rows goes to test, above 0 and below 1: round(fraction n) of n rows.
        key: for the order of the rows.
        stratify: labels (n,), of which both sides are to have the same mix. Of a class of m rows floor(fraction m) are
            set aside, and what the total then lacks is one row each from the classes with the largest remainders,
            lower labels first where these are equal.

    Raises ``TypeError`` unless data is a tuple of arrays of real numbers and the labels are integers, ``ValueError``
    for NaN or infinity, lengths that differ, a side without rows, or a class of a single row, which cannot be on both.

    >>> x = np.arange(5)
    >>> (train, _), (test, _) = train_test_split((x, x), 0.2, Key(0))
    >>> train, test
    (array([3, 2, 1, 0]), array([4]))
    >>> label = np.repeat([0, 1], [80, 20])
    >>> _, (test,) = train_test_split((label,), 0.1, Key(0), stratify=label)
    >>> np.bincount(test)
    array([8, 2])
    """
    data, n = _finite_rows("train_test_split", data)
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
    values, classes, counts = _classes("train_test_split", stratify, n)
    single = values[counts == 1]
    if single.size:
        raise ValueError(
            f"train_test_split: class {single[0]} of stratify has a single row, which cannot be on both sides; "
            f"leave out or merge such classes, there {'is 1' if single.size == 1 else f'are {single.size}'}"
        )
    aside = _set_aside(classes[order], fraction, held_out)
    return take_rows(data, order[~aside]), take_rows(data, order[aside])


def kfold(
    data: tuple[Any, ...], k: int, key: Key, *, stratify: np.ndarray | None = None
) -> Iterator[tuple[Data, Data]]:
    """Shuffle the rows, cut them into ``k`` folds, and return ``(train, test)`` with each fold as test in turn.

    Each row is in test exactly once. Folds differ by at most one row. To see how far a score depends on the key as
    well, repeat with ``split(key, times)``.

    Args:
        data: a tuple of arrays whose rows belong together, say ``(x, target)``.
        k: how many folds, 2 or more; as many as there are rows leaves one out at a time.
        key: for the order of the rows.
        stratify: labels (n,), of which the folds are to have the same mix: of each class as many rows as of any other
            fold, or one more, as in scikit-learn.

    Raises what ``train_test_split`` does, and ``ValueError`` for fewer rows than folds, in all or in a class.

    >>> x = np.arange(5)
    >>> [test.tolist() for train, (test,) in kfold((x,), 2, Key(0))]
    [[3, 1, 4], [2, 0]]
    >>> label = np.repeat([0, 1], [8, 4])
    >>> [np.bincount(test).tolist() for _, (test,) in kfold((label,), 4, Key(0), stratify=label)]
    [[2, 1], [2, 1], [2, 1], [2, 1]]
    """
    data, n = _finite_rows("kfold", data)
    k = integer("kfold: k, the number of folds,", k, 2)
    if k > n:
        raise ValueError(f"kfold: {n} rows make at most {n} folds, got k={k}")
    order = permutation(require_key("kfold", key), n)
    fold = np.arange(n) % k
    if stratify is not None:
        values, classes, counts = _classes("kfold", stratify, n)
        if counts.min() < k:
            raise ValueError(
                f"kfold: class {values[counts.argmin()]} of stratify has {counts.min()} rows, too few for one in each "
                f"of {k} folds; write a smaller k, or leave out or merge such classes"
            )
        # Dealt out one after the other, class by class, so that neither a class nor all rows are uneven by two.
        dealt, fold = fold, np.empty(n, np.int64)
        fold[np.argsort(classes[order], kind="stable")] = dealt
    return ((take_rows(data, order[fold != i]), take_rows(data, order[fold == i])) for i in range(k))


def _finite_rows(caller: str, data: Any) -> tuple[Data, int]:
    """Return data as plain arrays, with the number of rows, or raise in the name of ``caller``, also for NaN."""
    data, n = require_rows(caller, data)
    for path, array in walk(data):
        bad = np.flatnonzero(~np.isfinite(array).reshape(n, -1).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{caller}: data{path} holds NaN or infinity in {bad.size} rows, the first is row {bad[0]}; "
                "take them out first"
            )
    return data, n


def _classes(caller: str, labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes that occur, the place of each row's among them, and how many rows each has."""
    labels = require_labels(caller, labels, ": stratify must be labels, integers")
    if labels.shape != (n,):
        hint = "; write labels.argmax(axis=1)" if labels.ndim == 2 and len(labels) == n else ""
        raise ValueError(f"{caller}: stratify must be one label a row, {(n,)}, got {labels.shape}{hint}")
    return np.unique(labels, return_inverse=True, return_counts=True)


def _set_aside(classes: np.ndarray, fraction: float, total: int) -> np.ndarray:
    """Return the mask that picks the last rows of each class, in proportion to its size, ``total`` in all."""
    counts = np.bincount(classes)
    exact = fraction * counts
    chosen = np.floor(exact).astype(np.int64)
    largest_remainder_first = np.argsort(chosen - exact, kind="stable")
    chosen[largest_remainder_first[: total - chosen.sum()]] += 1
    # Sorted by class, the rows of a class keep their order: those from the place counts - chosen on are set aside.
    place = np.arange(classes.size) - np.repeat(np.cumsum(counts) - counts, counts)
    aside = np.empty(classes.size, bool)
    aside[np.argsort(classes, kind="stable")] = place >= np.repeat(counts - chosen, counts)
    return aside
