"""How often the predicted class is the true one: over all rows, and class by class.

    accuracy              : prediction, target           -> fraction of the rows that are right
    balanced_accuracy     : prediction, target           -> the mean of that over the classes
    matthews              : prediction, target           -> correlation of predicted and true classes, from -1 to 1
    confusion_matrix      : prediction, target, classes? -> counts, truth down, prediction across
    precision, recall, f1 : prediction, target, average? -> fraction of the predicted, the true, or both that is right

Classes are predicted by scores (n, classes), of which the largest wins, or by labels (n,); ``target`` is (n,) labels or
(n, classes) one-hot. Labels are integers, or booleans for the classes 0 and 1, as ``probabilities > 0.5`` returns them.

Where a row may be of several classes, or of none, predictions are booleans (n, classes), ``sigmoid(logits) > 0.5``,
with a target of 0 and 1 of the same shape: for ``accuracy``, ``precision``, ``recall`` and ``f1``.

An ensemble's predictions (n, rows, classes) with one target for all members give an array (n,), here and in all
metrics; with a target for each it is ``evaluate(metric, nets, data)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from fnn.core._errors import describe
from fnn.data._labels import out_of_range
from fnn.metrics._members import each_member
from fnn.metrics._predictions import classified, labelled, several

Average = Literal["macro", "micro", "weighted", "binary", "samples"] | None


@each_member("scores")
def accuracy(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return the fraction of rows whose prediction is the target, from 0 to 1. Of equal scores the first wins.

    Of several classes a row all must be right.

    Raises ``TypeError`` unless both are labels or scores, ``ValueError`` if their shapes do not fit, there are no rows,
    a score is NaN, or a label has no score.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    both = several("accuracy", prediction, target)
    if both is not None:
        return float((both[0] == both[1]).all(axis=1).mean())
    predicted, true = labelled("accuracy", prediction, target)
    if np.ndim(prediction) == 2 and not 0 <= true.min() <= true.max() < np.shape(prediction)[1]:
        classes = np.shape(prediction)[1]  # no score is that of a label beyond them: such a row could never be right
        raise out_of_range("accuracy", true, classes, "target", " of the target").placed(true.shape)
    return float(np.count_nonzero(predicted == true) / len(true))


@each_member("scores")
def balanced_accuracy(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return the mean over the classes of the fraction of their rows that is right: a rare class counts as much.

    That is ``recall``, averaged over the classes that occur in the target: a guess among k of them has 1 / k.

    Raises what ``accuracy`` does, and ``ValueError`` for labels below 0.

    >>> balanced_accuracy(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.5
    """
    hits, _, true = _counts(*classified("balanced_accuracy", prediction, target))
    return float((hits[true > 0] / true[true > 0]).mean())


@each_member("scores")
def matthews(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return Matthews' correlation coefficient of predicted and true classes: 1 is perfect, 0 a guess.

    (c n - sum p t) / sqrt((n**2 - sum p**2) (n**2 - sum t**2)) with c of n rows right, and p and t the predicted and
    true rows of each class (Gorodkin, 2004); of two classes it is never below -1. It is 0 if all rows are predicted as,
    or are of, a single class.

    Raises what ``balanced_accuracy`` does.

    >>> matthews(np.array([1, 0, 1, 1]), np.array([1, 1, 1, 0]))
    -0.3333333333333333
    """
    hits, predicted, true = _counts(*classified("matthews", prediction, target))
    n = int(true.sum())  # in integers, since these differences may be small
    of_predicted, of_true = (n * n - int(rows.dot(rows)) for rows in (predicted, true))
    if of_predicted == 0 or of_true == 0:
        return 0.0
    return float((int(hits.sum()) * n - int(predicted.dot(true))) / math.sqrt(of_predicted * of_true))


def _counts(predicted: np.ndarray, true: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many rows of each class are right, predicted, and true."""
    hits, n_predicted, n_true = (
        np.bincount(rows, minlength=classes) for rows in (true[predicted == true], predicted, true)
    )
    return hits, n_predicted, n_true


@each_member("scores")
def confusion_matrix(prediction: np.ndarray, target: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Count rows by true label (down) and predicted label (across), and return int64 (classes, classes).

    Args:
        prediction: labels (n,) or scores (n, classes).
        target: labels (n,) or one-hot rows (n, classes).
        classes: how many; without it as many as there are scores, or as the largest label needs.

    Raises what ``accuracy`` does, and ``ValueError`` for labels that are not below ``classes``.

    >>> confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    array([[0, 0],
           [1, 1]])
    """
    predicted, true, classes = classified("confusion_matrix", prediction, target, classes)
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


@each_member("scores")
def precision(prediction: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return what fraction of the rows predicted as a class is right, hits / predicted; 0 if there are none.

    Args:
        prediction: labels (n,) or scores (n, classes); booleans (n, classes) for several classes a row.
        target: labels (n,) or one-hot rows (n, classes); rows of 0 and 1 for several classes.
        average: in scikit-learn's words. ``"macro"`` is the mean over the classes that occur in prediction or target,
            or over all of them where a row may be of several; ``"weighted"`` that mean with each class weighted by its
            rows in the target, ``"micro"`` takes hits and rows of all classes together, ``"binary"`` is class 1 of the
            classes 0 and 1, ``"samples"`` the mean over the rows of what each has for its several classes, and None is
            an array with a number for each class.

    Raises what ``accuracy`` does, and ``ValueError`` for an unknown average, ``"binary"`` with more than two classes,
    ``"samples"`` with one class a row.

    >>> precision(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average="binary")
    0.75
    """
    return _by_class("precision", prediction, target, average, lambda hits, predicted, true: (hits, predicted))


@each_member("scores")
def recall(prediction: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return what fraction of the rows that are of a class is predicted so, hits / true; 0 if there are none.

    Args:
        prediction, target, average: those of ``precision``.

    Raises what ``precision`` does.

    >>> recall(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average=None)
    array([0.5, 1. ])
    """
    return _by_class("recall", prediction, target, average, lambda hits, predicted, true: (hits, true))


@each_member("scores")
def f1(prediction: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return the harmonic mean of precision and recall, 2 hits / (predicted + true); 0 if the class does not occur.

    Args:
        prediction, target, average: those of ``precision``; an average is taken over the f1 of the classes.

    Raises what ``precision`` does.

    >>> f1(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), average="binary")
    0.8
    """
    return _by_class("f1", prediction, target, average, lambda hits, predicted, true: (2 * hits, predicted + true))


def _by_class(
    caller: str,
    prediction: np.ndarray,
    target: np.ndarray,
    average: Average,
    ratio: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> float | np.ndarray:
    """Return the average of a ratio; ``ratio`` makes numerator and denominator of hits, predicted and true rows."""
    if not isinstance(average, str | None) or average not in ("macro", "micro", "weighted", "binary", "samples", None):
        kind = ValueError if isinstance(average, str) else TypeError
        wanted = "macro, micro, weighted, binary, samples or None"
        raise kind(f"{caller}: average must be {wanted}, got {describe(average)}")
    both = several(caller, prediction, target)
    if both is None:
        predicted, true, classes = classified(caller, prediction, target)
        counts = _counts(predicted, true, classes)
        if average == "samples":
            raise ValueError(
                f"{caller}: average 'samples' is for several classes a row, given as booleans (n, classes)"
            )
    else:
        classes = both[0].shape[1]
        rows = both[0] & both[1], *both
        counts = [np.count_nonzero(each, axis=int(average == "samples")) for each in rows]
    if average == "binary" and (both is not None or classes > 2):
        raise ValueError(f"{caller}: average 'binary' is for the classes 0 and 1, got {classes} classes; write 'macro'")
    if average == "micro":
        counts = [count.sum(keepdims=True) for count in counts]
    elif average == "binary":
        counts = [count[1:].sum(keepdims=True) for count in counts]  # 0 where all rows are of class 0
    hits, n_predicted, n_true = counts
    above, below = ratio(hits, n_predicted, n_true)
    ratios = above / np.maximum(below, 1)  # where the denominator is 0, so is the numerator
    if average is None:
        return ratios
    if average == "weighted" and n_true.any():
        return float(np.average(ratios, weights=n_true))
    if average == "macro" and both is None:
        return float(ratios[n_predicted + n_true > 0].mean())
    return float(ratios.mean())
