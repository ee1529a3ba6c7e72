"""Many sentences through an encoder: in batches of rows about as long, so that little is computed for padding.

embed : encoder, rows of ids -> vectors (n, d), in the order of the rows
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fnn.core._errors import describe, integer
from fnn.core.record import is_record
from fnn.data.sequences import pad_rows
from fnn.layers._sequences import as_lengths, is_pair


def embed(encoder: Any, rows: Any, size: int = 16) -> np.ndarray:
    """Return the vector that an encoder makes of each row, (n, d), in the order of the rows.

    The rows are sorted by length and taken ``size`` at a time, each batch padded to its own longest. A vector is the
    same, to rounding, as that of its row alone or in one batch of all: what a batch of unequal rows costs is its
    padding, for which attention computes as it does for tokens.

    Args:
        encoder: a network of (ids, lengths) that returns a vector for each row, as ``sentence_encoder`` reads it.
        rows: the ids of each row, as arrays or lists of unequal lengths, or a pair (ids, lengths).
        size: how many rows are a batch.

    Raises ``TypeError`` for what is no network or no rows, ``ValueError`` without rows, or if the encoder returns
    anything but a vector for each row.

    >>> from fnn import Embedding, Serial, global_avg_pool
    >>> encoder = Serial((Embedding(np.array([[0.0, 1.0], [2.0, 3.0]])), global_avg_pool))
    >>> embed(encoder, [[0, 1, 1, 0], [1]])
    array([[1., 2.],
           [2., 3.]])
    """
    if not is_record(encoder):
        raise TypeError(f"embed expects a finished network, got {describe(encoder)}")
    size = integer("embed: the size", size)
    given = _unpadded(rows)
    order = np.argsort([len(row) for row in given], kind="stable")
    vectors: np.ndarray | None = None
    for begin in range(0, len(order), size):
        places = order[begin : begin + size]
        y = encoder(pad_rows([given[place] for place in places]))
        if not isinstance(y, np.ndarray) or y.ndim != 2:
            hint = "put global_avg_pool behind it: Serial((encoder, global_avg_pool))"
            raise ValueError(f"embed expects an encoder that returns a vector for each row, got {describe(y)}; {hint}")
        vectors = np.empty((len(given), y.shape[1]), y.dtype) if vectors is None else vectors
        vectors[places] = y
    if vectors is None:
        raise ValueError("embed expects at least one row, got none")
    return vectors


def _unpadded(rows: Any) -> list[np.ndarray]:
    """Return the ids of each row, without padding."""
    if is_pair(rows):
        ids, lengths = rows[0], as_lengths("embed", rows[1], *rows[0].shape[:2])
        return [row[:length] for row, length in zip(ids, lengths, strict=True)]
    if isinstance(rows, str | bytes | dict) or not isinstance(rows, Iterable):
        raise TypeError(f"embed expects the ids of each row, got {describe(rows)}; split text by tokenizers")
    found = [np.asarray(row) for row in rows]
    wrong = next((row for row in found if row.ndim != 1 or row.dtype.kind not in "iu"), None)
    if wrong is not None:
        raise TypeError(f"embed expects the ids of each row as integers (time,), got {describe(wrong)}")
    return found
