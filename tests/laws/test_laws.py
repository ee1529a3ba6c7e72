"""The laws of the design, for every public layer, loss and penalty."""

import re

import numpy as np
import pytest

import fnn
from fnn import Key, Record, Serial, check_vjp, cross_entropy, mlp, serial, tree, value_and_grad, vjp
from fnn.core._flat import tied
from fnn.core._structure import walk
from tests.each_of import each_of
from tests.laws.cases import (
    KEY,
    LAYERS,
    LOSS_CASES,
    LOSSES,
    PENALTIES,
    numbers,
    random_network,
    sort_of,
    target_for,
)

layers = each_of(("layer", "x"), LAYERS.values(), ids=LAYERS)
losses = each_of("case", LOSS_CASES.values(), ids=LOSS_CASES)


def floats_to(dtype, x):
    return tree.map(lambda array: array.astype(dtype) if array.dtype.kind == "f" else array, x)


def cotangent(y):
    """A random dy for any output."""
    return tree.map(lambda array: numbers(*array.shape, seed=1, dtype=array.dtype), y)


@each_of(("layer", "x"), LAYERS.values(), ids=LAYERS, one_of_each=sort_of)
def test_a_layer_s_gradient_is_the_numeric_one_leaf_by_leaf(layer, x):
    report = check_vjp(layer, x, key=KEY)
    assert max(report.errors.values(), default=0.0) <= 1e-8
    assert report.skipped <= 0.01 * report.coordinates


@each_of("case", LOSS_CASES.values(), ids=LOSS_CASES, one_of_each=sort_of)
def test_a_loss_s_gradient_is_the_numeric_one(case):
    report = check_vjp(*case)
    assert max(report.errors.values()) <= 1e-8
    assert report.skipped == 0


@each_of(("penalty", "params"), PENALTIES.values(), ids=PENALTIES)
def test_a_penalty_s_gradient_is_the_numeric_one(penalty, params):
    report = check_vjp(penalty, params)
    assert max(report.errors.values()) <= 1e-8
    assert report.skipped == 0


@layers
def test_inputs_are_never_written_whatever_their_order_in_memory(layer, x):
    def read_only(array):
        array = array.copy()
        array.setflags(write=False)
        return array

    expected, _ = vjp(layer, x, KEY)
    for order in (np.copy, read_only, np.asfortranarray, lambda array: np.repeat(array, 2, axis=0)[::2]):
        given = _mapped(order, x)
        before = [array.tobytes() for array in tree.leaves((given,))]
        y, pullback = vjp(layer, given, KEY)
        dy = cotangent(y)
        (first, dx), (again, dx_again) = pullback(dy), pullback(dy)
        assert tree.allclose((y,), (expected,), rtol=1e-13, atol=1e-15)
        assert [array.tobytes() for array in tree.leaves((given,))] == before
        assert tree.equal((first, dx()), (again, dx_again()))
        assert tree.equal((vjp(layer, given, KEY)[0],), (y,))


def _mapped(function, x):
    """Map and leave arrays writable, which ``tree.map`` does not."""
    return tuple(_mapped(function, each) for each in x) if isinstance(x, tuple) else function(x)


@layers
def test_the_output_shares_no_memory_with_a_writable_input(layer, x):
    x = _mapped(np.copy, x)
    without_layers = (isinstance(layer, Serial) and not layer.layers) or any(
        isinstance(node, fnn.Pick) for _, node in walk(layer, every=True)
    )
    shared = [np.shares_memory(a, b) for a in tree.leaves((layer(x, KEY),)) for b in tree.leaves((x,))]
    assert any(shared) <= without_layers


@losses
def test_a_loss_writes_to_nothing(case):
    loss, *inputs = case
    inputs = tree.map(np.copy, tuple(inputs))  # which makes them read-only
    before = [array.tobytes() for array in tree.leaves(inputs)]
    value, pullback = vjp(loss, *inputs)
    assert type(value) is float
    assert tree.equal((pullback(1.0)[1](),), (pullback(1.0)[1](),))
    assert loss(*inputs) == value
    assert [array.tobytes() for array in tree.leaves(inputs)] == before


@layers
def test_float32_stays_float32(layer, x):
    layer = tree.map(np.float32, layer)
    y, pullback = vjp(layer, floats_to(np.float32, x), KEY)
    dlayer, dx = pullback(cotangent(y))
    assert {a.dtype for a in tree.leaves((y, dlayer)) if a.dtype.kind == "f"} == {np.dtype(np.float32)}
    assert {d.dtype for d, a in zip(*map(tree.leaves, ((dx(),), (x,))), strict=True) if a.dtype.kind == "f"} <= {
        np.dtype(np.float32)
    }


@losses
def test_a_loss_s_gradient_has_the_dtype_of_the_prediction(case):
    loss, prediction, *rest = case
    value, pullback = vjp(loss, floats_to(np.float32, prediction), *rest)
    assert {leaf.dtype for leaf in tree.leaves((pullback(1.0)[1](),))} == {np.dtype(np.float32)}
    assert value == pytest.approx(loss(prediction, *rest), rel=1e-5)


@each_of("name", [name for name in LAYERS if not re.search("embedding|lengths|mask", name)])
def test_bytes_count_as_the_numbers_they_are(name):
    layer, x = LAYERS[name]
    whole = _mapped(lambda array: (np.arange(array.size).reshape(array.shape) * 7 % 256).astype(np.uint8), x)
    layer = tree.map(lambda leaf: (leaf / 100).astype(np.float32), layer)
    as_floats = _mapped(np.float32, whole)
    got, expected = layer(whole, KEY), layer(as_floats, KEY)
    for a, b in zip(tree.leaves((got,)), tree.leaves((expected,)), strict=True):
        np.testing.assert_array_equal(a, b)


@layers
def test_a_gradient_is_a_tree_of_the_layer_s_own_type_with_read_only_leaves(layer, x):
    y, pullback = vjp(layer, x, KEY)
    dlayer, dx = pullback(cotangent(y))
    assert type(dlayer) is type(layer)
    dlayer = tied(layer, dlayer)
    assert tree.paths(dlayer) == tree.paths(layer)
    assert [a.shape for a in tree.leaves(dlayer)] == [a.shape for a in tree.leaves(layer)]
    assert not any(leaf.flags.writeable for leaf in tree.leaves(dlayer))
    assert [a.shape for a in tree.leaves((dx(),))] == [a.shape for a in tree.leaves((x,))]


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


@each_of("loss", LOSSES)
def test_a_batch_next_to_itself_has_the_batch_s_gradient(loss):
    net, x = mlp(4, 3)(Key(0), np.zeros((1, 5))), numbers(7, 5)
    target = target_for(loss)[[0, 1, 2, 3, 4, 0, 2]]
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


@each_of("loss", sorted(LOSSES))
def test_a_weight_of_two_counts_as_the_row_twice_and_of_zero_as_the_row_left_out(loss):
    prediction, target = numbers(3, 3), target_for(loss)[[0, 3, 2]]
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

    class Watched(Record):
        weight: np.ndarray

    @vjp.register
    def watched_vjp(layer: Watched, x, key=None):
        def watched_pullback(dy):
            return Watched((dy * x).sum(axis=0)), lambda: asked.append(1) or dy * layer.weight

        return x * layer.weight, watched_pullback

    net = serial(Watched(np.ones(3)), fnn.relu, Watched(np.ones(3)))(Key(0), numbers(2, 3))
    value_and_grad(cross_entropy, net, (numbers(2, 3), np.array([0, 1])))
    assert len(asked) == 1
    behind = serial(fnn.reshape((3,)), fnn.tanh, net)(Key(0), numbers(2, 3))
    value_and_grad(cross_entropy, behind, (numbers(2, 3), np.array([0, 1])))
    assert len(asked) == 2
