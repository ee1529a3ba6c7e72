"""The schedules of PyTorch and Optax that mean the same give the same numbers, at every step."""

import numpy as np
import pytest

from fnn import Dense, Key, mse, plateau, sgd, start, states, train_step
from fnn.core.keys import normals
from fnn.optim.schedules import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    join,
    one_cycle,
    piecewise,
    polynomial,
    warmup,
)

STEPS = 120


def torchs(make, rate, steps=STEPS):
    """The rates that a scheduler of PyTorch sets, step by step."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler, rates = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(schedule, steps=STEPS):
    return pytest.approx([schedule(step) for step in range(steps)], rel=1e-12, abs=1e-15)


def test_exponential_is_pytorchs_exponential_and_with_a_staircase_its_step_schedule():
    assert torchs(lambda lr, o: lr.ExponentialLR(o, 0.95), 0.1) == ours(exponential(0.1, 0.95))
    assert torchs(lambda lr, o: lr.StepLR(o, 7, 0.5), 0.1) == ours(exponential(0.1, 0.5, 7, staircase=True))


def test_piecewise_is_pytorchs_milestones():
    expected = torchs(lambda lr, o: lr.MultiStepLR(o, [30, 31, 90], 0.1), 0.5)
    assert expected == ours(piecewise([30, 31, 90], [0.5, 0.05, 0.005, 0.0005]))


@pytest.mark.parametrize("end", [0.0, 0.003])
def test_cosine_is_pytorchs_annealing_over_its_period(end):
    expected = torchs(lambda lr, o: lr.CosineAnnealingLR(o, STEPS, eta_min=end), 0.1, STEPS + 1)
    assert expected == ours(cosine(0.1, STEPS, end), STEPS + 1)


@pytest.mark.parametrize("steps", [3, 10, 101])
@pytest.mark.parametrize("warm", [0.0, 0.25, 0.3, 0.9])
@pytest.mark.parametrize(("first", "last"), [(25.0, 1e4), (10.0, 3.0)])
def test_one_cycle_is_pytorchs_rate(steps, warm, first, last):
    expected = torchs(
        lambda lr, o: lr.OneCycleLR(
            o, 0.1, steps, pct_start=warm, div_factor=first, final_div_factor=last, cycle_momentum=False
        ),
        0.1,
        steps,
    )
    assert expected == ours(one_cycle(0.1, steps, warm, first, last), steps)


def test_warmup_is_pytorchs_line_and_then_the_next_schedule():
    def make(lr, optimizer):
        line = lr.LinearLR(optimizer, 0.1, 1.0, 20)
        return lr.SequentialLR(optimizer, [line, lr.ExponentialLR(optimizer, 0.9)], [20])

    assert torchs(make, 0.5) == ours(warmup(20, exponential(0.5, 0.9), start=0.05))


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_polynomial_is_pytorchs(power):
    assert torchs(lambda lr, o: lr.PolynomialLR(o, 50, power), 0.1) == ours(polynomial(0.1, 50, power))


@pytest.mark.parametrize("growth", [1, 2, 3])
@pytest.mark.parametrize(("steps", "end"), [(1, 0.0), (7, 0.003)])
def test_cosine_restarts_is_pytorchs_with_warm_restarts(growth, steps, end):
    expected = torchs(lambda lr, o: lr.CosineAnnealingWarmRestarts(o, steps, growth, eta_min=end), 0.1)
    assert expected == ours(cosine_restarts(0.1, steps, growth, end))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("patience", "factor", "minimum", "min_delta"), [(1, 0.5, 0.0, 0.0), (3, 0.1, 1e-3, 0.2)])
def test_plateau_is_pytorchs_by_absolute_thresholds(seed, patience, factor, minimum, min_delta):
    torch = pytest.importorskip("torch")
    scores = np.round(normals(Key(seed), 60), 1)
    scores[5::17] = np.nan
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    settings = {"factor": factor, "patience": patience - 1, "threshold": min_delta, "min_lr": minimum, "eps": 0.0}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, threshold_mode="abs", **settings)
    expected, x = [], np.zeros((1, 1))
    for score in scores:
        scheduler.step(float(score))
        expected.append(optimizer.param_groups[0]["lr"])
    ours = plateau(
        lambda rate: train_step(mse, sgd(rate)), 0.5, lambda state: float(scores[state.step - 1]), every=1,
        patience=patience, factor=factor, minimum=minimum, min_delta=min_delta,
    )  # fmt: skip
    run = list(states(ours, start(Dense(x, x[0]), sgd(0.5)), [(x, x)] * 60))[1:]
    assert [state.learning_rate for state in run] == pytest.approx(expected, rel=1e-12)


# Computed in double precision by Optax too: its own default is float32.
OPTAX = {
    "constant": (lambda o: o.constant_schedule(0.1), constant(0.1)),
    "piecewise": (
        lambda o: o.piecewise_constant_schedule(0.5, {30: 0.1, 31: 0.5, 90: 0.2}),
        piecewise([30, 31, 90], [0.5, 0.05, 0.025, 0.005]),
    ),
    "exponential": (lambda o: o.exponential_decay(0.1, 7, 0.8), exponential(0.1, 0.8, 7)),
    "exponential, rising": (lambda o: o.exponential_decay(1e-5, 10, 1.5), exponential(1e-5, 1.5, 10)),
    "exponential, staircase": (
        lambda o: o.exponential_decay(0.1, 7, 0.8, staircase=True),
        exponential(0.1, 0.8, 7, staircase=True),
    ),
    "cosine": (lambda o: o.cosine_decay_schedule(0.1, 100), cosine(0.1, 100)),
    "cosine, end": (lambda o: o.cosine_decay_schedule(0.1, 100, alpha=0.02), cosine(0.1, 100, 0.002)),
    "polynomial": (lambda o: o.polynomial_schedule(0.1, 0.003, 2.5, 60), polynomial(0.1, 60, 2.5, 0.003)),
    "polynomial, rising": (lambda o: o.linear_schedule(0.01, 0.1, 60), polynomial(0.01, 60, end=0.1)),
    "join": (
        lambda o: o.join_schedules(
            [o.constant_schedule(0.3), o.cosine_decay_schedule(0.1, 20), o.exponential_decay(0.2, 5, 0.5)], [10, 60]
        ),
        join([0.3, cosine(0.1, 20), exponential(0.2, 0.5, 5)], [10, 60]),
    ),
    "warmup": (
        lambda o: o.join_schedules([o.linear_schedule(0.01, 0.1, 20), o.cosine_decay_schedule(0.1, 60)], [20]),
        warmup(20, cosine(0.1, 60), start=0.01),
    ),
    "warmup, cosine": (
        lambda o: o.warmup_cosine_decay_schedule(0.0, 0.1, 20, 100, end_value=0.001),
        warmup(20, cosine(0.1, 80, 0.001)),
    ),
}


@pytest.mark.parametrize(("make", "schedule"), OPTAX.values(), ids=OPTAX)
def test_optaxs_schedules_are_ours(make, schedule):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        theirs = make(optax)
        expected = [float(theirs(step)) for step in range(STEPS)]
    assert expected == ours(schedule)
