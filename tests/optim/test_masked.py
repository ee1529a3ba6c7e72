"""A transform for each group of leaves is that transform on a network of these leaves alone."""

import numpy as np
import pytest

from fnn import (
    Dense,
    Key,
    Transform,
    accumulate_gradients,
    adam,
    adamw,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    descend,
    fit,
    freeze,
    grad,
    lion,
    load,
    masked,
    mlp,
    relu,
    restart,
    save,
    scale_by_adam,
    schedules,
    serial,
    sgd,
    start,
    train_step,
    tree,
    update,
    weight_decay,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.cases import numbers

X, LABELS = numbers(12, 3), np.arange(12) % 2
NET = serial(dense(4), relu, dense(3), relu, dense(2))(Key(0), X)
LAST, FIRST = "layers[4]", ("layers[0]", "layers[2]")


def steps(optimizer, net=NET, n=5):
    state = start(net, optimizer)
    for _ in range(n):
        state = train_step(cross_entropy, optimizer)(state, (X.astype(tree.leaves(net)[0].dtype), LABELS))
    return state


def run(optimizer, leaves, gradients):
    state = start(leaves, optimizer)
    for each in gradients:
        state = update(optimizer, each, state)
    return state.params


@each_of(
    ("first", "last"),
    [
        (adam(1e-2), sgd(0.1)),
        (chain(clip_by_global_norm(1e-2), sgd(0.1, momentum=0.9)), lion(1e-2)),
        (adamw(schedules.exponential(0.1, 0.5), 0.3, where=tree.is_weight), chain(clip_by_global_norm(0.01), adam())),
        (accumulate_gradients(2, adam(0.1)), sgd(0.1)),
    ],
)
def test_each_group_goes_as_it_would_alone_to_the_bit(first, last):
    optimizer = masked(LAST, last, otherwise=first)
    state, below, above = start(NET, optimizer), [], []
    for _ in range(5):
        gradient = grad(cross_entropy, state.params, (X, LABELS))
        below.append((gradient.layers[0], gradient.layers[2]))
        above.append((gradient.layers[4],))
        state = update(optimizer, gradient, state)
    expected = run(first, (NET.layers[0], NET.layers[2]), below), run(last, (NET.layers[4],), above)
    assert tree.equal((state.params.layers[0], state.params.layers[2]), expected[0])
    assert tree.equal((state.params.layers[4],), expected[1])


def test_a_group_of_leaves_that_lie_apart_goes_as_it_would_alone_to_the_bit():
    apart = ("layers[0]", LAST)
    optimizer = masked(apart, adam(1e-2), otherwise=sgd(0.1))
    state, gradients = start(NET, optimizer), []
    for _ in range(5):
        gradient = grad(cross_entropy, state.params, (X, LABELS))
        gradients.append((gradient.layers[0], gradient.layers[4]))
        state = update(optimizer, gradient, state)
    expected = run(adam(1e-2), (NET.layers[0], NET.layers[4]), gradients)
    assert tree.equal((state.params.layers[0], state.params.layers[4]), expected)


def test_one_after_the_other_in_a_chain_is_one_in_the_other():
    rates = 1e-3, 1e-2, 1e-1
    groups = [masked(path, adam(rate)) for path, rate in zip(("layers[0]", "layers[2]", LAST), rates, strict=True)]
    nested = masked("layers[0]", adam(rates[0]), masked("layers[2]", adam(rates[1]), adam(rates[2])))
    assert tree.equal(steps(chain(*groups)).params, steps(nested).params)
    same = masked("layers[0]", adam(1e-2), masked("layers[2]", adam(1e-2), adam(1e-2)))
    assert tree.equal(steps(same).params, steps(adam(1e-2)).params)


def test_leaves_that_do_not_lie_side_by_side_and_the_same_paths_as_in_the_whole():
    optimizer = masked(tree.is_weight, chain(scale_by_adam(), weight_decay(0.1, FIRST), descend(0.1)), sgd(0.5))
    decayed = chain(masked(tree.is_weight, scale_by_adam()), weight_decay(0.1, lambda p: "4" not in p and "w" in p))
    rates = masked(tree.is_weight, descend(0.1), otherwise=descend(0.5))
    assert tree.equal(steps(optimizer).params, steps(chain(decayed, rates)).params)


def test_what_no_group_takes_goes_on_as_it_came():
    only = masked(LAST, sgd(0.1))
    gradient = grad(cross_entropy, NET, (X, LABELS))
    updates, _ = only.update(gradient, only.init(NET), NET, 0)
    assert tree.equal(updates.layers[:4], gradient.layers[:4])
    assert tree.equal(steps(chain(only, freeze(FIRST))).params.layers[:4], NET.layers[:4])


def test_what_is_frozen_in_a_group_is_frozen_there_alone_whatever_comes_next():
    everything = masked(LAST, freeze(""), otherwise=adam(0.1))
    state = steps(chain(everything, sgd(0.1, momentum=0.9)))
    assert tree.equal(state.params.layers[4], NET.layers[4])
    assert not np.array_equal(state.params.layers[0].bias, NET.layers[0].bias)
    state = steps(masked(FIRST, chain(freeze(tree.is_weight), adam(0.1)), otherwise=adam(0.1)))
    moved = [not np.array_equal(a, b) for a, b in zip(*map(tree.leaves, (state.params, NET)), strict=True)]
    assert moved == [False, True, False, True, True, True]


def test_a_rule_of_your_own_is_given_the_leaves_of_its_group():
    def signs(grads, state, params, step):
        assert [leaf.shape for leaf in tree.leaves(params)] == [(3, 2), (2,)]
        return tree.map(lambda g: -0.1 * np.sign(g), grads), state

    for net in (NET, tree.map(np.float16, NET)):
        own = steps(masked(LAST, Transform(lambda params: (), signs), sgd(0.1)), net)
        assert own.params.layers[4].weight.dtype == net.layers[4].weight.dtype
        np.testing.assert_allclose(
            own.params.layers[4].bias, steps(lion(0.1, 0.0, b1=0.0), net, n=5).params.layers[4].bias, atol=0.7
        )


@each_of("dtype", [np.float16, np.float32])
def test_narrow_leaves_remember_in_float32_and_come_out_as_they_were(dtype):
    net = tree.map(dtype, NET)
    state = steps(masked(LAST, adam(0.01), sgd(0.1)), net)
    assert {leaf.dtype for leaf in tree.leaves(state.params)} == {np.dtype(dtype)}
    assert {leaf.dtype for leaf in tree.leaves(state.opt)} == {np.dtype(np.float32)}
    mixed = Dense(np.ones((2, 1), np.float16), np.ones(1, np.float64))
    optimizer = masked("bias", adam(0.1), otherwise=adam(0.1))
    after = update(optimizer, mixed, update(optimizer, mixed, start(mixed, optimizer))).params
    assert (after.weight.dtype, after.bias.dtype) == (np.float16, np.float64)
    assert tree.allclose(after, update(adam(0.1), mixed, update(adam(0.1), mixed, start(mixed, adam(0.1)))).params)


def test_a_memory_of_other_groups_is_refused_and_another_rate_goes_on():
    state = steps(masked(LAST, adam(0.01), sgd(0.1)))
    for other in (adam(), masked("layers[0]", adam(0.01), sgd(0.1)), masked(LAST, sgd(0.1), adam(0.01))):
        with pytest.raises(ValueError, match="the memory in the state is another optimizer's or network's"):
            update(other, NET, state)
    faster = masked(LAST, adam(0.02), sgd(0.2))
    assert update(faster, NET, state).step == 6
    assert restart(state, faster).step == 5


def test_a_saved_run_goes_on_to_the_bit(tmp_path):
    optimizer = masked(tree.is_weight, adam(0.01), otherwise=sgd(0.1, momentum=0.9))
    options = {"size": 4, "key": Key(1)}
    half = fit(cross_entropy, optimizer, start(NET, optimizer), (X, LABELS), steps=4, **options)
    save(tmp_path / "half.fnn", half)
    whole = fit(cross_entropy, optimizer, start(NET, optimizer), (X, LABELS), steps=9, **options)
    again = fit(cross_entropy, optimizer, load(tmp_path / "half.fnn"), (X, LABELS), steps=5, **options)
    assert tree.equal((whole.params, whole.opt), (again.params, again.opt))


def test_a_layer_that_stands_twice_lies_in_its_group_once():
    shared = dense(3)(Key(0), X)
    net = serial(shared, relu, shared, dense(2))(Key(1), X)
    state = steps(masked("layers[0]", adam(0.1), otherwise=sgd(0.1)), net)
    assert state.params.layers[0] is state.params.layers[2]
    assert not np.array_equal(state.params.layers[0].weight, shared.weight)


def value_of(transform):
    return update(transform, NET, start(NET, transform))


T, V = TypeError, ValueError
ROWS = [
    (
        lambda: masked(3, adam()),
        T,
        'masked expects a path or a function of one, got int 3; write masked("layers[0]", …',
    ),
    (lambda: masked("", adam), T, "masked expects an optimizer, say adam(1e-3), got the function adam"),
    (
        lambda: masked("", adam(), 0.1),
        T,
        "masked expects a transform as otherwise, say adam(1e-3), got float 0.1",
    ),
    (lambda: value_of(masked("layers[7]", adam())), V, "masked: str 'layers[7]' chooses no leaf; there are layers[0]…"),
    (
        lambda: value_of(masked(("layers", ""), adam(), sgd(0.1))),
        V,
        "masked: tuple ('layers', '') chooses every leaf, which leaves none for otherwise; there are layers[0].weight…",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)


def test_an_mlp_learns_with_a_rate_for_each_layer():
    optimizer = masked("layers[0]", adam(1e-3), otherwise=adam(1e-1))
    net = mlp(8, 2)(Key(0), X)
    state = fit(cross_entropy, optimizer, start(net, optimizer), (X, LABELS), steps=60, size=12, key=Key(1))
    moved = [np.abs(a - b).max() for a, b in zip(*map(tree.leaves, (state.params, net)), strict=True)]
    assert max(moved[:2]) < 0.07 < min(moved[2:])
