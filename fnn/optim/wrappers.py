"""Transforms around others: parts of a network stay as they are, steps are taken more rarely.

freeze : where -> transform              accumulate_gradients : k, transform -> transform
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._errors import integer
from fnn.core._flat import flat
from fnn.core._structure import Tree, Where, require_where
from fnn.core.record import Record
from fnn.optim._memory import nothing_yet
from fnn.optim.transform import Flat, Holding, Lifted, Transform, hold, require_optimizer, stateless


def freeze(where: Where) -> Transform:
    """Keep the leaves that ``where`` chooses as they are, bit for bit, whatever else is in the chain.

    ``where`` is a path, with all that lies below it, a tuple of paths, or a function of a path. Wherever ``freeze``
    stands in a chain, its leaves are held at the end of the chain too, so that momentum or decay move nothing. Before
    ``clip_by_global_norm`` it also keeps their gradients out of the norm.

    Raises ``TypeError`` for another ``where``, and ``ValueError``, at the first step, if it chooses nothing, or if
    nothing is left to train.

    >>> from fnn import Dense, chain, sgd
    >>> net = Dense(np.ones((1, 1)), np.ones(1))
    >>> updates, _ = chain(freeze("weight"), sgd(0.1)).update(net, ((), ()), net, 0)
    >>> updates.weight, updates.bias
    (array([[-0.]]), array([-0.1]))
    """
    require_where("freeze", where, 'freeze("layers[0]")')
    return Transform(stateless, Lifted(functools.partial(_freeze, where), (where,)))


def _freeze(where: Where, g: np.ndarray, state: Any, params: Flat, step: int) -> tuple[np.ndarray, Any]:
    hold((where,), g, params[1])
    return g, state


class Accumulated(Record):
    """What ``accumulate_gradients`` remembers besides its optimizer's memory: the sum of gradients so far."""

    total: Tree


def accumulate_gradients(k: int, optimizer: Transform) -> Transform:
    """Add up ``k`` gradients, then take one step of ``optimizer`` with their mean: a batch k times as large.

    Between such steps the parameters stay as they are, bit for bit. The optimizer, and a schedule in it, counts the
    steps that it takes: step // k. The mean is that of the large batch if the k batches have the same number of rows.

    Raises ``TypeError`` or ``ValueError`` unless ``k`` is an integer, 1 or more, and ``optimizer`` a transform.

    >>> from fnn import sgd
    >>> optimizer = accumulate_gradients(2, sgd(1.0))
    >>> params, state = (np.zeros(1),), optimizer.init((np.zeros(1),))
    >>> for step, gradient in enumerate([1.0, 3.0]):
    ...     updates, state = optimizer.update((np.array([gradient]),), state, params, step)
    ...     print(updates)
    (array([-0.]),)
    (array([-2.]),)
    """
    require_optimizer("accumulate_gradients", optimizer)
    k = integer("accumulate_gradients: k", k)
    init = functools.partial(_init_accumulated, optimizer.init)
    frozen = getattr(optimizer.update, "frozen", ())
    return Transform(init, Holding(functools.partial(_accumulate, k, optimizer.update), frozen))


def _init_accumulated(init: Callable[[Tree], Any], params: Tree) -> tuple[Accumulated, Any]:
    return Accumulated(nothing_yet(params)), init(params)


def _accumulate(
    k: int, update: Callable[..., Any], grads: Tree, state: tuple[Accumulated, Any], params: Tree, step: int
) -> tuple[Tree, tuple[Accumulated, Any]]:
    collected, memory = state
    values, layout = flat(params)
    gradient = layout.gather(grads, params, "accumulate_gradients: parameters and gradient")
    total = flat(collected.total)[0] + gradient
    if (step + 1) % k:
        return layout.cut(np.full_like(values, -0.0)), (Accumulated(layout.cut_wide(total)), memory)
    mean = (total / k).astype(values.dtype, copy=False)
    updates, memory = update(layout.cut(mean), memory, params, step // k)
    return updates, (Accumulated(nothing_yet(params)), memory)
