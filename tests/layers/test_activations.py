"""Activation functions against their formulas in high precision, and far out."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import fnn
from fnn import (
    gelu,
    vjp,
)
from fnn.layers._stable import softmax
from tests.each_of import each_of
from tests.laws.cases import ACTIVATIONS, numbers

GRID = [-1e4, -745.0, -40.0, -3.0, -1.0, -1e-3, -1e-12, 0.0, 1e-12, 1e-3, 0.5, 1.0, 3.0, 40.0, 745.0, 1e4]


def with_50_digits(formula, x):
    with localcontext() as context:
        context.prec = 50
        context.Emin, context.Emax = -(10**6), 10**6
        return float(formula(Decimal(x)))


FORMULAS = {
    "identity": lambda x: x,
    "heaviside": lambda x: Decimal(x > 0),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": lambda x: 1 - 2 / (1 + (2 * x).exp()),
    "relu": lambda x: max(x, Decimal(0)),
    "leaky_relu": lambda x: x if x > 0 else Decimal("0.01") * x,
    "elu": lambda x: x if x > 0 else x.exp() - 1,
    "selu": lambda x: Decimal("1.0507009873554805") * (x if x > 0 else Decimal("1.6732632423543772") * (x.exp() - 1)),
    "silu": lambda x: x / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).ln(),
    "mish": lambda x: x * (1 - 2 / (1 + (1 + x.exp()) ** 2)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_tanh": lambda x: min(max(x, Decimal(-1)), Decimal(1)),
    "relu6": lambda x: min(max(x, Decimal(0)), Decimal(6)),
    "hard_sigmoid": lambda x: min(max(x / 6 + Decimal("0.5"), Decimal(0)), Decimal(1)),
    "hard_swish": lambda x: x * min(max(x / 6 + Decimal("0.5"), Decimal(0)), Decimal(1)),
}


@each_of("name", FORMULAS)
def test_an_activation_is_its_formula_with_50_digits_and_never_overflows(name):
    y = ACTIVATIONS[name](np.array(GRID))
    expected = [with_50_digits(FORMULAS[name], x) for x in GRID]
    np.testing.assert_allclose(y, expected, rtol=1e-15, atol=1e-300)
    assert np.isfinite(ACTIVATIONS[name](np.array(GRID, np.float32))).all()


def test_gelu_is_x_times_the_normal_distribution_function():
    x = np.linspace(-9, 9, 2001)
    expected = [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(fnn.gelu(x), expected, rtol=3e-14, atol=1e-300)
    np.testing.assert_allclose(fnn.gelu(x.astype(np.float32)), expected, rtol=2e-5, atol=1e-7)
    assert np.isfinite(fnn.gelu(np.array(GRID))).all()


@each_of("name", sorted(set(ACTIVATIONS) - {"softmax", "log_softmax", "heaviside"}))
def test_slopes_are_finite_out_to_ten_thousand(name):
    y, pullback = vjp(ACTIVATIONS[name], np.array(GRID))
    assert np.isfinite(pullback(np.ones_like(y))[1]()).all()


@each_of("name", ["relu", "leaky_relu", "elu", "selu", "heaviside"])
def test_the_slope_at_zero_is_the_one_on_the_left(name):
    _, pullback = vjp(ACTIVATIONS[name], np.zeros(1))
    left = {"relu": 0, "leaky_relu": 0.01, "elu": 1, "selu": 1.0507009873554805 * 1.6732632423543772, "heaviside": 0}
    assert pullback(np.ones(1))[1]() == pytest.approx(left[name])


@each_of("shift", [-1e5, -1000, 0, 1000, 1e5])
def test_softmax_rows_sum_to_one_whatever_their_offsets(shift):
    x = np.array([[0.0, 1.0, 2.0], [-1000.0, -1001.0, -1002.0], [1000.0, 1001.0, 1002.0]]) + shift
    y = fnn.softmax(x)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(y[0], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-10)
    np.testing.assert_allclose(np.exp(fnn.log_softmax(x)), y, rtol=1e-10)
    assert fnn.softmax(np.tile(x, (20, 1)))[-1] == pytest.approx(y[-1], rel=1e-12)  # tall arrays take another way


def test_log_softmax_keeps_what_is_left_to_the_other_classes():
    rest = fnn.log_softmax(np.array([[0.0, -700.0, -710.0]]))[0, 0]
    assert rest == pytest.approx(-math.exp(-700) - math.exp(-710), rel=1e-15)


def test_log_softmax_pulls_back_through_its_full_jacobian():
    x, dy = numbers(2, 4), numbers(2, 4, seed=1)
    y, pullback = vjp(fnn.log_softmax, x)
    for row in range(2):
        jacobian = np.eye(4) - np.exp(y[row])
        np.testing.assert_allclose(pullback(dy)[1]()[row], dy[row] @ jacobian, rtol=1e-12)


def test_softmax_in_place_is_softmax_to_the_bit():
    for x in (numbers(7, 5), numbers(2, 3, 4, 6, dtype=np.float32)):
        expected, given = softmax(x), x.copy()
        assert softmax(given, out=given) is given
        np.testing.assert_array_equal(given, expected)


def test_softmax_pulls_back_through_its_full_jacobian():
    x, dy = numbers(1, 4), numbers(1, 4, seed=1)
    y, pullback = vjp(fnn.softmax, x)
    jacobian = np.diag(y[0]) - np.outer(y[0], y[0])
    np.testing.assert_allclose(pullback(dy)[1]()[0], jacobian @ dy[0], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_of_many_numbers_is_that_of_each_row_alone(dtype):
    x = numbers(7, 6000, dtype=dtype)  # more than are taken at a time
    y = gelu(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(gelu(np.asfortranarray(x)), y, rtol=1e-6)
    for row in range(7):
        np.testing.assert_allclose(gelu(x[row]), y[row], rtol=1e-6)


def test_gelu_in_single_precision_is_exact_to_some_units_in_the_last_place():
    for low, high, rtol in ((-13, -5, 6e-6), (-5, -1, 1.2e-6), (-1, 13, 8e-7)):
        x = np.linspace(low, high, 3001).astype(np.float32)
        y, pullback = vjp(gelu, x)
        p = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
        np.testing.assert_allclose(y, x * p, rtol=rtol)
        slope = p + x * np.exp(-0.5 * x.astype(float) ** 2) / math.sqrt(2 * math.pi)
        np.testing.assert_allclose(pullback(np.ones_like(x))[1](), slope, rtol=rtol, atol=3e-7 if high > -5 else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_far_out_is_0_or_x(dtype):
    far = np.array([60, 1e4, 1e30, np.finfo(dtype).max], dtype)
    y, pullback = vjp(gelu, np.concatenate([-far, far]))
    np.testing.assert_array_equal(y, np.concatenate([0 * far, far]))
    np.testing.assert_array_equal(pullback(np.ones_like(y))[1](), np.concatenate([0 * far, 0 * far + 1]))


def test_a_value_called_with_settings_alone_is_the_layer_that_has_them():
    assert repr(fnn.leaky_relu(slope=0.2)) == "LeakyRelu(slope=0.2)"
    assert repr(fnn.hard_tanh(-2, 2)) == repr(fnn.hard_tanh(low=-2, high=2)) == "HardTanh(low=-2.0, high=2.0)"
    assert repr(fnn.softmax(axis=1)(np.ones((1, 2, 1)))) == repr(np.full((1, 2, 1), 0.5))
    with pytest.raises(TypeError, match="slope"):
        fnn.relu(slope=0.2)


def test_softmax_over_an_axis_is_that_over_the_last_of_the_axes_turned():
    x = numbers(3, 4, 2, 5)
    for kind in (fnn.softmax, fnn.log_softmax):
        for axis in (0, 1, -2):
            expected = np.moveaxis(kind(np.moveaxis(x, axis, -1)), -1, axis)
            np.testing.assert_array_equal(kind(axis=axis)(x), expected)


def test_gates_are_their_formulas():
    x = np.array([[2.0, -1.0, 0.0, 3.0]])
    np.testing.assert_allclose(fnn.glu(x), [[2 / 2, -1 / (1 + math.exp(-3))]])
    np.testing.assert_allclose(fnn.swiglu(x), [[0, -3 / (1 + math.e)]])


def test_tanh_gelu_is_its_formula_and_finite_far_out():
    x = np.linspace(-5, 5, 101)
    expected = [v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    np.testing.assert_allclose(fnn.gelu(x), expected, atol=5e-4)
    gelu = fnn.gelu(approximate="tanh")
    np.testing.assert_allclose(gelu(x), expected, rtol=1e-9)
    y, pullback = vjp(gelu, np.array([-1e38, -1e10, 1e10, 1e38], np.float32))
    assert (y == np.array([0, 0, 1e10, 1e38], np.float32)).all()
    assert pullback(np.ones_like(y))[1]().tolist() == [0, 0, 1, 1]


def test_relu_is_the_same_whatever_the_size():
    """NumPy compares with a number or with an array, as the size makes faster."""
    for dtype in (np.float32, np.float64):
        for size in (5, 2**11, 2**11 + 1, 2**17, 2**17 + 1):
            x = np.resize(np.array([-1.5, 0.0, -0.0, 2.5, np.nan, np.inf, -np.inf], dtype), (1, size))
            expected = np.array([max(v, 0.0) if v == v else v for v in x[0].tolist()], dtype)[None]
            for rows in (1, 2):
                several = np.repeat(x, rows, axis=0)
                np.testing.assert_array_equal(fnn.relu(several), np.repeat(expected, rows, axis=0))
                assert not np.signbit(fnn.relu(several)[~np.isnan(several)]).any()


@pytest.mark.parametrize("layer", [fnn.softmax, fnn.log_softmax, fnn.glu, fnn.swiglu])
def test_over_features_lengths_need_features(layer):
    with pytest.raises(ValueError, match=r"expects sequences \(n, time, features\) beside lengths, got \(2, 4\)"):
        layer((np.ones((2, 4)), np.array([1, 4])))
