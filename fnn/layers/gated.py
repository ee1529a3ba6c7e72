"""A gated layer multiplies one half of the features by a function of the other: the network chooses what passes.

    glu    : x (n, ..., 2 k) -> y (n, ..., k) = a sigmoid(b), x = [a, b]
    swiglu : x (n, ..., 2 k) -> y (n, ..., k) = silu(a) b

Put a ``dense`` of 2 k units before it. ``glu(axis=1)`` halves another axis than the last.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._stable import logistic
from fnn.layers.softmax import an_axis, over_axis


class Glu(Record):
    """y = a sigmoid(b), a and b the halves of x along an axis, the last (Dauphin et al., 2016)."""

    axis: int = attrs.field(default=-1, converter=partial(an_axis, "glu: axis"))


@vjp.register
@over_axis
def glu_vjp(layer: Glu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    a, b = _halves("glu", x)
    s = logistic(b)

    def glu_pullback(dy):
        return layer, lambda: np.concatenate([dy * s, dy * a * s * (1 - s)], axis=-1)

    return a * s, glu_pullback


class SwiGlu(Record):
    """y = a sigmoid(a) b, a and b the halves of x along an axis, the last (Shazeer, 2020)."""

    axis: int = attrs.field(default=-1, converter=partial(an_axis, "swiglu: axis"))


@vjp.register
@over_axis
def swiglu_vjp(layer: SwiGlu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    a, b = _halves("swiglu", x)
    s = logistic(a)

    def swiglu_pullback(dy):
        return layer, lambda: np.concatenate([dy * b * s * (1 + a * (1 - s)), dy * a * s], axis=-1)

    return a * s * b, swiglu_pullback


def _halves(caller: str, x: Any) -> tuple[np.ndarray, np.ndarray]:
    x = floats(caller, x)
    if x.ndim == 0 or x.shape[-1] % 2 or x.shape[-1] == 0:
        raise LayerValueError(caller, f"expects an even number of features, two halves, got {x.shape}")
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


glu: Glu = Glu()
swiglu: SwiGlu = SwiGlu()
