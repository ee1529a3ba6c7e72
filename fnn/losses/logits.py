"""How surprised a network is by the right answer: losses for classes, which take logits.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

Logits are the numbers before a softmax or sigmoid, because only there can both the loss and its gradient be computed
without loss of precision. Label smoothing s mixes the target with the same probability for every class,
(1 - s) target + s / classes, so that a network need not grow without end to be sure (Szegedy et al., 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.arrays import as_array, counting, floats, ones
from fnn.compose import ending
from fnn.core import value_and_grad, vjp
from fnn.errors import describe, number
from fnn.layers.activations import Sigmoid, Softmax
from fnn.losses.mean import one_a_row, same_shape, share, total
from fnn.records import record
from fnn.special import log1p_exp, logistic

_share_of_one = partial(number, "label_smoothing", below=1)


@record
class CrossEntropy:
    """mean(log(sum(exp(logits))) - logits[label]): the mean negative log likelihood of the labels under a softmax.

    The logits are (n, classes), perhaps with more axes between these two. ``target`` are whole numbers from 0, of that
    shape less the last axis, or probabilities of that shape, one-hot or soft, whose rows sum to 1. The gradient is
    softmax(logits) - target, over the number of rows.

    >>> round(cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([1, 0])), 4)
    0.3466
    >>> round(CrossEntropy(label_smoothing=0.1)(np.array([[1e2, 0.0]]), np.array([0])), 4)
    5.0
    """

    label_smoothing: float = attrs.field(default=0.0, converter=_share_of_one)


@vjp.register
def _(loss: CrossEntropy, prediction, target, weights=None):
    logits, target = _checked("cross_entropy", prediction, target)
    if logits.ndim > 2:
        return _on_rows("cross_entropy", loss, logits, target, weights)
    labels = target.ndim == 1
    # The classes come first: what is done to each row is then done in a few long sweeps, and not in many short ones.
    wanted = counting(logits.shape[1])[:, None] == target if labels else target.T
    shifted, e, sums = _exponentials(logits)
    if labels:
        # One True a row: pick it, so that a logit of -inf elsewhere does no harm.
        picked = shifted.T[wanted.T]
        if picked.size != sums.size:
            _refuse_labels("cross_entropy", target, logits.shape[1])
    if loss.label_smoothing:
        wanted = wanted.astype(logits.dtype) * (1 - loss.label_smoothing) + loss.label_smoothing / logits.shape[1]
    surprise = np.log(sums)
    if labels and not loss.label_smoothing:
        surprise -= picked
    else:
        surprise = _expected(wanted, surprise - shifted)
    return _mean_over_rows("cross_entropy", loss, surprise, e, sums, wanted, weights)


@record
class KLDivergence:
    """mean(sum(target (log(target) - log_softmax(logits)))): what the network's odds lose against those of the target.

    ``target`` are probabilities of the logits' shape (n, ..., classes). It is ``cross_entropy`` less what no network
    can help, the entropy of the target, and has the same gradient (Kullback and Leibler, 1951).

    >>> round(kl_divergence(np.array([[0.0, 0.0]]), np.array([[0.75, 0.25]])), 4)
    0.1308
    """


@vjp.register
def _(loss: KLDivergence, prediction, target, weights=None):
    logits, target = _checked("kl_divergence", prediction, target)
    if target.shape != logits.shape:
        raise ValueError(f"kl_divergence expects probabilities {logits.shape}, got {target.shape}")
    if logits.ndim > 2:
        return _on_rows("kl_divergence", loss, logits, target, weights)
    wanted = target.T
    shifted, e, sums = _exponentials(logits)
    log_wanted = np.log(wanted, out=np.zeros_like(wanted), where=wanted > 0)
    divergence = _expected(wanted, log_wanted + (np.log(sums) - shifted))
    return _mean_over_rows("kl_divergence", loss, divergence, e, sums, wanted, weights)


def _on_rows(who: str, loss: Any, logits: np.ndarray, target: np.ndarray, weights: Any) -> tuple[float, Callable]:
    """Reduce logits (n, ..., classes) to (rows, classes), each row with the weight of its example."""
    classes = logits.shape[-1]
    rows = logits.reshape(-1, classes)
    if weights is not None:
        weights = one_a_row(who, logits, weights)
        weights = np.repeat(weights.reshape(-1), len(rows) // len(logits))
    value, pullback = vjp(loss, rows, target.reshape(-1, *[classes] * (target.ndim == logits.ndim)), weights)

    def rows_pullback(dvalue):
        _, dlogits = pullback(dvalue)
        return loss, lambda: dlogits().reshape(logits.shape)

    return value, rows_pullback


def _exponentials(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the logits less the largest of their row, and its exponential, (classes, rows), and the rows' sums of it."""
    shifted = logits.T.copy()
    shifted -= np.maximum.reduce(shifted, axis=0)  # the row's own: with one for all, a row far below would be 0 / 0
    e = np.exp(shifted)
    return shifted, e, ones(len(e), e.dtype).dot(e)


def _expected(wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum values by their probabilities; what has none counts nothing, be it infinite."""
    return np.multiply(values, wanted, out=np.zeros_like(values), where=wanted > 0).sum(axis=0)


def _mean_over_rows(
    who: str, loss: Any, losses: np.ndarray, e: np.ndarray, sums: np.ndarray, wanted: np.ndarray, weights: Any
) -> tuple[float, Callable]:
    """Give the mean of the rows' losses, and the pullback: softmax less target, times what each row counts."""
    counts = share(who, losses, weights)

    def from_logits_pullback(dvalue):
        def dprediction():
            dlogits = e / sums
            dlogits -= wanted
            dlogits *= dvalue * counts
            return dlogits.T

        return loss, dprediction

    return total(losses, counts), from_logits_pullback


@record
class BinaryCrossEntropy:
    """mean(target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))), over all numbers, for logits x.

    ``target`` has the shape of the logits and lies between 0 and 1. The gradient is sigmoid(x) - target, over the
    number of logits.

    >>> round(binary_cross_entropy(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 4)
    0.3466
    """

    label_smoothing: float = attrs.field(default=0.0, converter=_share_of_one)


@vjp.register
def _(loss: BinaryCrossEntropy, prediction, target, weights=None):
    logits, target = same_shape("binary_cross_entropy", prediction, target)
    if not ((target >= 0) & (target <= 1)).all():
        low, high = target.min(), target.max()
        raise ValueError(f"binary_cross_entropy expects targets from 0 to 1, got some from {low} to {high}")
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    counts = share("binary_cross_entropy", logits, weights)
    # x - target x = (1 - target) x above zero and -target x below, sums of what is never negative: nothing cancels
    straight = np.maximum(logits, 0) * (1 - target) - np.minimum(logits, 0) * target
    surprise = straight + log1p_exp(-np.abs(logits))

    def binary_cross_entropy_pullback(dvalue):
        return loss, lambda: (logistic(logits) - target) * (dvalue * counts)

    return total(surprise, counts), binary_cross_entropy_pullback


@record
class Hinge:
    """mean(max(0, 1 - target x)), over all numbers: right by a margin of 1, or it costs (Cortes and Vapnik, 1995).

    ``target`` has the shape of the scores x and is -1 or 1; the slope at the margin itself is 0.

    >>> hinge(np.array([[2.0], [0.5]]), np.array([[1], [1]]))
    0.25
    """


@vjp.register
def _(loss: Hinge, prediction, target, weights=None):
    scores, target = same_shape("hinge", prediction, target)
    if not (np.abs(target) == 1).all():
        raise ValueError(
            f"hinge expects targets -1 and 1, got some from {target.min()} to {target.max()}; "
            "for labels 0 and 1 write 2 * target - 1"
        )
    counts = share("hinge", scores, weights)
    short = 1 - target * scores

    def hinge_pullback(dvalue):
        return loss, lambda: -target * (short > 0) * (dvalue * counts)

    return total(np.maximum(short, 0), counts), hinge_pullback


cross_entropy: Any = CrossEntropy()
binary_cross_entropy: Any = BinaryCrossEntropy()
kl_divergence: Any = KLDivergence()
hinge: Any = Hinge()


_value_and_grad = value_and_grad.dispatch(object)


@value_and_grad.register(CrossEntropy)
@value_and_grad.register(KLDivergence)
@value_and_grad.register(BinaryCrossEntropy)
def _(loss, params, batch, key=None):
    refuse_probabilities(loss, params)
    return _value_and_grad(loss, params, batch, key)


def refuse_probabilities(loss: Any, params: Any) -> None:
    """Raise ``TypeError`` if a network hands probabilities to a loss that takes logits: it would take them twice."""
    last, depth = ending(params)
    if type(last) is Softmax or (type(last) is Sigmoid and type(loss) is BinaryCrossEntropy):
        place = ".".join(["layers[-1]"] * depth) or "its root"
        raise TypeError(
            f"{type(loss).__name__} takes logits, but the network ends in {type(last).__name__}, at {place}; "
            "leave that out of the network, and apply it to what the trained network gives"
        )


def _checked(who: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the logits, and as target whole numbers or probabilities in the dtype of the logits."""
    logits, target = floats(who, prediction), as_array(who, target)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"{who} expects logits (n, classes), got {logits.shape}")
    rows = logits.shape[:-1]
    if target.shape == rows:
        if target.dtype.kind in "iu":
            return logits, target
        raise TypeError(f"{who} expects whole numbers as labels, got {describe(target)}; write target.astype(int)")
    if target.shape != logits.shape:
        hint = "; write target[:, 0]" if target.shape == (*rows, 1) else ""
        raise ValueError(
            f"{who} expects labels {rows} or probabilities {logits.shape} "
            f"for logits {logits.shape}, got {target.shape}{hint}"
        )
    target = floats(who, target)
    sums = target.sum(axis=-1)
    if not ((np.abs(sums - 1) < 1e-3).all() and (target >= 0).all()):
        raise ValueError(
            f"{who} expects the rows of a target (n, classes) to be probabilities that sum to 1, "
            f"got numbers from {target.min()} and sums from {sums.min()} to {sums.max()}"
        )
    return logits, target.astype(logits.dtype, copy=False)


def _refuse_labels(who: str, target: Any, classes: int) -> None:
    low, high = np.min(target), np.max(target)
    raise ValueError(f"{who} expects labels from 0 to {classes - 1}, got some from {low} to {high}")
