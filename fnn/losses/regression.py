"""How far a prediction is from a target, value by value.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Each is a function of a prediction and a target that returns the losses and their slopes; ``reduced`` makes one value of
them, sum(scale * losses), and of the slopes its gradient:

    rows   : loss, prediction, target -> losses, slopes          slopes : scale -> gradient of sum(scale * losses)

Each is a mean over all values, except ``sum_squared_error``. With d = prediction - target, they differ in how much a
large d counts: its square, its size, or one and then the other. Squares are taken in float64: the square of a float32
overflows at 2e19 and vanishes at 1e-23, where the gradient is as good as ever.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from fnn.core._errors import positive
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.losses._reduction import Evaluated, Slopes, reduced


class MeanSquaredError(Record):
    """mean(d**2).

    >>> mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def mean_squared_error_vjp(loss: MeanSquaredError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("mse", loss, _mean_squared_error_rows, prediction, target, weights)


def _mean_squared_error_rows(
    loss: MeanSquaredError, prediction: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, Slopes]:
    d = _difference(prediction, target)
    return _square(d), lambda scale: d * (2 * scale)


class SumSquaredError(Record):
    """sum(d**2) / 2; the half makes the difference itself the gradient.

    >>> sum_squared_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """

    adds_up: ClassVar[bool] = True  # said to ``sharded``, which joins the values of parts of a batch


@vjp.register
def sum_squared_error_vjp(loss: SumSquaredError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("sum_squared_error", loss, _sum_squared_error_rows, prediction, target, weights, mean=False)


def _sum_squared_error_rows(
    loss: SumSquaredError, prediction: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, Slopes]:
    d = _difference(prediction, target)
    return 0.5 * _square(d), lambda scale: d * scale


class MeanAbsoluteError(Record):
    """mean(|d|), which a few far-off targets do not dominate; its slope at 0 is 0.

    >>> mae(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    1.0
    """


@vjp.register
def mean_absolute_error_vjp(loss: MeanAbsoluteError, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("mae", loss, _mean_absolute_error_rows, prediction, target, weights)


def _mean_absolute_error_rows(
    loss: MeanAbsoluteError, prediction: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, Slopes]:
    d = _difference(prediction, target)
    return np.abs(d), lambda scale: np.sign(d) * scale


class Huber(Record):
    """mean(d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2)): round at 0, straight far out (Huber, 1964).

    ``delta`` is above 0: with 0 both the loss and its gradient would be 0 everywhere.

    >>> huber(np.array([[0.5], [3.0]]), np.array([[0.0], [0.0]]))
    1.3125
    """

    delta: float = attrs.field(default=1.0, converter=partial(positive, "huber: delta"))


@vjp.register
def huber_vjp(loss: Huber, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("huber", loss, _huber_rows, prediction, target, weights)


def _huber_rows(loss: Huber, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    d = _difference(prediction, target)
    clipped = np.clip(d, -loss.delta, loss.delta)
    near = clipped.astype(np.float64)
    return near * (d - 0.5 * near), lambda scale: clipped * scale


class LogCosh(Record):
    """mean(log(cosh(d))): like d**2 / 2 near 0 and like |d| - log(2) far out; its slope is tanh(d).

    >>> round(log_cosh(np.array([[1.0], [1000.0]]), np.array([[0.0], [0.0]])), 4)
    499.8703
    """


@vjp.register
def log_cosh_vjp(loss: LogCosh, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("log_cosh", loss, _log_cosh_rows, prediction, target, weights)


def _log_cosh_rows(loss: LogCosh, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    d = _difference(prediction, target)
    size = np.abs(d).astype(np.float64)
    # Near 0 log(1 + 2 sinh(|d| / 2)**2) loses nothing, further out |d| - log(2) + ... does not overflow.
    near = np.log1p(2 * _square(np.sinh(np.minimum(size, 1) / 2)))
    far = size - math.log(2) + np.log1p(np.exp(-2 * size))
    return np.where(size < 1, near, far), lambda scale: np.tanh(d) * scale


def _difference(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return prediction - target  # in the wider of their dtypes; the gradient comes out in the prediction's


def _square(d: np.ndarray) -> np.ndarray:
    d = d if d.dtype.itemsize >= 8 else d.astype(np.float64)
    return d * d


mse: MeanSquaredError = MeanSquaredError()
sum_squared_error: SumSquaredError = SumSquaredError()
mae: MeanAbsoluteError = MeanAbsoluteError()
huber: Huber = Huber()
log_cosh: LogCosh = LogCosh()
