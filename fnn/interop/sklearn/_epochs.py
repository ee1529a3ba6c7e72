"""A stream of training states, seen an epoch at a time: what people who think in epochs look at and act on.

each_epoch : rows, size, ...      -> (stream of states -> stream of epochs)
stalled    : score, patience, tol -> (stream -> its beginning)
Scaled     : a loss times a number
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.losses._reduction import Evaluated


class Epoch(Record):
    """What is known after all rows were seen once more, as the functions in ``callbacks`` get it.

    ``params`` is the network and ``state`` the state of training that it is from, ``epoch`` counts from 1, ``step`` is
    that of the state, and ``loss`` the mean over the epoch's rows. ``validation_loss`` and ``validation_score`` are
    those of the rows that early stopping sets aside, and None without it.
    """

    params: Any
    state: Any
    epoch: int
    step: int
    loss: float
    validation_loss: float | None
    validation_score: float | None


Measure = Callable[[Any], tuple[float | None, float | None]]


def each_epoch(rows: int, size: int, measure: Measure, begin: int = 0) -> Callable[[Iterable[Any]], Iterator[Epoch]]:
    """Turn a stream of states, the one before the first step included, into a stream of epochs.

    Args:
        rows: how many there are in an epoch.
        size: rows in a batch; the last one of an epoch may have fewer.
        measure: parameters -> loss and score on rows that are not trained on, or (None, None).
        begin: how many epochs there were before.

    >>> from fnn import State
    >>> run = [State((), (), step, loss) for step, loss in enumerate([0.0, 4.0, 1.0, 2.0, 2.0])]
    >>> [(each.epoch, each.step, each.loss) for each in each_epoch(3, 2, lambda params: (None, None))(run)]
    [(1, 2, 3.0), (2, 4, 2.0)]
    """
    return functools.partial(_each_epoch, rows, size, measure, begin)


def _each_epoch(rows: int, size: int, measure: Measure, epoch: int, stream: Iterable[Any]) -> Iterator[Epoch]:
    states = iter(stream)
    next(states)
    seen, total = 0, 0.0
    for state in states:  # nothing of an epoch is kept but this sum: each state has the size of the network and more
        batch = min(size, rows - seen)
        seen, total = seen + batch, total + batch * state.loss
        if seen == rows:
            epoch += 1
            yield Epoch(state.params, state, epoch, state.step, total / rows, *measure(state.params))
            seen, total = 0, 0.0


def stalled(score: Callable[[Any], float], patience: float, tol: float) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """End the stream once more than ``patience`` elements in a row were not better by ``tol`` than all before them.

    This is scikit-learn's rule. To ``early_stopping`` the best is the last one that was better by ``min_delta``; here
    it is the best of all, so that many small steps count as standing still.

    Args:
        score: a number for each element, the lower the better.
        patience: how many elements in a row may be no better.
        tol: better means lower than the best by at least this.

    >>> list(stalled(float, 2, 1.0)([5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.5]))
    [5.0, 4.0, 3.5, 3.0, 2.5]
    """
    return functools.partial(_stalled, score, patience, tol)


def _stalled(score: Callable[[Any], float], patience: float, tol: float, stream: Iterable[Any]) -> Iterator[Any]:
    best, fruitless = math.inf, 0
    for element in stream:
        yield element
        value = score(element)
        fruitless = 0 if value <= best - tol else fruitless + 1
        best = min(best, value)
        if fruitless > patience:
            return


class Scaled(Record):
    """factor loss: another library may have a half in front of its loss, or a sum where there is a mean."""

    loss: Any
    factor: float


@vjp.register
def scaled_vjp(loss: Scaled, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    value, pullback = vjp(loss.loss, prediction, target, weights)

    def scaled_pullback(dvalue):
        return loss, pullback(dvalue * loss.factor)[1]

    return loss.factor * value, scaled_pullback
