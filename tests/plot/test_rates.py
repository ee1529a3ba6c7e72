"""ROC, precision and recall, calibration: the lines are the numbers of the metrics."""

# ruff: noqa: E402 (matplotlib may be missing)
import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.collections import PathCollection

from fnn import Key, plot, softmax
from fnn.core.keys import normals, uniforms
from fnn.metrics import average_precision, calibration_error, precision_recall_curve, roc_auc, roc_curve
from tests.plot.drawing import axes

TARGET = (uniforms(Key(1), 60) < 0.4).astype(int)
SCORES = {"sharp": TARGET + 0.5 * normals(Key(2), 60), "blunt": TARGET + 3 * normals(Key(3), 60)}
LABELS = (uniforms(Key(4), 80) * 3).astype(int)
P = softmax(normals(Key(5), (80, 3)) + np.eye(3)[LABELS])


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_roc_curve_is_that_of_its_scores_and_the_legend_has_its_area():
    ax = plot.roc(axes(), SCORES, TARGET)
    for line, (label, scores) in zip(ax.get_lines(), SCORES.items(), strict=False):
        false, true, _ = roc_curve(scores, TARGET)
        np.testing.assert_array_equal(line.get_xydata(), np.stack([false, true], axis=1))
        assert line.get_label() == f"{label}: area {roc_auc(scores, TARGET):.3f}"
    assert texts(ax)[2] == "a guess: 0.5"
    assert len({line.get_color() for line in ax.get_lines()}) == 3


def test_precision_by_recall_is_drawn_in_steps_so_that_the_area_is_the_average():
    scores = SCORES["blunt"]
    ax = plot.precision_recall(axes(), scores, TARGET)
    precision, recall, _ = precision_recall_curve(scores, TARGET)
    line, guess = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), np.stack([recall, precision], axis=1))
    # recall goes down, so that a step holds the precision of the higher recall, as the sum of the average does
    assert line.get_drawstyle() == "steps-post"
    assert texts(ax)[0] == f"average {average_precision(scores, TARGET):.3f}"
    assert [*guess.get_ydata()] == [TARGET.mean()] * 2


def test_each_bin_with_rows_is_a_dot_as_large_as_it_is_full():
    ax = plot.calibration(axes(), P, LABELS, bins=5)
    (dots,) = [each for each in ax.collections if isinstance(each, PathCollection)]
    confidence, right = P.max(axis=1), P.argmax(axis=1) == LABELS
    place = np.ceil(confidence * 5).astype(int)
    bins = [place == each for each in np.unique(place)]
    np.testing.assert_allclose(dots.get_offsets(), [[confidence[rows].mean(), right[rows].mean()] for rows in bins])
    sizes = dots.get_sizes()
    assert np.argsort(sizes).tolist() == np.argsort([rows.sum() for rows in bins]).tolist()
    assert texts(ax)[0] == f"calibration error {calibration_error(P, LABELS, 5):.3f}"


def test_probabilities_of_one_class_are_told_on_the_axes():
    p = P[:, 1]
    ax = plot.calibration(axes(), {"a": p, "b": p**2}, (LABELS == 1).astype(int))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("probability of class 1", "fraction of class 1")
    assert len(ax.collections) == 2
    assert ax.get_xlim() == ax.get_ylim() == (-0.02, 1.02)
