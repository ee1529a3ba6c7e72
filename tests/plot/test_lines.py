"""Curves, activations and tangents are where they were computed to be."""

# ruff: noqa: E402 (matplotlib may be missing)
import math

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex

from fnn import (
    LeakyRelu,
    heaviside,
    plot,
    relu,
    sigmoid,
    tanh,
)
from fnn.train.summaries import summarize
from tests.plot.drawing import axes

# --- curves ----------------------------------------------------------------------------------------------------------


def band_of(collection):
    """Return the lower and the upper edge of a band, by place."""
    vertices = collection.get_paths()[0].vertices
    low, high = {}, {}
    for x, y in vertices:
        low[x], high[x] = min(y, low.get(x, y)), max(y, high.get(x, y))
    places = sorted(low)
    return places, [low[x] for x in places], [high[x] for x in places]


RUNS = [[1.0, 4.0, 2.0], [3.0, 4.0, 5.0], [5.0, 4.0, 2.0]]
MEAN, STD = [3.0, 4.0, 3.0], [2.0, 0.0, math.sqrt(3)]  # sqrt(((1 - 3)^2 + 0 + (5 - 3)^2) / 2), ...


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
def test_of_several_runs_the_mean_is_drawn_in_a_band_of_one_standard_deviation(runs):
    ax = plot.curves(axes(), {"adam": runs}, x=[10, 20, 40])
    (line,), (band,) = ax.get_lines(), ax.collections
    np.testing.assert_allclose(line.get_xydata(), np.transpose([[10, 20, 40], MEAN]))
    places, low, high = band_of(band)
    assert places == [10, 20, 40]
    np.testing.assert_allclose(low, np.subtract(MEAN, STD))
    np.testing.assert_allclose(high, np.add(MEAN, STD))
    assert line.get_label() == "adam (3 runs)"
    assert ax.get_legend().get_title().get_text() == "mean ± standard deviation"


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


def test_neighboring_curves_differ_in_color_and_after_seven_in_style_on_one_axes_or_in_two_calls():
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
