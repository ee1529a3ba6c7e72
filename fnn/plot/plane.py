"""The plane: where a network draws the boundary between classes, and the slopes that gradient descent goes down.

decision_boundary : ax, predict, x, labels, resolution? -> ax
gradient_field    : ax, function, low?, high?, arrows?  -> ax
descent           : ax, path                            -> ax
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from fnn.core._errors import describe, integer
from fnn.diagnostics.numeric import gradient_field as slopes
from fnn.metrics._predictions import classified
from fnn.plot._style import (
    DARK,
    ORANGE,
    TEXT,
    canvas,
    color,
    legend,
    legible,
    numbers,
    readable,
    require_axes,
    span,
    tint,
)

_MARKERS = "osD^vPX*<>"
_FAR = 1e300


def decision_boundary(
    ax: Axes, predict: Callable[[np.ndarray], Any], x: ArrayLike, labels: np.ndarray, resolution: int = 200
) -> Axes:
    """Draw which class is predicted at each place of the plane, and the points ``x`` in their true colors.

    Args:
        ax: the axes to draw on.
        predict: it takes rows (n, 2) and returns scores (n, classes), of which the largest wins, or labels (n,); a
            network is such a function.
        x: points (n, 2).
        labels: their classes, (n,) or one-hot (n, classes).
        resolution: how many places are predicted along each axis.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for other shapes, NaN or infinity, or labels
    below 0.

    >>> from matplotlib.figure import Figure
    >>> x, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    >>> ax = decision_boundary(Figure().subplots(), lambda x: (x[:, 0] > 0.5).astype(int), x, labels)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['class 0', 'class 1']
    """
    require_axes("decision_boundary", ax)
    if not callable(predict):
        raise TypeError(f"plot.decision_boundary expects a function of rows (n, 2), got {describe(predict)}")
    resolution = integer("plot.decision_boundary: the resolution", resolution, 2)
    x = numbers("decision_boundary", "x", x)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(f"plot.decision_boundary expects points x (n, 2), got {describe(x)}")
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    low, high, dtype = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64), np.finfo(x.dtype)
    # Of points that are nearly equal as much as the dtype can tell apart.
    margin = 0.08 * np.maximum(high - low, np.maximum(1e-6, np.abs(x).max() * max(1e-9, 16 * float(dtype.eps))))
    across, up = np.linspace(low - margin, high + margin, resolution).T
    places = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    places = np.clip(places, float(dtype.min), float(dtype.max)).astype(x.dtype)
    _, true, classes = classified("plot.decision_boundary", predict(x), labels)
    scores = predict(places)
    region, _, found = classified("plot.decision_boundary", scores, np.zeros(len(places), np.int64))
    _draw_regions(ax, across, up, np.asarray(scores), region, max(classes, found))
    for label in range(max(classes, found)):
        ax.scatter(
            *x[true == label].T, s=np.clip(5000 / len(x), 18, 60), marker=_MARKERS[label % len(_MARKERS)],
            color=color(label), edgecolors="white", linewidths=0.6, label=f"class {label}",
        )  # fmt: skip
    ax.set_xlabel("feature 0")
    ax.set_ylabel("feature 1")
    legend(ax)
    return ax


def _draw_regions(
    ax: Axes, across: np.ndarray, up: np.ndarray, scores: np.ndarray, region: np.ndarray, classes: int
) -> None:
    """Color each place by its class, ``region``, and draw the lines at which the leading score changes."""
    palette = np.stack([tint(color(label), 0.3) for label in range(classes)])
    shape = len(up), len(across)
    half = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2  # a place is the middle of its square
    extent = (across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1])
    ax.imshow(palette[region.reshape(shape)], origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]])
    for label in range(classes):
        lead = _lead(scores, label).reshape(shape)
        if lead.min() < 0 < lead.max():
            ax.contour(across, up, lead, levels=[0.0], colors=[DARK], linewidths=1.2)


def _lead(scores: np.ndarray, label: int) -> np.ndarray:
    """Return by how much a class leads the best of the others: above 0 in its region, 0 on the boundary."""
    if scores.ndim == 1:
        return np.where(scores == label, 1.0, -1.0)
    scores = np.clip(scores.astype(np.float64), -_FAR, _FAR)  # so that infinite ones can be compared
    return scores[:, label] - np.delete(scores, label, axis=1).max(axis=1)


def gradient_field(
    ax: Axes, function: Callable[[np.ndarray], Any], low: float = -2.0, high: float = 2.0, arrows: int = 20
) -> Axes:
    """Draw a function of two variables as contours with their heights, and its gradient as arrows, which point uphill.

    The steeper the function, the longer the arrows, which ``fnn.numeric.gradient_field`` computes.

    Args:
        ax: the axes to draw on.
        function: it takes a point, an array of two numbers, and returns a number.
        low, high: the ends of both axes.
        arrows: how many along each axis.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` unless low is below high and there are 2 or
    more arrows, and for a function that is finite nowhere; where it is not, there is a gap.

    >>> from matplotlib.figure import Figure
    >>> gradient_field(Figure().subplots(), lambda x: x[0] ** 2 + x[1] ** 2, arrows=10).get_title()
    'arrows: the gradient, uphill'
    """
    require_axes("gradient_field", ax)
    if not callable(function):
        raise TypeError(f"plot.gradient_field expects a function of a point, got {describe(function)}")
    at = span("gradient_field", low, high, integer("plot.gradient_field: arrows", arrows, 2))
    with np.errstate(invalid="ignore", over="ignore"):  # between infinite heights there is no slope
        u, v = slopes(function, at, at)
    fine = span("gradient_field", low, high, 101)
    heights = np.array([[float(function(np.array([a, b]))) for a in fine] for b in fine])
    heights = np.where(np.abs(heights) <= _FAR, heights, np.nan)  # which leaves a gap
    if np.isnan(heights).all():
        raise ValueError("plot.gradient_field: the function is NaN or infinite everywhere between low and high")
    if np.nanmin(heights) < np.nanmax(heights):
        lines = ax.contour(fine, fine, heights, levels=8, cmap="viridis", linewidths=1.2)
        paper = canvas(ax)
        for text in ax.clabel(lines, fontsize=TEXT, zorder=4):
            text.set(color=readable(text.get_color(), paper))
            text.set_bbox({"facecolor": paper, "edgecolor": "none", "pad": 1.5})  # arrows pass behind
    lengths = np.hypot(u, v)
    between, longest = at[1] - at[0], float(lengths.max(initial=0, where=np.isfinite(lengths))) or 1.0
    ax.quiver(
        at, at, u, v, angles="xy", pivot="mid", scale_units="xy", scale=longest / (0.95 * between),
        color=DARK, width=0.003,
    )  # fmt: skip
    ax.set_aspect("equal")
    legible(ax, "x[0]", "x[1]")
    limits = at[0] - 0.6 * between, at[-1] + 0.6 * between  # so that arrows at the edge are drawn whole
    ax.set(xlim=limits, ylim=limits)
    ax.set_title("arrows: the gradient, uphill", fontsize=TEXT)
    return ax


def descent(ax: Axes, path: ArrayLike) -> Axes:
    """Draw the points (n, 2) of a descent, one a step, joined in their order, with the first and the last one marked.

    Draw it onto a field, ``descent(gradient_field(ax, function), path)``, whose limits it does not change.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for another shape, NaN or infinity.

    >>> from matplotlib.figure import Figure
    >>> ax = descent(Figure().subplots(), [[2.0, 1.0], [1.0, 0.5], [0.5, 0.25]])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['start', 'after 2 steps']
    """
    require_axes("descent", ax)
    path = numbers("descent", "the path", path)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) == 0:
        raise ValueError(f"plot.descent expects the points of a path (n, 2), got {describe(path)}")
    end = "after 1 step" if len(path) == 2 else f"after {len(path) - 1} steps"
    ax.plot(*path.T, color=ORANGE, linewidth=1.6, marker="o", markersize=4 if len(path) <= 100 else 0)
    ax.plot(*path[:1].T, "o", color="white", markeredgecolor=ORANGE, markeredgewidth=2, markersize=9, label="start")
    ax.plot(*path[-1:].T, "*", color=ORANGE, markeredgecolor="white", markersize=16, label=end)
    legible(ax, "x[0]", "x[1]")
    legend(ax)
    return ax
