"""Normalization far from 0, of single rows, and with the statistics of a sample."""

import numpy as np
import pytest

from fnn import (
    BatchNorm,
    Key,
    Scale,
    batch_norm,
    check_vjp,
    dense,
    inference,
    layer_norm,
    serial,
    tanh,
    vjp,
)
from tests.laws.cases import made, numbers, random_like


def test_a_scale_is_its_formula_and_so_is_its_pullback():
    layer, x, dy = Scale(np.array([2.0, -1.0]), np.array([1.0, 0.0])), numbers(2, 3, 2), numbers(2, 3, 2, seed=1)
    y, pullback = vjp(layer, x)
    dlayer, dx = pullback(dy)
    np.testing.assert_allclose(y, x * layer.scale + layer.shift, rtol=1e-15)
    np.testing.assert_allclose(dlayer.scale, (dy * x).sum(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(dlayer.shift, dy.sum(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(dx(), dy * layer.scale, rtol=1e-15)


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (1, 3)], ids=str)
@pytest.mark.parametrize("constructor", [batch_norm(), layer_norm(), batch_norm(0.5)], ids=repr)
def test_the_gradients_are_the_numeric_ones(constructor, shape):
    layer = random_like(made(constructor, *shape))
    assert max(check_vjp(layer, numbers(*shape)).errors.values()) <= 1e-8


def test_normalization_gives_mean_0_and_standard_deviation_1_far_from_0_too():
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
