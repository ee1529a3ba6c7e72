"""Laws of what is done before training: a split loses no row, one-hot rows, and columns of one scale."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from fnn import Key, split
from fnn.data import balanced, digits, normalized, one_hot, standardize, train_test_split
from tests.data.rows import ROWS, N, numbers, same_batches
from tests.each_of import each_of

T, V = TypeError, ValueError
KEY = Key(0)

FUNCTIONS = {
    "train_test_split": lambda x, y: train_test_split((x, y), 0.3, Key(0)),
    "one_hot": lambda x, y: one_hot(y, 10),
    "standardize": lambda x, y: standardize(x),
    "standardize like": lambda x, y: standardize(x[:3], like=x),
}


@each_of("function", FUNCTIONS.values(), ids=FUNCTIONS)
@each_of("order", ["C", "F"])
def test_the_caller_s_data_stay_as_they_are(function, order):
    x, y = np.array(np.arange(20.0).reshape(10, 2), order=order), np.arange(10)
    before = x.tobytes(), y.tobytes()
    first = function(x, y)
    assert (x.tobytes(), y.tobytes()) == before
    assert x.flags.writeable
    assert y.flags.writeable
    x.setflags(write=False)
    y.setflags(write=False)
    assert repr(function(x, y)) == repr(first)


# --- a split ---------------------------------------------------------------------------------------------------------


@each_of(("fraction", "held_out"), [(0.2, 21), (0.5, 52), (0.01, 1), (0.99, 104)])
def test_a_split_gives_every_row_to_exactly_one_side(fraction, held_out):
    train, test = (numbers(side) for side in train_test_split(ROWS, fraction, Key(0)))
    assert len(test) == held_out
    assert sorted(train + test) == list(range(N))
    assert train + test != sorted(train + test)


def test_a_split_depends_on_its_key_alone():
    first, again, other = (train_test_split(ROWS, 0.2, Key(seed)) for seed in (0, 0, 1))
    assert same_batches(first, again)
    assert not same_batches(first, other)


# --- a split that keeps the classes ----------------------------------------------------------------------------------


def test_a_split_without_classes_is_what_it_always_was():
    """The numbers are those of the version before there was ``stratify``; to change them breaks everybody's splits."""
    for seed, n, fraction, train, test in (
        (0, 10, 0.3, [3, 2, 1, 8, 6, 0, 7], [4, 5, 9]),
        (1, 7, 0.5, [2, 4, 5], [0, 6, 3, 1]),
        (12345, 12, 0.25, [7, 0, 10, 1, 5, 4, 6, 8, 3], [2, 9, 11]),
    ):
        for labels in (None, np.zeros(n, int)):  # rows of one class are all alike
            (ours,), (theirs,) = train_test_split((np.arange(n),), fraction, Key(seed), stratify=labels)
            assert (ours.tolist(), theirs.tolist()) == (train, test)


def exact_counts(counts, fraction, total):
    """The largest-remainder method by fractions, one row after the other."""
    exact = [Fraction(fraction) * count for count in counts]
    chosen = [math.floor(value) for value in exact]
    while sum(chosen) < total:
        remainders = [value - n for value, n in zip(exact, chosen, strict=True)]
        chosen[remainders.index(max(remainders))] += 1
    return chosen


COUNTS = [(50, 50), (3, 3, 3), (2, 2, 2, 2, 2), (97, 2, 2), (10, 11, 12, 13), (2, 1000), (5, 7, 11, 13, 17, 19), (6,)]


@each_of("fraction", [0.5, 0.25, 0.375, 0.125, 0.875])
@each_of("counts", COUNTS, ids=str)
def test_each_side_has_each_class_in_proportion_by_largest_remainders(counts, fraction):
    n = sum(counts)
    labels = np.repeat(np.arange(len(counts)), counts)
    (train, train_label), (test, test_label) = train_test_split(
        (np.arange(n), labels), fraction, Key(3), stratify=labels
    )
    chosen = np.bincount(test_label, minlength=len(counts)).tolist()
    assert chosen == exact_counts(counts, fraction, round(fraction * n))
    assert len(test) == round(fraction * n)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(n))
    assert labels[train].tolist() == train_label.tolist()
    assert labels[test].tolist() == test_label.tolist()


def test_whatever_the_fraction_counts_are_within_one_of_the_exact_ones_and_the_total_is_right():
    choose = np.random.Generator(np.random.PCG64(0))
    for _ in range(300):
        counts = choose.integers(2, 40, choose.integers(1, 9))
        fraction = float(choose.choice([choose.uniform(0.05, 0.95), 0.1, 0.2, 0.3, 0.7, 1 / 3]))
        n = int(counts.sum())
        if not 0 < round(fraction * n) < n:
            continue
        labels = np.repeat(np.arange(len(counts)), counts)
        _, (test,) = train_test_split((labels,), fraction, KEY, stratify=labels)
        assert len(test) == round(fraction * n)
        assert np.abs(np.bincount(test, minlength=len(counts)) - fraction * counts).max() < 1


def test_rows_of_a_split_by_class_come_in_random_order_and_each_is_as_likely_as_any_other():
    labels = np.repeat([0, 1], [8, 4])
    times, first = np.zeros(12), np.zeros(12)
    for key in split(Key(5), 2000):
        (train,), (test,) = train_test_split((np.arange(12),), 0.25, key, stratify=labels)
        assert sorted(labels[test].tolist()) == [0, 0, 1]
        times[test] += 1
        first[train[0]] += 1
    assert np.abs(times - 500).max() < 5 * math.sqrt(2000 * 0.25 * 0.75)
    assert np.abs(first - 2000 / 12).max() < 5 * math.sqrt(2000 / 12)


def test_the_digits_are_split_in_proportion():
    x, label = digits()
    (train, train_label), (test, test_label) = train_test_split((x, label), 0.2, KEY, stratify=label)
    assert (len(train), len(test)) == (1438, 359)
    np.testing.assert_allclose(np.bincount(test_label), 0.2 * np.bincount(label), atol=1)
    assert (np.diff(train_label) != 0).mean() > 0.8


def test_labels_of_any_integers_and_memory_order_serve_and_stay_as_they_are():
    x, labels = np.arange(20), np.tile([0, 1, 2, 2], 5)
    expected = train_test_split((x,), 0.4, KEY, stratify=labels)
    wide = np.zeros((20, 2), np.int16)
    wide[:, 0] = 1000 * labels - 1000
    read_only = labels.astype(np.uint64) + np.uint64(2**63)
    read_only.setflags(write=False)
    for given in (wide[:, 0], read_only, labels.tolist(), labels.astype(np.int8)):
        before = np.array(given)
        for ours, theirs in zip(train_test_split((x,), 0.4, KEY, stratify=given), expected, strict=True):
            assert ours[0].tolist() == theirs[0].tolist()
        assert np.array(given).tolist() == before.tolist()


def test_a_split_takes_inputs_that_are_tuples_themselves():
    a, b = np.arange(10), np.arange(10) * 2.5
    ((x, more), target), ((test_x, _), test_target) = train_test_split(((a, b), a % 2), 0.4, KEY, stratify=a % 2)
    assert (more == 2.5 * x).all()
    assert (target == x % 2).all()
    assert (test_target == test_x % 2).all()
    assert sorted([*x, *test_x]) == list(range(10))
    b[3] = math.nan
    for data, place in ((((a, b), a), "data[0][1]"), ((a, b), "data[1]"), ((a, (a, (b,))), "data[1][1][0]")):
        message = f"train_test_split: {place} holds NaN or infinity in 1 rows, the first is row 3; take them out first"
        with pytest.raises(V, match=re.escape(message)):
            train_test_split(data, 0.4, KEY)


@each_of(
    ("labels", "kind", "message"),
    [
        ([0, 0, 1, 1, 2], V, "class 2 of stratify has a single row, which cannot be on both sides; leave out or merge"),
        ([0, 0, 1, 7, 9], V, "class 1 of stratify has a single row, which cannot be on both sides; leave out or merge"),
        ([0, 0, 1, 7, 9], V, "such classes, there are 3"),
        ([0, 0, 1, 1, 2], V, "such classes, there is 1"),
        ([0, 0, 1, 1], V, "train_test_split: stratify must be one label a row, (5,), got (4,)"),
        (np.eye(5, dtype=int), V, "must be one label a row, (5,), got (5, 5); write labels.argmax(axis=1)"),
        (np.zeros(5), T, "train_test_split: stratify must be labels, integers, got float64 array (5,)"),
        (["a"] * 5, T, "train_test_split: stratify must be labels, integers, got <U1 array (5,)"),
        (np.zeros(5, bool), T, "train_test_split: stratify must be labels, integers, got bool array (5,)"),
        ([[0], [0, 1]], T, "train_test_split expects an array, got rows of unequal lengths"),
    ],
)
def test_labels_that_cannot_be_split_are_refused(labels, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        train_test_split((np.arange(5.0),), 0.4, KEY, stratify=labels)


# --- labels and scales -----------------------------------------------------------------------------------------------


@each_of("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_one_hot_puts_a_one_at_the_place_of_each_label(dtype):
    rows = one_hot(np.array([2, 0, 1], dtype), 4)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_one_hot_takes_labels_of_any_shape():
    assert one_hot([[1], [0]], 2).tolist() == [[[0, 1]], [[1, 0]]]
    assert one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_standardized_columns_have_mean_0_and_standard_deviation_1(dtype):
    x = np.array([[1, 10], [3, 20], [5, 60]], dtype)
    root = math.sqrt(8 / 3), math.sqrt(1400 / 3)
    expected = [[-2 / root[0], -20 / root[1]], [0, -10 / root[1]], [2 / root[0], 30 / root[1]]]
    scaled = standardize(x)
    assert scaled.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-12)


def test_a_constant_column_becomes_0():
    assert standardize(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1, 0], [1, 0]]
    assert standardize(np.array([[5.0, 7.0]], np.float32)).tolist() == [[0, 0]]


@each_of("value", [0.1, 1e8 + 0.1])
@each_of("dtype", [np.float32, np.float64])
def test_a_constant_column_becomes_exactly_0_though_its_mean_is_rounded(value, dtype):
    assert standardize(np.full((3, 1), value, dtype)).tolist() == [[0]] * 3


def test_a_standard_deviation_whose_square_is_0_divides_nothing_by_0():
    assert np.isfinite(standardize(np.array([[0.0], [1e-200]]))).all()


def test_a_test_set_is_scaled_as_its_training_set_was():
    train, test = np.array([[0.0, 1.0], [4.0, 1.0]]), np.array([[6.0, 3.0]])
    assert standardize(test, like=train).tolist() == [[2.0, 2.0]]  # (6 - 2) / 2 and, unscaled, 3 - 1


def test_standardize_gives_an_array_of_its_own():
    x = np.array([[0.0, 0.0], [2.0, 2.0]]) - 1  # standardized already
    scaled = standardize(x)
    assert scaled.tolist() == x.tolist()
    assert not np.shares_memory(scaled, x)


@each_of("size", [5e-324, 1e-308, 1e-200, 1e-30, 1e30, 1e200, 1.7e308])
def test_values_of_any_size_are_standardized(size):
    assert standardize(np.array([[size], [-size]])).tolist() == [[1], [-1]]
    assert standardize(np.array([[size, 1.0], [-size, 3.0]])).tolist() == [[1, -1], [-1, 1]]


@each_of(("dtype", "sizes"), [(np.float16, (6e-8, 6e4)), (np.float32, (1e-45, 1e-30, 1e20, 3e38))])
@each_of("n", [2, 70_000])
def test_narrow_values_are_standardized_in_float64(dtype, sizes, n):
    for size in sizes:
        x = np.full((n, 1), size, dtype)
        x[::2] *= -1
        scaled = standardize(x)
        assert scaled.dtype == dtype
        np.testing.assert_array_equal(scaled, np.sign(x))


def test_values_close_together_far_from_0_are_told_apart():
    assert standardize(1e16 + np.array([[0.0], [2.0]])).tolist() == [[-1], [1]]  # their mean is no float64
    assert standardize(np.array([[1.0], [1 + 2**-52]])).tolist() == [[-1], [1]]


def test_a_test_set_too_far_from_its_training_set_is_an_error():
    train, test = np.array([[1e-3], [2e-3]], np.float16), np.array([[6e4]], np.float16)
    message = "standardize: so far from the mean of like, some of x are too large for float16"
    with pytest.raises(ValueError, match=message):
        standardize(test, like=train)


# --- weights ---------------------------------------------------------------------------------------------------------


@each_of("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
def test_normalized_weights_have_mean_1_and_keep_their_ratios(dtype):
    weights = np.array([[1, 0, 1], [1, 1, 0]], dtype)
    scaled = normalized(weights)
    assert scaled.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float32)
    np.testing.assert_allclose(scaled, 1.5 * weights.astype(float), rtol=1e-6)


@each_of("size", [1e-320, 1e-200, 1.0, 1e200, 1e308])
def test_weights_of_any_size_are_normalized(size):
    np.testing.assert_allclose(
        normalized(size * np.array([0.5, 1.5])), [0.5, 1.5], rtol=1e-3 if size < 1e-300 else 1e-15
    )
    assert normalized(np.full(70_000, 66, np.float16)).tolist() == [1.0] * 70_000


def test_balanced_weights_have_mean_1_and_give_each_class_that_occurs_the_same():
    labels = np.array([7, 2, 2, 2, 2, -1, 7], np.int8)
    weights = balanced(labels)
    assert (weights.shape, weights.dtype) == ((7,), np.float64)
    assert weights.mean() == pytest.approx(1, rel=1e-15)
    for label in (7, 2, -1):
        assert weights[labels == label].sum() == pytest.approx(7 / 3, rel=1e-15)
    assert balanced(np.zeros(4, int)).tolist() == [1.0] * 4
