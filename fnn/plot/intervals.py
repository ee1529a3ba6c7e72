"""Is the difference real? The differences pair by pair, and the interval in which their mean lies.

comparison : ax, comparisons -> ax
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes

from fnn.core._errors import describe
from fnn.plot._style import BLUE, DARK, MIDDLE, ORANGE, legend, legible, require_axes
from fnn.train.comparison import Comparison

_PHI = (5**0.5 - 1) / 2


def comparison(ax: Axes, comparisons: Comparison | Iterable[Comparison], xlabel: str = "difference") -> Axes:
    """Draw comparisons in rows: a dot for each pair, and the mean of the differences in its interval.

    An interval that leaves out 0, which is marked, is orange: that difference is settled.

    Args:
        ax: the axes to draw on.
        comparisons: what ``compare`` returns, one or several; the first is drawn at the top.
        xlabel: what the difference is one of.

    Raises ``TypeError`` unless they are comparisons, ``ValueError`` for none.

    >>> from matplotlib.figure import Figure
    >>> from fnn.train.comparison import compare
    >>> ax = comparison(Figure().subplots(), compare({"sgd": [0.91, 0.94], "adam": [0.93, 0.95]}))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['adam\\n- sgd']
    """
    require_axes("comparison", ax)
    rows: list[Any] = [comparisons] if isinstance(comparisons, Comparison) else _listed(comparisons)
    ax.axvline(0, color=DARK, linewidth=1.0, zorder=1)
    for place, row in enumerate(rows):
        # Spread by the golden ratio, so that dots of equal differences lie beside each other, the same at each drawing.
        height = place + 0.12 + 0.26 * (np.arange(row.n) * _PHI % 1)
        ax.scatter(row.differences, height, s=18, color=MIDDLE, linewidths=0, label="a pair" if place == 0 else None)
    for settled, color in ((False, BLUE), (True, ORANGE)):
        found = [(place, row) for place, row in enumerate(rows) if row.settled is settled]
        if found:
            places, shown = zip(*found, strict=True)
            mean = np.array([row.mean for row in shown])
            reach = np.abs(np.array([[row.low, row.high] for row in shown]).T - mean)
            label = f"mean, {100 * shown[0].confidence:g} % interval{'' if settled else ', with 0 in it'}"
            style: dict[str, Any] = {"color": color, "linewidth": 2.2, "capsize": 5, "markersize": 7, "label": label}
            ax.errorbar(mean, np.array(places) - 0.12, xerr=reach, fmt="o", **style)
    names = [f"{row.names[1]}\n- {row.names[0]}" for row in rows]
    ax.set_yticks(range(len(rows)), names)
    for text in ax.get_yticklabels():
        text.set_parse_math(False)  # a name is a text, not a formula
    ax.set_ylim(len(rows) - 0.4, -0.6)
    legible(ax, xlabel, "")
    ax.grid(False, axis="y")
    legend(ax)
    return ax


def _listed(comparisons: Any) -> list[Any]:
    """Return comparisons as a list, or raise."""
    rows: list[Any] = list(cast("Iterable[Any]", comparisons)) if isinstance(comparisons, Iterable) else [comparisons]
    if not rows:
        raise ValueError("plot.comparison expects at least one comparison, got none")
    for row in rows:
        if not isinstance(row, Comparison):
            raise TypeError(f"plot.comparison expects what compare returns, got {describe(row)}")
    return rows
