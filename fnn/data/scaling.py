"""Inputs, and targets that are numbers, train best at mean 0 and standard deviation 1: there and back again.

standardization : like                   -> Standardization, the mean and standard deviation of each column
standardize     : x, like?               -> (x - mean) / standard deviation
unstandardize   : y, a Standardization   -> y * standard deviation + mean
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import as_array, float_dtype, floats, read_only
from fnn.core._errors import describe
from fnn.core.record import Record
from fnn.data._units import centered


class Standardization(Record):
    """The mean and the standard deviation of each column, in float64: what ``standardize`` takes off and divides by.

    A column that is constant has a standard deviation of 1 here. ``error`` is what the mean is off by, which a float64
    cannot hold, and ``unit`` the power of 2 in which the columns are computed with. It is a tree, so ``save`` and
    ``load`` take it beside the network that was trained on what it made: ``save(path, (net, scaling))``.
    """

    mean: np.ndarray
    std: np.ndarray
    error: np.ndarray
    unit: np.ndarray


def standardization(like: np.ndarray) -> Standardization:
    """Return the mean and the standard deviation of each column of ``like`` (n, ...), say of the training set.

    Raises ``TypeError`` unless it is an array of real numbers, ``ValueError`` without rows, for NaN or infinity.

    >>> scaling = standardization(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> scaling.mean, scaling.std
    (array([2., 5.]), array([1., 1.]))
    >>> y = standardize(np.array([[4.0, 5.0]]), like=scaling)
    >>> y, unstandardize(y, scaling)
    (array([[2., 0.]]), array([[4., 5.]]))
    """
    return _of(like, "standardization")


def _of(like: Any, caller: str) -> Standardization:
    like = _exact(caller, like)
    if like.ndim == 0 or len(like) == 0:
        raise ValueError(f"{caller} expects like as rows (n, ...), at least one, got {like.shape}")
    if not np.isfinite(like).all():
        raise ValueError(f"{caller}: the data holds NaN or infinity; take those rows out first")
    d, unit, mean, error = centered(like)
    std = np.sqrt(np.square(d, out=d).mean(axis=0))
    constant = like.max(axis=0) == like.min(axis=0)  # of such a column even this mean can be off in its last bit
    constant |= std * unit == 0  # no float64 is as small as its standard deviation
    usual = (mean * unit, std * unit, error * unit, unit)
    parts = [np.where(constant, *pair) for pair in zip((like[0], 1.0, 0.0, 1.0), usual, strict=True)]
    return Standardization(*[read_only(np.asarray(part, np.float64)) for part in parts])


def standardize(x: np.ndarray, like: np.ndarray | Standardization | None = None) -> np.ndarray:
    """Return (x - mean) / standard deviation, column by column; a column that is constant becomes 0.

    Both are those of ``like``, or of ``x`` itself: scale a test set as its training set was scaled, with
    ``standardize(test, like=train)``, or with what ``standardization(train)`` keeps of it.

    Raises ``TypeError`` unless both are arrays of real numbers, ``ValueError`` if the shapes of their rows differ,
    ``like`` has no rows, or there is NaN or infinity.

    >>> standardize(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    dtype, x = float_dtype(as_array("standardize", x)), _exact("standardize", x)
    if not isinstance(like, Standardization):
        like = x if like is None else _exact("standardize", like)
        if like.ndim == 0 or len(like) == 0:
            raise ValueError(_unlike(x, like.shape))
    row = like.mean.shape if isinstance(like, Standardization) else like.shape[1:]
    if x.ndim == 0 or x.shape[1:] != row:
        raise ValueError(_unlike(x, ("n", *row) if isinstance(like, Standardization) else like.shape))
    if not np.isfinite(x).all():
        raise ValueError("standardize: the data holds NaN or infinity; take those rows out first")
    scaling = like if isinstance(like, Standardization) else _of(like, "standardize")
    with np.errstate(over="ignore"):
        y = x / scaling.unit
        y -= scaling.mean / scaling.unit
        y -= scaling.error / scaling.unit
        y /= scaling.std / scaling.unit
        y = y.astype(dtype)
    if not np.isfinite(y).all():
        raise ValueError(f"standardize: so far from the mean of like, some of x are too large for {dtype}")
    return y


def _exact(caller: str, x: Any) -> np.ndarray:
    """Return x as floats that hold what it holds: a float32 would round integers from 2**24 on, such as times."""
    array = as_array(caller, x)
    return array.astype(np.float64) if array.dtype.kind in "iu" and array.dtype.itemsize > 2 else floats(caller, x)


def _unlike(x: np.ndarray, like: tuple[Any, ...]) -> str:
    shape = f"({', '.join(map(str, like))}{',' if len(like) == 1 else ''})"
    return (
        f"standardize expects x and like as rows of the same shape, like with at least one, got {x.shape} and {shape}"
    )


def unstandardize(y: np.ndarray, scaling: Standardization) -> np.ndarray:
    """Return y * standard deviation + mean, column by column: predictions in the units of the target again.

    Up to rounding it undoes ``standardize(x, like=scaling)``.

    Raises ``TypeError`` unless y is an array of real numbers and the scaling what ``standardization`` returns,
    ``ValueError`` if the shape of its rows is another one, for NaN or infinity, or for what its dtype cannot hold.

    >>> unstandardize(np.array([-1.0, 0.0]), standardization(np.array([2.0, 6.0])))
    array([2., 4.])
    """
    y = floats("unstandardize", y)
    if not isinstance(scaling, Standardization):
        raise TypeError(f"unstandardize expects what standardization(train) returns, got {describe(scaling)}")
    if y.ndim == 0 or y.shape[1:] != scaling.mean.shape:
        raise ValueError(f"unstandardize expects rows {scaling.mean.shape}, as of the scaling, got {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError("unstandardize: y holds NaN or infinity")
    with np.errstate(over="ignore"):
        x = y * (scaling.std / scaling.unit)
        x += scaling.error / scaling.unit
        x += scaling.mean / scaling.unit
        x = (x * scaling.unit).astype(y.dtype)
    if not np.isfinite(x).all():
        raise ValueError(f"unstandardize: some values are too large for {y.dtype}; write y.astype(np.float64)")
    return x
