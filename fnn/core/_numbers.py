"""What is a number for one network may be an array (n,) for an ensemble: one for each of its members.

numbers, positives : name, value, ... -> a float, or such an array, or an error that begins with the name
plain              : value -> an array as it is, another number as a float
for_each           : name, array (n,), gradient (n, size) -> the array as (n, 1), of the gradient's dtype
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._arrays import is_array, read_only
from fnn.core._errors import describe, number, positive

Numbers = float | np.ndarray


def numbers(what: str, value: Any, minimum: float = 0.0, below: float = math.inf) -> Any:
    """Return a finite number as a float, or an array (n,) of them as one of float64, or raise as ``number`` does.

    >>> numbers("sgd: momentum", 0.9), numbers("sgd: momentum", np.array([0.5, 0.9]), below=1)
    (0.9, array([0.5, 0.9]))
    """
    if not is_array(value) or value.ndim == 0:
        return number(what, value, minimum, below)
    if value.ndim != 1 or not value.size or value.dtype.kind not in "iuf":
        raise TypeError(f"{what} must be a number, or an array (n,), one for each member, got {describe(value)}")
    if not ((value >= minimum) & (value < below)).all():
        for place, each in enumerate(value):
            number(f"{what}, of member {place},", each, minimum, below)
    return read_only(value.astype(np.float64))


def positives(what: str, value: Any, why: str = "") -> Any:
    """Return numbers above 0 as ``numbers`` does, or raise with the words ``why`` at the end.

    >>> positives("descend: the learning rate", np.array([1, 2]))
    array([1., 2.])
    """
    if not is_array(value):
        return positive(what, value, why)
    value = numbers(what, value)
    if not value.all():
        positive(f"{what}, of member {int(value.argmin())},", 0.0, why)
    return value


def plain(value: Any) -> Any:
    """Return an array as it is, and any other number as a float.

    >>> plain(np.float64(0.5)), plain(np.array([1.0]))
    (0.5, array([1.]))
    """
    return value if is_array(value) else float(value)


def for_each(what: str, values: Any, g: np.ndarray) -> np.ndarray:
    """Return one number for each member, (n,), to be multiplied with what has a row for each, or raise.

    >>> for_each("descend: the learning rate", np.array([0.5, 2.0]), np.ones((2, 3))) * np.ones((2, 3))
    array([[0.5, 0.5, 0.5],
           [2. , 2. , 2. ]])
    """
    if g.ndim == 1:
        n = len(values)
        raise ValueError(
            f"{what} has {n} values, one for each member, but there is a single network; write a number, or make "
            f"an ensemble of {n}"
        )
    if len(values) != len(g):
        raise ValueError(f"{what} must have a value for each of {len(g)} members, got {describe(values)}")
    return values.astype(g.dtype, copy=False)[:, None]
