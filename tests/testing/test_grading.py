"""grade: reports in sentences, one finding for a mistake, hints where no number is known, and no crash."""

import re

import numpy as np
import pytest

import fnn
from fnn import Record, tree, vjp
from fnn.testing import MISTAKES, SIGNATURES, Finding, check_function, check_gradient, grade
from fnn.testing.exercises import EXERCISES
from fnn.testing.exercises.exercise import Fitted
from tests.each_of import each_of

X = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 2.0]])


def test_the_report_reads_as_sentences():
    def softmax(z):
        e = np.exp(z - z.max())
        return e / e.sum(axis=1, keepdims=True)

    grades = grade(softmax=softmax, tanh=np.tanh, relu=lambda x: np.maximum(x, 1), sigmoid=lambda a, b: a)
    assert str(grades).splitlines() == [
        "softmax: mistake 9, shifted by the maximum of all rows instead of each row's own: "
        "softmax([[0, 1], [-1000, -999]]) gives nan at [1, 0], expected 0.2689; subtract x.max(axis=1, keepdims=True)",
        "tanh: no finding",
        str(grades.findings[1]),
        str(grades.findings[2]),
        "1 of 4 functions without a finding",
    ]
    assert (grades.passed, grades.share, grades.right, grades.mistakes) == (False, 0.25, ("tanh",), (9,))
    assert grades.findings[1].what.startswith("gives 1 at ")
    assert re.search(
        r"sigmoid\(.*\) raises TypeError: .*; it is called as sigmoid\(x\) -> y$", str(grades), re.MULTILINE
    )
    assert "mistake=9" in repr(grades)
    assert grades.findings[0].found.shape == grades.findings[0].expected.shape == (2, 2)


def test_all_points_for_all_right():
    grades = grade(tanh=np.tanh, accuracy=fnn.metrics.accuracy)
    assert (grades.passed, grades.share, grades.mistakes) == (True, 1.0, ())
    assert str(grades) == "tanh: no finding\naccuracy: no finding\n2 of 2 functions without a finding"


def test_what_is_wrong_without_being_known_has_a_hint_and_no_number():
    def dense_backward(x, weight, dy):
        return x.T @ dy, dy.sum(axis=0) / len(x), dy @ weight.T

    grades = grade(dense_backward=dense_backward, rnn_backward=lambda *given: given[0] * 2)
    assert grades.mistakes == ()
    assert "too small by the factor n = 5, the number of rows: a mean where a sum belongs" in str(grades.findings[0])
    assert grades.findings[1].what == "gives 1 result, expected 4 results"
    assert [each.share for each in grades.findings] == [pytest.approx(1 / 3), 1]


def test_a_bias_gradient_that_was_never_summed_is_told():
    finding = grade(dense_backward=lambda x, weight, dy: (x.T @ dy, dy * 1, dy @ weight.T)).findings[0]
    assert finding.what == "gives as result [1] the shape (5, 2), expected (2,)"
    assert finding.advice == "a sum over the rows is missing: .sum(axis=0)"


def test_two_mistakes_in_one_function_are_two_findings():
    def softmax(z):
        z -= z.max()
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    assert grade(softmax=softmax).mistakes == (2, 9)


def test_one_mistake_made_in_two_ways_is_one_finding():
    (finding,) = grade(mse_gradient=lambda y, target: (2 if len(y) == 5 else 1) * (y - target)).findings
    assert finding.mistake == 5


def test_right_numbers_with_an_alarm_are_not_taken_for_a_suspect_s_right_numbers():
    def softmax(z):
        assert np.exp(z).shape == z.shape
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    (finding,) = grade(softmax=softmax).findings
    assert (finding.mistake, finding.what) == (8, "warns: overflow encountered in exp")


def test_a_function_that_remembers_is_told_so_and_nothing_else():
    calls = []
    (finding,) = grade(relu=lambda x: calls.append(1) or x + len(calls)).findings
    assert finding.what == "gives another result when called again"


@pytest.mark.long
def test_nothing_that_a_function_does_reaches_the_next_one():
    def vandal(*given):
        for each in given:
            if isinstance(each, np.ndarray):
                each[...] = 99
            elif isinstance(each, list | dict):
                each.clear()
        raise RuntimeError

    before = [leaf.tobytes() for exercise in EXERCISES.values() for leaf in tree.leaves(arguments_of(exercise))]
    grades = grade(**dict.fromkeys(EXERCISES, vandal))
    assert grades.share == 0
    after = [leaf.tobytes() for exercise in EXERCISES.values() for leaf in tree.leaves(arguments_of(exercise))]
    assert before == after


NASTY = {
    "nothing": lambda *given: None,
    "text": lambda *given: "softmax",
    "empty": lambda *given: [],
    "no rows": lambda *given: np.zeros((0, 3)),
    "nan": lambda *given: np.nan,
    "nan in pairs": lambda *given: [(np.full((3, 2), np.nan), np.full(3, np.nan))] * 3,
    "its arguments": lambda *given: given,
    "numbers too large": lambda *given: tuple(np.full(np.shape(each), 1e300) for each in given),
    "objects": lambda *given: np.array([None, "a"]),
    "ragged": lambda *given: [[1.0], [1.0, 2.0]],
    "a generator that breaks": lambda *given: (1 / 0 for _ in range(3)),
    "only on some days": lambda *given: 1 // (given[-1] - given[-1]),
    "a function": lambda *given: (given[0], lambda dy: None),
}


@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.long)])
@each_of("name", NASTY)
def test_whatever_a_function_gives_is_a_finding_and_no_crash(name, every):
    grades = grade(**dict.fromkeys(list(EXERCISES)[len(name) % every :: every], NASTY[name]))
    assert grades.share == 0
    assert len(str(grades).splitlines()) == len(grades.findings) + 1
    for finding in (check_function(NASTY[name], (X, X)), check_gradient(NASTY[name], X, X)):
        assert isinstance(finding, Finding)


def test_a_dictionary_of_results_is_taken_by_what_its_keys_mean():
    def dense_backward(x, weight, dy):
        return {"dx": dy @ weight.T, "dW": x.T @ dy, "db": dy.sum(axis=0)}

    def by_its_names(x, weight, dy):  # sorted, db comes before dw
        return {"dweight": x.T @ dy, "dbias": dy.sum(axis=0), "dx": dy @ weight.T}

    for each in (dense_backward, by_its_names):
        assert grade(dense_backward=each).passed
        assert grade(dense_backward=each, returns=("dx", "dweight", "dbias")).passed
    (finding,) = grade(dense_backward=lambda x, w, dy: {"dW": x.T @ dy, 1: dy.sum(axis=0), "dx": dy @ w.T}).findings
    assert "it returns a dictionary of 'dW', 1, 'dx', not of dweight, dbias, dx" in finding.what
    (finding,) = grade(dense_backward=lambda x, w, dy: {"dW": x.T @ dy, "dw": dy.sum(axis=0), "dx": dy}).findings
    assert "it returns a dictionary of 'dW', 'dw', 'dx', not of dweight, dbias, dx" in finding.what


def test_dictionaries_are_compared_by_their_keys():
    def sgd_step(params, grads, rate, rename=lambda name: name):
        if params["bias"].shape != grads["bias"].shape:
            raise ValueError
        return {rename(name): p - rate * grads[name] for name, p in params.items()}

    assert grade(sgd_step=sgd_step).passed
    for rename in (str.upper, {"bias": 2, "weight": "w"}.get):  # right by their sorted order
        (finding,) = grade(sgd_step=lambda *given, rename=rename: sgd_step(*given, rename)).findings
        assert finding.what.endswith(", expected ['bias'] ['weight']"), finding.what
        assert finding.what.startswith("gives [")


def test_lists_of_numbers_are_arrays_too():
    assert grade(
        tanh=lambda x: np.tanh(x).tolist(), accuracy=lambda a, b: accuracy_of_lists(a.tolist(), b.tolist())
    ).passed


def accuracy_of_lists(predicted, labels):
    return sum(a == b for a, b in zip(np.ravel(predicted), labels, strict=True)) / len(labels)


def arguments_of(exercise):
    def flat(value):
        values = value.values() if isinstance(value, dict) else value
        return tuple(map(flat, values)) if isinstance(value, dict | list | tuple) else value

    return flat([each.arguments for each in exercise.cases])


@pytest.mark.long
def test_every_suspect_is_named():
    for name, exercise in EXERCISES.items():
        for mistake, suspect in exercise.suspects:
            if not isinstance(suspect, Fitted):
                grades = grade(**{name: suspect})
                told = grades.mistakes if isinstance(mistake, int) else str(grades)
                elsewhere = (
                    bool(grades.findings) and grades.findings[0].conventions
                )  # a softmax of columns is right there
                assert mistake in told or elsewhere, (name, mistake, str(grades))


def test_laws_without_a_right_version_say_what_they_expect():
    def whole(x, y, size, seed):
        return [(x.copy(), y.copy())]

    def dropping_the_last(x, y, size, seed):
        order = np.random.default_rng(seed).permutation(len(x))
        return [(x[order[i : i + size]], y[order[i : i + size]]) for i in range(0, len(x) - size + 1, size)]

    def not_shuffled(x, y, size, seed):
        return [(x[i : i + size] + 0, y[i : i + size] + 0) for i in range(0, len(x), size)]

    def told(**functions):
        (finding,) = grade(**functions).findings
        return finding.what + finding.advice

    def by_keep(x, rate, seed):
        mask = (np.random.default_rng(seed).random(x.shape) < rate) / rate
        return x * mask, lambda dy: dy * mask

    assert told(minibatches=dropping_the_last) == "gives 100 rows, 100 different ones, expected each of 103 once"
    assert told(minibatches=whole) == "gives batches of [103], expected ten of 10 and one of 3"
    assert told(minibatches=not_shuffled) == "gives 1 different orders for five seeds"
    assert told(shuffle=lambda x, y, seed: (x + 0, y + 0)) == "gives 1 different orders for five seeds"
    assert told(shuffle=lambda x, y, seed: x + 0).startswith("gives arrays (103, 2)..., expected pairs of x")
    assert told(shuffle=lambda x: x).startswith("raises TypeError")
    assert told(dropout=by_keep) == "drops a fraction of 0.79rate is the fraction to drop"
    assert told(dropout=lambda x: x).endswith("return y and a function backward(dy) -> dx")
    assert told(dropout=lambda x, rate, seed: (x[:1] * 2, lambda dy: dy * 2)).startswith("gives other shapes")
    zeros = [(np.zeros((a, b)), np.zeros(b)) for a, b in ((64, 32), (32, 16), (16, 10))]
    assert told(init=lambda sizes, seed: zeros) == "gives weights that are all alike: units never differ"
    assert told(init=lambda sizes, seed: zeros[:2]).startswith("gives 4 results, expected 6 results")
    transposed = [(w.T, b) for w, b in zeros]
    assert told(init=lambda sizes, seed: transposed).startswith("gives as result [0][0] the shape (32, 64), expected")


# --- the library's own kinds -----------------------------------------------------------------------------------------


class Leaning(Record):
    """A relu whose author forgot its slope."""


@vjp.register
def leaning_vjp(layer: Leaning, x, key=None):
    return np.maximum(x, 0), lambda dy: (layer, lambda: dy)


def test_layers_losses_and_constructors_are_graded_as_they_are():
    names = [name for name in SIGNATURES if isinstance(getattr(fnn, name, None), object) and name in dir(fnn)]
    records = {name: getattr(fnn, name) for name in names if isinstance(getattr(fnn, name), Record)}
    assert {"relu", "softmax", "mse", "cross_entropy"} <= set(records)
    assert grade(**records).passed
    derivatives = {f"{name}_derivative": layer for name, layer in records.items()}
    gradients = {f"{name}_gradient": loss for name, loss in records.items()}
    both = {name: record for name, record in (derivatives | gradients).items() if name in SIGNATURES}
    assert {"relu_derivative", "mse_gradient"} <= set(both)
    assert grade(**both, softmax_pullback=fnn.softmax).passed
    pooled = dict.fromkeys(("max_pool", "max_pool_backward"), fnn.max_pool(2))
    assert grade(**pooled, **dict.fromkeys(("batch_norm", "batch_norm_backward"), fnn.batch_norm())).passed


def test_a_constructor_makes_its_layer_for_the_inputs_of_the_exercise():
    (finding,) = grade(sigmoid=fnn.batch_norm()).findings
    assert finding.what.startswith("gives ")
    assert grade(batch_norm=fnn.serial(fnn.batch_norm())).passed


def test_a_layer_s_pullback_is_checked_too():
    (finding,) = grade(relu=Leaning()).findings
    assert finding.what.startswith("has a wrong pullback: the gradient of x is wrong at ")
    (finding,) = grade(relu_derivative=Leaning()).findings[:1]
    assert finding.what.startswith("has a wrong pullback")


# --- what is refused, and what it says of itself ---------------------------------------------------------------------


def test_every_signature_begins_with_its_name_and_every_mistake_says_what_to_write():
    assert all(signature.startswith(f"{name}(") and " -> " in signature for name, signature in SIGNATURES.items())
    assert set(SIGNATURES) == set(EXERCISES)
    assert all(name and instead for name, instead in MISTAKES.values())
