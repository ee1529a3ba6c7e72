"""check_derivative and check_gradient: a right slope passes, a wrong one is found, a kink has none."""

import numpy as np
import pytest

from fnn.testing import check_derivative, check_gradient
from tests.each_of import each_of

X = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 2.0]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@each_of(
    ("f", "df"),
    [
        (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
        (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
        (lambda x: np.abs(x).sum(), np.sign),
        (lambda x: float((x**3).sum()), lambda x: 3 * x**2),
        (lambda x: x**2, lambda x: 2 * x),
    ],
)
@each_of("x", [X, np.array([0.0, 1.0, -1.0]), 2.0, [1, 2]])
def test_a_right_derivative_passes_kinks_left_out(f, df, x):
    assert check_derivative(f, df, x) is None


@each_of("x", [0.0, 5e-6, -5e-6, 5.99e-6])
def test_a_number_within_the_step_of_a_kink_is_left_out(x):
    assert check_derivative(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0, [x, 1.0]) is None
    assert check_derivative(lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) * 1.0, [x, 1.0]) is None


def test_the_largest_of_equal_numbers_has_a_kink_in_each():
    assert check_derivative(np.max, lambda x: np.array([1.0, 0.0, 0.0]), [2.0, 2.0, 1.0]) is None
    assert "at [2], expected 0" in check_derivative(np.max, lambda x: np.array([1.0, 0.0, 1.0]), [2.0, 2.0, 1.0]).what


@pytest.mark.parametrize("x", [3.0, 1e3])
def test_a_smooth_function_has_no_kinks_however_large_x_is(x):
    assert check_derivative(np.sin, np.cos, [x, x + 1], tolerance=1e-4) is None
    assert check_derivative(np.sin, lambda x: 1.01 * np.cos(x), [x, x + 1], tolerance=1e-4) is not None


def test_a_function_that_returns_the_same_array_each_time_has_its_slopes():
    buffer = np.empty(2)
    assert check_derivative(lambda x: np.sin(x, out=buffer), np.cos, [0.5, 1.0]) is None


def test_a_wrong_slope_beside_a_kink_is_found():
    assert "at [1], expected 1" in check_derivative(lambda x: np.maximum(x, 0), lambda x: 0 * x, [0.0, 1.0]).what


WRONG_SLOPES = {
    "gives 0.75 at [0, 0], expected 0.25": (np.zeros((1, 1)), sigmoid, lambda x: sigmoid(x) * (2 - sigmoid(x))),
    "gives the shape (1, 2), expected (2, 1)": (np.ones((2, 1)), sigmoid, lambda x: sigmoid(x).T),
    "gives the shape (), expected (2, 1)": (np.ones((2, 1)), np.tanh, lambda x: np.sum(x)),
    "gives 2 results, expected 1 result": (np.ones(2), np.tanh, lambda x: (x, [x, x])[1]),
    "raises ZeroDivisionError: division by zero": (np.ones(2), np.tanh, lambda x: 1 / 0),
    "has no slope to compare with: ValueError: gradient: f must return a number, got float64 array (3,)": (
        np.ones(2),
        lambda x: np.ones(3),
        lambda x: x,
    ),
}


@each_of("what", WRONG_SLOPES)
def test_a_wrong_derivative_is_a_finding(what):
    x, f, df = WRONG_SLOPES[what]
    assert check_derivative(f, df, x).what == what


def test_a_factor_in_a_derivative_is_told():
    finding = check_derivative(np.tanh, lambda x: 3 * (1 - np.tanh(x) ** 2), [[0.1], [0.2], [0.3]])
    assert finding.advice.endswith("too large by the factor n = 3, the number of rows: a sum where a mean belongs")


def test_a_gradient_is_that_of_the_number_returned():
    def right(y, target):
        return np.mean((y - target) ** 2), 2 * (y - target) / y.size

    def half(y, target):
        return np.mean((y - target) ** 2) / 2, 2 * (y - target) / y.size

    assert check_gradient(right, X, X[::-1]) is None
    assert (
        check_gradient(half, X.T, X.T[::-1]).advice == "all of it is off by one factor: it should be 0.5 times as large"
    )
    assert check_gradient(lambda y: y.sum(), X).what.startswith("has no slope to compare with: IndexError")
