"""The messages of pictures."""

# ruff: noqa: E402 (matplotlib may be missing)

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from fnn import attention, mlp, plot, relu, softmax
from fnn.train.summaries import summarize
from tests.errors import check, message
from tests.laws.test_bad_input import KEY, NET, T, V, X, Y

AX = Figure().subplots()
IMAGES = np.ones((2, 4, 4, 2))
ATTENTION = attention(2)(KEY, X[None])


ROWS = [
    (
        lambda: plot.curves({"loss": [1.0]}, None),
        T,
        "plot.curves expects the axes to draw on first, got dict {'loss': [1.0]}; write figure.subplots()",
    ),
    (
        lambda: plot.curves(AX, [1.0]),
        T,
        'plot.curves expects curves by their labels, say {"loss": losses}, got list [1.0]',
    ),
    (lambda: plot.curves(AX, {"loss": ["a"]}), T, "plot.curves: 'loss' must be real numbers, got list ['a']"),
    (
        lambda: plot.curves(AX, {"loss": 1.0}),
        V,
        "plot.curves: 'loss' must be a curve (n,) or several (runs, n), got float64 array ()",
    ),
    (
        lambda: plot.curves(AX, {"loss": summarize([1.0, 2.0])}),
        V,
        "plot.curves: 'loss' must be a summary of curves (n,), got one of numbers: 1.5 +- 0.71 (1 to 2, n = 2)",
    ),
    (
        lambda: plot.curves(AX, {"loss": [1.0, 2.0]}, x=[1.0]),
        V,
        "plot.curves: x must be a place for each number of 'loss', (2,), got (1,)",
    ),
    (
        lambda: plot.curves(AX, {"loss": [0.0]}, log=True),
        V,
        "plot.curves: a logarithmic scale needs numbers above 0, got none; leave log=True out",
    ),
    (lambda: plot.activation(AX, 3), T, "plot.activation expects a function, say relu, got int 3"),
    (
        lambda: plot.activation(AX, softmax),
        V,
        "plot.activation expects a function of each number by itself, got Softmax(axis=-1)",
    ),
    (lambda: plot.activation(AX, relu, 1.0, -1.0), V, "plot.activation: low must be below high, got 1 and -1"),
    (lambda: plot.activation(AX, relu, "a"), T, "plot.activation: low must be a number, got str 'a'"),
    (lambda: plot.activation(AX, relu, 0.0, "b"), T, "plot.activation: high must be a number, got str 'b'"),
    (lambda: plot.tangent(AX, 3, 0.0, 0.0, 1.0), T, "plot.tangent expects a function of a number, got int 3"),
    (lambda: plot.tangent(AX, abs, "a", 0.0, 1.0), T, "plot.tangent: at must be a number, got str 'a'"),
    (
        lambda: plot.decision_boundary(AX, 3, X, Y),
        T,
        "plot.decision_boundary expects a function of rows (n, 2), got int 3",
    ),
    (
        lambda: plot.decision_boundary(AX, relu, X, Y),
        V,
        "plot.decision_boundary expects points x (n, 2), got float32 array (5, 4)",
    ),
    (lambda: plot.decision_boundary(AX, relu, X * np.nan, Y), V, "plot.decision_boundary: x holds NaN or infinity"),
    (
        lambda: plot.decision_boundary(AX, relu, X, Y, resolution=1),
        V,
        "plot.decision_boundary: the resolution must be at least 2, got 1",
    ),
    (lambda: plot.gradient_field(AX, 3), T, "plot.gradient_field expects a function of a point, got int 3"),
    (lambda: plot.gradient_field(AX, np.sum, arrows=1), V, "plot.gradient_field: arrows must be at least 2, got 1"),
    (lambda: plot.descent(AX, X), V, "plot.descent expects the points of a path (n, 2), got float32 array (5, 4)"),
    (
        lambda: plot.images(AX, X),
        V,
        "plot.images expects (n, height, width) or (n, height, width, 1, 3 or 4), got float32 array (5, "
        "4); write x.reshape(-1, height, width)",
    ),
    (
        lambda: plot.images(AX, IMAGES),
        V,
        "plot.images expects (n, height, width) or (n, height, width, 1, 3 or 4), got float64 array (2, 4, 4, 2)",
    ),
    (
        lambda: plot.images(AX, 2 * IMAGES[..., :1].repeat(3, 3)),
        V,
        "plot.images expects colors from 0 to 1, got some from 2 to 2",
    ),
    (
        lambda: plot.images(AX, IMAGES[..., :1], titles="abc"),
        V,
        "plot.images: titles must be 2, one for each image, got 3",
    ),
    (
        lambda: plot.images(AX, IMAGES[..., :1], marked=[1]),
        V,
        "plot.images: marked must be 2 booleans, one for each image, got list [1]",
    ),
    (lambda: plot.images(AX, IMAGES[..., :1], columns=0), V, "plot.images: columns must be at least 1, got 0"),
    (
        lambda: plot.filters(AX, X),
        V,
        "plot.filters expects a weight (kernel height, kernel width, inputs, filters), got float32 array "
        "(5, 4); for a dense layer's give the shape of its images, say (8, 8)",
    ),
    (
        lambda: plot.filters(AX, IMAGES[0]),
        V,
        "plot.filters expects a weight (kernel height, kernel width, inputs, filters), got float64 array (4, 4, 2)",
    ),
    (
        lambda: plot.filters(AX, X, shape=(5,)),
        V,
        "plot.filters: shape must be (height, width) or (height, width, channels), got (5,)",
    ),
    (lambda: plot.filters(AX, X, shape=(0, 5)), V, "plot.filters: each number of the shape must be at least 1, got 0"),
    (
        lambda: plot.filters(AX, X, shape=(2, 2)),
        V,
        "plot.filters expects a weight (4, units) for images (2, 2), got float32 array (5, 4)",
    ),
    (lambda: plot.confusion(AX, X), V, "plot.confusion expects a matrix (classes, classes), got float32 array (5, 4)"),
    (lambda: plot.confusion(AX, [[-1]]), V, "plot.confusion expects counts or fractions, 0 or more, got -1"),
    (lambda: plot.confusion(AX, [[1]], names="ab"), V, "plot.confusion: names must be 1, one for each class, got 2"),
    (lambda: plot.attention(AX, relu, X), T, "plot.attention expects a finished Attention layer, got Relu()"),
    (
        lambda: plot.attention(AX, ATTENTION, IMAGES),
        V,
        "plot.attention expects one sequence (time, 4), got float64 array (2, 4, 4, 2)",
    ),
    (lambda: plot.attention(AX, ATTENTION, X, head=-1), V, "plot.attention: the head must be at least 0, got -1"),
    (lambda: plot.attention(AX, ATTENTION, X, head=2), V, "plot.attention: the head must be below 2, got 2"),
    (
        lambda: plot.attention(AX, ATTENTION, X, symbols="abc"),
        V,
        "plot.attention: symbols must be 5, one for each step, got 3",
    ),
    (lambda: plot.roc(AX, None, Y), T, "plot.roc expects scores, or several by their labels, got NoneType None"),
    (
        lambda: plot.calibration(AX, {}, Y),
        V,
        "plot.calibration expects scores, or several by their labels, got none",
    ),
    (lambda: plot.comparison(AX, 3), T, "plot.comparison expects what compare returns, got int 3"),
    (lambda: plot.comparison(AX, [3]), T, "plot.comparison expects what compare returns, got int 3"),
    (lambda: plot.comparison(AX, []), V, "plot.comparison expects at least one comparison, got none"),
    (
        lambda: plot.diagram(AX, mlp(3), X),
        T,
        "plot.diagram expects a finished network, got the constructor mlp(3); make it first: constructor(key, x)",
    ),
    (
        lambda: plot.diagram(AX, NET, np.array(1.0)),
        V,
        "plot.diagram expects data (n, ...), of which it shows the network a row, got float64 array ()",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
