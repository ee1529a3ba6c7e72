"""An experiment is a function of a key, and to repeat it is to map it over keys.

    repeat    : run, keys -> results, in their order                      run : key -> result
    sweep     : run, grid -> trials, in the grid's order                  run : configuration, key -> result
    summarize : results -> mean, std, min, max, n

The key of each item comes from its place in the grid, so neither order nor engine nor the number of workers changes a
result. ``map`` is whatever maps in order, here or elsewhere:

    ProcessPoolExecutor().map, multiprocessing.Pool().map                 the cores of this machine
    dask.distributed.Client(...).get_executor().map                       a Dask cluster
    ray.util.multiprocessing.Pool().map                                   a Ray cluster
    mpi4py.futures.MPIPoolExecutor().map                                  MPI, started by mpiexec -m mpi4py.futures
    lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items))

With any of them that uses processes, ``run`` is a function of a module, or a partial of one, and a script starts its
pool under ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from fnn.core._errors import describe
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.train.progress import progress

Map = Callable[[Callable, list], Iterable]


class Trial(NamedTuple):
    """What ``sweep`` gives for each configuration."""

    configuration: Any
    result: Any


def repeat(run: Callable[[Key], Any], keys: Iterable[Key], map: Map = map) -> list:
    """Give ``run(key)`` for each key, in their order.

    Where stderr is a terminal, it shows progress. An error in a run carries a note with its key. Raises ``TypeError``
    for what are no keys, ``ValueError`` if ``map`` does not keep the order.

    >>> from fnn import split
    >>> repeat(lambda key: key.path[0] ** 2, split(Key(0), 4))
    [0, 1, 4, 9]
    """
    _require_run("repeat", run, "a key")
    if not isinstance(keys, Iterable):
        raise TypeError(f"repeat expects keys, say split(Key(0), 5), got {describe(keys)}")
    keys = [require_key("repeat", key) for key in keys]
    return _mapped("repeat", functools.partial(_run_with_key, run), keys, map)


def sweep(run: Callable[[Any, Key], Any], grid: Any, key: Key = Key(0), map: Map = map) -> list[Trial]:  # noqa: B008 (a key is a value)
    """Give ``Trial(configuration, run(configuration, key))`` for each configuration of a grid, in its order.

    ``grid`` is a dictionary of lists, of which each combination makes a dictionary, the last name changing fastest, or
    any iterable of configurations. A configuration's key is ``key`` folded with its place, in a dictionary of lists
    with its place in each of the lists: what is appended to a list leaves all other keys as they were.

    Where stderr is a terminal, it shows progress. An error in a run carries a note with its configuration. Raises
    ``TypeError`` for what is no grid, ``ValueError`` for an empty one or if ``map`` does not keep the order.

    >>> trials = sweep(lambda configuration, key: configuration["width"] * 10, {"width": [3, 4], "trial": [0, 1]})
    >>> for configuration, result in trials[1:3]:
    ...     print(configuration, result)
    {'width': 3, 'trial': 1} 30
    {'width': 4, 'trial': 0} 40

    And ``toolz.groupby(lambda trial: trial.configuration["width"], trials)`` puts together what ``summarize`` takes.
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
    """Yield each configuration with its address, its place in each list of the grid."""
    if not isinstance(grid, Mapping):
        if isinstance(grid, str) or not isinstance(grid, Iterable):
            raise TypeError(
                f"sweep expects a dictionary of lists or an iterable of configurations, got {describe(grid)}"
            )
        yield from (((place,), configuration) for place, configuration in enumerate(grid))
        return
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(
                f"sweep: grid[{name!r}] must be a list of values, got {describe(values)}; write [{values!r}]"
            )
    numbered = [list(enumerate(values)) for values in grid.values()]
    for combination in itertools.product(*numbered):
        address = tuple(place for place, _ in combination)
        yield address, dict(zip(grid, (value for _, value in combination), strict=True))


def _run_with_key(run: Callable, numbered: tuple[int, Key]) -> tuple[int, Any]:
    place, key = numbered
    try:
        return place, run(key)
    except Exception as error:
        error.add_note(f"repeat: with the key {key}")
        raise


def _run_with_configuration(run: Callable, numbered: tuple[int, tuple[Any, Key]]) -> tuple[int, Any]:
    place, (configuration, key) = numbered
    try:
        return place, run(configuration, key)
    except Exception as error:
        error.add_note(f"sweep: in the configuration {configuration} with the key {key}")
        raise


def _mapped(caller: str, function: Callable, items: list, map: Map) -> list:
    """Map over numbered items; the numbers that come back tell whether the order was kept."""
    arriving = iter(map(function, list(enumerate(items))))
    if sys.stderr is not None and sys.stderr.isatty():
        arriving = progress(len(items))(arriving)
    results = []
    for expected, (place, result) in enumerate(arriving):
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
    """What ``n`` results come to; for results that are arrays, element by element.

    ``std`` is the standard deviation of the population that they are a sample of, sqrt(sum((x - mean)^2) /
    (n - 1)), NaN for a single result.
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


def summarize(results: Iterable) -> Any:
    """Give the ``Summary`` of numbers, of arrays of one shape, or for dictionaries a dictionary of summaries.

    Of what ``sweep`` gives, the results are summarized, whatever their configurations. Sums are exact before they are
    rounded, so the order of the results does not matter. Raises ``TypeError`` for what is no number, ``ValueError`` for
    no results, or for shapes or names that differ.

    >>> summarize([0.92, 0.95, 0.98])
    0.95 +- 0.03 (0.92 to 0.98, n = 3)
    >>> summarize([{"loss": 1.0, "accuracy": 0.5}, {"loss": 3.0, "accuracy": 0.7}])["loss"].mean
    2.0
    """
    results = [result.result if isinstance(result, Trial) else result for result in results]
    if not results:
        raise ValueError("summarize expects at least one result, got none")
    if isinstance(results[0], Mapping):
        names = list(results[0])
        for place, result in enumerate(results):
            if not isinstance(result, Mapping) or list(result) != names:
                found = list(result) if isinstance(result, Mapping) else describe(result)
                raise ValueError(f"summarize expects results with the names {names}, got {found} at {place}")
        return {name: summarize([result[name] for result in results]) for name in names}
    arrays = [_as_numbers(result, place) for place, result in enumerate(results)]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise ValueError(f"summarize expects results of one shape, got {shapes[0]} and {shapes[1]}")
    columns = np.stack([array.reshape(-1) for array in arrays], axis=1).tolist()
    figures = [_figures(column) for column in columns]
    if not shapes[0]:
        return Summary(*figures[0], n=len(results))
    mean, deviation, least, most = (np.array(each).reshape(shapes[0]) for each in zip(*figures, strict=True))
    return Summary(mean, deviation, least, most, len(results))


def _as_numbers(result: Any, place: int) -> np.ndarray:
    array = np.asarray(result)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"summarize expects numbers, arrays of numbers or dictionaries of them, got {describe(result)} at {place}"
        )
    return array.astype(np.float64)


def _figures(column: list[float]) -> tuple[float, float, float, float]:
    n, least, most = len(column), min(column), max(column)
    mean = min(max(math.fsum(column) / n, least), most)  # the mean of equal numbers is that number, rounding or not
    squares = math.fsum((value - mean) ** 2 for value in column)
    deviation = math.sqrt(squares / (n - 1)) if n > 1 else math.nan
    return mean, deviation, least, most
