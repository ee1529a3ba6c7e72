"""Weights start random enough to differ, and small enough that signals neither vanish nor explode.

    initializer : key, shape, dtype -> array

The array is read-only, and float32 unless another dtype is given. The last two axes of a weight's shape are its inputs
and outputs; those before them, a kernel's height and width, multiply both. Settings are bound with
``functools.partial``, as in ``dense(64, weight=partial(normal, std=0.01))``.
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


def _finished(values: np.ndarray, dtype: Dtype) -> np.ndarray:
    return read_only(np.asarray(values, dtype))


def constant(key: Key | None, shape: Shape, dtype: Dtype = np.float32, *, value: float = 0.0) -> np.ndarray:
    """Return an array of one value.

    Args:
        key, shape, dtype: those of every initializer; the key is not used.
        value: the value.

    >>> constant(None, (2,), value=0.5)
    array([0.5, 0.5], dtype=float32)
    """
    return _finished(np.full(shape, value), dtype)


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
    """Draw uniformly from [low, high).

    Args:
        key, shape, dtype: those of every initializer.
        low, high: the limits.

    >>> uniform(Key(0), (2,), low=0.0, high=10.0)
    array([6.369617 , 2.6978672], dtype=float32)
    """
    return _finished(low + (high - low) * uniforms(key, shape), dtype)


def normal(key: Key, shape: Shape, dtype: Dtype = np.float32, *, std: float = 1.0) -> np.ndarray:
    """Draw from the normal distribution with mean 0 and standard deviation ``std``.

    Args:
        key, shape, dtype: those of every initializer.
        std: the standard deviation.

    >>> normal(Key(0), (2,), std=0.01).round(4)
    array([0.0138, 0.0079], dtype=float32)
    """
    return _finished(std * normals(key, shape), dtype)


def _fans(shape: Shape) -> tuple[int, int]:
    """Return how many inputs each output depends on, and how many outputs each input reaches."""
    if len(shape) < 2:
        raise ValueError(
            f"initializer: a weight has at least two axes (inputs, outputs), got the shape {shape}; "
            "for a bias take zeros, uniform or normal"
        )
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def _uniform_of_variance(key: Key, shape: Shape, dtype: Dtype, variance: float) -> np.ndarray:
    limit = math.sqrt(3.0 * variance)
    return uniform(key, shape, dtype, low=-limit, high=limit)


def _normal_of_variance(key: Key, shape: Shape, dtype: Dtype, variance: float) -> np.ndarray:
    return normal(key, shape, dtype, std=math.sqrt(variance))


def _glorot(shape: Shape) -> float:
    fan_in, fan_out = _fans(shape)
    return 1.0 / max(1.0, (fan_in + fan_out) / 2)


def _he(shape: Shape) -> float:
    return 2.0 / max(1.0, _fans(shape)[0])


def _lecun(shape: Shape) -> float:
    return 1.0 / max(1.0, _fans(shape)[0])


def glorot_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""
    return _uniform_of_variance(key, shape, dtype, _glorot(shape))


def glorot_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""
    return _normal_of_variance(key, shape, dtype, _glorot(shape))


def he_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 2 / inputs, for relu, which stops half of the signal (He et al., 2015)."""
    return _uniform_of_variance(key, shape, dtype, _he(shape))


def he_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 2 / inputs (He et al., 2015)."""
    return _normal_of_variance(key, shape, dtype, _he(shape))


def lecun_uniform(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw uniformly, with variance 1 / inputs (LeCun et al., 1998)."""
    return _uniform_of_variance(key, shape, dtype, _lecun(shape))


def lecun_normal(key: Key, shape: Shape, dtype: Dtype = np.float32) -> np.ndarray:
    """Draw from the normal distribution, with variance 1 / inputs (LeCun et al., 1998)."""
    return _normal_of_variance(key, shape, dtype, _lecun(shape))


def orthogonal(key: Key, shape: Shape, dtype: Dtype = np.float32, *, gain: float = 1.0) -> np.ndarray:
    """Draw a matrix whose rows, or columns if there are fewer, are orthonormal, times ``gain`` (Saxe et al., 2014).

    Args:
        key, shape, dtype: those of every initializer; of more than two axes, all but the last are rows.
        gain: the factor.

    >>> w = orthogonal(Key(0), (3, 3), np.float64)
    >>> bool(np.allclose(w @ w.T, np.eye(3)))
    True
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = normals(fold_in(key, 0), (max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # without this the distribution would not be uniform
    return _finished(gain * (q if rows >= columns else q.T).reshape(shape), dtype)
