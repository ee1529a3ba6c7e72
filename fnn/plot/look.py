"""What all pictures share: colors that most eyes can tell apart, a light grid, text that can be read.

color       : place -> a color             tint      : color, strength -> a lighter one
legible      : ax, labels -> nothing         legend    : ax -> nothing
scale_bar    : ax, image, label -> nothing   room      : ax -> width and height in points
require_axes : caller, ax -> nothing, or an error that names ``caller``          numbers : caller, name, values -> array
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgb

from fnn.core._arrays import as_array
from fnn.core._errors import describe, number

# Okabe and Ito's colors for all kinds of sight (2008), without their yellow, which is lost on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
BLUE, ORANGE, SKY = COLOURS[0], COLOURS[1], COLOURS[4]
DARK, MIDDLE, LIGHT = "0.25", "0.6", "0.88"

TEXT = 9  # points


def color(place: int) -> str:
    """Give the color at a place; they begin again after the seventh.

    >>> color(0), color(7)
    ('#0072B2', '#0072B2')
    """
    return COLOURS[place % len(COLOURS)]


def tint(of: str, strength: Any) -> np.ndarray:
    """Mix a color into white: strength 0 is white, 1 the color; an array gives an array of colors (..., 3).

    >>> tint("black", np.array([0.0, 0.25, 1.0]))[:, 0]
    array([1.  , 0.75, 0.  ])
    """
    return 1 - np.asarray(strength, np.float64)[..., None] * (1 - np.array(to_rgb(of)))


def legible(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Label the axes, put a light grid behind what is drawn, and take the frame away where nothing is read off."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(True, color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, title: str | None = None) -> None:
    """Put the legend where it hides least; what it hides still shines through."""
    texts = {"title": title, "fontsize": TEXT, "title_fontsize": TEXT, "alignment": "left"}
    ax.legend(loc="best", framealpha=0.8, edgecolor="none", **texts)


def scale_bar(ax: Axes, image: ScalarMappable, label: str) -> None:
    """Show beside the axes what the colors of an image mean. It belongs to the axes and takes no room from others."""
    ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)), label=label)


def room(ax: Axes) -> tuple[float, float]:
    """Give the width and height of the axes in points, as they are before anybody lays out the figure."""
    inches = ax.bbox.transformed(ax.figure.dpi_scale_trans.inverted())
    return max(72 * inches.width, 1.0), max(72 * inches.height, 1.0)


def require_axes(caller: str, ax: Any) -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless there are axes to draw on."""
    if not isinstance(ax, Axes):
        raise TypeError(f"plot.{caller} expects the axes to draw on first, got {describe(ax)}; write figure.subplots()")


def numbers(caller: str, name: str, values: Any, finite: bool = True) -> np.ndarray:
    """Take real numbers as an array, or raise ``TypeError`` or ``ValueError`` in the name of ``caller``."""
    array = as_array(f"plot.{caller}, as {name},", list(values) if isinstance(values, tuple) else values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"plot.{caller}: {name} must be real numbers, got {describe(values)}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"plot.{caller}: {name} holds NaN or infinity")
    return array


def span(caller: str, low: Any, high: Any, n: int) -> np.ndarray:
    """Give ``n`` numbers from ``low`` to ``high``, or raise in the name of ``caller`` if they are not in this order."""
    low, high = number(f"plot.{caller}: low", low, -np.inf), number(f"plot.{caller}: high", high, -np.inf)
    if low >= high:
        raise ValueError(f"plot.{caller}: low must be below high, got {low:g} and {high:g}")
    return np.linspace(low, high, n)
