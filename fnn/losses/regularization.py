"""Regularization: penalties on large weights are minimized together with the error, so that a network stays simple.

    penalty     : params -> value                     pullback : dvalue -> penalty, dparams
    regularized : loss, penalty, ... -> loss

A penalty is part of the value that is reported and of the gradient that is descended, and knows nothing of the batch:
its strength does not depend on how many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from fnn.core._errors import describe, number
from fnn.core._flat import flat
from fnn.core._structure import Tree, Where, is_weight
from fnn.core.grad import objective, value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record, is_record
from fnn.core.tree import add
from fnn.core.vjp import vjp
from fnn.losses._reduction import Evaluated


class L1(Record):
    """strength sum(|w|), which draws weights to exactly 0; its slope there is 0."""

    strength: float
    where: Where


class L2(Record):
    """strength / 2 sum(w**2), whose gradient is strength w: with plain descent, weight decay."""

    strength: float
    where: Where


@vjp.register
def l1_vjp(penalty: L1, params: Tree) -> Evaluated:
    return _penalty_vjp("l1", penalty, params, np.abs, np.sign)


@vjp.register
def l2_vjp(penalty: L2, params: Tree) -> Evaluated:
    return _penalty_vjp("l2", penalty, params, lambda w: 0.5 * (w * w), lambda w: w)


def _penalty_vjp(
    caller: str,
    penalty: L1 | L2,
    params: Tree,
    cost: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
) -> Evaluated:
    """Compute strength sum(cost(w)) over the chosen weights, where ``slope(w)`` is the derivative of the cost."""
    values, layout = flat(params)
    mask = layout.mask(caller, penalty.where)
    weights = values[mask]

    def penalty_pullback(dvalue):
        def dparams():
            gradient = np.zeros_like(values)
            gradient[mask] = slope(weights) * (dvalue * penalty.strength)
            return layout.cut(gradient)

        return penalty, dparams

    return penalty.strength * float(np.sum(cost(weights), dtype=np.float64)), penalty_pullback


def l1(strength: float, where: Where | None = None) -> L1:
    """Return the penalty strength sum(|w|) over the leaves named ``weight``, or those that ``where`` chooses.

    ``where`` is a path with all that lies below it, a tuple of paths, or a function of a path. Raises ``TypeError`` or
    ``ValueError`` unless ``strength`` is a finite number, 0 or more. A penalty that is called with parameters of which
    ``where`` chooses none raises ``ValueError``.

    >>> from fnn import Dense
    >>> l1(0.1)(Dense(np.array([[3.0, -4.0]]), np.array([100.0, 100.0])))
    0.7000000000000001
    """
    return L1(number("l1: the strength", strength), is_weight if where is None else where)


def l2(strength: float, where: Where | None = None) -> L2:
    """Return the penalty strength / 2 sum(w**2) over the leaves named ``weight``, or those that ``where`` chooses.

    ``where`` and the errors are those of ``l1``. Mind the half: it makes the gradient strength w, as in PyTorch's
    ``weight_decay``; Keras' ``L2`` has none.

    >>> from fnn import Dense
    >>> l2(0.1)(Dense(np.array([[3.0, -4.0]]), np.array([100.0, 100.0])))
    1.25
    """
    return L2(number("l2: the strength", strength), is_weight if where is None else where)


class Regularized(Record):
    """loss + penalty + ..., an objective for ``value_and_grad`` and ``train_step``, which pass it the parameters."""

    loss: Any
    penalties: tuple[Any, ...]


@value_and_grad.register
def regularized_value_and_grad(
    loss: Regularized, params: Tree, batch: tuple[Any, ...], key: Key | None = None
) -> tuple[Any, Tree]:
    value, dparams = objective(loss.loss)(loss.loss, params, batch, key)
    for penalty in loss.penalties:
        cost, pullback = vjp(penalty, params)
        value, dparams = value + cost, add(dparams, pullback(1.0)[1]())
    return value, dparams


@vjp.register
def regularized_vjp(loss: Regularized, *inputs: Any, **named: Any) -> NoReturn:
    raise TypeError(
        "a regularized loss looks at the parameters: use it in value_and_grad or train_step; "
        f"for a prediction alone there is its part {describe(loss.loss)}"
    )


def regularized(loss: Any, *penalties: Any) -> Regularized:
    """Return the objective loss + penalty + ..., with which a network is trained as with any loss.

    Raises ``TypeError`` for what is no loss or no penalty.

    >>> from fnn import Dense, mse
    >>> net, x = Dense(np.array([[2.0]]), np.array([0.0])), np.array([[1.0]])
    >>> value, gradient = value_and_grad(regularized(mse, l2(0.5)), net, (x, x))
    >>> value, gradient.weight, gradient.bias
    (2.0, array([[3.]]), array([2.]))
    """
    if not is_record(loss):
        raise TypeError(f"regularized expects a loss, got {describe(loss)}; write regularized(mse, l2(1e-4))")
    for penalty in penalties:
        if not is_record(penalty):
            raise TypeError(f"regularized expects penalties, got {describe(penalty)}; write regularized(mse, l2(1e-4))")
    return Regularized(loss, penalties)
