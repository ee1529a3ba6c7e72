"""A loss is a number for each row, and then one number. What becomes of the rows is said here and nowhere else.

reduced    : loss, rows, prediction, target, weights -> value, pullback
  match    : prediction, target -> both, checked; the shape of the losses; which of them are there, or None for all
  rows     : loss, prediction (m, ...), target (m, ...) -> losses (m,), slopes
  slopes   : scale, a number or (m,) -> the gradient of sum(scale * losses)

The value is sum(weight * loss) / count. What is not there, a step beyond a row's length or a label that is ignored, is
left out and not counted; what has weight 0 is left out, but counted. What is left is laid out along one axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import floats, ones, read_only
from fnn.core._errors import describe
from fnn.core.vjp import Pullback
from fnn.data._labels import WrongRow
from fnn.layers._sequences import is_pair
from fnn.losses._rows import Matched, counted, same_shape, within

Evaluated = tuple[float, Pullback]  # what the vjp of a loss returns
Slopes = Callable[[Any], np.ndarray]
Rows = Callable[[Any, np.ndarray, np.ndarray], tuple[np.ndarray, Slopes]]
SEPARATE: Any = object()  # in the place of the weights: the losses one by one, for which see ``rows.py``


def reduced(
    caller: str,
    loss: Any,
    rows: Rows,
    prediction: Any,
    target: Any,
    weights: Any,
    match: Callable[..., Matched] = same_shape,
    mean: bool = True,
) -> Evaluated:
    """Evaluate a loss given by its rows; with ``mean`` False the losses are added up and not divided by their count."""
    y, lengths = prediction, None
    if type(prediction) is not np.ndarray:
        if hasattr(prediction, "reduced"):  # that of an ensemble: see ``_members``
            return prediction.reduced(caller, loss, rows, target, match, mean)
        y, lengths = prediction if is_pair(prediction) else (prediction, None)
    prediction, target, shape, there = match(caller, loss, y, target)
    separate = weights is SEPARATE
    size, dtype = math.prod(shape), prediction.dtype
    if not size:
        raise ValueError(f"{caller} expects at least one row, got the shape {shape}")
    scale, whole = 1.0 / size if mean else 1.0, lengths is None and there is None and weights is None
    # Nothing to lay out: spare the time.
    plain = whole and dtype.itemsize >= 4 and prediction.ndim <= max(len(shape), 2)
    x, t, index = prediction, target, None
    if not plain:
        x, t = x.reshape(size, *x.shape[len(shape) :]), t.reshape(size, *t.shape[len(shape) :])
        there = there if lengths is None else within(caller, lengths, shape, there)
        index, scale = (None, scale) if whole else counted(caller, shape, there, None if separate else weights, mean)
        x, t = (x, t) if index is None else (x[index], t[index])
        x = x if dtype.itemsize >= 4 else x.astype(np.float32)
    try:
        losses, slopes = rows(loss, x, t)
    except WrongRow as wrong:
        raise wrong.placed(shape, index) from None

    def reduced_pullback(dvalue):
        slope = dvalue if type(dvalue) is float or separate else one_slope(caller, dvalue)

        def dprediction():
            gradient = slopes(slope * scale)
            if plain and gradient.dtype is dtype:
                return gradient
            if index is not None:
                left, gradient = gradient, np.zeros((size, *gradient.shape[1:]), dtype)
                gradient[index] = left
            gradient = gradient.reshape(prediction.shape).astype(dtype, copy=False)
            return gradient if lengths is None else (gradient, np.zeros(len(lengths), dtype))

        return loss, dprediction

    if separate:
        scale = 1.0
        return one_by_one(losses, shape, index), lambda dvalues: reduced_pullback(slopes_of(dvalues, shape, index))
    return total(losses, scale), reduced_pullback


def one_by_one(losses: np.ndarray, shape: tuple[int, ...], index: np.ndarray | None) -> Any:
    """Return losses in their shape, in float64, and 0 for what is not there."""
    values = np.zeros(math.prod(shape))
    values[... if index is None else index] = losses
    return read_only(values.reshape(shape))


def one_slope(caller: str, dvalue: Any) -> float:
    """Return the slope of a loss as a float, or raise in the name of ``caller``: an array would broadcast to rows."""
    given = floats(caller, dvalue)
    if given.ndim:
        raise ValueError(
            f"the pullback of {caller} expects a number, the slope of its value, got {describe(dvalue)}; write 1.0, or "
            f"for a slope for each row vjp(rows({caller}), prediction, target)"
        )
    return float(given)


def slopes_of(dvalues: Any, shape: tuple[int, ...], index: np.ndarray | None) -> np.ndarray:
    """Return the slopes of losses in their shape, or one for all, laid out along one axis."""
    given = floats("rows", dvalues).astype(np.float64)
    if given.ndim and given.shape != shape:
        few = given.shape == shape[: given.ndim]
        hint = f"; write {leading('slopes', given.ndim, len(shape))}" if few else ""
        raise ValueError(f"rows expects a slope for each loss, {shape}, or one for all, got {given.shape}{hint}")
    each = np.broadcast_to(given, shape).reshape(-1)
    return each if index is None else each[index]


def leading(name: str, ndim: int, wanted: int) -> str:
    """Return how to write an array of so many axes so that it belongs to the leading ones of more.

    >>> leading("weights", 1, 3)
    'weights[:, None, None]'
    """
    return f"{name}[{', '.join([':'] * ndim + ['None'] * (wanted - ndim))}]"


def total(losses: np.ndarray, scale: float | np.ndarray) -> float:
    """Return the sum of scale * losses, accumulated so that it depends little on the order of the rows."""
    losses = losses if losses.ndim == 1 else losses.reshape(-1)
    if isinstance(scale, float):
        short = losses.size < 1024  # it loses nothing as a product, and takes a quarter of the time
        try:
            value = losses.dot(ones(losses.size, losses.dtype)) if short else np.add.reduce(losses, dtype=np.float64)
            if math.isfinite(value):
                return scale * float(value)
        except (FloatingPointError, RuntimeWarning):
            pass  # a sum may overflow where no mean does
    return float(np.add.reduce(np.multiply(losses, scale, dtype=np.float64)))
