"""Exercises around training: first weights, the order of rows, batches, scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from fnn.data import digits, one_hot, standardize
from fnn.losses.classification import cross_entropy
from fnn.metrics import accuracy
from fnn.testing._compare import difference
from fnn.testing._sandbox import Outcome, call
from fnn.testing.exercises.exercise import Exercise, case, numbers
from fnn.testing.results import Finding

SIZES = (64, 32, 16, 10)
OWN_DATA = {"writes": 25, "shares": 25}


def _rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that are all different, and labels that follow from them."""
    x = np.arange(n, dtype=np.float64)
    return np.stack([x, -x], axis=1), np.arange(n) % 10


def _one_epoch(function: Callable[..., Any], n: int, seed: int, *size: int) -> Outcome:
    return call(function, (*_rows(n), *size, seed))


def _joined(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(outcome.arrays[::2]), np.concatenate(outcome.arrays[1::2])


def _pairs(name: str, function: Callable[..., Any], n: int, seed: int, *size: int) -> Iterator[Finding]:
    """Yield a finding unless every row comes once, and with its own label."""
    given = (*_rows(n), *size, seed)
    outcome = _one_epoch(function, n, seed, *size)
    if outcome.error is not None:
        yield Finding(name, outcome.complaint, given)
        return
    arrays = outcome.arrays
    if len(arrays) % 2 or any(
        a.shape != (b.size, 2) or b.ndim != 1 for a, b in zip(arrays[::2], arrays[1::2], strict=True)
    ):
        shapes = ", ".join(str(array.shape) for array in arrays[:4])
        yield Finding(name, f"gives arrays {shapes}..., expected pairs of x (rows, 2) and y (rows,)", given)
        return
    x, y = _joined(outcome)
    if sorted(x[:, 0]) != list(range(n)):
        seen = len(set(x[:, 0]))
        yield Finding(name, f"gives {len(x)} rows, {seen} different ones, expected each of {n} once", given)
    elif not np.array_equal(x[:, 0] % 10, y):
        kept = float(np.mean(x[:, 0] % 10 == y))
        yield Finding(name, f"leaves {kept:.0%} of the labels with their rows", given, 1.0, kept, 24)
    elif y.dtype.kind != "i":
        yield Finding(name, f"makes {y.dtype} of labels int64", given, mistake=24)


def _shuffle_laws(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    broken = [each for seed in range(5) for each in _pairs(name, function, 50, seed)]
    yield from broken[:1]
    if not broken:
        orders = {_joined(_one_epoch(function, 50, seed))[0].tobytes() for seed in range(5)}
        if len(orders) < 5:
            yield Finding(name, f"gives {len(orders)} different orders for five seeds", _rows(50))


def _minibatch_laws(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    broken = [each for n in (103, 100) for seed in range(5) for each in _pairs(name, function, n, seed, 10)]
    yield from broken[:1]
    if broken:
        return
    sizes = [len(array) for array in _one_epoch(function, 103, 1, 10).arrays[::2]]
    if sorted(sizes) != [3, *[10] * 10]:
        yield Finding(name, f"gives batches of {sizes}, expected ten of 10 and one of 3", (*_rows(103), 10, 1))
        return
    epochs = [_one_epoch(function, 100, seed, 10).arrays[::2] for seed in range(5)]
    orders = {np.concatenate(batches).tobytes() for batches in epochs}
    groups = {frozenset(frozenset(batch[:, 0]) for batch in batches) for batches in epochs}
    given = (*_rows(100), 10, "seeds 0 to 4")
    if len(orders) < 5:
        yield Finding(name, f"gives {len(orders)} different orders for five seeds", given)
    elif len(groups) < 5:
        yield Finding(name, "makes the same batches of rows for all seeds, in another order", given, mistake=23)


def _init_laws(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield a finding unless a relu network's first loss is near that of a guess, and no two units are alike."""
    x, labels = (each[:300] for each in digits())
    losses = []
    for seed in range(1, 6):
        outcome = call(function, (SIZES, seed))
        expected = {}
        for layer, (n_in, n_out) in enumerate(pairwise(SIZES)):
            expected |= {f"[{layer}][0]": np.zeros((n_in, n_out)), f"[{layer}][1]": np.zeros(n_out)}
        shapes = Outcome({place: np.zeros(array.shape) for place, array in outcome.parts.items()}, outcome.error)
        wrong = difference(shapes, expected, 1.0)
        if wrong is not None:
            yield Finding(name, wrong.what, (SIZES, seed), advice="return a list of pairs (weight, bias)")
            return
        weights = outcome.arrays[::2]
        if any(len(set(weight.ravel().tolist())) < 2 for weight in weights):
            yield Finding(name, "gives weights that are all alike: units never differ", (SIZES, seed))
            return
        losses.append(_first_loss(outcome.arrays, x, labels))
    first, guess = float(np.mean(losses)), math.log(10)
    if not abs(first / guess - 1) <= 0.2:
        what = f"starts digits at a cross-entropy of {first:.3g}, expected about ln 10 = {guess:.3g}"
        yield Finding(name, what, (SIZES, "seeds 1 to 5"), guess, first, 37)


def _first_loss(arrays: list[np.ndarray], x: np.ndarray, labels: np.ndarray) -> float:
    h = x.astype(np.float64)
    for weight, bias in zip(arrays[::2], arrays[1::2], strict=True):
        h = np.maximum(h, 0) @ weight + bias
    return cross_entropy(h, labels)


def _scores(x: np.ndarray) -> np.ndarray:
    return np.stack([x, -x], axis=1)


def _evaluate(predict: Callable[..., Any], x: np.ndarray, labels: np.ndarray, size: int) -> float:
    return accuracy(predict(x), labels)


def _mean_of_means(predict: Callable[..., Any], x: np.ndarray, labels: np.ndarray, size: int) -> float:
    batches = [slice(begin, begin + size) for begin in range(0, len(x), size)]
    return float(np.mean([accuracy(predict(x[batch]), labels[batch]) for batch in batches]))


def _standardize(x: np.ndarray) -> np.ndarray:
    return standardize(x.astype(np.float64))


SIGNS = np.where(np.arange(105) < 100, 1.0, -1.0)
PREDICTED, LABELS = np.array([0, 2, 1, 1, 0, 2, 2]), np.array([0, 2, 1, 2, 0, 1, 2])
COLUMN: Any = case(LABELS[:, None], LABELS, mistake=40, answer=1.0, may_refuse=True)

EXERCISES = {
    "init": Exercise(
        "init(sizes, seed) -> list of (weight, bias), shaped (n_in, n_out) and (n_out,), for a relu network",
        [case(SIZES, 0)],
        laws=_init_laws,
        seed=1,
    ),
    "shuffle": Exercise(
        "shuffle(x, y, seed) -> (x, y)", [case(*_rows(20), 0)], laws=_shuffle_laws, effects=OWN_DATA, seed=2
    ),
    "minibatches": Exercise(
        "minibatches(x, y, size, seed) -> the (x, y) of one shuffled epoch, the last perhaps shorter",
        [case(*_rows(25), 10, 0)],
        laws=_minibatch_laws,
        effects=OWN_DATA,
        seed=3,
    ),
    "standardize": Exercise(
        "standardize(x) -> x with mean 0 and standard deviation 1 in each column, a constant column being 0",
        [
            case(5 + 3 * numbers(7, 3)),
            case(np.array([[0, 10], [200, 20], [100, 255]], np.uint8), mistake=39),
            case(np.where([False, True], 0.5, numbers(6, 2))),
        ],
        _standardize,
        effects=OWN_DATA,
    ),
    "one_hot": Exercise(
        "one_hot(labels, classes) -> rows (n, classes)",
        [case(np.array([0, 2, 1, 2]), 3), case(np.array([0, 1]), 4), case(np.array([3]), 4)],
        one_hot,
        effects=OWN_DATA,
    ),
    "accuracy": Exercise(
        "accuracy(predicted, labels) -> the fraction that is right", [case(PREDICTED, LABELS), COLUMN], accuracy
    ),
    "evaluate": Exercise(
        "evaluate(predict, x, labels, size) -> accuracy, predicting size rows at a time",
        [case(_scores, SIGNS, np.zeros(105, int), size) for size in (50, 105, 7)],
        _evaluate,
        [(7, _mean_of_means)],
    ),
}
