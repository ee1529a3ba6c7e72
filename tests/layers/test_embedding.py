"""An embedding is a dense layer on one-hot rows."""

import numpy as np
import pytest

from fnn import (
    Dense,
    Embedding,
    Key,
    embedding,
    serial,
    vjp,
)
from tests.laws.cases import numbers


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


@pytest.mark.parametrize("symbols", [7, 70_000])
def test_the_gradient_is_a_sum_whether_a_symbol_comes_once_or_often(symbols):
    often = [0] * 40 + [1] * 11 + [2] * 10 + [3] * 9 + [4] * 2 + [symbols - 1] * 3  # of 75 rows: more or fewer than 8
    x = np.random.default_rng(0).permutation(often).reshape(15, 5)
    dy, expected = numbers(15, 5, 2), np.zeros((symbols, 2))
    np.add.at(expected, x, dy)
    _, pullback = vjp(Embedding(np.zeros((symbols, 2))), x)
    np.testing.assert_allclose(pullback(dy)[0].weight, expected, rtol=1e-12, atol=1e-15)


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


def test_what_a_large_gradient_of_a_symbol_covers_comes_out_when_another_takes_it_away():
    _, pullback = vjp(Embedding(np.zeros((2, 1), np.float32)), np.array([[0, 0, 0]]))
    dlayer, _ = pullback(np.array([[[1e8], [1.0], [-1e8]]], np.float32))  # in float32, 1e8 + 1 is 1e8
    assert dlayer.weight.tolist() == [[1.0], [0.0]]
