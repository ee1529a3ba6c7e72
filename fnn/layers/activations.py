"""An activation function is not linear: without one between them, any number of dense layers is a single one.

    activation : x -> y, of the same shape          pullback : dy -> activation, dx = dy * slope at x

Each is a value, ``relu``, that serves as a function, ``relu(x)``, and as a layer. For another setting construct the
record, ``LeakyRelu(slope=0.2)``, or call the value with it, ``leaky_relu(slope=0.2)``. Where a slope jumps, at 0, the
value on the left is taken: relu'(0) = 0. ``smooth`` has relatives of these without a corner, ``hard`` those of straight
lines, ``softmax`` those over an axis, ``gated`` those that halve the features, and ``prelu`` the one that learns.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import WIDE, floats, unshared, zeros
from fnn.core._errors import finite_number
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import stepwise
from fnn.layers._stable import logistic


def up_mask(x: np.ndarray) -> np.ndarray:
    """Return 1 where x > 0 and 0 elsewhere, in x's own dtype: 1 - mask would promote it."""
    return (x > 0).astype(x.dtype)


class Identity(Record):
    """y = x."""


@vjp.register
@stepwise
def identity_vjp(layer: Identity, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    def identity_pullback(dy):
        return layer, lambda: dy

    return unshared(floats("identity", x)), identity_pullback


class Heaviside(Record):
    """y = 1 where x > 0, else 0: the first artificial neuron (McCulloch and Pitts, 1943). Its slope is 0 everywhere."""


@vjp.register
@stepwise
def heaviside_vjp(layer: Heaviside, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    y = up_mask(floats("heaviside", x))

    def heaviside_pullback(dy):
        return layer, lambda: np.zeros_like(dy)

    return y, heaviside_pullback


class Sigmoid(Record):
    """y = 1 / (1 + exp(-x)); slope y (1 - y)."""


@vjp.register
@stepwise
def sigmoid_vjp(layer: Sigmoid, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    y = logistic(floats("sigmoid", x))

    def sigmoid_pullback(dy):
        return layer, lambda: dy * y * (1 - y)

    return y, sigmoid_pullback


class Tanh(Record):
    """y = tanh(x); slope 1 - y**2."""


@vjp.register
@stepwise
def tanh_vjp(layer: Tanh, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    y = np.tanh(floats("tanh", x))

    def tanh_pullback(dy):
        return layer, lambda: dy * (1 - y * y)

    return y, tanh_pullback


class Relu(Record):
    """y = max(x, 0); slope 1 where x > 0, else 0."""


@vjp.register
def relu_vjp(layer: Relu, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    if type(x) is not np.ndarray or x.dtype.char not in WIDE:
        return _relu_of_any_form(layer, x, key)
    zero = x.dtype.type(0)  # of x's own dtype: NumPy then skips a conversion, which on small arrays is half the time
    y = np.maximum(x, zero if x.size <= 2**11 else _zeros_for(x))

    up = y > zero  # kept in place of y, of which it takes a quarter

    def relu_pullback(dy):
        return layer, lambda: dy * up

    return y, relu_pullback


def _zeros_for(x: np.ndarray) -> np.ndarray:
    """Return as many zeros as x has, or as one of its rows has, to compare with: three times as fast as one zero."""
    shape = x.shape if x.size <= 2**17 else x.shape[1:]
    size = math.prod(shape)
    return zeros(size, x.dtype).reshape(shape) if 2**10 <= size <= 2**17 else zeros(1, x.dtype)  # not of short rows


_relu_of_any_form = stepwise(relu_vjp)  # the slow path: makes an array of floats of x and calls relu_vjp again


class LeakyRelu(Record):
    """y = x where x > 0, else slope * x (Maas et al., 2013)."""

    slope: float = attrs.field(default=0.01, converter=partial(finite_number, "leaky_relu: slope"))


@vjp.register
@stepwise
def leaky_relu_vjp(layer: LeakyRelu, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x = floats("leaky_relu", x)
    y = np.maximum(x, 0) + layer.slope * np.minimum(x, 0)

    def leaky_relu_pullback(dy):
        up = up_mask(x)
        return layer, lambda: dy * (up + layer.slope * (1 - up))

    return y, leaky_relu_pullback


identity: Identity = Identity()
heaviside: Heaviside = Heaviside()
sigmoid: Sigmoid = Sigmoid()
tanh: Tanh = Tanh()
relu: Relu = Relu()
leaky_relu: LeakyRelu = LeakyRelu()
