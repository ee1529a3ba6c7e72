"""Text as integers: each character becomes its place in an alphabet, which an embedding or a one-hot row can take.

characters : text, alphabet? -> ids (n,), alphabet
"""

from __future__ import annotations

import numpy as np

from fnn.core._errors import describe

_ENCODED = np.dtype("<u4")  # a code point in UTF-32, little-endian


def characters(text: str, alphabet: str | None = None) -> tuple[np.ndarray, str]:
    """Return each character's place in the alphabet, int64 (n,), and the alphabet itself.

    The alphabet is the text's different characters in the order of their code points, unless one is given: give the
    alphabet of the training text for the test text. A character is a code point, so an accent that is a code point of
    its own is a character too.

    Raises ``TypeError`` unless both are of type str, ``ValueError`` for a character that is not in the alphabet, with
    its position, or that is in it twice.

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
        # Faster than sorted(set(text)), which makes a str of each character.
        seen = np.zeros(points.max(initial=0) + 1, bool)
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
    """Return the code points of a str; ``what`` is its name in an error."""
    if not isinstance(text, str):
        hint = next((f"; write {what}.{name}()" for name in ("decode", "read_text") if hasattr(text, name)), "")
        raise TypeError(f"characters expects the {what} as a str, got {describe(text)}{hint}")
    # Half of a surrogate pair is a code point like any other here: a str may hold one, though no UTF-8 file does.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), _ENCODED)
