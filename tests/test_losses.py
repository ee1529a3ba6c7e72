"""Losses against 50 digits, at the edges, and by hand."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from fnn import binary_cross_entropy, cross_entropy, mse, sum_squared_error, vjp
from fnn.keys import Key, uniforms

EDGES = [-1e4, -745.2, -40.0, -1.0, -1e-8, 0.0, 1e-8, 1.0, 40.0, 745.2, 1e4]


def logits(n):
    """Logits of every size to +-1e4."""
    return np.concatenate([EDGES, 1e4 ** uniforms(Key(0), n) * np.sign(uniforms(Key(1), n) - 0.5)])


def test_binary_cross_entropy_and_its_gradient_agree_with_50_digits():
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -(10**6), 10**6
        for x in logits(300):
            for t in (0.0, 0.25, 1.0):
                positive, negative = (1 + Decimal(-x).exp()).ln(), (1 + Decimal(x).exp()).ln()
                value, pullback = vjp(binary_cross_entropy, np.array([x]), np.array([t]))
                assert value == pytest.approx(float(Decimal(t) * positive + (1 - Decimal(t)) * negative), rel=9e-16)
                slope = float(1 / (1 + Decimal(-x).exp()) - Decimal(t))
                assert pullback(1.0)[1]()[0] == pytest.approx(slope, rel=9e-16, abs=3e-16)


def test_cross_entropy_and_its_gradient_agree_with_50_digits():
    values = logits(300)
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -(10**6), 10**6
        for row in zip(values, values[1:], values[2:], strict=False):
            exponentials = [Decimal(x).exp() for x in row]
            total = sum(exponentials)
            for label in range(3):
                value, pullback = vjp(cross_entropy, np.array([row]), np.array([label]))
                assert value == pytest.approx(float(total.ln() - Decimal(row[label])), rel=9e-16, abs=9e-16)
                slope = [float(e / total - (i == label)) for i, e in enumerate(exponentials)]
                np.testing.assert_allclose(pullback(1.0)[1]()[0], slope, rtol=2e-12, atol=4e-16)


def test_a_logit_of_minus_infinity_is_a_class_ruled_out():
    value, pullback = vjp(cross_entropy, np.array([[0.0, -np.inf, 0.0]]), np.array([0]))
    assert value == pytest.approx(np.log(2))
    np.testing.assert_allclose(pullback(1.0)[1](), [[-0.5, 0.0, 0.5]])
    assert cross_entropy(np.array([[0.0, -np.inf, 0.0]]), np.array([[0.5, 0.0, 0.5]])) == pytest.approx(np.log(2))


def test_one_hot_rows_and_labels_are_the_same_target():
    x, labels = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), np.array([2, 0])
    for one_hot in (np.eye(3)[labels], np.eye(3, dtype=np.int64)[labels]):
        (a, pull_a), (b, pull_b) = vjp(cross_entropy, x, labels), vjp(cross_entropy, x, one_hot)
        assert a == pytest.approx(b)
        np.testing.assert_allclose(pull_a(1.0)[1](), pull_b(1.0)[1]())


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_labels_may_be_whole_numbers_of_any_size(dtype):
    assert cross_entropy(np.zeros((2, 4)), np.array([0, 3], dtype)) == pytest.approx(np.log(4))


def test_the_ten_class_vector_of_the_tutorial():
    y = np.array([[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]])
    target = np.eye(10)[[2]]
    assert sum_squared_error(y, target) == pytest.approx(0.0975)
    assert mse(y, target) == pytest.approx(0.0195)
    logits = np.where(y > 0, np.log(np.maximum(y, 1e-300)), -np.inf)
    assert cross_entropy(logits, np.array([2])) == pytest.approx(0.5108, abs=5e-5)


def test_perfect_predictions_cost_nothing():
    y = np.array([[1.0], [2.0], [3.0]])
    assert mse(y, y) == sum_squared_error(y, y) == 0.0


def test_the_reported_mean_is_that_of_all_rows_and_not_of_batches():
    losses = np.arange(5.0)[:, None]
    assert mse(losses, np.zeros((5, 1))) == pytest.approx((0 + 1 + 4 + 9 + 16) / 5)


def test_float32_sums_keep_their_precision_over_many_rows():
    difference = np.full((3_000_000, 1), 0.1, np.float32)
    assert mse(difference, np.zeros_like(difference)) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-6)
