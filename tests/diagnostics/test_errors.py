"""Experiments, slopes, and the checks of a gradient and of an exercise."""

import numpy as np
import pytest

from fnn import Record, check_vjp, relu, softmax, split, summary, vjp
from fnn.diagnostics.numeric import derivative, gradient, gradient_field, tangent
from fnn.testing import check_derivative, check_function, check_gradient, grade
from fnn.testing._sandbox import call
from fnn.train.experiments import repeat, summarize, sweep
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, KEY, NET, T, V, X


def failing(*arguments):
    raise ValueError("no such width")


def backwards(function, items):
    return reversed(list(map(function, items)))


def one_less(function, items):
    return list(map(function, items))[:-1]


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


def called(function):
    """Raise what is noted of a student's function."""
    raise call(function, ()).error


ROWS = [
    # --- experiments ---
    (lambda: repeat(3, split(KEY, 2)), T, "repeat expects a function of a key, got int 3"),
    (lambda: repeat(str, 3), T, "repeat expects keys, say split(Key(0), 5), got int 3"),
    (lambda: repeat(str, [3]), T, "repeat expects a key, got int 3; write Key(3)"),
    (lambda: repeat(failing, split(KEY, 1)), V, "no such width\nrepeat: with the key Key(seed=0, path=(0,))"),
    (
        lambda: repeat(str, split(KEY, 2), map=backwards),
        V,
        "repeat expects a map that keeps the order, got item 1 in the place of 0; give pool.map, not "
        "pool.imap_unordered, and no as_completed",
    ),
    (
        lambda: repeat(str, split(KEY, 2), map=one_less),
        V,
        "repeat expects a map that gives a result for each of 2 items, got 1",
    ),
    (lambda: sweep(3, [1]), T, "sweep expects a function of a configuration and a key, got int 3"),
    (lambda: sweep(max, 3), T, "sweep expects a dictionary of lists or an iterable of configurations, got int 3"),
    (lambda: sweep(max, "ab"), T, "sweep expects a dictionary of lists or an iterable of configurations, got str 'ab'"),
    (lambda: sweep(max, {"width": 3}), T, "sweep: grid['width'] must be a list of values, got int 3; write [3]"),
    (
        lambda: sweep(max, {"name": "relu"}),
        T,
        "sweep: grid['name'] must be a list of values, got str 'relu'; write ['relu']",
    ),
    (lambda: sweep(max, []), V, "sweep expects a grid of at least one configuration, got list []"),
    (
        lambda: sweep(max, {"width": []}),
        V,
        "sweep expects a grid of at least one configuration, got dict {'width': []}",
    ),
    (
        lambda: sweep(failing, [1]),
        V,
        "no such width\nsweep: in the configuration 1 with the key Key(seed=0, path=(0,))",
    ),
    (lambda: sweep(max, [1], key=3), T, "sweep expects a key, got int 3; write Key(3)"),
    (lambda: summarize([]), V, "summarize expects at least one result, got none"),
    (
        lambda: summarize(["a"]),
        T,
        "summarize expects numbers, arrays of numbers or dictionaries of them, got str 'a' at 0",
    ),
    (lambda: summarize([{"a": 1}, {"b": 1}]), V, "summarize expects results with the names ['a'], got ['b'] at 1"),
    (lambda: summarize([{"a": 1}, 2]), V, "summarize expects results with the names ['a'], got int 2 at 1"),
    (lambda: summarize([1, X]), V, "summarize expects results of one shape, got () and (5, 4)"),
    # --- slopes ---
    (lambda: tangent(abs, X), V, "tangent expects x as a number, got float32 array (5, 4)"),
    (lambda: derivative(abs, "x"), T, "derivative expects x as a real number or an array of them, got str 'x'"),
    (lambda: derivative(abs, np.nan), V, "derivative: x holds NaN or infinity"),
    (lambda: derivative(abs, 1.0, step=-1), V, "derivative: the step must be at least 0 and finite, got -1"),
    (lambda: derivative(abs, 1.0, step=0), V, "derivative: a step of 0 changes nothing at x = 1; write a larger one"),
    (
        lambda: derivative(abs, 1.0, step=1e-20),
        V,
        "derivative: a step of 1e-20 changes nothing at x = 1; write a larger one",
    ),
    (lambda: derivative(lambda x: "text", 1.0), T, "derivative: f must return real numbers, got str 'text'"),
    (
        lambda: derivative(lambda x: 7.0, X),
        V,
        "derivative: f must return one number for each of x, (5, 4), got float 7.0",
    ),
    (lambda: gradient(np.abs, [1.0, 2.0]), V, "gradient: f must return a number, got float64 array (2,)"),
    (lambda: gradient_field(np.sum, 3, [1]), V, "gradient_field expects the axis x0 as (n,), got float64 array ()"),
    (lambda: gradient_field(np.sum, [1], []), V, "gradient_field expects the axis x1 as (n,), got float64 array (0,)"),
    # --- the checks of a gradient ---
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
    (lambda: grade(), T, "grade expects functions by name; write grade(softmax=my_softmax)"),
    (lambda: grade(softmx=softmax), T, "grade: there is no 'softmx' to grade; there are …, softmax, …"),
    (lambda: grade(softmax=3), T, "grade expects a function softmax(x) -> y, whose rows sum to 1, got int 3"),
    (lambda: check_function(3, X), T, "check_function expects a function, got int 3"),
    (
        lambda: check_function(relu),
        T,
        "check_function expects inputs to try; write check_function(f, x) or check_function(f, (x, y))",
    ),
    (lambda: check_derivative(np.sin, 3, 1.0), T, "check_derivative expects functions, got int 3"),
    (lambda: check_gradient(3, X), T, "check_gradient expects a function, got int 3"),
    (lambda: called(lambda: None), T, "it returns None; write return"),
    (lambda: called(lambda: []), T, "it returns nothing, in a tuple, a list or a dictionary"),
    (lambda: called(lambda: "text"), T, "it returns str, not real numbers"),
    # --- summary ---
    (
        lambda: summary(NET, np.array(1.0)),
        V,
        "summary expects data (n, ...), of which it shows the network a row, got float64 array ()",
    ),
    (lambda: summary(NET, X[:, :3]), V, "dense at layers[0] expects rows (n, 4), got (1, 3)"),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
