"""An experiment is a function of a key, and to repeat it is to map it over keys.

    repeat    : run, keys       -> results, in the order of the keys      run : key -> result
    sweep     : run, grid, key? -> trials, in the order of the grid       run : configuration, key -> result
    summarize : results         -> mean, std, min, max, n

The key of each item comes from its place in the grid, so neither the order, nor the engine, nor the number of workers
changes a result. ``map`` is anything that maps in order, on this machine or elsewhere:

    ProcessPoolExecutor().map, multiprocessing.Pool().map                 the cores of this machine
    dask.distributed.Client(...).get_executor().map                       a Dask cluster
    ray.util.multiprocessing.Pool().map                                   a Ray cluster
    mpi4py.futures.MPIPoolExecutor().map                                  MPI, started by mpiexec -m mpi4py.futures
    lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items))

With those that use processes, ``run`` must be a function of a module, or a partial of one, and a script must start its
pool under ``if __name__ == "__main__":``.
"""

import functools
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from fnn.core._errors import describe
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.train.progress import progress

Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]


# Its annotations are types and not text (no __future__ import here): of a named tuple, tools cannot look text up.
class Trial(NamedTuple):
    """A configuration and its result: what ``sweep`` returns for each point of the grid."""

    configuration: Any
    result: Any


def repeat(run: Callable[[Key], Any], keys: Iterable[Key], map: Map = map) -> list[Any]:
    """Return ``run(key)`` for each key, in the order of the keys.

    It shows progress where stderr is a terminal. An error in a run carries a note with its key.

    Args:
        run: the experiment, a function of a key.
        keys: a key for each run, say ``split(Key(0), 5)``.
        map: applies a function to each item of a list, in order.

    Raises ``TypeError`` if ``run`` is no function or the keys are no keys, ``ValueError`` if ``map`` does not keep the
    order.

    >>> from fnn import split
    >>> repeat(lambda key: key.path[0] ** 2, split(Key(0), 4))
    [0, 1, 4, 9]
    """
    _require_run("repeat", run, "a key")
    if not isinstance(keys, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"repeat expects keys, say split(Key(0), 5), got {describe(keys)}")
    keys = [require_key("repeat", key) for key in keys]
    return _mapped("repeat", functools.partial(_run_with_key, run), keys, map)


def sweep(run: Callable[[Any, Key], Any], grid: Any, key: Key = Key(0), map: Map = map) -> list[Trial]:  # noqa: B008 (a key is a value)
    """Return ``Trial(configuration, run(configuration, key))`` for each configuration of a grid, in order.

    A configuration's key is ``key`` folded with its place; in a dictionary of lists, with its place in each of the
    lists, so that values which are appended to a list leave the keys of all others as they were. It shows progress
    where stderr is a terminal. An error in a run carries a note with its configuration and key.

    Args:
        run: the experiment, a function of a configuration and a key.
        grid: a dictionary of lists, where each combination is a configuration, itself a dictionary, and the last name
            changes fastest; or any iterable of configurations.
        key: the key from which each run gets one of its own.
        map: applies a function to each item of a list, in order.

    Raises ``TypeError`` if ``grid`` is no grid, ``ValueError`` if it is empty or ``map`` does not keep the order.

    >>> trials = sweep(lambda configuration, key: configuration["width"] * 10, {"width": [3, 4], "trial": [0, 1]})
    >>> for configuration, result in trials[1:3]:
    ...     print(configuration, result)
    {'width': 3, 'trial': 1} 30
    {'width': 4, 'trial': 0} 40

    ``toolz.groupby(lambda trial: trial.configuration["width"], trials)`` collects the trials of each width, for
    ``summarize``.
    """
    _require_run("sweep", run, "a configuration and a key")
    require_key("sweep", key)
    items = [(configuration, functools.reduce(fold_in, address, key)) for address, configuration in _addressed(grid)]
    if not items:
        raise ValueError(f"sweep expects a grid of at least one configuration, got {describe(grid)}")
    results = _mapped("sweep", functools.partial(_run_with_configuration, run), items, map)
    return [Trial(configuration, result) for (configuration, _), result in zip(items, results, strict=True)]


def _require_run(caller: str, run: Any, argument: str) -> None:
    if not callable(run):
        raise TypeError(f"{caller} expects a function of {argument}, got {describe(run)}")


def _addressed(grid: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield each configuration after its address: its place in each list of the grid."""
    if not isinstance(grid, Mapping):
        if isinstance(grid, str) or not isinstance(grid, Iterable):
            raise TypeError(
                f"sweep expects a dictionary of lists or an iterable of configurations, got {describe(grid)}"
            )
        for place, configuration in enumerate(cast("Iterable[Any]", grid)):
            yield (place,), configuration
        return
    lists = cast("Mapping[Any, Iterable[Any]]", grid)
    for name, values in lists.items():
        if isinstance(values, str) or not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"sweep: grid[{name!r}] must be a list of values, got {describe(values)}; write [{values!r}]"
            )
    numbered = [list(enumerate(values)) for values in lists.values()]
    for combination in itertools.product(*numbered):
        address = tuple(place for place, _ in combination)
        yield address, dict(zip(lists, (value for _, value in combination), strict=True))


def _run_with_key(run: Callable[[Key], Any], numbered: tuple[int, Key]) -> tuple[int, Any]:
    place, key = numbered
    try:
        return place, run(key)
    except Exception as error:
        error.add_note(f"repeat: with the key {key}")
        raise


def _run_with_configuration(run: Callable[[Any, Key], Any], numbered: tuple[int, tuple[Any, Key]]) -> tuple[int, Any]:
    place, (configuration, key) = numbered
    try:
        return place, run(configuration, key)
    except Exception as error:
        error.add_note(f"sweep: in the configuration {configuration} with the key {key}")
        raise


def _mapped(caller: str, function: Callable[[Any], tuple[int, Any]], items: list[Any], map: Map) -> list[Any]:
    """Map over numbered items, so that the numbers of the results show whether the order was kept."""
    returned = iter(map(function, list(enumerate(items))))
    stderr: Any = sys.stderr  # None where Python runs without a console
    if stderr is not None and stderr.isatty():
        returned = progress(len(items))(returned)
    results: list[Any] = []
    for expected, (place, result) in enumerate(returned):
        if place != expected:
            raise ValueError(
                f"{caller} expects a map that keeps the order, got item {place} in the place of {expected}; {_ORDERED}"
            )
        results.append(result)
    if len(results) != len(items):
        raise ValueError(
            f"{caller} expects a map that gives a result for each of {len(items)} items, got {len(results)}"
        )
    return results


_ORDERED = "give pool.map, not pool.imap_unordered, and no as_completed"


class Summary(Record):
    """The mean, standard deviation, minimum and maximum of ``n`` results; for arrays, element by element.

    ``std`` is that of the population of which the results are a sample, sqrt(sum((x - mean)^2) / (n - 1)), and NaN
    for a single result.
    """

    mean: Any
    std: Any
    min: Any
    max: Any
    n: int

    def __repr__(self) -> str:
        if np.ndim(self.mean):
            return f"Summary of {self.n} arrays {np.shape(self.mean)}"
        return f"{self.mean:.4g} +- {self.std:.2g} ({self.min:.4g} to {self.max:.4g}, n = {self.n})"


def summarize(results: Iterable[Any]) -> Any:
    """Return the ``Summary`` of numbers or of arrays of one shape; for dictionaries, a dictionary of summaries.

    Of trials, which ``sweep`` returns, the results are summarized, whatever their configurations. Sums are exact before
    they are rounded, so the order of the results does not matter. Raises ``TypeError`` for a result that is no number,
    ``ValueError`` for no results, or for shapes or names that differ.

    >>> summarize([0.92, 0.95, 0.98])
    0.95 +- 0.03 (0.92 to 0.98, n = 3)
    >>> summarize([{"loss": 1.0, "accuracy": 0.5}, {"loss": 3.0, "accuracy": 0.7}])["loss"].mean
    2.0
    """
    results = [result.result if isinstance(result, Trial) else result for result in results]
    if not results:
        raise ValueError("summarize expects at least one result, got none")
    if isinstance(results[0], Mapping):
        return _summaries(results)
    arrays = [_as_numbers(result, place) for place, result in enumerate(results)]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise ValueError(f"summarize expects results of one shape, got {shapes[0]} and {shapes[1]}")
    columns: list[list[float]] = np.stack([array.reshape(-1) for array in arrays], axis=1).tolist()
    figures = [_figures(column) for column in columns]
    if not shapes[0]:
        return Summary(*figures[0], n=len(results))
    mean, std, minimum, maximum = (figure.reshape(shapes[0]) for figure in np.array(figures).reshape(-1, 4).T)
    return Summary(mean, std, minimum, maximum, len(results))


def _summaries(results: list[Any]) -> dict[Any, Any]:
    names = list(results[0])
    for place, result in enumerate(results):
        found = list(cast("Mapping[Any, Any]", result)) if isinstance(result, Mapping) else describe(result)
        if found != names:
            raise ValueError(f"summarize expects results with the names {names}, got {found} at {place}")
    return {name: summarize([result[name] for result in results]) for name in names}


def _as_numbers(result: Any, place: int) -> np.ndarray:
    array = np.asarray(result)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"summarize expects numbers, arrays of numbers or dictionaries of them, got {describe(result)} at {place}"
        )
    return array.astype(np.float64)


def _figures(column: list[float]) -> tuple[float, float, float, float]:
    n, minimum, maximum = len(column), min(column), max(column)
    mean = min(max(math.fsum(column) / n, minimum), maximum)  # the mean of equal numbers is that number, exactly
    squares = math.fsum((value - mean) ** 2 for value in column)
    std = math.sqrt(squares / (n - 1)) if n > 1 else math.nan
    return mean, std, minimum, maximum
