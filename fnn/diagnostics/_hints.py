"""What is likely wrong with a gradient, read from how it differs from the right one.

of_shape  : found, expected       -> a hint, or ""
of_values : found, expected, rows -> a hint, or ""
"""

from __future__ import annotations

import numpy as np

_ALIKE = 1e-4  # of the largest number: what is wrong differs by far more, and central differences by far less


def of_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return what would turn the one shape into the other.

    >>> of_shape((5, 3), (3,)), of_shape((), (3,)), of_shape((2, 3), (3, 2))
    ('a sum over the rows is missing: .sum(axis=0)', 'it is summed over everything: .sum(axis=0)', 'it is transposed')
    """
    if len(found) > len(expected) and found[len(found) - len(expected) :] == expected:
        axes = ", ".join(map(str, range(len(found) - len(expected))))
        return f"a sum over the rows is missing: .sum(axis={axes if len(axes) == 1 else f'({axes})'})"
    if found == ():
        return "it is summed over everything: .sum(axis=0)"
    return "it is transposed" if found == expected[::-1] else ""


def of_values(found: np.ndarray, expected: np.ndarray, rows: int) -> str:
    """Return what would turn the one gradient into the other.

    Args:
        found: the gradient that is wrong.
        expected: the right one, in the same shape.
        rows: how many rows the batch has.

    >>> right = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> of_values(right / 4, right, 4)
    'it is too small by the factor n = 4, the number of rows: a mean where a sum belongs'
    >>> of_values(right.T, right, 4)
    'it is transposed'
    """
    scale = np.abs(expected).max(initial=0.0)
    if not np.isfinite(found).all():
        return ""
    if not found.any():
        return "it is 0 everywhere: is it computed at all?"
    ratio = float(np.vdot(expected, found) / np.vdot(found, found))
    if _close(ratio * found, expected, scale):
        return _of_factor(ratio, rows)
    if found.ndim == 2 and found.shape[0] == found.shape[1] and _close(found.T, expected, scale):
        return "it is transposed"
    if found.size > 1 and _close(np.full_like(expected, expected.sum()), found, np.abs(found).max()):
        return "each number is the sum of them all: sum over the rows alone, axis=0"
    return ""


def _of_factor(ratio: float, rows: int) -> str:
    if abs(ratio + 1) < _ALIKE:
        return "its sign is turned round"
    if rows > 1 and abs(ratio / rows - 1) < _ALIKE:
        return f"it is too small by the factor n = {rows}, the number of rows: a mean where a sum belongs"
    if rows > 1 and abs(ratio * rows - 1) < _ALIKE:
        return f"it is too large by the factor n = {rows}, the number of rows: a sum where a mean belongs"
    return f"all of it is off by one factor: it should be {ratio:.7g} times as large"


def _close(a: np.ndarray, b: np.ndarray, scale: float) -> bool:
    return bool((np.abs(a - b) <= _ALIKE * scale).all())
