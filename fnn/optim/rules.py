"""Rules that turn a gradient into an update by what they remember of earlier ones: what optimizers are chained from.

    trace, scale_by_adam, scale_by_rms, scale_by_adagrad : ... -> transform

A rule works on the vector ``g`` of the whole gradient, in place; the fields of its state are such vectors too.
``transform.py`` lifts it to trees. Where libraries differ, these are PyTorch's rules; each says so. All raise
``TypeError`` for an argument that is no number, and ``ValueError`` for one below 0 or for a decay of 1 or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._errors import boolean, number
from fnn.core._numbers import Numbers, for_each, numbers
from fnn.core._structure import Tree
from fnn.core.record import Record
from fnn.optim._memory import nothing_yet
from fnn.optim.transform import Flat, Transform, lifted

_TINY = float(np.finfo(np.float32).tiny)


class Trace(Record):
    """What ``trace`` remembers."""

    velocity: Tree


class NesterovTrace(Record):
    """What ``trace`` with ``nesterov`` remembers."""

    velocity: Tree


class Moments(Record):
    """What ``scale_by_adam`` remembers: running means of the gradient and of its square."""

    mean: Tree
    square: Tree


class LargestMoments(Record):
    """What ``scale_by_adam`` with ``amsgrad`` remembers: both means, and the largest mean square so far."""

    mean: Tree
    square: Tree
    largest: Tree


class Squares(Record):
    """What ``scale_by_rms`` remembers: the running mean of squared gradients."""

    square: Tree


class Variances(Record):
    """What ``scale_by_rms`` with ``centered`` remembers: the running mean of the gradient, and its variance."""

    mean: Tree
    variance: Tree


class SummedSquares(Record):
    """What ``scale_by_adagrad`` remembers: the sum of squared gradients."""

    square: Tree


def at_first(memory: Callable[..., Any], trees: int, params: Tree) -> Any:
    """Return a record of trees like the parameters, all zero: what is remembered before the first step."""
    return memory(*[nothing_yet(params) for _ in range(trees)])


def trace(decay: Numbers, nesterov: bool = False) -> Transform:
    """Accumulate gradients with momentum: v = decay v + g, updates v (Polyak, 1964; not the running mean).

    For a constant gradient v grows to g / (1 - decay). With ``nesterov`` the update looks one step ahead, g + decay v
    (Nesterov, 1983, in the form of Sutskever et al., 2013, that PyTorch and Optax use).
    """
    decay = numbers("trace: decay", decay, below=1)
    return lifted(partial(_trace, decay, bool(nesterov)), partial(at_first, NesterovTrace if nesterov else Trace, 1))


def _trace(decay: Numbers, nesterov: bool, g: np.ndarray, state: Trace | NesterovTrace, params: Flat, step: int):
    if isinstance(decay, np.ndarray):
        decay = for_each("trace: decay", decay, g)
    velocity = state.velocity * decay
    velocity += g
    if nesterov:
        g += decay * velocity
    else:
        np.copyto(g, velocity)
    return g, type(state)(velocity)


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, amsgrad: bool = False) -> Transform:
    """Scale as Adam does (Kingma and Ba, 2015): m / (1 - b1**t) over sqrt(s / (1 - b2**t)) + eps, t = step + 1.

    m and s are running means of the gradient and its square: m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g**2.

    Args:
        b1: the decay of the mean of gradients.
        b2: the decay of the mean of their squares.
        eps: added to the root, so that nothing is divided by 0; with 0, a mean of 0 moves nothing.
        amsgrad: put in the place of s the largest that it has been, so that no step is long because a large gradient
            is forgotten (Reddi et al., 2018). It is corrected by 1 - b2**t as s is, as in PyTorch; Optax corrects s
            before it compares.
    """
    b1, b2 = number("adam: b1", b1, below=1), number("adam: b2", b2, below=1)
    memory = (
        partial(at_first, LargestMoments, 3) if boolean("adam: amsgrad", amsgrad) else partial(at_first, Moments, 2)
    )
    return lifted(partial(_scale_by_adam, b1, b2, number("adam: eps", eps)), memory)


def _scale_by_adam(
    b1: float, b2: float, eps: float, g: np.ndarray, state: Moments | LargestMoments, params: Flat, step: int
):
    mean = state.mean * b1
    mean += (1 - b1) * g
    square = largest = running_square(b2, g, state.square)
    if isinstance(state, LargestMoments):
        largest = np.maximum(state.largest, square)
    t = step + 1
    np.sqrt(largest, out=g)
    g *= 1 / math.sqrt(1 - b2**t)
    g += eps
    divide(mean, g, eps, out=g)
    g *= 1 / (1 - b1**t)
    return g, Moments(mean, square) if largest is square else LargestMoments(mean, square, largest)


def running_square(decay: float, g: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return decay square + (1 - decay) g**2, and leave in g what nobody needs."""
    np.square(g, out=g)
    g *= 1 - decay
    square = square * decay
    square += g
    return square


def scale_by_rms(decay: float = 0.9, eps: float = 1e-8, centered: bool = False) -> Transform:
    """Divide by the root of the running mean square: s = decay s + (1 - decay) g**2, g / (sqrt(s) + eps).

    Tieleman and Hinton, 2012. ``eps`` stands outside the root, as in PyTorch; Optax adds it inside.

    Args:
        decay: of the running mean.
        eps: added to the root.
        centered: divide by the root of the variance, s - m**2 with m the running mean of g (Graves, 2013). It is
            computed as a mean of squares, decay (variance + (1 - decay) (g - m)**2), which cannot come out below 0.
    """
    decay, eps = number("scale_by_rms: decay", decay, below=1), number("scale_by_rms: eps", eps)
    if boolean("scale_by_rms: centered", centered):
        return lifted(partial(_scale_by_deviation, decay, eps), partial(at_first, Variances, 2))
    return lifted(partial(_scale_by_rms, decay, eps), partial(at_first, Squares, 1))


def _scale_by_rms(decay: float, eps: float, g: np.ndarray, state: Squares, params: Flat, step: int):
    square = running_square(decay, g.copy(), state.square)
    return _over_root(g, square, eps), Squares(square)


def _scale_by_deviation(decay: float, eps: float, g: np.ndarray, state: Variances, params: Flat, step: int):
    difference = g - state.mean
    mean = (1 - decay) * difference
    variance = difference
    variance *= mean  # (1 - decay) (g - m)**2
    variance += state.variance
    variance *= decay
    mean += state.mean
    return _over_root(g, variance, eps), Variances(mean, variance)


def _over_root(g: np.ndarray, square: np.ndarray, eps: float) -> np.ndarray:
    root = np.sqrt(square)
    root += eps
    return divide(g, root, eps, out=g)


def divide(g: np.ndarray, root: np.ndarray, eps: float, out: np.ndarray) -> np.ndarray:
    """Divide by a root to which ``eps`` was added; with an ``eps`` of nothing, 0 / 0 is 0, and moves nothing."""
    if eps >= _TINY:
        return np.divide(g, root, out=out)
    still = g == 0
    np.divide(g, root, out=out, where=~still)
    out[still] = 0.0
    return out


def scale_by_adagrad(eps: float = 1e-10) -> Transform:
    """Divide by the root of the sum of squares so far: s = s + g**2, g / (sqrt(s) + eps).

    Duchi et al., 2011. The sum starts at 0 and ``eps`` stands outside the root, as in PyTorch; Optax starts at 0.1,
    with ``eps`` inside.
    """
    return lifted(partial(_scale_by_adagrad, number("scale_by_adagrad: eps", eps)), partial(at_first, SummedSquares, 1))


def _scale_by_adagrad(eps: float, g: np.ndarray, state: SummedSquares, params: Flat, step: int):
    square = g * g
    square += state.square
    return _over_root(g, square, eps), SummedSquares(square)
