"""Laws of data: rows stay together, each comes once a pass, files are believed as far as their length bears out."""

import gzip
import itertools
import math
import random
import re
import struct
import tracemalloc

import numpy as np
import pytest

from fnn import FormatError, Key, fold_in
from fnn.data import (
    batches,
    digits,
    epochs,
    line,
    mnist,
    moons,
    one_hot,
    read_idx,
    standardize,
    train_test_split,
)

N, SIZE = 105, 50  # a last batch of 5
ROWS = (np.array([[i, -i] for i in range(N)], np.float32), np.array([3 * i for i in range(N)], np.int16))


def numbers(data):
    """The number of each row, having checked that its parts are still together and of their own dtypes."""
    x, y = data
    assert (x.dtype, y.dtype) == (np.float32, np.int16)
    assert (x * [3, -3] == y[:, None]).all()
    return (y // 3).tolist()


def joined(parts):
    return list(itertools.chain.from_iterable(parts))


def same_batches(ours, theirs):
    ours, theirs = list(ours), list(theirs)
    assert len(ours) == len(theirs)
    return all(a.tobytes() == b.tobytes() for p, q in zip(ours, theirs, strict=True) for a, b in zip(p, q, strict=True))


# --- batches and epochs ----------------------------------------------------------------------------------------------


def test_without_a_key_batches_come_in_order_and_the_last_has_what_is_left():
    parts = [numbers(batch) for batch in batches(ROWS, SIZE)]
    assert parts == [list(range(0, 50)), list(range(50, 100)), list(range(100, 105))]


@pytest.mark.parametrize("size", [1, 2, 50, 104])
def test_each_pass_is_a_permutation_of_the_rows_in_batches_of_one_size(size):
    a_pass = -(-N // size)
    parts = [numbers(batch) for batch in epochs(ROWS, size, Key(1), epochs=3)]
    assert [len(part) for part in parts] == ([size] * (N // size) + [N % size] * (N % size > 0)) * 3
    orders = [joined(parts[i * a_pass : (i + 1) * a_pass]) for i in range(3)]
    assert all(sorted(order) == list(range(N)) for order in orders)
    assert all(order != list(range(N)) for order in orders)


def test_two_epochs_differ_in_which_rows_meet_not_only_in_the_order_of_batches():
    parts = [frozenset(numbers(batch)) for batch in epochs(ROWS, 21, Key(0), epochs=2)]
    assert len(set(parts)) == 10
    assert {frozenset(range(i, i + 21)) for i in range(0, N, 21)}.isdisjoint(parts)
    assert all(len(first & second) < 15 for first in parts[:5] for second in parts[5:])


def test_an_epoch_is_one_pass_shuffled_by_its_own_key():
    two = [*batches(ROWS, SIZE, fold_in(Key(4), 0)), *batches(ROWS, SIZE, fold_in(Key(4), 1))]
    assert same_batches(epochs(ROWS, SIZE, Key(4), epochs=2), two)


@pytest.mark.parametrize("start", range(11))
def test_start_leaves_out_exactly_as_many_batches_across_epochs(start):
    everything = list(epochs(ROWS, SIZE, Key(2), epochs=3))
    assert same_batches(epochs(ROWS, SIZE, Key(2), epochs=3, start=start), everything[start:])
    endless = epochs(ROWS, SIZE, Key(2), start=start)
    assert same_batches(itertools.islice(endless, max(9 - start, 0)), everything[start:])


@pytest.mark.parametrize("size", [N, N + 1, 10**9])
def test_a_pass_of_one_batch_is_the_data_itself(size):
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


FUNCTIONS = {
    "batches": lambda x, y: list(batches((x, y), 4, Key(0))),
    "epochs": lambda x, y: list(epochs((x, y), 4, Key(0), epochs=2)),
    "train_test_split": lambda x, y: train_test_split((x, y), 0.3, Key(0)),
    "one_hot": lambda x, y: one_hot(y, 10),
    "standardize": lambda x, y: standardize(x),
    "standardize like": lambda x, y: standardize(x[:3], like=x),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_callers_data_stay_as_they_are(function, order):
    x, y = np.array(np.arange(20.0).reshape(10, 2), order=order), np.arange(10)
    before = x.tobytes(), y.tobytes()
    first = function(x, y)
    assert (x.tobytes(), y.tobytes()) == before
    assert x.flags.writeable
    assert y.flags.writeable
    x.setflags(write=False)
    y.setflags(write=False)
    assert repr(function(x, y)) == repr(first)


# --- prepare ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "held_out"), [(0.2, 21), (0.5, 52), (0.01, 1), (0.99, 104)])
def test_a_split_gives_every_row_to_exactly_one_side(fraction, held_out):
    train, test = (numbers(side) for side in train_test_split(ROWS, fraction, Key(0)))
    assert len(test) == held_out
    assert sorted(train + test) == list(range(N))
    assert train + test != sorted(train + test)


def test_a_split_depends_on_its_key_alone():
    first, again, other = (train_test_split(ROWS, 0.2, Key(seed)) for seed in (0, 0, 1))
    assert same_batches(first, again)
    assert not same_batches(first, other)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_one_hot_puts_a_one_at_the_place_of_each_label(dtype):
    spelt = one_hot(np.array([2, 0, 1], dtype), 4)
    assert spelt.dtype == np.float32
    assert spelt.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_one_hot_takes_labels_of_any_shape():
    assert one_hot([[1], [0]], 2).tolist() == [[[0, 1]], [[1, 0]]]
    assert one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_standardized_columns_have_mean_0_and_deviation_1(dtype):
    x = np.array([[1, 10], [3, 20], [5, 60]], dtype)
    root = math.sqrt(8 / 3), math.sqrt(1400 / 3)
    expected = [[-2 / root[0], -20 / root[1]], [0, -10 / root[1]], [2 / root[0], 30 / root[1]]]
    scaled = standardize(x)
    assert scaled.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-12)


def test_a_constant_column_becomes_0():
    assert standardize(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1, 0], [1, 0]]
    assert standardize(np.array([[5.0, 7.0]], np.float32)).tolist() == [[0, 0]]


@pytest.mark.parametrize("value", [0.1, 1e8 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_becomes_exactly_0_though_its_mean_is_rounded(value, dtype):
    assert standardize(np.full((3, 1), value, dtype)).tolist() == [[0]] * 3


def test_a_deviation_whose_square_is_0_divides_nothing_by_0():
    assert np.isfinite(standardize(np.array([[0.0], [1e-200]]))).all()


def test_a_test_set_is_scaled_as_its_training_set_was():
    train, test = np.array([[0.0, 1.0], [4.0, 1.0]]), np.array([[6.0, 3.0]])
    assert standardize(test, like=train).tolist() == [[2.0, 2.0]]  # (6 - 2) / 2 and, unscaled, 3 - 1


def test_standardize_gives_an_array_of_its_own():
    x = np.array([[0.0, 0.0], [2.0, 2.0]]) - 1  # standardized already
    scaled = standardize(x)
    assert scaled.tolist() == x.tolist()
    assert not np.shares_memory(scaled, x)


# --- data with a known answer ----------------------------------------------------------------------------------------


def test_points_of_a_line_without_noise_lie_on_it():
    x, y = line(500, 0.0, Key(0), slope=-3.0, intercept=0.5, dtype=np.float64)
    assert x.shape == y.shape == (500, 1)
    assert -1 <= x.min() < -0.9 < 0.9 < x.max() < 1
    np.testing.assert_allclose(y, 0.5 - 3 * x, rtol=1e-15, atol=1e-15)


def test_the_noise_of_a_line_has_the_deviation_asked_for():
    x, y = line(20_000, 0.3, Key(0), dtype=np.float64)
    error = y - (2 * x + 1)
    assert abs(error.mean()) < 5 * 0.3 / math.sqrt(20_000)
    assert abs(error.std() / 0.3 - 1) < 5 / math.sqrt(40_000)


@pytest.mark.parametrize("n", [2, 3, 100, 101])
def test_moons_without_noise_are_half_circles_around_their_centres_equally_many_points_on_each(n):
    x, label = moons(n, 0.0, Key(1), dtype=np.float64)
    assert np.bincount(label).tolist() == [n // 2, n - n // 2]
    center = np.array([[0.0, 0.0], [1.0, 0.5]])[label]
    np.testing.assert_allclose(np.linalg.norm(x - center, axis=1), 1.0, rtol=1e-14)
    assert (np.where(label == 0, 1, -1) * (x - center)[:, 1] > -1e-15).all()


def test_moons_come_in_random_order():
    _, label = moons(100, 0.0, Key(0))
    assert 20 < np.abs(np.diff(label)).sum() < 80


@pytest.mark.parametrize("make", [line, moons])
def test_noise_moves_points_but_chooses_no_others(make):
    quiet, loud = (make(50, noise, Key(3), dtype=np.float64)[-1 if make is line else 0] for noise in (0.0, 1e-3))
    assert 0 < np.abs(loud - quiet).max() < 6e-3


@pytest.mark.parametrize("make", [line, moons])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_made_data_have_the_dtype_asked_for(make, dtype):
    x, target = make(10, 0.1, Key(0), dtype=dtype)
    assert x.dtype == dtype
    assert target.dtype == (dtype if make is line else np.int64)


def test_the_digits_are_those_of_alpaydin_and_kaynak():
    x, label = digits()
    assert (x.shape, x.dtype, label.shape, label.dtype) == ((1797, 64), np.float32, (1797,), np.int64)
    assert np.bincount(label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(label).sum() == 1797
    levels = x * 16
    assert (x.min(), x.max()) == (0, 1)
    assert (levels == levels.round()).all()
    assert levels[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert levels.sum(dtype=np.float64) == 561718


# --- IDX files -------------------------------------------------------------------------------------------------------

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(code, shape, body=None):
    """The bytes of an IDX file: by default a body of the numbers 0, 1, 2 ..."""
    if body is None:
        body = np.arange(math.prod(shape)).astype(f">{TYPES[code]}").tobytes()
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + body


def written(folder, content, zipped=False, name="file"):
    path = folder / name
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return path


either_way = pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])


@either_way
@pytest.mark.parametrize(("code", "kind"), TYPES.items())
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3, 2)], ids=str)
def test_idx_files_of_every_type_are_read_in_the_machines_byte_order(tmp_path, code, kind, shape, zipped):
    edges = np.array([1, 0, 77], kind)
    if kind[0] == "f":
        edges[:] = -1.5, np.inf, np.finfo(kind).tiny
    else:
        edges[:2] = np.iinfo(kind).min, np.iinfo(kind).max
    expected = np.resize(edges, shape)
    found = read_idx(written(tmp_path, idx(code, shape, expected.astype(f">{kind}").tobytes()), zipped))
    assert found.dtype == np.dtype(kind)
    assert found.dtype.isnative
    assert found.tolist() == expected.tolist()


@either_way
def test_a_path_may_be_text_and_a_file_may_be_empty_of_numbers(tmp_path, zipped):
    assert read_idx(str(written(tmp_path, idx(0x08, (0,)), zipped))).shape == (0,)
    assert read_idx(written(tmp_path, idx(0x0D, (3, 0, 2)), zipped)).shape == (3, 0, 2)


@either_way
def test_a_file_cut_off_anywhere_is_refused(tmp_path, zipped):
    whole = written(tmp_path, idx(0x0B, (2, 3)), zipped).read_bytes()
    assert read_idx(tmp_path / "file").tolist() == [[0, 1, 2], [3, 4, 5]]
    for length in range(len(whole)):
        with pytest.raises(FormatError, match="file: "):
            read_idx(written(tmp_path, whole[:length]))


@either_way
def test_changed_bytes_give_a_format_error_or_an_array(tmp_path, zipped):
    whole = written(tmp_path, idx(0x0C, (3, 2, 2)), zipped).read_bytes()
    dice, refused = random.Random(0), 0
    for _ in range(300):
        changed = bytearray(whole)
        for place in dice.sample(range(len(whole)), dice.choice((1, 1, 2, 5))):
            changed[place] = dice.randrange(256)
        try:
            assert isinstance(read_idx(written(tmp_path, changed)), np.ndarray)
        except FormatError as error:
            assert str(tmp_path / "file") in str(error)  # noqa: PT017
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found ''"),
        (b"PK\3\4" + bytes(20), "offset 0: expected 0, 0, a type (8 to 14) and a number of axes, found '50 4b 03 04'"),
        (idx(0x08, (1,), b"a")[:2] + b"\x0a\1" + bytes(8), "found '00 00 0a 01'"),
        (b"\0\0\x08\0a", "found '00 00 08 00'"),
        (b"\0\0\x08\2" + bytes(6), "offset 4: expected 2 axis lengths (8 bytes), found 6 bytes"),
        (idx(0x08, (2, 3), b"12345"), "offset 12: expected 6 bytes for the shape (2, 3), found"),
        (idx(0x0E, (2,), bytes(17)), "offset 8: expected 16 bytes for the shape (2,), found more"),
        (idx(0x08, (1,) * 65), f"offset 4: expected a shape that an array can have, found {(1,) * 65}"),
        (
            idx(0x08, (0, 2**32 - 1, 2**32 - 1), b""),
            "offset 4: expected a shape that an array can have, found (0, 4294967295, 4294967295)",
        ),
    ],
)
@either_way
def test_the_error_names_the_file_the_place_the_expected_and_the_found(tmp_path, content, message, zipped):
    path = written(tmp_path, content, zipped)
    with pytest.raises(FormatError, match=re.escape(f"{path}: ")) as caught:
        read_idx(path)
    assert message in str(caught.value)


@either_way
def test_sixteen_bytes_that_claim_3_3_terabytes_are_refused_without_memory_for_them(tmp_path, zipped):
    path = written(tmp_path, idx(0x08, (14_900, 14_900, 14_900), b""), zipped)
    assert len(gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()) == 16
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=r"expected 3307949000000 bytes for the shape \(14900, 14900, 14900\)"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


GOOD = idx(0x08, (4,))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(GOOD + b"\0"),
        gzip.compress(GOOD + bytes(2_000_000)),
        gzip.compress(GOOD) + b"trailing",
        gzip.compress(GOOD) + gzip.compress(b"more"),
        gzip.compress(GOOD)[:-1],
        gzip.compress(GOOD)[:-8] + bytes(8),
        gzip.compress(gzip.compress(GOOD)),
    ],
    ids=["one byte more", "a bomb", "trailing bytes", "a second member", "no trailer", "wrong checksum", "twice"],
)
def test_a_gzip_with_more_less_or_other_than_the_header_says_is_refused(tmp_path, content):
    path = written(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=re.escape(str(path))):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# --- MNIST -----------------------------------------------------------------------------------------------------------

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
PIXELS = bytes([0, 51, 102, 153, 204, 255])


def mnist_folder(folder, zipped=(), **other):
    contents = {
        NAMES[0]: idx(0x08, (2, 1, 3), PIXELS),
        NAMES[1]: idx(0x08, (2,), b"\x07\x00"),
        NAMES[2]: idx(0x08, (1, 1, 3), PIXELS[3:]),
        NAMES[3]: idx(0x08, (1,), b"\x09"),
    }
    for place, (name, content) in enumerate(contents.items()):
        content = other.get(f"file{place}", content)
        if content is not None:
            written(folder, content, place in zipped, f"{name}.gz" if place in zipped else name)
    return folder


@pytest.mark.parametrize("zipped", [(), (0, 1, 2, 3), (0, 3), (1, 2)], ids=str)
def test_mnist_is_read_from_its_four_files_zipped_or_not(tmp_path, zipped):
    (x, label), (test_x, test_label) = mnist(mnist_folder(tmp_path, zipped))
    assert (x.dtype, label.dtype, test_x.dtype, test_label.dtype) == (np.float32, np.int64, np.float32, np.int64)
    np.testing.assert_allclose(x, [[0, 0.2, 0.4], [0.6, 0.8, 1]], rtol=1e-7)
    np.testing.assert_allclose(test_x, [[0.6, 0.8, 1]], rtol=1e-7)
    assert (label.tolist(), test_label.tolist()) == ([7, 0], [9])


@pytest.mark.parametrize("missing", [(0,), (1, 3), (0, 1, 2, 3)], ids=str)
def test_missing_mnist_files_are_listed(tmp_path, missing):
    folder = mnist_folder(tmp_path, **{f"file{place}": None for place in missing})
    listed = ", ".join(f"{NAMES[place]}[.gz]" for place in missing)
    message = f"mnist: {folder} should hold MNIST's four files; missing: {listed}"
    with pytest.raises(FormatError, match=re.escape(message) + "$") as caught:
        mnist(folder)
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"file1": idx(0x08, (3,))}, f"{NAMES[1]}: expected 2 labels from 0 to 9, found uint8 (3,)"),
        ({"file3": idx(0x08, (1,), b"\x0a")}, f"{NAMES[3]}: expected 1 labels from 0 to 9, found"),
        ({"file3": idx(0x0C, (1,))}, f"{NAMES[3]}: expected 1 labels from 0 to 9, found int32 (1,)"),
        ({"file1": idx(0x08, (2, 1))}, f"{NAMES[1]}: expected 2 labels from 0 to 9, found uint8 (2, 1)"),
        ({"file0": idx(0x08, (2, 3))}, f"{NAMES[0]}: expected bytes of the shape (n, height, width), found uint8 (2,"),
        ({"file2": idx(0x0D, (1, 1, 3))}, f"{NAMES[2]}: expected bytes of the shape (n, height, width), found float32"),
        (
            {"file0": idx(0x08, (0, 28, 28)), "file1": idx(0x08, (0,))},
            f"{NAMES[0]}: expected bytes of the shape (n, height, width), found uint8 (0, 28, 28)",
        ),
        ({"file2": GOOD[:-1]}, f"{NAMES[2]}: offset 8: expected 4 bytes for the shape (4,), found"),
    ],
    ids=["too many", "label 10", "wide labels", "label columns", "flat images", "float images", "no images", "cut off"],
)
def test_images_and_labels_that_do_not_go_together_are_refused(tmp_path, other, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        mnist(mnist_folder(tmp_path, **other))
