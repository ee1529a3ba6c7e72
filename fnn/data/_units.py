"""A unit in which values can be squared: in it, what is tiny does not vanish and what is huge does not overflow.

Beside it, whether a single value fits into a dtype.

magnitude : values, axis?         -> the power of 2 near the largest of them, in float64
centered  : values                -> values less their mean, by column, in units; the unit, the mean, its error
held      : caller, value, dtype  -> the value in the dtype, or an error
"""

from __future__ import annotations

import numpy as np


def magnitude(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the power of 2 that is as large as the largest value or up to twice smaller; values over it round nothing.

    >>> magnitude(np.array([0.75, -5.0])), np.array([0.75, -5.0]) / magnitude(np.array([0.75, -5.0]))
    (array(4.), array([ 0.1875, -1.25  ]))
    """
    _, exponent = np.frexp(np.abs(values).max(axis=axis).astype(np.float64))
    return np.asarray(np.ldexp(1.0, exponent - 1))


def centered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return each column less its mean, in float64 and in units of its largest value; the unit, the mean, its error.

    >>> [part.tolist() for part in centered(np.array([[1.0], [7.0]]))]
    [[[-0.75], [0.75]], [4.0], [1.0], [0.0]]
    """
    unit = magnitude(values, axis=0)
    d = values / unit
    mean = d.mean(axis=0)
    d -= mean
    error = d.mean(axis=0)  # of 1e16 and 1e16 + 2, whose mean is no float64, it is all that tells them apart
    d -= error
    return d, unit, mean, error


def held(caller: str, value: float, dtype: np.dtype) -> np.ndarray:
    """Return a value in a dtype, or raise ``ValueError`` in the name of ``caller`` if that cannot hold it.

    >>> held("cutout", 255.0, np.dtype(np.uint8))
    array(255, dtype=uint8)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        cast = np.array(value).astype(dtype)
    if not np.isfinite(cast) or (dtype.kind != "f" and cast != value):
        raise ValueError(f"{caller}: an array of {dtype} cannot hold the value {value}; write x.astype(np.float64)")
    return cast
