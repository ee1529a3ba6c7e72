"""A window looks at a few cells of an image at a time and moves by the stride; convolution and pooling share all this.

    per_axis     : what, value -> an integer for each axis
    margins_of   : caller, padding, x, span, stride -> the cells to add before and after, for each axis
    checked_sizes, checked_padding : what, value -> the value, or an error: converters
with_margins : x, margins -> x with cells around
by_length    : caller, function, layer, (x, lengths), span, stride -> (y, lengths), pullback, each row as if alone

A window's span is how many cells it covers along each axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import counting, floats
from fnn.core._errors import LayerValueError, describe, integer
from fnn.core.vjp import Pullback
from fnn.layers._sequences import as_lengths, mask, zero_padding

Sizes = int | tuple[int, ...]
Padding = str | int | tuple[int, ...]
Margins = tuple[tuple[int, int], ...]


def per_axis(what: str, value: Any, axes: int | None = None, minimum: int = 1) -> tuple[int, ...]:
    """Return an integer for each axis, from one for all of them or from a tuple.

    Args:
        what: the name of the value, with its caller: ``"conv: stride"``.
        value: an integer or a tuple of them.
        axes: how many axes there are; None if that is not known yet, and 1 or 2.
        minimum: the least that each may be.

    Raises ``TypeError`` or ``ValueError``, beginning with ``what``, for anything else.

    >>> per_axis("stride", 2, 2), per_axis("stride", (1, 2), 2)
    ((2, 2), (1, 2))
    """
    if isinstance(value, list):
        raise TypeError(f"{what} must be an integer or a tuple of them, got {describe(value)}; write {tuple(value)}")
    if not isinstance(value, tuple):
        return (integer(what, value, minimum),) * (axes or 1)
    if len(value) != (axes or len(value)) or not 1 <= len(value) <= 2:
        expected = "(height, width)" if axes != 1 else "for sequences"
        raise ValueError(f"{what} must be an integer or a tuple of {axes or 2} {expected}, got {value}")
    return tuple(integer(what, each, minimum) for each in value)


def checked_sizes(what: str, value: Any) -> Sizes:
    """Return an integer or a pair of them as it is, or raise as ``per_axis`` does: a converter."""
    per_axis(what, value)
    return value


def checked_padding(what: str, padding: Any) -> Padding:
    """Return a padding as it is, or raise as ``require_padding`` does: a converter."""
    require_padding(what, padding)
    return padding


def require_padding(what: str, padding: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless padding is "same", "valid", or integers from 0."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{what} must be 'same', 'valid' or an integer, got {padding!r}")
    else:
        per_axis(what, padding, minimum=0)


def margins_of(caller: str, padding: Padding, x: np.ndarray, span: tuple[int, ...], stride: tuple[int, ...]) -> Margins:
    """Return how many cells to add before and after x, for each axis between rows and channels.

    Args:
        caller: the layer's name, for messages.
        padding: "same", as many as make ceil(length / stride) windows, an odd one at the end; "valid", none; or how
            many on either side.
        x: images (n, height, width, channels) or sequences (n, time, features).
        span: the cells that a window covers along each axis.
        stride: the cells from one window to the next.

    Raises ``ValueError`` if no window fits, or if one would lie in the margin alone.

    >>> margins_of("conv", "same", np.ones((1, 5, 5, 1)), span=(3, 2), stride=(1, 1))
    ((1, 1), (0, 1))
    """
    lengths = x.shape[1:-1]
    if padding == "same":
        axes = zip(lengths, span, stride, strict=True)
        missing = [max((-(-n // step) - 1) * step + s - n, 0) for n, s, step in axes]
        margins = tuple((each // 2, each - each // 2) for each in missing)
    else:
        require_padding(f"{caller}: padding", padding)
        sides = per_axis(f"{caller}: padding", 0 if padding == "valid" else padding, len(span), minimum=0)
        margins = tuple((each, each) for each in sides)
        if any(each >= s for each, s in zip(sides, span, strict=True)):
            raise LayerValueError(caller, f"expects a padding below its window {_times(span)}, got {padding}")
    if 0 in lengths or any(n + sum(margin) < s for n, margin, s in zip(lengths, margins, span, strict=True)):
        smallest = _times(tuple(max(s - sum(margin), 1) for s, margin in zip(span, margins, strict=True)))
        kind = "images" if len(span) == 2 else "sequences"
        raise LayerValueError(
            caller, f"expects {kind} of at least {smallest}, got {x.shape}; take a smaller size or padding='same'"
        )
    return margins


def with_margins(x: np.ndarray, margins: Margins, value: float = 0.0) -> np.ndarray:
    """Return x with cells of one value around it, or x itself where the margins are 0.

    >>> with_margins(np.ones((1, 2, 1)), ((0, 1),)).tolist()
    [[[1.0], [1.0], [0.0]]]
    """
    if not any(map(any, margins)):
        return x
    lengths = [n + before + after for n, (before, after) in zip(x.shape[1:-1], margins, strict=True)]
    padded = np.full((len(x), *lengths, x.shape[-1]), value, x.dtype)
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape[1:-1], margins, strict=True))
    padded[:, *inside] = x
    return padded


@attrs.frozen
class Rows:
    """Sequences of several lengths, laid out so that windows without padding see each row as if it were alone.

    ``x`` is (n, cells, features), ``real`` which of its cells are a row's own, (n, cells), and ``counts`` how many
    windows each row has, (n,).
    """

    x: np.ndarray
    real: np.ndarray
    counts: np.ndarray


def by_length(
    caller: str,
    function: Callable[[Any, Rows], tuple[np.ndarray, Pullback]],
    layer: Any,
    x: Any,
    span: int,
    stride: int,
    fill: float = 0.0,
) -> tuple[Any, Pullback]:
    """Evaluate a layer with windows on (x, lengths), each row as if it were alone; return y and how many steps it has.

    Args:
        caller: the layer's name, for messages.
        function: layer, rows -> y, pullback; evaluates it without padding.
        layer: a record with a ``padding``.
        x: the pair of sequences (n, time, features) and lengths (n,).
        span: the cells that a window covers.
        stride: the cells from one window to the next.
        fill: what stands around a row.
    """
    values = floats(caller, x[0])
    n, time = values.shape[:2]
    lengths = as_lengths(caller, x[1], n, time)
    ((first, last),) = margins_of(caller, layer.padding, values, (span,), (stride,))
    if layer.padding == "same":
        counts = -(-lengths // stride)
        before = np.maximum((counts - 1) * stride + span - lengths, 0) // 2
    else:
        counts = np.maximum((lengths + 2 * first - span) // stride + 1, 0) * (lengths > 0)
        before = np.full_like(lengths, first)
    cells = (time + first + last - span) // stride * stride + span
    each = counting(n)[:, None]
    from_step = counting(cells) - before[:, None]
    real = (from_step >= 0) & (from_step < lengths[:, None])
    laid_out = np.where(real[..., None], values[each, np.where(real, from_step, 0)], values.dtype.type(fill))
    rows = Rows(laid_out, real, counts)
    y, pullback = function(attrs.evolve(layer, padding="valid"), rows)

    def by_length_pullback(dy):
        dlayer, dx = pullback(zero_padding(dy[0], counts))

        def dpair():
            drows = dx()
            cell = counting(time) + before[:, None]
            there = mask(lengths, time) & (cell < cells)  # the last steps may lie in no window
            return np.where(there[..., None], drows[each, np.where(there, cell, 0)], 0), np.zeros(n, drows.dtype)

        return attrs.evolve(dlayer, padding=layer.padding), dpair

    return (zero_padding(y, counts), counts), by_length_pullback


def _times(lengths: tuple[int, ...]) -> str:
    return " x ".join(map(str, lengths))


def expected_images(caller: str, x: np.ndarray) -> LayerValueError:
    """Return the error for what should be images, with the ``reshape`` that makes images of it."""
    hint = ""
    if x.ndim == 2:
        hint = f"; put reshape({_likely_shape(x.shape[1])}) before it"
    elif x.ndim == 3 and x.shape[2] in (1, 3):
        hint = "; write x[None] for a single image"
    elif x.ndim == 3:
        hint = f"; put reshape(({x.shape[1]}, {x.shape[2]}, 1)) before it, or write x[None] for a single image"
    return LayerValueError(caller, f"expects images (n, height, width, channels), got {x.shape}{hint}")


def _likely_shape(size: int) -> str:
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if side * side * channels == size:
            return f"({side}, {side}, {channels})"
    return "(height, width, channels)"
