"""A table of text: columns where it is printed, an HTML table in a notebook.

Table : head, rows, total? -> a str that is the table
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

Line = Sequence[str]


class Table(str):
    """Lay out rows of text in columns, those of numbers to the right.

    Args:
        head: the names of the columns.
        rows: a cell for each column.
        total: one more row below a second line, if given.

    >>> Table(("path", "rms"), [("layers[0]", "0.5"), ("layers[1]", "12")])
    path       rms
    --------------
    layers[0]  0.5
    layers[1]   12
    """

    head: Line
    rows: tuple[Line, ...]
    total: Line

    def __new__(cls, head: Line, rows: Iterable[Line], total: Line = ()) -> Table:
        rows = tuple(rows)
        table = super().__new__(cls, _text(head, rows, total))
        table.head, table.rows, table.total = head, rows, total
        return table

    def __getnewargs__(self) -> tuple[Line, tuple[Line, ...], Line]:  # type: ignore[override]
        return self.head, self.rows, self.total

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        right = [_holds_numbers(column) for column in _columns(self.head, self.rows, self.total)]
        parts = [("thead", "th", [self.head]), ("tbody", "td", self.rows), ("tfoot", "th", [self.total])]
        return f"<table>{''.join(_html(part, tag, lines, right) for part, tag, lines in parts)}</table>"


def _columns(head: Line, rows: tuple[Line, ...], total: Line) -> list[tuple[str, ...]]:
    return list(zip(*[head, *rows, *([total] if total else [])], strict=True))


def _text(head: Line, rows: tuple[Line, ...], total: Line) -> str:
    columns = [_aligned(column) for column in _columns(head, rows, total)]
    first, *others = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    line = "-" * (sum(len(column[0]) for column in columns) + 2 * len(columns) - 2)
    return "\n".join([first, line, *others[: len(rows)], *([line, *others[len(rows) :]] if total else [])])


def _aligned(column: Line) -> list[str]:
    width = max(len(cell) for cell in column)
    right = _holds_numbers(column)
    return [cell.rjust(width) if right else cell.ljust(width) for cell in column]


def _holds_numbers(column: Line) -> bool:
    return any(cell[:1].isdigit() or cell in ("nan", "inf") for cell in column[1:])


def _html(part: str, tag: str, lines: Iterable[Line], right: Iterable[bool]) -> str:
    sides = [f' style="text-align: {"right" if each else "left"}"' for each in right]
    rows = [
        "".join(f"<{tag}{side}>{html.escape(cell)}</{tag}>" for cell, side in zip(line, sides, strict=True))
        for line in lines
        if line
    ]
    return f"<{part}>{''.join(f'<tr>{row}</tr>' for row in rows)}</{part}>" if rows else ""
