"""How often the predicted class is the true one: over all rows, and class by class.

    accuracy              : prediction, target           -> fraction of the rows that are right
    confusion_matrix      : prediction, target, classes? -> counts, truth down, prediction across
    precision, recall, f1 : prediction, target, average? -> fraction of the predicted, the true, or both that is right

Classes are predicted by scores (n, classes), of which the largest wins, or by labels (n,); ``target`` is (n,) labels or
(n, classes) one-hot. Labels are integers, or booleans for the classes 0 and 1, as ``probabilities > 0.5`` returns them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from fnn.core._arrays import as_array, floats
from fnn.core._errors import describe, integer
from fnn.data._labels import coding, out_of_range

_MOST = 2**15  # a confusion matrix of as many classes has a thousand million cells

Average = Literal["macro", "micro", "weighted", "binary"] | None


def accuracy(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return the fraction of rows whose prediction is the target, from 0 to 1. Of equal scores the first wins.

    Raises ``TypeError`` unless both are labels or scores, ``ValueError`` if their shapes do not fit, there are no rows,
    or a score is NaN.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    predicted, true = _labels("accuracy", prediction, target)
    return float(np.count_nonzero(predicted == true) / len(true))


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


def precision(prediction: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return what fraction of the rows predicted as a class is right, hits / predicted; 0 if there are none.

    Args:
        prediction: labels (n,) or scores (n, classes).
        target: labels (n,) or one-hot rows (n, classes).
        average: in scikit-learn's words. ``"macro"`` is the mean over the classes that occur in prediction or target,
            ``"weighted"`` that mean with each class weighted by its rows in the target, ``"micro"`` takes hits and rows
            of all classes together, ``"binary"`` is class 1 of the classes 0 and 1, and None is an array with a number
            for each class.

    Raises what ``accuracy`` does, and ``ValueError`` for an unknown average or ``"binary"`` with more than two classes.

    >>> precision(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average="binary")
    0.75
    """
    return _by_class("precision", prediction, target, average, lambda hits, predicted, true: (hits, predicted))


def recall(prediction: np.ndarray, target: np.ndarray, average: Average = "macro") -> float | np.ndarray:
    """Return what fraction of the rows that are of a class is predicted so, hits / true; 0 if there are none.

    Args:
        prediction, target, average: those of ``precision``.

    Raises what ``precision`` does.

    >>> recall(np.array([0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1]), average=None)
    array([0.5, 1. ])
    """
    return _by_class("recall", prediction, target, average, lambda hits, predicted, true: (hits, true))


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
    if not isinstance(average, str | None) or average not in ("macro", "micro", "weighted", "binary", None):
        kind = ValueError if isinstance(average, str) else TypeError
        raise kind(f"{caller}: average must be macro, micro, weighted, binary or None, got {describe(average)}")
    predicted, true, classes = classified(caller, prediction, target)
    if average == "binary" and classes > 2:
        raise ValueError(f"{caller}: average 'binary' is for the classes 0 and 1, got {classes} classes; write 'macro'")
    counts = [np.bincount(rows, minlength=classes) for rows in (true[predicted == true], predicted, true)]
    if average == "micro":
        counts = [count.sum(keepdims=True) for count in counts]
    elif average == "binary":
        counts = [count[1:].sum(keepdims=True) for count in counts]  # 0 where all rows are of class 0
    hits, n_predicted, n_true = counts
    above, below = ratio(hits, n_predicted, n_true)
    ratios = above / np.maximum(below, 1)  # where the denominator is 0, so is the numerator
    if average is None:
        return ratios
    weights = {"weighted": n_true, "macro": n_predicted + n_true > 0}.get(average)
    return float(np.average(ratios, weights=weights))


def _labels(caller: str, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and true labels, int64 (n,)."""
    prediction, target = as_array(caller, prediction), as_array(caller, target)
    if prediction.ndim == 2 and prediction.shape[1] > 1:
        if target.shape == prediction.shape:
            target = without_nan(caller, "target", target).argmax(axis=1)
        prediction = without_nan(caller, "prediction", prediction).argmax(axis=1)
    elif prediction.ndim == 2:
        raise ValueError(
            f"{caller} expects scores (n, classes) or labels (n,), got {describe(prediction)}; "
            "for one logit a row write (logits[:, 0] > 0).astype(int)"
        )
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.dtype.kind not in "biu":
            wanted = f"{caller} expects the {name} as integers or as scores (n, classes)"
            raise TypeError(f"{wanted}, {_thresholding(labels) if name == 'prediction' else coding(labels)}")
    if prediction.ndim != 1 or prediction.shape != target.shape or len(target) == 0:
        raise ValueError(f"{caller} expects one label a row, got {prediction.shape} against a target {target.shape}")
    return prediction.astype(np.int64), target.astype(np.int64)


def _thresholding(prediction: np.ndarray) -> str:
    """Return what came, and what to write so that probabilities or logits of one class become labels."""
    hint = coding(prediction, "prediction")
    if prediction.dtype.kind == "f" and hint.endswith("no labels"):
        likely = ((prediction >= 0) & (prediction <= 1)).all()
        hint = f"got {describe(prediction)}; write prediction > {0.5 if likely else 0} for class 1 against class 0"
    return hint


def classified(
    caller: str, prediction: np.ndarray, target: np.ndarray, classes: int | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return predicted and true labels, and the number of classes: as many as there are scores, or as labels need.

    >>> classified("f1", np.array([0, 2]), np.array([0, 1]))
    (array([0, 2]), array([0, 1]), 3)
    """
    predicted, true = _labels(caller, prediction, target)
    high = max(predicted.max(), true.max())
    if classes is None:
        classes = int(np.shape(prediction)[1] if np.ndim(prediction) == 2 else max(high, 0) + 1)
    classes = integer(f"{caller}: classes", classes)
    for name, labels in (("prediction", predicted), ("target", true)):
        if labels.min() < 0 or labels.max() >= classes:
            raise out_of_range(caller, labels, classes, name, f" of the {name}").placed(labels.shape)
    if classes > _MOST:
        raise ValueError(
            f"{caller} counts up to {_MOST} classes, one by one, got labels to {high}, or classes={classes}"
        )
    return predicted, true, classes


def without_nan(caller: str, name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of real numbers, or raise if it holds NaN, which wins an ``argmax`` and loses any comparison.

    >>> without_nan("rmse", "target", [1.0, 2.0])
    array([1., 2.])
    """
    array = as_array(caller, array)
    if np.isnan(floats(caller, array)).any():
        raise ValueError(f"{caller}: NaN in the {name}")
    return array
