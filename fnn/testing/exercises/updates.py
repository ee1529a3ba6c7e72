"""Exercises on steps of optimizers, and on the objectives and gradients that they take."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.testing.exercises.exercise import REFUSED, Exercise, Fitted, case, numbers

WRITES = {"writes": 1, "shares": 1, "promotes": 34, "hidden": 21}


def _sgd(params: Any, grads: Any, learning_rate: float) -> dict[str, Any]:
    return {name: p - learning_rate * grads[name] for name, p in params.items()}


def _clipped(by_norm: bool, found: list[np.ndarray], params: Any, grads: Any, learning_rate: float) -> dict[str, Any]:
    """Return the step of clipped gradients, by a norm or by a value that is read from the step that was taken."""
    names = sorted(params)
    if [each.shape for each in found] != [params[name].shape for name in names]:
        return _sgd(params, grads, learning_rate)
    steps = np.concatenate([np.ravel(params[name] - after) for name, after in zip(names, found, strict=True)])
    most, length = np.abs(steps).max() / learning_rate, float(np.linalg.norm(steps)) / learning_rate
    if not by_norm:
        return _sgd(params, {name: np.clip(g, -most, most) for name, g in grads.items()}, learning_rate)
    norm = sum(float(np.sum(g**2)) for g in grads.values()) ** 0.5
    # What somebody clips at is a round number; any other factor is another mistake.
    factor = length / norm if length < norm and abs(length - round(length, 2)) < 1e-4 else 1.0
    return _sgd(params, grads, learning_rate * factor)


def _momentum(ahead: bool, p: Any, g: Any, v: Any, rate: Any, momentum: Any, mean: bool = False, kept: Any = 1) -> Any:
    v = kept * momentum * v + (1 - momentum if mean else 1) * g
    return p - rate * (g + momentum * v if ahead else v), v


def _with_momentum(name: str, nesterov: bool, *suspects: Any) -> Exercise:
    right = partial(_momentum, nesterov)
    return Exercise(name, [case(*STATE, 0.1, 0.9), case(*STATE[:2], np.zeros((3, 2)), 0.1, 0.9)], right, [
        (19, partial(right, mean=True)), (21, partial(right, kept=0)),
        (21, lambda p, g, v, *rates: (right(p, g, v, *rates)[0], v)),
        (3, lambda p, g, v, rate, momentum: right(p, g, v, -rate, momentum)), *suspects,
    ], effects=WRITES)  # fmt: skip


def _rooted(keep: Any, add: Any, p: Any, g: Any, v: Any, rate: Any, root: Any = np.sqrt, of: Any = np.square) -> Any:
    v = keep * v + add * of(g)
    return p - rate * g / (root(v) + 1e-8), v


def _by_root(name: str, keep: float, add: float, *suspects: Any) -> Exercise:
    right = partial(_rooted, keep, add)
    return Exercise(name, [case(*STATE[:2], v, 0.1) for v in (STATE[2] ** 2, np.zeros((3, 2)))], right, [
        (21, partial(_rooted, 0, add)),
        (21, lambda p, g, v, rate: (right(p, g, v, rate)[0], v)),
        (3, lambda p, g, v, rate: right(p, g, v, -rate)),
        ("the root of v is missing", partial(right, root=lambda v: v)),
        ("v takes the squares of g", partial(right, of=lambda g: g)),
        ("divide by the root of the new v",
         lambda p, g, v, rate: (p - rate * g / (np.sqrt(v) + 1e-8), right(p, g, v, rate)[1])),
        *suspects,
    ], effects=WRITES)  # fmt: skip


def _adam(
    p: Any, g: Any, m: Any, v: Any, t: int, learning_rate: float,
    correction: Callable[[float, int], float] = lambda beta, t: 1 - beta**t, kept: float = 1, sign: float = 1,
) -> tuple[Any, ...]:  # fmt: skip
    m, v = 0.9 * (kept * m) + 0.1 * g, 0.999 * (kept * v) + 0.001 * g**2
    root = np.sqrt(v / correction(0.999, t)) + 1e-8
    return p - sign * learning_rate * (m / correction(0.9, t)) / root, m, v


# Without the power, without any correction, with a factor for a power; counted from 0, late, or twice in a step.
CORRECTIONS: list[Any] = [lambda beta, t: 1 - beta, lambda beta, t: 1.0, lambda beta, t: 1 - beta * t, *[
    lambda beta, t, a=a, b=b: 1 - beta ** (a * t + b) for a, b in ((1, 1), (1, -1), (1, 2), (2, 0), (2, -1), (2, 1))
]]  # fmt: skip


def _minibatch_gradients(divisor: Callable[..., int], weight: Any, x: Any, target: Any, size: int) -> list[np.ndarray]:
    batches = [slice(begin, begin + size) for begin in range(0, len(x), size)]
    return [2 * x[i].T @ (x[i] @ weight - target[i]) / divisor(len(x[i]), len(x)) for i in batches]


def _objective(
    w: Any, b: Any, x: Any, t: Any, strength: float,
    in_gradient: float = 1, on_bias: float = 0, by_rows: bool = False, summed: Callable[[Any], int] = lambda off: 1,
) -> tuple[Any, ...]:  # fmt: skip
    """Return the objective and its gradients, with so much of the penalty in each; right as it is."""
    off = x @ w + b - t
    s = strength / len(x) if by_rows else strength
    value = np.mean(off**2) + s * (np.sum(w**2) + on_bias * np.sum(b**2)) / 2
    slope = 2 * off / off.size * summed(off)
    return value, x.T @ slope + s * in_gradient * w, slope.sum(axis=0) + s * in_gradient * on_bias * b


def _coupled(x: np.ndarray) -> float:
    """Return a number that is no sum over the numbers of x, nor over its rows."""
    x = x.astype(np.float64)
    return float(np.sum(np.sin(x) + x**2) + np.sum(x) ** 2 / 2)


def _coupled_gradient(f: Callable[[np.ndarray], Any], x: np.ndarray, axis: Any = None) -> np.ndarray:
    x = x.astype(np.float64)
    return np.cos(x) + 2 * x + np.sum(x, axis=axis, keepdims=True)


def _one_sided(h: float, f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.reshape([(f(x + h * unit.reshape(x.shape)) - f(x)) / h for unit in np.eye(x.size)], x.shape)


PARAMS = {"weight": numbers(3, 2), "bias": numbers(2, seed=1)}
GRADS = {"weight": numbers(3, 2, seed=2), "bias": numbers(2, seed=3)}
STATE = [numbers(3, 2), numbers(3, 2, seed=1), numbers(3, 2, seed=2)]
MOMENTS: list[Any] = [*STATE[:2], 0.1 * STATE[2], numbers(3, 2, seed=3) ** 2]
LINE = [numbers(3, 2), numbers(2, seed=1), numbers(5, 3, seed=2), numbers(5, 2, seed=3)]
SINGLE = np.array([0.5, 30.0, -2.0], np.float32)
PARTS = "f is given parts of x, which is right only for sums: move one number of the whole x at a time"

EXERCISES = [
    Exercise("sgd_step", [
        case(PARAMS, GRADS, 0.1),
        case(PARAMS, {name: 1e4 * g for name, g in GRADS.items()}, 0.1, mistake=20),
        case({"bias": numbers(3)}, {"bias": numbers(5, 3)}, 0.1, mistake=34, answer=REFUSED),
    ], _sgd, [
        (3, lambda params, grads, rate: _sgd(params, grads, -rate)),
        *[(20, Fitted(partial(_clipped, by_norm))) for by_norm in (True, False)],
    ], effects=WRITES),
    _with_momentum("momentum_step", False),
    _with_momentum("nesterov_step", True,
                   ("the step looks ahead: g + momentum * v with the new v", partial(_momentum, False))),
    _by_root("rmsprop_step", 0.9, 0.1, ("0.9 belongs to the old v, 0.1 to g**2", partial(_rooted, 0.1, 0.9)),
             ("v is a running mean: 0.1 * g**2", partial(_rooted, 0.9, 1))),
    _by_root("adagrad_step", 1, 1, ("v is a sum: nothing of it is forgotten", partial(_rooted, 0.9, 0.1))),
    Exercise("adam_step", [*[case(*MOMENTS, t, 0.1) for t in (10, 2)], case(*STATE[:2], *np.zeros((2, 3, 2)), 1, 0.1)],
             _adam, [*[(18, partial(_adam, correction=each)) for each in CORRECTIONS],
                     (21, partial(_adam, kept=0)), (3, partial(_adam, sign=-1))], effects=WRITES),
    Exercise("minibatch_gradients", [
        case(numbers(2, 1), numbers(105, 2, seed=1), numbers(105, 1, seed=2), size) for size in (50, 105)
    ], partial(_minibatch_gradients, lambda batch, n: batch), [
        (6, partial(_minibatch_gradients, lambda batch, n: n)),
        *[(5, partial(_minibatch_gradients, lambda batch, n, c=c: c)) for c in (1, 2)]]),
    Exercise("l2_objective", [case(*LINE, strength) for strength in (0.3, 0.0)], _objective, [
        *[(33, partial(_objective, in_gradient=c, by_rows=rows)) for rows in (False, True) for c in (0, 2)],
        (33, partial(_objective, by_rows=True)),
        *[(33, partial(_objective, on_bias=1, by_rows=rows)) for rows in (False, True)],
        *[(5, partial(_objective, summed=lambda off, c=c: off.size // c)) for c in (1, 2)],
        (41, partial(_objective, summed=lambda off: off.shape[1]))]),
    Exercise("numerical_gradient", [
        *[case(_coupled, x) for x in (numbers(4), numbers(2, 3, seed=1))],
        case(_coupled, SINGLE, mistake=38), case(_coupled, np.array([1, 2, 3]), mistake=39),
    ], _coupled_gradient, [
        *[(38, partial(_one_sided, h)) for h in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)],
        *[(PARTS, partial(_coupled_gradient, axis=axis)) for axis in ((), -1, 0)],
    ], effects={"writes": 38, "shares": 38}, tolerance=2e-7),  # a step of 1e-6 to one side alone is off by more
]  # fmt: skip
