"""What a measure says of a network on much data: predictions a few rows at a time, one measurement.

evaluate : measure, params, (x, target) -> number
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core._errors import describe, integer
from fnn.core.vjp import forward
from fnn.data._rows import require_rows


def evaluate(measure: Callable, params: Any, data: tuple, size: int = 1024) -> Any:
    """Give ``measure(prediction, target)`` of a network on data ``(x, target)``, predicted ``size`` rows at a time.

    The predictions are joined before they are measured: a mean over batches would count the rows of a short last batch
    for more. ``measure`` is any metric or loss; ``(x, target, weights)`` hands it the weights too. ``x``, target and
    prediction may be tuples of arrays. Give it ``inference(params)``, or a layer such as dropout asks for a key. Raises
    ``TypeError`` for other data, ``ValueError`` for unequal numbers of rows or none, and whatever the two raise.

    >>> from fnn import relu
    >>> from fnn.metrics import accuracy
    >>> evaluate(accuracy, relu, (np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]]), np.array([1, 1, 1])), size=2)
    0.3333333333333333
    """
    if not callable(measure):
        raise TypeError(f"evaluate expects a metric or a loss, say accuracy, got {describe(measure)}")
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise TypeError(f"evaluate expects data as (x, target) or (x, target, weights), got {describe(data)}")
    (x, *target), n = require_rows("evaluate", data)
    size = integer("evaluate: size", size)
    rows = [operator.itemgetter(slice(begin, begin + size)) for begin in range(0, n, size)]
    parts = [forward(params, tree.map(some, x)) for some in rows]
    prediction = tree.map(lambda *pieces: np.concatenate(pieces), *parts)
    if {leaf.shape[:1] for leaf in tree.leaves(prediction)} != {(n,)}:
        raise ValueError(f"evaluate expects a prediction for each of {n} rows, got {describe(prediction)}")
    return measure(prediction, *target)
