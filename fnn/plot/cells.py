"""Tables in color: which class is predicted for which, and which step of a sequence attends to which.

confusion : ax, matrix, names?             -> ax
attention : ax, layer, x, head?, symbols?, memory?, memory_symbols?  -> ax
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from fnn.core import tree
from fnn.core._errors import describe, integer
from fnn.layers.attention import Attention
from fnn.plot._style import BLUE, DARK, MIDDLE, ORANGE, TEXT, numbers, readable, require_axes, scale_bar, texts, tint

_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}


def confusion(ax: Axes, matrix: ArrayLike, names: Sequence[Any] | None = None) -> Axes:
    """Draw a confusion matrix: truths down, predictions across, the number of rows in each cell.

    What is right is blue, what is wrong orange; the larger the fraction of the true class, the stronger the color.

    Args:
        ax: the axes to draw on.
        matrix: (classes, classes), counts as ``fnn.metrics.confusion_matrix`` returns them, or fractions.
        names: of the classes; without them their numbers from 0.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` if the matrix is not square, holds a negative
    number, NaN or infinity, or there is not a name for each class.

    >>> from matplotlib.figure import Figure
    >>> ax = confusion(Figure().subplots(), [[5, 1], [0, 4]], names=["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['5', '1', '0', '4']
    """
    require_axes("confusion", ax)
    counts = numbers("confusion", "the matrix", matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"plot.confusion expects a matrix (classes, classes), got {describe(counts)}")
    if counts.min() < 0:
        raise ValueError(f"plot.confusion expects counts or fractions, 0 or more, got {counts.min():g}")
    names = texts("confusion", "names", range(len(counts)) if names is None else names, len(counts), "class")
    scaled = counts.astype(np.float64) / (counts.max() or 1)  # a sum of narrow or large counts could overflow
    total = scaled.sum(axis=1, keepdims=True)
    fraction = scaled / np.where(total > 0, total, 1)
    right = np.eye(len(counts), dtype=bool)
    strength = np.where(right, fraction, np.sqrt(fraction))  # so that a few mistakes among many rows can be seen
    colors = np.where(right[..., None], tint(BLUE, strength), tint(ORANGE, strength))
    ax.imshow(colors)
    ax.grid(False)  # a style may have lines through the middle of the cells, where the numbers stand
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count:.{'2f' if float(count) < 1e5 else '3g'}}" if counts.dtype.kind == "f" else str(int(count))
        ink = readable(DARK if count else MIDDLE, tuple(colors[row, column]))
        ax.text(column, row, text, ha="center", va="center", fontsize=TEXT, color=ink)
    _name_cells(ax, names)
    ax.set_xlabel("prediction")
    ax.set_ylabel("truth")
    return ax


def _name_cells(ax: Axes, names: Sequence[str], axes: str = "xy") -> None:
    """Write a name at each column (x) and row (y); along the bottom long ones are tilted."""
    is_long = max(map(len, names)) > 3
    tilt: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
    if "x" in axes:
        ax.set_xticks(range(len(names)), names, fontsize=TEXT, parse_math=False, **tilt)
    if "y" in axes:
        ax.set_yticks(range(len(names)), names, fontsize=TEXT, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def attention(
    ax: Axes,
    layer: Attention,
    x: ArrayLike,
    head: int = 0,
    symbols: Sequence[Any] | None = None,
    memory: ArrayLike | None = None,
    memory_symbols: Sequence[Any] | None = None,
) -> Axes:
    """Draw the attention weights of one head: a row for each step that attends, a column for each step attended to.

    The weights in a row, as the layer returns them with ``also="weights"``, sum to 1 (Vaswani et al., 2017).

    Args:
        ax: the axes to draw on.
        layer: a finished attention layer.
        x: one sequence as it enters the layer, (time, features) or (1, time, features).
        head: the number of the head, from 0.
        symbols: names of the steps: a text, or a list.
        memory: the sequence that is attended to, if it is another one, as x.
        memory_symbols: names of its steps.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` if x has another shape or holds NaN or
    infinity, the layer has no such head, or there is not a symbol for each step.

    >>> from matplotlib.figure import Figure
    >>> from fnn import Key
    >>> from fnn import attention as constructor
    >>> x = np.ones((4, 6))
    >>> layer = constructor(heads=2, causal=True)(Key(0), x[None])
    >>> attention(Figure().subplots(), layer, x, symbols="abcd").images[0].get_array().filled()[1]
    array([0.5, 0.5, 0. , 0. ])
    """
    require_axes("attention", ax)
    if not isinstance(layer, Attention):
        raise TypeError(f"plot.attention expects a finished Attention layer, got {describe(layer)}")
    sequence = _sequence("x", x, len(layer.weight))
    width = len(layer.weight if layer.key_weight is None else layer.key_weight)
    looked_at = None if memory is None else _sequence("the memory", memory, width)
    if integer("plot.attention: the head", head, 0) >= layer.heads:
        raise ValueError(f"plot.attention: the head must be below {layer.heads}, got {head}")
    down = None if symbols is None else texts("attention", "symbols", symbols, len(sequence), "step")
    across = down
    if looked_at is not None:
        names = memory_symbols
        across = None if names is None else texts("attention", "memory_symbols", names, len(looked_at), "step")
    image = ax.imshow(_weights(layer, sequence, looked_at, head), cmap="Blues", vmin=0.0)
    ax.grid(False)
    for names, axis in ((across, "x"), (down, "y")):
        if names is not None:
            _name_cells(ax, [_VISIBLE.get(symbol, symbol) for symbol in names], axis)
    ax.set_xlabel("step attended to")
    ax.set_ylabel("step that attends")
    scale_bar(ax, image, "attention weight")
    return ax


def _sequence(what: str, x: ArrayLike, width: int) -> np.ndarray:
    """Return one sequence (time, width), or raise."""
    sequence = numbers("attention", what, x)
    sequence = sequence[0] if sequence.ndim == 3 and len(sequence) == 1 else sequence
    if sequence.ndim != 2 or sequence.shape[1] != width or len(sequence) == 0:
        raise ValueError(f"plot.attention expects one sequence (time, {width}), got {describe(sequence)}")
    return sequence


def _weights(layer: Attention, x: np.ndarray, memory: np.ndarray | None, head: int) -> np.ndarray:
    """Return the attention weights of one head, computed in float64, whose scores do not overflow."""
    wide = tree.map(np.float64, layer)(also="weights")
    given = [each.astype(np.float64)[None] for each in (x, memory) if each is not None]
    with np.errstate(over="ignore", invalid="ignore"):
        weights = wide(tuple(given) if memory is not None else given[0])[1][0, head]
    if not np.isfinite(weights).all():
        raise ValueError("plot.attention: the scores are NaN or infinite; scale x, or look at the layer's parameters")
    return weights
