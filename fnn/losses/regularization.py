"""Regularization: penalties on large weights are minimized together with the error, so that a network stays simple.

    penalty     : params -> value                     pullback : dvalue -> penalty, dparams
    regularized : loss, penalty, ... -> loss

A penalty is part of the value that is reported and of the gradient that is descended, and knows nothing of the batch:
its strength does not depend on how many rows there are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from itertools import compress
from typing import Any, NoReturn

import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import describe
from fnn.core._flat import Layout, flat, take_apart
from fnn.core._numbers import Numbers, for_each, numbers
from fnn.core._structure import Tree, Where, chosen, is_weight, require_alike
from fnn.core.grad import OF_MANY, objective, value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record, is_record
from fnn.core.vjp import vjp
from fnn.losses._records import A_LOSS, A_PENALTY
from fnn.losses._reduction import Evaluated


class L1(Record):
    """strength sum(|w|), which draws weights to exactly 0; its slope there is 0."""

    strength: float | tuple[float, ...]  # of an ensemble, perhaps one for each member
    where: Where


class L2(Record):
    """strength / 2 sum(w**2), whose gradient is strength w: with plain descent, weight decay."""

    strength: float | tuple[float, ...]
    where: Where


@vjp.register
def l1_vjp(penalty: L1, params: Tree) -> Evaluated:
    return _penalty_vjp(penalty, params)


@vjp.register
def l2_vjp(penalty: L2, params: Tree) -> Evaluated:
    return _penalty_vjp(penalty, params)


def _penalty_vjp(penalty: L1 | L2, params: Tree) -> Evaluated:
    values, layout = flat(params)
    value, slopes = _evaluated(penalty, values, layout)

    def penalty_pullback(dvalue):
        def dparams():
            gradient = np.zeros_like(values)
            for _, piece, slope in slopes(dvalue):
                gradient[piece] = slope
            return layout.cut(gradient)

        return penalty, dparams

    return value, penalty_pullback


def _evaluated(
    penalty: L1 | L2, values: np.ndarray, layout: Layout
) -> tuple[Any, Callable[[Any], Iterator[tuple[int, slice, np.ndarray]]]]:
    """Return the value, and what yields the slope of each leaf chosen: the leaf's number, its part of the vector."""
    absolute = type(penalty) is L1
    pieces = _pieces(layout, "l1" if absolute else "l2", penalty.where)
    if values.ndim == 1 and type(penalty.strength) is float:
        strength = penalty.strength
        value = sum([_size(values[piece]) if absolute else 0.5 * _square(values[piece]) for _, piece in pieces])
    else:  # of an ensemble, each member's own
        strength = _strengths(penalty, values)
        parts = [[_size(w) if absolute else 0.5 * _square(w) for w in values[piece]] for _, piece in pieces]
        value = np.array([sum(each) for each in zip(*parts, strict=True)])

    def slopes(dvalue: Any) -> Iterator[tuple[int, slice, np.ndarray]]:
        scale = dvalue * strength
        for place, piece in pieces:
            weights = values[piece]
            if weights.dtype.itemsize < 4:  # there the strength alone may be 0, and its product with a weight not
                weights = weights.astype(np.float32)
            slope = np.sign(weights) if absolute else weights
            yield place, piece, slope * (scale if weights.ndim == 1 else for_each("penalty", scale, weights))

    return strength * value, slopes


def _strengths(penalty: L1 | L2, values: np.ndarray) -> np.ndarray:
    """Return the strength for each member, (n,), or raise."""
    strength = np.asarray(penalty.strength)
    if strength.ndim:
        for_each(f"{type(penalty).__name__.lower()}: the strength", strength, values)
    return np.broadcast_to(strength, len(values))


def _size(weights: np.ndarray) -> float:
    return float(np.add.reduce(np.abs(weights), dtype=np.float64))


def _square(weights: np.ndarray) -> float:
    """Return sum(w**2), in float64 unless few weights and their sum say that float32 lost nothing."""
    if weights.dtype.itemsize == 4 and weights.size < _FEW:
        try:
            square = float(weights.dot(weights))
            if _SAFE[0] < square < _SAFE[1]:
                return square
        except (FloatingPointError, RuntimeWarning):  # NumPy was told to raise, and float64 has room for it
            pass
    weights = weights.astype(np.float64)
    return float(weights.dot(weights))


_FEW, _SAFE = 2**14, (1e-25, 1e35)


@functools.lru_cache(maxsize=64)
def _pieces(layout: Layout, caller: str, where: Where) -> list[tuple[int, slice]]:
    """Return the number of each leaf that ``where`` chooses, and its place in the vector."""
    places = [(place, piece) for place, (piece, _) in enumerate(layout.cuts)]
    return list(compress(places, chosen(caller, layout.paths, where)))


def _as_setting(what: str, strength: Any) -> float | tuple[float, ...]:
    """Return a strength as a float, or one for each member as a tuple: an array in a record would be a parameter."""
    strength = numbers(what, strength)
    return strength if isinstance(strength, float) else tuple(strength.tolist())


def l1(strength: Numbers, where: Where | None = None) -> L1:
    """Return the penalty strength sum(|w|) over the leaves named ``weight``, or those that ``where`` chooses.

    Args:
        strength: how much the penalty counts beside the loss, 0 or more; 0 turns it off, say in a sweep. For an
            ensemble perhaps an array (n,), one for each member.
        where: a path with all that lies below it, a tuple of paths, or a function of a path.

    Raises ``TypeError`` or ``ValueError`` unless ``strength`` is such a number. A penalty that is called with
    parameters of which ``where`` chooses none raises ``ValueError``.

    >>> from fnn import Dense
    >>> l1(0.1)(Dense(np.array([[3.0, -4.0]]), np.array([100.0, 100.0])))
    0.7000000000000001
    """
    return L1(_as_setting("l1: the strength", strength), is_weight if where is None else where)


def l2(strength: Numbers, where: Where | None = None) -> L2:
    """Return the penalty strength / 2 sum(w**2) over the leaves named ``weight``, or those that ``where`` chooses.

    Args:
        strength, where: those of ``l1``. Mind the half: it makes the gradient strength w, as in PyTorch's
            ``weight_decay``; Keras' ``L2`` has none.

    Raises what ``l1`` does.

    >>> from fnn import Dense
    >>> l2(0.1)(Dense(np.array([[3.0, -4.0]]), np.array([100.0, 100.0])))
    1.25
    """
    return L2(_as_setting("l2: the strength", strength), is_weight if where is None else where)


class Regularized(Record):
    """loss + penalty + ..., an objective for ``value_and_grad`` and ``train_step``, which pass it the parameters."""

    loss: Any
    penalties: tuple[Any, ...]


@value_and_grad.register
def regularized_value_and_grad(
    loss: Regularized, params: Tree, batch: tuple[Any, ...], key: Key | None = None
) -> tuple[Any, Tree]:
    value, dparams = objective(loss.loss)(loss.loss, params, batch, key)
    values, layout = flat(params)
    leaves = _leaves(dparams, params, layout, "the loss")
    for penalty in loss.penalties:
        if type(penalty) is L1 or type(penalty) is L2:  # leaf by leaf, and no leaf more: a tree costs as much as these
            cost, slopes = _evaluated(penalty, values, layout)
            for place, _, slope in slopes(1.0):
                leaf = leaves[place]
                slope += leaf.reshape(slope.shape)
                leaves[place] = read_only(slope.astype(leaf.dtype, copy=False)).reshape(leaf.shape)
        elif type(params) in OF_MANY:  # that of each member, one after the other
            return OF_MANY[type(params)](loss, params, batch, key)
        else:
            cost, pullback = vjp(penalty, params)
            others = _leaves(pullback(1.0)[1](), params, layout, describe(penalty))
            leaves = [read_only(np.asarray(leaf + other)) for leaf, other in zip(leaves, others, strict=True)]
        value = value + cost
    return value, layout.build(leaves)


def _leaves(gradient: Tree, params: Tree, layout: Layout, origin: str) -> list[np.ndarray]:
    """Return the leaves of a gradient, or raise if it is no tree like the parameters."""
    leaves, form = take_apart(gradient)
    if form != layout.form:
        require_alike(f"regularized: parameters and the gradient of {origin}", params, gradient, to_the_shape=True)
    return leaves


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
    if not is_record(loss) or isinstance(loss, L1 | L2):
        hint = A_LOSS if callable(loss) and not is_record(loss) else "write regularized(mse, l2(1e-4))"
        raise TypeError(f"regularized expects a loss, got {describe(loss)}; {hint}")
    for penalty in penalties:
        if not is_record(penalty):
            hint = A_PENALTY if callable(penalty) else "write regularized(mse, l2(1e-4))"
            raise TypeError(f"regularized expects penalties, got {describe(penalty)}; {hint}")
    return Regularized(loss, penalties)
