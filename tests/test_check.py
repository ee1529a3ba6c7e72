"""The checker itself: right code passes, each wrong one is caught, by the name of the leaf."""

import numpy as np
import pytest

from fnn import check_vjp, record, vjp
from tests.cases import numbers


@record
class Affine:
    """A dense layer whose pullback is one of the wrong ones below."""

    weight: np.ndarray
    bias: np.ndarray
    wrong: str = ""


WRONG = {
    "mean for sum": ("weight", lambda x, w, dy: (x.T @ dy / len(x), dy.sum(axis=0), dy @ w.T)),
    "a sum over everything for the bias": ("bias", lambda x, w, dy: (x.T @ dy, np.full(3, dy.sum()), dy @ w.T)),
    "a bias that never trains": ("bias", lambda x, w, dy: (x.T @ dy, np.zeros(3), dy @ w.T)),
    "the sign": ("weight", lambda x, w, dy: (-(x.T @ dy), dy.sum(axis=0), dy @ w.T)),
    "a transposed weight": ("x", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), dy @ w)),
    "a factor of 1 + 1e-6": ("bias", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0) * (1 + 1e-6), dy @ w.T)),
    "one coordinate": ("weight", lambda x, w, dy: (x.T @ dy + np.eye(3), dy.sum(axis=0), dy @ w.T)),
    "the slope of the row above": ("x", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), np.roll(dy, 1, axis=0) @ w.T)),
}


@vjp.register
def _(layer: Affine, x, key=None):
    def affine_pullback(dy):
        _, pull = WRONG.get(layer.wrong, ("", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), dy @ w.T)))
        dweight, dbias, dx = pull(x, layer.weight, dy)
        return Affine(dweight, dbias, layer.wrong), lambda: dx

    return x @ layer.weight + layer.bias, affine_pullback


def affine(wrong):
    return Affine(numbers(3, 3), 1000 * numbers(3), wrong)


def test_right_code_passes_and_the_report_names_each_leaf():
    report = check_vjp(affine(""), numbers(5, 3))
    assert list(report.errors) == ["weight", "bias", "x"]
    assert (report.coordinates, report.skipped) == (9 + 3 + 15, 0)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_code_is_caught_by_the_name_of_the_leaf(wrong):
    leaf, _ = WRONG[wrong]
    with pytest.raises(
        AssertionError, match=rf"the gradient of {leaf} is wrong at \(.*the pullback says .*differences"
    ):
        check_vjp(affine(wrong), numbers(5, 3))


@record
class Bad:
    """An activation that breaks the rules in one way."""

    how: str


@vjp.register
def _(layer: Bad, x, key=None):
    if layer.how == "writes to its input":
        x[x < 0] = 0

    def bad_pullback(dy):
        if layer.how == "writes to dy":
            dy *= 2
        dx = {"sigmoid_derivative(z)": x * (1 - x), "clips": np.clip(dy, -0.1, 0.1)}.get(layer.how, dy)
        return layer, lambda: dx

    return x.copy(), bad_pullback


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("writes to its input", "an input was written to"),
        ("writes to dy", "an input was written to"),
        ("sigmoid_derivative(z)", "the gradient of x is wrong"),
        ("clips", "the gradient of x is wrong"),
    ],
)
def test_a_layer_that_breaks_the_rules_is_told_which(how, message):
    with pytest.raises(AssertionError, match=message):
        check_vjp(Bad(how), numbers(4, 3))


def test_a_coordinate_at_a_kink_is_left_out_and_counted():
    from fnn import relu

    report = check_vjp(relu, np.array([[1.0, 0.0, -1.0]]))
    assert report.skipped == 1
    assert report.errors["x"] <= 1e-8
