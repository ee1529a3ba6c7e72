"""Exercises on losses and their gradients: prediction, target -> number, and an array of the prediction's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.data import one_hot
from fnn.layers.activations import sigmoid
from fnn.layers.softmax import softmax
from fnn.losses.binary import binary_cross_entropy
from fnn.losses.classification import cross_entropy
from fnn.losses.regression import mae, mse
from fnn.testing.derivatives import check_gradient
from fnn.testing.exercises.activations import FAR, LOGITS, SOFTMAXES, pulled_through
from fnn.testing.exercises.exercise import Case, Exercise, case, gradient_of, near, numbers, then, times
from fnn.testing.results import Finding

COLUMN = np.array([[0.0], [0.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
FACTORS: dict[float, int] = {-1: 3, 3: 41, 1.5: 41, 6: 41, 5: 5, 2.5: 5, 10: 5, 15: 5, 7.5: 5, 30: 5}  # (5, 3), squares
GREY = np.array([[0, 16, 0], [16, 0, 16]], np.uint8)  # below and above its reverse, for either difference to wrap
PAIRS = [case(numbers(n, k), numbers(n, k, seed=1)) for n, k in ((5, 3), (1, 4), (7, 1))]
BINARY = [case(y, (target > 0).astype(np.float64)) for y, target in (each.arguments for each in PAIRS)]
FAR_BINARY = FAR, np.array([[1.0, 1.0, 0.0]])


def _labels(n: int, classes: int) -> np.ndarray:
    return np.arange(n) * 2 % classes


LABELED = [
    *[case(*each.arguments, _labels(*each.arguments[0].shape), mistake=each.mistake) for each in LOGITS[:-1]],
    *[case(np.array([[0.0, 1e4], [0.0, 1.0]]), np.array([label, 0]), mistake=11) for label in (1, 0)],
]


def _logarithm(p: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.mean(np.log(p[np.arange(len(p)), labels])))


def _distance(name: str, loss: Any, of_bytes: float) -> Exercise:
    broadcast = case(COLUMN, COLUMN[:, 0], mistake=35, answer=0.0, may_refuse=True)
    as_bytes = case(GREY, 16 - GREY, mistake=39, answer=of_bytes, may_refuse=True)
    return Exercise(name, [*PAIRS, broadcast, as_bytes], loss)


def _gradient(loss: Any, name: str, cases: list[Case], *suspects: Any, axes: int = 0) -> Exercise:
    """Return the exercise on a loss's gradient; too large by the rows, all numbers or the outputs is a mistake."""
    right, halves = gradient_of(loss), (1, 0.5) if loss is mse else (1,)
    factors: list[tuple[int, Callable[..., int]]] = [
        (5, lambda y, target: y.size), (5, lambda y, target: len(y)), (41, lambda y, target: y.shape[1])]  # fmt: skip
    large = [(key, times(right, lambda *given, f=f, c=c: c * f(*given))) for key, f in factors for c in halves]
    return Exercise(f"{name}_gradient", cases, right, [(3, times(right)), *large, *suspects], axes, None, gradient_of)


def _consistent(name: str, function: Callable[..., Any]) -> Finding | None:
    """Return a finding unless the gradient is that of the very number that is returned, up to a small epsilon in it."""
    y, target = softmax(numbers(5, 3)), one_hot(_labels(5, 3), 3).astype(np.float64)
    finding = check_gradient(function, y, target, tolerance=0.02)
    found, by_y = (finding.found, finding.expected) if finding else (None, None)
    if not isinstance(found, np.ndarray) or not isinstance(by_y, np.ndarray) or found.shape != by_y.shape:
        return finding and attrs.evolve(finding, function=name)
    ratios = _ratio(found, by_y), _ratio(found, pulled_through(y, by_y))
    if ratios[1] == 1:
        advice = "the gradient is right by the logits of a softmax whose output is y"
        return attrs.evolve(finding, function=name, severity="style", advice=advice)
    known = [FACTORS[ratio] for ratio in ratios if ratio in FACTORS] or [12 if np.isfinite(found).all() else None]
    return attrs.evolve(finding, function=name, mistake=known[0])


def _ratio(found: np.ndarray, expected: np.ndarray) -> float:
    """Return how many times too large a gradient is, one of the factors, 1 or nan."""
    close = (each for each in (1, *FACTORS) if np.abs(found - each * expected).max() <= 0.03 * np.abs(found).max())
    return next(close, np.nan)


EXERCISES = [
    _distance("mse", mse, 256.0),
    _distance("mae", mae, 16.0),
    Exercise("cross_entropy", LABELED, cross_entropy, [
        (11, then(softmax, _logarithm)),
        (11, then(softmax, lambda p, labels: -np.mean(np.sum(np.eye(p.shape[1])[labels] * np.log(p), axis=1)))),
        *[(key, then(p, _logarithm)) for key, p in SOFTMAXES], (11, near(cross_entropy, 0.05))]),
    Exercise("binary_cross_entropy", [*BINARY, case(*FAR_BINARY, mistake=11)], binary_cross_entropy, [
        (11, then(sigmoid, lambda p, t: -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)))),
        (11, near(binary_cross_entropy, 0.05))]),
    _gradient(mse, "mse", PAIRS),
    _gradient(cross_entropy, "cross_entropy", LABELED,
              *[(key, then(p, lambda p, t: (p - np.eye(p.shape[1])[t]) / len(p))) for key, p in SOFTMAXES], axes=1),
    _gradient(binary_cross_entropy, "binary_cross_entropy", [*BINARY, case(*FAR_BINARY, mistake=15)]),
    Exercise("loss_and_gradient", [case(softmax(numbers(5, 3)), one_hot(_labels(5, 3), 3).astype(np.float64))],
             law=_consistent),
]  # fmt: skip
