"""Exercises on activation functions: x -> y and x -> slope at x, both of the shape of x."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.layers import activations, smooth
from fnn.layers.softmax import log_softmax
from fnn.layers.softmax import softmax as softmax_layer
from fnn.testing.exercises.exercise import Exercise, case, numbers, pullback_of, slope_of, times

FAR = np.array([[-1e4, 0.5, 1e4]])
SHAPES = [case(numbers(5, 3)), case(numbers(3, 3, seed=1)), case(numbers(1, 4, seed=2))]


def _of_whole(x: np.ndarray) -> Any:
    return x.max()


def _of_row(x: np.ndarray) -> Any:
    return x.max(axis=1, keepdims=True)


def _of_column(x: np.ndarray) -> Any:
    return x.max(axis=0)


def _none(x: np.ndarray) -> Any:
    return 0.0


def _rows(e: np.ndarray) -> Any:
    return e.sum(axis=1, keepdims=True)


def _columns(e: np.ndarray) -> Any:
    return e.sum(axis=0)


def _everything(e: np.ndarray) -> Any:
    return e.sum()


def _flat_rows(e: np.ndarray) -> Any:
    return e.sum(axis=1)


def _softmax(shift: Callable[..., Any], total: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    e = np.exp(x - shift(x))
    return e / total(e)


def _log_softmax(shift: Callable[..., Any], total: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    shifted = x - shift(x)
    return shifted - np.log(total(np.exp(shifted)))


def _number(shift: Callable[..., Any], total: Callable[..., Any]) -> int:
    """Return the number of the mistake of a softmax with this shift and this sum."""
    return 10 if total is not _rows else 8 if shift is _none else 9


# Every shift with every sum, but for the right one with the right one.
SOFTMAXES = [
    (_number(shift, total), partial(_softmax, shift, total))
    for total, shift in itertools.product((_rows, _columns, _everything, _flat_rows), (_none, _of_whole, _of_column))
] + [(10, partial(_softmax, _of_row, total)) for total in (_columns, _everything, _flat_rows)]

LOG_SOFTMAXES = [(number, partial(_log_softmax, *version.args)) for number, version in SOFTMAXES]

OFFSETS = np.array([[0.0, 1.0], [-1000.0, -999.0]])
LOGITS = [
    *SHAPES,
    case(np.array([[1000.0, 1001.0, 1002.0]]), mistake=8),
    case(numbers(5, 3) + 1e5, mistake=8),
    case(numbers(5, 3) - 1e5, mistake=8),
    case(OFFSETS, mistake=9),
    case(FAR, mistake=8),
]


def _through(function: Callable[..., Any], then: Callable[..., Any], *arguments: Any) -> Any:
    return then(function(arguments[0]), *arguments[1:])


def through(function: Callable[..., Any], then: Callable[..., Any]) -> Callable[..., Any]:
    """Return the composition of a function of the first argument with one of its result and the other arguments."""
    return partial(_through, function, then)


def pulled_through(p: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Pull dy back through a softmax whose output is p."""
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))


def _diagonal(p: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return dy * p * (1 - p)


def _activation(name: str, mistake: int | None, *suspects: Any) -> Exercise:
    layer = getattr(activations, name, None) or getattr(smooth, name)
    return Exercise(f"{name}(x) -> y", [*SHAPES, case(FAR, mistake=mistake)], layer, suspects, axes=0)


def _derivative(name: str, mistake: int | None, *suspects: Any) -> Exercise:
    layer = getattr(activations, name, None) or getattr(smooth, name)
    far = case(FAR, mistake=mistake)
    right = slope_of(layer)
    suspects = ((3, times(right, lambda x: -1)), *suspects)
    return Exercise(
        f"{name}_derivative(x) -> slope at x", [*SHAPES, far], right, suspects, axes=0, primal=layer, of_record=slope_of
    )


def _relu_derivative() -> Exercise:
    kink = case(np.array([[-1.0, 0.0, 2.0]]), mistake=17)
    right = slope_of(activations.relu)
    suspects = [(3, times(right, lambda x: -1))]
    return Exercise(
        "relu_derivative(x) -> slope at x, 0 at 0",
        [*SHAPES, kink],
        right,
        suspects,
        axes=0,
        primal=activations.relu,
        of_record=slope_of,
    )


def _softmax_pullback() -> Exercise:
    right = pullback_of(softmax_layer)
    suspects = [
        (3, times(right, lambda x, dy: -1)),
        *[(number, through(softmax, pulled_through)) for number, softmax in SOFTMAXES],
        (13, through(softmax_layer, _diagonal)),
        *[(13, through(softmax, _diagonal)) for _, softmax in SOFTMAXES],
    ]
    cases = [case(*each.arguments, numbers(*each.arguments[0].shape, seed=5), mistake=each.mistake) for each in LOGITS]
    return Exercise(
        "softmax_pullback(x, dy) -> dx", cases, right, suspects, axes=1, primal=softmax_layer, of_record=pullback_of
    )


EXERCISES = {
    "relu": _activation("relu", None),
    "leaky_relu": _activation("leaky_relu", None),
    "elu": _activation("elu", 16),
    "selu": _activation("selu", 16),
    "sigmoid": _activation("sigmoid", 15),
    "tanh": _activation("tanh", 15),
    "softplus": _activation("softplus", 15),
    "silu": _activation("silu", 15),
    "softmax": Exercise("softmax(x) -> y, whose rows sum to 1", LOGITS, softmax_layer, SOFTMAXES, axes=1),
    "log_softmax": Exercise(
        "log_softmax(x) -> y",
        [*LOGITS[:-1], case(FAR, mistake=11)],
        log_softmax,
        [*LOG_SOFTMAXES, *[(number, through(softmax, np.log)) for number, softmax in SOFTMAXES]],
        axes=1,
    ),
    "relu_derivative": _relu_derivative(),
    "leaky_relu_derivative": _derivative("leaky_relu", None),
    "elu_derivative": _derivative("elu", 16),
    "sigmoid_derivative": _derivative("sigmoid", 15, (14, lambda x: x * (1 - x))),
    "tanh_derivative": _derivative("tanh", 15, (14, lambda x: 1 - x * x)),
    "softplus_derivative": _derivative("softplus", 15),
    "softmax_pullback": _softmax_pullback(),
}
