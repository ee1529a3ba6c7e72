"""Ways downhill: rules that turn a gradient into an update, and the optimizers that are chains of them.

    trace, scale_by_adam, scale_by_rms, scale_by_adagrad : what is remembered of earlier gradients
    clip, clip_by_global_norm, decay, descend            : what remembers nothing
    sgd, adagrad, rmsprop, adam, adamw                   : the usual chains, by their usual names

A rate is a number or a schedule, ``step -> number``, as in ``schedules.py``. Where libraries differ, these are
PyTorch's rules; each says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from fnn.core._errors import above_zero, number
from fnn.core.record import Record
from fnn.core._structure import Tree, Where, require_where
from fnn.optim.transform import Flat, Transform, chain, lifted
from fnn.core.tree import zeros_like

Rate = float | Callable[[int], float]
_STUCK = ": nothing would ever move"


class Trace(Record):
    """What ``trace`` remembers."""

    velocity: Tree


def trace(decay: float, nesterov: bool = False) -> Transform:
    """Accumulate gradients with momentum: v = decay v + g, updates v (Polyak, 1964; not the running mean).

    For a constant gradient v grows to g / (1 - decay). With ``nesterov`` the update looks one step ahead, g + decay v
    (Nesterov, 1983, in the form of Sutskever et al., 2013, that PyTorch and Optax use).
    """
    return lifted(partial(_trace, number("trace: decay", decay, below=1), bool(nesterov)), _init_trace)


def _init_trace(params: Tree) -> Trace:
    return Trace(zeros_like(params))


def _trace(decay: float, nesterov: bool, g: np.ndarray, state: Trace, params: Flat, step: int):
    velocity = state.velocity * decay
    velocity += g
    if nesterov:
        g += decay * velocity
    else:
        np.copyto(g, velocity)
    return g, Trace(velocity)


class Moments(Record):
    """What ``scale_by_adam`` remembers: running means of the gradient and of its square."""

    mean: Tree
    square: Tree


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Scale as Adam does (Kingma and Ba, 2015): m / (1 - b1**t) over sqrt(s / (1 - b2**t)) + eps, t = step + 1.

    m and s are running means of the gradient and its square: m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g**2.
    """
    b1, b2 = number("adam: b1", b1, below=1), number("adam: b2", b2, below=1)
    return lifted(partial(_scale_by_adam, b1, b2, number("adam: eps", eps)), _init_moments)


def _init_moments(params: Tree) -> Moments:
    return Moments(zeros_like(params), zeros_like(params))


def _scale_by_adam(b1: float, b2: float, eps: float, g: np.ndarray, state: Moments, params: Flat, step: int):
    mean = state.mean * b1
    mean += (1 - b1) * g
    square = _running_square(b2, g, state.square)
    t = step + 1
    np.sqrt(square, out=g)
    g *= 1 / math.sqrt(1 - b2**t)
    g += eps
    np.divide(mean, g, out=g)
    g *= 1 / (1 - b1**t)
    return g, Moments(mean, square)


def _running_square(decay: float, g: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Give decay square + (1 - decay) g**2; g is left with nothing of use."""
    np.square(g, out=g)
    g *= 1 - decay
    square = square * decay
    square += g
    return square


class Squares(Record):
    """What ``scale_by_rms`` (a running mean) and ``scale_by_adagrad`` (a sum) remember of squared gradients."""

    square: Tree


def scale_by_rms(decay: float = 0.9, eps: float = 1e-8) -> Transform:
    """Divide by the root of the running mean square: s = decay s + (1 - decay) g**2, g / (sqrt(s) + eps).

    Tieleman and Hinton, 2012. ``eps`` stands outside the root, as in PyTorch; Optax adds it inside.
    """
    decay, eps = number("scale_by_rms: decay", decay, below=1), number("scale_by_rms: eps", eps)
    return lifted(partial(_scale_by_rms, decay, eps), _init_squares)


def _init_squares(params: Tree) -> Squares:
    return Squares(zeros_like(params))


def _scale_by_rms(decay: float, eps: float, g: np.ndarray, state: Squares, params: Flat, step: int):
    square = _running_square(decay, g.copy(), state.square)
    return _over_root(g, square, eps), Squares(square)


def _over_root(g: np.ndarray, square: np.ndarray, eps: float) -> np.ndarray:
    root = np.sqrt(square)
    root += eps
    g /= root
    return g


def scale_by_adagrad(eps: float = 1e-10) -> Transform:
    """Divide by the root of the sum of squares so far: s = s + g**2, g / (sqrt(s) + eps).

    Duchi et al., 2011. The sum starts at 0 and ``eps`` stands outside the root, as in PyTorch; Optax starts at 0.1,
    with ``eps`` inside.
    """
    return lifted(partial(_scale_by_adagrad, number("scale_by_adagrad: eps", eps)), _init_squares)


def _scale_by_adagrad(eps: float, g: np.ndarray, state: Squares, params: Flat, step: int):
    square = g * g
    square += state.square
    return _over_root(g, square, eps), Squares(square)


def clip(limit: float) -> Transform:
    """Cut each number of the gradient to lie between -limit and limit. The direction changes; see the next one."""
    return lifted(partial(_clip, above_zero("clip: limit", limit, _STUCK)))


def _clip(limit: float, g: np.ndarray, state: tuple, params: Flat, step: int):
    return np.clip(g, -limit, limit, out=g), state


def clip_by_global_norm(max_norm: float) -> Transform:
    """Shorten the gradient of the whole network to ``max_norm`` where it is longer, g max_norm / |g|.

    The direction stays (Pascanu et al., 2013).
    """
    return lifted(partial(_clip_by_global_norm, above_zero("clip_by_global_norm: max_norm", max_norm, _STUCK)))


def _clip_by_global_norm(max_norm: float, g: np.ndarray, state: tuple, params: Flat, step: int):
    # Divided by the largest element first: the square of a large float32 overflows.
    largest = float(np.abs(g).max(initial=0.0))
    norm = largest * float(np.linalg.norm(g * (1 / largest))) if largest > 0 else 0.0
    if norm > max_norm:
        g *= max_norm / norm
    return g, state


def decay(rate: float, where: Where | None = None) -> Transform:
    """Add rate p: before ``descend``, each parameter p shrinks by the learning rate times ``rate`` at every step.

    Decoupled weight decay (Loshchilov and Hutter, 2019): no part of the loss, and not scaled by what an optimizer
    remembers, where it stands behind it in the chain. It acts on all leaves, or on those that ``where`` chooses, a path
    or a function of one: ``decay(1e-2, is_weight)`` leaves biases alone.
    """
    if where is not None:
        require_where("decay", where, 'decay(1e-2, "layers[0]")')
    return lifted(partial(_decay, number("decay: rate", rate), where))


def _decay(rate: float, where: Where | None, g: np.ndarray, state: tuple, params: Flat, step: int):
    values, layout = params
    return np.add(g, rate * values, out=g, where=True if where is None else layout.mask("decay", where)), state


def descend(rate: Rate) -> Transform:
    """Go downhill: -rate g. The one place where the sign is."""
    if not callable(rate):
        rate = number("descend: the rate", rate)
    return lifted(partial(_descend, rate))


def _descend(rate: Rate, g: np.ndarray, state: tuple, params: Flat, step: int):
    g *= -(number("descend: the rate of now, of the schedule,", rate(step)) if callable(rate) else rate)
    return g, state


def sgd(rate: Rate, momentum: float = 0.0, nesterov: bool = False) -> Transform:
    """Stochastic gradient descent, p - rate g; with ``momentum``, heavy-ball: v = momentum v + g, p - rate v.

    With ``nesterov``, p - rate (g + momentum v). PyTorch's SGD.
    """
    if number("sgd: momentum", momentum, below=1):
        return chain(trace(momentum, nesterov), descend(rate))
    if nesterov:
        raise ValueError("sgd: nesterov needs a momentum above 0; write sgd(rate, momentum=0.9, nesterov=True)")
    return descend(rate)


def adagrad(rate: Rate = 1e-2, eps: float = 1e-10) -> Transform:
    """Adagrad (Duchi et al., 2011), as PyTorch's: rare features keep a high rate, frequent ones lose it."""
    return chain(scale_by_adagrad(eps), descend(rate))


def rmsprop(rate: Rate = 1e-3, decay: float = 0.9, momentum: float = 0.0, eps: float = 1e-8) -> Transform:
    """RMSprop (Tieleman and Hinton, 2012), by PyTorch's rule, momentum after scaling; its ``alpha`` is ``decay``.

    The default decay is Hinton's 0.9; PyTorch's is 0.99.
    """
    if number("rmsprop: momentum", momentum, below=1):
        return chain(scale_by_rms(decay, eps), trace(momentum), descend(rate))
    return chain(scale_by_rms(decay, eps), descend(rate))


def adam(rate: Rate = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Adam (Kingma and Ba, 2015): each parameter moves by about ``rate`` a step, whatever its gradient's size."""
    return chain(scale_by_adam(b1, b2, eps), descend(rate))


def adamw(
    rate: Rate = 1e-3,
    weight_decay: float = 1e-2,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    where: Where | None = None,
) -> Transform:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as PyTorch's AdamW: p - rate (adam + decay p).

    All leaves decay, unless ``where`` chooses some; see ``decay``.
    """
    return chain(scale_by_adam(b1, b2, eps), decay(weight_decay, where), descend(rate))
