"""The losses one by one: what the loss is the mean of, and slopes of their own."""

import numpy as np
import pytest

import fnn
from fnn import CrossEntropy, Rows, cross_entropy, gaussian_nll, mse, nll, rows, sum_squared_error, value_and_grad, vjp
from fnn.losses.rows import BY_ROWS
from tests.each_of import each_of
from tests.laws.cases import LABELS, LOSS_CASES, LOSSES, STEPS, WEIGHTS, numbers

PLAIN = {name: case for name, case in LOSS_CASES.items() if type(case[0]) in BY_ROWS and len(case) == 3}


@each_of("case", PLAIN.values(), ids=PLAIN)
def test_their_mean_over_what_is_there_is_the_loss_and_so_are_their_slopes(case):
    loss, prediction, target = case
    losses, pullback = vjp(rows(loss), prediction, target)
    value, whole = vjp(loss, prediction, target)
    assert losses.dtype == np.float64
    there = np.ones(losses.shape, bool)
    if type(prediction) is tuple and (prediction[-1] is STEPS or type(prediction[0]) is tuple):
        there &= (np.arange(2) < STEPS[:, None]).reshape(5, 2, *[1] * (losses.ndim - 2))
    if getattr(loss, "ignore", None) is not None:
        there &= target != loss.ignore
    count = np.count_nonzero(there)
    scale = 1.0 if loss is sum_squared_error else 1 / count
    assert losses.sum() * scale == pytest.approx(value, rel=1e-12)
    for ours, theirs in zip(*map(fnn.tree.leaves, ((pullback(scale)[1](),), (whole(1.0)[1](),))), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-15)


@each_of("name", sorted(LOSSES))
def test_each_has_a_slope_of_its_own_as_a_weight_would_give_it(name):
    loss, *given = next(case for case in PLAIN.values() if case[0] is LOSSES[name])
    losses, pullback = vjp(rows(loss), *given)
    slopes = np.broadcast_to(WEIGHTS.reshape(-1, *[1] * (losses.ndim - 1)), losses.shape)
    scale = 1.0 if loss is sum_squared_error else losses.size
    expected = vjp(loss, *given, WEIGHTS)[1](float(scale))[1]()
    np.testing.assert_allclose(pullback(slopes)[1](), expected, rtol=1e-12, atol=1e-15)


def test_what_is_not_there_costs_nothing_and_pulls_back_nothing():
    losses, pullback = vjp(rows(CrossEntropy(ignore=2)), numbers(5, 3), LABELS)
    assert (losses == 0).tolist() == (LABELS == 2).tolist()
    there, slopes = LABELS != 2, np.arange(1.0, 6.0)
    own = vjp(rows(cross_entropy), numbers(5, 3)[there], LABELS[there])[1](slopes[there])[1]()
    pulled = pullback(slopes)[1]()
    assert not pulled[~there].any()
    np.testing.assert_allclose(pulled[there], own, rtol=1e-12)
    losses, pullback = vjp(rows(mse), (numbers(5, 2, 3), STEPS), numbers(5, 2, 3, seed=1))
    within = np.arange(2) < STEPS[:, None]
    assert losses.shape == (5, 2, 3)
    assert (losses.any(axis=-1) == within).all()
    dprediction, dlengths = pullback(1.0)[1]()
    assert (dprediction.any(axis=-1) == within).all()
    assert not dlengths.any()
    assert not losses.flags.writeable


def test_their_shape_is_that_of_the_labels_or_of_the_values():
    log_p = numbers(5, 2, 3)
    assert rows(nll)(log_p, np.zeros((5, 2), int)).shape == (5, 2)
    assert rows(mse)(log_p, log_p).shape == (5, 2, 3)
    assert rows(gaussian_nll)((log_p, log_p**2), log_p).shape == (5, 2, 3)
    assert rows(fnn.triplet)((log_p, log_p, log_p), None).shape == (5, 2)


def test_what_has_no_rows_says_so():
    with pytest.raises(
        TypeError, match=r"rows expects a loss of the package over rows, say cross_entropy, got Combined"
    ):
        rows(fnn.combined(mse))
    with pytest.raises(TypeError, match=r"got the function max; a loss is a record and a function"):
        rows(max)
    net = fnn.dense(2)(fnn.Key(0), numbers(1, 3))
    with pytest.raises(TypeError, match="expects a loss that is one number, got the rows of CrossEntropy; write the"):
        value_and_grad(Rows(cross_entropy), net, (numbers(2, 3), np.array([0, 1])))


def test_weights_and_slopes_that_do_not_fit_are_told_what_to_write():
    prediction = numbers(5, 3)
    with pytest.raises(TypeError, match=r"^rows expects .* write weights \* rows\(loss\)\(prediction, target\)$"):
        rows(cross_entropy)(prediction, LABELS, np.ones(5))
    with pytest.raises(TypeError, match=r"got float64 array \(4,\) .*, with weights of the losses' shape \(5,\)$"):
        rows(cross_entropy)(prediction, LABELS, np.ones(4))
    with pytest.raises(TypeError, match=r"write weights\[:, None\] \* rows\(loss\)\(prediction, target\)$"):
        rows(mse)(prediction, prediction, np.ones(5))
    _, pullback = vjp(rows(cross_entropy), prediction, LABELS)
    with pytest.raises(ValueError, match=r"rows expects a slope for each loss, \(5,\), or one for all, got \(4,\)$"):
        pullback(np.ones(4))
    with pytest.raises(ValueError, match=r"for each loss, \(5, 3\), .* got \(5,\); write slopes\[:, None\]"):
        vjp(rows(mse), prediction, prediction)[1](np.ones(5))
    for no_number in (None, "a", 1j):  # None was NaN
        with pytest.raises(TypeError, match=r"^rows expects an array"):
            pullback(no_number)


@each_of("loss", [cross_entropy, mse, sum_squared_error], ids=str)
def test_the_slope_of_a_loss_is_one_number(loss):
    target = LABELS if loss is cross_entropy else numbers(5, 3, seed=1)
    _, pullback = vjp(loss, numbers(5, 3), target)
    for one in (1, True, np.float32(1), np.array(1.0)):
        np.testing.assert_array_equal(pullback(one)[1](), pullback(1.0)[1]())
    for slopes in (np.ones(5), np.ones((5, 1)), [1.0]):  # (5, 1) broadcast over the columns of mse
        with pytest.raises(ValueError, match=r"^the pullback of \w+ expects a number, .* write 1.0, or .* vjp\(rows\("):
            pullback(slopes)
    with pytest.raises(TypeError, match=r"^\w+ expects an array of real numbers, got NoneType None"):
        pullback(None)
