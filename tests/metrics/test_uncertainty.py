"""Calibration and what members say of each other: against sums by hand, and on cases that are known."""

import math

import numpy as np
import pytest

from fnn import Key, cross_entropy, fold_in, softmax
from fnn.core.keys import normals, uniforms
from fnn.metrics import calibration_error, log_loss, mutual_information, predictive_entropy, predictive_variance
from tests.each_of import each_of
from tests.errors import check, message
from tests.metrics.cases import LABELS, LOGITS, PROBABILITIES

T, V = TypeError, ValueError
MEMBERS = softmax(2 * normals(Key(8), (5, 30, 4)))


def test_the_log_loss_is_the_cross_entropy_of_the_logits():
    assert log_loss(PROBABILITIES, LABELS) == pytest.approx(cross_entropy(LOGITS, LABELS), rel=1e-12)
    assert log_loss(PROBABILITIES, np.eye(4)[LABELS]) == log_loss(PROBABILITIES, LABELS)


def test_the_log_loss_of_one_class_against_another_and_of_what_is_said_to_be_impossible():
    p, labels = np.array([0.25, 0.5, 1.0]), np.array([0, 1, 1])
    assert log_loss(p, labels) == pytest.approx(-(math.log(0.75) + math.log(0.5) + math.log(1 - 2**-52)) / 3, rel=1e-12)
    assert log_loss(p, labels > 0) == log_loss(np.stack([1 - p, p], axis=1), labels)
    assert log_loss(np.array([0.0]), np.array([1])) == pytest.approx(52 * math.log(2))
    assert log_loss(np.array([0.0], np.float32), np.array([1])) == pytest.approx(23 * math.log(2))


def by_definition(probabilities, labels, bins):
    """Guo et al., equation 3, row by row."""
    inside = [[] for _ in range(bins)]
    for p, label in zip(probabilities.tolist(), labels.tolist(), strict=True):
        confidence = max(p)
        place = next(m for m in range(bins) if confidence <= (m + 1) / bins)
        inside[place].append((p.index(confidence) == label, confidence))
    gaps = [abs(sum(right - confidence for right, confidence in rows)) for rows in inside]
    return sum(gaps) / len(labels)


@each_of("bins", [1, 2, 10, 15, 100])
def test_the_calibration_error_is_that_of_its_definition(bins):
    assert calibration_error(PROBABILITIES, LABELS, bins) == pytest.approx(
        by_definition(PROBABILITIES, LABELS, bins), abs=1e-14
    )
    assert calibration_error(PROBABILITIES, np.eye(4)[LABELS], bins) == calibration_error(PROBABILITIES, LABELS, bins)


def test_a_bin_holds_its_upper_end_and_not_its_lower():
    p = np.array([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])
    right, wrong = np.array([0, 0, 1]), np.array([1, 1, 0])
    assert calibration_error(p, right, 2) == pytest.approx((0.5 + abs(2 - 1.5)) / 3)
    assert calibration_error(p, wrong, 4) == pytest.approx((0.5 + 1.5) / 3)
    mixed = np.array([1, 0, 1])  # 0.5 is wrong, 0.75 right twice: together in one bin the gaps would cancel
    assert calibration_error(p, mixed, 2) == pytest.approx((0.5 + 0.5) / 3)
    assert calibration_error(p, mixed, 1) == pytest.approx(0.0)


def test_who_is_right_as_often_as_it_says_has_none_and_who_is_too_sure_has_much():
    logits = 2 * normals(Key(1), (20_000, 3))
    p = softmax(logits)
    labels = (uniforms(Key(2), (20_000, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    assert calibration_error(p, labels) < 0.015
    assert calibration_error(softmax(3 * logits), labels) > 0.1
    assert calibration_error(softmax(logits / 3), labels) > 0.1
    assert calibration_error(np.eye(3)[labels], labels) == 0


def test_of_two_classes_the_probability_of_one_is_enough():
    p = np.array([0.05, 0.15, 0.85, 0.95, 0.0, 1.0])
    target = np.array([0, 0, 1, 1, 0, 1])
    assert calibration_error(p, target, 10) == pytest.approx((0.05 + 0.15 + 0.15 + 0.05) / 6)
    drawn = uniforms(Key(3), 20_000)
    assert calibration_error(drawn, (uniforms(Key(4), 20_000) < drawn).astype(int)) < 0.015
    assert calibration_error(drawn**3, (uniforms(Key(4), 20_000) < drawn).astype(int)) > 0.2


def entropy_by_hand(p):
    return -math.fsum(each * math.log(each) for each in p if each > 0)


def test_entropies_are_sums_by_hand():
    mean = [[math.fsum(MEMBERS[:, row, k].tolist()) / 5 for k in range(4)] for row in range(30)]
    total = [entropy_by_hand(p) for p in mean]
    within = [math.fsum(entropy_by_hand(p) for p in MEMBERS[:, row].tolist()) / 5 for row in range(30)]
    np.testing.assert_allclose(predictive_entropy(MEMBERS), total, rtol=1e-13)
    np.testing.assert_allclose(predictive_entropy(MEMBERS.mean(axis=0)), total, rtol=1e-13)
    np.testing.assert_allclose(mutual_information(MEMBERS), np.subtract(total, within), rtol=1e-10)


def test_members_that_agree_know_all_that_there_is_to_know_and_those_that_contradict_nothing():
    agreed = np.repeat(MEMBERS[:1], 7, axis=0)
    assert mutual_information(agreed).max() < 1e-14
    assert mutual_information(agreed).min() >= 0
    np.testing.assert_allclose(predictive_entropy(agreed), predictive_entropy(agreed[0]), rtol=1e-13)
    sure = np.eye(3)[:, None]
    assert predictive_entropy(sure) == mutual_information(sure) == pytest.approx(math.log(3))
    assert predictive_entropy(np.eye(3)).tolist() == [0, 0, 0]
    order = MEMBERS[::-1]
    np.testing.assert_allclose(mutual_information(order), mutual_information(MEMBERS), rtol=1e-12)


def test_the_variance_of_a_mixture_is_that_of_draws_from_it():
    means, variance = np.array([[[0.0]], [[3.0]], [[4.0]]]), np.array([[[1.0]], [[0.25]], [[4.0]]])
    draws = [m + math.sqrt(v) * normals(fold_in(Key(5), i), 40_000)
             for i, (m, v) in enumerate(zip(means.ravel(), variance.ravel(), strict=True))]  # fmt: skip
    assert predictive_variance(means, variance).item() == pytest.approx(np.concatenate(draws).var(), rel=0.02)
    assert predictive_variance(means).item() == pytest.approx(26 / 9)  # of 0, 3 and 4
    assert predictive_variance(MEMBERS).shape == (30, 4)
    large = np.float32([[1e4], [1e4 + 1]])
    assert predictive_variance(large).item() == 0.25


def test_narrow_floats_are_computed_in_float64():
    for dtype, digits in ((np.float16, 3e-3), (np.float32, 1e-6)):
        narrow = MEMBERS.astype(dtype)
        np.testing.assert_allclose(predictive_entropy(narrow), predictive_entropy(MEMBERS), rtol=digits)
        assert predictive_entropy(narrow).dtype == mutual_information(narrow).dtype == np.float64


P, TARGET = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 1])
ROWS = [
    (
        lambda: calibration_error(5 * P, TARGET),
        V,
        "calibration_error expects probabilities, which sum to 1 in each row, got numbers from 0.5 to 4.5; write "
        "softmax(logits)",
    ),
    (lambda: calibration_error(0.8 * P, TARGET), V, "calibration_error expects probabilities, which sum to 1…"),
    (
        lambda: calibration_error(np.array([-1.0, 2.0]), TARGET),
        V,
        "calibration_error expects probabilities, got numbers from -1 to 2; write sigmoid(logits)",
    ),
    (
        lambda: calibration_error(np.array([0.5, 0.5]), np.array([0, 2])),
        V,
        "calibration_error expects a target of 0 and 1 for probabilities (n,), got 2",
    ),
    (lambda: calibration_error(P, TARGET, 0), V, "calibration_error: bins must be at least 1, got 0"),
    (lambda: calibration_error(P[None, None], TARGET), V, "calibration_error expects probabilities (n, classes) or…"),
    (lambda: calibration_error(P[:0], TARGET[:0]), V, "calibration_error expects at least one row, got float64 array…"),
    (lambda: calibration_error(P, TARGET + 5), V, "calibration_error…5…"),
    (lambda: calibration_error(P, TARGET[:1]), V, "calibration_error expects one label a row, got (2,) against a…"),
    (
        lambda: predictive_entropy(np.array([0.5, 0.5])),
        V,
        "predictive_entropy expects probabilities (n, rows, classes) of n members, got float64 array (2,)",
    ),
    (
        lambda: mutual_information(P),
        V,
        "mutual_information expects probabilities (n, rows, classes) of n members, got float64 array (2, 2)",
    ),
    (lambda: mutual_information(np.log(P)[None]), V, "mutual_information expects probabilities, which sum to 1…"),
    (lambda: mutual_information(P[None] * np.nan), V, "mutual_information: NaN in the probabilities"),
    (lambda: predictive_entropy("p"), V, "predictive_entropy expects probabilities (n, rows, classes)…"),
    (
        lambda: predictive_variance(np.ones(3)),
        V,
        "predictive_variance expects outputs (n, rows, ...) of n members, got float64 array (3,)",
    ),
    (
        lambda: predictive_variance(np.ones((2, 3, 1)), np.ones((3, 1))),
        V,
        "predictive_variance expects a variance (2, 3, 1) of 0 or more, got float64 array (3, 1)",
    ),
    (
        lambda: predictive_variance(np.ones((2, 3, 1)), -np.ones((2, 3, 1))),
        V,
        "predictive_variance expects a variance (2, 3, 1) of 0 or more, got some of -1",
    ),
    (lambda: predictive_variance(np.ones((2, 3, 1)) * np.nan), V, "predictive_variance: NaN in the outputs"),
    (lambda: predictive_variance(np.ones((2, 3, 1)) * np.inf), V, "predictive_variance: infinity in the outputs"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
