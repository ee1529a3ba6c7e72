"""What layers over time share: sequences may come with lengths, and what lies beyond them counts for nothing.

unpack       : caller, x -> sequences (n, time, features), lengths, first state, number of parts
               x is sequences, or (sequences, lengths), or (sequences, lengths or None, first state or None)
mask         : lengths, time -> which steps belong to their rows (n, time)
zero_padding : values (n, time, ...), lengths -> the same with 0 beyond the lengths
last_steps   : lengths, n, time -> the last step of each row, and the rows
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import as_array, counting, floats, unshared
from fnn.core._errors import LayerTypeError, LayerValueError, describe


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
        lengths = _lengths(caller, lengths, *array.shape[:2])
    return array, lengths, state, len(parts)


def _lengths(caller: str, given: Any, n: int, time: int) -> np.ndarray:
    lengths = as_array(caller, given)
    if lengths.dtype.kind not in "iu":
        raise LayerTypeError(caller, f"expects integers as lengths, got {describe(given)}; convert them to int")
    if lengths.shape != (n,):
        raise LayerValueError(caller, f"expects one length a row, ({n},), got {lengths.shape}")
    if n and not 1 <= lengths.min() <= lengths.max() <= time:
        found = f"from {lengths.min()} to {lengths.max()}"
        raise LayerValueError(caller, f"expects lengths from 1 to {time}, the steps there are, got some {found}")
    return unshared(lengths)


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
    return values if lengths is None else np.where(mask(lengths, values.shape[1])[..., None], values, 0)


def last_steps(lengths: np.ndarray | None, n: int, time: int) -> tuple[Any, np.ndarray]:
    """Return the last step of each row, and the rows, as indices.

    >>> last_steps(np.array([2, 5]), 2, 5)
    (array([1, 4]), array([0, 1]))
    """
    return (time if lengths is None else lengths) - 1, counting(n)
