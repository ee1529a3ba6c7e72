"""A submission is a file that somebody else wrote: it is run, and graded, in a process of its own.

grade_file : .py or .ipynb -> Submission     grade_files : paths -> Submissions, a table, JSON, pages
exercise   : file beside a test, names -> a test for pytest
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from fnn.diagnostics._table import Table
from fnn.programs.confined import confined
from fnn.testing._page import page
from fnn.testing.conventions import asked
from fnn.testing.exercises import EXERCISES
from fnn.testing.grading import CONVENTIONS, SIGNATURES
from fnn.testing.results import Finding, Grades


class Text(str):
    """Words for a value that did not come back from the process: shown as they are."""

    __repr__ = str.__str__


@attrs.frozen(eq=False)
class Submission:
    """What is known of one file; as text, its findings and its score.

    ``grades`` are those of its functions, of the whole "program" and of "training" if it trains; ``labels`` says which
    of its functions each is, ``notes`` what was not graded, ``output`` what it printed, ``seconds`` how long it took.
    """

    path: Path
    grades: Grades
    labels: dict[str, str]
    notes: tuple[str, ...]
    output: str = attrs.field(repr=False)
    seconds: float

    def __str__(self) -> str:
        return "\n".join([f"{self.path.name}: {self.grades.score:.0%}", str(self.grades), *self.notes])

    @property
    def html(self) -> str:
        """Return a page on its own, without scripts or links: the score, what to do, a picture of each failing case."""
        return page(self.path.name, self.grades, self.labels, self.notes, self.output)


def grade_file(
    path: str | os.PathLike[str],
    *,
    seconds: float = 10.0,
    megabytes: int = 2000,
    files: Iterable[str | os.PathLike[str]] = (),
    **conventions: Any,
) -> Submission:
    """Run a submission, a Python file or a notebook, grade each function that is found in it, and how it trains.

    Functions and methods are found by their names and those of their arguments (``fnn/programs/names.toml`` has them).
    What trains, as the program runs or when it is called with 50 rows, is graded by what it does: losses that do not
    fall, parameters that never move, an optimizer's memory shared by layers, batches cut once, rows that are never
    seen. "program" is whether all of it runs; after a statement that fails, the others are run all the same.

    **This is no security sandbox.** Contained are time (its process group is ended, with all that it has left running),
    memory, and the size of a file; refused, and a finding, are other processes, the network, and changes to files
    outside a temporary folder. It sees PATH and the language of the environment, and has no input. Not contained are
    reading files, how many files it writes in its folder, and what C code or ctypes do; and who means to can forge a
    grade. Grade strangers in a container. Where Python has no ``resource`` (on Windows), memory is not limited, and the
    notes say so.

    Args:
        path: a ``.py`` or ``.ipynb`` file.
        seconds: for everything: the program may take half of what is left, and each function half of the rest.
        megabytes: of memory, as addresses.
        files: what it reads or imports, to be copied into the temporary folder in which it runs.
        conventions: those of ``grade``.

    Raises ``FileNotFoundError`` without such a file, ``ValueError`` for another kind, ``TypeError`` for what is no
    convention, or none that a function could follow.
    """
    path, began = Path(path).resolve(), time.monotonic()
    if not path.is_file():
        raise FileNotFoundError(f"grade_file: there is no file {path}")
    if path.suffix not in (".py", ".ipynb"):
        raise ValueError(f"grade_file reads a .py or .ipynb file, got {path.name}")
    if unknown := set(conventions) - set(CONVENTIONS):
        raise TypeError(f"grade_file: there is no convention {min(unknown)!r}; there are {', '.join(CONVENTIONS)}")
    asked("grade_file", conventions, EXERCISES.values())
    settings = {"file": str(path), "megabytes": megabytes, "conventions": conventions}
    found: dict[str, list[Finding]] = {}
    labels, notes, output, done = {}, [], "", False
    while not done:  # again without what ended the process, for what comes after it
        left = seconds - (time.monotonic() - began)
        settings |= {"seconds": left, "skip": list(found)}
        lines, printed, ending = confined("fnn.testing._worker", settings, files)
        output, begun = output or printed, "program"
        for line in lines:
            notes += [note for note in line.get("notes", ()) if note not in notes]
            begun, done = line.get("begins", begun), line.get("done", False)
            if "name" in line:
                labels[line["name"]] = line["label"]
                found[line["name"]] = [_decoded(each) for each in line["findings"]]
        if not done:
            found[begun] = [Finding(begun, ending)]
            if done := begun == "program" or time.monotonic() - began > seconds - 1:
                notes.append(f"nothing was graded after {begun}")
    names = sorted(found, key="program".__eq__)
    findings = tuple(each for name in names for each in found[name])
    return Submission(path, Grades(tuple(names), findings), labels, tuple(notes), output, time.monotonic() - began)


def _decoded(fields: Any) -> Finding:
    """Return the finding that ``_worker`` wrote as JSON."""
    arrays = {name: np.array(fields[name]) for name in ("found", "expected", "at") if fields[name] is not None}
    return Finding(**{**fields, **arrays, "inputs": tuple(map(Text, fields["inputs"]))})


@attrs.frozen(eq=False)
class Submissions:
    """The submissions of a class; as text, a table with a row for each, the best first."""

    submissions: tuple[Submission, ...]

    def __str__(self) -> str:
        return self.table

    @property
    def table(self) -> Table:
        """Return what each function of each file earns, which a notebook shows as a table."""
        names = list(dict.fromkeys(name for each in self.submissions for name in each.grades.functions))
        rows = []
        for file, each in sorted(self._named(), key=lambda pair: -pair[1].grades.score):
            credit = {name: f"{points:.2f}" for name, points in each.grades.credit().items()}
            rows.append([file, f"{each.grades.score:.0%}", *[credit.get(name, "") for name in names]])
        return Table(["file", "score", *names], rows)

    @property
    def json(self) -> str:
        """Return all grades as JSON: for each file the score, each function's credit, and the findings."""
        told = ("function", "severity", "mistake", "what", "advice", "share", "conventions")
        files = [{
            "file": file, "score": each.grades.score, "credit": each.grades.credit(),
            "called": each.labels, "seconds": round(each.seconds, 2), "notes": each.notes,
            "findings": [{k: getattr(f, k) for k in told} | {"text": str(f)} for f in each.grades.findings],
        } for file, each in self._named()]  # fmt: skip
        return json.dumps(files, indent=1, allow_nan=False)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write grades.txt, grades.json, and a page for each submission, such as ada.py.html, into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        pages = {f"{file.replace(os.sep, '-')}.html": each.html for file, each in self._named()}
        for name, text in ({"grades.txt": f"{self}\n", "grades.json": self.json} | pages).items():
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")

    def _named(self) -> list[tuple[str, Submission]]:
        """Return each with the name of its file, after those of as many folders as tell all of them apart."""
        every = {each.path for each in self.submissions}
        depth = next(k for k in range(1, 1000) if len({path.parts[-k:] for path in every}) == len(every))
        return [(os.path.join(*each.path.parts[-depth:]), each) for each in self.submissions]


def grade_files(
    paths: Iterable[str | os.PathLike[str]], *, map: Callable[..., Iterable[Any]] = map, **options: Any
) -> Submissions:
    """Grade the files of a class.

    Args:
        paths: the files.
        map: any ordered map; that of ``fnn.threads(2)`` grades two at a time.
        options: those of ``grade_file``.
    """
    return Submissions(tuple(map(partial(grade_file, **options), list(paths))))


def exercise(pattern: str, *names: str, **options: Any) -> Callable[..., None]:
    """Return a test for pytest: in each file that fits the pattern, each of these functions has no finding.

    A test file is two lines, the second of them ``test_homework = exercise("*.py", "softmax", "training")``. Findings
    of style are let through.

    Args:
        pattern: a file, or several, beside the test file.
        names: of exercises, "training" or "program"; if there are none, all that a file has.
        options: those of ``grade_file``.

    Raises ``FileNotFoundError`` if there is no such file.
    """
    import pytest

    test = Path(sys._getframe(1).f_globals["__file__"])
    paths = [path for path in sorted(test.parent.glob(pattern)) if path != test]
    if not paths:
        raise FileNotFoundError(f"exercise: there is no file {pattern!r} in {test.parent}")
    graded = cache(partial(grade_file, **options))
    cases = [pytest.param(path, name, id=f"{path.name}-{name}") for path in paths for name in names or ("all",)]

    @pytest.mark.parametrize(("path", "name"), cases)
    def test_submission(path: Path, name: str) -> None:
        grades = graded(path).grades
        told = [str(each) for each in grades.findings if name in ("all", each.function) and each.severity != "style"]
        if name not in ("all", *grades.functions):
            told = [f"{path.name} has no function for {SIGNATURES.get(name, name)}"]
        if told:
            pytest.fail("\n".join(told), pytrace=False)

    return test_submission
