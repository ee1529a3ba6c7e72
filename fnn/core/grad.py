"""The gradient of a loss with respect to a whole network: a tree of the network's own type.

    value_and_grad : loss, params, batch, key? -> value, dparams          grad : the second of it

A loss that looks at more than a prediction registers a function of its own with ``value_and_grad.register``:
``regularized`` looks at the parameters, ``cross_entropy`` at the last layer, which must not be a softmax.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe
from fnn.core._flat import tied
from fnn.core.keys import Key, require_key
from fnn.core.vjp import registered, vjp

# For many networks in one: what computes their values and their gradient. ``losses/_members.py`` enters ``Ensemble``.
OF_MANY: dict[type, Callable[..., tuple[Any, Any]]] = {}


@functools.singledispatch
def value_and_grad(loss: Any, params: Any, batch: tuple[Any, ...], key: Key | None = None) -> tuple[Any, Any]:
    """Return the loss of a network on a batch, and its gradient: a tree of the network's own type.

    A record that is used twice in the network is one: its gradient is the sum over its uses.

    Args:
        loss: a loss, such as ``cross_entropy``.
        params: the network.
        batch: ``(x, target)`` or ``(x, target, weights)``, with a weight for each row.
        key: for layers that draw random values.

    Raises ``TypeError`` if the batch is no such tuple or the key no key, and what the network and the loss raise.

    >>> import numpy as np
    >>> from fnn import Dense, mse
    >>> net = Dense(weight=np.array([[2.0]]), bias=np.array([0.0]))
    >>> value, gradient = value_and_grad(mse, net, (np.array([[3.0]]), np.array([[5.0]])))
    >>> value, gradient.weight, gradient.bias
    (1.0, array([[6.]]), array([2.]))
    """
    if type(params) in OF_MANY:
        return OF_MANY[type(params)](loss, params, batch, key)
    if not is_tuple(batch) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, target) or (x, target, weights), got {describe(batch)}")
    if key is not None:
        require_key("value_and_grad", key)
    x, *target = batch
    prediction, pullback = registered(type(params), vjp)(params, x, key)
    value, loss_pullback = registered(type(loss), vjp)(loss, prediction, *target)
    _, dprediction = loss_pullback(1.0)
    dparams, _ = pullback(dprediction())
    return value, tied(params, dparams)  # which adds up the gradients of a record that is used twice


_objectives = value_and_grad.registry.get


def objective(loss: Any) -> Callable[..., tuple[Any, Any]]:
    """Return the function registered for a loss's own type, or ``value_and_grad``; see ``registered`` in ``vjp.py``."""
    return _objectives(type(loss), value_and_grad)


def grad(loss: Any, params: Any, batch: tuple[Any, ...], key: Key | None = None) -> Any:
    """Return the gradient alone, the second of ``value_and_grad``, which lists the arguments.

    >>> import numpy as np
    >>> from fnn import Dense, mse
    >>> net = Dense(weight=np.array([[2.0]]), bias=np.array([0.0]))
    >>> grad(mse, net, (np.array([[3.0]]), np.array([[5.0]]))).bias
    array([2.])
    """
    return value_and_grad(loss, params, batch, key)[1]
