"""Optimizers at the edges of float16 and float32: right, or ``Diverged`` at that step; never NaN, never a silent stall.

The references are the formulas in double precision, one number at a time.
"""

import math

import numpy as np
import pytest

from fnn import (
    Dense,
    Diverged,
    Key,
    Serial,
    State,
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
    lion,
    load,
    mae,
    nadam,
    relu,
    rmsprop,
    save,
    schedules,
    serial,
    sgd,
    start,
    train_step,
    tree,
    updated,
    weight_decay,
)
from fnn.core._flat import all_finite
from tests.each_of import each_of

STEPS = 20
RATE = 0.01
EDGES = [0.0, 1e-30, 1e-7, -1e-3, 1.0, -300.0, 1e4, 6e4, 1e20, -1e30, 3e38]


def adaptive(g, p, m=0.0, s=0.0, decay=0.0):
    for t in range(1, STEPS + 1):
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        p -= RATE * (m / (1 - 0.9**t) / (math.sqrt(s / (1 - 0.999**t)) + 1e-8) + decay * p)
    return p


def root_mean_square(g, p, s=0.0, v=0.0, momentum=0.0):
    for _ in range(STEPS):
        s = 0.9 * s + 0.1 * g * g
        v = momentum * v + g / (math.sqrt(s) + 1e-8)
        p -= RATE * v
    return p


def largest_so_far(g, p, m=0.0, s=0.0, largest=0.0):
    for t in range(1, STEPS + 1):
        m, s = 0.9 * m + 0.1 * g, 0.5 * s + 0.5 * g * g
        largest = max(largest, s)
        p -= RATE * m / (1 - 0.9**t) / (math.sqrt(largest / (1 - 0.5**t)) + 1e-8)
    return p


def standard_deviation(g, p, m=0.0, s=0.0):
    for _ in range(STEPS):
        s, m = 0.9 * (s + 0.1 * (g - m) ** 2), m + 0.1 * (g - m)
        p -= RATE * g / (math.sqrt(s) + 1e-8)
    return p


def ahead(g, p, m=0.0, s=0.0, product=1.0):
    def mu(t):
        return 0.9 * (1 - 0.5 * 0.96 ** (0.004 * t))

    for t in range(1, STEPS + 1):
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        product *= mu(t)
        mean = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        p -= RATE * mean / (math.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return p


def largest_gradient(g, p, m=0.0, u=0.0):
    for t in range(1, STEPS + 1):
        m, u = 0.9 * m + 0.1 * g, max(0.999 * u, abs(g) + 1e-8)
        p -= RATE * m / (1 - 0.9**t) / u
    return p


def in_units_of_updates(g, p, s=0.0, u=0.0):
    for _ in range(STEPS):
        s = 0.9 * s + 0.1 * g * g
        d = math.sqrt(u + 1e-6) / math.sqrt(s + 1e-6) * g
        u = 0.9 * u + 0.1 * d * d
        p -= d
    return p


def signs(g, p):
    for _ in range(STEPS):
        p -= RATE * ((g > 0) - (g < 0))
    return p


def sum_of_squares(g, p, s=0.0):
    for _ in range(STEPS):
        s += g * g
        p -= RATE * g / (math.sqrt(s) + 1e-10)
    return p


def heavy_ball(g, p, v=0.0, nesterov=False):
    for _ in range(STEPS):
        v = 0.9 * v + g
        p -= RATE * (g + 0.9 * v if nesterov else v)
    return p


def plain(g, p, decay=0.0):
    for _ in range(STEPS):
        p -= RATE * (g + decay * p)
    return p


def limited(limit):
    return lambda g, p: plain(max(-limit, min(g, limit)), p)


RULES = {
    "adam": (adam(RATE), adaptive),
    "adamw": (adamw(RATE, 0.1), lambda g, p: adaptive(g, p, decay=0.1)),
    "rmsprop": (rmsprop(RATE), root_mean_square),
    "rmsprop with momentum": (rmsprop(RATE, momentum=0.9), lambda g, p: root_mean_square(g, p, momentum=0.9)),
    "adagrad": (adagrad(RATE), sum_of_squares),
    "amsgrad": (adam(RATE, b2=0.5, amsgrad=True), largest_so_far),
    "centered": (rmsprop(RATE, centered=True), standard_deviation),
    "nadam": (nadam(RATE), ahead),
    "adamax": (adamax(RATE), largest_gradient),
    "adadelta": (adadelta(), in_units_of_updates),
    "lion": (lion(RATE, 0.0), signs),
    "sgd": (sgd(RATE), plain),
    "momentum": (sgd(RATE, momentum=0.9), heavy_ball),
    "nesterov": (sgd(RATE, momentum=0.9, nesterov=True), lambda g, p: heavy_ball(g, p, nesterov=True)),
    "decayed": (chain(weight_decay(1e-2), sgd(RATE)), lambda g, p: plain(g, p, decay=1e-2)),
    "clipped": (chain(clip(0.5), sgd(RATE)), limited(0.5)),
    "clipped by norm": (chain(clip_by_global_norm(0.5), sgd(RATE)), limited(0.5)),
    "accumulated": (accumulate_gradients(1, adam(RATE)), adaptive),
    "in a schedule": (sgd(schedules.constant(RATE)), plain),
}


FLOAT32 = float(np.finfo(np.float32).max)
REMEMBER_NO_SQUARE = [
    "adamax",
    "lion",
    "sgd",
    "momentum",
    "nesterov",
    "decayed",
    "clipped",
    "clipped by norm",
    "in a schedule",
]


def run(optimizer, state, g):
    """Some steps with one gradient; whatever it ends with, the state before is good, and it is not at a standstill."""
    for _ in range(STEPS):
        after = updated(optimizer)((state, 1.0, Serial((g,))))
        assert all_finite((after.params, after.opt))
        state = after
    return state


@pytest.mark.long
@each_of("dtype", [np.float16, np.float32])
@each_of("gradient", EDGES)
@each_of("name", RULES)
def test_a_gradient_at_the_edge_is_right_or_diverges_at_that_step(name, gradient, dtype):
    optimizer, reference = RULES[name]
    with np.errstate(all="ignore"):
        g = np.array([gradient], dtype)
        if not np.isfinite(g).all():
            return
        state = start(Serial((np.array([0.5], dtype),)), optimizer)
        exact = float(g[0])
        expected = reference(exact, 0.5)
        # What is remembered is in float32 at least, and can hold no larger square, or sum of gradients.
        overflows = exact**2 * STEPS > FLOAT32 and name not in REMEMBER_NO_SQUARE
        may_diverge = overflows or max(abs(expected), abs(exact) * 20) > np.finfo(dtype).max
        try:
            state = run(optimizer, state, g)
        except Diverged:
            assert may_diverge
            return
    (found,) = state.params.layers
    assert found.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    assert abs(float(found[0]) - expected) <= 2 * STEPS * eps * max(abs(expected), 0.5), (found, expected)
    assert all_finite(state.opt)


LATER = accumulate_gradients(2, adam())


def test_a_square_that_overflows_is_found_at_that_step_however_small_the_loss():
    x = np.array([[1e20, 1], [1, 2]], np.float32)
    for optimizer in (adam(0.01), rmsprop(), adagrad(), LATER):
        state = start(Dense(np.zeros((2, 1), np.float32), np.zeros(1, np.float32)), optimizer)
        step = train_step(mae, optimizer)
        if optimizer.init is LATER.init:
            state = step(state, (x, x[:, 1:]))
        with pytest.raises(Diverged, match="memory"), np.errstate(all="ignore"):
            step(state, (x, x[:, 1:]))
        assert all_finite(state.opt)


def test_a_sum_of_gradients_that_overflows_is_found_before_it_is_used():
    optimizer = accumulate_gradients(4, sgd(0.1))
    state = start((np.zeros(1, np.float32),), optimizer)
    state = updated(optimizer)((state, 1.0, (np.array([3e38], np.float32),)))
    with pytest.raises(Diverged), np.errstate(all="ignore"):
        updated(optimizer)((state, 1.0, (np.array([3e38], np.float32),)))


@each_of("dtype", [np.float16, np.float32])
@each_of("size", [1, 70_000])
@each_of("value", [1e-40, 1e-30, 6e-8, 1e-3, 1.0, 6e4, 1e30])
@each_of("limit", [1e-20, 1e-3, 1.0])
def test_the_norm_of_a_clip_is_right_at_the_edges(limit, value, size, dtype):
    with np.errstate(all="ignore"):
        g = np.full(size, value, dtype)
    if not np.isfinite(g).all() or (dtype is np.float16 and limit == 1e-20):
        return
    (found,), _ = clip_by_global_norm(limit).update((g,), (), (g,), 0)
    exact = g.astype(np.float64)
    norm = math.sqrt(math.fsum(exact**2))
    expected = exact * (limit / norm) if norm > limit else exact
    tiny = float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=4 * np.finfo(dtype).eps, atol=2 * tiny)


@pytest.mark.long
def test_a_float16_network_trains_and_resumes_to_the_bit(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float16)
    target = (x[:, 0] > 0).astype(int)
    net = serial(dense(8), relu, dense(2))(Key(0), x)
    for optimizer in (adam(0.01), sgd(0.1, momentum=0.9), accumulate_gradients(2, rmsprop(0.01))):
        whole = fit(cross_entropy, optimizer, start(net, optimizer), (x, target), steps=60, size=8, key=Key(1))
        assert {leaf.dtype for leaf in tree.leaves(whole.params)} == {np.dtype(np.float16)}
        assert {leaf.dtype for leaf in tree.leaves(whole.opt)} == {np.dtype(np.float32)}
        assert whole.loss < 0.5
        save(
            tmp_path / "run.fnn",
            fit(cross_entropy, optimizer, start(net, optimizer), (x, target), steps=31, size=8, key=Key(1)),
        )
        again = fit(cross_entropy, optimizer, load(tmp_path / "run.fnn"), (x, target), steps=29, size=8, key=Key(1))
        assert tree.equal((again.params, again.opt), (whole.params, whole.opt))


def test_a_network_of_several_dtypes_remembers_nothing_in_float16():
    net = Dense(np.ones((2, 2), np.float16), np.zeros(2, np.float32))
    optimizer = adam(0.1)
    state = updated(optimizer)((start(net, optimizer), 1.0, Dense(np.full((2, 2), 1e-3, np.float16), net.bias)))
    assert type(state) is State
    assert state.params.weight.dtype == np.float16
    assert state.opt[0].square.weight.dtype == np.float32
    np.testing.assert_allclose(state.opt[0].square.weight, 1e-9, rtol=1e-2)
    np.testing.assert_allclose(state.params.weight.astype(float), 0.9, rtol=1e-3)
    assert descend(0.1).init(net) == ()
