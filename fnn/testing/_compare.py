"""Where do two results differ? In words that a finding can quote.

difference : outcome, expected, tolerance -> Difference, or None
agree      : outcome, other, tolerance?   -> True if two functions failed alike
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.testing._sandbox import Outcome, Parts


@attrs.frozen(eq=False)
class Difference:
    """How a result differs from another: in words, and with the two arrays where there are both."""

    what: str
    found: Any = None
    expected: Any = None


def difference(outcome: Outcome, expected: Parts, tolerance: float) -> Difference | None:
    """Return where an outcome differs from what is expected, or None.

    Args:
        outcome: what ``call`` returned.
        expected: the right arrays, by place.
        tolerance: how far a number may be off, as a fraction of its array's largest.

    >>> from fnn.testing._sandbox import call
    >>> difference(call(np.exp, (np.array([0.0, 1.0]),)), {"": np.array([1.0, 2.0])}, 1e-6).what
    'gives 2.718 at [1], expected 2'
    """
    if outcome.error is not None:
        return Difference(outcome.complaint)
    if list(outcome.parts) != list(expected):
        return Difference(f"gives {_counted(outcome.parts)}, expected {_counted(expected)}")
    for place, right in expected.items():
        found, where = outcome.parts[place], f"as result {place} " if place else ""
        if found.shape != right.shape:
            return Difference(f"gives {where}the shape {found.shape}, expected {right.shape}", found, right)
        off = ~(np.abs(found.astype(np.float64) - right) <= tolerance * np.abs(right).max(initial=1e-300))
        if off.any():
            worst = tuple(int(i) for i in np.argwhere(off)[0])
            at = f" at {list(worst)}" if worst else ""
            what = f"gives {where}{_number(found[worst])}{at}, expected {_number(right[worst])}"
            return Difference(what, found, right)
    return None


def agree(one: Outcome, other: Outcome, tolerance: float = 1e-5) -> bool:
    """Return True if two functions failed alike: with the same error, or the same numbers, NaN too, and warnings.

    Args:
        one, other: what ``call`` returned.
        tolerance: how far a number may be off, as a fraction of its array's largest finite one.
    """
    if one.error or other.error:
        return type(one.error) is type(other.error)
    if bool(one.warning) != bool(other.warning) or list(one.parts) != list(other.parts):
        return False
    pairs = zip(one.arrays, other.arrays, strict=True)
    return all(a.shape == b.shape and _close(a, b, tolerance) for a, b in pairs)


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    return bool(np.allclose(a.astype(np.float64), b, 0, tolerance * scale, equal_nan=True))


def _counted(parts: Parts) -> str:
    return f"{len(parts)} result{'s' * (len(parts) != 1)}"


def _number(value: Any) -> str:
    return f"{float(value):.4g}"
