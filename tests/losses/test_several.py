"""Losses of several predictions at once: by hand, in training, and what they refuse."""

import numpy as np
import pytest

from fnn import (
    GaussianNLL,
    Key,
    Parallel,
    Serial,
    Triplet,
    adam,
    cosine_distance,
    dense,
    ensemble,
    fit,
    gaussian_nll,
    l2,
    members,
    parallel,
    pick,
    poisson_nll,
    regularized,
    relu,
    serial,
    softplus,
    start,
    tanh,
    tree,
    triplet,
    value_and_grad,
    vjp,
)
from fnn.core.keys import normals
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.cases import STEPS, numbers

T, V = TypeError, ValueError
Y, PAIR = numbers(5, 3), (numbers(5, 3), np.ones((5, 3)))


@pytest.mark.long
def test_a_network_learns_the_mean_and_the_variance_of_what_is_noisy():
    x = np.linspace(-1, 1, 400)[:, None]
    target = 2 * x + (0.1 + 0.4 * (x > 0)) * normals(Key(3), x.shape)
    head = parallel(dense(1), serial(dense(1), softplus))
    optimizer = adam(0.02)
    net = serial(dense(16), tanh, head)(Key(0), x)
    state = fit(gaussian_nll, optimizer, start(net, optimizer), (x, target), steps=400, size=100, key=Key(1))
    mean, variance = state.params(x)
    assert np.sqrt(np.mean((mean - 2 * x) ** 2)) < 0.1
    low, high = np.sqrt(variance[x < -0.3].mean()), np.sqrt(variance[x > 0.3].mean())
    assert (low, high) == (pytest.approx(0.1, abs=0.06), pytest.approx(0.5, abs=0.12))


def test_a_variance_below_epsilon_counts_as_epsilon_and_can_rise_again():
    loss, tiny = GaussianNLL(epsilon=1e-2), np.array([1e-9])
    value, pullback = vjp(loss, (np.ones(1), tiny), np.zeros(1))
    assert value == pytest.approx((np.log(1e-2) + 100) / 2)
    dmean, dvariance = pullback(1.0)[1]()
    assert (dmean[0], dvariance[0]) == (pytest.approx(100), pytest.approx((100 - 1e4) / 2))


def test_triplets_by_hand_and_at_the_margin():
    anchor, positive, negative = (
        np.zeros((2, 2)),
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        np.array([[0.0, 2.0], [1.0, 0.0]]),
    )
    assert triplet((anchor, positive, negative), None) == pytest.approx((0 + 1.2) / 2)
    assert Triplet(1.0, squared=False)((anchor, positive, negative), None) == pytest.approx((0 + np.sqrt(2)) / 2)
    value, pullback = vjp(Triplet(3.0), (anchor, positive, negative), None)
    assert value == pytest.approx((0 + 4) / 2)  # the first lies at the margin itself
    assert [each[0].any() for each in pullback(1.0)[1]()] == [False] * 3
    for same in vjp(Triplet(1.0, squared=False), (anchor, anchor, anchor), None)[1](1.0)[1]():
        assert not same.any()


def siamese(body):
    return Parallel(tuple([Serial((pick(place), body)) for place in range(3)]))


def test_one_network_at_three_places_learns_which_rows_belong_together():
    labels = np.arange(60) % 3
    x = np.eye(3)[labels] + 0.3 * normals(Key(1), (60, 3))
    anchors, positives, negatives = x, np.roll(x, 3, axis=0), np.roll(x, 1, axis=0)
    net, optimizer = siamese(serial(dense(8), relu, dense(2))(Key(0), x)), adam(0.02)
    data = (anchors, positives, negatives), labels
    state = fit(triplet, optimizer, start(net, optimizer), data, steps=100, size=20, key=Key(2))
    before, after = value_and_grad(triplet, net, data)[0], value_and_grad(triplet, state.params, data)[0]
    assert after < 0.2 * before
    first, second, third = state.params.branches
    assert first.layers[1] is second.layers[1] is third.layers[1]
    assert value_and_grad(triplet, net, (data[0], None))[0] == before
    value, _ = value_and_grad(regularized(triplet, l2(0.1)), net, (data[0], None))
    assert value == pytest.approx(before + l2(0.1)(net))


def test_the_members_of_an_ensemble_have_their_own_triplets():
    x = numbers(2, 4, 3)
    nets = ensemble(siamese(dense(2)(Key(0), x[0])), 2)(Key(0), (x[0], x[0], x[0]))
    batch = (x, x[:, ::-1], x + 1), None
    values, gradient = value_and_grad(triplet, nets, batch)
    for i, (net, own) in enumerate(zip(members(nets), members(gradient), strict=True)):
        value, expected = value_and_grad(triplet, net, (tuple(part[i] for part in batch[0]), None))
        assert values[i] == pytest.approx(value)
        assert tree.allclose(own, expected)


def test_a_row_of_zeros_has_no_direction():
    value, pullback = vjp(cosine_distance, np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.eye(3, 2))
    assert value == pytest.approx((1 + 1 + 1) / 3)
    slopes = pullback(3.0)[1]()
    np.testing.assert_array_equal(slopes, [[0, 0], [0, -1], [0, 0]])
    assert cosine_distance(np.array([[1.0, 2.0]]), np.array([[-2.0, -4.0]])) == pytest.approx(2)


ROWS = [
    (
        lambda: gaussian_nll(Y, Y),
        T,
        "gaussian_nll expects a tuple (mean, variance) as prediction, got float64 array (5, 3); write "
        "parallel(dense(1), serial(dense(1), softplus)) at the end of the network",
    ),
    (
        lambda: gaussian_nll((Y, Y[:, :1] ** 2), Y),
        V,
        "gaussian_nll expects variance of the shape of mean, (5, 3), got (5, 1)",
    ),
    (
        lambda: gaussian_nll((Y, -np.ones_like(Y)), Y),
        V,
        "gaussian_nll expects a variance above 0, got -1.0 at [0, 0]; end that branch of the network in softplus",
    ),
    (
        lambda: GaussianNLL(epsilon=0)((Y, 0 * Y), Y),
        V,
        "gaussian_nll expects a variance above 0, got 0.0 at [0, 0]; end that branch of the network in softplus",
    ),
    (lambda: GaussianNLL(-1), V, "gaussian_nll: epsilon must be at least 0 and finite, got -1"),
    (
        lambda: gaussian_nll(PAIR, Y[:, 0]),
        V,
        "gaussian_nll expects a target of the prediction's shape (5, 3), got (5,)",
    ),
    (
        lambda: gaussian_nll(((numbers(5, 2, 3), STEPS), (numbers(5, 2, 3) ** 2, 0 * STEPS)), Y),
        V,
        "gaussian_nll expects the same lengths beside mean and variance",
    ),
    (
        lambda: triplet((Y, Y), None),
        T,
        "triplet expects a tuple (anchor, positive, negative) as prediction, got tuple of float64 array (5, 3), "
        "float64 array (5, 3); its docstring shows the network that returns one",
    ),
    (lambda: triplet((Y[:, 0],) * 3, None), V, "triplet expects embeddings (n, features), got (5,)"),
    (
        lambda: triplet((Y, Y, Y), np.zeros(4)),
        V,
        "triplet expects None as target, or a row for each of 5, got (4,)",
    ),
    (lambda: Triplet(-1), V, "triplet: margin must be at least 0 and finite, got -1"),
    (lambda: Triplet(1, squared=2), T, "triplet: squared must be True or False, got int 2"),
    (lambda: cosine_distance(Y[:, 0], Y[:, 0]), V, "cosine_distance expects vectors (n, features), got (5,)"),
    (lambda: poisson_nll(Y, Y - 9), V, "poisson_nll expects counts from 0 as target, got -…"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
