"""Training is a fold: a pure step takes a state and a batch and returns the next state, and nothing else changes.

    train_step : loss, optimizer, key? -> step           step : state, batch -> state

A step is three functions, one after the other, and you can put functions of your own between them:

    differentiated : loss, key? -> (state, batch -> (state, value, gradient))
    finite         : (state, value, gradient) -> the same, or Diverged
    updated        : optimizer -> ((state, value, gradient) -> state)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from toolz import compose_left  # pyright: ignore (toolz has no types)

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe
from fnn.core._flat import all_finite
from fnn.core._structure import Tree
from fnn.core.grad import objective
from fnn.core.keys import Key, fold_in, require_key, require_keys
from fnn.networks.ensemble import Ensemble
from fnn.optim._memory import OWNER, accept
from fnn.optim.transform import Transform, require_optimizer, update
from fnn.train._members import differentiated_members, finite_members, updated_members
from fnn.train.state import Diverged, State, itself

OneKey = Key | tuple[Key, ...]  # or one for each member of an ensemble
Differentiated = tuple[Any, Any, Tree]  # state, value, gradient


def train_step(loss: Any, optimizer: Transform, key: OneKey | None = None) -> Callable[[Any, tuple[Any, ...]], Any]:
    """Return the pure function ``(state, batch) -> state`` that takes one step of training.

    It computes what ``compose_left(differentiated(loss, key), finite, updated(optimizer))`` does, to the bit, and
    raises what these three raise. A state with another optimizer's memory is refused before anything is computed.

    Args:
        loss: a loss, such as ``cross_entropy``.
        optimizer: a transform, such as ``adam(1e-3)``.
        key: for layers that draw random numbers; a step's own key is ``fold_in(key, state.step)``. For an ensemble a
            tuple with a key for each member; a single key stands for ``split(key, n)``.

    >>> from fnn import Dense, mse, sgd, start
    >>> net, optimizer, x = Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.25), np.array([[1.0]])
    >>> train_step(mse, optimizer)(start(net, optimizer), (x, 3 * x)).params.bias
    array([1.])
    """
    require_optimizer("train_step", optimizer)
    _require_key("train_step", key)
    first = functools.partial(_differentiated, loss, key, optimizer)
    step = compose_left(first, finite, functools.partial(_updated, optimizer))  # pyright: ignore (toolz has no types)
    return functools.partial(_without_alarm, step)


def differentiated(loss: Any, key: OneKey | None = None) -> Callable[[Any, tuple[Any, ...]], Differentiated]:
    """Return the function ``(state, batch) -> (state, value, gradient)``, as ``value_and_grad`` computes them.

    With a ``key``, the layers that draw random numbers get ``fold_in(key, state.step)``.

    >>> from fnn import Dense, mse, sgd, start
    >>> state, x = start(Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.25)), np.array([[1.0]])
    >>> _, value, gradient = differentiated(mse)(state, (x, 3 * x))
    >>> value, gradient.bias
    (4.0, array([-4.]))
    """
    _require_key("differentiated", key)
    return functools.partial(_without_alarm, _differentiated, loss, key, None)


def _require_key(caller: str, key: Any) -> None:
    if is_tuple(key):
        require_keys(caller, key)
    elif key is not None:
        require_key(caller, key)


def _differentiated(
    loss: Any, key: Any, optimizer: Transform | None, state: Any, batch: tuple[Any, ...]
) -> Differentiated:
    if state.__class__ is not State:
        state = itself(state)
    if optimizer is None or getattr(state, OWNER, None) is not optimizer:
        if not hasattr(state, "opt"):
            raise TypeError(f"a step of training expects a state, got {describe(state)}; write start(net, optimizer)")
        if optimizer is not None:
            accept(optimizer, state)
    if type(state.params) is Ensemble:
        return differentiated_members(loss, key, state, batch)
    step_key = None if key is None else fold_in(key, state.step)
    value, gradient = objective(loss)(loss, state.params, batch, step_key)
    return state, value, gradient


def _without_alarm(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a pure function; where NumPy was told to raise on overflow and does, call it again with the alarm off.

    The step itself decides whether an overflow matters. To turn the alarm off each time costs as much as a layer.
    """
    try:
        return function(*arguments)
    except (FloatingPointError, RuntimeWarning):
        pass  # called below, so that an error there does not show this one as its cause
    with np.errstate(all="ignore"):
        return function(*arguments)


def finite(evaluated: Differentiated) -> Differentiated:
    """Return ``(state, value, gradient)`` unchanged if the value is a finite number, else raise ``Diverged``.

    >>> from fnn import Dense, sgd, start
    >>> state = start(Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.25))
    >>> finite((state, float("inf"), None))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fnn.train.state.Diverged: diverged at step 0: the loss is not finite (loss inf); lower the learning rate or clip ...
    """
    state, value, gradient = evaluated
    if type(getattr(state, "params", None)) is Ensemble:
        value = finite_members(state, value)
        if value is None:
            raise Diverged(state.step, evaluated[1], state)
        return state, value, gradient
    try:
        is_finite = math.isfinite(value)
    except TypeError:
        raise TypeError(f"a step of training expects a loss whose value is a number, got {describe(value)}") from None
    if not is_finite:
        raise Diverged(state.step, value, state)
    return evaluated


def updated(optimizer: Transform) -> Callable[[Differentiated], Any]:
    """Return the function ``(state, value, gradient) -> next state``, as ``update`` computes it.

    It raises what ``update`` raises, and ``Diverged``, with the last good state, if the new parameters are not finite
    or the optimizer's memory overflows, after which training would stand still in silence.

    >>> from fnn import Dense, sgd, start
    >>> net, optimizer = Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.25)
    >>> updated(optimizer)((start(net, optimizer), 4.0, net)).params.weight
    array([[0.75]])
    """
    require_optimizer("updated", optimizer)
    return functools.partial(_without_alarm, _updated, optimizer)


def _updated(optimizer: Transform, evaluated: Differentiated) -> Any:
    state, value, gradient = evaluated
    if type(state.params) is Ensemble:
        following = updated_members(optimizer, state, value, gradient)
        if following is None:
            raise Diverged(state.step, value, state)
        return following
    following = update(optimizer, gradient, state, float(value))  # a loss of your own may return NumPy's float
    # The square of a gradient can overflow where the gradient does not, and a division by it hides that from the
    # parameters: a weight would never move again.
    if not (all_finite(following.params) and all_finite(following.opt)):
        raise Diverged(state.step, value, state)
    return following
