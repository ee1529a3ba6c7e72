"""A sequence can be read from both ends: each step is then known by what comes before it and by what comes after it.

    bidirectional : constructor -> constructor
    Bidirectional : x (n, time, features) -> y (n, time, 2 units), the run forwards and the run backwards side by side
                    (x, lengths) -> (y, lengths)

With lengths a row is reversed within its own length (Schuster and Paliwal, 1997).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import counting
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.keys import Key, require_key, split
from fnn.core.record import Record, is_record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import mask, unpack
from fnn.networks._parts import inside, may_construct, part_vjp
from fnn.networks.inference import inference


class Bidirectional(Record):
    """y = forwards(x) and backwards(x) side by side, ``backwards`` from the end of x; both begin at the state 0."""

    forwards: Any
    backwards: Any


@vjp.register
def bidirectional_vjp(layer: Bidirectional, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    sequences, lengths = _sequences(x)
    keys = (None, None) if key is None else split(key, 2)
    ahead, pull_ahead = _run("forwards", layer.forwards, sequences, lengths, keys[0])
    back, pull_back = _run("backwards", layer.backwards, _reversed(sequences, lengths), lengths, keys[1])
    border = ahead.shape[2]

    def bidirectional_pullback(dy):
        dy, dlengths = (dy, None) if lengths is None else dy
        dahead, dback = dy[..., :border], _reversed(dy[..., border:], lengths)
        dforwards, dx_ahead = pull_ahead(dahead if lengths is None else (dahead, dlengths))
        dbackwards, dx_back = pull_back(dback if lengths is None else (dback, dlengths))

        def dx():
            if lengths is None:
                return dx_ahead() + _reversed(dx_back(), None)
            (of_ahead, of_lengths), (of_back, _) = dx_ahead(), dx_back()
            return of_ahead + _reversed(of_back, lengths), of_lengths

        return Bidirectional(dforwards, dbackwards), dx

    y = np.concatenate([ahead, _reversed(back, lengths)], axis=2)
    return y if lengths is None else (y, lengths), bidirectional_pullback


def _run(
    name: str, layer: Any, sequences: np.ndarray, lengths: np.ndarray | None, key: Key | None
) -> tuple[np.ndarray, Pullback]:
    """Return the y of one of the two layers, without lengths, and its pullback."""
    y, pullback = part_vjp(layer, sequences if lengths is None else (sequences, lengths), key, name)
    y = y if lengths is None else y[0]
    if np.ndim(y) != 3 or np.shape(y)[:2] != sequences.shape[:2]:
        expected = f"({len(sequences)}, {sequences.shape[1]}, units)"
        raise LayerValueError("bidirectional", f"expects layers that return {expected}, got {np.shape(y)}")
    return y, pullback


def _sequences(x: Any) -> tuple[np.ndarray, np.ndarray | None]:
    sequences, lengths, _, parts = unpack("bidirectional", x)
    if parts == 3:
        raise LayerTypeError("bidirectional", "expects x or (x, lengths), got a tuple of 3; its two runs begin at 0")
    return sequences, lengths


def _from_the_end(x: Any) -> Any:
    """Return x, or (x, lengths), with its sequences read from their ends."""
    sequences, lengths = _sequences(x)
    reverse = _reversed(sequences, lengths)
    return reverse if lengths is None else (reverse, lengths)


def _reversed(values: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Reverse each row within its length, or all of it; what lies beyond the length stays where it is."""
    if lengths is None:
        return values[:, ::-1]
    n, time = values.shape[:2]
    place = np.where(mask(lengths, time), lengths[:, None] - 1 - counting(time), counting(time))
    return values[counting(n)[:, None], place]


@inference.register
def bidirectional_inference(params: Bidirectional, x: Any = None) -> Bidirectional:
    reverse = None if x is None else _from_the_end(x)
    with inside("forwards"):
        forwards = inference(params.forwards, x)
    with inside("backwards"):
        return Bidirectional(forwards, inference(params.backwards, reverse))


@constructor
def bidirectional(layer: Construct) -> Construct:
    """Construct a layer over time twice, one to run forwards and one backwards, each from its own key.

    Raises ``TypeError`` for a finished layer: both runs would share it.

    >>> from fnn.layers.recurrent import rnn
    >>> bidirectional(rnn(3))(Key(0), np.zeros((1, 5, 2)))(np.zeros((4, 5, 2))).shape
    (4, 5, 6)
    """
    if is_record(layer) or isinstance(layer, type) or not callable(layer) or not may_construct(layer):
        raise TypeError(f"bidirectional expects the constructor of a layer, say lstm(64), got {describe(layer)}")
    return partial(_construct_bidirectional, layer)


def _construct_bidirectional(layer: Construct, key: Key, x: Any) -> Bidirectional:
    require_key("bidirectional", key)
    forwards_key, backwards_key = split(key, 2)
    reverse = _from_the_end(x)
    with inside("forwards"):
        forwards = layer(forwards_key, x)
    with inside("backwards"):
        return Bidirectional(forwards, layer(backwards_key, reverse))
