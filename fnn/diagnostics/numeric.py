"""The slope of any function, found by looking a little to the right and a little to the left.

    derivative     : f, x -> slope                gradient       : f, x -> slopes, one for each number of x
    tangent        : f, x -> line                 gradient_field : f, x0, x1 -> u, v, the gradient over a grid

A central difference, (f(x + h) - f(x - h)) / 2h, is off by h^2 f''' / 6 for its coarseness and by about eps f / h for
rounding, where eps is 2.2e-16. The two together are least near h = cbrt(eps) = 6e-6 for functions of ordinary size, and
leave ten digits (Press et al., Numerical Recipes, 3rd edition, section 5.7). So the step is cbrt(eps) max(1, |x|)
unless you give one. The arithmetic is in float64, of integers too, and nothing that you pass in is written to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe, number

_STEP = float(np.cbrt(np.finfo(np.float64).eps))


def derivative(f: Callable, x: Any, step: float | None = None) -> Any:
    """Give the slope of f at x as a float; of an array, the slope at each number, f being applied to them all at once.

    Raises ``TypeError`` or ``ValueError`` if x, the step or what f returns is not what it must be.

    >>> def f(x):
    ...     return 0.01 * x**2 + 0.1 * x
    >>> round(derivative(f, 5), 8), derivative(f, np.array([5, 10])).round(8)
    (0.2, array([0.2, 0.3]))
    """
    x = _real("derivative", "x", x)
    down, up = _beside("derivative", x, step)
    width = up - down  # before f sees them, which might write to what it is given
    rise = _value("derivative", f, up, x.shape) - _value("derivative", f, down, x.shape)
    return rise / width if x.ndim else float(rise / width)


def gradient(f: Callable, x: Any, step: float | None = None) -> np.ndarray:
    """Give the slope of f along each coordinate of x, in the shape of x; f takes an array like x and returns a number.

    Raises ``TypeError`` or ``ValueError`` if x, the step or what f returns is not what it must be.

    >>> gradient(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4]).round(8)
    array([6., 8.])
    """
    return _gradient("gradient", f, _real("gradient", "x", x), step)


def tangent(f: Callable, x: float) -> Callable:
    """Give the straight line that touches f at x, a function of a number or an array: y = f(x) + f'(x) (t - x).

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


def gradient_field(f: Callable, x0: Any, x1: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the gradient at each point of the grid of two axes, as its two parts u and v, both (len(x1), len(x0)).

    f takes a point, an array of two numbers, and returns a number, as for ``gradient``. That is the shape of
    ``np.meshgrid(x0, x1)``, so ``plt.quiver(x0, x1, -u, -v)`` draws arrows downhill.

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


def _gradient(caller: str, f: Callable, x: np.ndarray, step: float | None) -> np.ndarray:
    down, up = _beside(caller, x, step)
    slopes = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        left, right = x.copy(), x.copy()
        left[place], right[place] = down[place], up[place]
        slopes[place] = (_value(caller, f, right, ()) - _value(caller, f, left, ())) / (up[place] - down[place])
    return slopes


def _real(caller: str, name: str, x: Any) -> np.ndarray:
    """Take x as float64, whatever real numbers it holds."""
    array = as_array(caller, x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{caller} expects {name} as a real number or an array of them, got {describe(x)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{caller}: {name} holds NaN or infinity")
    return array.astype(np.float64)


def _beside(caller: str, x: np.ndarray, step: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Give the numbers a step below x and a step above it."""
    h = _STEP * np.maximum(1.0, np.abs(x)) if step is None else number(f"{caller}: the step", step)
    down, up = x - h, x + h
    lost = np.flatnonzero(down == up)  # x + h is x where h is below the rounding error of x
    if lost.size:
        raise ValueError(f"{caller}: a step of {step:g} changes nothing at x = {x.flat[lost[0]]:g}; write a larger one")
    return down, up


def _value(caller: str, f: Callable, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give f(x), having checked that it is real numbers of the shape."""
    if not callable(f):
        raise TypeError(f"{caller} expects a function of x, got {describe(f)}")
    value = f(x)
    array = as_array(f"{caller}, of f(x),", value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{caller}: f must return real numbers, got {describe(value)}")
    if array.shape != shape:
        wanted = f"one number for each of x, {shape}" if shape else "a number"
        raise ValueError(f"{caller}: f must return {wanted}, got {describe(value)}")
    return array.astype(np.float64)  # a copy: f might use the same array for its next result
