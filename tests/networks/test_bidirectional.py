"""Bidirectional layers are two runs, one of them over reversed time."""

import numpy as np
import pytest

from fnn import (
    Bidirectional,
    Key,
    batch_norm,
    bidirectional,
    check_vjp,
    dropout,
    gru,
    inference,
    lstm,
    rnn,
    serial,
    tree,
)
from tests.laws.cases import made, numbers, random_like

IDS = ["rnn", "lstm", "gru"]


def close(ours, expected):
    for a, b in zip(tree.leaves((ours,)), tree.leaves((expected,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cell", [rnn, lstm, gru], ids=IDS)
def test_it_is_two_runs(cell):
    layer, x, lengths = random_like(made(bidirectional(cell(4)), 1, 2, 3)), numbers(3, 5, 3), np.array([2, 5, 1])
    y = layer(x)
    close(y[..., :4], layer.forwards(x))
    close(y[..., 4:], layer.backwards(x[:, ::-1])[:, ::-1])
    y, _ = layer((x, lengths))
    for row, length in enumerate(lengths):
        one = x[row : row + 1, :length]
        close(y[row, :length, :4], layer.forwards(one)[0])
        close(y[row, :length, 4:], layer.backwards(one[:, ::-1])[0, ::-1])


@pytest.mark.parametrize("cell", [rnn, *[pytest.param(cell, marks=pytest.mark.long) for cell in (lstm, gru)]], ids=IDS)
def test_its_gradients_are_the_numeric_ones_with_lengths_and_without(cell):
    layer, x, lengths = random_like(made(bidirectional(cell(4)), 1, 2, 3)), numbers(3, 5, 3), np.array([2, 5, 1])
    for given in (x, numbers(1, 1, 3), (x, lengths)):
        assert max(check_vjp(layer, given).errors.values()) <= 1e-8


def test_its_two_layers_are_constructed_from_two_keys_and_get_two():
    layer = made(bidirectional(serial(dropout(0.5), rnn(3))), 1, 2, 3)
    assert isinstance(layer, Bidirectional)
    assert not tree.equal(layer.forwards, layer.backwards)
    x = np.ones((2, 4, 3))
    masks = [Bidirectional(dropout(0.5), dropout(0.5))(x, Key(seed)) for seed in (0, 1)]
    assert not np.array_equal(*masks)
    assert not np.array_equal(masks[0][..., :3], masks[0][:, ::-1, 3:])
    evaluated = inference(layer)
    assert "Dropout" not in repr(evaluated)
    close(evaluated(x), Bidirectional(layer.forwards.layers[1], layer.backwards.layers[1])(x))
    assert max(check_vjp(layer, numbers(2, 4, 3), key=Key(3)).errors.values()) <= 1e-8
    normal = inference(made(bidirectional(serial(batch_norm(), rnn(3))), 1, 2, 3), numbers(4, 2, 3))
    assert "BatchNorm" not in repr(normal)
