"""What check_vjp, diagnose and summary say, word for word."""

import numpy as np

from fnn import Record, check_vjp, diagnose, mse, relu, summary, vjp
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, NET, T, V, X, Y


class Cube(Record):
    """y = x**3, its dx turned into something else, or its input spoilt."""

    wrong: object = None
    spoil: bool = False


@vjp.register
def cube_vjp(layer: Cube, x, key=None):
    def cube_pullback(dy):
        if layer.spoil:
            x[0] = 7
        dx = 3 * x**2 * dy
        return layer, lambda: dx if layer.wrong is None else layer.wrong(dx)

    return x**3, cube_pullback


class Forgetful(Record):
    """y = x; each dx is larger than the one before."""

    count: list


@vjp.register
def forgetful_vjp(layer: Forgetful, x, key=None):
    def forgetful_pullback(dy):
        layer.count.append(1)
        return layer, lambda: dy * len(layer.count)

    return x.copy(), forgetful_pullback


class Restless(Record):
    """y = x and a little more each time."""

    count: list


@vjp.register
def restless_vjp(layer: Restless, x, key=None):
    layer.count.append(1)
    return x + len(layer.count), lambda dy: (layer, lambda: dy)


ROWS = [
    (
        lambda: check_vjp(mse, X),
        T,
        "check_vjp expects a target for MeanSquaredError; write check_vjp(loss, prediction, target)",
    ),
    (
        lambda: summary(X, NET),
        T,
        "summary expects a network and data, got float32 array (5, 4) first; write summary(net, x)",
    ),
    (
        lambda: check_vjp(Cube(wrong=lambda dx: dx / 3), COLUMN),
        AssertionError,
        "the gradient of x is wrong at (4, 0): the pullback says …, central differences … "
        "(error … of the largest, tolerance 1e-08); all of it is off by one factor: it "
        "should be 3 times as large",
    ),
    (
        lambda: check_vjp(Cube(wrong=np.sin), COLUMN),
        AssertionError,
        "the gradient of x is wrong at (4, 0): the pullback says …, central differences … "
        "(error … of the largest, tolerance 1e-08)",
    ),
    (
        lambda: check_vjp(Cube(wrong=lambda dx: dx.sum()), COLUMN),
        AssertionError,
        "the gradient of x has the shape (), the leaf itself (5, 1); it is summed over everything: .sum(axis=0)",
    ),
    (
        lambda: check_vjp(Cube(wrong=lambda dx: dx[0, 0] * np.ones((2, 2))), COLUMN),
        AssertionError,
        "the gradient of x has the shape (2, 2), the leaf itself (5, 1)",
    ),
    (
        lambda: check_vjp(Cube(wrong=lambda dx: (dx,)), COLUMN),
        AssertionError,
        "Cube: inputs and gradient: trees differ at [1]: float64 array (5, 1) against tuple",
    ),
    (lambda: check_vjp(Cube(spoil=True), COLUMN), AssertionError, "Cube: an input was written to"),
    (
        lambda: check_vjp(Forgetful([]), COLUMN),
        AssertionError,
        "Forgetful: pulling back a second time gives another gradient",
    ),
    (
        lambda: check_vjp(Restless([]), COLUMN),
        AssertionError,
        "Restless: evaluating a second time gives another result",
    ),
    (lambda: check_vjp(relu, X, tolerance=0), V, "check_vjp: the tolerance must be above 0, got 0"),
    (lambda: check_vjp(relu, X, tolerance="1%"), T, "check_vjp: the tolerance must be a number, got str '1%'"),
    (lambda: check_vjp(relu, X, step=0), V, "check_vjp: the step must be above 0, got 0"),
    (lambda: check_vjp(relu, X, step=-1e-5), V, "check_vjp: the step must be at least 0 and finite, got -1e-05"),
    (lambda: diagnose(NET, (X, Y), relu), T, "diagnose expects a loss whose value is a number, got Relu()"),
    (
        lambda: summary(NET, np.array(1.0)),
        V,
        "summary expects data (n, ...), of which it shows the network a row, got float64 array ()",
    ),
    (lambda: summary(NET, X[:, :3]), V, "dense at layers[0] expects rows (n, 4), got (1, 3)"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
