"""Rows that belong together stay together: what holds for every tuple of arrays that is called data.

    require_rows  : caller, data -> data, n        take_rows : data, index -> data
    as_numpy      : value, name -> how to write it as an array of real numbers, or nothing

A part of the data may be a tuple itself, ``((x, more), target)``, for a network with several inputs or outputs. What
a loss may do without, a target or weights, may be None, ``(x, target, None)``, and is None in each batch. Tables
and arrays of other libraries are taken, once, as NumPy reads them, here as in all that takes arrays. What NumPy cannot
read is refused, and so is what would be loaded as a whole although it was made to be read in parts.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.core._foreign import conversion, is_table, of_table

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
    plain = tuple([_plain(caller, each, f"data[{i}]", lengths, optional=i > 0) for i, each in enumerate(data)])
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{caller}: the arrays must have the same number of rows, got {' and '.join(map(str, lengths))}"
        )
    if lengths[0] == 0:
        raise ValueError(f"{caller}: the data has no rows")
    return plain, lengths[0]


def _plain(caller: str, part: Any, place: str, lengths: list[int], optional: bool) -> Any:
    """Return a part of the data as plain arrays, or None if it is optional; append each length to ``lengths``."""
    if part is None and optional:
        return None
    if isinstance(part, tuple) and part:
        return tuple([_plain(caller, each, f"{place}[{i}]", lengths, optional) for i, each in enumerate(part)])
    if isinstance(part, np.ma.MaskedArray):
        raise TypeError(
            f"{caller}: {place} must be a plain array, got a masked one; replace its gaps, {place}.filled(0)"
        )
    array = part if isinstance(part, np.ndarray) else _read(part)
    if array is None or array.dtype.kind not in "biuf":
        remedy = as_numpy(part, place) if array is None or not is_table(part) else _of_text(part, array, place)
        hint = f"; write {remedy}" if remedy else ""
        raise TypeError(f"{caller}: {place} must be an array of real numbers, got {describe(part)}{hint}")
    if array.ndim == 0:
        raise ValueError(f"{caller}: {place} must have rows, got a single number")
    lengths.append(len(array))
    return np.asarray(array)


def _read(part: Any) -> np.ndarray | None:
    """Return a table or an array of another library as NumPy's, or None for all else."""
    in_parts = isinstance(getattr(part, "chunks", None), tuple)  # an array of Dask, Zarr or h5py
    if isinstance(part, list | range | array) or in_parts or hasattr(part, "toarray") or not conversion(part, ""):
        return None
    try:
        return of_table(part) if is_table(part) else np.asarray(part)
    except (TypeError, RuntimeError):  # such as one on a GPU
        return None


def _of_text(table: Any, array: np.ndarray, name: str) -> str:
    """Return what to write instead of a table with columns that are no numbers."""
    if array.ndim == 1:
        return as_numpy(array, name)
    first = next((each for each in table.columns if of_table(table[each]).dtype.kind not in "biuf"), table.columns[0])
    return f"numbers for the text or the gaps of its column {first!r}, say with ColumnTransformer of scikit-learn"


def as_numpy(value: Any, name: str) -> str:
    """Return how to write a value as an array of real numbers, or nothing if it cannot be one.

    >>> as_numpy([1, 2], "x"), as_numpy(memoryview(b"12"), "x"), as_numpy(np.array(["a", "b"]), "x"), as_numpy(max, "x")
    ('np.array(...)', 'np.asarray(x)', 'np.unique(x, return_inverse=True)[1]', '')
    """
    if isinstance(value, list | range | array):
        return "np.array(...)"
    if hasattr(value, "toarray") and not isinstance(value, type):  # a sparse matrix of SciPy
        return f"{name}.toarray()"
    if isinstance(value, np.ndarray) and value.dtype.kind in "SUTO":
        text = value.dtype.kind != "O" or any(isinstance(each, str) for each in value.flat)
        return f"np.unique({name}, return_inverse=True)[1]" if text else f"{name}.astype(np.float32)"
    return conversion(value, name)


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
    return part if part is None else part.take(index, 0) if part.flags.c_contiguous else part[index]
