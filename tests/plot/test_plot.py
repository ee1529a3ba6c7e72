"""Every picture can be read, touches nothing but its axes, and refuses what it cannot draw before it draws anything."""

# ruff: noqa: E402 (matplotlib may be missing)
import io
import math
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text

from fnn import (
    Key,
    LeakyRelu,
    compare,
    concatenate,
    cross_entropy,
    dense,
    dropout,
    plot,
    relu,
    residual,
    serial,
    sgd,
    softmax,
    start,
    states,
    tanh,
    train_step,
    watch,
)
from fnn import attention as attention_layer
from fnn.core.keys import uniforms
from fnn.train.summaries import summarize
from tests.plot import drawing
from tests.plot.drawing import COUNTS, IMAGES, KERNELS, LABELS, POINTS, SEQUENCE, bowl


def axes():
    return drawing.axes(layout="constrained")


LOSSES = drawing.read_only(np.exp(-np.arange(20) / 5) * (1 + 0.1 * uniforms(Key(0), (5, 20))))
LAYER = attention_layer(2, causal=True)(Key(5), SEQUENCE[None])
NO_FORMULA = r"$\1$"  # what matplotlib would refuse, if it took it for one
BRANCHES = concatenate(serial(dense(8), relu), residual(dense(16), tanh))
NET = serial(dense(16), BRANCHES, dropout(0.5), dense(3))(Key(6), POINTS)
NET_OF_TWO = serial(dense(4), tanh, dense(2))(Key(7), POINTS)

SEEN = []
for _ in watch(2, (POINTS, LABELS), SEEN.append)(
    states(train_step(cross_entropy, sgd(0.3)), start(NET_OF_TWO, sgd(0.3)), [(POINTS, LABELS)] * 6)
):
    pass
COMPARED = compare({"narrow": LOSSES[0], "wide": LOSSES[1] + 0.1})

PICTURES = {
    "curves": lambda ax: plot.curves(ax, {"sgd": LOSSES[0], "adam": LOSSES}),
    "curves of a summary": lambda ax: plot.curves(ax, {"adam": summarize(list(LOSSES))}, log=True, ylabel="error"),
    "activation": lambda ax: plot.activation(ax, relu),
    "activation by hand": lambda ax: plot.activation(ax, np.tanh, -3, 2),
    "tangent": lambda ax: plot.tangent(ax, lambda x: 0.01 * x**2 + 0.1 * x, 5, 0, 20),
    "decision_boundary": lambda ax: plot.decision_boundary(ax, NET_OF_TWO, POINTS, LABELS, resolution=30),
    "gradient_field": lambda ax: plot.gradient_field(ax, bowl, arrows=6),
    "descent": lambda ax: plot.descent(ax, POINTS),
    "images": lambda ax: plot.images(ax, IMAGES, [*range(9), NO_FORMULA], marked=np.arange(10) == 3),
    "images in color": lambda ax: plot.images(ax, IMAGES.reshape(10, 8, 8, 1).repeat(3, axis=3)),
    "confusion": lambda ax: plot.confusion(ax, COUNTS),
    "confusion with names": lambda ax: plot.confusion(ax, COUNTS, ["setosa", "versicolor", NO_FORMULA]),
    "filters": lambda ax: plot.filters(ax, KERNELS),
    "filters of a dense layer": lambda ax: plot.filters(ax, KERNELS.reshape(36, 2), (3, 4, 3)),
    "attention": lambda ax: plot.attention(ax, LAYER, SEQUENCE),
    "attention to symbols": lambda ax: plot.attention(ax, LAYER, SEQUENCE, head=1, symbols="a $\n\t$b"),
    "diagram": lambda ax: plot.diagram(ax, NET, POINTS),
    "comparison": lambda ax: plot.comparison(ax, COMPARED),
    "roc": lambda ax: plot.roc(ax, {"sgd": POINTS[:, 0], NO_FORMULA: POINTS[:, 1]}, LABELS),
    "precision_recall": lambda ax: plot.precision_recall(ax, POINTS[:, 1], LABELS),
    "calibration": lambda ax: plot.calibration(ax, softmax(POINTS), LABELS),
    "watched": lambda ax: plot.watched(ax, SEEN),
    "watched units": lambda ax: plot.watched(ax, SEEN, "saturated"),
    "comparison of several": lambda ax: plot.comparison(ax, [COMPARED, compare({"a": [1, 2], NO_FORMULA: [3, 4.5]})]),
}
each_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


def drawn(draw):
    """Draw a picture, as a user would save it, on a figure whose layout is constrained."""
    figure = Figure(figsize=(6, 5), dpi=60, layout="constrained")
    ax = draw(figure.subplots())
    figure.savefig(io.BytesIO())
    return ax


def test_there_is_a_picture_of_each_kind():
    assert {name.split()[0] for name in PICTURES} == set(plot.__all__)


# --- what holds for all ----------------------------------------------------------------------------------------------


@each_picture
def test_every_function_gives_back_its_axes_and_touches_nothing_global(draw):
    settings, figures = matplotlib.rcParams.copy(), pyplot.get_fignums()
    np.random.seed(5)  # noqa: NPY002
    generator = repr(np.random.get_state())  # noqa: NPY002
    ax = axes()
    neighbors = len(ax.figure.axes)
    assert draw(ax) is ax
    assert len(ax.figure.axes) == neighbors  # a scale of colors is the axes' own, and moves no others
    assert matplotlib.rcParams == settings
    assert pyplot.get_fignums() == figures
    assert repr(np.random.get_state()) == generator  # noqa: NPY002


@pytest.fixture
def written(monkeypatch):
    """Each text that is drawn, as a key; figures also hold some that are not, as for ticks outside of the axes."""
    texts, draw = {}, Text.draw

    def spy(text, renderer):
        if text.get_text() and text.get_visible():
            texts[text] = True
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", spy)
    return texts


def overlap(one, other):
    """Return what part of the smaller of two boxes lies in the other."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0) * max(height, 0) / min(one.width * one.height, other.width * other.height)


@each_picture
def test_every_text_is_large_enough_and_whole_and_on_no_other(draw, written):
    whole = drawn(draw).figure.bbox.padded(1)
    shown = [(text.get_text(), text.get_window_extent()) for text in written]
    assert all(text.get_fontsize() >= 8 for text in written)
    assert [text for text, box in shown if overlap(box, whole) < 0.999] == []
    assert [(a, b) for (a, box), (b, other) in combinations(shown, 2) if overlap(box, other) > 0.1] == []


@pytest.mark.parametrize(
    ("picture", "labels"),
    {
        "curves": ("step", "loss"),
        "curves of a summary": ("step", "error"),
        "activation": ("x", "y"),
        "tangent": ("x", "y"),
        "decision_boundary": ("feature 0", "feature 1"),
        "gradient_field": ("x[0]", "x[1]"),
        "descent": ("x[0]", "x[1]"),
        "confusion": ("prediction", "truth"),
        "filters": ("4 filters of 3 x 3", "2 inputs"),
        "filters of a dense layer": ("2 filters of 3 x 4", "3 inputs"),
        "attention": ("step attended to", "step that attends"),
        "comparison": ("difference", ""),
        "roc": ("false positive rate", "true positive rate"),
        "precision_recall": ("recall", "precision"),
        "calibration": ("confidence", "fraction that is right"),
        "watched": ("step", "rms of the gradient"),
        "watched units": ("step", "fraction of outputs that are saturated"),
    }.items(),
)
def test_axes_say_what_they_measure(picture, labels):
    ax = PICTURES[picture](axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == labels


@pytest.mark.parametrize("name", plot.__all__)
def test_what_are_no_axes_is_refused_first(name):
    arguments = {"tangent": (None,) * 4, "decision_boundary": (None,) * 3, "attention": (None,) * 2, "diagram": "ab"}
    arguments |= dict.fromkeys(("roc", "precision_recall", "calibration"), (None, None))
    message = f"plot.{name} expects the axes to draw on first, got NoneType None; write figure.subplots()"
    with pytest.raises(TypeError, match=re.escape(message)):
        getattr(plot, name)(None, *arguments.get(name, (None,)))


def test_no_function_of_the_room_hides_the_module_of_its_name():
    for path in Path(plot.__file__).parent.glob("[a-z]*.py"):
        assert getattr(plot, path.stem).__name__ == f"fnn.plot.{path.stem}"


def test_the_package_draws_on_axes_and_knows_no_pyplot():
    for path in Path(plot.__file__).parent.glob("*.py"):
        assert "pyplot" not in path.read_text(encoding="utf-8"), path.name


# --- what cannot be drawn --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untouched():
    return axes()


@pytest.mark.parametrize(
    ("draw", "kind", "message"),
    [
        (lambda ax: plot.curves(ax, [1.0]), TypeError, 'by their labels, say {"loss": losses}, got list [1.0]'),
        (lambda ax: plot.curves(ax, {}), TypeError, 'by their labels, say {"loss": losses}, got dict {}'),
        (lambda ax: plot.curves(ax, {"a": "text"}), TypeError, "plot.curves: 'a' must be real numbers, got str 'text'"),
        (
            lambda ax: plot.curves(ax, {"a": [[1], [1, 2]]}),
            TypeError,
            "got rows of unequal lengths: list [[1], [1, 2]]",
        ),
        (
            lambda ax: plot.curves(ax, {"a": 3}),
            ValueError,
            "'a' must be a curve (n,) or several (runs, n), got float64",
        ),
        (lambda ax: plot.curves(ax, {"a": []}), ValueError, "or several (runs, n), got float64 array (0,)"),
        (lambda ax: plot.curves(ax, {"a": np.ones((1, 2, 3))}), ValueError, "(runs, n), got float64 array (1, 2, 3)"),
        (
            lambda ax: plot.curves(ax, {"a": summarize([1.0, 3.0])}),
            ValueError,
            "plot.curves: 'a' must be a summary of curves (n,), got one of numbers: 2 +- 1.4 (1 to 3, n = 2)",
        ),
        (
            lambda ax: plot.curves(ax, {"b": [1, 2]}, x=[1, 2, 3]),
            ValueError,
            "plot.curves: x must be a place for each number of 'b', (2,), got (3,)",
        ),
        (
            lambda ax: plot.curves(ax, {"a": [1, 2]}, x=[1, math.nan]),
            ValueError,
            "plot.curves: x holds NaN or infinity",
        ),
        (
            lambda ax: plot.curves(ax, {"a": [0, -1]}, log=True),
            ValueError,
            "plot.curves: a logarithmic scale needs numbers above 0, got none; leave log=True out",
        ),
        (lambda ax: plot.activation(ax, 3), TypeError, "plot.activation expects a function, say relu, got int 3"),
        (lambda ax: plot.activation(ax, LeakyRelu), TypeError, "say relu, got the class LeakyRelu"),
        (
            lambda ax: plot.activation(ax, softmax),
            ValueError,
            "of each number by itself, got Softmax(axis=-1)",
        ),
        (lambda ax: plot.activation(ax, np.cumsum), ValueError, "each number by itself, got the function cumsum"),
        (lambda ax: plot.activation(ax, np.sum), ValueError, "each number by itself, got the function sum"),
        (
            lambda ax: plot.activation(ax, relu, 2, 2),
            ValueError,
            "plot.activation: low must be below high, got 2 and 2",
        ),
        (lambda ax: plot.activation(ax, relu, "a"), TypeError, "plot.activation: low must be a number, got str 'a'"),
        (lambda ax: plot.activation(ax, relu, 0, math.inf), ValueError, "plot.activation: high must be at least -inf"),
        (lambda ax: plot.tangent(ax, 3, 0, 0, 1), TypeError, "plot.tangent expects a function of a number, got int 3"),
        (lambda ax: plot.tangent(ax, abs, None, 0, 1), TypeError, "plot.tangent: at must be a number, got NoneType"),
        (lambda ax: plot.tangent(ax, abs, 0, 1, 0), ValueError, "plot.tangent: low must be below high, got 1 and 0"),
        (
            lambda ax: plot.decision_boundary(ax, 3, POINTS, LABELS),
            TypeError,
            "plot.decision_boundary expects a function of rows (n, 2), got int 3",
        ),
        (
            lambda ax: plot.decision_boundary(ax, NET_OF_TWO, POINTS.T, LABELS),
            ValueError,
            "plot.decision_boundary expects points x (n, 2), got float64 array (2, 40)",
        ),
        (
            lambda ax: plot.decision_boundary(ax, NET_OF_TWO, np.ones((0, 2)), []),
            ValueError,
            "got float64 array (0, 2)",
        ),
        (
            lambda ax: plot.decision_boundary(ax, NET_OF_TWO, [[0, math.nan]], [0]),
            ValueError,
            "plot.decision_boundary: x holds NaN or infinity",
        ),
        (
            lambda ax: plot.decision_boundary(ax, NET_OF_TWO, POINTS, LABELS, resolution=1),
            ValueError,
            "plot.decision_boundary: the resolution must be at least 2, got 1",
        ),
        (
            lambda ax: plot.decision_boundary(ax, NET_OF_TWO, POINTS, LABELS[:3]),
            ValueError,
            "plot.decision_boundary expects one label a row, got (40,) against a target (3,)",
        ),
        (
            lambda ax: plot.decision_boundary(ax, lambda x: x[:, :1], POINTS, LABELS),
            ValueError,
            "for one logit a row write (logits[:, 0] > 0).astype(int)",
        ),
        (
            lambda ax: plot.decision_boundary(ax, lambda x: x[:, 0], POINTS, LABELS),
            TypeError,
            "plot.decision_boundary expects the prediction as integers or as scores (n, classes), got float64",
        ),
        (
            lambda ax: plot.decision_boundary(ax, lambda x: np.full(len(x), -1), POINTS, LABELS),
            ValueError,
            "plot.decision_boundary expects labels from 0",
        ),
        (
            lambda ax: plot.gradient_field(ax, 3),
            TypeError,
            "plot.gradient_field expects a function of a point, got int",
        ),
        (lambda ax: plot.gradient_field(ax, bowl, 1, 0), ValueError, "plot.gradient_field: low must be below high"),
        (
            lambda ax: plot.gradient_field(ax, bowl, arrows=1),
            ValueError,
            "plot.gradient_field: arrows must be at least 2",
        ),
        (
            lambda ax: plot.descent(ax, [1, 2]),
            ValueError,
            "plot.descent expects the points of a path (n, 2), got int64 array (2,)",
        ),
        (lambda ax: plot.descent(ax, np.ones((0, 2))), ValueError, "a path (n, 2), got float64 array (0, 2)"),
        (lambda ax: plot.descent(ax, [[0, math.inf]]), ValueError, "plot.descent: the path holds NaN or infinity"),
        (lambda ax: plot.descent(ax, "down"), TypeError, "plot.descent: the path must be real numbers, got str 'down'"),
        (
            lambda ax: plot.images(ax, np.ones((5, 64))),
            ValueError,
            "plot.images expects (n, height, width) or (n, height, width, 1, 3 or 4), got float64 array (5, 64); "
            "write x.reshape(-1, height, width)",
        ),
        (lambda ax: plot.images(ax, np.ones((5, 2, 2, 2))), ValueError, "1, 3 or 4), got float64 array (5, 2, 2, 2)"),
        (lambda ax: plot.images(ax, np.ones((0, 2, 2))), ValueError, "1, 3 or 4), got float64 array (0, 2, 2)"),
        (lambda ax: plot.images(ax, ["a"]), TypeError, "plot.images: images must be real numbers, got list ['a']"),
        (
            lambda ax: plot.images(ax, np.full((1, 2, 2, 3), 1.5)),
            ValueError,
            "plot.images expects colors from 0 to 1, got some from 1.5 to 1.5",
        ),
        (
            lambda ax: plot.images(ax, IMAGES, titles="abc"),
            ValueError,
            "plot.images: titles must be 10, one for each image, got 3",
        ),
        (
            lambda ax: plot.images(ax, IMAGES, marked=[3, 4]),
            ValueError,
            "plot.images: marked must be 10 booleans, one for each image, got list [3, 4]",
        ),
        (lambda ax: plot.images(ax, IMAGES, marked=[True]), ValueError, "must be 10 booleans, one for each image, got"),
        (lambda ax: plot.images(ax, IMAGES, columns=0), ValueError, "plot.images: columns must be at least 1, got 0"),
        (
            lambda ax: plot.filters(ax, np.ones((64, 10))),
            ValueError,
            "plot.filters expects a weight (kernel height, kernel width, inputs, filters), got float64 array (64, 10); "
            "for a dense layer's give the shape of its images, say (8, 8)",
        ),
        (lambda ax: plot.filters(ax, np.ones((3, 2, 4))), ValueError, "inputs, filters), got float64 array (3, 2, 4)"),
        (
            lambda ax: plot.filters(ax, np.ones((64, 10)), (8, 9)),
            ValueError,
            "plot.filters expects a weight (72, units) for images (8, 9), got float64 array (64, 10)",
        ),
        (
            lambda ax: plot.filters(ax, np.ones((64, 10)), (64,)),
            ValueError,
            "plot.filters: shape must be (height, width) or (height, width, channels), got (64,)",
        ),
        (
            lambda ax: plot.filters(ax, np.ones((64, 1)), (8, 8.0)),
            TypeError,
            "plot.filters: each number of the shape must be an integer, got float 8.0",
        ),
        (
            lambda ax: plot.filters(ax, np.full((1, 1, 1, 1), math.nan)),
            ValueError,
            "plot.filters: the weight holds NaN or infinity",
        ),
        (
            lambda ax: plot.confusion(ax, np.ones((2, 3))),
            ValueError,
            "plot.confusion expects a matrix (classes, classes), got float64 array (2, 3)",
        ),
        (
            lambda ax: plot.confusion(ax, [[1, 0], [-2, 1]]),
            ValueError,
            "expects counts or fractions, 0 or more, got -2",
        ),
        (
            lambda ax: plot.confusion(ax, COUNTS, ["a", "b"]),
            ValueError,
            "plot.confusion: names must be 3, one for each class, got 2",
        ),
        (lambda ax: plot.confusion(ax, [[math.nan]]), ValueError, "plot.confusion: the matrix holds NaN or infinity"),
        (
            lambda ax: plot.attention(ax, attention_layer(2), SEQUENCE),
            TypeError,
            "plot.attention expects a finished Attention layer, got the constructor attention(2)",
        ),
        (
            lambda ax: plot.attention(ax, LAYER, SEQUENCE[:, :4]),
            ValueError,
            "plot.attention expects one sequence (time, 8), got float64 array (7, 4)",
        ),
        (
            lambda ax: plot.attention(ax, LAYER, np.ones((2, 7, 8))),
            ValueError,
            "(time, 8), got float64 array (2, 7, 8)",
        ),
        (lambda ax: plot.attention(ax, LAYER, SEQUENCE[:0]), ValueError, "(time, 8), got float64 array (0, 8)"),
        (
            lambda ax: plot.attention(ax, LAYER, SEQUENCE, 2),
            ValueError,
            "plot.attention: the head must be below 2, got 2",
        ),
        (lambda ax: plot.attention(ax, LAYER, SEQUENCE, -1), ValueError, "the head must be at least 0, got -1"),
        (
            lambda ax: plot.attention(ax, LAYER, SEQUENCE, symbols="abc"),
            ValueError,
            "plot.attention: symbols must be 7, one for each step, got 3",
        ),
        (
            lambda ax: plot.diagram(ax, dense(3), POINTS),
            TypeError,
            "plot.diagram expects a finished network, got the constructor dense(3); make it first: constructor(key, x)",
        ),
        (
            lambda ax: plot.diagram(ax, NET, 3.0),
            ValueError,
            "plot.diagram expects data (n, ...), of which it shows the network a row, got float64 array ()",
        ),
        (
            lambda ax: plot.diagram(ax, NET, np.ones((1, 5))),
            ValueError,
            "dense at layers[0] expects rows (n, 2), got (1, 5)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is(draw, kind, message, untouched):
    with pytest.raises(kind, match=re.escape(message)):
        draw(untouched)
    assert not untouched.has_data()
    assert not untouched.get_xlabel() + untouched.get_title()
