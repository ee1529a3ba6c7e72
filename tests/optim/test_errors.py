"""What transforms, optimizers and schedules say of a mistake."""

import pytest

from fnn import (
    Serial,
    accumulate_gradients,
    adagrad,
    adam,
    chain,
    clip,
    freeze,
    rmsprop,
    schedules,
    sgd,
    start,
    tanh,
    trace,
    tree,
    update,
    weight_decay,
)
from tests.errors import check, message
from tests.laws.test_bad_input import NET, STATE, T, V


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
        "sgd: nesterov needs a momentum above 0; write sgd(learning_rate, momentum=0.9, nesterov=True)",
    ),
    (lambda: clip(0), V, "clip: limit must be above 0, got 0: nothing would ever move"),
    (lambda: weight_decay(-1), V, "weight_decay: strength must be at least 0 and finite, got -1"),
    (lambda: rmsprop(decay=1), V, "scale_by_rms: decay must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(momentum=1), V, "rmsprop: momentum must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(eps=-1), V, "scale_by_rms: eps must be at least 0 and finite, got -1"),
    (lambda: adagrad(eps=-1), V, "scale_by_adagrad: eps must be at least 0 and finite, got -1"),
    (lambda: sgd(0.1, 1.0), V, "sgd: momentum must be at least 0 and below 1, got 1.0"),
    (lambda: adam(b1=1), V, "adam: b1 must be at least 0 and below 1, got 1"),
    (lambda: trace(1), V, "trace: decay must be at least 0 and below 1, got 1"),
    (lambda: adam("fast"), T, "descend: the learning rate must be a number, got str 'fast'"),
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
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
