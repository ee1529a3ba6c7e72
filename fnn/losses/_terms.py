"""What the mean of a loss is over, so that the means of the parts of a batch add up to that of the whole.

terms : loss, prediction, target -> (rows, loss), ...

The losses add up to the one that is given, and each is a mean over ``rows`` of the rows; of a sum, ``rows`` is None. A
loss is one term, unless its parts count their rows in several ways: of two outputs, one may have labels that are
ignored. Steps beyond a row's length and labels that are ignored are not counted, so ``rows`` may be a fraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import is_tuple
from fnn.core.grad import objective, value_and_grad
from fnn.layers._sequences import is_pair
from fnn.losses._rows import within
from fnn.losses.classification import logits_value_and_grad, refuse_probabilities
from fnn.losses.multitask import Combined, combined_value_and_grad, refuse_probabilities_of_branches

_OF_PREDICTIONS = (value_and_grad, value_and_grad.dispatch(object), logits_value_and_grad, combined_value_and_grad)


def is_of_predictions(loss: Any) -> bool:
    """Return True for a loss that needs nothing of a network but its prediction, as all do without a penalty."""
    return objective(loss) in _OF_PREDICTIONS


def require_logits(loss: Any, params: Any) -> None:
    """Raise ``TypeError`` if a network returns probabilities to a loss that takes logits."""
    if type(loss) is Combined:
        refuse_probabilities_of_branches(loss, params)
    else:
        refuse_probabilities(loss, params)


def terms(loss: Any, prediction: Any, target: Any) -> list[tuple[float | None, Any]]:
    """Return losses that add up to this one, each after the rows that its mean is over.

    >>> from fnn import CrossEntropy, combined, mse
    >>> y = np.zeros((3, 2)), np.zeros((3, 2))
    >>> [rows for rows, _ in terms(combined(mse, mse), y, y)]
    [3]
    >>> [rows for rows, _ in terms(combined(mse, CrossEntropy(ignore=-1)), y, (y[0], np.array([0, -1, -1])))]
    [3, 1.0]
    """
    if type(loss) is not Combined or not is_tuple(prediction) or len(prediction) != len(loss.losses):
        return [(_rows(loss, prediction, target), loss)]
    plain = [counts_all(one, y) for one, y in zip(loss.losses, prediction, strict=True)]
    found: list[tuple[float | None, Any]] = []
    if any(plain):
        weights = [weight if each else 0.0 for weight, each in zip(loss.weights, plain, strict=True)]
        found.append((number_of_rows(prediction), Combined(loss.losses, tuple(weights))))
    for place, each in enumerate(plain):
        for rows, one in () if each else terms(loss.losses[place], prediction[place], target[place]):
            losses = (*loss.losses[:place], one, *loss.losses[place + 1 :])
            weights = [weight if other == place else 0.0 for other, weight in enumerate(loss.weights)]
            found.append((rows, Combined(losses, tuple(weights))))
    return found


def counts_all(loss: Any, prediction: Any) -> bool:
    """Return True for a mean over all rows, whatever the target."""
    if type(loss) is Combined and is_tuple(prediction):
        return all(map(counts_all, loss.losses, prediction))
    return not (_adds_up(loss) or is_pair(_first(prediction)) or getattr(loss, "ignore", None) is not None)


def _adds_up(loss: Any) -> bool:
    return getattr(loss, "adds_up", False)


def number_of_rows(prediction: Any) -> int:
    """Return the number of rows of an array, or of the first of several."""
    return number_of_rows(prediction[0]) if is_tuple(prediction) else len(prediction)


def _first(prediction: Any) -> Any:
    """Return a prediction, or the first of several that are pairs with the same lengths."""
    return prediction[0] if is_tuple(prediction) and all(map(is_pair, prediction)) else prediction


def _rows(loss: Any, prediction: Any, target: Any) -> float | None:
    if _adds_up(loss):
        return None
    y: Any = _first(prediction)
    y, lengths = y if is_pair(y) else (y, None)
    ignore = getattr(loss, "ignore", None)
    if lengths is None and ignore is None:
        return number_of_rows(y)
    there: Any = None if ignore is None else np.asarray(target) != ignore
    if lengths is not None:
        there = within("sharded", lengths, np.shape(y) if there is None else there.shape, there)
    return float(len(y) * np.count_nonzero(there) / there.size)
