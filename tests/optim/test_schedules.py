"""Laws of schedules: a float for every step, what paper and pencil say, no jump where two pieces meet, no end."""

import math
import pickle
import re
from itertools import pairwise

import numpy as np
import pytest

from fnn import descend, schedules, tree
from fnn.optim.schedules import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_time,
    join,
    one_cycle,
    piecewise,
    polynomial,
    warmup,
)
from tests.each_of import each_of


def own(step):
    """A schedule of one's own, careless about its type."""
    return np.float64(0.1) / (1 + step)


ALL = {
    "constant": constant(0.1),
    "piecewise": piecewise([30, 60], [0.1, 0.01, 0.001]),
    "exponential": exponential(0.1, 0.9, steps=10),
    "exponential, staircase": exponential(0.1, 0.9, steps=10, staircase=True),
    "inverse_time": inverse_time(0.1, 0.5, steps=10),
    "cosine": cosine(0.1, 100, end=0.001),
    "warmup, number": warmup(10, 0.1),
    "warmup, schedule": warmup(10, cosine(0.1, 90), start=0.01),
    "warmup, own": warmup(10, own, start=0.2),
    "one_cycle": one_cycle(0.1, 100),
    "polynomial": polynomial(0.1, 100, 2.0, end=0.001),
    "cosine_restarts": cosine_restarts(0.1, 10, growth=2, end=0.001),
    "join": join([0.1, polynomial(0.2, 30), own], [20, 50]),
}
each_schedule = each_of("schedule", ALL.values(), ids=ALL)


# --- laws of every schedule ------------------------------------------------------------------------------------------


@each_schedule
def test_a_learning_rate_is_a_python_float_whatever_integer_the_step_is(schedule):
    for step in range(120):
        rate = schedule(step)
        assert type(rate) is type(schedule(np.int64(step))) is float
        assert rate == schedule(np.int64(step))
        assert 0 <= rate <= 0.2


@each_of("one", [1, np.float64(1), np.float32(1), np.int64(1)])
def test_rates_given_as_any_kind_of_number_come_back_as_python_floats(one):
    flat = constant(one), piecewise([2], [one, one]), exponential(one, one), inverse_time(one, 0), cosine(one, 9, one)
    for schedule in (*flat, warmup(3, one, one), one_cycle(one, 9, 0, one, one)):
        rates = [schedule(step) for step in range(20)]
        assert rates == [1.0] * 20
        assert {type(rate) for rate in rates} == {float}


@each_schedule
def test_float32_gradients_stay_float32_under_it(schedule):
    gradient = np.ones(3, np.float32)
    for step in (0, 50, 500):
        assert descend(schedule).update(gradient, (), gradient, step)[0].dtype == np.float32


@each_schedule
def test_schedules_pickle(schedule):
    again = pickle.loads(pickle.dumps(schedule))
    assert [again(step) for step in range(120)] == [schedule(step) for step in range(120)]


@each_schedule
def test_the_rate_depends_on_the_step_alone(schedule):
    forwards = [schedule(step) for step in range(120)]
    assert [schedule(step) for step in reversed(range(120))] == forwards[::-1]


@each_of("name", ["constant", "piecewise", "cosine", "one_cycle", "warmup, number", "warmup, schedule"])
def test_past_its_end_a_schedule_holds_its_last_value(name):
    last = {"constant": 0.1, "piecewise": 0.001, "cosine": 0.001, "one_cycle": 4e-7, "warmup, number": 0.1}
    for step in (100, 101, 1000, 10**9):
        assert ALL[name](step) == pytest.approx(last.get(name, 0.0), rel=1e-14)


@each_of("name", ["exponential", "cosine", "one_cycle", "warmup, number", "warmup, schedule"])
def test_from_one_step_to_the_next_it_goes_a_little(name):
    rates = [ALL[name](step) for step in range(120)]
    assert max(abs(b - a) for a, b in pairwise(rates)) <= 0.1 / 10 + 1e-12


def test_the_namespace_names_all_of_them():
    constructors = {"constant", "piecewise", "exponential", "inverse_time", "cosine", "warmup", "one_cycle"}
    constructors |= {"polynomial", "cosine_restarts", "join"}
    assert set(schedules.__all__) == constructors
    assert all(callable(getattr(schedules, name)) for name in constructors)


# --- each, by hand ---------------------------------------------------------------------------------------------------


def test_piecewise_changes_at_the_boundary_itself():
    schedule = piecewise([3, 4, 10], [8, 4, 2, 1])
    assert [schedule(step) for step in range(12)] == [8, 8, 8, 4, 2, 2, 2, 2, 2, 2, 1, 1]
    assert piecewise([], [0.5])(7) == 0.5
    assert piecewise(np.array([2]), (1, 0))(2) == 0.0


def test_exponential_multiplies_by_the_factor_every_so_many_steps():
    schedule = exponential(0.8, 0.25, steps=2)
    np.testing.assert_allclose([schedule(step) for step in range(5)], [0.8, 0.4, 0.2, 0.1, 0.05], rtol=1e-15)
    staircase = exponential(0.8, 0.25, steps=2, staircase=True)
    np.testing.assert_allclose([staircase(step) for step in range(5)], [0.8, 0.8, 0.2, 0.2, 0.05], rtol=1e-15)
    rising = exponential(1e-5, 10, steps=100)
    np.testing.assert_allclose([rising(step) for step in (0, 50, 300)], [1e-5, math.sqrt(10) * 1e-5, 0.01], rtol=1e-14)
    assert exponential(0.1, 0.5)(10**6) == 0.0


def test_inverse_time_is_a_half_and_a_third_where_the_denominator_is_two_and_three():
    schedule = inverse_time(0.6, 0.5, steps=10)
    np.testing.assert_allclose([schedule(step) for step in (0, 10, 20, 40)], [0.6, 0.4, 0.3, 0.2], rtol=1e-15)
    assert inverse_time(0.6, 0.0)(1000) == 0.6


def test_cosine_is_at_the_known_values_at_each_third_and_quarter():
    root = math.sqrt(0.5)
    quarters = [1.0, 0.5 + root / 2, 0.5, 0.5 - root / 2, 0.0]
    np.testing.assert_allclose([cosine(1.0, 8)(step) for step in (0, 2, 4, 6, 8)], quarters, atol=1e-15)
    thirds = [cosine(0.5, 300, end=0.1)(step) for step in (0, 100, 200, 300)]
    np.testing.assert_allclose(thirds, [0.5, 0.4, 0.2, 0.1], rtol=1e-15)


def test_cosine_is_exact_at_both_ends_and_may_rise():
    for rate, end in ((0.1, 0.001), (0.3, 0.1), (1e-5, 0.7)):
        schedule = cosine(rate, 7, end=end)
        assert (schedule(0), schedule(7), schedule(8)) == (rate, end, end)
    rising = [cosine(0.0, 10, end=1.0)(step) for step in range(11)]
    assert rising == sorted(rising)


def test_warmup_is_a_line_and_then_the_schedule_from_its_own_beginning():
    schedule = warmup(4, piecewise([2], [0.4, 0.1]))
    rates = [schedule(step) for step in range(8)]
    np.testing.assert_allclose(rates, [0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.1, 0.1], rtol=1e-15)
    falling = warmup(2, 0.1, start=0.5)
    np.testing.assert_allclose([falling(step) for step in range(4)], [0.5, 0.3, 0.1, 0.1], rtol=1e-15)
    assert warmup(1, 0.1)(0) == 0.0
    assert warmup(1, 0.1)(1) == 0.1


def test_warmups_nest():
    schedule = warmup(2, warmup(2, 1.0, start=0.5))
    assert [schedule(step) for step in range(6)] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_one_cycle_begins_at_peak_over_first_tops_out_and_ends_at_that_over_last():
    schedule = one_cycle(1.0, 11, warm=5 / 11, first=10, last=100)  # the top is at step 4, the end at step 10
    np.testing.assert_allclose(schedule(0), 0.1, rtol=1e-14)
    np.testing.assert_allclose(schedule(2), 0.55, rtol=1e-14)
    np.testing.assert_allclose(schedule(4), 1.0, rtol=1e-14)
    np.testing.assert_allclose(schedule(7), (1.0 + 0.001) / 2, rtol=1e-13)
    np.testing.assert_allclose([schedule(10), schedule(11), schedule(500)], 0.001, rtol=1e-14)
    rates = [schedule(step) for step in range(11)]
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)


@each_of(("steps", "warm"), [(1, 0.0), (1, 0.3), (2, 0.5), (10, 0.1), (10, 0.0), (10, 0.9999)])
def test_the_shortest_rises_and_falls_divide_by_nothing(steps, warm):
    schedule = one_cycle(1.0, steps, warm=warm)
    rates = [schedule(step) for step in range(steps + 2)]
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[-2:] == [1 / 25 / 1e4] * 2


def test_an_optimizer_takes_it_as_its_rate():
    optimizer, params = descend(piecewise([1], [0.5, 0.25])), (np.ones(2),)
    updates = [optimizer.update(params, (), params, step)[0] for step in range(2)]
    assert tree.allclose((updates[0], updates[1]), ((np.full(2, -0.5),), (np.full(2, -0.25),)))


# --- mistakes --------------------------------------------------------------------------------------------------------


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: constant(-0.1), ValueError, "constant: the learning rate must be at least 0 and finite, got -0.1"),
        (lambda: constant(math.nan), ValueError, "constant: the learning rate must be at least 0 and finite, got nan"),
        (lambda: constant(math.inf), ValueError, "constant: the learning rate must be at least 0 and finite, got inf"),
        (lambda: constant("0.1"), TypeError, "constant: the learning rate must be a number, got str '0.1'"),
        (
            lambda: constant(constant),
            TypeError,
            "constant: the learning rate must be a number, got the function constant",
        ),
        (lambda: piecewise([3, 3], [1, 1, 1]), ValueError, "piecewise: the boundaries must increase, got list [3, 3]"),
        (lambda: piecewise([3, 2], [1, 1, 1]), ValueError, "piecewise: the boundaries must increase, got list [3, 2]"),
        (lambda: piecewise([0], [1, 1]), ValueError, "piecewise: each boundary must be at least 1, got 0"),
        (lambda: piecewise([2.0], [1, 1]), TypeError, "each boundary must be an integer, got float 2.0"),
        (
            lambda: piecewise([2], [1, -1]),
            ValueError,
            "piecewise: each learning rate must be at least 0 and finite, got -1",
        ),
        (lambda: piecewise([2], [1]), ValueError, "one learning rate more than boundaries, 2 for 1 boundaries, got 1"),
        (
            lambda: piecewise([2], [1, 1, 1]),
            ValueError,
            "one learning rate more than boundaries, 2 for 1 boundaries, got 3",
        ),
        (lambda: piecewise(np.array(2), [1, 1]), TypeError, "a list of boundaries, got int64 array (); write [2]"),
        (lambda: piecewise(2, [1, 1]), TypeError, "piecewise expects a list of boundaries, got int 2; write [2]"),
        (
            lambda: piecewise([], 0.5),
            TypeError,
            "piecewise expects a list of learning rates, got float 0.5; write [0.5]",
        ),
        (
            lambda: exponential(-1, 0.5),
            ValueError,
            "exponential: the learning rate must be at least 0 and finite, got -1",
        ),
        (lambda: exponential(1, 0), ValueError, "exponential: the factor must be above 0, got 0"),
        (lambda: exponential(1, -0.5), ValueError, "exponential: the factor must be at least 0 and finite, got -0.5"),
        (lambda: exponential(1, 0.5, 0), ValueError, "exponential: steps must be at least 1, got 0"),
        (lambda: exponential(1, 0.5, 1.5), TypeError, "exponential: steps must be an integer, got float 1.5"),
        (
            lambda: inverse_time(-1, 1),
            ValueError,
            "inverse_time: the learning rate must be at least 0 and finite, got -1",
        ),
        (lambda: inverse_time(1, -1), ValueError, "inverse_time: the decay must be at least 0 and finite, got -1"),
        (lambda: inverse_time(1, 1, 0), ValueError, "inverse_time: steps must be at least 1, got 0"),
        (lambda: cosine(-1, 10), ValueError, "cosine: the learning rate must be at least 0 and finite, got -1"),
        (lambda: cosine(1, 0), ValueError, "cosine: steps must be at least 1, got 0"),
        (lambda: cosine(1, 10, -1), ValueError, "cosine: the end must be at least 0 and finite, got -1"),
        (
            lambda: polynomial(0.0, 10),
            ValueError,
            "polynomial: the learning rate or the end must be above 0, got 0: nothing would ever move",
        ),
        (lambda: polynomial(1, 10, 0), ValueError, "polynomial: the power must be above 0, got 0"),
        (lambda: polynomial(1, 0), ValueError, "polynomial: steps must be at least 1, got 0"),
        (lambda: cosine_restarts(1, 0), ValueError, "cosine_restarts: steps must be at least 1, got 0"),
        (lambda: cosine_restarts(1, 5, 1.5), TypeError, "cosine_restarts: growth must be an integer, got float 1.5"),
        (lambda: join([], []), ValueError, "join expects at least one schedule, got []"),
        (lambda: join([0.1, 0.2], [3, 4]), ValueError, "join expects one boundary less than schedules, 1, got 2"),
        (lambda: join([0.1, 0.2, 0.3], [4, 4]), ValueError, "join: the boundaries must increase, got list [4, 4]"),
        (lambda: join([3], [0.1, 0.2]), TypeError, "join: each boundary must be an integer, got float 0.1"),
        (lambda: join(constant(0.1), []), TypeError, "join expects a list of schedules, got the function constant"),
        (lambda: join([0.1, 0.2], 3), TypeError, "join expects a list of boundaries, got int 3; write [3]"),
        (
            lambda: join([0.1, None], [3]),
            TypeError,
            "join: each schedule, if no function, must be a number, got NoneType None",
        ),
        (
            lambda: join([0.1, lambda step: -1.0], [3]),
            ValueError,
            "join: what schedule 1 returns at its step 0 must be at least 0 and finite, got -1.0",
        ),
        (lambda: warmup(0, 0.1), ValueError, "warmup: steps must be at least 1, got 0"),
        (lambda: warmup(0.1, 10), TypeError, "warmup: steps must be an integer, got float 0.1"),
        (lambda: warmup(5, 0.1, -1), ValueError, "warmup: the start must be at least 0 and finite, got -1"),
        (lambda: warmup(5, None), TypeError, "warmup: the schedule, if no function, must be a number, got NoneType"),
        (lambda: warmup(5, lambda step: None), TypeError, "warmup: schedule(0) must be a number, got NoneType None"),
        (
            lambda: warmup(5, lambda step: -1.0),
            ValueError,
            "warmup: schedule(0) must be at least 0 and finite, got -1.0",
        ),
        (lambda: one_cycle(-1, 10), ValueError, "one_cycle: the peak must be at least 0 and finite, got -1"),
        (lambda: one_cycle(1, 0), ValueError, "one_cycle: steps must be at least 1, got 0"),
        (lambda: one_cycle(1, 10, warm=1), ValueError, "one_cycle: warm must be at least 0 and below 1, got 1"),
        (lambda: one_cycle(1, 10, warm=-0.1), ValueError, "one_cycle: warm must be at least 0 and below 1, got -0.1"),
        (lambda: one_cycle(1, 10, first=0), ValueError, "one_cycle: first must be above 0, got 0"),
        (lambda: one_cycle(1, 10, last=0.0), ValueError, "one_cycle: last must be above 0, got 0.0"),
    ],
)
def test_a_bad_argument_is_refused_when_the_schedule_is_made(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()
