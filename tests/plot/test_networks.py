"""A diagram has the layers, shapes and numbers of parameters of its network, and the lines between them."""

# ruff: noqa: E402 (matplotlib may be missing)

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

import fnn
from fnn import (
    Key,
    Record,
    Serial,
    concatenate,
    conv,
    dense,
    parallel,
    plot,
    relu,
    residual,
    serial,
    vjp,
)
from tests.plot.drawing import BLUE, axes


def table_of(ax):
    """Return the lines of text beside the bars, from top to bottom."""
    lines = {}
    for text in ax.texts[1:]:
        lines.setdefault(text.xy[1], []).append(text.get_text())
    return [lines[place] for place in sorted(lines)]


def bars_of(ax):
    """Return the middle and the width of each bar, from top to bottom."""
    bars = sorted((patch.get_y(), patch) for patch in ax.patches if isinstance(patch, Rectangle))
    return [(bar.get_x() + bar.get_width() / 2, bar.get_width()) for _, bar in bars]


def lines_of(ax):
    """Return where each line begins, in which lane it runs, and where it ends."""
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
