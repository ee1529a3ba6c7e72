"""A function that is right in another form than the signature's is told so, and passes where its form is asked for."""

from itertools import pairwise

import numpy as np

import fnn
from fnn.testing import COSTS, Finding, Grades, grade
from tests.each_of import each_of


def softmax_of_columns(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def forward_by_columns(x, weight, bias):
    return weight @ x + bias


def forward_with_cache(x, weight, bias):
    return x @ weight + bias, (x, weight)


def backward_averaged(x, weight, dy):
    return x.T @ dy / len(x), dy.mean(axis=0), dy @ weight.T


def backward_of_a_course(dy, x, weight):
    n = x.shape[1]
    return dy @ x.T / n, dy.sum(axis=1, keepdims=True) / n, weight.T @ dy


def backward_keeping_dimensions(x, weight, dy):
    return x.T @ dy, dy.sum(axis=0, keepdims=True), dy @ weight.T


def backward_with_dx_first(x, weight, dy):
    return dy @ weight.T, x.T @ dy, dy.sum(axis=0)


def entropy_of_probabilities(p, labels):
    return -np.log(p[np.arange(len(p)), labels]).mean()


def entropy_with_the_target_first(hot, logits):
    top = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0] - (hot * logits).sum(axis=1))


def dropout_as_first_published(x, rate, seed):
    mask = np.random.default_rng(seed).random(x.shape) >= rate
    return x * mask, lambda dy: dy * mask


def init_as_in_torch(sizes, seed):
    generator = np.random.default_rng(seed)
    return [(generator.normal(0, (2 / i) ** 0.5, (o, i)), np.zeros((1, o))) for i, o in pairwise(sizes)]


def difference_in_floats(y, target):
    return np.subtract(y, target, dtype=float)


# What a function is, how it is written, the words for it, and the number that it has where it is not asked for so.
FORMS = [
    ("softmax", softmax_of_columns, {"columns": True}, "by columns", ()),
    ("dense_forward", forward_by_columns, {"columns": True}, "by columns", ()),
    ("dense_forward", forward_with_cache, {"cached": True}, "with a cache beside the result", ()),
    ("dense_forward", lambda x, w, b: x @ w.T + b, {"transposed": True}, "with weights transposed", ()),
    ("dense_backward", backward_averaged, {"averaged": True}, "divided by n in the layer", ()),
    ("dense_backward", backward_keeping_dimensions, {"keepdims": True}, "with biases (1, n)", ()),
    (
        "dense_backward",
        backward_with_dx_first,
        {"returns": ("dx", "dweight", "dbias")},
        "with the results (dx, dweight, dbias)",
        (),
    ),
    (
        "dense_backward",
        backward_of_a_course,
        {"columns": True, "averaged": True, "order": ("dy", "x", "weight")},
        "by columns, divided by n in the layer and with the arguments (dy, x, weight)",
        (),
    ),
    ("mse_gradient", lambda y, t: (y - t) / y.size, {"half": True}, "for half the square", ()),
    ("mse_gradient", lambda y, t: 2 * (y - t), {"summed": True}, "for the sum", (5,)),
    ("mse_gradient", lambda y, t: y - t, {"half": True, "summed": True}, "for half the square and for the sum", (5,)),
    ("cross_entropy", entropy_of_probabilities, {"probabilities": True}, "of probabilities", ()),
    (
        "cross_entropy",
        entropy_with_the_target_first,
        {"one_hot_labels": True, "order": ("labels", "logits")},
        "with one-hot labels and with the arguments (labels, logits)",
        (),
    ),
    ("sigmoid_derivative", lambda y: y * (1 - y), {"of_output": True}, "of the activation's output", (14,)),
    ("dropout", dropout_as_first_published, {"scaled_at_test": True}, "scaled at test time", (31,)),
    ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x), {"slope": 0.2}, "with slope=0.2", ()),
    ("leaky_relu_derivative", lambda x: np.where(x > 0, 1, 0.3), {"slope": 0.3}, "with slope=0.3", ()),
    (
        "init",
        init_as_in_torch,
        {"transposed": True, "keepdims": True},
        "with biases (1, n) and with weights transposed",
        (),
    ),
]


@each_of(("name", "function", "conventions", "words", "mistakes"), FORMS)
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


def test_prediction_and_target_are_names_for_every_loss():
    losses = {
        "mse": lambda t, y: difference_in_floats(y, t).ravel() @ difference_in_floats(y, t).ravel() / y.size,
        "mse_gradient": lambda t, y: 2 * (y - t) / y.size,
        "cross_entropy_gradient": lambda t, z: (fnn.softmax(z) - np.eye(z.shape[1])[t]) / len(z),
    }
    assert [each.mistake for each in grade(**losses, order=("target", "prediction")).findings] == [35]


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
