"""How wrong a network is about questions with two answers: losses of one number for each question.

    loss : logits or scores, target, weights? -> value          pullback : dvalue -> loss, dprediction

Each is a mean over all values; a row may hold the answers to several questions.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from fnn.core._errors import number, positive
from fnn.core.grad import value_and_grad
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.data._labels import WrongRow
from fnn.layers.activations import Sigmoid
from fnn.layers.softmax import Softmax
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import scaled
from fnn.losses.classification import logits_value_and_grad


class BinaryCrossEntropy(Record):
    """mean(target log(1 + exp(-x)) + (1 - target) log(1 + exp(x))), over all values, for logits x.

    ``target`` has the logits' shape and lies between 0 and 1. The gradient is (sigmoid(x) - target) / number of logits.
    ``positive_weight``, above 0, multiplies the target's term, where positives are rarer than they matter.

    >>> round(binary_cross_entropy(np.array([[0.0], [1e4]]), np.array([[1.0], [1.0]])), 4)
    0.3466
    >>> round(BinaryCrossEntropy(positive_weight=3.0)(np.array([[0.0], [0.0]]), np.array([[1.0], [0.0]])), 4)
    1.3863
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax, Sigmoid)

    label_smoothing: float = attrs.field(default=0.0, converter=partial(number, "label_smoothing", below=1))
    positive_weight: float = attrs.field(default=1.0, converter=partial(positive, "positive_weight"))


@vjp.register
def binary_cross_entropy_vjp(loss: BinaryCrossEntropy, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("binary_cross_entropy", loss, _binary_cross_entropy_rows, prediction, target, weights)


def _binary_cross_entropy_rows(
    loss: BinaryCrossEntropy, logits: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, Slopes]:
    """Compute mass log(1 + exp(-|x|)) + wrong |x|, a sum of what is never negative.

    Here wrong is the weight of the answer that the logit's sign speaks against, right that of the other, and mass
    their sum. The slope away from 0 is (wrong - right exp(-|x|)) / (1 + exp(-|x|)). So nothing is lost.
    """
    require_probabilities("binary_cross_entropy", target)
    target = target.astype(logits.dtype, copy=False)
    if loss.label_smoothing:
        target = target * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    above, distance = (logits > 0).astype(logits.dtype), np.abs(logits)
    wrong = np.abs(above - target)
    right, mass = 1 - wrong, 1.0
    if loss.positive_weight != 1:
        right = right * np.where(above > 0, loss.positive_weight, 1.0)
        wrong = wrong * np.where(above > 0, 1.0, loss.positive_weight)
        mass = right + wrong
    e = np.exp(-distance)
    losses = mass * np.log1p(e)
    losses += scaled(wrong, distance)

    def slopes(scale):
        dlogits = wrong - right * e
        dlogits /= 1 + e
        dlogits *= above * (2 * scale) - scale
        return dlogits

    return losses, slopes


class Hinge(Record):
    """mean(max(0, 1 - target x)), over all values: right by a margin of 1, or it costs (Cortes and Vapnik, 1995).

    ``target`` has the shape of the scores x and is -1 or 1; the slope at the margin itself is 0.

    >>> hinge(np.array([[2.0], [0.5]]), np.array([[1], [1]]))
    0.25
    """


@vjp.register
def hinge_vjp(loss: Hinge, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("hinge", loss, _hinge_rows, prediction, target, weights)


def _hinge_rows(loss: Hinge, scores: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    hint = "; for labels 0 and 1 write 2 * target - 1"
    _require("hinge expects targets -1 and 1", target, np.abs(target) == 1, hint)
    target = target.astype(scores.dtype, copy=False)
    shortfall = 1 - target * scores
    return np.maximum(shortfall, 0), lambda scale: -target * (shortfall > 0) * scale


def require_probabilities(caller: str, target: np.ndarray) -> None:
    """Raise unless every value of a target lies between 0 and 1."""
    good = (target >= 0) & (target <= 1)
    if not good.all():
        hint = "; for -1 and 1 write (target + 1) / 2" if target.min() == -1 else ""
        _require(f"{caller} expects targets from 0 to 1", target, good, hint)


def _require(wanted: str, target: np.ndarray, good: np.ndarray, hint: str = "") -> None:
    """Raise unless every value of a target is good."""
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise WrongRow(f"{wanted}, got {target.flat[row]}", row, hint)


binary_cross_entropy: BinaryCrossEntropy = BinaryCrossEntropy()
value_and_grad.register(BinaryCrossEntropy)(logits_value_and_grad)
hinge: Hinge = Hinge()
