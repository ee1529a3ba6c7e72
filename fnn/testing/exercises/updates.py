"""Exercises on steps of optimizers, and on the objectives and gradients that they take."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.testing.exercises.exercise import REFUSED, Exercise, case, numbers

WRITES = {"writes": 1, "shares": 1, "promotes": 34, "hidden": 21}

Arrays = dict[str, np.ndarray]


def _sgd(params: Arrays, grads: Arrays, learning_rate: float) -> Arrays:
    return {name: p - learning_rate * grads[name] for name, p in params.items()}


def _uphill(params: Arrays, grads: Arrays, learning_rate: float) -> Arrays:
    return _sgd(params, grads, -learning_rate)


def _momentum(p: Any, g: Any, v: Any, learning_rate: float, momentum: float) -> tuple[Any, ...]:
    v = momentum * v + g
    return p - learning_rate * v, v


def _mean_momentum(p: Any, g: Any, v: Any, learning_rate: float, momentum: float) -> tuple[Any, ...]:
    v = momentum * v + (1 - momentum) * g
    return p - learning_rate * v, v


def _forgetful_momentum(p: Any, g: Any, v: Any, learning_rate: float, momentum: float) -> tuple[Any, ...]:
    return p - learning_rate * g, g


def _same_velocity(p: Any, g: Any, v: Any, learning_rate: float, momentum: float) -> tuple[Any, ...]:
    return p - learning_rate * (momentum * v + g), v


def _uphill_momentum(p: Any, g: Any, v: Any, learning_rate: float, momentum: float) -> tuple[Any, ...]:
    return _momentum(p, g, v, -learning_rate, momentum)


def _corrected(beta: float, t: int) -> float:
    return 1 - beta**t


def _without_power(beta: float, t: int) -> float:
    return 1 - beta


def _one_power_late(beta: float, t: int) -> float:
    return 1 - beta ** (t + 1)


def _not_at_all(beta: float, t: int) -> float:
    return 1.0


def _times_t(beta: float, t: int) -> float:
    return 1 - beta * t


def _adam(
    correction: Callable[[float, int], float],
    kept: float,
    sign: float,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    t: int,
    learning_rate: float,
) -> tuple[Any, ...]:
    m, v = 0.9 * (kept * m) + 0.1 * g, 0.999 * (kept * v) + 0.001 * g**2
    root = np.sqrt(v / correction(0.999, t)) + 1e-8
    return p - sign * learning_rate * (m / correction(0.9, t)) / root, m, v


def _minibatch_gradients(
    divisor: Callable[[int, int], int], weight: Any, x: Any, target: Any, size: int
) -> list[np.ndarray]:
    return [
        2 * x[rows].T @ (x[rows] @ weight - target[rows]) / divisor(len(x[rows]), len(x))
        for rows in [slice(begin, begin + size) for begin in range(0, len(x), size)]
    ]


def _rows_of_batch(batch: int, n: int) -> int:
    return batch


def _rows_of_all(batch: int, n: int) -> int:
    return n


def _one(batch: int, n: int) -> int:
    return 1


def _half(batch: int, n: int) -> int:
    return 2


def _objective(
    in_value: float, in_gradient: float, on_bias: float, by_rows: bool, w: Any, b: Any, x: Any, t: Any, strength: float
) -> tuple[Any, ...]:
    """Return the objective and its gradients, with so much of the penalty in each; right is 1, 1, 0."""
    off = x @ w + b - t
    s = strength / len(x) if by_rows else strength
    value = np.mean(off**2) + s * in_value * (np.sum(w**2) + on_bias * np.sum(b**2)) / 2
    slope = 2 * off / off.size
    return value, x.T @ slope + s * in_gradient * w, slope.sum(axis=0) + s * in_gradient * on_bias * b


def _square_sum(x: np.ndarray) -> float:
    return float(np.sum(np.sin(x) + x.astype(np.float64) ** 2))


def _square_sum_gradient(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.cos(x) + 2 * x


def _gradient_of_one(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    return _square_sum_gradient(x)


def _one_sided(h: float, f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up = x.astype(np.float64)
        up[place] += h
        slopes[place] = (f(up) - f(x)) / h
    return slopes


PARAMS = {"weight": numbers(3, 2), "bias": numbers(2, seed=1)}
GRADS = {"weight": numbers(3, 2, seed=2), "bias": numbers(2, seed=3)}
STATE = [numbers(3, 2), numbers(3, 2, seed=1), numbers(3, 2, seed=2)]
MOMENTS: list[Any] = [*STATE[:2], 0.1 * STATE[2], numbers(3, 2, seed=3) ** 2]
LINE = [numbers(3, 2), numbers(2, seed=1), numbers(5, 3, seed=2), numbers(5, 2, seed=3)]
SINGLE = np.array([0.5, 300.0, -2.0], np.float32)
SIDES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

EXERCISES = {
    "sgd_step": Exercise(
        "sgd_step(params, grads, learning_rate) -> params, dictionaries of arrays",
        [
            case(PARAMS, GRADS, 0.1),
            case(PARAMS, {name: 1e4 * g for name, g in GRADS.items()}, 0.1, mistake=20),
            case({"bias": numbers(3)}, {"bias": numbers(5, 3)}, 0.1, mistake=34, answer=REFUSED),
        ],
        _sgd,
        [(3, _uphill)],
        effects=WRITES,
    ),
    "momentum_step": Exercise(
        "momentum_step(p, g, v, learning_rate, momentum) -> (p, v), v = momentum * v + g",
        [case(*STATE, 0.1, 0.9), case(*STATE[:2], np.zeros((3, 2)), 0.1, 0.9)],
        _momentum,
        [(19, _mean_momentum), (21, _forgetful_momentum), (21, _same_velocity), (3, _uphill_momentum)],
        effects=WRITES,
    ),
    "adam_step": Exercise(
        "adam_step(p, g, m, v, t, learning_rate) -> (p, m, v), t from 1, betas 0.9 and 0.999, epsilon 1e-8",
        [*[case(*MOMENTS, t, 0.1) for t in (10, 2)], case(*STATE[:2], *np.zeros((2, 3, 2)), 1, 0.1)],
        partial(_adam, _corrected, 1, 1),
        [
            *[(18, partial(_adam, each, 1, 1)) for each in (_without_power, _one_power_late, _not_at_all, _times_t)],
            (21, partial(_adam, _corrected, 0, 1)),
            (3, partial(_adam, _corrected, 1, -1)),
        ],
        effects=WRITES,
    ),
    "minibatch_gradients": Exercise(
        "minibatch_gradients(weight, x, target, size) -> list, the gradient by weight (k, 1) of each batch's mean of "
        "(x @ weight - target)**2, batches in order",
        [case(numbers(2, 1), numbers(105, 2, seed=1), numbers(105, 1, seed=2), size) for size in (50, 105)],
        partial(_minibatch_gradients, _rows_of_batch),
        [(6, partial(_minibatch_gradients, _rows_of_all)), (5, partial(_minibatch_gradients, _one)),
         (5, partial(_minibatch_gradients, _half))],
    ),
    "l2_objective": Exercise(
        "l2_objective(weight, bias, x, target, strength) -> (value, dweight, dbias) of "
        "mean((x @ weight + bias - target)**2) + strength / 2 * sum(weight**2)",
        [case(*LINE, strength) for strength in (0.3, 0.0)],
        partial(_objective, 1, 1, 0, False),
        [
            (33, partial(_objective, 1, 0, 0, False)),
            (33, partial(_objective, 1, 2, 0, False)),
            *[(33, partial(_objective, *given)) for given in ((1, 1, 0, True), (1, 0, 0, True), (1, 2, 0, True))],
            *[(33, partial(_objective, 1, 1, 1, by_rows)) for by_rows in (False, True)],
        ],
    ),
    "numerical_gradient": Exercise(
        "numerical_gradient(f, x) -> gradient of a function that takes x and gives a number, in float64",
        [
            case(_square_sum, numbers(4)),
            case(_square_sum, numbers(2, 3, seed=1)),
            case(_square_sum, SINGLE, mistake=38),
            case(_square_sum, np.array([1, 2, 3]), mistake=39),
        ],
        _gradient_of_one,
        [(38, partial(_one_sided, h)) for h in SIDES],
        effects={"writes": 38, "shares": 38},
    ),
}  # fmt: skip
