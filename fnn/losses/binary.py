"""How surprised a network is by a yes or a no: losses for two classes, which take one logit for each question.

    loss : logits, target, weights? -> value          pullback : dvalue -> loss, dlogits

The number of questions is free: the logits are of any shape, (n, ...), and the target is of the same.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.core.vjp import vjp
from fnn.losses._reduction import part, same_shape, share, share_of_one, total
from fnn.core.record import Record


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


binary_cross_entropy: Any = BinaryCrossEntropy()
hinge: Any = Hinge()
