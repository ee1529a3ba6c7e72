"""A page that a teacher can hand out: one file of HTML with its pictures in it, and nothing from elsewhere.

page : grades and what belongs to them -> HTML          picture : Finding -> SVG, what came beside what was expected
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

import numpy as np

from fnn.testing.mistakes import MISTAKES
from fnn.testing.results import COSTS, Finding, Grades, shown

WIDTH, HEIGHT = 92, 24  # of a cell
PAGE, ARTICLE, ROW = map(Template, Path(__file__).with_name("page.html").read_text("utf-8").split("<!-- one each -->"))
KINDS = {"wrong": "wrong numbers", "edge": "right in ordinary cases", "style": "right, and could be better"}


def page(title: str, grades: Grades, labels: dict[str, str], notes: tuple[str, ...], output: str) -> str:
    """Return the page, what costs most first; ``labels`` say what each function is called in the file."""
    ordered = sorted(grades.findings, key=lambda each: -COSTS[each.severity] * each.share)
    rows = [
        ROW.substitute(name=escape(name), label=escape(labels.get(name, "")), credit=f"{credit:.2f}")
        for name, credit in grades.credit().items()
    ]
    return PAGE.substitute(
        title=escape(title), score=f"{grades.score:.0%}", rows="".join(rows), output=escape(output) or "nothing",
        summary=f"{len(grades.right)} of {len(grades.functions)} without a finding",
        findings="".join(_article(each, labels.get(each.function, "")) for each in ordered) or "<p>Nothing.</p>",
        notes="".join(f"<li>{escape(note)}</li>" for note in notes) or "<li>nothing</li>",
    )  # fmt: skip


def _article(finding: Finding, label: str) -> str:
    name, instead = MISTAKES[finding.mistake] if finding.mistake else ("", "")
    given = f"({', '.join(map(shown, finding.inputs))})" if finding.inputs else ""
    return ARTICLE.substitute(
        severity=finding.severity, function=escape(finding.function), picture=picture(finding),
        label=escape(label), kind=escape(KINDS[finding.severity] + f", mistake {finding.mistake}: {name}" * bool(name)),
        call=escape(finding.function + given), what=escape(finding.what),
        advice=escape("; ".join(each for each in (finding.advice, instead) if each)) or "read it again",
    )  # fmt: skip


def picture(finding: Finding) -> str:
    """Return an SVG: what came beside what was expected, different numbers in red; of losses, their curve."""
    found, expected = finding.found, finding.expected
    if not isinstance(found, np.ndarray) or not found.size:
        return ""
    if not isinstance(expected, np.ndarray):
        return _curve(found) if found.ndim == 1 and len(found) > 4 else ""
    if not found.ndim + expected.ndim:
        return ""
    found, expected = np.atleast_1d(found, expected)
    off = np.zeros(found.shape, bool)
    if found.shape == expected.shape:
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        off = ~((np.abs(found - expected.astype(float)) <= 1e-6 * scale) | (found == expected))
    cells, left, rows = "", 0, 0
    for title, array in (("yours", found), ("expected", expected)):
        table = np.atleast_2d(array.reshape(len(array), -1) if array.ndim > 2 else array)[:8, :5]
        cells += f'<text x="{left}" y="14">{title}, shape {array.shape}</text>'
        for (i, j), value in np.ndenumerate(table):
            red = title == "yours" and np.atleast_2d(off.reshape(len(off), -1) if off.ndim > 2 else off)[i, j]
            x, y = left + j * WIDTH, 22 + i * HEIGHT
            cells += f'<rect class="{"off" if red else "cell"}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}"/>'
            cells += f'<text x="{x + 6}" y="{y + 16}">{float(value):.6g}</text>'
        left, rows = left + max(table.shape[1], 2) * WIDTH + 30, max(rows, len(table))
    return _svg(left - 29, 24 + rows * HEIGHT, "what came, beside what was expected", cells)


def _curve(values: np.ndarray) -> str:
    places, heights = np.flatnonzero(np.isfinite(values)), values[np.isfinite(values)]
    low, high = heights.min(initial=0.0), heights.max(initial=0.0)
    y = 20 + 120 * (high - heights) / ((high - low) or 1.0)
    points = " ".join(f"{70 + 390 * a / len(values):.1f},{b:.1f}" for a, b in zip(places, y, strict=True))
    ends = f'<text x="0" y="24">{high:.4g}</text><text x="0" y="144">{low:.4g}</text>'
    return _svg(470, 150, "the losses, one after the other", f'{ends}<polyline class="line" points="{points}"/>')


def _svg(width: int, height: int, label: str, inside: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg role="img" aria-label="{label}" {size}>{inside}</svg>'
