"""Arrays and tables of other libraries, which are known by what they offer, so that no other library is imported.

conversion : value, name -> how to write it as an array of NumPy's, or nothing if it is no foreign array
is_table   : value -> whether it is a frame or series          of_table : table -> array
"""

from __future__ import annotations

from typing import Any

import numpy as np


def is_table(value: Any) -> bool:
    """Return True for a frame or series of pandas or polars, known by what it offers."""
    return hasattr(value, "to_numpy") and not isinstance(value, type)


def of_table(table: Any) -> np.ndarray:
    """Return a frame or series as an array; of objects only if its columns hold more than numbers of several kinds."""
    array: np.ndarray = np.asarray(table.to_numpy())
    if array.dtype.kind == "O" and array.size and all(isinstance(each, _REAL) for each in array.flat):
        return np.array(array.tolist())
    return array


_REAL = (int, float, np.bool_, np.integer, np.floating)


def conversion(value: Any, name: str) -> str:
    """Return how to write an array of another library as NumPy's, or nothing if the value is no such array.

    It is known by what it offers, so that no other library is imported.

    >>> conversion(memoryview(b"abc"), "weight"), conversion(1.5, "rate")
    ('np.asarray(weight)', '')
    """
    if value.__class__ in _PLAIN or isinstance(value, type | np.ndarray | np.generic) or hasattr(value, "__record__"):
        return ""
    if hasattr(value, "to_numpy"):
        return f"{name}.to_numpy()"
    if hasattr(value, "detach"):
        return f"np.asarray({name}.detach().cpu())"
    if hasattr(value, "__cuda_array_interface__"):
        return f"np.asarray({name}.get())"
    return f"np.asarray({name})" if any(hasattr(value, each) for each in _OFFERED) else ""


_PLAIN = frozenset({int, float, str, bool, tuple, type(None)})  # most settings, which cost no more than this look
_OFFERED = ("__array__", "__array_interface__", "__dlpack__", "ndim")
