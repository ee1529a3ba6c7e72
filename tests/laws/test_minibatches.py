"""An epoch of minibatches is the full batch: values and gradients, weighted by their rows, average to it.

Rows are what a loss counts: those of a batch, or steps within their lengths, less those whose label is ignored. Weights
do not change how many there are. A loss whose name begins with sum adds up, and so does its epoch.
"""

from itertools import pairwise

import numpy as np
import pytest

from fnn import Dense, Key, dense, fit, gru, l2, mlp, mse, regularized, serial, sgd, start, tree, value_and_grad, vjp
from fnn.data import balanced, batches, normalized
from fnn.layers._sequences import is_pair
from tests.each_of import each_of
from tests.laws.cases import LOSS_CASES, LOSSES, families, numbers, random_like, sort_of, target_for

CUTS = {"rows": [1, 2, 3, 4], "a ragged last batch": [2, 4], "one and the rest": [1], "one batch": []}
MANY = {name: case for name, case in LOSS_CASES.items() if len(tree.leaves(case[1:])[0]) > 1}


def counted(loss, prediction, target):
    """How many rows a loss counts."""
    ignore = getattr(loss, "ignore", None)
    prediction = prediction[0] if isinstance(prediction, tuple) and all(map(is_pair, prediction)) else prediction
    there = np.ones(np.shape(target) if ignore is not None else len(tree.leaves((prediction,))[0]), bool)
    if ignore is not None:
        there = target != ignore
    if is_pair(prediction):
        within = np.arange(prediction[0].shape[1]) < prediction[1][:, None]
        there = within & (there if there.ndim == 2 else True)
    return np.count_nonzero(there)


def shares(loss, counts):
    """The share of each batch in the whole; of a sum, 1."""
    if type(loss).__name__.startswith("Sum"):
        return [1.0] * len(counts)
    return [count / max(sum(counts), 1) for count in counts]


def split_at(cuts, inputs):
    edges = [0, *cuts, None]
    return [tree.map(lambda rows, a=a, b=b: rows[a:b], inputs) for a, b in pairwise(edges)]


def pulled(loss, inputs):
    value, pullback = vjp(loss, *inputs)
    return value, tree.leaves((pullback(1.0)[1](),))


@each_of("case", MANY.values(), ids=MANY, one_of_each=sort_of)
@each_of("cuts", CUTS.values(), ids=CUTS)
def test_what_is_lost_by_rows_is_the_same_in_whatever_batches_they_come(case, cuts):
    loss, *inputs = case
    value, whole = pulled(loss, tuple(inputs))
    parts = split_at(cuts, tuple(inputs))
    share = shares(loss, [counted(loss, *part[:2]) for part in parts])
    results = [pulled(loss, part) for part in parts]
    assert sum(s * v for s, (v, _) in zip(share, results, strict=True)) == pytest.approx(value, rel=1e-12, abs=1e-15)
    for place, expected in enumerate(whole):
        joined = np.concatenate([s * gradient[place] for s, (_, gradient) in zip(share, results, strict=True)])
        np.testing.assert_allclose(joined, expected, rtol=1e-12, atol=1e-16)


NET = random_like(mlp(4, 3)(Key(0), np.zeros((1, 5))))
RECURRENT = random_like(serial(gru(4), dense(3))(Key(0), (np.zeros((1, 3, 2)), np.array([3]))))


def averaged(loss, net, parts, counts):
    """The average of the gradients of batches, weighted by what each of them counts."""
    share = shares(getattr(loss, "loss", loss), counts)
    gradients = [value_and_grad(loss, net, part)[1] for part in parts]
    weighted = [tree.map(lambda leaf, s=s: s * leaf, gradient) for s, gradient in zip(share, gradients, strict=True)]
    total = weighted[0]
    for gradient in weighted[1:]:
        total = tree.add(total, gradient)
    return total


@each_of("weighted", [False, True])
@each_of("size", [1, 4, 7, 11])
@each_of("name", LOSSES)
def test_gradients_of_an_epoch_s_minibatches_average_to_the_full_batch_s(name, size, weighted):
    loss, rows = LOSSES[name], np.arange(11) * 3 % 5
    weights = (np.array([0.0, 9.0, 0.0, 1.0, 0.0, 0.0, 2.5, 0.0, 1e-3, 0.0, 4.0]),) if weighted else ()
    data = numbers(11, 5), target_for(name)[rows], *weights
    for key in (None, Key(1)):
        parts = list(batches(data, size, key))
        got = averaged(loss, NET, parts, [len(part[0]) for part in parts])
        assert tree.allclose(got, value_and_grad(loss, NET, data)[1], rtol=1e-11, atol=1e-15)


@pytest.mark.long
@each_of("weighted", [None, "rows", "steps"])
@each_of("name", LOSSES)
def test_so_do_those_of_sequences_that_end_at_their_lengths(name, weighted):
    loss, lengths = LOSSES[name], np.array([3, 1, 0, 2, 0, 3, 1])
    target = np.stack([target_for(name)[np.arange(7) % 5]] * 3, axis=1)
    weights = {None: (), "rows": (np.abs(numbers(7)),), "steps": (np.abs(numbers(7, 3)),)}[weighted]
    data = (numbers(7, 3, 2), lengths), target, *weights
    for size in (1, 2, 3, 7):
        parts = list(batches(data, size, Key(2)))
        got = averaged(loss, RECURRENT, parts, [int(part[0][1].sum()) for part in parts])
        assert tree.allclose(got, value_and_grad(loss, RECURRENT, data)[1], rtol=1e-11, atol=1e-15)


@each_of("name", LOSSES)
def test_a_penalty_is_in_each_batch_as_it_is_in_the_whole(name):
    if name.startswith("sum"):
        return  # a sum of losses plus a penalty once: its epoch has the penalty more often
    loss, data = (
        regularized(LOSSES[name], l2(0.3)),
        (numbers(5, 5), target_for(name), np.array([0.0, 3.0, 1.0, 0.0, 1.0])),
    )
    parts = list(batches(data, 2))
    got = averaged(loss, NET, parts, [2, 2, 1])
    assert tree.allclose(got, value_and_grad(loss, NET, data)[1], rtol=1e-11, atol=1e-15)


@each_of("name", LOSSES)
def test_a_batch_that_matters_nothing_costs_nothing_and_moves_nothing(name):
    loss, target = LOSSES[name], target_for(name)
    value, gradient = value_and_grad(loss, NET, (numbers(5, 5), target, np.zeros(5)))
    assert (value, {float(np.abs(leaf).max()) for leaf in tree.leaves(gradient)}) == (0.0, {0.0})
    steps = np.stack([target] * 3, axis=1)
    value, pullback = vjp(loss, (np.full((5, 3, 3), np.nan), np.zeros(5, int)), np.full_like(steps, 7), np.ones((5, 3)))
    dprediction, dlengths = pullback(1.0)[1]()
    assert (value, dprediction.any(), dlengths.tolist()) == (0.0, False, [0.0] * 5)
    optimizer = sgd(0.1)
    state = fit(
        loss, optimizer, start(NET, optimizer), (numbers(5, 5), target, np.zeros(5)), steps=3, size=2, key=Key(0)
    )
    assert tree.equal(state.params, NET)


@pytest.mark.parametrize("name", [name for name in LOSSES if hasattr(LOSSES[name], "ignore")])
def test_nor_does_one_of_which_all_labels_are_ignored(name):
    loss = type(LOSSES[name])(ignore=-1)
    value, gradient = value_and_grad(loss, NET, (numbers(5, 5), np.full(5, -1)))
    assert (value, {float(np.abs(leaf).max()) for leaf in tree.leaves(gradient)}) == (0.0, {0.0})
    target = np.array([-1, 2, -1, -1, 0, 1, -1])
    data = numbers(7, 5), target
    for size in (1, 2, 3, 7):
        parts = list(batches(data, size))
        got = averaged(loss, NET, parts, [np.count_nonzero(part[1] >= 0) for part in parts])
        assert tree.allclose(got, value_and_grad(loss, NET, data)[1], rtol=1e-11, atol=1e-15)


@each_of("kind", ["values", "probabilities", "distributions", "labels", "signs"])
def test_each_kind_of_target_is_tried(kind):
    assert any(kind in families(name) for name in LOSSES)


@pytest.mark.long
def test_a_row_that_counts_nine_times_does_so_in_batches_of_one():
    x, y = np.ones((2, 1)), np.array([[1.0], [-1.0]])
    optimizer, net = sgd(0.01), Dense(np.zeros((1, 1)), np.zeros(1))
    for size in (2, 1):
        state = start(net, optimizer)
        state = fit(mse, optimizer, state, (x, y, np.array([9.0, 1.0])), steps=2000 // size, size=size, key=Key(0))
        assert state.params(x[:1]).item() == pytest.approx(0.80, abs=0.03)  # (9 - 1) / (9 + 1), and the order's noise


def test_normalized_weights_make_the_weighted_mean_in_batches_of_any_size():
    loss, data = LOSSES["cross_entropy"], (numbers(5, 5), np.array([0, 1, 2, 0, 0]))
    weights = np.array([0.1, 3.0, 0.0, 2.0, 1.0])
    costs = np.array([value_and_grad(loss, NET, (data[0][i : i + 1], data[1][i : i + 1]))[0] for i in range(5)])
    for size in (1, 2, 5):
        parts = list(batches((*data, normalized(weights)), size))
        value = sum(len(part[0]) / 5 * value_and_grad(loss, NET, part)[0] for part in parts)
        assert value == pytest.approx((weights * costs).sum() / weights.sum(), rel=1e-12)
    by_class = [costs[data[1] == label].mean() for label in range(3)]
    assert value_and_grad(loss, NET, (*data, balanced(data[1])))[0] == pytest.approx(np.mean(by_class), rel=1e-12)


def test_rows_that_do_not_matter_may_hold_anything():
    target = np.array([[1.0], [np.nan], [np.inf]])
    value, pullback = vjp(mse, np.zeros((3, 1)), target, np.array([1.0, 0.0, 0.0]))
    assert (value, pullback(1.0)[1]().tolist()) == (1 / 3, [[-2 / 3], [0.0], [0.0]])
