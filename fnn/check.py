"""Is a gradient right? Nudge each number a little and see whether the result moves as the gradient says.

check_vjp : layer or loss, inputs -> report, or an AssertionError that names the leaf and the numbers
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core import vjp
from fnn.keys import Key, normals
from fnn.tree import equal, leaves, map, paths, ravel


@attrs.frozen
class Report:
    """What ``check_vjp`` found: the error of each leaf, by path; coordinates compared; those left out at kinks."""

    errors: dict[str, float]
    coordinates: int
    skipped: int


def check_vjp(
    layer: Any, x: Any, *rest: Any, key: Key | None = None, tolerance: float = 1e-8, step: float = 1e-5
) -> Report:
    """Compare the pullback of a layer, or of a loss, with central differences in double precision.

    Write ``check_vjp(layer, x)`` or ``check_vjp(loss, prediction, target)``; floats are converted to float64 first.
    Checked are the gradients of every leaf of the layer and of x (unless x is of whole numbers), for a random dy. The
    error of a leaf is its largest difference over the largest number in it, so that a wrong bias cannot hide behind a
    big weight; what the differences themselves may lose to rounding is let pass. A coordinate within ``step`` of a kink
    has no central difference to compare with: its slopes to the left and to the right differ, and it is left out.

    Raises ``AssertionError`` with the leaf, the coordinate and both numbers if an error exceeds ``tolerance``, or if
    evaluating or pulling back a second time gives something else, or if an input was written to.

    >>> from fnn import relu
    >>> check_vjp(relu, np.array([[-1.0, 2.0]])).errors["x"] < 1e-8
    True
    """
    layer, x, rest = map(_double, layer), _double(x), tuple(_double(each) for each in rest)
    named = {} if key is None else {"key": key}
    smooth = x.dtype.kind == "f"

    def evaluate(layer: Any, x: np.ndarray = x) -> Any:
        return vjp(layer, x, *rest, **named)

    analytic, dy = _pulled_back(evaluate, layer, x, rest, smooth)

    def output(vector: np.ndarray) -> np.ndarray:
        return np.asarray(evaluate(*unravel(vector))[0])

    inputs = (layer, x) if smooth else (layer,)
    point, unravel = ravel(inputs)
    names = ["x" if path == "[1]" else path.removeprefix("[0]").lstrip(".") or "layer" for path in paths(inputs)]
    errors, skipped, begin = {}, 0, 0
    for name, gradient in zip(names, leaves(analytic), strict=True):
        block = slice(begin, begin + gradient.size)
        errors[name], left_out = _compare(name, gradient, output, point, block, dy, tolerance, step)
        skipped, begin = skipped + left_out, block.stop
    return Report(errors, point.size, skipped)


def _double(array: Any) -> np.ndarray:
    array = np.array(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _pulled_back(evaluate: Callable, layer: Any, x: np.ndarray, rest: tuple, smooth: bool) -> tuple[tuple, np.ndarray]:
    """Give the gradient for a random dy, as a tree like the inputs, and dy, having checked that nothing was changed."""
    inputs = (layer, x, rest)
    before = map(np.copy, inputs)
    y, pullback = evaluate(layer)
    y = np.array(y)
    dy = normals(Key(0), y.shape)
    given = dy.copy()

    def gradient() -> tuple:
        dlayer, dx = pullback(given if y.ndim else float(given))
        return map(np.copy, (dlayer, np.asarray(dx())) if smooth else (dlayer,))

    analytic = gradient()
    checks = {
        "an input was written to": equal(before, inputs) and np.array_equal(dy, given),
        "pulling back a second time gives another gradient": equal(analytic, gradient()),
        "evaluating a second time gives another result": np.array_equal(y, evaluate(layer)[0], equal_nan=True),
    }
    for complaint, holds in checks.items():
        if not holds:
            raise AssertionError(f"{type(layer).__name__}: {complaint}")
    expected = (layer, x) if smooth else (layer,)
    for path, leaf, found in zip(paths(expected), leaves(expected), leaves(analytic), strict=True):
        if leaf.shape != found.shape:
            raise AssertionError(f"the gradient of {path} has the shape {found.shape}, the leaf itself {leaf.shape}")
    return analytic, dy


def _compare(
    name: str,
    gradient: np.ndarray,
    output: Callable,
    point: np.ndarray,
    block: slice,
    dy: np.ndarray,
    tolerance: float,
    step: float,
) -> tuple[float, int]:
    """Give the error of one leaf and the number of its coordinates that lie at a kink."""
    here, epsilon = output(point), np.finfo(np.float64).eps
    numeric, noise, bend = np.zeros(gradient.size), np.zeros(gradient.size), np.zeros(gradient.size)
    for place, i in enumerate(range(block.start, block.stop)):
        up, down = point.copy(), point.copy()
        up[i] += step
        down[i] -= step
        high, low = output(up), output(down)
        # Differences first, output by output: what does not depend on this coordinate cancels without rounding.
        right, left = np.sum(dy * (high - here)) / step, np.sum(dy * (here - low)) / step
        numeric[place] = np.sum(dy * (high - low)) / (up[i] - down[i])
        noise[place] = epsilon * np.sum(np.abs(dy) * (np.abs(high) + np.abs(low)) * (high != low)) / step
        bend[place] = abs(right - left)
    exact = gradient.reshape(-1)
    scale = max(np.abs(exact).max(initial=0.0), np.median(np.abs(numeric)) if numeric.size else 0.0)
    error = np.abs(numeric - exact)
    beyond = error - noise > tolerance * scale
    kink = beyond & (bend > 1e-3 * scale)
    error[kink] = 0.0
    if (beyond & ~kink).any():
        worst = int(error.argmax())
        where = tuple(int(i) for i in np.unravel_index(worst, gradient.shape))
        raise AssertionError(
            f"the gradient of {name} is wrong at {where}: the pullback says {exact[worst]:.10g}, central differences "
            f"{numeric[worst]:.10g} (error {error[worst] / scale:.1e} of the largest, tolerance {tolerance:.0e})"
        )
    return float(error.max(initial=0.0) / scale) if scale else 0.0, int(kink.sum())
