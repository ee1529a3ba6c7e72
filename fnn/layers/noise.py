"""Noise on the values inside a network, drawn anew at each step, keeps it from relying on their last digits.

gaussian_noise : std -> layer          GaussianNoise : x, key -> y = x + std * z, z standard normal

The noise is a function of the key, as a dropout's mask is; ``inference`` takes the layer out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, unshared
from fnn.core._errors import LayerTypeError, number
from fnn.core.keys import Key, normals, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import stepwise


class GaussianNoise(Record):
    """y = x + std * z, z drawn from the key with mean 0 and standard deviation 1; dx = dy."""

    std: float = attrs.field(converter=partial(number, "gaussian_noise: std"))


@vjp.register
@stepwise
def gaussian_noise_vjp(layer: GaussianNoise, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("gaussian_noise", x)
    if layer.std == 0:
        return unshared(x), lambda dy: (layer, lambda: dy)
    if key is None:
        raise LayerTypeError(
            "GaussianNoise", "needs a key: call vjp(params, x, key), or inference(params) to remove it"
        )
    noise = (layer.std * normals(require_key("gaussian_noise", key), x.shape)).astype(x.dtype)

    def gaussian_noise_pullback(dy):
        return layer, lambda: dy

    return x + noise, gaussian_noise_pullback


def gaussian_noise(std: float) -> GaussianNoise:
    """Construct a layer that in training adds noise of this standard deviation.

    Raises ``TypeError`` or ``ValueError`` unless it is a number from 0.

    >>> gaussian_noise(0.1)(np.ones(2), Key(0)).round(3)
    array([1.138, 1.079])
    """
    return GaussianNoise(std)
