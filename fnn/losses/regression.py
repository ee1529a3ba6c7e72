"""How far a prediction is from a target, number by number.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Each is a mean over all numbers but ``sum_squared_error``. With d = prediction - target, they differ in how much a
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
from fnn.losses._reduction import one_a_row, same_shape, share, total


class MeanSquaredError(Record):
    """mean(d**2).

    >>> mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def mean_squared_error_vjp(loss: MeanSquaredError, prediction, target, weights=None):
    return _mean("mse", loss, prediction, target, weights, np.square, lambda d: 2 * d)


class SumSquaredError(Record):
    """sum(d**2) / 2; the half makes the difference itself the gradient.

    >>> sum_squared_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def sum_squared_error_vjp(loss: SumSquaredError, prediction, target, weights=None):
    prediction, target = same_shape("sum_squared_error", prediction, target)
    difference = prediction - target
    weight = 1.0 if weights is None else one_a_row("sum_squared_error", difference, weights)

    def sum_squared_error_pullback(dvalue):
        return loss, lambda: difference * (dvalue * weight)

    return total(np.square(difference), 0.5 * weight), sum_squared_error_pullback


class MeanAbsoluteError(Record):
    """mean(|d|), of which a few far-off targets do not take hold; its slope at 0 is 0.

    >>> mae(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    1.0
    """


@vjp.register
def mean_absolute_error_vjp(loss: MeanAbsoluteError, prediction, target, weights=None):
    return _mean("mae", loss, prediction, target, weights, np.abs, np.sign)


class Huber(Record):
    """mean(d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2)): round at 0, straight far out (Huber, 1964).

    >>> huber(np.array([[0.5], [3.0]]), np.array([[0.0], [0.0]]))
    1.3125
    """

    delta: float = attrs.field(default=1.0, converter=partial(number, "huber: delta"))


@vjp.register
def huber_vjp(loss: Huber, prediction, target, weights=None):
    delta = loss.delta

    def distance(d: np.ndarray) -> np.ndarray:
        inside = np.minimum(np.abs(d), delta)
        return inside * (np.abs(d) - 0.5 * inside)

    return _mean("huber", loss, prediction, target, weights, distance, lambda d: np.clip(d, -delta, delta))


def _mean(
    caller: str, loss: Any, prediction: Any, target: Any, weights: Any, distance: Callable, slope: Callable
) -> tuple[float, Callable]:
    """Give the mean of ``distance(d)`` and its pullback, for a distance whose derivative is ``slope(d)``."""
    prediction, target = same_shape(caller, prediction, target)
    difference = prediction - target
    counts = share(caller, difference, weights)

    def distance_pullback(dvalue):
        return loss, lambda: slope(difference) * (dvalue * counts)

    return total(distance(difference), counts), distance_pullback


mse: Any = MeanSquaredError()
sum_squared_error: Any = SumSquaredError()
mae: Any = MeanAbsoluteError()
huber: Any = Huber()
