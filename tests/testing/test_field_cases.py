"""What the grader missed, or blamed, in published code: ``functions`` has it, written anew in its likeness."""

import numpy as np
import pytest

import fnn
from fnn.testing import check_derivative, check_gradient, grade
from tests.each_of import each_of
from tests.testing.functions import (
    LOGARITHMS,
    RIGHT,
    TOO_SMALL,
    WRONG,
    checked_step,
    entropy_of,
    stepping_first,
)  # fmt: skip


def told(**functions):
    """Return the one finding of a function, its number, and all that it says."""
    (finding,) = grade(**functions).findings
    return finding.mistake, str(finding)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_wrong_function_is_called_by_the_right_name(every):
    for name, function, key in WRONG[::every]:
        mistake, text = told(**{name: function})
        assert mistake == (key if isinstance(key, int) else None), text
        assert isinstance(key, int) or key in text


@each_of(("name", "function"), RIGHT)
def test_a_right_function_is_not_blamed(name, function):
    assert grade(**{name: function}).passed, str(grade(**{name: function}))


@each_of(("init", "words"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_first_weights_that_lead_nowhere_are_told_why(init, words):
    assert words in told(init=init)[1]


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


def test_rounding_passes_where_0_is_expected_and_a_small_number_does_not():
    assert not grade(mse=lambda y, t: np.mean((y.ravel().astype(float) - t.ravel()) ** 2) + 1e-9).passed


def test_a_gradient_by_the_logits_is_told_from_a_wrong_one():
    (finding,) = grade(loss_and_gradient=lambda y, t: (entropy_of(y, t), (y - t) / len(y))).findings
    assert (finding.mistake, finding.severity) == (None, "style")
    assert finding.advice == "the gradient is right by the logits of a softmax whose output is y"
    assert told(loss_and_gradient=lambda y, t: (entropy_of(y, t), t - y))[0] == 12


def test_nothing_times_the_logarithm_of_nothing_is_told():
    assert told(cross_entropy=LOGARITHMS["one-hot"])[1].count("0 * log(0) is nan") == 1
    assert "0 * log(0)" not in told(cross_entropy=LOGARITHMS["plain"])[1]


def test_weights_that_step_in_place_before_dx_are_22_and_written_to():
    def in_place(x, weight, dy):
        dweight, dbias = x.T @ dy, dy.sum(axis=0)
        weight -= 0.1 * dweight
        return dweight, dbias, dy @ weight.T

    assert grade(dense_backward=in_place).mistakes == (2, 22)
    assert grade(dense_backward=stepping_first(0.0)).passed


def test_another_learning_rate_is_not_called_a_clip():
    def slower(params, grads, rate):
        return {name: checked_step(params[name], grads[name], 0.3 * rate) for name in params}

    assert grade(sgd_step=slower).mistakes == ()


def test_hints_fit_the_function():
    assert "mean where a sum" not in told(tanh=lambda x: np.tanh(x) / 5)[1]
    assert "mean where a sum" in told(dense_backward=lambda x, w, dy: (x.T @ dy / len(x), dy.sum(axis=0), dy @ w.T))[1]
    assert "is it computed at all" in told(dense_backward=lambda x, w, dy: (0 * w, dy.sum(axis=0), dy @ w.T))[1]


def test_the_input_shown_is_that_at_which_it_fails():
    def late(x):
        return np.where(x > 1.5, 0, fnn.relu(x))

    (finding,) = grade(relu=late).findings
    assert finding.at > 1.5
    assert f"where x is {finding.at:.4g}" in finding.what
