"""Layers against formulas in exact or high-precision arithmetic, and at the edges."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import fnn
from fnn import Dense, Key, Serial, dense, mlp, serial, tree, vjp
from tests.cases import ACTIVATIONS, numbers

GRID = [-1e4, -745.0, -40.0, -3.0, -1.0, -1e-3, -1e-12, 0.0, 1e-12, 1e-3, 0.5, 1.0, 3.0, 40.0, 745.0, 1e4]


def with_50_digits(formula, x):
    with localcontext() as context:
        context.prec = 50
        context.Emin, context.Emax = -(10**6), 10**6
        return float(formula(Decimal(x)))


FORMULAS = {
    "identity": lambda x: x,
    "step": lambda x: Decimal(x > 0),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": lambda x: 1 - 2 / (1 + (2 * x).exp()),
    "relu": lambda x: max(x, Decimal(0)),
    "leaky_relu": lambda x: x if x > 0 else Decimal("0.01") * x,
    "elu": lambda x: x if x > 0 else x.exp() - 1,
    "selu": lambda x: Decimal("1.0507009873554805") * (x if x > 0 else Decimal("1.6732632423543772") * (x.exp() - 1)),
    "silu": lambda x: x / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).ln(),
}


@pytest.mark.parametrize("name", FORMULAS)
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


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax", "log_softmax", "step"}))
def test_slopes_are_finite_out_to_ten_thousand(name):
    y, pullback = vjp(ACTIVATIONS[name], np.array(GRID))
    assert np.isfinite(pullback(np.ones_like(y))[1]()).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "step"])
def test_the_slope_at_zero_is_the_one_on_the_left(name):
    _, pullback = vjp(ACTIVATIONS[name], np.zeros(1))
    left = {"relu": 0, "leaky_relu": 0.01, "elu": 1, "selu": 1.0507009873554805 * 1.6732632423543772, "step": 0}
    assert pullback(np.ones(1))[1]() == pytest.approx(left[name])


@pytest.mark.parametrize("shift", [-1e5, -1000, 0, 1000, 1e5])
def test_softmax_rows_sum_to_one_whatever_their_offsets(shift):
    x = np.array([[0.0, 1.0, 2.0], [-1000.0, -1001.0, -1002.0], [1000.0, 1001.0, 1002.0]]) + shift
    y = fnn.softmax(x)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(y[0], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-10)
    np.testing.assert_allclose(np.exp(fnn.log_softmax(x)), y, rtol=1e-10)
    assert fnn.softmax(np.tile(x, (20, 1)))[-1] == pytest.approx(y[-1], rel=1e-12)  # tall arrays take another way


def test_softmax_pulls_back_through_its_full_jacobian():
    x, dy = numbers(1, 4), numbers(1, 4, seed=1)
    y, pullback = vjp(fnn.softmax, x)
    jacobian = np.diag(y[0]) - np.outer(y[0], y[0])
    np.testing.assert_allclose(pullback(dy)[1]()[0], jacobian @ dy[0], rtol=1e-12)


def test_an_ensemble_of_dense_layers_is_each_of_them_alone():
    weight, bias, x = numbers(2, 3, 5), numbers(2, 5, seed=1), numbers(2, 4, 3, seed=2)
    together = Dense(weight, bias)(x)
    for member in range(2):
        np.testing.assert_allclose(together[member], Dense(weight[member], bias[member])(x[member]), rtol=1e-13)


def test_a_chain_of_5000_layers_trains_a_step():
    layer = dense(2)(Key(0), np.zeros((1, 2), np.float32))
    net = Serial((layer, fnn.tanh) * 2500)
    optimizer = fnn.sgd(0.1)
    step = fnn.train_step(fnn.cross_entropy, optimizer)
    batch = numbers(3, 2, dtype=np.float32), np.array([0, 1, 0])
    state = step(fnn.start(net, optimizer), batch)
    assert state.step == 1
    assert len(state.params.layers) == 5000


def test_parameters_take_their_dtype_from_the_data():
    for given, expected in ((np.float32, "f32"), (np.float64, "f64"), (np.uint8, "f32"), (np.int64, "f32")):
        assert f"weight={expected}[2,3]" in repr(mlp(3)(Key(0), np.zeros((1, 2), given)))


def test_the_first_loss_is_near_that_of_guessing():
    (x, target), classes = fnn.data.digits(), 10
    for seed in range(5):
        loss = fnn.cross_entropy(mlp(64, 32, classes)(Key(seed), x[:1])(x), target)
        assert abs(loss - math.log(classes)) < 0.2 * math.log(classes)


def test_a_trained_body_takes_a_new_head():
    x = numbers(4, 3)
    old = mlp(5, 2)(Key(0), x)
    new = serial(*old.layers[:-1], dense(7))(Key(1), x)
    assert new.layers[0] is old.layers[0]
    assert new(x).shape == (4, 7)


def test_inference_leaves_a_network_without_modes_as_it_is():
    x = numbers(4, 3)
    net = serial(mlp(5, 2), fnn.softmax)(Key(0), x)
    assert tree.equal(fnn.inference(net), net)
    assert tree.equal(fnn.inference(net, x), net)


def test_summary_counts_nested_networks_by_path():
    x = np.zeros((2, 4, 4), np.float32)
    table = fnn.summary(serial(fnn.flatten, mlp(8, 3), fnn.softmax)(Key(0), x), x).splitlines()
    assert [line.split()[0] for line in table[2:-2]] == [
        "layers[0]",
        "layers[1].layers[0]",
        "layers[1].layers[1]",
        "layers[1].layers[2]",
        "layers[2]",
    ]
    assert table[2].split()[1:] == ["Flatten", "(n,", "16)", "0"]
    assert table[-1].split() == ["total", str(16 * 8 + 8 + 8 * 3 + 3)]


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
        ("normal", 1.0),
        ("uniform", 0.1**2 / 12),
    ],
)
def test_initializers_have_the_variance_of_their_formula(initializer, variance):
    w = getattr(fnn.initializers, initializer)(Key(0), (300, 200), np.float64)
    assert w.var() == pytest.approx(variance, rel=0.03)
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    kernel = getattr(fnn.initializers, initializer)(Key(0), (3, 5, 20, 40), np.float32)
    scale = {"glorot": 2 / (15 * 60), "he_uni": 2 / 300, "he_nor": 2 / 300, "lecun_": 1 / 300}.get(
        initializer[:6], variance
    )
    assert kernel.var() == pytest.approx(scale, rel=0.05)
    assert kernel.dtype == np.float32
    assert not kernel.flags.writeable


def test_orthogonal_columns_or_rows_are_orthonormal():
    for shape in ((5, 3), (3, 5), (4, 4)):
        w = fnn.initializers.orthogonal(Key(0), shape, np.float64, gain=2.0)
        gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
        np.testing.assert_allclose(gram, 4 * np.eye(min(shape)), atol=1e-12)


def test_summary_names_the_layer_that_does_not_fit_by_its_path():
    x = np.zeros((2, 4))
    net = serial(fnn.tanh, mlp(8, 3))(Key(0), x)
    with pytest.raises(ValueError, match=r"dense at layers\[1\]\.layers\[0\] expects rows \(n, 4\), got \(1, 3\)"):
        fnn.summary(net, x[:, :3])
