"""A loss says in one number how wrong a network is, so that there is something to descend.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Losses average over examples; sums have ``sum`` in their names. Those for classes take logits, the numbers before a
softmax or sigmoid, because only there can both be computed without loss of precision. Weights are one a row: weight 2
counts as the row twice, weight 0 as the row left out. Shapes must match exactly: ``(n,)`` against ``(n, 1)`` would
broadcast to ``(n, n)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.arrays import as_array, counting, floats, ones
from fnn.core import vjp
from fnn.errors import describe
from fnn.records import record
from fnn.special import log1p_exp, logistic, softmax_parts


@record
class MeanSquaredError:
    """mean((prediction - target)**2), over all numbers.

    >>> mse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def _(loss: MeanSquaredError, prediction, target, weights=None):
    difference = _difference("mse", prediction, target)
    share = _share("mse", difference, weights)

    def mse_pullback(dvalue):
        return loss, lambda: difference * (2 * dvalue * share)

    return _sum(np.square(difference), share), mse_pullback


@record
class SumSquaredError:
    """sum((prediction - target)**2) / 2, over all numbers; the half makes the difference itself the gradient.

    >>> sum_squared_error(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    2.0
    """


@vjp.register
def _(loss: SumSquaredError, prediction, target, weights=None):
    difference = _difference("sum_squared_error", prediction, target)
    weight = 1.0 if weights is None else _one_a_row("sum_squared_error", difference, weights)

    def sum_squared_error_pullback(dvalue):
        return loss, lambda: difference * (dvalue * weight)

    return _sum(np.square(difference), 0.5 * weight), sum_squared_error_pullback


@record
class CrossEntropy:
    """mean(log(sum(exp(logits))) - logits[label]): the mean negative log likelihood of the labels under a softmax.

    ``prediction`` are logits (n, classes), perhaps with more axes between these two. ``target`` are whole numbers from
    0, of that shape less the last axis, or probabilities of that shape, one-hot or soft, whose rows sum to 1. The
    gradient is softmax(logits) - target, over the number of rows.

    >>> round(cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([1, 0])), 4)
    0.3466
    """


@vjp.register
def _(loss: CrossEntropy, prediction, target, weights=None):
    logits = floats("cross_entropy", prediction)
    wanted = _wanted(logits, target)
    shifted, e, total = softmax_parts(logits)
    if wanted.dtype == bool:  # one True a row: pick it, so that a logit of -inf elsewhere does no harm
        picked = shifted[wanted]
        surprise = np.log(total[..., 0])
        if picked.size != surprise.size:
            _refuse_labels(target, logits.shape[-1])
        surprise -= picked.reshape(surprise.shape)
    else:
        surprise = np.log(total) - shifted
        surprise = np.multiply(surprise, wanted, out=np.zeros_like(e), where=wanted > 0).sum(axis=-1)
    share = _share("cross_entropy", surprise, weights)

    def cross_entropy_pullback(dvalue):
        def dprediction():
            dlogits = e / total
            dlogits -= wanted
            dlogits *= dvalue * (share if weights is None else share[..., None])
            return dlogits

        return loss, dprediction

    return _sum(surprise, share), cross_entropy_pullback


@record
class BinaryCrossEntropy:
    """mean(target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))), over all numbers, for logits x.

    ``target`` has the shape of the logits and lies between 0 and 1. The gradient is sigmoid(x) - target, over the
    number of logits.

    >>> round(binary_cross_entropy(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 4)
    0.3466
    """


@vjp.register
def _(loss: BinaryCrossEntropy, prediction, target, weights=None):
    logits, target = _same_shape("binary_cross_entropy", prediction, target)
    if not ((target >= 0) & (target <= 1)).all():
        low, high = target.min(), target.max()
        raise ValueError(f"binary_cross_entropy expects targets from 0 to 1, got some from {low} to {high}")
    share = _share("binary_cross_entropy", logits, weights)
    # x - target x = (1 - target) x above zero and -target x below, sums of what is never negative: nothing cancels
    straight = np.maximum(logits, 0) * (1 - target) - np.minimum(logits, 0) * target
    surprise = straight + log1p_exp(-np.abs(logits))

    def binary_cross_entropy_pullback(dvalue):
        return loss, lambda: (logistic(logits) - target) * (dvalue * share)

    return _sum(surprise, share), binary_cross_entropy_pullback


mse: Any = MeanSquaredError()
sum_squared_error: Any = SumSquaredError()
cross_entropy: Any = CrossEntropy()
binary_cross_entropy: Any = BinaryCrossEntropy()


def _same_shape(who: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = floats(who, prediction), floats(who, target)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{who} expects a target of the prediction's shape {prediction.shape}, got {target.shape}"
            + ("; write target[:, None]" if prediction.shape == (*target.shape, 1) else "")
        )
    return prediction, target.astype(prediction.dtype, copy=False)


def _difference(who: str, prediction: Any, target: Any) -> np.ndarray:
    prediction, target = _same_shape(who, prediction, target)
    return prediction - target


def _wanted(logits: np.ndarray, target: Any) -> np.ndarray:
    """Give labels as a mask with one True a row, probabilities in the dtype of the logits."""
    target = as_array("cross_entropy", target)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"cross_entropy expects logits (n, classes), got {logits.shape}")
    rows, classes = logits.shape[:-1], logits.shape[-1]
    if target.shape == rows:
        if target.dtype.kind in "iu":
            return target[..., None] == counting(classes)
        raise TypeError(
            f"cross_entropy expects whole numbers as labels, got {describe(target)}; write target.astype(int)"
        )
    if target.shape != logits.shape:
        hint = "; write target[:, 0]" if target.shape == (*rows, 1) else ""
        raise ValueError(
            f"cross_entropy expects labels {rows} or probabilities {logits.shape} "
            f"for logits {logits.shape}, got {target.shape}{hint}"
        )
    target = floats("cross_entropy", target)
    sums = target.sum(axis=-1)
    if not ((np.abs(sums - 1) < 1e-3).all() and (target >= 0).all()):
        raise ValueError(
            "cross_entropy expects the rows of a target (n, classes) to be probabilities that sum to 1, "
            f"got numbers from {target.min()} and sums from {sums.min()} to {sums.max()}"
        )
    return target.astype(logits.dtype, copy=False)


def _refuse_labels(target: Any, classes: int) -> None:
    low, high = np.min(target), np.max(target)
    raise ValueError(f"cross_entropy expects labels from 0 to {classes - 1}, got some from {low} to {high}")


def _share(who: str, losses: np.ndarray, weights: Any) -> Any:
    """Give what each of the losses (n, ...) counts in the mean: a number, or with weights an array (n, 1, ...)."""
    if losses.size == 0:
        raise ValueError(f"{who} expects at least one row, got the shape {losses.shape}")
    if weights is None:
        return 1.0 / losses.size
    weights = _one_a_row(who, losses, weights)
    return weights * (len(weights) / (float(weights.sum()) * losses.size))


def _one_a_row(who: str, losses: np.ndarray, weights: Any) -> np.ndarray:
    weights = floats(who, weights)
    if weights.shape != losses.shape[:1]:
        raise ValueError(f"{who} expects one weight a row, {losses.shape[:1]}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            f"{who} expects weights that are finite, not negative and not all zero, "
            f"got some from {weights.min()} to {weights.max()}"
        )
    return weights.astype(losses.dtype, copy=False).reshape(-1, *[1] * (losses.ndim - 1))


def _sum(losses: np.ndarray, share: Any) -> float:
    """Sum what each row (or number) counts, so that the total depends little on their order."""
    if not isinstance(share, float):
        return float(np.add.reduce(losses * share, axis=None, dtype=np.float64))
    if (
        losses.ndim == 1 and losses.size < 1024
    ):  # a short sum loses nothing as a product, and takes a quarter of the time
        return share * float(losses.dot(ones(losses.size, losses.dtype)))
    return share * float(np.add.reduce(losses, axis=None, dtype=np.float64))
