"""Regions, gradients and paths of the plane, against classes and slopes found by hand."""

# ruff: noqa: E402 (matplotlib may be missing)

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.quiver import Quiver

from fnn import (
    plot,
)
from tests.plot.drawing import BLUE, LABELS, ORANGE, POINTS, axes, bowl, mixed


def thirds(x):
    """Scores of three classes: 0 below -0.5, 1 between, 2 above 0.5; all up to there by x[:, 0] alone."""
    return np.stack([-x[:, 0] - 0.5, 0 * x[:, 0], x[:, 0] - 0.5], axis=1)


@pytest.mark.parametrize("predict", [thirds, lambda x: np.digitize(x[:, 0], [-0.5, 0.5])], ids=["scores", "labels"])
def test_each_place_has_the_color_of_its_class_and_lines_run_between(predict):
    corners = np.array([[-1.0, 0.0], [1.0, 2.0], [0.0, 1.0]])
    ax = plot.decision_boundary(axes(), predict, corners, [0, 2, 1], resolution=59)
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    across = left + (np.arange(59) + 0.5) * (right - left) / 59  # the middles of the pixels
    np.testing.assert_allclose((across[0], across[-1]), (-1.16, 1.16))  # 8 % on each side
    np.testing.assert_allclose((bottom, top), (-0.16 - 2.32 / 58 / 2, 2.16 + 2.32 / 58 / 2))
    expected = np.where(across < -0.5, 0, np.where(across > 0.5, 2, 1))
    palette = np.stack([mixed(color, 0.3) for color in (BLUE, ORANGE, "#009E73")])
    np.testing.assert_allclose(image.get_array(), np.broadcast_to(palette[expected], (59, 59, 3)))
    lines = [
        path.vertices[:, 0] for each in ax.collections if isinstance(each, QuadContourSet) for path in each.get_paths()
    ]
    tolerance = 1e-9 if predict is thirds else 2.32 / 58
    assert len(lines) == 3
    np.testing.assert_allclose(np.abs(np.concatenate(lines)), 0.5, atol=tolerance)


def test_up_is_up():
    ax = plot.decision_boundary(axes(), lambda x: (x[:, 1] > 0).astype(int), POINTS, LABELS, resolution=10)
    assert ax.images[0].origin == "lower"
    np.testing.assert_allclose(ax.images[0].get_array()[-1, 0], mixed(ORANGE, 0.3))
    assert ax.get_ylim()[0] < ax.get_ylim()[1]


def test_points_stand_in_their_true_class_with_a_shape_of_their_own():
    one_hot = np.eye(3)[LABELS]
    for labels in (LABELS, one_hot):
        ax = plot.decision_boundary(axes(), thirds, POINTS, labels, resolution=5)
        clouds = [each for each in ax.collections if not isinstance(each, QuadContourSet)]
        assert [to_hex(cloud.get_facecolor()[0]).upper() for cloud in clouds] == [BLUE, ORANGE, "#009E73"]
        for label, cloud in enumerate(clouds):
            np.testing.assert_array_equal(cloud.get_offsets(), POINTS[label == LABELS])
        assert len({cloud.get_paths()[0].vertices.tobytes() for cloud in clouds}) == 3
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class 0", "class 1", "class 2"]


def test_a_network_predicts_in_its_own_dtype_and_a_plane_of_one_class_has_no_line():
    seen = []

    def predict(x):
        seen.append(x.dtype)
        return np.zeros(len(x), int)

    ax = plot.decision_boundary(axes(), predict, np.ones((2, 2), np.float32), [0, 0], resolution=3)
    assert seen == [np.float32] * 2
    assert not any(isinstance(each, QuadContourSet) for each in ax.collections)
    plot.decision_boundary(axes(), predict, [[0, 1], [1, 0]], [0, 0], resolution=3)
    assert seen[2:] == [np.float64] * 2


def test_arrows_are_the_gradient_and_contours_have_its_heights():
    ax = plot.gradient_field(axes(), bowl, -2, 2, arrows=5)
    (arrows,) = [each for each in ax.collections if isinstance(each, Quiver)]
    (contours,) = [each for each in ax.collections if isinstance(each, QuadContourSet)]
    x, y = arrows.XY.T
    assert sorted(set(x)) == sorted(set(y)) == [-2, -1, 0, 1, 2]
    assert len(x) == 25
    np.testing.assert_allclose(arrows.U, 2 * x, atol=1e-8)
    np.testing.assert_allclose(arrows.V, 6 * y, atol=1e-8)
    assert arrows.angles == arrows.scale_units == "xy"
    assert 0.5 < np.hypot(arrows.U, arrows.V).max() / arrows.scale <= 1  # none reaches its neighbor
    assert ax.get_aspect() == 1
    assert ax.get_title() == "arrows: the gradient, uphill"
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        np.testing.assert_allclose(path.vertices[:, 0] ** 2 + 3 * path.vertices[:, 1] ** 2, level, atol=0.01)
    assert len(contours.labelTexts) > 5


def test_a_plain_has_arrows_of_no_length_and_no_contours():
    ax = plot.gradient_field(axes(), lambda x: 1.0, arrows=3)
    ax.figure.draw_without_rendering()
    assert [type(each) for each in ax.collections] == [Quiver]
    assert not ax.collections[0].U.any()


def test_a_descent_is_drawn_onto_the_field_from_its_start_to_its_end():
    path = np.array([[2.0, 1.0], [1.0, 0.5], [0.5, 0.1]])
    ax = plot.descent(plot.gradient_field(axes(), bowl, arrows=3), path)
    line, first, last = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), path)
    np.testing.assert_array_equal(first.get_xydata(), path[:1])
    np.testing.assert_array_equal(last.get_xydata(), path[-1:])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["start", "after 2 steps"]
    assert plot.descent(axes(), path[:2]).get_lines()[2].get_label() == "after 1 step"
    assert plot.descent(axes(), path[:1]).get_lines()[2].get_label() == "after 0 steps"
