"""Which rows of a loss are there, and how much each of them matters.

required   : target                -> it as an array, or an error
same_shape : prediction, target    -> both, the shape of the losses, which of them are there (None: all)
within     : lengths, shape, there -> which steps are there, (n, time)
counted    : shape, there, weights -> places of the losses that are left, the scale of each in their weighted mean
scaled     : weights, values        -> their product, 0 where the weight is 0

The shape is that of the losses, (n, ...), before they are laid out along one axis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, floats
from fnn.data._labels import coding, place_of
from fnn.layers._sequences import as_lengths, mask

Matched = tuple[np.ndarray, np.ndarray, tuple[int, ...], np.ndarray | None]


def same_shape(caller: str, loss: Any, prediction: Any, target: Any) -> Matched:
    """Return both as floats, or raise in the name of ``caller`` if their shapes differ."""
    prediction, target = floats(caller, prediction), required(caller, target)
    if target.dtype.kind not in "fiub":
        raise TypeError(f"{caller} expects an array of real numbers, {coding(target, number='float')}")
    if prediction.shape != target.shape:
        raise ValueError(
            f"{caller} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + _in_shape(target, prediction.shape)
        )
    if target.dtype.kind != "f":  # beside a float64 prediction integers keep their digits, which a float32 may round
        target = target.astype(prediction.dtype if prediction.dtype.itemsize > 4 else np.float32)
    return prediction, target, prediction.shape, None


def required(caller: str, target: Any) -> np.ndarray:
    """Return a target as an array, or raise in the name of ``caller`` without one."""
    if type(target) is np.ndarray:  # the usual case, which must not wait
        return target
    if target is None:
        raise TypeError(
            f"{caller} expects a target beside the prediction, got None; for a network and a batch write "
            f"value_and_grad({caller}, net, (x, target))"
        )
    return as_array(caller, target)


def _in_shape(target: np.ndarray, shape: tuple[int, ...]) -> str:
    """Return what to write for a target of another shape, if it can be told."""
    if shape == (*target.shape, 1):
        return "; write target[:, None]"
    if (*shape, 1) == target.shape:
        return "; write target[:, 0]"
    if shape[:-1] == target.shape and target.dtype.kind in "iu":
        return f"; for labels write fnn.data.one_hot(target, {shape[-1]}), or cross_entropy"
    return ""


def counted(
    caller: str, shape: tuple[int, ...], there: np.ndarray | None, weights: Any, mean: bool
) -> tuple[np.ndarray | None, Any]:
    """Return the places of the losses that are there and weigh more than 0, None for all, and the scale of each."""
    kept = None if there is None else _spread(there, shape)
    count = math.prod(shape) if kept is None else max(int(np.count_nonzero(kept)), 1)  # of no rows the sum is 0
    scale = 1.0 / count if mean else 1.0
    if weights is None:
        return None if kept is None else np.flatnonzero(kept), scale
    weights = floats(caller, weights)
    if weights.ndim == 0 or weights.shape != shape[: weights.ndim]:
        further = f"; for one a step or value, they may be up to {shape}" if len(shape) > 1 else ""
        further = "; write weights[:, 0]" if weights.shape == (*shape[:1], 1) else further
        raise ValueError(f"{caller} expects one weight a row, {shape[:1]}, got {weights.shape}{further}")
    weights = _spread(weights, shape).astype(np.float64)  # as small or large as they are
    if kept is None and weights.min() > 0 and weights.max() < math.inf:
        return None, weights * scale
    wrong = ~((weights >= 0) & (weights < math.inf))
    kept = np.ones(len(weights), bool) if kept is None else kept
    if (wrong & kept).any():
        first = np.flatnonzero(wrong & kept)[0]
        got = f"{weights[first]} at {place_of(first, shape)}"
        raise ValueError(f"{caller} expects weights that are finite and not negative, got {got}")
    index = np.flatnonzero(kept & (weights > 0))
    return index, weights[index] * scale


def within(caller: str, lengths: Any, shape: tuple[int, ...], there: np.ndarray | None) -> np.ndarray:
    """Return which steps (n, time) lie within the lengths and are there."""
    if len(shape) < 2:
        raise ValueError(
            f"{caller} expects a prediction for each step beside lengths, got {shape} for all that there is"
        )
    steps = mask(as_lengths(caller, lengths, *shape[:2]), shape[1])
    return steps if there is None else steps.reshape(*steps.shape, *[1] * (there.ndim - 2)) & there


def scaled(scale: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return scale * values, and 0 where the scale is 0 even if the value is infinite."""
    if np.isfinite(values).all():
        return scale * values
    return scale * np.where(scale > 0, values, 0)


def _spread(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Repeat values of the leading axes of a shape along the others, as one axis."""
    return np.broadcast_to(values.reshape(*values.shape, *[1] * (len(shape) - values.ndim)), shape).reshape(-1)
