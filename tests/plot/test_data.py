"""What a picture shows is what was computed: its lines, colors, arrows and texts, against numbers found by hand."""

import math

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.colors import to_hex, to_rgba  # noqa: E402
from matplotlib.contour import QuadContourSet  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import PathPatch, Rectangle  # noqa: E402
from matplotlib.quiver import Quiver  # noqa: E402

import fnn  # noqa: E402
from fnn import (  # noqa: E402
    Attention,
    Key,
    LeakyRelu,
    Record,
    Serial,
    concatenate,
    conv,
    dense,
    fold_in,
    heaviside,
    parallel,
    plot,
    relu,
    residual,
    serial,
    sigmoid,
    tanh,
    vjp,
)
from fnn import attention as attention_layer  # noqa: E402
from fnn.core.keys import normals, uniforms  # noqa: E402
from fnn.train.experiments import summarize  # noqa: E402

BLUE, ORANGE = "#0072B2", "#D55E00"
IMAGES = uniforms(Key(2), (10, 8, 8))
KERNELS = normals(Key(3), (3, 3, 2, 4))
POINTS = 2 * uniforms(Key(1), (40, 2)) - 1
LABELS = (POINTS[:, 0] > 0.3).astype(int)
COUNTS = np.array([[9, 1, 0], [2, 7, 1], [0, 0, 5]])
SEQUENCE = normals(Key(4), (7, 8))


def axes(size=(6, 4)):
    return Figure(figsize=size).subplots()


def bowl(x):
    return x[0] ** 2 + 3 * x[1] ** 2


# --- curves ----------------------------------------------------------------------------------------------------------


def band_of(collection):
    """Give the lower and the upper edge of a band, by place."""
    vertices = collection.get_paths()[0].vertices
    low, high = {}, {}
    for x, y in vertices:
        low[x], high[x] = min(y, low.get(x, y)), max(y, high.get(x, y))
    places = sorted(low)
    return places, [low[x] for x in places], [high[x] for x in places]


RUNS = [[1.0, 4.0, 2.0], [3.0, 4.0, 5.0], [5.0, 4.0, 2.0]]
MEAN, DEVIATION = [3.0, 4.0, 3.0], [2.0, 0.0, math.sqrt(3)]  # sqrt(((1 - 3)^2 + 0 + (5 - 3)^2) / 2), ...


@pytest.mark.parametrize(
    "runs",
    [
        RUNS,
        np.array(RUNS, np.float32),
        tuple(np.array(run) for run in RUNS),
        summarize([np.array(run) for run in RUNS]),
    ],
    ids=["lists", "array", "tuple", "summary"],
)
def test_of_several_runs_the_mean_is_drawn_in_a_band_of_one_deviation(runs):
    ax = plot.curves(axes(), {"adam": runs}, x=[10, 20, 40])
    (line,), (band,) = ax.get_lines(), ax.collections
    np.testing.assert_allclose(line.get_xydata(), np.transpose([[10, 20, 40], MEAN]))
    places, low, high = band_of(band)
    assert places == [10, 20, 40]
    np.testing.assert_allclose(low, np.subtract(MEAN, DEVIATION))
    np.testing.assert_allclose(high, np.add(MEAN, DEVIATION))
    assert line.get_label() == "adam (3 runs)"
    assert ax.get_legend().get_title().get_text() == "mean ± deviation"


def test_a_single_curve_is_a_line_without_a_band_from_0_on():
    ax = plot.curves(axes(), {"loss": [3.0, 1.0, 2.0], 0.1: [[2.0, 2.0]]}, xlabel="epoch", ylabel="accuracy")
    assert [line.get_label() for line in ax.get_lines()] == ["loss", "0.1"]
    assert ax.get_lines()[0].get_xydata().tolist() == [[0, 3], [1, 1], [2, 2]]
    assert not ax.collections
    assert ax.get_legend().get_title().get_text() == ""
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "accuracy", "linear")


def test_what_is_not_finite_is_a_gap():
    ax = plot.curves(
        axes(), {"one": [math.nan, 1.0, math.inf], "two": [[math.nan, 1.0, 2.0], [math.nan, 3.0, -math.inf]]}
    )
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), [math.nan, 1.0, math.nan])
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), [math.nan, 2.0, math.nan])


def test_on_a_logarithmic_scale_a_band_stays_above_0():
    runs = [[4.0, 0.1], [6.0, 10.0]]  # 5 -+ sqrt(2), and 5.05 -+ 7
    ax = plot.curves(axes(), {"adam": runs}, log=True)
    _, low, high = band_of(ax.collections[0])
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(low, [5 - math.sqrt(2), 0.1])
    np.testing.assert_allclose(high, [5 + math.sqrt(2), 5.05 + 9.9 / math.sqrt(2)])
    assert ax.get_ylim()[0] > 0.01


def test_neighbouring_curves_differ_in_colour_and_after_seven_in_style_on_one_axes_or_in_two_calls():
    ax = plot.curves(axes(), {place: [place, 1.0] for place in range(5)})
    plot.curves(ax, {place: [place, 1.0] for place in range(5, 14)})
    looks = [(to_hex(line.get_color()), line.get_linestyle()) for line in ax.get_lines()]
    assert len(set(looks)) == 14
    assert len({color for color, _ in looks[:7]}) == 7
    assert len(ax.get_legend().get_texts()) == 14


# --- functions of one number -----------------------------------------------------------------------------------------

SLOPES = {  # by hand
    "relu": (relu, lambda x: x > 0, 0),
    "leaky_relu": (LeakyRelu(0.2), lambda x: np.where(x > 0, 1, 0.2), 0),
    "tanh": (tanh, lambda x: 1 / np.cosh(x) ** 2, 1e-15),
    "sigmoid": (sigmoid, lambda x: 1 / (2 * np.cosh(x / 2)) ** 2, 1e-15),
    "heaviside": (heaviside, lambda x: 0 * x, 0),
    "sin": (np.sin, np.cos, 1e-9),
    "function": (lambda x: x**3, lambda x: 3 * x**2, 1e-7),
}


@pytest.mark.parametrize(("name", "case"), SLOPES.items())
def test_an_activation_is_drawn_with_its_known_derivative(name, case):
    function, slope, tolerance = case
    ax = plot.activation(axes(), function, -4, 3)
    value, derivative = ax.get_lines()[:2]
    x = value.get_xdata()
    assert (x[0], x[-1], len(x)) == (-4, 3, 501)
    assert (value.get_label(), derivative.get_label()) == (name, "derivative")
    np.testing.assert_array_equal(value.get_ydata(), function(x))
    np.testing.assert_allclose(derivative.get_ydata(), slope(x), rtol=0, atol=tolerance)
    assert len(ax.get_legend().get_texts()) == 2


def test_the_axes_through_0_are_drawn_where_they_are_in_sight():
    assert len(plot.activation(axes(), relu).get_lines()) == 4
    assert len(plot.activation(axes(), relu, 1, 2).get_lines()) == 3
    assert plot.activation(axes(), relu, 1, 2).get_xlim()[0] > 0.9


def writes(x):
    x[x < 0] = 0
    return x


def test_a_function_that_writes_to_its_input_is_drawn_as_it_is():
    value, derivative = plot.activation(axes(), writes, -1, 1).get_lines()[:2]
    x = np.linspace(-1, 1, 501)
    np.testing.assert_array_equal(value.get_xdata(), x)
    np.testing.assert_array_equal(value.get_ydata(), np.maximum(x, 0))
    np.testing.assert_allclose(np.delete(derivative.get_ydata(), 250), np.delete(x > 0, 250), atol=1e-9)


def test_the_tangent_touches_and_says_its_slope():
    ax = plot.tangent(axes(), lambda x: math.sqrt(x), at=4, low=1, high=9)
    curve, line, point = ax.get_lines()
    np.testing.assert_allclose(curve.get_ydata(), np.sqrt(np.linspace(1, 9, 501)))
    np.testing.assert_allclose(line.get_ydata(), 2 + 0.25 * (np.linspace(1, 9, 501) - 4), atol=1e-8)
    np.testing.assert_allclose(point.get_xydata(), [[4, 2]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["function", "tangent at x = 4, slope 0.25"]


# --- the plane -------------------------------------------------------------------------------------------------------


def mixed(color, strength):
    return 1 - strength * (1 - np.array(to_rgba(color)[:3]))


def thirds(x):
    """Scores of three classes: 0 below -0.5, 1 between, 2 above 0.5; all up to there by x[:, 0] alone."""
    return np.stack([-x[:, 0] - 0.5, 0 * x[:, 0], x[:, 0] - 0.5], axis=1)


@pytest.mark.parametrize("predict", [thirds, lambda x: np.digitize(x[:, 0], [-0.5, 0.5])], ids=["scores", "labels"])
def test_each_place_has_the_colour_of_its_class_and_lines_run_between(predict):
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


def test_a_network_is_asked_in_its_own_dtype_and_a_plane_of_one_class_has_no_line():
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


# --- images and filters ----------------------------------------------------------------------------------------------


def corners(ax):
    """Give the left upper pixel of each frame, in order, those drawn twice once."""
    frames = {(round(patch.get_x() + 0.5), round(patch.get_y() + 0.5)): None for patch in ax.patches}
    return list(frames)


@pytest.mark.parametrize("titles", [None, "abcdefghij"])
@pytest.mark.parametrize("columns", [None, 1, 3, 20])
def test_each_image_is_in_the_grid_pixel_by_pixel_and_nothing_else(columns, titles):
    ax = plot.images(axes(), IMAGES, titles, columns)
    canvas = ax.images[0].get_array().filled(np.nan)
    places = corners(ax)
    assert len(places) == 10
    assert len({x for x, _ in places}) == (min(columns, 10) if columns else len({x for x, _ in places}))
    for image, (left, top) in zip(IMAGES, places, strict=True):
        np.testing.assert_array_equal(canvas[top : top + 8, left : left + 8], image)
    assert np.count_nonzero(np.isfinite(canvas)) == IMAGES.size
    assert places == sorted(places, key=lambda place: (place[1], place[0]))


def test_a_grid_fits_the_shape_of_its_axes():
    shapes = {}
    for size in ((12, 2), (4, 4), (2, 12)):
        places = corners(plot.images(axes(size), np.zeros((16, 8, 8))))
        shapes[size] = len({y for _, y in places}), len({x for x, _ in places})
    assert shapes[4, 4] == (4, 4)
    assert shapes[12, 2][1] >= 8
    assert shapes[2, 12][0] >= 8


def test_a_full_last_row_is_worth_somewhat_smaller_images():
    places = corners(plot.images(axes((6, 4)), np.zeros((28, 8, 8))))
    assert len({x for x, _ in places}) == 7


def test_one_channel_is_ink_on_one_scale_for_all():
    ax = plot.images(axes(), np.stack([np.zeros((2, 2)), np.full((2, 2), 255)]).astype(np.uint8))
    assert ax.images[0].get_clim() == (0, 255)
    assert ax.images[0].cmap(1.0)[:3] == (0, 0, 0)
    assert ax.images[0].cmap(0.0)[:3] == (1, 1, 1)
    with_channel = plot.images(axes(), IMAGES[..., None])
    np.testing.assert_array_equal(with_channel.images[0].get_array(), plot.images(axes(), IMAGES).images[0].get_array())


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_drawn_as_they_are_and_nothing_between_them(channels):
    colors = uniforms(Key(0), (2, 3, 3, channels))
    for images, expected in (
        (colors, colors),
        ((255 * colors).astype(np.uint8), (255 * colors).astype(np.uint8) / 255),
    ):
        ax = plot.images(axes(), images, columns=2)
        canvas = ax.images[0].get_array()
        (left, top), (other, _) = corners(ax)
        np.testing.assert_allclose(canvas[top : top + 3, left : left + 3, :channels], expected[0])
        assert (canvas[top : top + 3, left + 3 : other, 3] == 0).all()
        if channels == 3:
            assert (canvas[top : top + 3, left : left + 3, 3] == 1).all()


def test_titles_stand_above_their_images_and_the_marked_are_orange():
    marked = np.array([False, True, False])
    ax = plot.images(axes(), IMAGES[:3], titles=[7, "9, read as 4", 1.5], marked=marked, columns=3)
    assert [text.get_text() for text in ax.texts] == ["7", "9, read as 4", "1.5"]
    places = corners(ax)
    for text, (left, top), mark in zip(ax.texts, places, marked, strict=True):
        assert text.xy == (left + 3.5, top - 0.5)
        assert (to_hex(text.get_color()).upper() == ORANGE) == mark
    orange = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()).upper() == ORANGE]
    assert [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in orange] == places[1:2]
    assert (orange[0].get_width(), orange[0].get_height()) == (8, 8)


def test_titles_of_two_lines_have_room_over_small_images():
    ax = plot.images(axes(), np.ones((30, 4, 4)), ["a\nb"] * 30)
    ax.figure.draw_without_rendering()
    above = [text.get_window_extent() for text in ax.texts]
    frames = [patch.get_window_extent() for patch in ax.patches]
    for box in above:
        assert not any(
            frame.x0 < box.x1 and box.x0 < frame.x1 and frame.y0 + 1 < box.y1 and box.y0 + 1 < frame.y1
            for frame in frames
        )


def test_filters_are_tiles_on_one_symmetric_scale():
    ax = plot.filters(axes(), KERNELS)
    image = ax.images[0]
    largest = np.abs(KERNELS).max()
    assert image.get_clim() == (-largest, largest)
    canvas, places = image.get_array().filled(np.nan), corners(ax)
    assert len(places) == 8
    assert len({x for x, _ in places}) == 4
    for place, (left, top) in enumerate(places):  # a row for each input, a column for each filter
        np.testing.assert_array_equal(canvas[top : top + 3, left : left + 3], KERNELS[:, :, place // 4, place % 4])
    np.testing.assert_allclose(image.cmap(0.5)[:3], 1, atol=0.05)
    blue, red = image.cmap(0.0), image.cmap(1.0)
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert ax.child_axes[0].get_ylabel() == "weight"


def test_a_dense_layer_s_filters_are_its_columns_as_images():
    weight = normals(Key(1), (12, 5))
    ax = plot.filters(axes(), weight, (3, 4))
    canvas = ax.images[0].get_array().filled(np.nan)
    for unit, (left, top) in enumerate(corners(ax)):
        np.testing.assert_array_equal(canvas[top : top + 3, left : left + 4], weight[:, unit].reshape(3, 4))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("5 filters of 3 x 4", "")
    in_colour = plot.filters(axes(), weight, (2, 2, 3))
    canvas = in_colour.images[0].get_array().filled(np.nan)
    for place, (left, top) in enumerate(corners(in_colour)):
        expected = weight[:, place % 5].reshape(2, 2, 3)[..., place // 5]
        np.testing.assert_array_equal(canvas[top : top + 2, left : left + 2], expected)


def test_filters_of_zeros_have_a_scale_too():
    assert plot.filters(axes(), np.zeros((2, 2, 1, 1))).images[0].get_clim() == (-1, 1)


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_confusion_matrix_has_its_numbers_in_its_cells_truths_down():
    ax = plot.confusion(axes(), COUNTS, ["a", "b", "c"])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(j, i): str(COUNTS[i, j]) for i in range(3) for j in range(3)}
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first truth is above
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in ticks] == ["a", "b", "c"]
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == [0, 1, 2]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {0}
    long = plot.confusion(axes(), COUNTS, ["setosa", "versicolor", "virginica"])
    assert {label.get_rotation() for label in long.get_xticklabels()} == {45}


def test_what_is_right_is_blue_by_its_share_of_the_true_class_and_what_is_wrong_orange():
    image = plot.confusion(axes(), COUNTS).images[0].get_array()
    np.testing.assert_allclose(image[0, 0], mixed(BLUE, 0.9))
    np.testing.assert_allclose(image[2, 2], mixed(BLUE, 1.0))
    np.testing.assert_allclose(image[1, 0], mixed(ORANGE, math.sqrt(0.2)))
    np.testing.assert_allclose(image[0, 2], 1)


def test_shares_and_classes_that_never_occur_are_drawn_too():
    assert [text.get_text() for text in plot.confusion(axes(), [[0.9, 0.1], [0.25, 0.75]]).texts] == [
        "0.90", "0.10", "0.25", "0.75",
    ]  # fmt: skip
    empty = plot.confusion(axes(), np.array([[0, 0], [1, 3]]))
    np.testing.assert_array_equal(empty.images[0].get_array()[0], 1)
    assert [label.get_text() for label in empty.get_xticklabels()] == ["0", "1"]


def two_steps(causal):
    """An attention whose second head gives query 2 x[0] and key x[1], both over sqrt(4), and whose first gives 0."""
    weight = np.zeros((8, 24))
    weight[0, 4], weight[1, 8 + 4] = 2, 1
    return Attention(weight, np.zeros(24), np.eye(8), np.zeros(8), heads=2, causal=causal)


def test_attention_s_shares_are_those_found_by_hand():
    x = np.zeros((2, 8))
    x[:, 0], x[1, 1] = 1, math.log(3)  # scores 0 and log 3, of which softmax makes 1 and 3 quarters
    for sequence in (x, x[None]):
        shares = plot.attention(axes(), two_steps(False), sequence, head=1).images[0].get_array()
        np.testing.assert_allclose(shares, [[0.25, 0.75], [0.25, 0.75]])
    shares = plot.attention(axes(), two_steps(True), x, head=1).images[0].get_array()
    np.testing.assert_allclose(shares, [[1, 0], [0.25, 0.75]])
    shares = plot.attention(axes(), two_steps(False), x).images[0].get_array()
    np.testing.assert_allclose(shares, 0.5)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_s_shares_sum_to_one_and_make_what_the_layer_gives(causal):
    layer = attention_layer(2, causal=causal)(Key(1), SEQUENCE[None])
    layer = fnn.tree.map(lambda leaf: normals(fold_in(Key(2), leaf.size), leaf.shape), layer)
    value = (SEQUENCE @ layer.weight + layer.bias)[:, 16:]
    found = []
    for head in range(2):
        ax = plot.attention(axes(), layer, SEQUENCE, head)
        shares = ax.images[0].get_array().filled()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert ax.images[0].get_clim() == (0, shares.max())
        found.append(shares @ value[:, 4 * head : 4 * head + 4])
    y = np.concatenate(found, axis=1) @ layer.output_weight + layer.output_bias
    np.testing.assert_allclose(y, layer(SEQUENCE[None])[0])


def test_steps_have_the_names_of_their_symbols_and_what_is_blank_can_be_seen():
    ax = plot.attention(axes(), two_steps(True), np.zeros((7, 8)), symbols="a b\nc\td")
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in ticks] == ["a", "␣", "b", "↵", "c", "⇥", "d"]
    assert ax.child_axes[0].get_ylabel() == "share of attention"


# --- networks --------------------------------------------------------------------------------------------------------


def table_of(ax):
    """Give the lines of text beside the bars, from top to bottom."""
    lines = {}
    for text in ax.texts[1:]:
        lines.setdefault(text.xy[1], []).append(text.get_text())
    return [lines[place] for place in sorted(lines)]


def bars_of(ax):
    """Give the middle and the width of each bar, from top to bottom."""
    bars = sorted((patch.get_y(), patch) for patch in ax.patches if isinstance(patch, Rectangle))
    return [(bar.get_x() + bar.get_width() / 2, bar.get_width()) for _, bar in bars]


def lines_of(ax):
    """Give where each line leaves, in which lane it runs, and where it arrives."""
    paths = [patch.get_path().vertices for patch in ax.patches if isinstance(patch, PathPatch)]
    return [(tuple(path[0]), path[3][0], tuple(path[-1])) for path in paths]


def test_a_diagram_has_a_line_for_each_layer_with_what_summary_says_of_it():
    net = serial(fnn.reshape((8, 8, 1)), conv(3, 3), relu, fnn.flatten, dense(10))(Key(0), np.ones((1, 64)))
    ax = plot.diagram(axes(), net, np.ones((5, 64)))
    assert table_of(ax) == [
        ["layer", "output", "parameters"],
        ["input", "(n, 64)", ""],
        ["Reshape", "(n, 8, 8, 1)", "0"],
        ["Conv", "(n, 8, 8, 3)", "30"],
        ["Relu", "(n, 8, 8, 3)", "0"],
        ["Flatten", "(n, 192)", "0"],
        ["Dense", "(n, 10)", "1,930"],
    ]
    summary = [line.split(maxsplit=2)[1:] for line in fnn.summary(net, np.ones((1, 64))).splitlines()[2:-2]]
    assert [name for name, _, _ in table_of(ax)[2:]] == [name for name, _ in summary]
    middles, widths = zip(*bars_of(ax), strict=True)
    np.testing.assert_allclose(middles, 0, atol=1e-12)
    expected = np.log([65, 65, 193, 193, 193, 11])
    np.testing.assert_allclose(widths, 0.8 * expected / expected.max())
    assert lines_of(ax) == [((0, place), 0, (0, place + 1)) for place in range(5)]
    bottom, top = ax.get_ylim()
    assert top < -1 < 5 < bottom  # from the head to the last layer


class Spy(Record):
    """A layer that writes down how many rows it sees."""

    seen: object


@vjp.register
def spy_vjp(layer: Spy, x, key=None):
    layer.seen.append(len(x))
    return x, lambda dy: (layer, lambda: dy)


def test_a_network_is_shown_a_single_row():
    seen = []
    plot.diagram(axes(), Spy(seen), np.ones((50, 2)))
    assert set(seen) == {1}


def test_branches_run_side_by_side_and_join_again():
    x = np.ones((1, 4))
    net = serial(concatenate(serial(dense(2), relu), serial(), dense(3)), dense(1))(Key(0), x)
    ax = plot.diagram(axes(), net, x)
    names = [name for name, _, _ in table_of(ax)[1:]]
    assert names == ["input", "Dense", "Relu", "Dense", "Concatenate", "Dense"]
    np.testing.assert_allclose([middle for middle, _ in bars_of(ax)], [0, 0, 0, 2, 0, 0], atol=1e-12)
    assert set(lines_of(ax)) == {
        ((0, 0), 0, (0, 1)),
        ((0, 1), 0, (0, 2)),
        ((0, 0), 2, (2, 3)),  # to the last branch in its own lane
        ((0, 2), 0, (0, 4)),
        ((0, 0), 1, (0, 4)),  # past the empty branch in the lane between
        ((2, 3), 2, (0, 4)),
        ((0, 4), 0, (0, 5)),
    }


def test_branches_inside_a_branch_have_lanes_of_their_own():
    x = np.ones((1, 4))
    net = concatenate(residual(dense(4)), concatenate(dense(2), dense(3)), dense(1))(Key(0), x)
    ax = plot.diagram(axes(), net, x)
    names = [name for name, _, _ in table_of(ax)[1:]]
    assert names == ["input", "Dense", "Residual", "Dense", "Dense", "Concatenate", "Dense", "Concatenate"]
    np.testing.assert_allclose([middle for middle, _ in bars_of(ax)], [0, 0, 0, 2, 3, 2, 4, 0], atol=1e-12)
    assert ((0, 0), 1, (0, 2)) in lines_of(ax)  # round the body


def test_a_residual_goes_round_its_body():
    x = np.ones((1, 4))
    net = residual(dense(3), relu, residual(dense(3)), dense(4))(Key(0), x)
    ax = plot.diagram(axes(), net, x)
    assert [line for line in table_of(ax)[1:] if line[0] == "Residual"] == [
        ["Residual", "(n, 3)", ""],
        ["Residual", "(n, 4)", ""],
    ]
    assert ((0, 2), 1, (0, 4)) in lines_of(ax)
    assert ((0, 0), 2, (0, 6)) in lines_of(ax)


def test_a_layer_that_is_used_again_is_not_counted_again_and_several_inputs_are_shown():
    x = (np.ones((1, 4)), np.ones((1, 4)))
    shared = dense(4)(Key(0), x[0])
    net = Serial((fnn.pick(1), shared, relu, shared, relu))
    lines = table_of(plot.diagram(axes(), net, x))
    assert lines[1] == ["input", "(n, 4), (n, 4)", ""]
    assert [parameters for _, _, parameters in lines[2:]] == ["0", "20", "0", "again", "0"]
    both = parallel(dense(2), dense(3))(Key(0), x[0])
    assert [name for name, _, _ in table_of(plot.diagram(axes(), both, x[0]))[1:]] == ["input", "Dense", "Dense"]


def test_bars_are_dark_where_there_is_something_to_learn():
    x = np.ones((1, 4))
    ax = plot.diagram(axes(), serial(dense(2), relu)(Key(0), x), x)
    colors = [to_hex(patch.get_facecolor()).upper() for patch in ax.patches if isinstance(patch, Rectangle)]
    assert colors[1] == BLUE
    assert colors[0] == colors[2] != BLUE
