"""Exercises on activation functions: x -> y, x -> slope at x and x, dy -> dx, all of the shape of x."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np

from fnn.layers import activations, smooth
from fnn.layers.softmax import log_softmax
from fnn.layers.softmax import softmax as softmax_layer
from fnn.testing.exercises.exercise import Exercise, case, near, numbers, pullback_of, slope_of, then, times, with_dy

FAR = np.array([[-1e4, 0.5, 1e4]])
SHAPES = [case(numbers(5, 3)), case(numbers(3, 3, seed=1)), case(numbers(1, 4, seed=2))]
LOGITS = [
    *SHAPES,
    case(np.array([[1000.0, 1001.0, 1002.0]]), mistake=8),
    *[case(numbers(5, 3) + shift, mistake=8) for shift in (1e5, -1e5)],
    case(np.array([[0.0, 1.0], [-1000.0, -999.0]]), mistake=9),
    case(FAR, mistake=8),
]

# Every shift with every sum, but for the right one with the right one.
ROW: dict[str, Any] = {"axis": 1, "keepdims": True}
SHIFTS: list[Any] = [None, {}, {"axis": 0}, ROW]
TOTALS: list[Any] = [ROW, {"axis": 0}, {}, {"axis": 1}]


def _softmax(shift: Any, total: Any, log: bool, x: np.ndarray) -> np.ndarray:
    x = x - (0.0 if shift is None else x.max(**shift))
    return x - np.log(np.exp(x).sum(**total)) if log else np.exp(x) / np.exp(x).sum(**total)


SOFTMAXES, LOG_SOFTMAXES = ([
    (10 if total is not ROW else 8 if shift is None else 9, partial(_softmax, shift, total, log))
    for total, shift in product(TOTALS, SHIFTS) if (total, shift) != (ROW, ROW)
] for log in (False, True))  # fmt: skip


def pulled_through(p: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Pull dy back through a softmax whose output is p."""
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))


# Which mistake the edges show, and the slope as a formula for the output, which is mistake 14.
NAMES: Any = dict.fromkeys(("relu", "leaky_relu"), (None, None)) | {
    "elu": (16, None), "selu": (16, None), "softplus": (15, None), "silu": (15, None),
    "sigmoid": (15, lambda y: y * (1 - y)), "tanh": (15, lambda y: 1 - y * y),
}  # fmt: skip


def _activation(name: str, mistake: int | None, of_output: Any) -> list[Exercise]:
    """Return the exercises on an activation, its derivative and its pullback."""
    layer: Any = getattr(activations, name, None) or getattr(smooth, name)
    slope, cases = slope_of(layer), [*SHAPES, case(FAR, mistake=mistake)]
    kink = [case(np.array([[-1.0, 0.0, 2.0]]), mistake=17)] if name == "relu" else cases[-1:]
    slopes = [(3, times(slope)), *([(14, of_output)] if of_output else [])]
    pullbacks: list[Any] = [(key, lambda x, dy, s=wrong: s(x) * dy) for key, wrong in slopes]
    pullbacks.append(("it is the slope alone: times dy", lambda x, dy: slope(x)))
    pullback, pulled = pullback_of(layer), with_dy([*SHAPES, *kink])
    return [
        Exercise(name, cases, layer, axes=0),
        Exercise(f"{name}_derivative", [*SHAPES, *kink], slope, slopes, 0, layer, slope_of),
        Exercise(f"{name}_pullback", pulled, pullback, pullbacks, 0, layer, pullback_of),
    ]


EXERCISES = [
    *[exercise for name, given in NAMES.items() for exercise in _activation(name, *given)],
    Exercise("softmax", LOGITS, softmax_layer, SOFTMAXES, axes=1),
    Exercise("log_softmax", [*LOGITS[:-1], case(FAR, mistake=11)], log_softmax, [
        (11, then(softmax_layer, np.log)), *LOG_SOFTMAXES, *[(key, then(p, np.log)) for key, p in SOFTMAXES],
        (11, near(log_softmax, 0.05))], axes=1),
    Exercise("softmax_pullback", with_dy(LOGITS), pullback_of(softmax_layer), [
        (3, times(pullback_of(softmax_layer))),
        *[(key, then(p, pulled_through)) for key, p in SOFTMAXES],
        *[(13, then(p, lambda p, dy: dy * p * (1 - p))) for p in (softmax_layer, *[wrong for _, wrong in SOFTMAXES])],
    ], 1, softmax_layer, pullback_of),
]  # fmt: skip
