"""A function that is right in another form than the signature's is told so, and passes where its form is asked for."""

from itertools import pairwise

import numpy as np

import fnn
from fnn.testing import COSTS, Finding, Grades, grade
from tests.each_of import each_of
from tests.testing.functions import FORMS

WORDS = {f"{words}, {number}": words for number, (*_, words, _) in enumerate(FORMS)}


def difference_in_floats(y, target):
    return np.subtract(y, target, dtype=float)


@each_of(("name", "function", "conventions", "words", "mistakes"), FORMS, ids=WORDS, one_of_each=WORDS.get)
def test_a_form_passes_by_its_keyword_and_is_told_by_its_words(name, function, conventions, words, mistakes):
    assert grade(**conventions, **{name: function}).passed, str(grade(**conventions, **{name: function}))
    (finding,) = grade(**{name: function}).findings
    assert f"is right, {words}" in f"{finding.what}; {finding.advice}"
    assert finding.conventions == conventions
    assert finding.severity == ("wrong" if mistakes else "style")
    assert grade(**{name: function}).mistakes == mistakes


def test_what_was_asked_for_another_way_is_told_of_a_function_that_follows_the_signature():
    (finding,) = grade(softmax=fnn.softmax.__call__, columns=True).findings
    assert finding.what == "is right, by rows"


def test_a_cache_is_asked_of_nobody_who_has_none():
    functions = {"leaky_relu": lambda x: np.maximum(0.01 * x, x), "dense_forward": lambda x, w, b: (x @ w + b, (x, w))}
    assert grade(**functions, dense_backward=lambda x, w, dy: (x.T @ dy, dy.sum(axis=0), dy @ w.T), cached=True).passed


def test_a_mistake_is_named_in_the_form_in_which_it_was_made():
    def init(sizes, seed):
        generator = np.random.default_rng(seed)
        return [(0.01 * generator.standard_normal((o, i)), np.zeros((o, 1))) for i, o in pairwise(sizes)]

    form, weights = grade(init=init).findings
    assert (form.what, form.conventions, form.severity) == ("is written, by columns", {"columns": True}, "style")
    assert weights.mistake == 37
    assert grade(init=init, columns=True).mistakes == (37,)


def test_prediction_and_target_are_names_for_every_loss():
    losses = {
        "mse": lambda t, y: difference_in_floats(y, t).ravel() @ difference_in_floats(y, t).ravel() / y.size,
        "mse_gradient": lambda t, y: 2 * (y - t) / y.size,
        "cross_entropy_gradient": lambda t, z: (fnn.softmax(z) - np.eye(z.shape[1])[t]) / len(z),
    }
    assert [each.mistake for each in grade(**losses, order=("target", "prediction")).findings] == [35]


def test_a_logarithm_of_probabilities_may_have_an_epsilon_and_must_survive_a_probability_of_0():
    def entropy(p, hot, epsilon):
        return -np.sum(hot * np.log(p + epsilon)) / len(p)

    asked = {"probabilities": True, "one_hot_labels": True}
    for epsilon in (1e-15, 1e-7):
        assert grade(cross_entropy=lambda p, hot, e=epsilon: entropy(p, hot, e), **asked).passed
    (finding,) = grade(cross_entropy=lambda p, hot: entropy(p, hot, 0.0), **asked).findings
    assert (finding.mistake, finding.severity, finding.advice) == (11, "edge", "0 * log(0) is nan")
    assert grade(cross_entropy=lambda p, hot: entropy(p, hot, 1e-3), **asked).mistakes == (11,)


def test_a_wrong_function_is_wrong_in_every_form():
    def softmax_of_columns_unshifted(z):
        return np.exp(z) / np.exp(z).sum(axis=0)

    assert grade(softmax=softmax_of_columns_unshifted).mistakes == (10,)
    (finding,) = grade(softmax=softmax_of_columns_unshifted, columns=True).findings
    assert (finding.mistake, finding.severity) == (8, "edge")
    assert grade(dense_backward=lambda x, w, dy: (dy @ x.T, dy.sum(), w.T @ dy), columns=True).mistakes == (4,)


def test_a_score_is_what_the_costs_say():
    grades = Grades(("f", "g"), (Finding("f", "is wrong", share=0.5), Finding("f", "writes", severity="edge")))
    assert (grades.credit(), grades.score) == ({"f": 0.25, "g": 1.0}, 0.625)
    assert grades.credit({"edge": 0.5}) == {"f": 0.0, "g": 1.0}
    assert Grades(("f",), (Finding("f", "is wrong", conventions={"half": True}),)).score == 0.5
    assert COSTS["wrong"] > COSTS["edge"] > COSTS["style"] > 0


def test_a_finding_says_at_which_number_and_in_digits_that_differ():
    (finding,) = grade(tanh=lambda x: np.tanh(x) * (1 + 1e-5 * (x > 1.5))).findings
    assert finding.at > 1.5
    found, expected = finding.what.split(", expected ")
    assert f"where x is {finding.at:.4g}" in found
    assert found.split()[1] != expected
    (finding,) = grade(softmax=lambda z: fnn.softmax(z) * (1 + (z.max(axis=1, keepdims=True) > 1.5))).findings
    assert finding.at.max() > 1.5


def test_what_overflows_alone_costs_less_than_what_is_wrong():
    grades = grade(
        sigmoid=lambda x: 1 / (1 + np.exp(-x)),
        relu=lambda x: np.maximum(x, 0, out=x),
        tanh=lambda x: 2 * np.tanh(x),
        softplus=lambda x: np.logaddexp(x, 0),
    )
    assert [each.severity for each in grades.findings] == ["edge", "edge", "wrong"]
    assert grades.credit() == {"sigmoid": 0.75, "relu": 0.75, "tanh": 0.0, "softplus": 1.0}


def test_an_order_may_be_a_list_as_it_is_in_json():
    def dense_backward(x, weight, dy):
        return x.T @ dy, dy.sum(axis=0), dy @ weight.T

    for order in (["dx", "dweight", "dbias"], ("dx", "dweight", "dbias")):
        (finding,) = grade(dense_backward=dense_backward, returns=order).findings
        assert finding.what == "is right, with the results (dweight, dbias, dx)"
