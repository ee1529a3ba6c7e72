"""Training is a stream of states, and a callback is a function on it, made to be used in ``toolz.pipe``.

    tap   : effect, every -> (stream -> the same stream)          until : done -> (stream -> its beginning)

They go with toolz' own ``take``, ``take_nth`` and ``last``. A stream is lazy and is read once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fnn.errors import describe, whole


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


def _function(who: str, function: Any) -> Callable:
    if not callable(function):
        raise TypeError(f"{who} expects a function of a state, got {describe(function)}")
    return function
