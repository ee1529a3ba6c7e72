"""A metric judges a finished network in terms that people care about; nobody descends it.

    accuracy, top_k_accuracy : prediction, target -> share of rows that are right, or among the k best guesses
    confusion_matrix         : prediction, target -> counts, truth down, prediction across
    precision, recall, f1    : prediction, target, average -> share of the predicted, of the true, of both that is right
    roc_auc                  : scores, target -> how often a positive outranks a negative
    rmse, r2                 : prediction, target -> error in the target's units, share of its variance explained
    perplexity               : logits, target -> among how many equally likely classes a guess would be as hard
    evaluate                 : measure, params, data -> what a measure says of a network, made a few rows at a time

Classes are predicted by scores (n, classes), of which the largest wins, or by labels (n,); ``target`` is (n,) labels or
(n, classes) one-hot. Shapes are checked: ``(n, 1)`` against ``(n,)`` would compare everything with everything. NaN is
refused: it wins every ``argmax`` and loses every comparison, so the number would mean nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn import tree
from fnn.arrays import as_array, floats
from fnn.core import forward
from fnn.errors import describe, whole
from fnn.losses import cross_entropy
from fnn.structure import walk

__all__ = [
    "accuracy", "top_k_accuracy", "confusion_matrix", "precision", "recall", "f1", "roc_auc", "rmse", "r2",
    "perplexity", "evaluate",
]  # fmt: skip


def accuracy(prediction: np.ndarray, target: np.ndarray) -> float:
    """Give the share of rows whose prediction is the target, from 0 to 1. Of equal scores the first wins.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    predicted, true = _labels("accuracy", prediction, target)
    return float(np.count_nonzero(predicted == true) / len(true))


def top_k_accuracy(scores: np.ndarray, target: np.ndarray, k: int = 5) -> float:
    """Give the share of rows whose target is among the ``k`` largest of the scores (n, classes), from 0 to 1.

    In each row exactly ``k`` classes count, so that equal scores cannot flatter: of these the later ones, as in
    scikit-learn. Raises ``ValueError`` for a ``k`` above the number of classes.

    >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
    0.5
    """
    _, true, classes = _classified("top_k_accuracy", scores, target)
    scores, k = np.asarray(scores), whole("top_k_accuracy: k", k)
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy expects scores (n, classes), got {describe(scores)}")
    if k > classes:
        raise ValueError(f"top_k_accuracy: k must be at most {classes}, the number of classes, got {k}")
    own = np.take_along_axis(scores, true[:, None], axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(classes) > true[:, None]))
    return float(np.mean(np.count_nonzero(ahead, axis=1) < k))


def confusion_matrix(prediction: np.ndarray, target: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Count rows by true label (down) and predicted label (across), as int64 (classes, classes).

    >>> confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    array([[0, 0],
           [1, 1]])
    """
    predicted, true, classes = _classified("confusion_matrix", prediction, target, classes)
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def precision(prediction: np.ndarray, target: np.ndarray, average: str | None = "macro") -> Any:
    """Give the share of right ones among the rows predicted as a class, hits / predicted; 0 if there are none.

    ``average``, in scikit-learn's words: ``"macro"`` is the mean over the classes that occur in prediction or target,
    ``"weighted"`` that mean with each class counted by its rows in the target, ``"micro"`` takes hits and rows of all
    classes together, ``"binary"`` is class 1 of the classes 0 and 1, None gives an array of a number for each class.
    Raises ``ValueError`` for any other, and for ``"binary"`` if there are more than two classes.

    >>> precision(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average="binary")
    0.75
    """
    return _by_class("precision", prediction, target, average, lambda hits, predicted, true: (hits, predicted))


def recall(prediction: np.ndarray, target: np.ndarray, average: str | None = "macro") -> Any:
    """Give the share of right ones among the rows that are of a class, hits / true; 0 if there are none.

    ``average`` and the errors are those of ``precision``.

    >>> recall(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average=None)
    array([0.5, 1. ])
    """
    return _by_class("recall", prediction, target, average, lambda hits, predicted, true: (hits, true))


def f1(prediction: np.ndarray, target: np.ndarray, average: str | None = "macro") -> Any:
    """Give the harmonic mean of precision and recall, 2 hits / (predicted + true); 0 if the class does not occur.

    ``average`` and the errors are those of ``precision``; an average over classes is one of the classes' own f1.

    >>> f1(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), average="binary")
    0.8
    """
    return _by_class("f1", prediction, target, average, lambda hits, predicted, true: (2 * hits, predicted + true))


def roc_auc(scores: np.ndarray, target: np.ndarray) -> float:
    """Give the probability that a positive row outranks a negative one, where a tie counts one half.

    That is the area under the ROC curve, and the U of Mann and Whitney (1947) over the number of pairs. ``scores`` are
    (n,), on any scale, with a ``target`` (n,) of 0 and 1; or (n, classes) probabilities, which gives the mean over the
    classes of each against the rest. Logits of several classes are refused: what is the same for a whole row means
    nothing in them, but would change their order down a column. Raises ``ValueError`` if all rows are of one class.

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    0.875
    """
    scores = _numbers("roc_auc", "scores", scores)
    if scores.ndim == 2 and scores.shape[1] > 1:
        _, true, classes = _classified("roc_auc", scores, target)
        low, high = scores.min(), scores.max()
        if low < 0 or high > 1 or np.abs(scores.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError(
                "roc_auc expects the rows of scores (n, classes) to be probabilities that sum to 1, "
                f"got numbers from {low} to {high}; write softmax(logits)"
            )
        return float(np.mean([_outranking(scores[:, label], true == label, label) for label in range(classes)]))
    target = _numbers("roc_auc", "target", target)
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


def rmse(prediction: np.ndarray, target: np.ndarray) -> float:
    """Give sqrt(mean((prediction - target)**2)) over all numbers: a typical error, in the units of the target.

    >>> rmse(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    1.0
    """
    prediction, target = _matched("rmse", prediction, target)
    return math.sqrt(np.square(prediction - target).mean())


def r2(prediction: np.ndarray, target: np.ndarray) -> float:
    """Give the share of the target's variance that is explained.

    1 - sum((target - prediction)**2) / sum((target - mean)**2): 1 is perfect, 0 is what the mean of the target gets,
    and worse is below. For several outputs (n, ...) it is the mean of theirs. A target that does not vary gives 1 if
    it is met exactly and else 0, as in scikit-learn. Raises ``ValueError`` for fewer than two rows.

    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    prediction, target = _matched("r2", prediction, target)
    if len(target) < 2:
        raise ValueError("r2 expects at least two rows, got 1: a single target does not vary")
    left = np.square(target - prediction).sum(axis=0)
    total = np.square(target - target.mean(axis=0)).sum(axis=0)
    # The mean of equal numbers can be off in its last bit, and then the total is not 0.
    constant = (target.max(axis=0) == target.min(axis=0)) | (total == 0)
    return float(np.where(constant, left == 0, 1 - left / np.where(constant, 1, total)).mean())


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


def evaluate(measure: Callable, params: Any, data: tuple, size: int = 1024) -> Any:
    """Give ``measure(prediction, target)`` of a network on data ``(x, target)``, predicted ``size`` rows at a time.

    The predictions are joined before they are measured: a mean over batches would count the rows of a short last batch
    for more. ``measure`` is any metric or loss; ``(x, target, weights)`` hands it the weights too. ``x``, target and
    prediction may be tuples of arrays. Give it ``inference(params)``, or a layer such as dropout asks for a key. Raises
    ``TypeError`` for other data, ``ValueError`` for unequal numbers of rows or none, and whatever the two raise.

    >>> from fnn import relu
    >>> evaluate(accuracy, relu, (np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]]), np.array([1, 1, 1])), size=2)
    0.3333333333333333
    """
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise TypeError(f"evaluate expects data as (x, target) or (x, target, weights), got {describe(data)}")
    x, *target = data
    if not tree.leaves(x) or any(isinstance(node, list | dict) for _, node in walk(x, every=True)):
        raise TypeError(f"evaluate expects x as an array or a tuple of arrays, got {describe(x)}")
    shapes = [leaf.shape for leaf in tree.leaves(data)]
    if len({shape[:1] for shape in shapes}) > 1 or shapes[0][:1] in ((), (0,)):
        listed = " and ".join(map(str, shapes))
        raise ValueError(f"evaluate expects arrays with the same number of rows, at least one, got {listed}")
    n, size = shapes[0][0], whole("evaluate: size", size)
    rows = [operator.itemgetter(slice(begin, begin + size)) for begin in range(0, n, size)]
    parts = [forward(params, tree.map(some, x)) for some in rows]
    prediction = tree.map(lambda *pieces: np.concatenate(pieces), *parts)
    if {leaf.shape[:1] for leaf in tree.leaves(prediction)} != {(n,)}:
        raise ValueError(f"evaluate expects a prediction for each of {n} rows, got {describe(prediction)}")
    return measure(prediction, *target)


def _by_class(who: str, prediction: Any, target: Any, average: Any, ratio: Callable) -> Any:
    if not isinstance(average, str | None) or average not in ("macro", "micro", "weighted", "binary", None):
        kind = ValueError if isinstance(average, str) else TypeError
        raise kind(f"{who}: average must be macro, micro, weighted, binary or None, got {describe(average)}")
    predicted, true, classes = _classified(who, prediction, target)
    if average == "binary" and classes > 2:
        raise ValueError(f"{who}: average 'binary' is for the classes 0 and 1, got {classes} classes; write 'macro'")
    counts = [np.bincount(rows, minlength=classes) for rows in (true[predicted == true], predicted, true)]
    if average == "micro":
        counts = [count.sum(keepdims=True) for count in counts]
    elif average == "binary":
        counts = [count[1:].sum(keepdims=True) for count in counts]  # none where all is of class 0
    above, below = ratio(*counts)
    ratios = above / np.maximum(below, 1)  # where there is nothing below there is nothing above: 0
    if average is None:
        return ratios
    _, predicted, true = counts
    weights = {"weighted": true, "macro": predicted + true > 0}.get(average)
    return float(np.average(ratios, weights=weights))


def _labels(who: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = as_array(who, prediction), as_array(who, target)
    if prediction.ndim == 2 and prediction.shape[1] > 1:
        if target.shape == prediction.shape:
            target = _numbers(who, "target", target).argmax(axis=1)
        prediction = _numbers(who, "prediction", prediction).argmax(axis=1)
    elif prediction.ndim == 2:
        raise ValueError(
            f"{who} expects scores (n, classes) or labels (n,), got {describe(prediction)}; "
            "for one logit a row write (logits[:, 0] > 0).astype(int)"
        )
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.dtype.kind not in "iu":
            raise TypeError(
                f"{who} expects the {name} as whole numbers or as scores (n, classes), got {describe(labels)}"
            )
    if prediction.ndim != 1 or prediction.shape != target.shape or len(target) == 0:
        raise ValueError(f"{who} expects one label a row, got {prediction.shape} against a target {target.shape}")
    return prediction.astype(np.int64), target.astype(np.int64)


def _classified(who: str, prediction: Any, target: Any, classes: int | None = None):
    """Give predicted and true labels, and the number of classes: as many as there are scores, or as labels need."""
    predicted, true = _labels(who, prediction, target)
    low, high = min(predicted.min(), true.min()), max(predicted.max(), true.max())
    if classes is None:
        classes = int(np.shape(prediction)[1] if np.ndim(prediction) == 2 else max(high, 0) + 1)
    if low < 0 or high >= whole(f"{who}: classes", classes):
        raise ValueError(f"{who} expects labels from 0 to {classes - 1}, got some from {low} to {high}")
    return predicted, true, classes


def _numbers(who: str, name: str, array: Any) -> np.ndarray:
    array = as_array(who, array)
    if np.isnan(floats(who, array)).any():
        raise ValueError(f"{who}: NaN in the {name}")
    return array


def _matched(who: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = _numbers(who, "prediction", prediction), _numbers(who, "target", target)
    if prediction.shape != target.shape:
        hints = {(*target.shape, 1): "; write target[:, None]", target.shape[:-1]: "; write target[:, 0]"}
        raise ValueError(
            f"{who} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + (hints.get(prediction.shape, "") if prediction.size == target.size else "")
        )
    if prediction.size == 0 or prediction.ndim == 0:
        raise ValueError(f"{who} expects at least one row, got the shape {prediction.shape}")
    if np.isinf(target).any():
        raise ValueError(f"{who}: infinity in the target")
    return prediction.astype(np.float64), target.astype(np.float64)
