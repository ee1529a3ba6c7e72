"""One generic function, ``vjp``: evaluate, and remember how to pull a gradient back.

    vjp      : layer, x, key?            -> y, pullback          pullback : dy -> dlayer, dx
    vjp      : loss, prediction, target  -> value, pullback      pullback : dvalue -> dloss, dprediction
    forward  : layer, x, key?            -> y
    value_and_grad : loss, params, batch, key? -> value, dparams          grad : the second of it

The last thing that a pullback returns, ``dx`` or ``dprediction``, is a function without arguments, to be called by
whoever needs the array. Nobody needs the first layer's, and in most networks that is the largest product of the
backward pass: laziness is dead-code elimination.
"""

from __future__ import annotations

import functools
from typing import Any

from fnn.errors import describe
from fnn.keys import Key, require_key
from fnn.layout import tied
from fnn.records import is_record


@functools.singledispatch
def vjp(layer: Any, *inputs: Any, **named: Any) -> tuple[Any, Any]:
    """Evaluate a layer or a loss and return, next to the result, its pullback (the vector-Jacobian product).

    A layer of your own is a record and one function registered here. Its pullback writes to nothing that it was
    given and may be called again. Raises ``TypeError`` for what has no rule.

    >>> import numpy as np
    >>> from fnn import relu
    >>> y, pullback = vjp(relu, np.array([-1.0, 2.0]))
    >>> dlayer, dx = pullback(np.array([10.0, 10.0]))
    >>> y, dx()
    (array([0., 2.]), array([ 0., 10.]))
    """
    what = describe(layer)
    if isinstance(layer, type):
        raise TypeError(f"vjp expects a layer or a loss, got {what}; write {layer.__name__}()")
    if is_record(layer):
        raise TypeError(f"vjp: no rule for {type(layer).__name__}; register one with @vjp.register")
    if callable(layer):
        raise TypeError(f"vjp expects a finished layer, got {what}; make it first: net = maker(key, x)")
    raise TypeError(f"vjp expects a layer or a loss, got {what}")


_registered = vjp.registry.get


def rule(layer: Any) -> Any:
    """Give the function registered for a layer's own type, or ``vjp``, which searches further.

    The search of ``singledispatch`` costs as much as a small matrix product, and nearly always ends at once.
    """
    return _registered(type(layer), vjp)


def forward(layer: Any, *inputs: Any, **named: Any) -> Any:
    """Evaluate a layer or a loss: the first half of ``vjp``. ``layer(x)`` is the same.

    >>> import numpy as np
    >>> from fnn import relu
    >>> forward(relu, np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return rule(layer)(layer, *inputs, **named)[0]


@functools.singledispatch
def value_and_grad(loss: Any, params: Any, batch: tuple, key: Key | None = None) -> tuple[float, Any]:
    """Give the loss of a network on a batch, and its gradient: a tree of the network's own type.

    ``batch`` is ``(x, target)`` or ``(x, target, weights)``; ``key`` is for layers that draw random numbers. A record
    that is used twice in the network is one: its gradient is the sum over its uses. A loss that looks at more than a
    prediction, as ``penalised`` does at the parameters, registers a rule of its own.

    >>> import numpy as np
    >>> from fnn import Dense, mse
    >>> net = Dense(weight=np.array([[2.0]]), bias=np.array([0.0]))
    >>> value, gradient = value_and_grad(mse, net, (np.array([[3.0]]), np.array([[5.0]])))
    >>> value, gradient.weight, gradient.bias
    (1.0, array([[6.]]), array([2.]))
    """
    if not isinstance(batch, tuple) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, target) or (x, target, weights), got {describe(batch)}")
    if key is not None:
        require_key("value_and_grad", key)
    x, *target = batch
    prediction, pullback = rule(params)(params, x, key)
    value, loss_pullback = rule(loss)(loss, prediction, *target)
    _, dprediction = loss_pullback(1.0)
    dparams, _ = pullback(dprediction())
    return value, tied(params, dparams)


_objective = value_and_grad.registry.get


def objective(loss: Any) -> Any:
    """Give the function registered for a loss's own type, or ``value_and_grad``; as ``rule`` does for ``vjp``."""
    return _objective(type(loss), value_and_grad)


def grad(loss: Any, params: Any, batch: tuple, key: Key | None = None) -> Any:
    """Give the gradient alone; see ``value_and_grad``."""
    return value_and_grad(loss, params, batch, key)[1]
