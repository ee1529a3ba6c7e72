"""Is a gradient right? Perturb each number a little and see whether the result moves as the gradient says.

check_vjp : layer or loss, inputs -> Report, or an AssertionError that names the leaf, the numbers, the likely cause
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe, positive
from fnn.core._flat import builder, tied
from fnn.core._structure import Tree, require_alike
from fnn.core.keys import Key, fold_in, normals
from fnn.core.record import Record, children, rebuild
from fnn.core.tree import at, equal, leaves, paths, ravel
from fnn.core.vjp import Pullback, vjp
from fnn.diagnostics import _hints
from fnn.diagnostics._differences import Differences, differences


@attrs.frozen
class Report:
    """What ``check_vjp`` found: the error of each leaf by path, how many coordinates there are, how many it left out.

    Left out are the coordinates at a kink.
    """

    errors: dict[str, float]
    coordinates: int
    skipped: int


def check_vjp(
    layer: Any, x: Any, *rest: Any, key: Key | None = None, tolerance: float = 1e-8, step: float = 1e-5
) -> Report:
    """Compare the pullback of a layer, or of a loss, with central differences in double precision.

    Write ``check_vjp(layer, x)`` or ``check_vjp(loss, prediction, target)``. Checked are the gradients of every leaf
    of the layer and of x, for a random dy; integers cannot be perturbed. The error of a leaf is its largest difference
    over the largest number in it, so that a wrong bias cannot hide behind a big weight. What the differences
    themselves may lose to rounding passes, and where they are too coarse for a strong curvature, finer ones are taken.
    A coordinate within ``step`` of a kink has no central difference to compare with: its slopes to the left and to the
    right differ, and it is left out.

    Args:
        layer: a layer, network, loss or penalty; its floats are converted to float64 first, and so are those below.
        x: what the layer takes, an array or a tuple of arrays; the prediction of a loss.
        rest: what a loss takes besides, target and weights.
        key: for layers that draw random numbers.
        tolerance: the largest error that passes.
        step: how far each number is perturbed to either side.

    Raises ``AssertionError`` if an error exceeds ``tolerance``, with the leaf, the coordinate, both numbers and the
    likely cause where there is one; if evaluating or pulling back a second time gives something else, or if an input
    was written to; and if the rule does not return what it must, a layer's takes no key, or float32 goes in and
    something else comes out. Raises ``TypeError`` or ``ValueError`` for a tolerance or a step that is no number
    above 0.

    >>> from fnn import relu
    >>> check_vjp(relu, np.array([[-1.0, 2.0]])).errors["x"] < 1e-8
    True
    """
    tolerance, step = positive("check_vjp: the tolerance", tolerance), positive("check_vjp: the step", step)
    inputs, rest = _double((layer, _arrays(x))), _double(tuple(_arrays(each) for each in rest))
    named = {} if key is None else {"key": key}
    layer_copy, x_copy, rest_copy = _double((*inputs, rest))
    _require_contract(layer_copy, x_copy, rest_copy, named)

    def evaluate(layer: Any, x: Any) -> tuple[Any, Pullback]:
        return vjp(layer, x, *rest, **named)

    def output(vector: np.ndarray) -> np.ndarray:
        return _vector(evaluate(*unravel(vector))[0])

    analytic, dy = _pulled_back(evaluate, inputs, rest)
    point, unravel = ravel(inputs)
    errors: dict[str, float] = {}
    skipped = end = 0
    for path, leaf, gradient in zip(paths(inputs), leaves(inputs), leaves(analytic), strict=True):
        block, end = range(end, end + leaf.size), end + leaf.size
        if leaf.dtype.kind != "f":
            continue
        found = differences(output, point, block, step, dy)
        name, exact, numeric = _name(path), gradient.reshape(-1), found.slopes
        errors[name], wrong, kinks = _compare(exact, numeric, found, tolerance)
        if wrong is not None:
            numeric = _nearer(exact, numeric, differences(output, point, block, 2 * step, dy).slopes)
            errors[name], wrong, kinks = _compare(exact, numeric, found, tolerance)
        skipped += kinks
        if wrong is not None:
            place = tuple(int(i) for i in np.unravel_index(wrong, leaf.shape))
            right = numeric.reshape(leaf.shape)
            hint = _hints.of_values(gradient, right, len(leaf) if path == "[1]" and leaf.ndim else _rows(inputs[1]))
            hint = hint or _transposed_leaf(gradient, output, inputs, block, dy, step)
            raise AssertionError(
                f"the gradient of {name} is wrong at {place}: the pullback says {gradient[place]:.10g}, central "
                f"differences {right[place]:.10g} (error {errors[name]:.1e} of the largest, tolerance {tolerance:.0e})"
                + (f"; {hint}" if hint else "")
            )
    if not isinstance(inputs[1], Record):  # a penalty's value is all that there is of it
        layer32, x32, rest32 = _copied((layer, inputs[1], rest), np.float32)
        _require_float32(layer32, x32, rest32, named)
    return Report(errors, sum(leaf.size for leaf in leaves(inputs) if leaf.dtype.kind == "f"), skipped)


def _arrays(x: Any) -> Any:
    return x if x is None or isinstance(x, tuple | Record) else as_array("check_vjp", x)


def _double(tree: Tree) -> Any:
    """Copy a tree, its floats as float64, into arrays that can be written to: then it shows if somebody does."""
    return _copied(tree, np.float64)


def _copied(tree: Tree, dtype: type[np.floating[Any]]) -> Any:
    return builder(tree)([array.astype(dtype) if array.dtype.kind == "f" else array.copy() for array in leaves(tree)])


def _require_contract(layer: Any, x: Any, rest: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Raise ``AssertionError`` if a rule cannot serve in a network or in training, whatever its gradients are."""
    name, rule = type(layer).__name__, vjp.dispatch(type(layer))
    if not rest and "target" in inspect.signature(rule).parameters and not _takes(rule, layer, x):
        raise TypeError(f"check_vjp expects a target for {name}; write check_vjp(loss, prediction, target)")
    result = vjp(layer, x, *rest, **named)
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise AssertionError(f"{name}: its rule must return (y, pullback), got {describe(result)}")
    y, pullback = result
    if _of_layer(x, y, rest) and not _takes(rule, layer, x, None):
        given = ", ".join([*inspect.signature(rule).parameters][:2])
        raise AssertionError(
            f"{name}: its rule takes no key, which a network passes to each layer; "
            f"write def {rule.__name__}({given}, key=None)"
        )
    back = pullback(_random_like(y, Key(0)))
    if not (isinstance(back, tuple) and len(back) == 2):
        raise AssertionError(f"{name}: its pullback must return (dlayer, dx), got {describe(back)}")
    if not callable(back[1]):
        what = describe(back[1])
        raise AssertionError(
            f"{name}: its pullback must return dx as a function without arguments, got {what}; write lambda: dx"
        )


def _of_layer(x: Any, y: Any, rest: tuple[Any, ...]) -> bool:
    """Return True for what is neither a loss, which takes a target, nor a penalty, whose value is a number."""
    return not rest and not isinstance(x, Record) and (isinstance(y, tuple) or np.ndim(y) > 0)


def _takes(rule: Callable[..., Any], *arguments: Any) -> bool:
    try:
        inspect.signature(rule).bind(*arguments)
    except TypeError:
        return False
    return True


def _require_float32(layer: Any, x: Any, rest: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Raise ``AssertionError`` if a float in a result is not of float32, though all that went in is."""
    with np.errstate(all="ignore"):
        y, pullback = vjp(layer, x, *rest, **named)
        dlayer, dx = pullback(_copied(_random_like(y, Key(0)), np.float32))
        results = {"y": y if _of_layer(x, y, rest) else (), "x": dx(), "": dlayer}
    for what, found in results.items():
        for path, leaf in zip(paths(found), leaves(found), strict=True):
            if leaf.dtype.kind == "f" and leaf.dtype != np.float32:
                place = f"{what}{path}" or "the layer"
                place = place if what == "y" else f"the gradient of {place}"
                raise AssertionError(
                    f"{type(layer).__name__}: float32 goes in, and {place} is {leaf.dtype}; NumPy's scalars and "
                    "float64 arrays promote: write float(np.sqrt(2)), and np.zeros(n, x.dtype)"
                )


def _vector(y: Any) -> np.ndarray:
    """Return all the numbers of an output, which is an array, a tuple of them or a float."""
    return ravel(y)[0] if isinstance(y, tuple) else np.reshape(y, -1)


def _name(path: str) -> str:
    """Return the path of a leaf of (layer, x) as a reader would write it."""
    if path.startswith("[1]"):
        return "x" + path.removeprefix("[1]")
    return path.removeprefix("[0]").lstrip(".") or "layer"


def _rows(x: Any) -> int:
    arrays = leaves(x)
    return len(arrays[0]) if arrays and arrays[0].ndim else 1


def _pulled_back(
    evaluate: Callable[[Any, Any], tuple[Any, Pullback]], inputs: tuple[Any, Any], rest: tuple[Any, ...]
) -> tuple[tuple[Any, Any], np.ndarray]:
    """Return the gradient for a random dy, as a tree like the inputs, and dy; raise if a rule is broken on the way."""
    layer, _ = inputs
    before = _double((inputs, rest))
    y, pullback = evaluate(*inputs)
    first = _vector(y).copy()
    dy = _random_like(y, Key(0))
    given = _double(dy)

    def gradient() -> tuple[Any, Any]:
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
            hint = _hints.of_shape(found.shape, leaf.shape)
            raise AssertionError(
                f"the gradient of {_name(path)} has the shape {found.shape}, the leaf itself {leaf.shape}"
                + (f"; {hint}" if hint else "")
            )
    return analytic, _vector(dy)


def _with_arrays(layer: Any, gradient: Any) -> Any:
    """Return the gradient with arrays in place of bare numbers, whose shape then shows that they are wrong."""
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


def _nearer(exact: np.ndarray, numeric: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Return differences without their error of second order where these agree better: (4 d(step) - d(2 step)) / 3.

    Of a gradient and a difference it may be the second that is wrong, by step**2 times a strong curvature (Richardson,
    1911). A wrong gradient agrees with neither.
    """
    finer = (4 * numeric - wide) / 3
    return np.where(np.abs(finer - exact) < np.abs(numeric - exact), finer, numeric)


def _compare(
    exact: np.ndarray, numeric: np.ndarray, found: Differences, tolerance: float
) -> tuple[float, int | None, int]:
    """Return the error of a leaf, its worst coordinate if that exceeds the tolerance, and how many are at a kink."""
    # Where the gradient is 0 by cancellation, as that of a bias before a batch norm, differences are noise alone.
    typical = np.median(np.abs(numeric)) if numeric.size else 0.0
    scale = max(np.abs(exact[np.isfinite(exact)]).max(initial=0.0), typical, found.noise / tolerance)
    error = np.abs(numeric - exact)
    # NaN is not above the tolerance, but it is wrong where there is a difference to compare it with.
    beyond = (error > tolerance * scale) | (np.isnan(exact) & np.isfinite(numeric))
    kink = beyond & (found.curvature > 1e-3 * scale)
    error[kink] = 0.0
    wrong = int(error.argmax()) if (beyond & ~kink).any() else None
    return float(error.max(initial=0.0) / scale) if scale else 0.0, wrong, int(kink.sum())


def _transposed_leaf(
    gradient: np.ndarray,
    output: Callable[[np.ndarray], np.ndarray],
    inputs: tuple[Any, Any],
    block: range,
    dy: np.ndarray,
    step: float,
) -> str:
    """Return a hint if the gradient would be right with a square matrix of the layer transposed."""
    for path, leaf in zip(paths(inputs), leaves(inputs), strict=True):
        if path.startswith("[0]") and leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1]:
            point, _ = ravel(at(path, np.transpose, inputs))
            numeric = differences(output, point, block, step, dy).slopes
            if np.allclose(gradient.reshape(-1), numeric, rtol=1e-4, atol=1e-4 * np.abs(numeric).max(initial=0.0)):
                return f"it would be right if {_name(path)} were transposed"
    return ""
