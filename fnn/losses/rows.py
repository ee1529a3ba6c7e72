"""The losses of the rows by themselves, before they become one number.

rows : loss -> (prediction, target -> losses)
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import describe
from fnn.core.grad import value_and_grad
from fnn.core.record import Record, is_record
from fnn.core.vjp import Pullback, registered, vjp
from fnn.losses._records import A_LOSS
from fnn.losses._reduction import SEPARATE, leading
from fnn.losses.binary import BinaryCrossEntropy, Hinge
from fnn.losses.classification import CrossEntropy
from fnn.losses.divergence import KLDivergence
from fnn.losses.focal import BinaryFocal, Focal
from fnn.losses.likelihood import NLL, GaussianNLL, PoissonNLL
from fnn.losses.regression import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, SumSquaredError
from fnn.losses.similarity import CosineDistance, Triplet

BY_ROWS: frozenset[type] = frozenset({
    MeanSquaredError, SumSquaredError, MeanAbsoluteError, Huber, LogCosh, CrossEntropy, BinaryCrossEntropy,
    KLDivergence, Hinge, NLL, PoissonNLL, GaussianNLL, Focal, BinaryFocal, CosineDistance, Triplet,
})  # fmt: skip


class Rows(Record):
    """The losses of a loss one by one: the shape is that of the labels, or of the values where each has its own."""

    loss: Any


@vjp.register
def rows_vjp(losses: Rows, prediction: Any, target: Any = None, weights: Any = None) -> tuple[np.ndarray, Pullback]:
    values, pullback = registered(type(losses.loss), vjp)(losses.loss, prediction, target, SEPARATE)
    if weights is not None:
        shape = floats("rows", weights).shape
        fits = shape == values.shape[: len(shape)]
        written = leading("weights", len(shape), values.ndim) if 0 < len(shape) < values.ndim and fits else "weights"
        raise TypeError(
            f"rows expects a prediction and a target, and leaves the weights to you; it got {describe(weights)} as "
            f"weights; write {written} * rows(loss)(prediction, target)"
            + ("" if fits else f", with weights of the losses' shape {values.shape}")
        )

    def rows_pullback(dvalues):
        _, dprediction = pullback(dvalues)
        return losses, dprediction

    return values, rows_pullback


@value_and_grad.register
def rows_value_and_grad(losses: Rows, params: Any, batch: tuple[Any, ...], key: Any = None) -> NoReturn:
    name = type(losses.loss).__name__
    raise TypeError(
        f"value_and_grad expects a loss that is one number, got the rows of {name}; write the loss itself, with a "
        "weight for each row in the batch, or vjp(rows(loss), net(x), target) to weigh them as you like"
    )


def rows(loss: Any) -> Rows:
    """Return the function ``prediction, target -> losses`` of what each row costs, in float64, before the mean.

    ``reduction="none"`` elsewhere. A loss of classes has a number for each label, (n, ...); a loss that compares values
    one for each value. What is not there, a label that is ignored or a step beyond a row's length, costs 0. The mean of
    what is there is the loss. ``vjp`` of it pulls back an array of slopes, one for each: so you can weigh rows by what
    they cost, keep the hardest, or look at them.

    Raises ``TypeError`` for what is no loss of the package that is a mean or a sum over rows.

    >>> from fnn import cross_entropy, vjp
    >>> losses, pullback = vjp(rows(cross_entropy), np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([1, 1]))
    >>> losses.round(4)
    array([0.6931, 9.0001])
    >>> pullback(losses > 1)[1]().round(4)
    array([[ 0.    , -0.    ],
           [ 0.9999, -0.9999]])
    """
    if type(loss) not in BY_ROWS:
        own = is_record(loss)
        hint = "evaluate it on a row at a time, loss(y[i : i + 1], target[i : i + 1])" if own else A_LOSS
        raise TypeError(
            f"rows expects a loss of the package over rows, say cross_entropy, got {describe(loss)}; {hint}"
        )
    return Rows(loss)
