"""Dropout leaves out random values at each step, so that a network cannot rely on any one of them.

    dropout : rate -> layer          Dropout : x, key -> y = x * mask / (1 - rate), of the same shape

``rate`` is the fraction that is dropped. What is left is scaled up, so that the mean stays and evaluation needs no
scale of its own (Srivastava et al., 2014, in the inverted form). The mask is a function of the key, which is the
layer's address in the network and the step's in the run; ``inference`` takes the layer out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats, unshared
from fnn.core._errors import LayerTypeError, boolean, number
from fnn.core.keys import Key, require_key, uniforms
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import over_time, stepwise


class Dropout(Record):
    """y = x * mask / (1 - rate); the mask, drawn from the key, is 0 for a fraction ``rate`` of the values, else 1.

    With ``channels`` a channel is dropped in a whole image or sequence, or not at all (Tompson et al., 2014).
    """

    rate: float = attrs.field(converter=partial(number, "dropout: the rate, the fraction to drop,", below=1))
    channels: bool = attrs.field(default=False, converter=partial(boolean, "dropout: channels"))


@vjp.register
def dropout_vjp(layer: Dropout, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    return (_of_channels if layer.channels else _of_values)(layer, x, key)


def _dropped(layer: Dropout, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if layer.rate == 0:
        return unshared(floats("dropout", x)), lambda dy: (layer, lambda: dy)
    if key is None:
        raise LayerTypeError("Dropout", "needs a key: call vjp(params, x, key), or inference(params) to remove it")
    x = floats("dropout", x)
    shape = (*x.shape[:1], *[1] * (x.ndim - 2), *x.shape[-1:]) if layer.channels and x.ndim > 1 else x.shape
    kept = uniforms(require_key("dropout", key), shape) >= layer.rate
    scale = kept.astype(x.dtype)
    scale *= 1 / (1 - layer.rate)

    def dropout_pullback(dy):
        return layer, lambda: dy * scale

    return x * scale, dropout_pullback


# A mask for each step, or one for all of a row's.
_of_values, _of_channels = stepwise(_dropped, caller="dropout"), over_time(_dropped, caller="dropout")


def dropout(rate: float, channels: bool = False) -> Dropout:
    """Construct a layer that in training drops a fraction of its inputs.

    Args:
        rate: the fraction, from 0 up to but not including 1.
        channels: whether to drop whole channels of images (n, height, width, channels) or sequences.

    Raises ``TypeError`` or ``ValueError`` for another rate.

    >>> dropout(0.5)(np.ones(8), Key(0))
    array([2., 0., 0., 0., 2., 2., 2., 2.])
    """
    return Dropout(rate, channels)
