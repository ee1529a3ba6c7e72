"""Tables in color: which class is taken for which, and which step of a sequence looks at which.

confusion : ax, matrix -> ax          attention : ax, layer, x -> ax
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fnn.core._errors import describe, integer
from fnn.layers._stable import softmax
from fnn.layers.attention import Attention
from fnn.plot.look import BLUE, DARK, MIDDLE, ORANGE, TEXT, numbers, require_axes, scale_bar, tint


def confusion(ax: Axes, matrix: Any, names: Sequence[Any] | None = None) -> Axes:
    """Draw a confusion matrix: truths down, predictions across, the number of rows in each cell.

    What is right is blue, what is wrong orange, the stronger the larger its share of the true class. ``matrix`` is
    (classes, classes), as ``fnn.metrics.confusion_matrix`` gives it, or shares; ``names`` are those of the classes.
    Raises ``TypeError`` or ``ValueError`` for anything else.

    >>> from matplotlib.figure import Figure
    >>> ax = confusion(Figure().subplots(), [[5, 1], [0, 4]], names=["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['5', '1', '0', '4']
    """
    require_axes("confusion", ax)
    matrix = numbers("confusion", "the matrix", matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"plot.confusion expects a matrix (classes, classes), got {describe(matrix)}")
    if matrix.min() < 0:
        raise ValueError(f"plot.confusion expects counts or shares, 0 or more, got {matrix.min():g}")
    names = [str(name) for name in (range(len(matrix)) if names is None else names)]
    if len(names) != len(matrix):
        raise ValueError(f"plot.confusion: names must be {len(matrix)}, one for each class, got {len(names)}")
    total = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.where(total > 0, total, 1)
    right = np.eye(len(matrix), dtype=bool)
    strength = np.where(right, share, np.sqrt(share))  # a few mistakes among many rows are to be seen, too
    ax.imshow(np.where(right[..., None], tint(BLUE, strength), tint(ORANGE, strength)))
    for (row, column), count in np.ndenumerate(matrix):
        text = f"{count:.2f}" if matrix.dtype.kind == "f" else str(int(count))
        shade = "white" if strength[row, column] > 0.6 else DARK if count else MIDDLE
        ax.text(column, row, text, ha="center", va="center", fontsize=TEXT, color=shade)
    _name_cells(ax, names)
    ax.set_xlabel("prediction")
    ax.set_ylabel("truth")
    return ax


def _name_cells(ax: Axes, names: Sequence[str]) -> None:
    tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 3 else {}
    ax.set_xticks(range(len(names)), names, fontsize=TEXT, parse_math=False, **tilt)
    ax.set_yticks(range(len(names)), names, fontsize=TEXT, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def attention(ax: Axes, layer: Attention, x: Any, head: int = 0, symbols: Sequence[Any] | None = None) -> Axes:
    """Draw how one head of an attention layer shares out its attention: a row for each step that looks.

    ``x`` is one sequence as it reaches the layer, (time, features) or (1, time, features). The shares in a row,
    softmax(query key' / sqrt(size)) (Vaswani et al., 2017), sum to 1. ``symbols`` name the steps: a text, or a list.
    Raises ``TypeError`` or ``ValueError`` for anything else.

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
    x = numbers("attention", "x", x)
    x = x[0] if x.ndim == 3 and len(x) == 1 else x
    width = len(layer.output_weight)
    if x.ndim != 2 or x.shape[1] != width or len(x) == 0:
        raise ValueError(f"plot.attention expects one sequence (time, {width}), got {describe(x)}")
    if integer("plot.attention: the head", head, 0) >= layer.heads:
        raise ValueError(f"plot.attention: the head must be below {layer.heads}, got {head}")
    if symbols is not None and len(symbols) != len(x):
        raise ValueError(f"plot.attention: symbols must be {len(x)}, one for each step, got {len(symbols)}")
    image = ax.imshow(_shares(layer, x, head), cmap="Blues", vmin=0.0)
    if symbols is not None:
        _name_cells(ax, [_VISIBLE.get(str(symbol), str(symbol)) for symbol in symbols])
    ax.set_xlabel("step looked at")
    ax.set_ylabel("step that looks")
    scale_bar(ax, image, "share of attention")
    return ax


_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}


def _shares(layer: Attention, x: np.ndarray, head: int) -> np.ndarray:
    query, key, _ = np.split(x @ layer.weight + layer.bias, 3, axis=-1)
    size = len(layer.output_weight) // layer.heads
    own = slice(head * size, (head + 1) * size)
    scores = query[:, own] @ key[:, own].T / math.sqrt(size)
    return softmax(np.where(np.tri(len(x)), scores, -np.inf) if layer.causal else scores)
