"""How well scores rank: what a label alone, the largest of them, does not tell.

top_k_accuracy : scores, target -> share of rows whose class is among the k best guesses
roc_auc        : scores, target -> how often a positive outranks a negative
perplexity     : logits, target -> among how many equally likely classes a guess would be as hard
"""

from __future__ import annotations

import math

import numpy as np

from fnn.core._errors import describe, integer
from fnn.losses.classification import cross_entropy
from fnn.metrics.classification import classified, without_nan


def top_k_accuracy(scores: np.ndarray, target: np.ndarray, k: int = 5) -> float:
    """Give the share of rows whose target is among the ``k`` largest of the scores (n, classes), from 0 to 1.

    In each row exactly ``k`` classes count, so that equal scores cannot flatter: of these the later ones, as in
    scikit-learn. Raises ``ValueError`` for a ``k`` above the number of classes.

    >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
    0.5
    """
    _, true, classes = classified("top_k_accuracy", scores, target)
    scores, k = np.asarray(scores), integer("top_k_accuracy: k", k)
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy expects scores (n, classes), got {describe(scores)}")
    if k > classes:
        raise ValueError(f"top_k_accuracy: k must be at most {classes}, the number of classes, got {k}")
    own = np.take_along_axis(scores, true[:, None], axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(classes) > true[:, None]))
    return float(np.mean(np.count_nonzero(ahead, axis=1) < k))


def roc_auc(scores: np.ndarray, target: np.ndarray) -> float:
    """Give the probability that a positive row outranks a negative one, where a tie counts one half.

    That is the area under the ROC curve, and the U of Mann and Whitney (1947) over the number of pairs. ``scores`` are
    (n,), on any scale, with a ``target`` (n,) of 0 and 1; or (n, classes) probabilities, which gives the mean over the
    classes of each against the rest. Logits of several classes are refused: what is the same for a whole row means
    nothing in them, but would change their order down a column. Raises ``ValueError`` if all rows are of one class.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    scores = without_nan("roc_auc", "scores", scores)
    if scores.ndim == 2 and scores.shape[1] > 1:
        _, true, classes = classified("roc_auc", scores, target)
        low, high = scores.min(), scores.max()
        if low < 0 or high > 1 or np.abs(scores.sum(axis=1) - 1).max() > 1e-3:
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
    _, place = np.unique(scores, return_inverse=True)
    negatives, positives = np.bincount(place, ~positive), np.bincount(place, positive)
    here, others = positives.sum(), negatives.sum()
    if here == 0 or others == 0:
        raise ValueError(f"roc_auc expects rows of class {label} and of others, got {here:.0f} and {others:.0f}")
    twice_below = 2 * np.cumsum(negatives) - negatives  # in halves, so that all is whole until the division
    return float(positives.dot(twice_below) / (2 * here * others))


def perplexity(logits: np.ndarray, target: np.ndarray) -> float:
    """Give exp(cross_entropy(logits, target)): 1 is perfect, and an even guess among k classes has k.

    ``logits`` are (n, ..., classes) and ``target`` what ``cross_entropy`` takes; the errors are its own, and a
    ``ValueError`` for logits that are NaN or +infinity. What is too large for a float is infinity.

    >>> round(perplexity(np.zeros((2, 3, 8)), np.zeros((2, 3), int)), 4)
    8.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.exp(cross_entropy(logits, target)))
    if math.isnan(value):
        raise ValueError("perplexity: NaN or infinity in the logits")
    return value
