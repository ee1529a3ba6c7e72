"""Exercises on convolution and pooling of images (n, height, width, channels), dropout, and batch normalization."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core.vjp import vjp
from fnn.layers.conv import Conv
from fnn.layers.norm import BatchNorm
from fnn.layers.pool import max_pool
from fnn.testing._sandbox import call, map_arrays
from fnn.testing.exercises.exercise import Exercise, case, numbers, pullback_of, times, with_dy
from fnn.testing.results import Finding

POOL: Any = max_pool(2)
_layer: Any = partial(Conv, padding="valid")


def _backward(x: Any, weight: Any, dy: Any, flipped: bool = False, overwrite: bool = False) -> tuple[Any, ...]:
    """Return the gradients of a convolution, with dx perhaps from a flipped kernel or from the last window alone."""
    kernel = weight[::-1, ::-1] if flipped else weight
    dlayer = vjp(_layer(weight, np.zeros(weight.shape[-1])), x)[1](dy)[0]
    dx = vjp(_layer(kernel, np.zeros(weight.shape[-1])), x)[1](dy)[1]()
    for row, column in np.ndindex(dy.shape[1:3]) if overwrite else ():
        window = np.einsum("nf,ijcf->nijc", dy[:, row, column], kernel)
        dx = dx.copy()
        dx[:, row : row + weight.shape[0], column : column + weight.shape[1]] = window
    return dlayer.weight, dlayer.bias, dx


def _ties_share(name: str, function: Callable[..., Any]) -> Finding | None:
    """Return a finding unless dy is passed on once where the maximum is there three times."""
    given = TIES, np.ones((1, 1, 1, 1))
    total = sum(float(array.sum()) for array in call(function, map_arrays(np.copy, given)).arrays[:1])
    what = f"passes on {total:.4g} for a dy of 1"
    return None if abs(total - 1) <= 1e-6 else Finding(name, what, given, 1.0, total, 30, severity="edge")


def _norm(x: np.ndarray) -> Any:
    return BatchNorm(np.ones(x.shape[1]), np.zeros(x.shape[1]))


def _norm_backward(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return vjp(_norm(x), x)[1](dy)[1]()


# What batch norms divide by that is not the root of the variance over n.
DIVISORS: list[Any] = [lambda x: np.sqrt(x.var(axis=0, ddof=1) + 1e-5), lambda x: x.var(axis=0) + 1e-5,
                       lambda x: np.sqrt(x.std(axis=0) + 1e-5)]  # fmt: skip


def _as_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dropout that returns its backward pass of ones in place of the function."""
    return lambda x, *given: [part(np.ones_like(x)) if callable(part) else part for part in function(x, *given)]


def _dropout_law(name: str, function: Callable[..., Any]) -> Finding | None:
    """Return a finding unless a fraction ``rate`` is dropped, the rest is scaled by 1 / (1 - rate), backward alike."""
    given = np.ones((60, 50)), 0.2, 0
    outcome = call(function, map_arrays(np.copy, given))
    if outcome.error is not None or [array.shape for array in outcome.arrays] != [(60, 50)] * 2:
        what = outcome.complaint if outcome.error else "gives other shapes"
        return Finding(name, what, given, advice="return y and a function backward(dy) -> dx")
    y, mask = outcome.arrays
    dropped, kept = float((y == 0).mean()), float(y.max())
    if abs(dropped - 0.2) > 0.05:
        what = f"drops a fraction of {dropped:.2f}"
        return Finding(name, what, given, 0.2, dropped, advice="rate is the fraction to drop")
    if not abs(kept - 1.25) <= 1e-6:
        return Finding(name, f"scales what it keeps by {kept:.4g}, expected 1.25", given, 1.25, kept, 31)
    others = not np.array_equal(y == 0, mask == 0)
    what = "drops other numbers in the backward pass" if others else "scales dy by another factor than x"
    return None if np.allclose(mask, y) else Finding(name, what, given, y, mask, 31)


CONVS = [((2, 5, 4, 2), (3, 2, 2, 3)), ((1, 3, 3, 1), (2, 2, 1, 1)), ((2, 4, 4, 3), (1, 1, 3, 2))]
TIES = np.array([[[[1.0], [1.0]], [[0.5], [1.0]]]])
CONSTANT = np.where([False, True, False], 0.1, numbers(5, 3))
ROWS = [case(numbers(5, 3)), case(numbers(4, 3, seed=1)), case(numbers(2, 3), mistake=32), case(CONSTANT, mistake=32)]


def _slid(x: tuple[int, ...], w: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a convolution's output."""
    return x[0], x[1] - w[0] + 1, x[2] - w[1] + 1, w[3]


EXERCISES = [
    Exercise("conv", [case(numbers(*x), numbers(*w, seed=1), numbers(w[3], seed=2)) for x, w in CONVS],
             lambda x, weight, bias: _layer(weight, bias)(x),
             [(30, lambda x, weight, bias: _layer(weight[::-1, ::-1], bias)(x))]),
    Exercise("conv_backward", [case(numbers(*x), numbers(*w, seed=1), numbers(*_slid(x, w), seed=2)) for x, w in CONVS],
             _backward, [(3, times(_backward)), *[
                 (30, partial(_backward, flipped=flipped, overwrite=overwrite))
                 for flipped, overwrite in ((True, False), (False, True), (True, True))]]),
    Exercise("max_pool", [case(numbers(2, 4, 6, 3)), case(TIES)], POOL),
    Exercise("max_pool_backward", [case(numbers(2, 4, 6, 3), numbers(2, 2, 3, 3, seed=1))], pullback_of(POOL),
             [(3, times(pullback_of(POOL)))], of_record=pullback_of, law=_ties_share),
    Exercise("batch_norm", ROWS, lambda x: _norm(x)(x), [
        (32, lambda x, d=divisor: (x - x.mean(axis=0)) / d(x)) for divisor in DIVISORS], tolerance=1e-3),
    Exercise("batch_norm_backward", with_dy(ROWS[:3]), _norm_backward, [
        (3, times(_norm_backward)),
        (32, lambda x, dy: dy / np.sqrt(x.var(axis=0) + 1e-5)),
        (32, lambda x, dy: (dy - dy.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)),
        *[(32, lambda x, dy, d=divisor: _norm_backward(x, dy) * np.sqrt(x.var(axis=0) + 1e-5) / d(x))
          for divisor in DIVISORS],
    ], of_record=pullback_of, tolerance=1e-3),
    Exercise("dropout", [case(np.ones((4, 5)), 0.2, 0)], law=_dropout_law, seed=2, adapt=_as_arrays),
]  # fmt: skip
