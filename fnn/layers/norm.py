"""Normalization keeps the values inside a network at mean 0 and standard deviation 1, whatever the weights before it.

    batch_norm : -> constructor          BatchNorm : x (n, ..., features) -> y, each feature over all rows of the batch
    layer_norm : -> constructor          LayerNorm : x (..., features) -> y, each row over its own features
    rms_norm   : -> constructor          RMSNorm   : x (n, ..., features) -> y, each row over its root mean square
                                         Scale     : x (n, ..., features) -> y = x * scale + shift

y = scale (x - mean) / sqrt(variance + epsilon) + shift, with the variance of the values at hand: the sum of squares
over n and not n - 1. Parameters start at scale 1 and shift 0. Mean and variance depend on x, so the pullback goes
through them too: dx = (g - mean(g) - z mean(g z)) / sqrt(variance + epsilon), z normalized x and g = dy scale. After
training a batch norm becomes a ``Scale``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, ones, read_only
from fnn.core._errors import LayerValueError, positive
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers import initializers
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import is_pair, mask, stepwise, values_of
from fnn.layers._stable import sum_of_rows

Mean = Callable[..., np.ndarray]  # values, scale? -> the mean of values * scale, over rows or over features


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


class LayerNorm(Record):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift, each row over its last axis (Ba et al., 2016).

    It is the same in training and evaluation.
    """

    scale: np.ndarray
    shift: np.ndarray
    epsilon: float = attrs.field(default=1e-5, converter=partial(positive, "layer_norm: epsilon"))


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
    z, root = _normalized(x, _mean_over_rows, layer.epsilon)

    def batch_norm_pullback(dy):
        return _pulled_back(layer, z, root, dy, _mean_over_rows)

    return z * layer.scale + layer.shift, batch_norm_pullback


@vjp.register
@stepwise
def layer_norm_vjp(layer: LayerNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = _features("layer_norm", layer, x)
    z, root = _normalized(x, _mean_over_features, layer.epsilon)

    def layer_norm_pullback(dy):
        return _pulled_back(layer, z, root, dy, _mean_over_features)

    return z * layer.scale + layer.shift, layer_norm_pullback


def _normalized(x: np.ndarray, mean: Mean, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x at mean 0 and standard deviation 1, and the root by which it was divided."""
    with np.errstate(over="ignore", invalid="ignore"):
        center = mean(x)
        z = x - center  # first: the mean of squares less the square of the mean cancels where the mean is large
        root = np.sqrt(mean(z * z) + epsilon)
        roots, excess = root.reshape(-1), np.abs(center)
        excess -= 64 * root
        # Written for speed: every root is finite and above 1/64 of its mean.
        usual = roots.dot(roots) < math.inf and (excess.size == 0 or np.maximum.reduce(excess, axis=None) < 0)
    if not usual:
        return _normalized_with_care(x, mean, epsilon)
    z /= root
    return z, root


def _normalized_with_care(x: np.ndarray, mean: Mean, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the same where the mean is large beside the deviations, or squares overflow: in float64, and scaled.

    What is taken off first is a value of x, so that of equal ones nothing is left.
    """
    wide = x.astype(np.float64)
    axis = -1 if mean is _mean_over_features else tuple(range(x.ndim - 1))
    wide -= wide[..., :1] if axis == -1 else wide.reshape(-1, x.shape[-1])[0]
    wide -= mean(wide)
    size = np.maximum(np.abs(wide).max(axis=axis, keepdims=True), 1)
    wide /= size
    root = np.sqrt(mean(wide * wide) + epsilon / size / size)
    wide /= root
    root = (root * size).reshape(mean(x[..., :1] if axis == -1 else x).shape)
    return wide.astype(x.dtype), _narrowed(root, x.dtype)


def _narrowed(root: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a root in a dtype in which it may be too small to be told from 0, by which nothing can be divided."""
    return np.maximum(root, np.finfo(dtype).tiny).astype(dtype)


def fixed(layer: BatchNorm, x: Any) -> Scale:
    """Return the layer that normalizes anything by the mean and variance of x, a sample of the training set."""
    if is_pair(x):
        x = x[0][mask(np.asarray(x[1]), x[0].shape[1])]
    x = _features("batch_norm", layer, x)
    if len(x) < 2 or math.prod(x.shape[:-1]) < 2:
        raise _without_statistics(x)
    dtype, x = np.result_type(x, layer.scale), x.astype(np.float64)
    mean = _mean_over_rows(x)
    z = x - mean
    scale = layer.scale / np.sqrt(_mean_over_rows(z * z) + layer.epsilon)
    return Scale(read_only(scale.astype(dtype)), read_only((layer.shift - mean * scale).astype(dtype)))


def _pulled_back(
    layer: BatchNorm | Unseen | LayerNorm, z: np.ndarray, root: np.ndarray, dy: np.ndarray, mean: Mean
) -> tuple[Any, Callable[[], np.ndarray]]:
    """Pull dy back through a normalization of which z and root are known."""
    product = dy * z

    def dx():
        g = dy * layer.scale
        g -= mean(dy, layer.scale)  # the means of g and of g z, without computing g z
        g -= z * mean(product, layer.scale)
        g /= root
        return g

    return type(layer)(sum_of_rows(product), sum_of_rows(dy), layer.epsilon), dx


def _mean_over_rows(values: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the mean over the rows of values * scale, for each feature."""
    return sum_of_rows(values) * (scale / max(math.prod(values.shape[:-1]), 1))


def _mean_over_features(values: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """Return the mean over the features of values * scale, for each row."""
    features = values.shape[-1]
    return (values.dot(ones(features, values.dtype) if scale is None else scale) / features)[..., None]


def _features(caller: str, layer: Scale | BatchNorm | Unseen | LayerNorm, x: Any) -> np.ndarray:
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
    return partial(_construct_norm, BatchNorm, "batch_norm", positive("batch_norm: epsilon", epsilon))


@constructor
def layer_norm(epsilon: float = 1e-5) -> Construct:
    """Construct a layer normalization; its number of features and its dtype come from the data.

    ``epsilon`` keeps the division finite where a row is constant. Raises ``TypeError`` or ``ValueError`` unless it is a
    number above 0.

    >>> layer_norm()(Key(0), np.zeros((1, 3)))(np.array([[1.0, 2.0, 3.0]])).round(4)
    array([[-1.2247,  0.    ,  1.2247]])
    """
    return partial(_construct_norm, LayerNorm, "layer_norm", positive("layer_norm: epsilon", epsilon))


def _construct_norm(kind: type[Any], caller: str, epsilon: float, key: Key, x: Any) -> Any:
    require_key(caller, key)
    x = floats(caller, values_of(x))
    if x.ndim < 2 or x.shape[-1] == 0:
        raise LayerValueError(caller, f"expects rows (n, ..., features), got {x.shape}")
    scale, shift = (start(key, x.shape[-1:], x.dtype) for start in (initializers.ones, initializers.zeros))
    return kind(scale, shift, epsilon)


class RMSNorm(Record):
    """y = scale x / rms, rms = sqrt(mean(x**2) + epsilon) over each row's last axis (Zhang and Sennrich, 2019).

    A layer norm that neither centers nor shifts. It is the same in training and evaluation.

    >>> RMSNorm(scale=np.ones(2), epsilon=1e-9)(np.array([[3.0, 4.0]])).round(4)
    array([[0.8485, 1.1314]])
    """

    scale: np.ndarray
    epsilon: float = attrs.field(default=1e-6, converter=partial(positive, "rms_norm: epsilon"))


@vjp.register
@stepwise
def rms_norm_vjp(layer: RMSNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("rms_norm", x)
    if layer.scale.ndim != 1 or x.ndim < 2 or x.shape[-1:] != layer.scale.shape:
        raise LayerValueError("rms_norm", f"expects a scale (features,) and rows (n, ..., features), got {x.shape}")
    with np.errstate(over="ignore"):
        rms = np.sqrt(_mean_over_features(x * x) + layer.epsilon)
    if not ((rms > 0) & (rms < math.inf)).all():
        rms = _narrowed(np.sqrt(_mean_over_features(np.square(x, dtype=np.float64)) + layer.epsilon), x.dtype)
    z = x / rms

    def rms_norm_pullback(dy):
        product = dy * z

        def dx():
            g = dy * layer.scale
            g -= z * _mean_over_features(product, layer.scale)
            g /= rms
            return g

        return RMSNorm(sum_of_rows(product), layer.epsilon), dx

    return z * layer.scale, rms_norm_pullback


@constructor
def rms_norm(epsilon: float = 1e-6) -> Construct:
    """Construct an RMS normalization; its number of features and its dtype come from the data.

    ``epsilon`` keeps the division finite where a row is 0. Raises ``TypeError`` or ``ValueError`` unless it is a number
    above 0.

    >>> rms_norm()(Key(0), np.zeros((1, 3)))
    RMSNorm(scale=f64[3], epsilon=1e-06)
    """
    return partial(_construct_rms_norm, positive("rms_norm: epsilon", epsilon))


def _construct_rms_norm(epsilon: float, key: Key, x: Any) -> RMSNorm:
    require_key("rms_norm", key)
    x = floats("rms_norm", values_of(x))
    if x.ndim < 2 or x.shape[-1] == 0:
        raise LayerValueError("rms_norm", f"expects rows (n, ..., features), got {x.shape}")
    return RMSNorm(initializers.ones(key, x.shape[-1:], x.dtype), epsilon)
