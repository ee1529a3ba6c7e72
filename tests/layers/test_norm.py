"""Normalization far from 0, of single rows, and with the statistics of a sample."""

import numpy as np
import pytest

from fnn import (
    BatchNorm,
    Key,
    Scale,
    batch_norm,
    bidirectional,
    check_vjp,
    conv,
    dense,
    dropout,
    inference,
    layer_norm,
    parallel,
    pick,
    residual,
    rnn,
    serial,
    summary,
    tanh,
    vjp,
)
from fnn.networks.inference import needs_inference
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like


def test_a_scale_is_its_formula_and_so_is_its_pullback():
    layer, x, dy = Scale(np.array([2.0, -1.0]), np.array([1.0, 0.0])), numbers(2, 3, 2), numbers(2, 3, 2, seed=1)
    y, pullback = vjp(layer, x)
    dlayer, dx = pullback(dy)
    np.testing.assert_allclose(y, x * layer.scale + layer.shift, rtol=1e-15)
    np.testing.assert_allclose(dlayer.scale, (dy * x).sum(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(dlayer.shift, dy.sum(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(dx(), dy * layer.scale, rtol=1e-15)


@each_of("shape", [(5, 3), (2, 4, 3), (2, 3), (1, 2, 3)], ids=str)
@each_of("constructor", [batch_norm(), layer_norm(), batch_norm(0.5)], ids=repr)
def test_the_gradients_are_the_numeric_ones(constructor, shape):
    layer = random_like(made(constructor, *shape))
    assert max(check_vjp(layer, numbers(*shape)).errors.values()) <= 1e-8


def test_normalization_gives_mean_0_and_standard_deviation_1_far_from_0_too():
    x = 1e6 + 3 * numbers(50, 4)
    y = batch_norm(1e-12)(Key(0), x)(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-9)
    y = layer_norm(1e-12)(Key(0), x)(x)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=1), 1, rtol=1e-9)


def test_batch_norm_of_a_constant_column_is_its_shift():
    layer = BatchNorm(np.array([2.0, 3.0]), np.array([0.5, -0.5]))
    x = np.full((5, 2), 1 / 3)
    y, pullback = vjp(layer, x)
    np.testing.assert_allclose(y, np.broadcast_to([0.5, -0.5], x.shape), atol=1e-12)
    np.testing.assert_allclose(pullback(numbers(*x.shape))[1]().sum(axis=0), 0, atol=1e-9)


STATISTICS = r"to evaluate call inference\(params, x\) with x a sample of the training set"


@pytest.mark.parametrize("rows", [0, 1])
def test_batch_norm_of_a_batch_without_statistics_says_what_to_call_instead(rows):
    x = numbers(20, 3)
    net = serial(dense(4), batch_norm(), residual(dense(4), batch_norm()), dense(2))(Key(0), x[:1])
    found = f"statistics of {'one row' if rows else 'no rows'}"
    for call in (net, lambda x: vjp(net, x), lambda x: net(x, Key(0)), lambda x: inference(net, x)):
        with pytest.raises(ValueError, match=rf"batch_norm at layers\[1\] .*{found}; {STATISTICS}"):
            call(x[:rows])
    assert inference(net, x)(x[:rows]).shape == (rows, 2)
    assert net(x[:2]).shape == (2, 2)  # two rows have statistics, few as they are


def test_one_image_has_statistics_to_train_with_but_is_no_sample_of_the_training_set():
    images = numbers(3, 4, 4, 2)
    net = serial(conv(3, 3), batch_norm())(Key(0), images[:1])
    np.testing.assert_allclose(net(images[:1]).mean(axis=(0, 1, 2)), 0, atol=1e-12)
    with pytest.raises(ValueError, match=rf"got \(1, 4, 4, 3\): statistics of one row; {STATISTICS}"):
        inference(net, images[:1])


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_constructors_after_a_batch_norm_see_what_it_returns_and_shift_for_a_single_row(rows):
    seen = []

    def watching(key, x):
        seen.append(x)
        return tanh

    x = numbers(rows, 3)
    body = parallel(residual(batch_norm(), dropout(0.5)))
    net = serial(batch_norm(), watching, body, pick(0), dense(2))(Key(0), x)
    np.testing.assert_allclose(seen[0], np.zeros((1, 3)) if rows == 1 else net.layers[0](x))
    assert [type(layer).__name__ for layer in net.layers] == ["BatchNorm", "Tanh", "Parallel", "Pick", "Dense"]
    assert "BatchNorm" in repr(net.layers[2])
    assert "Unseen" not in repr(net)


def test_a_summary_needs_no_statistics():
    x = numbers(5, 3)
    net = serial(dense(4), residual(batch_norm(), dropout(0.5)), batch_norm())(Key(0), x[:1])
    text = str(summary(net, x))
    assert text.count("BatchNorm") == 2
    assert "Unseen" not in text
    assert text == str(summary(net, x[:1]))


def test_which_layers_train_in_another_way_than_they_evaluate():
    assert (
        needs_inference(serial(dense(4), residual(tanh, batch_norm()))(Key(0), numbers(2, 3)))
        == "layers[1].body.layers[1]"
    )
    assert (
        needs_inference(bidirectional(serial(dropout(0.5), rnn(3)))(Key(0), numbers(2, 4, 3))) == "forwards.layers[0]"
    )
    assert needs_inference(batch_norm()(Key(0), numbers(2, 3))) == "the root"
    net = serial(dense(4), parallel(layer_norm(), dropout(0.1)))(Key(0), numbers(2, 3))
    assert needs_inference(net) == "layers[1].branches[1]"
    assert needs_inference(inference(net)) is None


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
