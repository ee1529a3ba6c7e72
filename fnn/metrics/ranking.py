"""How well scores rank the classes or the rows, which the largest score alone does not tell.

top_k_accuracy : scores, target, k? -> fraction of rows whose class is among the k best guesses
perplexity     : logits, target     -> among how many equally likely classes a guess would be as hard
"""

from __future__ import annotations

import math

import numpy as np

from fnn.core._errors import describe, integer
from fnn.losses.classification import cross_entropy
from fnn.metrics._members import each_member
from fnn.metrics._predictions import classified


@each_member("scores")
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


@each_member("logits")
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
