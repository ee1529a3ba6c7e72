"""Laws of batches: rows stay together, each is in exactly one batch of an epoch, and a key decides the order."""

import array
import itertools
from pathlib import Path

import numpy as np
import pytest

from fnn import Key, data, fold_in
from fnn.data import batches, block_epochs, epochs, kfold, train_test_split
from tests.data.rows import ROWS, SIZE, DataFrame, Lazy, N, Sparse, Tensor, numbers, same_batches
from tests.each_of import each_of


def test_without_a_key_batches_come_in_order_and_the_last_has_what_is_left():
    parts = [numbers(batch) for batch in batches(ROWS, SIZE)]
    assert parts == [list(range(0, 50)), list(range(50, 100)), list(range(100, 105))]


@each_of("size", [1, 2, 50, 104])
def test_each_epoch_is_a_permutation_of_the_rows_in_batches_of_one_size(size):
    per_epoch = -(-N // size)
    parts = [numbers(batch) for batch in epochs(ROWS, size, Key(1), epochs=3)]
    assert [len(part) for part in parts] == ([size] * (N // size) + [N % size] * (N % size > 0)) * 3
    orders = [[*itertools.chain(*parts[i * per_epoch : (i + 1) * per_epoch])] for i in range(3)]
    assert all(sorted(order) == list(range(N)) for order in orders)
    assert all(order != list(range(N)) for order in orders)


def test_two_epochs_differ_in_which_rows_meet_not_only_in_the_order_of_batches():
    parts = [frozenset(numbers(batch)) for batch in epochs(ROWS, 21, Key(0), epochs=2)]
    assert len(set(parts)) == 10
    assert {frozenset(range(i, i + 21)) for i in range(0, N, 21)}.isdisjoint(parts)
    assert all(len(first & second) < 15 for first in parts[:5] for second in parts[5:])


def test_each_epoch_is_shuffled_by_its_own_key():
    two = [*batches(ROWS, SIZE, fold_in(Key(4), 0)), *batches(ROWS, SIZE, fold_in(Key(4), 1))]
    assert same_batches(epochs(ROWS, SIZE, Key(4), epochs=2), two)


@each_of("start", range(11))
def test_start_leaves_out_exactly_as_many_batches_across_epochs(start):
    everything = list(epochs(ROWS, SIZE, Key(2), epochs=3))
    assert same_batches(epochs(ROWS, SIZE, Key(2), epochs=3, start=start), everything[start:])
    endless = epochs(ROWS, SIZE, Key(2), start=start)
    assert same_batches(itertools.islice(endless, max(9 - start, 0)), everything[start:])


@each_of("size", [1, 50, 104, N])
@each_of("key", [Key(2), (Key(2), Key(3))], ids=["one", "members"])
def test_without_the_last_batch_the_others_are_what_they_are_with_it_and_all_of_one_size(size, key):
    axis = int(isinstance(key, tuple))
    everything = list(epochs(ROWS, size, key, epochs=3))
    whole = [batch for batch in everything if batch[0].shape[axis] == size]
    assert len(whole) == 3 * (N // size)
    assert same_batches(epochs(ROWS, size, key, epochs=3, drop_last=True), whole)
    for start in (1, N // size, N // size + 1, 2 * (N // size) + 1):
        assert same_batches(epochs(ROWS, size, key, epochs=3, start=start, drop_last=True), whole[start:])


def test_batches_of_one_epoch_may_leave_out_the_last_too():
    assert same_batches(batches(ROWS, SIZE, drop_last=True), list(batches(ROWS, SIZE))[:2])


@pytest.mark.parametrize("size", [N, N + 1, 10**9])
def test_an_epoch_of_one_batch_is_the_data_itself(size):
    for batch in [*batches(ROWS, size), *batches(ROWS, size, Key(0)), *epochs(ROWS, size, Key(0), epochs=2)]:
        assert all(ours is theirs for ours, theirs in zip(batch, ROWS, strict=True))


def test_no_epochs_are_no_batches():
    assert list(epochs(ROWS, SIZE, Key(0), epochs=0)) == []


def test_arrays_in_any_memory_order_give_the_same_batches():
    x, y = ROWS
    wide = np.zeros((2 * N, 5), np.float32)
    wide[::2, 1:4:2] = x
    strided = (wide[::2, 1:4:2], y[::-1].copy()[::-1])
    fortran = (np.asfortranarray(x), y)
    for other in (strided, fortran):
        assert not other[0].flags.c_contiguous
        assert same_batches(epochs(other, SIZE, Key(3), epochs=2), epochs(ROWS, SIZE, Key(3), epochs=2))


def test_a_batch_is_a_copy_that_shares_nothing_with_the_data():
    for batch in epochs(ROWS, SIZE, Key(0), epochs=1):
        assert not any(np.shares_memory(a, b) for a, b in zip(batch, ROWS, strict=True))


@each_of("order", ["C", "F"])
@each_of("shuffled", [batches, epochs])
def test_the_caller_s_data_stay_as_they_are(shuffled, order):
    x, y = np.array(np.arange(20.0).reshape(10, 2), order=order), np.arange(10)
    before = x.tobytes(), y.tobytes()
    first = list(itertools.islice(shuffled((x, y), 4, Key(0)), 6))
    assert (x.tobytes(), y.tobytes()) == before
    assert x.flags.writeable
    assert y.flags.writeable
    x.setflags(write=False)
    y.setflags(write=False)
    assert same_batches(itertools.islice(shuffled((x, y), 4, Key(0)), 6), first)


def test_a_start_a_million_epochs_ahead_is_at_its_own_epoch():
    data, key = (np.arange(4),), Key(0)
    (batch,) = itertools.islice(epochs(data, 2, key, start=2 * 10**6 + 1), 1)
    assert same_batches([batch], list(batches(data, 2, fold_in(key, 10**6)))[1:])


# --- what is no array of NumPy ----------------------------------------------------------------------------------------


@each_of("parts", [lambda part: (part, ROWS[1]), lambda part: ((ROWS[0], part), ROWS[1])])
@each_of(
    ("part", "remedy"),
    [
        (Lazy(ROWS[0]), "np.asarray("),
        (Sparse(), ".toarray()"),
        (array.array("d", range(N)), "np.array(...)"),
        (ROWS[1].tolist(), "np.array(...)"),
        (range(N), "np.array(...)"),
        (ROWS[1].astype(object), ".astype(np.float32)"),
        (ROWS[1].astype(str), "np.unique("),
        (np.array(["cat"] * N, object), "np.unique("),
    ],
)
def test_it_is_refused_everywhere_with_what_to_write(part, remedy, parts):
    data = parts(part)
    for call in (
        lambda: batches(data, SIZE),
        lambda: epochs(data, SIZE, Key(0)),
        lambda: train_test_split(data, 0.5, Key(0)),
    ):
        with pytest.raises(TypeError, match=r"data\[.*\] must be an array of real numbers, got .*; write ") as caught:
            call()
        assert remedy in str(caught.value).rpartition("; write ")[2]


NO_ROWS = [np.ones(N, complex), np.zeros(N, "M8[s]"), np.zeros(N, [("a", int)]), None, 3, np.float32(3), max, DataFrame]


@each_of("part", NO_ROWS)
def test_what_cannot_be_rows_is_refused_without_advice(part):
    with pytest.raises(TypeError, match=r"batches: data\[0\] must be an array of real numbers, got [^;]*$"):
        batches((part,), SIZE)


@each_of("data", [DataFrame(ROWS[0]), Tensor(ROWS[0]), Sparse(), [1, 2]])
def test_a_table_is_no_data_without_its_target(data):
    with pytest.raises(TypeError, match=r"batches expects a tuple of arrays, say \(x, target\), got "):
        batches(data, SIZE)


@each_of("part", [DataFrame(ROWS[0]), Tensor(ROWS[0]), memoryview(ROWS[0])])
def test_tables_and_arrays_of_other_libraries_are_rows(part):
    assert same_batches(epochs((part, ROWS[1]), SIZE, Key(0), epochs=2), epochs(ROWS, SIZE, Key(0), epochs=2))
    assert same_batches(train_test_split((part, ROWS[1]), 0.5, Key(0)), train_test_split(ROWS, 0.5, Key(0)))
    assert next(batches(((part, part), ROWS[1]), SIZE))[0][1].tobytes() == ROWS[0][:SIZE].tobytes()


@each_of("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.uint8, np.int64, bool, ">f4"])
@each_of("shape", [(1,), (1, 0), (5, 0, 3), (5, 1)])
def test_narrow_and_empty_rows_keep_their_dtype_and_shape(dtype, shape):
    x = np.ones(shape, dtype)
    for size in (1, 2, 5, 9):
        parts = [part for (part,) in epochs((x,), size, Key(0), epochs=1)]
        assert np.concatenate(parts).shape == shape
        assert all(part.dtype == x.dtype for part in parts)


def test_a_matrix_becomes_an_array():
    (part,) = next(batches((np.ones((3, 2)).view(np.matrix),), 2))
    assert type(part) is np.ndarray
    assert part[0].shape == (2,)


def streams(data):
    """Return the first batch, or part, of all that takes rows of data."""
    keys = (Key(0), Key(1))
    return {
        "batches": next(batches(data, 2)),
        "batches with a key": next(batches(data, 2, Key(0))),
        "a whole batch": next(batches(data, 9)),
        "epochs": next(epochs(data, 2, Key(0))),
        "epochs of an ensemble": next(epochs(data, 2, keys)),
        "whole epochs of an ensemble": next(epochs(data, 9, keys)),
        "block_epochs": next(block_epochs(data, 3, Key(0), 2)),
        "kfold": next(kfold(data, 2, Key(0)))[1],
        "train_test_split": train_test_split(data, 0.5, Key(0))[0],
    }


def test_a_target_or_weights_that_are_none_are_none_in_each_batch():
    x, label = np.arange(10.0).reshape(5, 2), np.arange(5)
    with_labels = streams((x, label))
    for caller, (rows, labels, weights) in streams((x, label, None)).items():
        np.testing.assert_array_equal(rows, with_labels[caller][0], err_msg=caller)
        np.testing.assert_array_equal(labels, with_labels[caller][1], err_msg=caller)
        assert weights is None, caller
    for caller, (rows, (labels, none)) in streams((x, (label, None))).items():
        np.testing.assert_array_equal(labels, with_labels[caller][1], err_msg=caller)
        assert none is None, caller
        assert rows.shape == with_labels[caller][0].shape
    for caller, (rows, none) in streams((x, None)).items():  # as triplet takes it
        np.testing.assert_array_equal(rows, with_labels[caller][0], err_msg=caller)
        assert none is None, caller


def test_none_is_no_input():
    for given in ((None, np.zeros(3)), ((np.zeros(3), None), np.zeros(3)), (None,)):
        with pytest.raises(TypeError, match=r"^batches: data\[0\]\S* must be an array .* got NoneType None"):
            batches(given, 2)
        with pytest.raises(TypeError, match=r"^block_epochs: data\[0\]\S* must be an array that gives rows by a slice"):
            block_epochs(given, 2, Key(0), 2)


def test_no_function_of_the_room_hides_the_module_of_its_name():
    for path in Path(data.__file__).parent.glob("[a-z]*.py"):
        assert getattr(data, path.stem).__name__ == f"fnn.data.{path.stem}"
