"""How far predicted values are from the true ones, in terms that people care about.

rmse               : prediction, target -> a typical error, in the target's units
mae                : prediction, target -> the mean error without its sign
mape               : prediction, target -> the same over the target, 0.1 for an error of 10 %
r2                 : prediction, target -> fraction of the target's variance that is explained
explained_variance : prediction, target -> the same for a prediction that may be off by a constant
"""

from __future__ import annotations

import math

import numpy as np

from fnn.data._units import centered, magnitude
from fnn.metrics._members import each_member
from fnn.metrics._predictions import without_nan


@each_member("values")
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


@each_member("values")
def mae(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return mean(|prediction - target|) over all values, in the units of the target.

    Raises what ``rmse`` does.

    >>> mae(np.array([1.0, 3.0]), np.array([2.0, 5.0]))
    1.5
    """
    d, _ = _difference("mae", prediction, target)
    if np.isinf(d).any():
        return math.inf
    unit = magnitude(d)
    return float(unit * np.abs(d / unit).mean())


@each_member("values")
def mape(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return mean(|prediction - target| / |target|) over all values: 0.1 for errors of 10 % of the target.

    A target of 0 counts as 2**-52, as in scikit-learn, and an error there as something enormous.

    Raises what ``rmse`` does.

    >>> mape(np.array([90.0, 11.0]), np.array([100.0, 10.0]))
    0.1
    """
    d, target = _difference("mape", prediction, target)
    with np.errstate(over="ignore"):  # what is too far off for a float is infinity
        return float((np.abs(d) / np.maximum(np.abs(target), np.finfo(np.float64).eps)).mean())


@each_member("values")
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
    return _explained(d, target)


@each_member("values")
def explained_variance(prediction: np.ndarray, target: np.ndarray) -> float:
    """Return 1 - var(target - prediction) / var(target): ``r2`` for a prediction that may be off by a constant.

    For several outputs (n, ...) it is the mean of theirs. A target that does not vary gives 1 if the prediction is off
    by a constant and else 0, as in scikit-learn.

    Raises what ``rmse`` does.

    >>> explained_variance(np.array([11.0, 12.0, 14.0]), np.array([1.0, 2.0, 4.0]))
    1.0
    """
    d, target = _difference("explained_variance", prediction, target)
    finite = np.isfinite(d).all(axis=0)
    around, unit, _, _ = centered(np.where(finite, d, 0.0))  # exactly 0 if all are off by the same
    with np.errstate(over="ignore"):
        return _explained(np.where(finite, around * unit, d), target)


def _explained(d: np.ndarray, target: np.ndarray) -> float:
    """Return the mean over the columns of 1 - sum(d**2) / sum((target - mean)**2)."""
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
