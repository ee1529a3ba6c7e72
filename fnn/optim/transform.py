"""A transform is one step of an optimizer: gradients in, updates out. Transforms chain.

    Transform.init   : params -> state
    Transform.update : grads, state, params, step -> updates, state          step counts from 0
    chain  : transform, ... -> transform, a fold from left to right
    freeze : where -> transform              accumulate_gradients : k, transform -> transform
    update : optimizer, grads, state -> state, with the updates added to the parameters

Updates are added; the sign is in ``descend``. A state is ``()`` or a record of trees like the parameters; the step
counter lives once, in the training state. The rules that chain are in ``optim.py``.

Most rules treat every element alike, so they are written for a vector and lifted to trees: the leaves are gathered
into one new vector, the rule works on it in place, and the result is cut into leaves again. The law of a rule: it may
write into the gradient that it is given, into nothing else, and gives back an update that no state holds. The
parameters come to it as the pair of their vector and its layout.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import describe, whole
from fnn.core._flat import Layout, flat
from fnn.core.record import children, is_record, rebuild, Record
from fnn.core._structure import Tree, Where, require_where
from fnn.core.tree import add, map, zeros_like

Flat = tuple[np.ndarray, Layout]
Rule = Callable[[np.ndarray, Any, Flat, int], tuple[np.ndarray, Any]]


@attrs.frozen
class Transform:
    """A pair of pure functions, ``init`` and ``update``; see the top of this file."""

    init: Callable[[Tree], Any]
    update: Callable[[Tree, Any, Tree, int], tuple[Tree, Any]]


@attrs.frozen
class Lifted:
    """A rule on vectors, as a function on trees. What is ``frozen`` has no update, whatever the rule says."""

    rule: Rule
    frozen: tuple[Where, ...] = ()

    def __call__(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[Tree, Any]:
        updates, state, _, layout = self.apply(grads, state, params, step)
        return layout.cut(updates), state

    def apply(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[np.ndarray, Any, np.ndarray, Layout]:
        """Give the updates while they are still one vector, ours to write to; the new state; the parameters."""
        values, layout = known = flat(params)
        gradient = layout.gather(grads, params, "optimizer: parameters and gradient")
        if state:
            updates, state = self.rule(gradient, _as_vectors(state), known, step)
            state = _as_trees(state, layout)
        else:  # plain descent remembers nothing
            updates, state = self.rule(gradient, state, known, step)
        for where in self.frozen:
            _hold(where, updates, layout)
        return updates, state, values, layout


def _as_vectors(state: Any) -> Any:
    """Give an optimizer's state with each tree in it as a vector."""
    if is_record(state):
        return rebuild(state, [flat(tree)[0] for tree in children(state)])
    return tuple([_as_vectors(part) for part in state])


def _as_trees(state: Any, layout: Layout) -> Any:
    if is_record(state):
        return rebuild(state, [layout.cut(vector) for vector in children(state)])
    return tuple([_as_trees(part, layout) for part in state])


def stateless(params: Tree) -> tuple:
    """Give the state of a transform that remembers nothing."""
    return ()


def lifted(rule: Rule, init: Callable[[Tree], Any] = stateless) -> Transform:
    """Give the transform of a rule on vectors."""
    return Transform(init, Lifted(rule))


def chain(*transforms: Transform) -> Transform:
    """Apply transforms one after the other; the state is the tuple of theirs.

    >>> from fnn import clip_by_global_norm, descend
    >>> chain(clip_by_global_norm(1.0), descend(0.1)).init(np.zeros(3))
    ((), ())
    """
    for transform in transforms:
        if not isinstance(transform, Transform):
            raise TypeError(f"chain expects transforms, say clip(1.0) and adam(1e-3), got {describe(transform)}")
    inits = tuple(transform.init for transform in transforms)
    updates = tuple(transform.update for transform in transforms)
    frozen = tuple(where for update in updates for where in getattr(update, "frozen", ()))
    init = functools.partial(_init_each, inits)
    if all(isinstance(update, Lifted) for update in updates):
        return Transform(init, Lifted(functools.partial(_in_turn, tuple(update.rule for update in updates)), frozen))
    return Transform(init, Holding(functools.partial(_in_turn, updates), frozen))


def _init_each(inits: tuple, params: Tree) -> tuple:
    return tuple(init(params) for init in inits)


def _in_turn(updates: tuple, grads: Any, states: tuple, params: Any, step: int) -> tuple[Any, tuple]:
    new_states = []
    for update, state in zip(updates, states, strict=True):
        grads, state = update(grads, state, params, step)
        new_states.append(state)
    return grads, tuple(new_states)


def freeze(where: Where) -> Transform:
    """Keep the leaves that ``where`` chooses as they are, bit for bit, whatever else is in the chain.

    ``where`` is a path, with all that lies below it, a tuple of paths, or a function of a path that tells. Wherever
    it stands in a chain, what it freezes is held at the end of the chain too, so that momentum or decay move nothing.
    Before them, it also keeps the frozen gradients out of a norm. Raises ``ValueError``, at the first step, if
    ``where`` chooses nothing.

    >>> from fnn import Dense, sgd
    >>> net = Dense(np.ones((1, 1)), np.ones(1))
    >>> updates, _ = chain(freeze("weight"), sgd(0.1)).update(net, ((), ()), net, 0)
    >>> updates.weight, updates.bias
    (array([[-0.]]), array([-0.1]))
    """
    require_where("freeze", where, 'freeze("layers[0]")')
    return Transform(stateless, Lifted(functools.partial(_freeze, where), (where,)))


def _freeze(where: Where, g: np.ndarray, state: tuple, params: Flat, step: int) -> tuple[np.ndarray, tuple]:
    _hold(where, g, params[1])
    return g, state


def _hold(where: Where, updates: np.ndarray, layout: Layout) -> None:
    updates[layout.mask("freeze", where)] = -0.0  # p + -0.0 is p to the bit; -0.0 + 0.0 would be 0.0


@attrs.frozen
class Holding:
    """A function on trees after which what is ``frozen`` has no update."""

    function: Callable
    frozen: tuple[Where, ...]

    def __call__(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[Tree, Any]:
        updates, state = self.function(grads, state, params, step)
        if self.frozen:
            _, layout = flat(params)
            vector = layout.gather(updates, params, "freeze: parameters and updates")
            for where in self.frozen:
                _hold(where, vector, layout)
            updates = layout.cut(vector)
        return updates, state


class Accumulated(Record):
    """What ``accumulate_gradients`` remembers besides its optimizer's memory: the sum of gradients so far."""

    total: Tree


def accumulate_gradients(k: int, optimizer: Transform) -> Transform:
    """Collect ``k`` gradients, then take one step of ``optimizer`` with their mean: a batch k times as large.

    Between such steps the parameters stay as they are, bit for bit. The optimizer, and a schedule in it, counts the
    steps that it takes: step // k. The mean is that of the large batch where the k batches are of one size.
    """
    if not isinstance(optimizer, Transform):
        raise TypeError(f"accumulate_gradients expects an optimizer, say adam(1e-3), got {describe(optimizer)}")
    k = whole("accumulate_gradients: k", k)
    frozen = getattr(optimizer.update, "frozen", ())
    init = functools.partial(_init_accumulated, optimizer.init)
    return Transform(init, Holding(functools.partial(_accumulate, k, optimizer.update), frozen))


def _init_accumulated(init: Callable, params: Tree) -> tuple:
    return Accumulated(zeros_like(params)), init(params)


def _accumulate(k: int, update: Callable, grads: Tree, state: tuple, params: Tree, step: int) -> tuple[Tree, tuple]:
    collected, memory = state
    total = add(collected.total, grads)
    if (step + 1) % k:
        return map(_nothing, params), (Accumulated(total), memory)
    updates, memory = update(map(functools.partial(_divided, k), total), memory, params, step // k)
    return updates, (Accumulated(zeros_like(params)), memory)


def _nothing(leaf: np.ndarray) -> np.ndarray:
    return read_only(np.full_like(leaf, -0.0))


def _divided(k: int, total: np.ndarray) -> np.ndarray:
    return total / k


def update(optimizer: Transform, grads: Tree, state: Any, loss: float = math.nan) -> Any:
    """Take one step: a new training state, of ``state``'s type, whose parameters have the updates added.

    ``loss`` is the value whose gradient this is; it is kept in the state. A leaf whose shape or dtype the update would
    change is a ``ValueError`` with its path, never a broadcast.
    """
    if not isinstance(optimizer, Transform):
        raise TypeError(f"update expects an optimizer, say adam(1e-3), got {describe(optimizer)}")
    if not hasattr(state, "opt"):
        raise TypeError(f"update expects a state, got {describe(state)}; write start(net, optimizer)")
    if isinstance(optimizer.update, Lifted):
        updates, memory, values, layout = optimizer.update.apply(grads, state.opt, state.params, state.step)
        updates += values  # the vector is ours until it is cut: the only memory that a step makes for its parameters
        params = layout.cut(updates)
    else:
        updates, memory = optimizer.update(grads, state.opt, state.params, state.step)
        params = add(state.params, updates)
    return type(state)(params, memory, state.step + 1, loss)
