"""How unlikely the target is under a distribution that a network describes.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

The distribution is over classes by their log-probabilities (``nll``).
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from fnn.core._arrays import counting
from fnn.core.grad import value_and_grad
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers.softmax import Softmax
from fnn.losses._classes import (
    class_weights_of,
    ignored_label,
    matched_logits,
    probabilities,
    require_classes,
    weights_of_classes,
)
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import scaled
from fnn.losses.classification import logits_value_and_grad


class NLL(Record):
    """mean(-log_p[label]): the mean negative log likelihood of the labels, by log-probabilities log_p.

    These are (n, classes), what ``log_softmax`` returns or a table of them; perhaps with more axes between these two.
    Of logits ``cross_entropy`` is the same and loses less. Targets and settings are those of ``cross_entropy``; with
    probabilities as target the loss is mean(-sum(target log_p)), where what is never expected costs nothing.

    >>> nll(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([1, 1]))
    1.25
    >>> nll(class_weights=(1.0, 4.0))(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([1, 0]))  # (4 * 2 + 3) / 2
    5.5
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax,)
    takes: ClassVar[str] = "log-probabilities"

    ignore: int | None = attrs.field(default=None, converter=ignored_label)
    class_weights: tuple[float, ...] | None = attrs.field(default=None, converter=weights_of_classes)


_matched = partial(matched_logits, what="log-probabilities")


@vjp.register
def nll_vjp(loss: NLL, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("nll", loss, nll_rows, prediction, target, weights, _matched)


def nll_rows(loss: NLL, log_p: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute what each row costs, by labels or by probabilities."""
    n, classes = log_p.shape
    weights = None if loss.class_weights is None else class_weights_of("nll", loss, classes)
    if target.ndim == 1:
        cells = counting(n), require_classes(target, classes, "nll")
        mass = np.ones(n, log_p.dtype) if weights is None else weights[cells[1]]

        def label_slopes(scale):
            dlog_p = np.zeros(log_p.shape, np.result_type(log_p, mass))
            dlog_p[cells] = -mass * scale
            return dlog_p

        return scaled(mass, -log_p[cells]), label_slopes
    mass = probabilities("nll", log_p, target)
    mass = mass if weights is None else mass * weights
    return scaled(mass, -log_p).sum(axis=1), lambda scale: (-mass.T * scale).T


nll: NLL = NLL()
value_and_grad.register(NLL)(logits_value_and_grad)
