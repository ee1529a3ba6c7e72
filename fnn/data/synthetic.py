"""Data that is made, so that the answer is known.

line  : n, noise, key -> x (n, 1), y (n, 1)           a straight line, for regression
moons : n, noise, key -> x (n, 2), label (n,)         two half circles, for classification
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.data.rows import Data, take_rows
from fnn.errors import number, whole
from fnn.keys import Key, fold_in, normals, permutation, require_key, uniforms


def line(
    n: int, noise: float, key: Key, *, slope: float = 2.0, intercept: float = 1.0, dtype: Any = np.float32
) -> Data:
    """Draw x from [-1, 1) and give y = slope x + intercept + noise; ``noise`` is a standard deviation.

    >>> x, y = line(100, 0.0, Key(0))
    >>> x.shape, y.shape, bool(np.allclose(y, 2 * x + 1))
    ((100, 1), (100, 1), True)
    """
    _require("line", n, noise, key)
    x = 2 * uniforms(fold_in(key, 0), (n, 1)) - 1
    y = slope * x + intercept + noise * normals(fold_in(key, 1), (n, 1))
    return x.astype(dtype), y.astype(dtype)


def moons(n: int, noise: float, key: Key, *, dtype: Any = np.float32) -> Data:
    """Give points on two interleaving half circles of radius 1, in random order, with their labels, 0 and 1.

    The upper moon is centred on (0, 0), the lower on (1, 0.5); ``noise`` is the standard deviation of what is added to
    both coordinates. These are the moons of scikit-learn.

    >>> x, label = moons(5000, 0.1, Key(0))
    >>> x.shape, label.shape, np.bincount(label)
    ((5000, 2), (5000,), array([2500, 2500]))
    """
    _require("moons", n, noise, key)
    upper = np.linspace(0, np.pi, n // 2)
    lower = np.linspace(0, np.pi, n - n // 2)
    x = np.concatenate([np.cos(upper), 1 - np.cos(lower), np.sin(upper), 0.5 - np.sin(lower)]).reshape(2, n).T
    label = np.repeat([0, 1], [n // 2, n - n // 2]).astype(np.int64)
    x, label = take_rows((x, label), permutation(fold_in(key, 0), n))
    return (x + noise * normals(fold_in(key, 1), (n, 2))).astype(dtype), label


def _require(who: str, n: Any, noise: Any, key: Any) -> None:
    whole(f"{who}: the number of rows", n, 2)
    number(f"{who}: the noise, a standard deviation,", noise)
    require_key(who, key)
