"""A transform is one step of an optimizer: gradients in, updates out. Transforms chain.

    Transform.init   : params -> state
    Transform.update : grads, state, params, step -> updates, state          step counts from 0
    chain  : transform, ... -> transform, a fold from left to right
    update : optimizer, grads, training state, loss? -> training state, with the updates added to the parameters

Updates are added; the sign is in ``descend``. A transform's state is ``()`` or a record of trees like the parameters;
the training state has it as ``opt``, and the step counter once. ``rules.py`` has what is chained, ``wrappers.py`` has
``freeze``, for which the fields ``frozen`` below are.

Most rules treat every element alike, so they are written for a vector and lifted to trees: the leaves are gathered
into one new vector, the rule works on it in place, and the result is cut into leaves again. The law of a rule: it may
write into the gradient that it is given, into nothing else, and returns an update that no state holds. It gets the
parameters as the pair of their vector and its layout. Vectors, and what is remembered, are never of less than float32:
the parameters of a float16 network are rounded once, at the end of a step.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import describe
from fnn.core._flat import Layout, flat
from fnn.core._structure import Tree, Where
from fnn.core.record import Record
from fnn.optim._memory import OWNER, accept

Flat = tuple[np.ndarray, Layout]  # (size,), or (members, size) for an ensemble
Rule = Callable[[np.ndarray, Any, Flat, int], tuple[np.ndarray, Any]]


@attrs.frozen
class Transform:
    """One step of an optimizer as two pure functions: what it remembers at first, and gradients to updates.

    Args:
        init: ``params -> state``, what is remembered before the first step: ``()``, or a record of trees like params.
        update: ``(grads, state, params, step) -> (updates, state)``. ``grads`` and ``updates`` are trees like
            ``params``; the updates are added to them. ``step`` counts from 0.

    Chain it with others; ``descend`` turns downhill. Give what it remembers a record class of its own, so that the
    state of another optimizer is refused.

    >>> from fnn import Record, chain, descend, start, tree, update
    >>> class Mean(Record):
    ...     mean: tuple
    >>> def halve(grads, state, params, step):
    ...     mean = tree.map(lambda m, g: (m + g) / 2, state.mean, grads)
    ...     return mean, Mean(mean)
    >>> optimizer = chain(Transform(lambda params: Mean(tree.zeros_like(params)), halve), descend(0.1))
    >>> update(optimizer, (np.array([4.0]),), start((np.ones(1),), optimizer)).params
    (array([0.8]),)
    """

    init: Callable[[Tree], Any]
    update: Callable[[Tree, Any, Tree, int], tuple[Tree, Any]]


@attrs.frozen
class Lifted:
    """A rule on vectors as a function on trees; what is ``frozen`` has no update, whatever the rule says."""

    rule: Rule
    frozen: tuple[Where, ...] = ()

    def __call__(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[Tree, Any]:
        updates, state, values, layout = self.apply(grads, state, params, step)
        return layout.cut(updates.astype(values.dtype, copy=False)), state

    def apply(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[np.ndarray, Any, np.ndarray, Layout]:
        """Return the updates, one vector that is ours to write to; the new state; the parameters; their layout."""
        values, layout = known = flat(params)
        gradient = layout.gather(grads, params, "optimizer: parameters and gradient")
        if gradient.dtype.itemsize < 4:  # squares overflow in float16, and small numbers such as eps vanish
            gradient, known = gradient.astype(np.float32), (values.astype(np.float32), layout)
        if state:  # plain descent remembers nothing
            state = over_trees(lambda tree: flat(tree)[0], state)
        updates, state = self.rule(gradient, state, known, step)
        if self.frozen:
            hold(self.frozen, updates, layout)
        if state:
            state = over_trees(layout.cut_wide, state)
        return updates, state, values, layout


class Chosen(Record):
    """The leaves of a group of ``masked``, in the order of the network, and their paths there."""

    leaves: tuple[np.ndarray, ...]
    paths: tuple[str, ...]


class Masked(Record):
    """What ``masked`` remembers: for each group of leaves the memory of its transform, in trees of these leaves."""

    groups: tuple[Any, ...]


def over_trees(function: Callable[[Any], Any], state: Any) -> Any:
    """Apply a function to each tree in an optimizer's state: the fields of its records, which lie in tuples.

    What ``masked`` remembers stays as it is: its trees are others, which it takes apart itself.
    """
    if isinstance(state, Record):
        if state.__class__ is Masked:
            return state
        return type(state)(*[function(getattr(state, name)) for name in state.__record__])
    return tuple([over_trees(function, part) for part in state])


def hold(frozen: tuple[Where, ...], updates: np.ndarray, layout: Layout) -> None:
    """Write into a vector of updates: no update where a leaf is frozen."""
    updates[..., _held(frozen, layout)] = -0.0  # p + -0.0 is p to the bit; -0.0 + 0.0 would be 0.0


@functools.lru_cache(maxsize=64)
def _held(frozen: tuple[Where, ...], layout: Layout) -> np.ndarray:
    """Return for each element of the vector whether it is frozen; raise ``ValueError`` if there is nothing else."""
    held = np.logical_or.reduce([layout.mask("freeze", where) for where in frozen])
    if held.all() and Chosen not in layout.form[:2]:  # of a group others are trained
        raise ValueError(
            f"freeze: {describe(frozen[0])} leaves nothing to train; there are {', '.join(layout.paths[:6])}"
        )
    return read_only(held)


@attrs.frozen
class Holding:
    """A function on trees after which what is ``frozen`` has no update."""

    function: Callable[[Tree, Any, Tree, int], tuple[Tree, Any]]
    frozen: tuple[Where, ...]

    def __call__(self, grads: Tree, state: Any, params: Tree, step: int) -> tuple[Tree, Any]:
        updates, state = self.function(grads, state, params, step)
        if self.frozen:
            _, layout = flat(params)
            vector = layout.gather(updates, params, "freeze: parameters and updates")
            hold(self.frozen, vector, layout)
            updates = layout.cut(vector)
        return updates, state


def stateless(params: Tree) -> tuple[()]:
    """Return the state of a transform that remembers nothing."""
    return ()


def lifted(rule: Rule, init: Callable[[Tree], Any] = stateless) -> Transform:
    """Return the transform of a rule on vectors."""
    return Transform(init, Lifted(rule))


def chain(*transforms: Transform) -> Transform:
    """Apply transforms one after the other; the state is the tuple of theirs.

    Raises ``TypeError`` for what is no transform.

    >>> from fnn import clip_by_global_norm, descend
    >>> chain(clip_by_global_norm(1.0), descend(0.1)).init(np.zeros(3))
    ((), ())
    """
    for transform in transforms:
        require_optimizer("chain", transform, "transforms, say clip(1.0) and adam(1e-3)")
    inits = tuple(transform.init for transform in transforms)
    updates = tuple(transform.update for transform in transforms)
    frozen = tuple(where for update in updates for where in getattr(update, "frozen", ()))
    init = functools.partial(_init_each, inits)
    rules = tuple(update.rule for update in updates if isinstance(update, Lifted))
    if len(rules) == len(updates):
        return Transform(init, Lifted(functools.partial(_in_turn, rules), frozen))
    return Transform(init, Holding(functools.partial(_in_turn, updates), frozen))


def _init_each(inits: tuple[Callable[[Tree], Any], ...], params: Tree) -> tuple[Any, ...]:
    return tuple(init(params) for init in inits)


def _in_turn(
    updates: tuple[Callable[..., Any], ...], grads: Any, states: tuple[Any, ...], params: Any, step: int
) -> tuple[Any, tuple[Any, ...]]:
    new_states: list[Any] = []
    for update, state in zip(updates, states, strict=True):
        grads, state = update(grads, state, params, step)
        new_states.append(state)
    return grads, tuple(new_states)


def require_optimizer(caller: str, optimizer: Any, expected: str = "an optimizer, say adam(1e-3)") -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless it is a transform."""
    if not isinstance(optimizer, Transform):
        raise TypeError(f"{caller} expects {expected}, got {describe(optimizer)}")


def update(optimizer: Transform, grads: Tree, state: Any, loss: Any = math.nan) -> Any:
    """Take one step: return a training state, of ``state``'s type, whose parameters have the updates added.

    Args:
        optimizer: the transform whose memory is in ``state.opt``.
        grads: the gradient, a tree like ``state.params``.
        state: the training state before the step.
        loss: the value whose gradient this is; it is kept in the new state.

    Raises ``ValueError`` if ``state.opt`` is another optimizer's memory or another network's, and with the path of a
    leaf whose shape or dtype the update would change, never a broadcast; ``TypeError`` for what is no optimizer or no
    state.

    >>> from fnn import Dense, sgd, start
    >>> net, optimizer = Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.5)
    >>> update(optimizer, Dense(np.ones((1, 1)), np.ones(1)), start(net, optimizer)).params.bias
    array([-0.5])
    """
    require_optimizer("update", optimizer)
    if getattr(state, OWNER, None) is not optimizer:
        if not hasattr(state, "opt"):
            raise TypeError(f"update expects a state, got {describe(state)}; write start(net, optimizer)")
        accept(optimizer, state)
    if isinstance(optimizer.update, Lifted):
        updates, memory, values, layout = optimizer.update.apply(grads, state.opt, state.params, state.step)
        updates += values  # the vector is ours until it is cut: the only memory that a step makes for its parameters
        params = layout.cut(updates if updates.dtype == values.dtype else updates.astype(values.dtype))
    else:
        values, layout = flat(state.params)
        # A tree that is cut from a vector knows how it is built, and so does all that is mapped from it.
        grads = layout.cut(layout.gather(grads, state.params, "update: parameters and gradient"))
        updates, memory = optimizer.update(grads, state.opt, state.params, state.step)
        vector = layout.gather(updates, state.params, "update: parameters and updates")
        vector += values
        params = layout.cut(vector)
    following = type(state)(params, memory, state.step + 1, loss)
    if hasattr(following, "__dict__"):  # as ``owned`` does it, without the call
        following.__dict__[OWNER] = optimizer
    return following
