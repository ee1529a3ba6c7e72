"""What layers ask of arrays: that they hold floats, that nobody else writes to them, that a finished one stays as is.

read_only : array -> the same array, no longer writeable
floats    : caller, x -> x as a float array, or an error that names ``caller``
unshared  : array -> itself, or a copy if somebody could write to it
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from fnn.core._errors import LayerTypeError, describe


def read_only(array: np.ndarray) -> np.ndarray:
    """Close an array that the library has just made. Never for an array that came from outside.

    Writing into an array inside the function that created it is fine: mutation that nobody can observe
    is no effect. This is the moment at which it ends.

    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    array.setflags(write=False)
    return array


def floats(caller: str, x: Any) -> np.ndarray:
    """Take ``x`` as floats: float arrays as they are, integers and booleans as float32.

    Bytes must not be computed with as they come: ``uint8`` pixels wrap round at 256.
    Raises a ``TypeError`` in the name of ``caller`` for anything that is not real numbers.

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
    raise LayerTypeError(
        caller, f"expects an array of real numbers, got {describe(x)}; convert it, say x.astype(np.float32)"
    )


def as_array(caller: str, x: Any) -> np.ndarray:
    """Take ``x`` as an array; a list whose rows have unequal lengths is a ``TypeError`` in the name of ``caller``."""
    if type(x) is np.ndarray:
        return x
    if isinstance(x, np.ma.MaskedArray):
        raise LayerTypeError(
            caller, "expects a plain array, got a masked one; say what stands in its gaps, x.filled(0)"
        )
    if isinstance(x, tuple) and any(isinstance(part, np.ndarray) for part in x):
        # NumPy would stack them, if their shapes happen to agree.
        raise LayerTypeError(
            caller,
            f"expects an array, got a tuple of {len(x)}; join them with concatenate or add, or take one with pick",
        )
    try:
        return np.asarray(x)
    except ValueError:
        raise LayerTypeError(caller, f"expects an array, got rows of unequal lengths: {describe(x)}") from None


def float_dtype(x: np.ndarray) -> np.dtype:
    """Give the dtype that parameters take from data: the data's own if it is floating, else float32."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


@lru_cache(maxsize=64)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """Give ``n`` ones, the same array each time."""
    return read_only(np.ones(n, dtype))


def sum_of_rows(values: np.ndarray) -> np.ndarray:
    """Sum over all axes but the last, as a product with ones: faster than a sum, and more exact. Gives a closed array.

    >>> sum_of_rows(np.ones((2, 3, 2)))
    array([6., 6.])
    """
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    return read_only(ones(len(rows), rows.dtype).dot(rows))


@lru_cache(maxsize=64)
def counting(n: int) -> np.ndarray:
    """Give the numbers 0 to n - 1, the same array each time."""
    return read_only(np.arange(n))


def unshared(x: np.ndarray) -> np.ndarray:
    """Copy an array that somebody could write to; for layers that would hand their input on."""
    return x.copy() if x.flags.writeable else x
