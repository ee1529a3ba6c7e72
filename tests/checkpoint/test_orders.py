"""A checkpoint from any point of any pipe resumes the run that wrote it, to the bit; behind ``ema`` the average too."""

import itertools
import sys

import numpy as np
import pytest
from toolz import last, pipe, take
from toolz.curried import take_nth

from fnn import (
    Dense,
    Key,
    Serial,
    adamw,
    cross_entropy,
    dense,
    differentiated,
    dropout,
    ema,
    fit,
    load,
    save,
    serial,
    sgd,
    start,
    states,
    tanh,
    train_step,
    tree,
    update,
    updated,
)
from fnn.checkpoint.checkpointed import checkpointed
from fnn.data import epochs, moons
from fnn.train.progress import progress
from fnn.train.run import restart
from fnn.train.state import Averaged, State
from fnn.train.streams import early_stopping, history, tap
from tests.each_of import each_of

DATA = moons(23, 0.1, Key(1))
OPTIMIZER = adamw(1e-2)
STEP = train_step(cross_entropy, OPTIMIZER, Key(3))
FIRST = start(serial(dense(6), tanh, dropout(0.3), dense(2))(Key(0), DATA[0]), OPTIMIZER)
HALF, WHOLE = 7, 12

FUNCTIONS = {
    "ema": lambda path: ema(0.9),
    "checkpointed": lambda path: checkpointed(path, every=3),
    "take_nth": lambda path: take_nth(2),
    "tap": lambda path: tap(lambda state: None),
    "early_stopping": lambda path: early_stopping(lambda state: state.loss, 1000),
    "progress": lambda path: progress(WHOLE),
}
ALL = [order for many in (2, 3) for order in itertools.permutations(FUNCTIONS, many) if "checkpointed" in order]
ORDERS = [order for order in ALL if len(order) == 2]


def stream(state, steps, order, path):
    batches = take(steps - state.step, epochs(DATA, 5, Key(2), start=state.step))
    return pipe(states(STEP, state, batches), *[FUNCTIONS[name](path) for name in order])


def run_of(state):
    return state.run if isinstance(state, Averaged) else state


def same(ours, theirs):
    bits = [(state.params, state.opt, state.step, np.float64(state.loss).tobytes()) for state in (ours, theirs)]
    return tree.equal(*bits)


REFERENCE = list(states(STEP, FIRST, take(WHOLE, epochs(DATA, 5, Key(2)))))


def resumes_to_the_bit(order, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    path = tmp_path / "run.fnn"
    whole = {state.step: state for state in stream(FIRST, WHOLE, order, path)}
    assert same(run_of(load(path)), REFERENCE[max(whole)])
    last(stream(FIRST, HALF, order, path))
    state = load(path)
    assert state.step in (HALF, HALF - 1)
    resumed = list(stream(state, WHOLE, order, path))
    assert [state.step for state in resumed][:2] in ([6, 8], [7, 8], [7, 9])
    assert all(same(run_of(state), REFERENCE[state.step]) for state in resumed)
    if "ema" in order and order.index("ema") < order.index("checkpointed"):
        assert type(state) is Averaged
        assert all(same(state, whole[state.step]) for state in resumed if state.step in whole)
        assert not tree.equal(resumed[-1].params, resumed[-1].run.params)
    else:
        assert type(state) is State


@each_of("order", ORDERS, ids=lambda order: ", ".join(order))
def test_any_order_of_the_pipe_resumes_to_the_bit(order, tmp_path, monkeypatch):
    resumes_to_the_bit(order, tmp_path, monkeypatch)


@pytest.mark.long
@each_of("order", [order for order in ALL if order not in ORDERS], ids=lambda order: ", ".join(order))
def test_so_does_that_of_functions_that_only_look_on(order, tmp_path, monkeypatch):
    resumes_to_the_bit(order, tmp_path, monkeypatch)


def test_history_goes_on_where_it_stopped(tmp_path):
    def measured(state, steps):
        passed = pipe(stream(state, steps, ["ema", "checkpointed"], tmp_path / "run.fnn"))
        return history(step=lambda state: state.step, weight=lambda state: state.params.layers[0].weight.tobytes())(
            passed
        )

    first = measured(FIRST, HALF)
    then = measured(load(tmp_path / "run.fnn"), WHOLE)
    whole = measured(FIRST, WHOLE)
    assert {name: first[name][:-1] + then[name] for name in whole} == whole


@each_of("go_on", ["states", "fit", "step", "restart"])
def test_training_goes_on_from_the_run_and_never_from_the_average(go_on, tmp_path):
    pipe(stream(FIRST, HALF, ["ema", "checkpointed"], tmp_path / "run.fnn"), last)
    state = load(tmp_path / "run.fnn")
    batch = next(epochs(DATA, 5, Key(2), start=state.step))
    steps = {
        "states": lambda state: last(states(STEP, state, [batch])),
        "fit": lambda state: fit(cross_entropy, OPTIMIZER, state, DATA, steps=3, size=5, key=Key(4)),
        "step": lambda state: STEP(state, batch),
        "restart": lambda state: restart(state, OPTIMIZER),
    }
    assert same(steps[go_on](state), steps[go_on](state.run))


def test_what_takes_a_gradient_of_your_own_asks_for_the_run():
    *_, state = ema(0.9)([FIRST, STEP(FIRST, DATA)])
    for call in (
        lambda: update(OPTIMIZER, state.params, state),
        lambda: updated(OPTIMIZER)((state, 0.5, state.params)),
    ):
        with pytest.raises(TypeError, match=r"^expected the state that training goes on from, .*; write state\.run$"):
            call()
    ours, value, gradient = differentiated(cross_entropy, Key(0))(state, DATA)
    assert ours is state.run
    assert update(OPTIMIZER, gradient, ours, value).step == 2


def test_an_average_of_averages_is_refused():
    with pytest.raises(
        TypeError, match=r"^ema expects the states of a run, got averages of them; give each ema its own stream$"
    ):
        list(ema(0.9)(ema(0.5)([FIRST, STEP(FIRST, DATA)])))


def test_a_loaded_average_must_be_like_what_it_is_compared_with(tmp_path):
    save(tmp_path / "run.fnn", last(stream(FIRST, HALF, ["ema"], "")))
    like = next(stream(FIRST, HALF, ["ema"], ""))
    assert load(tmp_path / "run.fnn", like=like).step == HALF
    with pytest.raises(ValueError, match="trees differ"):
        load(tmp_path / "run.fnn", like=FIRST)


@pytest.mark.parametrize("dtype", [np.float16, (np.float32, np.float64), (np.float16, np.float32)], ids=str)
def test_an_average_in_narrow_or_several_dtypes_goes_on_to_the_bit_and_does_not_stall(dtype, tmp_path):
    """Steps of 0.1 % are lost in float16, whose numbers near 1 are 0.1 % apart."""
    weight, bias = dtype if isinstance(dtype, tuple) else (dtype, dtype)
    net = Serial((Dense(np.ones((2, 1), weight), np.ones(1, bias)),))
    target = Serial((Dense(np.full((2, 1), 2, weight), np.full(1, 2, bias)),))
    begin = start(net, sgd(0.1))
    run = [begin, *[State(target, (), step, 0.0) for step in range(1, 700)]]
    averages = list(ema(0.999)(run))
    for leaf in tree.leaves(averages[-1].params):
        np.testing.assert_allclose(leaf, 2 - 0.999**699, rtol=2 * np.finfo(leaf.dtype).eps, atol=1e-4)
    assert [leaf.dtype for leaf in tree.leaves(averages[-1].params)] == [weight, bias]
    save(tmp_path / "run.fnn", averages[350])
    resumed = list(ema(0.999)([load(tmp_path / "run.fnn"), *run[351:]]))
    assert all(tree.equal(ours.params, theirs.params) for ours, theirs in zip(resumed, averages[350:], strict=True))
