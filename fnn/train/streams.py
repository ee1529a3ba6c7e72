"""Training is a stream of states, and a callback is a function on it, made to be used in ``toolz.pipe``.

    tap          : effect, every -> (stream -> the same stream)
    until        : done -> (stream -> its beginning)          patient : score, patience -> (stream -> its beginning)
    averaged     : decay -> (stream of states -> stream of states)
    checkpointed : path, every -> (stream of states -> the same stream)
    history      : measures -> (stream -> dict of lists)

They go with ``take``, ``drop``, ``take_nth`` and ``last`` of ``toolz.curried``. A stream is lazy and is read once.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from fnn.checkpoint.files import notes, save
from fnn.core._errors import describe, number, whole
from fnn.core._flat import Layout, flat
from fnn.core.record import is_record
from fnn.core._structure import require_alike, walk
from fnn.core.tree import require_floats


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


def checkpointed(path: str | os.PathLike, every: int = 1) -> Callable[[Iterable], Iterator]:
    """Save the states whose ``step`` is a multiple of ``every``, and pass everything on unchanged.

    A state is passed on only when it is on the disk. The first state is saved too, whatever its step, so a mistyped
    folder is an error before there is anything to lose; and the last one, also when nobody asks for more or a step
    fails: after ``Diverged`` the file holds the last good state. A run killed at any moment loses at most the steps
    since its last save, and goes on from there to the same bits:

        state = load(path)
        batches = epochs(data, 32, key, start=state.step)
        final = pipe(states(step, state, batches), checkpointed(path, every=100), last)

    The file is replaced whole or not at all, and only a checkpoint is ever replaced. Raises ``TypeError`` for elements
    that are no records with a ``step``, ``ValueError`` for states that are not finite, as when an optimizer's memory
    overflows, ``FormatError`` if ``path`` is something else, ``OSError`` if it cannot be written.

    >>> import tempfile
    >>> import numpy as np
    >>> from fnn import State
    >>> from fnn.checkpoint.files import load
    >>> run = [State((np.ones(2),), (), step, 0.5) for step in range(6)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [load(f"{folder}/run.fnn").step for state in checkpointed(f"{folder}/run.fnn", every=2)(run)]
    ...     load(f"{folder}/run.fnn").step
    [0, 0, 2, 2, 4, 4]
    5
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"checkpointed: the path must be a str or a Path, got {describe(path)}")
    return functools.partial(_checkpointed, Path(path), whole("checkpointed: every", every))


def _checkpointed(path: Path, every: int, stream: Iterable) -> Iterator:
    latest = saved = None
    try:
        for state in stream:
            due = _step(state) % every == 0 or saved is None
            if saved is None and path.exists():
                notes(path)  # raises if this is no checkpoint
            latest = state
            if due and state is not saved:
                saved = state  # also when that fails: it is not tried again on the way out
                _save_finite(path, state)
            yield state
    finally:  # also when nobody asks for the rest, or a step fails
        if latest is not saved:
            _save_finite(path, latest)


def _step(state: Any) -> int:
    step = getattr(state, "step", None)
    if not is_record(state) or not isinstance(step, Integral):
        raise TypeError(f"checkpointed expects states, records with a whole number step, got {describe(state)}")
    return int(step)


def _save_finite(path: Path, state: Any) -> None:
    for place, leaf in walk(state):
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            raise ValueError(
                f"checkpointed: {place} of step {state.step} holds NaN or infinity; {path} was left as it was; "
                "lower the rate or clip the gradient"
            )
    save(path, state)


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
