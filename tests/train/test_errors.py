"""Optimizers, schedules, steps and streams."""

import numpy as np
import pytest

from fnn import (
    Diverged,
    Record,
    Serial,
    accumulate_gradients,
    adagrad,
    adam,
    chain,
    clip,
    early_stopping,
    ema,
    fit,
    freeze,
    history,
    mlp,
    mse,
    progress,
    rmsprop,
    schedules,
    sgd,
    start,
    states,
    tanh,
    tap,
    trace,
    train_step,
    tree,
    until,
    update,
    vjp,
    weight_decay,
)
from fnn.diagnostics.diagnose import diagnose
from tests.errors import check, message
from tests.laws.test_bad_input import KEY, NET, STATE, T, V, X, Y, affine, to_fit


class Vector(Record):
    """A loss that is a number for each row."""


@vjp.register
def vector_vjp(loss: Vector, prediction, target, weights=None):
    return np.zeros(len(prediction)), lambda dvalue: (loss, lambda: np.zeros_like(prediction))


def value_of(transform):
    return update(transform, NET, start(NET, transform))


ROWS = [
    # --- transforms and optimizers ---
    (lambda: chain(adam), T, "chain expects transforms, say clip(1.0) and adam(1e-3), got the function adam"),
    (lambda: freeze(3), T, 'freeze expects a path or a function of one, got int 3; write freeze("layers[0]")'),
    (
        lambda: value_of(chain(freeze("layers[7]"), sgd(1.0))),
        V,
        "freeze: str 'layers[7]' chooses no leaf; there are layers[0].weight, layers[0].bias, "
        "layers[2].weight, layers[2].bias",
    ),
    (
        lambda: value_of(chain(freeze(("layers[7]", "head")), sgd(1.0))),
        V,
        "freeze: tuple ('layers[7]', 'head') chooses no leaf; there are layers[0].weight, "
        "layers[0].bias, layers[2].weight, layers[2].bias",
    ),
    (
        lambda: accumulate_gradients(2, 0.1),
        T,
        "accumulate_gradients expects an optimizer, say adam(1e-3), got float 0.1",
    ),
    (lambda: accumulate_gradients(0, adam()), V, "accumulate_gradients: k must be at least 1, got 0"),
    (
        lambda: sgd(0.1, nesterov=True),
        V,
        "sgd: nesterov needs a momentum above 0; write sgd(rate, momentum=0.9, nesterov=True)",
    ),
    (lambda: clip(0), V, "clip: limit must be above 0, got 0: nothing would ever move"),
    (lambda: weight_decay(-1), V, "decay: rate must be at least 0 and finite, got -1"),
    (lambda: rmsprop(decay=1), V, "scale_by_rms: decay must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(momentum=1), V, "rmsprop: momentum must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(eps=-1), V, "scale_by_rms: eps must be at least 0 and finite, got -1"),
    (lambda: adagrad(eps=-1), V, "scale_by_adagrad: eps must be at least 0 and finite, got -1"),
    (lambda: sgd(0.1, 1.0), V, "sgd: momentum must be at least 0 and below 1, got 1.0"),
    (lambda: adam(b1=1), V, "adam: b1 must be at least 0 and below 1, got 1"),
    (lambda: trace(1), V, "trace: decay must be at least 0 and below 1, got 1"),
    (lambda: adam("fast"), T, "descend: the rate must be a number, got str 'fast'"),
    (
        lambda: update(adam(), NET.layers, STATE),
        V,
        "optimizer: parameters and gradient: trees differ at the root: Serial against tuple",
    ),
    (
        lambda: update(adam(), tree.at("layers[1]", lambda _: tanh, NET), STATE),
        V,
        "optimizer: parameters and gradient: trees differ at layers[1]: Relu against Tanh",
    ),
    (
        lambda: update(adam(), Serial(NET.layers[:1]), STATE),
        V,
        "optimizer: parameters and gradient: trees differ at layers: a tuple of 3 against a tuple of 1",
    ),
    # --- schedules ---
    (lambda: schedules.constant(-1), V, "constant: the rate must be at least 0 and finite, got -1"),
    (lambda: schedules.piecewise(2, [0.1]), T, "piecewise expects a list of boundaries, got int 2; write [2]"),
    (lambda: schedules.piecewise([2], 0.1), T, "piecewise expects a list of rates, got float 0.1; write [0.1]"),
    (
        lambda: schedules.piecewise([4, 2], [0.1, 0.2, 0.3]),
        V,
        "piecewise: the boundaries must increase, got tuple (4, 2)",
    ),
    (
        lambda: schedules.piecewise([2, 4], [0.1, 0.2]),
        V,
        "piecewise expects one rate more than boundaries, 3 rates for 2 boundaries, got 2",
    ),
    (lambda: schedules.piecewise([0], [0.1, 0.2]), V, "piecewise: each boundary must be at least 1, got 0"),
    (lambda: schedules.piecewise([2], [0.1, -0.2]), V, "piecewise: each rate must be at least 0 and finite, got -0.2"),
    (lambda: schedules.exponential(0.1, 0), V, "exponential: the factor must be above 0, got 0"),
    (lambda: schedules.exponential(-1, 0.5), V, "exponential: the rate must be at least 0 and finite, got -1"),
    (lambda: schedules.exponential(0.1, 0.5, steps=0), V, "exponential: steps must be at least 1, got 0"),
    (lambda: schedules.inverse_time(0.1, -1), V, "inverse_time: the decay must be at least 0 and finite, got -1"),
    (lambda: schedules.inverse_time(-1, 0.1), V, "inverse_time: the rate must be at least 0 and finite, got -1"),
    (lambda: schedules.inverse_time(0.1, 0.1, steps=0), V, "inverse_time: steps must be at least 1, got 0"),
    (lambda: schedules.cosine(0.1, 0), V, "cosine: steps must be at least 1, got 0"),
    (lambda: schedules.cosine(-1, 9), V, "cosine: the rate must be at least 0 and finite, got -1"),
    (lambda: schedules.cosine(0.1, 9, end=-1), V, "cosine: the end must be at least 0 and finite, got -1"),
    (lambda: schedules.warmup(0, 0.1), V, "warmup: steps must be at least 1, got 0"),
    (lambda: schedules.warmup(9, "slow"), T, "warmup: the schedule, if no function, must be a number, got str 'slow'"),
    (lambda: schedules.warmup(9, 0.1, start=-1), V, "warmup: the start must be at least 0 and finite, got -1"),
    (lambda: schedules.warmup(9, lambda step: -1.0), V, "warmup: schedule(0) must be at least 0 and finite, got -1.0"),
    (lambda: schedules.one_cycle(0.1, 9, warm=1), V, "one_cycle: warm must be at least 0 and below 1, got 1"),
    (lambda: schedules.one_cycle(-1, 9), V, "one_cycle: the peak must be at least 0 and finite, got -1"),
    (lambda: schedules.one_cycle(0.1, 0), V, "one_cycle: steps must be at least 1, got 0"),
    (lambda: schedules.one_cycle(0.1, 9, first=0), V, "one_cycle: first must be above 0, got 0"),
    (lambda: schedules.one_cycle(0.1, 9, last=0), V, "one_cycle: last must be above 0, got 0"),
    # --- steps ---
    (
        lambda: start(mlp(3), adam()),
        T,
        "start expects a finished network, got the constructor serial(...); make it first: net = constructor(key, x)",
    ),
    (lambda: start(NET, 0.1), T, "start expects an optimizer, say adam(1e-3), got float 0.1"),
    (lambda: train_step(mse, adam), T, "train_step expects an optimizer, say adam(1e-3), got the function adam"),
    (
        lambda: to_fit(NET, (X, Y)),
        T,
        "fit expects a state, got Serial(layers=(Dense(weight=f32[4,8],...; write start(net, optimizer)",
    ),
    (
        lambda: to_fit(STATE, (X * np.nan, Y)),
        Diverged,
        "diverged at step 0: the loss is not finite (loss nan); lower the rate or clip the gradient; "
        "print(diagnose(error.state.params, batch)) tells where",
    ),
    (
        lambda: fit(mse, sgd(1e308), start(affine(4, 1), sgd(1e308)), (X, X[:, :1] - 1), steps=9, key=KEY),
        Diverged,
        "diverged at step 0: the new parameters are not finite (loss "
        "16.0); lower the rate or clip the gradient; print(diagnose(error.state.params, batch)) tells "
        "where",
    ),
    (
        lambda: train_step(mse, adam())(NET, (X, Y)),
        T,
        "a step of training expects a state, got Serial(layers=(Dense(weight=f32[4,8],...; write start(net, optimizer)",
    ),
    (lambda: states(3, STATE, []), T, "states expects a step, say train_step(mse, adam()), got int 3"),
    (
        lambda: states(train_step(mse, adam()), STATE, 3),
        T,
        "states expects a stream of batches, say epochs(data, 32, key), got int 3",
    ),
    (
        lambda: train_step(Vector(), adam())(STATE, (X, Y)),
        T,
        "train_step expects a loss whose value is a number, got Vector()",
    ),
    (lambda: diagnose(NET, (X, Y), Vector()), T, "diagnose expects a loss whose value is a number, got Vector()"),
    (lambda: until(3), T, "until expects a function of a state, got int 3"),
    (lambda: list(early_stopping(str, 1)([1, 2])), T, "early_stopping expects the score to be a number, got str '1'"),
    (lambda: early_stopping(3, 1), T, "early_stopping expects a function of a state, got int 3"),
    (lambda: early_stopping(str, 0), V, "early_stopping: the patience must be at least 1, got 0"),
    (
        lambda: early_stopping(str, 1, min_delta=-1),
        V,
        "early_stopping: min_delta must be at least 0 and finite, got -1",
    ),
    (lambda: ema(1), V, "ema: the decay must be at least 0 and below 1, got 1"),
    (lambda: tap(print, every=0), V, "tap: every must be at least 1, got 0"),
    (lambda: progress(-1), V, "progress: total must be at least 0, got -1"),
    (lambda: progress(9, every=-1), V, "progress: every must be at least 1, got -1"),
    (lambda: list(ema(0.5)([1, 2])), T, "ema expects states, records with a field params, got int 1"),
    (lambda: history(), T, "history expects at least one measure by name, say loss=lambda state: state.loss"),
    (lambda: history(loss=3), T, "history: loss expects a function of a state, got int 3"),
    (
        lambda: history(half=lambda n: 1 / n)([1, 0]),
        ZeroDivisionError,
        "division by zero\nhistory: in the measure 'half', of element 1",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
