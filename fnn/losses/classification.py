"""How surprised a network is by the right one of several classes: losses that take a logit for each class.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

Logits are the numbers before a softmax or sigmoid, because only there can both the loss and its gradient be computed
without loss of precision. Label smoothing s mixes the target with the same probability for every class,
(1 - s) target + s / classes, so that a network need not grow without end to be sure (Szegedy et al., 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, counting, floats, ones
from fnn.core._errors import describe
from fnn.core.grad import value_and_grad
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers.activations import Sigmoid, Softmax
from fnn.losses._reduction import one_a_row, part, same_shape, share, share_of_one, total
from fnn.networks.serial import ending


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

    label_smoothing: float = attrs.field(default=0.0, converter=share_of_one)


@vjp.register
def cross_entropy_vjp(loss: CrossEntropy, prediction, target, weights=None):
    logits, target = _checked("cross_entropy", prediction, target)
    if logits.ndim > 2:
        return _on_rows("cross_entropy", loss, logits, target, weights)
    if target.ndim == 1 and not loss.label_smoothing:
        return _of_labels(loss, logits, target, weights)
    classes = logits.shape[1]
    if target.ndim == 1:
        cells = np.zeros(logits.size, logits.dtype)
        cells[_places(target, classes, len(logits))] = 1
        target = cells.reshape(classes, -1).T
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / classes
    return _of_probabilities("cross_entropy", loss, logits, target, 0.0, weights)


class KLDivergence(Record):
    """mean(sum(target (log(target) - log_softmax(logits)))): what the network's odds lose against those of the target.

    ``target`` are probabilities of the logits' shape (n, ..., classes). It is ``cross_entropy`` less what no network
    can help, the entropy of the target, and has the same gradient (Kullback and Leibler, 1951).

    >>> round(kl_divergence(np.array([[0.0, 0.0]]), np.array([[0.75, 0.25]])), 4)
    0.1308
    """


@vjp.register
def kl_divergence_vjp(loss: KLDivergence, prediction, target, weights=None):
    logits, target = _checked("kl_divergence", prediction, target)
    if target.shape != logits.shape:
        raise ValueError(f"kl_divergence expects probabilities {logits.shape}, got {target.shape}")
    if logits.ndim > 2:
        return _on_rows("kl_divergence", loss, logits, target, weights)
    log_target = np.log(np.where(target > 0, target, 1)).T
    return _of_probabilities("kl_divergence", loss, logits, target, log_target, weights)


def _on_rows(caller: str, loss: Any, logits: np.ndarray, target: np.ndarray, weights: Any) -> tuple[float, Callable]:
    """Reduce logits (n, ..., classes) to (rows, classes), each row with the weight of its example."""
    classes = logits.shape[-1]
    rows = logits.reshape(-1, classes)
    if weights is not None:
        weights = one_a_row(caller, logits, weights)
        weights = np.repeat(weights.reshape(-1), len(rows) // len(logits))
    value, pullback = vjp(loss, rows, target.reshape(-1, *[classes] * (target.ndim == logits.ndim)), weights)

    def rows_pullback(dvalue):
        _, dlogits = pullback(dvalue)
        return loss, lambda: dlogits().reshape(logits.shape)

    return value, rows_pullback


def _of_labels(loss: Any, logits: np.ndarray, labels: np.ndarray, weights: Any) -> tuple[float, Callable]:
    """Give log(1 + others / own) for each row, own its label's exponential and others the sum of all the rest.

    The others are summed without it: a row that is all but sure has others near 0, of which 1 + others, and the
    difference of softmax and target, would keep little or nothing. The gradient is others / sum, or at the label
    -others / sum.
    """
    # The classes come first: what is done to each row is then done in a few long sweeps, and not in many short ones.
    shifted = logits.T.copy()
    shifted -= np.maximum.reduce(shifted, axis=0)  # the row's own: with one for all, a row far below would be 0 / 0
    own, cells = _places(labels, *shifted.shape), shifted.reshape(-1)
    picked = cells.take(own)
    cells[own] = -math.inf  # whose exponential is 0
    e = np.exp(shifted, out=shifted)
    others = ones(len(e), e.dtype).dot(e)
    cells[own] = -others
    rest = np.expm1(picked)
    rest += others  # own + others - 1
    surprise = np.log1p(rest)
    surprise -= picked
    counts = share("cross_entropy", surprise, weights)

    def of_labels_pullback(dvalue):
        def dprediction():
            dlogits = e / (np.exp(picked) + others)  # not 1 + rest, which is rounded once more
            dlogits *= dvalue * counts
            return dlogits.T

        return loss, dprediction

    return total(surprise, counts), of_labels_pullback


def _places(labels: np.ndarray, classes: int, n: int) -> np.ndarray:
    """Give the place of each row's label in the flat array of (classes, n); with one index it is faster than with two.

    Raises ``ValueError`` for labels that are not classes.
    """
    places = labels.astype(np.intp)
    # As a number without a sign a negative one is huge: one look at the largest finds both kinds of mistake.
    if places.size and np.maximum.reduce(places.view(np.uintp)) >= classes:
        raise ValueError(
            f"cross_entropy expects labels from 0 to {classes - 1}, got some from {labels.min()} to {labels.max()}"
        )
    places *= n
    places += counting(n)
    return places


def _of_probabilities(
    caller: str, loss: Any, logits: np.ndarray, target: np.ndarray, offset: Any, weights: Any
) -> tuple[float, Callable]:
    """Give sum(target (offset - log_softmax(logits))) for each row, its largest logit apart from the others, as above.

    The gradient is (e - target sum) / sum; where e is 1, the largest, that is (1 - target - target others) / sum.
    """
    wanted, shifted = np.ascontiguousarray(target.T), logits.T.copy()
    top = logits.argmax(axis=1), counting(len(logits))
    shifted -= shifted[top]
    e = np.exp(shifted)
    e[top] = 0
    others = ones(len(e), e.dtype).dot(e)
    missed = np.log1p(others) - shifted
    missed += offset
    surprise = part(wanted, missed).sum(axis=0)
    counts = share(caller, surprise, weights)

    def of_probabilities_pullback(dvalue):
        def dprediction():
            sums, at_top = 1 + others, wanted[top]
            dlogits = e / sums
            dlogits -= wanted
            dlogits[top] = (1 - at_top - at_top * others) / sums
            dlogits *= dvalue * counts
            return dlogits.T

        return loss, dprediction

    return total(surprise, counts), of_probabilities_pullback


class BinaryCrossEntropy(Record):
    """mean(target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))), over all numbers, for logits x.

    ``target`` has the shape of the logits and lies between 0 and 1. The gradient is sigmoid(x) - target, over the
    number of logits.

    >>> round(binary_cross_entropy(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 4)
    0.3466
    """

    label_smoothing: float = attrs.field(default=0.0, converter=share_of_one)


@vjp.register
def binary_cross_entropy_vjp(loss: BinaryCrossEntropy, prediction, target, weights=None):
    logits, target = same_shape("binary_cross_entropy", prediction, target)
    if not ((target >= 0) & (target <= 1)).all():
        low, high = target.min(), target.max()
        raise ValueError(f"binary_cross_entropy expects targets from 0 to 1, got some from {low} to {high}")
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    counts = share("binary_cross_entropy", logits, weights)
    # With |x| and the share of the target on the other side of 0, all are sums of what is never negative: log(1 +
    # exp(-|x|)) + wrong |x|, and the slope (wrong - right exp(-|x|)) / (1 + exp(-|x|)), away from 0.
    above, distance = (logits > 0).astype(logits.dtype), np.abs(logits)
    wrong = np.abs(above - target)
    e = np.exp(-distance)
    surprise = np.log1p(e)
    surprise += part(wrong, distance)

    def binary_cross_entropy_pullback(dvalue):
        def dprediction():
            dlogits = wrong - (1 - wrong) * e
            dlogits /= 1 + e
            dlogits *= above * (2 * dvalue * counts) - dvalue * counts
            return dlogits

        return loss, dprediction

    return total(surprise, counts), binary_cross_entropy_pullback


class Hinge(Record):
    """mean(max(0, 1 - target x)), over all numbers: right by a margin of 1, or it costs (Cortes and Vapnik, 1995).

    ``target`` has the shape of the scores x and is -1 or 1; the slope at the margin itself is 0.

    >>> hinge(np.array([[2.0], [0.5]]), np.array([[1], [1]]))
    0.25
    """


@vjp.register
def hinge_vjp(loss: Hinge, prediction, target, weights=None):
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
kl_divergence: Any = KLDivergence()
binary_cross_entropy: Any = BinaryCrossEntropy()
hinge: Any = Hinge()


_value_and_grad = value_and_grad.dispatch(object)


@value_and_grad.register(CrossEntropy)
@value_and_grad.register(KLDivergence)
@value_and_grad.register(BinaryCrossEntropy)
def of_logits_value_and_grad(loss, params, batch, key=None):
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


def _checked(caller: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the logits, and as target integers or probabilities in the dtype of the logits."""
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
            f"got numbers from {target.min()} and sums from {sums.min()} to {sums.max()}"
        )
    return logits, target.astype(logits.dtype, copy=False)
