"""A page that a teacher can hand out: one file of HTML with its pictures in it, and nothing from elsewhere.

page : grades and what belongs to them -> HTML
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from fnn.diagnostics._svg import curve, side_by_side
from fnn.testing.mistakes import MISTAKES
from fnn.testing.results import COSTS, Finding, Grades, shown

PAGE, ARTICLE, ROW = map(Template, Path(__file__).with_name("page.html").read_text("utf-8").split("<!-- one each -->"))
KINDS = {"wrong": "wrong numbers", "edge": "right in ordinary cases", "style": "right, and could be better"}


def page(title: str, grades: Grades, labels: dict[str, str], notes: tuple[str, ...], output: str) -> str:
    """Return the page, what costs most first; ``labels`` say what each function is called in the file."""
    ordered = sorted(grades.findings, key=lambda each: -COSTS[each.severity] * each.share)
    rows = [ROW.substitute(name=escape(name), label=escape(labels.get(name, "")), credit=f"{credit:.2f}")
            for name, credit in grades.credit().items()]  # fmt: skip
    return PAGE.substitute(
        title=escape(title), score=f"{grades.score:.0%}", rows="".join(rows), output=escape(output) or "nothing",
        summary=f"{len(grades.right)} of {len(grades.functions)} without a finding",
        findings="".join(_article(each, labels.get(each.function, "")) for each in ordered) or "<p>Nothing.</p>",
        notes="".join(f"<li>{escape(note)}</li>" for note in notes) or "<li>nothing</li>",
    )  # fmt: skip


def _article(finding: Finding, label: str) -> str:
    name, instead = MISTAKES[finding.mistake] if finding.mistake else ("", "")
    picture = curve(finding.found) if finding.expected is None else side_by_side(finding.found, finding.expected)
    given = f"({', '.join(map(shown, finding.inputs))})" if finding.inputs else ""
    return ARTICLE.substitute(
        severity=finding.severity, function=escape(finding.function), picture=picture,
        label=escape(label) if label != finding.function else "",
        kind=escape(KINDS[finding.severity] + f", mistake {finding.mistake}: {name}" * bool(name)),
        call=escape(finding.function + given), what=escape(finding.what),
        advice=escape("; ".join(each for each in (finding.advice, instead) if each)) or "read it again",
    )  # fmt: skip
