"""Dense layers: stacks of them, sequences, first weights."""

import math

import numpy as np

import fnn
from fnn import (
    Dense,
    Key,
    mlp,
    tree,
    vjp,
)
from tests.laws.cases import numbers


def test_an_ensemble_of_dense_layers_is_each_of_them_alone():
    weight, bias = numbers(2, 3, 5), numbers(2, 5, seed=1)
    for x in (numbers(2, 4, 3, seed=2), numbers(2, 4, 6, 3, seed=2)):
        together, pullback = vjp(Dense(weight, bias), x)
        dy = numbers(*together.shape, seed=3)
        dlayer, dx = pullback(dy)
        for member in range(2):
            y, pull = vjp(Dense(weight[member], bias[member]), x[member])
            dalone, dx_alone = pull(dy[member])
            np.testing.assert_allclose(together[member], y, rtol=1e-13)
            np.testing.assert_allclose(dlayer.weight[member], dalone.weight, rtol=1e-13)
            np.testing.assert_allclose(dlayer.bias[member], dalone.bias, rtol=1e-13)
            np.testing.assert_allclose(dx()[member], dx_alone(), rtol=1e-13)


def test_a_layer_and_its_pullback_by_hand():
    layer, x = Dense(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 20.0])), np.array([[1.0, 0.0], [2.0, 1.0]])
    y, pullback = vjp(layer, x)
    dlayer, dx = pullback(np.array([[1.0, 0.0], [10.0, 100.0]]))
    assert y.tolist() == [[11.0, 22.0], [15.0, 28.0]]
    assert dlayer.weight.tolist() == [[21.0, 200.0], [10.0, 100.0]]
    assert dlayer.bias.tolist() == [11.0, 100.0]
    assert dx().tolist() == [[1.0, 3.0], [210.0, 430.0]]


def test_the_steps_of_sequences_are_more_rows():
    layer, x, dy = Dense(numbers(3, 5), numbers(5)), numbers(2, 4, 3), numbers(2, 4, 5, seed=1)
    (y, pullback), (rows, pull) = vjp(layer, x), vjp(layer, x.reshape(8, 3))
    (dlayer, dx), (drows, dx_rows) = pullback(dy), pull(dy.reshape(8, 5))
    np.testing.assert_array_equal(y.reshape(8, 5), rows)
    np.testing.assert_array_equal(dx().reshape(8, 3), dx_rows())
    assert tree.equal(dlayer, drows)


def test_parameters_take_their_dtype_from_the_data():
    for given, expected in ((np.float32, "f32"), (np.float64, "f64"), (np.uint8, "f32"), (np.int64, "f32")):
        assert f"weight={expected}[2,3]" in repr(mlp(3)(Key(0), np.zeros((1, 2), given)))


def test_the_first_loss_is_near_that_of_guessing():
    (x, target), classes = fnn.data.digits(), 10
    for seed in range(5):
        loss = fnn.cross_entropy(mlp(64, 32, classes)(Key(seed), x[:1])(x), target)
        assert abs(loss - math.log(classes)) < 0.2 * math.log(classes)


def test_a_bias_is_added_to_each_of_many_rows():
    for units in (1, 7, 3000, 9000):  # 1,030 rows are no multiple of those that are added to at once
        layer = Dense(np.zeros((1, units), np.float32), np.arange(1, units + 1, dtype=np.float32))
        assert (layer(np.zeros((1030, 1), np.float32)) == layer.bias).all()
