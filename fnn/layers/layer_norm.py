"""Layer normalization looks at each row alone, so that it does the same in training and evaluation.

    layer_norm : epsilon, axis -> constructor          LayerNorm : x (n, ..., features) -> y, each row over its features
    rms_norm   : epsilon, axis -> constructor          RMSNorm   : likewise, over its root mean square alone

Over how many of the last axes a layer normalizes is how many its ``scale`` has: one for features, three for images.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError, describe, positive
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers import initializers
from fnn.layers._constructor import Construct, constructor
from fnn.layers._normalization import (
    mean_of_squares,
    mean_over_features,
    narrowed,
    normalized,
    over_the_last_axes,
    pulled_back,
)
from fnn.layers._sequences import stepwise, values_of
from fnn.layers._stable import sum_of_rows

Axes = int | tuple[int, ...]


class LayerNorm(Record):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift, each row over its last axis or axes (Ba et al., 2016).

    ``scale`` and ``shift`` have the shape of the axes: (features,), or (height, width, channels).
    """

    scale: np.ndarray
    shift: np.ndarray
    epsilon: float = attrs.field(default=1e-5, converter=partial(positive, "layer_norm: epsilon"))


@vjp.register
@stepwise
@over_the_last_axes
def layer_norm_vjp(layer: LayerNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if layer.shift.shape != layer.scale.shape:
        found = f"{layer.scale.shape} and {layer.shift.shape}"
        raise LayerValueError("layer_norm", f"expects a scale and a shift of one shape, got {found}")
    x = _features("layer_norm", layer, x)
    z, root = normalized(x, mean_over_features, layer.epsilon)
    y = z * layer.scale
    y += layer.shift

    def layer_norm_pullback(dy):
        return pulled_back(layer, z, root, dy, mean_over_features)

    return y, layer_norm_pullback


class RMSNorm(Record):
    """y = scale x / rms, rms = sqrt(mean(x**2) + epsilon) over each row's last axis or axes (Zhang and Sennrich, 2019).

    A layer norm that neither centers nor shifts.

    >>> RMSNorm(scale=np.ones(2), epsilon=1e-9)(np.array([[3.0, 4.0]])).round(4)
    array([[0.8485, 1.1314]])
    """

    scale: np.ndarray
    epsilon: float = attrs.field(default=1e-6, converter=partial(positive, "rms_norm: epsilon"))


@vjp.register
@stepwise
@over_the_last_axes
def rms_norm_vjp(layer: RMSNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = _features("rms_norm", layer, x)
    with np.errstate(over="ignore"):
        rms = np.sqrt(mean_of_squares(x, mean_over_features) + layer.epsilon)
    if not ((rms > 0) & (rms < math.inf)).all():
        rms = narrowed(np.sqrt(mean_over_features(np.square(x, dtype=np.float64)) + layer.epsilon), x.dtype)
    z = x / rms

    def rms_norm_pullback(dy):
        product = dy * z

        def dx():
            g = dy * layer.scale
            g -= z * mean_over_features(product, layer.scale)
            g /= rms
            return g

        return RMSNorm(sum_of_rows(product), layer.epsilon), dx

    return z * layer.scale, rms_norm_pullback


def _features(caller: str, layer: LayerNorm | RMSNorm, x: Any) -> np.ndarray:
    """Return ``x`` as floats, or raise in the name of ``caller`` if its features do not fit the layer."""
    x, scale = floats(caller, x), layer.scale
    if scale.ndim == 0:
        raise LayerValueError(caller, "expects a scale (features,), got ()")
    if x.ndim <= scale.ndim or x.shape[-1:] != scale.shape:
        rows = ", ".join(map(str, ("n", "...", *scale.shape)))
        raise LayerValueError(caller, f"expects rows ({rows}), got {x.shape}")
    return x


@constructor
def layer_norm(epsilon: float = 1e-5, axis: Axes = -1) -> Construct:
    """Construct a layer normalization; its features and its dtype come from the data.

    Args:
        epsilon: what keeps the division finite where a row is constant.
        axis: the axes that are normalized together, the last or the last few: (-3, -2, -1) for a whole image.

    Raises ``TypeError`` or ``ValueError`` unless epsilon is a number above 0 and the axes are integers.

    >>> layer_norm()(Key(0), np.zeros((1, 3)))(np.array([[1.0, 2.0, 3.0]])).round(4)
    array([[-1.2247,  0.    ,  1.2247]])
    >>> layer_norm(axis=(1, 2, 3))(Key(0), np.zeros((1, 4, 4, 3)))
    LayerNorm(scale=f64[4,4,3], shift=f64[4,4,3], epsilon=1e-05)
    """
    epsilon, axes = positive("layer_norm: epsilon", epsilon), _axes("layer_norm", axis)
    return partial(_construct, LayerNorm, "layer_norm", epsilon, axes)


@constructor
def rms_norm(epsilon: float = 1e-6, axis: Axes = -1) -> Construct:
    """Construct an RMS normalization; its features and its dtype come from the data.

    Args:
        epsilon, axis: those of ``layer_norm``; epsilon keeps the division finite where a row is 0.

    Raises ``TypeError`` or ``ValueError`` unless epsilon is a number above 0 and the axes are integers.

    >>> rms_norm()(Key(0), np.zeros((1, 3)))
    RMSNorm(scale=f64[3], epsilon=1e-06)
    """
    return partial(_construct, RMSNorm, "rms_norm", positive("rms_norm: epsilon", epsilon), _axes("rms_norm", axis))


def _axes(caller: str, axis: Any) -> tuple[int, ...]:
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not axes or not all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in axes):
        raise TypeError(f"{caller}: axis must be an integer or a tuple of them, got {describe(axis)}")
    return axes


def _construct(kind: type[Any], caller: str, epsilon: float, axes: tuple[int, ...], key: Key, x: Any) -> Any:
    require_key(caller, key)
    x = floats(caller, values_of(x))
    last = range(x.ndim - len(axes), x.ndim)
    if x.ndim <= len(axes) or 0 in x.shape[-len(axes) :]:
        raise LayerValueError(caller, f"expects rows (n, ..., features), got {x.shape}")
    if sorted(each % x.ndim for each in axes) != list(last):
        raise LayerValueError(caller, f"expects the last axes of {x.shape}, {tuple(last)}, got axis={axes}")
    scale, shift = (start(key, x.shape[-len(axes) :], x.dtype) for start in (initializers.ones, initializers.zeros))
    return kind(scale, shift, epsilon) if kind is LayerNorm else kind(scale, epsilon)
