"""Smooth activation functions: relu without its corner or its dead half, and a tanh with long tails.

    activation : x -> y, of the same shape          pullback : dy -> activation, dx = dy * slope at x

Each is a value as those in ``activations``; ``elu(alpha=0.5)`` is the one with another setting.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import describe, number, positive
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import stepwise
from fnn.layers._stable import gelu_and_slope, log1p_exp, logistic, tanh_gelu_and_slope
from fnn.layers.activations import up_mask


class Elu(Record):
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert et al., 2015)."""

    alpha: float = attrs.field(default=1.0, converter=partial(number, "elu: alpha"))


@vjp.register
@stepwise
def elu_vjp(layer: Elu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("elu", x)
    below = np.minimum(x, 0)  # exp is taken of this alone: both branches of a np.where would be computed
    y = np.maximum(x, 0) + layer.alpha * np.expm1(below)

    def elu_pullback(dy):
        up = up_mask(x)
        return layer, lambda: dy * (up + layer.alpha * (1 - up) * np.exp(below))

    return y, elu_pullback


class Selu(Record):
    """y = scale * elu(x, alpha), with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    alpha: float = attrs.field(default=1.6732632423543772, converter=partial(number, "selu: alpha"))
    scale: float = attrs.field(default=1.0507009873554805, converter=partial(positive, "selu: scale"))


@vjp.register
@stepwise
def selu_vjp(layer: Selu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    y, elu_pullback = vjp(Elu(layer.alpha), floats("selu", x))

    def selu_pullback(dy):
        _, dx = elu_pullback(layer.scale * dy)
        return layer, dx

    return layer.scale * y, selu_pullback


def _approximation(approximate: Any) -> str:
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {describe(approximate)}")
    return approximate


class Gelu(Record):
    """y = x P(z <= x) for z standard normal (Hendrycks and Gimpel, 2016).

    With ``approximate="tanh"``, as in GPT-2, y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2.
    """

    approximate: str = attrs.field(default="none", converter=_approximation)


@vjp.register
@stepwise
def gelu_vjp(layer: Gelu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    both = gelu_and_slope if layer.approximate == "none" else tanh_gelu_and_slope
    y, slope = both(floats("gelu", x))

    def gelu_pullback(dy):
        return layer, lambda: dy * slope

    return y, gelu_pullback


class Silu(Record):
    """y = x sigmoid(x), also called swish (Elfwing et al., 2017); slope s (1 + x (1 - s)), s = sigmoid(x)."""


@vjp.register
@stepwise
def silu_vjp(layer: Silu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("silu", x)
    s = logistic(x)

    def silu_pullback(dy):
        return layer, lambda: dy * s * (1 + x * (1 - s))

    return x * s, silu_pullback


class Softplus(Record):
    """y = log(1 + exp(x)), a smooth relu; slope sigmoid(x)."""


@vjp.register
@stepwise
def softplus_vjp(layer: Softplus, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("softplus", x)

    def softplus_pullback(dy):
        return layer, lambda: dy * logistic(x)

    return log1p_exp(x), softplus_pullback


class Mish(Record):
    """y = x tanh(log(1 + exp(x))) (Misra, 2019); slope t + x sigmoid(x) (1 - t**2), t = y / x."""


@vjp.register
@stepwise
def mish_vjp(layer: Mish, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("mish", x)
    t = np.tanh(log1p_exp(x))

    def mish_pullback(dy):
        return layer, lambda: dy * (t + x * logistic(x) * (1 - t * t))

    return x * t, mish_pullback


class Softsign(Record):
    """y = x / (1 + |x|), a tanh with long tails (Turian et al., 2009); slope 1 / (1 + |x|)**2."""


@vjp.register
@stepwise
def softsign_vjp(layer: Softsign, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("softsign", x)
    inverse = 1 / (1 + np.abs(x))

    def softsign_pullback(dy):
        return layer, lambda: dy * inverse * inverse

    return x * inverse, softsign_pullback


elu: Elu = Elu()
selu: Selu = Selu()
gelu: Gelu = Gelu()
silu: Silu = Silu()
softplus: Softplus = Softplus()
mish: Mish = Mish()
softsign: Softsign = Softsign()
