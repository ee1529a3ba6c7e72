"""How well scores rank the classes or the rows, which the largest score alone does not tell.

top_k_accuracy : scores, target, k? -> fraction of rows whose class is among the k best guesses
roc_auc        : scores, target     -> how often a positive outranks a negative
perplexity     : logits, target     -> among how many equally likely classes a guess would be as hard
"""

from __future__ import annotations

import math

import numpy as np

from fnn.core._errors import describe, integer
from fnn.losses.classification import cross_entropy
from fnn.metrics.classification import classified, without_nan


def top_k_accuracy(scores: np.ndarray, target: np.ndarray, k: int = 5) -> float:
    """Return the fraction of rows whose target is among the ``k`` largest scores, from 0 to 1.

    In each row exactly ``k`` classes count, so that equal scores do not help: of these the later ones, as in
    scikit-learn.

    Args:
        scores: (n, classes).
        target: labels (n,) or one-hot rows (n, classes).
        k: how many of the best guesses count.

    Raises what ``accuracy`` does, and ``ValueError`` for a ``k`` above the number of classes.

    >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
    0.5
    """
    _, true, classes = classified("top_k_accuracy", scores, target)
    scores, k = np.asarray(scores), integer("top_k_accuracy: k", k)
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy expects scores (n, classes), got {describe(scores)}")
    if k > classes:
        raise ValueError(f"top_k_accuracy: k must be at most {classes}, the number of classes, got {k}")
    target_score = np.take_along_axis(scores, true[:, None], axis=1)
    ahead = (scores > target_score) | ((scores == target_score) & (np.arange(classes) > true[:, None]))
    return float(np.mean(np.count_nonzero(ahead, axis=1) < k))


def roc_auc(scores: np.ndarray, target: np.ndarray) -> float:
    """Return the probability that a positive row outranks a negative one, where a tie counts one half.

    That is the area under the ROC curve, and the U of Mann and Whitney (1947) over the number of pairs. ``scores`` are
    (n,), on any scale, with a ``target`` (n,) of 0 and 1; or (n, classes) probabilities, for the mean over the classes
    of each against the rest. Logits of several classes are refused: to add a number to all logits of a row means
    nothing, but would change their order down a column.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` for other shapes or values, for NaN, and if all rows
    are of one class.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    scores = without_nan("roc_auc", "scores", scores)
    if scores.ndim == 2 and scores.shape[1] > 1:
        _, true, classes = classified("roc_auc", scores, target)
        low, high = scores.min(), scores.max()
        if low < 0 or high > 1 or np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() > 1e-3:
            raise ValueError(
                "roc_auc expects the rows of scores (n, classes) to be probabilities that sum to 1, "
                f"got numbers from {low} to {high}; write softmax(logits)"
            )
        return float(np.mean([_outranking(scores[:, label], true == label, label) for label in range(classes)]))
    target = without_nan("roc_auc", "target", target)
    if scores.ndim != 1 or target.shape != scores.shape:
        hint = "; write scores[:, 0]" if scores.ndim == 2 else ""
        raise ValueError(f"roc_auc expects scores (n,) for a target (n,), got {scores.shape} for {target.shape}{hint}")
    if not ((target == 0) | (target == 1)).all():
        raise ValueError(f"roc_auc expects a target of 0 and 1, got some from {target.min()} to {target.max()}")
    return _outranking(scores, target == 1, 1)


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


def perplexity(logits: np.ndarray, target: np.ndarray) -> float:
    """Return exp(cross_entropy(logits, target)): 1 is perfect, and an even guess among k classes has k.

    ``logits`` are (n, ..., classes) and ``target`` what ``cross_entropy`` takes. What is too large for a float is
    infinity.

    Raises what ``cross_entropy`` does, and ``ValueError`` for logits that are NaN or +infinity.

    >>> round(perplexity(np.zeros((2, 3, 8)), np.zeros((2, 3), int)), 4)
    8.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.exp(cross_entropy(logits, target)))
    if math.isnan(value):
        raise ValueError("perplexity: NaN or infinity in the logits")
    return value
