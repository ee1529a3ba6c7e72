"""A classifier's loss decides what its targets look like, and what the outputs of its network mean.

    encoded           : loss, codes, classes, dtype -> target
    decided           : loss, outputs               -> labels of a row, 0 or 1 each
    has_probabilities : loss -> whether the outputs are logits
    probabilities     : loss, outputs, exclusive    -> probabilities (n, classes)
    expected          : loss, outputs               -> what a regressor predicts

``codes`` are the numbers (n,) of classes that exclude each other, or (n, classes) of 0 and 1 where each label is there
or not. Losses that compare value by value take the codes as ones and zeros, ``Hinge`` as ones and minus ones, and all
others, also those of your own, as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.interop.sklearn._epochs import Scaled
from fnn.layers.activations import sigmoid
from fnn.layers.softmax import softmax
from fnn.losses.binary import BinaryCrossEntropy, Hinge
from fnn.losses.divergence import KLDivergence
from fnn.losses.focal import BinaryFocal
from fnn.losses.likelihood import PoissonNLL
from fnn.losses.regression import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, SumSquaredError
from fnn.losses.regularization import Regularized
from fnn.losses.similarity import CosineDistance

_OF_VALUES = (MeanSquaredError, SumSquaredError, MeanAbsoluteError, Huber, LogCosh, CosineDistance)
_OF_ANSWERS = (BinaryCrossEntropy, BinaryFocal)


def _inner(loss: Any) -> Any:
    while isinstance(loss, Regularized | Scaled):
        loss = loss.loss
    return loss


def encoded(loss: Any, codes: np.ndarray, classes: int, dtype: Any) -> np.ndarray:
    """Return the codes of rows as a target for the loss.

    >>> from fnn import cross_entropy, hinge
    >>> encoded(cross_entropy, np.array([0, 2]), 3, np.float32)
    array([0, 2])
    >>> encoded(hinge, np.array([0, 2]), 3, np.float32)
    array([[ 1., -1., -1.],
           [-1., -1.,  1.]], dtype=float32)
    """
    inner = _inner(loss)
    by_value = isinstance(inner, (Hinge, KLDivergence, *_OF_ANSWERS, *_OF_VALUES))
    if codes.ndim == 1 and not by_value:
        return codes
    there = codes.astype(dtype) if codes.ndim > 1 else (codes[:, None] == np.arange(classes)).astype(dtype)
    return 2 * there - 1 if isinstance(inner, Hinge) else there


def decided(loss: Any, outputs: np.ndarray) -> np.ndarray:
    """Return for labels that do not exclude each other which are there, 1, and which are not, 0.

    >>> from fnn import binary_cross_entropy
    >>> decided(binary_cross_entropy, np.array([[0.3, -0.3]]))
    array([[1, 0]])
    """
    return (outputs > (0.5 if isinstance(_inner(loss), _OF_VALUES) else 0)).astype(int)


def has_probabilities(loss: Any) -> bool:
    """Return True unless the loss is one of scores or of values, which are no logits."""
    return not isinstance(_inner(loss), (Hinge, PoissonNLL, *_OF_VALUES))


def expected(loss: Any, outputs: np.ndarray) -> np.ndarray:
    """Return the values that the outputs of a network stand for: under ``poisson_nll`` they are logarithms of rates.

    >>> from fnn import mse, poisson_nll
    >>> expected(mse, np.zeros((1, 1))), expected(poisson_nll, np.zeros((1, 1)))
    (array([[0.]]), array([[1.]]))
    """
    return np.exp(outputs) if isinstance(_inner(loss), PoissonNLL) else outputs


def probabilities(loss: Any, logits: np.ndarray, exclusive: bool) -> np.ndarray:
    """Return the probabilities that a network with this loss gives, in float64.

    >>> from fnn import cross_entropy
    >>> probabilities(cross_entropy, np.array([[0.0, 0.0]]), exclusive=True)
    array([[0.5, 0.5]])
    """
    logits = logits.astype(np.float64)
    if not exclusive:
        return sigmoid(logits)
    if not isinstance(_inner(loss), _OF_ANSWERS):
        return softmax(logits)
    each = sigmoid(logits)  # of each class against the rest
    return each / each.sum(axis=1, keepdims=True)
