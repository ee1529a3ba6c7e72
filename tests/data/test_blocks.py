"""Rows that are more than memory holds: in blocks, in an order of the key, resumed to the bit, and never read whole."""

import itertools
import tracemalloc

import numpy as np
import pytest
from toolz import last

import fnn
from fnn import Key, adam, cross_entropy, fit, mlp, start, states, train_step, tree
from fnn.data import block_epochs, epochs
from tests.each_of import each_of
from tests.errors import check, message


class Rows:
    """What gives rows by a slice and nothing else, and remembers what it was asked for."""

    def __init__(self, array):
        self._array, self.shape, self.asked = array, array.shape, []

    def __getitem__(self, rows):
        assert type(rows) is slice
        self.asked.append((rows.start, rows.stop))
        return self._array[rows].copy()


KEY = Key(0)


def batches_of(n, *, size, block, together=1, epochs=1, start=0, key=KEY):
    x = np.arange(n)
    data = (Rows(x[:, None] * 1.5), Rows(x))
    return list(block_epochs(data, size, key, block, epochs, start, together))


CUTS = list(itertools.product((1, 7, 20), (1, 3, 30), (1, 4, 50), (1, 10)))


@each_of(("n", "size", "block", "together"), CUTS)
def test_an_epoch_has_each_row_once_in_batches_of_one_size_and_can_begin_anywhere(n, size, block, together):
    cut = {"size": size, "block": block, "together": together}
    found = batches_of(n, **cut, epochs=2)
    a_pass = -(-n // size)
    for epoch in (found[:a_pass], found[a_pass:]):
        assert [len(x) for x, _ in epoch] == [size] * (n // size) + [n % size] * (n % size > 0)
        assert sorted(np.concatenate([t for _, t in epoch])) == list(range(n))
        for x, target in epoch:
            np.testing.assert_array_equal(x[:, 0], target * 1.5)
    for begin in {0, 1, a_pass - 1, a_pass, a_pass + 1}:
        resumed = batches_of(n, **cut, epochs=2, start=begin)
        assert len(resumed) == len(found[begin:])
        assert tree.equal(tuple(resumed), tuple(found[begin:]))


@each_of(("n", "size", "block", "together"), [(20, 3, 4, 2), (20, 20, 7, 1), (7, 2, 50, 1), (9, 4, 1, 3)])
def test_without_the_last_batch_the_others_are_what_they_are_with_it(n, size, block, together):
    x = (np.arange(n),)
    cut = {"epochs": 2, "together": together}
    whole = [batch for batch in block_epochs(x, size, KEY, block, **cut) if len(batch[0]) == size]
    for begin in (0, 1, n // size):
        found = tuple(block_epochs(x, size, KEY, block, **cut, start=begin, drop_last=True))
        assert tree.equal(found, tuple(whole[begin:]))


def test_each_epoch_and_each_key_has_an_order_of_its_own():
    both = [batches_of(40, size=8, block=10, epochs=2, key=key) for key in (Key(0), Key(1))]
    orders = [np.concatenate([t for _, t in epoch]) for found in both for epoch in (found[:5], found[5:])]
    assert len({tuple(order) for order in orders}) == 4


def test_blocks_are_read_one_after_the_other_in_the_order_of_the_key_and_mixed_with_those_that_are_there():
    rows = Rows(np.arange(100))
    (first, *_) = batches = list(block_epochs((rows,), 10, Key(3), 10, 1))
    assert sorted(rows.asked) == [(begin, begin + 10) for begin in range(0, 100, 10)] != rows.asked
    assert [batch[0].min() // 10 for batch in batches] == [begin // 10 for begin, _ in rows.asked]
    assert first[0].tolist() != sorted(first[0])
    mixed = list(block_epochs((rows,), 10, Key(3), 10, 1, together=5))
    assert {len({*(batch[0] // 10)}) for batch in mixed} <= {3, 4, 5}


def test_what_lies_before_the_start_is_not_read():
    rows = Rows(np.arange(100))
    list(block_epochs((rows,), 10, Key(3), 20, 1, start=7))
    assert len(rows.asked) == 2  # of five blocks the last two hold the rows from 70 on
    next(block_epochs((rows,), 10, Key(3), 20))
    assert len(rows.asked) == 3


def test_a_list_of_arrays_is_one_array():
    x = np.arange(23.0)
    pieces = [Rows(piece) for piece in np.split(x, [2, 2, 9, 22])]
    for block in (1, 5, 23):
        whole = list(block_epochs(((x, x[:, None]),), 4, Key(1), block, 1))
        parts = list(block_epochs(((pieces, [x[:, None]]),), 4, Key(1), block, 1))
        assert tree.equal(tuple(whole), tuple(parts))


def test_a_run_on_blocks_goes_on_from_its_step_to_the_same_bits(tmp_path):
    data = Rows(fnn.data.digits()[0][:300]), Rows(fnn.data.digits()[1][:300])
    optimizer = adam(1e-2)
    first = start(mlp(8, 10)(Key(0), np.zeros((1, 64), np.float32)), optimizer)
    step = train_step(cross_entropy, optimizer)

    def run(state, stop):
        batches = block_epochs(data, 32, Key(1), 70, start=state.step, together=2)
        return last(states(step, state, itertools.islice(batches, stop - state.step)))

    whole = run(first, 25)
    fnn.save(tmp_path / "run", run(first, 13))
    assert tree.equal(run(fnn.load(tmp_path / "run"), 25).params, whole.params)


# --- memory: what NumPy has asked the system for, which says the same on every machine --------------------------------

MANY, WIDE = 16_384, 1_024  # 64 MB of float32, in a file that takes no room on the disk


@pytest.fixture
def mapped(tmp_path):
    """A file of many rows, mapped into memory, in which some are not 0."""
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (MANY, WIDE))
    x[::512, :10] = 1.0
    x.flush()
    del x
    return np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(MANY) // 512 % 2


def peak_of(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def trained_on(data, batches=None):
    optimizer = adam(1e-2)
    state = start(mlp(4, 2)(Key(0), np.zeros((1, WIDE), np.float32)), optimizer)
    if batches is None:
        return fit(cross_entropy, optimizer, state, data, steps=6, size=32, key=Key(0))
    return last(states(train_step(cross_entropy, optimizer), state, itertools.islice(batches, 6)))


def test_a_file_mapped_into_memory_is_trained_on_without_being_read_whole(mapped):
    trained_on(mapped)  # which loads what is loaded once
    assert peak_of(lambda: trained_on(mapped)) < 3e6  # a batch is 131 kB, the order of all rows as much
    whole = np.array(mapped[0]), mapped[1]
    assert whole[0].nbytes > 60e6
    assert tree.equal(trained_on(mapped).params, trained_on(whole).params)
    assert next(epochs(mapped, 32, Key(0)))[0].nbytes == 32 * WIDE * 4


def test_blocks_hold_no_more_than_those_that_are_mixed(mapped):
    def run(block, together):
        return lambda: trained_on(mapped, block_epochs(mapped, 32, Key(0), block, together=together))

    run(64, 1)()
    assert peak_of(run(64, 1)) < 4e6
    assert 4e6 < peak_of(run(64, 16)) < 8e6


# --- what is refused --------------------------------------------------------------------------------------------------


class Short:
    shape = (9,)

    def __getitem__(self, rows):
        return np.arange(9)[rows][:2]


def drawn(*data, size=2, key=KEY, block=4, **options):
    return lambda: list(block_epochs(data[0] if len(data) == 1 else data, size, key, block, 1, **options))


X = np.arange(9.0)
V, T = ValueError, TypeError
ROWS = [
    (drawn(X), T, "block_epochs expects a tuple of arrays, say (x, target), got float64 array (9,)"),
    (drawn(()), T, "block_epochs expects a tuple of arrays, say (x, target), got tuple ()"),
    (
        drawn((X, "text")),
        T,
        "block_epochs: data[1] must be an array that gives rows by a slice, or a list of such, got str 'text'",
    ),
    (
        drawn((X, [X, 3.0])),
        T,
        "block_epochs: data[1][1] must be an array that gives rows by a slice, or a list of such, got float 3.0",
    ),
    (drawn((X, X[1:])), V, "block_epochs: the arrays must have the same number of rows, got 9 and 8"),
    (drawn((X[:0],)), V, "block_epochs: the data has no rows"),
    (drawn((X.astype(str),)), T, "block_epochs: data[0] must be an array of real numbers, got <U32 array (4,); …"),
    (drawn((Short(),)), V, "block_epochs expects 4 rows from […], got 2"),
    (
        drawn(([X[:4], X[4:].astype(np.float32)],)),
        V,
        "block_epochs: data[0][1] must have rows of float64 (), as data[0][0] has, got float32 ()",
    ),
    (drawn((X,), block=0), V, "block_epochs: block must be at least 1, got 0"),
    (drawn((X,), size=0), V, "block_epochs: the size must be at least 1, got 0"),
    (drawn((X,), together=0), V, "block_epochs: together must be at least 1, got 0"),
    (drawn((X,), start=-1), V, "block_epochs: start must be at least 0, got -1"),
    (drawn((X,), key=3), T, "block_epochs expects a key, got int 3; write Key(3)"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
