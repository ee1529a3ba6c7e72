"""Rules that turn a gradient into an update: what optimizers are chained from.

    clip, clip_by_global_norm, weight_decay, descend : ... -> transform, of rules that remember nothing
    trace, scale_by_adam                             : ... -> transform, of rules that remember earlier gradients

A rule works on the vector ``g`` of the whole gradient, in place; the fields of its state are such vectors too.
``transform.py`` lifts it to trees. Where libraries differ, these are PyTorch's rules; each says so. All raise
``TypeError`` for an argument that is no number, and ``ValueError`` for one below 0, for a decay of 1 or more, and for a
limit or a learning rate of 0. ``adaptive.py`` has more that remember.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._errors import boolean, describe, number, positive
from fnn.core._numbers import Numbers, for_each, numbers, positives
from fnn.core._structure import Tree, Where, require_where
from fnn.core.record import Record, is_record
from fnn.core.tree import leaves
from fnn.optim._members import shortened
from fnn.optim._memory import nothing_yet
from fnn.optim.transform import Flat, Transform, lifted

LearningRate = Numbers | Callable[[int], Numbers]
STUCK = ": nothing would ever move"
_TINY = float(np.finfo(np.float32).tiny)


def clip(limit: float) -> Transform:
    """Clip each element of the gradient to lie between -limit and limit.

    This changes the direction; ``clip_by_global_norm`` does not.

    >>> clip(1.0).update((np.array([-3.0, 0.5]),), (), (np.zeros(2),), 0)
    ((array([-1. ,  0.5]),), ())
    """
    return lifted(partial(_clip, positive("clip: limit", limit, STUCK)))


def _clip(limit: float, g: np.ndarray, state: tuple[()], params: Flat, step: int):
    return np.clip(g, -limit, limit, out=g), state


def clip_by_global_norm(max_norm: Numbers) -> Transform:
    """Shorten the gradient of the whole network to ``max_norm`` where it is longer: g max_norm / |g|.

    The direction stays (Pascanu et al., 2013).

    >>> clip_by_global_norm(1.0).update((np.array([3.0, -4.0]),), (), (np.zeros(2),), 0)
    ((array([ 0.6, -0.8]),), ())
    """
    return lifted(partial(_clip_by_global_norm, positives("clip_by_global_norm: max_norm", max_norm, STUCK)))


def _clip_by_global_norm(max_norm: Any, g: np.ndarray, state: tuple[()], params: Flat, step: int):
    if g.ndim == 2:
        return shortened(max_norm, g), state
    # Divided by the largest element first: the square of a large float32 overflows, and that of a small one vanishes.
    largest = np.abs(g).max(initial=0.0)
    if largest > 0:
        parts = g / largest
        norm = float(np.linalg.norm(parts))
        if float(largest) * norm > max_norm:
            np.multiply(parts, max_norm / norm, out=g)
    return g, state


def weight_decay(strength: Numbers, where: Where | None = None) -> Transform:
    """Add strength p: before ``descend``, each parameter p shrinks by the learning rate times ``strength`` a step.

    Decoupled weight decay (Loshchilov and Hutter, 2019): no part of the loss, and not scaled by an optimizer's memory
    where it stands behind that in the chain. It acts on all leaves, or on those that ``where`` chooses, a path or a
    function of one: ``weight_decay(1e-2, is_weight)`` leaves biases alone.

    >>> weight_decay(0.5).update((np.zeros(1),), (), (np.ones(1),), 0)
    ((array([0.5]),), ())
    """
    if where is not None:
        require_where("weight_decay", where, 'weight_decay(1e-2, "layers[0]")')
    return lifted(partial(_weight_decay, numbers("weight_decay: strength", strength), where))


def _weight_decay(strength: Numbers, where: Where | None, g: np.ndarray, state: tuple[()], params: Flat, step: int):
    values, layout = params
    if isinstance(strength, np.ndarray):
        strength = for_each("weight_decay: strength", strength, g)
    chosen = True if where is None else layout.mask("weight_decay", where)
    return np.add(g, strength * values, out=g, where=chosen), state


def descend(learning_rate: LearningRate) -> Transform:
    """Go downhill: -learning_rate g. The one place where the sign is.

    >>> descend(0.1).update((np.ones(1),), (), (np.ones(1),), 0)
    ((array([-0.1]),), ())
    """
    if is_record(learning_rate) and leaves(learning_rate):  # which can be called, as a schedule can
        hint = "the network is given to start(net, optimizer)"
        raise TypeError(f"descend expects a learning rate or a schedule, got {describe(learning_rate)}; {hint}")
    if not callable(learning_rate):
        learning_rate = positives("descend: the learning rate", learning_rate, STUCK)
    return lifted(partial(_descend, learning_rate))


def _descend(learning_rate: Any, g: np.ndarray, state: tuple[()], params: Flat, step: int):
    if callable(learning_rate):
        schedule, learning_rate = learning_rate, learning_rate(step)
        if learning_rate.__class__ is not float or not 0 <= learning_rate < math.inf:
            what = f"descend: what the schedule, {describe(schedule)}, returns at step {step}"
            learning_rate = numbers(what, learning_rate)
    if learning_rate.__class__ is not float:
        learning_rate = for_each("descend: the learning rate", learning_rate, g)
    g *= -learning_rate
    return g, state


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


def divide(g: np.ndarray, root: np.ndarray, eps: float, out: np.ndarray) -> np.ndarray:
    """Divide by a root to which ``eps`` was added; with an ``eps`` of nothing, 0 / 0 is 0, and moves nothing."""
    if eps >= _TINY:
        return np.divide(g, root, out=out)
    still = g == 0
    np.divide(g, root, out=out, where=~still)
    out[still] = 0.0
    return out
