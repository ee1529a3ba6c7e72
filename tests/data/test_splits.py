"""Laws of rows set aside: each is on one side, in proportion to the classes, and the key alone decides."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from fnn import Key, split
from fnn.data import digits, kfold, train_test_split
from tests.data.rows import ROWS, N, numbers, same_batches
from tests.each_of import each_of

T, V = TypeError, ValueError
KEY = Key(0)


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


@pytest.mark.long
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


# --- folds -----------------------------------------------------------------------------------------------------------


@each_of("k", [2, 3, 7, N])
def test_each_row_is_tested_once_and_trained_on_in_all_other_folds(k):
    tested = []
    for train, test in kfold(ROWS, k, KEY):
        ours, theirs = numbers(train), numbers(test)
        assert sorted(ours + theirs) == list(range(N))
        assert len(theirs) in (N // k, -(-N // k))
        tested += theirs
    assert sorted(tested) == list(range(N))
    assert tested != sorted(tested)


def test_folds_depend_on_their_key_alone():
    first, again, other = ([side for fold in kfold(ROWS, 4, Key(seed)) for side in fold] for seed in (0, 0, 1))
    assert same_batches(first, again)
    assert not same_batches(first, other)


def test_stratified_folds_are_even_by_one_row_in_each_class_and_in_all():
    choose = np.random.Generator(np.random.PCG64(0))
    for _ in range(100):
        k = int(choose.integers(2, 8))
        counts = choose.integers(k, 40, choose.integers(1, 6))
        labels = choose.permutation(np.repeat(np.arange(len(counts)), counts))
        found = np.array(
            [np.bincount(test, minlength=len(counts)) for _, (test,) in kfold((labels,), k, KEY, stratify=labels)]
        )
        assert (found.sum(axis=0) == counts).all()
        assert np.ptp(found, axis=0).max() <= 1
        assert np.ptp(found.sum(axis=1)) <= 1


@pytest.mark.long
def test_each_row_of_a_class_is_as_likely_in_one_fold_as_in_another():
    labels = np.repeat([0, 1], [8, 4])
    times = np.zeros((4, 12))
    for key in split(Key(5), 2000):
        for i, (_, (test,)) in enumerate(kfold((np.arange(12),), 4, key, stratify=labels)):
            times[i, test] += 1
    assert np.abs(times / 2000 - 1 / 4).max() < 5 * math.sqrt(0.25 * 0.75 / 2000)


def test_mistakes_are_told_before_the_first_fold_is_asked_for():
    for call in (
        lambda: kfold(ROWS, 1, KEY),
        lambda: kfold(ROWS, N + 1, KEY),
        lambda: kfold(ROWS, 2, KEY, stratify=ROWS[0]),
    ):
        with pytest.raises((T, V), match="kfold: "):
            call()
