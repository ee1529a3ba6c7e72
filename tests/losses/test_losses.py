"""Losses against 50 digits, at the edges, and by hand."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

import fnn
from fnn import (
    NLL,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Record,
    Serial,
    adam,
    binary_cross_entropy,
    chain,
    combined,
    cross_entropy,
    dense,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    log_softmax,
    mae,
    mlp,
    mse,
    nll,
    parallel,
    regularized,
    serial,
    sgd,
    sigmoid,
    softmax,
    start,
    sum_squared_error,
    tanh,
    train_step,
    tree,
    value_and_grad,
    vjp,
    weight_decay,
)
from fnn.core.keys import Key, uniforms
from fnn.diagnostics.numeric import gradient
from tests.each_of import each_of
from tests.laws.cases import LABELS, SOFT, made, numbers, random_like

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


@each_of("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_labels_may_be_integers_of_any_size(dtype):
    assert cross_entropy(np.zeros((2, 4)), np.array([0, 3], dtype)) == pytest.approx(np.log(4))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_steps_of_sequences_are_rows_with_the_weight_of_their_example(weighted):
    x, labels, soft = numbers(5, 2, 3), np.arange(10).reshape(5, 2) % 3, np.stack([SOFT, SOFT[::-1]], axis=1)
    weights = np.arange(1.0, 6.0) if weighted else None
    of_rows = np.repeat(weights, 2) if weighted else None
    for loss, target, rows in (
        (cross_entropy, labels, labels.reshape(-1)),
        (cross_entropy, soft, soft.reshape(-1, 3)),
        (kl_divergence, soft, soft.reshape(-1, 3)),
    ):
        (a, pull_a), (b, pull_b) = vjp(loss, x, target, weights), vjp(loss, x.reshape(-1, 3), rows, of_rows)
        assert a == b
        np.testing.assert_array_equal(pull_a(1.0)[1]().reshape(-1, 3), pull_b(1.0)[1]())


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


def test_kl_divergence_agrees_with_50_digits_and_is_not_lost_where_it_is_small():
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -(10**6), 10**6
        for shift in (0.0, 1e-9, 1e-6, 1e-3, 1.0, 40.0):
            target = [Decimal("0.25"), Decimal("0.75")]
            logits = np.log([[0.25, 0.75]]) + [[shift, 0.0]]
            exponentials = [Decimal(float(x)).exp() for x in logits[0]]
            exact = sum(t * (t / (e / sum(exponentials))).ln() for t, e in zip(target, exponentials, strict=True))
            assert kl_divergence(logits, np.array([[0.25, 0.75]])) == pytest.approx(float(exact), rel=1e-12, abs=2e-16)


def test_kl_divergence_is_cross_entropy_less_the_entropy_of_the_target():
    x, target = numbers(5, 3), SOFT
    entropy = -sum(t * np.log(t) for t in target.ravel() if t > 0) / len(target)
    (a, pull_a), (b, pull_b) = vjp(cross_entropy, x, target), vjp(kl_divergence, x, target)
    assert b == pytest.approx(a - entropy)
    np.testing.assert_allclose(pull_a(1.0)[1](), pull_b(1.0)[1](), atol=1e-16)
    with pytest.raises(ValueError, match=r"kl_divergence expects probabilities \(5, 3\), got \(5,\)"):
        kl_divergence(x, LABELS)


def test_distances_by_hand():
    y, target = np.array([[0.5], [-3.0], [1.0]]), np.zeros((3, 1))
    assert mae(y, target) == pytest.approx((0.5 + 3.0 + 1.0) / 3)
    assert huber(y, target) == pytest.approx((0.125 + 2.5 + 0.5) / 3)
    assert Huber(delta=2.0)(y, target) == pytest.approx((0.125 + 2 * (3 - 1) + 0.5) / 3)
    assert hinge(np.array([2.0, 0.25, -1.0]), np.array([1, 1, -1])) == pytest.approx(0.75 / 3)
    with pytest.raises(ValueError, match=r"huber: delta must be at least 0 and finite, got -1"):
        Huber(delta=-1)


def test_slopes_at_a_corner_are_those_the_docstrings_say():
    zero = np.zeros((1, 1))
    assert vjp(mae, zero, zero)[1](1.0)[1]().item() == 0.0
    assert vjp(hinge, np.ones(1), np.ones(1))[1](1.0)[1]().item() == 0.0


def test_label_smoothing_mixes_the_target_with_even_odds():
    x = numbers(5, 3)
    mixed = 0.8 * np.eye(3)[LABELS] + 0.2 / 3
    for target in (LABELS, np.eye(3)[LABELS]):
        smooth = CrossEntropy(label_smoothing=0.2)
        assert smooth(x, target) == pytest.approx(cross_entropy(x, mixed))
    two = CrossEntropy(label_smoothing=0.3)(np.stack([x[:, 0], 0 * x[:, 0]], axis=1), np.array([0, 1, 0, 1, 1]))
    one = BinaryCrossEntropy(label_smoothing=0.3)(x[:, 0], np.array([1.0, 0.0, 1.0, 0.0, 0.0]))
    assert one == pytest.approx(two)
    for bad in (-0.1, 1.0, "a lot"):
        with pytest.raises((ValueError, TypeError), match="label_smoothing must be"):
            CrossEntropy(label_smoothing=bad)


def test_hinge_takes_signs_and_says_so():
    with pytest.raises(ValueError, match=r"targets -1 and 1, got 0.0 at row 0; .* write 2 \* target - 1"):
        hinge(np.zeros(2), np.array([0.0, 1.0]))


@each_of(
    ("loss", "last", "target"),
    [
        (cross_entropy, softmax, LABELS),
        (CrossEntropy(label_smoothing=0.1), softmax, SOFT),
        (kl_divergence, softmax, SOFT),
        (binary_cross_entropy, softmax, SOFT),
        (binary_cross_entropy, sigmoid, SOFT),
        (regularized(cross_entropy, l2(0.1)), softmax, LABELS),
    ],
)
def test_a_network_that_ends_in_probabilities_is_refused_by_a_loss_that_takes_logits(loss, last, target):
    x = numbers(5, 4)
    net = made(serial(dense(3), serial(tanh, last)), 1, 4)
    with pytest.raises(
        TypeError, match=r"takes logits, but the network ends in \w+, at layers\[-1\].layers\[-1\]; leave"
    ):
        value_and_grad(loss, net, (x, target))
    optimizer = adam(0.1)
    with pytest.raises(TypeError, match="takes logits"):
        train_step(loss, optimizer)(start(net, optimizer), (x, target))


def test_the_same_goes_for_each_of_several_outputs_and_for_no_other_loss():
    x = numbers(5, 4)
    net = made(serial(parallel(dense(1), serial(dense(3), softmax))), 1, 4)
    with pytest.raises(TypeError, match="CrossEntropy takes logits"):
        value_and_grad(combined(mse, cross_entropy), net, (x, (np.zeros((5, 1)), LABELS)))
    value, _ = value_and_grad(mse, made(serial(dense(3), softmax), 1, 4), (x, SOFT))
    assert value > 0


@each_of("target", [LABELS, SOFT])
@each_of("settings", [{}, {"class_weights": (0.5, 0.0, 3.0)}])
def test_nll_after_log_softmax_is_cross_entropy_and_costs_nothing_where_nothing_is_expected(target, settings):
    body = made(serial(dense(3)), 1, 4)
    batch = numbers(5, 4), target
    value, gradient = value_and_grad(NLL(**settings), Serial((*body.layers, log_softmax)), batch)
    expected, of_logits = value_and_grad(CrossEntropy(**settings), body, batch)
    assert value == pytest.approx(expected, rel=1e-12)
    assert tree.allclose(gradient.layers[0], of_logits.layers[0], rtol=1e-10, atol=1e-14)
    log_p = np.log(np.array([[0.5, 0.0, 0.5]]), where=[[True, False, True]], out=np.full((1, 3), -np.inf))
    assert nll(log_p, np.array([[0.5, 0.0, 0.5]])) == pytest.approx(np.log(2))
    assert nll(log_p, np.array([1])) == np.inf


NET = random_like(mlp(4, 3)(Key(0), np.zeros((1, 5))))


def test_penalties_by_hand_leave_biases_alone():
    weights = np.concatenate([NET.layers[0].weight.ravel(), NET.layers[2].weight.ravel()])
    assert l1(0.3)(NET) == pytest.approx(0.3 * np.abs(weights).sum())
    assert l2(0.3)(NET) == pytest.approx(0.15 * (weights**2).sum())
    assert l2(0.3, "layers[2].bias")(NET) == pytest.approx(0.15 * (NET.layers[2].bias ** 2).sum())
    with pytest.raises(ValueError, match=r"l2: the function is_weight chooses no leaf; there are \[0\], \[1\]"):
        l2(0.1)((np.zeros(2), np.ones(3)))


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_a_penalty_is_as_strong_whatever_the_size_of_the_batch(copies):
    x, target = np.tile(numbers(4, 5), (copies, 1)), np.tile(numbers(4, 3), (copies, 1))
    loss = regularized(mse, l1(0.01), l2(0.1))
    value, gradient = value_and_grad(loss, NET, (x, target))
    plain, plain_gradient = value_and_grad(mse, NET, (x, target))
    assert value - plain == pytest.approx(l1(0.01)(NET) + l2(0.1)(NET))
    extra = gradient.layers[2].weight - plain_gradient.layers[2].weight
    np.testing.assert_allclose(extra, 0.01 * np.sign(NET.layers[2].weight) + 0.1 * NET.layers[2].weight, rtol=1e-9)
    np.testing.assert_array_equal(gradient.layers[0].bias, plain_gradient.layers[0].bias)


def test_the_whole_objective_is_the_one_that_is_differentiated():
    x, target = numbers(4, 5), numbers(4, 3)
    loss = regularized(mse, l1(0.01), l2(0.1, ""))
    vector, unravel = tree.ravel(NET)
    numeric = gradient(lambda v: value_and_grad(loss, unravel(v), (x, target, np.arange(4.0)))[0], vector)
    ours, _ = tree.ravel(value_and_grad(loss, NET, (x, target, np.arange(4.0)))[1])
    np.testing.assert_allclose(ours, numeric, rtol=1e-6, atol=1e-9)


def test_the_l2_penalty_under_plain_descent_is_weight_decay():
    x, target = numbers(4, 5), numbers(4, 3)
    ends = []
    for loss, optimizer in (
        (regularized(mse, l2(0.1)), sgd(0.05)),
        (mse, chain(weight_decay(0.1, tree.is_weight), sgd(0.05))),
    ):
        state = start(NET, optimizer)
        for _ in range(3):
            state = train_step(loss, optimizer)(state, (x, target))
        ends.append(state.params)
    assert tree.allclose(*ends, rtol=1e-12)


def test_a_regularized_loss_of_a_prediction_alone_says_what_to_write():
    with pytest.raises(TypeError, match="a regularized loss looks at the parameters: use it in value_and_grad or"):
        regularized(mse, l2(0.1))(numbers(2, 3), numbers(2, 3))
    with pytest.raises(TypeError, match=r"regularized expects penalties, got float 0.1; write regularized\(mse, l2"):
        regularized(mse, 0.1)


def test_a_combined_loss_is_the_weighted_sum_of_its_parts():
    loss = combined(mse, cross_entropy, weights=(2.0, 0.5))
    y, target = (numbers(5, 2), numbers(5, 3)), (numbers(5, 2, seed=1), LABELS)
    assert loss(y, target) == pytest.approx(2 * mse(y[0], target[0]) + 0.5 * cross_entropy(y[1], target[1]))
    assert combined(mse, mae)((y[0],) * 2, (target[0],) * 2) == mse(y[0], target[0]) + mae(y[0], target[0])
    _, pullback = vjp(loss, y, target)
    of_one, of_other = pullback(3.0)[1]()
    np.testing.assert_array_equal(of_one, vjp(mse, y[0], target[0])[1](6.0)[1]())
    np.testing.assert_array_equal(of_other, vjp(cross_entropy, y[1], target[1])[1](1.5)[1]())


def test_a_combined_loss_trains_a_network_with_an_output_for_each():
    x, target = numbers(5, 4), (numbers(5, 1), LABELS)
    net = made(parallel(dense(1), dense(3)), 1, 4)
    value, gradient = value_and_grad(combined(mse, cross_entropy, weights=(2.0, 0.5)), net, (x, target))
    one, first = value_and_grad(mse, net.branches[0], (x, target[0]))
    other, second = value_and_grad(cross_entropy, net.branches[1], (x, target[1]))
    assert value == pytest.approx(2 * one + 0.5 * other)
    assert tree.allclose(gradient.branches[0], tree.map(lambda leaf: 2 * leaf, first))
    assert tree.allclose(gradient.branches[1], tree.map(lambda leaf: 0.5 * leaf, second))


def test_a_combined_loss_takes_any_network_that_returns_a_tuple():
    x, target = (numbers(5, 2), numbers(5, 1)), (numbers(5, 2, seed=1), numbers(5, 1, seed=1))
    value, _ = value_and_grad(combined(mse, mae), Serial(()), (x, target))
    assert value == mse(x[0], target[0]) + mae(x[1], target[1])


# --- what is there, and how much it matters --------------------------------------------------------------------------


def test_weights_by_hand():
    y, target = np.array([1.0, 3.0]), np.zeros(2)
    assert mse(y, target, np.array([1.0, 0.0])) == 0.5  # over two rows, not over the weights' sum
    assert mse(y, target, np.array([10.0, 10.0])) == 10 * mse(y, target)
    assert sum_squared_error(y, target, np.array([2.0, 1.0])) == (2 * 1 + 9) / 2
    assert mse(y, target, np.array([True, False])) == 0.5
    assert mse(y, target, [1, 0]) == 0.5


def test_a_weight_of_a_row_is_that_weight_for_each_of_its_steps_and_values():
    y, target = numbers(3, 4, 2), numbers(3, 4, 2, seed=1)
    weights = np.array([0.5, 0.0, 2.0])
    expected = vjp(mse, y, target, weights)
    for shape in ((3, 4), (3, 4, 2)):
        spread = np.broadcast_to(weights.reshape(3, *[1] * (len(shape) - 1)), shape)
        value, pullback = vjp(mse, y, target, spread)
        assert value == expected[0]
        np.testing.assert_array_equal(pullback(1.0)[1](), expected[1](1.0)[1]())


def test_what_lies_beyond_the_lengths_changes_nothing_whatever_it_is():
    lengths = np.array([2, 0, 3])
    y, labels, soft = numbers(3, 3, 3), np.array([[0, 1, 2]] * 3), np.stack([SOFT[:3]] * 3, axis=1)
    weights = np.array([[1.0, 2.0, 3.0]] * 3)
    beyond = np.arange(3) >= lengths[:, None]
    for loss, target, padding in (
        (cross_entropy, labels, -100),
        (cross_entropy, soft, np.nan),
        (binary_cross_entropy, soft, 7.0),
        (mse, soft, np.nan),
        (hinge, np.sign(y), 0.0),
    ):
        given, padded = np.where(beyond[..., None], np.nan, y), target.copy()
        padded[beyond] = padding
        value, pullback = vjp(loss, (given, lengths), padded, np.where(beyond, np.nan, weights))
        dprediction, dlengths = pullback(1.0)[1]()
        plain, plain_pullback = vjp(loss, (y, lengths), target, weights)
        assert value == plain > 0
        np.testing.assert_array_equal(dprediction, plain_pullback(1.0)[1]()[0])
        assert not dprediction[beyond].any()
        assert (dlengths.tolist(), dlengths.dtype) == ([0.0] * 3, dprediction.dtype)


def test_lengths_of_all_that_there_is_change_nothing():
    y, labels = numbers(3, 4, 3), np.arange(12).reshape(3, 4) % 3
    value, pullback = vjp(cross_entropy, (y, np.full(3, 4)), labels)
    expected, expected_pullback = vjp(cross_entropy, y, labels)
    assert value == expected
    np.testing.assert_array_equal(pullback(1.0)[1]()[0], expected_pullback(1.0)[1]())


def test_each_of_several_outputs_may_have_lengths():
    lengths, y, target = (
        np.array([2, 1]),
        (numbers(2, 2, 3), numbers(2, 3)),
        (numbers(2, 2, 3, seed=1), np.array([0, 2])),
    )
    value, pullback = vjp(combined(mse, cross_entropy), ((y[0], lengths), y[1]), target)
    assert value == mse((y[0], lengths), target[0]) + cross_entropy(y[1], target[1])
    (of_steps, of_lengths), _ = pullback(1.0)[1]()
    np.testing.assert_array_equal(of_steps, vjp(mse, (y[0], lengths), target[0])[1](1.0)[1]()[0])
    assert of_lengths.shape == (2,)


def test_ignored_labels_and_class_weights_by_hand():
    even = np.zeros((4, 2))
    labels = np.array([0, 1, -1, 1])
    assert CrossEntropy(ignore=-1)(even, labels) == pytest.approx(np.log(2), rel=1e-15)
    assert CrossEntropy(ignore=-1)(even, labels, np.array([3.0, 0.0, 9.0, 0.0])) == pytest.approx(np.log(2), rel=1e-15)
    assert CrossEntropy(class_weights=(1, 5))(even[:2], labels[:2]) == pytest.approx(3 * np.log(2), rel=1e-15)
    soft = np.array([[0.5, 0.5], [1.0, 0.0]])  # (0.5 + 2.5 + 1) / 2
    assert CrossEntropy(class_weights=(1, 5))(even[:2], soft) == pytest.approx(2 * np.log(2), rel=1e-15)
    assert CrossEntropy(class_weights=(1, 5)).class_weights == (1.0, 5.0)
    assert CrossEntropy(ignore=np.int64(3)).ignore == 3
    sure = np.array([[0.0, -np.inf]])
    assert CrossEntropy(class_weights=(1, 0))(sure, np.array([1])) == 0.0  # and not 0 times infinity
    value = BinaryCrossEntropy(positive_weight=3)(np.zeros(2), np.array([1.0, 0.0]))
    assert value == pytest.approx(2 * np.log(2), rel=1e-15)


def test_the_target_of_a_network_that_ends_in_probabilities_may_be_those_for_another_loss():
    x = numbers(5, 4)
    net = made(parallel(serial(dense(3), softmax), dense(2)), 1, 4)
    value, _ = value_and_grad(combined(mse, mae), net, (x, (SOFT, np.zeros((5, 2)))))
    assert value > 0


# --- penalties of all kinds of trees ---------------------------------------------------------------------------------


class Spread(Record):
    """A penalty of one's own: strength sum((w - mean(w))**2) / 2 over each leaf."""

    strength: float


@vjp.register
def spread_vjp(penalty: Spread, params):
    rest = tree.map(lambda leaf: leaf - leaf.mean(), params)
    value = 0.5 * penalty.strength * sum(float((leaf**2).sum()) for leaf in tree.leaves(rest))
    return value, lambda dvalue: (penalty, lambda: tree.map(lambda leaf: leaf * (dvalue * penalty.strength), rest))


@pytest.mark.parametrize("remembered", [False, True])
def test_a_penalty_of_ones_own_is_added_to_the_others(remembered):
    net = start(NET, sgd(0.1)).params if remembered else NET
    x, target = numbers(4, 5), numbers(4, 3)
    value, gradient = value_and_grad(regularized(mse, l2(0.1), Spread(0.3), l1(0.01)), net, (x, target))
    plain, expected = value_and_grad(mse, net, (x, target))
    for penalty in (l2(0.1), Spread(0.3), l1(0.01)):
        cost, pullback = vjp(penalty, net)
        plain, expected = plain + cost, tree.add(expected, pullback(1.0)[1]())
    assert value == pytest.approx(plain, rel=1e-14)
    assert tree.allclose(gradient, expected, rtol=1e-14)
    assert type(gradient) is type(net)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(gradient))


def test_penalties_of_a_network_of_several_dtypes_keep_each_of_them():
    net = Serial((random_like(made(dense(3), 1, 4)), tree.map(np.float32, random_like(made(dense(2), 1, 3)))))
    value, pullback = vjp(l2(0.5), net)
    assert value == pytest.approx(0.25 * sum((layer.weight.astype(float) ** 2).sum() for layer in net.layers), rel=1e-6)
    assert [leaf.dtype for leaf in tree.leaves(pullback(1.0)[1]())] == [leaf.dtype for leaf in tree.leaves(net)]


def test_penalties_of_a_layer_that_is_used_twice_are_added_once():
    shared = made(dense(4), 1, 4)
    net, x = Serial((shared, tanh, shared)), numbers(3, 4)
    gradient = value_and_grad(regularized(mse, l2(0.5), Spread(0.0)), net, (x, x))[1]
    plain = value_and_grad(mse, net, (x, x))[1]
    assert gradient.layers[0] is gradient.layers[2]
    np.testing.assert_allclose(gradient.layers[0].weight, plain.layers[0].weight + 0.5 * shared.weight, rtol=1e-14)


def test_a_strength_of_0_turns_a_penalty_off():
    x, target = numbers(4, 5), numbers(4, 3)
    value, gradient = value_and_grad(regularized(mse, l1(0), l2(0)), NET, (x, target))
    plain, expected = value_and_grad(mse, NET, (x, target))
    assert value == plain
    assert tree.equal(gradient, expected)


def test_a_run_may_have_no_target_and_no_weights():
    """As triplets do, whose target is None, beside others or alone."""
    x, labels = numbers(6, 3), np.arange(6) % 3
    optimizer, three = fnn.sgd(0.1), fnn.parallel(*[fnn.dense(2)] * 3)
    for loss, make, (data, plain) in (
        (fnn.triplet, three, ((x, None), (x, labels))),
        (fnn.cross_entropy, fnn.dense(3), ((x, labels, None), (x, labels))),
        (fnn.combined(fnn.cross_entropy, fnn.triplet), fnn.parallel(fnn.dense(3), three),
         ((x, (labels, None), None), (x, (labels, labels)))),
    ):  # fmt: skip
        state = fnn.start(make(fnn.Key(0), x), optimizer)
        one, other = (fnn.fit(loss, optimizer, state, d, steps=3, size=4, key=fnn.Key(0)) for d in (data, plain))
        assert fnn.tree.equal(one.params, other.params)


def test_a_target_that_is_forgotten_is_told():
    for loss in (fnn.mse, fnn.cross_entropy, fnn.hinge, fnn.kl_divergence, fnn.nll, fnn.focal):
        with pytest.raises(
            TypeError, match=r"^(\w+) expects a target beside the prediction, got None; .* value_and_grad\(\1, net, "
        ):
            loss(numbers(5, 3), None)


def test_an_integer_target_keeps_its_digits_beside_float64():
    near = np.array([16_777_218.5])
    for target in (np.array([16_777_217]), np.array([16_777_217], np.uint32)):  # which a float32 cannot hold
        assert mse(near, target) == 2.25
        assert mae(near, target) == 1.5
        assert sum_squared_error(near, target) == 1.125
    assert mse(np.float32([0.5]), np.array([2])) == 2.25
    assert mse(np.array([0.5]), np.array([True])) == 0.25
