"""Activation functions of straight lines, which cost no exponential.

    hard_tanh : x -> x from -1 to 1, and what lies beyond is cut off; relu6 is the same from 0 to 6
    hard_sigmoid, hard_swish : x -> sigmoid and silu, by a line from -3 to 3

Each is a value; ``hard_tanh(-2, 2)`` is the one with other limits. At the limits themselves the slope is that outside,
0, as in PyTorch.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import describe, finite_number
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import stepwise


def _limit(what: str, value: Any) -> float:
    """Return a number of either sign, which may be infinite, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or value != value:
        raise TypeError(f"{what} must be a number, got {describe(value)}")
    return float(value)


class HardTanh(Record):
    """y = min(max(x, low), high); slope 1 between the limits, else 0. From 0 to 6 it is ``relu6``.

    >>> HardTanh(0, 6)(np.array([-1.0, 1.0, 7.0])), HardTanh()(np.array([-3.0, 0.5]))
    (array([0., 1., 6.]), array([-1. ,  0.5]))
    """

    low: float = attrs.field(default=-1.0, converter=partial(_limit, "hard_tanh: low"))
    high: float = attrs.field(default=1.0, converter=partial(_limit, "hard_tanh: high"))

    def __attrs_post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"hard_tanh: low must be below high, got {self.low} and {self.high}")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if len(inputs) == 2 and all(isinstance(each, int | float) for each in inputs):
            return HardTanh(*inputs, **named)
        return super().__call__(*inputs, **named)


@vjp.register
@stepwise
def hard_tanh_vjp(layer: HardTanh, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("hard_tanh", x)

    def hard_tanh_pullback(dy):
        return layer, lambda: dy * ((x > layer.low) & (x < layer.high))

    return np.clip(x, layer.low, layer.high), hard_tanh_pullback


class HardSigmoid(Record):
    """y = min(max(slope x + shift, 0), 1) (Courbariaux et al., 2015); the slope is 0 beyond."""

    slope: float = attrs.field(default=1 / 6, converter=partial(finite_number, "hard_sigmoid: slope"))
    shift: float = attrs.field(default=0.5, converter=partial(finite_number, "hard_sigmoid: shift"))


@vjp.register
@stepwise
def hard_sigmoid_vjp(layer: HardSigmoid, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    line = floats("hard_sigmoid", x) * layer.slope + layer.shift

    def hard_sigmoid_pullback(dy):
        return layer, lambda: dy * ((line > 0) & (line < 1)) * layer.slope

    return np.clip(line, 0, 1), hard_sigmoid_pullback


class HardSwish(Record):
    """y = x hard_sigmoid(x) (Howard et al., 2019): 0 below -3, x above 3; slope (2 x + 3) / 6 between."""


@vjp.register
@stepwise
def hard_swish_vjp(layer: HardSwish, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("hard_swish", x)
    between = np.clip(x, -3, 3)

    def hard_swish_pullback(dy):
        slope = (2 * between + 3) / 6
        return layer, lambda: dy * np.where(np.abs(x) < 3, slope, (x >= 3).astype(x.dtype))

    return x * ((between + 3) / 6), hard_swish_pullback


hard_tanh: HardTanh = HardTanh()
relu6: HardTanh = HardTanh(0, 6)
hard_sigmoid: HardSigmoid = HardSigmoid()
hard_swish: HardSwish = HardSwish()
