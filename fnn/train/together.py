"""Networks of one architecture are trained together, as an ensemble: a group of configurations is one piece of work.

together : run, by?, size? -> an experiment for ``repeat`` and ``sweep``       run : keys                 -> n results
                                                                                run : configurations, keys -> n results

Whoever maps gets a group at a time, so that processes or machines and the members of an ensemble multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

from fnn.core._arrays import is_array, is_tuple
from fnn.core._errors import describe, integer
from fnn.train._settings import chosen, identity, is_list


@attrs.frozen
class Together:
    """An experiment with groups of configurations: what ``together`` returns."""

    run: Callable[..., Any]
    by: Any
    size: int | None


def together(run: Callable[..., Any], by: Any = (), size: int | None = None) -> Together:
    """Return an experiment that runs configurations in groups, for ``sweep``, or keys in groups, for ``repeat``.

    The results are those of the configurations one by one, in the same order and with the same keys, as training an
    ensemble is training each of its members.

    Args:
        run: takes the keys of a group, for ``repeat``; its configurations and keys, for ``sweep``; both are tuples. It
            returns a result for each, as a list or an array, or as a dictionary of these.
        by: configurations in which this setting is equal are a group: the name of a setting, a tuple of names, or a
            function of the configuration. Without it all are one group.
        size: how many there are in a group at most, so that there are groups for all workers.

    Raises ``TypeError`` for a run that is no function, or a size that is no integer, ``ValueError`` for a size below 1.

    >>> from fnn import sweep
    >>> def run(configurations, keys):
    ...     print("a group of", len(keys))
    ...     return [each["width"] * each["rate"] for each in configurations]
    >>> trials = sweep(together(run, by="width"), {"rate": [1, 10], "width": [3, 4], "trial": range(2)})
    a group of 4
    a group of 4
    >>> [trial.result for trial in trials]
    [3, 3, 4, 4, 30, 30, 40, 40]
    """
    if not callable(run):
        raise TypeError(f"together expects a function of configurations and keys, got {describe(run)}")
    return Together(run, by, None if size is None else integer("together: the size", size))


def grouped(caller: str, experiment: Together, items: list[tuple[Any, ...]]) -> list[list[int]]:
    """Return the places of the items in each group; an item is a configuration and a key, or a key alone.

    >>> grouped("sweep", together(print, "width", size=2), [({"width": width}, None) for width in (3, 4, 3, 3)])
    [[0, 2], [3], [1]]
    """
    groups: dict[Any, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(_group_of(caller, experiment.by, item), []).append(place)
    return [part for group in groups.values() for part in _parts(group, experiment.size or len(group))]


def _parts(group: list[int], size: int) -> list[list[int]]:
    return [group[begin : begin + size] for begin in range(0, len(group), size)]


def _group_of(caller: str, by: Any, item: tuple[Any, ...]) -> Any:
    if len(item) == 1:  # keys alone are all alike
        return None
    if callable(by):
        return identity({"": cast("Any", by(item[0]))})
    names = by if is_tuple(by) else (by,)
    return identity(chosen(f"{caller}: together by {by!r}", item[0], names)) if names else None


def run_group(caller: str, run: Callable[..., Any], group: list[tuple[Any, ...]]) -> list[Any]:
    """Return the results of a group's items, or raise if there is not one for each."""
    try:
        given = run(*zip(*group, strict=True))
        return _one_by_one(caller, given, len(group))
    except Exception as error:
        first = " with the key ".join(map(str, group[0]))
        error.add_note(f"{caller}: in a group of {len(group)}, of which the first is {first}")
        raise


def _one_by_one(caller: str, given: Any, n: int) -> list[Any]:
    """Return n results; of a dictionary of n results each, n dictionaries."""
    if isinstance(given, Mapping):
        columns = {name: _one_by_one(caller, each, n) for name, each in cast("Mapping[Any, Any]", given).items()}
        return [{name: column[place] for name, column in columns.items()} for place in range(n)]
    if not is_list(given):
        raise TypeError(f"{caller} expects a result for each of the {n} that ran together, got {describe(given)}")
    # As numbers of Python, which a run by itself would return.
    results = [*cast("Any", given.tolist() if is_array(given) and given.ndim == 1 else given)]
    if len(results) != n:
        raise ValueError(f"{caller} expects a result for each of the {n} that ran together, got {len(results)}")
    return results
