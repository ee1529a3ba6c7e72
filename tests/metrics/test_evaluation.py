"""An evaluation in batches is one evaluation: each row once, in order, and one measurement."""

import re

import numpy as np
import pytest

import fnn
from fnn import Key, Record, cross_entropy, dense, identity, mlp, mse, tree, vjp
from fnn.core.keys import uniforms
from fnn.metrics import accuracy, evaluate, perplexity, rmse, top_k_accuracy
from tests.each_of import each_of
from tests.metrics.cases import AIM, CASES, LABELS, LOGITS, OUTPUTS, N, each_case

T, V = TypeError, ValueError


class Watched(Record):
    """A layer that writes down how many rows it is shown, and returns them."""

    seen: object


@vjp.register
def watched_vjp(layer: Watched, x, key=None):
    layer.seen.append(len(x))
    return x, None


class Crossed(Record):
    """A layer with two inputs and two outputs, their sum and their difference."""


@vjp.register
def crossed_vjp(layer: Crossed, x, key=None):
    left, (right,) = x
    return (left + right, (left - right,)), None


class Odd(Record):
    """A layer whose output has no row for each row of its input."""

    give: object


@vjp.register
def odd_vjp(layer: Odd, x, key=None):
    return layer.give(x), None


def parts_of(data, size=50):
    return [tuple(array[begin : begin + size] for array in data) for begin in range(0, N, size)]


@each_case
@each_of("size", [1, 50, 104, N, 10_000])
def test_an_evaluation_in_batches_gives_the_number_of_a_single_batch(measure, prediction, target, size):
    whole, batched = measure(prediction, target), evaluate(measure, identity, (prediction, target), size)
    assert np.array_equal(whole, batched)


def test_it_is_not_the_mean_of_the_batches():
    right = np.arange(N) % 50 != 7  # 49 of 50, 49 of 50, 5 of 5
    data = np.eye(2)[right.astype(int)], np.ones(N, int)
    means = [accuracy(*part) for part in parts_of(data)]
    assert means == [0.98, 0.98, 1.0]
    assert evaluate(accuracy, identity, data, 50) == 103 / 105
    assert abs(np.mean(means) - 103 / 105) > 0.005


@each_of("name", ["precision", "f1", "roc_auc", "rmse", "r2", "perplexity"])
def test_nor_is_any_other_measure(name):
    measure, prediction, target = CASES[name]
    mean = np.mean([measure(*part) for part in parts_of((prediction, target))], axis=0)
    assert np.abs(mean - evaluate(measure, identity, (prediction, target), 50)).max() > 1e-3


def test_a_network_is_shown_each_row_once_in_order_and_no_more_than_the_size_at_once():
    seen = []
    evaluate(accuracy, Watched(seen), (LOGITS, LABELS), size=50)
    assert seen == [50, 50, 5]
    seen.clear()
    evaluate(accuracy, Watched(seen), (np.repeat(LOGITS, 20, 0), np.repeat(LABELS, 20)))
    assert seen == [1024, 1024, 52]


def test_it_is_what_the_network_gives_for_all_rows_at_once():
    net = mlp(8, 4)(Key(0), LOGITS)
    for measure in (accuracy, cross_entropy, perplexity):
        assert evaluate(measure, net, (LOGITS, LABELS), 50) == pytest.approx(measure(net(LOGITS), LABELS), rel=1e-12)


def test_weights_are_passed_to_the_measure():
    weights = uniforms(Key(2), N)
    value = evaluate(cross_entropy, identity, (LOGITS, LABELS, weights), 50)
    assert value == cross_entropy(LOGITS, LABELS, weights) != cross_entropy(LOGITS, LABELS)


def test_inputs_predictions_and_targets_may_be_tuples():
    def distance(prediction, target):
        return sum(map(rmse, tree.leaves(prediction), tree.leaves(target)))

    x, target = (OUTPUTS, (AIM,)), (AIM, (OUTPUTS,))
    expected = rmse(OUTPUTS + AIM, AIM) + rmse(OUTPUTS - AIM, OUTPUTS)
    assert evaluate(distance, Crossed(), (x, target), 50) == expected
    weighted = evaluate(lambda p, t, w: (distance(p, t), w), Crossed(), (x, target, LABELS), 50)
    assert weighted[0] == expected
    assert weighted[1] is LABELS


def test_data_are_not_written_to_and_dtypes_are_kept():
    x = LOGITS.astype(np.float32)
    x.setflags(write=False)
    before = x.tobytes()
    prediction = evaluate(lambda prediction, target: prediction, identity, (x, LABELS), 50)
    assert prediction.dtype == np.float32
    assert prediction.tobytes() == before == x.tobytes()
    tokens = evaluate(lambda prediction, target: prediction, Watched([]), (LABELS.astype(np.uint8), LABELS), 50)
    assert tokens.dtype == np.uint8


def test_an_error_of_the_network_or_the_measure_passes_through():
    net = dense(2)(Key(0), OUTPUTS)
    with pytest.raises(ValueError, match=re.escape("dense expects rows (n, 2), got (50, 4)")):
        evaluate(accuracy, net, (LOGITS, LABELS), 50)
    with pytest.raises(TypeError, match="vjp expects a finished layer"):
        evaluate(accuracy, mlp(2), (LOGITS, LABELS))
    with pytest.raises(ValueError, match="rmse expects a target of the prediction's shape"):
        evaluate(rmse, identity, (LOGITS, LABELS), 50)
    with pytest.raises(TypeError, match="top_k_accuracy: k must be an integer, got float64 array"):
        evaluate(top_k_accuracy, identity, (LOGITS, LABELS, np.ones(N)))


COLUMN, FLAT = AIM[:, :1], AIM[:, 0]


@each_of(
    ("judge", "kind", "message"),
    [
        (
            lambda: evaluate(accuracy, identity, [LOGITS, LABELS]),
            T,
            "evaluate expects data as (x, target) or (x, target",
        ),
        (lambda: evaluate(accuracy, identity, (LOGITS,)), T, "evaluate expects data as (x, target) or (x, target, wei"),
        (lambda: evaluate(accuracy, identity, LOGITS), T, "(x, target, weights), got float64 array (105, 4)"),
        (
            lambda: evaluate(accuracy, identity, ([[0.0, 1.0]], LABELS[:1])),
            T,
            "evaluate: data[0] must be an array of real numbers, got list [[0.0, 1.0]]",
        ),
        (
            lambda: evaluate(accuracy, identity, (None, LABELS)),
            T,
            "data[0] must be an array of real numbers, got NoneType",
        ),
        (
            lambda: evaluate(accuracy, identity, ((AIM, [1]), LABELS)),
            T,
            "data[0][1] must be an array of real numbers, got list",
        ),
        (
            lambda: evaluate(accuracy, identity, (LOGITS, LABELS[:5])),
            V,
            "evaluate: the arrays must have the same number of rows, got 105 and 5",
        ),
        (lambda: evaluate(mse, identity, (LOGITS, LOGITS, FLAT[:1])), V, "rows, got 105 and 105 and 1"),
        (lambda: evaluate(mse, identity, ((AIM, AIM[:7]), AIM)), V, "rows, got 105 and 7 and 105"),
        (lambda: evaluate(accuracy, identity, (LOGITS[:0], LABELS[:0])), V, "evaluate: the data has no rows"),
        (
            lambda: evaluate(mse, identity, (np.array(1.0), np.array(1.0))),
            V,
            "evaluate: data[0] must have rows, got a single number",
        ),
        (lambda: evaluate(accuracy, identity, (LOGITS, LABELS), 0), V, "evaluate: size must be at least 1, got 0"),
        (
            lambda: evaluate(accuracy, identity, (LOGITS, LABELS), 9.0),
            T,
            "evaluate: size must be an integer, got fl",
        ),
        (
            lambda: evaluate(accuracy, Odd(lambda x: x.mean(axis=0)), (LOGITS, LABELS), 50),
            V,
            "evaluate expects a prediction for each of 105 rows, got float64 array (12,)",
        ),
        (lambda: evaluate(mse, Odd(lambda x: 0.5), (LOGITS, LABELS)), V, "for each of 105 rows, got float 0.5"),
    ],
)
def test_data_that_do_not_go_together_are_refused_with_what_was_expected(judge, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        judge()


def test_a_network_that_still_trains_is_not_evaluated_unnoticed():
    x, labels = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    net = fnn.serial(fnn.dense(4), fnn.batch_norm(), fnn.dense(2))(fnn.Key(0), x)
    words = r"evaluate: the layer at layers\[1\] trains in another way than it evaluates; write "
    with pytest.raises(TypeError, match=words):
        evaluate(accuracy, net, (x, labels))
    assert evaluate(accuracy, fnn.inference(net, x), (x, labels), size=1) == evaluate(
        accuracy, fnn.inference(net, x), (x, labels)
    )


def test_weights_that_are_none_are_no_weights():
    nets = fnn.ensemble(dense(LOGITS.shape[1]), 2)(Key(0), LOGITS)
    for measure in (accuracy, cross_entropy):  # of which the first takes no weights at all
        assert evaluate(measure, identity, (LOGITS, LABELS, None)) == measure(LOGITS, LABELS)
        of_members = fnn.replicate((LOGITS, LABELS, None), 2)
        np.testing.assert_array_equal(evaluate(measure, nets, of_members), evaluate(measure, nets, of_members[:2]))
