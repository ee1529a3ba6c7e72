"""Local response normalization divides each value by the energy of its neighbors among the channels, as AlexNet did.

    local_response_norm : size -> layer          LocalResponseNorm : x (n, ..., channels) -> y, of the same shape

y = x / s**beta, s = bias + alpha / size * (the sum of x**2 over ``size`` channels, x's own in their middle). With b
which channels see each other, dx = dy / s**beta - 2 alpha beta / size x * ((dy x / s**(beta + 1)) b).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import counting, floats
from fnn.core._errors import LayerValueError, integer, number, positive
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import stepwise
from fnn.layers._stable import computed_in


def _size(value: Any) -> int:
    size = integer("local_response_norm: size", value)
    if size % 2 == 0:
        raise ValueError(f"local_response_norm: size must be odd, as many channels on either side, got {size}")
    return size


class LocalResponseNorm(Record):
    """y = x / (bias + alpha / size * sum of x**2 over size channels)**beta (Krizhevsky et al., 2012, section 3.3)."""

    size: int = attrs.field(converter=_size)
    alpha: float = attrs.field(default=1e-4, converter=partial(number, "local_response_norm: alpha"))
    beta: float = attrs.field(default=0.75, converter=partial(number, "local_response_norm: beta"))
    bias: float = attrs.field(default=1.0, converter=partial(positive, "local_response_norm: bias"))


@vjp.register
@stepwise
def local_response_norm_vjp(layer: LocalResponseNorm, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("local_response_norm", x)
    if x.ndim < 2:
        raise LayerValueError("local_response_norm", f"expects rows (n, ..., channels), got {x.shape}")
    sees = _sees(layer.size, x.shape[-1]).astype(x.dtype)
    strength = layer.alpha / layer.size
    with np.errstate(over="ignore", invalid="ignore"):
        energy = layer.bias + strength * np.dot(x * x, sees)
    if x.dtype.itemsize < 8 and not np.isfinite(energy).all() and np.isfinite(x).all():  # squares overflowed
        return computed_in(np.float64, local_response_norm_vjp, layer, x)
    scale = energy**-layer.beta

    def local_response_norm_pullback(dy):
        def dx():
            through = np.dot(dy * x * scale / energy, sees)
            return dy * scale - 2 * strength * layer.beta * x * through

        return layer, dx

    return x * scale, local_response_norm_pullback


def _sees(size: int, channels: int) -> np.ndarray:
    """Return which channels are in the sum of each, (channels, channels)."""
    return np.abs(counting(channels)[:, None] - counting(channels)) <= size // 2


def local_response_norm(size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> LocalResponseNorm:
    """Construct a local response normalization.

    Args:
        size: how many channels are summed, the channel itself in their middle.
        alpha: how much their mean square counts.
        beta: the power by which is divided.
        bias: what is added to the mean square, so that nothing is divided by 0.

    Raises ``TypeError`` or ``ValueError`` unless size is an odd integer, alpha and beta numbers from 0, and bias
    a number above 0.

    >>> local_response_norm(3, alpha=3.0, beta=0.5)(np.array([[0.0, 0.0, 2.0, 1.0]])).round(4)
    array([[0.    , 0.    , 0.8165, 0.4082]])
    """
    return LocalResponseNorm(size, alpha, beta, bias)
