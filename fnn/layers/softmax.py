"""Softmax turns numbers along an axis into probabilities: positive, and of sum 1.

    softmax     : x -> exp(x) / sum(exp(x)), of the same shape
    log_softmax : x -> its logarithm, which keeps what softmax rounds to 0

Both are values; ``softmax(axis=1)`` is the same over another axis than the last.
"""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerTypeError, LayerValueError, describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import is_pair, stepwise
from fnn.layers._stable import Vjp, log_softmax_parts
from fnn.layers._stable import softmax as _softmax


def an_axis(what: str, value: Any) -> int:
    """Return an axis, an integer that may be negative, or raise ``TypeError`` in the name of ``what``: a converter."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be an integer, got {describe(value)}")
    return int(value)


def over_axis(function: Vjp) -> Vjp:
    """Decorate the vjp of a layer over the last axis so that it works over ``layer.axis``; lengths need the last."""
    over_the_last, caller = stepwise(function), function.__name__.removesuffix("_vjp")

    @functools.wraps(function)
    def over_axis_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        if layer.axis == -1:
            if is_pair(x) and x[0].ndim == 2:  # laid out as rows, its steps would be features
                shape = x[0].shape
                raise LayerValueError(caller, f"expects sequences (n, time, features) beside lengths, got {shape}")
            return over_the_last(layer, x, key)
        if is_pair(x):
            raise LayerTypeError(caller, f"takes lengths over the last axis alone, axis=-1, got axis={layer.axis}")
        x, axis = floats(caller, x), layer.axis
        if not -x.ndim <= axis < x.ndim:
            raise LayerValueError(caller, f"expects an array with an axis {axis}, got {x.shape}")
        if x.shape[axis] == 0:
            raise LayerValueError(caller, f"expects at least one number along axis {axis}, got {x.shape}")
        y, pullback = over_the_last(layer, np.moveaxis(x, axis, -1), key)

        def over_axis_pullback(dy):
            dlayer, dx = pullback(np.moveaxis(dy, axis, -1))
            return dlayer, lambda: np.moveaxis(dx(), -1, axis)

        return np.moveaxis(y, -1, axis), over_axis_pullback

    return over_axis_vjp


class Softmax(Record):
    """y = exp(x) / sum(exp(x)) over an axis, the last: positive, and each row sums to 1.

    The slope is a matrix, diag(y) - y y', so dx = y (dy - sum(dy y)). The losses take logits: leave this out of a
    network that is trained with ``cross_entropy``.
    """

    axis: int = attrs.field(default=-1, converter=functools.partial(an_axis, "softmax: axis"))


@vjp.register
@over_axis
def softmax_vjp(layer: Softmax, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    with np.errstate(over="ignore"):  # logits that differ by more than the range: the exponential of -inf is 0
        y = _softmax(_rows("softmax", x))

    def softmax_pullback(dy):
        return layer, lambda: y * (dy - (dy * y).sum(axis=-1, keepdims=True))

    return y, softmax_pullback


class LogSoftmax(Record):
    """y = x - log(sum(exp(x))) over an axis, the last; dx = dy - softmax(x) sum(dy)."""

    axis: int = attrs.field(default=-1, converter=functools.partial(an_axis, "log_softmax: axis"))


@vjp.register
@over_axis
def log_softmax_vjp(layer: LogSoftmax, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    with np.errstate(over="ignore"):
        y, e, total = log_softmax_parts(_rows("log_softmax", x))

    def log_softmax_pullback(dy):
        return layer, lambda: dy - e / total * dy.sum(axis=-1, keepdims=True)

    return y, log_softmax_pullback


def _rows(caller: str, x: Any) -> np.ndarray:
    """Return ``x`` as floats, or raise in the name of ``caller`` if its last axis is missing or empty."""
    x = floats(caller, x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise LayerValueError(caller, f"expects at least one number along the last axis, got {x.shape}")
    return x


softmax: Softmax = Softmax()
log_softmax: LogSoftmax = LogSoftmax()
