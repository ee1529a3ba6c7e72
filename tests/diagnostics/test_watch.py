"""Laws of ``watch``: the run is the one that it is without it, and each look at a state is its diagnosis."""

import pickle

import numpy as np
import pytest
from toolz import last, pipe, take

import fnn
from fnn import (
    Diverged,
    Key,
    adam,
    checkpointed,
    cross_entropy,
    dense,
    diagnose,
    dropout,
    ema,
    ensemble,
    fold_in,
    load,
    members,
    mse,
    relu,
    replicate,
    serial,
    sgd,
    split,
    start,
    states,
    train_step,
    tree,
    watch,
)
from fnn.data import epochs, moons
from fnn.diagnostics.watch import Watched
from fnn.train.state import Averaged
from tests.each_of import each_of
from tests.errors import check, message

DATA = moons(23, 0.1, Key(1))  # batches of 5, so the last has 3
BATCH = DATA[0][:8], DATA[1][:8]
OPTIMIZER = adam(0.01)
NET = serial(dense(6), relu, dropout(0.3), dense(2))
INIT_KEY, DATA_KEY, NOISE_KEY = split(Key(2), 3)
STEPS = 7


def first():
    return start(NET(INIT_KEY, DATA[0][:1]), OPTIMIZER)


def run(state, steps=STEPS):
    batches = take(steps - state.step, epochs(DATA, 5, DATA_KEY, start=state.step))
    return states(train_step(cross_entropy, OPTIMIZER, NOISE_KEY), state, batches)


def looks(stream, every=3):
    """The states of a stream, and what was seen of them."""
    seen = []
    return list(watch(every, BATCH, seen.append, key=NOISE_KEY)(stream)), seen


def test_the_very_states_are_passed_on_and_each_look_is_a_diagnosis():
    plain = list(run(first()))
    passed, seen = looks(plain)
    assert all(one is other for one, other in zip(passed, plain, strict=True))
    assert [each.step for each in seen] == [0, 3, 6]
    for each in seen:
        assert each.found == diagnose(plain[each.step].params, BATCH, key=fold_in(NOISE_KEY, each.step))
    assert len({each.found.layers[1].rms for each in seen}) == 3  # it does change


def test_without_the_key_of_the_run_other_units_drop_out():
    plain, seen = [], []
    for key, into in ((Key(9), plain), (NOISE_KEY, seen)):
        list(watch(3, BATCH, into.append, key=key)(run(first())))
    assert plain[1].found.layers[2].rms != seen[1].found.layers[2].rms


def test_a_run_that_is_stopped_and_goes_on_is_the_run_and_was_seen_as_the_run_wherever_it_is_saved(tmp_path):
    whole, seen = looks(run(first()))
    for name, order in (("before", (0, 1)), ("after", (1, 0))):
        path, parts = tmp_path / name, []
        functions = checkpointed(path, every=2), watch(3, BATCH, parts.append, key=NOISE_KEY)
        pipe(run(first(), steps=5), *[functions[place] for place in order], last)
        final = pipe(run(load(path)), *[functions[place] for place in order], last)
        assert tree.equal((final.params, final.opt), (whole[-1].params, whole[-1].opt))
        assert load(path).step == final.step == STEPS
        assert parts == seen  # the run went on from step 5, so no step was seen twice


def test_a_step_that_was_seen_twice_was_seen_the_same():
    run_of_six = list(run(first(), steps=6))
    seen = looks(run_of_six)[1] + looks(run(pickle.loads(pickle.dumps(run_of_six[3]))))[1]
    assert [each.step for each in seen] == [0, 3, 6, 3, 6]
    assert (seen[1], seen[2]) == (seen[3], seen[4])


def test_what_was_seen_is_there_when_the_run_diverges():
    step = train_step(mse, sgd(3.0))
    x = np.ones((4, 2))
    seen = []
    net = dense(1)(Key(0), x)
    with pytest.raises(Diverged) as caught:
        last(watch(10, (x, x[:, :1]), seen.append, mse)(states(step, start(net, sgd(3.0)), [(x, x[:, :1])] * 10_000)))
    assert [each.step for each in seen] == list(range(0, caught.value.step + 1, 10))
    assert seen[-1].found.leaves[0].gradient > 1e6 * seen[0].found.leaves[0].gradient


def test_of_averages_the_averages_are_seen():
    averages = list(ema(0.5)(run(first())))
    passed, seen = looks(averages)
    assert all(type(each) is Averaged for each in passed)
    assert seen[1].found == diagnose(averages[3].params, BATCH, key=fold_in(NOISE_KEY, 3))
    assert seen[1] != looks(run(first()))[1][1]


def test_of_an_ensemble_each_member_is_seen_as_in_its_run_alone():
    n, keys = 3, split(NOISE_KEY, 3)
    nets, shuffles = ensemble(NET, n)(INIT_KEY, DATA[0][:1]), split(DATA_KEY, 3)
    together, seen = (
        states(train_step(cross_entropy, OPTIMIZER, keys), start(nets, OPTIMIZER), epochs(DATA, 5, shuffles)),
        [],
    )
    last(watch(2, replicate(BATCH, n), seen.append, key=keys)(take(5, together)))
    assert [each.step for each in seen] == [0, 2, 4]
    for i, net in enumerate(members(nets)):
        alone, own = (
            states(train_step(cross_entropy, OPTIMIZER, keys[i]), start(net, OPTIMIZER), epochs(DATA, 5, shuffles[i])),
            [],
        )
        last(watch(2, BATCH, own.append, key=keys[i])(take(5, alone)))
        assert [each.found.members[i] for each in seen] == [each.found for each in own]
    one_key = []
    list(watch(1, replicate(BATCH, n), one_key.append, key=NOISE_KEY)([start(nets, OPTIMIZER)]))
    assert one_key[0] == seen[0]  # a single key stands for split(key, n)


def test_a_look_can_be_kept_in_a_file():
    _, seen = looks(run(first()))
    assert pickle.loads(pickle.dumps(seen)) == seen


def elements(*stream):
    return lambda: list(watch(1, BATCH, repr)(stream))


ROWS = [
    (lambda: watch(0, BATCH, repr), ValueError, "watch: every must be at least 1, got 0"),
    (lambda: watch(2.5, BATCH, repr), TypeError, "watch: every must be an integer, got float 2.5"),
    (
        lambda: watch(1, BATCH, []),
        TypeError,
        "watch expects a function of what is found, say append of a list, got list []",
    ),
    (lambda: watch(1, BATCH, repr, key=3), TypeError, "watch expects a key, got int 3…"),
    (lambda: watch(1, BATCH, repr, key=(Key(0), 3)), TypeError, "watch expects …key…int 3…"),
    (elements(3), TypeError, "watch expects states, records with params and an integer step, got int 3"),
    (elements(relu), TypeError, "watch expects states, records with params and an integer step, got Relu()"),
    (elements(Watched(0, None)), TypeError, "watch expects states, records with params and an integer step, got …"),
    (
        lambda: list(watch(1, BATCH, repr, key=(Key(0),))([first()])),
        TypeError,
        "watch expects a key, got tuple …",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)


def test_the_error_of_a_diagnosis_comes_at_the_first_state():
    with pytest.raises(TypeError, match="a batch is"):
        next(watch(5, 3, repr)(run(first())))
    with pytest.raises(ValueError, match=r"ensemble of 2 expects x \(2, rows, ...\).*write replicate\(x, 2\)"):
        next(watch(5, BATCH, repr)([start(ensemble(NET, 2)(INIT_KEY, DATA[0][:1]), fnn.sgd(0.1))]))
