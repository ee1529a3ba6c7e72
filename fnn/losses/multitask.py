"""Several losses at once, for a network with several outputs.

combined : loss, ... -> loss of a tuple of predictions
"""

from __future__ import annotations

import math
from typing import Any

from fnn.core._errors import describe, number
from fnn.core.grad import value_and_grad
from fnn.core.record import Record, is_record
from fnn.core.vjp import registered, vjp
from fnn.losses.classification import refuse_probabilities
from fnn.networks.branches import Parallel
from fnn.networks.serial import ending


class Combined(Record):
    """sum(weight * loss), each loss on its own of a tuple of predictions and targets."""

    losses: tuple[Any, ...]
    weights: tuple[float, ...]


@vjp.register
def combined_vjp(loss: Combined, prediction, target, weights=None):
    count = len(loss.losses)
    for name, given in (("prediction", prediction), ("target", target)):
        if not isinstance(given, tuple) or len(given) != count:
            raise TypeError(f"combined expects a tuple of {count} as {name}, got {describe(given)}")
    parts = [
        registered(type(one), vjp)(one, y, t, weights)
        for one, y, t in zip(loss.losses, prediction, target, strict=True)
    ]

    def combined_pullback(dvalue):
        pulled = [pullback(dvalue * weight) for (_, pullback), weight in zip(parts, loss.weights, strict=True)]
        return loss, lambda: tuple([dprediction() for _, dprediction in pulled])

    return math.fsum(weight * value for (value, _), weight in zip(parts, loss.weights, strict=True)), combined_pullback


_value_and_grad = value_and_grad.dispatch(object)


@value_and_grad.register
def combined_value_and_grad(loss: Combined, params, batch, key=None):
    last, _ = ending(params)
    if type(last) is Parallel:
        for one, branch in zip(loss.losses, last.branches, strict=False):
            refuse_probabilities(one, branch)
    return _value_and_grad(loss, params, batch, key)


def combined(*losses: Any, weights: tuple[float, ...] | None = None) -> Combined:
    """Make the loss of a network with several outputs: a sum of one loss for each, by ``weights`` if given.

    >>> from fnn import mae, mse
    >>> y, target = (np.array([3.0]), np.array([2.0])), (np.array([1.0]), np.array([1.0]))
    >>> combined(mse, mae, weights=(1.0, 0.5))(y, target)
    4.5
    """
    for loss in losses:
        if not is_record(loss):
            raise TypeError(f"combined expects losses, got {describe(loss)}; write combined(mse, cross_entropy)")
    if not isinstance(weights, tuple | None):
        raise TypeError(f"combined expects weights as a tuple, a number for each loss, got {describe(weights)}")
    weights = (1.0,) * len(losses) if weights is None else tuple(number("combined: each weight", w) for w in weights)
    if len(weights) != len(losses) or not losses:
        raise ValueError(f"combined expects a weight for each of its losses ({len(losses)}), got {len(weights)}")
    return Combined(losses, weights)
