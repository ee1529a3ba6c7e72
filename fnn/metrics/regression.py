"""How far predicted values are from the true ones, in terms that people care about.

rmse : prediction, target -> a typical error, in the target's units
r2   : prediction, target -> fraction of the target's variance that is explained
"""

from __future__ import annotations

import math

import numpy as np

from fnn.metrics.classification import without_nan


def rmse(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return sqrt(mean((prediction - target)**2)) over all values: a typical error, in the units of the target.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` if their shapes differ, there are no rows, or there is
    NaN, or infinity in the target.

    >>> rmse(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    1.0
    """
    prediction, target = _matched("rmse", prediction, target)
    return math.sqrt(np.square(prediction - target).mean())


def r2(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return the fraction of the target's variance that is explained.

    1 - sum((target - prediction)**2) / sum((target - mean)**2): 1 is perfect, the mean of the target gets 0, and what
    is worse than it is below 0. For several outputs (n, ...) it is the mean of theirs. A target that does not vary
    gives 1 if it is met exactly and else 0, as in scikit-learn.

    Raises what ``rmse`` does, and ``ValueError`` for fewer than two rows.

    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    prediction, target = _matched("r2", prediction, target)
    if len(target) < 2:
        raise ValueError("r2 expects at least two rows, got 1: a single target does not vary")
    residual = np.square(target - prediction).sum(axis=0)
    total = np.square(target - target.mean(axis=0)).sum(axis=0)
    # The mean of equal values can be off in its last bit, and then the total is not 0.
    constant = (target.max(axis=0) == target.min(axis=0)) | (total == 0)
    return float(np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total)).mean())


def _matched(caller: str, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 of one shape, or raise in the name of ``caller``."""
    prediction, target = without_nan(caller, "prediction", prediction), without_nan(caller, "target", target)
    if prediction.shape != target.shape:
        hints = {(*target.shape, 1): "; write target[:, None]", target.shape[:-1]: "; write target[:, 0]"}
        raise ValueError(
            f"{caller} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + (hints.get(prediction.shape, "") if prediction.size == target.size else "")
        )
    if prediction.size == 0 or prediction.ndim == 0:
        raise ValueError(f"{caller} expects at least one row, got the shape {prediction.shape}")
    if np.isinf(target).any():
        raise ValueError(f"{caller}: infinity in the target")
    return prediction.astype(np.float64), target.astype(np.float64)
