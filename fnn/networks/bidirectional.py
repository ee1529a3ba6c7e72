"""A sequence can be read from both ends: each step is then known by what comes before it and by what comes after it.

bidirectional : constructor -> constructor
Bidirectional : x (n, time, features) -> y (n, time, 2 units), the run forwards and the run backwards side by side

Also (x, lengths) -> (y, lengths): a row is then reversed within its own length (Schuster and Paliwal, 1997).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import counting
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record, is_record
from fnn.core.vjp import registered, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import apart, within
from fnn.networks._parts import inside, locate
from fnn.networks.inference import inference


class Bidirectional(Record):
    """Two layers over time: one reads the sequences as they are, one from their ends; both begin at the state 0."""

    forwards: Any
    backwards: Any


@vjp.register
def bidirectional_vjp(layer: Bidirectional, x, key=None):
    sequences, lengths = _sequences(x)
    ys, pullbacks = [], []
    given = sequences if lengths is None else (sequences, lengths)
    runs = ("forwards", layer.forwards, given), ("backwards", layer.backwards, _from_the_end(given))
    for place, (name, each, given) in enumerate(runs):
        try:
            y, pullback = registered(type(each), vjp)(each, given, key if key is None else fold_in(key, place))
        except Exception as error:
            locate(error, name)
            raise
        y = y if lengths is None else y[0]
        if np.shape(y)[:2] != sequences.shape[:2] or np.ndim(y) != 3:
            expected = f"({len(sequences)}, {sequences.shape[1]}, units)"
            raise LayerValueError("bidirectional", f"expects layers that give {expected}, got {np.shape(y)}")
        ys.append(y)
        pullbacks.append(pullback)
    border = ys[0].shape[2]

    def bidirectional_pullback(dy):
        dy, rest = (dy, ()) if lengths is None else (dy[0], dy[1:])
        halves = dy[..., :border], _reversed(dy[..., border:], lengths)
        pulled = [pull((half, *rest) if rest else half) for pull, half in zip(pullbacks, halves, strict=True)]

        def dx():
            if lengths is None:
                return pulled[0][1]() + _reversed(pulled[1][1](), None)
            (ahead, of_lengths), (back, _) = pulled[0][1](), pulled[1][1]()
            return ahead + _reversed(back, lengths), of_lengths

        return Bidirectional(pulled[0][0], pulled[1][0]), dx

    y = np.concatenate([ys[0], _reversed(ys[1], lengths)], axis=2)
    return y if lengths is None else (y, lengths), bidirectional_pullback


def _sequences(x: Any) -> tuple[np.ndarray, np.ndarray | None]:
    sequences, lengths, _, parts = apart("bidirectional", x)
    if parts == 3:
        raise LayerTypeError("bidirectional", "expects x or (x, lengths), got a tuple of 3; its two runs begin at 0")
    return sequences, lengths


def _from_the_end(x: Any) -> Any:
    """Give x, or (x, lengths), with its sequences read from their ends."""
    sequences, lengths = _sequences(x)
    reverse = _reversed(sequences, lengths)
    return reverse if lengths is None else (reverse, lengths)


def _reversed(values: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Reverse time, in each row within its length; what lies beyond stays there."""
    if lengths is None:
        return values[:, ::-1]
    n, time = values.shape[:2]
    place = np.where(within(lengths, time), lengths[:, None] - 1 - counting(time), counting(time))
    return values[counting(n)[:, None], place]


@inference.register
def bidirectional_inference(params: Bidirectional, x: Any = None) -> Bidirectional:
    reverse = None if x is None else _from_the_end(x)
    with inside("forwards"):
        forwards = inference(params.forwards, x)
    with inside("backwards"):
        return Bidirectional(forwards, inference(params.backwards, reverse))


@constructor
def bidirectional(layer: Callable[..., Any]) -> Construct:
    """Make a layer over time twice, one to run forwards and one backwards, each from its own key.

    Raises ``TypeError`` for a finished layer: the two would be one.

    >>> from fnn.layers.recurrent import rnn
    >>> bidirectional(rnn(3))(Key(0), np.zeros((1, 5, 2)))(np.zeros((4, 5, 2))).shape
    (4, 5, 6)
    """
    if is_record(layer) or isinstance(layer, type) or not callable(layer):
        raise TypeError(f"bidirectional expects the constructor of a layer, say lstm(64), got {describe(layer)}")
    return partial(_construct_bidirectional, layer)


def _construct_bidirectional(layer: Callable[..., Any], key: Key, x: Any) -> Bidirectional:
    require_key("bidirectional", key)
    reverse = _from_the_end(x)
    with inside("forwards"):
        forwards = layer(fold_in(key, 0), x)
    with inside("backwards"):
        return Bidirectional(forwards, layer(fold_in(key, 1), reverse))
