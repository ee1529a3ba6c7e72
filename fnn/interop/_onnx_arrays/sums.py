"""What the operators of ONNX compute that sum: over axes, in products of matrices, as a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.interop._onnx_arrays.operator import Pull, formula, summed


def _mean(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return np.sum(x, axis=axis, keepdims=keepdims) / max(math.prod(x.shape[each] for each in axis), 1)


# Over axes: what each computes, and its slope at x, where it is y and there are n numbers to one.
REDUCED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "ReduceSum": (np.sum, lambda x, y, n: 1),
    "ReduceMean": (_mean, lambda x, y, n: 1 / n),
    "ReduceSumSquare": (lambda x, **over: np.sum(x * x, **over), lambda x, y, n: 2 * x),
    "ReduceL1": (lambda x, **over: np.sum(np.abs(x), **over), lambda x, y, n: np.sign(x)),
    "ReduceL2": (
        lambda x, **over: np.sqrt(np.sum(x * x, **over)), lambda x, y, n: x / np.where(y == 0, 1, y)
    ),
    "ReduceLogSum": (lambda x, **over: np.log(np.sum(x, **over)), lambda x, y, n: np.exp(-y)),
    "ReduceMax": (np.max, lambda x, y, n: x == y),
    "ReduceMin": (np.min, lambda x, y, n: x == y),
}  # fmt: skip


def _log_of_sum_of_powers(x: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    largest = np.max(x, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else total.squeeze(axis)


REDUCED["ReduceLogSumExp"] = _log_of_sum_of_powers, lambda x, y, n: np.exp(x - y)


def _register_reduced(name: str, function: Callable[..., Any], slope: Callable[..., Any]) -> None:
    @formula(name, inputs="data axes", fixed="axes")
    def reduced(x: Any, axes: Any, keepdims: int = 1, noop_with_empty_axes: int = 0) -> tuple[Any, Pull]:
        if not axes and noop_with_empty_axes:
            over: tuple[int, ...] = ()
        else:
            over = tuple([axis % x.ndim for axis in axes or range(x.ndim)])
        whole = function(x, axis=over, keepdims=True)
        n = math.prod(x.shape[axis] for axis in over)

        def pull(dy):
            each = slope(x, whole, n)
            if name in ("ReduceMax", "ReduceMin"):  # equal ones share dy
                each = (each / np.sum(each, axis=over, keepdims=True)).astype(x.dtype)
            return dy.reshape(whole.shape) * each * np.ones_like(x), None

        y = whole.astype(x.dtype)
        return (y if keepdims else y.squeeze(over)), pull


for _name, _rules in REDUCED.items():
    _register_reduced(_name, *_rules)


def _register_place(name: str, function: Callable[..., Any]) -> None:
    @formula(name, inputs="data")
    def place(x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> tuple[Any, Pull]:
        found = function(np.flip(x, axis) if select_last_index else x, axis=axis, keepdims=bool(keepdims))
        return (x.shape[axis] - 1 - found if select_last_index else found), lambda dy: (None,)


_register_place("ArgMax", np.argmax)
_register_place("ArgMin", np.argmin)


@formula("Hardmax", inputs="input")
def hardmax(x: Any, axis: int = -1) -> tuple[Any, Pull]:
    places = np.expand_dims(np.argmax(x, axis=axis), axis)
    y = np.zeros_like(x)
    np.put_along_axis(y, places, 1, axis)
    return y, lambda dy: (None,)


@formula("Softmax", inputs="input")
def softmax(x: Any, axis: int = -1) -> tuple[Any, Pull]:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    y /= y.sum(axis=axis, keepdims=True)

    def pull(dy):
        known = np.nan_to_num(y, nan=0.0)  # what is masked all over is dropped, and so is its gradient
        return ((dy - (dy * known).sum(axis=axis, keepdims=True)) * known,)

    return y, pull


@formula("MatMul", inputs="A B")
def matmul(a: Any, b: Any) -> tuple[Any, Pull]:
    def pull(dy):
        left, right = a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
        dy = np.expand_dims(dy, -2) if a.ndim == 1 else dy
        dy = np.expand_dims(dy, -1) if b.ndim == 1 else dy
        da, db = dy @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ dy
        return summed(da, left.shape).reshape(a.shape), summed(db, right.shape).reshape(b.shape)

    return a @ b, pull


@formula("Gemm", inputs="A B C")
def gemm(
    a: Any, b: Any, c: Any, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0
) -> tuple[Any, Pull]:
    left, right = a.T if transA else a, b.T if transB else b
    y = alpha * (left @ right)

    def pull(dy):
        da, db = alpha * (dy @ right.T), alpha * (left.T @ dy)
        dc = None if c is None else summed(beta * dy, np.shape(c))
        return da.T if transA else da, db.T if transB else db, dc

    return (y if c is None else y + beta * c), pull


@formula("Einsum")
def einsum(*arrays: Any, equation: str) -> tuple[Any, Pull]:
    terms, result = _letters(equation, [each.ndim for each in arrays])
    y = np.einsum(",".join(terms) + "->" + result, *arrays)

    def pull(dy):
        return tuple([_of_term(place, terms, result, arrays, dy) for place in range(len(terms))])

    return y, pull


def _letters(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Return the terms of an equation and its result with a letter for each axis, also for those of an ellipsis."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in equation]
    most = max([rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)], default=0)
    if not arrow:
        once = sorted({letter for letter in left if left.count(letter) == 1 and letter.isalpha()})
        result = ("..." if "..." in left else "") + "".join(once)
    whole = "".join(free[:most])
    terms = [
        term.replace("...", whole[most - (rank - len(term.replace("...", ""))) :] if "..." in term else "")
        for term, rank in zip(terms, ranks, strict=True)
    ]
    return terms, result.replace("...", whole)


def _of_term(place: int, terms: list[str], result: str, arrays: tuple[Any, ...], dy: np.ndarray) -> np.ndarray:
    """Return the gradient of one array: the sum of dy times the others over the letters that it has not."""
    wanted, array = terms[place], arrays[place]
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"einsum: a term with a letter twice has no gradient, got {wanted}")
    others = [(term, each) for i, (term, each) in enumerate(zip(terms, arrays, strict=True)) if i != place]
    there = [letter for letter in wanted if letter in result or any(letter in term for term, _ in others)]
    found = np.einsum(
        ",".join([result, *[term for term, _ in others]]) + "->" + "".join(there), dy, *[each for _, each in others]
    )
    for axis, letter in enumerate(wanted):  # summed over in the product: each of its numbers gets the same
        if letter not in there:
            found = np.expand_dims(found, axis)
    return np.broadcast_to(found, array.shape).astype(array.dtype)


@formula("NegativeLogLikelihoodLoss", inputs="input target weight", fixed="weight")
def negative_log_likelihood(
    x: Any, target: Any, weight: Any, reduction: str = "mean", ignore_index: int | None = None
) -> tuple[Any, Pull]:
    """Compute the loss of log-probabilities (n, classes, ...); its mean is over the weights of what is not ignored."""
    there = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    labels = np.where(there, target, 0).astype(np.int64)
    of_class = np.ones(x.shape[1], x.dtype) if weight is None else np.asarray(weight, x.dtype)
    weights = np.where(there, of_class[labels], 0).astype(x.dtype)
    rows = -np.take_along_axis(x, labels[:, None], axis=1)[:, 0] * weights
    total = weights.sum() if reduction == "mean" else 1

    def pull(dy):
        dx = np.zeros(x.shape, x.dtype)
        np.put_along_axis(dx, labels[:, None], (-weights * (dy / total))[:, None], axis=1)
        return dx, None, None

    return (rows if reduction == "none" else (rows.sum() / total).astype(x.dtype)), pull
