"""Narrow, extreme and lonely numbers are drawn where they are, or refused in a sentence: never lost, never infinite."""

# ruff: noqa: E402 (matplotlib may be missing)
import io
import math
import re

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.contour import QuadContourSet
from matplotlib.quiver import Quiver

from fnn import Attention, dense, plot, relu, tanh
from fnn.train.summaries import summarize
from tests.plot.drawing import COUNTS, IMAGES, LABELS, POINTS, SEQUENCE, axes

V, T = ValueError, TypeError


def saved(ax):
    """Save the figure, as overflow, division by zero and warnings are errors here; return its axes."""
    ax.figure.savefig(io.BytesIO(), dpi=40)
    return ax


# --- narrow dtypes and large numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scale",
    [
        (np.float16, 7000),
        (np.float32, 3.7e37),
        (np.float64, 1e306),
        (np.float64, 1e-320),
        (np.int8, 14),
        (np.uint8, 28),
        (np.int64, (2**63 - 1) // 9),
        (np.longdouble, 1e300),
    ],
    ids=str,
)
def test_a_confusion_matrix_has_its_colors_in_any_dtype(scale):
    dtype, factor = scale
    with np.errstate(under="ignore"):
        matrix = (COUNTS.astype(np.longdouble) * factor).astype(dtype)
    ax = saved(plot.confusion(axes(), matrix))
    tolerance = 2e-3 if dtype is np.float16 or factor == 1e-320 else 1e-6
    np.testing.assert_allclose(
        ax.images[0].get_array(), plot.confusion(axes(), COUNTS).images[0].get_array(), tolerance
    )
    assert all(len(text.get_text()) <= 20 for text in ax.texts)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_attention_is_computed_so_that_scores_do_not_overflow(dtype):
    weight = np.zeros((8, 24))
    weight[0, 0], weight[1, 8] = 1, 1  # query x[0] and key x[1] of the first head
    layer = Attention(*[part.astype(dtype) for part in (weight, np.zeros(24), np.eye(8), np.zeros(8))], heads=2)
    x = np.zeros((3, 8), dtype)
    x[:, 0], x[:, 1] = [200, 0, -300], [400, 500, 200]
    ax = saved(plot.attention(axes(), layer, x))
    np.testing.assert_allclose(ax.images[0].get_array(), [[0, 1, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1]], atol=1e-12)
    if dtype is np.float32:
        weights = saved(plot.attention(axes(), layer, x * np.float32(1e30))).images[0].get_array()
        np.testing.assert_array_equal(weights[[0, 2]], [[0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float16, 6e4), (np.float32, 3e38), (np.float64, 1e300), (np.float64, 1e-300)]
)
def test_a_plane_as_wide_as_its_dtype_has_finite_places_on_both_sides_of_the_boundary(dtype, scale):
    x = (np.array([[-1.0, 1.0], [1.0, -1.0]]) * scale).astype(dtype)
    seen = []

    def predict(places):
        seen.append(places)
        return (places[:, 0] > 0).astype(int)

    ax = saved(plot.decision_boundary(axes(), predict, x, [0, 1], resolution=20))
    assert seen[1].dtype == dtype
    assert np.isfinite(seen[1]).all()
    assert len(np.unique(ax.images[0].get_array()[:, :, 0])) == 2
    assert ax.get_xlim()[0] < float(x[0, 0]) < float(x[1, 0]) < ax.get_xlim()[1]


@pytest.mark.parametrize(
    ("dtype", "place"),
    [
        (dtype, place)
        for dtype in (np.float16, np.float32, np.float64)
        for place in (0.0, 1e-30, 1e4, 6e4, 1e20)
        if place <= float(np.finfo(dtype).max)
    ],
)
def test_points_at_one_place_have_a_plane_around_them(dtype, place):
    x = np.full((3, 2), place, dtype)
    ax = saved(plot.decision_boundary(axes(), lambda x: np.zeros(len(x), int), x, [0, 0, 0], resolution=5))
    assert ax.get_xlim()[0] < x[0, 0] < ax.get_xlim()[1]


def test_infinite_scores_have_a_boundary_too():
    def certain(x):
        return np.where(x[:, :1] * [1, -1] > 0, 0.0, -np.inf)  # logarithms of the probabilities 1 and 0

    ax = saved(plot.decision_boundary(axes(), certain, POINTS, LABELS, resolution=40))
    lines = [each for each in ax.collections if isinstance(each, QuadContourSet)]
    places = np.concatenate([path.vertices[:, 0] for each in lines for path in each.get_paths()])
    assert places.size
    assert np.abs(places).max() < 0.06  # between two places of forty


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_scores_at_the_ends_of_their_dtype_are_compared_without_overflow(dtype):
    largest = np.finfo(dtype).max

    def certain(x):
        return np.where(x[:, :1] * [1, -1] > 0, largest, -largest).astype(dtype)

    assert saved(plot.decision_boundary(axes(), certain, POINTS, LABELS, resolution=9)).collections


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plot.curves(ax, {"a": np.full((3, 5), 6e4, np.float16)}),
        lambda ax: plot.curves(ax, {"a": [[1e300, 1.0], [-1e300, 1.0]]}),
        lambda ax: plot.curves(ax, {"a": [1e-320, 0.0]}),
        lambda ax: plot.curves(ax, {"a": [1e-250, 1e200]}, log=True),
        lambda ax: plot.activation(ax, tanh, -1e30, 1e30),
        lambda ax: plot.activation(ax, tanh, -1e-30, 1e-30),
        lambda ax: plot.tangent(ax, lambda x: x * x, 1e30, -1e30, 1e30),
        lambda ax: plot.gradient_field(ax, lambda x: x @ x, -1e30, 1e30, 5),
        lambda ax: plot.gradient_field(ax, lambda x: x @ x, -1e-30, 1e-30, 5),
        lambda ax: plot.descent(ax, np.array([[-6e4, 6e4], [6e4, -6e4]], np.float16)),
        lambda ax: plot.images(ax, np.full((2, 3, 3), 6e4, np.float16)),
        lambda ax: plot.images(ax, np.full((2, 3, 3, 3), 0.5, np.float16)),
        lambda ax: plot.images(ax, np.stack([np.full((3, 3), np.inf), np.zeros((3, 3))])),
        lambda ax: plot.filters(ax, np.full((2, 2, 1, 1), 6e4, np.float16)),
        lambda ax: plot.filters(ax, np.full((2, 2, 1, 1), 1e-40, np.float32)),
        lambda ax: plot.filters(ax, np.full((2, 2, 1, 1), -128, np.int8)),
    ],
)
def test_numbers_at_the_edges_are_drawn_without_overflow_or_warnings(draw):
    saved(draw(axes(layout="constrained")))


HUGE = np.full((2, 2), 1.5e308)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plot.curves(ax, {"a": HUGE[0]}), "plot.curves: 'a' holds 1.5e+308, which is too large to draw"),
        (
            lambda ax: plot.curves(ax, {"a": summarize([HUGE[0]])}),
            "plot.curves: 'a' holds 1.5e+308, which is too large",
        ),
        (lambda ax: plot.curves(ax, {"a": [1, 2]}, x=HUGE[0]), "plot.curves: x holds 1.5e+308, which is too large"),
        (
            lambda ax: plot.curves(ax, {"a": [1e-320, 1e300]}, log=True),
            "plot.curves: an axis cannot hold the logarithms of numbers from 1e-320 to 1e+300; scale them",
        ),
        (lambda ax: plot.confusion(ax, HUGE), "plot.confusion: the matrix holds 1.5e+308, which is too large"),
        (lambda ax: plot.descent(ax, HUGE), "plot.descent: the path holds 1.5e+308, which is too large"),
        (lambda ax: plot.images(ax, HUGE[None]), "plot.images: images holds 1.5e+308, which is too large"),
        (lambda ax: plot.filters(ax, HUGE[..., None, None]), "plot.filters: the weight holds 1.5e+308, which is too"),
        (lambda ax: plot.decision_boundary(ax, relu, HUGE, [0, 1]), "plot.decision_boundary: x holds 1.5e+308, which"),
        (lambda ax: plot.activation(ax, relu, -1e308, 1e308), "plot.activation: low and high must be numbers that an"),
        (lambda ax: plot.activation(ax, relu, -math.inf, 1), "an axis can hold, got -inf and 1"),
        (
            lambda ax: plot.gradient_field(ax, np.sum, -1e308, 1e308),
            "plot.gradient_field: low and high must be numbers",
        ),
        (
            lambda ax: plot.tangent(ax, abs, -math.inf, -1, 1),
            "plot.tangent: at must be finite",
        ),
        (
            lambda ax: plot.attention(ax, ATTENTION, SEQUENCE * 1e300),
            "plot.attention: the scores are NaN or infinite; scale x, or look at the layer's parameters",
        ),
    ],
)
def test_what_no_axis_can_hold_is_refused_before_anything_is_drawn(draw, message):
    ax = axes()
    with pytest.raises(V, match=re.escape(message)):
        draw(ax)
    assert not ax.has_data()


ATTENTION = Attention(np.ones((8, 24)), np.zeros(24), np.eye(8), np.zeros(8), heads=2)


# --- gaps and single points ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "alone"),
    [
        ([5.0], [0]),
        ([1.0, math.nan, 2.0, math.nan], [0, 2]),
        ([math.nan, 1.0, 2.0, math.inf, 3.0], [4]),
        ([1.0, 2.0], None),
        ([math.nan], None),
    ],
)
def test_a_number_that_has_none_beside_it_is_a_point(curve, alone):
    line = saved(plot.curves(axes(), {"a": curve})).get_lines()[0]
    assert (line.get_marker() == "o") == (alone is not None)
    assert line.get_markevery() == alone


def half(x):
    return math.log(x[0]) + x[1] ** 2 if x[0] > 0 else math.nan


def peak(x):
    return 1 / (x @ x) if x.any() else math.inf


@pytest.mark.parametrize("function", [half, peak])
def test_a_field_with_gaps_has_contours_and_arrows_where_it_is_finite(function):
    ax = saved(plot.gradient_field(axes(), function, -2, 2, arrows=5))
    (contours,) = [each for each in ax.collections if isinstance(each, QuadContourSet)]
    (arrows,) = [each for each in ax.collections if isinstance(each, Quiver)]
    assert sum(len(path.vertices) for path in contours.get_paths()) > 50
    longest = np.hypot(arrows.U, arrows.V).max()
    assert 0.5 < longest / arrows.scale <= 1


@pytest.mark.parametrize("nowhere", [math.nan, math.inf, -math.inf])
def test_a_field_without_a_finite_height_is_refused(nowhere):
    with pytest.raises(
        V, match=r"plot\.gradient_field: the function is NaN or infinite everywhere between low and high"
    ):
        plot.gradient_field(axes(), lambda x: nowhere, arrows=3)


# --- what is no list, no function, no plain array --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plot.confusion(ax, COUNTS, 3), "plot.confusion: names must be a list or a text, got int 3"),
        (lambda ax: plot.images(ax, IMAGES, titles=3), "plot.images: titles must be a list or a text, got int 3"),
        (
            lambda ax: plot.attention(ax, ATTENTION, SEQUENCE, symbols=7),
            "plot.attention: symbols must be a list or a text, got int 7",
        ),
        (
            lambda ax: plot.activation(ax, dense(3)),
            "plot.activation expects a function, say relu, got the constructor dense(3)",
        ),
        (
            lambda ax: plot.images(ax, IMAGES, marked=np.ma.masked_array(np.ones(10, bool), np.ones(10, bool))),
            "plot.images, as marked, expects a plain array, got a masked one; fill its gaps",
        ),
        (
            lambda ax: plot.diagram(ax, relu, np.ma.masked_array(np.ones((1, 2)), False)),
            "plot.diagram expects a plain array, got a masked one; fill its gaps",
        ),
    ],
)
def test_the_error_says_what_came(draw, message):
    with pytest.raises(T, match=re.escape(message)):
        draw(axes())


def test_symbols_and_titles_may_come_one_after_the_other():
    ax = plot.attention(axes(), ATTENTION, SEQUENCE, symbols=(str(i) for i in range(7)))
    assert [label.get_text() for label in ax.get_xticklabels()] == list("0123456")
    assert len(plot.images(axes(), IMAGES, titles=iter("abcdefghij")).texts) == 10


def test_the_label_of_a_curve_is_no_formula():
    saved(plot.curves(axes(), {r"$\1$": [1.0, 2.0], "2^3_4 $": [2.0, 1.0]}))
