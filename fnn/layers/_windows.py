"""A window looks at a few cells at a time and moves by the stride; convolution and pooling share all this.

    per_axis     : what, value -> an integer for each axis
    margins_of   : caller, padding, x, span, stride -> the cells to add before and after, for each axis
    spans        : sizes, dilation -> the cells that a window covers
    checked_sizes, checked_padding : what, value -> the value, or an error: converters
with_margins : x, margins -> x with cells around
windows_along: length, margin, span, stride, ceil_mode -> how many windows there are
axes_of      : caller, size, x -> how many axes windows of this size have on x

A window's span is how many cells it covers along each axis. There are one axis of sequences (n, time, features), two of
images (n, height, width, channels), or three of volumes (n, depth, height, width, channels).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._errors import LayerValueError, describe, integer

Sizes = int | tuple[int, ...]
Padding = str | int | tuple[int | tuple[int, int], ...]
Margins = tuple[tuple[int, int], ...]
AXES = {1: "sequences (n, time, {})", 2: "images (n, height, width, {})", 3: "volumes (n, depth, height, width, {})"}


def per_axis(what: str, value: Any, axes: int | None = None, minimum: int = 1) -> tuple[int, ...]:
    """Return an integer for each axis, from one for all of them or from a tuple.

    Args:
        what: the name of the value, with its caller: ``"conv: stride"``.
        value: an integer or a tuple of them.
        axes: how many axes there are; None if that is not known yet, and 1 to 3.
        minimum: the least that each may be.

    Raises ``TypeError`` or ``ValueError``, beginning with ``what``, for anything else.

    >>> per_axis("stride", 2, 2), per_axis("stride", (1, 2), 2)
    ((2, 2), (1, 2))
    """
    if isinstance(value, list):
        raise TypeError(f"{what} must be an integer or a tuple of them, got {describe(value)}; write {tuple(value)}")
    if not isinstance(value, tuple):
        return (integer(what, value, minimum),) * (axes or 1)
    _require_axes(what, value, axes)
    return tuple(integer(what, each, minimum) for each in value)


def checked_sizes(what: str, value: Any) -> Sizes:
    """Return an integer or a pair of them as it is, or raise as ``per_axis`` does: a converter."""
    per_axis(what, value)
    return value


def checked_padding(what: str, padding: Any) -> Padding:
    """Return a padding as it is, or raise as ``require_padding`` does: a converter."""
    require_padding(what, padding)
    return padding


def _require_axes(what: str, value: tuple[Any, ...], axes: int | None) -> None:
    if len(value) != (axes or len(value)) or not 1 <= len(value) <= 3:
        names = {1: "for sequences", 2: "(height, width)", 3: "(depth, height, width)"}
        expected = f"{axes} {names[axes]}" if axes else "2 (height, width), or 1, or 3"
        raise ValueError(f"{what} must be an integer or a tuple of {expected}, got {value}")


def require_padding(what: str, padding: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless padding is a word, or integers from 0, or pairs (before, after)."""
    if isinstance(padding, str):
        if padding not in ("same", "valid", "causal"):
            raise ValueError(f"{what} must be 'same', 'valid', 'causal' or an integer, got {padding!r}")
    else:
        sides_of(what, padding)


def sides_of(what: str, padding: Any, axes: int | None = None) -> Margins:
    """Return the cells before and after each axis, from an integer, or a tuple of integers and of pairs.

    >>> sides_of("padding", 1, 2), sides_of("padding", ((1, 0), 2), 2)
    (((1, 1), (1, 1)), ((1, 0), (2, 2)))
    """
    if not isinstance(padding, tuple):
        return tuple([(each, each) for each in per_axis(what, padding, axes, minimum=0)])
    _require_axes(what, padding, axes)
    return tuple([_pair(what, each) for each in padding])


def _pair(what: str, side: Any) -> tuple[int, int]:
    if not isinstance(side, tuple):
        return integer(what, side, 0), integer(what, side, 0)
    if len(side) != 2:
        raise ValueError(f"{what} must be an integer or a pair (before, after) for each axis, got {side}")
    return integer(what, side[0], 0), integer(what, side[1], 0)


def spans(sizes: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many cells a window covers along each axis.

    >>> spans((3, 2), (1, 4))
    (3, 5)
    """
    return tuple([(size - 1) * step + 1 for size, step in zip(sizes, dilation, strict=True)])


def margins_of(
    caller: str,
    padding: Padding,
    x: np.ndarray,
    span: tuple[int, ...],
    stride: tuple[int, ...],
    ceil_mode: bool = False,
) -> Margins:
    """Return how many cells to add before and after x, for each axis between rows and channels.

    Args:
        caller: the layer's name, for messages.
        padding: "same", as many as make ceil(length / stride) windows, an odd one at the end; "valid", none; "causal",
            for sequences, as many before as let no window look ahead; or how many on either side.
        x: sequences, images or volumes.
        span: the cells that a window covers along each axis.
        stride: the cells from one window to the next.
        ceil_mode: add cells at the end for a last window that begins within x or the cells before it.

    Raises ``ValueError`` if no window fits, or if one would lie in the margin alone.

    >>> margins_of("conv", "same", np.ones((1, 5, 5, 1)), span=(3, 2), stride=(1, 1))
    ((1, 1), (0, 1))
    """
    lengths = x.shape[1:-1]
    if padding == "same":
        axes = zip(lengths, span, stride, strict=True)
        missing = [max((-(-n // step) - 1) * step + s - n, 0) for n, s, step in axes]
        margins = tuple([(each // 2, each - each // 2) for each in missing])
    elif padding == "causal":
        if len(span) > 1:
            raise LayerValueError(caller, f"expects sequences (n, time, features) with padding='causal', got {x.shape}")
        margins = tuple([(each - 1, 0) for each in span])
    else:
        require_padding(f"{caller}: padding", padding)
        margins = sides_of(f"{caller}: padding", 0 if padding == "valid" else padding, len(span))
        if any(max(margin) >= s for margin, s in zip(margins, span, strict=True)):
            raise LayerValueError(caller, f"expects a padding below its window {_times(span)}, got {padding}")
    if ceil_mode and 0 not in lengths:
        margins = tuple(map(_with_a_last_window, lengths, margins, span, stride))
    if 0 in lengths or any(n + sum(margin) < s for n, margin, s in zip(lengths, margins, span, strict=True)):
        smallest = _times(tuple([max(s - sum(margin), 1) for s, margin in zip(span, margins, strict=True)]))
        kind = AXES[len(span)].partition(" ")[0]
        raise LayerValueError(
            caller, f"expects {kind} of at least {smallest}, got {x.shape}; take a smaller size or padding='same'"
        )
    return margins


def windows_along(length: Any, margin: tuple[int, int], span: int, stride: int, ceil_mode: bool) -> Any:
    """Return how many windows there are, 0 or less if none fits; ``length`` may be an array of them."""
    room = length + sum(margin) - span
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - ((count - 1) * stride >= length + margin[0])  # a window that begins behind the end is none


def _with_a_last_window(length: int, margin: tuple[int, int], span: int, stride: int) -> tuple[int, int]:
    count = windows_along(length, margin, span, stride, ceil_mode=True)
    return margin[0], max(margin[1], (count - 1) * stride + span - length - margin[0])


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


def _times(lengths: tuple[int, ...]) -> str:
    return " x ".join(map(str, lengths))


def expected_images(caller: str, x: np.ndarray, axes: int = 2) -> LayerValueError:
    """Return the error for what should be images, with the ``reshape`` that makes images of it."""
    hint = ""
    if axes == 2 and x.ndim == 2:
        hint = f"; put reshape({_likely_shape(x.shape[1])}) before it"
    elif axes == 2 and x.ndim == 3 and x.shape[2] in (1, 3):
        hint = "; write x[None] for a single image"
    elif axes == 2 and x.ndim == 3:
        hint = f"; put reshape(({x.shape[1]}, {x.shape[2]}, 1)) before it, or write x[None] for a single image"
    kind = AXES[axes].format("features" if axes == 1 else "channels")
    return LayerValueError(caller, f"expects {kind}, got {x.shape}{hint}")


def axes_of(caller: str, size: Sizes, x: np.ndarray) -> int:
    """Return how many axes windows of a size have on x, or raise in the name of ``caller`` if they do not fit."""
    axes = len(size) if isinstance(size, tuple) else x.ndim - 2
    if x.ndim != axes + 2 or axes not in AXES or x.shape[-1] == 0:
        raise expected_images(caller, x, axes if axes in AXES else 2)
    return axes


def _likely_shape(size: int) -> str:
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if side * side * channels == size:
            return f"({side}, {side}, {channels})"
    return "(height, width, channels)"
