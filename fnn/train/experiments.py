"""An experiment is a function of a key, and to repeat it is to map it over keys.

    repeat    : run, keys       -> results, in the order of the keys      run : key -> result
    sweep     : run, grid, key? -> trials, in the order of the grid       run : configuration, key -> result

``together(run)`` in the place of a run gets several keys or configurations at a time, to train them as an ensemble.

The key of each item comes from its place in the grid, so neither the order, nor the engine, nor the number of workers
changes a result. ``map`` is anything that maps in order and returns results, on this machine or elsewhere:

    ProcessPoolExecutor().map, multiprocessing.Pool().map                 the cores of this machine
    dask.distributed.Client(...).get_executor().map                       a Dask cluster; client.map returns futures
    ray.util.multiprocessing.Pool().map                                   a Ray cluster
    mpi4py.futures.MPIPoolExecutor().map                                  MPI, started by mpiexec -m mpi4py.futures
    lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items))

With those that use processes, ``run`` must be a function of a module, or a partial of one, and a script must start its
pool under ``if __name__ == "__main__":``.
"""

import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from fnn.core._errors import describe
from fnn.core.keys import Key, fold_in, require_key
from fnn.train._maps import Map, mapped, require_map
from fnn.train._settings import is_list
from fnn.train.progress import progress
from fnn.train.together import Together, grouped, run_group


# Its annotations are types and not text (no __future__ import here): of a named tuple, tools cannot look text up.
class Trial(NamedTuple):
    """A configuration and its result: what ``sweep`` returns for each point of the grid."""

    configuration: Any
    result: Any


def repeat(run: Callable[[Key], Any] | Together, keys: Iterable[Key], map: Map = map) -> list[Any]:
    """Return ``run(key)`` for each key, in the order of the keys.

    It shows progress where stderr is a terminal. An error in a run carries a note with its key.

    Args:
        run: the experiment, a function of a key, or ``together`` of one of keys.
        keys: a key for each run, say ``split(Key(0), 5)``.
        map: applies a function to each item of a list, in order: a pool's ``pool.map``, of Dask
            ``client.get_executor().map``; the head of this module has those of Ray, MPI and joblib.

    Raises ``TypeError`` if ``run`` is no function, the keys are no keys or ``map`` returns no results (but futures),
    ``ValueError`` if it does not keep the order.

    >>> from fnn import split
    >>> repeat(lambda key: key.path[0] ** 2, split(Key(0), 4))
    [0, 1, 4, 9]
    """
    if not isinstance(keys, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"repeat expects keys, say split(Key(0), 5), got {describe(keys)}")
    _require_run("repeat", run, "a key", map)
    keys = [require_key("repeat", key) for key in keys]
    if isinstance(run, Together):
        return _in_groups("repeat", run, [(key,) for key in keys], map)
    return _results("repeat", functools.partial(_run_with_key, run), keys, map)


def sweep(run: Callable[[Any, Key], Any] | Together, grid: Any, key: Key = Key(0), map: Map = map) -> list[Trial]:  # noqa: B008 (a key is a value)
    """Return ``Trial(configuration, run(configuration, key))`` for each configuration of a grid, in order.

    A configuration's key is ``key`` folded with its place; in a dictionary of lists, with its place in each of the
    lists, so that values which are appended to a list leave the keys of all others as they were. It shows progress
    where stderr is a terminal. An error in a run carries a note with its configuration and key.

    Args:
        run: the experiment, a function of a configuration and a key, or ``together`` of one of configurations and keys.
        grid: a dictionary of lists, where each combination is a configuration, itself a dictionary, and the last name
            changes fastest; or any iterable of configurations.
        key: the key from which each run gets one of its own.
        map: as for ``repeat``.

    Raises ``TypeError`` if ``grid`` is no grid or ``map`` returns no results, ``ValueError`` if the grid is empty or
    ``map`` does not keep the order.

    >>> trials = sweep(lambda configuration, key: configuration["width"] * 10, {"width": [3, 4], "trial": [0, 1]})
    >>> for configuration, result in trials[1:3]:
    ...     print(configuration, result)
    {'width': 3, 'trial': 1} 30
    {'width': 4, 'trial': 0} 40

    ``toolz.groupby(lambda trial: trial.configuration["width"], trials)`` collects the trials of each width, for
    ``summarize``.

    As each run has another key, two widths differ by their luck as well, even where the grid has a "seed": to the sweep
    that is a name like any other. To compare settings by the same luck (common random numbers), draw what they are to
    share, such as the split of the data or the first weights, from a key of the trial alone, and ``compare``:

    >>> from fnn import compare, summarize
    >>> from fnn.data import moons
    >>> def spread(settings, key):
    ...     trial = fold_in(Key(7), settings["trial"])  # not from key: the same for every noise
    ...     x, _ = moons(50, settings["noise"], trial)
    ...     return float(x.std())
    >>> trials = sweep(spread, {"noise": [0.1, 0.2], "trial": range(5)})
    >>> quiet, loud = summarize(trials[:5]), summarize(trials[5:])
    >>> compare(trials, by="noise").std < (quiet.std**2 + loud.std**2) ** 0.5 / 2  # as four times the trials would give
    True
    """
    _require_run("sweep", run, "a configuration and a key", map)
    require_key("sweep", key)
    items = [(configuration, functools.reduce(fold_in, address, key)) for address, configuration in _addressed(grid)]
    if not items:
        raise ValueError(f"sweep expects a grid of at least one configuration, got {describe(grid)}")
    if isinstance(run, Together):
        results = _in_groups("sweep", run, items, map)
    else:
        results = _results("sweep", functools.partial(_run_with_configuration, run), items, map)
    return [Trial(configuration, result) for (configuration, _), result in zip(items, results, strict=True)]


def _require_run(caller: str, run: Any, argument: str, map: Any) -> None:
    if not callable(run) and not isinstance(run, Together):
        raise TypeError(f"{caller} expects a function of {argument}, got {describe(run)}")
    require_map(caller, map)


def _addressed(grid: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield each configuration after its address: its place in each list of the grid."""
    if not isinstance(grid, Mapping):
        if not is_list(grid):
            raise TypeError(
                f"sweep expects a dictionary of lists or an iterable of configurations, got {describe(grid)}"
            )
        for place, configuration in enumerate(cast("Iterable[Any]", grid)):
            yield (place,), configuration
        return
    lists = cast("Mapping[Any, Iterable[Any]]", grid)
    if not lists:  # of which the one combination would be an empty configuration
        return
    for name, values in lists.items():
        if not is_list(values):
            raise TypeError(
                f"sweep: grid[{name!r}] must be a list of values, got {describe(values)}; write [{values!r}]"
            )
    numbered = [list(enumerate(values)) for values in lists.values()]
    for combination in itertools.product(*numbered):
        address = tuple(place for place, _ in combination)
        yield address, dict(zip(lists, (value for _, value in combination), strict=True))


def _run_with_key(run: Callable[[Key], Any], key: Key) -> Any:
    try:
        return run(key)
    except Exception as error:
        error.add_note(f"repeat: with the key {key}")
        raise


def _run_with_configuration(run: Callable[[Any, Key], Any], item: tuple[Any, Key]) -> Any:
    configuration, key = item
    try:
        return run(configuration, key)
    except Exception as error:
        error.add_note(f"sweep: in the configuration {configuration} with the key {key}")
        raise


def _results(caller: str, function: Callable[[Any], Any], items: list[Any], map: Map) -> list[Any]:
    """Return the result for each item, and show progress where stderr is a terminal."""
    stderr: Any = sys.stderr  # None where Python runs without a console
    shown = progress(len(items) if stderr is not None and stderr.isatty() else 0)
    return list(shown(mapped(caller, function, items, map)))


def _in_groups(caller: str, run: Together, items: list[Any], map: Map) -> list[Any]:
    """Return the result for each item, computed a group at a time."""
    groups = grouped(caller, run, items)
    function = functools.partial(run_group, caller, run.run)  # a worker need not know ``by``, which may be a lambda
    found = _results(caller, function, [[items[place] for place in group] for group in groups], map)
    results: list[Any] = [None] * len(items)
    for group, values in zip(groups, found, strict=True):
        for place, value in zip(group, values, strict=True):
            results[place] = value
    return results
