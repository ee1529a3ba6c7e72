"""A leaky relu that learns its slope below 0, one for each channel.

prelu : slope -> constructor          PRelu : x (n, ..., channels) -> y, of the same shape
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, finite_number
from fnn.core.keys import Key, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import stepwise, values_of
from fnn.layers._stable import sum_of_rows
from fnn.layers.initializers import constant


class PRelu(Record):
    """y = x where x > 0, else slope * x (He et al., 2015); ``slope`` is (channels,), or (1,), the same for all."""

    slope: np.ndarray


@vjp.register
@stepwise
def prelu_vjp(layer: PRelu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, slope = floats("prelu", x), layer.slope
    if slope.ndim != 1 or 0 in slope.shape:
        raise LayerValueError("prelu", f"expects a slope (channels,), got {slope.shape}")
    if x.ndim < 2 or x.shape[-1] not in (x.shape[-1] if slope.shape == (1,) else len(slope),):
        raise LayerValueError("prelu", f"expects rows (n, ..., {len(slope)}), got {x.shape}")
    below = np.minimum(x, 0)

    def prelu_pullback(dy):
        dslope = sum_of_rows(dy * below)
        if dslope.shape != slope.shape:
            dslope = read_only(dslope.sum(keepdims=True))
        up = (x > 0).astype(x.dtype)
        return PRelu(dslope), lambda: dy * (up + slope * (1 - up))

    return np.maximum(x, 0) + slope * below, prelu_pullback


@constructor
def prelu(slope: float = 0.25) -> Construct:
    """Construct a relu whose slope below 0 is learned for each channel, starting from ``slope``.

    Raises ``TypeError`` or ``ValueError`` unless it is a finite number.

    >>> prelu()(Key(0), np.zeros((1, 3)))
    PRelu(slope=f64[3])
    """
    return partial(_construct_prelu, finite_number("prelu: slope", slope))


def _construct_prelu(slope: float, key: Key, x: Any) -> PRelu:
    require_key("prelu", key)
    x = floats("prelu", values_of(x))
    if x.ndim < 2 or x.shape[-1] == 0:
        raise LayerValueError("prelu", f"expects rows (n, ..., channels), got {x.shape}")
    return PRelu(constant(key, x.shape[-1:], x.dtype, value=slope))
