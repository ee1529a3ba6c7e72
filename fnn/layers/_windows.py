"""Windows over images and sequences: their sizes, the margins they need, and what to say where they do not fit.

    per_axis     : what, value -> an integer for each axis
    margins_of   : caller, padding, x, span, stride -> margins
    with_margins : x, margins -> x with cells around

A window spans so many cells along each axis and moves by the stride; convolution and pooling share all this.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._errors import LayerValueError, describe, integer

Sizes = int | tuple[int, ...]
Padding = str | int | tuple[int, ...]


def per_axis(what: str, value: Any, axes: int | None = None, least: int = 1) -> tuple[int, ...]:
    """Give an integer for each axis, from one for all of them or from a tuple.

    Raises ``TypeError`` or ``ValueError`` in the name of ``what`` for anything else. Without ``axes``
    one or two will do.

    >>> per_axis("stride", 2, 2), per_axis("stride", (1, 2), 2)
    ((2, 2), (1, 2))
    """
    if isinstance(value, list):
        raise TypeError(f"{what} must be an integer or a tuple of them, got {describe(value)}; write {tuple(value)}")
    if not isinstance(value, tuple):
        return (integer(what, value, least),) * (axes or 1)
    if len(value) != (axes or len(value)) or not 1 <= len(value) <= 2:
        expected = "(height, width)" if axes != 1 else "for sequences"
        raise ValueError(f"{what} must be an integer or a tuple of {axes or 2} {expected}, got {value}")
    return tuple(integer(what, each, least) for each in value)


def require_padding(what: str, padding: Any) -> None:
    """Raise unless padding is "same", "valid", or integers."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{what} must be 'same', 'valid' or an integer, got {padding!r}")
    else:
        per_axis(what, padding, least=0)


def margins_of(caller: str, padding: Padding, x: np.ndarray, span: tuple, stride: tuple) -> tuple[tuple[int, int], ...]:
    """Give how many cells are added before and after, for each axis between rows and channels.

    "same" is as much as gives ceil(length / stride) windows, an odd cell going to the end; "valid" is nothing.
    Raises ``ValueError`` in the name of ``caller`` if no window fits, or if one would lie in the margin alone.
    """
    lengths = x.shape[1:-1]
    if padding == "same":
        axes = zip(lengths, span, stride, strict=True)
        missing = [max((-(-n // step) - 1) * step + s - n, 0) for n, s, step in axes]
        margins = tuple((each // 2, each - each // 2) for each in missing)
    else:
        require_padding(f"{caller}: padding", padding)
        numbers = (
            (0,) * len(span) if padding == "valid" else per_axis(f"{caller}: padding", padding, len(span), least=0)
        )
        margins = tuple((each, each) for each in numbers)
        if any(each >= s for each, s in zip(numbers, span, strict=True)):
            raise LayerValueError(caller, f"expects a padding below its window {_times(span)}, got {padding}")
    if 0 in lengths or any(n + sum(margin) < s for n, margin, s in zip(lengths, margins, span, strict=True)):
        least = tuple(max(s - sum(margin), 1) for s, margin in zip(span, margins, strict=True))
        kind = "images" if len(span) == 2 else "sequences"
        raise LayerValueError(
            caller, f"expects {kind} of at least {_times(least)}, got {x.shape}; take a smaller size or padding='same'"
        )
    return margins


def with_margins(x: np.ndarray, margins: tuple, value: float = 0.0) -> np.ndarray:
    """Put cells of one value around; without margins this is x itself."""
    if not any(map(any, margins)):
        return x
    lengths = [n + before + after for n, (before, after) in zip(x.shape[1:-1], margins, strict=True)]
    padded = np.full((len(x), *lengths, x.shape[-1]), value, x.dtype)
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape[1:-1], margins, strict=True))
    padded[:, *inside] = x
    return padded


def _times(lengths: tuple) -> str:
    return " x ".join(map(str, lengths))


def expected_images(caller: str, x: np.ndarray) -> LayerValueError:
    """Give the error for what should be images, with the ``reshape`` that makes them some."""
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
