"""A sharded loss is the loss: the same value and gradient to rounding, and to the bit whoever computed the shards.

Every layer and loss is tried that the package has. Batch normalization is the exception that its docstring says: it
normalizes within a shard. What draws random numbers draws others in each shard, and is compared with shards by hand.
"""

import pickle
import re

import numpy as np
import pytest

import fnn
from fnn import Key, Record, combined, cross_entropy, fold_in, mse, sharded, tree, value_and_grad, vjp
from fnn.core._structure import walk
from fnn.core.record import is_record
from tests.each_of import each_of
from tests.laws.cases import KEY, LAYERS, LOSS_CASES, LOSSES, numbers, sort_of, target_for


class Stretch(Record):
    """A network that multiplies whatever it is given by its one weight, lengths excepted: it has every output."""

    weight: np.ndarray


@vjp.register
def stretch_vjp(layer: Stretch, x, key=None):
    floats = [leaf.dtype.kind == "f" for leaf in tree.leaves((x,))]

    def stretch_pullback(dy):
        pairs = zip(tree.leaves((x,)), tree.leaves((dy,)), floats, strict=True)
        return Stretch(np.array(sum((a * b).sum() for a, b, there in pairs if there))), lambda: dy

    return tree.map(lambda leaf: leaf * layer.weight if leaf.dtype.kind == "f" else leaf, (x,))[0], stretch_pullback


NET = Stretch(np.array(1.3))


def kinds(layer):
    return {type(node) for _, node in walk(layer, every=True) if is_record(node)}


def by_message(function, items):
    """A map whose workers share nothing with the caller: all that goes there and back is bytes."""
    return [
        pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(item)))))
        for item in items
    ]


def backwards(function, items):
    return reversed([function(item) for item in reversed(items)])


def same_bits(ours, theirs):
    return ours[0] == theirs[0] and tree.equal(ours[1], theirs[1])


@each_of("case", LOSS_CASES.values(), ids=LOSS_CASES, one_of_each=sort_of)
@each_of(("shards", "other"), [(2, by_message), (7, backwards)])
def test_every_loss_in_shards_is_the_loss_of_the_batch(case, shards, other):
    loss, *batch = case
    value, gradient = value_and_grad(loss, NET, tuple(batch))
    ours = value_and_grad(sharded(loss, shards), NET, tuple(batch))
    assert ours[0] == pytest.approx(value, rel=1e-12, abs=1e-15)
    assert type(ours[0]) is float
    np.testing.assert_allclose(ours[1].weight, gradient.weight, rtol=1e-12, atol=1e-14)
    assert same_bits(value_and_grad(sharded(loss, shards, map=other), NET, tuple(batch)), ours)


def fitting(y):
    """A loss that takes an output, and a target: of several outputs, or a state, one for each."""
    if not isinstance(y, tuple):
        return mse, numbers(*y.shape, seed=3)
    if isinstance(y[-1], np.ndarray) and y[-1].ndim == 1:  # lengths
        return mse, numbers(*y[0].shape, seed=3)
    losses, targets = zip(*map(fitting, y), strict=True)
    return combined(*losses), targets


def batch_for(layer, x):
    loss, target = fitting(vjp(layer, x, KEY)[0])
    return loss, (x, target)


ROWWISE = {
    name: case
    for name, case in LAYERS.items()
    if not kinds(case[0]) & {fnn.BatchNorm, fnn.Dropout, fnn.GaussianNoise} and not re.search("ensemble|random", name)
}


@each_of("name", ROWWISE, ids=ROWWISE, one_of_each=sort_of)
def test_every_layer_learns_from_shards_as_from_the_batch(name):
    layer, x = ROWWISE[name]
    loss, batch = batch_for(layer, x)
    value, gradient = value_and_grad(loss, layer, batch, KEY)
    ours = value_and_grad(sharded(loss, 3), layer, batch, KEY)
    assert ours[0] == pytest.approx(value, rel=1e-12, abs=1e-15)
    assert type(ours[1]) is type(gradient)
    assert tree.allclose(ours[1], gradient, rtol=1e-10, atol=1e-13)
    assert same_bits(value_and_grad(sharded(loss, 3, map=by_message), layer, batch, KEY), ours)


WITHIN = {
    name: case
    for name, case in LAYERS.items()
    if kinds(case[0]) & {fnn.BatchNorm, fnn.Dropout, fnn.GaussianNoise} and not name.startswith("ensemble")
}


@each_of("name", WITHIN)
def test_a_layer_that_is_not_row_by_row_works_within_its_shard_with_the_shard_s_key(name):
    layer, x = WITHIN[name]
    loss, batch = batch_for(layer, x)
    n = len(tree.leaves((x,))[0])
    half = -(-n // 2)
    parts = tree.map(lambda leaf: leaf[:half], batch), tree.map(lambda leaf: leaf[half:], batch)
    results = [value_and_grad(loss, layer, part, fold_in(KEY, place)) for place, part in enumerate(parts)]
    weights = half / n, 1 - half / n
    expected = sum(weight * value for weight, (value, _) in zip(weights, results, strict=True))
    ours = value_and_grad(sharded(loss, 2), layer, batch, KEY)
    assert ours[0] == pytest.approx(expected, rel=1e-12)
    summed = tree.map(lambda a, b: weights[0] * a + weights[1] * b, *[gradient for _, gradient in results])
    assert tree.allclose(ours[1], summed, rtol=1e-10, atol=1e-13)
    assert same_bits(value_and_grad(sharded(loss, 2, map=by_message), layer, batch, KEY), ours)


def upper_half(array):
    """Columns in memory, with a gap between them: pickled, they come back as rows."""
    return np.asfortranarray(np.concatenate([array, array]))[: len(array)]


@each_of("order", [np.asfortranarray, upper_half, lambda array: np.repeat(array, 2, axis=0)[::2]])
def test_the_order_in_memory_of_rows_and_parameters_is_the_same_for_every_worker(order):
    net = fnn.Dense(order(numbers(500, 20, dtype=np.float32)), numbers(20, dtype=np.float32))
    batch = order(numbers(7, 500, dtype=np.float32)), numbers(7, 20, dtype=np.float32)
    for shards in (2, 7):  # of one row, whose product with the weights is another of BLAS
        ours = value_and_grad(sharded(mse, shards), net, batch)
        assert same_bits(value_and_grad(sharded(mse, shards, map=by_message), net, batch), ours)
        assert tree.allclose(ours[1], value_and_grad(mse, net, batch)[1], rtol=1e-4, atol=1e-5)


@each_of("name", LOSSES)
def test_of_a_prediction_a_sharded_loss_is_the_loss(name):
    loss, y, target = LOSSES[name], numbers(5, 3), target_for(name)
    assert sharded(loss, 2)(y, target) == loss(y, target)
    assert max(fnn.check_vjp(sharded(loss, 2), y, target).errors.values()) < 1e-8


def test_a_shard_of_one_row_has_no_statistics_and_the_error_says_which_one_it_is():
    layer, x = LAYERS["batch_norm"]
    with pytest.raises(ValueError, match="batch_norm") as caught:
        value_and_grad(sharded(mse, 4), layer, (x, x))
    assert caught.value.__notes__ == ["sharded: in shard 3, rows 6 to 6 of a batch of 7"]


@pytest.mark.long
@each_of("case", LOSS_CASES.values(), ids=LOSS_CASES)
def test_each_member_of_an_ensemble_learns_from_shards_as_it_does_alone(case):
    loss, *batch = case
    nets = [NET, Stretch(np.array(0.7))]
    batches = [tuple(batch), tree.map(lambda leaf: leaf[::-1], tuple(batch))]  # other rows in the same shards
    given = tree.stack(nets), tree.stack(batches)
    values, gradient = value_and_grad(sharded(loss, 2), fnn.Ensemble(given[0], 2), given[1])
    for net, own, value, pulled in zip(nets, batches, values, fnn.members(gradient), strict=True):
        expected = value_and_grad(sharded(loss, 2), net, own)
        assert value == pytest.approx(expected[0], rel=1e-12, abs=1e-15)
        np.testing.assert_allclose(pulled.weight, expected[1].weight, rtol=1e-12, atol=1e-14)


def test_members_of_dense_layers_have_the_bits_that_they_have_alone_and_keys_of_their_own():
    asked = []

    def counting(function, items):
        asked.append(len(items))
        return by_message(function, items)

    x, labels = numbers(3, 11, 5, dtype=np.float32), np.arange(33).reshape(3, 11) % 4
    for layers in ((fnn.dense(8), fnn.tanh, fnn.dense(4)), (fnn.dense(8), fnn.dropout(0.5), fnn.dense(4))):
        nets = fnn.ensemble(fnn.serial(*layers), 3)(Key(0), x[0])
        keys = fnn.split(Key(1), 3)
        values, gradient = value_and_grad(sharded(cross_entropy, 4, map=counting), nets, (x, labels), keys)
        assert (values.shape, type(gradient)) == ((3,), fnn.Ensemble)
        for i, (net, pulled) in enumerate(zip(fnn.members(nets), fnn.members(gradient), strict=True)):
            alone = value_and_grad(sharded(cross_entropy, 4), net, (x[i], labels[i]), keys[i])
            assert same_bits((values[i], pulled), alone)
    assert asked == [4, 4]  # all members in each shard, not each member in turn


def test_an_ensemble_of_several_outputs_counts_the_rows_of_each_member_and_output():
    loss = fnn.combined(mse, fnn.CrossEntropy(ignore=2))
    nets = fnn.ensemble(fnn.parallel(fnn.dense(2), fnn.dense(3)), 2)(Key(0), numbers(1, 5))
    labels = np.array([[0, 1, 2, 2, 0], [2, 2, 2, 2, 1]])
    batch = numbers(2, 5, 5), (numbers(2, 5, 2, seed=1), labels), np.abs(numbers(2, 5, seed=2))
    values, gradient = value_and_grad(sharded(loss, 3), nets, batch)
    expected = value_and_grad(loss, nets, batch)
    np.testing.assert_allclose(values, expected[0], rtol=1e-12)
    assert tree.allclose(gradient, expected[1], rtol=1e-11, atol=1e-14)
    with pytest.raises(ValueError, match=r"of 2 expects x \(2, rows, ...\), got \(5, 5\)"):
        value_and_grad(sharded(mse, 2), nets, (batch[0][0], batch[1][0]))
