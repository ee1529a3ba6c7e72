"""A schedule says how large the steps of training are, and when: a function of the step, so that it can be plotted.

    schedule     : step -> learning rate, a float; steps count from 0, and past its end a schedule holds its last value

    constant        : learning_rate -> schedule
    piecewise       : boundaries, learning_rates -> schedule
    exponential     : learning_rate, factor, steps -> schedule
    inverse_time    : learning_rate, decay, steps -> schedule
    polynomial      : learning_rate, steps, power, end -> schedule
    cosine          : learning_rate, steps, end -> schedule
    cosine_restarts : learning_rate, steps, growth, end -> schedule
    one_cycle       : peak, steps -> schedule
    warmup          : steps, schedule, start -> schedule
    join            : schedules, boundaries -> schedule

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

__all__ = [
    "constant", "cosine", "cosine_restarts", "exponential", "inverse_time", "join", "one_cycle", "piecewise",
    "polynomial", "warmup",
]  # fmt: skip

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
    steps = _increasing("piecewise", boundaries)
    listed = _listed("piecewise", "learning rates", learning_rates)
    values = [number("piecewise: each learning rate", each) for each in listed]
    if not any(values):
        raise ValueError(f"piecewise: one of the learning rates must be above 0, got {describe(values)}{_STUCK}")
    if len(values) != len(steps) + 1:
        expected = f"{len(steps) + 1} for {len(steps)} boundaries"
        raise ValueError(f"piecewise expects one learning rate more than boundaries, {expected}, got {len(values)}")
    return functools.partial(_piecewise, tuple(steps), tuple(values))


def _listed(caller: str, name: str, values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        hint = "" if callable(values) else f"; write [{values}]"
        raise TypeError(f"{caller} expects a list of {name}, got {describe(values)}{hint}") from None


def _increasing(caller: str, boundaries: Any) -> list[int]:
    """Return the steps at which a schedule changes as a list of integers, or raise unless they increase from 1."""
    steps = [integer(f"{caller}: each boundary", each) for each in _listed(caller, "boundaries", boundaries)]
    if any(after <= before for before, after in pairwise(steps)):
        raise ValueError(f"{caller}: the boundaries must increase, got {describe(steps)}")
    return steps


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


def polynomial(learning_rate: Numbers, steps: int, power: float = 1.0, end: Numbers = 0.0) -> Schedule:
    """Go to ``end`` along a power: end + (learning_rate - end) (1 - step / steps)**power; a line, if that is 1.

    Args:
        learning_rate: the value at step 0.
        steps: the step at which the end is reached.
        power: above 0; above 1 the fall is steep at first, below 1 at last.
        end: the value there and from there on.

    >>> [polynomial(1.0, 4, power=2.0)(step) for step in range(6)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    learning_rate, end = _both_ends("polynomial", learning_rate, end)
    power = positive("polynomial: the power", power)
    return functools.partial(_polynomial, learning_rate, end, power, integer("polynomial: steps", steps))


def _polynomial(learning_rate: Any, end: Any, power: float, steps: int, step: int) -> Any:
    weight = (1.0 - step / steps) ** power if step < steps else 0.0
    return plain(weight * learning_rate + (1.0 - weight) * end)


def _both_ends(caller: str, learning_rate: Any, end: Any) -> tuple[Any, Any]:
    """Return the first and the last value of a schedule, or raise if both are 0, or one is no number."""
    learning_rate, end = numbers(f"{caller}: the learning rate", learning_rate), numbers(f"{caller}: the end", end)
    if np.any((learning_rate == 0) & (end == 0)):
        raise ValueError(f"{caller}: the learning rate or the end must be above 0, got 0{_STUCK}")
    return learning_rate, end


def cosine(learning_rate: Numbers, steps: int, end: Numbers = 0.0) -> Schedule:
    """Go to ``end`` along half a cosine: end + (learning_rate - end) (1 + cos(pi step / steps)) / 2.

    Loshchilov and Hutter, 2017; ``cosine_restarts`` has the restarts.

    Args:
        learning_rate: the value at step 0.
        steps: the step at which the end is reached.
        end: the value there and from there on.

    >>> [round(cosine(1.0, 4)(step), 4) for step in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    learning_rate, end = _both_ends("cosine", learning_rate, end)
    return functools.partial(_cosine, learning_rate, end, integer("cosine: steps", steps))


def _cosine(learning_rate: Any, end: Any, steps: int, step: int) -> Any:
    return _half_cosine(learning_rate, end, step / steps if step < steps else 1.0)


def cosine_restarts(learning_rate: Numbers, steps: int, growth: int = 1, end: Numbers = 0.0) -> Schedule:
    """Go from the learning rate to ``end`` along half a cosine, and start again, for ever.

    Loshchilov and Hutter, 2017; PyTorch's CosineAnnealingWarmRestarts.

    Args:
        learning_rate: the value at step 0 and at each restart.
        steps: how many steps there are to the first restart.
        growth: how many times longer each run is than the one before, an integer.
        end: what the last step before a restart comes close to.

    >>> [round(cosine_restarts(1.0, 2, growth=2)(step), 4) for step in range(8)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0, 0.9619]
    """
    learning_rate, end = _both_ends("cosine_restarts", learning_rate, end)
    steps, growth = integer("cosine_restarts: steps", steps), integer("cosine_restarts: growth", growth)
    return functools.partial(_cosine_restarts, learning_rate, end, steps, growth)


def _cosine_restarts(learning_rate: Any, end: Any, steps: int, growth: int, step: int) -> Any:
    step = int(step)
    if growth == 1:
        step %= steps
    while step >= steps:  # which a logarithm would answer too, but not always to the step
        step -= steps
        steps *= growth
    return _half_cosine(learning_rate, end, step / steps)


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
    after = _as_schedule("warmup: the schedule, if no function,", schedule)
    return functools.partial(_warmup, steps, start, numbers("warmup: schedule(0)", after(0)), after)


def _warmup(steps: int, start: Any, reached: Any, schedule: Schedule, step: int) -> Any:
    if step >= steps:
        return plain(schedule(step - steps))
    return plain(start + (reached - start) * step / steps)


def _as_schedule(what: str, schedule: Any) -> Schedule:
    return schedule if callable(schedule) else functools.partial(_constant, numbers(what, schedule))


def join(schedules: Sequence[Numbers | Schedule], boundaries: Sequence[int]) -> Schedule:
    """Follow one schedule after the other, each from its own step 0: the next from each of ``boundaries`` on.

    Args:
        schedules: in their order; a number is one that stays.
        boundaries: the steps at which the second and each later one begin, increasing from 1.

    Optax's join_schedules, PyTorch's SequentialLR.

    >>> [join([0.1, polynomial(1.0, 2)], [3])(step) for step in range(6)]
    [0.1, 0.1, 0.1, 1.0, 0.5, 0.0]

    Raises ``TypeError`` for what is no list of schedules, ``ValueError`` unless there is a boundary less than those.
    """
    steps = [0, *_increasing("join", boundaries)]
    parts = [
        _as_schedule("join: each schedule, if no function,", each) for each in _listed("join", "schedules", schedules)
    ]
    if not parts:
        raise ValueError("join expects at least one schedule, got []")
    if len(parts) != len(steps):
        raise ValueError(f"join expects one boundary less than schedules, {len(parts) - 1}, got {len(steps) - 1}")
    for place, part in enumerate(parts):
        numbers(f"join: what schedule {place} returns at its step 0", part(0))
    return functools.partial(_join, tuple(parts), tuple(steps))


def _join(parts: tuple[Schedule, ...], begins: tuple[int, ...], step: int) -> Any:
    place = bisect_right(begins, step) - 1
    return plain(parts[place](step - begins[place]))


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
