"""How far a prediction is from a target, value by value.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Each is a mean over all values, except ``sum_squared_error``. With d = prediction - target, they differ in how much a
large d counts: its square, its size, or one and then the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import number
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.losses._reduction import Evaluated, mean_scale, row_weights, same_shape, total


class MeanSquaredError(Record):
    """mean(d**2).

    >>> mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def mean_squared_error_vjp(loss: MeanSquaredError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return _mean_vjp("mse", loss, prediction, target, weights, np.square, lambda d: 2 * d)


class SumSquaredError(Record):
    """sum(d**2) / 2; the half makes the difference itself the gradient.

    >>> sum_squared_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def sum_squared_error_vjp(loss: SumSquaredError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    prediction, target = same_shape("sum_squared_error", prediction, target)
    difference = prediction - target
    scale = 1.0 if weights is None else row_weights("sum_squared_error", difference, weights)

    def sum_squared_error_pullback(dvalue):
        return loss, lambda: difference * (dvalue * scale)

    return total(np.square(difference), 0.5 * scale), sum_squared_error_pullback


class MeanAbsoluteError(Record):
    """mean(|d|), which a few far-off targets do not dominate; its slope at 0 is 0.

    >>> mae(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    1.0
    """


@vjp.register
def mean_absolute_error_vjp(loss: MeanAbsoluteError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return _mean_vjp("mae", loss, prediction, target, weights, np.abs, np.sign)


class Huber(Record):
    """mean(d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2)): round at 0, straight far out (Huber, 1964).

    >>> huber(np.array([[0.5], [3.0]]), np.array([[0.0], [0.0]]))
    1.3125
    """

    delta: float = attrs.field(default=1.0, converter=partial(number, "huber: delta"))


@vjp.register
def huber_vjp(loss: Huber, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    delta = loss.delta

    def distance(d: np.ndarray) -> np.ndarray:
        clipped = np.minimum(np.abs(d), delta)
        return clipped * (np.abs(d) - 0.5 * clipped)

    return _mean_vjp("huber", loss, prediction, target, weights, distance, lambda d: np.clip(d, -delta, delta))


def _mean_vjp(
    caller: str,
    loss: Any,
    prediction: Any,
    target: Any,
    weights: Any,
    distance: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
) -> Evaluated:
    """Compute the mean of ``distance(d)``, where ``slope(d)`` is the derivative of the distance."""
    prediction, target = same_shape(caller, prediction, target)
    difference = prediction - target
    scale = mean_scale(caller, difference, weights)

    def mean_pullback(dvalue):
        return loss, lambda: slope(difference) * (dvalue * scale)

    return total(distance(difference), scale), mean_pullback


mse: MeanSquaredError = MeanSquaredError()
sum_squared_error: SumSquaredError = SumSquaredError()
mae: MeanAbsoluteError = MeanAbsoluteError()
huber: Huber = Huber()
