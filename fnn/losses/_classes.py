"""What losses of classes ask of their settings, and of a target of probabilities.

ignored_label, weights_of_classes : a setting -> it, checked
class_weights_of : loss, classes -> its weights of classes, (classes,)          probabilities : target -> it, checked
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._errors import describe, number
from fnn.data._labels import WrongRow


def ignored_label(label: Any) -> int | None:
    """Return a label that is ignored as an int, or raise ``TypeError``."""
    if label is not None and (isinstance(label, bool) or not isinstance(label, int | np.integer)):
        raise TypeError(f"ignore must be an integer, the label of rows that are not there, got {describe(label)}")
    return None if label is None else int(label)


def weights_of_classes(weights: Any) -> tuple[float, ...] | None:
    """Return the weights of classes as a tuple of floats, or raise."""
    if weights is None:
        return None
    if isinstance(weights, np.ndarray | list):
        hint = "; write tuple(weights.tolist())" if isinstance(weights, np.ndarray) else "; write tuple(weights)"
        raise TypeError(f"class_weights must be a tuple, a number for each class, got {describe(weights)}{hint}")
    if not isinstance(weights, tuple):
        raise TypeError(f"class_weights must be a tuple, a number for each class, got {describe(weights)}")
    weights = tuple([number("class_weights: each", weight) for weight in weights])
    if not any(weights):
        raise ValueError(f"class_weights must not be all zero, since nothing would be learned, got {weights}")
    return weights


def class_weights_of(caller: str, loss: Any, classes: int) -> np.ndarray:
    """Return the weights of a loss's classes, (classes,), or raise if there are not as many."""
    weights = np.array(loss.class_weights)
    if len(weights) != classes:
        raise ValueError(f"{caller} expects class_weights for {classes} classes, got {len(weights)}")
    return weights


def probabilities(caller: str, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return a target in the dtype of the logits, or raise if a row of it is no distribution."""
    target = target.astype(logits.dtype, copy=False)
    sums = target.sum(axis=1)
    if not ((np.abs(sums - 1) < 1e-3).all() and (target >= 0).all()):
        row = int(np.flatnonzero(~((np.abs(sums - 1) < 1e-3) & (target >= 0).all(axis=1)))[0])
        wanted = f"{caller} expects the rows of a target (n, classes) to be probabilities that sum to 1"
        several = target.any() and ((target == 0) | (target == 1)).all()  # as where a row may be of several classes
        hint = "; for several classes a row, or none, write binary_cross_entropy" if several else ""
        raise WrongRow(f"{wanted}, got values from {target[row].min()} that sum to {sums[row]}", row, hint)
    return target
