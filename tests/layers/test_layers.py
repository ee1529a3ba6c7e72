"""Layers against formulas in exact or high-precision arithmetic, and at the edges."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

import fnn
from fnn import (
    BatchNorm,
    Dense,
    Embedding,
    Key,
    Serial,
    batch_norm,
    dense,
    dropout,
    embedding,
    identity,
    inference,
    layer_norm,
    mlp,
    serial,
    tanh,
    tree,
    vjp,
)
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


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax", "log_softmax", "heaviside"}))
def test_slopes_are_finite_out_to_ten_thousand(name):
    y, pullback = vjp(ACTIVATIONS[name], np.array(GRID))
    assert np.isfinite(pullback(np.ones_like(y))[1]()).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "heaviside"])
def test_the_slope_at_zero_is_the_one_on_the_left(name):
    _, pullback = vjp(ACTIVATIONS[name], np.zeros(1))
    left = {"relu": 0, "leaky_relu": 0.01, "elu": 1, "selu": 1.0507009873554805 * 1.6732632423543772, "heaviside": 0}
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


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_the_share_it_says_and_keeps_the_mean(rate):
    x = np.ones((400, 500))
    y = dropout(rate)(x, Key(1))
    assert abs((y == 0).mean() - rate) < 0.005  # 4 deviations are 0.0045
    assert abs(y.mean() - 1) < 0.03
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate))


def test_dropout_s_mask_is_a_function_of_the_key():
    x = numbers(20, 30)
    layer = dropout(0.5)
    (y, pullback), (again, _), (other, _) = (vjp(layer, x, Key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(y, again)
    assert not np.array_equal(y, other)
    np.testing.assert_allclose(pullback(x)[1](), y)  # the mask of the forward pass, not one drawn anew


def test_dropout_needs_a_key_and_inference_takes_it_out():
    net = serial(dense(3), dropout(0.5))(Key(0), numbers(2, 4))
    with pytest.raises(TypeError, match=r"Dropout at layers\[1\] needs a key: call vjp\(params, x, key\), or"):
        net(numbers(2, 4))
    assert inference(net).layers[1] is identity
    np.testing.assert_array_equal(inference(net)(numbers(2, 4)), net.layers[0](numbers(2, 4)))
    np.testing.assert_array_equal(dropout(0)(numbers(2, 4)), numbers(2, 4))
    for bad in (1.0, -0.1, True, "half"):
        with pytest.raises((ValueError, TypeError), match="dropout: the rate, the fraction to drop, must be"):
            dropout(bad)
    with pytest.raises(TypeError, match="dropout expects a key, got int 3; write Key"):
        dropout(0.5)(numbers(2, 4), 3)


def test_normalization_gives_mean_0_and_deviation_1_far_from_0_too():
    x = 1e6 + 3 * numbers(50, 4)
    y = batch_norm(0.0)(Key(0), x)(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-9)
    y = layer_norm(0.0)(Key(0), x)(x)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-9)


def test_batch_norm_of_one_row_or_a_constant_column_is_its_shift():
    layer = BatchNorm(np.array([2.0, 3.0]), np.array([0.5, -0.5]))
    for x in (np.array([[7.0, -8.0]]), np.full((5, 2), 1 / 3)):
        y, pullback = vjp(layer, x)
        np.testing.assert_allclose(y, np.broadcast_to([0.5, -0.5], x.shape), atol=1e-12)
        np.testing.assert_allclose(pullback(numbers(*x.shape))[1]().sum(axis=0), 0, atol=1e-9)
    with pytest.raises(ValueError, match=r"batch_norm expects at least one row, got \(0, 2\)"):
        layer(np.zeros((0, 2)))


def test_inference_gives_batch_norm_the_statistics_of_the_sample_and_both_modes_agree_on_it():
    x = numbers(30, 5)
    net = serial(dense(4), batch_norm(), tanh, dense(3), batch_norm(), dense(2))(Key(0), x)
    finished = inference(net, x)
    assert [type(layer).__name__ for layer in finished.layers] == ["Dense", "Scale", "Tanh", "Dense", "Scale", "Dense"]
    np.testing.assert_allclose(finished(x), net(x), rtol=1e-10)
    np.testing.assert_array_equal(finished(x[:3]), finished(x)[:3])  # a row no longer depends on the others
    np.testing.assert_allclose(finished(x[:1]), net(x)[:1], rtol=1e-10)
    with pytest.raises(TypeError, match=r"batch_norm at layers\[1\] needs statistics: call inference\(params, x\)"):
        inference(net)


def test_normalization_takes_its_width_and_dtype_from_the_data_and_refuses_another():
    for constructor, name in ((batch_norm(), "batch_norm"), (layer_norm(), "layer_norm")):
        layer = constructor(Key(0), np.zeros((1, 3), np.float32))
        assert repr(layer).startswith(type(layer).__name__ + "(scale=f32[3], shift=f32[3]")
        for bad in (numbers(2, 4), numbers(3)):
            with pytest.raises(ValueError, match=rf"{name} expects rows \(n, ..., 3\), got \("):
                layer(bad)
            with pytest.raises(ValueError, match=rf"{name} at layers\[0\] expects rows \(n, ..., features\), got \(\)"):
                serial(constructor)(Key(0), np.zeros(()))
    with pytest.raises(ValueError, match="batch_norm: epsilon must be at least 0"):
        batch_norm(-1.0)


def test_an_embedding_is_a_dense_layer_on_one_hot_rows():
    layer = Embedding(numbers(6, 4))
    x = np.array([[1, 5, 1], [0, 1, 5]])
    y, pullback = vjp(layer, x)
    rows, pull = vjp(Dense(layer.weight, np.zeros(4)), np.eye(6)[x])
    np.testing.assert_array_equal(y, rows)
    dy = numbers(2, 3, 4)
    np.testing.assert_allclose(pullback(dy)[0].weight, pull(dy)[0].weight, rtol=1e-12)
    assert (pullback(dy)[0].weight[[2, 3, 4]] == 0).all()
    assert (pullback(dy)[1]() == 0).all()
    assert vjp(layer, x[:0])[1](dy[:0])[0].weight.shape == (6, 4)


def test_an_embedding_says_which_symbols_it_knows():
    layer = embedding(6, 4)(Key(0), np.array([[1, 5]]))
    assert layer.weight.dtype == np.float32
    for bad, kind, message in (
        (np.array([0, 6]), ValueError, "embedding expects symbols from 0 to 5, got some from 0 to 6"),
        (np.array([-1]), ValueError, "embedding expects symbols from 0 to 5, got some from -1 to -1"),
        (np.array([0.0]), TypeError, r"embedding expects integers, got float64 array \(1,\); convert it, say"),
        (np.array(3), ValueError, r"embedding expects symbols \(n, ...\), got a single one; write x\[None\]"),
    ):
        with pytest.raises(kind, match=message):
            layer(bad)
        with pytest.raises(kind, match=message.replace("embedding", r"embedding at layers\[0\]", 1)):
            serial(embedding(6, 4))(Key(0), bad)
    for bad in (0, 2.5):
        with pytest.raises((ValueError, TypeError), match="embedding: symbols must be"):
            embedding(bad, 4)
