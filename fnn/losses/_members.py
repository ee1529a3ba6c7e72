"""What becomes of the rows of an ensemble: each member has the loss of its own rows, so the value is an array (n,).

    value_and_grad : loss, ensemble, (x, target, weights?), keys? -> values (n,), gradient

A loss that is given by its rows computes those of all members at once. Where something is left out or weighted, and for
a loss of your own, it is one member after the other.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_tuple, ones, read_only
from fnn.core._errors import describe
from fnn.core._flat import tied
from fnn.core._members import rows_of, stack
from fnn.core._structure import Tree
from fnn.core.grad import OF_MANY, value_and_grad
from fnn.core.vjp import Pullback, registered, vjp
from fnn.data._labels import WrongRow
from fnn.losses._reduction import Rows, Slopes, total
from fnn.losses._rows import Matched
from fnn.losses._terms import counts_all, is_of_predictions, number_of_rows, require_logits, terms
from fnn.losses.classification import CrossEntropy, cross_entropy_rows, require_classes
from fnn.losses.multitask import Combined
from fnn.losses.regularization import L1, L2, Regularized, regularized_value_and_grad
from fnn.losses.rows import BY_ROWS
from fnn.networks._together import Keys
from fnn.networks.ensemble import Ensemble, keys_of, members, require_members


def ensemble_value_and_grad(
    loss: Any, params: Ensemble, batch: tuple[Any, ...], key: Any = None
) -> tuple[np.ndarray, Tree]:
    """Return the loss of each member on its batch, (n,), and the gradient: an ensemble, of the gradient of each."""
    if not is_tuple(batch) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, target) or (x, target, weights), got {describe(batch)}")
    x, *target = batch
    for name, part in zip(("target", "weights"), target, strict=False):
        if part is not None:
            require_members(params.n, part, name)
    keys = None if key is None else keys_of("value_and_grad", key, params.n)
    if not is_of_predictions(loss):
        if type(loss) is Regularized and all(type(penalty) in (L1, L2) for penalty in loss.penalties):
            return regularized_value_and_grad(loss, params, batch, keys)
        require_members(params.n, x)
        return _each_alone(loss, params, batch, keys)
    require_logits(loss, params.network)
    prediction, pullback = vjp(params, x, keys)
    values, loss_pullback = members_vjp(loss, params.n, prediction, *target)
    dparams, _ = pullback(loss_pullback(1.0)[1]())
    return values, tied(params, dparams)


def _each_alone(loss: Any, params: Ensemble, batch: tuple[Any, ...], keys: Keys | None) -> tuple[np.ndarray, Tree]:
    """Evaluate a loss that looks at more than predictions, one member after the other."""
    n = params.n
    own = [None] * n if keys is None else keys.each()
    given = zip(members(params), _rows_or_none(batch, n), own, strict=True)
    values, gradients = zip(*[value_and_grad(loss, net, part, key) for net, part, key in given], strict=True)
    return _numbers(values), Ensemble(stack(gradients), n)


def _rows_or_none(batch: tuple[Any, ...], n: int) -> list[tuple[Any, ...]]:
    return list(zip(*[[None] * n if part is None else rows_of(part, n) for part in batch], strict=True))


OF_MANY[Ensemble] = ensemble_value_and_grad


def members_vjp(loss: Any, n: int, prediction: Any, target: Any, weights: Any = None) -> tuple[np.ndarray, Pullback]:
    """Return the loss of each member, (n,), and the pullback, of a number or of one for each."""
    if type(loss) in BY_ROWS and weights is None and type(prediction) is np.ndarray:
        return registered(type(loss), vjp)(loss, OfMembers(prediction), target)
    if type(loss) is Combined and all(
        is_tuple(each) and len(each) == len(loss.losses) for each in (prediction, target)
    ):
        return _combined(loss, n, prediction, target, weights)
    return _one_by_one(loss, n, prediction, target, weights)


def terms_of_members(loss: Any, n: int, prediction: Any, target: Any) -> list[tuple[Any, Any]]:
    """Return the terms of a loss as ``terms`` does, with the rows of each member, (n,), where they may differ."""
    first = rows_of(prediction, n)[0]
    if counts_all(loss, first):
        return [(number_of_rows(first), loss)]
    each = [terms(loss, y, t) for y, t in zip(rows_of(prediction, n), rows_of(target, n), strict=True)]
    places = zip(*each, strict=True)
    return [(None if of[0][0] is None else np.array([rows for rows, _ in of]), of[0][1]) for of in places]


def _one_by_one(loss: Any, n: int, *given: Any) -> tuple[np.ndarray, Pullback]:
    function = registered(type(loss), vjp)
    values, pullbacks = zip(*[function(loss, *each) for each in _rows_or_none(given, n)], strict=True)

    def members_pullback(dvalue):
        each = np.broadcast_to(dvalue, n).tolist()
        pulled = [pullback(d) for pullback, d in zip(pullbacks, each, strict=True)]
        return loss, lambda: stack([dprediction() for _, dprediction in pulled])

    return _numbers(values), members_pullback


def _combined(loss: Combined, n: int, predictions: Any, targets: Any, weights: Any) -> tuple[np.ndarray, Pullback]:
    given = zip(loss.losses, predictions, targets, strict=True)
    values, pullbacks = zip(*[members_vjp(one, n, y, t, weights) for one, y, t in given], strict=True)

    def combined_pullback(dvalue):
        pulled = [pullback(dvalue * weight) for pullback, weight in zip(pullbacks, loss.weights, strict=True)]
        return loss, lambda: tuple([dprediction() for _, dprediction in pulled])

    weighted = [weight * value for weight, value in zip(loss.weights, values, strict=True)]
    return _numbers([math.fsum(each) for each in zip(*weighted, strict=True)]), combined_pullback


def _numbers(values: Any) -> np.ndarray:
    return read_only(np.array(values, np.float64))


@attrs.frozen(eq=False)
class OfMembers:
    """The prediction of an ensemble, (n, rows, ...), as a loss by rows takes it; see ``reduced``."""

    prediction: np.ndarray

    def reduced(
        self, caller: str, loss: Any, rows: Rows, target: Any, match: Callable[..., Matched], mean: bool
    ) -> tuple[np.ndarray, Pullback]:
        """Evaluate a loss given by its rows for each member, as ``reduced`` does for one."""
        n = len(self.prediction)
        x, t, shape, there = match(caller, loss, self.prediction, target)
        size, dtype = math.prod(shape[1:]), x.dtype
        if not size:
            raise ValueError(f"{caller} expects at least one row for each member, got the shape {shape}")
        if there is not None or dtype.itemsize < 4:
            return _one_by_one(loss, n, x, t)
        scale = 1.0 / size if mean else 1.0
        try:
            if rows is cross_entropy_rows and x.ndim == 3 and t.ndim == 2 and _plain(loss):
                losses, slopes = label_rows(x, t)
            else:
                further = x.shape[len(shape) :]
                losses, slopes = rows(loss, x.reshape(n * size, *further), t.reshape(n * size, *t.shape[len(shape) :]))
        except WrongRow as wrong:
            raise wrong.placed(shape) from None

        def of_members_pullback(dvalue):
            def dprediction():
                each = dvalue * scale
                if isinstance(each, np.ndarray):
                    each = np.repeat(each, size).astype(dtype)
                return slopes(each).reshape(x.shape).astype(dtype, copy=False)

            return loss, dprediction

        return totals(losses.reshape(n, -1), scale), of_members_pullback


def totals(losses: np.ndarray, scale: float) -> np.ndarray:
    """Return the sum of scale * losses of each member, as ``total`` does: a dot product of few, of many each alone."""
    if losses.shape[1] < 1024:
        try:
            values = np.vecdot(losses, ones(losses.shape[1], losses.dtype)).astype(np.float64)
            if math.isfinite(np.add.reduce(values)):
                values *= scale
                return read_only(values)
        except (FloatingPointError, RuntimeWarning):
            pass  # each alone, where a sum that overflows is taken once more, in another way
    return _numbers([total(each, scale) for each in losses])


def _plain(loss: CrossEntropy) -> bool:
    return not loss.label_smoothing and loss.class_weights is None


def label_rows(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """Compute the nll of logits (n, rows, classes) as ``cross_entropy`` does of (rows, classes), to the bit.

    In the order (n, classes, rows) each member has in memory what it would have alone, and so has each sum.
    """
    shifted = logits.mT.copy()
    n, classes, rows = shifted.shape
    shifted -= np.maximum.reduce(shifted, 1, keepdims=True)
    at_label = _cells(require_classes(labels.reshape(-1), classes), n, classes, rows)
    cells = shifted.reshape(-1)  # a view
    target_logit = cells[at_label]
    cells[at_label] = -math.inf  # whose exponential is 0
    e = np.exp(shifted, shifted)
    rest = (ones(classes, e.dtype) @ e).reshape(-1)
    cells[at_label] = -rest
    excess = np.expm1(target_logit)
    excess += rest
    nll = np.log1p(excess)
    nll -= target_logit

    def slopes(scale):
        sums = np.exp(target_logit)
        sums += rest
        dlogits = e / sums.reshape(n, 1, rows)
        dlogits *= scale if isinstance(scale, float) else scale.reshape(n, 1, rows)
        return dlogits.mT

    return nll, slopes


def _cells(labels: np.ndarray, n: int, classes: int, rows: int) -> np.ndarray:
    """Return the place of each label, (n rows,), in the flat array of (n, classes, rows)."""
    cells = labels * rows
    cells += _first_cells(n, classes, rows)
    return cells


@functools.lru_cache(maxsize=64)
def _first_cells(n: int, classes: int, rows: int) -> np.ndarray:
    return read_only((np.arange(n)[:, None] * (classes * rows) + np.arange(rows)).reshape(-1))
