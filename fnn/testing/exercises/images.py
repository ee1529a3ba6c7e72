"""Exercises on convolution and pooling of images (n, height, width, channels), dropout, and batch normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fnn.core.vjp import vjp
from fnn.layers.conv import Conv
from fnn.layers.norm import BatchNorm
from fnn.layers.pool import max_pool
from fnn.testing._sandbox import call
from fnn.testing.exercises.exercise import Case, Exercise, case, numbers, pullback_of, times
from fnn.testing.results import Finding

POOL: Any = max_pool(2)


def _layer(weight: np.ndarray, bias: np.ndarray) -> Any:
    return Conv(weight, bias, padding="valid")


def _conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return _layer(weight, bias)(x)


def _conv_flipped(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return _conv(x, weight[::-1, ::-1], bias)


def _conv_backward(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    dlayer, dx = vjp(_layer(weight, np.zeros(weight.shape[-1])), x)[1](dy)
    return dlayer.weight, dlayer.bias, dx()


def _backward_flipped(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    dweight, dbias, _ = _conv_backward(x, weight, dy)
    return dweight, dbias, _conv_backward(x, weight[::-1, ::-1], dy)[2]


def _overlaps_overwritten(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    dweight, dbias, _ = _conv_backward(x, weight, dy)
    dx = np.zeros_like(x)
    for row, column in np.ndindex(dy.shape[1:3]):
        window = np.einsum("nf,ijcf->nijc", dy[:, row, column], weight)
        dx[:, row : row + weight.shape[0], column : column + weight.shape[1]] = window
    return dweight, dbias, dx


def _ties_share(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield a finding unless dy is passed on once where the maximum is there three times."""
    given = TIES.copy(), np.ones((1, 1, 1, 1))
    outcome = call(function, given)
    if outcome.arrays and not abs(float(outcome.arrays[0].sum()) - 1) <= 1e-6:
        total = float(outcome.arrays[0].sum())
        yield Finding(name, f"passes on {total:.4g} for a dy of 1", (TIES, given[1]), 1.0, total, 30)


def _norm(features: int) -> Any:
    return BatchNorm(np.ones(features), np.zeros(features))


def _batch_norm(x: np.ndarray) -> np.ndarray:
    return _norm(x.shape[1])(x)


def _batch_norm_backward(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return vjp(_norm(x.shape[1]), x)[1](dy)[1]()


def _unbiased(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + 1e-5)


def _unbiased_backward(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return _batch_norm_backward(x, dy) * np.sqrt((len(x) - 1) / len(x))


def _constants(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return dy / np.sqrt(x.var(axis=0) + 1e-5)


def _constant_variance(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return (dy - dy.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


def _forward_and_backward(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns arrays, made of a dropout, which returns its output and its backward pass."""

    def dropout(x: np.ndarray, rate: float, seed: int) -> tuple[Any, ...]:
        y, backward = function(x, rate, seed)
        return y, backward(np.ones_like(x))

    return dropout


def _dropout_laws(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield findings unless a fraction ``rate`` is dropped, the rest is scaled by 1 / (1 - rate), backward alike."""
    given = np.ones((60, 50)), 0.2, 0
    outcome = call(function, tuple(each.copy() if isinstance(each, np.ndarray) else each for each in given))
    if outcome.error is not None or [array.shape for array in outcome.arrays] != [(60, 50)] * 2:
        what = outcome.complaint if outcome.error else "gives other shapes"
        yield Finding(name, what, given, advice="return y and a function backward(dy) -> dx")
        return
    y, mask = outcome.arrays
    dropped = float((y == 0).mean())
    kept = float(y.max())
    if abs(dropped - 0.2) > 0.05:
        yield Finding(
            name, f"drops a fraction of {dropped:.2f}", given, 0.2, dropped, advice="rate is the fraction to drop"
        )
    elif not abs(kept - 1.25) <= 1e-6:
        yield Finding(name, f"scales what it keeps by {kept:.4g}, expected 1.25", given, 1.25, kept, 31)
    if not np.array_equal(y == 0, mask == 0):
        yield Finding(name, "drops other numbers in the backward pass than in the forward pass", given, y, mask, 31)
    elif not np.allclose(mask, y):
        yield Finding(name, "scales dy by another factor than x", given, y, mask, 31)


CONVS = [((2, 5, 4, 2), (3, 2, 2, 3)), ((1, 3, 3, 1), (2, 2, 1, 1)), ((2, 4, 4, 3), (1, 1, 3, 2))]
TIES = np.array([[[[1.0], [1.0]], [[0.5], [1.0]]]])
CONSTANT = np.where([False, True, False], 0.1, numbers(5, 3))
ROWS = [case(numbers(5, 3)), case(numbers(4, 3, seed=1)), case(numbers(2, 3), mistake=32), case(CONSTANT, mistake=32)]


def _outputs(x: tuple[int, ...], weight: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a convolution's output."""
    return x[0], x[1] - weight[0] + 1, x[2] - weight[1] + 1, weight[3]


def _with_dy(cases: Sequence[Case]) -> list[Case]:
    return [case(each.arguments[0], numbers(*each.arguments[0].shape, seed=5), mistake=each.mistake) for each in cases]


EXERCISES = {
    "conv": Exercise(
        "conv(x, weight, bias) -> y, weight (height, width, channels, filters), not flipped, stride 1, no padding",
        [case(numbers(*x), numbers(*weight, seed=1), numbers(weight[3], seed=2)) for x, weight in CONVS],
        _conv,
        [(30, _conv_flipped)],
    ),
    "conv_backward": Exercise(
        "conv_backward(x, weight, dy) -> (dweight, dbias, dx)",
        [case(numbers(*x), numbers(*w, seed=1), numbers(*_outputs(x, w), seed=2)) for x, w in CONVS],
        _conv_backward,
        [(3, times(_conv_backward, lambda *_: -1)), (30, _backward_flipped), (30, _overlaps_overwritten)],
    ),
    "max_pool": Exercise("max_pool(x) -> y, windows of 2 x 2", [case(numbers(2, 4, 6, 3)), case(TIES)], POOL),
    "max_pool_backward": Exercise(
        "max_pool_backward(x, dy) -> dx, windows of 2 x 2; equal numbers share dy, or the first has it",
        [case(numbers(2, 4, 6, 3), numbers(2, 2, 3, 3, seed=1))],
        pullback_of(POOL),
        laws=_ties_share,
        of_record=pullback_of,
    ),
    "batch_norm": Exercise(
        "batch_norm(x) -> y with mean 0 and standard deviation 1 in each column", ROWS, _batch_norm, [(32, _unbiased)],
        tolerance=1e-3,
    ),
    "batch_norm_backward": Exercise(
        "batch_norm_backward(x, dy) -> dx",
        _with_dy(ROWS[:3]),
        _batch_norm_backward,
        [
            (3, times(_batch_norm_backward, lambda *_: -1)),
            *[(32, suspect) for suspect in (_unbiased_backward, _constants, _constant_variance)],
        ],
        tolerance=1e-3,
        of_record=pullback_of,
    ),
    "dropout": Exercise(
        "dropout(x, rate, seed) -> (y, backward), backward(dy) -> dx",
        [case(np.ones((4, 5)), 0.2, 0)],
        laws=_dropout_laws,
        seed=2,
        adapt=_forward_and_backward,
    ),
}  # fmt: skip
