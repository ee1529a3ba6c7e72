"""What a loss over rows is made of: shapes that agree, the scale of each loss in the mean, and their weighted sum.

same_shape  : prediction, target -> both as floats      mean_scale : losses, weights? -> the scale of each
row_weights : losses, weights -> array (n, 1, ...)      scaled     : scale, values -> scale * values
total       : losses, scale -> sum(scale * losses)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import floats, ones
from fnn.core.vjp import Pullback

Evaluated = tuple[float, Pullback]  # what the vjp of a loss returns


def same_shape(caller: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as floats of the prediction's dtype, or raise in the name of ``caller`` if their shapes differ."""
    prediction, target = floats(caller, prediction), floats(caller, target)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{caller} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + ("; write target[:, None]" if prediction.shape == (*target.shape, 1) else "")
        )
    return prediction, target.astype(prediction.dtype, copy=False)


def mean_scale(caller: str, losses: np.ndarray, weights: Any) -> float | np.ndarray:
    """Return the scale of each of the losses (n, ...) in their mean: a number, or with weights an array (n, 1, ...)."""
    if losses.size == 0:
        raise ValueError(f"{caller} expects at least one row, got the shape {losses.shape}")
    if weights is None:
        return 1.0 / losses.size
    weights = row_weights(caller, losses, weights)
    return weights * (len(weights) / (float(weights.sum()) * losses.size))


def row_weights(caller: str, losses: np.ndarray, weights: Any) -> np.ndarray:
    """Return weights, one for each row of the losses (n, ...), as (n, 1, ...)."""
    weights = floats(caller, weights)
    if weights.shape != losses.shape[:1]:
        raise ValueError(f"{caller} expects one weight a row, {losses.shape[:1]}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"{caller} expects weights that are finite, not negative and not all zero, "
            f"got some from {weights.min()} to {weights.max()}"
        )
    return weights.astype(losses.dtype, copy=False).reshape(-1, *[1] * (losses.ndim - 1))


def scaled(scale: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return scale * values, and 0 where the scale is 0 even if the value is infinite."""
    if np.isfinite(values).all():
        return scale * values
    return scale * np.where(scale > 0, values, 0)


def total(losses: np.ndarray, scale: float | np.ndarray) -> float:
    """Return the sum of scale * losses, accumulated so that it depends little on the order of the rows."""
    if not isinstance(scale, float):
        return float(np.add.reduce(losses * scale, axis=None, dtype=np.float64))
    if losses.ndim == 1 and losses.size < 1024:
        # A short sum loses nothing as a product, and takes a quarter of the time.
        return scale * float(losses.dot(ones(losses.size, losses.dtype)))
    return scale * float(np.add.reduce(losses, axis=None, dtype=np.float64))
