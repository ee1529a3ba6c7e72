"""Batches: a few rows at a time, in an order that a key decides.

    batches : data, size, key? -> the batches of one pass
    epochs  : data, size, key -> the batches of pass after pass, each in another order

Each row is in exactly one batch of a pass; the last batch has what is left. A pass that is a single batch is the data
itself, neither shuffled nor copied: the order of rows within a batch means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from fnn.core._errors import integer
from fnn.core.keys import Key, fold_in, permutation, require_key
from fnn.data._rows import Data, require_rows, take_rows


def batches(data: Any, size: int, key: Key | None = None) -> Iterator[Data]:
    """Give the batches of one pass, shuffled if there is a key.

    >>> x = np.arange(5.0)
    >>> [batch[0].tolist() for batch in batches((x, x), 2)]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """
    data, n = require_rows("batches", data)
    size = integer("batches: the size", size)
    return _pass(data, n, size, None if key is None else require_key("batches", key), 0)


def epochs(data: Any, size: int, key: Key, epochs: int | None = None, start: int = 0) -> Iterator[Data]:
    """Give the batches of ``epochs`` passes (without end if None), each shuffled by ``fold_in(key, epoch)``.

    ``start`` leaves out as many batches, without making them: a run resumed at ``state.step`` sees what it would have.

    >>> x = np.arange(4.0)
    >>> [batch[0].tolist() for batch in epochs((x, x), 2, Key(0), epochs=2)]
    [[3.0, 1.0], [2.0, 0.0], [1.0, 3.0], [2.0, 0.0]]
    >>> [batch[0].tolist() for batch in epochs((x, x), 2, Key(0), epochs=2, start=3)]
    [[2.0, 0.0]]
    """
    data, n = require_rows("epochs", data)
    passes = None if epochs is None else integer("epochs: the number of passes", epochs, 0)
    start, size = integer("epochs: start", start, 0), integer("epochs: the size", size)
    return _passes(data, n, size, require_key("epochs", key), passes, start)


def _passes(data: Data, n: int, size: int, key: Key, epochs: int | None, start: int) -> Iterator[Data]:
    a_pass = -(-n // size)
    for epoch in count() if epochs is None else range(epochs):
        skipped = min(max(start - epoch * a_pass, 0), a_pass)
        if skipped < a_pass:
            yield from _pass(data, n, size, fold_in(key, epoch), skipped)


def _pass(data: Data, n: int, size: int, key: Key | None, skipped: int) -> Iterator[Data]:
    if n <= size:
        yield data
        return
    order = np.arange(n) if key is None else permutation(key, n)
    for begin in range(skipped * size, n, size):
        yield take_rows(data, order[begin : begin + size])
