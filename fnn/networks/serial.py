"""Networks from layers: composition is two folds, forward collecting pullbacks, backward over the reversed pullbacks.

    maker  : key, x -> layer             a finished layer serves as a maker of itself
    serial : maker, ... -> maker         mlp : width, ... -> maker

Shapes come from data: ``net = serial(dense(64), relu, dense(10))(key, x)`` shows each maker the actual batch, makes
its layer, and what that layer gives is what the next maker sees. A mistake shows here, with the layer's path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from fnn.core.vjp import forward, registered, vjp
from fnn.core._errors import LayerError, describe
from fnn.core.keys import Key, fold_in, require_key
from fnn.layers.activations import relu
from fnn.layers._constructor import Maker
from fnn.layers.dense import dense
from fnn.core.record import is_record, Record
from fnn.core._flat import has_leaves


class Serial(Record):
    """Layers one after the other: ``toolz.pipe(x, *net.layers)`` equals ``net(x)``. Without layers, y = x."""

    layers: tuple[Any, ...]


@vjp.register
def serial_vjp(net: Serial, x, key=None):
    if type(net.layers) is not tuple:
        raise TypeError(f"Serial expects a tuple of layers, got {describe(net.layers)}; write Serial((first, second))")
    pullbacks = []
    for place, layer in enumerate(net.layers):
        try:
            x, pullback = registered(type(layer), vjp)(layer, x, key if key is None else fold_in(key, place))
        except Exception as error:
            locate(error, f"layers[{place}]")
            raise
        pullbacks.append(pullback)

    def serial_pullback(dy):
        # Below the first layer that has parameters nothing is asked for but dx, and dx is not always asked for.
        first = _first_with_parameters(net.layers)
        dlayers, dx = _pulled(pullbacks[first:], lambda: dy)
        return Serial((*net.layers[:first], *dlayers)), lambda: _pulled(pullbacks[:first], dx)[1]()

    return x, serial_pullback


def _pulled(pullbacks: list[Callable], dx: Callable) -> tuple[list, Callable]:
    """Fold a gradient back through pullbacks, the last one first; the first one's dx is left uncomputed."""
    dlayers = []
    for pullback in reversed(pullbacks):
        dlayer, dx = pullback(dx())
        dlayers.append(dlayer)
    return dlayers[::-1], dx


def _first_with_parameters(layers: tuple) -> int:
    place = 0
    while place < len(layers) and not has_leaves(layers[place]):
        place += 1
    return place


def locate(error: Exception, place: str) -> None:
    """Say in an error at which layer it arose, say ``layers[2]``: one of ours is raised anew, any other gets a note."""
    if isinstance(error, LayerError):
        raise error.inside(place) from None
    error.add_note(f"in {place}")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Locate the errors of a block, as ``locate`` does; where a step of training passes, a plain ``try`` is faster."""
    try:
        yield
    except Exception as error:
        locate(error, place)
        raise


def require_makers(who: str, makers: tuple, field: str) -> None:
    """Raise ``TypeError`` in the name of ``who`` unless each is a maker or a finished layer."""
    for place, maker in enumerate(makers):
        if isinstance(maker, type) or not (is_record(maker) or callable(maker)):
            hint = "; write the layer itself, say relu or Relu()" if isinstance(maker, type) else ""
            raise TypeError(f"{who} expects makers or layers, got {describe(maker)} at {field}[{place}]{hint}")


def made(maker: Any, key: Key, x: Any) -> Any:
    """Give the layer that a maker makes; a finished layer serves as a maker of itself."""
    return maker if is_record(maker) else maker(key, x)


def serial(*makers: Any) -> Maker:
    """Make a network of layers one after the other, from makers and finished layers; the result is again a maker.

    Raises ``TypeError`` for anything else, and an error with the layer's path where a layer does not fit the data.

    >>> import numpy as np
    >>> serial(dense(3), relu, dense(1))(Key(0), np.zeros((1, 2), np.float32))
    Serial(layers=(Dense(weight=f32[2,3], bias=f32[3]), Relu(), Dense(weight=f32[3,1], bias=f32[1])))
    """
    require_makers("serial", makers, "layers")
    return partial(_make_serial, makers)


def _make_serial(makers: tuple, key: Key, x: Any) -> Serial:
    require_key("serial", key)
    layers = []
    for place, maker in enumerate(makers):
        here = fold_in(key, place)
        with inside(f"layers[{place}]"):
            layers.append(made(maker, here, x))
            x = forward(layers[-1], x, here)
    return Serial(tuple(layers))


def ending(net: Any) -> tuple[Any, int]:
    """Give the last layer of a network, and in how many ``Serial`` it lies.

    >>> ending(Serial((relu, Serial((relu, relu)))))
    (Relu(), 2)
    """
    depth = 0
    while type(net) is Serial and net.layers:
        net, depth = net.layers[-1], depth + 1
    return net, depth


def mlp(*widths: int, activation: Any = relu) -> Maker:
    """Make a multi-layer perceptron: a dense layer for each width, with an activation between them.

    >>> import numpy as np
    >>> mlp(3, 1)(Key(0), np.zeros((1, 2), np.float32))
    Serial(layers=(Dense(weight=f32[2,3], bias=f32[3]), Relu(), Dense(weight=f32[3,1], bias=f32[1])))
    """
    if not widths:
        raise ValueError("mlp expects at least one width, got none; write mlp(64, 10)")
    body = [part for width in widths for part in (dense(width), activation)]
    return serial(*body[:-1])
