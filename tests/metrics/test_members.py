"""A metric of an ensemble's predictions is that of each member, or refused where the shapes could be something else."""

import pickle
import re

import numpy as np
import pytest

from fnn import (
    Key,
    Record,
    dense,
    ensemble,
    inference,
    members,
    mlp,
    replicate,
    reshape,
    serial,
    softmax,
    tanh,
    vjp,
)
from fnn.core.keys import normals
from fnn.metrics import (
    accuracy,
    average_precision,
    evaluate,
    f1,
    log_loss,
    mae,
    perplexity,
    precision_recall_curve,
    rmse,
    roc_auc,
    roc_curve,
)
from tests.each_of import each_of
from tests.metrics.cases import CASES, LABELS, PROBABILITIES, N, each_case

SHIFT = normals(Key(4), (3, N, 4))


def of_three(prediction):
    """Predictions of three members: those given and two others, probabilities if those are."""
    if prediction is PROBABILITIES:
        return np.stack([prediction, softmax(SHIFT[1]), softmax(SHIFT[2])])
    return np.stack([prediction + 0.5 * i * SHIFT[i, :, : prediction.shape[1]] for i in range(3)])


WIDE = {name: case for name, case in CASES.items() if case[1].ndim == 2}
each_wide = each_of(("measure", "prediction", "target"), WIDE.values(), ids=WIDE)


@each_wide
def test_one_target_for_all_gives_the_number_of_each_member(measure, prediction, target):
    together = of_three(prediction)
    found = measure(together, target)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, [measure(each, target) for each in together])
    assert len({str(value) for value in found}) > 1


@each_wide
def test_so_do_one_hot_rows(measure, prediction, target):
    if target.dtype.kind == "i":
        together = of_three(prediction)
        np.testing.assert_array_equal(measure(together, np.eye(4)[target]), measure(together, target))


def test_booleans_for_several_classes_and_values_of_one_output_too():
    together, target = SHIFT > 0, SHIFT[0] > 0.3
    np.testing.assert_array_equal(f1(together, target), [f1(each, target) for each in together])
    np.testing.assert_array_equal(
        mae(SHIFT[:, :, 0], SHIFT[0, :, 0]), [mae(each, SHIFT[0, :, 0]) for each in SHIFT[:, :, 0]]
    )
    np.testing.assert_array_equal(accuracy(prediction=SHIFT, target=LABELS), accuracy(SHIFT, LABELS))


def test_what_one_network_may_give_is_that_of_one_network():
    steps = normals(Key(5), (5, 5, 5))  # also as many rows as steps as classes
    labels = np.arange(25).reshape(5, 5) % 5
    assert isinstance(perplexity(steps, labels), float)
    assert perplexity(steps[:, :3], labels[:, :3]) == perplexity(steps[:, :3].reshape(15, 5), labels[:, :3].ravel())
    assert isinstance(rmse(steps, steps), float)


@each_of(
    ("judge", "message"),
    [
        (
            lambda: accuracy(SHIFT, np.stack([LABELS] * 3)),
            "accuracy expects the predictions of one network, or (n, rows, classes) of n members with one target for "
            "all, got (3, 105, 4) for a target (3, 105); for members write evaluate(accuracy, nets, data), or "
            "[accuracy(p, t) for p, t in zip(prediction, target)]; for sequences put all steps below one another, "
            ".reshape(-1, classes)",
        ),
        (
            lambda: log_loss(softmax(SHIFT), np.eye(4)[np.stack([LABELS] * 3)]),
            "log_loss expects the predictions of one network, or (n, rows, classes) of n members with one target for "
            "all, got (3, 105, 4) for a target (3, 105, 4); for members write",
        ),
        (lambda: f1(SHIFT.argmax(axis=2), LABELS), "or [f1(p, target) for p in ...]"),
        (lambda: roc_auc(SHIFT[:, :, 0], LABELS % 2), "got (3, 105) for a target (105,); for members write"),
        (lambda: average_precision(SHIFT[:, :, 0], LABELS % 2), "got (3, 105) for a target (105,); for members write"),
        (lambda: accuracy(normals(Key(1), (5, 5, 5)), np.eye(5)), "got (5, 5, 5) for a target (5, 5); for members"),
        (lambda: rmse(SHIFT, SHIFT[:, 0]), "rmse expects a target of the prediction's shape (3, 105, 4), got (3, 4)"),
        (
            lambda: roc_curve(SHIFT[:, :, 0], LABELS % 2),
            "roc_curve expects scores (n,) of one class, got",
        ),
    ],
)
def test_what_could_be_something_else_is_refused_with_what_to_write(judge, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        judge()


def test_a_metric_is_itself_to_pickle_and_to_a_reader():
    assert pickle.loads(pickle.dumps(accuracy)) is accuracy
    assert accuracy.__name__ == "accuracy"
    assert "fraction of rows" in accuracy.__doc__


# --- evaluate ---------------------------------------------------------------------------------------------------------


class Column(Record):
    """A layer that returns one of its features, as scores (n,)."""

    place: int


@vjp.register
def column_vjp(layer: Column, x, key=None):
    return x[:, layer.place], None


@each_case
def test_an_ensemble_is_evaluated_member_by_member(measure, prediction, target):
    last = [softmax] if prediction is PROBABILITIES else [] if prediction.ndim == 2 else [reshape(())]
    width = prediction.shape[1] if prediction.ndim == 2 else 1
    nets = ensemble(serial(dense(3), tanh, dense(width), *last), 3)(Key(0), SHIFT[0])
    found = evaluate(measure, nets, replicate((SHIFT[0], target), 3), size=50)
    assert len(found) == 3
    np.testing.assert_allclose(found, [measure(net(SHIFT[0]), target) for net in members(nets)], rtol=1e-9)


@each_of("curve", [roc_curve, precision_recall_curve])
def test_curves_are_evaluated_too_and_those_of_members_are_a_tuple(curve):
    data = SHIFT[0], LABELS % 2
    one = evaluate(curve, Column(1), data, size=50)
    for ours, theirs in zip(one, curve(SHIFT[0, :, 1], LABELS % 2), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    nets = ensemble(mlp(3, 1), 2)(Key(0), SHIFT[0])

    def of_column(prediction, target):
        return curve(prediction[:, 0], target)

    each = evaluate(of_column, inference(nets, replicate(SHIFT[0], 2)), replicate(data, 2))
    assert len(each) == 2
    for net, parts in zip(members(nets), each, strict=True):
        for ours, theirs in zip(parts, of_column(net(SHIFT[0]), LABELS % 2), strict=True):
            np.testing.assert_array_equal(ours, theirs)
