"""Forty ways to be wrong, the second part: overflow, dtypes and shapes: nothing fails, the numbers are false."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

import fnn
from fnn import Dense, Key, cross_entropy, elu, mlp, mse, selu, sgd, sigmoid, softplus, start, tree, update
from fnn.data import digits
from fnn.metrics import accuracy
from tests.laws.cases import numbers


def looking_away(function, *inputs):
    """What a script gives that does not look at NumPy's warnings."""
    with np.errstate(all="ignore"):
        return function(*inputs)


def is_finite_without_an_alarm(function, *inputs):
    """The tests run with floating-point errors raised."""
    try:
        return bool(np.isfinite(function(*inputs)).all())
    except FloatingPointError:
        return False


def tutorial_softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def softmax_less_the_global_maximum(z):
    return tutorial_softmax(z - z.max())


def test_mistake_08_softmax_without_a_shift():
    """``exp(z) / sum(exp(z))``: the logits 1000, 1001, 1002 give nan, nan, nan."""
    logits = np.array([[1000.0, 1001.0, 1002.0]])
    assert np.isnan(looking_away(tutorial_softmax, logits)).all()

    def indifferent_to_a_shift(softmax):
        shifted = [logits + shift for shift in (-1e5, -1000, 0, 1e5)]
        expected = np.exp([[0, 1, 2]]) / np.exp([0, 1, 2]).sum()
        return all(is_finite_without_an_alarm(softmax, z) and np.allclose(softmax(z), expected) for z in shifted)

    assert not indifferent_to_a_shift(tutorial_softmax)
    assert indifferent_to_a_shift(fnn.softmax)


def test_mistake_09_softmax_shifted_by_the_maximum_of_the_whole_batch():
    """One row 1000 below another, and it is 0 / 0: nan."""
    logits = np.array([[0.0, 1.0], [1000.0, 1001.0]])
    assert np.isnan(looking_away(softmax_less_the_global_maximum, logits)).tolist() == [[True, True], [False, False]]

    def row_by_row(softmax):
        return is_finite_without_an_alarm(softmax, logits) and np.array_equal(
            softmax(logits)[0], softmax(logits[:1])[0]
        )

    assert not row_by_row(softmax_less_the_global_maximum)
    assert row_by_row(fnn.softmax)


def test_mistake_10_softmax_summed_over_the_wrong_axis():
    """Python's ``sum()`` adds the rows up: the "probabilities" of thirteen digits sum to between 0.67 and 0.91."""

    def mistaken(z):
        return np.exp(z) / sum(np.exp(z))

    def rows_sum_to_one(softmax, shape):
        return np.allclose(softmax(numbers(*shape)).sum(axis=1), 1)

    x, _ = digits()
    sums = mistaken(mlp(32, 10)(Key(0), x)(x[:13])).sum(axis=1)
    assert (sums.min(), sums.max()) == pytest.approx((0.67, 0.91), abs=0.01)
    for shape in ((4, 3), (3, 3), (1, 3)):
        assert not rows_sum_to_one(mistaken, shape)
        assert rows_sum_to_one(fnn.softmax, shape)


def test_mistake_11_a_logarithm_that_is_clipped():
    """A certain and wrong prediction costs 10,000; ``nan_to_num`` makes it 1.8e308, a clip 34.5, with a slope of 0."""
    with localcontext(prec=50):
        true = float((1 + Decimal(10_000).exp()).ln())
    logits, label = np.array([[0.0, 1e4]]), np.array([0])

    def repaired(logits, label):
        return np.nan_to_num(-np.log(fnn.softmax(logits)[0, label[0]]))

    def clipped(logits, label):
        return -np.log(np.clip(fnn.softmax(logits)[0, label[0]], 1e-15, 1))

    assert looking_away(repaired, logits, label) == np.finfo(np.float64).max
    assert clipped(logits, label) == pytest.approx(34.5, abs=0.1)
    assert clipped(logits, label) == clipped(logits / 2, label)  # nothing to descend

    def exact(loss):
        return is_finite_without_an_alarm(loss, logits, label) and loss(logits, label) == pytest.approx(true, rel=1e-15)

    assert [exact(loss) for loss in (repaired, clipped, cross_entropy)] == [False, False, True]


def test_mistake_15_exponentials_as_in_the_textbook():
    """``1 / (1 + exp(-x))`` overflows at -1e4; ``log(1 + exp(x))`` is inf at 1e4 and its slope nan."""

    def logistic(x):
        return 1 / (1 + np.exp(-x))

    def log_of_one_plus(x):
        return np.log(1 + np.exp(x))

    def its_slope(x):
        return np.exp(x) / (1 + np.exp(x))

    far = np.array([-1e4, 1e4])
    assert looking_away(log_of_one_plus, far).tolist() == [0, np.inf]
    assert np.isnan(looking_away(its_slope, far)).tolist() == [False, True]
    for function in (logistic, log_of_one_plus, its_slope):
        assert not is_finite_without_an_alarm(function, far)
    for function in (sigmoid, softplus, lambda x: fnn.vjp(softplus, x)[1](np.ones(2))[1]()):
        assert is_finite_without_an_alarm(function, far)
    assert (sigmoid(far).tolist(), softplus(far).tolist()) == ([0, 1], [0, 1e4])


def test_mistake_16_both_branches_of_a_where():
    """``np.where(x >= 0, x, exp(x) - 1)`` takes exp(1e4), to drop it; as a mask it gives nan; near 0 it is 8e-8 off."""

    def by_where(x):
        return np.where(x >= 0, x, np.exp(x) - 1)

    def by_mask(x):
        return (x >= 0) * x + (x < 0) * (np.exp(x) - 1)

    far, near = np.array([-1e4, 1e4]), -1e-10
    assert np.isnan(looking_away(by_mask, far)).tolist() == [False, True]
    true = near + near**2 / 2
    assert abs(by_where(near) / true - 1) > 5e-8
    assert abs(float(elu(np.array(near))) / true - 1) < 1e-15
    for mistaken in (by_where, by_mask):
        assert not is_finite_without_an_alarm(mistaken, far)
    for layer in (elu, selu):
        assert is_finite_without_an_alarm(layer, far)


def test_mistake_34_an_update_that_broadcasts():
    """A bias (3,) whose gradient was never summed over five rows becomes (5, 3), and nobody is told."""
    net = Dense(np.ones((2, 3), np.float32), np.ones(3, np.float32))
    whole = Dense(np.ones((2, 3), np.float32), np.ones(3, np.float32))
    unsummed = Dense(whole.weight, np.ones((5, 3), np.float32))

    def mistaken(net, gradient):
        return Dense(net.weight - np.float64(0.1) * gradient.weight, net.bias - np.float64(0.1) * gradient.bias)

    def ours(net, gradient):
        return update(sgd(np.float64(0.1)), gradient, start(net, sgd(0.1))).params

    def keeps_shapes_and_dtypes(step, gradient):
        try:
            after = step(net, gradient)
        except ValueError:
            return True
        return [(a.shape, a.dtype) for a in tree.leaves(after)] == [(a.shape, a.dtype) for a in tree.leaves(net)]

    assert mistaken(net, unsummed).bias.shape == (5, 3)
    assert mistaken(net, whole).bias.dtype == np.float64  # a NumPy scalar as rate promotes
    assert not keeps_shapes_and_dtypes(mistaken, unsummed)
    assert not keeps_shapes_and_dtypes(mistaken, whole)
    assert keeps_shapes_and_dtypes(ours, unsummed)
    assert keeps_shapes_and_dtypes(ours, whole)
    with pytest.raises(ValueError, match=r"trees differ at bias: float32 array \(3,\) against float32 array \(5, 3\)"):
        ours(net, unsummed)


def is_truthful(judge, best, *inputs):
    """A perfect prediction is judged perfect, or the question is refused."""
    try:
        return judge(*inputs) == best
    except (TypeError, ValueError):
        return True


def test_mistake_35_a_column_less_a_row():
    """``(n, 1) - (n,)`` is (n, n): perfect predictions of seven numbers show an MSE of 0.245."""
    target = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    prediction = target[:, None]

    def mistaken(prediction, target):
        return np.mean((prediction - target) ** 2)

    assert mistaken(prediction, target) == pytest.approx(0.245, abs=1e-3)
    assert not is_truthful(mistaken, 0, prediction, target)
    assert is_truthful(mse, 0, prediction, target)
    with pytest.raises(ValueError, match=r"write target\[:, None\]"):
        mse(prediction, target)


def test_mistake_39_arithmetic_on_bytes_and_whole_numbers():
    """Two images that differ by 16 everywhere have an MSE of 0, and whole-numbered weights never move."""

    def mistaken(prediction, target):
        return float(np.mean((prediction - target) ** 2))

    def same_as_with_floats(loss):
        black, gray = np.zeros((2, 64), np.uint8), np.full((2, 64), 16, np.uint8)
        return loss(black, gray) == loss(black.astype(float), gray.astype(float)) == 256

    assert mistaken(np.zeros(64, np.uint8), np.full(64, 16, np.uint8)) == 0
    assert not same_as_with_floats(mistaken)
    assert same_as_with_floats(mse)

    weights = np.array([1, 2])
    weights[:] = weights + 0.9 * np.ones(2)
    assert weights.tolist() == [1, 2]
    with pytest.raises(TypeError, match="weight must hold floats, got int64"):
        start(Dense(np.array([[1], [2]]), np.zeros(1)), sgd(0.1))
    assert mlp(1)(Key(0), np.array([[1, 2]])).layers[0].weight.dtype == np.float32


def test_mistake_40_an_accuracy_of_all_against_all():
    """``np.mean(prediction == target)`` with (n, 1) and (n,): a perfect classifier of ten digits is 10 % right."""
    _, label = digits()

    def mistaken(prediction, target):
        return np.mean(prediction == target)

    assert mistaken(label[:, None], label) == pytest.approx(0.10, abs=0.001)
    assert not is_truthful(mistaken, 1, label[:, None], label)
    assert is_truthful(accuracy, 1, label[:, None], label)
    assert accuracy(label, label) == 1
