"""A run that is stopped after any step and taken up again ends bit-identical, whatever the optimizer.

By induction: a state that is rebuilt from its bytes, sharing nothing with the run that it came from, takes one step
with the batch and the key that ``state.step`` addresses, and is the state that the run itself had next. That holds
after every step of 60, so it holds for any number of stops. ``ema`` is no optimizer but a function on the stream, and
how it goes on is tested where streams are saved.
"""

import math
import pickle
from itertools import count, islice

import numpy as np
import pytest

from fnn import (
    Key,
    accumulate_gradients,
    adamw,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    descend,
    dropout,
    fit,
    freeze,
    rmsprop,
    serial,
    sgd,
    split,
    start,
    states,
    tanh,
    train_step,
    tree,
)
from fnn.checkpoint.files import load, save
from fnn.data import epochs, moons
from tests.laws.cases import SCHEDULES, TRANSFORMS

STEPS = 60
DATA = moons(23, 0.1, Key(1))  # batches of 5, so that the last has 3 rows: 12 epochs of 5 steps
NET = serial(dense(6), tanh, dropout(0.3), dense(2))(Key(0), DATA[0])
SHUFFLES, NOISE = split(Key(2), 2)  # as ``fit`` splits its key


def ends_in_descent(transform):
    """Return False for a part of an optimizer, such as ``clip``, whose updates go uphill."""
    uphill = tree.map(np.ones_like, NET)
    updates, _ = transform.update(uphill, transform.init(NET), NET, 0)
    return sum(leaf.sum() for leaf in tree.leaves(updates)) <= 0


OPTIMIZERS = {
    **{name: each if ends_in_descent(each) else chain(each, descend(0.05)) for name, each in TRANSFORMS.items()},
    **{f"sgd, {name}": sgd(rate, momentum=0.9) for name, rate in SCHEDULES.items()},
    "all at once": chain(clip_by_global_norm(0.5), freeze("layers[0].bias"), adamw(SCHEDULES["warmup"])),
    "accumulated, clipped": accumulate_gradients(3, chain(clip_by_global_norm(0.5), rmsprop(1e-2, momentum=0.5))),
}
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def whole_run(optimizer, steps=STEPS):
    """All states of the run that is not stopped."""
    step = train_step(cross_entropy, optimizer, NOISE)
    return list(islice(states(step, start(NET, optimizer), epochs(DATA, 5, SHUFFLES)), steps + 1))


def from_bytes(state):
    """The same state in new memory, with nothing remembered of where it came from."""
    again = pickle.loads(pickle.dumps(state))
    for ours, theirs in zip(*map(tree.leaves, (state, again)), strict=True):
        assert not np.shares_memory(ours, theirs)
    return again


def next_state(optimizer, state):
    """One step, with the batch that the number of the step addresses."""
    batch = next(epochs(DATA, 5, SHUFFLES, start=state.step))
    return train_step(cross_entropy, optimizer, NOISE)(state, batch)


def the_same(ours, theirs):
    return (
        tree.equal((ours.params, ours.opt), (theirs.params, theirs.opt))
        and ours.step == theirs.step
        and (ours.loss == theirs.loss or (math.isnan(ours.loss) and math.isnan(theirs.loss)))
    )


# Last states first: something that is remembered outside the state could follow a run that is replayed in order.
def _goes_on(optimizer, run, stops):
    """Return after how many of these stops the state, rebuilt from its bytes, goes on as the run did."""
    ends = [next_state(optimizer, from_bytes(run[stop])) for stop in reversed(stops)]
    return sum(the_same(end, run[stop + 1]) for end, stop in zip(ends, reversed(stops), strict=True))


def _goes_on_from_a_file(optimizer, run, stop, path):
    save(path, run[stop])
    return the_same(next_state(optimizer, load(path)), run[stop + 1])


@each_optimizer
def test_a_state_rebuilt_from_bytes_goes_on_as_the_run_did_before_and_after_a_ragged_batch(optimizer, tmp_path):
    run = whole_run(optimizer, steps=6)
    assert _goes_on(optimizer, run, (0, 4, 5)) == 3
    assert _goes_on_from_a_file(optimizer, run, 4, tmp_path / "state")


@pytest.mark.long
@each_optimizer
def test_after_each_of_60_steps_a_state_rebuilt_from_bytes_goes_on_as_the_run_did(optimizer, tmp_path):
    run = whole_run(optimizer)
    assert [state.step for state in run] == list(range(STEPS + 1))
    assert len({state.params.layers[3].weight.tobytes() for state in run}) > STEPS // 4  # it does move
    assert _goes_on(optimizer, run, range(STEPS)) == 60
    assert all(_goes_on_from_a_file(optimizer, run, stop, tmp_path / "state") for stop in (0, 9, 33, 54, 59))


THREE = {name: OPTIMIZERS[name] for name in ("sgd", "sgd, momentum", "adam")}


def _ends_the_same(optimizer, stops):
    """Stop and go on with ``fit`` itself, to the end: how many of these ends are that of the whole run?"""
    first, run, options = start(NET, optimizer), whole_run(optimizer), {"size": 5, "key": Key(2)}
    halves = [from_bytes(fit(cross_entropy, optimizer, first, DATA, steps=stop, **options)) for stop in stops]
    ends = [fit(cross_entropy, optimizer, half, DATA, steps=STEPS - half.step, **options) for half in halves]
    return sum(the_same(end, run[-1]) for end in ends)


@pytest.mark.parametrize("optimizer", THREE.values(), ids=THREE)
def test_a_run_of_60_steps_that_was_stopped_ends_bit_identical(optimizer):
    assert _ends_the_same(optimizer, (4, 33)) == 2


@pytest.mark.long
@pytest.mark.parametrize("optimizer", THREE.values(), ids=THREE)
def test_a_run_stopped_after_each_of_60_steps_ends_bit_identical(optimizer):
    assert _ends_the_same(optimizer, range(STEPS)) == 60


@pytest.mark.long
@each_optimizer
def test_with_any_optimizer_a_run_that_was_stopped_ends_bit_identical(optimizer):
    assert _ends_the_same(optimizer, (5, 33)) == 2


def test_a_memory_outside_the_state_would_be_noticed():
    steps = count()  # a counter of its own, in the place of the step that the state has
    forgetful = sgd(lambda step: 0.1 / (1 + next(steps)))
    assert _goes_on(forgetful, whole_run(forgetful), range(STEPS)) < 5
    assert _ends_the_same(forgetful, (4, 33)) == 0
