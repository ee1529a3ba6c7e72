"""Training together is training alone: every layer, loss and transform of the package, 3 members, to 1e-12.

Each member has rows, a key and a learning rate of its own. That dense networks agree to the bit is in
``tests/networks/test_ensemble.py``.
"""

from functools import reduce

import numpy as np

import fnn
from fnn import Ensemble, chain, cross_entropy, members, mse, replicate, sgd, split, start, train_step, tree, vjp
from fnn.core.record import is_record
from fnn.losses._members import members_vjp
from tests.each_of import each_of
from tests.laws.cases import KEY, LAYERS, LOSS_CASES, PENALTIES, SCHEDULES, TRANSFORMS, numbers, sort_of
from tests.laws.test_sharded import Stretch, fitting

N, STEPS = 3, 5
KEYS = split(KEY, N)
RATES = np.array([0.01, 0.03, 0.002])
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def varied(leaf, i):
    """A leaf as member i has it: integers stay, since they are symbols, labels or lengths."""
    return leaf + 0.05 * i * numbers(*leaf.shape, seed=i) if leaf.dtype.kind == "f" else leaf


def each_its_own(node):
    """Three trees like one, whose floats differ."""
    return [tree.map(lambda leaf, i=i: varied(leaf, i), node) for i in range(N)]


def stacked(node):
    """Several arrays, or tuples of arrays, as one."""
    return tree.stack([(each,) for each in node])[0]


def trained(step, state, batch):
    return reduce(step, [batch] * STEPS, state)


def assert_close(ours, theirs):
    for a, b in zip(tree.leaves((ours,)), tree.leaves((theirs,)), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def assert_trained_alike(nets, loss, batches, optimizer, keys=KEYS):
    """Train an ensemble, and each of its networks by itself, and compare."""
    together = chain(*optimizer, sgd(RATES))
    state = start(Ensemble(tree.stack(nets), N), together)
    final = trained(train_step(loss, together, keys), state, stacked(batches))
    for i, each in enumerate(members(final)):
        alone = chain(*optimizer, sgd(float(RATES[i])))
        own = trained(train_step(loss, alone, keys[i]), start(nets[i], alone), batches[i])
        assert (each.step, type(each.params)) == (own.step, type(own.params))
        np.testing.assert_allclose(each.loss, own.loss, **CLOSE)
        assert_close((each.params, each.opt), (own.params, own.opt))


# An ensemble of ensembles is none; the stacks of dense layers are tried as what they are stacks of.
ALONE = {name: case for name, case in LAYERS.items() if "ensemble" not in name}


@each_of("layer, x", ALONE.values(), ids=ALONE, one_of_each=sort_of)
def test_each_layer_computes_and_pulls_back_what_each_member_would(layer, x):
    nets, xs = each_its_own(layer), each_its_own((x,))
    y, pullback = vjp(Ensemble(tree.stack(nets), N), stacked([x for (x,) in xs]), KEYS)
    alone = [vjp(net, x, key) for net, (x,), key in zip(nets, xs, KEYS, strict=True)]
    assert_close(y, stacked([y for y, _ in alone]))
    dy = tree.map(lambda leaf: numbers(*leaf.shape, seed=9), (y,))[0]
    dnets, dx = pullback(dy)
    pulled = [back(own) for (_, back), own in zip(alone, rows(dy), strict=True)]
    assert_close(dnets, tree.stack([dnet for dnet, _ in pulled]))
    assert_close(dx(), stacked([dx() for _, dx in pulled]))


def rows(node):
    return [own for (own,) in tree.unstack((node,))]


TRAINABLE = {name: case for name, case in ALONE.items() if tree.leaves(case[0])}


@each_of("layer, x", TRAINABLE.values(), ids=TRAINABLE, one_of_each=sort_of)
def test_each_layer_learns_what_each_member_would(layer, x):
    loss, target = fitting(vjp(layer, x, KEY)[0])
    batches = [(x, target) for (x, target) in each_its_own((x, target))]
    assert_trained_alike(each_its_own(layer), loss, batches, ())


@each_of("case", LOSS_CASES.values(), ids=LOSS_CASES, one_of_each=sort_of)
def test_each_loss_is_that_of_each_member(case):
    loss, prediction, *target = case
    predictions = each_its_own((prediction,))  # targets may have to be probabilities or signs, and stay
    batches = [(own, *target) for (own,) in predictions]
    assert_trained_alike(each_its_own(Stretch(np.array(1.3))), loss, batches, ())


@each_of("case", LOSS_CASES.values(), ids=LOSS_CASES, one_of_each=sort_of)
def test_each_loss_pulls_back_a_number_for_each_member(case):
    loss, prediction, *target = case
    predictions = each_its_own((prediction,))
    together = stacked([own for (own,) in predictions]), *[replicated(part) for part in target]
    values, pullback = members_vjp(loss, N, *together)
    pulled, slopes = rows(pullback(np.arange(1.0, N + 1))[1]()), np.arange(1.0, N + 1)
    for value, own, slope, (y,) in zip(values, pulled, slopes, predictions, strict=True):
        expected, alone = vjp(loss, y, *target)
        assert_close((value,), (expected,))
        assert_close(own, alone(float(slope))[1]())


def replicated(part):
    if part is None:
        return None
    return tuple(map(replicated, part)) if isinstance(part, tuple) else np.array(fnn.replicate(part, N))


@each_of("penalty, params", PENALTIES.values(), ids=PENALTIES)
def test_each_penalty_is_that_of_each_member(penalty, params):
    x = numbers(7, len(tree.leaves(params)[0]))
    batches = each_its_own((x, np.zeros_like(params(x))))
    assert_trained_alike(each_its_own(params), fnn.regularized(mse, penalty), batches, ())


@each_of("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_each_transform_is_that_of_each_member(transform):
    batches = [(own, LABELS) for own in each_its_own(X)]
    assert_trained_alike(each_its_own(NET), cross_entropy, batches, (transform,))


NET = fnn.mlp(4, 3, activation=fnn.tanh)(KEY, numbers(1, 5))
X, LABELS = numbers(6, 5), np.array([0, 2, 1, 2, 0, 1])


@each_of("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_is_that_of_each_member(schedule):
    batches = [(own, LABELS) for own in each_its_own(X)]
    assert_trained_alike(each_its_own(NET), cross_entropy, batches, (fnn.descend(schedule),))


def test_what_a_loss_of_your_own_looks_at_is_each_member_s():
    class Weighty(fnn.Record):
        """mse, and the largest weight."""

    @fnn.value_and_grad.register
    def weighty_value_and_grad(loss: Weighty, params, batch, key=None):
        value, gradient = fnn.value_and_grad(mse, params, batch, key)
        largest = max(float(np.abs(leaf).max()) for leaf in tree.leaves(params))
        return value + largest, gradient

    batches = [(own, numbers(6, 3)) for own in each_its_own(X)]
    assert_trained_alike(each_its_own(NET), Weighty(), batches, ())
    for sharded in (fnn.sharded(mse, 2), fnn.regularized(fnn.sharded(mse, 4), fnn.l2(0.1))):
        assert_trained_alike(each_its_own(NET), sharded, batches, ())


def test_a_penalty_of_your_own_is_each_member_s():
    class Size(fnn.Record):
        """sum(w)."""

    @vjp.register
    def size_vjp(penalty: Size, params):
        value = float(sum(leaf.sum() for leaf in tree.leaves(params)))
        return value, lambda dvalue: (penalty, lambda: tree.map(lambda leaf: np.full_like(leaf, dvalue), params))

    batches = [(own, numbers(6, 3)) for own in each_its_own(X)]
    assert_trained_alike(each_its_own(NET), fnn.regularized(mse, Size(), fnn.l1(0.1)), batches, ())


def test_inference_is_that_of_each_member():
    net = fnn.serial(fnn.dense(4), fnn.batch_norm(), fnn.dropout(0.5), fnn.dense(2))(KEY, X)
    nets, x = each_its_own(net), np.stack(each_its_own(X))
    fixed = fnn.inference(Ensemble(tree.stack(nets), N), x)
    assert not any(isinstance(node, fnn.Dropout | fnn.BatchNorm) for node in fixed.network.layers if is_record(node))
    assert_close(
        fixed(replicate(X, N)), np.stack([fnn.inference(net, own)(X) for net, own in zip(nets, x, strict=True)])
    )
