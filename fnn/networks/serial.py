"""Networks from layers: composition is two folds, forward collecting pullbacks, backward over the reversed pullbacks.

    serial : constructor, ... -> constructor          Serial : x -> y, each layer's y is the next one's x

Shapes come from data: ``net = serial(dense(64), relu, dense(10))(key, x)`` shows each constructor the actual batch and
builds its layer, and what that layer returns is what the next constructor sees. A mistake shows here, with its path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fnn.core._arrays import is_array, unshared
from fnn.core._errors import describe
from fnn.core._flat import has_leaves
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, registered, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.networks._parts import Part, constructed, inside, locate, part_vjp, require_constructors, unseen


class Serial(Record):
    """Layers one after the other: ``toolz.pipe(x, *net.layers)`` equals ``net(x)``. Without layers, y = x."""

    layers: tuple[Any, ...]


@vjp.register
def serial_vjp(net: Serial, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if type(net.layers) is not tuple:
        raise TypeError(f"Serial expects a tuple of layers, got {describe(net.layers)}; write Serial((first, second))")
    if not net.layers and is_array(x):
        x = unshared(x)  # what comes out shares no memory with what others may write to
    pullbacks: list[Pullback] = []
    for place, layer in enumerate(net.layers):
        try:
            x, pullback = registered(type(layer), vjp)(layer, x, key if key is None else fold_in(key, place))
        except Exception as error:
            locate(error, f"layers[{place}]", layer)
            raise
        pullbacks.append(pullback)

    def serial_pullback(dy):
        # Below the first layer that has parameters only dx remains to be computed, and only if somebody asks for it.
        first = _first_with_parameters(net.layers)
        dlayers, dx = _pulled_back(pullbacks, first, len(pullbacks), lambda: dy)

        def serial_dx():
            _, first_dx = _pulled_back(pullbacks, 0, first, dx)
            if not callable(first_dx):
                raise _no_function(first_dx, pullbacks[0])
            return first_dx()

        return Serial((*net.layers[:first], *dlayers)), serial_dx

    return x, serial_pullback


def _pulled_back(
    pullbacks: list[Pullback], begin: int, end: int, dx: Callable[[], Any]
) -> tuple[list[Any], Callable[[], Any]]:
    """Fold a gradient back through some of the pullbacks, the last one first; the first one's dx stays a thunk."""
    dlayers = []
    try:
        for pullback in reversed(pullbacks[begin:end]):
            dlayer, dx = pullback(dx())
            dlayers.append(dlayer)
    except TypeError:
        if callable(dx):
            raise
        raise _no_function(dx, pullbacks[end - len(dlayers)]) from None
    return dlayers[::-1], dx


def _no_function(dx: Any, pullback: Any) -> TypeError:
    name = getattr(pullback, "__qualname__", "a pullback").replace(".<locals>", "")
    return TypeError(f"{name} must return (dlayer, dx) with dx a function, got {describe(dx)}; write lambda: dx")


def _first_with_parameters(layers: tuple[Any, ...]) -> int:
    place = 0
    while place < len(layers) and not has_leaves(layers[place]):
        place += 1
    return place


@constructor
def serial(*parts: Part) -> Construct:
    """Construct a network of layers one after the other, from constructors and finished layers.

    A finished layer serves as a constructor of itself: ``serial(*old.layers[:-1], dense(5))`` is a new head.

    Raises ``TypeError`` for anything else, and an error with the layer's path where a layer does not fit the data.

    >>> import numpy as np
    >>> from fnn import dense, relu
    >>> serial(dense(3), relu, dense(1))(Key(0), np.zeros((1, 2), np.float32))
    Serial(layers=(Dense(weight=f32[2,3], bias=f32[3]), Relu(), Dense(weight=f32[3,1], bias=f32[1])))
    """
    require_constructors("serial", parts, "layers")
    return partial(_construct_serial, parts)


def _construct_serial(parts: tuple[Part, ...], key: Key, x: Any) -> Serial:
    require_key("serial", key)
    layers = []
    for place, part in enumerate(parts):
        layer_key = fold_in(key, place)
        with inside(f"layers[{place}]"):
            layers.append(constructed(part, layer_key, x))
        x, _ = part_vjp(unseen(layers[-1]), x, layer_key, f"layers[{place}]")
    return Serial(tuple(layers))


def ending(net: Any) -> tuple[Any, int]:
    """Return the last layer of a network, and how many ``Serial`` it lies in.

    >>> from fnn import relu
    >>> ending(Serial((relu, Serial((relu, relu)))))
    (Relu(), 2)
    """
    depth = 0
    while type(net) is Serial and net.layers:
        net, depth = net.layers[-1], depth + 1
    return net, depth
