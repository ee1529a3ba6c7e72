"""How far predicted values are from the true ones, in terms that people care about.

rmse : prediction, target -> a typical error, in the target's units
r2   : prediction, target -> fraction of the target's variance that is explained
"""

from __future__ import annotations

import math

import numpy as np

from fnn.data._units import centered, magnitude
from fnn.metrics.classification import without_nan


def rmse(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return sqrt(mean((prediction - target)**2)) over all values: a typical error, in the units of the target.

    Raises ``TypeError`` unless both are numbers, ``ValueError`` if their shapes differ, there are no rows, or there is
    NaN, or infinity in the target.

    >>> rmse(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    1.0
    """
    d, _ = _difference("rmse", prediction, target)
    if np.isinf(d).any():
        return math.inf
    unit = magnitude(d)
    return float(unit * np.sqrt(np.square(d / unit).mean()))


def r2(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return the fraction of the target's variance that is explained.

    1 - sum((target - prediction)**2) / sum((target - mean)**2): 1 is perfect, the mean of the target gets 0, and what
    is worse than it is below 0. For several outputs (n, ...) it is the mean of theirs. A target that does not vary
    gives 1 if it is met exactly and else 0, as in scikit-learn.

    Raises what ``rmse`` does, and ``ValueError`` for fewer than two rows.

    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    d, target = _difference("r2", prediction, target)
    if len(target) < 2:
        raise ValueError("r2 expects at least two rows, got 1: a single target does not vary")
    variation, unit, _, _ = centered(target)
    constant = target.max(axis=0) == target.min(axis=0)  # of such a column the mean can be off in its last bit
    with np.errstate(over="ignore", invalid="ignore"):  # what is too far off for a float is infinity
        usual = np.isfinite(d).all(axis=0) & (d != 0).any(axis=0)
        d_unit = np.where(usual, magnitude(d, axis=0), unit)
        ratio = np.square(d / d_unit).sum(axis=0) / np.where(constant, 1, np.square(variation).sum(axis=0))
        ratio = ratio * np.square(d_unit / unit)
    return float(np.where(constant, (d == 0).all(axis=0), 1 - ratio).mean())


def _difference(caller: str, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return target - prediction and the target in float64, or raise in the name of ``caller``."""
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
    target = target.astype(np.float64)
    with np.errstate(over="ignore"):
        return target - prediction.astype(np.float64), target
