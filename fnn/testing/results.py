"""What the checks return: findings that read as sentences, what each costs, and how many functions had none.

Finding : what is wrong, on which inputs, which mistake it is          Grades : the findings of several functions
COSTS   : severity -> what a finding of that kind costs, of 1
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe
from fnn.testing.mistakes import MISTAKES

# A number is wrong; it is right but at the edges, or harms what is around it; the numbers are right, the ways are not.
COSTS = {"wrong": 1.0, "edge": 0.25, "style": 0.1}
SHORT = 8  # so many numbers are shown, larger arrays by their shape


@attrs.frozen(eq=False)
class Finding:
    """One thing that is wrong with a function; as text, a sentence for whoever wrote it.

    ``inputs`` is what it was called with, ``found`` and ``expected`` are the results where there are both, ``at`` is
    the number or the row of the inputs where they differ. ``mistake`` is the number of a known mistake (``MISTAKES``),
    ``advice`` what to write beside. ``severity`` is "wrong" if a number is wrong, "edge" if only extreme inputs show it
    (1e4, ties, one row, other shapes) or if it harms what is around the function, as by writing to its input, and
    "style" if all numbers are right. ``share`` is the fraction of the results that is wrong, and ``conventions`` are
    keywords of ``grade`` under which the function is right.

    >>> print(Finding("relu", "writes to its input", (np.array([-1.0, 2.0]),), mistake=2))
    relu: mistake 2, the input is written to, or returned as the result: relu([-1, 2]) writes to its input; make a new \
array: np.maximum(x, 0)
    """

    function: str
    what: str
    inputs: tuple[Any, ...] = attrs.field(default=(), repr=False)
    expected: Any = attrs.field(default=None, repr=False)
    found: Any = attrs.field(default=None, repr=False)
    mistake: int | None = None
    advice: str = ""
    severity: str = "wrong"
    at: Any = attrs.field(default=None, repr=False)
    share: float = 1.0
    conventions: dict[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        name, instead = MISTAKES[self.mistake] if self.mistake else ("", "")
        numbered = f"mistake {self.mistake}, {name}: " if self.mistake else ""
        call = f"{self.function}({', '.join(map(shown, self.inputs))})"
        advice = "".join(f"; {each}" for each in (self.advice, instead) if each)
        return f"{self.function}: {numbered}{call} {self.what}{advice}"


@attrs.frozen(eq=False)
class Grades:
    """The findings of some functions; as text, a line for each finding and one for each function without.

    ``credit`` gives each function a part of a point, and ``score`` is their mean. A finding costs what ``COSTS`` says
    of its severity: a wrong number all (of three results the one that is wrong a third; half of that if it is right
    under another convention than the one that was asked for), an edge a quarter, style a tenth; no less than 0 is left.

    >>> grades = Grades(("relu", "tanh"), (Finding("relu", "raises ValueError"),))
    >>> grades.passed, grades.share, grades.mistakes
    (False, 0.5, ())
    >>> Grades(("relu", "tanh"), (Finding("relu", "writes to its input", severity="edge"),)).score
    0.875
    >>> print(grades)
    relu: relu() raises ValueError
    tanh: no finding
    1 of 2 functions without a finding
    """

    functions: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Return True if there is no finding at all."""
        return not self.findings

    @property
    def right(self) -> tuple[str, ...]:
        """Return the names of the functions without a finding."""
        wrong = {finding.function for finding in self.findings}
        return tuple(name for name in self.functions if name not in wrong)

    @property
    def share(self) -> float:
        """Return the fraction of functions without a finding, from 0 to 1: times the points there are, those earned."""
        return len(self.right) / len(self.functions)

    def credit(self, costs: dict[str, float] | None = None) -> dict[str, float]:
        """Return what each function earns, from 0 to 1, under ``COSTS`` or a teacher's own costs by severity."""
        costs = COSTS | (costs or {})
        lost = dict.fromkeys(self.functions, 0.0)
        for each in self.findings:
            halved = 0.5 if each.severity == "wrong" and each.conventions else 1.0
            lost[each.function] += costs[each.severity] * each.share * halved
        return {name: round(max(0.0, 1.0 - cost), 6) for name, cost in lost.items()}

    @property
    def score(self) -> float:
        """Return the mean of what the functions earn, from 0 to 1."""
        return sum(self.credit().values()) / len(self.functions)

    @property
    def mistakes(self) -> tuple[int, ...]:
        """Return the numbers of the known mistakes, each once."""
        return tuple(sorted({finding.mistake for finding in self.findings if finding.mistake}))

    def __str__(self) -> str:
        told = {name: [str(each) for each in self.findings if each.function == name] for name in self.functions}
        lines = [line for name, found in told.items() for line in found or [f"{name}: no finding"]]
        return "\n".join([*lines, f"{len(self.right)} of {len(self.functions)} functions without a finding"])


def shown(value: Any) -> str:
    """Return small arrays as numbers, and anything else in a few words."""
    if isinstance(value, np.ndarray):
        return shown(value.tolist()) if value.size <= SHORT else describe(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {shown(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        numbers = all(isinstance(part, int | float) for part in value)
        parts = [*map(shown, value if numbers else value[:3]), *["..."] * (len(value) > 3 and not numbers)]
        return f"[{', '.join(parts)}]" if isinstance(value, list) else f"({', '.join(parts)})"
    if callable(value):
        return getattr(value, "__name__", "f").replace("<lambda>", "f")
    return f"{value:.4g}" if isinstance(value, float | np.floating) else repr(value)
