"""Where weights start: random enough to differ, small enough that signals neither vanish nor explode.

    initializer : key, shape, dtype -> array

The last two numbers of a weight's shape are its inputs and outputs; those before (a kernel's height and width)
multiply both. Options are bound with ``functools.partial``, as in ``partial(normal, std=0.01)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import read_only
from fnn.core.keys import Key, fold_in, normals, uniforms

__all__ = [
    "zeros", "ones", "constant", "uniform", "normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
    "lecun_uniform", "lecun_normal", "orthogonal",
]  # fmt: skip

Shape = tuple[int, ...]
Dtype = Any
Initializer = Callable[[Key, Shape, Dtype], np.ndarray]


def _made(values: np.ndarray, dtype: Dtype) -> np.ndarray:
    return read_only(np.asarray(values, dtype))


def constant(key: Key | None, shape: Shape, dtype: Dtype = np.float32, *, value: float = 0.0) -> np.ndarray:
    """Return an array of one value; the key is not used."""
    return _made(np.full(shape, value), dtype)


def zeros(key: Key | None, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Return an array of zeros; the key is not used.

    >>> zeros(None, (2,))
    array([0., 0.], dtype=float32)
    """
    return constant(key, shape, dtype, value=0.0)


def ones(key: Key | None, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Return an array of ones; the key is not used.

    >>> ones(None, (2,))
    array([1., 1.], dtype=float32)
    """
    return constant(key, shape, dtype, value=1.0)


def uniform(key: Key, shape: Shape, dtype: Dtype = np.float32, *, low: float = -0.05, high: float = 0.05) -> np.ndarray:
    """Draw from [low, high).

    >>> uniform(Key(0), (2,), low=0.0, high=10.0)
    array([6.369617 , 2.6978672], dtype=float32)
    """
    return _made(low + (high - low) * uniforms(key, shape), dtype)


def normal(key: Key, shape: Shape, dtype: Dtype = np.float32, *, std: float = 1.0) -> np.ndarray:
    """Draw from the normal distribution with mean 0 and standard deviation ``std``."""
    return _made(std * normals(key, shape), dtype)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(
            f"initializer: a weight has at least two axes (inputs, outputs), got the shape {shape}; "
            "for a bias take zeros, uniform or normal"
        )
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def _variance_of(fan: str, scale: float, shape: Shape) -> float:
    fan_in, fan_out = _fans(shape)
    return scale / max(1.0, {"in": fan_in, "mean": (fan_in + fan_out) / 2}[fan])


def _scaled_uniform(key: Key, shape: Shape, dtype: Dtype, *, fan: str, scale: float) -> np.ndarray:
    limit = math.sqrt(3.0 * _variance_of(fan, scale, shape))
    return uniform(key, shape, dtype, low=-limit, high=limit)


def _scaled_normal(key: Key, shape: Shape, dtype: Dtype, *, fan: str, scale: float) -> np.ndarray:
    return normal(key, shape, dtype, std=math.sqrt(_variance_of(fan, scale, shape)))


def glorot_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 2 / (inputs + outputs): Glorot and Bengio, 2010."""
    return _scaled_uniform(key, shape, dtype, fan="mean", scale=1.0)


def glorot_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 2 / (inputs + outputs): Glorot and Bengio, 2010."""
    return _scaled_normal(key, shape, dtype, fan="mean", scale=1.0)


def he_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 2 / inputs, for ReLU, which stops half of the signal: He et al., 2015."""
    return _scaled_uniform(key, shape, dtype, fan="in", scale=2.0)


def he_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 2 / inputs: He et al., 2015."""
    return _scaled_normal(key, shape, dtype, fan="in", scale=2.0)


def lecun_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 1 / inputs: LeCun et al., 1998."""
    return _scaled_uniform(key, shape, dtype, fan="in", scale=1.0)


def lecun_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 1 / inputs: LeCun et al., 1998."""
    return _scaled_normal(key, shape, dtype, fan="in", scale=1.0)


def orthogonal(key: Key, shape: Shape, dtype: Dtype = np.float32, *, gain: float = 1.0) -> np.ndarray:
    """Draw a matrix whose rows (or columns, if there are fewer) are orthonormal, times ``gain``; Saxe et al., 2014.

    >>> w = orthogonal(Key(0), (3, 3), np.float64)
    >>> bool(np.allclose(w @ w.T, np.eye(3)))
    True
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = normals(fold_in(key, 0), (max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # without this the distribution would not be uniform
    return _made(gain * (q if rows >= columns else q.T).reshape(shape), dtype)
