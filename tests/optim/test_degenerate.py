"""A setting under which nothing is learned is refused when it is set, or at the step at which it shows."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fnn import (
    Dense,
    accumulate_gradients,
    adagrad,
    adam,
    adamw,
    chain,
    clip,
    clip_by_global_norm,
    descend,
    ema,
    freeze,
    rmsprop,
    schedules,
    sgd,
    start,
    trace,
    update,
)
from tests.each_of import each_of

NET = Dense(np.ones((2, 1)), np.zeros(1))
STUCK = ": nothing would ever move"
BOTH = chain(freeze("weight"), freeze("bias"), adam())
REFUSED = [
    (lambda: sgd(0.0), f"descend: the learning rate must be above 0, got 0.0{STUCK}"),
    (lambda: adam(0), f"descend: the learning rate must be above 0, got 0{STUCK}"),
    (lambda: adamw(-1.0), "descend: the learning rate must be at least 0 and finite, got -1.0"),
    (lambda: descend(math.inf), "descend: the learning rate must be at least 0 and finite, got inf"),
    (lambda: descend(math.nan), "descend: the learning rate must be at least 0 and finite, got nan"),
    (lambda: adam(b1=1.0), "adam: b1 must be at least 0 and below 1, got 1.0"),
    (lambda: adam(b2=1.0), "adam: b2 must be at least 0 and below 1, got 1.0"),
    (lambda: rmsprop(decay=1), "scale_by_rms: decay must be at least 0 and below 1, got 1"),
    (lambda: trace(1.0), "trace: decay must be at least 0 and below 1, got 1.0"),
    (lambda: clip(0.0), f"clip: limit must be above 0, got 0.0{STUCK}"),
    (lambda: clip_by_global_norm(0), f"clip_by_global_norm: max_norm must be above 0, got 0{STUCK}"),
    (lambda: accumulate_gradients(0, adam()), "accumulate_gradients: k must be at least 1, got 0"),
    (lambda: ema(1.0), "ema: the decay must be at least 0 and below 1, got 1.0"),
    (lambda: schedules.constant(0.0), f"constant: the learning rate must be above 0, got 0.0{STUCK}"),
    (lambda: schedules.exponential(0.0, 0.5), f"exponential: the learning rate must be above 0, got 0.0{STUCK}"),
    (lambda: schedules.inverse_time(0, 0.5), f"inverse_time: the learning rate must be above 0, got 0{STUCK}"),
    (lambda: schedules.one_cycle(0.0, 9), f"one_cycle: the peak must be above 0, got 0.0{STUCK}"),
    (lambda: schedules.cosine(0.0, 9), f"cosine: the learning rate or the end must be above 0, got 0{STUCK}"),
    (
        lambda: schedules.piecewise([3], [0.0, 0.0]),
        f"piecewise: one of the learning rates must be above 0, got list [0.0, 0.0]{STUCK}",
    ),
    (lambda: schedules.cosine(0.1, 0), "cosine: steps must be at least 1, got 0"),
    (lambda: schedules.warmup(0, 0.1), "warmup: steps must be at least 1, got 0"),
    (lambda: schedules.one_cycle(0.1, 0), "one_cycle: steps must be at least 1, got 0"),
    (lambda: schedules.exponential(0.1, 0.5, 0), "exponential: steps must be at least 1, got 0"),
    (lambda: schedules.exponential(0.1, 0.0), "exponential: the factor must be above 0, got 0.0"),
    (lambda: schedules.inverse_time(0.1, 0.5, 0), "inverse_time: steps must be at least 1, got 0"),
    (
        lambda: update(chain(freeze(""), sgd(0.1)), NET, start(NET, chain(freeze(""), sgd(0.1)))),
        "freeze: str '' leaves nothing to train; there are weight, bias",
    ),
    (
        lambda: chain(freeze("weight"), freeze("bias"), adam()).update(
            NET, chain(adam(), adam(), adam()).init(NET), NET, 0
        ),
        "freeze: str 'weight' leaves nothing to train; there are weight, bias",
    ),
    (
        lambda: descend(schedules.exponential(1e-6, 1.1)).update(NET, (), NET, 8000),
        "descend: what the schedule, the function exponential, returns at step 8000 must be at least 0 and finite, "
        "got inf",
    ),
    (
        lambda: descend(lambda step: -0.1).update(NET, (), NET, 3),
        "descend: what the schedule, the function <lambda>, returns at step 3 must be at least 0 and finite, got -0.1",
    ),
    (
        lambda: descend(lambda step: math.nan).update(NET, (), NET, 3),
        "descend: what the schedule, the function <lambda>, returns at step 3 must be at least 0 and finite, got nan",
    ),
]


@each_of(("call", "words"), REFUSED, ids=[words[:50] for _, words in REFUSED])
def test_it_is_refused_in_these_words(call, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (all of the words are compared)
        call()
    assert str(caught.value) == words


def test_a_schedule_may_be_0_where_it_is_not_0_for_ever():
    for schedule in (schedules.warmup(4, 0.1), schedules.cosine(0.0, 4, 0.1), schedules.piecewise([2], [0.0, 0.1])):
        assert schedule(0) == 0
        state = update(sgd(schedule), NET, start(NET, sgd(schedule)))
        assert state.params.weight.tolist() == NET.weight.tolist()


@pytest.mark.parametrize("staircase", [True, False])
def test_a_power_may_overflow_where_the_learning_rate_does_not(staircase):
    schedule = schedules.exponential(1e-300, 10.0, staircase=staircase)
    for step in (0, 100, 299, 308, 309, 400, 600):
        assert schedule(step) == pytest.approx(float(Fraction(10) ** (step - 300)), rel=1e-12)
    assert schedule(609) == math.inf
    assert schedules.exponential(1e-6, 1.1, staircase=staircase)(8000) == math.inf
    assert schedules.exponential(1.0, 0.5, staircase=staircase)(10_000) == 0.0


@each_of("dtype", [np.float16, np.float32, np.float64])
@each_of("make", [lambda: adam(0.1, eps=0), lambda: adagrad(0.1, eps=0), lambda: rmsprop(0.1, eps=0)])
def test_with_an_eps_of_0_a_gradient_of_0_moves_nothing_and_others_as_ever(make, dtype):
    net, gradient = (np.ones(3, dtype),), (np.array([0.0, 0.5, -2.0], dtype),)
    state = update(make(), gradient, start(net, make()))
    assert state.params[0][0] == 1.0
    size = 0.1 / math.sqrt(0.1) if make().init is rmsprop().init or "rms" in repr(make().update) else 0.1
    np.testing.assert_allclose(state.params[0].astype(float), [1, 1 - size, 1 + size], rtol=2 * np.finfo(dtype).eps)
