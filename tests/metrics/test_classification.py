"""Accuracy, precision, recall and f1 by hand, and as the confusion matrix has them."""

import numpy as np
import pytest

from fnn.metrics import accuracy, balanced_accuracy, confusion_matrix, f1, matthews, precision, recall
from tests.each_of import each_of
from tests.metrics.cases import LABELS, LOGITS

TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 4])
GUESS = np.array([0, 0, 0, 1, 1, 1, 2, 0, 2, 2])  # class 3 does not occur, class 4 is never predicted
SCORES = np.eye(5)[GUESS]


def test_a_confusion_matrix_has_truths_down_and_predictions_across():
    counts = confusion_matrix(GUESS, TRUE, classes=6)
    expected = np.zeros((6, 6), np.int64)
    for guess, true in zip(GUESS, TRUE, strict=True):
        expected[true, guess] += 1
    assert counts.dtype == np.int64
    assert counts.tolist() == expected.tolist()
    assert confusion_matrix(SCORES, TRUE).tolist() == expected[:5, :5].tolist()


def test_precision_recall_and_f1_of_each_class_by_hand():
    np.testing.assert_allclose(precision(SCORES, TRUE, None), [3 / 4, 2 / 3, 1 / 3, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(recall(SCORES, TRUE, None), [3 / 4, 2 / 3, 1 / 2, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(f1(SCORES, TRUE, None), [3 / 4, 2 / 3, 2 / 5, 0, 0], rtol=1e-15)
    assert precision(GUESS, TRUE, None).tolist() == precision(SCORES, TRUE, None).tolist()


def test_an_average_counts_what_its_name_says():
    # class 3 is in no average; class 4, never predicted, counts as 0
    assert precision(GUESS, TRUE) == pytest.approx((3 / 4 + 2 / 3 + 1 / 3 + 0) / 4, rel=1e-15)
    assert recall(GUESS, TRUE, "macro") == pytest.approx((3 / 4 + 2 / 3 + 1 / 2 + 0) / 4, rel=1e-15)
    assert f1(GUESS, TRUE, "macro") == pytest.approx((3 / 4 + 2 / 3 + 2 / 5 + 0) / 4, rel=1e-15)
    assert recall(np.array([0, 1]), np.array([0, 0])) == (1 / 2 + 0) / 2  # class 1, predicted but never true, as well
    assert precision(GUESS, TRUE, "weighted") == pytest.approx((4 * 3 / 4 + 3 * 2 / 3 + 2 * 1 / 3) / 10, rel=1e-15)
    assert f1(GUESS, TRUE, "weighted") == pytest.approx((4 * 3 / 4 + 3 * 2 / 3 + 2 * 2 / 5) / 10, rel=1e-15)


def test_over_all_classes_together_and_by_rows_recall_is_accuracy():
    for measure in (precision, recall, f1):
        assert measure(GUESS, TRUE, "micro") == accuracy(GUESS, TRUE) == 0.6
    assert recall(GUESS, TRUE, "weighted") == pytest.approx(0.6)


def test_binary_is_class_1_of_two():
    guess, true = np.array([1, 1, 1, 0, 0]), np.array([1, 0, 0, 1, 0])
    assert precision(guess, true, "binary") == 1 / 3
    assert recall(guess, true, "binary") == 1 / 2
    assert f1(guess, true, "binary") == 2 / 5
    for measure in (precision, recall, f1):
        assert measure(guess, true, "binary") == measure(guess, true, None)[1]
        assert measure(np.zeros(3, int), np.zeros(3, int), "binary") == 0.0  # nothing is of class 1
        assert measure(np.ones(3, int), np.ones(3, int), "binary") == 1.0


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    # recall 3/4, 2/3, 1/2, and 0 of class 4; class 3 has no rows
    assert balanced_accuracy(GUESS, TRUE) == pytest.approx((3 / 4 + 2 / 3 + 1 / 2 + 0) / 4, rel=1e-15)
    assert balanced_accuracy(np.array([0, 1]), np.array([0, 0])) == 1 / 2  # class 1 is not in the target


def test_matthews_is_the_correlation_of_two_classes_and_0_where_one_of_both_does_not_vary():
    guess, true = LOGITS[:, 0] > 0, LABELS > 1
    assert matthews(guess, true) == pytest.approx(np.corrcoef(guess, true)[0, 1], rel=1e-12)
    assert matthews(~true, true) == pytest.approx(-1, rel=1e-15)
    assert matthews(np.ones(4, int), np.array([0, 1, 1, 1])) == matthews(np.array([0, 1, 1, 1]), np.ones(4, int)) == 0.0
    # of several, by its definition: right rows 6, predicted 4 3 3 0 0, true 4 3 2 0 1
    assert matthews(GUESS, TRUE) == pytest.approx((60 - 31) / np.sqrt((100 - 34) * (100 - 30)), rel=1e-15)


SEVERAL = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0]]) > 0
FOUND = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]]) > 0


def test_rows_of_several_classes_are_counted_class_by_class_or_row_by_row():
    assert accuracy(FOUND, SEVERAL) == 2 / 4  # all classes of a row at once
    # right 2 1 0, predicted 2 2 1, true 2 2 1
    assert precision(FOUND, SEVERAL, None).tolist() == recall(FOUND, SEVERAL, None).tolist() == [1, 0.5, 0]
    for measure in (precision, recall, f1):
        assert measure(FOUND, SEVERAL) == 0.5
        assert measure(FOUND, SEVERAL, "micro") == pytest.approx(3 / 5)
        assert measure(FOUND, SEVERAL, "weighted") == pytest.approx((2 * 1 + 2 * 0.5) / 5)
        assert measure(FOUND, SEVERAL, "samples") == (0.5 + 0 + 1 + 0) / 4
        assert measure(FOUND, SEVERAL.astype(int), "macro") == measure(FOUND, SEVERAL.astype(np.float32), "macro")
        assert measure(FOUND, 0 * SEVERAL > 0, "weighted") == 0.0


def test_f1_is_the_harmonic_mean_of_each_class_s_precision_and_recall():
    p, r = precision(LOGITS, LABELS, None), recall(LOGITS, LABELS, None)
    np.testing.assert_allclose(f1(LOGITS, LABELS, None), 2 * p * r / (p + r), rtol=1e-14)


def test_precision_and_recall_are_the_diagonal_over_the_sums_of_the_confusion_matrix():
    counts = confusion_matrix(LOGITS, LABELS)
    np.testing.assert_allclose(precision(LOGITS, LABELS, None), np.diag(counts) / counts.sum(axis=0), rtol=1e-15)
    np.testing.assert_allclose(recall(LOGITS, LABELS, None), np.diag(counts) / counts.sum(axis=1), rtol=1e-15)


def test_a_label_alone_has_a_class_for_itself_and_each_below_it():
    assert f1(np.array([2]), np.array([2]), None).tolist() == [0, 0, 1]
    assert f1(np.array([2]), np.array([2])) == 1.0


@each_of("measure", [accuracy, precision, recall, f1])
def test_booleans_are_the_classes_0_and_1(measure):
    guess, true = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 1])
    for a, b in ((guess > 0, true > 0), (guess > 0, true), (guess, true > 0)):
        assert measure(a, b) == measure(guess, true)
    np.testing.assert_array_equal(confusion_matrix(guess > 0, true > 0), confusion_matrix(guess, true))
    probabilities = np.array([0.1, 0.9, 0.6, 0.2, 0.8])
    assert measure(probabilities > 0.5, true) == measure(guess, true)
