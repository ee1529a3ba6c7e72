"""Is a derivative that somebody wrote down the slope of the function that it belongs to?

check_derivative : f, df, x -> a finding, or None          f : x -> y or number, df : x -> slopes
check_gradient   : f, x, ... -> a finding, or None         f : x, ... -> (value, gradient of the value by x)

For layers and losses that are records there is ``fnn.check_vjp``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.diagnostics import _hints as causes
from fnn.diagnostics.numeric import derivative, gradient
from fnn.testing.calls import call, difference, every, judging
from fnn.testing.findings import Finding


@judging()
def check_derivative(f: Callable, df: Callable, x: Any, tolerance: float = 1e-6) -> Finding | None:
    """Compare ``df(x)`` with central differences of ``f`` in float64; give a finding, or None if they agree.

    ``f`` may be applied to each number of x, and ``df`` give the slope at each, or ``f`` gives one number and ``df``
    its gradient. Numbers of x at a kink, where the slopes to the left and the right differ, have no slope and are left
    out. The error is measured in the largest slope. Raises ``TypeError`` for what cannot be called.

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
    return _compared(name, lambda point: _double(f(point)), call(df, (x.copy(),)), (x,), tolerance)


@judging()
def check_gradient(f: Callable, x: Any, *rest: Any, tolerance: float = 1e-6) -> Finding | None:
    """Compare the two results of ``f(x, ...)``, a number and its gradient by ``x``, with each other.

    The gradient must be that of the very number that is returned. Kinks and tolerance are those of
    ``check_derivative``. Raises ``TypeError`` for what cannot be called.

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

    def again(point: np.ndarray, part: int) -> Any:
        return f(point, *every(np.copy, rest))[part]

    return _compared(name, lambda point: _double(again(point, 0)), call(again, (x.copy(), 1)), (x, *rest), tolerance)


def _compared(name: str, f: Callable, outcome: Any, inputs: tuple, tolerance: float) -> Finding | None:
    x = inputs[0]
    try:
        expected, smooth = _slopes(f, x)
    except Exception as error:
        return Finding(name, f"has no slope to compare with: {type(error).__name__}: {error}", inputs)
    if list(outcome.parts) == [""] and outcome.arrays[0].shape == expected.shape:
        found = np.where(smooth, outcome.arrays[0], expected)
        outcome = call(lambda: found, ())
    wrong = difference(outcome, {"": expected}, tolerance)
    if wrong is None:
        return None
    return Finding(
        name,
        wrong.what,
        inputs,
        expected,
        wrong.found,
        advice=hint(wrong.found, wrong.expected, len(x) if x.ndim else 1),
    )


def _slopes(f: Callable, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the slopes, and where they are the same to the left and to the right."""
    slopes = derivative if np.shape(f(x.copy())) == x.shape else gradient
    central = np.asarray(slopes(f, x), np.float64)
    h = 1e-5
    beside = [np.asarray(slopes(lambda point, s=side: f(point + s * h), x, step=h / 2)) for side in (-1, 1)]
    bent = np.abs(beside[0] - beside[1]) > 1e-3 * np.maximum(np.abs(central).max(initial=0.0), 1.0)
    return central, ~bent


def hint(found: Any, expected: Any, rows: int) -> str:
    """Say what may be wrong with an array, where it can be told from the two."""
    if not isinstance(found, np.ndarray):
        return ""
    if found.shape != expected.shape:
        return causes.of_shape(found.shape, expected.shape)
    if found.size < 2 or not np.isfinite(found).all():
        return ""
    return causes.of_values(found.astype(np.float64), expected, rows)


def _double(value: Any) -> Any:
    return np.asarray(value, np.float64)
