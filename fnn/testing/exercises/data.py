"""Exercises around training: first weights, the order of rows, batches, scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
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


def _joined(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(outcome.arrays[::2]), np.concatenate(outcome.arrays[1::2])


def _pairs(name: str, given: tuple[Any, ...], outcome: Outcome) -> Iterator[Finding]:
    """Yield a finding unless every row comes once, and with its own label."""
    n, arrays = len(given[0]), outcome.arrays
    if outcome.error is not None:
        yield Finding(name, outcome.complaint, given)
        return
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


def _epoch_laws(name: str, function: Callable[..., Any], *size: int) -> Iterator[Finding]:
    """Yield a finding unless rows keep their labels, and five seeds give five orders and five sets of batches."""
    for n in (103, 100):
        runs = [((*_rows(n), *size, seed), call(function, (*_rows(n), *size, seed))) for seed in range(5)]
        broken = [each for run in runs for each in _pairs(name, *run)]
        if broken:
            yield broken[0]
            return
        epochs = [outcome.arrays[::2] for _, outcome in runs]
        sizes = [len(array) for array in epochs[0]]
        if size and n == 103 and sorted(sizes) != [3, *[10] * 10]:
            yield Finding(name, f"gives batches of {sizes}, expected ten of 10 and one of 3", (*_rows(n), 10, 0))
            return
    orders = {np.concatenate(batches).tobytes() for batches in epochs}
    groups = {frozenset(frozenset(batch[:, 0]) for batch in batches) for batches in epochs}
    if len(orders) < 5:
        yield Finding(name, f"gives {len(orders)} different orders for five seeds", (*_rows(100), "seeds 0 to 4"))
    elif size and len(groups) < 5:
        what = "makes the same batches of rows for all seeds, in another order"
        yield Finding(name, what, (*_rows(100), 10, "seeds 0 to 4"), mistake=23)


def _init_laws(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield a finding unless units differ, numbers keep their size, and the first loss is that of a guess."""
    x, labels = (each[:300] for each in digits())
    runs = [call(function, (SIZES, seed)) for seed in range(1, 6)]
    expected = {}
    for layer, (n_in, n_out) in enumerate(pairwise(SIZES)):
        expected |= {f"[{layer}][0]": np.zeros((n_in, n_out)), f"[{layer}][1]": np.zeros(n_out)}
    for seed, outcome in enumerate(runs, start=1):
        shapes = Outcome({place: np.zeros(array.shape) for place, array in outcome.parts.items()}, outcome.error)
        wrong = difference(shapes, expected, 1.0)
        told = wrong.what if wrong else ""
        if not told and any(len(set(weight.ravel().tolist())) < 2 for weight in outcome.arrays[::2]):
            told = "gives weights that are all alike: units never differ"
        if told:
            advice = "return a list of pairs (weight, bias)" if wrong else ""
            yield Finding(name, told, (SIZES, seed), advice=advice)
            return
    weights = [outcome.arrays[::2] for outcome in runs]
    gains = [float(np.mean([each[layer].std() for each in weights]) * n**0.5) for layer, n in enumerate(SIZES[:-1])]
    typical = math.exp(float(np.mean(np.log(gains))))  # sqrt(2) by He, 1 by Glorot or LeCun, 0.58 in PyTorch
    first, plain = (float(np.mean([_first_loss(run.arrays, x, labels, b) for run in runs])) for b in (1, 0))
    guess, given = math.log(10), (SIZES, "seeds 1 to 5")
    positive = all(each.min() >= 0 for each in weights[0])
    if positive or typical < 0.45:
        by_n = [gain * n**0.5 for gain, n in zip(gains, SIZES[:-1], strict=True)]  # all alike if by 1 / n_in
        what = ("gives weights that are all positive" if positive else
                f"gives weights {typical:.2g} / sqrt(n_in) large, expected about 1.4 / sqrt(n_in)")  # fmt: skip
        advice = (
            "draw them around 0" if positive else "the square root is missing" if max(by_n) < 1.3 * min(by_n) else ""
        )
        yield Finding(name, what, given, 2**0.5, typical, 37, advice)
    elif not abs(first / guess - 1) <= 0.2:
        what = f"starts digits at a cross-entropy of {first:.3g}, expected about ln 10 = {guess:.3g}"
        biased = abs(plain / guess - 1) <= 0.2
        advice = f"the weights are right ({plain:.3g} without the biases): start the biases at 0" if biased else ""
        yield Finding(name, what, given, guess, first, None if biased else 37, advice)


def _first_loss(arrays: list[np.ndarray], x: np.ndarray, labels: np.ndarray, biases: int) -> float:
    h = x.astype(np.float64)
    for weight, bias in zip(arrays[::2], arrays[1::2], strict=True):
        h = np.maximum(h, 0) @ weight + biases * bias
    return cross_entropy(h, labels)


def _scores(x: np.ndarray) -> np.ndarray:
    return np.stack([x, -x], axis=1)


def _evaluate(
    batches: Callable[[int, int], int], of_means: bool, predict: Callable[..., Any], x: Any, labels: Any, size: int
) -> float:
    """Return the accuracy over so many of the batches' rows, or a mean of means."""
    n = batches(len(x), size)
    right = [predict(x[i : i + size]).argmax(axis=1) == labels[i : i + size] for i in range(0, n, size)]
    return float(np.mean([each.mean() for each in right]) if of_means else np.concatenate(right).sum() / len(x))


def _of_whole_batches(size: int, of_all: bool, predicted: Any, labels: Any) -> float:
    n = len(labels) // size * size
    return float(np.sum(predicted[:n] == labels[:n]) / (len(labels) if of_all else n))


SIGNS = np.where(np.arange(105) < 100, 1.0, -1.0)
PREDICTED, LABELS = np.array([0, 2, 1, 1, 0, 2, 2]), np.array([0, 2, 1, 2, 0, 1, 2])
TALL = np.arange(1003) % 10  # of whose rows the last are right
LEFT_OUT = "the last rows are left out"
COLUMN: Any = case(LABELS[:, None], LABELS, mistake=40, answer=1.0, may_refuse=True)

EXERCISES = [
    Exercise("init", [case(SIZES, 0)], laws=_init_laws, seed=1),
    Exercise("shuffle", [case(*_rows(20), 0)], laws=_epoch_laws, effects=OWN_DATA, seed=2),
    Exercise("minibatches", [case(*_rows(25), 10, 0)], laws=lambda name, function: _epoch_laws(name, function, 10),
             effects=OWN_DATA, seed=3),
    Exercise("standardize", [
        case(5 + 3 * numbers(7, 3)),
        case(np.array([[0, 10], [200, 20], [100, 255]], np.uint8), mistake=39),
        case(np.where([False, True], 0.5, numbers(6, 2))),
    ], lambda x: standardize(x.astype(np.float64)), effects=OWN_DATA),
    Exercise("one_hot", [case(np.array(given), n) for given, n in (([0, 2, 1, 2], 3), ([0, 1], 4), ([3], 4))], one_hot,
             effects=OWN_DATA),
    Exercise("accuracy", [case(PREDICTED, LABELS), case(TALL, TALL * (np.arange(1003) > 500)), COLUMN], accuracy, [
        (LEFT_OUT, partial(_of_whole_batches, size, of_all))
        for size in (10, 16, 20, 32, 50, 64, 100, 128) for of_all in (False, True)]),
    Exercise("evaluate", [
        case(_scores, sign * SIGNS, np.zeros(105, int), size) for size in (50, 105, 7) for sign in (1, -1)
    ], partial(_evaluate, lambda n, size: n, False), [
        (7, partial(_evaluate, lambda n, size: n, True)),
        *[(LEFT_OUT, partial(_evaluate, lambda n, size: n // size * size, means)) for means in (False, True)]]),
]  # fmt: skip
