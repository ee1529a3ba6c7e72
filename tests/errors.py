"""How a test of an error reads: a call, the kind of its error, and all of its words, with … for what may differ.

@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    ...
"""

import re

import pytest


def message(row):
    """The id of a row."""
    return row[2][:60]


def check(row, folder):
    """Make the call of a row in a folder of its own, and hold its error against the row."""
    call, kind, words = row
    with pytest.raises(kind) as caught:
        call()
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])]).replace(f"{folder}/", "")
    assert re.fullmatch(".*".join(map(re.escape, words.split("…"))), text), f"it says: {text}"
    assert not isinstance(caught.value, {TypeError: ValueError, ValueError: TypeError}.get(kind, ()))
