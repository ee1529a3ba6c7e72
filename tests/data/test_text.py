"""Laws of text as integers: decoding gives the text back, whatever the characters, and nothing is left out silently."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fnn.data import characters
from tests.each_of import each_of

TEXTS = {
    "letters": "to be, or not to be\n",
    "one": "a",
    "nothing": "",
    "accents": "déjà vu, e\u0301té",
    "beyond 16 bits": "🙂🙃🙂 and \U0001d518",
    "the last code point": "\0\U0010ffff",
    "half surrogate pairs": "\ud83d\ude42 \udcff",
    "line ends": "\r\n\u2028\x85",
}
each_text = each_of("text", TEXTS.values(), ids=TEXTS)


@each_text
def test_an_id_is_the_place_of_the_character_in_the_sorted_alphabet(text):
    ids, alphabet = characters(text)
    assert (ids.dtype, ids.shape) == (np.int64, (len(text),))
    assert list(alphabet) == sorted(set(text))
    assert ids.tolist() == [sorted(set(text)).index(character) for character in text]
    assert "".join(alphabet[i] for i in ids) == text


@each_text
def test_text_is_encoded_in_the_alphabet_given_in_the_order_it_has(text):
    alphabet = "".join(sorted(set(text) | set("xyz"), reverse=True))
    ids, same = characters(text, alphabet)
    assert same == alphabet
    assert ids.dtype == np.int64
    assert "".join(alphabet[i] for i in ids) == text


def test_the_ids_are_the_caller_s_to_write_to():
    ids, _ = characters("abc")
    assert ids.flags.writeable


def lines_run(text):
    """Return how many lines of Python it takes to encode a text."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event in ("line", "call")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        characters(text)
    finally:
        sys.settrace(before)
    return count


def test_no_line_of_python_is_run_for_each_character():
    """A loop in Python takes a second for two million characters, twenty times as long as NumPy."""
    points = np.random.Generator(np.random.PCG64(0)).integers(32, 0xD800, 20_000)
    text = points.astype("<u4").tobytes().decode("utf-32-le")
    assert lines_run(text) == lines_run(text[:10])
    ids, alphabet = characters(text)
    assert [ord(character) for character in alphabet] == np.unique(points).tolist()
    assert "".join(alphabet[i] for i in ids) == text


@each_of(
    ("arguments", "kind", "message"),
    [
        (("abcd", "abc"), ValueError, "characters: 'd' at position 3 is not in the alphabet of 3"),
        (("Zab!a?", "abZ"), ValueError, "characters: '!' at position 3 is not in the alphabet of 3"),
        (("ab\nc", "abc"), ValueError, "characters: '\\n' at position 2 is not in the alphabet of 3"),
        (("a🙂b🙃", "ab🙂"), ValueError, "characters: '🙃' at position 3 is not in the alphabet of 3"),
        (("a\ud800", "a"), ValueError, "characters: '\\ud800' at position 1 is not in the alphabet of 1"),
        (("a", ""), ValueError, "characters: 'a' at position 0 is not in the alphabet of 0"),
        (("a", "abcb"), ValueError, "characters: the alphabet must not repeat a character, got 'b' twice"),
        (("", "aa"), ValueError, "characters: the alphabet must not repeat a character, got 'a' twice"),
        ((b"abc",), TypeError, "characters expects the text as a str, got bytes b'abc'; write text.decode()"),
        ((["a", "b"],), TypeError, "characters expects the text as a str, got list ['a', 'b']"),
        ((Path("play.txt"),), TypeError, "Path('play.txt'); write text.read_text()"),
        ((bytearray(b"abc"),), TypeError, "got bytearray(b'abc'); write text.decode()"),
        ((None,), TypeError, "characters expects the text as a str, got NoneType None"),
        (("a", b"a"), TypeError, "characters expects the alphabet as a str, got bytes b'a'; write alphabet.decode()"),
        (("a", ["a"]), TypeError, "characters expects the alphabet as a str, got list ['a']"),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_name_and_position(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        characters(*arguments)
