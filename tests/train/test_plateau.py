"""A learning rate that falls where the score stands still: at the right step, for each member, and resumable."""

import math
import pickle
import re
from itertools import islice

import numpy as np
import pytest
from toolz import last, pipe

from fnn import (
    Dense,
    Key,
    State,
    adam,
    checkpointed,
    cross_entropy,
    dense,
    dropout,
    ema,
    ensemble,
    fit,
    load,
    members,
    mse,
    plateau,
    restart,
    save,
    schedules,
    serial,
    sgd,
    split,
    start,
    states,
    tanh,
    train_step,
    tree,
)
from fnn.data import epochs, moons
from fnn.train.state import Lowered

DATA, HELD_OUT = moons(23, 0.1, Key(1)), moons(40, 0.1, Key(2))
NET = serial(dense(6), tanh, dropout(0.2), dense(2))(Key(0), DATA[0])
SHUFFLES, NOISE = split(Key(2), 2)


def adam_step(rate):
    return train_step(cross_entropy, adam(rate), NOISE)


def held_out_loss(state):
    hidden = tree.at("layers[2]", lambda layer: dropout(0.0), state.params)
    return cross_entropy(hidden(HELD_OUT[0], Key(0)), HELD_OUT[1])


STEP = plateau(adam_step, 0.3, held_out_loss, every=2, patience=2, factor=0.5)


def stream(step, state, n):
    return islice(states(step, state, epochs(DATA, 5, SHUFFLES, start=state.step)), n + 1)


def scored(scores, **settings):
    """The learning rates after each of these scores, of an optimizer that does nothing else."""
    step = plateau(
        lambda rate: train_step(mse, sgd(rate)), 1.0, lambda state: scores[state.step - 1], every=1, **settings
    )
    x = np.zeros((1, 1))
    run = states(step, start(Dense(x, x[0]), sgd(1.0)), [(x, x)] * len(scores))
    return [state.learning_rate for state in list(run)[1:]]


def test_it_falls_with_the_score_that_is_the_patience_th_in_a_row_no_better():
    assert scored([3.0, 2.0, 2.0, 1.0, 1.0, 1.5], patience=2, factor=0.5) == [1, 1, 1, 1, 1, 0.5]
    assert scored([1.0, 1.0, 1.0, 1.0, 1.0], patience=2, factor=0.5) == [1, 1, 0.5, 0.5, 0.25]
    assert scored([math.nan, 2.0, math.nan, 1.0], patience=1, factor=0.5) == [1, 1, 0.5, 0.5]
    assert scored([2.0, 1.95, 1.5], patience=1, factor=0.5, min_delta=0.1) == [1, 0.5, 0.5]
    assert scored([1.0] * 5, patience=1, factor=0.5, minimum=0.2) == [1, 0.5, 0.25, 0.2, 0.2]
    assert scored([1.0] * 2, patience=1, minimum=2.0) == [1, 1]  # it never rises


def test_between_two_changes_it_is_the_run_of_the_step_itself_to_the_bit():
    run = list(stream(STEP, start(NET, adam(0.3)), 40))
    rates = [state.learning_rate for state in run[1:]]
    assert len(set(rates)) > 2
    changes = [0.3, *rates[:-1]]  # that of each step
    planned = adam(schedules.piecewise(range(1, 40), changes))
    whole = list(stream(train_step(cross_entropy, planned, NOISE), start(NET, planned), 40))
    assert tree.equal(whole[-1].params, run[-1].params)
    assert run[-1].loss == run[-1].run.loss == whole[-1].loss
    assert type(run[-1].run) is State


def test_a_state_rebuilt_from_bytes_goes_on_as_the_run_did_wherever_it_stopped(tmp_path):
    run = list(stream(STEP, start(NET, adam(0.3)), 30))
    save(tmp_path / "state.fnn", run[17])
    stops = {stop: pickle.loads(pickle.dumps(run[stop])) for stop in (29, 12, 5, 1, 0)}
    for stop, state in (stops | {17: load(tmp_path / "state.fnn", like=run[18])}).items():
        step = pickle.loads(pickle.dumps(STEP))
        end = last(stream(step, state, 30 - stop))
        assert tree.equal((end.params, end.opt), (run[30].params, run[30].opt))
        assert (end.step, end.loss, end.learning_rate) == (run[30].step, run[30].loss, run[30].learning_rate)
        assert (end.best, end.fruitless) == (run[30].best, run[30].fruitless)


@pytest.mark.parametrize("order", ["checkpoint first", "average first"])
def test_a_checkpoint_anywhere_in_the_pipe_resumes_the_run_and_the_average(tmp_path, order):
    path = tmp_path / "run.fnn"
    functions = [checkpointed(path, every=3), ema(0.9)]
    functions = functions if order == "checkpoint first" else functions[::-1]
    whole = pipe(stream(STEP, start(NET, adam(0.3)), 30), *functions, last)
    half = pipe(stream(STEP, start(NET, adam(0.3)), 13), *functions, last)
    assert half.step == 13
    loaded = load(path, like=whole if order == "average first" else whole.run)
    assert isinstance(getattr(loaded, "run", None) if order == "average first" else loaded, Lowered)
    if order == "average first":
        again = pipe(stream(STEP, loaded, 17), *functions, last)
        assert tree.equal(again.params, whole.params)
    else:
        again = last(stream(STEP, loaded, 17))
    assert tree.equal(_run(again).params, _run(whole).params)


def _run(state):
    return _run(state.run) if hasattr(state, "run") else state


def test_a_plain_step_goes_on_from_the_state_itself():
    state = last(stream(STEP, start(NET, adam(0.3)), 5))
    assert tree.equal(adam_step(0.3)(state, DATA).params, adam_step(0.3)(state.run, DATA).params)
    fitted = fit(cross_entropy, adam(0.3), state, DATA, steps=2, size=5, key=Key(4))
    assert (type(fitted), fitted.step) == (State, 7)
    assert restart(state, sgd(0.1)).step == 5


def test_each_member_of_an_ensemble_has_a_learning_rate_of_its_own():
    rates = np.array([0.3, 1.0, 0.01])
    nets = ensemble(serial(dense(4), tanh, dense(2)), 3)(Key(0), DATA[0])
    keys = split(Key(5), 3)

    def score(state):
        if np.ndim(state.loss) == 0:
            return cross_entropy(state.params(HELD_OUT[0]), HELD_OUT[1])
        return np.array([cross_entropy(net(HELD_OUT[0]), HELD_OUT[1]) for net in members(state.params)])

    def step_of(rate):
        return train_step(cross_entropy, sgd(rate, momentum=0.9))

    settings = {"every": 1, "patience": 2, "factor": 0.5}
    together = plateau(step_of, rates, score, **settings)
    first = start(nets, sgd(rates, momentum=0.9))
    final = last(islice(states(together, first, epochs(DATA, 5, keys)), 41))
    assert final.learning_rate.shape == (3,)
    assert len(set(final.learning_rate / rates)) > 1
    for i, (net, key) in enumerate(zip(members(nets), keys, strict=True)):
        alone = plateau(step_of, float(rates[i]), score, **settings)
        own = last(islice(states(alone, start(net, sgd(0.1, momentum=0.9)), epochs(DATA, 5, key)), 41))
        assert own.learning_rate == pytest.approx(final.learning_rate[i], rel=1e-12)
        assert own.fruitless == final.fruitless[i]
        assert tree.allclose(members(final)[i].params, own.params, rtol=1e-9, atol=1e-12)
    assert isinstance(members(final)[0], Lowered)


def step_of(rate):
    return train_step(mse, sgd(rate))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: plateau(adam(0.1), 0.1, abs, every=1), TypeError, "plateau: step_of must be a function, got"),
        (lambda: plateau(step_of, 0.1, 3.0, every=1), TypeError, "plateau: score must be a function, got float 3.0"),
        (lambda: plateau(step_of, 0, abs, every=1), ValueError, "plateau: the learning rate must be above 0, got 0"),
        (lambda: plateau(step_of, 0.1, abs, every=0), ValueError, "plateau: every must be at least 1, got 0"),
        (
            lambda: plateau(step_of, 0.1, abs, every=1, patience=0),
            ValueError,
            "plateau: the patience must be at least 1",
        ),
        (
            lambda: plateau(step_of, 0.1, abs, every=1, factor=1),
            ValueError,
            "plateau: the factor must be at least 0 and",
        ),
        (
            lambda: plateau(step_of, 0.1, abs, every=1, factor=0),
            ValueError,
            "plateau: the factor must be above 0, got 0",
        ),
        (
            lambda: plateau(step_of, 0.1, abs, every=1, min_delta=-1),
            ValueError,
            "plateau: min_delta must be at least 0",
        ),
        (lambda: plateau(step_of, 0.1, abs, every=1, minimum="a"), TypeError, "plateau: the minimum must be a number"),
        (lambda: scored(["low"]), TypeError, "plateau expects the score to be a number, got str 'low'"),
    ],
)
def test_what_is_refused(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()
