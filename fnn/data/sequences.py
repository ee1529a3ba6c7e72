"""Sequences as rows: of unequal lengths, padded to the longest; or cut from one long series, window by window.

pad_rows : rows of unequal lengths, length?           -> x (n, time, ...), lengths (n,)
windows  : series (time, ...), size, horizon?, stride? -> x (n, size, ...), target (n, horizon, ...)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, is_array
from fnn.core._errors import describe, finite_number, integer
from fnn.data._rows import as_numpy
from fnn.data._units import held


def pad_rows(rows: Iterable[Any], length: int | None = None, value: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of unequal lengths as one array (n, time, ...), padded at the end, and their lengths, int64 (n,).

    The pair is what layers over time take as ``x``: ``((x, lengths), target)`` is data, and what lies beyond a length
    counts for nothing.

    Args:
        rows: arrays (time, ...), alike but for the time, which may be 0.
        length: the time of the result; that of the longest row if None.
        value: what the padding holds.

    Raises ``TypeError`` for rows that are no arrays of real numbers, ``ValueError`` without rows, for a value that the
    dtype of the rows cannot hold, and with the number of a row that is longer than ``length`` or differs in shape.

    >>> x, lengths = pad_rows([np.array([5, 6, 7]), np.array([8])])
    >>> x, lengths
    (array([[5, 6, 7],
           [8, 0, 0]]), array([3, 1]))
    """
    if isinstance(rows, str | bytes | dict) or not isinstance(rows, Iterable) or (is_array(rows) and rows.ndim == 0):
        raise TypeError(f"pad_rows expects several arrays (time, ...), got {describe(rows)}")
    given = list(rows)
    arrays = [_sequence("pad_rows", f"row {i}", row) for i, row in enumerate(given)]
    if not arrays:
        raise ValueError("pad_rows expects at least one row, got none")
    # An empty list says nothing of its dtype or of what a step would be.
    known = [a for a, row in zip(arrays, given, strict=True) if a.size or is_array(row)] or arrays
    step, dtype = known[0].shape[1:], np.result_type(*{a.dtype for a in known})
    lengths = np.array([len(a) for a in arrays])
    time = int(lengths.max()) if length is None else integer("pad_rows: the length", length)
    for i, (array, row) in enumerate(zip(arrays, given, strict=True)):
        if array.shape[1:] != step and (array.size or is_array(row)):
            raise ValueError(f"pad_rows: row {i} must be {_shape('time', step)}, as those before it, got {array.shape}")
        if len(array) > time:
            raise ValueError(
                f"pad_rows: row {i} has {len(array)} steps, more than the length {time}; write row[:{time}]"
            )
    finite_number("pad_rows: the value", value)
    x = np.full((len(arrays), time, *step), held("pad_rows", value, dtype), dtype)
    for i, array in enumerate(arrays):
        if len(array):
            x[i, : len(array)] = array
    return x, lengths


def windows(
    series: np.ndarray, size: int, horizon: int = 1, stride: int = 1, *, target: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each window of a series, x (n, size, ...), and the ``horizon`` steps after it, target (n, horizon, ...).

    The window that begins at step i holds the steps from i up to but not including i + size, and its target those from
    i + size up to but not including i + size + horizon: no window sees what it is to foretell. Both are read-only views
    of the series: nothing is copied.

    To test honestly, cut the series in time and not the windows at random, which share most of their steps:
    ``windows(series[:cut], size)`` to train, and ``windows(series[cut - size :], size)`` to test, whose first target is
    the step ``cut``. Scale both by what is known before it, ``standardize(series, like=series[:cut])``.

    Args:
        series: (time, ...), in order, a value or a row of features for each step.
        size: steps in a window.
        horizon: steps to foretell.
        stride: steps from the beginning of a window to that of the next.
        target: the series to foretell, (time, ...), if it is another one than that which is seen, say
            ``series[:, :1]`` for the first feature.

    Raises ``TypeError`` unless the series are of real numbers, ``ValueError`` if one is too short for a window and its
    target, or they differ in length.

    >>> x, y = windows(np.arange(6.0), 3, horizon=2)
    >>> x, y
    (array([[0., 1., 2.],
           [1., 2., 3.]]), array([[3., 4.],
           [4., 5.]]))
    """
    series = _sequence("windows", "the series", series)
    size, horizon = integer("windows: the size", size), integer("windows: the horizon", horizon)
    stride = integer("windows: the stride", stride)
    target = series if target is None else _sequence("windows", "the target", target)
    if len(target) != len(series):
        raise ValueError(f"windows: series and target must have the same steps, got {len(series)} and {len(target)}")
    if len(series) < size + horizon:
        raise ValueError(
            f"windows: a window of {size} and its target of {horizon} need {size + horizon} steps, got {len(series)}; "
            "write a smaller size"
        )
    return _cut(series[: len(series) - horizon], size, stride), _cut(target[size:], horizon, stride)


def _cut(series: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Return a view of each ``stride``-th window, (n, size, ...)."""
    view = np.lib.stride_tricks.sliding_window_view(series, size, axis=0)
    return np.moveaxis(view, -1, 1)[::stride]


def _sequence(caller: str, name: str, given: Any) -> np.ndarray:
    """Return an array (time, ...) of real numbers, or raise in the name of ``caller``."""
    array = as_array(caller, given)
    if array.dtype.kind not in "biuf":
        remedy = as_numpy(array, name.removeprefix("the ").split()[0])
        hint = f"; write {remedy}" if remedy else ""
        raise TypeError(f"{caller} expects {name} as an array of real numbers, got {describe(given)}{hint}")
    if array.ndim == 0:
        raise ValueError(f"{caller} expects {name} as an array (time, ...), got a single number")
    return array


def _shape(first: str, rest: tuple[int, ...]) -> str:
    return f"({', '.join([first, *map(str, rest)])}{'' if rest else ','})"
