"""A sharded loss composes with all that takes a loss, and what goes wrong in a shard is told as if there were none."""

import pickle
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
from toolz import last

import fnn
from fnn import (
    CrossEntropy,
    Dense,
    Diverged,
    Key,
    Record,
    adam,
    combined,
    cross_entropy,
    dense,
    dropout,
    fit,
    l2,
    mlp,
    mse,
    regularized,
    relu,
    serial,
    sgd,
    sharded,
    start,
    states,
    train_step,
    tree,
    value_and_grad,
    vjp,
)
from fnn.data import epochs
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.cases import numbers

X, LABELS = numbers(23, 5), np.arange(23) % 3
NET = mlp(4, 3)(Key(0), X[:1])
BATCH = X, LABELS


def agree(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
    assert tree.allclose(ours[1], theirs[1], rtol=1e-11, atol=1e-14)


# --- it composes -----------------------------------------------------------------------------------------------------


def test_with_penalties_on_either_side_and_they_are_computed_once():
    asked = []

    def counting(function, items):
        asked.append(len(items))
        return map(function, items)

    inside = sharded(regularized(cross_entropy, l2(0.3)), 4, map=counting)
    outside = regularized(sharded(cross_entropy, 4, map=counting), l2(0.3))
    assert repr(inside) == repr(outside)
    for loss in (inside, outside):
        agree(value_and_grad(loss, NET, BATCH), value_and_grad(regularized(cross_entropy, l2(0.3)), NET, BATCH))
    assert asked == [4, 4]


def test_with_several_outputs_of_which_each_counts_its_rows_in_its_own_way():
    net = fnn.parallel(dense(2), dense(3), dense(2), dense(3))(Key(0), X[:1])
    some = np.where(np.arange(23) < 9, -1, LABELS)  # the first shards have none of it
    losses = mse, CrossEntropy(ignore=-1), fnn.sum_squared_error, combined(mse, cross_entropy, weights=(2.0, 1.0))
    net = fnn.Parallel((*net.branches[:3], fnn.parallel(dense(2), dense(3))(Key(1), X[:1])))
    target = numbers(23, 2), some, numbers(23, 2, seed=2), (numbers(23, 2, seed=3), LABELS)
    weights = np.abs(numbers(23, seed=4))
    loss = combined(*losses, weights=(1.0, 0.5, 0.1, 0.3))
    for batch in ((X, target), (X, target, weights)):
        for shards in (2, 5, 23):
            agree(value_and_grad(sharded(loss, shards), net, batch), value_and_grad(loss, net, batch))


def test_with_parts_that_count_lengths_and_ignored_labels_at_once():
    x, lengths = numbers(7, 4, 2), np.array([4, 1, 0, 2, 0, 3, 1])
    body = fnn.gru(3)
    net = serial(body, fnn.parallel(dense(2), dense(3)))(Key(0), (x, lengths))
    labels = np.where(numbers(7, 4, seed=5) > 0, -1, 1)
    loss = combined(mse, combined(CrossEntropy(ignore=-1)))
    net = fnn.Serial(
        (net.layers[0], fnn.Parallel((net.layers[1].branches[0], fnn.Parallel((net.layers[1].branches[1],)))))
    )
    batch = (x, lengths), (numbers(7, 4, 2, seed=6), (labels,))
    for shards in (2, 3, 7):
        agree(value_and_grad(sharded(loss, shards), net, batch), value_and_grad(loss, net, batch))


def test_with_a_layer_that_is_used_twice():
    layer = dense(5)(Key(0), X[:1])
    net = fnn.Serial((layer, fnn.tanh, layer))
    agree(value_and_grad(sharded(cross_entropy, 3), net, BATCH), value_and_grad(cross_entropy, net, BATCH))


def test_with_fit_which_goes_on_to_the_bit_wherever_it_was_stopped(tmp_path):
    net = serial(dense(8), relu, dropout(0.2), dense(3))(Key(0), X[:1])
    loss, optimizer = sharded(cross_entropy, 3), adam(1e-2)
    whole = fit(loss, optimizer, start(net, optimizer), BATCH, steps=30, size=5, key=Key(1))
    half = fit(loss, optimizer, start(net, optimizer), BATCH, steps=13, size=5, key=Key(1))
    fnn.save(tmp_path / "run", half)
    resumed = fit(loss, optimizer, fnn.load(tmp_path / "run"), BATCH, steps=17, size=5, key=Key(1))
    assert tree.equal(resumed.params, whole.params)
    assert resumed.loss == whole.loss
    plain = fit(cross_entropy, optimizer, start(net, optimizer), BATCH, steps=30, size=5, key=Key(1))
    assert not tree.allclose(plain.params, whole.params)  # other masks


def test_training_in_shards_is_training_to_rounding():
    optimizer = sgd(0.1, momentum=0.9)
    plain, ours = [
        fit(loss, optimizer, start(NET, optimizer), BATCH, steps=50, size=8, key=Key(2))
        for loss in (cross_entropy, sharded(cross_entropy, 3))
    ]
    assert tree.allclose(ours.params, plain.params, rtol=1e-9, atol=1e-12)


def test_a_float16_sums_its_shards_in_float32():
    net = Dense(np.zeros((1, 1), np.float16), np.zeros(1, np.float16))
    x, target = np.ones((400, 1), np.float16), -np.ones((400, 1), np.float16)
    value, gradient = value_and_grad(sharded(mse, 400), net, (x, target))
    assert (value, gradient.weight.dtype) == (pytest.approx(1.0), np.float16)
    assert gradient.weight.item() == pytest.approx(2.0, rel=1e-3)


def test_a_network_of_two_dtypes_keeps_them():
    x = X.astype(np.float32)
    net = fnn.parallel(dense(2), dense(3))(Key(0), x)
    net = tree.at("branches[1]", lambda branch: tree.map(np.float64, branch), net)
    loss, batch = combined(mse, cross_entropy), (x, (numbers(23, 2, dtype=np.float32), LABELS))
    (value, gradient), expected = value_and_grad(sharded(loss, 2), net, batch), value_and_grad(loss, net, batch)
    assert [leaf.dtype for leaf in tree.leaves(gradient)] == [leaf.dtype for leaf in tree.leaves(net)]
    assert value == pytest.approx(expected[0], rel=1e-6)
    assert tree.allclose(gradient, expected[1], rtol=1e-5, atol=1e-7)


class Doubled(Record):
    """A loss of somebody's own that adds up."""

    adds_up: ClassVar[bool] = True


@vjp.register
def doubled_vjp(loss: Doubled, prediction, target, weights=None):
    d = prediction - target
    return float((d * d).sum()), lambda dvalue: (loss, lambda: dvalue * 2 * d)


class WithDecay(Record):
    """A loss of somebody's own that looks at more than a prediction: mse, and the mean of x times the first weight."""


@value_and_grad.register
def with_decay_value_and_grad(loss: WithDecay, params, batch, key=None):
    value, gradient = value_and_grad(mse, params, batch, key)
    mean = float(batch[0].mean())
    more = tree.at("weight", lambda leaf: leaf + mean, gradient)
    return value + mean * float(params.weight.sum()), more


def test_with_a_loss_of_one_s_own():
    net, batch = Dense(numbers(5, 2), numbers(2)), (X, numbers(23, 2, seed=7))
    for loss in (Doubled(), WithDecay()):
        for shards in (2, 23, 50):
            agree(value_and_grad(sharded(loss, shards), net, batch), value_and_grad(loss, net, batch))


def test_a_batch_as_lists_and_with_weights_of_none():
    net = Dense(np.ones((1, 1)), np.zeros(1))
    rows = [[1.0], [2.0], [4.0]]
    agree(value_and_grad(sharded(mse, 2), net, (rows, rows, None)), value_and_grad(mse, net, (rows, rows)))


def test_the_gradient_is_read_only_and_nobody_else_s_to_the_next_step():
    step = train_step(sharded(cross_entropy, 2), sgd(0.1))
    first, *_, final = states(step, start(NET, sgd(0.1)), epochs(BATCH, 8, Key(0), epochs=2))
    assert not any(leaf.flags.writeable for leaf in tree.leaves((first.params, final.params)))
    assert tree.equal(first.params, NET)


def test_results_that_cannot_be_written_to_are_added_up_all_the_same():
    def frozen(function, items):
        for item in items:
            done = pickle.loads(pickle.dumps(function(item)))
            for _, _, vector in done.result:
                vector.setflags(write=False)
            yield done

    ours = value_and_grad(sharded(cross_entropy, 3, map=frozen), NET, BATCH)
    agree(ours, value_and_grad(cross_entropy, NET, BATCH))


def test_diagnose_guesses_as_for_the_loss_itself():
    inner, outer = [fnn.diagnose(NET, BATCH, loss) for loss in (cross_entropy, sharded(cross_entropy, 2))]
    assert outer.guess == inner.guess == pytest.approx(np.log(3))


# --- what goes wrong -------------------------------------------------------------------------------------------------


def unordered(function, items):
    return [function(item) for item in reversed(items)]


def futures(function, items):
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(function, item) for item in items]


def evaluated(*batch, map=map, key=None):
    return lambda: value_and_grad(sharded(mse, 2, map=map), NET, batch[0] if len(batch) == 1 else batch, key)


TARGET = numbers(23, 3)
ROWS = [
    (lambda: sharded(np.mean, 2), TypeError, "sharded expects a loss, got the function mean; a loss is a record and …"),
    (lambda: sharded(l2(0.1), 2), TypeError, "sharded expects a loss, got L2(strength=…; write sharded(mse, 2)"),
    (
        lambda: sharded(sharded(mse, 2), 3),
        TypeError,
        "sharded expects a loss that is not sharded, got Sharded(…; write sharded(mse, 6)",
    ),
    (lambda: sharded(mse, 0), ValueError, "sharded: the number of shards must be at least 1, got 0"),
    (lambda: sharded(mse, 2.0), TypeError, "sharded: the number of shards must be an integer, got float 2.0"),
    (
        lambda: sharded(mse, 2, map=[]),
        TypeError,
        "sharded: map must be a function of a function and a list, got list []; …",
    ),
    (evaluated(X[:0], TARGET[:0]), ValueError, "sharded expects a batch of at least one row, got 0"),
    (
        evaluated(X, TARGET[1:]),
        ValueError,
        "sharded: the arrays of a batch must have the same number of rows, got 23 and 22",
    ),
    (evaluated(X), TypeError, "a batch is (x, target) or (x, target, weights), got float64 array (23, 5)"),
    (evaluated(X, 3.0), TypeError, "sharded expects arrays with rows in a batch, got float 3.0"),
    (evaluated(X, np.array(3.0)), TypeError, "sharded expects arrays with rows in a batch, got float64 array ()"),
    (evaluated(X, TARGET, key=3), TypeError, "value_and_grad expects a key, got int 3; write Key(3)"),
    (
        evaluated(X, TARGET, map=unordered),
        ValueError,
        "sharded expects a map that keeps the order, got item 1 in the place of 0; …",
    ),
    (
        lambda: value_and_grad(sharded(mse, 2), tree.map(np.float32, NET), (X, TARGET)),
        ValueError,
        "sharded: parameters and gradient: trees differ at layers[0].weight: float32 array (5, 4) against float64 "
        "array (5, 4); a batch in float64 makes a gradient in float64: write x.astype(np.float32)\n"
        "sharded: in shard 0, rows 0 to 11 of a batch of 23",
    ),
    (evaluated(X, TARGET, map=futures), TypeError, "sharded expects a map that returns results, got …Future…"),
    (
        lambda: combined(mse, sharded(mse, 2)),
        TypeError,
        "combined expects losses, got Sharded(…write sharded(combined(mse, cross_entropy), 2)",
    ),
    (
        lambda: value_and_grad(sharded(cross_entropy, 2), NET, (X, np.where(np.arange(23) == 17, 3, LABELS))),
        ValueError,
        "cross_entropy expects labels from 0 to 2, got 3 at row 5…\n"
        "sharded: in shard 1, rows 12 to 22 of a batch of 23",
    ),
    (
        lambda: value_and_grad(sharded(cross_entropy, 2), fnn.Serial((*NET.layers, fnn.softmax)), BATCH),
        TypeError,
        "CrossEntropy takes logits, but the network ends in Softmax…",
    ),
    (
        lambda: value_and_grad(
            sharded(combined(mse, cross_entropy), 2),
            fnn.Parallel((NET, fnn.Serial((*NET.layers, fnn.softmax)))),
            (X, (TARGET, LABELS)),
        ),
        TypeError,
        "CrossEntropy takes logits, but the network ends in Softmax…",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)


@each_of("alarm", ["raise", "warn", "ignore"])
def test_a_run_that_diverges_in_a_thread_does_so_as_in_the_caller(alarm):
    net = Dense(np.full((1, 1), 1e30, np.float32), np.zeros(1, np.float32))
    batch = np.full((4, 1), 1e30, np.float32), np.zeros((4, 1), np.float32)
    with ThreadPoolExecutor(2) as pool, np.errstate(all=alarm):
        step = train_step(sharded(mse, 2, map=pool.map), sgd(0.1))
        with pytest.raises(Diverged, match="diverged at step 0: the loss is not finite"):
            step(start(net, sgd(0.1)), batch)


def test_a_run_whose_map_fails_ends_in_that_error_and_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path):
    def failing_at(fatal):
        calls = []

        def some(function, items):
            calls.append(1)
            yield from map(function, items[:2])
            if len(calls) == fatal:
                raise ConnectionError("the workers are gone")
            yield from map(function, items[2:])

        return some

    def run(loss, state):
        batches = epochs(BATCH, 5, Key(1), epochs=4, start=state.step)
        stream: Iterable = states(train_step(loss, adam(1e-2), Key(2)), state, batches)
        return last(fnn.checkpointed(tmp_path / "run", every=3)(stream))

    whole = run(sharded(cross_entropy, 3), start(NET, adam(1e-2)))
    with pytest.raises(ConnectionError, match="the workers are gone") as caught:
        run(sharded(cross_entropy, 3, map=failing_at(11)), start(NET, adam(1e-2)))
    assert caught.value.__notes__ == ["sharded: the map returned the results of 2 of 3 shards"]
    left = fnn.load(tmp_path / "run")
    assert left.step == 10  # it is saved on the way out too
    assert tree.equal(run(sharded(cross_entropy, 3), left).params, whole.params)
