"""A training state of another optimizer, or of another network, is refused before anything is computed."""

import itertools

import attrs
import numpy as np
import pytest
from toolz import last

from fnn import (
    Dense,
    Key,
    Record,
    State,
    Transform,
    accumulate_gradients,
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    chain,
    clip,
    clip_by_global_norm,
    cross_entropy,
    dense,
    descend,
    fit,
    freeze,
    grad,
    load,
    mlp,
    nadam,
    relu,
    restart,
    rmsprop,
    save,
    scale_by_lion,
    schedules,
    serial,
    sgd,
    start,
    states,
    train_step,
    tree,
    update,
    updated,
    weight_decay,
)
from fnn.data import epochs
from fnn.optim.adaptive import Squares, SummedSquares
from tests.each_of import each_of

X = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
T = np.arange(12) % 2
NET = dense(2)(Key(0), X)


def message(call, kind):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


class Sign(Record):
    """What a transform of a user's own remembers."""

    mean: Dense
    count: int
    before: Dense | None


def signed():
    def step(grads, state, params, step):
        mean = tree.map(lambda m, g: 0.5 * m + 0.5 * g, state.mean, grads)
        return tree.map(np.sign, mean), Sign(mean, state.count + 1, grads)

    return chain(Transform(lambda params: Sign(tree.zeros_like(params), 0, None), step), descend(0.01))


def bare():
    """A transform of a user's own whose memory is a tree and no record of its own."""
    return Transform(tree.zeros_like, lambda grads, state, params, step: (tree.map(np.negative, grads), grads))


OPTIMIZERS = {
    "sgd": sgd(0.1),
    "momentum": sgd(0.1, momentum=0.9),
    "nesterov": sgd(0.1, momentum=0.9, nesterov=True),
    "adagrad": adagrad(),
    "rmsprop": rmsprop(),
    "rmsprop with momentum": rmsprop(momentum=0.9),
    "adam": adam(),
    "adamw": adamw(),
    "clip, sgd": chain(clip(1.0), sgd(0.1)),
    "clip_by_global_norm, adam": chain(clip_by_global_norm(1.0), adam()),
    "freeze, adam": chain(freeze("bias"), adam()),
    "adam, weight_decay": chain(adam(), weight_decay(0.1)),
    "accumulated sgd": accumulate_gradients(2, sgd(0.1)),
    "accumulated adam": accumulate_gradients(2, adam()),
    "amsgrad": adam(amsgrad=True),
    "centered rmsprop": rmsprop(centered=True),
    "nadam": nadam(),
    "adamax": adamax(),
    "adadelta": adadelta(),
    "lion": chain(scale_by_lion(), descend(1e-4)),
    "one of a user's own": signed(),
    "another": bare(),
}
ALIKE = {
    frozenset({"clip_by_global_norm, adam", "freeze, adam"}),
    frozenset({"adam", "nadam"}),
}  # the same memory, of the same meaning
PAIRS = [pair for pair in itertools.permutations(OPTIMIZERS, 2) if frozenset(pair) not in ALIKE]


def never(*args):
    raise AssertionError("something was computed")


class Never(Record):
    """A loss that is never asked for its value."""

    __call__ = never


def refusals(optimizer, state):
    """What each function that takes a state says of it."""
    steps = [
        lambda: train_step(Never(), optimizer)(state, (X, T)),
        lambda: last(states(train_step(Never(), optimizer), state, [(X, T)])),
        lambda: fit(Never(), optimizer, state, (X, T), steps=0, key=Key(0)),
        lambda: update(optimizer, state.params, state),
        lambda: updated(optimizer)((state, 0.5, state.params)),
    ]
    return {message(step, ValueError) for step in steps}


@each_of(("theirs", "ours"), PAIRS, ids=map(" for ".join, PAIRS))
def test_a_state_of_another_optimizer_is_refused_in_one_sentence(theirs, ours):
    state = start(NET, OPTIMIZERS[theirs])
    (sentence,) = refusals(OPTIMIZERS[ours], state)
    assert sentence.startswith("the memory in the state is another optimizer's or network's: expected ")
    assert "start(state.params, optimizer)" in sentence


def test_the_sentence_says_whose_memory_was_expected_and_whose_came():
    (sentence,) = refusals(chain(clip(1.0), rmsprop()), start(NET, adam()))
    assert sentence == (
        "the memory in the state is another optimizer's or network's: expected ((), (Squares, ())), got (Moments, ()); "
        "write start(state.params, optimizer), or restart(state, optimizer) to keep a memory that fits"
    )


@each_of(
    "other",
    [
        dense(3)(Key(0), X),
        dense(2)(Key(0), X.astype(np.float64)),
        serial(dense(2))(Key(0), X),
        serial(dense(2), relu, dense(2))(Key(0), X),
    ],
    ids=["width", "dtype", "structure", "depth"],
)
def test_a_memory_of_another_network_is_refused(other):
    for optimizer in OPTIMIZERS.values():
        theirs = start(other, optimizer)
        state = attrs.evolve(start(NET, optimizer), opt=theirs.opt)
        if tree.leaves(theirs.opt):
            (sentence,) = refusals(optimizer, state)
            assert "start(state.params, optimizer)" in sentence
        else:
            assert update(optimizer, NET, state).step == 1


def test_the_sentence_says_where_the_networks_differ():
    state = attrs.evolve(start(NET, adam()), opt=start(dense(3)(Key(0), X), adam()).opt)
    (sentence,) = refusals(adam(), state)
    assert "expected float32 array (3, 2) at state.opt[0].mean.weight, got float32 array (3, 3); write" in sentence
    state = attrs.evolve(start(NET, bare()), opt=dense(3)(Key(0), X))
    (sentence,) = refusals(bare(), state)
    assert "expected float32 array (3, 2) at state.opt.weight, got float32 array (3, 3); write" in sentence


@each_of(
    ("one", "other"),
    [
        (sgd(0.1), sgd(schedules.cosine(0.1, 10))),
        (sgd(0.1, momentum=0.9), sgd(0.2, momentum=0.5)),
        (adam(), adam(schedules.constant(1.0), b1=0.5, b2=0.9, eps=1e-3)),
        (adamw(), adamw(1.0, 0.0)),
        (rmsprop(), rmsprop(decay=0.5)),
        (adagrad(), adagrad(1.0)),
        (chain(clip(1.0), clip(2.0), sgd(0.1)), chain(clip_by_global_norm(1.0), freeze("bias"), sgd(0.2))),
        (signed(), signed()),
    ],
)
def test_other_settings_of_one_chain_go_on_in_silence(one, other):
    state = update(one, NET, update(one, NET, start(NET, one)))
    again = update(other, NET, state)
    assert again.step == 3
    assert again.opt != () or not tree.leaves(state.opt)
    assert fit(cross_entropy, other, state, (X, T), steps=2, size=4, key=Key(0)).step == 4


def test_init_is_not_asked_again_at_each_step():
    asked = []

    def init(params):
        asked.append(1)
        return ()

    optimizer = Transform(init, lambda grads, state, params, step: (grads, state))
    fit(cross_entropy, optimizer, start(NET, optimizer), (X, T), steps=5, size=4, key=Key(0))
    assert len(asked) == 1


def test_a_loaded_state_knows_its_optimizer_too(tmp_path):
    for theirs, ours in [("adam", "rmsprop"), ("rmsprop", "adagrad"), ("momentum", "nesterov")]:
        save(tmp_path / "run.fnn", start(NET, OPTIMIZERS[theirs]))
        state = load(tmp_path / "run.fnn")
        refusals(OPTIMIZERS[ours], state)
        assert update(OPTIMIZERS[theirs], NET, state).step == 1


def test_a_memory_that_0_1_0_saved_under_a_name_of_two_meanings_is_explained():
    optimizer = adagrad()
    state = update(optimizer, NET, start(NET, optimizer))
    old = attrs.evolve(state, opt=(Squares(state.opt[0].square), ()))
    (sentence,) = refusals(optimizer, old)
    assert sentence.endswith(
        "; if 0.1.0 saved it, which called both Squares, "
        "put SummedSquares(state.opt[0].square) of fnn.optim.adaptive there"
    )
    mended = attrs.evolve(old, opt=(SummedSquares(old.opt[0].square), ()))
    assert tree.equal(update(optimizer, NET, mended), update(optimizer, NET, state))
    (sentence,) = refusals(chain(clip(1.0), sgd(0.1, 0.9, nesterov=True)), start(NET, chain(clip(1.0), sgd(0.1, 0.9))))
    assert "put NesterovTrace(state.opt[1][0].velocity) of fnn.optim.rules there" in sentence


def test_a_state_of_ones_own_without_a_dict_is_compared_each_time():
    @attrs.frozen
    class Mine:
        params: Dense
        opt: tuple
        step: int
        loss: float

    state = Mine(NET, adam().init(NET), 0, 0.0)
    assert update(adam(), NET, update(adam(), NET, state)).step == 2
    with pytest.raises(ValueError, match="the memory in the state is another optimizer's"):
        update(sgd(0.1), NET, state)


# --- what people wanted to do there ----------------------------------------------------------------------------------


def test_training_in_two_phases():
    """The head first, while the body is frozen; then all, more slowly, with the moments that are there."""
    net = mlp(8, 2)(Key(0), X)
    first = chain(freeze("layers[0]"), adam(1e-2))
    state = fit(cross_entropy, first, start(net, first), (X, T), steps=20, size=4, key=Key(1))
    assert tree.equal(state.params.layers[0], net.layers[0])
    then = adam(1e-3)
    state = restart(state, then)
    assert state.step == 20
    assert tree.leaves(state.opt)[2].any()
    state = fit(cross_entropy, then, state, (X, T), steps=20, size=4, key=Key(1))
    assert state.step == 40
    assert not tree.equal(state.params.layers[0], net.layers[0])


def test_another_learning_rate_in_mid_run():
    state = fit(cross_entropy, adam(1e-2), start(NET, adam(1e-2)), (X, T), steps=5, size=4, key=Key(1))
    slower = fit(cross_entropy, adam(1e-3), state, (X, T), steps=5, size=4, key=Key(1))
    planned = adam(schedules.piecewise([5], [1e-2, 1e-3]))
    assert tree.equal(slower, fit(cross_entropy, planned, start(NET, planned), (X, T), steps=10, size=4, key=Key(1)))


@each_of(
    ("one", "other", "step"),
    [
        (adam(), adamw(), 3),
        (adam(), chain(clip(1.0), adam()), 3),
        (chain(clip_by_global_norm(1.0), adam()), adam(), 3),
        (adam(), sgd(0.1), 3),  # which remembers nothing
        (rmsprop(momentum=0.9), sgd(0.1, momentum=0.9), 3),
        (sgd(0.1), adam(), 0),
        (adam(), rmsprop(), 0),
        (rmsprop(), rmsprop(momentum=0.9), 0),  # all or nothing
        (sgd(0.1, momentum=0.9), sgd(0.1, momentum=0.9, nesterov=True), 0),
        (rmsprop(), adagrad(), 0),
        (signed(), signed(), 3),
    ],
)
def test_restart_keeps_a_memory_that_fits_and_else_begins_anew(one, other, step):
    state = start(NET, one)
    for batch in itertools.islice(epochs((X, T), 4, Key(0)), 3):
        state = train_step(cross_entropy, one)(state, batch)
    again = restart(state, other)
    assert type(again) is State
    assert again.step == step
    assert again.loss == state.loss
    assert tree.equal(again.params, state.params)
    arrays = [leaf.tobytes() for leaf in tree.leaves(again.opt)]
    there = state if step else start(NET, other)
    assert set(arrays) <= {leaf.tobytes() for leaf in tree.leaves(there.opt)}
    assert bool(arrays) == bool(tree.leaves(other.init(NET)))
    gradient = grad(cross_entropy, again.params, (X, T))
    assert update(other, gradient, again).step == step + 1


def test_restart_refuses_what_is_no_state_or_no_optimizer():
    assert message(lambda: restart(NET, adam()), TypeError) == (
        "restart expects a state, got Dense(weight=f32[3,2], bias=f32[2]); write start(net, optimizer)"
    )
    assert message(lambda: restart(start(NET, adam()), adam), TypeError) == (
        "restart expects an optimizer, say adam(1e-3), got the function adam"
    )
