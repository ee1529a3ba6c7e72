"""Text as integers: each character is its place in an alphabet, and what a network reads is a row of places.

characters : text, alphabet? -> ids (n,), alphabet
"""

from __future__ import annotations

import numpy as np

from fnn.core._errors import describe

_ENCODED = np.dtype("<u4")  # a code point in UTF-32, little-endian


def characters(text: str, alphabet: str | None = None) -> tuple[np.ndarray, str]:
    """Give each character's place in the alphabet, as int64 (n,), and the alphabet itself.

    The alphabet is the text's different characters in the order of their code points, unless one is given: text for
    testing is spelt in the alphabet of the text for training. A character is a code point, so that an accent written
    apart from its letter is a character too.

    Raises ``ValueError`` for a character that is not in the alphabet, with its position, or one that is in it twice.

    >>> ids, alphabet = characters("a bad cab")
    >>> ids, alphabet
    (array([1, 0, 2, 1, 4, 0, 3, 1, 2]), ' abcd')
    >>> "".join(alphabet[i] for i in ids)
    'a bad cab'
    >>> characters("dab", alphabet)[0]
    array([4, 1, 2])
    """
    points = _code_points("text", text)
    if alphabet is None:
        seen = np.zeros(points.max(initial=0) + 1, bool)  # faster than sorted(set(text)), which makes a str of each
        seen[points] = True
        alphabet = np.flatnonzero(seen).astype(_ENCODED).tobytes().decode("utf-32-le", "surrogatepass")
    known = _code_points("alphabet", alphabet)
    place_of = np.full(max(points.max(initial=0), known.max(initial=0)) + 1, -1, np.int64)
    place_of[known] = np.arange(known.size)
    twice = np.flatnonzero(place_of[known] != np.arange(known.size))
    if twice.size:
        raise ValueError(f"characters: the alphabet must not repeat a character, got {alphabet[twice[0]]!r} twice")
    ids = place_of[points]
    unknown = np.flatnonzero(ids < 0)
    if unknown.size:
        first = int(unknown[0])
        raise ValueError(
            f"characters: {text[first]!r} at position {first} is not in the alphabet of {known.size}; "
            "take it out of the text, or make the alphabet from text that has it"
        )
    return ids, alphabet


def _code_points(what: str, text: object) -> np.ndarray:
    if not isinstance(text, str):
        hint = f"; write {what}.decode()" if isinstance(text, bytes) else ""
        raise TypeError(f"characters expects the {what} as a str, got {describe(text)}{hint}")
    # Half of a surrogate pair, which a str may hold though no UTF-8 file does, is a code point like any other here.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), _ENCODED)
