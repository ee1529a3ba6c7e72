"""A network as a picture: its layers from top to bottom, how wide each is, and where it branches and joins.

diagram : ax, net, x -> ax
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.core.record import Record, is_record
from fnn.core.tree import leaves, map
from fnn.core.vjp import forward
from fnn.diagnostics.summary import shape_of
from fnn.networks.branches import Parallel, Residual
from fnn.networks.inference import inference
from fnn.networks.serial import Serial
from fnn.plot._style import BLUE, DARK, MIDDLE, SKY, TEXT, canvas, readable, require_axes, size_in_points

_LETTER = 0.62 * TEXT  # points, on average
_GAP = 14.0  # points between columns
_LEAST = 70.0  # points for the bars
_PITCH = 26.0  # points from row to row, if there is space

Ends = tuple[tuple[int, int], ...]  # the rows that lines come from, each with the lane that its line runs through


@attrs.frozen
class _Row:
    """A layer as it is drawn: its lane, and its inputs, each as the row it comes from and the lane it comes through."""

    lane: int
    incoming: Ends
    name: str
    output: Any
    parameters: str


def diagram(ax: Axes, net: Record, x: Any) -> Axes:
    """Draw the layers of a network from top to bottom, branches side by side, with a bar for each layer.

    The bar's width is how many values a row of the output has, on a logarithmic scale, and it is dark if the layer has
    parameters. Beside it are the output's shape and the number of parameters, as in ``summary``.

    Args:
        ax: the axes to draw on.
        net: a finished network.
        x: data (n, ...), of which the network evaluates the first row.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for data without rows, and whatever the
    layers raise.

    >>> from matplotlib.figure import Figure
    >>> from fnn import Key, mlp
    >>> x = np.zeros((1, 2), np.float32)
    >>> ax = diagram(Figure().subplots(), mlp(64, 2)(Key(0), x), x)
    >>> [text.get_text() for text in ax.texts][-3:]
    ['Dense', '(n, 2)', '130']
    """
    require_axes("diagram", ax)
    if not is_record(net):
        raise TypeError(
            f"plot.diagram expects a finished network, got {describe(net)}; make it first: constructor(key, x)"
        )
    x = x if isinstance(x, tuple) else as_array("plot.diagram", x)
    if any(array.ndim == 0 for array in leaves(x)):
        raise ValueError(f"plot.diagram expects data (n, ...), of which it shows the network a row, got {describe(x)}")
    x = map(lambda array: array[:1], x)
    inference(net, x)  # a layer that does not fit is named here, by its path
    rows = [_Row(0, (), "input", x, "")]
    _follow(rows, net, x, 0, ((0, 0),), set())
    _draw(ax, rows)
    return ax


def _follow(rows: list[_Row], node: Any, x: Any, lane: int, incoming: Ends, seen: set[int]) -> tuple[Any, Ends]:
    """Append a row for each layer in a node; return the node's output, and the rows and lanes it comes from."""
    if isinstance(node, Serial):
        for layer in node.layers:
            x, incoming = _follow(rows, layer, x, lane, incoming, seen)
        return x, incoming
    if isinstance(node, Parallel):
        ys: list[Any] = []
        ends: list[tuple[int, int]] = []
        for branch in node.branches:
            y, end = _follow(rows, branch, x, lane, tuple((row, lane) for row, _ in incoming), seen)
            ys.append(y)
            ends.extend(end)
            lane += _lanes(branch)
        return tuple(ys), tuple(ends)
    if isinstance(node, Residual):
        change, end = _follow(rows, node.body, x, lane, incoming, seen)
        beside = lane + _lanes(node.body)
        y, incoming, parameters = x + change, (*end, *((row, beside) for row, _ in incoming)), ""
    else:
        y = forward(inference(node, x), x)
        size = sum(leaf.size for leaf in leaves(node))
        parameters = "again" if size and id(node) in seen else f"{size:,}"
        seen.add(id(node))
    rows.append(_Row(lane, incoming, type(node).__name__, y, parameters))
    return y, ((len(rows) - 1, lane),)


def _lanes(node: Any) -> int:
    """Return how many lanes a node needs side by side."""
    if isinstance(node, Serial):
        return max([1, *[_lanes(layer) for layer in node.layers]])
    if isinstance(node, Parallel):
        return sum(_lanes(branch) for branch in node.branches)
    return _lanes(node.body) + 1 if isinstance(node, Residual) else 1


def _draw(ax: Axes, rows: list[_Row]) -> None:
    """Draw the bars and lines of all rows, and the table beside them."""
    numbers = [max(_count(row.output), 1) for row in rows]
    for place, row in enumerate(rows):
        width = 0.8 * np.log1p(numbers[place]) / np.log1p(max(numbers))
        learns = row.parameters not in ("", "0")
        ax.barh(place, width, left=row.lane - width / 2, height=0.6, color=BLUE if learns else SKY, zorder=2)
        for source, lane in row.incoming:
            _connect(ax, (rows[source].lane, source), (row.lane, place), lane)

    lanes = 1 + max(lane for row in rows for lane in (row.lane, *(via for _, via in row.incoming)))
    right = lanes - 0.5
    quiet = readable(MIDDLE, canvas(ax.figure))
    ax.text((lanes - 1) / 2, -1, "width\n(log scale)", ha="center", va="center", fontsize=TEXT, color=quiet)
    beside = _write_table(ax, rows, right)
    across, down = size_in_points(ax)
    ax.set_xlim(-0.5, right + lanes * beside / max(across - beside, _LEAST))
    ax.set_ylim(max(len(rows), down / _PITCH - 1.5) - 0.5, -1.5)
    ax.set_axis_off()


def _write_table(ax: Axes, rows: list[_Row], left: float) -> float:
    """Write the table beside the bars, in columns as wide as their text; return the width of all, in points."""
    head = ("layer", "output", "parameters")
    lines = [head, *[(row.name, shape_of(row.output), row.parameters) for row in rows]]
    ink, quiet = (readable(color, canvas(ax.figure)) for color in (DARK, MIDDLE))  # the axes are off
    widths = [_LETTER * max(len(text) for text in column) for column in zip(*lines, strict=True)]
    begin = np.cumsum([0, widths[0] + _GAP, widths[1] + _GAP + widths[2]])  # the last is right-aligned
    for place, line in enumerate(lines, -1):
        for text, offset, side in zip(line, begin, ("left", "left", "right"), strict=True):
            ax.annotate(
                text, (left, place), (offset, 0), textcoords="offset points", va="center", ha=side,
                fontsize=TEXT, color=quiet if line is head else ink,
            )  # fmt: skip
    return begin[-1] + 0.5 * _GAP


def _count(y: Any) -> int:
    """Return how many values a layer's output has."""
    return sum(array.size for array in leaves(y))


def _connect(ax: Axes, above: tuple[int, int], below: tuple[int, int], lane: int) -> None:
    """Draw a line from one row down to another, through a lane."""
    (x0, y0), (x1, y1) = above, below
    turn = min(1.0, (y1 - y0) / 2)  # rows that it takes to change the lane
    path = [
        above, (x0, y0 + turn), (lane, y0), (lane, y0 + turn),
        (lane, y1 - turn), (lane, y1), (x1, y1 - turn), below,
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    ax.add_patch(PathPatch(Path(path, codes), fill=False, edgecolor=MIDDLE, linewidth=1.5, zorder=1))
