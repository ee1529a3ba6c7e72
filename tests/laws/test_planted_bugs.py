"""Would the tests notice? 25 bugs that people write, each planted into the package itself: random cases find all."""

import functools
from contextlib import contextmanager
from unittest import mock

import attrs
import numpy as np
import pytest

import fnn
import fnn.core.grad
import fnn.layers.lstm
from fnn import Dense, tree, value_and_grad, vjp
from fnn.core._flat import builder, places
from fnn.core._structure import walk
from fnn.core.keys import fold_in
from fnn.layers.norm import normalized
from tests.laws.random_cases import check, random_case


@contextmanager
def _planted(function, kind, wrong):
    """Register a wrong rule for a kind of layer, loss or objective, for a while; it is also given the right one."""
    right = function.registry[kind]
    function.register(kind, functools.partial(wrong, right))
    try:
        yield
    finally:
        function.register(kind, right)


def in_rule(kind, wrong):
    return _planted(vjp, kind, wrong)


def in_pullback(kind, spoil):
    """Spoil what the right pullback gives."""

    def wrong(right, layer, x, *rest):
        y, pullback = right(layer, x, *rest)
        return y, lambda dy: spoil(layer, x, y, dy, *pullback(dy))

    return in_rule(kind, wrong)


def in_objective(kind, wrong):
    return _planted(value_and_grad, kind, wrong)


def in_function(module, name):
    return lambda kind, wrong: mock.patch.object(module, name, functools.partial(wrong, getattr(module, name)))


# --- dense layers and activations ------------------------------------------------------------------------------------


def mean_for_sum(layer, x, y, dy, dlayer, dx):
    return tree.map(lambda d: d / len(x), dlayer), dx


def a_bias_that_never_trains(layer, x, y, dy, dlayer, dx):
    return Dense(dlayer.weight, 0 * dlayer.bias), dx


def a_bias_with_the_sign_turned(layer, x, y, dy, dlayer, dx):
    return Dense(dlayer.weight, -dlayer.bias), dx


def a_factor_of_one_millionth_too_much(layer, x, y, dy, dlayer, dx):
    return Dense(dlayer.weight, (1 + 1e-6) * dlayer.bias), dx


def a_transposed_weight(layer, x, y, dy, dlayer, dx):
    """Where the layer is not square, its author would have noticed."""
    square = layer.weight.shape[0] == layer.weight.shape[1]
    return dlayer, (lambda: dy @ layer.weight) if square else dx


def a_stale_activation(layer, x, y, dy, dlayer, dx):
    """The slope is taken at the output, which lies where the input should have been kept."""
    return layer, lambda: dy * (1 - np.tanh(y) ** 2)


def the_diagonal_of_softmax_alone(layer, x, y, dy, dlayer, dx):
    return layer, lambda: dy * y * (1 - y)


# --- randomness and normalization ------------------------------------------------------------------------------------


def a_mask_redrawn(right, layer, x, key=None):
    return right(layer, x, key)[0], right(layer, x, fold_in(key, 0))[1]


def statistics_taken_for_constants(layer, x, y, dy, dlayer, dx):
    axes = tuple(range(x.ndim - 1))
    return dlayer, lambda: dy * layer.scale / np.sqrt(x.var(axis=axes) + layer.epsilon)


def a_variance_taken_for_a_constant(layer, x, y, dy, dlayer, dx):
    def without_it():
        _, root = normalized(x, lambda values: values.mean(axis=-1, keepdims=True), layer.epsilon)
        g = dy * layer.scale
        return (g - g.mean(axis=-1, keepdims=True)) / root

    return dlayer, without_it


# --- images ----------------------------------------------------------------------------------------------------------


def a_kernel_flipped(layer, x, y, dy, dlayer, dx):
    axes = tuple(range(dlayer.weight.ndim - 2))
    return attrs.evolve(dlayer, weight=np.flip(dlayer.weight, axes)), dx


def ties_counted_twice(layer, x, y, dy, dlayer, dx):
    """Every cell that equals the maximum gets dy, for windows of 2 x 2 that lie side by side."""
    if layer.size != 2:
        return dlayer, dx
    n, rows, columns, channels = y.shape

    def to_each():
        of_x = np.zeros(x.shape)
        windows = x[:, : 2 * rows, : 2 * columns].reshape(n, rows, 2, columns, 2, channels)
        shares = (windows == y[:, :, None, :, None]) * dy[:, :, None, :, None]
        of_x[:, : 2 * rows, : 2 * columns] = shares.reshape(n, 2 * rows, 2 * columns, channels)
        return of_x

    return dlayer, to_each


# --- sequences -------------------------------------------------------------------------------------------------------


def two_gates_swapped(layer, x, y, dy, dlayer, dx):
    def swapped(leaf):
        i, f, g, o = np.split(leaf, 4, axis=-1)
        return np.concatenate([f, i, g, o], axis=-1)

    return tree.map(swapped, dlayer), dx


def a_state_one_step_late(right, into, dgates):
    """The weight from state to state is given the state after each step, not the one before."""
    states = into.base if into.base is not None and len(into.base) == len(into) + 1 else None
    return right(into if states is None else states[1:], dgates)


def no_way_back_through_time(right, layer, x, key=None):
    """Each step's loss reaches that step's input alone."""
    y, pullback = right(layer, x, key)
    if isinstance(x, tuple):
        return y, pullback
    before = np.concatenate([np.zeros_like(y[:, :1]), y[:, :-1]], axis=1)

    def pull(dy):
        dgiven = dy * (1 - y * y)
        dweights = [np.einsum("nti,ntj->ij", left, dgiven) for left in (x, before)]
        return fnn.Rnn(*dweights, dgiven.sum(axis=(0, 1))), lambda: dgiven @ layer.input_weight.T

    return y, pull


def lengths_ignored(layer, x, y, dy, dlayer, dx):
    def to_the_last_place():
        of_x = np.zeros((x[0] if isinstance(x, tuple) else x).shape)
        of_x[:, -1] = dy
        return (of_x, np.zeros(len(of_x))) if isinstance(x, tuple) else of_x

    return layer, to_the_last_place


def a_step_too_early(layer, x, y, dy, dlayer, dx):
    def one_before():
        found = dx()
        return (np.roll(found[0], -1, axis=1), found[1]) if isinstance(x, tuple) else np.roll(found, -1, axis=1)

    return layer, one_before


def a_mask_ignored(right, layer, x, key=None):
    """What may not be looked at is given a gradient as if it had been."""
    pull = right(attrs.evolve(layer, causal=False), x, key)[1]

    def pullback(dy):
        dlayer, dx = pull(dy)
        return attrs.evolve(dlayer, causal=layer.causal), dx

    return right(layer, x, key)[0], pullback


def the_last_of_equal_symbols(layer, x, y, dy, dlayer, dx):
    """``=`` for ``+=``."""
    dweight = np.zeros_like(layer.weight)
    dweight[x] = dy
    return fnn.Embedding(dweight), dx


# --- networks and objectives -----------------------------------------------------------------------------------------


def the_first_use_alone(right, params, gradient):
    """A layer that is used twice gets the gradient of its first use."""
    uses = zip(places(params), tree.leaves(gradient), strict=True)
    firsts = {}
    for number, leaf in uses:
        firsts.setdefault(number, leaf)
    return builder(params)(list(firsts.values()))


def a_shortcut_forgotten(layer, x, y, dy, dlayer, dx):
    return dlayer, lambda: dx() - dy


def weights_ignored(right, loss, prediction, target, weights=None):
    return right(loss, prediction, target, weights)[0], right(loss, prediction, target)[1]


def k_outputs_k_times_the_gradient(right, loss, prediction, target, weights=None):
    value, pullback = right(loss, prediction, target, weights)
    return value, lambda dvalue: pullback(dvalue * prediction.shape[-1])


def a_penalty_off_by_two(right, penalty, params):
    value, pullback = right(penalty, params)
    return value, lambda dvalue: pullback(2 * dvalue)


def a_penalty_in_the_value_alone(right, loss, params, batch, key=None):
    return right(loss, params, batch, key)[0], value_and_grad(loss.loss, params, batch, key)[1]


# Where each is planted, and the number of a small random case that notices it.
BUGS = [
    (Dense, in_pullback, mean_for_sum, 15),
    (Dense, in_pullback, a_bias_that_never_trains, 15),
    (Dense, in_pullback, a_bias_with_the_sign_turned, 15),
    (Dense, in_pullback, a_factor_of_one_millionth_too_much, 15),
    (Dense, in_pullback, a_transposed_weight, 86),
    (fnn.Tanh, in_pullback, a_stale_activation, 62),
    (fnn.Softmax, in_pullback, the_diagonal_of_softmax_alone, 20),
    (fnn.Dropout, in_rule, a_mask_redrawn, 15),
    (fnn.BatchNorm, in_pullback, statistics_taken_for_constants, 21),
    (fnn.LayerNorm, in_pullback, a_variance_taken_for_a_constant, 32),
    (fnn.Conv, in_pullback, a_kernel_flipped, 26),
    (fnn.MaxPool, in_pullback, ties_counted_twice, 31),
    (fnn.Lstm, in_pullback, two_gates_swapped, 28),
    (fnn.Lstm, in_function(fnn.layers.lstm, "of_weight"), a_state_one_step_late, 28),
    (fnn.Rnn, in_rule, no_way_back_through_time, 193),
    (fnn.LastStep, in_pullback, lengths_ignored, 48),
    (fnn.LastStep, in_pullback, a_step_too_early, 48),
    (fnn.Attention, in_rule, a_mask_ignored, 24),
    (fnn.Embedding, in_pullback, the_last_of_equal_symbols, 79),
    (Dense, in_function(fnn.core.grad, "tied"), the_first_use_alone, 57),
    (fnn.Residual, in_pullback, a_shortcut_forgotten, 70),
    (fnn.CrossEntropy, in_rule, weights_ignored, 80),
    (fnn.MeanSquaredError, in_rule, k_outputs_k_times_the_gradient, 57),
    (fnn.L2, in_rule, a_penalty_off_by_two, 15),
    (fnn.Regularized, in_objective, a_penalty_in_the_value_alone, 15),
]


def _notices(case):
    try:
        check(case)
    except AssertionError as error:
        return "is wrong at" in str(error)
    return False


each_bug = pytest.mark.parametrize(
    ("kind", "plant", "wrong", "number"), BUGS, ids=[wrong.__name__ for _, _, wrong, _ in BUGS]
)


@each_bug
def test_a_planted_bug_is_noticed_and_without_it_the_same_case_passes(kind, plant, wrong, number):
    case = random_case(number)
    with plant(kind, wrong):
        assert _notices(case)
    check(case)


@functools.cache
def _first_cases():
    cases = [random_case(number) for number in range(200)]
    return [(case, {type(node) for _, node in walk((case.params, case.loss), every=True)}) for case in cases]


@pytest.mark.long
@each_bug
def test_whoever_does_not_know_of_the_bug_comes_upon_it_within_200_cases(kind, plant, wrong, number):
    with plant(kind, wrong):
        assert any(_notices(case) for case, kinds in _first_cases() if kind in kinds)


def test_there_are_25_of_them_and_nothing_of_them_stays_behind():
    assert len({wrong for _, _, wrong, _ in BUGS}) == len(BUGS) == 25
    for function in (vjp, value_and_grad):
        assert not any(isinstance(rule, functools.partial) for rule in function.registry.values())
