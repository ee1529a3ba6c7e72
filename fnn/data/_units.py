"""A unit in which values can be squared: in it, what is tiny does not vanish and what is huge does not overflow.

magnitude : values, axis? -> the power of 2 near the largest of them, in float64
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
