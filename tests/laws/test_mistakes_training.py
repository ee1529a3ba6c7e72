"""Forty ways to be wrong, the third part: loops, data, randomness and optimizers."""

import math
from itertools import repeat

import numpy as np
import pytest
from toolz import last

import fnn
from fnn import (
    Dense,
    Diverged,
    Key,
    Serial,
    Transform,
    adam,
    cross_entropy,
    dense,
    grad,
    mse,
    relu,
    serial,
    sgd,
    start,
    states,
    sum_squared_error,
    train_step,
    tree,
    update,
)
from fnn.core.keys import permutation
from fnn.data import batches, digits, epochs, standardize
from fnn.layers.initializers import he_normal, normal
from tests.laws.cases import numbers


def is_unchanged(arrays, call):
    before = [array.tobytes() for array in arrays]
    call()
    return [array.tobytes() for array in arrays] == before


def moves(optimizer, gradients):
    """The updates that an optimizer makes of a sequence of gradients, from zero."""
    state, updates = optimizer.init(np.zeros(1)), []
    for step, gradient in enumerate(gradients):
        change, state = optimizer.update(np.array([gradient]), state, np.zeros(1), step)
        updates.append(float(change[0]))
    return updates


def test_mistake_01_a_shallow_copy():
    """``new = model.copy(); new["w"] -= step``: every snapshot is the last model, and the best loss is 345, not 9."""
    x, target = np.ones((1, 1)), np.full((1, 1), 3.0)

    def mistaken(model):
        new = model.copy()
        new["w"] -= 1.1 * 2 * (new["w"] - 3)
        return new

    history = [{"w": np.zeros(1)}]
    for _ in range(10):
        history.append(mistaken(history[-1]))
    assert min(float((model["w"][0] - 3) ** 2) for model in history) == pytest.approx(9 * 1.2**20)

    net, rate = Dense(np.zeros((1, 1)), np.zeros(1)), sgd(0.55)
    ours = [start(net, rate)]
    for _ in range(10):
        ours.append(train_step(mse, rate)(ours[-1], (x, target)))
    assert min(mse(state.params(x), target) for state in ours) == 9
    assert not is_unchanged(list(history[0].values()), lambda: mistaken(history[0]))
    assert is_unchanged(tree.leaves(ours[0].params), lambda: train_step(mse, rate)(ours[0], (x, target)))


def test_mistake_06_a_minibatch_divided_by_the_size_of_the_data():
    """105 equal rows in batches of 50: steps of 0.48, 0.48 and 0.05 instead of three of 1."""
    data, net = (np.ones((105, 2)), np.zeros((105, 1))), Dense(np.ones((2, 1)), np.zeros(1))

    def mistaken():
        for x, target in batches(data, 50):
            yield 2 * x.T @ (net(x) - target) / 105

    def ours():
        for batch in batches(data, 50):
            yield grad(mse, net, batch).weight

    def steps(loop):
        return [float(step[0, 0] / 4) for step in loop()]  # the slope of (w0 + w1)**2 at 1, 1 is 4

    assert steps(mistaken) == pytest.approx([50 / 105, 50 / 105, 5 / 105])
    assert steps(ours) == pytest.approx([1, 1, 1])


def test_mistake_07_the_mean_of_the_means_of_batches():
    """A last batch of 5 rows counts as much as one of 50: 0.9515 is reported for 0.9643."""
    x = np.zeros((105, 1))
    target = np.sqrt(np.repeat([0.96643, 0.92163], [100, 5]))[:, None]

    def mistaken(net, size):
        return np.mean([mse(net(x), target) for x, target in batches((x, target), size)])

    def ours(net, size):
        return mse(np.concatenate([net(x) for (x,) in batches((x,), size)]), target)

    def independent_of_the_batch(evaluate):
        return np.allclose([evaluate(fnn.identity, size) for size in (1, 7, 50)], evaluate(fnn.identity, 105))

    assert mistaken(fnn.identity, 105) == pytest.approx(0.9643, abs=1e-4)
    assert mistaken(fnn.identity, 50) == pytest.approx(0.9515, abs=1e-4)
    assert not independent_of_the_batch(mistaken)
    assert independent_of_the_batch(ours)


def test_mistake_18_adam_s_correction_without_the_power_of_t():
    """``m / (1 - b1)`` for ``m / (1 - b1**t)``: steps of 2.06 times the rate at t = 10, and of 0.32 for ever after."""

    def uncorrected(gradient, state, params, step):
        m, s = (0.9 * state[0] + 0.1 * gradient, 0.999 * state[1] + 0.001 * gradient**2)
        return -(m / (1 - 0.9)) / (np.sqrt(s / (1 - 0.999)) + 1e-8), (m, s)

    mistaken = Transform(lambda params: (0.0, 0.0), uncorrected)

    def moves_by_the_rate(optimizer):
        return np.allclose(moves(optimizer, [7.0] * 1000), -1)

    wrong = moves(mistaken, [7.0] * 5000)
    assert (wrong[9], wrong[-1]) == pytest.approx((-2.06, -0.32), abs=0.005)
    assert not moves_by_the_rate(mistaken)
    assert moves_by_the_rate(adam(1.0))


def test_mistake_19_a_running_mean_called_momentum():
    """``m * v + (1 - m) * g`` for ``m * v + g``: a tenth of the learning rate."""

    def running_mean(gradient, velocity, params, step):
        velocity = 0.9 * velocity + (1 - 0.9) * gradient
        return -0.01 * velocity, velocity

    mistaken, ours = Transform(np.zeros_like, running_mean), sgd(0.01, momentum=0.9)

    def sums_up(optimizer):
        series = [-0.01 * (1 - 0.9**t) / (1 - 0.9) for t in range(1, 51)]
        return np.allclose(moves(optimizer, [1.0] * 50), series)

    np.testing.assert_allclose(moves(mistaken, [1.0] * 50), np.multiply(moves(ours, [1.0] * 50), 0.1))
    assert not sums_up(mistaken)
    assert sums_up(ours)


def test_mistake_20_an_update_that_clips_silently():
    """With a rate of 2.5 on w**2 / 2 descent runs to 1e7 in 40 steps; clipped, it stays below 4 and looks stable."""

    def clipped(g):
        return -2.5 * np.clip(g, -1, 1)

    mistaken = Transform(lambda params: (), lambda g, state, params, step: (tree.map(clipped, g), state))

    def positions(optimizer):
        state = start((np.ones(1),), optimizer)
        for _ in range(40):
            state = update(optimizer, state.params, state)
            yield float(state.params[0][0])

    def is_the_closed_form(optimizer):
        return np.allclose(list(positions(optimizer)), [(1 - 2.5) ** t for t in range(1, 41)])

    assert max(np.abs(list(positions(sgd(2.5))))) > 1e7
    assert max(np.abs(list(positions(mistaken)))) < 4
    assert not is_the_closed_form(mistaken)
    assert is_the_closed_form(sgd(2.5))
    one = np.ones((1, 1))
    with pytest.raises(Diverged):
        last(states(train_step(mse, sgd(2.5)), start(Dense(one, np.zeros(1)), sgd(2.5)), repeat((one, 0 * one), 999)))


def test_mistake_21_an_optimizer_s_memory_shared_or_forgotten():
    """Velocities after 3 epochs of gradients 1 and -1: 2.71 and -2.71; reset, 1 and -1; shared, 0.84 and -0.25."""

    def reset():
        for _ in range(3):
            velocity = np.zeros(2)
            velocity = 0.9 * velocity + [1, -1]
        return velocity.tolist()

    def shared():
        velocity, seen = 0.0, [0.0, 0.0]
        for _ in range(3):
            for layer, gradient in enumerate((1, -1)):
                velocity = 0.9 * velocity + gradient
                seen[layer] = velocity
        return seen

    def ours():
        optimizer, gradient = sgd(0.1, momentum=0.9), (np.array([1.0]), np.array([-1.0]))
        state = start((np.zeros(1), np.zeros(1)), optimizer)
        for _ in range(3):
            state = update(optimizer, gradient, state)
        assert tree.paths(state.opt[0].velocity) == tree.paths(state.params)
        return [float(leaf[0]) for leaf in tree.leaves(state.opt)]

    def remembers(run):
        return np.allclose(run(), [2.71, -2.71])  # 1 + 0.9 + 0.81

    assert reset() == [1, -1]
    assert shared() == pytest.approx([0.84, -0.25], abs=0.01)
    assert [remembers(run) for run in (reset, shared, ours)] == [False, False, True]


def test_mistake_22_weights_updated_during_the_backward_pass():
    """The layer before sees the new weights of the layer behind: its step is 2 where the gradient says 1."""
    batch, rate = (np.ones((1, 1)), np.full((1, 1), 3.0)), 0.5

    def mistaken(first, second):
        dy = second * first - 3
        second -= rate * dy * first
        first -= rate * dy * second  # by now another one
        return first, second

    def ours(first, second):
        net = Serial((Dense(np.array([[first]]), np.zeros(1)), Dense(np.array([[second]]), np.zeros(1))))
        after = train_step(sum_squared_error, sgd(rate))(start(net, sgd(rate)), batch).params
        return tuple(float(layer.weight[0, 0]) for layer in after.layers)

    def follows_the_gradient(step):  # of (first * second - 3)**2 / 2 at 1, 1, which is -2, -2
        return step(1.0, 1.0) == (2.0, 2.0)

    assert mistaken(1.0, 1.0) == (3.0, 2.0)
    assert not follows_the_gradient(mistaken)
    assert follows_the_gradient(ours)


def test_mistake_23_only_the_order_of_batches_is_shuffled():
    """The same five rows meet for ever: 4 different batches in 50 epochs, instead of 200."""

    def mistaken(rows, size, key, count):
        for epoch in range(count):
            for place in permutation(fnn.fold_in(key, epoch), len(rows) // size):
                yield rows[place * size : (place + 1) * size]

    def ours(rows, size, key, count):
        return (x for (x,) in epochs((rows,), size, key, count))

    def different_batches(loop):
        parts = list(loop(np.arange(20), 5, Key(0), 50))
        for begin in range(0, len(parts), 4):
            assert sorted(np.concatenate(parts[begin : begin + 4])) == list(range(20))  # each epoch is a permutation
        return len({frozenset(part.tolist()) for part in parts})

    assert different_batches(mistaken) == 4
    assert different_batches(ours) > 190


def test_mistake_24_inputs_and_labels_shuffled_apart():
    """A tenth of the labels are still right; and stacked with the inputs to be shuffled, they come back as floats."""
    x = np.arange(1000.0)[:, None]
    label = x[:, 0].astype(int) % 10

    def apart(x, label):
        return x[permutation(Key(0), 1000)], label[permutation(Key(1), 1000)]

    def stacked(x, label):
        rows = np.column_stack([x, label])[permutation(Key(0), 1000)]
        return rows[:, :1], rows[:, 1]

    def ours(x, label):
        return tuple(np.concatenate(parts) for parts in zip(*epochs((x, label), 32, Key(0), 1), strict=True))

    def keeps_labels(shuffle):
        shuffled, labels = shuffle(x, label)
        return np.array_equal(shuffled[:, 0] % 10, labels) and labels.dtype == label.dtype

    shuffled, labels = apart(x, label)
    assert np.mean(shuffled[:, 0] % 10 == labels) == pytest.approx(0.1, abs=0.03)
    assert [keeps_labels(shuffle) for shuffle in (apart, stacked, ours)] == [False, False, True]


def test_mistake_25_data_functions_that_change_the_data():
    """``x_std = x; x_std -= mean``: the training set is scaled in place, and a test set at 5 then not at all."""

    def mistaken(x, like):
        scaled, mean, deviation = x, like.mean(axis=0), like.std(axis=0)
        scaled -= mean
        scaled /= deviation
        return scaled

    def test_set_after(scale):
        train, test = 5 + numbers(500, 1), 5 + numbers(500, 1, seed=1)
        scale(train, train)
        return float(scale(test, train).mean())

    assert test_set_after(mistaken) == pytest.approx(5, abs=0.1)
    assert test_set_after(standardize) == pytest.approx(0, abs=0.1)
    x = numbers(10, 2)
    assert not is_unchanged([x], lambda: mistaken(x, x))
    for call in (lambda: standardize(x, x), lambda: list(epochs((x,), 3, Key(0), 2))):
        assert is_unchanged([x], call)


def test_mistake_26_a_seed_of_zero_taken_for_none():
    """``if seed:`` is false for 0, so the one seed that everybody writes is the one that is ignored."""

    def mistaken(seed=None):
        generator = np.random.default_rng()
        if seed:
            generator = np.random.default_rng(seed)
        return generator.random(4)

    def ours(seed):
        return dense(4)(Key(seed), np.zeros((1, 2))).weight

    def repeatable(draw, seed):
        return np.array_equal(draw(seed), draw(seed))

    assert [repeatable(mistaken, seed) for seed in (0, 1)] == [False, True]
    assert [repeatable(ours, seed) for seed in (0, 1)] == [True, True]


def test_mistake_27_the_global_generator():
    """One unrelated call to ``np.random`` in between, and all weights are others than yesterday."""

    def mistaken(seed):
        return np.random.randn(2, 4)  # noqa: NPY002

    def ours(seed):
        return dense(4, normal)(Key(seed), np.zeros((1, 2))).weight

    def indifferent_to_others(draw):
        np.random.seed(0)  # noqa: NPY002
        first = draw(0)
        np.random.seed(0)  # noqa: NPY002
        np.random.rand()  # noqa: NPY002
        before = repr(np.random.get_state())  # noqa: NPY002
        return np.array_equal(first, draw(0)) and repr(np.random.get_state()) == before  # noqa: NPY002

    assert not indifferent_to_others(mistaken)
    assert indifferent_to_others(ours)


def test_mistake_37_weights_from_the_standard_normal_distribution():
    """784-32-16-10 with ``randn``: the first loss is 188; with He's 2.46; to know nothing is ln 10 = 2.30."""
    x, label = digits()
    images = np.pad(x.reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2), [(0, 0), (2, 2), (2, 2)]).reshape(-1, 784)

    def first_loss(*weight, seed=0):
        net = serial(dense(32, *weight), relu, dense(16, *weight), relu, dense(10, *weight))(Key(seed), images)
        return cross_entropy(net(images), label)

    def knows_nothing_yet(*weight):
        return all(abs(first_loss(*weight, seed=seed) / math.log(10) - 1) < 0.2 for seed in range(3))

    assert first_loss(normal) == pytest.approx(188, abs=1)
    assert first_loss(he_normal) == pytest.approx(2.46, abs=0.01)
    assert not knows_nothing_yet(normal)
    assert knows_nothing_yet()  # the default of dense
    assert knows_nothing_yet(he_normal)
