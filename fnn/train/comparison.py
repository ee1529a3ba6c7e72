"""Is the difference real? Two configurations, run with the same seeds, differ by the mean of their differences.

compare : trials, by, metric? -> Comparison: the mean difference, an interval for it, how many seeds would settle it

Pairs that share their luck (common random numbers) show a difference with fewer runs than two separate groups would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from fnn.core._arrays import as_array, is_tuple, read_only
from fnn.core._errors import describe, number
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.train._intervals import needed, student, studentized
from fnn.train._settings import chosen, identity, is_list
from fnn.train.experiments import Trial
from fnn.train.summaries import summarize

_MANY = 30  # pairs, from which on resamples tell something of the distribution
_ENOUGH = 1000  # degrees of freedom, from which on Student's t is within 0.2 % of the normal distribution's
_PAIRS = 'trials of sweep and by, or two lists of results by their names, say {"sgd": [...], "adam": [...]}'


class Comparison(Record):
    """The second of two configurations minus the first, pair by pair: ``mean`` and ``std`` of n ``differences``.

    ``low`` and ``high`` are the ends of the interval, ``settled`` says that 0 is not in it. ``needed`` is the number of
    pairs with which four of five experiments would be settled if mean and std were what they are here (infinity if the
    mean is 0): a guess as good as these two are known.
    """

    names: tuple[str, str]
    mean: float
    std: float
    low: float
    high: float
    confidence: float
    n: int
    settled: bool
    needed: float
    differences: np.ndarray

    def __repr__(self) -> str:
        inside = f"{self.low:.4g} to {self.high:.4g} at {100 * self.confidence:g} % confidence, n = {self.n}"
        more = f"some {max(self.needed, self.n + 1):,} pairs" if self.needed < math.inf else "no number of pairs"
        verdict = "settled" if self.settled else f"not settled, {more} would"
        return f"{self.names[1]} - {self.names[0]}: {self.mean:.4g} ({inside}): {verdict}"


def compare(
    trials: Iterable[Trial] | Mapping[Any, Iterable[Any]],
    by: Any = None,
    metric: Any = None,
    confidence: float = 0.95,
    key: Key = Key(0),  # noqa: B008 (a key is a value)
) -> Comparison:
    """Return the ``Comparison`` of two configurations, paired by all that they have in common, such as the seed.

    The interval is Student's (1908), mean -+ t std / sqrt(n), which is exact if the differences are normal. (To ask for
    symmetry alone and invert the test that flips signs, as Hartigan (1969) does, takes 6 pairs at 95 %, where many
    papers have 3.) From 30 pairs on it is widened where the bootstrap-t (Hall, 1988) goes further, as it does for
    skewed differences. A failure so rare that no pair shows it is in no interval.

    Args:
        trials: what ``sweep`` returns; or two lists of results by their names, paired by their places, such as the
            accuracies (n,) of two ensembles.
        by: of trials, the setting whose two values are compared, or a tuple of settings. Two trials that agree in all
            others are a pair, say by their "trial"; so let the run draw what the two are to share from a key of these
            alone, as ``sweep`` explains.
        metric: of a result, the name of its number or a function that returns it; None if it is a number.
        confidence: how often such an interval holds the true difference.
        key: from which the bootstrap draws.

    Raises ``TypeError`` for an argument of the wrong type or a result that is no number, ``ValueError`` unless there
    are two values of ``by``, a partner for each trial, and two or more pairs of finite numbers.

    >>> from fnn.train.experiments import sweep
    >>> def run(settings, key):
    ...     luck = [0.3, 0.9, 0.5, 0.1, 0.7][settings["trial"]]
    ...     return {"accuracy": luck + settings["width"] / 100 * (1 + luck / 9)}
    >>> trials = sweep(run, {"width": [3, 5], "trial": range(5)})
    >>> compare(trials, by="width", metric="accuracy")
    width=5 - width=3: 0.02111 (0.02024 to 0.02198 at 95 % confidence, n = 5): settled
    >>> compare({"sgd": [0.91, 0.94, 0.92], "adam": [0.93, 0.94, 0.95]})
    adam - sgd: 0.01667 (-0.02128 to 0.05461 at 95 % confidence, n = 3): not settled, some 9 pairs would
    """
    given: Any = trials
    names, pairs = _listed(given, by) if isinstance(trials, Mapping) else _paired(given, by)
    confidence = number("compare: the confidence", confidence, 0.0, 1.0)
    require_key("compare", key)
    first, second = np.array([[_measured(result, metric) for result in pair] for pair in pairs]).reshape(-1, 2).T
    if len(first) < 2:
        raise ValueError(f"compare expects at least 2 pairs, got {len(first)}")
    with np.errstate(over="ignore"):
        differences = second - first
    if not np.isfinite(differences).all():
        raise ValueError("compare: a difference is too large for float64; scale the results")
    summary = summarize(differences.tolist())
    mean, std, n = summary.mean, summary.std, summary.n
    half = student(min(n, _ENOUGH), confidence) * std / math.sqrt(n)
    low, high = mean - half, mean + half
    if n >= _MANY and std > 0:
        # The wider of the two at each end: the bootstrap-t alone holds too little for symmetric numbers with long
        # tails, and Student's for skewed ones; together 94 to 97 % for those and normal ones (in simulations).
        from_resamples = studentized(differences, confidence, key)
        low, high = min(low, from_resamples[0]), max(high, from_resamples[1])
    found = (mean, std, low, high, confidence, n, not low <= 0 <= high)
    return Comparison(names, *found, needed(mean, std, confidence), read_only(differences))


def _listed(results: Mapping[Any, Any], by: Any) -> tuple[tuple[str, str], list[tuple[Any, Any]]]:
    """Return the names of two lists, and their results place by place."""
    if by is not None:
        raise TypeError(f"compare: by is for trials, not for lists of results, got {describe(by)}")
    if len(results) != 2:
        raise ValueError(f"compare expects two lists of results, got {len(results)}: {list(results)}")
    for name, values in results.items():
        if isinstance(values, Mapping) or not is_list(values):
            raise TypeError(f"compare: {name!r} must be a list of results, got {describe(values)}")
    first, second = (list(values) for values in results.values())
    a, b = map(str, results)
    if len(first) != len(second):
        raise ValueError(f"compare expects results in pairs, got {len(first)} of {a} and {len(second)} of {b}")
    return (a, b), list(zip(first, second, strict=True))


def _paired(trials: Any, by: Any) -> tuple[tuple[str, str], list[tuple[Any, Any]]]:
    """Return how the two configurations are named, and the results of trials that agree in all but ``by``."""
    if not is_list(trials):
        raise TypeError(f"compare expects {_PAIRS}, got {describe(trials)}")
    if by is None or (is_tuple(by) and not by):
        wanted = 'by, the setting whose two values are compared, say by="width"'
        raise TypeError(f"compare expects {wanted}, got {describe(by)}")
    settings: tuple[Any, ...] = by if is_tuple(by) else (by,)
    groups: dict[Any, dict[Any, Any]] = {}  # by the values of ``by``, and then by those of all other settings
    names: dict[Any, str] = {}
    for trial in trials:
        if not isinstance(trial, Trial):
            raise TypeError(f"compare expects {_PAIRS}, got {describe(trial)} among them")
        configuration: Any = trial.configuration
        ours = chosen("compare", configuration, settings)
        value = identity(ours)
        rest = identity({name: each for name, each in configuration.items() if name not in settings})
        names[value] = _shown(tuple(ours.items()))
        group = groups.setdefault(value, {})
        if rest in group:
            more = 'the grid needs a name that tells them apart, say "trial": range(5)'
            raise ValueError(f"compare: two trials have the configuration {configuration}; {more}")
        group[rest] = trial.result
    if len(groups) != 2:
        found, first = f"{len(groups)}: {'; '.join(names.values())}", settings[0]
        more = f"choose two, say [trial for trial in trials if trial.configuration[{first!r}] in (..., ...)]"
        raise ValueError(f"compare expects trials of two configurations by {by!r}, got {found}; {more}")
    (a, first), (b, second) = groups.items()
    for name, alone in ((names[a], first.keys() - second.keys()), (names[b], second.keys() - first.keys())):
        if alone:
            raise ValueError(f"compare expects trials in pairs, but {name} alone has {_shown(min(alone, key=str))}")
    return (names[a], names[b]), [(first[rest], second[rest]) for rest in first]


def _shown(settings: tuple[tuple[Any, Any], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings) or "a trial"


def _measured(result: Any, metric: Any) -> float:
    """Return the number of a result."""
    if callable(metric):
        value = cast("Callable[[Any], Any]", metric)(result)
    elif metric is None:
        value = result
    elif isinstance(result, Mapping) and metric in result:
        value = cast("Mapping[Any, Any]", result)[metric]
    else:
        raise ValueError(f"compare: no metric {metric!r} in the result {describe(result)}")
    array = as_array("compare", value)
    if array.shape != () or array.dtype.kind not in "fiub":
        more = "give metric, the name of a number in the result or a function that returns one"
        raise TypeError(f"compare expects a number of each result, got {describe(value)}; {more}")
    number = float(array)
    if not math.isfinite(number):
        more = "leave the pair out and say so, or let metric return the worst value for it"
        raise ValueError(f"compare expects finite numbers, got {number}: a run that diverged? {more}")
    return number
