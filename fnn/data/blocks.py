"""Rows that are more than memory holds: read a block of them at a time, in an order that a key decides.

    block_epochs : data, size, key, block, epochs?, start?, together? -> the batches of one epoch after the other

A part of the data may be whatever gives rows by a slice and knows its ``shape``: an array of Zarr, h5py or Dask, a file
that NumPy maps into memory, or a list of such, one after the other. Nothing else is asked of it, and only the blocks
that are needed are read. The order is decided by the key alone, so a run is resumed to the bit.

An array that NumPy maps, ``np.load("x.npy", mmap_mode="r")``, needs none of this: ``epochs`` and ``fit`` take it, and
read the rows of a batch from wherever they lie. On a disk far away, or in compressed chunks, that would be slow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, count, islice
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe, integer
from fnn.core.keys import Key, fold_in, permutation, require_key
from fnn.data._rows import Data, require_rows
from fnn.data.batching import used_rows


def block_epochs(
    data: tuple[Any, ...],
    size: int,
    key: Key,
    block: int,
    epochs: int | None = None,
    start: int = 0,
    together: int = 1,
    *,
    drop_last: bool = False,
) -> Iterator[Data]:
    """Return the batches of one epoch after the other, shuffled by blocks of rows and within them.

    An epoch has each row once. ``fold_in(key, epoch)`` decides the order of the blocks, and how the rows of those that
    are in memory at a time, ``together``, are mixed. The fewer rows these are, the less a batch is like a sample of
    all: where rows lie sorted, by their label say, take small blocks and many together.

    Args:
        data: a tuple of what gives rows by a slice, ``part[begin:end]``, and belongs together, say ``(x, target)``.
        size: rows in a batch; the last one of an epoch may have fewer.
        key: for the order of the rows.
        block: rows that are read at once; of an array in chunks, a multiple of the rows of a chunk.
        epochs: how many epochs; without end if None.
        start: how many batches to leave out, without reading what lies before them.
        together: how many blocks are in memory and mixed.
        drop_last: whether a last batch of fewer rows is left out, in each epoch.

    Raises ``TypeError`` unless the parts give rows of real numbers, ``ValueError`` if their lengths differ or are 0.

    >>> rows = np.arange(6.0)
    >>> [x.tolist() for x, in block_epochs((rows,), 2, Key(0), block=3, epochs=1)]
    [[4.0, 5.0], [3.0, 0.0], [2.0, 1.0]]
    >>> [x.tolist() for x, in block_epochs(([rows[:4], rows[4:]],), 2, Key(0), block=3, epochs=1, start=2)]
    [[2.0, 1.0]]
    """
    if not isinstance(data, tuple) or not data:
        raise TypeError(f"block_epochs expects a tuple of arrays, say (x, target), got {describe(data)}")
    sources, counts = zip(*[_sources(each, f"data[{i}]", optional=i > 0) for i, each in enumerate(data)], strict=True)
    lengths = [n for some in counts for n in some]
    if len(set(lengths)) > 1:
        found = " and ".join(map(str, lengths))
        raise ValueError(f"block_epochs: the arrays must have the same number of rows, got {found}")
    if not lengths[0]:
        raise ValueError("block_epochs: the data has no rows")
    blocks = _Blocks(sources, lengths[0], integer("block_epochs: block", block))
    size, together = integer("block_epochs: the size", size), integer("block_epochs: together", together)
    end = None if epochs is None else integer("block_epochs: the number of epochs", epochs, 0)
    start = integer("block_epochs: start", start, 0)
    used = used_rows("block_epochs", blocks.n, size, drop_last)
    return _epochs(blocks, used, size, require_key("block_epochs", key), end, start, together)


@attrs.frozen
class _Joined:
    """Arrays one after the other, which give rows by a slice as one array would."""

    arrays: tuple[Any, ...]
    ends: tuple[int, ...]

    def __getitem__(self, rows: slice) -> np.ndarray:
        found = []
        for array, begin, end in zip(self.arrays, (0, *self.ends), self.ends, strict=False):
            if begin < rows.stop and rows.start < end:
                found.append(np.asarray(array[max(rows.start - begin, 0) : min(rows.stop, end) - begin]))
        return np.concatenate(found) if len(found) > 1 else found[0]


def _sources(part: Any, place: str, optional: bool) -> tuple[Any, list[int]]:
    """Return a part of the data as what gives rows by a slice, or None, and the number of rows of each."""
    if part is None and optional:
        return None, []
    if isinstance(part, tuple) and part:
        found = [_sources(each, f"{place}[{i}]", optional) for i, each in enumerate(part)]
        return tuple([source for source, _ in found]), [n for _, lengths in found for n in lengths]
    if isinstance(part, list) and part:
        ends = tuple(accumulate(_length(each, f"{place}[{i}]") for i, each in enumerate(part)))
        first, *kinds = [f"{getattr(each, 'dtype', None)} {tuple(each.shape[1:])}" for each in part]
        for i, kind in enumerate(kinds, 1):
            if kind != first:
                raise ValueError(f"block_epochs: {place}[{i}] must have rows of {first}, as {place}[0] has, got {kind}")
        return _Joined(tuple(part), ends), [ends[-1]]
    return part, [_length(part, place)]


def _length(part: Any, place: str) -> int:
    shape = getattr(part, "shape", None)
    if not isinstance(shape, tuple) or not shape or not hasattr(part, "__getitem__"):
        expected = "an array that gives rows by a slice, or a list of such"
        raise TypeError(f"block_epochs: {place} must be {expected}, got {describe(part)}")
    return integer(f"block_epochs: the rows of {place}", shape[0], 0)


@attrs.frozen
class _Blocks:
    """``n`` rows, read ``block`` at a time."""

    sources: Data
    n: int
    block: int

    def span(self, number: Any) -> tuple[int, int]:
        """Return the first row of a block and the one after its last."""
        return int(number) * self.block, min((int(number) + 1) * self.block, self.n)

    def mixed(self, spans: list[tuple[int, int]], places: np.ndarray) -> Data:
        """Read several blocks and put each of their rows at its place."""
        mixed: Any = None
        done = 0
        for begin, end in spans:
            rows, found = require_rows(
                "block_epochs", _each(lambda part, a=begin, b=end: _read(part, a, b), self.sources)
            )
            if found != end - begin:
                raise ValueError(f"block_epochs expects {end - begin} rows from [{begin}:{end}], got {found}")
            if mixed is None:
                mixed = _each(lambda part: np.empty((len(places), *part.shape[1:]), part.dtype), rows)
            _put(mixed, rows, places[done : done + found])
            done += found
        return mixed


def _each(function: Callable[[Any], Any], part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple([_each(function, each) for each in part])
    return None if part is None else function(part)


def _read(part: Any, begin: int, end: int) -> np.ndarray:
    return np.asarray(part[begin:end])


def _put(mixed: Any, rows: Any, places: np.ndarray) -> None:
    if isinstance(mixed, tuple):
        for each, more in zip(mixed, rows, strict=True):
            _put(each, more, places)
    elif rows is not None:
        mixed[places] = rows


def _epochs(
    blocks: _Blocks, used: int, size: int, key: Key, end: int | None, start: int, together: int
) -> Iterator[Data]:
    a_pass = -(-used // size)
    first, skipped = divmod(start, a_pass)
    for epoch in count(first) if end is None else range(first, end):
        yield from islice(_epoch(blocks, size, fold_in(key, epoch), skipped * size, together), a_pass - skipped)
        skipped = 0


def _epoch(blocks: _Blocks, size: int, key: Key, skipped: int, together: int) -> Iterator[Data]:
    """Yield the batches of an epoch from the row ``skipped`` on, at which a batch begins."""
    order = permutation(key, -(-blocks.n // blocks.block))
    rest: Any = None  # rows of a batch that goes on in the next blocks
    held = 0
    for group in range(-(-len(order) // together)):
        spans = [blocks.span(number) for number in order[group * together : (group + 1) * together]]
        n = sum(end - begin for begin, end in spans)
        if skipped >= n:
            skipped -= n
            continue
        mixed = blocks.mixed(spans, permutation(fold_in(key, group), n))
        begin, skipped = skipped, 0
        while n - begin >= size - held:
            end = begin + size - held
            yield _joined(rest, _slice(mixed, begin, end)) if held else _slice(mixed, begin, end)
            begin, rest, held = end, None, 0
        if begin < n:
            more = _slice(mixed, begin, n)
            rest, held = (_joined(rest, more) if held else more), held + n - begin
    if held:
        yield rest


def _slice(data: Any, begin: int, end: int) -> Any:
    return _each(lambda part: part[begin:end], data)


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, tuple):
        return tuple([_joined(*pair) for pair in zip(one, other, strict=True)])
    return None if one is None else np.concatenate([one, other])
