"""Rules that remember nothing: they limit a gradient, shrink the parameters, and turn downhill.

    clip, clip_by_global_norm, weight_decay, descend : ... -> transform

Each works on the vector ``g`` of the whole gradient, in place, as those of ``rules.py`` do. All raise ``TypeError`` for
an argument that is no number, and ``ValueError`` for one below 0, for a limit or a learning rate of 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._errors import describe, positive
from fnn.core._numbers import Numbers, for_each, numbers, positives
from fnn.core._structure import Where, require_where
from fnn.optim._members import shortened
from fnn.optim.transform import Flat, Transform, lifted

LearningRate = Numbers | Callable[[int], Numbers]
_STUCK = ": nothing would ever move"


def clip(limit: float) -> Transform:
    """Clip each element of the gradient to lie between -limit and limit.

    This changes the direction; ``clip_by_global_norm`` does not.

    >>> clip(1.0).update((np.array([-3.0, 0.5]),), (), (np.zeros(2),), 0)
    ((array([-1. ,  0.5]),), ())
    """
    return lifted(partial(_clip, positive("clip: limit", limit, _STUCK)))


def _clip(limit: float, g: np.ndarray, state: tuple[()], params: Flat, step: int):
    return np.clip(g, -limit, limit, out=g), state


def clip_by_global_norm(max_norm: Numbers) -> Transform:
    """Shorten the gradient of the whole network to ``max_norm`` where it is longer: g max_norm / |g|.

    The direction stays (Pascanu et al., 2013).

    >>> clip_by_global_norm(1.0).update((np.array([3.0, -4.0]),), (), (np.zeros(2),), 0)
    ((array([ 0.6, -0.8]),), ())
    """
    return lifted(partial(_clip_by_global_norm, positives("clip_by_global_norm: max_norm", max_norm, _STUCK)))


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
    if not callable(learning_rate):
        learning_rate = positives("descend: the learning rate", learning_rate, _STUCK)
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
