"""Before training: turn labels into one-hot rows, weigh rows.

one_hot    : labels (n,), classes -> (n, classes)
normalized : weights              -> weights of mean 1
balanced   : labels (n,)          -> weights (n,) of mean 1, the same in total for each class
"""

from __future__ import annotations

import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import integer
from fnn.data._labels import out_of_range, place_of, require_labels
from fnn.data._units import magnitude


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return each label as a row of zeros with a one at its place, float32.

    Raises ``TypeError`` for labels that are not integers, ``ValueError`` for any outside 0 to classes - 1.

    >>> one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels, classes = require_labels("one_hot", labels), integer("one_hot: classes", classes)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise out_of_range("one_hot", labels, classes, "labels").placed(labels.shape)
    return (labels[..., None] == np.arange(classes)).astype(np.float32)


def normalized(weights: np.ndarray) -> np.ndarray:
    """Return weights of rows over their mean, so that they say how much a row matters and not how large a step is.

    A weighted loss is sum(weight * loss) / rows: of weights of mean 1 it is the weighted mean. Normalize the weights of
    all rows once, not batch by batch, or a row would matter more or less with the company that it is in.

    Raises ``TypeError`` for anything but real numbers, ``ValueError`` unless they are finite, 0 or more, and one of
    them above 0.

    >>> normalized(np.array([1.0, 1.0, 4.0]))
    array([0.5, 0.5, 2. ])
    """
    weights = floats("normalized", weights)
    if weights.size == 0:
        raise ValueError(f"normalized expects at least one weight, got the shape {weights.shape}")
    wrong = ~((weights >= 0) & (weights < np.inf))
    if wrong.any():
        first = np.flatnonzero(wrong)[0]
        got = f"{weights.flat[first]} at {place_of(first, weights.shape)}"
        raise ValueError(f"normalized expects weights that are finite and not negative, got {got}")
    if not weights.any():
        raise ValueError("normalized expects a weight above 0: weights that are all zero have no mean to divide by")
    in_units = weights / magnitude(weights)
    with np.errstate(over="ignore"):
        y = (in_units / in_units.mean()).astype(weights.dtype)
    if not np.isfinite(y).all():
        raise ValueError(f"normalized: the largest weight over the mean is too large for {weights.dtype}")
    return y


def balanced(labels: np.ndarray) -> np.ndarray:
    """Return weights (n,) of mean 1 that give each class the same total: n / (classes * rows of the label's class).

    Classes are those that occur. Use them as the third part of the data: ``(x, labels, balanced(labels))``.

    Raises ``TypeError`` for labels that are not integers, ``ValueError`` unless they are (n,), n 1 or more.

    >>> balanced(np.array([0, 0, 0, 1]))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    labels = require_labels("balanced", labels)
    if labels.ndim != 1 or labels.size == 0:
        hint = "; write labels.argmax(axis=1)" if labels.ndim == 2 else ""
        raise ValueError(f"balanced expects labels (n,), one or more, got {labels.shape}{hint}")
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (labels.size / (counts.size * counts))[classes]
