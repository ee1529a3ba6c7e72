"""Networks that branch and join, with several inputs and outputs, and layers that are used twice."""

import pickle

import numpy as np
import pytest
from toolz import last

import fnn
from fnn import (
    Dense,
    Dropout,
    Key,
    Parallel,
    Record,
    Residual,
    Serial,
    adam,
    add,
    check_vjp,
    combined,
    concatenate,
    cross_entropy,
    dense,
    dropout,
    fit,
    identity,
    inference,
    mse,
    parallel,
    pick,
    relu,
    residual,
    serial,
    sgd,
    start,
    states,
    summary,
    tanh,
    train_step,
    tree,
    value_and_grad,
    vjp,
)
from tests.each_of import each_of
from tests.laws.cases import SHARED, made, numbers, random_like


def test_the_branches_of_a_diamond_see_one_input_and_are_joined_side_by_side():
    x = numbers(4, 3)
    net = made(serial(parallel(dense(2), serial(dense(5), tanh)), concatenate, dense(1)), 1, 3)
    left, right = net.layers[0].branches
    np.testing.assert_array_equal(net(x), net.layers[2](np.concatenate([left(x), right(x)], axis=1)))


def test_joining_constructors_is_short_for_branches_and_a_join():
    x = np.zeros((1, 3))
    for join in (concatenate, add):
        short = join(dense(2), dense(2))(Key(3), x)
        assert tree.equal(short, serial(parallel(dense(2), dense(2)), join)(Key(3), x))


def test_a_join_of_arrays_is_what_numpy_makes_of_them():
    a, b = numbers(4, 3), numbers(4, 3, seed=1)
    np.testing.assert_array_equal(concatenate((a, b)), np.concatenate([a, b], axis=1))
    np.testing.assert_array_equal(add((a, b)), a + b)


def test_a_residual_network_starts_from_its_input():
    body = Dense(np.zeros((3, 3)), np.zeros(3))
    x = numbers(4, 3)
    y, pullback = vjp(Residual(body), x)
    np.testing.assert_array_equal(y, x)
    dlayer, dx = pullback(np.ones_like(y))
    np.testing.assert_array_equal(dx(), np.ones_like(x))
    np.testing.assert_allclose(dlayer.body.weight, x.T @ np.ones((4, 3)))


def two_in_two_out():
    """Two inputs of their own widths, a trunk they share, and two outputs: a number and one of three classes."""
    inputs = concatenate(serial(pick(0), dense(4)), serial(pick(1), dense(5), tanh))
    return serial(inputs, dense(6), relu, parallel(dense(1), dense(3)))


def test_a_network_with_several_inputs_and_outputs_trains():
    x = numbers(60, 2), numbers(60, 3, seed=1)
    target = (x[0] * x[1][:, :2]).sum(axis=1, keepdims=True), (x[1] ** 2).argmax(axis=1)
    loss, optimizer = combined(mse, cross_entropy, weights=(1.0, 0.5)), adam(1e-2)
    net = two_in_two_out()(Key(0), tree.map(lambda array: array[:1], x))
    before = loss(net(x), target)
    after = fit(loss, optimizer, start(net, optimizer), (x, target), steps=400, size=20, key=Key(1)).params
    assert loss(after(x), target) < 0.2 * before


def test_rows_of_several_inputs_stay_together_through_split_and_batches():
    rows = np.arange(20.0)[:, None]
    data = ((rows, -rows), np.arange(20))
    train, test = fnn.data.train_test_split(data, 0.2, Key(0))
    for (a, b), labels in (train, test, *fnn.data.epochs(train, 3, Key(1), epochs=2)):
        np.testing.assert_array_equal(a[:, 0], labels)
        np.testing.assert_array_equal(b[:, 0], -labels)
    with pytest.raises(ValueError, match="the same number of rows, got 20 and 19 and 20"):
        fnn.data.train_test_split(((rows, rows[1:]), np.arange(20)), 0.2, Key(0))
    with pytest.raises(TypeError, match=r"batches: data\[0\]\[1\] must be an array of real numbers, got NoneType None"):
        fnn.data.batches(((rows, None), rows), 3)


def test_a_part_in_which_a_row_is_not_finite_is_named_by_its_place():
    rows = np.arange(20.0)[:, None]
    with pytest.raises(ValueError, match=r"data\[0\]\[1\] holds NaN or infinity in 1 rows, the first is row 3"):
        fnn.data.train_test_split(((rows, np.where(rows == 3, np.nan, rows)), rows), 0.2, Key(0))


def test_branches_share_an_input_with_parts_that_were_not_given():
    x = numbers(2, 5, 3)
    net = random_like(made(parallel(fnn.rnn(4), fnn.gru(4)), 1, 5, 3))
    _, pullback = vjp(net, (x, None, None))
    dx = pullback(((np.ones((2, 5, 4)), None, np.zeros((2, 4))),) * 2)[1]()
    one, other = (vjp(branch, x)[1](np.ones((2, 5, 4)))[1]() for branch in net.branches)
    np.testing.assert_allclose(dx[0], one + other)
    assert dx[1:] == (None, None)


def test_each_branch_draws_its_own_random_numbers():
    x = np.ones((50, 3))
    net = serial(parallel(dropout(0.5), dropout(0.5), residual(dropout(0.5))))(Key(0), x)
    a, b, c = net(x, Key(1))
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, c - x)
    assert all(np.array_equal(*pair) for pair in zip(net(x, Key(1)), (a, b, c), strict=True))


def test_inference_goes_into_every_branch():
    x = numbers(6, 3)
    net = made(serial(parallel(dropout(0.5), residual(fnn.batch_norm(), dropout(0.1))), add), 1, 3)
    finished = inference(net, x)
    assert "Dropout" not in repr(finished)
    assert "BatchNorm" not in repr(finished)
    with pytest.raises(TypeError, match=r"batch_norm at layers\[0\].branches\[1\].body.layers\[0\] needs statistics"):
        inference(net)


def of(*constructors):
    """Make these one after the other on rows of two numbers."""
    return lambda x: made(serial(*constructors), 1, 2)


WRONG = {
    r"residual at layers\[1\] expects a body that keeps the shape \(1, 4\), got \(1, 3\)": of(
        dense(4), residual(dense(3))
    ),
    r"add at layers\[1\] expects arrays of one shape, got \(1, 2\) and \(1, 3\)": of(parallel(dense(2), dense(3)), add),
    r"concatenate at layers\[1\] expects arrays of one shape but for the last axis, got \(1, 2\) and \(1, 2, 1\)": of(
        parallel(relu, fnn.reshape((2, 1))), concatenate
    ),
    r"dense at layers\[1\] expects an array, got a tuple of 2; join them with concatenate or add, or take one": of(
        parallel(relu, relu), dense(3)
    ),
    r"relu at layers\[1\] expects an array, got a tuple of 2": of(parallel(relu, relu), relu),
    r"concatenate expects a tuple of arrays, got float64 array \(4, 2\); put parallel": concatenate,
    r"pick expects a tuple of at least 2 inputs, got float64 array \(4, 2\)": pick(1),
    "pick expects a tuple of at least 3 inputs, got tuple": lambda x: pick(2)((x, x)),
    "pick: the place must be at least 0, got -1": lambda x: pick(-1),
    "parallel expects at least one branch, got none": lambda x: parallel(),
    "residual expects a body, got none": lambda x: residual(),
    r"parallel expects constructors or layers, got int 3 at branches\[1\]": lambda x: parallel(dense(2), 3),
    "vjp expects a finished layer, got the constructor dense": lambda x: Parallel((relu, dense(2)))(x),
    "combined expects a tuple of 2 as target, got float64 array": lambda x: combined(mse, mse)((x, x), x),
    r"combined expects a weight for each of its losses \(1\), got 2": lambda x: combined(mse, weights=(1.0, 2.0)),
}


@each_of(("message", "wrong"), WRONG.items(), ids=range(len(WRONG)))
def test_what_does_not_fit_is_named_by_its_path(message, wrong):
    with pytest.raises((TypeError, ValueError), match=message):
        wrong(numbers(4, 2))


def test_an_error_that_is_not_ours_carries_its_place_as_a_note():
    with pytest.raises(TypeError, match="not callable") as caught:
        made(serial(relu, parallel(relu, residual(dense(3, weight=7)))), 1, 3)
    assert caught.value.__notes__ == ["in body", "in branches[1]", "in layers[1]"]


def test_the_gradient_of_a_layer_that_is_used_twice_is_the_sum_over_its_uses():
    x, target = numbers(5, 4), numbers(5, 4, seed=1)
    net = Serial((SHARED, tanh, SHARED))
    apart = Serial((SHARED, tanh, Dense(SHARED.weight, SHARED.bias)))
    value, gradient = value_and_grad(mse, net, (x, target))
    same, parts = value_and_grad(mse, apart, (x, target))
    assert value == same
    assert gradient.layers[0] is gradient.layers[2]
    np.testing.assert_allclose(gradient.layers[0].weight, parts.layers[0].weight + parts.layers[2].weight)
    np.testing.assert_allclose(gradient.layers[0].bias, parts.layers[0].bias + parts.layers[2].bias)


def test_the_whole_objective_of_a_layer_used_twice_has_the_numeric_gradient():
    x, target = numbers(5, 4), numbers(5, 4, seed=1)
    twin = fnn.Parallel((Serial((SHARED, tanh)), Serial((tanh, SHARED))))
    loss = fnn.regularized(mse, fnn.l2(0.1))
    net = Serial((SHARED, twin, add))
    vector, unravel = tree.ravel(net)
    assert vector.size == 20
    gradient, _ = tree.ravel(value_and_grad(loss, net, (x, target))[1])
    numeric = fnn.numeric.gradient(lambda v: value_and_grad(loss, unravel(v), (x, target))[0], vector)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-9)


def test_a_layer_that_is_used_twice_is_counted_once_and_stays_one_through_everything():
    net = Serial((SHARED, tanh, SHARED))
    assert tree.paths(net) == ["layers[0].weight", "layers[0].bias"]
    for again in (tree.map(np.negative, net), pickle.loads(pickle.dumps(net)), tree.ravel(net)[1](np.arange(20.0))):
        assert again.layers[0] is again.layers[2]
    assert "layers[2]  Dense  (n, 4)       again" in summary(net, numbers(1, 4))
    assert summary(net, numbers(1, 4)).endswith("20")
    apart = Serial((SHARED, tanh, random_like(SHARED)))
    assert not tree.equal(net, Serial((SHARED, tanh, Dense(SHARED.weight, SHARED.bias))))
    with pytest.raises(ValueError, match=r"trees differ at layers\[2\]: the Dense of layers\[0\] again against"):
        tree.add(net, apart)
    with pytest.raises(ValueError, match=r"trees differ at layers\[2\]: a Dense of its own against the"):
        tree.add(apart, net)


def test_arrays_that_only_happen_to_be_shared_are_two_parameters():
    zero = np.zeros(4)
    net = Serial((Dense(SHARED.weight, zero), tanh, Dense(SHARED.weight, zero)))
    assert len(tree.leaves(net)) == 4


def test_a_siamese_network_compares_with_one_body():
    body = made(serial(dense(4), tanh, dense(3)), 1, 5)
    net = Serial((Parallel((Serial((pick(0), body)), Serial((pick(1), body)))), concatenate, SHARED_HEAD))
    x = numbers(30, 5), numbers(30, 5, seed=1)
    step = train_step(mse, sgd(0.05))
    final = last(states(step, start(net, sgd(0.05)), [(x, numbers(30, 1))] * 5))
    one, other = (branch.layers[1] for branch in final.params.layers[0].branches)
    assert one is other
    assert not tree.equal(one, body)
    check_vjp(net, x)


SHARED_HEAD = Dense(numbers(6, 1), numbers(1))


def test_summary_shows_what_branches_and_counts_everything_once():
    net = two_in_two_out()(Key(0), (np.zeros((1, 2)), np.zeros((1, 3))))
    table = summary(net, (np.zeros((7, 2)), np.zeros((7, 3)))).splitlines()
    expected = [
        ("layers[0].layers[0]", "Parallel", "(n, 4), (n, 5)", ""),
        ("layers[0].layers[0].branches[0].layers[0]", "Pick", "(n, 2)", "0"),
        ("layers[0].layers[0].branches[0].layers[1]", "Dense", "(n, 4)", "12"),
        ("layers[0].layers[0].branches[1].layers[0]", "Pick", "(n, 3)", "0"),
        ("layers[0].layers[0].branches[1].layers[1]", "Dense", "(n, 5)", "20"),
        ("layers[0].layers[0].branches[1].layers[2]", "Tanh", "(n, 5)", "0"),
        ("layers[0].layers[1]", "Concatenate", "(n, 9)", "0"),
        ("layers[1]", "Dense", "(n, 6)", "60"),
        ("layers[2]", "Relu", "(n, 6)", "0"),
        ("layers[3]", "Parallel", "(n, 1), (n, 3)", ""),
        ("layers[3].branches[0]", "Dense", "(n, 1)", "7"),
        ("layers[3].branches[1]", "Dense", "(n, 3)", "21"),
    ]
    for line, (path, layer, shape, size) in zip(table[2:-2], expected, strict=True):
        assert line.split() == [*path.split(), layer, *shape.split(), *size.split()]
    assert table[-1].split() == ["total", "120"]


def test_branches_are_values_like_any_layer():
    net = made(serial(parallel(dense(2), residual(dense(3))), concatenate), 1, 3)
    assert tree.equal(pickle.loads(pickle.dumps(net)), net)
    assert tree.paths(net) == [
        "layers[0].branches[0].weight",
        "layers[0].branches[0].bias",
        "layers[0].branches[1].body.weight",
        "layers[0].branches[1].body.bias",
    ]
    assert tree.at("layers[0].branches[1]", lambda _: identity, net)(numbers(2, 3)).shape == (2, 5)


def test_no_two_layers_of_a_network_share_a_path_of_keys():
    seen = []

    class Listening(Record):
        """y = x, which remembers the key that it was given."""

    @vjp.register
    def listening_vjp(layer: Listening, x, key=None):
        seen.append(key)
        return x, lambda dy: (layer, lambda: dy)

    one = Listening()
    branches = Parallel((one, Serial((one, one)), Residual(one)))
    net = Serial((one, Residual(one), branches, pick(1), Residual(Serial((one,)))))
    net(np.zeros((1, 2)), Key(0))
    assert len(set(seen)) == len(seen) == 7


def test_dropout_inside_a_network_follows_the_layer_s_address():
    x = np.ones((40, 4))
    net = Serial((Dropout(0.5), identity, Dropout(0.5)))
    first = Serial((Dropout(0.5),))(x, Key(2))
    assert np.array_equal(net(x, Key(2)) != 0, (first != 0) & (net(x, Key(2)) != 0))
    assert not np.array_equal(net(x, Key(2)), net(x, Key(3)))
