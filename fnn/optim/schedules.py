"""A schedule says how large the steps of training are, and when: a function of the step, so that it can be plotted.

    schedule     : step -> learning rate, a float; steps count from 0, and past its end a schedule holds its last value

    constant     : learning_rate -> schedule
    piecewise    : boundaries, learning_rates -> schedule
    exponential  : learning_rate, factor, steps -> schedule
    inverse_time : learning_rate, decay, steps -> schedule
    cosine       : learning_rate, steps, end -> schedule
    warmup       : steps, schedule, start -> schedule
    one_cycle    : peak, steps -> schedule

For an ensemble a learning rate may be an array (n,), one for each member, and so is then what the schedule returns.

Wherever an optimizer takes a learning rate it takes a schedule, and the learning rate of now is
``schedule(state.step)``. Arguments are checked here, once, and raise ``TypeError`` or ``ValueError``; the step is not
checked, since a schedule is asked at every step of training.
"""

from __future__ import annotations

import functools
import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fnn.core._errors import describe, integer, number, positive
from fnn.core._numbers import Numbers, numbers, plain, positives

__all__ = ["constant", "cosine", "exponential", "inverse_time", "one_cycle", "piecewise", "warmup"]

Schedule = Callable[[int], Any]
_STUCK = ": nothing would ever move"


def constant(learning_rate: Numbers) -> Schedule:
    """Return the same learning rate at every step; a plain number does the same where a schedule is expected.

    >>> constant(0.1)(1000)
    0.1
    """
    return functools.partial(_constant, positives("constant: the learning rate", learning_rate, _STUCK))


def _constant(learning_rate: Any, step: int) -> Any:
    return learning_rate


def piecewise(boundaries: Sequence[int], learning_rates: Sequence[float]) -> Schedule:
    """Change at given steps: ``learning_rates[0]`` at first, ``learning_rates[i]`` from step ``boundaries[i - 1]`` on.

    Raises ``ValueError`` unless the boundaries increase from 1 or more, and there is one learning rate more than those.

    >>> [piecewise([2, 4], [0.1, 0.01, 0.001])(step) for step in range(6)]
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    """
    steps = [integer("piecewise: each boundary", each) for each in _listed("boundaries", boundaries)]
    values = [number("piecewise: each learning rate", each) for each in _listed("learning rates", learning_rates)]
    if any(after <= before for before, after in pairwise(steps)):
        raise ValueError(f"piecewise: the boundaries must increase, got {describe(steps)}")
    if not any(values):
        raise ValueError(f"piecewise: one of the learning rates must be above 0, got {describe(values)}{_STUCK}")
    if len(values) != len(steps) + 1:
        expected = f"{len(steps) + 1} for {len(steps)} boundaries"
        raise ValueError(f"piecewise expects one learning rate more than boundaries, {expected}, got {len(values)}")
    return functools.partial(_piecewise, tuple(steps), tuple(values))


def _listed(name: str, numbers: Any) -> list[Any]:
    try:
        return list(numbers)
    except TypeError:
        raise TypeError(f"piecewise expects a list of {name}, got {describe(numbers)}; write [{numbers}]") from None


def _piecewise(boundaries: tuple[int, ...], learning_rates: tuple[float, ...], step: int) -> Any:
    return learning_rates[bisect_right(boundaries, step)]


def exponential(learning_rate: Numbers, factor: float, steps: int = 1, staircase: bool = False) -> Schedule:
    """Multiply the learning rate by ``factor`` every ``steps`` steps: learning_rate factor**(step / steps).

    Args:
        learning_rate: the value at step 0.
        factor: above 0; above 1 the learning rate grows without end, to an infinity that ``descend`` refuses.
        steps: how many steps the factor takes.
        staircase: apply the factor at once at the end of each ``steps`` steps, not a little at every step.

    >>> [exponential(0.8, 0.5)(step) for step in range(3)]
    [0.8, 0.4, 0.2]
    >>> [exponential(0.8, 0.5, steps=2, staircase=True)(step) for step in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    learning_rate = positives("exponential: the learning rate", learning_rate, _STUCK)
    factor, steps = positive("exponential: the factor", factor), integer("exponential: steps", steps)
    return functools.partial(_staircase if staircase else _exponential, learning_rate, factor, steps)


def _exponential(learning_rate: Any, factor: float, steps: int, step: int) -> Any:
    return _grown(learning_rate, factor, step / steps)


def _staircase(learning_rate: Any, factor: float, steps: int, step: int) -> Any:
    return _grown(learning_rate, factor, step // steps)


def _grown(learning_rate: Any, factor: float, times: float) -> Any:
    try:
        return plain(learning_rate * factor**times)
    except OverflowError:  # of the power alone, perhaps: the product may be finite
        if isinstance(learning_rate, np.ndarray):
            return np.array([_grown(each, factor, times) for each in learning_rate.tolist()])
        logarithm = math.log(learning_rate) + times * math.log(factor)
        return math.exp(logarithm) if logarithm < math.log(sys.float_info.max) else math.inf


def inverse_time(learning_rate: Numbers, decay: float, steps: int = 1) -> Schedule:
    """Let the learning rate fall as one over time: learning_rate / (1 + decay step / steps).

    After Robbins and Monro, 1951.

    Args:
        learning_rate: the value at step 0.
        decay: what the denominator grows by in ``steps`` steps.
        steps: the unit of time.

    >>> [inverse_time(0.8, 1.0, steps=10)(step) for step in (0, 10, 30)]
    [0.8, 0.4, 0.2]
    """
    learning_rate = positives("inverse_time: the learning rate", learning_rate, _STUCK)
    decay, steps = number("inverse_time: the decay", decay), integer("inverse_time: steps", steps)
    return functools.partial(_inverse_time, learning_rate, decay, steps)


def _inverse_time(learning_rate: Any, decay: float, steps: int, step: int) -> Any:
    return plain(learning_rate / (1.0 + decay * step / steps))


def cosine(learning_rate: Numbers, steps: int, end: Numbers = 0.0) -> Schedule:
    """Go to ``end`` along half a cosine: end + (learning_rate - end) (1 + cos(pi step / steps)) / 2.

    Loshchilov and Hutter, 2017, without the restarts.

    Args:
        learning_rate: the value at step 0.
        steps: the step at which the end is reached.
        end: the value there and from there on.

    >>> [round(cosine(1.0, 4)(step), 4) for step in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    learning_rate, end = numbers("cosine: the learning rate", learning_rate), numbers("cosine: the end", end)
    if np.any((learning_rate == 0) & (end == 0)):
        raise ValueError(f"cosine: the learning rate or the end must be above 0, got 0{_STUCK}")
    return functools.partial(_cosine, learning_rate, end, integer("cosine: steps", steps))


def _cosine(learning_rate: Any, end: Any, steps: int, step: int) -> Any:
    return _half_cosine(learning_rate, end, step / steps if step < steps else 1.0)


def _half_cosine(begin: Any, end: Any, fraction: float) -> Any:
    """Return the point at a fraction, 0 to 1, of the way down (or up) half a cosine, exact at both ends."""
    weight = (1.0 + math.cos(math.pi * fraction)) / 2.0
    return weight * begin + (1.0 - weight) * end


def warmup(steps: int, schedule: Numbers | Schedule, start: Numbers = 0.0) -> Schedule:
    """Go in a line from ``start`` to ``schedule(0)`` in ``steps`` steps, then follow ``schedule(step - steps)``.

    Args:
        steps: how many steps the line takes.
        schedule: what follows, a schedule or a plain number.
        start: the value at step 0; with 0 the first step of training moves nothing.

    >>> [round(warmup(4, 0.1, start=0.02)(step), 4) for step in range(6)]
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """
    steps, start = integer("warmup: steps", steps), numbers("warmup: the start", start)
    after: Any = (
        schedule if callable(schedule) else constant(numbers("warmup: the schedule, if no function,", schedule))
    )
    return functools.partial(_warmup, steps, start, numbers("warmup: schedule(0)", after(0)), after)


def _warmup(steps: int, start: Any, reached: Any, schedule: Schedule, step: int) -> Any:
    if step >= steps:
        return plain(schedule(step - steps))
    return plain(start + (reached - start) * step / steps)


def one_cycle(peak: Numbers, steps: int, warm: float = 0.3, first: float = 25.0, last: float = 1e4) -> Schedule:
    """Rise from peak / first to ``peak``, then fall to peak / first / last, each along half a cosine.

    PyTorch's OneCycleLR (after Smith and Topin, 2018).

    Args:
        peak: the largest learning rate.
        steps: how many steps there are; the fall ends at the last one, steps - 1.
        warm: the fraction of the steps that rise, at least 0 and below 1; the rise ends at warm steps - 1, which need
            not be an integer.
        first: the peak divided by the first value.
        last: the first value divided by the last one.

    >>> [round(one_cycle(1.0, 10, warm=0.5)(step), 4) for step in (0, 2, 4, 7, 9, 99)]
    [0.04, 0.52, 1.0, 0.3455, 0.0, 0.0]
    """
    peak, steps = positives("one_cycle: the peak", peak, _STUCK), integer("one_cycle: steps", steps)
    begin = peak / positive("one_cycle: first", first)
    end = begin / positive("one_cycle: last", last)
    top = number("one_cycle: warm", warm, below=1) * steps - 1.0
    return functools.partial(_one_cycle, begin, peak, end, top, steps - 1)


def _one_cycle(begin: Any, peak: Any, end: Any, top: float, final: int, step: int) -> Any:
    if step < top:
        return _half_cosine(begin, peak, step / top)
    return _half_cosine(peak, end, (step - top) / (final - top) if step < final else 1.0)
