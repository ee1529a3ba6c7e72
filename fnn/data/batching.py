"""Batches: a few rows at a time, in an order that a key decides.

    batches : data, size, key?                  -> the batches of one epoch
    epochs  : data, size, key, epochs?, start?  -> the batches of one epoch after the other, each in another order
              data, size, n keys                -> the same for an ensemble, (n, size, ...): each member in an order of
                                                   its own

An epoch has each row in exactly one batch, and its last batch has what is left, or with ``drop_last`` is left out, so
that all batches are of one size. An epoch of a single batch is the data
itself, neither shuffled nor copied: the order of rows within a batch means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from fnn.core._arrays import is_tuple
from fnn.core._errors import boolean, integer
from fnn.core._members import replicate
from fnn.core.keys import Key, fold_in, permutation, require_key, require_keys
from fnn.data._rows import Data, require_rows, take_rows


def batches(data: tuple[Any, ...], size: int, key: Key | None = None, *, drop_last: bool = False) -> Iterator[Data]:
    """Return the batches of one epoch, shuffled if there is a key.

    Args:
        data: a tuple of arrays whose rows belong together, say ``(x, target)``.
        size: rows in a batch; the last one may have fewer.
        key: for the order of the rows; None keeps theirs.
        drop_last: whether a last batch of fewer rows is left out.

    Raises ``TypeError`` unless data is a tuple of arrays of real numbers, ``ValueError`` if their lengths differ or are
    0, the size is below 1, or no batch would be left.

    >>> x = np.arange(5.0)
    >>> [batch[0].tolist() for batch in batches((x, x), 2)]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """
    data, n = require_rows("batches", data)
    size = integer("batches: the size", size)
    n_used = used_rows("batches", n, size, drop_last)
    return _epoch(data, n, n_used, size, None if key is None else require_key("batches", key), 0)


def epochs(
    data: tuple[Any, ...],
    size: int,
    key: Key | tuple[Key, ...],
    epochs: int | None = None,
    start: int = 0,
    *,
    drop_last: bool = False,
) -> Iterator[Data]:
    """Return the batches of one epoch after the other, each shuffled by ``fold_in(key, epoch)``.

    Args:
        data: a tuple of arrays whose rows belong together, say ``(x, target)``.
        size: rows in a batch; the last one of an epoch may have fewer.
        key: for the order of the rows. A tuple of n keys makes batches for an ensemble, whose arrays have an axis of n
            in front: those of member i are what ``epochs`` makes with the i-th key.
        epochs: how many epochs; without end if None.
        start: how many batches to leave out, without making them: a run resumed at ``state.step`` sees what it would
            have seen.
        drop_last: whether a last batch of fewer rows is left out, in each epoch: those rows are others each time.

    Raises what ``batches`` does.

    >>> x = np.arange(4.0)
    >>> [batch[0].tolist() for batch in epochs((x, x), 2, Key(0), epochs=2)]
    [[3.0, 1.0], [2.0, 0.0], [1.0, 3.0], [2.0, 0.0]]
    >>> [batch[0].tolist() for batch in epochs((x, x), 2, Key(0), epochs=2, start=3)]
    [[2.0, 0.0]]
    >>> next(epochs((x, x), 2, (Key(0), Key(1))))[0]
    array([[3., 1.],
           [1., 3.]])
    """
    data, n = require_rows("epochs", data)
    end = None if epochs is None else integer("epochs: the number of epochs", epochs, 0)
    start, size = integer("epochs: start", start, 0), integer("epochs: the size", size)
    n_used = used_rows("epochs", n, size, drop_last)
    key = require_keys("epochs", key) if is_tuple(key) else require_key("epochs", key)
    return _epochs(data, n, n_used, size, key, end, start)


def used_rows(caller: str, n: int, size: int, drop_last: bool) -> int:
    """Return how many of ``n`` rows an epoch uses, or raise ``ValueError`` in the name of ``caller`` for none.

    >>> used_rows("epochs", 10, 4, False), used_rows("epochs", 10, 4, True)
    (10, 8)
    """
    if not boolean(f"{caller}: drop_last", drop_last):
        return n
    if n < size:
        raise ValueError(f"{caller}: of {n} rows drop_last leaves no batch of {size}; write a smaller size")
    return n - n % size


def _epochs(data: Data, n: int, n_used: int, size: int, key: Any, end: int | None, start: int) -> Iterator[Data]:
    first, skipped = divmod(start, -(-n_used // size))
    for epoch in count(first) if end is None else range(first, end):
        if isinstance(key, tuple):
            yield from _epoch_of_each(data, n, n_used, size, tuple([fold_in(each, epoch) for each in key]), skipped)
        else:
            yield from _epoch(data, n, n_used, size, fold_in(key, epoch), skipped)
        skipped = 0


def _epoch(data: Data, n: int, n_used: int, size: int, key: Key | None, skipped: int) -> Iterator[Data]:
    if n <= size:
        yield data
        return
    order = np.arange(n) if key is None else permutation(key, n)
    for begin in range(skipped * size, n_used, size):
        yield take_rows(data, order[begin : begin + size])


def _epoch_of_each(data: Data, n: int, n_used: int, size: int, keys: tuple[Key, ...], skipped: int) -> Iterator[Data]:
    """Yield batches with an axis for the keys in front, each with its own order of the rows."""
    if n <= size:
        yield replicate(data, len(keys))
        return
    orders = np.stack([permutation(key, n) for key in keys])
    for begin in range(skipped * size, n_used, size):
        yield take_rows(data, orders[:, begin : begin + size])
