"""Losses and penalties of narrow and extreme numbers: right to a few units of the dtype, or an error, never 0 or NaN.

Distances are held against fractions, losses of logits against formulas in longdouble. A unit is the distance to the
next number of the dtype at the right result, so that of one that vanishes in the dtype it is the smallest number.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

from fnn import (
    BinaryCrossEntropy,
    CrossEntropy,
    Dense,
    Huber,
    binary_cross_entropy,
    cosine_distance,
    cross_entropy,
    focal,
    gaussian_nll,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    mae,
    mse,
    poisson_nll,
    regularized,
    sgd,
    start,
    sum_squared_error,
    train_step,
    triplet,
    value_and_grad,
    vjp,
)
from tests.each_of import each_of
from tests.laws.cases import LOSSES, numbers, target_for

UNITS = 4
RELATIVE = {np.float16: 1e-6, np.float32: 1e-6, np.float64: 1e-13}  # of a value, which narrow floats compute in float32
EDGES = {
    np.float16: [0.0, 6e-8, 1e-4, 1.0, 66.0, 1e4, 3e4],
    np.float32: [0.0, 1e-45, 1e-38, 1e-30, 1e-8, 1.0, 66.0, 1e4, 6e4, 1e20, 1e30],
    np.float64: [0.0, 1e-200, 1e-100, 1e-30, 1.0, 1e30, 1e100, 1e150],
}
ROWS = [1, 3, 1000, 70_002]
at_the_edges = each_of(("dtype", "edge"), [(dtype, edge) for dtype, edges in EDGES.items() for edge in edges])


def unit(dtype, value):
    with np.errstate(all="ignore"):
        return Fraction(float(np.spacing(np.abs(dtype(float(value))))))


def near(found, exact, dtype, units=UNITS):
    return abs(Fraction(float(found)) - exact) <= units * unit(dtype, exact)


def huber_of(delta):
    return (
        lambda d: d * d / 2 if abs(d) < delta else delta * (abs(d) - delta / 2),
        lambda d: max(-delta, min(delta, d)),
    )


DISTANCES = {
    "mse": (mse, lambda d: d * d, lambda d: 2 * d),
    "sum_squared_error": (sum_squared_error, lambda d: d * d / 2, lambda d: d),
    "mae": (mae, abs, lambda d: Fraction((d > 0) - (d < 0))),
    "huber": (huber, *huber_of(Fraction(1))),
    "huber, large": (Huber(1e25), *huber_of(Fraction(1e25))),
    "huber, small": (Huber(1e-3), *huber_of(Fraction(1e-3))),
}


@each_of("name", DISTANCES)
@at_the_edges
def test_distances(name, dtype, edge):
    loss, distance, slope = DISTANCES[name]
    for n in ROWS:
        for sign in (1, -1)[: 1 + (n < 1000)]:
            y = np.full(n, sign * edge, dtype)
            d, rows = Fraction(float(y[0])), 1 if loss is sum_squared_error else n
            value, pullback = vjp(loss, y, np.zeros(n, dtype))
            exact = float(distance(d) * n / rows)
            assert type(value) is float
            assert value == pytest.approx(exact, rel=RELATIVE[dtype], abs=5e-324)
            gradient = pullback(1.0)[1]()
            assert gradient.dtype == dtype
            assert near(gradient[0], slope(d) / rows, dtype)
            assert (gradient == gradient[0]).all()


def test_the_squares_of_what_float32_can_hold():
    for size in (1e20, 1e-30):
        y = np.array([size], np.float32)
        assert mse(y, 0 * y) == float(y[0]) ** 2 == pytest.approx(size**2, rel=1e-6, abs=0)
    assert mae(np.full(100_001, 0.1, np.float32), np.zeros(100_001, np.float32)) == pytest.approx(
        float(np.float32(0.1)), rel=1e-14
    )
    assert mae(np.full(1000, 66, np.float16), np.zeros(1000, np.float16)) == 66.0
    assert mae(np.array([6e4, -6e4], np.float16), np.array([-6e4, 6e4], np.float16)) == pytest.approx(12e4, rel=1e-3)


def test_a_target_keeps_what_a_narrow_prediction_cannot_hold():
    prediction = np.full(4, 6e4, np.float16)
    for target in (np.full(4, 70_000), np.full(4, 7e4), np.full(4, 7e4, np.float32)):
        assert mae(prediction, target) == pytest.approx(70_000 - float(prediction[0]), rel=1e-6)


# --- logits ----------------------------------------------------------------------------------------------------------


def log_sum(x):
    top = x.max(axis=-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(x - top).sum(axis=-1))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


SOFT = np.array([0.25, 0.25, 0.5])
HOT = np.eye(3)


def logit_losses(n):
    """Each loss, its target, and the losses as a function of logits in longdouble."""
    labels = np.arange(n) % 3
    yield cross_entropy, labels, lambda x: log_sum(x) - np.take_along_axis(x, labels[:, None], 1)[:, 0]
    yield cross_entropy, HOT[labels], lambda x: log_sum(x) - np.take_along_axis(x, labels[:, None], 1)[:, 0]
    yield cross_entropy, np.tile(SOFT, (n, 1)), lambda x: ((log_sum(x)[:, None] - x) * SOFT).sum(axis=1)
    yield (
        kl_divergence,
        np.tile(SOFT, (n, 1)),
        lambda x: ((log_sum(x)[:, None] - x + np.log(SOFT)) * SOFT).sum(axis=1),
    )
    binary = HOT[labels]
    yield binary_cross_entropy, binary, lambda x: softplus(np.where(binary == 1, -x, x))
    yield (
        BinaryCrossEntropy(positive_weight=3.0),
        binary,
        lambda x: np.where(binary == 1, 3 * softplus(-x), softplus(x)),
    )
    yield hinge, 2 * binary - 1, lambda x: np.maximum(1 - (2 * binary - 1) * x, 0)


@pytest.mark.long
@each_of("n", ROWS)
@each_of("dtype", [np.float16, np.float32])
def test_losses_of_logits(dtype, n):
    distinct = 6 if n % 6 == 0 else n  # rows and labels come again after so many, and longdoubles are slow
    for edge in EDGES[dtype] if n < 70_000 else EDGES[dtype][-1:]:
        x = np.zeros((n, 3), dtype)
        x[:, 0], x[::2, 1] = edge, -1
        for (loss, target, _), (*_, exact) in zip(logit_losses(n), logit_losses(distinct), strict=True):
            target = target if target.dtype.kind == "i" else target.astype(dtype)
            value, pullback = vjp(loss, x, target)
            with np.errstate(under="ignore"):
                assert value == pytest.approx(
                    float(exact(x[:distinct].astype(np.longdouble)).mean()), rel=2e-6, abs=1e-7
                )
            gradient = pullback(1.0)[1]()
            assert gradient.dtype == dtype
            # In float64 the gradient is right to 50 digits' test; of soft targets it is a difference of two numbers.
            wide = vjp(loss, x.astype(np.float64), target)[1](1.0)[1]()
            sizes = np.maximum(np.abs(wide), 0 if target.ndim == 1 else 1 / n).astype(dtype)
            assert (np.abs(gradient.astype(np.float64) - wide) <= UNITS * np.spacing(sizes).astype(np.float64)).all()


@pytest.mark.long
@each_of("name", LOSSES)
def test_every_loss_computes_float16_as_float32_would_and_returns_its_gradient_as_float16(name):
    loss, target = LOSSES[name], target_for(name)[np.arange(20_000) % 5]
    y = numbers(20_000, 3, dtype=np.float16)
    for weights in (None, np.full(20_000, 3.0), np.full(20_000, 3.0, np.float16)):
        value, pullback = vjp(loss, y, target, weights)
        wide, wide_pullback = vjp(loss, y.astype(np.float32), target, weights)
        assert value == pytest.approx(wide, rel=1e-12)
        gradient, expected = pullback(1.0)[1](), wide_pullback(1.0)[1]()
        assert gradient.dtype == np.float16
        np.testing.assert_allclose(gradient.astype(np.float32), expected, rtol=6e-4, atol=3.1e-8)  # rounded once


@each_of("name", LOSSES)
def test_weights_may_be_as_small_or_large_as_they_are(name):
    loss, y, target = LOSSES[name], numbers(5, 3, dtype=np.float32), target_for(name)
    plain, plain_pullback = vjp(loss, y, target)
    for weight in (1e-30, 1e-200, 1e30, 1e200):
        value, pullback = vjp(loss, y, target, np.full(5, weight))
        assert value == pytest.approx(weight * plain, rel=1e-6, abs=0)
        if 1e-35 < weight < 1e35:
            expected = plain_pullback(1.0)[1]().astype(np.float64) * weight
            np.testing.assert_allclose(pullback(1.0)[1](), expected, rtol=1e-6)


def test_a_sum_that_overflows_where_the_mean_does_not():
    with np.errstate(over="ignore"):
        assert mae(np.full(10, 3e38, np.float32), np.zeros(10, np.float32)) == pytest.approx(3e38, rel=1e-6)
    assert mae(np.full(10, 1.7e308), np.zeros(10)) == pytest.approx(1.7e308)


def test_a_network_in_float16_learns_to_a_loss_that_it_could_not_add_up():
    x = np.linspace(-1, 1, 4000, dtype=np.float16)[:, None]
    step = train_step(mse, sgd(0.2))
    state = start(Dense(np.zeros((1, 1), np.float16), np.full(1, 250, np.float16)), sgd(0.2))
    for _ in range(60):
        state = step(state, (x, 3 * x + 1))
    assert state.params.weight.dtype == np.float16
    assert state.loss < 1e-3
    assert math.isclose(state.params.weight.item(), 3, rel_tol=1e-2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_likelihoods_and_embeddings_at_the_edges_are_computed_where_there_is_room(dtype):
    for edge in EDGES[dtype][1:]:
        y, t = np.full((3, 2), edge, dtype), np.zeros((3, 2), dtype)
        wide = y.astype(np.float64)
        value, pullback = vjp(gaussian_nll, (y, np.ones_like(y)), t)
        assert value == pytest.approx((wide**2 / 2).mean(), rel=1e-6, abs=0)
        with np.errstate(over="ignore"):  # of the variance's slope, (1 - d**2) / 2, which is as large as that
            dmean, dvariance = pullback(6.0)[1]()
            np.testing.assert_allclose(dvariance, ((1 - wide**2) / 2).astype(dtype), rtol=2e-3)
        np.testing.assert_allclose(dmean, y, rtol=1e-3 if dtype is np.float16 else 1e-6)
        assert cosine_distance(y, y + y) == pytest.approx(0, abs=1e-15)
        turned = y * np.array([1, -1], dtype)
        value, pullback = vjp(cosine_distance, y, turned)
        assert value == pytest.approx(1.0, rel=1e-6)
        with np.errstate(over="ignore", under="ignore"):
            expected = (-turned / wide[:, :1] ** 2 / 2).astype(dtype)
        if np.isfinite(expected).all():
            np.testing.assert_allclose(pullback(3.0)[1](), expected, rtol=2e-3 if dtype is np.float16 else 1e-6)
        with np.errstate(over="ignore"):
            far = triplet((y, y, t), None), triplet((y, t, y), None)
        assert far == pytest.approx((max(0.0, 0.2 - 2 * wide[0, 0] ** 2), 0.2 + 2 * wide[0, 0] ** 2), rel=1e-6)
    assert poisson_nll(np.full(3, 90, dtype), np.ones(3)) == pytest.approx(np.exp(90) - 90)  # beyond float32's range
    assert poisson_nll(np.full(3, 1e4, dtype), np.ones(3)) == math.inf
    small = focal(np.array([[60.0, 0.0]], dtype), np.array([0]))
    assert small == pytest.approx(0.0, abs=1e-37)  # 1e-78


# --- penalties -------------------------------------------------------------------------------------------------------


@at_the_edges
def test_penalties(dtype, edge):
    net = Dense(np.full((250, 400), edge, dtype), np.ones(400, dtype))
    w = Fraction(float(net.weight[0, 0]))
    for strength in (1e-8, 0.5):
        for penalty, cost, slope in ((l1, abs(w), Fraction(int(w > 0))), (l2, w * w / 2, w)):
            value, pullback = vjp(penalty(strength), net)
            assert type(value) is float
            assert value == pytest.approx(
                float(Fraction(strength) * cost * 100_000), rel=max(RELATIVE[dtype], 1e-12), abs=5e-324
            )
            gradient = pullback(1.0)[1]()
            assert gradient.weight.dtype == dtype
            assert near(gradient.weight[0, 0], Fraction(strength) * slope, dtype)
            assert not gradient.bias.any()


def test_a_small_part_of_float32_weights_takes_no_shortcut():
    for edge in (1e-30, 1e20):
        net = Dense(np.full((3, 3), edge, np.float32), np.ones(3, np.float32))
        assert l2(2.0)(net) == pytest.approx(9 * edge**2, rel=1e-6, abs=0)


def test_few_float32_weights_of_usual_size_are_squared_in_float32_and_lose_nothing():
    net = Dense(numbers(30, 50, dtype=np.float32), np.ones(50, np.float32))
    exact = sum(Fraction(float(w)) ** 2 for w in net.weight.flat)
    assert l2(2.0)(net) == pytest.approx(float(exact), rel=5e-7)


def test_a_penalty_is_added_before_the_sum_is_rounded():
    net, x = Dense(np.ones((1, 1), np.float16), np.zeros(1, np.float16)), np.ones((2, 1), np.float16)
    gradient = value_and_grad(mse, net, (x, x - 1))[1].weight.item()
    # Half a unit of float16 at the gradient, 2, is 2**-10: what is beyond it changes the sum.
    both = value_and_grad(regularized(mse, l2(2**-10 + 2**-21)), net, (x, x - 1))[1].weight.item()
    assert (gradient, both) == (2.0, 2.0 + 2**-9)


@pytest.mark.parametrize("classes", [(1e-30, 1.0, 1e30), (3.0, 1e-10, 1e-20), (0.0, 1e-200, 1e200)])
def test_class_weights_may_be_as_far_apart_as_they_are(classes):
    x, labels = numbers(5, 3, dtype=np.float32), np.array([0, 1, 2, 0, 1])
    x[4, 0] = -1e4  # of which the softmax is 0, and the slope the weight of its term alone
    wide = np.array(classes)
    nll = log_sum(x.astype(np.longdouble))[:, None] - x
    assert CrossEntropy(class_weights=classes)(x, labels) == pytest.approx(
        float((wide[labels] * nll[np.arange(5), labels]).mean()), rel=1e-5
    )
    soft = np.full((5, 3), 0.25, np.float32) + np.eye(1, 3, dtype=np.float32) / 4
    terms = wide * soft
    value, pullback = vjp(CrossEntropy(class_weights=classes), x, soft)
    assert value == pytest.approx(float((terms * nll).sum(axis=1).mean()), rel=1e-5)
    slopes = (terms.sum(axis=1, keepdims=True) * np.exp(-nll) - terms) / 5
    if classes[2] < 1e38:  # what float32 can hold
        np.testing.assert_allclose(pullback(1.0)[1](), slopes, rtol=1e-5)
