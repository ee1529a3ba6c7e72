"""The figures of results: their mean, standard deviation, minimum and maximum, exact before they are rounded.

summarize : results -> Summary: mean, std, min, max, n
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from fnn.core._arrays import as_array, is_array
from fnn.core._errors import describe
from fnn.core.record import Record
from fnn.train.experiments import Trial


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
    they are rounded, so the order of the results does not matter. Where one is NaN, all figures are.

    Raises ``TypeError`` for a result that is no number, ``ValueError`` for no results, or for shapes or names that
    differ.

    >>> summarize([0.92, 0.95, 0.98])
    0.95 +- 0.03 (0.92 to 0.98, n = 3)
    >>> summarize([{"loss": 1.0, "accuracy": 0.5}, {"loss": 3.0, "accuracy": 0.7}])["loss"].mean
    2.0
    """
    if isinstance(results, Mapping):
        raise TypeError(f"summarize expects a list of results, got {describe(results)}; write list(results.values())")
    single = is_array(results) and not results.ndim
    if single or not isinstance(results, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"summarize expects a list of results, got {describe(results)}")
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
    array = as_array("summarize", list(cast("tuple[Any, ...]", result)) if isinstance(result, tuple) else result)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"summarize expects numbers, arrays of numbers or dictionaries of them, got {describe(result)} at {place}"
        )
    return array.astype(np.float64)


def _figures(column: list[float]) -> tuple[float, float, float, float]:
    """Return the mean, standard deviation, minimum and maximum, none of which depends on the order."""
    if any(map(math.isnan, column)):  # which min and max overlook behind another number
        return math.nan, math.nan, math.nan, math.nan
    n, minimum, maximum = len(column), min(column), max(column)
    if math.isinf(minimum) or math.isinf(maximum):
        return minimum + maximum, math.nan, minimum, maximum
    try:
        mean = math.fsum(column) / n
    except OverflowError:
        mean = math.ldexp(math.fsum(math.ldexp(value, -64) for value in column) / n, 64)
    mean = min(max(mean, minimum), maximum)  # the mean of equal numbers is that number, exactly
    return mean, _std(column, mean, max(maximum - mean, mean - minimum)), minimum, maximum


def _std(column: list[float], mean: float, spread: float) -> float:
    """Return the standard deviation of numbers that lie up to ``spread`` from their mean."""
    n, power = len(column), 0
    if n == 1:
        return math.nan
    if not 1e-140 < spread < 1e140:  # squares would overflow or vanish, which dividing by a power of two prevents
        power = 1024 if math.isinf(spread) else math.frexp(spread)[1]
        column, mean = [math.ldexp(value, -power) for value in column], math.ldexp(mean, -power)
    deviations = [value - mean for value in column]
    rounding = math.fsum(deviations) ** 2 / n  # what the mean's last digit adds to the squares
    squares = max(math.fsum(deviation**2 for deviation in deviations) - rounding, 0.0)
    std = math.sqrt(squares / (n - 1))
    return std * 2.0 ** (power // 2) * 2.0 ** (power - power // 2)  # infinity, if it is too large for float64
