"""Runs that diverge, each in a way of its own: all stop at the first bad step and keep the last good state.

The step at which a run must stop is known without the package: a row that is not finite comes at a step that is chosen,
or the same run is taken, in plain NumPy, with the formulas written out.
"""

import math

import numpy as np
import pytest
from toolz import last, pipe

from fnn import (
    Dense,
    Diverged,
    Key,
    adagrad,
    adam,
    adamw,
    binary_cross_entropy,
    chain,
    clip_by_global_norm,
    cross_entropy,
    fit,
    mlp,
    mse,
    rmsprop,
    sgd,
    split,
    start,
    states,
    tanh,
    tap,
    train_step,
    tree,
)
from fnn.checkpoint.checkpointed import checkpointed
from fnn.checkpoint.files import load
from fnn.data import epochs
from tests.each_of import each_of
from tests.laws.cases import numbers

OPTIMIZERS = {
    "sgd": sgd(0.01),
    "momentum": sgd(0.01, momentum=0.9),
    "adam": adam(0.01),
    "adamw": adamw(0.01),
    "rmsprop": rmsprop(0.01),
    "clipped": chain(clip_by_global_norm(1.0), adam(0.01)),
}
X = numbers(12, 3, dtype=np.float32)
LINE = X.sum(axis=1, keepdims=True)
LABELS = np.arange(12) % 3
RUNS = {}


def run(name):
    """Register a run: a function that returns (loss, optimizer, first state, batches, step)."""

    def registered(make):
        assert name not in RUNS
        RUNS[name] = make
        return make

    return registered


# --- a row that is not finite comes at a step that is chosen ---------------------------------------------------------


def spoilt(batch, part, bad):
    """The batch with a number that is not finite in one row of x (part 0) or of the target (part 1)."""
    array = batch[part].copy()
    array[5, 0] = bad
    return tuple(array if place == part else each for place, each in enumerate(batch))


def _bad_rows():
    places = [(0, 0, np.nan), (3, 0, np.inf), (1, 1, np.nan), (7, 1, -np.inf)]
    for name, optimizer in OPTIMIZERS.items():
        for k, part, bad in places[:3] if name == "clipped" else places:

            def make(optimizer=optimizer, k=k, part=part, bad=bad):
                good = X, LINE
                net = mlp(4, 1, activation=tanh)(Key(0), X)
                return mse, optimizer, net, [good] * k + [spoilt(good, part, bad)] + [good] * 3, k

            yield f"{name}, {bad} in {'x' if part == 0 else 'target'} at step {k}", make
    for k, loss, target in ((2, cross_entropy, LABELS), (4, binary_cross_entropy, (LINE > 0).astype(np.float32))):

        def make(k=k, loss=loss, target=target):
            good = X, target
            net = mlp(4, target.max() + 1 if loss is cross_entropy else 1)(Key(0), X)
            return loss, adam(0.01), net, [good] * k + [spoilt(good, 0, np.nan)], k

        yield f"{type(loss).__name__}, nan in x at step {k}", make


for name, make in _bad_rows():
    run(name)(make)


# --- rates that are too high: the same run in plain NumPy -------------------------------------------------------------


def replay(slopes, rule, weight, bias, limit=5000):
    """Take steps until the loss or a parameter is not finite, and return their number."""
    memory = {}
    with np.errstate(all="ignore"):
        for step in range(limit):
            loss, *gradient = slopes(weight, bias)
            new = [
                p + rule(memory, place, p, g, step)
                for place, (p, g) in enumerate(zip((weight, bias), gradient, strict=True))
            ]
            if not (np.isfinite(loss) and all(np.isfinite(each).all() for each in new)):
                return step
            if any(not np.isfinite(each).all() for each in memory.values()):
                return step
            weight, bias = new
    raise AssertionError("the replay did not diverge")


def descent(rate):
    return lambda memory, place, p, g, step: -rate * g


def heavy_ball(rate, momentum, nesterov=False):
    def rule(memory, place, p, g, step):
        v = memory["v", place] = momentum * memory.get(("v", place), 0 * g) + g
        return -rate * (g + momentum * v if nesterov else v)

    return rule


def adaptive(rate, decay=0.0):
    def rule(memory, place, p, g, step):
        m = memory["m", place] = 0.9 * memory.get(("m", place), 0 * g) + (1 - 0.9) * g
        s = memory["s", place] = 0.999 * memory.get(("s", place), 0 * g) + (1 - 0.999) * (g * g)
        t = step + 1
        return -rate * (m / (1 - 0.9**t) / (np.sqrt(s) / math.sqrt(1 - 0.999**t) + 1e-8) + decay * p)

    return rule


def root_mean_square(rate, decay=None):
    def rule(memory, place, p, g, step):
        before = memory.get(("s", place), 0 * g)
        s = memory["s", place] = before + g * g if decay is None else decay * before + (1 - decay) * (g * g)
        return -rate * g / (np.sqrt(s) + 1e-9)

    return rule


def mse_slopes(x, target):
    def slopes(weight, bias):
        d = x @ weight + bias - target
        return np.sum(np.square(d.astype(np.float64)) / d.size), 2 * x.T @ d / len(x), 2 * d.mean(axis=0)

    return slopes


def softmax_slopes(x, labels):
    def slopes(weight, bias):
        z = x @ weight + bias
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(x))
        loss = np.mean(np.log(e.sum(axis=1)) - (z - z.max(axis=1, keepdims=True))[rows, labels])
        d = (p - np.eye(p.shape[1], dtype=x.dtype)[labels]) / len(x)
        return loss, x.T @ d, d.sum(axis=0)

    return slopes


RATES = {
    "sgd": (lambda rate: sgd(rate), descent, 10.0),
    "momentum": (lambda rate: sgd(rate, 0.9), lambda rate: heavy_ball(rate, 0.9), 10.0),
    "nesterov": (lambda rate: sgd(rate, 0.9, True), lambda rate: heavy_ball(rate, 0.9, True), 10.0),
    "adam": (adam, adaptive, 1e20),
    "adamw": (lambda rate: adamw(rate, 100.0), lambda rate: adaptive(rate, 100.0), 1.0),
    "rmsprop": (rmsprop, lambda rate: root_mean_square(rate, 0.9), 1e20),
    "adagrad": (adagrad, root_mean_square, 1e20),
}


def _too_fast():
    for dtype in (np.float32, np.float64):
        for name, (optimizer, rule, rate) in RATES.items():

            def make(dtype=dtype, optimizer=optimizer, rule=rule, rate=rate):
                x, target = X.astype(dtype), LINE.astype(dtype)
                rate = 1e155 if rate == 1e20 and dtype == np.float64 else rate
                weight, bias = numbers(3, 1, seed=7, dtype=dtype), np.zeros(1, dtype)
                step = replay(mse_slopes(x, target), rule(rate), weight, bias)
                return mse, optimizer(rate), Dense(weight, bias), [(x, target)] * (step + 2), step

            yield f"{name}, {np.dtype(dtype)}, too fast on mse", make
    for name, rate in (("sgd", 3e38), ("momentum", 2e38), ("nesterov", 2e38), ("adam", 2e38), ("rmsprop", 3e37)):

        def make(name=name, rate=rate):
            optimizer, rule, _ = RATES[name]
            weight, bias = numbers(3, 3, seed=3, dtype=np.float32), np.zeros(3, np.float32)
            step = replay(softmax_slopes(X, LABELS), rule(rate), weight, bias)
            return cross_entropy, optimizer(rate), Dense(weight, bias), [(X, LABELS)] * (step + 2), step

        yield f"{name}, parameters that overflow on cross-entropy", make


for name, make in _too_fast():
    run(name)(make)


def nothing_bad_in(state):
    return all(np.isfinite(leaf).all() for leaf in tree.leaves((state.params, state.opt)))


@each_of("name", RUNS)
def test_a_run_stops_at_the_first_bad_step_with_the_last_good_state_in_hand_and_on_disk(name, tmp_path):
    loss, optimizer, net, batches, step = RUNS[name]()
    seen = []
    stream = states(train_step(loss, optimizer), start(net, optimizer), batches)
    with pytest.raises(Diverged, match=f"diverged at step {step}: ") as caught:
        pipe(stream, tap(seen.append), checkpointed(tmp_path / "run", every=20), last)
    assert caught.value.step == step
    assert caught.value.state is seen[-1]
    assert seen[-1].step == len(seen) - 1 == step
    assert all(map(nothing_bad_in, seen))
    saved = load(tmp_path / "run")
    assert saved.step == step
    assert nothing_bad_in(saved)
    assert tree.equal((saved.params, saved.opt), (seen[-1].params, seen[-1].opt))


# --- under fit, batches are shuffled: the step is that at which the row comes up ------------------------------------

FITTED = {name: OPTIMIZERS[name] for name in ("sgd", "adam", "rmsprop")}


def step_of_row(row, key, size, steps):
    """The first step whose batch has the row, told by numbers that it alone has."""
    shuffle_key, _ = split(key, 2)
    marks = np.arange(len(X))
    for step, (batch,) in zip(range(steps), epochs((marks,), size, shuffle_key), strict=False):
        if row in batch:
            return step
    raise AssertionError("the row does not come up")


@each_of("name", FITTED)
@each_of("row", [2, 9])
def test_fit_stops_at_the_step_whose_batch_has_the_bad_row(name, row):
    target = LINE.copy()
    target[row] = np.nan
    optimizer, key = FITTED[name], Key(11)
    first = start(mlp(4, 1)(Key(0), X), optimizer)
    step = step_of_row(row, key, 5, 9)
    with pytest.raises(Diverged) as caught:
        fit(mse, optimizer, first, (X, target), steps=9, size=5, key=key)
    assert caught.value.step == caught.value.state.step == step
    assert nothing_bad_in(caught.value.state)
    before = fit(mse, optimizer, first, (X, target), steps=step, size=5, key=key)
    assert tree.equal((before.params, before.opt), (caught.value.state.params, caught.value.state.opt))


def test_an_optimizer_whose_memory_overflows_does_not_go_on_in_silence():
    # The gradient is 1e20, its square is not a float32: divided by infinity, every later update would be 0.
    x, target = np.array([[1e4]], np.float32), np.array([[1e16]], np.float32)
    net = Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    for optimizer in (adam(0.1), rmsprop(0.1), adagrad(0.1), adamw(0.1)):
        state = start(net, optimizer)
        with pytest.raises(Diverged, match="diverged at step 0") as caught:
            train_step(mse, optimizer)(state, (x, target))
        assert math.isfinite(caught.value.loss)
        assert caught.value.state is state


def test_there_are_fifty_such_runs_at_least():
    assert len(RUNS) + 2 * len(FITTED) >= 50
