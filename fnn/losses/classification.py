"""How unlikely a network takes the right one of several classes to be: losses that take a logit for each class.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

Logits are the values before a softmax or sigmoid, because only there can both the loss and its gradient be computed
without loss of precision. Label smoothing s mixes the target with the same probability for every class,
(1 - s) target + s / classes, so that a network need not grow without end to be certain (Szegedy et al., 2016).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from fnn.core._arrays import counting, floats, ones
from fnn.core._errors import number
from fnn.core.grad import value_and_grad
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.data._labels import WrongRow, coding, out_of_range
from fnn.layers.softmax import Softmax
from fnn.losses._classes import class_weights_of, ignored_label, probabilities, weights_of_classes
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import Matched, required, scaled
from fnn.networks.serial import ending

_INDEX, _UNSIGNED = np.dtype(np.intp), np.dtype(np.uintp)


class CrossEntropy(Record):
    """mean(log(sum(exp(logits))) - logits[label]): the mean negative log likelihood of the labels under a softmax.

    The logits are (n, classes), perhaps with more axes between these two. ``target`` are integers from 0, of that
    shape less the last axis, or probabilities of that shape, one-hot or soft, whose rows sum to 1. The gradient is
    softmax(logits) - target, over the number of rows.

    Rows whose label is ``ignore``, say -1, are not there: they cost nothing and are not counted. ``class_weights``, a
    number for each class, multiply what a row costs by the weight of its label; with probabilities as target, each
    class's term. Like weights of rows, they change what is added up and not what it is divided by.

    >>> round(cross_entropy(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([1, 0])), 4)
    0.3466
    >>> round(CrossEntropy(label_smoothing=0.1)(np.array([[1e2, 0.0]]), np.array([0])), 4)
    5.0
    >>> round(CrossEntropy(ignore=-1)(np.zeros((3, 2)), np.array([1, -1, 0])), 4)
    0.6931
    >>> round(CrossEntropy(class_weights=(1.0, 9.0))(np.zeros((2, 2)), np.array([1, 0])), 4)  # log(2) (9 + 1) / 2
    3.4657
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax,)  # layers of probabilities, which no loss of logits may follow

    label_smoothing: float = attrs.field(default=0.0, converter=partial(number, "label_smoothing", below=1))
    ignore: int | None = attrs.field(default=None, converter=ignored_label)
    class_weights: tuple[float, ...] | None = attrs.field(default=None, converter=weights_of_classes)


@vjp.register
def cross_entropy_vjp(loss: CrossEntropy, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("cross_entropy", loss, cross_entropy_rows, prediction, target, weights, matched_logits)


def matched_logits(caller: str, loss: Any, prediction: Any, target: Any, what: str = "logits") -> Matched:
    """Return the logits; integers or probabilities as target; the shape of the rows; those that are not ignored."""
    logits, target = floats(caller, prediction), required(caller, target)
    rows = logits.shape[:-1]
    if not rows or logits.shape[-1] < 2:
        hint = (
            "; of one class there is nothing to learn: write binary_cross_entropy" if logits.shape[-1:] == (1,) else ""
        )
        raise ValueError(f"{caller} expects {what} (n, classes), got {logits.shape}{hint}")
    if target.shape == rows:
        if target.dtype.kind not in "iu":
            raise TypeError(f"{caller} expects integers as labels, {coding(target)}")
        return logits, target, rows, None if loss.ignore is None else target != loss.ignore
    if target.shape != logits.shape:
        hint = "; write target[:, 0]" if target.shape == (*rows, 1) else ""
        raise ValueError(
            f"{caller} expects labels {rows} or probabilities {logits.shape} "
            f"for {what} {logits.shape}, got {target.shape}{hint}"
        )
    if loss.ignore is not None:
        raise ValueError(f"{caller} that ignores a label expects labels {rows}, got probabilities {target.shape}")
    return logits, floats(caller, target), rows, None


def cross_entropy_rows(loss: CrossEntropy, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute what each row costs, by labels or by probabilities."""
    if loss.class_weights is not None:
        return _weighted_rows(loss, logits, target)
    if target.ndim == 1 and not loss.label_smoothing:
        return label_rows_of("cross_entropy", logits, target)
    return probability_rows(logits, _mixed(loss, logits, target))


def _weighted_rows(loss: CrossEntropy, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute what classes with weights cost: sum(w target nll) is that of the target w target / m, m = sum(w target).

    For a label, m is its weight and the target stays what it is.
    """
    weights = class_weights_of("cross_entropy", loss, logits.shape[1])
    if target.ndim == 1 and not loss.label_smoothing:
        losses, slopes = label_rows_of("cross_entropy", logits, target)
        mass = weights[target]
    else:
        target = _mixed(loss, logits, target)
        mass = target.dot(weights)
        parts = target * weights / np.where(mass > 0, mass, 1)[:, None]
        losses, slopes = probability_rows(logits.astype(np.float64), parts)  # of which some may be tiny
    return scaled(mass, losses), lambda scale: slopes(scale * mass)


def label_rows_of(caller: str, logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute each row's nll, log(sum) - target logit, where the sum is exp(target logit) + rest.

    The rest is added up by itself: where a row is nearly certain it is close to 0, and 1 + rest, or softmax - target,
    would keep little or nothing of it. The gradient is exp(logit) / sum, and at the label -rest / sum.
    """
    # With the classes first, what is done to each row takes a few long loops over rows instead of many short ones.
    shifted = logits.T.copy()
    shifted -= np.maximum.reduce(shifted)  # the row's own: with one for all, a row far below would be 0 / 0
    cells, at_label = shifted.ravel(), label_cells(labels, *shifted.shape, caller=caller)  # a view
    target_logit = cells[at_label]
    cells[at_label] = -math.inf  # whose exponential is 0
    e = np.exp(shifted, shifted)
    rest = ones(len(e), e.dtype).dot(e)
    cells[at_label] = -rest
    excess = np.expm1(target_logit)
    excess += rest  # the sum less 1
    nll = np.log1p(excess)
    nll -= target_logit

    def slopes(scale):
        dlogits = e / (np.exp(target_logit) + rest)  # not 1 + excess, which is rounded once more
        dlogits *= scale
        return dlogits.T

    return nll, slopes


def _mixed(loss: CrossEntropy, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return labels or probabilities as probabilities, smoothed if the loss says so."""
    n, classes = logits.shape
    if target.ndim == 1:
        cells = np.zeros(logits.size, logits.dtype)
        cells[label_cells(target, classes, n)] = 1
        target = cells.reshape(classes, n).T
    else:
        target = probabilities("cross_entropy", logits, target)
    return target * (1 - loss.label_smoothing) + loss.label_smoothing / classes if loss.label_smoothing else target


def label_cells(labels: np.ndarray, classes: int, n: int, caller: str = "cross_entropy") -> np.ndarray:
    """Return the place of each row's label in the flat array of (classes, n), or raise if a label is no class."""
    cells = require_classes(labels, classes, caller) * n  # one index into a flat array is faster than two
    cells += counting(n)
    return cells


def require_classes(labels: np.ndarray, classes: int, caller: str = "cross_entropy") -> np.ndarray:
    """Return labels as integers that index, or raise if one is no class."""
    if labels.dtype is not _INDEX:
        labels = labels.astype(_INDEX)
    # Read as unsigned, a negative label is huge: one look at the largest finds both kinds of mistake.
    if labels.size and np.maximum.reduce(labels.view(_UNSIGNED)) >= classes:
        wrong = out_of_range(caller, labels, classes)
        hint = f"; {caller}(ignore={labels.min()}) leaves such rows out" if labels.min() < 0 else ""
        raise WrongRow(wrong.before, wrong.row, wrong.after + hint)
    return labels


def probability_rows(logits: np.ndarray, target: np.ndarray, offset: Any = 0.0) -> tuple[np.ndarray, Slopes]:
    """Compute sum(target (offset - log_softmax(logits))) for each row; the offset has the classes first.

    As above the rest of the sum is added up by itself, here without the largest exponential, which is 1. The gradient
    is e / sum - target; at the largest logit that is (1 - target - target rest) / sum.
    """
    wanted, shifted = np.ascontiguousarray(target.T, logits.dtype), logits.T.copy()
    top = logits.argmax(axis=1), counting(len(logits))
    shifted -= shifted[top]
    e = np.exp(shifted)
    e[top] = 0
    rest = ones(len(e), e.dtype).dot(e)
    nll_by_class = np.log1p(rest) - shifted
    nll_by_class += offset

    def slopes(scale):
        sums, at_top = 1 + rest, wanted[top]
        dlogits = e / sums
        dlogits -= wanted
        dlogits[top] = (1 - at_top - at_top * rest) / sums
        dlogits *= scale
        return dlogits.T

    return scaled(wanted, nll_by_class).sum(axis=0), slopes


cross_entropy: CrossEntropy = CrossEntropy()

_value_and_grad = value_and_grad.dispatch(object)  # the function for any loss


@value_and_grad.register(CrossEntropy)
def logits_value_and_grad(loss: Any, params: Any, batch: tuple[Any, ...], key: Key | None = None) -> tuple[float, Any]:
    refuse_probabilities(loss, params)
    return _value_and_grad(loss, params, batch, key)


def refuse_probabilities(loss: Any, params: Any) -> None:
    """Raise ``TypeError`` if a network returns probabilities to a loss that takes logits: it would take them twice."""
    last, depth = ending(params)
    if isinstance(last, getattr(loss, "refused", ())):
        place = ".".join(["layers[-1]"] * depth) or "its root"
        takes = getattr(loss, "takes", "logits")
        remedy = "leave that out of the network, and apply it to what the trained network returns"
        if takes != "logits":
            remedy = "write log_softmax there, or leave that out and take cross_entropy"
        raise TypeError(
            f"{type(loss).__name__} takes {takes}, but the network ends in {type(last).__name__}, at {place}; {remedy}"
        )
