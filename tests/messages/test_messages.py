"""Everything that fnn can complain of is said here once: each ``raise`` has a row, and each piece of its text.

The tables beside this file, and those of ``test_bad_input``, are the rows: a call, the kind of its error, the message,
all of it, with … for numbers that may differ from machine to machine.
What there is to say is read off the syntax tree of the package, so that a new ``raise``, or a new hint in an old one,
fails here until it has a row.
"""

import collections
import functools
import importlib.util
import re

import pytest

from tests import test_bad_input
from tests.messages import checkpoints, data, diagnosis, files, layers, networks, objectives, sequences, tools, training
from tests.messages.outcomes import PACKAGE, Outcome, outcomes
from tests.messages.statements import Statement, statements

TABLES = (networks, layers, sequences, objectives, training, data, files, checkpoints, tools, diagnosis)
if importlib.util.find_spec("matplotlib"):
    TABLES += (importlib.import_module("tests.messages.pictures"),)
ROWS = [row for table in TABLES for row in table.ROWS]

# What has no message of its own: where it stands, how often, and why no row shows it.
SILENT = {
    ("layout.py", "raise _Unlike"): (6, "a jump within the module, to where the error with the path is raised"),
    ("layout.py", "raise AssertionError('unreachable: trees that are alike were found to differ')"): (1, "a proof"),
    ("compose.py", "raise"): (2, "the error of a layer passes on, with its place, which a row shows"),
    ("branches.py", "raise"): (2, "the error of a layer passes on, with its place, which a row shows"),
    ("directions.py", "raise"): (1, "the error of a layer passes on, with its place, which a row shows"),
    ("experiments.py", "raise"): (2, "the error of a run passes on, with a note, which a row shows"),
    ("streams.py", "raise"): (1, "the error of a measure passes on, with a note, which a row shows"),
}


@functools.cache
def everything_said() -> list[Outcome]:
    return outcomes([*ROWS, *test_bad_input.CASES])


@functools.cache
def everything_to_say() -> list[Statement]:
    said = statements(PACKAGE)
    return said if importlib.util.find_spec("matplotlib") else [s for s in said if not s.file.startswith("plot/")]


@functools.cache
def messages_by_line() -> dict[tuple[str, int], list[str]]:
    """Give the messages of the rows whose error went through a line of the package."""
    found = collections.defaultdict(list)
    for outcome in everything_said():
        for line in outcome.passed:
            found[line].append(outcome.row[2])
    return found


def said_by(statement: Statement) -> list[str]:
    """Give the messages of the rows that raise a statement; of all rows, for what only makes an error."""
    if not statement.is_raise:
        return [outcome.row[2] for outcome in everything_said()]
    return [message for line in statement.lines for message in messages_by_line().get((statement.file, line), [])]


def is_silent(statement: Statement) -> bool:
    return (statement.file, statement.source) in SILENT


def is_as_written(text: str, message: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, message.split("…"))), text) is not None


@pytest.mark.parametrize("place", range(len(ROWS)), ids=[message[:60] for _, _, message in ROWS])
def test_a_mistake_is_told_in_these_words(place):
    outcome = everything_said()[place]
    _, kind, message = outcome.row
    assert is_as_written(outcome.text, message), f"it says: {outcome.text}"
    assert isinstance(outcome.error, kind)
    assert not isinstance(outcome.error, {TypeError: ValueError, ValueError: TypeError}.get(kind, ()))


def test_every_raise_has_a_row():
    raises = [statement for statement in everything_to_say() if statement.is_raise]
    unraised = [str(statement) for statement in raises if not is_silent(statement) and not said_by(statement)]
    assert not unraised, "these have no row:\n" + "\n".join(unraised)
    silent = collections.Counter((statement.file, statement.source) for statement in raises if is_silent(statement))
    assert silent == {place: count for place, (count, _) in SILENT.items()}
    assert len(raises) > 290  # without the pictures, where there is no matplotlib


def test_every_piece_of_text_is_said_in_a_row():
    unsaid = [
        f"{piece!r} of {statement}"
        for statement in everything_to_say()
        for piece in statement.pieces
        if not is_silent(statement) and not any(piece in message for message in said_by(statement))
    ]
    assert not unsaid, "no row says:\n" + "\n".join(unsaid)
