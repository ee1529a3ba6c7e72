"""Tables of numbers as text: a line of column names, then a line of numbers for each row.

    read_csv : path, label?       -> x (n, columns - 1), labels (n,)
    read_csv : path, label, names -> (x, codes (n,)), names                if the labels are text
    read_csv : path, label, text  -> (x, labels), {column: names}          if other columns are

Nothing is guessed, skipped or filled in: a file that is not a table of finite numbers, but for the columns of text that
are asked for, is a ``FormatError``, which says what reads such a file.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike

from fnn.core._errors import describe, file_path
from fnn.data._faults import first_fault, parsed, remedy, short, some, wrong
from fnn.data._names import Column, coded, in_order, require_names, require_text
from fnn.data._rows import Data

_BLOCK = 2**20  # bytes parsed at a time: little is held beside the result, however long the file
_EXACT = 2**53  # float64 holds every integer below this one


@overload
def read_csv(
    path: str | os.PathLike[str],
    label: str | None = "label",
    *,
    names: Literal[False] = False,
    text: None = None,
    dtype: DTypeLike = np.float32,
) -> Data: ...
@overload
def read_csv(
    path: str | os.PathLike[str],
    label: str = "label",
    *,
    names: bool | Iterable[str],
    text: None = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Data, tuple[str, ...]]: ...
@overload
def read_csv(
    path: str | os.PathLike[str],
    label: str | None = "label",
    *,
    names: bool | Iterable[str] = False,
    text: Iterable[str] | Mapping[str, Iterable[str]],
    dtype: DTypeLike = np.float32,
) -> tuple[Data, dict[str, tuple[str, ...]]]: ...
def read_csv(
    path: str | os.PathLike[str],
    label: str | None = "label",
    *,
    names: bool | Iterable[str] = False,
    text: Iterable[str] | Mapping[str, Iterable[str]] | None = None,
    dtype: DTypeLike = np.float32,
) -> Any:
    """Read a file of comma-separated numbers under a line of column names, and return ``(x, labels)``.

    Labels that are text are read with ``names=True``, and ``((x, codes), names)`` is returned: the names in order, and
    of each row the place of its name, from 0. Other columns of text, say ``text=["color"]``, are such codes in x, and
    ``((x, labels), {"color": names})`` is returned; ``one_hot`` or ``embedding`` take them, as integers.

    Spaces around names and numbers mean nothing, and names may stand in double quotes.

    Args:
        path: the file.
        label: the name of the column of labels (n,), which are int64, exact to the last digit, if all of them are
            integers, and otherwise ``dtype``. With None there are no labels, and the result is ``(x,)``.
        names: True if the labels are names, each taken as text, without spaces or double quotes around it ("10" comes
            before "2"); or the names themselves, in the order of their codes: for a test set those of its training set.
        text: the columns that are text; or for each its names, in the order of the codes, as they are returned: for a
            test set those of its training set. The label may be among them, and is among those that are returned if
            it is text.
        dtype: of x (n, columns - 1), all other columns; a dtype of floats.

    Raises ``TypeError`` unless the label is a str or None and the dtype one of floats, ``ValueError`` for names that
    repeat, and ``FormatError`` with the file, the row (1 is the header), the column, what was expected, what was found,
    and what reads it, where this function does not: among them numbers so close together that the dtype rounds them.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "train.csv"
    ...     _ = path.write_text("label,pixel0,pixel1\\n7,0,255\\n1,128,0\\n")
    ...     x, labels = read_csv(path)
    >>> x, labels
    (array([[  0., 255.],
           [128.,   0.]], dtype=float32), array([7, 1]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "iris.csv"
    ...     _ = path.write_text("length,width,species\\n5.1,3.5,setosa\\n6.3,3.3,virginica\\n4.9,3.0,setosa\\n")
    ...     (x, codes), names = read_csv(path, label="species", names=True)
    >>> codes, names
    (array([0, 1, 0]), ('setosa', 'virginica'))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cars.csv"
    ...     _ = path.write_text("color,power,price\\nred,90,12\\nblue,110,15\\nred,75,9\\n")
    ...     (x, price), names = read_csv(path, label="price", text=["color"])
    >>> x[:, 0], names
    (array([1., 0., 1.], dtype=float32), {'color': ('blue', 'red')})
    """
    path, dtype = file_path("read_csv", path), _floating(dtype)
    if label is not None and not isinstance(label, str):
        raise TypeError(f"read_csv: label must be the name of a column or None, got {describe(label)}")
    asked = _asked(label, names, text)
    with open(path, "rb") as file:
        columns = _columns(path, file.readline())
        place = [] if label is None else [_place(path, columns, label)]
        others = [name for name in columns if name != label]
        texts = {name: Column(_place(path, columns, name, "text"), *known) for name, known in asked.items()}
        expected = {name: _expected(column) for name, column in texts.items()}
        x: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        large: dict[int, int] = {}
        low, high = np.full(len(others), np.inf), np.full(len(others), -np.inf)
        row = 2
        while lines := file.readlines(_BLOCK):
            lines = [_text(path, row + i, line, columns) for i, line in enumerate(lines)]
            read = [coded(line, len(columns), texts.values()) for line in lines] if texts else lines
            numbers = parsed(read, len(columns))
            if numbers is None:
                raise first_fault(path, row, columns, read, lines, label, expected)
            for i, j in np.argwhere(~np.isfinite(numbers))[:1]:
                cell = read[i].split(",")[j]
                raise wrong(path, row + i, columns[j], "a finite number", short(cell) + remedy(cell))
            rest = np.delete(numbers, place, axis=1)
            x.append(_cast(path, row, others, rest, dtype))
            low, high = np.minimum(low, rest.min(axis=0)), np.maximum(high, rest.max(axis=0))
            labels.append(numbers[:, place])
            for i, j in np.argwhere(np.abs(labels[-1]) >= _EXACT):
                large[row + int(i)] = int(Decimal(read[i].split(",")[place[j]]))
            row += len(lines)
    if not x:
        raise wrong(path, row, None, "numbers", "the end of the file")
    _require_steps(path, others, low, high, dtype)
    table = np.concatenate(x)
    y = None if label is None else _labels(path, label, np.concatenate(labels), large, dtype)
    known = {name: tuple(column.codes) for name, column in texts.items()}
    for name, column in texts.items():
        if name != label and len(column.codes) > 2 ** (np.finfo(dtype).nmant + 1):
            raise wrong(
                path, 1, name, f"as many names as {dtype} holds integers", f"{len(column.codes)}; write a wider dtype"
            )
        if column.more and y is not None and name == label:
            y, known[name] = in_order(y, column.codes)
        elif column.more:
            j = others.index(name)
            table[:, j], known[name] = in_order(table[:, j].astype(np.int64), column.codes)
    found = (table,) if y is None else (table, y)
    if text is not None:
        return found, known
    return found if label is None or names is False else (found, known[label])


def _asked(label: str | None, names: Any, text: Any) -> dict[str, tuple[dict[str, int], bool]]:
    """Return for each column of text that is asked for the codes that are known, and whether there may be more."""
    columns = {} if text is None else require_text(text)
    if names is not False:
        known = require_names(label, names)
        if label in columns:
            raise TypeError(f"read_csv: the names of the labels are given twice; leave names= or text= {label!r} out")
        columns[str(label)] = known, names is True
    return columns


def _expected(column: Column) -> str:
    """Return what a cell of a column of text should be; as it was before any was read."""
    return "a name" if column.more else f"one of {some(list(column.codes))}"


def _floating(dtype: DTypeLike) -> np.dtype:
    """Return a dtype of floats, or raise."""
    try:
        found = None if dtype is None else np.dtype(dtype)  # None would be float64
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        got = describe(dtype) if found is None else found
        raise TypeError(f"read_csv: dtype must be one of floats, say np.float32, got {got}")
    return found


def _columns(path: Path, line: bytes) -> list[str]:
    """Return the column names of the first line."""
    line = line.removeprefix(codecs.BOM_UTF8)
    if not line:
        raise wrong(path, 1, None, "column names", "an empty file")
    text = _text(path, 1, line)
    try:
        names = [name.strip() for name in next(csv.reader([text], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise wrong(path, 1, None, "column names", f"a line that is not CSV ({error})") from None
    if not text.strip():
        raise wrong(path, 1, None, "column names", "a blank line")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise wrong(path, 1, None, "different column names", f"{short(name)} {times} times")
    if parsed([text], len(names)) is not None and names != [str(i) for i in range(len(names))]:
        raise wrong(path, 1, None, "column names", f"a row of numbers, {short(text)}; put a line of names before it")
    return names


def _place(path: Path, names: list[str], label: str, argument: str = "label") -> int:
    """Return the place of a column, one of several, which an argument names."""
    if label not in names:
        wanted = "one of these, or None" if argument == "label" else "some of these"
        separator = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), "")
        hint = f"; for cells between {separator!r} use pandas.read_csv(path, sep={separator!r})" if separator else ""
        raise wrong(path, 1, None, f"a column {label!r}", f"{some(names)}; write {argument}= {wanted}{hint}")
    if len(names) == 1 and argument == "label":
        raise wrong(path, 1, None, f"columns next to {label!r}", "no other")
    return names.index(label)


def _text(path: Path, row: int, line: bytes, names: Sequence[str] = ()) -> str:
    """Return a line as text, without its end."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        name = _name_after(line[: error.start].decode("utf-8"), names)
        found = f"the byte 0x{line[error.start]:02x}; for other encodings use pandas.read_csv(path, encoding=...)"
        raise wrong(path, row, name, "text in UTF-8", found) from None
    for character in "\0\r":
        if character in text:
            name = _name_after(text[: text.index(character)], names)
            raise wrong(path, row, name, "text in lines that end in \\n or \\r\\n", f"the character {character!r}")
    return text


def _name_after(before: str, names: Sequence[str]) -> str | None:
    """Return the name of the column that ``before``, the beginning of a line, ends in."""
    place = before.count(",")
    return names[place] if place < len(names) else None


def _cast(path: Path, first: int, names: list[str], numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the numbers in a dtype, or raise for the first that it cannot hold."""
    with np.errstate(over="ignore"):
        cast = numbers.astype(dtype)
    for i, j in np.argwhere(~np.isfinite(cast))[:1]:
        raise wrong(path, first + i, names[j], f"a number that {dtype} can hold", f"{numbers[i, j]:g}")
    return cast


def _require_steps(path: Path, names: list[str], low: np.ndarray, high: np.ndarray, dtype: np.dtype) -> None:
    """Raise for a column whose numbers a dtype would round to a few: times in seconds, to 128 of them in float32."""
    step = np.maximum(np.abs(low), np.abs(high)) * float(np.finfo(dtype).eps)  # or half as far from one to the next
    for j in np.flatnonzero((high > low) & (step > high / 100 - low / 100))[:1]:
        found = f"some from {float(low[j])!r} to {float(high[j])!r}; write a wider dtype, or subtract {float(low[j])!r}"
        raise wrong(path, 1, names[j], f"numbers that {dtype} tells apart", found)


def _labels(path: Path, name: str, numbers: np.ndarray, large: dict[int, int], dtype: np.dtype) -> np.ndarray:
    """Return the column (n, 1) as labels (n,), int64 if all are integers.

    ``large`` holds, by row, the exact values of those that float64 may have rounded.
    """
    if (numbers != np.rint(numbers)).any():
        return _cast(path, 2, [name], numbers, dtype)[:, 0]
    labels = np.where(np.abs(numbers) < _EXACT, numbers, 0).astype(np.int64)[:, 0]
    for row, value in large.items():
        if not -(2**63) <= value < 2**63:
            raise wrong(path, row, name, "an integer that int64 can hold", short(str(value)))
        labels[row - 2] = value
    return labels
