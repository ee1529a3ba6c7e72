"""A metric judges a finished network in terms that people care about; nobody descends it.

    accuracy         : prediction, target -> share of rows that are right
    confusion_matrix : prediction, target -> counts, truth down, prediction across

``prediction`` is (n, classes), any scores of which the largest wins, or (n,) labels; ``target`` is (n,) labels or
(n, classes) one-hot. Shapes are checked: ``(n, 1)`` against ``(n,)`` would compare everything with everything.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.arrays import as_array
from fnn.errors import describe, whole


def accuracy(prediction: np.ndarray, target: np.ndarray) -> float:
    """Give the share of rows whose prediction is the target, from 0 to 1.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    predicted, true = _labels("accuracy", prediction, target)
    return float(np.count_nonzero(predicted == true) / len(true))


def confusion_matrix(prediction: np.ndarray, target: np.ndarray, classes: int | None = None) -> np.ndarray:
    """Count rows by true label (down) and predicted label (across), as int64 (classes, classes).

    >>> confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    array([[0, 0],
           [1, 1]])
    """
    predicted, true = _labels("confusion_matrix", prediction, target)
    scores = np.asarray(prediction)
    if classes is None:
        classes = int(scores.shape[1] if scores.ndim == 2 else max(predicted.max(), true.max()) + 1)
    low, high = min(predicted.min(), true.min()), max(predicted.max(), true.max())
    if low < 0 or high >= whole("confusion_matrix: classes", classes):
        raise ValueError(f"confusion_matrix expects labels from 0 to {classes - 1}, got some from {low} to {high}")
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _labels(who: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = as_array(who, prediction), as_array(who, target)
    if prediction.ndim == 2 and prediction.shape[1] > 1:
        if target.shape == prediction.shape:
            target = target.argmax(axis=1)
        prediction = prediction.argmax(axis=1)
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
