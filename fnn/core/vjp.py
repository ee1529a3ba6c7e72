"""One generic function, ``vjp``: evaluate, and remember how to pull a gradient back.

    vjp     : layer, x, key?            -> y, pullback          pullback : dy -> dlayer, dx
    vjp     : loss, prediction, target, weights? -> value, pullback      pullback : dvalue -> dloss, dprediction
    forward : layer, x, key?            -> y

The last thing that a pullback returns, ``dx`` or ``dprediction``, is a function without arguments, called by whoever
needs the array. Nobody needs the first layer's, and in most networks that is the largest product of the backward pass:
laziness is dead-code elimination.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fnn.core._errors import describe

Pullback = Callable[[Any], tuple[Any, Callable[[], Any]]]


@functools.singledispatch
def vjp(layer: Any, *inputs: Any, **named: Any) -> tuple[Any, Pullback]:
    """Evaluate a layer or a loss and return, next to the result, its pullback (the vector-Jacobian product).

    A layer of your own is a record and one function registered here. Its pullback writes to nothing that it was
    given and may be called again.

    Args:
        layer: a record with a registered function: a layer, network, loss or penalty.
        inputs: what the record takes: ``x`` and a key for a layer, ``prediction, target, weights`` for a loss.
        named: the same by name, say ``key=Key(0)``.

    Returns:
        ``(y, pullback)``; ``pullback(dy)`` is ``(dlayer, dx)``, where ``dlayer`` has the layer's own type and ``dx()``
        the shape of ``x``.

    Raises ``TypeError`` for a type without a registered function.

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
    if hasattr(layer, "__record__"):  # a record, whose file comes after this one
        name = type(layer).__name__
        if hasattr(layer, "opt"):  # a state of training
            raise TypeError(f"vjp expects a layer or a loss, got {what}; write state.params")
        raise TypeError(f"vjp: no function is registered for {name}; write @vjp.register above {name.lower()}_vjp")
    if callable(layer):
        raise TypeError(f"vjp expects a finished layer, got {what}; make it first: net = constructor(key, x)")
    raise TypeError(f"vjp expects a layer or a loss, got {what}")


# ``registered(type(layer), vjp)`` is the function registered for a layer's own type, or ``vjp``, which searches on. The
# search of singledispatch costs as much as a small matrix product, and nearly always ends at once.
registered: Callable[[Any, Any], Callable[..., tuple[Any, Pullback]]] = vjp.registry.get


def forward(layer: Any, *inputs: Any, **named: Any) -> Any:
    """Evaluate a layer or a loss: the first half of ``vjp``. ``layer(x)`` is the same.

    >>> import numpy as np
    >>> from fnn import relu
    >>> forward(relu, np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return registered(type(layer), vjp)(layer, *inputs, **named)[0]
