"""How unlikely a network takes the right one of several classes to be: losses that take a logit for each class.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

Logits are the values before a softmax or sigmoid, because only there can both the loss and its gradient be computed
without loss of precision. Label smoothing s mixes the target with the same probability for every class,
(1 - s) target + s / classes, so that a network need not grow without end to be certain (Szegedy et al., 2016).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, counting, floats, ones
from fnn.core._errors import describe, number
from fnn.core.grad import value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers.activations import Sigmoid, Softmax
from fnn.losses._reduction import Evaluated, mean_scale, row_weights, same_shape, scaled, total
from fnn.networks.serial import ending

_smoothing = partial(number, "label_smoothing", below=1)


class CrossEntropy(Record):
    """mean(log(sum(exp(logits))) - logits[label]): the mean negative log likelihood of the labels under a softmax.

    The logits are (n, classes), perhaps with more axes between these two. ``target`` are integers from 0, of that
    shape less the last axis, or probabilities of that shape, one-hot or soft, whose rows sum to 1. The gradient is
    softmax(logits) - target, over the number of rows.

    >>> round(cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([1, 0])), 4)
    0.3466
    >>> round(CrossEntropy(label_smoothing=0.1)(np.array([[1e2, 0.0]]), np.array([0])), 4)
    5.0
    """

    label_smoothing: float = attrs.field(default=0.0, converter=_smoothing)


@vjp.register
def cross_entropy_vjp(loss: CrossEntropy, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    logits, target = _logits_and_target("cross_entropy", prediction, target)
    if logits.ndim > 2:
        return _merged_rows_vjp("cross_entropy", loss, logits, target, weights)
    if target.ndim == 1 and not loss.label_smoothing:
        return _labels_vjp(loss, logits, target, weights)
    classes = logits.shape[1]
    if target.ndim == 1:
        cells = np.zeros(logits.size, logits.dtype)
        cells[_label_cells(target, classes, len(logits))] = 1
        target = cells.reshape(classes, -1).T
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / classes
    return _probabilities_vjp("cross_entropy", loss, logits, target, 0.0, weights)


def _labels_vjp(loss: Any, logits: np.ndarray, labels: np.ndarray, weights: Any) -> Evaluated:
    """Compute each row's nll, log(sum) - target logit, where the sum is exp(target logit) + rest.

    The rest is added up by itself: where a row is nearly certain it is close to 0, and 1 + rest, or softmax - target,
    would keep little or nothing of it. The gradient is exp(logit) / sum, and at the label -rest / sum.
    """
    # With the classes first, what is done to each row takes a few long loops over rows instead of many short ones.
    shifted = logits.T.copy()
    shifted -= np.maximum.reduce(shifted, axis=0)  # the row's own: with one for all, a row far below would be 0 / 0
    cells, at_label = shifted.reshape(-1), _label_cells(labels, *shifted.shape)
    target_logit = cells.take(at_label)
    cells[at_label] = -math.inf  # whose exponential is 0
    e = np.exp(shifted, out=shifted)
    rest = ones(len(e), e.dtype).dot(e)
    cells[at_label] = -rest
    excess = np.expm1(target_logit)
    excess += rest  # the sum less 1
    nll = np.log1p(excess)
    nll -= target_logit
    scale = mean_scale("cross_entropy", nll, weights)

    def labels_pullback(dvalue):
        def dprediction():
            dlogits = e / (np.exp(target_logit) + rest)  # not 1 + excess, which is rounded once more
            dlogits *= dvalue * scale
            return dlogits.T

        return loss, dprediction

    return total(nll, scale), labels_pullback


def _label_cells(labels: np.ndarray, classes: int, n: int) -> np.ndarray:
    """Return the place of each row's label in the flat array of (classes, n), or raise if a label is no class."""
    cells = labels.astype(np.intp)  # one index into a flat array is faster than two
    # Read as unsigned, a negative label is huge: one look at the largest finds both kinds of mistake.
    if cells.size and np.maximum.reduce(cells.view(np.uintp)) >= classes:
        raise ValueError(
            f"cross_entropy expects labels from 0 to {classes - 1}, got some from {labels.min()} to {labels.max()}"
        )
    cells *= n
    cells += counting(n)
    return cells


def _probabilities_vjp(
    caller: str, loss: Any, logits: np.ndarray, target: np.ndarray, offset: Any, weights: Any
) -> Evaluated:
    """Compute sum(target (offset - log_softmax(logits))) for each row; offset and result have the classes first.

    As above the rest of the sum is added up by itself, here without the largest exponential, which is 1. The gradient
    is e / sum - target; at the largest logit that is (1 - target - target rest) / sum.
    """
    wanted, shifted = np.ascontiguousarray(target.T), logits.T.copy()
    top = logits.argmax(axis=1), counting(len(logits))
    shifted -= shifted[top]
    e = np.exp(shifted)
    e[top] = 0
    rest = ones(len(e), e.dtype).dot(e)
    nll_by_class = np.log1p(rest) - shifted
    nll_by_class += offset
    losses = scaled(wanted, nll_by_class).sum(axis=0)
    scale = mean_scale(caller, losses, weights)

    def probabilities_pullback(dvalue):
        def dprediction():
            sums, at_top = 1 + rest, wanted[top]
            dlogits = e / sums
            dlogits -= wanted
            dlogits[top] = (1 - at_top - at_top * rest) / sums
            dlogits *= dvalue * scale
            return dlogits.T

        return loss, dprediction

    return total(losses, scale), probabilities_pullback


def _merged_rows_vjp(caller: str, loss: Any, logits: np.ndarray, target: np.ndarray, weights: Any) -> Evaluated:
    """Evaluate logits (n, ..., classes) as (rows, classes), where each row has the weight of its example."""
    classes = logits.shape[-1]
    rows = logits.reshape(-1, classes)
    if weights is not None:
        weights = row_weights(caller, logits, weights)
        weights = np.repeat(weights.reshape(-1), len(rows) // len(logits))
    value, pullback = vjp(loss, rows, target.reshape(-1, *[classes] * (target.ndim == logits.ndim)), weights)

    def merged_rows_pullback(dvalue):
        _, dlogits = pullback(dvalue)
        return loss, lambda: dlogits().reshape(logits.shape)

    return value, merged_rows_pullback


def _logits_and_target(caller: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits, and as target integers or probabilities in the dtype of the logits."""
    logits, target = floats(caller, prediction), as_array(caller, target)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(f"{caller} expects logits (n, classes), got {logits.shape}")
    rows = logits.shape[:-1]
    if target.shape == rows:
        if target.dtype.kind in "iu":
            return logits, target
        raise TypeError(f"{caller} expects integers as labels, got {describe(target)}; write target.astype(int)")
    if target.shape != logits.shape:
        hint = "; write target[:, 0]" if target.shape == (*rows, 1) else ""
        raise ValueError(
            f"{caller} expects labels {rows} or probabilities {logits.shape} "
            f"for logits {logits.shape}, got {target.shape}{hint}"
        )
    target = floats(caller, target)
    sums = target.sum(axis=-1)
    if not ((np.abs(sums - 1) < 1e-3).all() and (target >= 0).all()):
        raise ValueError(
            f"{caller} expects the rows of a target (n, classes) to be probabilities that sum to 1, "
            f"got values from {target.min()} and sums from {sums.min()} to {sums.max()}"
        )
    return logits, target.astype(logits.dtype, copy=False)


class KLDivergence(Record):
    """mean(sum(target (log(target) - log_softmax(logits)))): how far the network's probabilities are from the target's.

    ``target`` are probabilities of the logits' shape (n, ..., classes). The loss is ``cross_entropy`` less what no
    network can change, the entropy of the target, and has the same gradient (Kullback and Leibler, 1951).

    >>> round(kl_divergence(np.array([[0.0, 0.0]]), np.array([[0.75, 0.25]])), 4)
    0.1308
    """


@vjp.register
def kl_divergence_vjp(loss: KLDivergence, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    logits, target = _logits_and_target("kl_divergence", prediction, target)
    if target.shape != logits.shape:
        raise ValueError(f"kl_divergence expects probabilities {logits.shape}, got {target.shape}")
    if logits.ndim > 2:
        return _merged_rows_vjp("kl_divergence", loss, logits, target, weights)
    log_target = np.log(np.where(target > 0, target, 1)).T
    return _probabilities_vjp("kl_divergence", loss, logits, target, log_target, weights)


class BinaryCrossEntropy(Record):
    """mean(target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))), over all values, for logits x.

    ``target`` has the logits' shape and lies between 0 and 1. The gradient is (sigmoid(x) - target) / number of logits.

    >>> round(binary_cross_entropy(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 4)
    0.3466
    """

    label_smoothing: float = attrs.field(default=0.0, converter=_smoothing)


@vjp.register
def binary_cross_entropy_vjp(loss: BinaryCrossEntropy, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    logits, target = same_shape("binary_cross_entropy", prediction, target)
    if not ((target >= 0) & (target <= 1)).all():
        found = f"some from {target.min()} to {target.max()}"
        raise ValueError(f"binary_cross_entropy expects targets from 0 to 1, got {found}")
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    scale = mean_scale("binary_cross_entropy", logits, weights)
    # In terms of |x|, and of the target's probability that the logit's sign is wrong, nothing is lost: the loss is
    # log(1 + exp(-|x|)) + wrong |x|, a sum of what is never negative, and its slope away from 0 is
    # (wrong - (1 - wrong) exp(-|x|)) / (1 + exp(-|x|)).
    above, distance = (logits > 0).astype(logits.dtype), np.abs(logits)
    wrong = np.abs(above - target)
    e = np.exp(-distance)
    losses = np.log1p(e)
    losses += scaled(wrong, distance)

    def binary_cross_entropy_pullback(dvalue):
        def dprediction():
            dlogits = wrong - (1 - wrong) * e
            dlogits /= 1 + e
            dlogits *= above * (2 * dvalue * scale) - dvalue * scale
            return dlogits

        return loss, dprediction

    return total(losses, scale), binary_cross_entropy_pullback


class Hinge(Record):
    """mean(max(0, 1 - target x)), over all values: right by a margin of 1, or it costs (Cortes and Vapnik, 1995).

    ``target`` has the shape of the scores x and is -1 or 1; the slope at the margin itself is 0.

    >>> hinge(np.array([[2.0], [0.5]]), np.array([[1], [1]]))
    0.25
    """


@vjp.register
def hinge_vjp(loss: Hinge, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    scores, target = same_shape("hinge", prediction, target)
    if not (np.abs(target) == 1).all():
        raise ValueError(
            f"hinge expects targets -1 and 1, got some from {target.min()} to {target.max()}; "
            "for labels 0 and 1 write 2 * target - 1"
        )
    scale = mean_scale("hinge", scores, weights)
    shortfall = 1 - target * scores

    def hinge_pullback(dvalue):
        return loss, lambda: -target * (shortfall > 0) * (dvalue * scale)

    return total(np.maximum(shortfall, 0), scale), hinge_pullback


cross_entropy: CrossEntropy = CrossEntropy()
kl_divergence: KLDivergence = KLDivergence()
binary_cross_entropy: BinaryCrossEntropy = BinaryCrossEntropy()
hinge: Hinge = Hinge()

_value_and_grad = value_and_grad.dispatch(object)  # the function for any loss


@value_and_grad.register(CrossEntropy)
@value_and_grad.register(KLDivergence)
@value_and_grad.register(BinaryCrossEntropy)
def logits_value_and_grad(loss: Any, params: Any, batch: tuple[Any, ...], key: Key | None = None) -> tuple[float, Any]:
    refuse_probabilities(loss, params)
    return _value_and_grad(loss, params, batch, key)


def refuse_probabilities(loss: Any, params: Any) -> None:
    """Raise ``TypeError`` if a network returns probabilities to a loss that takes logits: it would take them twice."""
    last, depth = ending(params)
    if type(last) is Softmax or (type(last) is Sigmoid and type(loss) is BinaryCrossEntropy):
        place = ".".join(["layers[-1]"] * depth) or "its root"
        raise TypeError(
            f"{type(loss).__name__} takes logits, but the network ends in {type(last).__name__}, at {place}; "
            "leave that out of the network, and apply it to what the trained network returns"
        )
