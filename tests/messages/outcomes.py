"""What comes of each row of the tables: the error, its whole text, and the places of the package that it went through.

outcomes : rows -> Outcome, ...          a row is (call, kind, message)
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest import mock

import attrs

import fnn

Row = tuple[Callable, type[Exception], str]

PACKAGE = Path(fnn.__file__).parent
_BEGINNING = str(PACKAGE) + os.sep


@attrs.frozen
class Outcome:
    """What a call raised, None for nothing; ``passed`` are the lines, (file, number), of the package on its way."""

    row: Row
    error: Exception | None
    text: str
    passed: frozenset[tuple[str, int]]


def outcomes(rows: Iterable[Row]) -> list[Outcome]:
    """Make each call, in an empty folder of its own."""
    found = []
    # To force bytes to the disk takes a while, and is of no use here.
    with tempfile.TemporaryDirectory() as folder, mock.patch("os.fsync"):
        for place, row in enumerate(rows):
            here = Path(folder).resolve() / str(place)
            here.mkdir()
            with contextlib.chdir(here):
                found.append(_outcome(row, here))
    return found


def _outcome(row: Row, here: Path) -> Outcome:
    try:
        row[0]()
    except Exception as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", [])])
        return Outcome(row, error, text.replace(f"{here}{os.sep}", ""), frozenset(_lines(error)))
    return Outcome(row, None, "", frozenset())


def _lines(error: BaseException | None) -> Iterator[tuple[str, int]]:
    """Yield the lines of the package in an error's traceback, and in those of the errors that it came from."""
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file.startswith(_BEGINNING):
                yield file.removeprefix(_BEGINNING).replace(os.sep, "/"), traceback.tb_lineno
            traceback = traceback.tb_next
        error = error.__context__
