"""Exercises around training: first weights, the order of rows, batches, scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
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
_digits = cache(digits)  # read once
OWN_DATA = {"writes": 25, "shares": 25}


def _rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that are all different, and labels that follow from them."""
    x = np.arange(n, dtype=np.float64)
    return np.stack([x, -x], axis=1), np.arange(n) % 10


def _broken(name: str, given: tuple[Any, ...], outcome: Outcome) -> Finding | None:
    """Return a finding unless every row comes once, and with its own label."""
    n, xs, ys = len(given[0]), outcome.arrays[::2], outcome.arrays[1::2]
    if outcome.error is not None:
        return Finding(name, outcome.complaint, given)
    if len(xs) != len(ys) or any(a.shape != (b.size, 2) or b.ndim != 1 for a, b in zip(xs, ys, strict=True)):
        shapes = ", ".join(str(array.shape) for array in outcome.arrays[:4])
        return Finding(name, f"gives arrays {shapes}..., expected pairs of x (rows, 2) and y (rows,)", given)
    rows, labels = np.concatenate(xs)[:, 0], np.concatenate(ys)
    if sorted(rows) != list(range(n)):
        what = f"gives {len(rows)} rows, {len(set(rows))} different ones, expected each of {n} once"
        return Finding(name, what, given)
    kept = float(np.mean(rows % 10 == labels))
    if kept < 1:
        return Finding(name, f"leaves {kept:.0%} of the labels with their rows", given, 1.0, kept, 24)
    turned = Finding(name, f"makes {labels.dtype} of labels int64", given, mistake=24)
    return None if labels.dtype.kind == "i" else turned


def _epoch_law(name: str, function: Callable[..., Any], *size: int) -> Finding | None:
    """Return a finding unless rows keep their labels, and five seeds give five orders and five sets of batches."""
    runs = [((*_rows(103), *size, seed), call(function, (*_rows(103), *size, seed))) for seed in range(5)]
    broken = [finding for run in runs if (finding := _broken(name, *run))]
    if broken:
        return broken[0]
    epochs = [outcome.arrays[::2] for _, outcome in runs]
    sizes = [len(array) for array in epochs[0]]
    if size and sorted(sizes) != [3, *[10] * 10]:
        return Finding(name, f"gives batches of {sizes}, expected ten of 10 and one of 3", runs[0][0])
    orders = {np.concatenate(batches).tobytes() for batches in epochs}
    groups = {frozenset(frozenset(batch[:, 0]) for batch in batches) for batches in epochs}
    given = (*runs[0][0][:-1], "seeds 0 to 4")
    if len(orders) < 5:
        return Finding(name, f"gives {len(orders)} different orders for five seeds", given)
    same = "makes the same batches of rows for all seeds, in another order"
    return Finding(name, same, given, mistake=23) if size and len(groups) < 5 else None


def _init_law(name: str, function: Callable[..., Any]) -> Finding | None:
    """Return a finding unless units differ, numbers keep their size, and the first loss is that of a guess."""
    runs = [call(function, (SIZES, seed)) for seed in range(1, 6)]
    right = [np.zeros(shape) for n_in, n_out in pairwise(SIZES) for shape in ((n_in, n_out), n_out)]
    for seed, run in enumerate(runs, start=1):
        shapes = Outcome({place: np.zeros(array.shape) for place, array in run.parts.items()}, run.error)
        wrong = difference(shapes, dict(enumerate(right)), 1.0)  # type: ignore[arg-type]
        if wrong is not None:
            return Finding(name, wrong.what, (SIZES, seed), advice="return a list of pairs (weight, bias)")
        if any(np.ptp(weight) == 0 for weight in run.arrays[::2]):
            return Finding(name, "gives weights that are all alike: units never differ", (SIZES, seed))
    weights, sizes = [run.arrays[::2] for run in runs], np.array(SIZES[:-1])
    stds = np.mean([[each.std() for each in run] for run in weights], axis=0)
    typical = float(np.exp(np.log(stds * sizes**0.5).mean()))  # sqrt(2) by He, 1 by Glorot or LeCun, 0.58 in PyTorch
    first, plain = (float(np.mean([_first_loss(run.arrays, biases) for run in runs])) for biases in (1, 0))
    guess, given = float(np.log(10)), (SIZES, "seeds 1 to 5")
    if all(each.min() >= 0 for each in weights[0]):
        return Finding(name, "gives weights that are all positive", given, mistake=37, advice="draw them around 0")
    if typical < 0.45:
        what = f"gives weights {typical:.2g} / sqrt(n_in) large, expected about 1.4 / sqrt(n_in)"
        by_n = stds * sizes  # all alike, if by 1 / n_in
        advice = "the square root is missing" if by_n.max() < 1.3 * by_n.min() else ""
        return Finding(name, what, given, 2**0.5, typical, 37, advice)
    what = f"starts digits at a cross-entropy of {first:.3g}, expected about ln 10 = {guess:.3g}"
    biased = abs(plain / guess - 1) <= 0.2
    advice = f"the weights are right ({plain:.3g} without the biases): start the biases at 0" if biased else ""
    wrong = Finding(name, what, given, guess, first, None if biased else 37, advice)
    return None if abs(first / guess - 1) <= 0.2 else wrong


def _first_loss(arrays: list[np.ndarray], biases: int) -> float:
    x, labels = (each[:300] for each in _digits())
    h = x.astype(np.float64)
    for weight, bias in zip(arrays[::2], arrays[1::2], strict=True):
        h = np.maximum(h, 0) @ weight + biases * bias
    return cross_entropy(h, labels)


def _evaluate(whole: bool, of_means: bool, predict: Any, x: Any, labels: Any, size: int) -> float:
    """Return the accuracy, perhaps of the whole batches alone, perhaps as a mean of means."""
    n = len(x) // size * size if whole else len(x)
    right = [predict(x[i : i + size]).argmax(axis=1) == labels[i : i + size] for i in range(0, n, size)]
    return float(np.mean([each.mean() for each in right]) if of_means else np.concatenate(right).sum() / len(x))


SIGNS = np.where(np.arange(105) < 100, 1.0, -1.0)
PREDICTED, LABELS = np.array([0, 2, 1, 1, 0, 2, 2]), np.array([0, 2, 1, 2, 0, 1, 2])
TALL = np.arange(1003) % 10  # of whose rows the last are right
LEFT_OUT = "the last rows are left out"
COLUMN: Any = case(LABELS[:, None], LABELS, mistake=40, answer=1.0, may_refuse=True)

EXERCISES = [
    Exercise("init", [case(SIZES, 0)], law=_init_law, seed=1),
    Exercise("shuffle", [case(*_rows(20), 0)], law=_epoch_law, effects=OWN_DATA, seed=2),
    Exercise("minibatches", [case(*_rows(25), 10, 0)], law=lambda name, function: _epoch_law(name, function, 10),
             effects=OWN_DATA, seed=3),
    Exercise("standardize", [
        case(5 + 3 * numbers(7, 3)),
        case(np.array([[0, 10], [200, 20], [100, 255]], np.uint8), mistake=39),
        case(np.where([False, True], 0.5, numbers(6, 2))),
    ], lambda x: standardize(x.astype(np.float64)), effects=OWN_DATA),
    Exercise("one_hot", [case(np.array(given), n) for given, n in (([0, 2, 1, 2], 3), ([0, 1], 4), ([3], 4))], one_hot,
             effects=OWN_DATA),
    Exercise("accuracy", [case(PREDICTED, LABELS), case(TALL, TALL * (np.arange(1003) > 500)), COLUMN], accuracy, [
        (LEFT_OUT, lambda predicted, labels, size=size, means=means: _evaluate(
            True, means, np.eye(10).__getitem__, predicted, labels, size))
        for size in (10, 16, 20, 32, 50, 64, 100, 128) for means in (False, True)]),
    Exercise("evaluate", [
        case(lambda x: np.stack([x, -x], axis=1), sign * SIGNS, np.zeros(105, int), size)
        for size in (50, 105, 7) for sign in (1, -1)
    ], partial(_evaluate, False, False), [
        (7, partial(_evaluate, False, True)), *[(LEFT_OUT, partial(_evaluate, True, each)) for each in (False, True)]]),
]  # fmt: skip
