"""Is a derivative that somebody wrote the slope of the function that it belongs to?

check_derivative : f, df, x -> Finding, or None          f : x -> y or number, df : x -> slopes
check_gradient   : f, x, ... -> Finding, or None         f : x, ... -> (value, gradient of the value by x)

For layers and losses that are records there is ``fnn.check_vjp``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.diagnostics import _hints
from fnn.diagnostics._differences import differences
from fnn.diagnostics.numeric import derivative, gradient
from fnn.testing._compare import difference
from fnn.testing._sandbox import Outcome, call, isolated, map_arrays
from fnn.testing.results import Finding

_STEP = 1.5e-5  # half of it is further than the steps of the slopes, unless x is large, so that no kink lies between


@isolated()
def check_derivative(f: Callable[..., Any], df: Callable[..., Any], x: Any, tolerance: float = 1e-6) -> Finding | None:
    """Compare ``df(x)`` with central differences of ``f`` in float64; return a finding, or None if they agree.

    Numbers of x at a kink, where the slopes to the left and the right differ, have no slope and are left out.

    Args:
        f: a function that works on each number of x, or that returns one number.
        df: its slope at each number of x, or its gradient.
        x: where to compare them.
        tolerance: the largest error that passes, as a fraction of the largest slope.

    Raises ``TypeError`` for what cannot be called.

    >>> def sigmoid(x):
    ...     return 1 / (1 + np.exp(-x))
    >>> print(check_derivative(sigmoid, lambda z: z * (1 - z), np.array([-2.0, 0.0, 2.0])))
    the derivative of sigmoid: the derivative of sigmoid([-2, 0, 2]) gives -6 at [0], expected 0.105
    >>> check_derivative(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)), np.array([-2.0, 0.0, 2.0])) is None
    True
    """
    for what in (f, df):
        if not callable(what):
            raise TypeError(f"check_derivative expects functions, got {describe(what)}")
    x = np.array(x, np.float64)
    name = f"the derivative of {getattr(f, '__name__', 'f')}"
    return _compared(name, f, call(df, (x.copy(),)), (x,), tolerance)


@isolated()
def check_gradient(f: Callable[..., Any], x: Any, *rest: Any, tolerance: float = 1e-6) -> Finding | None:
    """Compare the two results of ``f(x, ...)``, a number and its gradient by ``x``, with each other.

    The gradient must be that of the very number that is returned.

    Args:
        f: returns ``(value, gradient)``.
        x: where to compare them.
        rest: what f takes besides, say a target.
        tolerance: the largest error that passes, as a fraction of the largest slope.

    Raises ``TypeError`` for what cannot be called.

    >>> def mean_square(y, target):
    ...     return np.mean((y - target) ** 2), 2 * (y - target)
    >>> y = np.array([[1.0], [2.0], [4.0]])
    >>> print(check_gradient(mean_square, y, np.zeros((3, 1))))
    mean_square: mean_square([[1], [2], [4]], [[0], [0], [0]]) gives 2 at [0, 0], expected 0.6667; it is too large by \
the factor n = 3, the number of rows: a sum where a mean belongs
    """
    if not callable(f):
        raise TypeError(f"check_gradient expects a function, got {describe(f)}")
    x = np.array(x, np.float64)
    name = getattr(f, "__name__", "f")

    def result(point: np.ndarray, number: int) -> Any:
        return f(point, *map_arrays(np.copy, rest))[number]

    return _compared(name, lambda point: result(point, 0), call(result, (x.copy(), 1)), (x, *rest), tolerance)


def _compared(name: str, f: Callable[..., Any], outcome: Outcome, inputs: Any, tolerance: float) -> Finding | None:
    x = inputs[0]
    try:
        expected, smooth = _slopes(f, x)
    except Exception as error:
        return Finding(name, f"has no slope to compare with: {type(error).__name__}: {error}", inputs)
    if list(outcome.parts) == [""] and outcome.arrays[0].shape == expected.shape:
        outcome = Outcome({"": np.where(smooth, outcome.arrays[0], expected)})
    wrong = difference(outcome, {"": expected}, tolerance)
    if wrong is None:
        return None
    advice = hint(wrong.found, wrong.expected, len(x) if x.ndim else 1)
    return Finding(name, wrong.what, inputs, expected, wrong.found, advice=advice)


def _slopes(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes, and where they are the same to the left and to the right.

    On a smooth curve the two sides differ by half as much at half the distance; at a kink by as much, or the slopes
    between them differ. So a steep place is no kink, and its slope is taken from both distances (Richardson).
    """
    each = np.shape(f(x.copy())) == x.shape  # f works on each number of x
    slopes = np.asarray(derivative(f, x) if each else gradient(f, x))
    far, close = (differences(f, x, [...] if each else np.ndindex(x.shape), step) for step in (_STEP, _STEP / 2))
    found = far.curvature, close.curvature, far.slopes, close.slopes
    bent, still_bent, wide, narrow = (np.reshape(each, x.shape) for each in found)
    largest, apart = np.abs(slopes).max(initial=0.0), np.abs(wide - narrow)
    much = 1e-3 * max(largest, 1.0)
    kink = (bent > much) & ((still_bent > 0.75 * bent) | (apart > much))
    coarse = (apart > 1e-7 * largest) & (apart > 4 * close.noise)
    return np.where(coarse & ~kink, (4 * narrow - wide) / 3, slopes), ~kink


def hint(found: Any, expected: Any, rows: int) -> str:
    """Return what may be wrong with an array of data with so many rows, where the right one shows it, or ""."""
    if not isinstance(found, np.ndarray) or (found.shape == expected.shape and found.size < 2):
        return ""
    if found.shape != expected.shape:
        return _hints.of_shape(found.shape, expected.shape)
    return _hints.of_values(found.astype(np.float64), expected, rows)
