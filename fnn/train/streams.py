"""Training is a stream of states, and a callback is a function on it, made to be used in ``toolz.pipe``.

    tap            : effect, every   -> (stream -> the same stream)
    until          : done            -> (stream -> its beginning)
    time_limit     : seconds         -> (stream -> its beginning)
    early_stopping : score, patience -> (stream -> its beginning)
    ema            : decay           -> (stream of states -> stream of their averages, each with its state as ``run``)
    history        : measures        -> (stream -> dict of lists)

More are in files of their own: ``progress``, ``logged`` and ``best`` here, ``checkpointed`` in its room. All go with
``take``, ``drop``, ``take_nth`` and ``last`` of ``toolz.curried``. A stream is lazy and is read once.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array, read_only
from fnn.core._errors import describe, integer, number, positive
from fnn.core._flat import Layout, flat
from fnn.core._structure import require_alike
from fnn.core.record import is_record
from fnn.core.tree import require_floats
from fnn.train.best import MembersSoFar
from fnn.train.state import Averaged

Passed = Callable[[Iterable[Any]], Iterator[Any]]


def tap(effect: Callable[[Any], Any], every: int = 1) -> Passed:
    """Call ``effect`` on the first element and each ``every``-th after it, and pass everything on unchanged.

    >>> seen = []
    >>> list(tap(seen.append, every=2)(range(5))), seen
    ([0, 1, 2, 3, 4], [0, 2, 4])
    """
    return functools.partial(_tap, _function("tap", effect), integer("tap: every", every))


def _tap(effect: Callable[[Any], Any], every: int, stream: Iterable[Any]) -> Iterator[Any]:
    for place, element in enumerate(stream):
        if place % every == 0:
            effect(element)
        yield element


def until(done: Callable[[Any], bool]) -> Passed:
    """End the stream with the first element for which ``done`` is true; that element is still passed on.

    >>> list(until(lambda n: n >= 2)(range(5)))
    [0, 1, 2]
    """
    return functools.partial(_until, _function("until", done))


def _until(done: Callable[[Any], bool], stream: Iterable[Any]) -> Iterator[Any]:
    for element in stream:
        yield element
        ended: Any = done(element)
        if is_array(ended) and ended.size != 1:
            hint = "for the members of an ensemble write .all() or .any()"
            raise TypeError(f"until expects True or False, got {describe(ended)}; {hint}")
        if ended:
            return


def time_limit(seconds: float) -> Passed:
    """End the stream with the first element that comes ``seconds`` or more after the stream was first asked for one.

    That element is still passed on, so a stream of states has at least its first. The time is that of the wall, by
    ``time.monotonic``; a step that is under way is not broken off.

    Raises ``TypeError`` or ``ValueError`` unless ``seconds`` is a number above 0.

    >>> list(time_limit(60.0)(range(3)))
    [0, 1, 2]
    """
    return functools.partial(_time_limit, positive("time_limit: seconds", seconds))


def _time_limit(seconds: float, stream: Iterable[Any]) -> Iterator[Any]:
    end = time.monotonic() + seconds
    for element in stream:
        yield element
        if time.monotonic() >= end:
            return


def early_stopping(score: Callable[[Any], float], patience: int, min_delta: float = 0.0) -> Passed:
    """End the stream with the ``patience``-th element in a row whose score is no better than the best.

    That element is still passed on. The first one, which has nothing to be better than, is not counted. The best
    element is ``min`` with the same score. But ``min`` keeps a NaN that comes first, as the loss of the state before
    the first step does: with such a score give it ``drop(1, stream)``.

    Args:
        score: a number for each element, the lower the better, such as a loss on data held out for validation.
        patience: how many elements in a row may be no better than the best so far.
        min_delta: better means lower than the best by more than this; NaN never is.

    The score of an ensemble may be an array (n,): the stream ends when this is so for each member, perhaps at different
    elements. What each member had at its best, in its own time, is ``best(score, patience)`` of the stream.

    >>> list(early_stopping(abs, 2)([5, 3, 4, 2, 2, 3, 1]))
    [5, 3, 4, 2, 2, 3]
    >>> min(early_stopping(abs, 2)([5, 3, 4, 2, 2, 3, 1]), key=abs)
    2

    Raises ``TypeError`` if a score is not a number.
    """
    patience = integer("early_stopping: the patience", patience)
    min_delta = number("early_stopping: min_delta", min_delta)
    return functools.partial(_early_stopping, _function("early_stopping", score), patience, min_delta)


def _early_stopping(
    score: Callable[[Any], float], patience: int, min_delta: float, stream: Iterable[Any]
) -> Iterator[Any]:
    best, fruitless = math.inf, -1  # whether the first is a number or NaN, the count is 0 after it
    each: MembersSoFar | None = None
    for element in stream:
        yield element
        value: Any = score(element)
        if is_array(value) and value.ndim == 1:
            each = MembersSoFar(patience, min_delta) if each is None else each
            each.see(value)
            if each.ended:
                return
            continue
        if not isinstance(value, Real):
            raise TypeError(f"early_stopping expects the score to be a number, got {describe(value)}")
        if value < best - min_delta:
            best, fruitless = value, 0
        else:
            fruitless += 1
        if fruitless == patience:
            return


def ema(decay: float) -> Passed:
    """Average the weights: average = decay average + (1 - decay) params, beginning with the first state's params.

    It passes on ``Averaged`` records: the average as ``params`` (Polyak and Juditsky, 1992, with a fading memory),
    which is often better than any of the parameters that it is the mean of, with the step and the loss of the state,
    and the state itself as ``run``. Training goes on from the run, whatever is upstream or was saved: a file of
    ``checkpointed`` behind ``ema`` holds both, and from the state that is loaded from it, ``states`` and ``fit``
    continue the run, and ``ema`` the average, to the bit. In front of ``ema`` a checkpoint holds the run alone.

    Every state counts, so put ``ema`` before ``take_nth``. Any records with a field ``params`` will do; those without
    an optimizer's memory, which nobody trains from, come out as they are, with the average as ``params``.

    >>> import numpy as np
    >>> from fnn import State
    >>> run = [State(np.array([weight]), (), step, 0.0) for step, weight in enumerate([1.0, 2.0, 4.0])]
    >>> [state.params for state in ema(0.5)(run)]
    [array([1.]), array([1.5]), array([2.75])]

    Raises ``TypeError`` for anything else, and ``ValueError`` with the path if the form of the parameters changes.
    """
    return functools.partial(_ema, number("ema: the decay", decay, below=1))


def _ema(decay: float, stream: Iterable[Any]) -> Iterator[Any]:
    first: Any = None
    average: Any = None
    layout: Layout | None = None
    for state in stream:
        if not _has_params(state):
            raise TypeError(f"ema expects states, records with a field params, got {describe(state)}")
        if isinstance(state, Averaged):
            if layout is not None:
                raise TypeError("ema expects the states of a run, got averages of them; give each ema its own stream")
            first, average = state.run.params, flat(state.params)[0] if state.average is None else state.average
            layout = flat(first)[1]
            yield state  # what was loaded: its run and its average go on from here
            continue
        latest, its_layout = flat(state.params)
        if layout is None:
            require_floats("ema", state.params)
            first, layout = state.params, its_layout
            average = latest if latest.dtype.itemsize > 2 else latest.astype(np.float32)
        else:
            if its_layout is not layout:  # states of one run share it
                require_alike("ema", first, state.params, to_the_shape=True)
                layout = its_layout
            average = decay * average
            average += (1.0 - decay) * latest
        yield _averaged(state, layout, average, latest.dtype)


def _averaged(state: Any, layout: Layout, average: np.ndarray, dtype: np.dtype[Any]) -> Any:
    params = layout.cut(average.astype(dtype, copy=False))
    if not hasattr(state, "opt"):
        return attrs.evolve(state, params=params)
    exact = layout.dtypes is None and average.dtype == dtype
    return Averaged(params, state.opt, state.step, state.loss, state, None if exact else read_only(average))


def _has_params(state: Any) -> bool:
    return is_record(state) and hasattr(state, "params")


def history(**measures: Callable[[Any], Any]) -> Callable[[Iterable[Any]], dict[str, list[Any]]]:
    """Read the whole stream and return, for each measure by name, the list of its values, one for each state.

    A measure is a function of a state; ``state=toolz.identity`` keeps the states too. ``history`` goes last in a pipe.
    An error in a measure carries a note that says which measure it was.

    >>> history(number=int, square=lambda n: n * n)(range(4))
    {'number': [0, 1, 2, 3], 'square': [0, 1, 4, 9]}
    """
    if not measures:
        raise TypeError("history expects at least one measure by name, say loss=lambda state: state.loss")
    for name, measure in measures.items():
        _function(f"history: {name}", measure)
    return functools.partial(_history, measures)


def _history(measures: dict[str, Callable[[Any], Any]], stream: Iterable[Any]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {name: [] for name in measures}
    for place, element in enumerate(stream):
        for name, measure in measures.items():
            try:
                values[name].append(measure(element))
            except Exception as error:
                error.add_note(f"history: in the measure {name!r}, of element {place}")
                raise
    return values


def _function(caller: str, function: Any) -> Callable[[Any], Any]:
    if not callable(function):
        raise TypeError(f"{caller} expects a function of a state, got {describe(function)}")
    return function
