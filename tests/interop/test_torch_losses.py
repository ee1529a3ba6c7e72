"""Losses and penalties give PyTorch's values and gradients, in float64."""

from functools import partial

import numpy as np
import pytest

from fnn import (
    BinaryCrossEntropy,
    CrossEntropy,
    Embedding,
    GaussianNLL,
    Huber,
    Key,
    Serial,
    Triplet,
    batch_norm,
    binary_cross_entropy,
    binary_focal,
    cosine_distance,
    cross_entropy,
    dense,
    focal,
    hinge,
    kl_divergence,
    l1,
    l2,
    log_cosh,
    mae,
    mlp,
    mse,
    nll,
    poisson_nll,
    regularized,
    rows,
    serial,
    sum_squared_error,
    tanh,
    tree,
    value_and_grad,
    vjp,
)
from tests.laws.cases import numbers, random_dense, random_like

torch = pytest.importorskip("torch")
functional = torch.nn.functional

WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 1.0])


def close(ours, theirs):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def agree(loss, prediction, target, theirs, weights=None):
    """Compare a loss, and what it pulls back, with ``theirs``, a function of a prediction and a target."""
    value, pullback = vjp(loss, prediction, target, weights)
    dprediction = pullback(0.7)[1]()
    given = torch.tensor(prediction, requires_grad=True)
    expected = theirs(given, torch.tensor(target))
    assert isinstance(value, float)
    assert value == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    close(dprediction, *torch.autograd.grad(0.7 * expected, given))


# --- the target of each kind -----------------------------------------------------------------------------------------


def labels(*shape):
    """Class 0, 1 or 2 for each number of the shape less its last axis."""
    return (np.arange(np.prod(shape[:-1])) ** 2 % 3).reshape(shape[:-1])


def probabilities(*shape):
    """Rows that sum to 1, the first of them certain."""
    odds = np.exp(2 * numbers(*shape, seed=2))
    odds.reshape(-1, shape[-1])[0] = np.eye(shape[-1])[0]
    return odds / odds.sum(axis=-1, keepdims=True)


def shares(*shape):
    """Numbers from 0 to 1, both ends included."""
    return np.clip(0.5 + numbers(*shape, seed=2), 0, 1)


def signs(*shape):
    return np.sign(numbers(*shape, seed=2))


def others(*shape):
    """Other numbers, some of them (the distance 0) the very ones that are predicted."""
    target = numbers(*shape, seed=2)
    target[..., 0] = numbers(*shape)[..., 0]
    return target


# --- PyTorch's losses, with its word for how to reduce them ----------------------------------------------------------


def their_cross_entropy(logits, target, reduction="mean", smoothing=0.0):
    """PyTorch's classes are the second axis and not the last."""
    target = target.movedim(-1, 1) if target.ndim == logits.ndim else target
    return functional.cross_entropy(logits.movedim(-1, 1), target, reduction=reduction, label_smoothing=smoothing)


def their_nll(log_p, target, reduction="mean"):
    return functional.nll_loss(log_p.movedim(-1, 1).contiguous(), target, reduction=reduction)


def soft_nll(log_p, target, reduction="mean"):
    """PyTorch's has labels alone; cross_entropy of logits is the soft nll of their logarithms of softmax."""
    rows = -(target * log_p).sum(dim=-1)
    return rows if reduction == "none" else rows.mean()


def their_kl_divergence(logits, target, reduction="batchmean"):
    """PyTorch's batch mean divides by the first axis alone: each row of a sequence is to be one of the batch."""
    rows = functional.log_softmax(logits, dim=-1).flatten(0, -2), target.flatten(0, -2)
    each = functional.kl_div(*rows, reduction=reduction)
    return each.sum(dim=-1).reshape(logits.shape[:-1]) if reduction == "none" else each


def their_log_cosh(y, target, reduction="mean"):
    d = y - target
    each = d.abs() + functional.softplus(-2 * d.abs(), threshold=1e9) - np.log(2)
    return each if reduction == "none" else each.mean()


def their_hinge(scores, target, reduction="mean"):
    each = torch.clamp(1 - target * scores, min=0)
    return each if reduction == "none" else each.mean()


def smoothed_binary(logits, target, reduction="mean"):
    """PyTorch smooths labels of classes only; two classes, smoothed by 0.2, are 0.1 and 0.9."""
    return functional.binary_cross_entropy_with_logits(logits, 0.8 * target + 0.1, reduction=reduction)


def counts(*shape):
    return np.round(5 * shares(*shape))


def their_focal(logits, target, reduction="mean", gamma=2.0):
    log_p = functional.log_softmax(logits, dim=-1)
    hot = functional.one_hot(target, logits.shape[-1]) if target.ndim < logits.ndim else target
    rows = -(hot * (1 - log_p.exp()) ** gamma * log_p).sum(dim=-1)
    return rows if reduction == "none" else rows.mean()


def their_binary_focal(logits, target, reduction="mean", gamma=2.0):
    """What torchvision's sigmoid_focal_loss computes with an alpha of -1, for targets of 0 and 1."""
    p = torch.sigmoid(logits)
    right = p * target + (1 - p) * (1 - target)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * (1 - right) ** gamma
    return each if reduction == "none" else each.mean()


def their_cosine(y, target, reduction="mean"):
    rows = 1 - functional.cosine_similarity(y, target, dim=-1)
    return rows if reduction == "none" else rows.mean()


MEANS = {
    "mse": (mse, others, functional.mse_loss),
    "mae": (mae, others, functional.l1_loss),
    **{
        f"huber, delta {delta}": (Huber(delta), others, partial(functional.huber_loss, delta=delta))
        for delta in (0.1, 1.0, 2.5)
    },
    "cross_entropy, labels": (cross_entropy, labels, their_cross_entropy),
    "cross_entropy, soft": (cross_entropy, probabilities, their_cross_entropy),
    "cross_entropy, labels, smoothed": (CrossEntropy(0.1), labels, partial(their_cross_entropy, smoothing=0.1)),
    "cross_entropy, soft, smoothed": (CrossEntropy(0.1), probabilities, partial(their_cross_entropy, smoothing=0.1)),
    "binary_cross_entropy": (binary_cross_entropy, shares, functional.binary_cross_entropy_with_logits),
    "binary_cross_entropy, smoothed": (BinaryCrossEntropy(0.2), shares, smoothed_binary),
    "kl_divergence": (kl_divergence, probabilities, their_kl_divergence),
    "hinge": (hinge, signs, their_hinge),
    "nll, labels": (nll, labels, their_nll),
    "nll, soft": (nll, probabilities, soft_nll),
    "poisson_nll": (poisson_nll, counts, functional.poisson_nll_loss),
    "focal, labels": (focal, labels, their_focal),
    "focal, soft": (focal, probabilities, their_focal),
    "focal, gamma 0.5": (focal(gamma=0.5), labels, partial(their_focal, gamma=0.5)),
    "binary_focal": (binary_focal, lambda *shape: shares(*shape).round(), their_binary_focal),
    "cosine_distance": (cosine_distance, lambda *shape: numbers(*shape, seed=2), their_cosine),
    "log_cosh": (log_cosh, others, their_log_cosh),
}
each_mean = pytest.mark.parametrize("name", MEANS)
OVERFLOWS = ("poisson_nll",)  # whose rate is the exponential of what is predicted


@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (7, 5), (2000, 3), (2, 4, 3), (3, 2, 4, 3)], ids=str)
@each_mean
def test_a_loss_is_the_mean_over_all_that_is_predicted(name, shape):
    loss, target, theirs = MEANS[name]
    agree(loss, numbers(*shape), target(*shape), theirs)


@pytest.mark.parametrize("scale", [30.0, 1e4])
@each_mean
def test_a_loss_far_out(name, scale):
    loss, target, theirs = MEANS[name]
    scale = min(scale, 30.0) if name in OVERFLOWS else scale
    # PyTorch's 1 - p and 1 - cosine are exact to 1e-16 alone, and its gradient of a focal loss far out is NaN.
    if "focal" in name and scale > 30:
        return
    agree(loss, scale * numbers(5, 3), target(5, 3), theirs)


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3)], ids=str)
@each_mean
def test_a_weighted_loss_is_the_sum_of_its_weighted_rows_over_their_number(name, shape):
    loss, target, theirs = MEANS[name]
    weights = torch.tensor(WEIGHTS)

    def weighted(prediction, target):
        rows = theirs(prediction, target, reduction="none").reshape(len(WEIGHTS), -1).mean(dim=1)
        return (weights * rows).sum() / len(WEIGHTS)

    agree(loss, numbers(*shape), target(*shape), weighted, WEIGHTS)


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3)], ids=str)
@each_mean
def test_weight_2_counts_as_the_row_twice_and_weight_0_as_the_row_left_out(name, shape):
    loss, target, theirs = MEANS[name]
    times = torch.tensor(WEIGHTS).long()

    def repeated(prediction, target):
        mean = theirs(prediction.repeat_interleave(times, dim=0), target.repeat_interleave(times, dim=0))
        return mean * times.sum() / len(times)

    agree(loss, numbers(*shape), target(*shape), repeated, WEIGHTS)


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3)], ids=str)
@each_mean
def test_a_weight_for_each_step_or_value(name, shape):
    loss, target, theirs = MEANS[name]

    def weighted(prediction, target, weights):
        rows = theirs(prediction, target, reduction="none")
        return (weights.reshape(*weights.shape, *[1] * (rows.ndim - weights.ndim)) * rows).mean()

    of_rows = theirs(torch.tensor(numbers(*shape)), torch.tensor(target(*shape)), reduction="none")
    for axes in range(1, of_rows.ndim + 1):
        weights = np.abs(numbers(*of_rows.shape[:axes], seed=4)) * (np.arange(5) != 2).reshape(5, *[1] * (axes - 1))
        agree(loss, numbers(*shape), target(*shape), partial(weighted, weights=torch.tensor(weights)), weights)


CLASS_WEIGHTS = (0.5, 0.0, 3.0)


def weighted_cross_entropy(logits, target, smoothing=0.0, **settings):
    """Return PyTorch's sum over the rows that are not ignored, over their number: its mean is over their weights."""
    target = target.movedim(-1, 1) if target.ndim == logits.ndim else target
    settings = {"weight": torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)} | settings
    total = functional.cross_entropy(
        logits.movedim(-1, 1), target, reduction="sum", label_smoothing=smoothing, **settings
    )
    rows = logits[..., 0].numel() if target.ndim == logits.ndim else (target != settings.get("ignore_index", -1)).sum()
    return total / rows


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3), (3, 2, 4, 3)], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("target", [labels, probabilities])
def test_class_weights_weigh_rows_by_their_label_and_probabilities_class_by_class(shape, smoothing, target):
    ours = CrossEntropy(smoothing, class_weights=CLASS_WEIGHTS)
    agree(ours, numbers(*shape), target(*shape), partial(weighted_cross_entropy, smoothing=smoothing))
    agree(ours, 1e4 * numbers(*shape), target(*shape), partial(weighted_cross_entropy, smoothing=smoothing))


@pytest.mark.parametrize("shape", [(7, 3), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-1, 0, 255])
def test_rows_whose_label_is_ignored_are_not_there(shape, smoothing, weighted, ignore):
    target = labels(*shape)
    target.reshape(-1)[::3] = ignore
    ours = CrossEntropy(smoothing, ignore, CLASS_WEIGHTS if weighted else None)
    settings = {"ignore_index": ignore} | ({} if weighted else {"weight": None})
    agree(ours, numbers(*shape), target, partial(weighted_cross_entropy, smoothing=smoothing, **settings))


@pytest.mark.parametrize("shape", [(7, 3), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("ignore", [None, -1, 0])
def test_nll_weighs_and_ignores_as_cross_entropy_does(shape, ignore):
    target = labels(*shape)
    if ignore is not None:
        target.reshape(-1)[::3] = ignore
    count = target.size if ignore is None else (target != ignore).sum()
    settings = {"weight": torch.tensor(CLASS_WEIGHTS, dtype=torch.float64)}
    settings |= {} if ignore is None else {"ignore_index": ignore}

    def theirs(log_p, target):
        return functional.nll_loss(log_p.movedim(-1, 1).contiguous(), target, reduction="sum", **settings) / count

    agree(nll(ignore=ignore, class_weights=CLASS_WEIGHTS), numbers(*shape), target, theirs)


@pytest.mark.parametrize("weight", [0.01, 1.0, 7.5])
@pytest.mark.parametrize("shape", [(5, 3), (5,), (2, 4, 3)], ids=str)
def test_the_weight_of_positives_is_pytorchs(weight, shape):
    theirs = partial(functional.binary_cross_entropy_with_logits, pos_weight=torch.tensor(weight, dtype=torch.float64))
    for scale in (1.0, 30.0, 1e4):
        agree(BinaryCrossEntropy(positive_weight=weight), scale * numbers(*shape), shares(*shape), theirs)


@pytest.mark.parametrize("name", ["mse", "mae", "huber, delta 1.0", "binary_cross_entropy", "cross_entropy, labels"])
def test_a_prediction_with_lengths_is_the_loss_of_its_steps_as_rows(name):
    loss, target, theirs = MEANS[name]
    lengths, target = np.array([4, 0, 2]), target(3, 4, 2)
    there = torch.arange(4) < torch.tensor(lengths)[:, None]
    value, pullback = vjp(loss, (numbers(3, 4, 2), lengths), target)
    dprediction, dlengths = pullback(0.7)[1]()
    given = torch.tensor(numbers(3, 4, 2), requires_grad=True)
    expected = theirs(given[there], torch.tensor(target)[there])
    assert value == pytest.approx(expected.item(), rel=1e-12)
    close(dprediction, *torch.autograd.grad(0.7 * expected, given))
    assert dlengths.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["mse", "mae", "huber, delta 1.0", "binary_cross_entropy", "hinge"])
def test_one_axis_is_a_loss_of_one_number_a_row(name):
    loss, target, theirs = MEANS[name]
    agree(loss, numbers(5), target(5), theirs)


@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (5,), (5, 4, 3)], ids=str)
def test_the_sum_of_squares_is_half_of_pytorchs(shape):
    prediction, target = numbers(*shape), others(*shape)
    agree(sum_squared_error, prediction, target, lambda y, t: functional.mse_loss(y, t, reduction="sum") / 2)


@pytest.mark.parametrize("shape", [(5, 3), (5,), (5, 4, 3)], ids=str)
def test_a_weighted_sum_of_squares_is_not_divided_by_the_weights(shape):
    weights = torch.tensor(WEIGHTS)

    def theirs(prediction, target):
        rows = (prediction - target).reshape(len(WEIGHTS), -1).square().sum(dim=1)
        return (weights * rows).sum() / 2

    agree(sum_squared_error, numbers(*shape), others(*shape), theirs, WEIGHTS)


@pytest.mark.parametrize("shape", [(1, 3), (7,), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("eps", [1e-6, 0.5])
def test_gaussian_nll_is_pytorchs_below_its_least_variance_too(shape, eps):
    mean, target, variance = numbers(*shape), numbers(*shape, seed=1), numbers(*shape, seed=2) ** 2
    weights = np.arange(1.0, shape[0] + 1)
    for weight in (None, weights):
        value, pullback = vjp(GaussianNLL(eps), (mean, variance), target, weight)
        given = [torch.tensor(each, requires_grad=True) for each in (mean, variance)]
        each = functional.gaussian_nll_loss(given[0], torch.tensor(target), given[1], eps=eps, reduction="none")
        scale = 1 if weight is None else torch.tensor(weight).reshape(-1, *[1] * (len(shape) - 1))
        expected = (scale * each).mean()
        assert value == pytest.approx(expected.item(), rel=1e-12)
        for ours, theirs in zip(pullback(0.7)[1](), torch.autograd.grad(0.7 * expected, given), strict=True):
            close(ours, theirs)


@pytest.mark.parametrize("shape", [(1, 3), (7, 2), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("margin", [0.2, 3.0])
def test_triplet_is_pytorchs_squared_and_not(shape, margin):
    three = [numbers(*shape, seed=seed) for seed in range(3)]
    for squared in (True, False):
        distance = (lambda a, b: (a - b).square().sum(-1)) if squared else (lambda a, b: (a - b).norm(dim=-1))
        value, pullback = vjp(Triplet(margin, squared), tuple(three), None)
        given = [torch.tensor(each, requires_grad=True) for each in three]
        expected = functional.triplet_margin_with_distance_loss(*given, distance_function=distance, margin=margin)
        assert value == pytest.approx(expected.item(), rel=1e-12)
        theirs = torch.autograd.grad(0.7 * expected, given)
        for ours, of_theirs in zip(pullback(0.7)[1](), theirs, strict=True):
            close(ours, of_theirs)
    if len(shape) == 2:
        plain = functional.triplet_margin_loss(*map(torch.tensor, three), margin=margin, eps=0.0)
        assert Triplet(margin, squared=False)(tuple(three), None) == pytest.approx(plain.item(), rel=1e-12)


@each_mean
def test_the_rows_are_pytorchs_without_a_reduction(name):
    loss, target, theirs = MEANS[name]
    given = numbers(5, 4, 3), target(5, 4, 3)
    np.testing.assert_allclose(
        rows(loss)(*given), theirs(*map(torch.tensor, given), reduction="none"), rtol=1e-11, atol=1e-14
    )


def test_huber_at_the_very_border_of_its_parts():
    target = np.zeros((4, 1))
    agree(Huber(0.5), np.array([[0.5], [-0.5], [0.0], [0.75]]), target, partial(functional.huber_loss, delta=0.5))


# --- penalties -------------------------------------------------------------------------------------------------------


def agree_when_regularized(objective, net, batch, theirs):
    """Compare an objective and its gradient with ``theirs``, a function of x, the target and the parameters."""
    value, gradient = value_and_grad(objective, net, batch)
    parameters = [torch.tensor(leaf, requires_grad=True) for leaf in tree.leaves(net)]
    expected = theirs(*map(torch.tensor, batch[:2]), *parameters)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    for ours, of_theirs in zip(tree.leaves(gradient), torch.autograd.grad(expected, parameters), strict=True):
        close(ours, of_theirs)


def with_a_zero(net):
    """The same network with one weight at 0, where the slope of its size jumps."""
    return tree.at("layers[0].weight", lambda weight: weight * (np.arange(weight.size) > 0).reshape(weight.shape), net)


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize(("absolute", "square"), [(0.3, 0.0), (0.0, 0.3), (0.02, 0.5)])
def test_penalties_are_on_weights_alone_and_know_nothing_of_the_batch(n, absolute, square):
    net = with_a_zero(random_like(mlp(4, 3, activation=tanh)(Key(0), np.zeros((1, 5)))))

    def theirs(x, target, weight, bias, last_weight, last_bias):
        logits = torch.tanh(x @ weight + bias) @ last_weight + last_bias
        sizes = weight.abs().sum() + last_weight.abs().sum()
        squares = weight.square().sum() + last_weight.square().sum()
        return functional.cross_entropy(logits, target) + absolute * sizes + square / 2 * squares

    objective = regularized(cross_entropy, l1(absolute), l2(square))
    agree_when_regularized(objective, net, (numbers(n, 5), labels(n, 3)), theirs)


def test_a_penalty_is_on_an_embedding_but_not_on_a_scale_or_shift():
    symbols = np.array([[0, 3, 3], [1, 0, 3]])
    net = random_like(serial(Embedding(numbers(5, 4)), batch_norm(), dense(2))(Key(0), symbols))
    target = numbers(2, 3, 2, seed=1)

    def theirs(symbols, target, table, scale, shift, weight, bias):
        x = functional.embedding(symbols, table).movedim(-1, 1)
        x = functional.batch_norm(x, None, None, scale, shift, training=True).movedim(1, -1)
        return functional.mse_loss(x @ weight + bias, target) + 0.2 * (table.square().sum() + weight.square().sum())

    agree_when_regularized(regularized(mse, l2(0.4)), net, (symbols, target), theirs)


def test_a_penalty_counts_a_layer_that_is_used_twice_once():
    shared = random_dense(4, 4)

    def theirs(x, target, weight, bias):
        y = torch.tanh(x @ weight + bias) @ weight + bias
        return functional.mse_loss(y, target) + 0.2 * weight.square().sum() + 0.1 * weight.abs().sum()

    net = Serial((shared, tanh, shared))
    agree_when_regularized(regularized(mse, l2(0.4), l1(0.1)), net, (numbers(3, 4), numbers(3, 4, seed=1)), theirs)


def test_sample_weights_leave_a_penalty_alone_and_a_path_says_what_it_is_on():
    net, weights = random_dense(3, 2), torch.tensor(WEIGHTS)

    def theirs(x, target, weight, bias):
        rows = functional.mse_loss(x @ weight + bias, target, reduction="none").mean(dim=1)
        return (weights * rows).mean() + 0.2 * bias.square().sum()

    batch = numbers(5, 3), numbers(5, 2, seed=1), WEIGHTS
    agree_when_regularized(regularized(mse, l2(0.4, "bias")), net, batch, theirs)
