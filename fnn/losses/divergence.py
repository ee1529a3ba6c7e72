"""How far the probabilities that a network gives are from those of the target.

kl_divergence : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fnn.core._arrays import floats
from fnn.core.grad import value_and_grad
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers.softmax import Softmax
from fnn.losses._classes import probabilities
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import Matched, required
from fnn.losses.classification import cross_entropy, logits_value_and_grad, matched_logits, probability_rows


class KLDivergence(Record):
    """mean(sum(target (log(target) - log_softmax(logits)))): how far the network's probabilities are from the target's.

    ``target`` are probabilities of the logits' shape (n, ..., classes). The loss is ``cross_entropy`` less what no
    network can change, the entropy of the target, and has the same gradient (Kullback and Leibler, 1951).

    >>> round(kl_divergence(np.array([[0.0, 0.0]]), np.array([[0.75, 0.25]])), 4)
    0.1308
    """

    refused: ClassVar[tuple[type, ...]] = (Softmax,)


@vjp.register
def kl_divergence_vjp(loss: KLDivergence, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("kl_divergence", loss, _kl_divergence_rows, prediction, target, weights, _matched_probabilities)


def _kl_divergence_rows(loss: KLDivergence, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    target = probabilities("kl_divergence", logits, target)
    return probability_rows(logits, target, np.log(np.where(target > 0, target, 1)).T)


def _matched_probabilities(caller: str, loss: Any, prediction: Any, target: Any) -> Matched:
    prediction, target = floats(caller, prediction), required(caller, target)
    if np.shape(prediction) != np.shape(target):
        hint = "; for labels write cross_entropy" if target.shape == prediction.shape[:-1] else ""
        raise ValueError(f"{caller} expects probabilities {prediction.shape}, got {target.shape}{hint}")
    return matched_logits(caller, cross_entropy, prediction, target)


kl_divergence: KLDivergence = KLDivergence()
value_and_grad.register(KLDivergence)(logits_value_and_grad)
