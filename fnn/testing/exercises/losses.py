"""Exercises on losses and their gradients: prediction, target -> number, and an array of the prediction's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fnn.data import one_hot
from fnn.layers.softmax import softmax
from fnn.losses.binary import binary_cross_entropy
from fnn.losses.classification import cross_entropy
from fnn.losses.regression import mae, mse
from fnn.testing.derivatives import check_gradient
from fnn.testing.exercises.activations import FAR, LOGITS, SOFTMAXES, through
from fnn.testing.exercises.exercise import Case, Exercise, case, gradient_of, numbers, times
from fnn.testing.results import Finding

COLUMN = np.array([[0.0], [0.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
BLACK, GREY = np.zeros((2, 3), np.uint8), np.full((2, 3), 16, np.uint8)
PAIRS = [case(numbers(n, k), numbers(n, k, seed=1)) for n, k in ((5, 3), (1, 4), (7, 1))]


def _labels(n: int, classes: int) -> np.ndarray:
    return np.arange(n) * 2 % classes


def _with_labels() -> list[Case]:
    cases = [case(*each.arguments, _labels(*each.arguments[0].shape), mistake=each.mistake) for each in LOGITS[:-1]]
    return [*cases, case(np.array([[0.0, 1e4]]), np.array([0]), mistake=11)]


def _logarithm(p: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.mean(np.log(p[np.arange(len(p)), labels])))


def _less_one_hot(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (p - np.eye(p.shape[1])[labels]) / len(p)


def _rows(prediction: np.ndarray, target: np.ndarray) -> int:
    return len(prediction)


def _outputs(prediction: np.ndarray, target: np.ndarray) -> int:
    return prediction.shape[1]


def _size(prediction: np.ndarray, target: np.ndarray) -> int:
    return prediction.size


def _distance(name: str, loss: Any, of_bytes: float) -> Exercise:
    broadcast = case(COLUMN, COLUMN[:, 0], mistake=35, answer=0.0, may_refuse=True)
    as_bytes = case(BLACK, GREY, mistake=39, answer=of_bytes, may_refuse=True)
    return Exercise(f"{name}(y, target) -> mean over all numbers", [*PAIRS, broadcast, as_bytes], loss)


def _gradient(name: str, loss: Any, cases: list[Case], *suspects: Any, axes: int = 0) -> Exercise:
    right = gradient_of(loss)
    suspects = ((3, times(right, lambda y, target: -1)), *suspects)
    return Exercise(f"{name} -> gradient of the mean", cases, right, suspects, axes=axes, of_record=gradient_of)


def _factor(*factors: Callable[..., int]) -> list[tuple[int, Callable[..., Any]]]:
    """Return suspects of mistakes 5 and 41, too large by one of the factors, with and without a square's 2."""
    number = {_rows: 5, _size: 5, _outputs: 41}
    right = gradient_of(mse)
    return [
        (number[factor], times(right, lambda y, target, f=factor, c=c: c * f(y, target)))
        for factor in factors
        for c in (1, 0.5)
    ]


def _consistent(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield a finding unless the gradient is that of the very number that is returned."""
    y, target = softmax(numbers(5, 3)), one_hot(_labels(5, 3), 3).astype(np.float64)
    finding = check_gradient(function, y, target)
    if finding is not None:
        yield Finding(
            name,
            finding.what,
            (y, target),
            finding.expected,
            finding.found,
            _of_factor(finding.found, finding.expected),
            finding.advice,
        )


def _of_factor(found: Any, expected: np.ndarray) -> int | None:
    """Return the number of the mistake, read from the factor by which a gradient of (5, 3) is off."""
    if not isinstance(found, np.ndarray) or found.shape != expected.shape or not np.isfinite(found).all():
        return None
    ratio = float(np.vdot(expected, found) / np.vdot(expected, expected))
    if not np.allclose(found, ratio * expected, atol=1e-4 * np.abs(expected).max()):
        return 12
    factors = {-1: 3, 5: 5, 15: 5, 7.5: 5, 3: 41, 1.5: 41}
    return next((number for factor, number in factors.items() if abs(ratio / factor - 1) < 1e-4), 12)


BINARY = [case(numbers(n, k), (numbers(n, k, seed=1) > 0).astype(np.float64)) for n, k in ((5, 3), (1, 4), (7, 1))]
FAR_BINARY = case(FAR, np.array([[1.0, 1.0, 0.0]]), mistake=15)

EXERCISES = {
    "mse": _distance("mse", mse, 256.0),
    "mae": _distance("mae", mae, 16.0),
    "cross_entropy": Exercise(
        "cross_entropy(logits, labels) -> mean over rows",
        _with_labels(),
        cross_entropy,
        [(number, through(softmax, _logarithm)) for number, softmax in SOFTMAXES],
    ),
    "binary_cross_entropy": Exercise(
        "binary_cross_entropy(logits, target) -> mean over all numbers",
        [*BINARY, case(*FAR_BINARY.arguments, mistake=11)],
        binary_cross_entropy,
    ),
    "mse_gradient": _gradient("mse_gradient(y, target)", mse, PAIRS, *_factor(_size, _rows, _outputs)),
    "cross_entropy_gradient": _gradient(
        "cross_entropy_gradient(logits, labels)",
        cross_entropy,
        _with_labels(),
        (5, times(gradient_of(cross_entropy), _rows)),
        (41, times(gradient_of(cross_entropy), _outputs)),
        *[(number, through(softmax, _less_one_hot)) for number, softmax in SOFTMAXES],
        axes=1,
    ),
    "binary_cross_entropy_gradient": _gradient(
        "binary_cross_entropy_gradient(logits, target)",
        binary_cross_entropy,
        [*BINARY, FAR_BINARY],
        (5, times(gradient_of(binary_cross_entropy), _size)),
        (41, times(gradient_of(binary_cross_entropy), _outputs)),
    ),
    "loss_and_gradient": Exercise(
        "loss_and_gradient(y, target) -> (any loss of y, its gradient by y)",
        [case(softmax(numbers(5, 3)), one_hot(_labels(5, 3), 3).astype(np.float64))],
        laws=_consistent,
    ),
}
