"""Normalization keeps the values inside a network at mean 0 and standard deviation 1, whatever the weights before it.

    batch_norm : -> constructor          BatchNorm : x (n, ..., features) -> y, each feature over all rows of the batch
                                         Scale     : x (n, ..., features) -> y = x * scale + shift

y = scale (x - mean) / sqrt(variance + epsilon) + shift, with the variance of the values at hand: the sum of squares
over n and not n - 1. Parameters start at scale 1 and shift 0. After training a batch norm becomes a ``Scale``.
``layer_norm`` and ``group_norm`` look at each row alone; ``_normalization`` has the formula and its gradient.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, positive
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers import initializers
from fnn.layers._constructor import Construct, constructor
from fnn.layers._normalization import mean_over_rows, normalized, pulled_back
from fnn.layers._sequences import is_pair, mask, stepwise, values_of
from fnn.layers._stable import sum_of_rows


class Scale(Record):
    """y = x * scale + shift, feature by feature, the last axis."""

    scale: np.ndarray
    shift: np.ndarray


class BatchNorm(Record):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift, each feature over all rows (Ioffe and Szegedy, 2015).

    Rows are all axes but the last. In a column that is constant every value is its own mean: y = shift, and dx = 0. A
    single row has no statistics, and is an error. There is no running mean and no mode: ``inference(params, x)`` makes
    it a ``Scale``.
    """

    scale: np.ndarray
    shift: np.ndarray
    epsilon: float = attrs.field(default=1e-5, converter=partial(positive, "batch_norm: epsilon"))


class Unseen(Record):
    """A batch norm before there are data to normalize: it takes a single row too, of which y is shift.

    Networks are constructed and summarized with it, where a row stands for many and its shape is what counts.
    """

    scale: np.ndarray
    shift: np.ndarray
    epsilon: float


@vjp.register
@stepwise
def scale_vjp(layer: Scale, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = _features("scale", layer, x)

    def scale_pullback(dy):
        return Scale(sum_of_rows(dy * x), sum_of_rows(dy)), lambda: dy * layer.scale

    return x * layer.scale + layer.shift, scale_pullback


@vjp.register
@stepwise
def batch_norm_vjp(layer: BatchNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = _features("batch_norm", layer, x)
    if math.prod(x.shape[:-1]) < 2:
        raise _without_statistics(x)
    return _over_rows(layer, x)


@vjp.register
@partial(stepwise, caller="batch_norm")
def unseen_vjp(layer: Unseen, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return _over_rows(layer, _features("batch_norm", layer, x))


def _over_rows(layer: BatchNorm | Unseen, x: np.ndarray) -> tuple[np.ndarray, Pullback]:
    z, root = normalized(x, mean_over_rows, layer.epsilon)

    def batch_norm_pullback(dy):
        return pulled_back(layer, z, root, dy, mean_over_rows)

    return z * layer.scale + layer.shift, batch_norm_pullback


def fixed(layer: BatchNorm, x: Any) -> Scale:
    """Return the layer that normalizes anything by the mean and variance of x, a sample of the training set."""
    if is_pair(x):
        x = x[0][mask(np.asarray(x[1]), x[0].shape[1])]
    x = _features("batch_norm", layer, x)
    if len(x) < 2 or math.prod(x.shape[:-1]) < 2:
        raise _without_statistics(x)
    dtype, x = np.result_type(x, layer.scale), x.astype(np.float64)
    mean = mean_over_rows(x)
    z = x - mean
    scale = layer.scale / np.sqrt(mean_over_rows(z * z) + layer.epsilon)
    return Scale(read_only(scale.astype(dtype)), read_only((layer.shift - mean * scale).astype(dtype)))


def _features(caller: str, layer: Scale | BatchNorm | Unseen, x: Any) -> np.ndarray:
    """Return ``x`` as floats, or raise in the name of ``caller`` if its features do not fit the layer."""
    x = floats(caller, x)
    if layer.scale.ndim != 1 or layer.shift.shape != layer.scale.shape:
        found = f"{layer.scale.shape} and {layer.shift.shape}"
        raise LayerValueError(caller, f"expects a scale and a shift (features,), got {found}")
    if x.ndim < 2 or x.shape[-1:] != layer.scale.shape:
        raise LayerValueError(caller, f"expects rows (n, ..., {layer.scale.size}), got {x.shape}")
    return x


def _without_statistics(x: np.ndarray) -> LayerValueError:
    found = "one row" if len(x) else "no rows"
    hint = "to evaluate call inference(params, x) with x a sample of the training set"
    return LayerValueError("batch_norm", f"expects several rows, got {x.shape}: statistics of {found}; {hint}")


@constructor
def batch_norm(epsilon: float = 1e-5) -> Construct:
    """Construct a batch normalization; its number of features and its dtype come from the data.

    ``epsilon`` keeps the division finite where a feature is constant. Raises ``TypeError`` or ``ValueError`` unless it
    is a number above 0.

    >>> batch_norm()(Key(0), np.zeros((1, 3)))
    BatchNorm(scale=f64[3], shift=f64[3], epsilon=1e-05)
    """
    return partial(_construct_batch_norm, positive("batch_norm: epsilon", epsilon))


def _construct_batch_norm(epsilon: float, key: Key, x: Any) -> BatchNorm:
    require_key("batch_norm", key)
    x = floats("batch_norm", values_of(x))
    if x.ndim < 2 or x.shape[-1] == 0:
        raise LayerValueError("batch_norm", f"expects rows (n, ..., features), got {x.shape}")
    scale, shift = (start(key, x.shape[-1:], x.dtype) for start in (initializers.ones, initializers.zeros))
    return BatchNorm(scale, shift, epsilon)
