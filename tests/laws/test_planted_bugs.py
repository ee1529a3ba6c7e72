"""Do the tests see a bug? Bugs that people write, each planted into the package itself: random cases find them all."""

import functools
from contextlib import contextmanager
from unittest import mock

import attrs
import numpy as np
import pytest

import fnn
import fnn.core.grad
import fnn.losses.regularization
from fnn import Dense, tree, value_and_grad, vjp
from fnn.core._flat import builder
from fnn.core._structure import places, walk
from fnn.core.keys import fold_in
from tests.each_of import each_of
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
        root = np.sqrt(x.var(axis=-1, keepdims=True) + layer.epsilon)
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


def a_state_one_step_late(right, layer, x, key=None):
    """The weight from state to state is given the state after each step, not the one before."""
    y, pullback = right(layer, x, key)
    if isinstance(x, tuple):
        return y, pullback
    # What reaches the gates is dx of the same layer with one more feature for each gate, which is added to it.
    gates = len(layer.bias)
    wide = attrs.evolve(layer, input_weight=np.concatenate([layer.input_weight, np.eye(gates)]))
    wide_pullback = right(wide, np.concatenate([x, np.zeros((*x.shape[:2], gates))], axis=2), key)[1]

    def pull(dy):
        dlayer, dx = pullback(dy)
        dgates = wide_pullback(dy)[1]()[..., -gates:]
        return attrs.evolve(dlayer, hidden_weight=np.einsum("ntu,ntg->ug", y, dgates)), dx

    return y, pull


def no_way_back_through_time(right, layer, x, key=None):
    """Each step's loss reaches that step's input alone."""
    y, pullback = right(layer, x, key)
    if isinstance(x, tuple) and len(x) == 3:  # with a first state
        return y, pullback
    pair = isinstance(x, tuple)
    h, given = (y[0], x[0]) if pair else (y, x)
    before = np.concatenate([np.zeros_like(h[:, :1]), h[:, :-1]], axis=1)
    there = np.arange(h.shape[1]) < (x[1] if pair else np.full(len(h), h.shape[1]))[:, None]

    def pull(dy):
        dgiven = (dy[0] if pair else dy) * (1 - h * h) * there[..., None]
        dweights = [np.einsum("nti,ntj->ij", left, dgiven) for left in (given, before)]
        dx = dgiven @ layer.input_weight.T
        return fnn.Rnn(*dweights, dgiven.sum(axis=(0, 1))), lambda: (dx, np.zeros(len(h))) if pair else dx

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
    for (address, _), leaf in uses:
        firsts.setdefault(address, leaf)
    return builder(params)(list(firsts.values()))


def a_shortcut_forgotten(layer, x, y, dy, dlayer, dx):
    return dlayer, lambda: dx() - dy


def weights_ignored(right, loss, prediction, target, weights=None):
    return right(loss, prediction, target, weights)[0], right(loss, prediction, target)[1]


def k_outputs_k_times_the_gradient(right, loss, prediction, target, weights=None):
    value, pullback = right(loss, prediction, target, weights)
    return value, lambda dvalue: pullback(dvalue * prediction.shape[-1])


def a_penalty_off_by_two(right, penalty, values, layout):
    value, slopes = right(penalty, values, layout)
    return value, lambda dvalue: slopes(2 * dvalue)


def a_penalty_in_the_value_alone(right, loss, params, batch, key=None):
    return right(loss, params, batch, key)[0], value_and_grad(loss.loss, params, batch, key)[1]


BUGS = [
    (Dense, in_pullback, mean_for_sum),
    (Dense, in_pullback, a_bias_that_never_trains),
    (Dense, in_pullback, a_bias_with_the_sign_turned),
    (Dense, in_pullback, a_factor_of_one_millionth_too_much),
    (Dense, in_pullback, a_transposed_weight),
    (fnn.Tanh, in_pullback, a_stale_activation),
    (fnn.Softmax, in_pullback, the_diagonal_of_softmax_alone),
    (fnn.Dropout, in_rule, a_mask_redrawn),
    (fnn.BatchNorm, in_pullback, statistics_taken_for_constants),
    (fnn.LayerNorm, in_pullback, a_variance_taken_for_a_constant),
    (fnn.Conv, in_pullback, a_kernel_flipped),
    (fnn.MaxPool, in_pullback, ties_counted_twice),
    (fnn.Lstm, in_pullback, two_gates_swapped),
    (fnn.Lstm, in_rule, a_state_one_step_late),
    (fnn.Rnn, in_rule, no_way_back_through_time),
    (fnn.LastStep, in_pullback, lengths_ignored),
    (fnn.LastStep, in_pullback, a_step_too_early),
    (fnn.Attention, in_rule, a_mask_ignored),
    (fnn.Embedding, in_pullback, the_last_of_equal_symbols),
    (Dense, in_function(fnn.core.grad, "tied"), the_first_use_alone),
    (fnn.Residual, in_pullback, a_shortcut_forgotten),
    (fnn.CrossEntropy, in_rule, weights_ignored),
    (fnn.MeanSquaredError, in_rule, k_outputs_k_times_the_gradient),
    (fnn.L2, in_function(fnn.losses.regularization, "_evaluated"), a_penalty_off_by_two),
    (fnn.Regularized, in_objective, a_penalty_in_the_value_alone),
]


def _is_found_by(case):
    try:
        check(case)
    except AssertionError as error:
        return "is wrong at" in str(error)
    return False


@functools.cache
def _cases(numbers):
    """The random cases with these numbers, small ones first, each with the kinds of records in it."""
    cases = sorted(map(random_case, numbers), key=lambda case: tree.ravel(case.params)[0].size)
    return [(case, {type(node) for _, node in walk((case.params, case.loss), every=True)}) for case in cases]


def _uses_a_layer_twice(case):
    addresses = [address for address, _ in places(case.params)]
    return len(set(addresses)) < len(addresses)


def _candidates(kind, wrong):
    """The cases in which a bug may show: further ones are made when the first do not show it."""
    for numbers in (range(60), range(60, 130), range(130, 240)):
        for case, kinds in _cases(numbers):
            if kind in kinds and (wrong is not the_first_use_alone or _uses_a_layer_twice(case)):
                yield case


_passes = functools.cache(check)  # of the same case once, however many bugs it shows


@pytest.mark.long
@each_of(("kind", "plant", "wrong"), BUGS, ids=[wrong.__name__ for *_, wrong in BUGS])
def test_a_planted_bug_is_found_and_without_it_the_same_case_passes(kind, plant, wrong):
    with plant(kind, wrong):
        found = next(filter(_is_found_by, _candidates(kind, wrong)), None)
    assert found is not None, "no random case finds it"
    _passes(found)


def test_nothing_of_the_bugs_stays_behind():
    for function in (vjp, value_and_grad):
        assert not any(isinstance(rule, functools.partial) for rule in function.registry.values())
