"""Is a gradient right? Nudge each number a little and see whether the result moves as the gradient says.

check_vjp : layer or loss, inputs -> report, or an AssertionError that names the leaf, the numbers, the likely cause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array
from fnn.core._flat import builder, tied
from fnn.core._structure import require_alike
from fnn.core.keys import Key, fold_in, normals
from fnn.core.record import children, rebuild
from fnn.core.tree import at, equal, leaves, paths, ravel
from fnn.core.vjp import vjp
from fnn.diagnostics import _hints as causes


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
    Checked are the gradients of every leaf of the layer and of x, which may be a tuple of arrays, for a random dy;
    integers cannot be nudged. The error of a leaf is its largest difference over the largest number in it, so that
    a wrong bias cannot hide behind a big weight; what the differences themselves may lose to rounding is let pass, and
    where they are too coarse for a strong curvature, finer ones are taken. A coordinate within ``step`` of a kink has
    no central difference to compare with: its slopes to the left and to the right differ, and it is left out.

    Raises ``AssertionError`` with the leaf, the coordinate, both numbers and the likely cause, where it can be told,
    if an error exceeds ``tolerance``, or if evaluating or pulling back a second time gives something else, or if an
    input was written to.

    >>> from fnn import relu
    >>> check_vjp(relu, np.array([[-1.0, 2.0]])).errors["x"] < 1e-8
    True
    """
    inputs, rest = _double((layer, _arrays(x))), _double(tuple(_arrays(each) for each in rest))
    named = {} if key is None else {"key": key}

    def evaluate(layer: Any, x: Any) -> Any:
        return vjp(layer, x, *rest, **named)

    def output(vector: np.ndarray) -> np.ndarray:
        return _vector(evaluate(*unravel(vector))[0])

    analytic, dy = _pulled_back(evaluate, inputs, rest)
    point, unravel = ravel(inputs)
    errors, skipped, begin = {}, 0, 0
    for path, leaf, gradient in zip(paths(inputs), leaves(inputs), leaves(analytic), strict=True):
        block = slice(begin, begin + leaf.size)
        begin = block.stop
        if leaf.dtype.kind != "f":
            continue
        numeric, bend, noise = _differences(output, point, block, dy, step)
        name, exact = _name(path), gradient.reshape(-1)
        errors[name], wrong, kinks = _compare(exact, numeric, bend, noise, tolerance)
        if wrong is not None:
            wide, _, _ = _differences(output, point, block, dy, 2 * step)
            numeric = _nearer(exact, numeric, wide)
            errors[name], wrong, kinks = _compare(exact, numeric, bend, noise, tolerance)
        skipped += kinks
        if wrong is not None:
            place = tuple(int(i) for i in np.unravel_index(wrong, leaf.shape))
            right = numeric.reshape(leaf.shape)
            cause = causes.of_values(gradient, right, len(leaf) if path == "[1]" and leaf.ndim else _rows(inputs[1]))
            cause = cause or _of_a_transposed_leaf(gradient, output, inputs, block, dy, step)
            raise AssertionError(
                f"the gradient of {name} is wrong at {place}: the pullback says {gradient[place]:.10g}, central "
                f"differences {right[place]:.10g} (error {errors[name]:.1e} of the largest, tolerance {tolerance:.0e})"
                + (f"; {cause}" if cause else "")
            )
    return Report(errors, sum(leaf.size for leaf in leaves(inputs) if leaf.dtype.kind == "f"), skipped)


def _arrays(x: Any) -> Any:
    return x if isinstance(x, tuple) or hasattr(type(x), "__record__") else as_array("check_vjp", x)


def _double(tree: Any) -> Any:
    """Copy a tree, its floats as float64, into arrays that can be written to: then we see if somebody does."""
    copies = [array.astype(np.float64) if array.dtype.kind == "f" else array.copy() for array in leaves(tree)]
    return builder(tree)(copies)


def _vector(y: Any) -> np.ndarray:
    """Give all the numbers of an output, be it an array, a tuple of them or a float."""
    return ravel(y)[0] if isinstance(y, tuple) else np.reshape(y, -1)


def _name(path: str) -> str:
    """Name a leaf of (layer, x) as a reader would."""
    if path.startswith("[1]"):
        return "x" + path.removeprefix("[1]")
    return path.removeprefix("[0]").lstrip(".") or "layer"


def _rows(x: Any) -> int:
    arrays = leaves(x)
    return len(arrays[0]) if arrays and arrays[0].ndim else 1


def _pulled_back(evaluate: Callable, inputs: tuple, rest: tuple) -> tuple[tuple, np.ndarray]:
    """Give the gradient for a random dy, as a tree like the inputs, and dy, having checked that nothing was changed."""
    layer, _ = inputs
    before = _double((inputs, rest))
    y, pullback = evaluate(*inputs)
    first = _vector(y).copy()
    dy = _random_like(y, Key(0))
    given = _double(dy)

    def gradient() -> tuple:
        dlayer, dx = pullback(given)
        return _double((tied(layer, _with_arrays(layer, dlayer)), _arrays(dx())))

    analytic = gradient()
    checks = {
        "an input was written to": equal(before, (inputs, rest)) and np.array_equal(_vector(dy), _vector(given)),
        "pulling back a second time gives another gradient": equal(analytic, gradient()),
        "evaluating a second time gives another result": np.array_equal(
            first, _vector(evaluate(*inputs)[0]), equal_nan=True
        ),
    }
    for complaint, holds in checks.items():
        if not holds:
            raise AssertionError(f"{type(layer).__name__}: {complaint}")
    try:
        require_alike(f"{type(layer).__name__}: inputs and gradient", inputs, analytic)
    except ValueError as error:
        raise AssertionError(str(error)) from None
    for path, leaf, found in zip(paths(inputs), leaves(inputs), leaves(analytic), strict=True):
        if leaf.shape != found.shape:
            cause = causes.of_shape(found.shape, leaf.shape)
            raise AssertionError(
                f"the gradient of {_name(path)} has the shape {found.shape}, the leaf itself {leaf.shape}"
                + (f"; {cause}" if cause else "")
            )
    return analytic, _vector(dy)


def _with_arrays(layer: Any, gradient: Any) -> Any:
    """Give a number that stands in an array's place as an array, so that it is found out by its shape."""
    if isinstance(layer, np.ndarray):
        return np.asarray(gradient)
    parts = children(gradient)
    if type(layer) is not type(gradient) or not parts or len(parts) != len(children(layer)):
        return gradient
    return rebuild(gradient, [_with_arrays(*pair) for pair in zip(children(layer), parts, strict=True)])


def _random_like(y: Any, key: Key) -> Any:
    if isinstance(y, tuple):
        return tuple([_random_like(each, fold_in(key, place)) for place, each in enumerate(y)])
    drawn = normals(key, np.shape(y))
    return drawn if drawn.ndim else float(drawn)


def _differences(
    output: Callable, point: np.ndarray, block: slice, dy: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Give the central difference of each coordinate of a block, its bend, and what rounding may have done to them."""
    here = output(point)
    numeric, bend = np.zeros((2, block.stop - block.start))
    moved = np.zeros(here.shape, bool)
    for place, i in enumerate(range(block.start, block.stop)):
        up, down = point.copy(), point.copy()
        up[i] += step
        down[i] -= step
        high, low = output(up), output(down)
        # Differences first, output by output: what does not depend on this coordinate cancels without rounding.
        right, left = np.sum(dy * (high - here)) / step, np.sum(dy * (here - low)) / step
        numeric[place] = np.sum(dy * (high - low)) / (up[i] - down[i])
        bend[place] = abs(right - left)
        moved |= high != low
    # What did not move may have moved by less than its last digit, and on its way through a network the rounding of a
    # number adds up to a few of these.
    reach = np.abs(dy * here)[moved if moved.any() else ...]
    noise = 4 * np.finfo(np.float64).eps * float(reach.sum()) / step
    return numeric, bend, noise


def _nearer(exact: np.ndarray, numeric: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Give differences without their error of second order where these agree better: (4 d(step) - d(2 step)) / 3.

    Of a gradient and a difference it may be the second that is wrong, by step**2 times a strong curvature (Richardson,
    1911). A wrong gradient agrees with neither.
    """
    finer = (4 * numeric - wide) / 3
    return np.where(np.abs(finer - exact) < np.abs(numeric - exact), finer, numeric)


def _compare(
    exact: np.ndarray, numeric: np.ndarray, bend: np.ndarray, noise: float, tolerance: float
) -> tuple[float, int | None, int]:
    """Give the error of a leaf, the worst of its coordinates if it is beyond the tolerance, the number at a kink."""
    # Where the gradient is 0 by cancellation, as that of a bias before a batch norm, differences are noise alone.
    typical = np.median(np.abs(numeric)) if numeric.size else 0.0
    scale = max(np.abs(exact).max(initial=0.0), typical, noise / tolerance)
    error = np.abs(numeric - exact)
    beyond = error > tolerance * scale
    kink = beyond & (bend > 1e-3 * scale)
    error[kink] = 0.0
    wrong = int(error.argmax()) if (beyond & ~kink).any() else None
    return float(error.max(initial=0.0) / scale) if scale else 0.0, wrong, int(kink.sum())


def _of_a_transposed_leaf(
    gradient: np.ndarray, output: Callable, inputs: tuple, block: slice, dy: np.ndarray, step: float
) -> str:
    """Tell whether the gradient would be right if a square matrix of the layer were the other way round."""
    for path, leaf in zip(paths(inputs), leaves(inputs), strict=True):
        if path.startswith("[0]") and leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1]:
            point, _ = ravel(at(path, np.transpose, inputs))
            numeric, _, _ = _differences(output, point, block, dy, step)
            if np.allclose(gradient.reshape(-1), numeric, rtol=1e-4, atol=1e-4 * np.abs(numeric).max(initial=0.0)):
                return f"it would be right if {_name(path)} were transposed"
    return ""
