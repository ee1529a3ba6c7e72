"""A schedule says how large the steps of training are, and when: a function of the step, so that it can be plotted.

    schedule     : step -> rate, a float; steps count from 0, and past its end a schedule holds its last value

    constant     : rate -> schedule               exponential  : rate, factor, steps -> schedule
    piecewise    : boundaries, rates -> schedule  inverse_time : rate, decay, steps -> schedule
    cosine       : rate, steps, end -> schedule   one_cycle    : peak, steps -> schedule
    warmup       : steps, schedule, start -> schedule

Wherever an optimizer takes a rate it takes a schedule, and the rate of now is ``schedule(state.step)``. Arguments are
checked here, once; the step is not, since a schedule is asked at every step of training.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from fnn.core._errors import describe, integer, number, positive

__all__ = ["constant", "cosine", "exponential", "inverse_time", "one_cycle", "piecewise", "warmup"]

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Give the same rate at every step; a plain number does the same where a rate is expected.

    >>> constant(0.1)(1000)
    0.1
    """
    return functools.partial(_constant, number("constant: the rate", rate))


def _constant(rate: float, step: int) -> float:
    return rate


def piecewise(boundaries: Sequence[int], rates: Sequence[float]) -> Schedule:
    """Change the rate at given steps: ``rates[0]`` at first, ``rates[i]`` from step ``boundaries[i - 1]`` on.

    Raises ``ValueError`` unless the boundaries increase, the first being 1 or more, and there is one rate more.

    >>> [piecewise([2, 4], [0.1, 0.01, 0.001])(step) for step in range(6)]
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    """
    for name, numbers in (("boundaries", boundaries), ("rates", rates)):
        if not isinstance(numbers, Iterable):
            raise TypeError(f"piecewise expects a list of {name}, got {describe(numbers)}; write [{numbers}]")
    boundaries = tuple(integer("piecewise: each boundary", boundary) for boundary in boundaries)
    rates = tuple(number("piecewise: each rate", rate) for rate in rates)
    if any(after <= before for before, after in pairwise(boundaries)):
        raise ValueError(f"piecewise: the boundaries must increase, got {describe(boundaries)}")
    if len(rates) != len(boundaries) + 1:
        expected = f"{len(boundaries) + 1} rates for {len(boundaries)} boundaries"
        raise ValueError(f"piecewise expects one rate more than boundaries, {expected}, got {len(rates)}")
    return functools.partial(_piecewise, boundaries, rates)


def _piecewise(boundaries: tuple[int, ...], rates: tuple[float, ...], step: int) -> float:
    return rates[bisect_right(boundaries, step)]


def exponential(rate: float, factor: float, steps: int = 1, staircase: bool = False) -> Schedule:
    """Multiply the rate by ``factor`` every ``steps`` steps, rate factor**(step / steps).

    With ``staircase`` this happens at once at the end of each ``steps`` steps, else a little at every step. A factor
    above 1 makes the rate grow without end.

    >>> [exponential(0.8, 0.5)(step) for step in range(3)]
    [0.8, 0.4, 0.2]
    >>> [exponential(0.8, 0.5, steps=2, staircase=True)(step) for step in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    rate, factor = number("exponential: the rate", rate), positive("exponential: the factor", factor)
    function = _staircase if staircase else _exponential
    return functools.partial(function, rate, factor, integer("exponential: steps", steps))


def _exponential(rate: float, factor: float, steps: int, step: int) -> float:
    return float(rate * factor ** (step / steps))


def _staircase(rate: float, factor: float, steps: int, step: int) -> float:
    return float(rate * factor ** (step // steps))


def inverse_time(rate: float, decay: float, steps: int = 1) -> Schedule:
    """Let the rate fall as one over time, rate / (1 + decay step / steps) (after Robbins and Monro, 1951).

    >>> [inverse_time(0.8, 1.0, steps=10)(step) for step in (0, 10, 30)]
    [0.8, 0.4, 0.2]
    """
    rate, decay = number("inverse_time: the rate", rate), number("inverse_time: the decay", decay)
    return functools.partial(_inverse_time, rate, decay, integer("inverse_time: steps", steps))


def _inverse_time(rate: float, decay: float, steps: int, step: int) -> float:
    return float(rate / (1.0 + decay * step / steps))


def cosine(rate: float, steps: int, end: float = 0.0) -> Schedule:
    """Go from ``rate`` to ``end`` along half a cosine, end + (rate - end) (1 + cos(pi step / steps)) / 2.

    The end is reached at step ``steps`` and held from there (Loshchilov and Hutter, 2017, without the restarts).

    >>> [round(cosine(1.0, 4)(step), 4) for step in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    rate, end = number("cosine: the rate", rate), number("cosine: the end", end)
    return functools.partial(_cosine, rate, end, integer("cosine: steps", steps))


def _cosine(rate: float, end: float, steps: int, step: int) -> float:
    return _half_cosine(rate, end, step / steps if step < steps else 1.0)


def _half_cosine(begin: float, end: float, share: float) -> float:
    """Give the point at ``share``, 0 to 1, of the way down (or up) half a cosine, exact at both ends."""
    weight = (1.0 + math.cos(math.pi * share)) / 2.0
    return weight * begin + (1.0 - weight) * end


def warmup(steps: int, schedule: float | Schedule, start: float = 0.0) -> Schedule:
    """Go in a line from ``start`` to ``schedule(0)`` in ``steps`` steps, then follow ``schedule(step - steps)``.

    ``schedule`` may be a plain number. With a ``start`` of 0 the first step of training moves nothing.

    >>> [round(warmup(4, 0.1, start=0.02)(step), 4) for step in range(6)]
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """
    steps, start = integer("warmup: steps", steps), number("warmup: the start", start)
    after: Any = schedule if callable(schedule) else constant(number("warmup: the schedule, if no function,", schedule))
    return functools.partial(_warmup, steps, start, number("warmup: schedule(0)", after(0)), after)


def _warmup(steps: int, start: float, reached: float, schedule: Schedule, step: int) -> float:
    if step >= steps:
        return float(schedule(step - steps))
    return float(start + (reached - start) * step / steps)


def one_cycle(peak: float, steps: int, warm: float = 0.3, first: float = 25.0, last: float = 1e4) -> Schedule:
    """Rise from peak / first to ``peak``, then fall to peak / first / last, each along half a cosine.

    The rise ends at step warm steps - 1, which need not be whole, and the fall at the last step, steps - 1, as in
    PyTorch's OneCycleLR (after Smith and Topin, 2018); ``warm`` is at least 0 and below 1.

    >>> [round(one_cycle(1.0, 10, warm=0.5)(step), 4) for step in (0, 2, 4, 7, 9, 99)]
    [0.04, 0.52, 1.0, 0.3455, 0.0, 0.0]
    """
    peak, steps = number("one_cycle: the peak", peak), integer("one_cycle: steps", steps)
    begin = peak / positive("one_cycle: first", first)
    end = begin / positive("one_cycle: last", last)
    top = number("one_cycle: warm", warm, below=1) * steps - 1.0
    return functools.partial(_one_cycle, begin, peak, end, top, steps - 1)


def _one_cycle(begin: float, peak: float, end: float, top: float, final: int, step: int) -> float:
    if step < top:
        return _half_cosine(begin, peak, step / top)
    return _half_cosine(peak, end, (step - top) / (final - top) if step < final else 1.0)
