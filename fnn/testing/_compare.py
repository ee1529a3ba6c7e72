"""Where do two results differ? In words that a finding can quote.

difference : outcome, expected, tolerance -> Difference, or None
agree      : outcome, other, tolerance?   -> True if two functions failed alike
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.testing._sandbox import Outcome, Parts
from fnn.testing.results import SHORT, shown


@attrs.frozen(eq=False)
class Difference:
    """How a result differs from another: in words, with the two arrays, and where in the input, if it can be told.

    ``share`` is the fraction of the arrays that differ; ``right`` says that no number does.
    """

    what: str
    found: Any = None
    expected: Any = None
    at: Any = None
    share: float = 1.0
    right: bool = False


def difference(outcome: Outcome, expected: Parts, tolerance: float, x: Any = None, axes: int = -1) -> Difference | None:
    """Return where an outcome differs from what is expected, or None.

    Args:
        outcome: what ``call`` returned.
        expected: the right arrays, by place.
        tolerance: how far a number may be off, as a fraction of its array's largest.
        x: the input, to tell at which of its numbers or rows they differ.
        axes: how many axes of x belong together: 0 if each number has a result, 1 for rows, -1 if neither.
    """
    if outcome.error is not None:
        return Difference(outcome.complaint)
    few, many = (f"{len(parts)} result{'s' * (len(parts) != 1)}" for parts in (outcome.parts, expected))
    if few != many:
        return Difference(f"gives {few}, expected {many}")
    keys, wanted = (" ".join(map(str, parts)) for parts in (outcome.parts, expected))
    if "'" in wanted and keys != wanted and not keys.startswith("[0]"):
        return Difference(f"gives {keys}, expected {wanted}")
    # A list for a dictionary or a tuple will do: results are compared in their order.
    given = x if isinstance(x, np.ndarray) else np.ones(1)
    reach = tolerance, float(np.abs(given[np.isfinite(given)]).max(initial=1.0))
    off = [each for each in zip(outcome.parts, outcome.arrays, expected.values(), strict=True)
           if each[1].shape != each[2].shape or _off(*each[1:], *reach).any()]  # fmt: skip
    for place, found, right in off[:1]:
        where, share = f"as result {place} " if place else "", len(off) / len(expected)
        if found.shape != right.shape:
            what = f"gives {where}the shape {found.shape}, expected {right.shape}"
            return Difference(what, found, right, share=share)
        worst = tuple(int(i) for i in np.argwhere(_off(found, right, *reach))[0])
        rank = given.ndim - axes  # the number or the row of the input, if it can be told and is short
        at = given[worst[:rank]] if axes >= 0 and 0 < rank <= len(worst) else None
        at = at if at is None or at.size <= SHORT else None
        told = f" at {list(worst)}" if worst else ""
        told += f", where x is {shown(at)}" if at is not None and given.size > SHORT else ""
        pairs = ([f"{float(each[worst]):.{digits}g}" for each in (found, right)] for digits in range(4, 18))
        one, other = next((pair for pair in pairs if pair[0] != pair[1]), ("another number", "its neighbor"))
        return Difference(f"gives {where}{one}{told}, expected {other}", found, right, at, share)
    return None


def _off(found: np.ndarray, right: np.ndarray, tolerance: float, reach: float) -> np.ndarray:
    # Where 0 is expected, 1e-14 beside ordinary numbers is rounding; and float32 has seven digits of its largest input.
    tolerance, floor = (max(tolerance, 1e-4), max(1e-6, 2e-7 * reach)) if is_single(found) else (tolerance, 1e-12)
    return ~(np.abs(found.astype(np.float64) - right) <= tolerance * np.abs(right).max(initial=0.0) + floor)


def is_single(array: np.ndarray) -> bool:
    """Return True for float32 and less."""
    return array.dtype.kind == "f" and array.dtype.itemsize < 8


def agree(one: Outcome, other: Outcome, tolerance: float = 1e-5) -> bool:
    """Return True if two functions failed alike: with the same error, or the same numbers, NaN too, and warnings."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    if bool(one.warning) != bool(other.warning) or list(one.parts) != list(other.parts):
        return False
    both = zip(one.arrays, other.arrays, strict=True)
    pairs = [(a.astype(np.float64), b, 1e-4 if is_single(a) else tolerance) for a, b in both]
    return all(
        a.shape == b.shape and np.allclose(a, b, 0, within * np.abs(b[np.isfinite(b)]).max(initial=0.0), equal_nan=True)
        for a, b, within in pairs
    )
