"""Rows that belong together stay together: what holds for every tuple of arrays that is called data.

    require_rows : caller, data -> data, n          take_rows : data, index -> data

A part of the data may be a tuple itself, ``((x, more), target)``, for a network with several inputs or outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._errors import describe

Data = tuple[Any, ...]


def require_rows(caller: str, data: Any) -> tuple[Data, int]:
    """Return data as plain arrays, with the number of rows.

    Raises ``TypeError`` unless it is a tuple of arrays of numbers, ``ValueError`` if the lengths differ or are 0.

    >>> require_rows("batches", (np.zeros((5, 2)), np.arange(5)))[1]
    5
    """
    if not isinstance(data, tuple) or not data:
        raise TypeError(f"{caller} expects a tuple of arrays, say (x, target), got {describe(data)}")
    lengths: list[int] = []
    plain = _plain(caller, data, "data", lengths)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{caller}: the arrays must have the same number of rows, got {' and '.join(map(str, lengths))}"
        )
    if lengths[0] == 0:
        raise ValueError(f"{caller}: the data has no rows")
    return plain, lengths[0]


def _plain(caller: str, part: Any, place: str, lengths: list[int]) -> Any:
    """Return a part of the data as plain arrays, and append the length of each to ``lengths``."""
    if isinstance(part, tuple) and part:
        return tuple([_plain(caller, each, f"{place}[{i}]", lengths) for i, each in enumerate(part)])
    if isinstance(part, np.ma.MaskedArray):
        raise TypeError(
            f"{caller}: {place} must be a plain array, got a masked one; replace its gaps, {place}.filled(0)"
        )
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "biuf":
        hint = "; write np.array(...)" if isinstance(part, list) else ""
        raise TypeError(f"{caller}: {place} must be an array of real numbers, got {describe(part)}{hint}")
    if part.ndim == 0:
        raise ValueError(f"{caller}: {place} must have rows, got a single number")
    lengths.append(len(part))
    return np.asarray(part)


def take_rows(data: Data, index: np.ndarray) -> Data:
    """Return the rows at ``index``, as new arrays.

    >>> take_rows((np.array([1.0, 2.0, 3.0]),), np.array([2, 0]))
    (array([3., 1.]),)
    """
    return tuple([_taken(part, index) for part in data])


def _taken(part: Any, index: np.ndarray) -> Any:
    if isinstance(part, tuple):
        return take_rows(part, index)
    # take() is twice as fast as part[index], but first makes a copy of the whole of an array that is not in C order.
    return part.take(index, 0) if part.flags.c_contiguous else part[index]
