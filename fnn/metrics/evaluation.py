"""A metric of a network on much data: predict a few rows at a time, join the predictions, measure once.

evaluate : measure, params, (x, target) -> number
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from fnn.core import tree
from fnn.core._errors import describe, integer
from fnn.core._members import rows_of
from fnn.core.record import is_record
from fnn.core.vjp import forward
from fnn.data._rows import require_rows
from fnn.networks._parts import takes
from fnn.networks.ensemble import Ensemble, members, require_members
from fnn.networks.inference import needs_inference

T = TypeVar("T")


def evaluate(measure: Callable[..., T], params: Any, data: tuple[Any, ...], size: int = 1024) -> T:
    """Return ``measure(prediction, target)`` of a network on data, predicted ``size`` rows at a time.

    The predictions are joined before they are measured: a mean over batches would give the rows of a short last batch
    more weight.

    Args:
        measure: a metric or loss, such as ``accuracy``.
        params: the network; with dropout or batch normalization, ``inference(params, x)``. Of an ensemble the measure
            of each member is returned, as an array (n,), or n curves as a tuple; the data then has an axis of n in
            front, as ``replicate`` of what is the same for all makes it.
        data: ``(x, target)``, or ``(x, target, weights)`` for a measure that takes weights. Each of them, and the
            prediction, may be a tuple of arrays.
        size: rows in a batch.

    Raises ``TypeError`` unless measure and data are of these types, or if a layer trains in another way than it
    evaluates, ``ValueError`` if the numbers of rows differ or are 0, and whatever the network and the measure raise.

    >>> from fnn import relu
    >>> from fnn.metrics import accuracy
    >>> evaluate(accuracy, relu, (np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]]), np.array([1, 1, 1])), size=2)
    0.3333333333333333
    """
    if not callable(measure):
        raise TypeError(f"evaluate expects a metric or a loss, say accuracy, got {describe(measure)}")
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise TypeError(f"evaluate expects data as (x, target) or (x, target, weights), got {describe(data)}")
    if isinstance(params, Ensemble):
        return _of_members(measure, params, data, size)
    path = needs_inference(params)
    if path is not None:
        raise TypeError(
            f"evaluate: the layer at {path} trains in another way than it evaluates; "
            "write evaluate(measure, inference(params, x), data) with x a sample of the training set"
        )
    (x, *target), n = require_rows("evaluate", data)
    size = integer("evaluate: size", size)
    # Slices rather than ``batches``, which would copy the rows: a fifth of the time of a small network.
    rows = [operator.itemgetter(slice(begin, begin + size)) for begin in range(0, n, size)]
    predictions = [forward(params, tree.map(take, x)) for take in rows]
    prediction = tree.map(lambda *parts: np.concatenate(parts), *predictions)
    if {leaf.shape[:1] for leaf in tree.leaves(prediction)} != {(n,)}:
        raise ValueError(f"evaluate expects a prediction for each of {n} rows, got {describe(prediction)}")
    given = [part for part in target[1:] if part is not None]  # most measures take no weights at all
    if given and not is_record(measure) and not takes(measure, 3):
        raise TypeError(f"evaluate: {describe(measure)} takes no weights; write evaluate(measure, net, (x, target))")
    return measure(prediction, target[0], *given)


def _of_members(measure: Callable[..., T], nets: Ensemble, data: tuple[Any, ...], size: int) -> Any:
    """Return what is measured of each member: an array of numbers, a tuple of what is none, such as curves."""
    for name, part in zip(("x", "target", "weights"), data, strict=False):
        if part is not None:
            require_members(nets.n, part, name)
    rows = [rows_of(part, nets.n) for part in data]
    # A member at a time: its predictions are then those that it makes alone, and less is in memory at once.
    given = zip(members(nets), *rows, strict=True)
    measured = [evaluate(measure, net, (x, *target), size) for net, x, *target in given]
    return tuple(measured) if any(isinstance(value, tuple) for value in measured) else np.array(measured)
