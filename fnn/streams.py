"""Training is a stream of states, and a callback is a function on it, made to be used in ``toolz.pipe``.

    tap      : effect, every -> (stream -> the same stream)       until   : done -> (stream -> its beginning)
    progress : total -> (stream -> the same stream)               patient : score, patience -> (stream -> its beginning)
    averaged : decay -> (stream of states -> stream of states)    history : measures -> (stream -> dict of lists)

They go with ``take``, ``drop``, ``take_nth`` and ``last`` of ``toolz.curried``. A stream is lazy and is read once.
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

import attrs

from fnn.errors import describe, number, whole
from fnn.layout import Layout, flat
from fnn.records import is_record
from fnn.structure import require_alike
from fnn.tree import require_floats


def tap(effect: Callable[[Any], Any], every: int = 1) -> Callable[[Iterable], Iterator]:
    """Call ``effect`` on the first element and each ``every``-th after it, and pass everything on unchanged.

    >>> seen = []
    >>> list(tap(seen.append, every=2)(range(5))), seen
    ([0, 1, 2, 3, 4], [0, 2, 4])
    """
    return functools.partial(_tap, _function("tap", effect), whole("tap: every", every))


def _tap(effect: Callable, every: int, stream: Iterable) -> Iterator:
    for place, element in enumerate(stream):
        if place % every == 0:
            effect(element)
        yield element


def until(done: Callable[[Any], bool]) -> Callable[[Iterable], Iterator]:
    """End the stream with the first element for which ``done`` is true; that element is still passed on.

    >>> list(until(lambda n: n >= 2)(range(5)))
    [0, 1, 2]
    """
    return functools.partial(_until, _function("until", done))


def _until(done: Callable[[Any], bool], stream: Iterable) -> Iterator:
    for element in stream:
        yield element
        if done(element):
            return


def patient(score: Callable[[Any], float], patience: int, least: float = 0.0) -> Callable[[Iterable], Iterator]:
    """Stop early: end the stream with the ``patience``-th element in a row whose score is no better than the best.

    Lower is better, and better means lower than the best so far by more than ``least``; NaN never is. The last element
    is still passed on, and the first, which has nothing to be better than, is not counted. The best is ``min`` with
    the same score. But ``min`` keeps a NaN that comes first, as the loss of the state before the first step does:
    with such a score give it ``drop(1, stream)``.

    >>> list(patient(abs, 2)([5, 3, 4, 2, 2, 3, 1]))
    [5, 3, 4, 2, 2, 3]
    >>> min(patient(abs, 2)([5, 3, 4, 2, 2, 3, 1]), key=abs)
    2

    Raises ``TypeError`` if a score is not a number.
    """
    patience, least = whole("patient: the patience", patience), number("patient: least", least)
    return functools.partial(_patient, _function("patient", score), patience, least)


def _patient(score: Callable[[Any], float], patience: int, least: float, stream: Iterable) -> Iterator:
    best, fruitless = math.inf, -1  # whether the first is a number or NaN, the count is 0 after it
    for element in stream:
        yield element
        value = score(element)
        if not isinstance(value, Real):
            raise TypeError(f"patient expects the score to be a number, got {describe(value)}")
        if value < best - least:
            best, fruitless = value, 0
        else:
            fruitless += 1
        if fruitless == patience:
            return


def averaged(decay: float) -> Callable[[Iterable], Iterator]:
    """Average the weights: average = decay average + (1 - decay) params, beginning with the first state's own.

    Gives the same states with these averages for ``params`` (Polyak and Juditsky, 1992, with a fading memory), which
    are often better than any of the parameters that they are the mean of. Training goes on from the others, since it
    is upstream. Every state counts, so it goes before ``take_nth``. Works on any records with a field ``params``.

    >>> import numpy as np
    >>> from fnn import State
    >>> run = [State(np.array([weight]), (), step, 0.0) for step, weight in enumerate([1.0, 2.0, 4.0])]
    >>> [state.params for state in averaged(0.5)(run)]
    [array([1.]), array([1.5]), array([2.75])]

    Raises ``TypeError`` for what is no such record, ``ValueError`` with the path for parameters that change their form.
    """
    return functools.partial(_averaged, number("averaged: the decay", decay, below=1))


def _averaged(decay: float, stream: Iterable) -> Iterator:
    first: Any = None
    average: Any = None
    layout: Layout | None = None
    for state in stream:
        if not is_record(state) or not hasattr(state, "params"):
            raise TypeError(f"averaged expects states, records with a field params, got {describe(state)}")
        latest, its_layout = flat(state.params)
        if layout is None:
            require_floats("averaged", state.params)
            first, average, layout = state.params, latest, its_layout
        else:
            if its_layout is not layout:  # states of one run share it
                require_alike("averaged", first, state.params, to_the_shape=True)
            average = decay * average
            average += (1.0 - decay) * latest
        yield attrs.evolve(state, params=layout.cut(average))


def progress(total: int, every: int | None = None) -> Callable[[Iterable], Iterator]:
    """Show where the run is, and pass everything on: a bar if tqdm is installed, else lines on stderr.

    ``total`` is the number of steps of the whole run, or of elements if they have no ``step``; if it is 0, nothing is
    shown. A report comes with the first element, then every ``every`` steps (if not given, each for the bar, and so
    that there are 10 to 20 lines), and at the end. It has the ``loss`` of an element that has one, the time since the
    first element, and the time that is left at this pace:

        step 450 of 900 (50 %), loss 0.04512, 0:00:02 elapsed, 0:00:02 left
    """
    total = whole("progress: total", total, 0)
    return functools.partial(_progress, total, None if every is None else whole("progress: every", every))


def _progress(total: int, every: int | None, stream: Iterable) -> Iterator:
    if total == 0:
        yield from stream
        return
    display = unreported = None
    due = -math.inf
    try:
        for place, element in enumerate(stream, 1):
            step = getattr(element, "step", None)
            position = int(step) if isinstance(step, Integral) else place
            if display is None:
                display = _display(total, position, every)
            unreported = position, element
            if position >= due:
                display.report(*unreported)
                due, unreported = position + display.every, None
            yield element
    finally:  # also when nobody asks for the rest, or a step fails
        if display is not None:
            if unreported is not None:
                display.report(*unreported)
            display.close()


@attrs.frozen
class _Display:
    """A way to show reports: of a position and the element there, one each ``every`` steps."""

    report: Callable[[int, Any], None]
    close: Callable[[], None]
    every: int


def _display(total: int, begin: int, every: int | None) -> _Display:
    try:
        tqdm = importlib.import_module("tqdm")  # an extra, so it is looked for where it is used
    except ImportError:
        lines = functools.partial(_line, total, begin, time.monotonic())
        return _Display(lines, _nothing, every or -(-total // 16))
    bar = tqdm.tqdm(total=total, initial=begin, unit="step")
    return _Display(functools.partial(_move, bar), bar.close, every or 1)


def _move(bar: Any, position: int, element: Any) -> None:
    bar.set_postfix_str(_loss(element), refresh=False)
    bar.update(position - bar.n)


def _line(total: int, begin: int, began: float, position: int, element: Any) -> None:
    passed = time.monotonic() - began
    parts = [f"step {position} of {total} ({100 * position // total} %)", _loss(element), f"{_clock(passed)} elapsed"]
    if position > begin:
        parts.append(f"{_clock(passed * max(total - position, 0) / (position - begin))} left")
    print(", ".join(filter(None, parts)), file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _loss(element: Any) -> str:
    loss = getattr(element, "loss", None)
    return f"loss {loss:.4g}" if isinstance(loss, Real) and not math.isnan(loss) else ""


def _nothing() -> None:
    pass


def history(**measures: Callable[[Any], Any]) -> Callable[[Iterable], dict[str, list]]:
    """Read the whole stream, and give what each measure, a function of a state, says of each state: a list by name.

    It goes last in a pipe. ``state=toolz.identity`` keeps the states too. An error in a measure carries a note that
    says which it was.

    >>> history(number=int, square=lambda n: n * n)(range(4))
    {'number': [0, 1, 2, 3], 'square': [0, 1, 4, 9]}
    """
    if not measures:
        raise TypeError("history expects at least one measure by name, say loss=lambda state: state.loss")
    for name, measure in measures.items():
        _function(f"history: {name}", measure)
    return functools.partial(_history, measures)


def _history(measures: dict[str, Callable], stream: Iterable) -> dict[str, list]:
    values: dict[str, list] = {name: [] for name in measures}
    for place, element in enumerate(stream):
        for name, measure in measures.items():
            try:
                values[name].append(measure(element))
            except Exception as error:
                error.add_note(f"history: in the measure {name!r}, of element {place}")
                raise
    return values


def _function(who: str, function: Any) -> Callable:
    if not callable(function):
        raise TypeError(f"{who} expects a function of a state, got {describe(function)}")
    return function
