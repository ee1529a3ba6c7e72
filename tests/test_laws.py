"""The laws of the design, for every public layer and loss."""

import numpy as np
import pytest

import fnn
from fnn import Key, Serial, check_vjp, cross_entropy, mlp, serial, tree, value_and_grad, vjp
from tests.cases import ACTIVATIONS, LAYERS, LOSS_CASES, LOSSES, numbers, random_network

layers = pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
losses = pytest.mark.parametrize("case", LOSS_CASES.values(), ids=LOSS_CASES)


def test_the_cases_are_all_that_is_public():
    assert len(ACTIVATIONS) == 13
    assert sorted(LOSSES) == ["binary_cross_entropy", "cross_entropy", "mse", "sum_squared_error"]
    assert len(LAYERS) == 78
    assert len(LOSS_CASES) == 24


@layers
def test_a_layer_s_gradient_is_the_numeric_one_leaf_by_leaf(layer, shape):
    report = check_vjp(layer, numbers(*shape))
    assert max(report.errors.values()) <= 1e-8
    assert report.skipped <= 0.01 * report.coordinates


@losses
def test_a_loss_s_gradient_is_the_numeric_one(case):
    report = check_vjp(*case)
    assert max(report.errors.values()) <= 1e-8
    assert report.skipped == 0


@layers
def test_inputs_are_never_written_whatever_their_order_in_memory(layer, shape):
    x = numbers(*shape)
    read_only = x.copy()
    read_only.setflags(write=False)
    strided = np.repeat(x, 2, axis=0)[::2]
    expected, _ = vjp(layer, x)
    for given in (x, read_only, np.asfortranarray(x), strided):
        before = given.tobytes()
        y, pullback = vjp(layer, given)
        dy = numbers(*y.shape, seed=1)
        dy.setflags(write=False)
        (first, dx), (again, dx_again) = pullback(dy), pullback(dy)
        np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-15)
        assert given.tobytes() == before
        assert tree.equal((first, dx()), (again, dx_again()))
        assert tree.equal((vjp(layer, given)[0],), (y,))


@layers
def test_the_output_shares_no_memory_with_a_writable_input(layer, shape):
    x = numbers(*shape)
    without_layers = isinstance(layer, Serial) and not layer.layers
    assert np.shares_memory(layer(x), x) == without_layers


@losses
def test_a_loss_writes_to_nothing(case):
    loss, *inputs = case
    before = [array.tobytes() for array in inputs]
    for array in inputs:
        array.setflags(write=False)
    try:
        value, pullback = vjp(loss, *inputs)
        assert type(value) is float
        np.testing.assert_array_equal(pullback(1.0)[1](), pullback(1.0)[1]())
        assert loss(*inputs) == value
    finally:
        for array in inputs:
            array.setflags(write=True)
    assert [array.tobytes() for array in inputs] == before


@layers
def test_float32_stays_float32(layer, shape):
    layer = tree.map(np.float32, layer)
    y, pullback = vjp(layer, numbers(*shape, dtype=np.float32))
    dlayer, dx = pullback(np.ones_like(y))
    assert {a.dtype for a in [y, dx(), *tree.leaves(dlayer)]} == {np.dtype(np.float32)}


@losses
def test_a_loss_s_gradient_has_the_dtype_of_the_prediction(case):
    loss, prediction, *rest = case
    value, pullback = vjp(loss, prediction.astype(np.float32), *rest)
    assert pullback(1.0)[1]().dtype == np.float32
    assert value == pytest.approx(loss(prediction, *rest), rel=1e-5)


@layers
def test_bytes_count_as_the_numbers_they_are(layer, shape):
    x = (np.arange(np.prod(shape)).reshape(shape) * 7 % 256).astype(np.uint8)
    layer = tree.map(lambda leaf: (leaf / 100).astype(np.float32), layer)
    np.testing.assert_array_equal(layer(x), layer(x.astype(np.float32)))


@layers
def test_a_gradient_is_a_tree_of_the_layer_s_own_type_with_read_only_leaves(layer, shape):
    y, pullback = vjp(layer, numbers(*shape))
    dlayer, dx = pullback(np.ones_like(y))
    assert type(dlayer) is type(layer)
    assert tree.paths(dlayer) == tree.paths(layer)
    assert [a.shape for a in tree.leaves(dlayer)] == [a.shape for a in tree.leaves(layer)]
    assert not any(leaf.flags.writeable for leaf in tree.leaves(dlayer))
    assert dx().shape == shape


def _pull(layer, x):
    y, pullback = vjp(layer, x)
    dlayer, dx = pullback(np.ones_like(y))
    return y, tree.leaves(dlayer), dx()


def test_serial_is_the_monoid_of_evaluate_and_pull_back():
    a, b, c = (mlp(3, 3)(Key(seed), np.zeros((1, 3))) for seed in range(3))
    x = numbers(4, 3)
    flat, left, right = (
        _pull(Serial((a, b, c)), x),
        _pull(Serial((Serial((a, b)), c)), x),
        _pull(Serial((a, Serial((b, c)))), x),
    )
    assert tree.equal(tuple(map(tuple, flat[1:2])), tuple(map(tuple, left[1:2])))
    for other in (left, right, _pull(Serial((Serial(()), a, b, c)), x)):
        for ours, theirs in zip((flat[0], flat[2], *flat[1]), (other[0], other[2], *other[1]), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_network_is_the_pipe_of_its_layers():
    from toolz import pipe

    net, x = random_network(3), numbers(4, 3)
    np.testing.assert_array_equal(pipe(x, *net.layers), net(x))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_next_to_itself_has_the_batch_s_gradient(loss):
    net, x = mlp(4, 3)(Key(0), np.zeros((1, 5))), numbers(7, 5)
    target = numbers(7, 3) ** 2 / (1 + numbers(7, 3) ** 2)
    target /= target.sum(axis=1, keepdims=True)
    value, once = value_and_grad(LOSSES[loss], net, (x, target))
    doubled, twice = value_and_grad(LOSSES[loss], net, (np.tile(x, (2, 1)), np.tile(target, (2, 1))))
    factor = 2 if loss.startswith("sum") else 1
    assert doubled == pytest.approx(factor * value)
    assert tree.allclose(twice, tree.map(lambda g: factor * g, once), rtol=1e-12, atol=1e-15)


def test_evaluation_does_not_depend_on_the_batch_size():
    net, x = mlp(4, 3)(Key(0), np.zeros((1, 5))), numbers(105, 5)
    whole = net(x)
    parts = np.concatenate([net(batch) for (batch,) in fnn.data.batches((x,), 50)])
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_weight_of_two_counts_as_the_row_twice_and_of_zero_as_the_row_left_out(loss):
    prediction, target = numbers(3, 4), np.full((3, 4), 0.25)
    weighted = vjp(LOSSES[loss], prediction, target, np.array([2.0, 1.0, 0.0]))
    rows = [0, 0, 1]
    repeated = vjp(LOSSES[loss], prediction[rows], target[rows])
    assert weighted[0] == pytest.approx(repeated[0])
    gradient = repeated[1](1.0)[1]()
    np.testing.assert_allclose(
        weighted[1](1.0)[1](), [gradient[0] + gradient[1], gradient[2], 0 * gradient[2]], atol=1e-15
    )


def test_no_one_computes_the_first_layer_s_dx():
    asked = []

    @fnn.record
    class Watched:
        weight: np.ndarray

    @vjp.register
    def _(layer: Watched, x, key=None):
        def watched_pullback(dy):
            return Watched((dy * x).sum(axis=0)), lambda: asked.append(1) or dy * layer.weight

        return x * layer.weight, watched_pullback

    net = serial(Watched(np.ones(3)), fnn.relu, Watched(np.ones(3)))(Key(0), numbers(2, 3))
    value_and_grad(cross_entropy, net, (numbers(2, 3), np.array([0, 1])))
    assert len(asked) == 1
    behind = serial(fnn.reshape((3,)), fnn.tanh, net)(Key(0), numbers(2, 3))
    value_and_grad(cross_entropy, behind, (numbers(2, 3), np.array([0, 1])))
    assert len(asked) == 2
