"""A step of training, the stream of states, and runs that end when they diverge."""

import math
from itertools import repeat

import numpy as np
import pytest
from toolz import last, pipe, take

from fnn import (
    Dense,
    Diverged,
    Key,
    Record,
    Serial,
    State,
    adam,
    binary_cross_entropy,
    cross_entropy,
    fit,
    grad,
    mlp,
    mse,
    sgd,
    sigmoid,
    start,
    states,
    sum_squared_error,
    tap,
    train_step,
    tree,
    until,
    vjp,
)
from fnn.data import epochs, moons
from tests.each_of import each_of
from tests.laws.cases import numbers

KEYS_SEEN = []


class Jitter(Record):
    """Noise on the input, from the key that the step hands down."""

    scale: float


@vjp.register
def jitter_vjp(layer: Jitter, x, key=None):
    from fnn.core.keys import normals

    def jitter_pullback(dy):
        return layer, lambda: dy

    KEYS_SEEN.append(key)
    return x + layer.scale * normals(key, x.shape).astype(x.dtype), jitter_pullback


def noisy_net(x):
    return Serial((Jitter(0.01), *mlp(8, 2)(Key(0), x).layers, Jitter(0.01)))


def test_the_key_of_a_layer_is_addressed_by_the_step_and_the_layer_s_place():
    data = moons(10, 0.1, Key(1))
    net = noisy_net(data[0])
    step = train_step(cross_entropy, sgd(0.1), Key(5))
    KEYS_SEEN.clear()
    last(states(step, State(net, (), 0, math.nan), repeat(data, 3)))
    assert [key.path for key in KEYS_SEEN] == [(0, 0), (0, 4), (1, 0), (1, 4), (2, 0), (2, 4)]


def test_a_step_changes_nothing_that_it_was_given():
    x, target = moons(10, 0.1, Key(0))
    state = start(mlp(4, 2)(Key(0), x), adam(0.1))
    before = [leaf.tobytes() for leaf in [*tree.leaves((state.params, state.opt)), x, target]]
    step = train_step(cross_entropy, adam(0.1))
    one, two = step(state, (x, target)), step(state, (x, target))
    assert tree.equal(one.params, two.params)
    assert not tree.equal(one.params, state.params)
    assert [leaf.tobytes() for leaf in [*tree.leaves((state.params, state.opt)), x, target]] == before
    assert not any(leaf.flags.writeable for leaf in tree.leaves((one.params, one.opt)))


def test_start_copies_what_it_is_given():
    weight, bias = np.ones((2, 1)), np.zeros(1)
    state = start(Dense(weight, bias), sgd(0.1))
    weight += 1
    np.testing.assert_array_equal(state.params.weight, np.ones((2, 1)))
    assert weight.flags.writeable


def test_the_first_element_of_the_stream_is_the_initial_state_and_steps_count_from_there():
    data = moons(20, 0.1, Key(0))
    first = start(mlp(4, 2)(Key(0), data[0]), sgd(0.1))
    stream = list(states(train_step(cross_entropy, sgd(0.1)), first, epochs(data, 5, Key(1), epochs=2)))
    assert stream[0] is first
    assert [state.step for state in stream] == list(range(9))
    assert math.isnan(first.loss)
    assert min(stream[1:], key=lambda state: state.loss).loss <= stream[1].loss


def test_the_loss_of_a_state_is_that_of_its_last_batch_before_the_step():
    data = moons(20, 0.1, Key(0))
    first = start(mlp(4, 2)(Key(0), data[0]), sgd(0.1))
    assert train_step(cross_entropy, sgd(0.1))(first, data).loss == cross_entropy(first.params(data[0]), data[1])


def test_callbacks_are_functions_on_the_stream():
    data, seen = moons(20, 0.1, Key(0)), []
    first = start(mlp(4, 2)(Key(0), data[0]), adam(0.05))
    run = states(train_step(cross_entropy, adam(0.05)), first, epochs(data, 5, Key(1)))
    state = pipe(run, tap(lambda s: seen.append(s.step), every=10), until(lambda s: s.loss < 0.3), last)
    assert state.loss < 0.3
    assert seen == list(range(0, state.step + 1, 10))
    assert last(take(3, states(train_step(cross_entropy, adam(0.1)), first, epochs(data, 5, Key(1))))).step == 2


@each_of("seed", range(25))
def test_a_run_that_diverges_stops_at_the_first_bad_step_with_the_last_good_state(seed):
    x = numbers(8, 3, seed=seed, dtype=np.float32)
    data = x, (x**2).sum(axis=1, keepdims=True)
    optimizer = sgd(10.0)
    state = start(mlp(8, 1)(Key(seed), x), optimizer)
    step = train_step(mse, optimizer)
    good = []
    with pytest.raises(Diverged, match=r"diverged at step [0-9]+: the .* not finite") as caught:
        last(tap(good.append)(states(step, state, repeat(data, 200))))
    assert caught.value.state is good[-1]
    assert caught.value.step == good[-1].step == len(good) - 1
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves(good[-1].params))


def test_a_hand_worked_logistic_network_takes_the_step_that_it_takes_on_paper():
    net = Serial(
        (
            Dense(np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([0.1, 0.1])),
            sigmoid,
            Dense(np.array([[0.1], [0.2]]), np.array([1.0])),
        )
    )
    x, target = np.array([[0.6, 0.8, 0.7]]), np.array([[0.0]])
    hidden = Serial(net.layers[:2])(x)
    np.testing.assert_allclose(hidden, [[0.679, 0.574]], atol=5e-4)
    np.testing.assert_allclose(sigmoid(net(x)), [[0.765]], atol=5e-4)
    gradient = grad(binary_cross_entropy, net, (x, target))
    decayed = Serial(
        tuple(
            layer if layer is sigmoid else Dense(g.weight + 0.1 * layer.weight, g.bias)
            for layer, g in zip(net.layers, gradient.layers, strict=True)
        )
    )
    after = tree.add(net, tree.map(lambda g: -0.1 * g, decayed))
    first, _, second = after.layers
    # The published third row, (.5, -.0022), contradicts the other two: 0.5 - 0.1 (0.7 * 0.0167 + 0.1 * 0.5) = 0.4938.
    np.testing.assert_allclose(first.weight, [[0.098, 0.1958], [0.2957, 0.0960], [0.4938, -0.0026]], atol=6e-5)
    np.testing.assert_allclose(second.weight, [[0.0471], [0.1541]], atol=6e-4)
    np.testing.assert_allclose(first.bias, [0.0983, 0.0963], atol=6e-5)
    np.testing.assert_allclose(second.bias, [0.9235], atol=6e-5)
    np.testing.assert_allclose(sigmoid(after(x)), [[0.739]], atol=6e-4)


def test_a_line_is_found_by_one_neuron():
    from fnn.data import line

    x, y = line(200, 0.0, Key(0))
    state = fit(
        sum_squared_error, sgd(0.01), start(mlp(1)(Key(1), x), sgd(0.01)), (x, y), steps=500, size=20, key=Key(2)
    )
    assert isinstance(state, State)
    np.testing.assert_allclose(state.params.layers[0].weight, [[2.0]], atol=1e-4)
    np.testing.assert_allclose(state.params.layers[0].bias, [1.0], atol=1e-4)


@pytest.mark.long
def test_moons_are_told_apart():
    from fnn.data import train_test_split
    from fnn.metrics import accuracy

    train, test = train_test_split(moons(2000, 0.1, Key(0)), 0.25, Key(1))
    state = start(mlp(64, 2)(Key(2), train[0]), adam(0.01))
    state = fit(cross_entropy, adam(0.01), state, train, steps=1500, size=10, key=Key(3))
    assert accuracy(state.params(test[0]), test[1]) >= 0.99


def test_parameters_that_overflow_under_a_finite_loss_are_never_committed():
    x = numbers(8, 3, dtype=np.float32)
    state = start(mlp(1)(Key(0), x), sgd(1e38))
    with pytest.raises(
        Diverged, match="diverged at step 0: the new parameters or the optimizer's memory are"
    ) as caught:
        train_step(mse, sgd(1e38))(state, (x, 100 + x[:, :1]))
    assert caught.value.state is state
    assert math.isfinite(caught.value.loss)


def test_an_error_in_a_step_is_not_buried_under_one_of_toolz():
    """``last`` asks for the elements while it handles an error of its own, which is nobody's business."""
    state = start(mlp(4, 2)(Key(0), np.ones((1, 2))), sgd(0.1))

    def failing(state, batch):
        try:
            raise KeyError("the cause")
        except KeyError:
            raise RuntimeError("mine")  # noqa: B904 (whose own cause must stay)

    for take_all in (last, list):
        with pytest.raises(RuntimeError, match="mine") as caught:
            take_all(states(failing, state, [1, 2]))
        assert str(caught.value.__context__) == "'the cause'"
        assert caught.value.__context__.__context__ is None
    with pytest.raises(Diverged) as caught:
        fit(mse, sgd(0.1), state, (np.full((4, 2), 1e200), np.ones((4, 2))), steps=9, key=Key(0))
    assert caught.value.__context__ is None


def test_data_that_are_wider_than_the_network_are_told_with_the_remedy():
    x = np.ones((4, 3))
    state = start(mlp(4, 2)(Key(0), x.astype(np.float32)), sgd(0.1))
    with pytest.raises(ValueError, match=r"trees differ at .*; .*write x\.astype\(np\.float32\)$"):
        train_step(cross_entropy, sgd(0.1))(state, (x, np.arange(4) % 2))
