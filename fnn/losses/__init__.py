"""A loss says in one number how wrong a network is, so that there is something to descend.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Losses average over examples; sums have ``sum`` in their names. Weights are one a row: weight 2 counts as the row twice,
weight 0 as the row left out. Shapes must match exactly: ``(n,)`` against ``(n, 1)`` would broadcast to ``(n, n)``.
"""

from fnn.losses.classification import BinaryCrossEntropy, Hinge, binary_cross_entropy, hinge
from fnn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError, SumSquaredError, huber, mae, mse, sum_squared_error
from fnn.losses.classification import CrossEntropy, KLDivergence, cross_entropy, kl_divergence
from fnn.losses.multitask import Combined, combined
from fnn.losses.regularization import L1, L2, Penalised, l1, l2, penalised

__all__ = [
    "L1",
    "L2",
    "BinaryCrossEntropy",
    "Combined",
    "CrossEntropy",
    "Hinge",
    "Huber",
    "KLDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Penalised",
    "SumSquaredError",
    "binary_cross_entropy",
    "combined",
    "cross_entropy",
    "hinge",
    "huber",
    "kl_divergence",
    "l1",
    "l2",
    "mae",
    "mse",
    "penalised",
    "sum_squared_error",
]
