"""A chain of layers of any length, and what becomes of its parts."""

import numpy as np

import fnn
from fnn import (
    Key,
    Serial,
    dense,
    mlp,
    serial,
    tree,
)
from tests.laws.cases import numbers


def test_a_chain_of_5000_layers_trains_a_step():
    layer = dense(2)(Key(0), np.zeros((1, 2), np.float32))
    net = Serial((layer, fnn.tanh) * 2500)
    optimizer = fnn.sgd(0.1)
    step = fnn.train_step(fnn.cross_entropy, optimizer)
    batch = numbers(3, 2, dtype=np.float32), np.array([0, 1, 0])
    state = step(fnn.start(net, optimizer), batch)
    assert state.step == 1
    assert len(state.params.layers) == 5000


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
