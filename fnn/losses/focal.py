"""Focal losses: what a network is right about already counts little, so that many easy rows do not drown the hard ones.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

A term of cross-entropy, the nll -log(p) of an answer, becomes (1 - p)**gamma nll (Lin et al., 2017). With q = 1 - p, of
which nothing is lost as -expm1(-nll), the slope of the nll is multiplied by m = q**gamma (1 + gamma p nll / q).
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
from fnn.layers._stable import log1p_exp, log_softmax_parts, logistic
from fnn.layers.activations import Sigmoid
from fnn.layers.softmax import Softmax
from fnn.losses._classes import class_weights_of, ignored_label, probabilities, weights_of_classes
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import scaled
from fnn.losses.binary import require_probabilities
from fnn.losses.classification import label_rows_of, logits_value_and_grad, matched_logits, probability_rows


class Focal(Record):
    """mean((1 - p)**gamma (-log(p))), where p is the probability of the label under a softmax (Lin et al., 2017).

    Logits, targets and settings are those of ``cross_entropy``, which it is for a ``gamma`` of 0. With probabilities as
    target it is the mean of sum(target (1 - p)**gamma (-log(p))) over the classes.

    >>> round(focal(np.array([[0.0, 0.0]]), np.array([1])), 4)  # log(2) / 4
    0.1733
    >>> round(focal(class_weights=(1.0, 9.0))(np.zeros((2, 2)), np.array([1, 0])), 4)
    0.8664
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax,)

    gamma: float = attrs.field(default=2.0, converter=partial(number, "focal: gamma"))
    ignore: int | None = attrs.field(default=None, converter=ignored_label)
    class_weights: tuple[float, ...] | None = attrs.field(default=None, converter=weights_of_classes)


@vjp.register
def focal_vjp(loss: Focal, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("focal", loss, focal_rows, prediction, target, weights, matched_logits)


def focal_rows(loss: Focal, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute what each row costs, by labels or by probabilities."""
    weights = None if loss.class_weights is None else class_weights_of("focal", loss, logits.shape[1])
    if target.ndim == 1:
        nll, nll_slopes = label_rows_of("focal", logits, target)
        focus, slope = focused(loss.gamma, nll, -np.expm1(-nll))
        mass = np.ones(len(nll), logits.dtype) if weights is None else weights[target]
        return scaled(mass * focus, nll), lambda scale: nll_slopes(mass * slope * scale)
    target = probabilities("focal", logits, target)
    nll = -log_softmax_parts(logits)[0]
    focus, slope = focused(loss.gamma, nll, -np.expm1(-nll))
    mass = target if weights is None else target * weights
    parts = (mass * slope).astype(np.float64)
    wanted = parts.sum(axis=1)
    _, slopes = probability_rows(logits.astype(np.float64), parts / np.where(wanted > 0, wanted, 1)[:, None])
    return scaled(mass * focus, nll).sum(axis=1), lambda scale: slopes(wanted * scale)


class BinaryFocal(Record):
    """mean(target (1 - p)**gamma (-log(p)) + (1 - target) p**gamma (-log(1 - p))), over all values, p = sigmoid(x).

    ``target`` has the shape of the logits x and lies between 0 and 1. ``positive_weight`` multiplies the target's term;
    the alpha of the paper, 0.25, is a positive_weight of 1/3 on 0.75 of the loss.

    >>> round(binary_focal(np.array([[0.0], [0.0]]), np.array([[1.0], [0.0]])), 4)  # log(2) / 4
    0.1733
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax, Sigmoid)

    gamma: float = attrs.field(default=2.0, converter=partial(number, "binary_focal: gamma"))
    positive_weight: float = attrs.field(default=1.0, converter=partial(positive, "positive_weight"))


@vjp.register
def binary_focal_vjp(loss: BinaryFocal, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("binary_focal", loss, _binary_focal_rows, prediction, target, weights)


def _binary_focal_rows(loss: BinaryFocal, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    require_probabilities("binary_focal", target)
    target = target.astype(logits.dtype, copy=False)
    yes, no = target * loss.positive_weight, 1 - target
    wrong, right = logistic(-logits), logistic(logits)  # of yes: 1 - p and p; of no the other way round
    nll_yes, nll_no = log1p_exp(-logits), log1p_exp(logits)
    (focus_yes, slope_yes), (focus_no, slope_no) = (
        focused(loss.gamma, nll_yes, wrong),
        focused(loss.gamma, nll_no, right),
    )
    losses = scaled(yes * focus_yes, nll_yes) + scaled(no * focus_no, nll_no)
    return losses, lambda scale: (no * slope_no * right - yes * slope_yes * wrong) * scale


def focused(gamma: float, nll: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return q**gamma, by which the loss of an answer of probability 1 - q is multiplied, and m, its slope."""
    focus = q**gamma
    near = np.minimum(nll, 1e3)  # of a larger one p is 0
    ratio = np.divide(near, q, out=np.ones_like(near), where=q > 0)
    return focus, focus * (1 + gamma * np.exp(-near) * ratio)


focal: Focal = Focal()
value_and_grad.register(Focal)(logits_value_and_grad)
binary_focal: BinaryFocal = BinaryFocal()
value_and_grad.register(BinaryFocal)(logits_value_and_grad)
