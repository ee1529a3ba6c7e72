"""What a loss over rows is made of: shapes that agree, what each number counts in the mean, and their sum.

same_shape : prediction, target -> the two as floats          share : losses, weights? -> what each counts
total      : losses, share -> number                          one_a_row : weights -> array that broadcasts
part       : share, values -> share * values, 0 where the share is
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import floats, ones
from fnn.core._errors import number

share_of_one = partial(number, "label_smoothing", below=1)


def same_shape(caller: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give both as floats of the prediction's dtype; raise in the name of ``caller`` unless their shapes are equal."""
    prediction, target = floats(caller, prediction), floats(caller, target)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{caller} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + ("; write target[:, None]" if prediction.shape == (*target.shape, 1) else "")
        )
    return prediction, target.astype(prediction.dtype, copy=False)


def share(caller: str, losses: np.ndarray, weights: Any) -> Any:
    """Give what each of the losses (n, ...) counts in the mean: a number, or with weights an array (n, 1, ...)."""
    if losses.size == 0:
        raise ValueError(f"{caller} expects at least one row, got the shape {losses.shape}")
    if weights is None:
        return 1.0 / losses.size
    weights = one_a_row(caller, losses, weights)
    return weights * (len(weights) / (float(weights.sum()) * losses.size))


def one_a_row(caller: str, losses: np.ndarray, weights: Any) -> np.ndarray:
    """Give weights, one for each row of the losses (n, ...), as (n, 1, ...)."""
    weights = floats(caller, weights)
    if weights.shape != losses.shape[:1]:
        raise ValueError(f"{caller} expects one weight a row, {losses.shape[:1]}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"{caller} expects weights that are finite, not negative and not all zero, "
            f"got some from {weights.min()} to {weights.max()}"
        )
    return weights.astype(losses.dtype, copy=False).reshape(-1, *[1] * (losses.ndim - 1))


def part(share: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give share * values; a share of 0 is 0, be the value infinite."""
    if np.isfinite(values).all():
        return share * values
    return share * np.where(share > 0, values, 0)


def total(losses: np.ndarray, share: Any) -> float:
    """Sum what each row (or number) counts, so that the total depends little on their order."""
    if not isinstance(share, float):
        return float(np.add.reduce(losses * share, axis=None, dtype=np.float64))
    if losses.ndim == 1 and losses.size < 1024:
        # a short sum loses nothing as a product, and takes a quarter of the time
        return share * float(losses.dot(ones(losses.size, losses.dtype)))
    return share * float(np.add.reduce(losses, axis=None, dtype=np.float64))
