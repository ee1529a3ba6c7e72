"""Errors of transforms and optimizers, in all their words."""

from fnn import (
    Serial,
    accumulate_gradients,
    adadelta,
    adagrad,
    adam,
    adamax,
    chain,
    clip,
    freeze,
    lion,
    nadam,
    rmsprop,
    sgd,
    start,
    tanh,
    trace,
    tree,
    update,
    weight_decay,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import NET, STATE, T, V


def value_of(transform):
    return update(transform, NET, start(NET, transform))


ROWS = [
    (lambda: update(sgd, NET, STATE), T, "update expects an optimizer, say adam(1e-3), got the function sgd"),
    (lambda: update(adam(), NET, 3), T, "update expects a state, got int 3; write start(net, optimizer)"),
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
        "sgd: nesterov needs a momentum above 0; write sgd(0.1, momentum=0.9, nesterov=True)",
    ),
    (lambda: clip(0), V, "clip: limit must be above 0, got 0: nothing would ever move"),
    (lambda: weight_decay(-1), V, "weight_decay: strength must be at least 0 and finite, got -1"),
    (lambda: rmsprop(decay=1), V, "scale_by_rms: decay must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(momentum=1), V, "rmsprop: momentum must be at least 0 and below 1, got 1"),
    (lambda: rmsprop(eps=-1), V, "scale_by_rms: eps must be at least 0 and finite, got -1"),
    (lambda: adagrad(eps=-1), V, "scale_by_adagrad: eps must be at least 0 and finite, got -1"),
    (
        lambda: adam(NET),
        T,
        "descend expects a learning rate or a schedule, got Serial(…; the network is given to start(net, optimizer)",
    ),
    (lambda: sgd(0.1, 1.0), V, "sgd: momentum must be at least 0 and below 1, got 1.0"),
    (lambda: adam(b1=1), V, "adam: b1 must be at least 0 and below 1, got 1"),
    (lambda: adam(amsgrad=1), T, "adam: amsgrad must be True or False, got int 1"),
    (lambda: rmsprop(centered="yes"), T, "scale_by_rms: centered must be True or False, got str 'yes'"),
    (lambda: nadam(momentum_decay=-1), V, "nadam: momentum_decay must be at least 0 and finite, got -1"),
    (lambda: nadam(b2=1), V, "nadam: b2 must be at least 0 and below 1, got 1"),
    (lambda: adamax(b1="a"), T, "adamax: b1 must be a number, got str 'a'"),
    (lambda: adadelta(eps=0), V, "adadelta: eps must be above 0, got 0: nothing would ever move"),
    (lambda: adadelta(decay=1), V, "adadelta: decay must be at least 0 and below 1, got 1"),
    (lambda: lion(b1=-0.1), V, "lion: b1 must be at least 0 and below 1, got -0.1"),
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
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
