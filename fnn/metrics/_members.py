"""A metric of the predictions (n, rows, ...) of an ensemble is that of each member, where all have the same target.

each_member : metric of one network -> the same, which gives an array (n,) if the target lacks the axis of n in front

Where each member has a target of its own the shapes do not tell members from sequences, so it is not guessed: that is
``evaluate(metric, nets, data)``, or ``[metric(p, t) for p, t in zip(prediction, target)]``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from fnn.core._arrays import as_array

P = ParamSpec("P")
T = TypeVar("T")


def each_member(kind: Literal["scores", "values", "logits"]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return the decorator for a metric of scores (rows, classes), values (rows, ...) or logits (rows, ..., classes).

    >>> @each_member("values")
    ... def largest_error(prediction, target):
    ...     return float(np.abs(prediction - target).max())
    >>> largest_error(np.array([[1.0, 2.0], [1.0, 4.0]]), np.array([1.0, 2.0]))
    array([0., 2.])
    """

    def decorated(metric: Any) -> Any:
        first, second = list(inspect.signature(metric).parameters)[:2]

        @functools.wraps(metric)
        def of_one_or_each(*given: Any, **named: Any) -> Any:
            prediction: Any = given[0] if given else named.get(first)
            target: Any = given[1] if len(given) > 1 else named.get(second)
            shape, aim = _shape(prediction), _shape(target)
            if shape is None or aim is None or len(shape) < 2:
                return metric(*given, **named)
            if kind == "scores":
                _refuse_ambiguous(metric.__name__, shape, aim)
            if not _FITS[kind](shape, aim):
                return metric(*given, **named)
            each = as_array(metric.__name__, prediction)
            if given:
                return np.array([metric(one, *given[1:], **named) for one in each])
            return np.array([metric(**{**named, first: one}) for one in each])

        return of_one_or_each

    return decorated


def _shape(array: Any) -> tuple[int, ...] | None:
    shape = getattr(array, "shape", None)
    return shape if isinstance(shape, tuple) else None


# Whether the target is that of each member, and cannot be that of a single network.
_FITS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "values": lambda shape, aim: aim == shape[1:],
    "scores": lambda shape, aim: len(shape) == 3 and aim in (shape[1:], shape[1:2]),
    "logits": lambda shape, aim: len(shape) > 2 and aim in (shape[1:], shape[1:-1]) and aim != shape[:-1],
}


def _refuse_ambiguous(caller: str, shape: tuple[int, ...], aim: tuple[int, ...]) -> None:
    """Raise ``ValueError`` where the shapes are those of members, but could be others or need a target for each."""
    own = len(shape) == 3 and aim[:2] == shape[:2] and len(aim) < 4
    labels = len(shape) == 2 and aim == shape[1:] and shape[0] != shape[1]
    if own or labels:
        each = f"[{caller}(p, t) for p, t in zip(prediction, target)]" if own else f"[{caller}(p, target) for p in ...]"
        raise ValueError(
            f"{caller} expects the predictions of one network, or (n, rows, classes) of n members with one target for "
            f"all, got {shape} for a target {aim}; for members write evaluate({caller}, nets, data), or {each}"
            + ("; for sequences put all steps below one another, .reshape(-1, classes)" if own else "")
        )
