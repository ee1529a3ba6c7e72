"""A run as a table of numbers that grows on the disk: what spreadsheets, pandas and people read.

logged : path, every, measures -> (stream of states -> the same stream)
"""

from __future__ import annotations

import csv
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

from fnn.core._errors import describe, file_path, integer


def logged(
    path: str | os.PathLike[str], every: int = 1, **measures: Callable[[Any], Any]
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Write a row of a CSV file for each state whose ``step`` is a multiple of ``every``, and pass everything on.

    A row is in the file before its state is passed on, so a run that is killed leaves what it has seen. A run that goes
    on from a checkpoint goes on with its file: rows from its first step on are written anew, those before it stay, and
    in the end the file is that of a run which was never killed. A run from step 0 begins the file anew.

    Args:
        path: the file.
        every: how many steps from one row to the next.
        measures: functions of a state by the names of their columns, after the column ``step``; the loss if there are
            none.

    Raises ``TypeError`` for what is no function or has no integer ``step``, ``ValueError`` if a file that is there has
    other columns, and ``OSError`` if it cannot be written. An error in a measure carries a note with its name.

    >>> import tempfile
    >>> from fnn import State
    >>> run = [State((), (), step, 1 / (step + 1)) for step in range(5)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = list(logged(f"{folder}/run.csv", every=2)(run[:4]))
    ...     _ = list(logged(f"{folder}/run.csv", every=2)(run[3:]))
    ...     print(Path(f"{folder}/run.csv").read_text())
    step,loss
    0,1.0
    2,0.3333333333333333
    4,0.2
    <BLANKLINE>
    """
    for name, measure in measures.items():
        if not callable(measure):
            raise TypeError(f"logged: {name} must be a function of a state, got {describe(measure)}")
    every = integer("logged: every", every)
    return functools.partial(_logged, file_path("logged", path), every, measures or {"loss": _loss})


def _loss(state: Any) -> Any:
    return state.loss


def _logged(path: Path, every: int, measures: dict[str, Callable[[Any], Any]], stream: Iterable[Any]) -> Iterator[Any]:
    file: Any = None
    try:
        for state in stream:
            step: Any = getattr(state, "step", None)
            if not isinstance(step, Integral):
                raise TypeError(f"logged expects states, records with an integer step, got {describe(state)}")
            if file is None:
                file = _opened(path, ["step", *measures], int(step))
            if step % every == 0:
                csv.writer(file, lineterminator="\n").writerow([step, *_measured(measures, state)])
                file.flush()
            yield state
    finally:
        if file is not None:
            file.close()


def _measured(measures: dict[str, Callable[[Any], Any]], state: Any) -> Iterator[Any]:
    for name, measure in measures.items():
        try:
            yield measure(state)
        except Exception as error:
            error.add_note(f"logged: in the measure {name!r}, of step {state.step}")
            raise


def _opened(path: Path, columns: list[str], step: int) -> Any:
    """Return the file, open for writing behind its header and the rows of the steps before this one."""
    end = 0
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            lines = file.readlines()
        if lines and next(csv.reader(lines[:1])) != columns:
            found = lines[0].strip()
            raise ValueError(f"logged: {path} has the columns {found[:60]!r} and not {','.join(columns)}; give another")
        for line in lines[1:]:
            cell = line.partition(",")[0]
            if not line.endswith("\n") or not cell.isdigit() or int(cell) >= step:  # the last may be half a row
                break
            end += len(line.encode())
        end += len(lines[0].encode()) if lines else 0
    file = open(path, "r+" if end else "w", newline="", encoding="utf-8")  # noqa: SIM115 (the stream closes it)
    if end:
        file.seek(end)
        file.truncate()
    else:
        csv.writer(file, lineterminator="\n").writerow(columns)
    return file
