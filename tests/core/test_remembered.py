"""A tree that the library built remembers how, and what it consists of; nobody can tell, but for the time it takes."""

import copy
import pickle

import attrs
import numpy as np

from fnn import Dense, Key, Record, Serial, Transform, chain, cross_entropy, mlp, relu, sgd, start, train_step, tree
from fnn.core import _flat, _structure
from fnn.core._flat import flat, take_apart
from tests.each_of import each_of

X = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
NET = start(mlp(4, 2)(Key(0), X), sgd(0.1)).params


def afresh(node):
    """What ``take_apart`` finds of a tree that remembers nothing."""
    return take_apart(pickle.loads(pickle.dumps(node)))


def same(ours, theirs):
    return ours[1] == theirs[1] and all(map(np.array_equal, ours[0], theirs[0]))


@each_of(
    "function",
    [np.negative, lambda a: a[..., None], lambda a: a.astype(np.float64), lambda a: a.T, lambda a: a.sum(), float],
    ids=["negative", "another rank", "another dtype", "transposed", "scalars", "no arrays"],
)
@each_of("node", [NET, Serial((Dense(np.ones((2, 2)), np.ones(2)), relu))], ids=["cut", "made"])
def test_what_is_remembered_is_what_is_there(node, function):
    if function is float:
        node = tree.map(lambda a: a.ravel()[0], node)
    once = tree.map(function, node)
    assert same(take_apart(once), afresh(once))
    twice = tree.map(np.copy, once)
    assert same(take_apart(twice), afresh(twice))
    if function is not float:
        assert flat(twice)[0].tobytes() == flat(pickle.loads(pickle.dumps(once)))[0].tobytes()


def test_other_records_remember_nothing():
    node = tree.map(np.negative, NET.layers[0])
    other = attrs.evolve(node, bias=np.ones(7))
    assert [leaf.shape for leaf in tree.leaves(other)] == [(3, 4), (7,)]
    for again in (copy.copy(node), copy.deepcopy(node), pickle.loads(pickle.dumps(node))):
        assert set(vars(again)) == {"weight", "bias"}
    assert "(parts)" not in repr(node)


def test_the_list_of_leaves_is_yours():
    node = tree.map(np.negative, NET)
    tree.leaves(node).clear()
    assert len(tree.leaves(node)) == 4


def test_settings_are_those_of_the_first_tree():
    class Scaled(Record):
        weight: np.ndarray
        factor: float

    ours, theirs = Scaled(np.ones(2), 1.0), Scaled(np.ones(2), 2.0)
    assert tree.map(np.add, ours, theirs).factor == 1.0
    assert tree.map(np.add, tree.map(np.copy, theirs), tree.map(np.copy, ours)).factor == 2.0


def test_a_step_with_a_transform_of_a_users_own_finds_nothing_out_again(monkeypatch):
    """So that it costs about as much as one of the package's; how long that is, is for a benchmark."""

    class Mean(Record):
        mean: object

    def signs(grads, state, params, step):
        updates = tree.map(lambda m, g: np.sign(0.9 * m + 0.1 * g), state.mean, grads)
        updates = tree.map(lambda u, p: u + 0.01 * p, updates, params)
        return updates, Mean(tree.map(lambda m, g: 0.99 * m + 0.01 * g, state.mean, grads))

    optimizer = chain(Transform(lambda params: Mean(tree.zeros_like(params)), signs), sgd(0.1))
    step = train_step(cross_entropy, optimizer)
    state = step(start(NET, optimizer), (X, np.arange(10) % 2))
    asked = []
    for module, name in [(_structure, "_difference"), (_flat, "places"), (_flat, "_builder"), (_structure, "_walk")]:
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, f=function, n=name: asked.append(n) or f(*args))
    after = step(state, (X, np.arange(10) % 2))
    assert asked == []
    assert not tree.equal(after.params, state.params)
