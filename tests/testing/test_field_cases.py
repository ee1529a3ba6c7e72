"""What the grader missed, or blamed, in code that people publish: written anew in its likeness."""

from itertools import pairwise

import numpy as np
import pytest

import fnn
from fnn.testing import check_derivative, check_gradient, grade
from tests.each_of import each_of


def told(**functions):
    """Return the one finding of a function, its number, and all that it says."""
    (finding,) = grade(**functions).findings
    return finding.mistake, str(finding)


def initializer(scale, low=None, biases=0.0):
    """Return an init with this scale by (n_in, n_out), normal or, from ``low`` to 1, uniform; with random biases."""

    def init(sizes, seed):
        generator = np.random.default_rng(seed)

        def drawn(*shape):
            return generator.standard_normal(shape) if low is None else generator.uniform(low, 1, shape)

        return [(scale(i, o) * drawn(i, o), biases * generator.standard_normal(o)) for i, o in pairwise(sizes)]

    return init


# --- what was missed -------------------------------------------------------------------------------------------------

TOO_SMALL = {
    "a hundredth": (initializer(lambda i, o: 0.01), "0.05"),
    "no square root of 2 / n": (initializer(lambda i, o: 2 / i), "the square root is missing"),
    "no square root of 1 / n": (initializer(lambda i, o: 1 / i), "the square root is missing"),
    "all positive": (initializer(lambda i, o: i**-0.5, low=0), "all positive; draw them around 0"),
}
FITTING = {
    "He": initializer(lambda i, o: (2 / i) ** 0.5),
    "LeCun": initializer(lambda i, o: i**-0.5),
    "Glorot": initializer(lambda i, o: (6 / (i + o)) ** 0.5, low=-1),
    "PyTorch's": initializer(lambda i, o: i**-0.5, low=-1),
    "a tenth": initializer(lambda i, o: 0.1),
    "small biases": initializer(lambda i, o: (2 / i) ** 0.5, biases=0.01),
}


@each_of(("init", "words"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_first_weights_that_lead_nowhere_are_37(init, words):
    mistake, text = told(init=init)
    assert mistake == 37
    assert words in text


@each_of("init", FITTING.values(), ids=FITTING)
def test_first_weights_of_every_usual_size_pass(init):
    assert grade(init=init).passed


def test_random_biases_are_told_from_weights_of_the_wrong_size():
    mistake, text = told(init=initializer(lambda i, o: (2 / i) ** 0.5, biases=2.0))
    assert mistake is None
    assert "start the biases at 0" in text
    assert told(init=initializer(lambda i, o: 1.0, biases=2.0))[0] == 37


@each_of("size", [10, 32, 50, 64, 100])
def test_rows_that_do_not_fill_a_batch_are_missed_by_an_accuracy(size):
    def whole_batches(predicted, labels):
        hits = [np.sum(predicted[i : i + size] == labels[i : i + size]) for i in range(0, len(labels), size)]
        if len(labels) % size and len(hits) > 1:
            hits = hits[:-1]
        return sum(hits) / len(labels)

    mistake, text = told(accuracy=lambda a, b: whole_batches(np.ravel(a), b))
    assert mistake is None
    assert text.endswith("the last rows are left out")


def test_an_evaluation_that_drops_the_last_batch_is_told_so_whatever_it_divides_by():
    def evaluate(divisor):
        def run(predict, x, labels, size):
            n = len(x) // size * size
            hits = [predict(x[i : i + size]).argmax(axis=1) == labels[i : i + size] for i in range(0, n, size)]
            return np.sum(hits) / (len(x) if divisor == "all" else n)

        return run

    assert "the last rows are left out" in told(evaluate=evaluate("all"))[1]
    assert "the last rows are left out" in told(evaluate=evaluate("seen"))[1]


def test_a_numerical_gradient_that_is_right_for_sums_alone_is_told_so():
    def central(f, x, h=1e-5):
        return (f(x + h) - f(x - h)) / (2 * h)

    def number_by_number(f, x):
        x = np.asarray(x, float)
        return np.array([central(f, np.array([each])) for each in x.ravel()]).reshape(x.shape)

    def row_by_row(f, x):
        x = np.asarray(x, float)
        if x.ndim == 1:
            return whole(f, x)
        return np.stack([whole(f, row) for row in x])

    def whole(f, x):
        nudges = np.eye(x.size).reshape(x.size, *x.shape) * 1e-5
        return np.array([f(x + e) - f(x - e) for e in nudges]).reshape(x.shape) / 2e-5

    assert grade(numerical_gradient=lambda f, x: whole(f, np.asarray(x, float))).passed
    for function in (number_by_number, row_by_row):
        mistake, text = told(numerical_gradient=function)
        assert mistake is None
        assert "f is given parts of x, which is right only for sums" in text


def test_bytes_wrap_whichever_is_subtracted_from_which():
    def checked(a, b):
        assert a.shape == b.shape
        return np.mean(np.abs(a - b))

    assert told(mae=lambda y, t: checked(t, y))[0] == 39
    assert told(mae=checked)[0] == 39


def test_a_steep_place_is_no_kink():
    def steep(x):
        return np.tanh(1000 * x)

    def slope(x):
        return 1000 * (1 - np.tanh(1000 * x) ** 2)

    x = np.linspace(-3e-3, 3e-3, 13)
    assert check_derivative(steep, slope, x) is None
    finding = check_derivative(steep, lambda x: slope(x) * np.where(np.abs(x) < 1e-3, 1, 0.9), x)
    assert finding is not None
    assert abs(finding.found.ravel()[0]) < 1000
    at_kinks = np.array([0.0, 1e-6, 4e-6, 7e-6, 1.2e-5, -3e-6, 3.0])
    assert check_derivative(np.abs, np.sign, at_kinks) is None
    assert check_derivative(np.abs, lambda x: 1.001 * np.sign(x), at_kinks) is not None
    assert check_gradient(lambda x: (np.sum(steep(x)), slope(x)), x) is None
    assert check_gradient(lambda x: (np.sum(steep(x)), 0.999 * slope(x)), x) is not None


# --- what was blamed -------------------------------------------------------------------------------------------------


def test_rounding_where_0_is_expected_is_no_finding():
    def mse(y, t, off):
        return np.mean((y.ravel().astype(float) - t.ravel()) ** 2) + off

    assert grade(mse=lambda y, t: mse(y, t, 1e-14)).passed
    assert not grade(mse=lambda y, t: mse(y, t, 1e-9)).passed
    assert grade(mse_gradient=lambda y, t: 2 * (y - t) / y.size + 1e-14).passed


def test_a_right_gradient_is_not_blamed_for_an_epsilon_in_its_loss():
    def cross_entropy_of(y, t, epsilon):
        return -np.sum(t * np.log(y + epsilon)) / len(y), -t / y / len(y)

    for epsilon in (1e-12, 1e-8, 1e-7, 1e-5):
        assert grade(loss_and_gradient=lambda y, t, e=epsilon: cross_entropy_of(y, t, e)).passed
    assert grade(loss_and_gradient=lambda y, t: (np.float32(fnn.mse(y, t)), 2 * (y - t) / y.size)).passed


def test_a_gradient_by_the_logits_is_told_from_a_wrong_one():
    def loss(y, t):
        return -np.sum(t * np.log(y)) / len(y)

    (finding,) = grade(loss_and_gradient=lambda y, t: (loss(y, t), (y - t) / len(y))).findings
    assert (finding.mistake, finding.severity) == (None, "style")
    assert finding.advice == "the gradient is right by the logits of a softmax whose output is y"
    assert told(loss_and_gradient=lambda y, t: (loss(y, t), y - t))[0] == 5
    assert told(loss_and_gradient=lambda y, t: (loss(y, t), t - y))[0] == 12


# --- the right name --------------------------------------------------------------------------------------------------


def probabilities(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def picked(p, labels):
    return p[np.arange(len(p)), labels]


def one_hot(p, labels):
    return np.eye(p.shape[1])[labels]


LOGARITHMS = {
    "plain": lambda z, t: -np.log(picked(probabilities(z), t)).mean(),
    "with 1e-7": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-7).mean(),
    "with 1e-12": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-12).mean(),
    "with a large epsilon": lambda z, t: -np.log(picked(probabilities(z), t) + 1e-3).mean(),
    "one-hot": lambda z, t: -np.sum(one_hot(z, t) * np.log(probabilities(z))) / len(z),
    "one-hot with 1e-7": lambda z, t: -np.sum(one_hot(z, t) * np.log(probabilities(z) + 1e-7)) / len(z),
    "clipped": lambda z, t: -np.log(np.clip(picked(probabilities(z), t), 1e-4, 1 - 1e-4)).mean(),
}


@each_of("function", LOGARITHMS.values(), ids=LOGARITHMS)
def test_a_right_softmax_and_then_a_logarithm_is_11(function):
    assert grade(cross_entropy=function).mistakes == (11,)


def test_a_right_softmax_and_then_a_logarithm_is_11_for_arrays_and_pairs_too():
    for epsilon in (0, 1e-12, 1e-7, 1e-4):
        assert grade(log_softmax=lambda z, e=epsilon: np.log(probabilities(z) + e)).mistakes == (11,)

        def binary(z, t, e=epsilon):
            p = 0.5 * (1 + np.tanh(z / 2))
            return -np.mean(t * np.log(p + e) + (1 - t) * np.log(1 - p + e))

        assert grade(binary_cross_entropy=binary).mistakes == (11,)


def test_nothing_times_the_logarithm_of_nothing_is_told():
    assert told(cross_entropy=LOGARITHMS["one-hot"])[1].count("0 * log(0) is nan") == 1
    assert "0 * log(0)" not in told(cross_entropy=LOGARITHMS["plain"])[1]


def l2(summed, w, b, x, t, strength):
    off = x @ w + b - t
    slope = 2 * off / (1 if summed == "all" else off.shape[1] if summed == "rows" else off.size)
    value = np.mean(off**2) + strength / 2 * np.sum(w**2)
    return value, x.T @ slope + strength * w, slope.sum(axis=0)


def test_a_summed_gradient_of_an_averaged_loss_is_5():
    assert told(l2_objective=lambda *given: l2("all", *given))[0] == 5
    assert told(l2_objective=lambda *given: l2("rows", *given))[0] == 5
    assert grade(l2_objective=lambda *given: l2("", *given)).passed
    assert told(cross_entropy_gradient=lambda z, t: probabilities(z) - one_hot(z, t))[0] == 5
    assert told(binary_cross_entropy_gradient=lambda z, t: 0.5 * (1 + np.tanh(z / 2)) - t)[0] == 5
    assert told(loss_and_gradient=lambda y, t: (np.sum((y - t) ** 2) / len(y), y - t))[0] == 5
    assert told(loss_and_gradient=lambda y, t: (np.mean((y - t) ** 2) / 2, 2 * (y - t)))[0] == 5


@pytest.mark.parametrize("rate", [0.05, 1.0])
def test_weights_that_step_before_dx_is_computed_are_22(rate):
    def dense_backward(x, weight, dy):
        dweight, dbias = x.T @ dy, dy.sum(axis=0)
        weight = weight - rate * dweight
        return dweight, dbias, dy @ weight.T

    def in_place(x, weight, dy):
        dweight, dbias = x.T @ dy, dy.sum(axis=0)
        weight -= rate * dweight
        return dweight, dbias, dy @ weight.T

    assert grade(dense_backward=dense_backward).mistakes == (22,)
    assert grade(dense_backward=in_place).mistakes == (2, 22)


@each_of("limit", [0.5, 1, 5])
def test_a_step_that_is_clipped_by_its_norm_or_by_value_is_20(limit):
    def by_norm(params, grads, rate):
        norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
        factor = min(1.0, limit / norm)
        return {name: checked(p, grads[name], rate * factor) for name, p in params.items()}

    def by_value(params, grads, rate):
        return {name: checked(p, np.clip(grads[name], -limit, limit), rate) for name, p in params.items()}

    def checked(p, g, rate):
        if p.shape != g.shape:
            raise ValueError("shapes")
        return p - rate * g

    assert grade(sgd_step=by_norm).mistakes == (20,)
    assert grade(sgd_step=by_value).mistakes == (20,)
    assert grade(sgd_step=lambda p, g, rate: {k: checked(p[k], g[k], 0.3 * rate) for k in p}).mistakes == ()


def test_a_flipped_kernel_whose_overlaps_are_overwritten_is_30():
    def backward(x, weight, dy):
        dweight, dx, turned = np.zeros(weight.shape), np.zeros(x.shape), weight[::-1, ::-1]
        for r, c in np.ndindex(dy.shape[1:3]):
            window = np.s_[:, r : r + weight.shape[0], c : c + weight.shape[1]]
            dweight += np.tensordot(x[window], dy[:, r, c], (0, 0))
            dx[window] = np.tensordot(dy[:, r, c], turned, (1, 3))
        return dweight, dy.sum(axis=(0, 1, 2)), dx

    assert told(conv_backward=backward)[0] == 30


@each_of("count", [lambda t: 2 * t, lambda t: 2 * t - 1, lambda t: t + 1, lambda t: t - 1 or 2])
def test_a_counter_that_runs_at_another_pace_is_18(count):
    def adam_step(p, g, m, v, t, rate):
        t = count(t)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    assert grade(adam_step=adam_step).mistakes == (18,)


@each_of("divisor", [lambda x: (x.std(axis=0) + 1e-5) ** 0.5, lambda x: x.var(axis=0) + 1e-5])
def test_another_root_than_that_of_the_variance_is_32(divisor):
    assert grade(batch_norm=lambda x: (x - x.mean(axis=0)) / divisor(x)).mistakes == (32,)


def test_hints_fit_the_function():
    assert "mean where a sum" not in told(tanh=lambda x: np.tanh(x) / 5)[1]
    assert "mean where a sum" in told(dense_backward=lambda x, w, dy: (x.T @ dy / len(x), dy.sum(axis=0), dy @ w.T))[1]
    assert "is it computed at all" in told(dense_backward=lambda x, w, dy: (0 * w, dy.sum(axis=0), dy @ w.T))[1]
