"""The slope of any function, as a number, an array, a line or a field.

    derivative     : f, x -> slope                gradient       : f, x -> slopes, one for each number of x
    tangent        : f, x -> line                 gradient_field : f, x0, x1 -> u, v, the gradient over a grid

The slopes are central differences (see ``_differences``) with a step of 6e-6 max(1, |x|) unless you give one, which
leaves about ten digits. The arithmetic is in float64, of integers too, and nothing that you pass in is written to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe, number
from fnn.diagnostics._differences import sides, step_for


def derivative(f: Callable[..., Any], x: Any, step: float | None = None) -> Any:
    """Return the slope of f at x as a float; of an array, the slope at each number.

    Args:
        f: a function of a number; of an array, if x is one, which f works on number by number.
        x: a real number, or an array of them.
        step: how far to look to either side; without it, 6e-6 max(1, |x|).

    Raises ``TypeError`` or ``ValueError`` if x, the step or what f returns is not what it must be.

    >>> def f(x):
    ...     return 0.01 * x**2 + 0.1 * x
    >>> round(derivative(f, 5), 8), derivative(f, np.array([5, 10])).round(8)
    (0.2, array([0.2, 0.3]))
    """
    x = _real("derivative", "x", x)

    def value(point: np.ndarray) -> np.ndarray:
        return _value("derivative", f, point[()], x.shape)  # [()]: of no axes, f gets a number

    [(high, low, width)] = sides(value, x, [...], _step("derivative", x, step))
    slope = (high - low) / width
    return slope if x.ndim else float(slope)


def gradient(f: Callable[..., Any], x: Any, step: float | None = None) -> np.ndarray:
    """Return the slope of f along each coordinate of x, in the shape of x.

    Args:
        f: takes an array like x and returns a number.
        x: real numbers, an array or a list.
        step: how far to look to either side; without it, 6e-6 max(1, |x|) for each coordinate.

    Raises ``TypeError`` or ``ValueError`` if x, the step or what f returns is not what it must be.

    >>> gradient(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4]).round(8)
    array([6., 8.])
    """
    return _gradient("gradient", f, _real("gradient", "x", x), step)


def tangent(f: Callable[..., Any], x: float) -> Callable[[Any], Any]:
    """Return the straight line that touches f at x, a function of a number or an array: y = f(x) + f'(x) (t - x).

    >>> line = tangent(lambda x: 0.01 * x**2 + 0.1 * x, 5)
    >>> round(line(5), 8), line(np.array([0, 10])).round(8)
    (0.75, array([-0.25,  1.75]))
    """
    point = _real("tangent", "x", x)
    if point.ndim:
        raise ValueError(f"tangent expects x as a number, got {describe(x)}")
    y = _value("tangent", f, point[()], ())
    return functools.partial(_line, float(point), float(y), derivative(f, point))


def _line(x: float, y: float, slope: float, t: Any) -> Any:
    return y + slope * (t - x)


def gradient_field(f: Callable[..., Any], x0: Any, x1: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient at each point of a grid, as its two parts u and v, both (len(x1), len(x0)).

    That is the shape of ``np.meshgrid(x0, x1)``, so ``plt.quiver(x0, x1, -u, -v)`` draws arrows downhill.

    Args:
        f: takes a point, an array of two numbers, and returns a number, as for ``gradient``.
        x0: the first coordinates of the grid, (n,).
        x1: the second, (m,).

    Raises ``TypeError`` or ``ValueError`` if an axis or what f returns is not what it must be.

    >>> u, v = gradient_field(lambda x: x[0] ** 2 + x[1] ** 2, [0, 1, 2], [3, 4])
    >>> u.round(8), v.round(8)
    (array([[0., 2., 4.],
           [0., 2., 4.]]), array([[6., 6., 6.],
           [8., 8., 8.]]))
    """
    x0, x1 = (_real("gradient_field", name, axis) for name, axis in (("x0", x0), ("x1", x1)))
    for name, axis in (("x0", x0), ("x1", x1)):
        if axis.ndim != 1 or axis.size == 0:
            raise ValueError(f"gradient_field expects the axis {name} as (n,), got {describe(axis)}")
    slopes = np.array([[_gradient("gradient_field", f, np.array([a, b]), None) for a in x0] for b in x1])
    return slopes[..., 0], slopes[..., 1]


def _gradient(caller: str, f: Callable[..., Any], x: np.ndarray, step: float | None) -> np.ndarray:
    both = sides(lambda point: _value(caller, f, point, ()), x, np.ndindex(x.shape), _step(caller, x, step))
    return np.array([(high - low) / width for high, low, width in both]).reshape(x.shape)


def _real(caller: str, name: str, x: Any) -> np.ndarray:
    """Return x as float64, whatever real numbers it holds."""
    array = as_array(caller, x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{caller} expects {name} as a real number or an array of them, got {describe(x)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{caller}: {name} holds NaN or infinity")
    return array.astype(np.float64)


def _step(caller: str, x: np.ndarray, step: float | None) -> float | np.ndarray:
    """Return the step, which must change x: x + h is x where h is below the rounding error of x."""
    if step is None:
        return step_for(x)
    h = number(f"{caller}: the step", step)
    lost = np.flatnonzero(x - h == x + h)
    if lost.size:
        raise ValueError(f"{caller}: a step of {step:g} changes nothing at x = {x.flat[lost[0]]:g}; write a larger one")
    return h


def _value(caller: str, f: Callable[..., Any], x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return f(x), or raise if it is not real numbers of this shape."""
    if not callable(f):
        raise TypeError(f"{caller} expects a function of x, got {describe(f)}")
    value = f(x)
    array = as_array(f"{caller}, of f(x),", value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{caller}: f must return real numbers, got {describe(value)}")
    if array.shape != shape:
        wanted = f"one number for each of x, {shape}" if shape else "a number"
        raise ValueError(f"{caller}: f must return {wanted}, got {describe(value)}")
    return array
