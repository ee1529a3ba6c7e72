"""Windows over sequences of several lengths: each row is seen as if it were alone.

by_length : caller, function, layer, (x, lengths), span, stride -> (y, lengths), pullback
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import counting, floats
from fnn.core.vjp import Pullback
from fnn.layers._sequences import as_lengths, mask, zero_padding
from fnn.layers._windows import margins_of, sides_of, windows_along


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
    ceil = {"ceil_mode": True} if getattr(layer, "ceil_mode", False) else {}
    ((first, last),) = margins_of(caller, layer.padding, values, (span,), (stride,), **ceil)
    sides = (first, 0) if isinstance(layer.padding, str) else sides_of(f"{caller}: padding", layer.padding, 1)[0]
    if layer.padding == "same":
        counts = -(-lengths // stride)
        before = np.maximum((counts - 1) * stride + span - lengths, 0) // 2
    else:
        counts = np.maximum(windows_along(lengths, sides, span, stride, bool(ceil)), 0) * (lengths > 0)
        before = np.full_like(lengths, first)
    cells = (time + first + last - span) // stride * stride + span
    each = counting(n)[:, None]
    from_step = counting(cells) - before[:, None]
    real = (from_step >= 0) & (from_step < lengths[:, None])
    laid_out = np.where(real[..., None], values[each, np.where(real, from_step, 0)], values.dtype.type(fill))
    rows = Rows(laid_out, real, counts)
    y, pullback = function(attrs.evolve(layer, padding="valid", **dict.fromkeys(ceil, False)), rows)

    def by_length_pullback(dy):
        dlayer, dx = pullback(zero_padding(dy[0], counts))

        def dpair():
            drows = dx()
            cell = counting(time) + before[:, None]
            there = mask(lengths, time) & (cell < cells)  # the last steps may lie in no window
            return np.where(there[..., None], drows[each, np.where(there, cell, 0)], 0), np.zeros(n, drows.dtype)

        return attrs.evolve(dlayer, padding=layer.padding, **ceil), dpair

    return (zero_padding(y, counts), counts), by_length_pullback
