"""How well scores separate two classes at every threshold, and whether probabilities are what they say.

roc              : ax, scores, target               -> ax
precision_recall : ax, scores, target               -> ax
calibration      : ax, probabilities, target, bins? -> ax
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from fnn.core._errors import describe
from fnn.metrics.curves import average_precision, precision_recall_curve, roc_auc, roc_curve
from fnn.metrics.uncertainty import calibration as calibrated
from fnn.metrics.uncertainty import calibration_error
from fnn.plot._style import COLORS, MIDDLE, color, legend, legible, require_axes

Several = Mapping[Any, ArrayLike]


def roc(ax: Axes, scores: ArrayLike | Several, target: Any) -> Axes:
    """Draw the ROC curve, the true positive rate by the false positive rate, with the area under it in the legend.

    Args:
        ax: the axes to draw on.
        scores: (n,), the higher the more likely positive; or several by their labels, as ``{"small": scores, ...}``.
        target: (n,) of 0 and 1.

    Raises what ``metrics.roc_curve`` does, and ``TypeError`` without axes or scores.

    >>> from matplotlib.figure import Figure
    >>> ax = roc(Figure().subplots(), np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['area 0.875', 'a guess: 0.5']
    """
    require_axes("roc", ax)
    for place, (label, each) in enumerate(_several("roc", scores)):
        false, true, _ = roc_curve(each, target)
        _line(ax, place, false, true, f"{label}area {roc_auc(each, target):.3f}")
    ax.plot([0, 1], [0, 1], color=MIDDLE, linewidth=1.2, linestyle=":", label="a guess: 0.5")
    return _framed(ax, "false positive rate", "true positive rate")


def precision_recall(ax: Axes, scores: ArrayLike | Several, target: Any) -> Axes:
    """Draw precision by recall, in steps, with the average precision in the legend.

    Args:
        ax: the axes to draw on.
        scores: (n,), the higher the more likely positive; or several by their labels.
        target: (n,) of 0 and 1.

    Raises what ``metrics.precision_recall_curve`` does, and ``TypeError`` without axes or scores.

    >>> from matplotlib.figure import Figure
    >>> ax = precision_recall(Figure().subplots(), {"a": np.array([0.1, 0.4, 0.35, 0.8])}, np.array([0, 0, 1, 1]))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['a: average 0.833', 'a guess: 0.500']
    """
    require_axes("precision_recall", ax)
    for place, (label, each) in enumerate(_several("precision_recall", scores)):
        precision, recall, _ = precision_recall_curve(each, target)
        _line(ax, place, recall, precision, f"{label}average {average_precision(each, target):.3f}", "steps-post")
    part = float(np.mean(np.asarray(target) == 1))
    ax.plot([0, 1], [part, part], color=MIDDLE, linewidth=1.2, linestyle=":", label=f"a guess: {part:.3f}")
    return _framed(ax, "recall", "precision")


def calibration(ax: Axes, probabilities: ArrayLike | Several, target: Any, bins: int = 15) -> Axes:
    """Draw how often what is said with a confidence is right, for each bin of it, with the calibration error.

    On the diagonal it is as often as it says; below it, it is too sure of itself. A dot is as large as its bin is full.

    Args:
        ax: the axes to draw on.
        probabilities: (n, classes), or (n,) of class 1 against class 0; or several by their labels.
        target: labels (n,), or one-hot rows.
        bins: how many, equally wide.

    Raises what ``metrics.calibration_error`` does, and ``TypeError`` without axes or probabilities.

    >>> from matplotlib.figure import Figure
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7]])
    >>> ax = calibration(Figure().subplots(), p, np.array([0, 0, 1, 0]))
    >>> [text.get_text() for text in ax.get_legend().get_texts()], ax.get_lines()[0].get_xydata().tolist()
    (['calibration error 0.150', 'right as often as it says'], [[0.7, 0.5], [0.9, 1.0]])
    """
    require_axes("calibration", ax)
    binary = False
    for place, (label, each) in enumerate(_several("calibration", probabilities)):
        gaps, hits, rows, n = calibrated("plot.calibration", each, target, bins)
        binary = binary or np.ndim(each) == 1
        some = rows > 0
        said, right = (hits - gaps)[some] / rows[some], hits[some] / rows[some]
        label = f"{label}calibration error {calibration_error(each, target, bins):.3f}"
        _line(ax, place, said, right, label)
        ax.scatter(said, right, s=12 + 120 * rows[some] / n, color=color(place), linewidths=0)
    ax.plot([0, 1], [0, 1], color=MIDDLE, linewidth=1.2, linestyle=":", label="right as often as it says")
    if binary:
        return _framed(ax, "probability of class 1", "fraction of class 1")
    return _framed(ax, "confidence", "fraction that is right")


def _several(caller: str, scores: Any) -> list[tuple[str, Any]]:
    """Return scores with what stands before their number in the legend."""
    if not isinstance(scores, Mapping):
        if scores is None:
            raise TypeError(f"plot.{caller} expects scores, or several by their labels, got {describe(scores)}")
        return [("", scores)]
    if not scores:
        raise ValueError(f"plot.{caller} expects scores, or several by their labels, got none")
    return [(f"{label}: ", each) for label, each in scores.items()]


def _line(ax: Axes, place: int, x: np.ndarray, y: np.ndarray, label: str, steps: str = "default") -> None:
    style = "-" if place < len(COLORS) else "--"
    ax.plot(x, y, color=color(place), linewidth=1.8, linestyle=style, drawstyle=steps, label=label)


def _framed(ax: Axes, xlabel: str, ylabel: str) -> Axes:
    """Return the axes with both scales from 0 to 1."""
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    legible(ax, xlabel, ylabel)
    legend(ax)
    return ax
