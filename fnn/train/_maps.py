"""A map applies a function to each item of a list and returns the results in order; here it is held to that.

mapped      : caller, function, items, map -> results, one by one      require_map : caller, map -> nothing, or an error
blas_limit  : caller -> what makes a context in which BLAS has one thread

Each item carries its number through the map, so a result that is missing, in another's place, or not there yet (a
future) is found by whoever reads the results.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from fnn.core._errors import describe

Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]

_ORDERED = "give pool.map, not pool.imap_unordered, and no as_completed"
_MAPS = "give the map of a pool or an executor, pool.map, and of Dask client.get_executor().map"


@attrs.frozen
class _Done:
    """A result with the number of its item: whatever else comes from a map, our function did not make it."""

    place: int
    result: Any


def require_map(caller: str, map: Any) -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless a function and a list can be given to ``map``."""
    try:
        inspect.signature(map).bind(caller, [])
    except TypeError:
        wanted = "map must be a function of a function and a list"
        raise TypeError(f"{caller}: {wanted}, got {describe(map)}; {_MAPS}") from None
    except ValueError:  # one of Python's own, which does not say what it takes
        pass


def mapped(caller: str, function: Callable[[Any], Any], items: list[Any], map: Map) -> Iterator[Any]:
    """Yield ``function(item)`` for each item, as ``map`` returns them.

    Raises ``TypeError`` in the name of ``caller`` if it returns no results, ``ValueError`` if one is missing or in the
    place of another.

    >>> list(mapped("repeat", abs, [-1, 2], map))
    [1, 2]
    """
    returned = map(functools.partial(_numbered, caller, function), list(enumerate(items)))
    try:
        results = iter(returned)
    except TypeError:
        raise TypeError(f"{caller} expects a map that returns results, got {describe(returned)}; {_MAPS}") from None
    count = 0
    for done in results:
        if not isinstance(done, _Done):
            raise TypeError(f"{caller} expects a map that returns results, got {describe(done)}; {_MAPS}")
        if done.place != count:
            wrong = f"got item {done.place} in the place of {count}"
            raise ValueError(f"{caller} expects a map that keeps the order, {wrong}; {_ORDERED}")
        yield done.result
        count += 1
    if count != len(items):
        raise ValueError(f"{caller} expects a map that gives a result for each of {len(items)} items, got {count}")


def _numbered(caller: str, function: Callable[[Any], Any], *numbered: tuple[int, Any]) -> _Done:
    """Call the function with an item. A starmap, or the apply of a pool, would come with more than one."""
    if len(numbered) != 1:
        raise TypeError(f"{caller} expects a map that calls its function with one item, got {len(numbered)}; {_MAPS}")
    ((place, item),) = numbered
    return _Done(place, function(item))


def blas_limit(caller: str) -> Callable[[], Any]:
    """Return what makes a context in which BLAS has one thread in this process; raise without threadpoolctl."""
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits  # an extra, looked for where it is used
    except ImportError:
        raise ImportError(f'fnn.{caller} needs threadpoolctl: pip install "fnn[parallel]"') from None
    return functools.partial(limits, limits=1, user_api="blas")
