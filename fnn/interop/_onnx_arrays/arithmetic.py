"""What the operators of ONNX compute place by place: of one array, or of several whose shapes broadcast.

BY_PLACE : the operators to which the order of axes does not matter, as long as it is the same for all arrays
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from fnn.interop._onnx_arrays.operator import Pull, formula, summed
from fnn.layers._stable import gelu_and_slope


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function, from that part of gelu's slope that is P(z <= x).

    >>> erf(np.array([0.0, 1.0])).round(7)
    array([0.       , 0.8427008])
    """
    z = x * math.sqrt(2)
    _, slope = gelu_and_slope(z)
    return 2 * (slope - z * np.exp(-z * z / 2) * (1 / math.sqrt(2 * math.pi))) - 1


def _zero(x: np.ndarray, y: np.ndarray) -> Any:
    return 0


# What each computes, and its slope at x, where it is y.
UNARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Identity": (np.copy, lambda x, y: 1),
    "Neg": (np.negative, lambda x, y: -1),
    "Abs": (np.abs, lambda x, y: np.sign(x)),
    "Sqrt": (np.sqrt, lambda x, y: 0.5 / y),
    "Exp": (np.exp, lambda x, y: y),
    "Log": (np.log, lambda x, y: 1 / x),
    "Reciprocal": (np.reciprocal, lambda x, y: -y * y),
    "Erf": (erf, lambda x, y: (2 / math.sqrt(math.pi)) * np.exp(-x * x)),
    "Sin": (np.sin, lambda x, y: np.cos(x)),
    "Cos": (np.cos, lambda x, y: -np.sin(x)),
    "Floor": (np.floor, _zero),
    "Ceil": (np.ceil, _zero),
    "Round": (np.rint, _zero),
    "Sign": (np.sign, _zero),
    "Not": (np.logical_not, _zero),
}


def _divided(a: Any, b: Any) -> Any:
    """Return a / b, of integers rounded towards 0."""
    if np.asarray(a).dtype.kind not in "iu":
        return np.divide(a, b)
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(np.result_type(a, b))


def _powers(a: Any, b: Any) -> Any:
    y = np.power(a, b)
    return y if y.dtype.kind == "f" else y.astype(np.result_type(a))


def _log_of_positive(a: Any) -> Any:
    return np.where(a > 0, np.log(np.where(a > 0, a, 1)), 0)


def _one(*arrays: Any) -> Any:
    return 1


# Of two arrays, whose shapes broadcast: what each computes, and its slopes along a and b, where it is y.
BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "Add": (np.add, _one, _one),
    "Sub": (np.subtract, _one, lambda a, b, y: -1),
    "Mul": (np.multiply, lambda a, b, y: b, lambda a, b, y: a),
    "Div": (_divided, lambda a, b, y: 1 / b, lambda a, b, y: -y / b),
    "Pow": (_powers, lambda a, b, y: b * np.power(a, b - 1), lambda a, b, y: y * _log_of_positive(a)),
    "PRelu": (
        lambda a, b: np.where(a < 0, a * b, a), lambda a, b, y: np.where(a < 0, b, 1),
        lambda a, b, y: np.where(a < 0, a, 0),
    ),
}  # fmt: skip
COMPARISONS = {
    "Equal": np.equal, "Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal, "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
}  # fmt: skip
BY_PLACE = {*UNARY, *BINARY, *COMPARISONS, "Sum", "Mean", "Max", "Min", "Where", "Clip", "Cast", "CastLike"}


def _register_unary(name: str, function: Callable[..., Any], slope: Callable[..., Any]) -> None:
    @formula(name, inputs="X")
    def unary(x: Any) -> tuple[Any, Pull]:
        y = function(x)
        return y, lambda dy: (dy * slope(x, y),)


def _register_binary(name: str, function: Callable[..., Any], *slopes: Callable[..., Any]) -> None:
    @formula(name, inputs="X slope" if name == "PRelu" else "X Y" if name == "Pow" else "A B")
    def binary(a: Any, b: Any) -> tuple[Any, Pull]:
        y = function(a, b)
        pulled = tuple(zip((a, b), slopes, strict=True))
        return y, lambda dy: tuple([summed(dy * slope(a, b, y), np.shape(each)) for each, slope in pulled])


def _register_comparison(name: str, function: Callable[..., Any]) -> None:
    @formula(name, inputs="A B")
    def comparison(a: Any, b: Any) -> tuple[Any, Pull]:
        return function(a, b), lambda dy: (None, None)


for _name, _rules in UNARY.items():
    _register_unary(_name, *_rules)
for _name, _rules in BINARY.items():
    _register_binary(_name, *_rules)
for _name, _rule in COMPARISONS.items():
    _register_comparison(_name, _rule)


@formula("Sum")
def sum_of(*arrays: Any) -> tuple[Any, Pull]:
    return reduce(np.add, arrays), lambda dy: tuple([summed(dy, each.shape) for each in arrays])


@formula("Mean")
def mean_of(*arrays: Any) -> tuple[Any, Pull]:
    n = len(arrays)
    return reduce(np.add, arrays) / n, lambda dy: tuple([summed(dy / n, each.shape) for each in arrays])


def _register_extreme(name: str, function: Callable[..., Any]) -> None:
    @formula(name)
    def extreme(*arrays: Any) -> tuple[Any, Pull]:
        y = reduce(function, arrays)
        count = reduce(np.add, [(each == y).astype(y.dtype) for each in arrays])  # equal ones share dy
        return y, lambda dy: tuple([summed(dy * (each == y) / count, each.shape) for each in arrays])


_register_extreme("Max", np.maximum)
_register_extreme("Min", np.minimum)


@formula("Where", inputs="condition X Y")
def where(condition: Any, a: Any, b: Any) -> tuple[Any, Pull]:
    def pull(dy):
        return None, summed(np.where(condition, dy, 0), np.shape(a)), summed(np.where(condition, 0, dy), np.shape(b))

    return np.where(condition, a, b), pull


@formula("Clip", inputs="input min max")
def clip(x: Any, low: Any, high: Any) -> tuple[Any, Pull]:
    y = x if low is None else np.maximum(x, low)
    y = y if high is None else np.minimum(y, high)  # which also holds where the bounds have changed places
    return y, lambda dy: (dy * (x == y), None, None)


@formula("Cast", inputs="input")
def cast(x: Any, to: int, saturate: int = 1) -> tuple[Any, Pull]:
    if to not in DTYPES:
        raise ValueError(f"NumPy has no dtype for ONNX's type {to}")
    return x.astype(DTYPES[to]), lambda dy: (dy.astype(x.dtype),)


@formula("CastLike", inputs="input target_type")
def cast_like(x: Any, like: Any, saturate: int = 1) -> tuple[Any, Pull]:
    return x.astype(like.dtype), lambda dy: (dy.astype(x.dtype), None)


# ONNX's numbers of dtypes.
DTYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
