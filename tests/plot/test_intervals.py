"""Comparisons: a dot for each pair, and the interval of the mean."""

# ruff: noqa: E402 (matplotlib may be missing)
import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from fnn import compare, plot
from tests.plot.drawing import BLUE, ORANGE, axes

SETTLED = compare({"narrow": [1.0, 2.0, 4.0], "wide": [2.0, 3.5, 5.0]})
OPEN = compare({"narrow": [1.0, 2.0, 4.0], "deep": [2.0, 1.5, 7.0]})


def bars(ax):
    """The color, the ends and the height of each interval."""
    found = []
    for lines in ax.collections:
        if isinstance(lines, LineCollection):
            color = to_hex(lines.get_color()[0]).upper()
            found += [(color, *segment[:, 0], segment[0, 1]) for segment in lines.get_segments()]
    return sorted(found, key=lambda bar: bar[-1])


def test_each_pair_is_a_dot_and_the_mean_has_its_interval():
    ax = plot.comparison(axes(), OPEN, xlabel="accuracy")
    (dots,) = [each for each in ax.collections if isinstance(each, PathCollection)]
    np.testing.assert_array_equal(dots.get_offsets()[:, 0], OPEN.differences)
    assert len(set(dots.get_offsets()[:, 1])) == OPEN.n  # equal differences hide no dot
    ((color, low, high, _),) = bars(ax)
    assert (color, low, high) == (BLUE, pytest.approx(OPEN.low), pytest.approx(OPEN.high))
    assert low < 0 < high
    assert OPEN.mean in ax.get_lines()[1].get_xdata()
    assert ax.get_lines()[0].get_xdata() == [0, 0]
    assert ax.get_xlabel() == "accuracy"
    assert "mean, 95 % interval, with 0 in it" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_what_is_settled_is_orange_and_the_first_stands_at_the_top():
    ax = plot.comparison(axes(), iter([SETTLED, OPEN]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["wide\n- narrow", "deep\n- narrow"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert [bar[0] for bar in bars(ax)] == [ORANGE, BLUE]
    assert bars(ax)[0][1:3] == pytest.approx((SETTLED.low, SETTLED.high))
    assert bars(ax)[0][1] > 0
