"""What a table may hold instead of numbers: where it stands, what it is, and what reads it.

parsed      : lines, columns                            -> float64 (lines, columns), or None
first_fault : path, first row, columns, lines, ...      -> the error for the first line that is no row of numbers
wrong       : path, row, column, expected, found        -> such an error
remedy      : cell, label?                              -> "; for ... use ...", what reads a cell that is no number
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fnn.core._errors import FormatError
from fnn.data._names import split_cells

_GAPS = {"", "?", "-", "na", "n/a", "nan", "null", "none"}


def parsed(texts: list[str], columns: int) -> np.ndarray | None:
    """Return lines as float64 (lines, columns), or None if they are not that."""
    if not all(map(str.strip, texts)):  # loadtxt would skip blank lines
        return None
    try:
        numbers = np.loadtxt(texts, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return numbers if numbers.shape == (len(texts), columns) else None


def first_fault(
    path: Path,
    first: int,
    names: list[str],
    texts: list[str],
    lines: list[str],
    label: str | None,
    expected: Mapping[str, str],
) -> FormatError:
    """Return the error for the first line that the parser does not take, found line by line with the same parser.

    Args:
        path: the file, for the error.
        first: the row of the first line.
        names: of the columns.
        texts: what the parser was given: the lines, with codes in the place of names.
        lines: as they stand in the file.
        label: the name of the column of labels.
        expected: what a cell of a column of text should be, by its name.
    """
    for row, (text, line) in enumerate(zip(texts, lines, strict=True), first):
        cells = split_cells(text)
        if not text.strip():
            return wrong(path, row, None, one_each(len(names)), "a blank line")
        if len(cells) < len(names):
            return wrong(path, row, names[len(cells)], one_each(len(names)), f"only {len(cells)}")
        if len(cells) > len(names):
            return wrong(path, row, None, one_each(len(names)), f"{len(cells)}")
        if parsed([text], len(names)) is None:
            for name, cell, written in zip(names, cells, split_cells(line), strict=True):
                if parsed([cell], 1) is None:
                    found = short(written) if written.strip() else "an empty cell"
                    if name in expected:
                        return wrong(path, row, name, expected[name], found if written.strip() else found + remedy(""))
                    hint = remedy(written, name if label in (None, name) else None, name)
                    return wrong(path, row, name, "a number", found + hint)
    return wrong(path, first, None, "numbers", f"what NumPy cannot read, here or in the next {len(texts) - 1} rows")


def wrong(path: Path, row: int, name: str | None, expected: str, found: str) -> FormatError:
    """Return the error for what was found in a row, 1 being the header, and a column, if it lies in a single one."""
    column = "" if name is None else f", column {short(name)}"
    return FormatError(f"{path}: row {row}{column}: expected {expected}, found {found}")


def remedy(cell: str, label: str | None = None, column: str | None = None) -> str:
    """Return what reads a cell of a column that is no number; ``label`` is its name if it may be that of the labels.

    >>> remedy('"7"')
    '; for numbers in quotes use pandas.read_csv'
    """
    inside = cell.strip().strip('"').strip()
    if inside.lower() in _GAPS:
        return "; for tables with gaps use pandas.read_csv, and its dropna or fillna"
    if parsed([inside], 1) is not None:
        return "; for numbers in quotes use pandas.read_csv" if '"' in cell else ""
    for mark in ";\t|":
        if mark in inside and parsed([inside.replace(mark, ",")], inside.count(mark) + 1) is not None:
            return f"; for cells between {mark!r} use pandas.read_csv(path, sep={mark!r})"
    text = "for text use pandas.read_csv and pandas.get_dummies"
    if column is not None:
        text = f"for text write text=[{column!r}], or use pandas.read_csv and pandas.get_dummies"
    return f"; {text}" if label is None else f"; for labels that are text write label={label!r}, names=True; {text}"


def some(names: Sequence[str]) -> str:
    """Return the first five names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(short, names[:5])) + more


def one_each(n: int) -> str:
    """Return what a line should hold."""
    return f"{n} numbers, one for each name" if n > 1 else "1 number"


def short(text: str) -> str:
    """Return a text in quotes, without the rest of a long one."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
