"""What steps and streams say of a mistake."""

import numpy as np

from fnn import (
    Diverged,
    Key,
    Record,
    adam,
    differentiated,
    early_stopping,
    ema,
    ensemble,
    finite,
    fit,
    forward,
    history,
    mlp,
    mse,
    progress,
    sgd,
    start,
    states,
    tap,
    train_step,
    until,
    updated,
    vjp,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import KEY, NET, STATE, T, V, X, Y, affine, to_fit


class Vector(Record):
    """A loss that is a number for each row."""


@vjp.register
def vector_vjp(loss: Vector, prediction, target, weights=None):
    return np.zeros(len(prediction)), lambda dvalue: (loss, lambda: np.zeros_like(prediction))


STATE_OF_TWO = start(ensemble(affine(4, 1), 2)(KEY, X), adam())
ROWS = [
    # --- steps ---
    (
        lambda: train_step(mse, adam())(3, (X, Y)),
        T,
        "a step of training expects a state, got int 3; write start(net, optimizer)",
    ),
    (
        lambda: train_step(mse, adam(str))(STATE, (X, np.ones((5, 3)))),
        T,
        "descend: what the schedule, the class str, returns at step 0 must be a number, got str '0'",
    ),
    (
        lambda: start(mlp(3), adam()),
        T,
        "start expects a finished network, got the constructor mlp(3); make it first: net = constructor(key, x)",
    ),
    (lambda: start(NET, 0.1), T, "start expects an optimizer, say adam(1e-3), got float 0.1"),
    (lambda: train_step(mse, adam), T, "train_step expects an optimizer, say adam(1e-3), got the function adam"),
    (lambda: forward(STATE, X), T, "vjp expects a layer or a loss, got State(…; write state.params"),
    (
        lambda: fit(mse, adam(), STATE_OF_TWO, (X, Y), steps=1, key=[KEY, KEY]),
        T,
        "fit expects a key, or a tuple of them, got list [Key(…; write tuple(keys)",
    ),
    (
        lambda: to_fit(NET, (X, Y)),
        T,
        "fit expects a state, got Serial(layers=(Dense(weight=f32[4,8],...; write start(net, optimizer)",
    ),
    (
        lambda: to_fit(STATE, (X * np.nan, Y)),
        Diverged,
        "diverged at step 0: the loss is not finite (loss nan); lower the learning rate or clip the gradient; "
        "print(diagnose(error.state.params, batch)) tells where",
    ),
    (
        lambda: fit(mse, sgd(1e308), start(affine(4, 1), sgd(1e308)), (X, X[:, :1] - 1), steps=9, key=KEY),
        Diverged,
        "diverged at step 0: the new parameters or the optimizer's memory are not finite (loss 16.0); "
        "lower the learning rate or clip the gradient; print(diagnose(error.state.params, batch)) tells where",
    ),
    (
        lambda: train_step(mse, adam())(NET, (X, Y)),
        T,
        "a step of training expects a state, got Serial(layers=(Dense(weight=f32[4,8],...; write start(net, optimizer)",
    ),
    (
        lambda: states(STATE, train_step(mse, adam()), []),
        T,
        "states expects a step, say train_step(mse, adam()), got State(…; write states(step, state, batches)",
    ),
    (lambda: states(3, STATE, []), T, "states expects a step, say train_step(mse, adam()), got int 3"),
    (
        lambda: states(train_step(mse, adam()), STATE, 3),
        T,
        "states expects batches, say epochs(data, 32, key), got int 3",
    ),
    (
        lambda: train_step(Vector(), adam())(STATE, (X, Y)),
        T,
        "a step of training expects a loss whose value is a number, got float64 array (5,)",
    ),
    (lambda: train_step(mse, adam(), 7), T, "train_step expects a key, got int 7; write Key(7)"),
    (lambda: differentiated(mse, 7), T, "differentiated expects a key, got int 7; write Key(7)"),
    (
        lambda: differentiated(mse, Key(0))(NET, (X, Y)),
        T,
        "a step of training expects a state, got Serial(layers=(Dense(weight=f32[4,8],...; write start(net, optimizer)",
    ),
    (
        lambda: finite((STATE, "0.5", NET)),
        T,
        "a step of training expects a loss whose value is a number, got str '0.5'",
    ),
    (lambda: updated(mse), T, "updated expects an optimizer, say adam(1e-3), got MeanSquaredError()"),
    (
        lambda: states(train_step(mse, adam()), np.zeros(3), []),
        T,
        "states expects a state, got float64 array (3,); write start(net, optimizer)",
    ),
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


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
