"""What the checks return: findings that read as sentences, and how many functions had none.

Finding : what is wrong, on which inputs, which mistake it is          Grades : the findings of several functions
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe
from fnn.testing.mistakes import MISTAKES


@attrs.frozen(eq=False)
class Finding:
    """One thing that is wrong with a function; as text, a sentence for whoever wrote it.

    ``inputs`` is what it was called with, ``found`` and ``expected`` are the results where there are both, ``mistake``
    is the number of a known mistake (see ``MISTAKES``) or None, and ``advice`` is what to write where there is none.

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

    def __str__(self) -> str:
        name, instead = MISTAKES[self.mistake] if self.mistake else ("", "")
        numbered = f"mistake {self.mistake}, {name}: " if self.mistake else ""
        call = f"{self.function}({', '.join(map(shown, self.inputs))})"
        advice = "".join(f"; {each}" for each in (self.advice, instead) if each)
        return f"{self.function}: {numbered}{call} {self.what}{advice}"


@attrs.frozen(eq=False)
class Grades:
    """The findings of some functions; as text, a line for each finding and one for each function without.

    >>> grades = Grades(("relu", "tanh"), (Finding("relu", "raises ValueError"),))
    >>> grades.passed, grades.share, grades.mistakes
    (False, 0.5, ())
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

    @property
    def mistakes(self) -> tuple[int, ...]:
        """Return the numbers of the known mistakes, each once."""
        return tuple(sorted({finding.mistake for finding in self.findings if finding.mistake}))

    def __str__(self) -> str:
        lines = [
            line
            for name in self.functions
            for line in [str(each) for each in self.findings if each.function == name] or [f"{name}: no finding"]
        ]
        return "\n".join([*lines, f"{len(self.right)} of {len(self.functions)} functions without a finding"])


def shown(value: Any) -> str:
    """Return small arrays as numbers, and anything else in a few words.

    >>> shown(np.array([[0.0, 1.0], [-1000.0, 0.12345678]])), shown(np.zeros((5, 3))), shown(0.1)
    ('[[0, 1], [-1000, 0.1235]]', 'float64 array (5, 3)', '0.1')
    """
    if isinstance(value, np.ndarray):
        return _listed(value.tolist()) if value.size <= 8 else describe(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {shown(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple) and not all(isinstance(part, int | float) for part in value):
        parts = [shown(part) for part in value[:3]] + ["..."] * (len(value) > 3)
        return f"[{', '.join(parts)}]" if isinstance(value, list) else f"({', '.join(parts)})"
    if callable(value):
        return getattr(value, "__name__", "f")
    return f"{value:.4g}" if isinstance(value, float | np.floating) else repr(value)


def _listed(numbers: list[Any] | float) -> str:
    if isinstance(numbers, list):
        return f"[{', '.join(map(_listed, numbers))}]"
    return f"{numbers:.4g}" if isinstance(numbers, float) else str(numbers)
