"""Central differences: the slope of a function, found by looking a little to the right and a little to the left.

    step_for    : x -> step, one for each number of x
    sides       : f, x, places, step -> stream of (high, low, width), one for each place
    differences : f, x, places, step, weights? -> slopes, curvature, noise

A central difference, (f(x + h) - f(x - h)) / 2h, is off by h^2 f''' / 6 for its coarseness and by about eps f / h for
rounding, where eps is 2.2e-16. The two together are least near h = cbrt(eps) = 6e-6 for functions of ordinary size, and
leave ten digits (Press et al., Numerical Recipes, 3rd edition, section 5.7).

A place is an index into x: that of one number, or ``...`` for all at once, where f works on each number by itself. All
arithmetic is in float64 and out of place: f gets copies, so it may write to them, and its result is copied, so it may
use the same array again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import numpy as np

_EPS = float(np.finfo(np.float64).eps)


@attrs.frozen(eq=False)
class Differences:
    """The slopes of a function at a point.

    ``slopes`` are the central differences, one for each place. ``curvature`` is how far the slopes to the right and to
    the left differ there, much at a kink. ``noise`` is what rounding may have added to a slope.
    """

    slopes: np.ndarray
    curvature: np.ndarray
    noise: float


def step_for(x: np.ndarray) -> np.ndarray:
    """Return the step that loses least for each number of x: cbrt(eps) max(1, |x|).

    >>> step_for(np.array([0.5, -1000.0])).round(8)
    array([6.06000e-06, 6.05545e-03])
    """
    return np.cbrt(_EPS) * np.maximum(1.0, np.abs(x))


def sides(
    f: Callable[[np.ndarray], Any], x: np.ndarray, places: Iterable[Any], step: float | np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
    """Yield for each place f to the right of it, f to the left, and how far apart the two points are.

    Args:
        f: takes an array like x and returns a number or an array.
        x: the point, as float64.
        places: indices into x.
        step: how far to go to either side; an array has a step for each number of x.

    >>> [(high - low) / width for high, low, width in sides(np.sum, np.array([1.0, 2.0]), range(2), 0.5)]
    [np.float64(1.0), np.float64(1.0)]
    """
    below, above = x - step, x + step
    for place in places:
        left, right = x.copy(), x.copy()
        left[place], right[place] = below[place], above[place]
        width = above[place] - below[place]  # not 2 * step, for x + step is rounded
        yield np.array(f(right), np.float64), np.array(f(left), np.float64), width


def differences(
    f: Callable[[np.ndarray], Any],
    x: np.ndarray,
    places: Iterable[Any],
    step: float,
    weights: np.ndarray | None = None,
) -> Differences:
    """Return the slopes of f, or of ``sum(weights * f(x))``, along each place, with their curvature and noise.

    Args:
        f, x, places: those of ``sides``.
        step: how far to go to either side.
        weights: a number for each number that f returns; without them each number has a slope of its own.

    >>> found = differences(np.abs, np.array([-3.0, 0.0, 5.0]), [...], 1e-5)
    >>> found.slopes.round(8), found.curvature.round(8)
    (array([[-1.,  0.,  1.]]), array([[0., 2., 0.]]))
    """
    here = np.array(f(x.copy()), np.float64)
    slopes, curvature, moved = [], [], np.zeros(here.shape, bool)
    for high, low, width in sides(f, x, places, step):
        # Differences first, output by output: what does not depend on this place cancels without rounding.
        right, left = _weighted(high - here, weights) / step, _weighted(here - low, weights) / step
        slopes.append(_weighted(high - low, weights) / width)
        curvature.append(np.abs(right - left))
        moved |= high != low
    # What did not move may have moved by less than its last digit, and on its way through a network the rounding of a
    # number adds up to a few of these.
    reach = np.abs(here if weights is None else weights * here)[moved if moved.any() else ...]
    return Differences(np.array(slopes), np.array(curvature), 4 * _EPS * float(reach.sum()) / step)


def _weighted(rise: np.ndarray, weights: np.ndarray | None) -> Any:
    return rise if weights is None else np.sum(weights * rise)
