"""Rules before and after Adam: other means, other momentum, other norms, steps in units of earlier steps, signs alone.

    scale_by_rms, scale_by_adagrad, scale_by_nadam, scale_by_adamax, scale_by_adadelta, scale_by_lion : ... -> transform

They are written as those of ``rules.py`` are, and raise what those raise.
"""

from __future__ import annotations

import functools
import math
from functools import partial

import numpy as np

from fnn.core._errors import boolean, number, positive
from fnn.core._structure import Tree
from fnn.core.record import Record
from fnn.optim.rules import STUCK, Moments, at_first, divide, running_square
from fnn.optim.transform import Flat, Transform, lifted


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


class InfinityMoments(Record):
    """What ``scale_by_adamax`` remembers: the running mean of the gradient, and its largest size, which fades."""

    mean: Tree
    largest: Tree


class Deltas(Record):
    """What ``scale_by_adadelta`` remembers: the running mean squares of the gradient and of the updates."""

    square: Tree
    delta: Tree


class Direction(Record):
    """What ``scale_by_lion`` remembers: the running mean of the gradient, to be mixed with the next one."""

    mean: Tree


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


def _over_root(g: np.ndarray, square: np.ndarray, eps: float) -> np.ndarray:
    root = np.sqrt(square)
    root += eps
    return divide(g, root, eps, out=g)


def scale_by_nadam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, momentum_decay: float = 4e-3) -> Transform:
    """Scale as Adam does, with Nesterov's look ahead in the mean (Dozat, 2016); t = step + 1.

    (mu' m / (1 - M mu') + (1 - mu) g / (1 - M)) over sqrt(s / (1 - b2**t)) + eps, where mu, the momentum of step t, is
    b1 (1 - 0.96**(t momentum_decay) / 2), mu' that of step t + 1, and M the product of all mu up to t. m and s are
    Adam's, whose state this rule can go on from. PyTorch's; Optax keeps the momentum at b1.

    Args:
        b1: the decay of the mean of gradients, and the momentum that mu rises to.
        b2: the decay of the mean of their squares.
        eps: added to the root.
        momentum_decay: how fast mu rises from half of b1.
    """
    b1, b2 = number("nadam: b1", b1, below=1), number("nadam: b2", b2, below=1)
    momentum_decay = number("nadam: momentum_decay", momentum_decay)
    return lifted(
        partial(_scale_by_nadam, b1, b2, number("nadam: eps", eps), momentum_decay), partial(at_first, Moments, 2)
    )


def _scale_by_nadam(
    b1: float, b2: float, eps: float, decay: float, g: np.ndarray, state: Moments, params: Flat, step: int
):
    t = step + 1
    mu, following, product = _momentum(b1, decay, t), _momentum(b1, decay, t + 1), _product(b1, decay, t)
    part = (1 - b1) * g
    mean = state.mean * b1
    mean += part
    ahead = mean * (following / (1 - product * following))
    ahead += g * ((1 - mu) / (1 - product))
    square = running_square(b2, g, state.square)
    np.sqrt(square, out=g)
    g *= 1 / math.sqrt(1 - b2**t)
    g += eps
    return divide(ahead, g, eps, out=g), Moments(mean, square)


def _momentum(b1: float, decay: float, t: int) -> float:
    return b1 * (1 - 0.5 * 0.96 ** (t * decay))


def _product(b1: float, decay: float, t: int) -> float:
    """Return the product of the momentum of all steps up to t: of the first ones, and then a power of b1."""
    products = _products(b1, decay)
    return products[min(t, len(products)) - 1] * b1 ** max(t - len(products), 0)


@functools.lru_cache(maxsize=64)
def _products(b1: float, decay: float) -> tuple[float, ...]:
    """Return the products until they vanish beside 1, or until the momentum is b1 to the last place."""
    products = [_momentum(b1, decay, 1)]
    while products[-1] > 1e-20 and 0.96 ** (len(products) * decay) > 1e-17:
        products.append(products[-1] * _momentum(b1, decay, len(products) + 1))
    return tuple(products)


def scale_by_adamax(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Scale as Adam does, but by the largest gradient and not the mean square: m / (1 - b1**t) over u, t = step + 1.

    m = b1 m + (1 - b1) g, u = max(b2 u, |g| + eps) (Kingma and Ba, 2015, with the ``eps`` of PyTorch and Optax).

    Args:
        b1: the decay of the mean of gradients.
        b2: how fast a large gradient fades.
        eps: added to the size of the gradient, so that nothing is divided by 0; with 0, a mean of 0 moves nothing.
    """
    b1, b2, eps = number("adamax: b1", b1, below=1), number("adamax: b2", b2, below=1), number("adamax: eps", eps)
    return lifted(partial(_scale_by_adamax, b1, b2, eps), partial(at_first, InfinityMoments, 2))


def _scale_by_adamax(b1: float, b2: float, eps: float, g: np.ndarray, state: InfinityMoments, params: Flat, step: int):
    mean = state.mean * b1
    mean += (1 - b1) * g
    largest = state.largest * b2
    np.abs(g, out=g)
    g += eps
    np.maximum(largest, g, out=largest)
    divide(mean, largest, eps, out=g)
    g *= 1 / (1 - b1 ** (step + 1))
    return g, InfinityMoments(mean, largest)


def scale_by_adadelta(decay: float = 0.9, eps: float = 1e-6) -> Transform:
    """Scale so that updates are as large as earlier updates: d = sqrt(u + eps) / sqrt(s + eps) g (Zeiler, 2012).

    s = decay s + (1 - decay) g**2 before the update and u = decay u + (1 - decay) d**2 after it. ``eps``, above 0, is
    what the first update is made of. PyTorch's and Optax's.
    """
    decay, eps = number("adadelta: decay", decay, below=1), positive("adadelta: eps", eps, STUCK)
    return lifted(partial(_scale_by_adadelta, decay, eps), partial(at_first, Deltas, 2))


def _scale_by_adadelta(decay: float, eps: float, g: np.ndarray, state: Deltas, params: Flat, step: int):
    square = running_square(decay, g.copy(), state.square)
    root = square + eps
    g /= np.sqrt(root, out=root)
    np.add(state.delta, eps, out=root)
    g *= np.sqrt(root, out=root)
    return g, Deltas(square, running_square(decay, np.copy(g), state.delta))


def scale_by_lion(b1: float = 0.9, b2: float = 0.99) -> Transform:
    """Take the sign of a mean of gradients, sign(b1 m + (1 - b1) g); then m = b2 m + (1 - b2) g.

    Chen et al., 2023. Every element moves by 1, or by 0 where the mean is 0; so the learning rate is three to ten times
    smaller than Adam's.

    Args:
        b1: how much of the earlier gradients is in the update.
        b2: how much of them is remembered.
    """
    b1, b2 = number("lion: b1", b1, below=1), number("lion: b2", b2, below=1)
    return lifted(partial(_scale_by_lion, b1, b2), partial(at_first, Direction, 1))


def _scale_by_lion(b1: float, b2: float, g: np.ndarray, state: Direction, params: Flat, step: int):
    mean = state.mean * b2
    mean += (1 - b2) * g
    g *= 1 - b1
    g += b1 * state.mean
    return np.sign(g, out=g), Direction(mean)
