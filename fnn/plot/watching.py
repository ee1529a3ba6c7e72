"""What ``watch`` saw of a run: a line over the steps for each layer.

watched : ax, seen, what? -> ax
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes

from fnn.core._errors import describe
from fnn.core._structure import is_weight
from fnn.diagnostics.diagnose import Diagnoses, Diagnosis
from fnn.diagnostics.watch import Watched
from fnn.plot._style import require_axes
from fnn.plot.lines import curves

_OF_LAYERS = {"output": "rms", "saturated": "saturated", "dead": "dead"}
_OF_WEIGHTS = {"weight": "rms", "gradient": "gradient", "ratio": "ratio"}
_LABELS = {
    "output": "rms of the output",
    "saturated": "fraction of outputs that are saturated",
    "dead": "fraction of units that are dead",
    "weight": "rms of the weights",
    "gradient": "rms of the gradient",
    "ratio": "rms of gradient / rms of weights",
}


def watched(ax: Axes, seen: Iterable[Watched], what: str = "gradient") -> Axes:
    """Draw what ``watch`` saw of a run, a line over the steps for each layer.

    Sizes are drawn on a logarithmic scale, fractions from 0 to 1. Of an ensemble each line is the mean of the members,
    in a band of one standard deviation. Of a step that was seen twice, as by two parts of a run, the last look counts.

    Args:
        ax: the axes to draw on.
        seen: what was found, as ``watch`` passes it to its effect.
        what: the rms of each layer's ``"output"``; the fraction of its outputs that are ``"saturated"``, or of its
            units that are ``"dead"``, for activations; the rms of its ``"weight"`` or of their ``"gradient"``, or the
            ``"ratio"``, gradient over weight.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for another word, if nothing was seen, if no
    layer has such a number, or if the looks are not of as many members.

    >>> from matplotlib.figure import Figure
    >>> from fnn import Key, mlp, sgd, start
    >>> from fnn.diagnostics.watch import watch
    >>> x, seen = np.ones((3, 2)), []
    >>> net = mlp(4, 2)(Key(0), x)
    >>> _ = list(watch(1, (x, np.array([0, 1, 0])), seen.append)([start(net, sgd(0.1))]))
    >>> [line.get_label() for line in watched(Figure().subplots(), seen).get_lines()]
    ['layers[0].weight', 'layers[2].weight']
    """
    require_axes("watched", ax)
    if what not in _LABELS:
        raise ValueError(f"plot.watched: what must be one of {', '.join(_LABELS)}, got {describe(what)}")
    looks = _by_step(seen)
    lines = _lines(list(looks.values()), what)
    if not lines:
        raise ValueError(f"plot.watched: no layer has {what!r}, which is for activations such as relu and tanh")
    log = what not in ("saturated", "dead") and any(
        np.any((values > 0) & (values < math.inf)) for values in lines.values()
    )
    curves(ax, lines, x=list(looks), ylabel=_LABELS[what], log=log)
    if what in ("saturated", "dead"):
        ax.set_ylim(-0.03, 1.03)
    return ax


def _by_step(seen: Any) -> dict[int, list[Diagnosis]]:
    """Return what was found at each step, of each member, in the order of the steps."""
    looks: dict[int, list[Diagnosis]] = {}
    for each in cast("Iterable[Any]", seen) if isinstance(seen, Iterable) else [seen]:
        if not isinstance(each, Watched):
            raise TypeError(f"plot.watched expects what watch found, say of seen.append, got {describe(each)}")
        looks[each.step] = list(each.found.members) if isinstance(each.found, Diagnoses) else [each.found]
    if len(sizes := sorted({len(found) for found in looks.values()})) != 1:
        found = f"of {sizes[0]} and of {sizes[-1]}" if sizes else "none"
        raise ValueError(f"plot.watched expects looks at a network, or at as many each time, got {found}")
    return {step: looks[step] for step in sorted(looks)}


def _lines(looks: list[list[Diagnosis]], what: str) -> dict[str, np.ndarray]:
    """Return by label the numbers of each layer, (members, looks), NaN where a look has none."""
    lines: dict[str, np.ndarray] = {}
    for place, found in enumerate(looks):
        for member, diagnosis in enumerate(found):
            for label, value in _numbers(diagnosis, what):
                if label not in lines:
                    lines[label] = np.full((len(found), len(looks)), np.nan)
                lines[label][member, place] = value
    return lines


def _numbers(diagnosis: Diagnosis, what: str) -> Iterable[tuple[str, float]]:
    if what in _OF_WEIGHTS:
        return [(each.path, getattr(each, _OF_WEIGHTS[what])) for each in diagnosis.leaves if is_weight(each.path)]
    each_layer = [(f"{each.path} {each.layer}", getattr(each, _OF_LAYERS[what])) for each in diagnosis.layers]
    return [(label, value) for label, value in each_layer if value is not None]
