"""Lines: losses step by step, and functions of one number with their slopes.

curves     : ax, {label: curve}, x?         -> ax
activation : ax, function, low?, high?      -> ax
tangent    : ax, function, at, low, high    -> ax
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from fnn.core._errors import describe, finite_number
from fnn.core.record import is_record
from fnn.core.vjp import vjp
from fnn.diagnostics.numeric import derivative
from fnn.diagnostics.numeric import tangent as tangent_line
from fnn.layers._constructor import Constructor
from fnn.plot._style import BLUE, COLORS, DARK, ORANGE, color, legend, legible, numbers, require_axes, span
from fnn.train.summaries import Summary, summarize


def curves(
    ax: Axes,
    curves: Mapping[Any, Any],
    x: ArrayLike | None = None,
    xlabel: str = "step",
    ylabel: str = "loss",
    log: bool = False,
) -> Axes:
    """Draw curves with their labels: a loss by steps, or the mean of several runs in a band of one standard deviation.

    A value that is not finite is a gap, as the loss before the first step is.

    Args:
        ax: the axes to draw on.
        curves: labels, and for each a curve (n,); or several runs of equal length, (runs, n); or a ``Summary`` of such
            runs, as ``summarize`` returns it. Of several runs the mean is drawn, in a band of one standard deviation.
        x: where the values are drawn, (n,); without it at 0, 1, 2 and so on.
        xlabel, ylabel: labels of the axes.
        log: whether the scale is logarithmic; a band that would go below 0 then ends at the minimum of the runs.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for shapes that do not fit, or if the scale
    is logarithmic and no value is above 0.

    >>> from matplotlib.figure import Figure
    >>> ax = curves(Figure().subplots(), {"sgd": [2.0, 1.5, 1.2], "adam": [[2.0, 1.0, 0.5], [2.2, 1.2, 0.7]]})
    >>> [line.get_label() for line in ax.get_lines()], ax.get_lines()[1].get_ydata().round(8)
    (['sgd', 'adam (2 runs)'], array([2.1, 1.1, 0.6]))
    """
    require_axes("curves", ax)
    if not isinstance(curves, Mapping) or not curves:
        raise TypeError(f'plot.curves expects curves by their labels, say {{"loss": losses}}, got {describe(curves)}')
    summaries = {label: _summary(label, values) for label, values in curves.items()}
    if log:
        _require_logarithms(np.concatenate([summary.mean for summary in summaries.values()]))
    places = None if x is None else numbers("curves", "x", x)
    for label, summary in summaries.items():
        if places is not None and places.shape != summary.mean.shape:
            wanted = f"a place for each number of {label!r}, {summary.mean.shape}"
            raise ValueError(f"plot.curves: x must be {wanted}, got {places.shape}")
    for label, summary in summaries.items():
        _draw_curve(ax, str(label), np.arange(len(summary.mean)) if places is None else places, summary, log)
    if log:
        ax.set_yscale("log")
    legible(ax, xlabel, ylabel)
    legend(ax, "mean ± standard deviation" if any(summary.n > 1 for summary in summaries.values()) else None)
    return ax


def _require_logarithms(y: np.ndarray) -> None:
    """Raise ``ValueError`` unless some numbers are above 0, and a logarithmic axis with its margin can hold them."""
    drawn = y[(y > 0) & (y < np.inf)]
    if not drawn.size:
        raise ValueError("plot.curves: a logarithmic scale needs numbers above 0, got none; leave log=True out")
    low, high = np.log10([drawn.min(), drawn.max()])
    margin = 0.1 * (high - low)
    if low - margin < -300 or high + margin > 300:
        wrong = f"numbers from {drawn.min():.3g} to {drawn.max():.3g}"
        raise ValueError(f"plot.curves: an axis cannot hold the logarithms of {wrong}; scale them")


def _summary(label: Any, values: Any) -> Summary:
    """Return the summary of one curve or several runs."""
    if isinstance(values, Summary):
        if np.ndim(values.mean) != 1:
            raise ValueError(f"plot.curves: {label!r} must be a summary of curves (n,), got one of numbers: {values}")
        numbers("curves", repr(label), values.mean, finite=False)
        return values
    array = numbers("curves", repr(label), values, finite=False).astype(np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"plot.curves: {label!r} must be a curve (n,) or several (runs, n), got {describe(array)}")
    return summarize(np.atleast_2d(np.where(np.isfinite(array), array, np.nan)))


def _draw_curve(ax: Axes, label: str, x: np.ndarray, summary: Summary, log: bool) -> None:
    """Draw the mean of one or more runs, and of more a band of one standard deviation."""
    place = len(ax.get_lines())
    label = f"{label} ({summary.n} runs)" if summary.n > 1 else label
    style = "-" if place < len(COLORS) else "--"
    (line,) = ax.plot(x, summary.mean, label=label, color=color(place), linestyle=style, linewidth=1.8)
    alone = _alone(summary.mean)
    if alone.size:  # a line needs two points
        line.set(marker="o", markersize=4, markevery=alone.tolist())
    if summary.n > 1:
        low = summary.mean - summary.std
        # What is not above 0 has no place on a logarithmic scale.
        low = np.where(low > 0, low, summary.min) if log else low
        ax.fill_between(x, low, summary.mean + summary.std, color=color(place), alpha=0.2, linewidth=0)


def _alone(y: np.ndarray) -> np.ndarray:
    """Return the places of the numbers that have no number beside them."""
    known = np.pad(np.isfinite(y), 1)
    return np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])


def activation(ax: Axes, function: Callable[..., Any], low: float = -5.0, high: float = 5.0) -> Axes:
    """Draw a function of one number and its derivative, from ``low`` to ``high``.

    The derivative of a record such as ``relu`` is exact, by ``vjp``; that of any other function is numeric.

    Args:
        ax: the axes to draw on.
        function: it takes an array and returns one of its shape.
        low, high: the ends of the x-axis.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` unless low is below high, and for a function
    that mixes the numbers of an array, as softmax does.

    >>> from matplotlib.figure import Figure
    >>> from fnn import tanh
    >>> ax = activation(Figure().subplots(), tanh)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['tanh', 'derivative']
    """
    require_axes("activation", ax)
    if not callable(function) or isinstance(function, type | Constructor):
        raise TypeError(f"plot.activation expects a function, say relu, got {describe(function)}")
    x = span("activation", low, high, 501)
    y, alone = np.asarray(function(x.copy())), np.asarray(function(x[-1:].copy()))
    if y.shape != x.shape or alone.shape != (1,) or not np.allclose(y[-1:], alone, equal_nan=True):
        raise ValueError(f"plot.activation expects a function of each number by itself, got {describe(function)}")
    slope = vjp(function, x)[1](np.ones_like(x))[1]() if is_record(function) else derivative(function, x)
    ax.plot(x, y, label=_name(function), color=BLUE, linewidth=2)
    ax.plot(x, slope, label="derivative", color=ORANGE, linewidth=1.8, linestyle="--")
    ax.axhline(0, color=DARK, linewidth=0.8, zorder=1)
    if low < 0 < high:
        ax.axvline(0, color=DARK, linewidth=0.8, zorder=1)
    legible(ax, "x", "y")
    legend(ax)
    return ax


def _name(function: Callable[..., Any]) -> str:
    """Return the name of a function: ``leaky_relu`` for a ``LeakyRelu``."""
    if not is_record(function):
        name = getattr(function, "__name__", "function")
        return "function" if name == "<lambda>" else name
    words = type(function).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in words).lstrip("_")


def tangent(ax: Axes, function: Callable[..., Any], at: float, low: float, high: float) -> Axes:
    """Draw a function of one number, from ``low`` to ``high``, and the straight line that touches it at ``at``.

    The legend shows the line's slope, computed by ``fnn.numeric.derivative``.

    Args:
        ax: the axes to draw on.
        function: it takes a number and returns one.
        at: where the line touches.
        low, high: the ends of the x-axis.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` unless low is below high.

    >>> from matplotlib.figure import Figure
    >>> ax = tangent(Figure().subplots(), lambda x: 0.01 * x**2 + 0.1 * x, 5.0, 0.0, 20.0)
    >>> ax.get_lines()[1].get_label()
    'tangent at x = 5, slope 0.2'
    """
    require_axes("tangent", ax)
    if not callable(function):
        raise TypeError(f"plot.tangent expects a function of a number, got {describe(function)}")
    at = finite_number("plot.tangent: at", at)
    x = span("tangent", low, high, 501)
    line = tangent_line(function, at)
    label = f"tangent at x = {at:g}, slope {derivative(function, at):.3g}"
    ax.plot(x, [float(function(each)) for each in x], label=_name(function), color=BLUE, linewidth=2)
    ax.plot(x, line(x), label=label, color=ORANGE, linewidth=1.8, linestyle="--")
    ax.plot([at], [line(at)], "o", color=ORANGE, markersize=7)
    legible(ax, "x", "y")
    legend(ax)
    return ax
