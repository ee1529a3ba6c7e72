"""Dropout drops as many as it says, by its key alone, and inference takes it out."""

import numpy as np
import pytest

import fnn
from fnn import (
    Key,
    dense,
    dropout,
    identity,
    inference,
    serial,
    vjp,
)
from tests.laws.cases import numbers


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


def test_a_channel_is_dropped_in_all_places_or_in_none():
    y = fnn.dropout(0.5, channels=True)(np.ones((20, 3, 2, 8)), Key(0))
    assert (y == y[:, :1, :1]).all()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert 0.3 < (y > 0).mean() < 0.7
    steps, lengths = fnn.dropout(0.5, channels=True)((np.ones((4, 3, 8)), np.array([3, 0, 1, 2])), Key(0))
    for row, length in zip(steps, lengths, strict=True):
        assert (row[:length] == row[:1]).all()
        assert not row[length:].any()


def test_noise_has_its_standard_deviation_and_inference_takes_it_out():
    layer, x = fnn.gaussian_noise(0.3), np.zeros((100, 100), np.float32)
    y = layer(x, Key(1))
    assert y.dtype == np.float32
    assert abs(y.std() - 0.3) < 0.01
    assert abs(y.mean()) < 0.01
    assert repr(fnn.inference(fnn.serial(layer)(Key(0), x))) == "Serial(layers=(Identity(),))"
