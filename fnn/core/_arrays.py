"""What layers ask of arrays: that they hold floats, that nobody else writes to them, that a finished one stays as is.

floats    : caller, x -> x as a float array, or an error in the name of the caller
as_array  : caller, x -> x as an array, or such an error          float_dtype : x -> the dtype of parameters
of_table  : table of pandas or polars -> array
read_only : array -> the same array, no longer writeable          unshared    : array -> itself, or a copy

zeros, ones, counting : n -> an array, the same each time
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np

from fnn.core._errors import LayerTypeError, describe
from fnn.core._foreign import conversion, is_table, of_table

WIDE = "fdg"  # the characters of float32, float64 and long double, which are computed in as they are


# isinstance would leave a type checker with ndarray[Unknown, Unknown].
def is_array(value: Any) -> TypeGuard[np.ndarray]:
    """Return True if a value is an array of NumPy's."""
    return isinstance(value, np.ndarray)


def is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Return True if a value is a tuple."""
    return isinstance(value, tuple)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return an array that the library has just made as a read-only one. Never for an array that came from outside.

    Writing into an array inside the function that created it is fine: mutation that nobody can observe is no effect.
    After this call nobody can.

    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    array.setflags(write=False)
    return array


def floats(caller: str, x: Any) -> np.ndarray:
    """Return ``x`` as an array of floats: floats as they are, integers and booleans as float32.

    Bytes are not computed with as they come: ``uint8`` pixels wrap around at 256.

    Raises ``TypeError`` in the name of ``caller`` for anything but real numbers.

    >>> floats("relu", np.array([0, 255], np.uint8))
    array([  0., 255.], dtype=float32)
    """
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return x
    array = as_array(caller, x)
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float32)
    hint = "convert it, say x.astype(np.float32)"
    raise LayerTypeError(caller, f"expects an array of real numbers, got {describe(x)}; {hint}")


def as_array(caller: str, x: Any) -> np.ndarray:
    """Return ``x`` as an array.

    Arrays of other libraries and tables of pandas or polars are taken as NumPy reads them. Raises ``TypeError`` in the
    name of ``caller`` for those that it cannot read, rows of unequal lengths, a masked array, a tuple of arrays.
    """
    if type(x) is np.ndarray:
        return x
    if isinstance(x, np.ma.MaskedArray):
        raise LayerTypeError(caller, "expects a plain array, got a masked one; fill its gaps, say x.filled(0)")
    if is_tuple(x) and any(map(is_array, x)):  # NumPy would stack them, if their shapes happen to agree
        hint = "join them with concatenate or add, or take one with pick"
        raise LayerTypeError(caller, f"expects an array, got a tuple of {len(x)}; {hint}")
    try:
        return of_table(x) if is_table(x) else np.asarray(x)
    except ValueError:
        raise LayerTypeError(caller, f"expects an array, got rows of unequal lengths: {describe(x)}") from None
    except (TypeError, RuntimeError):  # such as one on a GPU, or one that PyTorch follows for its own gradients
        remedy = conversion(x, "x") or "np.asarray(x)"
        raise LayerTypeError(caller, f"expects an array of NumPy's, got {describe(x)}; write {remedy}") from None


def float_dtype(x: np.ndarray) -> np.dtype:
    """Return the dtype that parameters take from data: the data's own if it is a float, else float32."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


@lru_cache(maxsize=8)  # of up to a megabyte each
def zeros(n: int, dtype: np.dtype) -> np.ndarray:
    """Return ``n`` zeros, the same array each time."""
    return read_only(np.zeros(n, dtype))


@lru_cache(maxsize=64)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """Return ``n`` ones, the same array each time."""
    return read_only(np.ones(n, dtype))


@lru_cache(maxsize=64)
def counting(n: int) -> np.ndarray:
    """Return the numbers 0 to n - 1, the same array each time."""
    return read_only(np.arange(n))


def unshared(x: np.ndarray) -> np.ndarray:
    """Return an array, or a copy if somebody could write to it: for layers that return their input."""
    return x.copy() if x.flags.writeable else x
