"""A transform is one step of an optimizer: gradients in, updates out. Transforms chain.

    Transform.init   : params -> state
    Transform.update : grads, state, params, step -> updates, state          step counts from 0
    chain  : transform, ... -> transform, a fold from left to right
    update : optimizer, grads, state -> state, with the updates added to the parameters

Updates are added; the sign is in ``descend``. A state is ``()`` or a record of trees like the parameters; the step
counter lives once, in the training state. A rate is a number or a schedule, ``step -> number``.

Each rule below treats every element alike, so it is written for a vector and lifted to trees: the leaves are gathered
into one new vector, the rule works on it in place, and the result is cut into leaves again. The law of a rule: it may
write into the gradient that it is given, into nothing else, and gives back an update that no state holds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.errors import describe, number
from fnn.layout import Layout, flat
from fnn.records import children, is_record, rebuild, record
from fnn.structure import Tree
from fnn.tree import add, zeros_like

Rate = float | Callable[[int], float]
Rule = Callable[[np.ndarray, Any, np.ndarray, int], tuple[np.ndarray, Any]]


@attrs.frozen
class Transform:
    """A pair of pure functions, ``init`` and ``update``; see the top of this file."""

    init: Callable[[Tree], Any]
    update: Callable[[Tree, Any, Tree, int], tuple[Tree, Any]]


@attrs.frozen
class Lifted:
    """A rule on vectors, as a function on trees."""

    rule: Rule

    def __call__(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[Tree, Any]:
        updates, state, _, layout = self.apply(grads, state, params, step)
        return layout.cut(updates), state

    def apply(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[np.ndarray, Any, np.ndarray, Layout]:
        """Give the updates while they are still one vector, ours to write to; the new state; the parameters."""
        values, layout = flat(params)
        gradient = layout.gather(grads, params, "optimizer: parameters and gradient")
        if not state:  # plain descent remembers nothing
            return self.rule(gradient, state, values, step)[0], state, values, layout
        updates, state = self.rule(gradient, _as_vectors(state), values, step)
        return updates, _as_trees(state, layout), values, layout


def _as_vectors(state: Any) -> Any:
    """Give an optimizer's state with each tree in it as a vector."""
    if is_record(state):
        return rebuild(state, [flat(tree)[0] for tree in children(state)])
    return tuple([_as_vectors(part) for part in state])


def _as_trees(state: Any, layout: Layout) -> Any:
    if is_record(state):
        return rebuild(state, [layout.cut(vector) for vector in children(state)])
    return tuple([_as_trees(part, layout) for part in state])


def _no_state(params: Tree) -> tuple:
    return ()


def _transform(rule: Rule, init: Callable[[Tree], Any] = _no_state) -> Transform:
    return Transform(init, Lifted(rule))


def chain(*transforms: Transform) -> Transform:
    """Apply transforms one after the other; the state is the tuple of theirs.

    >>> chain(clip_by_global_norm(1.0), descend(0.1)).init(np.zeros(3))
    ((), ())
    """
    for transform in transforms:
        if not isinstance(transform, Transform):
            raise TypeError(f"chain expects transforms, got {describe(transform)}")
    inits = tuple(transform.init for transform in transforms)
    updates = tuple(transform.update for transform in transforms)
    init = functools.partial(_init_each, inits)
    if all(isinstance(update, Lifted) for update in updates):
        return Transform(init, Lifted(functools.partial(_in_turn, tuple(update.rule for update in updates))))
    return Transform(init, functools.partial(_in_turn, updates))


def _init_each(inits: tuple, params: Tree) -> tuple:
    return tuple(init(params) for init in inits)


def _in_turn(updates: tuple, grads: Any, states: tuple, params: Any, step: int) -> tuple[Any, tuple]:
    new_states = []
    for update, state in zip(updates, states, strict=True):
        grads, state = update(grads, state, params, step)
        new_states.append(state)
    return grads, tuple(new_states)


@record
class Trace:
    """What ``trace`` remembers."""

    velocity: Tree


def trace(decay: float) -> Transform:
    """Accumulate gradients with momentum: v = decay v + g, updates v (Polyak, 1964; not the running mean).

    For a constant gradient v grows to g / (1 - decay).
    """
    return _transform(functools.partial(_trace, number("trace: decay", decay, below=1)), _init_trace)


def _init_trace(params: Tree) -> Trace:
    return Trace(zeros_like(params))


def _trace(decay: float, g: np.ndarray, state: Trace, params: np.ndarray, step: int) -> tuple[np.ndarray, Trace]:
    velocity = state.velocity * decay
    velocity += g
    np.copyto(g, velocity)
    return g, Trace(velocity)


@record
class Moments:
    """What ``scale_by_adam`` remembers: running means of the gradient and of its square."""

    mean: Tree
    square: Tree


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Scale as Adam does (Kingma and Ba, 2015): m / (1 - b1**t) over sqrt(s / (1 - b2**t)) + eps, t = step + 1.

    m and s are running means of the gradient and its square: m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g**2.
    """
    b1, b2 = number("adam: b1", b1, below=1), number("adam: b2", b2, below=1)
    return _transform(functools.partial(_scale_by_adam, b1, b2, number("adam: eps", eps)), _init_moments)


def _init_moments(params: Tree) -> Moments:
    zero = zeros_like(params)
    return Moments(zero, zero)


def _scale_by_adam(b1: float, b2: float, eps: float, g: np.ndarray, state: Moments, params: np.ndarray, step: int):
    mean = state.mean * b1
    mean += (1 - b1) * g
    np.square(g, out=g)
    g *= 1 - b2
    square = state.square * b2
    square += g
    t = step + 1
    np.sqrt(square, out=g)
    g *= 1 / math.sqrt(1 - b2**t)
    g += eps
    np.divide(mean, g, out=g)
    g *= 1 / (1 - b1**t)
    return g, Moments(mean, square)


def clip_by_global_norm(max_norm: float) -> Transform:
    """Shorten the gradient of the whole network to ``max_norm`` where it is longer, g max_norm / |g|.

    The direction stays (Pascanu et al., 2013).
    """
    max_norm = number("clip_by_global_norm: max_norm", max_norm)
    if max_norm == 0:
        raise ValueError("clip_by_global_norm: max_norm must be above 0, got 0: nothing would ever move")
    return _transform(functools.partial(_clip_by_global_norm, max_norm))


def _clip_by_global_norm(max_norm: float, g: np.ndarray, state: tuple, params: np.ndarray, step: int):
    # Divided by the largest element first: the square of a large float32 overflows.
    largest = float(np.abs(g).max(initial=0.0))
    norm = largest * float(np.linalg.norm(g * (1 / largest))) if largest > 0 else 0.0
    if norm > max_norm:
        g *= max_norm / norm
    return g, state


def descend(rate: Rate) -> Transform:
    """Go downhill: -rate g. The one place where the sign is."""
    if not callable(rate):
        rate = number("descend: the rate", rate)
    return _transform(functools.partial(_descend, rate))


def _descend(rate: Rate, g: np.ndarray, state: tuple, params: np.ndarray, step: int):
    g *= -(float(rate(step)) if callable(rate) else rate)
    return g, state


def sgd(rate: Rate, momentum: float = 0.0) -> Transform:
    """Stochastic gradient descent, p - rate g; with ``momentum``, heavy-ball: v = momentum v + g, p - rate v."""
    return chain(trace(momentum), descend(rate)) if number("sgd: momentum", momentum, below=1) else descend(rate)


def adam(rate: Rate = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Adam (Kingma and Ba, 2015): each parameter moves by about ``rate`` a step, whatever its gradient's size."""
    return chain(scale_by_adam(b1, b2, eps), descend(rate))


def update(optimizer: Transform, grads: Tree, state: Any, loss: float = math.nan) -> Any:
    """Take one step: a new training state, of ``state``'s type, whose parameters have the updates added.

    ``loss`` is the value whose gradient this is; it is kept in the state. A leaf whose shape or dtype the update would
    change is a ``ValueError`` with its path, never a broadcast.
    """
    if isinstance(optimizer.update, Lifted):
        updates, memory, values, layout = optimizer.update.apply(grads, state.opt, state.params, state.step)
        updates += values  # the vector is ours until it is cut: the only memory that a step makes for its parameters
        params = layout.cut(updates)
    else:
        updates, memory = optimizer.update(grads, state.opt, state.params, state.step)
        params = add(state.params, updates)
    return type(state)(params, memory, state.step + 1, loss)
