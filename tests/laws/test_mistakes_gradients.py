"""Forty ways to be wrong, the first part: gradients, each mistake next to the check that catches it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from fnn import (
    BatchNorm,
    Dense,
    Record,
    Serial,
    check_vjp,
    cross_entropy,
    dropout,
    forward,
    grad,
    inference,
    l2,
    mlp,
    mse,
    regularized,
    relu,
    sgd,
    sigmoid,
    softmax,
    start,
    sum_squared_error,
    tanh,
    tree,
    update,
    value_and_grad,
    vjp,
)
from fnn.core.keys import Key, normals
from fnn.data import digits, one_hot, standardize
from fnn.diagnostics.numeric import gradient
from fnn.layers.conv import Conv, conv
from fnn.layers.initializers import he_uniform, normal
from fnn.layers.lstm import Lstm, lstm
from fnn.layers.pool import max_pool
from fnn.layers.recurrent import Rnn, rnn
from tests.each_of import each_of
from tests.laws.cases import numbers

DIGITS, LABELS = digits()
ONE_HOT = one_hot(LABELS, 10)
FRESH = mlp(32, 10)(Key(0), DIGITS)


class Formula(Record):
    """An activation or a loss written as two formulas, right or wrong: its value, and what dy is multiplied with."""

    value: Callable
    slope: Callable


@vjp.register
def formula_vjp(layer: Formula, x, *rest, key=None):
    target = [each for each in rest if isinstance(each, np.ndarray)]  # a layer inside a network is given a key here

    def formula_pullback(dy):
        return layer, lambda: dy * layer.slope(x, *target)

    return layer.value(x, *target), formula_pullback


class Tutorial(Record):
    """A stack of tanh layers whose backward pass, ``pull``, is taken from a tutorial; it sees all activations."""

    weights: tuple
    pull: Callable


@vjp.register
def tutorial_vjp(layer: Tutorial, x, key=None):
    activations = [x]
    for weight in layer.weights:
        activations.append(np.tanh(activations[-1] @ weight))

    def tutorial_pullback(dy):
        dweights, dx = layer.pull(layer.weights, activations, dy)
        return Tutorial(tuple(dweights), layer.pull), lambda: dx

    return activations[-1], tutorial_pullback


def caught_at(leaf):
    return pytest.raises(AssertionError, match=rf"the gradient of {leaf} (is wrong|has the shape)")


def relative_error(found, true):
    return np.linalg.norm(found - true) / np.linalg.norm(true)


def descend(loss, net, batch, rate, steps):
    """Plain gradient descent, and the loss it ends with."""
    state = start(net, sgd(rate))
    for _ in range(steps):
        state = update(sgd(rate), grad(loss, state.params, batch), state)
    return loss(state.params(batch[0]), batch[1])


def test_mistake_02_a_relu_that_writes_into_its_input():
    """``x[x < 0] = 0; return x``: after one forward pass the caller's standardized data have the mean 0.4."""

    def in_place(x):
        x[x < 0] = 0
        return x

    mistaken, x = Formula(in_place, lambda x: x > 0), standardize(normals(Key(0), (1000, 1)))
    assert x.mean() == pytest.approx(0)
    forward(mistaken, x)
    assert x.mean() == pytest.approx(0.4, abs=0.05)
    with pytest.raises(AssertionError, match="an input was written to"):
        check_vjp(mistaken, numbers(4, 3))
    check_vjp(relu, numbers(4, 3))


def test_mistake_03_a_negative_gradient_that_is_added():
    """Backward gives -gradient and the update adds it: right by double sign, until sgd climbs from 4.5 to 173."""
    net, batch = Dense(np.array([[0.0]]), np.array([0.0])), (np.array([[1.0]]), np.array([[3.0]]))
    mistaken = Formula(sum_squared_error, lambda prediction, target: target - prediction)

    def uphill(loss):
        direction = grad(loss, net, batch)
        ahead, behind = (tree.map(lambda p, g, h=h: p + h * g, net, direction) for h in (1e-6, -1e-6))
        return loss(ahead(batch[0]), batch[1]) > loss(behind(batch[0]), batch[1])

    assert descend(mistaken, net, batch, rate=0.1, steps=10) == pytest.approx(4.5 * 1.2**20)
    assert descend(sum_squared_error, net, batch, rate=0.1, steps=10) == pytest.approx(4.5 * 0.8**20)
    assert not uphill(mistaken)
    assert uphill(sum_squared_error)


def test_mistake_04_a_bias_gradient_summed_over_everything():
    """``np.sum(dz) / m`` without an axis: the output biases get 1e-17 for a gradient of norm 0.07, and never train."""
    dz = softmax(FRESH(DIGITS.astype(np.float64))) - ONE_HOT  # each row sums to zero
    assert abs(np.sum(dz) / len(dz)) < 1e-16
    assert np.linalg.norm(np.sum(dz, axis=0) / len(dz)) == pytest.approx(0.071, abs=1e-3)

    class Mistaken(Record):
        weight: np.ndarray
        bias: np.ndarray

    @vjp.register
    def mistaken_vjp(layer: Mistaken, x, key=None):
        def mistaken_pullback(dy):
            return Mistaken(x.T @ dy, np.sum(dy)), lambda: dy @ layer.weight.T

        return x @ layer.weight + layer.bias, mistaken_pullback

    with caught_at("bias"):
        check_vjp(Mistaken(numbers(3, 2), numbers(2)), numbers(5, 3))
    check_vjp(Dense(numbers(3, 2), numbers(2)), numbers(5, 3))


def test_mistake_05_the_loss_averaged_and_the_gradient_summed():
    """The rate grows with the batch: at 0.1, a line fits 4 rows and has a loss above 1e20 on 100 after ten steps."""
    mistaken = Formula(mse, lambda prediction, target: 2 * (prediction - target))
    net = Dense(np.ones((1, 1)), np.ones(1))
    few, many = ((numbers(n, 1), 3 * numbers(n, 1)) for n in (4, 100))

    def independent_of_repetition(loss):
        x, target = few
        return tree.allclose(grad(loss, net, few), grad(loss, net, (np.tile(x, (2, 1)), np.tile(target, (2, 1)))))

    assert descend(mistaken, net, few, rate=0.1, steps=10) < 0.1
    assert descend(mistaken, net, many, rate=0.1, steps=10) > 1e20
    assert descend(mse, net, many, rate=0.1, steps=10) < 1
    assert not independent_of_repetition(mistaken)
    assert independent_of_repetition(mse)
    with caught_at("x"):
        check_vjp(mistaken, *few)
    check_vjp(mse, *few)


def test_mistake_12_the_reported_loss_is_not_the_differentiated_one():
    """Cross-entropy is printed, a square is descended: the gradient is 90 % off, and the loss falls all the same."""

    def slope_of_the_square(logits, target):
        y, pullback = vjp(softmax, logits)
        return pullback((y - target) / len(y))[1]()

    mistaken = Formula(cross_entropy, slope_of_the_square)
    logits = FRESH(DIGITS)
    true = vjp(cross_entropy, logits, ONE_HOT)[1](1.0)[1]()
    assert relative_error(mistaken.slope(logits, ONE_HOT), true) == pytest.approx(0.90, abs=0.01)
    assert cross_entropy(logits, ONE_HOT) > 2.3
    assert descend(mistaken, FRESH, (DIGITS[:300], ONE_HOT[:300]), rate=2.0, steps=100) < 1.0
    with caught_at("x"):
        check_vjp(mistaken, logits[:5], ONE_HOT[:5])
    check_vjp(cross_entropy, logits[:5], ONE_HOT[:5])


def test_mistake_13_only_the_diagonal_of_softmax_s_jacobian():
    """``dy * p * (1 - p)`` with the square: 13 % off at a cosine of 0.996, so that it trains and nobody notices."""
    mistaken = Formula(softmax, lambda x: softmax(x) * (1 - softmax(x)))
    logits = FRESH(DIGITS[:200]).astype(np.float64)
    p = softmax(logits)
    dy = p - ONE_HOT[:200]
    jacobians = p[:, :, None] * np.eye(10) - p[:, :, None] * p[:, None, :]
    true = np.einsum("nij,nj->ni", jacobians, dy)

    def error(layer):
        return relative_error(vjp(layer, logits)[1](dy)[1](), true)

    wrong = mistaken.slope(logits) * dy
    assert error(mistaken) == pytest.approx(0.13, abs=0.01)
    assert np.sum(wrong * true) / np.linalg.norm(wrong) / np.linalg.norm(true) > 0.995
    assert error(softmax) < 1e-15
    with caught_at("x"):
        check_vjp(mistaken, logits[:5])


def test_mistake_14_the_derivative_of_the_sigmoid_taken_at_its_input():
    """``z * (1 - z)`` is meant for z = sigmoid(x): at -2, 0, 2 it says -6, 0, -2 instead of .105, .25, .105."""
    mistaken, points = Formula(sigmoid, lambda z: z * (1 - z)), np.array([-2.0, 0.0, 2.0])
    assert mistaken.slope(points).tolist() == [-6, 0, -2]
    _, pullback = vjp(sigmoid, points)
    np.testing.assert_allclose(pullback(np.ones(3))[1](), [0.105, 0.25, 0.105], atol=5e-5)
    with caught_at("x"):
        check_vjp(mistaken, np.linspace(-40, 40, 81))
    check_vjp(sigmoid, np.linspace(-40, 40, 81))


def test_mistake_17_text_and_code_differ_at_the_kink():
    """The text says relu'(0) = 0, the code ``x >= 0`` says 1: from zero weights one net learns, the other never."""
    mistaken = Formula(relu, lambda x: (x >= 0).astype(float))

    def slopes(layer):
        return vjp(layer, np.array([-1.0, 0.0, 1.0]))[1](np.ones(3))[1]().tolist()

    def loss_after_training(layer):
        net = Serial((Dense(np.zeros((1, 4)), np.zeros(4)), layer, Dense(np.ones((4, 1)), np.zeros(1))))
        return descend(mse, net, (np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]])), rate=0.02, steps=500)

    assert loss_after_training(mistaken) < 1e-3
    assert loss_after_training(relu) == pytest.approx(0.25)  # the mean, 1.5, is all that the last bias can say
    assert slopes(mistaken) == [0, 1, 1]
    assert slopes(relu) == [0, 0, 1]


class Recurrence(Record):
    """A recurrent layer with a backward pass through time, ``pull``, of a tutorial."""

    layer: Any
    pull: Callable


@vjp.register
def recurrence_vjp(net: Recurrence, x, key=None):
    def recurrence_pullback(dy):
        dlayer, dx = net.pull(net.layer, x, dy)
        return Recurrence(dlayer, net.pull), lambda: dx

    return net.layer(x), recurrence_pullback


def rnn_by_the_book(layer, x, dy, whole=True):
    """Backpropagation through time; if not ``whole``, x gets what comes from its own step's loss alone."""
    h, steps = [np.zeros((len(x), len(layer.hidden_weight)), x.dtype)], range(x.shape[1])
    for t in steps:
        h.append(np.tanh(x[:, t] @ layer.input_weight + h[t] @ layer.hidden_weight + layer.bias))
    dlayer, dx, dh = tree.zeros_like(layer), np.zeros_like(x), np.zeros_like(h[0])
    for t in reversed(steps):
        da, alone = (dy[:, t] + dh) * (1 - h[t + 1] ** 2), dy[:, t] * (1 - h[t + 1] ** 2)
        dx[:, t] = (da if whole else alone) @ layer.input_weight.T
        dlayer = tree.add(dlayer, Rnn(x[:, t].T @ da, h[t].T @ da, da.sum(axis=0)))
        dh = da @ layer.hidden_weight.T
    return dlayer, dx


def test_mistake_28_an_rnn_s_input_gradient_from_the_loss_at_its_own_step_alone():
    """What a step does to later losses is left out: relative error 0.5, and none with one step or by the weights."""
    layer = rnn(4)(Key(0), np.zeros((1, 1, 3)))
    mistaken = Recurrence(layer, partial(rnn_by_the_book, whole=False))
    x, dy = numbers(5, 4, 3), numbers(5, 4, 4, seed=1)
    true = vjp(layer, x)[1](dy)[1]()
    assert relative_error(rnn_by_the_book(layer, x, dy)[1], true) < 1e-14
    assert relative_error(rnn_by_the_book(layer, x, dy, whole=False)[1], true) == pytest.approx(0.50, abs=0.01)
    check_vjp(mistaken, x[:, :1])  # one step: not noticed
    with caught_at("x"):
        check_vjp(mistaken, x)
    check_vjp(Recurrence(layer, rnn_by_the_book), x)
    check_vjp(layer, (x, None, numbers(5, 4, seed=2)))


def lstm_by_the_book(layer, x, dy, forgets_tanh=False, swaps=False, overwrites=False):
    """Backpropagation through time, with a choice of mistakes."""
    n, steps, units = len(x), range(x.shape[1]), len(layer.hidden_weight)
    h, c, gates = [np.zeros((n, units), x.dtype)], [np.zeros((n, units), x.dtype)], []
    for t in steps:
        a = np.split(x[:, t] @ layer.input_weight + h[t] @ layer.hidden_weight + layer.bias, 4, axis=1)
        i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
        gates.append((i, f, g, o))
        c.append(f * c[t] + i * g)
        h.append(o * np.tanh(c[t + 1]))
    dlayer, dx, dh, dc = tree.zeros_like(layer), np.zeros_like(x), np.zeros_like(h[0]), np.zeros_like(c[0])
    for t in reversed(steps):
        i, f, g, o = gates[t]
        dh = dh + dy[:, t]
        of_output = dh * o * (1 - np.tanh(c[t + 1]) ** 2)
        dc = of_output if overwrites else dc + of_output
        di, df, dg = dc * g * i * (1 - i), dc * c[t] * f * (1 - f), dc * i * (1 if forgets_tanh else 1 - g**2)
        do = dh * np.tanh(c[t + 1]) * o * (1 - o)
        da = np.concatenate([di, df, do, dg] if swaps else [di, df, dg, do], axis=1)
        dx[:, t] = da @ layer.input_weight.T
        dlayer = tree.add(dlayer, Lstm(x[:, t].T @ da, h[t].T @ da, da.sum(axis=0)))
        dh, dc = da @ layer.hidden_weight.T, dc * f
    return dlayer, dx


@pytest.mark.parametrize(
    ("mistake", "steps", "unseen"),
    [({"forgets_tanh": True}, 1, None), ({"swaps": True}, 1, None), ({"overwrites": True}, 3, 1)],
    ids=lambda value: "".join(value) if isinstance(value, dict) else "",
)
def test_mistake_29_an_lstm_with_a_missing_derivative_swapped_gates_or_an_assignment_for_a_sum(mistake, steps, unseen):
    """Each trains a little. ``dc = ...`` for ``dc += ...`` shows with more than one step, where c has two uses."""
    layer = lstm(4)(Key(0), np.zeros((1, 1, 3)))
    mistaken = Recurrence(layer, partial(lstm_by_the_book, **mistake))
    x = numbers(5, 3, 3)
    if unseen:
        check_vjp(mistaken, x[:, :unseen])
    with caught_at(".*"):
        check_vjp(mistaken, x[:, :steps])
    check_vjp(Recurrence(layer, lstm_by_the_book), x)
    check_vjp(layer, x)
    batch = x, np.tanh(numbers(5, 3, 4, seed=1))
    assert descend(mse, mistaken, batch, rate=0.5, steps=30) < mse(layer(x), batch[1])
    remembering = Lstm(np.zeros((3, 16)), np.zeros((4, 16)), np.repeat([-1e3, 1e3, 0.0, 0.0], 4))
    first = numbers(5, 4), numbers(5, 4, seed=1)
    assert np.array_equal(remembering((x, None, first))[2][1], first[1])  # i = 0 and f = 1: c_T = c_0


class Sliding(Record):
    """A kernel (k,) that slides along rows of numbers, "same", with the backward pass, ``pull``, of a tutorial."""

    weight: np.ndarray
    stride: int
    pull: Callable


@vjp.register
def sliding_vjp(layer: Sliding, x, key=None):
    def sliding_pullback(dy):
        windows, dx = layer.pull(layer, x, dy)
        return Sliding(np.einsum("nwk,nw->k", windows, dy), layer.stride, layer.pull), lambda: dx

    return windows_of(layer, x)[0] @ layer.weight, sliding_pullback


def windows_of(layer, x):
    """The padded windows (n, windows, k), where each begins, and the padding at either end, an odd one behind."""
    size, length = len(layer.weight), x.shape[1]
    count = -(-length // layer.stride)
    missing = max((count - 1) * layer.stride + size - length, 0)
    padding = missing // 2, missing - missing // 2
    padded, begins = np.pad(x, ((0, 0), padding)), [place * layer.stride for place in range(count)]
    return np.stack([padded[:, begin : begin + size] for begin in begins], axis=1), begins, padding


def conv_by_the_book(layer, x, dy, flips=False, overwrites=False, shifts=False):
    """Return each number of a window its share of the window's dy, with a choice of mistakes."""
    windows, begins, (before, behind) = windows_of(layer, x)
    weight = layer.weight[::-1] if flips else layer.weight
    dpadded = np.zeros((len(x), before + x.shape[1] + behind), x.dtype)
    for place, begin in enumerate(begins):
        cells, share = slice(begin, begin + len(weight)), dy[:, place, None] * weight
        dpadded[:, cells] = share if overwrites else dpadded[:, cells] + share
    first = behind if shifts else before
    return windows, dpadded[:, first : first + x.shape[1]]


@each_of(
    ("mistake", "kernel", "stride", "unseen"),
    [
        ({"flips": True}, [1.0, 2.0, 3.0], 1, ([1.0, 2.0, 1.0], 1)),
        ({"overwrites": True}, [1.0, 2.0, 3.0], 2, ([1.0, 2.0, 3.0], 3)),
        ({"shifts": True}, [1.0, 2.0], 1, ([1.0, 2.0, 3.0], 1)),
        ({"shifts": True}, [1.0, 2.0, 3.0], 2, ([1.0, 2.0, 3.0], 1)),
    ],
    ids=["a flipped kernel", "overlaps not added", "padding of an even kernel", "padding of a stride"],
)
def test_mistake_30_a_flipped_kernel_the_padding_s_odd_zero_overlaps_ties_and_the_fan_in(
    mistake, kernel, stride, unseen
):
    """Each is right on a symmetric kernel, without overlaps, or for an odd kernel, which is what tutorials try."""
    x = numbers(2, 6)
    layers = [(Sliding(np.array(k), s, partial(conv_by_the_book, **mistake))) for k, s in ((kernel, stride), unseen)]
    with caught_at("x"):
        check_vjp(layers[0], x)
    check_vjp(layers[1], x)
    right = Sliding(np.array(kernel), stride, conv_by_the_book)
    ours = Conv(right.weight[:, None, None], np.zeros(1), stride)
    np.testing.assert_allclose(ours(x[:, :, None])[:, :, 0], right(x), rtol=1e-12)
    check_vjp(right, x)
    check_vjp(ours, x[:, :, None])

    # A maximum that is there twice: both get all of dy, and no finite difference sees it, for the maximum has a kink.
    image, dy = np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1))
    mistaken = Formula(lambda x: x.max(axis=(1, 2), keepdims=True), lambda x: x == x.max(axis=(1, 2), keepdims=True))
    assert [vjp(layer, image)[1](dy)[1]().sum() for layer in (mistaken, max_pool(2))] == [4, 1]

    # The fan-in without the channels: a signal that is 16 times as strong after one layer of 16 channels.
    def strength(std):
        wide, key = numbers(2, 8, 8, 16), Key(0)
        y = conv(16, 3, weight=std)(key, wide)(wide)[:, 1:-1, 1:-1]
        return np.mean(np.maximum(y, 0) ** 2) / np.mean(wide**2)

    assert strength(partial(normal, std=np.sqrt(2 / 9))) == pytest.approx(16, rel=0.3)
    assert strength(he_uniform) == pytest.approx(1, rel=0.3)


def test_mistake_31_dropout_that_does_not_scale_redraws_its_mask_and_stays_on():
    """Behind three layers an eighth of the signal is left; backward drops other numbers; no two predictions agree."""
    generator = np.random.default_rng(0)

    def mask(x):
        return generator.random(x.shape) >= 0.5

    mistaken, half, ones = Formula(lambda x: x * mask(x), mask), dropout(0.5), np.ones((100, 100))

    def mean_behind_three(layer):
        return float(Serial((layer, layer, layer))(ones, Key(0)).mean())

    def is_certain(network):
        return np.array_equal(network(ones), network(ones))

    assert mean_behind_three(mistaken) == pytest.approx(1 / 8, abs=0.03)
    assert mean_behind_three(half) == pytest.approx(1, abs=0.1)
    with pytest.raises(AssertionError, match="a second time gives another"):
        check_vjp(mistaken, numbers(5, 3), key=Key(0))
    check_vjp(half, numbers(5, 3), key=Key(0))
    assert not is_certain(inference(mistaken))
    assert is_certain(inference(half))


def test_mistake_32_batch_norm_with_n_minus_1_and_a_mean_that_is_taken_for_a_constant():
    """One row, or a column that is constant, gives nan; the gradient of all others is 59 % off."""

    def deviation(x):
        return np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=0) / (len(x) - 1))

    mistaken = Formula(lambda x: (x - x.mean(axis=0)) / deviation(x), lambda x: 1 / deviation(x))
    ours, x, dy = BatchNorm(np.ones(3), np.zeros(3)), numbers(5, 3), numbers(5, 3, seed=1)
    constant_column = np.where([False, True, False], 0.1, x)

    def gives_zero_where_nothing_varies(layer):
        with np.errstate(all="ignore"):
            return not layer(constant_column)[:, 1].any()

    with np.errstate(all="ignore"):
        assert np.isnan(mistaken(x[:1])).all()
    with pytest.raises(ValueError, match="statistics of one row"):
        ours(x[:1])
    assert not gives_zero_where_nothing_varies(mistaken)
    assert gives_zero_where_nothing_varies(ours)
    wrong, true = (vjp(layer, x)[1](dy)[1]() for layer in (mistaken, ours))
    assert relative_error(wrong, true) == pytest.approx(0.59, abs=0.01)
    with caught_at("x"):
        check_vjp(mistaken, x)
    check_vjp(ours, x)


def test_mistake_33_a_penalty_out_of_the_gradient_or_averaged_over_the_batch_or_on_the_biases():
    """An l2 of 2 fits x + 3 to 2 x + 3; left out of the gradient 2 x + 3, averaged 1.82 x + 3, on biases x + 1.5."""

    def left_out(net, batch):
        value, dnet = value_and_grad(mse, net, batch)
        return value + np.sum(net.weight**2), dnet

    def averaged(net, batch):
        (value, dnet), n = value_and_grad(mse, net, batch), len(batch[0])
        return value + np.sum(net.weight**2) / n, Dense(dnet.weight + 2 * net.weight / n, dnet.bias)

    def on_the_biases(net, batch):
        value, dnet = value_and_grad(mse, net, batch)
        return value + sum(np.sum(p**2) for p in tree.leaves(net)), tree.map(lambda d, p: d + 2 * p, dnet, net)

    def ours(net, batch):
        return value_and_grad(regularized(mse, l2(2.0)), net, batch)

    net, x = Dense(np.ones((1, 1)), np.ones(1)), np.array([[-1.0], [1.0]] * 5)
    batch, thrice = (x, 2 * x + 3), (np.tile(x, (3, 1)), np.tile(2 * x + 3, (3, 1)))

    def fitted(objective):
        line = net
        for _ in range(100):
            line = tree.map(lambda p, d: p - 0.1 * d, line, objective(line, batch)[1])
        return [float(line.weight[0, 0]), float(line.bias[0])]

    def is_the_gradient_of_the_value(objective):
        vector, unravel = tree.ravel(net)
        numeric = gradient(lambda perturbed: objective(unravel(perturbed), batch)[0], vector)
        return np.allclose(tree.ravel(objective(net, batch)[1])[0], numeric)

    def is_independent_of_the_rows(objective):
        return tree.allclose(objective(net, batch)[1], objective(net, thrice)[1])

    def spares_the_biases(objective):
        return np.allclose(objective(net, batch)[1].bias, grad(mse, net, batch).bias)

    for objective, fit, verdicts in (
        (left_out, [2, 3], [False, True, True]),
        (averaged, [1.82, 3], [True, False, True]),
        (on_the_biases, [1, 1.5], [True, True, False]),
        (ours, [1, 3], [True, True, True]),
    ):
        checks = is_the_gradient_of_the_value, is_independent_of_the_rows, spares_the_biases
        assert fitted(objective) == pytest.approx(fit, abs=0.002)
        assert [check(objective) for check in checks] == verdicts


def by_the_book(weights, activations, dy, input_of=lambda layer: -layer - 1):
    """Backward through tanh layers; ``activations[input_of(layer)]`` is what went in, layers counted from the end."""
    dweights = []
    for layer in range(1, len(weights) + 1):
        dz = dy * (1 - activations[-layer] ** 2)
        dweights.insert(0, activations[input_of(layer)].T @ dz)
        dy = dz @ weights[-layer].T
    return dweights, dy


def test_mistake_36_the_activations_of_the_layer_next_door():
    """One cache entry is missing, ``activations[-l - 1]`` is off by one: at equal widths no error, and 139 % off."""

    def off_by_one(weights, activations, dy):
        return by_the_book(weights, activations, dy, input_of=lambda layer: -layer)

    equal, distinct = (numbers(3, 3), numbers(3, 3, seed=1)), (numbers(3, 4), numbers(4, 2))
    x = numbers(5, 3)
    true, wrong = (vjp(Tutorial(equal, pull), x)[1](np.ones((5, 3)))[0] for pull in (by_the_book, off_by_one))
    assert relative_error(tree.ravel(wrong)[0], tree.ravel(true)[0]) == pytest.approx(1.39, abs=0.01)
    for weights in (equal, distinct):
        with caught_at(r".*weights\[0\]"):
            check_vjp(Tutorial(weights, off_by_one), x)
        check_vjp(Tutorial(weights, by_the_book), x)
    for widths in ((3, 3, 3), (4, 2)):
        check_vjp(mlp(*widths, activation=tanh)(Key(0), x), x)


def test_mistake_38_a_numeric_gradient_in_single_precision_in_place_or_at_a_kink():
    """In float32 it is off by 1e-2, in place it leaves changed numbers behind, and relu has a "slope" of 0.5 at 0."""

    def numeric(f, x, h=1e-5):
        slopes = np.zeros_like(x)
        for i in range(x.size):
            x[i] += h
            up = f(x)
            x[i] -= 2 * h
            slopes[i] = (up[i] - f(x)[i]) / (2 * h)
            x[i] += h
        return slopes

    def in_single_precision(formula, x, tolerance):
        x = x.astype(np.float32)
        return np.abs(numeric(formula.value, x.copy()) - formula.slope(x)).max() < tolerance

    def ours(formula, x, tolerance):
        try:
            return max(check_vjp(formula, x.astype(np.float32), tolerance=tolerance).errors.values()) < tolerance
        except AssertionError:
            return False

    def tells_right_from_wrong(checker, tolerance):
        right, wrong = (Formula(np.tanh, lambda x, one=one: one - np.tanh(x) ** 2) for one in (1, 1.001))
        return checker(right, x, tolerance) and not checker(wrong, x, tolerance)

    x = numbers(20)
    assert not any(tells_right_from_wrong(in_single_precision, tolerance) for tolerance in (1e-8, 1e-5, 1e-2, 3e-2))
    assert tells_right_from_wrong(ours, 1e-8)
    before = x.copy()
    check_vjp(tanh, x)
    assert np.array_equal(x, before)
    numeric(np.tanh, x)
    assert np.count_nonzero(x != before) > 5
    assert numeric(relu, np.zeros(1)) == 0.5
    assert check_vjp(relu, np.zeros(1)).skipped == 1


def test_mistake_41_a_gradient_as_many_times_too_large_as_there_are_outputs():
    """A mean over all numbers, a gradient over rows alone: right for one output, 3 times its loss's own for three."""
    mistaken = Formula(mse, lambda prediction, target: 2 * (prediction - target) / len(prediction))

    def ratio(k):
        prediction, target = numbers(5, k), numbers(5, k, seed=1)
        pulled = [vjp(loss, prediction, target)[1](1.0)[1]() for loss in (mistaken, mse)]
        return np.linalg.norm(pulled[0]) / np.linalg.norm(pulled[1])

    assert [ratio(1), ratio(3)] == pytest.approx([1, 3])
    check_vjp(mistaken, numbers(5, 1), numbers(5, 1, seed=1))  # why it is still open
    with caught_at("x"):
        check_vjp(mistaken, numbers(5, 3), numbers(5, 3, seed=1))
    check_vjp(mse, numbers(5, 3), numbers(5, 3, seed=1))


def test_mistake_42_recursion_in_the_backward_pass():
    """A backward pass that calls itself once a layer ends with a RecursionError near 1,000 layers."""

    def recursive(layers, x):
        if not layers:
            return lambda dy: dy
        y, pullback = vjp(layers[0], x)
        behind = recursive(layers[1:], y)
        return lambda dy: pullback(behind(dy))[1]()

    def folded(layers, x):
        return lambda dy: vjp(Serial(layers), x)[1](dy)[1]()

    def gradient(way, depth):
        layers = tuple(Dense(np.array([[-1.0]]), np.zeros(1)) for _ in range(depth))
        return way(layers, np.ones((1, 1)))(np.ones((1, 1))).tolist()

    assert gradient(recursive, 101) == gradient(folded, 101) == [[-1]]
    with pytest.raises(RecursionError):
        gradient(recursive, 5000)
    assert gradient(folded, 5000) == [[1]]


# --- and two that only the tutorials had -----------------------------------------------------------------------------


def test_a_relu_derivative_that_never_acts():
    """``if z.any() < 0: return 0`` compares a truth value with 0, which is never less: the slope is 1 everywhere."""

    def slope(z):
        if z.any() < 0:
            return np.zeros_like(z)
        return np.ones_like(z)

    assert slope(np.array([-3.0, -2.0, -1.0])).tolist() == [1, 1, 1]
    with caught_at("x"):
        check_vjp(Formula(relu, slope), numbers(4, 3))
    check_vjp(relu, numbers(4, 3))


def test_a_forward_pass_of_three_layers_with_a_backward_pass_of_two():
    """The first layer never trains, and the others learn to do without it."""

    def all_but_the_first(weights, activations, dy):
        dweights, dx = by_the_book(weights[1:], activations[1:], dy)
        return [np.zeros_like(weights[0]), *dweights], dx

    weights = numbers(3, 3), numbers(3, 3, seed=1), numbers(3, 3, seed=2)
    with caught_at(r".*weights\[0\]"):
        check_vjp(Tutorial(weights, all_but_the_first), numbers(5, 3))
    check_vjp(Tutorial(weights, by_the_book), numbers(5, 3))
