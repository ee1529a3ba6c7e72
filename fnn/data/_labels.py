"""Labels are integers from 0. What else comes is refused, with how to write it as labels, or where it lies.

require_labels : caller, labels -> labels as an array of integers       coding   : array -> "got ...; write ..."
out_of_range   : caller, labels, classes -> the error that says where   place_of : number, shape -> "row 3"
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import describe


class WrongRow(ValueError):
    """A row that does not fit; ``placed`` is the same error where the shape that the rows are from is known."""

    def __init__(self, before: str, row: int, after: str = "") -> None:
        super().__init__(before, row, after)
        self.before, self.row, self.after = before, row, after

    def placed(self, shape: tuple[int, ...], index: np.ndarray | None = None) -> ValueError:
        """Return the error with the place: that of the row, or of ``index[row]``, in an array of the shape.

        >>> WrongRow("expects signs, got 0", 3, "; write 2 * target - 1").placed((5,))
        ValueError('expects signs, got 0 at row 3; write 2 * target - 1')
        """
        place = place_of(self.row if index is None else index[self.row], shape)
        return ValueError(f"{self.before} at {place}{self.after}")


def place_of(number: Any, shape: tuple[int, ...]) -> str:
    """Return where the element with a number, counted row by row, lies in an array of a shape.

    >>> place_of(3, (5,)), place_of(3, (2, 2))
    ('row 3', '[1, 1]')
    """
    if len(shape) < 2:
        return f"row {number}"
    return str([int(i) for i in np.unravel_index(number, shape)])


def coding(labels: np.ndarray, name: str = "target", number: str = "int") -> str:
    """Return what came, and what to write so that it becomes labels, or numbers of the kind that is wanted.

    >>> coding(np.array(["cat", "dog"]))
    'got <U3 array (2,); write names, target = np.unique(target, return_inverse=True)'
    """
    hint = f"write names, {name} = np.unique({name}, return_inverse=True)"
    if labels.dtype.kind == "O" and not any(isinstance(label, str) for label in labels.flat):
        hint = f"write {name}.astype({number})"
    elif labels.dtype.kind in "fb":
        whole = np.isfinite(labels).all() and (labels == np.floor(labels)).all()
        hint = f"write {name}.astype(int)" if whole else f"{name} holds fractions or NaN, which are no labels"
    return f"got {describe(labels)}; {hint}"


def require_labels(caller: str, labels: Any, wanted: str = " expects integers") -> np.ndarray:
    """Return labels as an array, or raise ``TypeError`` in the name of ``caller`` if they are no integers.

    >>> require_labels("one_hot", [0, 2])
    array([0, 2])
    """
    labels = as_array(caller, labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{caller}{wanted}, {coding(labels, 'labels')}")
    return labels


def out_of_range(caller: str, labels: np.ndarray, classes: int, name: str = "target", of: str = "") -> WrongRow:
    """Return the error that says which label is the first that is none of the classes from 0.

    >>> out_of_range("one_hot", np.array([1, 3, 2]), 3, "labels").placed((3,))
    ValueError('one_hot expects labels from 0 to 2, got 3 at row 1; they go from 1 to 3, so write labels - 1')
    """
    flat = labels.reshape(-1)
    row = int(np.flatnonzero((flat < 0) | (flat >= classes))[0])
    low, high = int(flat.min()), int(flat.max())
    hint = f", so write {name} - 1" if (low, high) == (1, classes) else ""
    wanted = f"{caller} expects labels from 0 to {classes - 1}"
    return WrongRow(f"{wanted}, got {flat[row]}", row, f"{of}; they go from {low} to {high}{hint}")
