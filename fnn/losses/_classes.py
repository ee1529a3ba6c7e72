"""What losses of classes ask of their settings, and of a target: that its labels or probabilities fit the logits.

ignored_label, weights_of_classes : a setting -> it, checked
matched_logits : prediction, target -> both, the shape of the rows, which of them are there (None: all)
class_weights_of : loss, classes -> its weights of classes, (classes,)
label_cells    : labels -> the place of each in a flat array of (classes, n)     probabilities : target -> it, checked
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import as_array, counting, floats
from fnn.core._errors import describe, number
from fnn.data._labels import WrongRow, coding, out_of_range
from fnn.losses._rows import Matched

_INDEX, _UNSIGNED = np.dtype(np.intp), np.dtype(np.uintp)


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


def label_cells(labels: np.ndarray, classes: int, n: int, caller: str = "cross_entropy") -> np.ndarray:
    """Return the place of each row's label in the flat array of (classes, n), or raise if a label is no class."""
    cells = require_classes(labels, classes, caller) * n  # one index into a flat array is faster than two
    cells += counting(n)
    return cells


def require_classes(labels: np.ndarray, classes: int, caller: str = "cross_entropy") -> np.ndarray:
    """Return labels as integers that index, or raise if one is no class."""
    if labels.dtype is not _INDEX:
        labels = labels.astype(_INDEX)
    # Read as unsigned, a negative label is huge: one look at the largest finds both kinds of mistake.
    if labels.size and np.maximum.reduce(labels.view(_UNSIGNED)) >= classes:
        wrong = out_of_range(caller, labels, classes)
        hint = f"; {caller}(ignore={labels.min()}) leaves such rows out" if labels.min() < 0 else ""
        raise WrongRow(wrong.before, wrong.row, wrong.after + hint)
    return labels


def matched_logits(caller: str, loss: Any, prediction: Any, target: Any, what: str = "logits") -> Matched:
    """Return the logits; integers or probabilities as target; the shape of the rows; those that are not ignored."""
    logits, target = floats(caller, prediction), as_array(caller, target)
    rows = logits.shape[:-1]
    if not rows or logits.shape[-1] < 2:
        hint = (
            "; of one class there is nothing to learn: write binary_cross_entropy" if logits.shape[-1:] == (1,) else ""
        )
        raise ValueError(f"{caller} expects {what} (n, classes), got {logits.shape}{hint}")
    if target.shape == rows:
        if target.dtype.kind not in "iu":
            raise TypeError(f"{caller} expects integers as labels, {coding(target)}")
        return logits, target, rows, None if loss.ignore is None else target != loss.ignore
    if target.shape != logits.shape:
        hint = "; write target[:, 0]" if target.shape == (*rows, 1) else ""
        raise ValueError(
            f"{caller} expects labels {rows} or probabilities {logits.shape} "
            f"for {what} {logits.shape}, got {target.shape}{hint}"
        )
    if loss.ignore is not None:
        raise ValueError(f"{caller} that ignores a label expects labels {rows}, got probabilities {target.shape}")
    return logits, floats(caller, target), rows, None


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
        raise WrongRow(f"{wanted}, got values from {target[row].min()} that sum to {sums[row]}", row)
    return target
