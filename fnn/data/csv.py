"""Tables of numbers as text: a line of column names, then a line of numbers for each row.

    read_csv : path, label? -> x (n, columns - 1), labels (n,)

Nothing is guessed, skipped or filled in: a file that is not a table of finite numbers is a ``FormatError``.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from fnn.core._errors import FormatError, describe, file_path
from fnn.data._rows import Data

_BLOCK = 2**20  # bytes parsed at a time: little is held beside the result, however long the file
_EXACT = 2**53  # float64 holds every integer below this one


def read_csv(path: str | os.PathLike[str], label: str | None = "label", *, dtype: DTypeLike = np.float32) -> Data:
    """Read a file of comma-separated numbers under a line of column names, and return ``(x, labels)``.

    Spaces around names and numbers mean nothing, and names may stand in double quotes.

    Args:
        path: the file.
        label: the name of the column of labels (n,), which are int64, exact to the last digit, if all of them are
            integers, and otherwise ``dtype``. With None there are no labels, and the result is ``(x,)``.
        dtype: of x (n, columns - 1), all other columns; a dtype of floats.

    Raises ``TypeError`` unless the label is a str or None and the dtype one of floats, and ``FormatError`` with the
    file, the row (1 is the header), the column, what was expected and what was found.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "train.csv"
    ...     _ = path.write_text("label,pixel0,pixel1\\n7,0,255\\n1,128,0\\n")
    ...     x, labels = read_csv(path)
    >>> x, labels
    (array([[  0., 255.],
           [128.,   0.]], dtype=float32), array([7, 1]))
    """
    path, dtype = file_path("read_csv", path), np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"read_csv: dtype must be one of floats, say np.float32, got {dtype}")
    if label is not None and not isinstance(label, str):
        raise TypeError(f"read_csv: label must be the name of a column or None, got {describe(label)}")
    with open(path, "rb") as file:
        names = _names(path, file.readline())
        place = [] if label is None else [_place(path, names, label)]
        others = [name for name in names if name != label]
        x: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        large: dict[int, int] = {}
        row = 2
        while lines := file.readlines(_BLOCK):
            texts = [_text(path, row + i, line, names) for i, line in enumerate(lines)]
            numbers = _numbers(path, row, names, texts)
            x.append(_cast(path, row, others, np.delete(numbers, place, axis=1), dtype))
            labels.append(numbers[:, place])
            for i, j in np.argwhere(np.abs(labels[-1]) >= _EXACT):
                large[row + int(i)] = int(Decimal(texts[i].split(",")[place[j]]))
            row += len(lines)
    if not x:
        raise _wrong(path, row, None, "numbers", "the end of the file")
    if label is None:
        return (np.concatenate(x),)
    return np.concatenate(x), _labels(path, label, np.concatenate(labels), large, dtype)


def _names(path: Path, line: bytes) -> list[str]:
    """Return the column names of the first line."""
    line = line.removeprefix(codecs.BOM_UTF8)
    if not line:
        raise _wrong(path, 1, None, "column names", "an empty file")
    text = _text(path, 1, line)
    try:
        names = [name.strip() for name in next(csv.reader([text], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise _wrong(path, 1, None, "column names", f"a line that is not CSV ({error})") from None
    if not text.strip():
        raise _wrong(path, 1, None, "column names", "a blank line")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise _wrong(path, 1, None, "different column names", f"{_short(name)} {times} times")
    if _parsed([text], len(names)) is not None and names != [str(i) for i in range(len(names))]:
        raise _wrong(path, 1, None, "column names", f"a row of numbers, {_short(text)}; put a line of names before it")
    return names


def _place(path: Path, names: list[str], label: str) -> int:
    """Return the place of the column of labels, one of several."""
    if label not in names:
        some = ", ".join(map(_short, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise _wrong(path, 1, None, f"a column {label!r}", f"{some}; write label= one of these, or None")
    if len(names) == 1:
        raise _wrong(path, 1, None, f"columns next to {label!r}", "no other")
    return names.index(label)


def _text(path: Path, row: int, line: bytes, names: Sequence[str] = ()) -> str:
    """Return a line as text, without its end."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        name = _name_after(line[: error.start].decode("utf-8"), names)
        raise _wrong(path, row, name, "text in UTF-8", f"the byte 0x{line[error.start]:02x}") from None
    for character in "\0\r":
        if character in text:
            name = _name_after(text[: text.index(character)], names)
            raise _wrong(path, row, name, "text in lines that end in \\n or \\r\\n", f"the character {character!r}")
    return text


def _name_after(before: str, names: Sequence[str]) -> str | None:
    """Return the name of the column that ``before``, the beginning of a line, ends in."""
    place = before.count(",")
    return names[place] if place < len(names) else None


def _numbers(path: Path, first: int, names: list[str], texts: list[str]) -> np.ndarray:
    """Return lines as finite float64 (lines, columns), or raise for the first that is something else."""
    numbers = _parsed(texts, len(names))
    if numbers is None:
        raise _first_fault(path, first, names, texts)
    for i, j in np.argwhere(~np.isfinite(numbers))[:1]:
        raise _wrong(path, first + i, names[j], "a finite number", _short(texts[i].split(",")[j]))
    return numbers


def _parsed(texts: list[str], columns: int) -> np.ndarray | None:
    """Return lines as float64 (lines, columns), or None if they are not that."""
    if not all(map(str.strip, texts)):  # loadtxt would skip blank lines
        return None
    try:
        numbers = np.loadtxt(texts, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return numbers if numbers.shape == (len(texts), columns) else None


def _first_fault(path: Path, first: int, names: list[str], texts: list[str]) -> FormatError:
    """Return the error for the first line that the parser does not take, found line by line with the same parser."""
    for row, text in enumerate(texts, first):
        cells = text.split(",")
        if not text.strip():
            return _wrong(path, row, None, _cells(len(names)), "a blank line")
        if len(cells) < len(names):
            return _wrong(path, row, names[len(cells)], _cells(len(names)), f"only {len(cells)}")
        if len(cells) > len(names):
            return _wrong(path, row, None, _cells(len(names)), f"{len(cells)}")
        if _parsed([text], len(names)) is None:
            for name, cell in zip(names, cells, strict=True):
                if _parsed([cell], 1) is None:
                    return _wrong(path, row, name, "a number", _short(cell) if cell.strip() else "an empty cell")
    return _wrong(path, first, None, "numbers", f"what NumPy cannot read, here or in the next {len(texts) - 1} rows")


def _cast(path: Path, first: int, names: list[str], numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the numbers in a dtype, or raise for the first that it cannot hold."""
    with np.errstate(over="ignore"):
        cast = numbers.astype(dtype)
    for i, j in np.argwhere(~np.isfinite(cast))[:1]:
        raise _wrong(path, first + i, names[j], f"a number that {dtype} can hold", f"{numbers[i, j]:g}")
    return cast


def _labels(path: Path, name: str, numbers: np.ndarray, large: dict[int, int], dtype: np.dtype) -> np.ndarray:
    """Return the column (n, 1) as labels (n,), int64 if all are integers.

    ``large`` holds, by row, the exact values of those that float64 may have rounded.
    """
    if (numbers != np.rint(numbers)).any():
        return _cast(path, 2, [name], numbers, dtype)[:, 0]
    labels = np.where(np.abs(numbers) < _EXACT, numbers, 0).astype(np.int64)[:, 0]
    for row, value in large.items():
        if not -(2**63) <= value < 2**63:
            raise _wrong(path, row, name, "an integer that int64 can hold", _short(str(value)))
        labels[row - 2] = value
    return labels


def _wrong(path: Path, row: int, name: str | None, expected: str, found: str) -> FormatError:
    column = "" if name is None else f", column {_short(name)}"
    return FormatError(f"{path}: row {row}{column}: expected {expected}, found {found}")


def _cells(n: int) -> str:
    return f"{n} numbers, one for each name" if n > 1 else "1 number"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
