"""The gradient by the input is what central differences say, of every kind of network, loss and input."""

import numpy as np
import pytest

import fnn
from fnn import (
    Key,
    Serial,
    conv,
    cross_entropy,
    dense,
    dropout,
    embedding,
    ensemble,
    flatten,
    fold_in,
    gru,
    inference,
    input_gradient,
    l2,
    last_step,
    mae,
    members,
    mse,
    numeric,
    parallel,
    regularized,
    relu,
    replicate,
    residual,
    serial,
    sharded,
    softmax,
    split,
    tanh,
    value_and_grad,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.cases import numbers

X, IMAGES, SEQUENCES = numbers(5, 4), numbers(3, 5, 5, 2), numbers(3, 4, 2)
LABELS, VALUES = np.array([0, 2, 1, 2, 0]), numbers(5, 3, seed=3)
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
LENGTHS = np.array([4, 2, 3])
MLP = serial(dense(6), tanh, dense(3))

CASES = {  # a constructor, a loss, the batch, a key
    "dense": (MLP, cross_entropy, (X, LABELS), None),
    "values": (MLP, mse, (X, VALUES), None),
    "weights of rows": (MLP, cross_entropy, (X, LABELS, WEIGHTS), None),
    "dropout": (serial(dense(6), tanh, dropout(0.5), dense(3)), cross_entropy, (X, LABELS), Key(4)),
    "images": (serial(conv(3, 3), tanh, flatten, dense(3)), cross_entropy, (IMAGES, LABELS[:3]), None),
    "sequences": (serial(gru(4), last_step, dense(3)), cross_entropy, (SEQUENCES, LABELS[:3]), None),
    "two outputs": (
        parallel(MLP, dense(2)),
        fnn.combined(cross_entropy, mse, weights=(1.0, 0.5)),
        (X, (LABELS, VALUES[:, :2])),
        None,
    ),
    "a sum of errors": (residual(serial(dense(4), tanh)), fnn.sum_squared_error, (X, X[::-1].copy()), None),
    "sharded": (MLP, sharded(cross_entropy, 2), (X, LABELS), None),
    "penalties": (MLP, regularized(sharded(cross_entropy, 2), l2(3.0)), (X, LABELS), None),
}


def first(x):
    return x[:1]


def network(constructor, x, seed=0):
    net = constructor(Key(seed), x)
    return fnn.tree.map(lambda leaf: numbers(*leaf.shape, seed=leaf.size), net)


def value(loss, net, batch, key):
    return value_and_grad(loss, net, batch, key)[0]


@each_of("name", CASES)
def test_it_is_the_slope_that_central_differences_find(name):
    constructor, loss, (x, *target), key = CASES[name]
    net = network(constructor, x)
    found = input_gradient(loss, net, (x, *target), key)
    expected = numeric.gradient(lambda x: value(loss, net, (x, *target), key), x)
    assert found.shape == x.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    assert np.abs(found).max() > 1e-3


def test_of_sequences_with_lengths_the_steps_beyond_them_have_a_gradient_of_zero():
    net = network(serial(gru(4), last_step, dense(3)), (SEQUENCES, LENGTHS))
    found = input_gradient(cross_entropy, net, ((SEQUENCES, LENGTHS), LABELS[:3]))
    slope = numeric.gradient(lambda x: value(cross_entropy, net, ((x, LENGTHS), LABELS[:3]), None), SEQUENCES)
    values = found[0] if isinstance(found, tuple) else found
    np.testing.assert_allclose(values, slope, rtol=0, atol=1e-8)
    assert not values[1, 2:].any()
    assert values[1, :2].all()


def test_of_several_inputs_each_has_its_own():
    net = network(serial(fnn.add, dense(3)), (X, X))
    one, other = input_gradient(mse, net, ((X, 2 * X), VALUES))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one, input_gradient(mse, net.layers[1], (3 * X, VALUES)), rtol=1e-12)


@each_of("loss", [cross_entropy, regularized(cross_entropy, l2(0.1)), sharded(cross_entropy, 2), mae])
def test_of_an_ensemble_each_member_has_what_it_has_alone(loss):
    n, keys = 3, split(Key(5), 3)
    nets = ensemble(serial(dense(6), relu, dropout(0.5), dense(3)), n)(Key(1), X)
    target = VALUES if loss is mae else LABELS
    found = input_gradient(loss, nets, replicate((X, target), n), keys)
    assert found.shape == (n, *X.shape)
    for i, net in enumerate(members(nets)):
        np.testing.assert_array_equal(found[i], input_gradient(loss, net, (X, target), keys[i]))
    weighted = input_gradient(loss, nets, (*replicate((X, target), n), replicate(WEIGHTS, n)), Key(5))
    np.testing.assert_allclose(
        weighted[1], input_gradient(loss, members(nets)[1], (X, target, WEIGHTS), keys[1]), rtol=1e-6, atol=1e-9
    )


def test_the_gradient_of_a_row_is_a_part_of_what_it_is_alone():
    net = network(MLP, X)
    found = input_gradient(cross_entropy, net, (X, LABELS))
    for i in range(5):
        alone = input_gradient(cross_entropy, net, (X[i : i + 1], LABELS[i : i + 1]))[0]
        np.testing.assert_allclose(found[i], alone / 5, rtol=1e-12)


def test_float32_stays_and_the_key_is_that_of_value_and_grad():
    x = X.astype(np.float32)
    net = serial(dense(6), dropout(0.5), dense(3))(Key(0), x)
    assert input_gradient(cross_entropy, net, (x, LABELS), Key(1)).dtype == np.float32
    same = [input_gradient(cross_entropy, net, (x, LABELS), key) for key in (Key(1), Key(1), fold_in(Key(1), 0))]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()
    with pytest.raises(TypeError, match=r"^Dropout at layers\[1\] needs a key"):
        input_gradient(cross_entropy, net, (x, LABELS))
    assert input_gradient(cross_entropy, inference(net), (x, LABELS)).shape == x.shape


def test_of_symbols_the_gradient_is_that_of_what_the_embedding_returns():
    tokens = np.array([[0, 1, 2], [2, 2, 1]])
    net = serial(embedding(3, 2), gru(4), last_step, dense(2))(Key(0), tokens)
    with pytest.raises(TypeError, match=r"input_gradient\(loss, Serial\(net.layers\[1:\]\), \(net.layers\[0\]\(x\), "):
        input_gradient(cross_entropy, net, (tokens, np.array([0, 1])))
    by_step = input_gradient(cross_entropy, Serial(net.layers[1:]), (net.layers[0](tokens), np.array([0, 1])))
    assert by_step.shape == (2, 3, 2)
    summed = np.zeros((3, 2))
    np.add.at(summed, tokens, by_step)
    np.testing.assert_allclose(
        fnn.grad(cross_entropy, net, (tokens, np.array([0, 1]))).layers[0].weight, summed, rtol=1e-5, atol=1e-7
    )


ROWS = [
    (lambda: input_gradient(mse, MLP, X), TypeError, "a batch is (x, target) or (x, target, weights), got float64…"),
    (lambda: input_gradient(mse, MLP, (X,)), TypeError, "a batch is (x, target) or (x, target, weights), got tuple…"),
    (
        lambda: input_gradient(cross_entropy, network(serial(dense(3), softmax), X), (X, LABELS)),
        TypeError,
        "CrossEntropy takes logits, but the network ends in Softmax, at layers[-1]; …",
    ),
    (
        lambda: input_gradient(mse, network(dense(3), X), (np.ones((2, 4), int), VALUES[:2])),
        TypeError,
        "input_gradient expects an x of floats, got int64 array (2, 4); write x.astype(np.float32), or if they are "
        "symbols, take the gradient by what the embedding returns: "
        "input_gradient(loss, Serial(net.layers[1:]), (net.layers[0](x), target))",
    ),
    (lambda: input_gradient(mse, network(dense(3), X), (X, VALUES), 3), TypeError, "input_gradient expects a key, …"),
    (
        lambda: input_gradient(mse, ensemble(dense(3), 2)(Key(0), X), (replicate(X, 2), VALUES)),
        ValueError,
        "ensemble of 2 expects target (2, rows, ...), got (5, 3); write replicate(target, 2) for …",
    ),
    (
        lambda: input_gradient(mse, ensemble(dense(3), 2)(Key(0), X), replicate((X, VALUES), 2), (Key(0),)),
        ValueError,
        "input_gradient expects a key for each of 2 members, got 1; write split(Key(0), 2)",
    ),
    (
        lambda: input_gradient(np.mean, network(dense(3), X), (X, VALUES)),
        TypeError,
        "input_gradient expects a loss, got the function mean; a loss is a record and a function: …",
    ),
    (lambda: input_gradient(mse, dense(3), (X, VALUES)), TypeError, "vjp expects a finished layer, got the …"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
