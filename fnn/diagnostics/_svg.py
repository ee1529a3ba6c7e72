"""Pictures as text, SVG made without any library: two arrays side by side, and a curve.

side_by_side : found, expected -> SVG, different numbers in red         curve : numbers, one after the other -> SVG
"""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, HEIGHT = 92, 24  # of a cell
ROWS, COLUMNS = 8, 5  # that are shown


def side_by_side(found: Any, expected: Any) -> str:
    """Return what came beside what was expected; nothing unless both are arrays, at least one not a single number.

    Classes of CSS say what is what: cell, and off for what differs by a millionth of the largest number expected.

    >>> side_by_side(np.array([1.0, 2.0]), np.array([1.0, 3.0])).count('class="off"')
    1
    """
    if not isinstance(found, np.ndarray) or not isinstance(expected, np.ndarray) or not found.ndim + expected.ndim:
        return ""
    off = np.zeros(found.shape, bool)
    if found.shape == expected.shape:
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        with np.errstate(invalid="ignore"):
            off = ~((np.abs(found - expected.astype(float)) <= 1e-6 * scale) | (found == expected))
    cells, left, rows, red = "", 0, 0, _plane(off)
    for title, array in (("yours", found), ("expected", expected)):
        cells += f'<text x="{left}" y="14">{title}, shape {array.shape}</text>'
        table = _plane(array)
        for (i, j), value in np.ndenumerate(table):
            kind = "off" if title == "yours" and red[i, j] else "cell"
            x, y = left + j * WIDTH, 22 + i * HEIGHT
            cells += f'<rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}"/>'
            cells += f'<text x="{x + 6}" y="{y + 16}">{float(value):.6g}</text>'
        left, rows = left + max(table.shape[1], 2) * WIDTH + 30, max(rows, len(table))
    return _svg(left - 29, 24 + rows * HEIGHT, "what came, beside what was expected", cells)


def _plane(array: np.ndarray) -> np.ndarray:
    return np.atleast_2d(array.reshape(len(array), -1) if array.ndim > 2 else array)[:ROWS, :COLUMNS]


def curve(values: Any) -> str:
    """Return the curve of some numbers, such as losses; those that are not finite leave a gap at their place.

    >>> curve(np.array([3.0, 2.0, 1.0, 0.5, 0.2]))[:30]
    '<svg role="img" aria-label="th'
    >>> curve(None)
    ''
    """
    if not isinstance(values, np.ndarray) or values.ndim != 1 or len(values) < 5:
        return ""
    places, heights = np.flatnonzero(np.isfinite(values)), values[np.isfinite(values)]
    low, high = heights.min(initial=0.0), heights.max(initial=0.0)
    y = 20 + 120 * (high - heights) / ((high - low) or 1.0)
    points = " ".join(f"{70 + 390 * a / len(values):.1f},{b:.1f}" for a, b in zip(places, y, strict=True))
    ends = f'<text x="0" y="24">{high:.4g}</text><text x="0" y="144">{low:.4g}</text>'
    return _svg(470, 150, "the losses, one after the other", f'{ends}<polyline class="line" points="{points}"/>')


def _svg(width: int, height: int, label: str, inside: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg role="img" aria-label="{label}" {size}>{inside}</svg>'
