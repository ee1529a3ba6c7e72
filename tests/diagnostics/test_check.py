"""The checker itself: right code passes, each wrong one is caught, by the name of the leaf."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from fnn import Record, check_vjp, vjp
from tests.each_of import each_of
from tests.laws.cases import numbers


class Affine(Record):
    """A dense layer whose pullback is one of the wrong ones below."""

    weight: np.ndarray
    bias: np.ndarray
    wrong: str = ""


WRONG = {
    "mean for sum": ("weight", lambda x, w, dy: (x.T @ dy / len(x), dy.sum(axis=0), dy @ w.T)),
    "a sum over everything for the bias": ("bias", lambda x, w, dy: (x.T @ dy, np.full(3, dy.sum()), dy @ w.T)),
    "a bias that never trains": ("bias", lambda x, w, dy: (x.T @ dy, np.zeros(3), dy @ w.T)),
    "the sign": ("weight", lambda x, w, dy: (-(x.T @ dy), dy.sum(axis=0), dy @ w.T)),
    "a transposed weight": ("x", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), dy @ w)),
    "a factor of 1 + 1e-6": ("bias", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0) * (1 + 1e-6), dy @ w.T)),
    "one coordinate": ("weight", lambda x, w, dy: (x.T @ dy + np.eye(3), dy.sum(axis=0), dy @ w.T)),
    "the slope of the row above": ("x", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), np.roll(dy, 1, axis=0) @ w.T)),
}


@vjp.register
def affine_vjp(layer: Affine, x, key=None):
    def affine_pullback(dy):
        _, pull = WRONG.get(layer.wrong, ("", lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), dy @ w.T)))
        dweight, dbias, dx = pull(x, layer.weight, dy)
        return Affine(dweight, dbias, layer.wrong), lambda: dx

    return x @ layer.weight + layer.bias, affine_pullback


def affine(wrong):
    return Affine(numbers(3, 3), 1000 * numbers(3), wrong)


def test_right_code_passes_and_the_report_names_each_leaf():
    report = check_vjp(affine(""), numbers(5, 3))
    assert list(report.errors) == ["weight", "bias", "x"]
    assert (report.coordinates, report.skipped) == (9 + 3 + 15, 0)


@each_of("wrong", WRONG)
def test_wrong_code_is_caught_by_the_name_of_the_leaf(wrong):
    leaf, _ = WRONG[wrong]
    with pytest.raises(
        AssertionError, match=rf"the gradient of {leaf} is wrong at \(.*the pullback says .*differences"
    ):
        check_vjp(affine(wrong), numbers(5, 3))


class Bad(Record):
    """An activation that breaks the rules in one way."""

    how: str


@vjp.register
def bad_vjp(layer: Bad, x, key=None):
    if layer.how == "writes to its input":
        x[x < 0] = 0

    def bad_pullback(dy):
        if layer.how == "writes to dy":
            dy *= 2
        dx = {"sigmoid_derivative(z)": x * (1 - x), "clips": np.clip(dy, -0.1, 0.1)}.get(layer.how, dy)
        return layer, lambda: dx

    return x.copy(), bad_pullback


@each_of(
    ("how", "message"),
    [
        ("writes to its input", "an input was written to"),
        ("writes to dy", "an input was written to"),
        ("sigmoid_derivative(z)", "the gradient of x is wrong"),
        ("clips", "the gradient of x is wrong"),
    ],
)
def test_a_layer_that_breaks_the_rules_is_told_which(how, message):
    with pytest.raises(AssertionError, match=message):
        check_vjp(Bad(how), numbers(4, 3))


def test_a_coordinate_at_a_kink_is_left_out_and_counted():
    from fnn import relu

    report = check_vjp(relu, np.array([[1.0, 0.0, -1.0]]))
    assert report.skipped == 1
    assert report.errors["x"] <= 1e-8


class Square(Record):
    """y = x @ weight, whose pullback says what it is given."""

    weight: np.ndarray
    pull: object


@vjp.register
def square_vjp(layer: Square, x, key=None):
    def square_pullback(dy):
        dweight, dx = layer.pull(x, layer.weight, dy)
        return Square(dweight, layer.pull), lambda: dx

    return x @ layer.weight, square_pullback


CAUSES = {
    "weight is wrong .*; it is too small by the factor n = 5, the number of rows: a mean where a sum belongs": (
        lambda x, w, dy: (x.T @ dy / 5, dy @ w.T)
    ),
    "weight is wrong .*; it is too large by the factor n = 5, the number of rows: a sum where a mean belongs": (
        lambda x, w, dy: (5 * (x.T @ dy), dy @ w.T)
    ),
    "weight is wrong .*; its sign is turned round": lambda x, w, dy: (-(x.T @ dy), dy @ w.T),
    "weight is wrong .*; all of it is off by one factor: it should be 0.25 times as large": (
        lambda x, w, dy: (4 * (x.T @ dy), dy @ w.T)
    ),
    "weight is wrong .*; it is 0 everywhere: is it computed at all": lambda x, w, dy: (0 * w, dy @ w.T),
    "weight is wrong .*; it is transposed": lambda x, w, dy: (dy.T @ x, dy @ w.T),
    "weight is wrong .*; each number is the sum of them all: sum over the rows alone": (
        lambda x, w, dy: (np.full_like(w, (x.T @ dy).sum()), dy @ w.T)
    ),
    "x is wrong .*; it would be right if weight were transposed": lambda x, w, dy: (x.T @ dy, dy @ w),
    r"x is wrong at \(\d, \d\): the pullback says .*, central differences .*tolerance 1e-08\)$": (
        lambda x, w, dy: (x.T @ dy, dy @ w.T + x)
    ),
    r"weight has the shape \(5, 3, 3\), the leaf itself \(3, 3\); a sum over the rows is missing: .sum\(axis=0\)": (
        lambda x, w, dy: (x[:, :, None] * dy[:, None, :], dy @ w.T)
    ),
    r"weight has the shape \(\), the leaf itself \(3, 3\); it is summed over everything": (
        lambda x, w, dy: ((x.T @ dy).sum(), dy @ w.T)
    ),
    r"x has the shape \(3, 5\), the leaf itself \(5, 3\); it is transposed": (
        lambda x, w, dy: (x.T @ dy, (dy @ w.T).T)
    ),
    r"weight has the shape \(9,\), the leaf itself \(3, 3\)$": lambda x, w, dy: ((x.T @ dy).ravel(), dy @ w.T),
}


@each_of(("message", "pull"), CAUSES.items(), ids=range(len(CAUSES)))
def test_the_likely_cause_is_named_where_it_can_be_told(message, pull):
    with pytest.raises(AssertionError, match=f"the gradient of {message}"):
        check_vjp(Square(numbers(3, 3), pull), numbers(5, 3))


def test_a_loss_that_forgets_to_divide_by_n_is_told_so():
    class Summed(Record):
        pass

    @vjp.register
    def summed_vjp(loss: Summed, prediction, target):
        difference = prediction - target
        return float(np.mean(difference**2)), lambda dvalue: (loss, lambda: 2 * difference * dvalue)

    with pytest.raises(AssertionError, match="too large by the factor n = 5, the number of rows: a sum where a mean"):
        check_vjp(Summed(), numbers(5), numbers(5, seed=1))


def test_a_gradient_that_is_zero_by_cancellation_passes():
    """A bias before a batch normalization moves nothing: central differences are rounding alone."""
    from fnn import Key, batch_norm, dense, serial, tanh

    net = serial(dense(4), batch_norm(), tanh, dense(2))(Key(0), np.zeros((1, 3)))
    report = check_vjp(net, 100 * numbers(6, 3))
    assert report.errors["layers[0].bias"] <= 1e-8
    assert report.skipped == 0


class Canceled(Record):
    """y = x, in which weight has canceled; the pullback sums what cancels too, and ``rest`` is left of it."""

    weight: np.ndarray
    rest: float


@vjp.register
def canceled_vjp(layer: Canceled, x, key=None):
    return x + 0 * layer.weight, lambda dy: (Canceled(np.full_like(layer.weight, layer.rest), layer.rest), lambda: dy)


def test_what_rounding_leaves_of_a_gradient_of_0_passes_and_no_more():
    assert check_vjp(Canceled(numbers(3), 1e-17), numbers(5, 3)).errors["weight"] <= 1e-8
    with pytest.raises(AssertionError, match="the gradient of weight is wrong"):
        check_vjp(Canceled(numbers(3), 1e-8), numbers(5, 3))


class Steep(Record):
    """y = sin(weight x), of which the third derivative is x**2 times as large as the first; a factor may be wrong."""

    weight: np.ndarray
    factor: float = 1.0


@vjp.register
def steep_vjp(layer: Steep, x, key=None):
    def steep_pullback(dy):
        slope = dy * np.cos(layer.weight * x)
        return Steep((slope * x).sum(axis=0) * layer.factor, layer.factor), lambda: slope * layer.weight

    return np.sin(layer.weight * x), steep_pullback


def test_where_the_differences_are_coarse_the_gradient_is_not_blamed():
    """At x = 100 the error of a central difference is step**2 x**2 / 6 = 1.7e-7 of it: more than the tolerance."""
    x, weight = np.full((1, 1), 100.0), np.array([1e-3])
    assert check_vjp(Steep(weight), x).errors["weight"] <= 1e-8
    with pytest.raises(AssertionError, match="the gradient of weight is wrong"):
        check_vjp(Steep(weight, 1 + 1e-7), x)


def test_the_leaves_of_several_inputs_are_named_by_their_place():
    from fnn import concatenate

    report = check_vjp(concatenate, (numbers(4, 3), numbers(4, 2)))
    assert list(report.errors) == ["x[0]", "x[1]"]
    assert report.coordinates == 20


def test_a_gradient_of_another_kind_than_the_layer_is_told_where():
    class Forgetful(Record):
        weight: np.ndarray

    @vjp.register
    def forgetful_vjp(layer: Forgetful, x, key=None):
        return x * layer.weight, lambda dy: (None, lambda: dy * layer.weight)

    with pytest.raises(AssertionError, match=r"Forgetful: inputs and gradient: trees differ at \[0\]: Forgetful"):
        check_vjp(Forgetful(numbers(3)), numbers(5, 3))


class Broken(Record):
    """y = weight * x, whose pullback gives one number that is not finite."""

    weight: np.ndarray
    bad: float


@vjp.register
def broken_vjp(layer: Broken, x, key=None):
    def broken_pullback(dy):
        dweight = (dy * x).sum(axis=0)
        return Broken(np.where(np.arange(3) == 1, layer.bad, dweight), layer.bad), lambda: dy * layer.weight

    return layer.weight * x, broken_pullback


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_wrong(bad):
    message = rf"the gradient of weight is wrong at \(1,\): the pullback says {bad}, central differences .*e-08\)$"
    with pytest.raises(AssertionError, match=message):
        check_vjp(Broken(numbers(3), bad), numbers(5, 3))


def test_inputs_that_are_not_finite_have_no_differences_to_compare_with():
    from fnn import tanh

    report = check_vjp(tanh, np.array([[1.0, np.nan]]))
    assert (report.coordinates, report.skipped) == (2, 0)


def test_integers_are_not_perturbed_and_an_output_of_several_arrays_is_one_vector():
    from fnn import Key, embedding, gru

    tokens = np.array([[0, 2, 1]])
    report = check_vjp(embedding(3, 4)(Key(0), tokens), tokens)
    assert list(report.errors) == ["weight"]
    assert report.coordinates == 12
    padded = numbers(2, 3, 2), np.array([3, 1])
    report = check_vjp(gru(2)(Key(0), padded), padded)
    assert "x[0]" in report.errors
    assert "x[1]" not in report.errors
    assert max(report.errors.values()) <= 1e-8


# --- a rule that cannot serve in a network ---------------------------------------------------------------------------


class Odd(Record):
    """y = weight x by a rule that is wrong in another way than its gradients."""

    weight: np.ndarray
    rule: Callable


@vjp.register
def odd_vjp(layer: Odd, x, key=None):
    return layer.rule(layer, x)


class Keyless(Record):
    """y = weight x by a rule without a key."""

    weight: np.ndarray


@vjp.register
def keyless_vjp(layer: Keyless, x):
    return x * layer.weight, lambda dy: (Keyless((dy * x).sum(axis=0)), lambda: dy * layer.weight)


def back(layer, x, dy):
    return Odd((dy * x).sum(axis=0), layer.rule)


ODD = {
    "right": (lambda layer, x: (x * layer.weight, lambda dy: (back(layer, x, dy), lambda: dy * layer.weight)), None),
    "dx is an array": (
        lambda layer, x: (x * layer.weight, lambda dy: (back(layer, x, dy), dy * layer.weight)),
        "Odd: its pullback must return dx as a function without arguments, got float64 array (4, 3); write lambda: dx",
    ),
    "no dx": (
        lambda layer, x: (x * layer.weight, lambda dy: back(layer, x, dy)),
        r"Odd: its pullback must return (dlayer, dx), got Odd(weight=f64[3], rule=",
    ),
    "no pullback": (
        lambda layer, x: x * layer.weight,
        "Odd: its rule must return (y, pullback), got float64 array (4, 3)",
    ),
    "a scalar of NumPy's": (
        lambda layer, x: (
            x * layer.weight * np.float64(1.0),
            lambda dy: (back(layer, x, dy), lambda: dy * layer.weight),
        ),
        "Odd: float32 goes in, and y is float64; NumPy's scalars and float64 arrays promote",
    ),
    "a float64 gradient": (
        lambda layer, x: (
            x * layer.weight,
            lambda dy: (back(layer, x, dy * np.float64(1.0)), lambda: dy * layer.weight),
        ),
        "Odd: float32 goes in, and the gradient of weight is float64",
    ),
    "a float64 dx": (
        lambda layer, x: (
            x * layer.weight,
            lambda dy: (back(layer, x, dy), lambda: dy * layer.weight.astype(np.float64)),
        ),
        "Odd: float32 goes in, and the gradient of x is float64",
    ),
}


@each_of(("rule", "words"), ODD.values(), ids=ODD)
@each_of("dtype", [np.float32, np.float64])
def test_a_rule_that_cannot_serve_is_found_whatever_its_gradients_are(rule, words, dtype):
    layer, x = Odd(np.array([1.0, -2.0, 0.5], dtype), rule), numbers(4, 3).astype(dtype)
    if words is None:
        assert check_vjp(layer, x).coordinates == 15
    else:
        with pytest.raises(AssertionError, match=re.escape(words)):
            check_vjp(layer, x)


def test_a_rule_without_a_key_is_found():
    words = (
        "Keyless: its rule takes no key, which a network passes to each layer; "
        "write def keyless_vjp(layer, x, key=None)"
    )
    with pytest.raises(AssertionError, match=f"^{re.escape(words)}$"):
        check_vjp(Keyless(np.ones(3)), numbers(4, 3))
