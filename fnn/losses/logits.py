"""How surprised a network is by the right answer: losses for classes, which take logits.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

Logits are the numbers before a softmax or sigmoid, because only there can both the loss and its gradient be computed
without loss of precision. Label smoothing s mixes the target with the same probability for every class,
(1 - s) target + s / classes, so that a network need not grow without end to be sure (Szegedy et al., 2016).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.arrays import as_array, counting, floats
from fnn.compose import Serial
from fnn.core import value_and_grad, vjp
from fnn.errors import describe, number
from fnn.layers.activations import Sigmoid, Softmax
from fnn.losses.mean import same_shape, share, total
from fnn.records import record
from fnn.special import log1p_exp, logistic, softmax_parts

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
    logits = floats("cross_entropy", prediction)
    wanted = _wanted("cross_entropy", logits, target)
    if loss.label_smoothing:
        wanted = wanted * (1 - loss.label_smoothing) + loss.label_smoothing / logits.shape[-1]
        wanted = wanted.astype(logits.dtype, copy=False)
    shifted, e, sums = softmax_parts(logits)
    if wanted.dtype == bool:  # one True a row: pick it, so that a logit of -inf elsewhere does no harm
        picked = shifted[wanted]
        surprise = np.log(sums[..., 0])
        if picked.size != surprise.size:
            _refuse_labels("cross_entropy", target, logits.shape[-1])
        surprise -= picked.reshape(surprise.shape)
    else:
        surprise = _expected(wanted, np.log(sums) - shifted)
    counts = share("cross_entropy", surprise, weights)

    def cross_entropy_pullback(dvalue):
        return loss, lambda: _towards(wanted, e, sums, dvalue * (counts if weights is None else counts[..., None]))

    return total(surprise, counts), cross_entropy_pullback


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
    logits = floats("kl_divergence", prediction)
    if np.shape(target) != logits.shape:
        raise ValueError(f"kl_divergence expects probabilities {logits.shape}, got {np.shape(target)}")
    wanted = _wanted("kl_divergence", logits, target)
    shifted, e, sums = softmax_parts(logits)
    log_wanted = np.log(wanted, out=np.zeros_like(wanted), where=wanted > 0)
    divergence = _expected(wanted, log_wanted + (np.log(sums) - shifted))
    counts = share("kl_divergence", divergence, weights)

    def kl_divergence_pullback(dvalue):
        return loss, lambda: _towards(wanted, e, sums, dvalue * (counts if weights is None else counts[..., None]))

    return total(divergence, counts), kl_divergence_pullback


def _expected(wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum values by their probabilities; what has none counts nothing, be it infinite."""
    return np.multiply(values, wanted, out=np.zeros_like(values), where=wanted > 0).sum(axis=-1)


def _towards(wanted: np.ndarray, e: np.ndarray, sums: np.ndarray, factor: Any) -> np.ndarray:
    """Give the gradient by the logits: softmax less target, times what each row counts."""
    dlogits = e / sums
    dlogits -= wanted
    dlogits *= factor
    return dlogits


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
    last, path = params, ""
    while type(last) is Serial and last.layers:
        last, path = last.layers[-1], f"{path}.layers[{len(last.layers) - 1}]"
    if type(last) is Softmax or (type(last) is Sigmoid and type(loss) is BinaryCrossEntropy):
        raise TypeError(
            f"{type(loss).__name__} takes logits, but the network ends in {type(last).__name__} at {path.lstrip('.')}; "
            "leave that out of the network, and apply it to what the trained network gives"
        )


def _wanted(who: str, logits: np.ndarray, target: Any) -> np.ndarray:
    """Give labels as a mask with one True a row, probabilities in the dtype of the logits."""
    target = as_array(who, target)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"{who} expects logits (n, classes), got {logits.shape}")
    rows, classes = logits.shape[:-1], logits.shape[-1]
    if target.shape == rows:
        if target.dtype.kind in "iu":
            return target[..., None] == counting(classes)
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
    return target.astype(logits.dtype, copy=False)


def _refuse_labels(who: str, target: Any, classes: int) -> None:
    low, high = np.min(target), np.max(target)
    raise ValueError(f"{who} expects labels from 0 to {classes - 1}, got some from {low} to {high}")
