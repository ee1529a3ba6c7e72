"""Columns of a table that are text: each name becomes a code, before the parser of numbers sees the line.

require_names : label, names             -> {name: code}, what is known before the file is read
require_text  : text                     -> {column: ({name: code}, whether there may be more)}
split_cells   : line                     -> its cells, a comma in double quotes ends none
coded         : line, n, columns         -> the line with codes in the places of names
in_order      : codes (n,), {name: code} -> codes (n,) by the order of the names, names
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe

_CELL = re.compile(r'(?:^|,)((?:[^,"]|"[^"]*")*)')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def require_names(label: str | None, names: Any) -> dict[str, int]:
    """Return the code of each name that is given; ``names`` is True if there are none yet.

    Raises ``TypeError`` for what are no names, ``ValueError`` for names that repeat or that no cell can hold.

    >>> require_names("kind", ["cat", "dog"]), require_names("kind", True)
    ({'cat': 0, 'dog': 1}, {})
    """
    if label is None:
        raise TypeError("read_csv: names are those of labels; write label=, the name of their column")
    return {} if names is True else _codes_of(names, "of the labels")


def _codes_of(names: Any, whose: str) -> dict[str, int]:
    """Return the code of each name, or raise; ``whose`` they are is told in the error."""
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"read_csv: names must be True, or the names {whose}, got {describe(names)}")
    codes: dict[str, int] = {}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"read_csv: each of the names must be a str, got {describe(name)}")
        if not name or name != name.strip():
            raise ValueError(f"read_csv: names are text without spaces around it, got {name!r}")
        if name in codes:
            raise ValueError(f"read_csv: the names must differ, got {name!r} twice")
        codes[str(name)] = len(codes)
    if not codes:
        raise ValueError("read_csv: names must be True, or one name or more, got none")
    return codes


def require_text(text: Any) -> dict[str, tuple[dict[str, int], bool]]:
    """Return for each column that is text the codes of the names that are known, and whether there may be more.

    Raises ``TypeError`` for what are no columns, ``ValueError`` for none or names that repeat.

    >>> require_text(["color"]), require_text({"color": ("red", "blue")})
    ({'color': ({}, True)}, {'color': ({'red': 0, 'blue': 1}, False)})
    """
    if isinstance(text, str | bytes) or not isinstance(text, Iterable):
        raise TypeError(f'read_csv: text must be the columns that are text, say ["color"], got {describe(text)}')
    asked: list[tuple[Any, Any]] = list(text.items()) if isinstance(text, Mapping) else [(each, True) for each in text]
    for column, _ in asked:
        if not isinstance(column, str):
            raise TypeError(f"read_csv: each column of text must be a str, got {describe(column)}")
    if not asked:
        raise ValueError("read_csv: text must be the columns that are text, one or more, got none")
    return {
        str(column): ({}, True) if names is True else (_codes_of(names, f"in the column {column!r}"), False)
        for column, names in asked
    }


@attrs.frozen
class Column:
    """A column of text: its place, the code of each name, and whether there may be ``more`` names."""

    place: int
    codes: dict[str, int]
    more: bool


def split_cells(line: str) -> list[str]:
    """Return the cells of a line, with the double quotes in which they stand.

    >>> split_cells('1,"a, b",2')
    ['1', '"a, b"', '2']
    """
    cells: list[str] = _CELL.findall(line) if '"' in line else []
    return cells if ",".join(cells) == line else line.split(",")


def coded(line: str, n: int, columns: Iterable[Column]) -> str:
    """Return a line of ``n`` cells with codes in the places of names, or nothing where a name has none.

    A name that is not yet among the codes of its column gets the next one if there may be more.

    >>> coded("1,cat,2", 3, [Column(1, {"dog": 0, "cat": 1}, more=False)])
    '1,1,2'
    """
    cells = split_cells(line)
    if len(cells) != n:
        return line
    for column in columns:
        name = cells[column.place].strip()
        if name.startswith('"'):
            quoted = _QUOTED.fullmatch(name)
            name = quoted[1].replace('""', '"').strip() if quoted else ""
        if name and column.more:
            column.codes.setdefault(name, len(column.codes))
        cells[column.place] = str(column.codes.get(name, ""))
    return ",".join(cells)


def in_order(codes: np.ndarray, known: dict[str, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return codes by the order of the names, and the names in order.

    >>> in_order(np.array([0, 1, 0]), {"dog": 0, "cat": 1})
    (array([1, 0, 1]), ('cat', 'dog'))
    """
    names = tuple(sorted(known))
    place = np.empty(len(names), np.int64)
    place[[known[name] for name in names]] = np.arange(len(names))
    return place[codes], names
