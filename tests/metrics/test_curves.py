"""Curves by hand: every threshold counted one by one, and the areas under them."""

import numpy as np
import pytest

from fnn import Key
from fnn.core.keys import uniforms
from fnn.metrics import average_precision, precision_recall_curve, roc_auc, roc_curve
from tests.each_of import each_of
from tests.metrics.cases import COARSE, LABELS, PROBABILITIES

SCORES, TARGET = COARSE[:, 0], LABELS == 0


def counted(threshold):
    """True positives, false positives, predicting class 1 from a threshold up."""
    predicted = threshold <= SCORES
    return int((predicted & TARGET).sum()), int((predicted & ~TARGET).sum())


def test_a_point_of_the_roc_curve_is_what_its_threshold_predicts_and_those_between_lie_on_it():
    false, true, thresholds = roc_curve(SCORES, TARGET)
    positives, negatives = TARGET.sum(), (~TARGET).sum()
    assert thresholds[0] == np.inf
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    for x, y, threshold in zip(false, true, thresholds, strict=True):
        hits, alarms = counted(threshold)
        assert (x, y) == (alarms / negatives, hits / positives)
    for threshold in np.unique(SCORES):
        hits, alarms = counted(threshold)
        assert np.interp(alarms / negatives, false, true) == pytest.approx(hits / positives, abs=1 / positives)


def test_a_threshold_is_kept_where_either_rate_turns():
    """A negative row at each score, and two positives, none and one: the false positive rate alone never turns."""
    false, true, thresholds = roc_curve(np.array([3, 3, 3, 2, 1, 1]), np.array([1, 1, 0, 0, 1, 0]))
    np.testing.assert_allclose(false, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(true, [0, 2 / 3, 2 / 3, 1])
    assert thresholds.tolist() == [np.inf, 3, 2, 1]
    # and left out where neither does
    assert roc_curve(np.arange(8), np.arange(8) > 3)[0].tolist() == [0, 0, 0, 1]


def test_a_point_of_precision_and_recall_is_what_its_threshold_predicts():
    precision, recall, thresholds = precision_recall_curve(SCORES, TARGET)
    assert thresholds.tolist() == np.unique(SCORES).tolist()
    assert (precision[-1], recall[-1]) == (1, 0)
    for p, r, threshold in zip(precision[:-1], recall[:-1], thresholds, strict=True):
        hits, alarms = counted(threshold)
        assert (p, r) == (hits / (hits + alarms), hits / TARGET.sum())


def test_the_areas_are_those_under_the_curves():
    false, true, _ = roc_curve(SCORES, TARGET)
    assert roc_auc(SCORES, TARGET) == pytest.approx(np.trapezoid(true, false), rel=1e-12)
    precision, recall, _ = precision_recall_curve(SCORES, TARGET)
    assert average_precision(SCORES, TARGET) == pytest.approx(-np.diff(recall) @ precision[:-1], rel=1e-12)


def test_without_ties_the_average_precision_is_the_mean_of_those_at_which_positives_are_found():
    order = np.argsort(-PROBABILITIES[:, 1])
    found = [np.mean((LABELS == 1)[order][: i + 1]) for i in range(len(order)) if LABELS[order[i]] == 1]
    assert average_precision(PROBABILITIES[:, 1], LABELS == 1) == pytest.approx(np.mean(found), rel=1e-12)


def test_one_class_or_scores_that_tell_nothing():
    scores, ones = np.array([0.1, 0.2, 0.2]), np.ones(3, int)
    assert average_precision(scores, ones) == 1.0
    assert average_precision(scores, 0 * ones) == 0.0
    assert [part.tolist() for part in precision_recall_curve(scores, 0 * ones)] == [[0, 0, 1], [1, 1, 0], [0.1, 0.2]]
    assert average_precision(np.zeros(4), np.array([0, 0, 0, 1])) == 0.25
    assert [part.tolist() for part in roc_curve(np.zeros(2), np.array([0, 1]))] == [[0, 1], [0, 1], [np.inf, 0]]


@each_of("measure", [roc_auc, average_precision])
def test_an_average_is_over_each_class_against_the_rest(measure):
    each = np.array([measure(PROBABILITIES[:, i], i == LABELS) for i in range(4)])
    np.testing.assert_allclose(measure(PROBABILITIES, LABELS, None), each)
    assert measure(PROBABILITIES, LABELS) == pytest.approx(each.mean())
    assert measure(PROBABILITIES, LABELS, "weighted") == pytest.approx(each @ np.bincount(LABELS) / len(LABELS))
    flat = measure(PROBABILITIES.ravel(), np.eye(4)[LABELS].ravel())
    assert measure(PROBABILITIES, np.eye(4)[LABELS], "micro") == pytest.approx(flat)


@each_of("measure", [roc_auc, average_precision])
def test_rows_of_several_classes_take_scores_of_any_scale(measure):
    target = uniforms(Key(8), COARSE.shape) < 0.4
    each = [measure(COARSE[:, i], target[:, i]) for i in range(4)]
    for as_given in (target, target.astype(int), target.astype(np.float32)):
        np.testing.assert_allclose(measure(COARSE, as_given, None), each)
    # as booleans they may be of any scale even if each row happens to be of one class
    each = [measure(COARSE[:, i], i == LABELS) for i in range(4)]
    np.testing.assert_allclose(measure(COARSE, np.eye(4, dtype=bool)[LABELS], None), each)


def test_a_class_without_rows_has_no_weight_as_in_scikit_learn():
    labels = LABELS[LABELS > 0]
    probabilities = PROBABILITIES[LABELS > 0]
    each = [roc_auc(probabilities[:, i], i == labels) for i in (1, 2, 3)]
    expected = pytest.approx(each @ np.bincount(labels)[1:] / len(labels))
    assert roc_auc(probabilities, labels, "weighted") == expected
    assert roc_auc(probabilities, np.zeros(probabilities.shape, bool), "weighted") == 0.0
    with pytest.raises(ValueError, match=r"^roc_auc expects rows of class 0 and of others, got 0 and "):
        roc_auc(probabilities, labels)
