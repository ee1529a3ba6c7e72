"""A network with several outputs has a loss for each, and one number to descend: their weighted sum.

    combined : loss, ... -> loss                      loss : predictions, targets, weights? -> value

Predictions and targets are tuples; the weights of rows are the same for every loss.
"""

from __future__ import annotations

import math
from typing import Any

from fnn.core._errors import describe, number
from fnn.core.grad import value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record, is_record
from fnn.core.vjp import registered, vjp
from fnn.losses._records import A_LOSS
from fnn.losses._reduction import Evaluated
from fnn.losses.classification import refuse_probabilities
from fnn.losses.regularization import L1, L2, Regularized
from fnn.networks.branches import Parallel
from fnn.networks.serial import ending


class Combined(Record):
    """sum(weight * loss(prediction, target)), over tuples of predictions and targets."""

    losses: tuple[Any, ...]
    weights: tuple[float, ...]


@vjp.register
def combined_vjp(loss: Combined, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
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


_value_and_grad = value_and_grad.dispatch(object)  # the function for any loss


@value_and_grad.register
def combined_value_and_grad(
    loss: Combined, params: Any, batch: tuple[Any, ...], key: Key | None = None
) -> tuple[float, Any]:
    refuse_probabilities_of_branches(loss, params)
    return _value_and_grad(loss, params, batch, key)


def refuse_probabilities_of_branches(loss: Combined, params: Any) -> None:
    """Raise ``TypeError`` if the branch for a loss that takes logits returns probabilities."""
    last, _ = ending(params)
    if type(last) is Parallel:
        for one, branch in zip(loss.losses, last.branches, strict=False):
            refuse_probabilities(one, branch)


def combined(*losses: Any, weights: tuple[float, ...] | None = None) -> Combined:
    """Return the loss of a network with several outputs: the sum of a loss for each, times its weight if given.

    Raises ``TypeError`` for what is no loss or no tuple of numbers, ``ValueError`` unless there is a weight for each
    loss, 0 or more, and one of them above 0.

    >>> import numpy as np
    >>> from fnn import mae, mse
    >>> y, target = (np.array([3.0]), np.array([2.0])), (np.array([1.0]), np.array([1.0]))
    >>> combined(mse, mae, weights=(1.0, 0.5))(y, target)
    4.5
    """
    for loss in losses:
        if not is_record(loss):
            hint = A_LOSS if callable(loss) else "write combined(mse, cross_entropy)"
            raise TypeError(f"combined expects losses, got {describe(loss)}; {hint}")
        if isinstance(loss, L1 | L2 | Regularized):
            hint = "a penalty is on all parameters: write regularized(combined(mse, cross_entropy), l2(1e-4))"
            raise TypeError(f"combined expects losses, got {describe(loss)}; {hint}")
        if hasattr(loss, "shards"):  # of a class in a room above
            hint = "it is the network's work that is shared: write sharded(combined(mse, cross_entropy), 2)"
            raise TypeError(f"combined expects losses, got {describe(loss)}; {hint}")
    if not losses:
        raise ValueError("combined expects at least one loss, got none; write combined(mse, cross_entropy)")
    if not isinstance(weights, tuple | None):
        raise TypeError(f"combined expects weights as a tuple, a number for each loss, got {describe(weights)}")
    weights = (1.0,) * len(losses) if weights is None else tuple(number("combined: each weight", w) for w in weights)
    if len(weights) != len(losses):
        raise ValueError(f"combined expects a weight for each of its losses ({len(losses)}), got {len(weights)}")
    if not any(weights):
        raise ValueError(f"combined: the weights must not be all zero, since nothing would be learned, got {weights}")
    return Combined(losses, weights)
