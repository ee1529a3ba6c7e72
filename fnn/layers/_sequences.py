"""What layers over time share: sequences may come with lengths, and what lies beyond them counts for nothing.

unpack       : caller, x -> sequences (n, time, features), lengths, first state, number of parts
               x is sequences, or (sequences, lengths), or (sequences, lengths or None, first state or None)
mask         : lengths, time -> which steps belong to their rows (n, time)
zero_padding : values (n, time, ...), lengths -> the same with 0 beyond the lengths
last_steps   : lengths, n, time -> the last step of each row, and the rows; of a row of length 0, -1

stepwise     : the vjp of a layer that looks at each step alone -> the same, which takes (x, lengths) too
over_time    : the vjp of a layer that keeps the steps -> likewise
each_alone   : the vjp of a layer that mixes a row's steps -> likewise, each row as if it were alone
is_pair      : x -> whether it is (x, lengths)            values_of : x or (x, lengths) -> x

A layer that looks at each step alone is given the steps that are there, as rows. So it need not know of lengths, no
symbol or NaN beyond them matters, and statistics are those of the steps that are there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core._arrays import WIDE, as_array, counting, floats, unshared
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.vjp import Pullback
from fnn.layers._stable import Vjp, first_of, widened


def unpack(caller: str, x: Any) -> tuple[np.ndarray, np.ndarray | None, Any, int]:
    """Return the sequences, lengths and first state in ``x``, None for what is missing, and how many parts it had.

    Raises ``TypeError`` or ``ValueError`` in the name of ``caller``.

    >>> unpack("rnn", (np.ones((2, 5, 3)), [5, 1]))[1:]
    (array([5, 1]), None, 2)
    """
    parts: tuple[Any, ...] = x if isinstance(x, tuple) else (x,)
    if len(parts) not in (1, 2, 3):
        raise LayerTypeError(caller, f"expects x, (x, lengths) or (x, lengths, state), got a tuple of {len(parts)}")
    array = floats(caller, parts[0])
    if array.ndim != 3 or 0 in array.shape[1:]:
        hint = "; write x[..., None] if a step is one number, put embedding before it if it is a symbol"
        hint = hint if array.ndim == 2 else ""
        raise LayerValueError(caller, f"expects sequences (n, time, features), got {array.shape}{hint}")
    _, lengths, state = (*parts, None, None)[:3]
    if len(parts) == 2 or lengths is not None:
        lengths = as_lengths(caller, lengths, *array.shape[:2])
    return array, lengths, state, len(parts)


def as_lengths(caller: str, given: Any, n: int, time: int) -> np.ndarray:
    """Return lengths as integers (n,) from 0 to ``time``, or raise in the name of ``caller``."""
    lengths = as_array(caller, given)
    if lengths.dtype.kind not in "iu":
        raise LayerTypeError(caller, f"expects integers as lengths, got {describe(given)}; convert them to int")
    if lengths.shape != (n,):
        raise LayerValueError(caller, f"expects one length a row, ({n},), got {lengths.shape}")
    if n and not 0 <= lengths.min() <= lengths.max() <= time:
        found = f"from {lengths.min()} to {lengths.max()}"
        raise LayerValueError(caller, f"expects lengths from 0 to {time}, the steps there are, got some {found}")
    return unshared(lengths.astype(np.int64, copy=False))  # in which lengths - 1 of uint8 does not wrap around


def mask(lengths: np.ndarray, time: int) -> np.ndarray:
    """Return which steps belong to their rows, (n, time).

    >>> mask(np.array([1, 3]), 3).astype(int)
    array([[1, 0, 0],
           [1, 1, 1]])
    """
    return counting(time) < lengths[:, None]


def zero_padding(values: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return (n, time, ...) with 0 beyond the lengths, whatever stood there: NaN times 0 would be NaN.

    >>> zero_padding(np.array([[[1.0], [np.nan]]]), np.array([1])).tolist()
    [[[1.0], [0.0]]]
    """
    if lengths is None:
        return values
    there = mask(lengths, values.shape[1])
    return np.where(there.reshape(*there.shape, *[1] * (values.ndim - 2)), values, np.zeros((), values.dtype))


def last_steps(lengths: np.ndarray | None, n: int, time: int) -> tuple[Any, np.ndarray]:
    """Return the last step of each row, and the rows, as indices.

    A row of length 0 has none: -1 stands for it.

    >>> last_steps(np.array([2, 5]), 2, 5)
    (array([1, 4]), array([0, 1]))
    """
    return (time if lengths is None else lengths) - 1, counting(n)


def is_pair(x: Any) -> bool:
    """Return True for (x, lengths): an array with rows and steps, and integers beside it.

    >>> is_pair((np.ones((2, 5, 3)), [5, 1])), is_pair((np.ones((2, 3)), np.ones((2, 3))))
    (True, False)
    """
    if type(x) is not tuple or len(x) != 2 or not isinstance(x[0], np.ndarray) or x[0].ndim < 2:
        return False
    lengths = np.array(x[1]) if type(x[1]) is list and not any(map(np.ndim, x[1])) else x[1]
    return isinstance(lengths, np.ndarray) and lengths.ndim == 1 and lengths.dtype.kind in "iu"


def values_of(x: Any) -> Any:
    """Return x of x or (x, lengths), for constructors: lengths play no part in the shape of a layer."""
    return x[0] if is_pair(x) else x


def stepwise(function: Vjp, read: Callable[[str, Any], np.ndarray] = floats, caller: str = "") -> Vjp:
    """Decorate the vjp of a layer that looks at each step alone so that it takes (x, lengths), returns (y, lengths).

    Beyond the lengths y and the gradient of x are 0. A float16 is computed in float32.

    Args:
        function: the vjp, which is given arrays alone.
        read: what makes an array of x, or raises: ``floats``, or ``as_array`` for symbols.
        caller: the layer's name, for messages; that of the function if it is empty.
    """
    wide, caller = widened(function), caller or function.__name__.removesuffix("_vjp")

    @functools.wraps(function)
    def stepwise_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        # The usual case, which must not wait.
        if type(x) is np.ndarray and x.dtype.char in WIDE:
            return function(layer, x, key)
        if is_pair(x):
            return _of_the_steps(caller, wide, layer, (read(caller, x[0]), x[1]), key)
        return wide(layer, read(caller, x), key)

    return stepwise_vjp


def _of_the_steps(caller: str, function: Vjp, layer: Any, x: Any, key: Any) -> tuple[Any, Pullback]:
    values = x[0]
    lengths = as_lengths(caller, x[1], *values.shape[:2])
    there = mask(lengths, values.shape[1])
    try:
        y, pullback = function(layer, values[there], key)
    except LayerValueError:
        if values.ndim > 2:
            raise
        hint = "of a batch (x, target) give the network x alone"
        found = f"expects sequences (n, time, features) beside lengths, got {values.shape}; {hint}"
        raise LayerValueError(caller, found) from None

    def steps_pullback(dy):
        dlayer, dx = pullback(dy[0][there])
        return dlayer, lambda: _with_no_gradient(_in_place(dx(), there), lengths)

    return (_in_place(y, there), lengths), steps_pullback


def _in_place(rows: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return rows at their steps, (n, time, ...), and 0 elsewhere."""
    values = np.zeros((*there.shape, *rows.shape[1:]), rows.dtype)
    values[there] = rows
    return values


def _with_no_gradient(dx: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return dx, np.zeros(lengths.shape, dx.dtype)


def over_time(function: Vjp, caller: str = "") -> Vjp:
    """Decorate as ``stepwise`` does the vjp of a layer that keeps (n, time) and needs to know where each step is."""
    wide, caller = widened(function, first_of), caller or function.__name__.removesuffix("_vjp")

    @functools.wraps(function)
    def over_time_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        if not is_pair(x):
            return wide(layer, x, key)
        lengths = as_lengths(caller, x[1], *x[0].shape[:2])
        y, pullback = wide(layer, zero_padding(x[0], lengths), key)

        def over_time_pullback(dy):
            dlayer, dx = pullback(zero_padding(dy[0], lengths))
            return dlayer, lambda: _with_no_gradient(zero_padding(dx(), lengths), lengths)

        return (zero_padding(y, lengths), lengths), over_time_pullback

    return over_time_vjp


def each_alone(function: Vjp) -> Vjp:
    """Decorate the vjp of a layer that mixes a row's steps so that it takes (x, lengths), each row as if it were alone.

    Rows of one length are evaluated together. A row of length 0 is 0. What the layer returns has steps if it has three
    axes or more, and then comes with lengths of its own; otherwise it is rows. A float16 is computed in float32.
    """
    wide, caller = widened(function), function.__name__.removesuffix("_vjp")

    @functools.wraps(function)
    def each_alone_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        if not is_pair(x):
            return wide(layer, x, key)
        values = floats(caller, x[0])
        if values.ndim != 3:
            found = f"expects lengths beside sequences (n, time, features) alone, got {values.shape}"
            raise LayerValueError(caller, found)
        lengths = as_lengths(caller, x[1], *values.shape[:2])
        whole, _ = wide(layer, values[:0], key)  # for its shape and dtype
        y, counts = np.zeros((len(values), *whole.shape[1:]), whole.dtype), np.zeros_like(lengths)
        parts: list[tuple[np.ndarray, Any, Pullback]] = []
        for length in np.unique(lengths[lengths > 0]):
            rows = np.flatnonzero(lengths == length)
            part, pullback = wide(layer, values[rows, :length], key)
            place = (rows, slice(part.shape[1])) if part.ndim > 2 else rows
            y[place] = part
            counts[rows] = part.shape[1]
            parts.append((rows, place, pullback))

        def each_alone_pullback(dy):
            dy = dy[0] if y.ndim > 2 else dy
            pulled = [(rows, *pullback(dy[place])) for rows, place, pullback in parts]
            dlayer = functools.reduce(tree.add, [dpart for _, dpart, _ in pulled], tree.zeros_like(layer))

            def dpair():
                dvalues = np.zeros(values.shape, np.result_type(dy, values))
                for rows, _, dx in pulled:
                    of_part = dx()
                    dvalues[rows, : of_part.shape[1]] = of_part
                return _with_no_gradient(dvalues, lengths)

            return dlayer, dpair

        return ((y, counts) if y.ndim > 2 else y), each_alone_pullback

    return each_alone_vjp
