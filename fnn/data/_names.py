"""Labels in a table that are text: each name becomes a code, before the parser of numbers sees the line.

require_names : label, names                -> {name: code}, what is known before the file is read
split_cells   : line                        -> its cells, a comma in double quotes ends none
coded         : line, place, n, codes, more -> the line with a code in the place of the name
in_order      : codes (n,), {name: code}    -> codes (n,) by the order of the names, names
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

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
    if names is True:
        return {}
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"read_csv: names must be True, or the names of the labels, got {describe(names)}")
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


def split_cells(line: str) -> list[str]:
    """Return the cells of a line, with the double quotes in which they stand.

    >>> split_cells('1,"a, b",2')
    ['1', '"a, b"', '2']
    """
    cells: list[str] = _CELL.findall(line) if '"' in line else []
    return cells if ",".join(cells) == line else line.split(",")


def coded(line: str, place: int, n: int, codes: dict[str, int], more: bool) -> str:
    """Return a line of ``n`` cells with a code in the ``place`` of its name, or nothing there if it has none.

    A name that is not yet in ``codes`` gets the next one there if there may be ``more``.

    >>> coded("1,cat,2", 1, 3, {"dog": 0, "cat": 1}, more=False)
    '1,1,2'
    """
    cells = split_cells(line)
    if len(cells) != n:
        return line
    name = cells[place].strip()
    if name.startswith('"'):
        quoted = _QUOTED.fullmatch(name)
        name = quoted[1].replace('""', '"').strip() if quoted else ""
    if name and more:
        codes.setdefault(name, len(codes))
    cells[place] = str(codes.get(name, ""))
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
