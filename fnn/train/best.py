"""The best of a stream, and of an ensemble the best of each member, which need not be of one moment.

best : score, patience?, min_delta? -> (stream -> element)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

from fnn.core._arrays import is_array
from fnn.core._errors import describe, integer, number
from fnn.core.record import is_record
from fnn.train._members import rows_kept


class MembersSoFar:
    """Which members of an ensemble are better than before, and which have ended, as their scores come in."""

    def __init__(self, patience: float, min_delta: float = 0.0) -> None:
        self.patience: float = patience
        self.min_delta: float = min_delta
        self.best: Any = math.inf
        self.fruitless: Any = -1
        self.ended: bool = False

    def see(self, score: np.ndarray) -> np.ndarray:
        """Return which members are better than they were; one that has ended is none of them."""
        going = np.less(self.fruitless, self.patience)
        better = (score < self.best - self.min_delta) & going
        self.best = np.where(better, score, self.best)
        self.fruitless = np.where(better, 0, self.fruitless + np.where(going, 1, 0))
        self.ended = bool((self.fruitless >= self.patience).all())
        return better


def best(
    score: Callable[[Any], Any], patience: int | None = None, min_delta: float = 0.0
) -> Callable[[Iterable[Any]], Any]:
    """Read a whole stream and return the element with the lowest score, of equal ones the first; NaN is never lower.

    If the score is an array (n,), as for the states of an ensemble, it is a state in which each member is as it was at
    its own best; its step is that of the last of them.

    Args:
        score: a number for each element, or for each member of an ensemble.
        patience, min_delta: those of ``early_stopping`` in front of it, if it is there: what a member does after it
            would have ended alone is then left out.

    Raises ``TypeError`` for another score, ``ValueError`` for a stream without elements.

    >>> best(abs)([5, 3, -2, 4])
    -2
    """
    if not callable(score):
        raise TypeError(f"best expects a function of a state, got {describe(score)}")
    limit = math.inf if patience is None else integer("best: the patience", patience)
    return functools.partial(_best, score, limit, number("best: min_delta", min_delta))


def _best(score: Callable[[Any], Any], patience: float, min_delta: float, stream: Iterable[Any]) -> Any:
    found: Any = _NOTHING
    lowest, fruitless = math.inf, -1
    each = MembersSoFar(patience, min_delta)
    for element in stream:
        value = score(element)
        if is_array(value) and value.ndim == 1 and is_record(element):
            better = each.see(value)
            found = element if found is _NOTHING else rows_kept(~better, element, found) if better.any() else found
            continue
        if not isinstance(value, Real):
            raise TypeError(f"best expects the score to be a number, got {describe(value)}")
        better = value < lowest - min_delta and fruitless < patience
        if better or found is _NOTHING:
            found = element
        lowest, fruitless = (value, 0) if better else (lowest, fruitless + (fruitless < patience))
    if found is _NOTHING:
        raise ValueError("best expects a stream with at least one element, got none")
    return found


_NOTHING: Any = object()
