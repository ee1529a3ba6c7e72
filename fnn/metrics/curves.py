"""What every threshold on the scores of one class would give: curves, and the area under them.

roc_curve              : scores, target           -> false positive rate, true positive rate, thresholds
precision_recall_curve : scores, target           -> precision, recall, thresholds
average_precision      : scores, target, average? -> area under the second, in steps
roc_auc                : scores, target, average? -> area under the first

A row is predicted as of the class where its score is at the threshold or above. Rows of equal scores go together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.metrics._members import each_member
from fnn.metrics._predictions import one_a_column

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
Average = Literal["macro", "micro", "weighted"] | None


def roc_curve(scores: np.ndarray, target: np.ndarray) -> Curve:
    """Return the false positive rate, the true positive rate and the thresholds, from infinity down.

    The rates are the fractions of the negative and of the positive rows that are predicted as positive. Thresholds at
    which neither turns are left out, as in scikit-learn: the curve is a straight line there.

    Args:
        scores: (n,), on any scale, the higher the more likely positive.
        target: (n,) of 0 and 1.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` for other shapes or values, for NaN, and if all rows
    are of one class.

    >>> roc_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))[:2]
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    false, true, thresholds = _counted(*_one("roc_curve", scores, target))
    if not false[-1] or not true[-1]:
        raise ValueError(f"roc_curve expects rows of class 1 and of others, got {true[-1]} and {false[-1]}")
    turns = np.ones(len(false), bool)
    turns[1:-1] = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
    start = np.concatenate([[True], turns])
    false, true = (np.concatenate([[0], count])[start] for count in (false, true))
    return false / false[-1], true / true[-1], np.concatenate([[np.inf], thresholds])[start]


def precision_recall_curve(scores: np.ndarray, target: np.ndarray) -> Curve:
    """Return the precision, the recall and the thresholds, from the lowest score up; at the end a point (1, 0).

    That point belongs to no threshold, so there is one less of them. Without a positive row recall is 1 throughout, as
    in scikit-learn.

    Args:
        scores: (n,), on any scale, the higher the more likely positive.
        target: (n,) of 0 and 1.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` for other shapes or values, and for NaN.

    >>> precision, recall, thresholds = precision_recall_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> precision.round(3), recall
    (array([0.5  , 0.667, 0.5  , 1.   , 1.   ]), array([1. , 1. , 0.5, 0.5, 0. ]))
    """
    false, true, thresholds = _counted(*_one("precision_recall_curve", scores, target))
    precision, recall = true / (true + false), true / true[-1] if true[-1] else np.ones(len(true))
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1]


@each_member("scores")
def average_precision(scores: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return the area under the precision-recall curve in steps, sum((recall[i] - recall[i + 1]) precision[i]).

    The mean precision at which the positive rows are found; of scores that tell nothing it is the fraction of rows that
    are positive, and so it is 0 if none is.

    Args:
        scores: (n,); probabilities (n, classes), each class against the rest; or (n, classes) on any scale if a row
            may be of several classes.
        target: (n,) of 0 and 1; labels (n,) or one-hot rows; or rows of 0 and 1.
        average: over the classes, as in ``precision``: "macro", "weighted", "micro" or None.

    Raises what ``roc_curve`` does but for rows of one class, and ``ValueError`` for an unknown average.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])), 4)
    0.8333
    """
    return _averaged("average_precision", scores, target, average, _precision)


def _precision(scores: np.ndarray, positive: np.ndarray, label: int) -> float:
    false, true, _ = _counted(scores, positive)
    return float(np.diff(true, prepend=0).dot(true / (true + false)) / max(int(true[-1]), 1))


@each_member("scores")
def roc_auc(scores: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return the probability that a positive row outranks a negative one, where a tie counts one half.

    That is the area under the ROC curve, and the U of Mann and Whitney (1947) over the number of pairs. ``scores`` are
    (n,), on any scale, with a ``target`` (n,) of 0 and 1; or (n, classes) probabilities, for each class against the
    rest. Logits of several classes are refused: to add a number to all logits of a row means nothing, but would change
    their order down a column.

    Args:
        scores, target, average: those of ``average_precision``.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` for other shapes or values, for NaN, and if all rows
    are of one class, or none of a class that counts: with "weighted", one without rows does not.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    return _averaged("roc_auc", scores, target, average, _outranking)


def _outranking(scores: np.ndarray, positive: np.ndarray, label: int) -> float:
    """Return how often one of the rows ``positive``, those of the class ``label``, outranks one of the others."""
    _, place = np.unique(scores, return_inverse=True)
    negatives, positives = np.bincount(place, ~positive), np.bincount(place, positive)
    n_positive, n_negative = positives.sum(), negatives.sum()
    if n_positive == 0 or n_negative == 0:
        counts = f"{n_positive:.0f} and {n_negative:.0f}"
        raise ValueError(f"roc_auc expects rows of class {label} and of others, got {counts}")
    # Twice the number of negatives below each score, with ties as halves: integers until the division.
    twice_below = 2 * np.cumsum(negatives) - negatives
    return float(positives.dot(twice_below) / (2 * n_positive * n_negative))


def _averaged(
    caller: str,
    scores: np.ndarray,
    target: np.ndarray,
    average: Average,
    measure: Callable[[np.ndarray, np.ndarray, int], float],
) -> float | np.ndarray:
    """Return the average over the classes of what is measured of each against the rest."""
    if not isinstance(average, str | None) or average not in ("macro", "micro", "weighted", None):
        kind = ValueError if isinstance(average, str) else TypeError
        raise kind(f"{caller}: average must be macro, micro, weighted or None, got {describe(average)}")
    columns, positive = one_a_column(caller, scores, target)
    if columns.shape[1] == 1:
        return measure(columns[:, 0], positive[:, 0], 1)
    if average == "micro":
        return measure(columns.ravel(), positive.ravel(), 1)
    weights = np.count_nonzero(positive, axis=0)
    # What has no weight need not be defined.
    measured = np.flatnonzero(weights) if average == "weighted" else np.arange(len(weights))
    values = np.array([measure(columns[:, i], positive[:, i], int(i)) for i in measured])
    if average is None:
        return values
    if average == "macro":
        return float(values.mean())
    return float(np.average(values, weights=weights[measured])) if weights.any() else 0.0


def _one(caller: str, scores: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores and whether a row is positive, (n,) both."""
    given = as_array(caller, scores)
    if given.ndim > 1 and given.shape[1] != 1:
        got = f"got {describe(scores)}; write {caller}(scores[:, i], labels == i) for a class i"
        raise ValueError(f"{caller} expects scores (n,) of one class, {got}")
    columns, positive = one_a_column(caller, given, target)
    return columns[:, 0], positive[:, 0]


def _counted(scores: np.ndarray, positive: np.ndarray) -> Curve:
    """Return the false and the true positives at each different score, from the highest down, and those scores."""
    order = np.argsort(scores, kind="stable")[::-1]
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    true = np.cumsum(positive[order])[last]
    return 1 + last - true, true, ordered[last].astype(np.float64)
