"""The harness for other people's functions sees every effect and every wrong slope, and does no harm while it looks."""

import random
import re

import numpy as np
import pytest

import fnn
from fnn import Record, tree, vjp
from fnn.testing import MISTAKES, SIGNATURES, Finding, Grades, check_derivative, check_function, check_gradient, grade
from fnn.testing.exercises import EXERCISES
from tests.laws.cases import numbers
from tests.laws.test_laws import LAYERS

X = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 2.0]])

# --- check_function --------------------------------------------------------------------------------------------------


def counter():
    calls = []

    def function(x):
        calls.append(1)
        return x + len(calls)

    return function


def restoring(x):
    x[0, 0] += 1
    y = x.sum(axis=1) - 1
    x[0, 0] -= 1
    return y


def unseeded(x):
    return x + np.random.default_rng().random()


def seeds_everybody(x):
    np.random.seed(7)  # noqa: NPY002
    return x * 2


def changes_its_list(parts):
    parts[0] = parts[0] * 2
    return parts[0] + 0


def quiet(x):
    with np.errstate(all="ignore"):
        return np.log(np.abs(x) * 0)


def raises(x):
    raise KeyError("weight")


def leaves(x):
    raise SystemExit


def picky(x):
    return x.view(np.int64).astype(float)


EFFECTS = {
    "writes to its input": (lambda x: np.maximum(x, 0, out=x).copy(), 2),
    "returns an array that shares memory with its input": (lambda x: x[:, ::-1], 2),
    "raises ValueError: assignment destination is read-only, if its input is read-only": (restoring, 2),
    "gives another result when called again": (counter(), None),
    "gives another result when called again ": (unseeded, None),
    "gives another result after somebody else used np.random or random": (
        lambda x: x + np.random.rand(),  # noqa: NPY002
        27,
    ),
    "gives another result after somebody else used np.random or random ": (lambda x: x * random.random(), 27),
    "moves or seeds the generator of np.random or random, which everybody shares": (seeds_everybody, 27),
    "makes float64 of float32": (lambda x: x * np.array([2.0]), None),
    "makes float16 of float32": (lambda x: x.astype(np.float16) if x.dtype == np.float32 else x * 2, None),
    "gives -2 at [1], expected 3, if its input is in Fortran's order": (lambda x: x.ravel(order="K")[1:3] * 1, None),
    "gives NaN or infinity for finite numbers": (quiet, None),
    "warns: divide by zero encountered in log": (lambda x: np.log(np.abs(x) * 0), None),
    "raises KeyError: 'weight'": (raises, None),
    "raises SystemExit": (leaves, None),
    "raises TypeError: it returns None; write return": (lambda x: None, None),
    "raises TypeError: it returns str, not real numbers": (lambda x: "3", None),
    "raises TypeError: it returns Float64DType, not real numbers": (lambda x: (x + 1, x.dtype), None),
}


@pytest.mark.parametrize("what", EFFECTS)
def test_an_effect_is_found(what):
    function, mistake = EFFECTS[what]
    finding = check_function(function, X)
    if "Fortran" in what:
        assert finding.what.endswith("expected -2, if its input is in Fortran's order")
    else:
        assert finding.what == what.strip()
    assert finding.mistake == mistake
    assert np.array_equal(finding.inputs[0], X)


def test_a_strided_input_must_do():
    def contiguous(x):
        if not x.flags.c_contiguous and not x.flags.f_contiguous:
            raise ValueError("not contiguous")
        return x * 2

    assert check_function(contiguous, X).what == "raises ValueError: not contiguous, if its input is strided"


def test_a_list_that_changes_is_an_input_that_is_written_to():
    assert check_function(changes_its_list, ([X, X],)).what == "writes to its input"


@pytest.mark.parametrize("function", [np.tanh, lambda x: x[:1] * 2, lambda x: {"a": x + 1, "b": [x.sum(), (x * 2,)]}])
def test_a_pure_function_passes(function):
    assert check_function(function, X, np.zeros((1, 3)), numbers(4, 3)) is None


def test_generators_and_several_arguments_are_taken():
    def halves(x, y):
        yield from (x / 2, y / 2)

    assert check_function(halves, (X, X + 1)) is None
    assert check_function(lambda x, n: x * n, (X, 3)) is None


def test_the_first_input_that_shows_it_is_told():
    def only_negative(x):
        return x if (x > 0).all() else np.log(x)

    positive, negative = np.ones(2), np.array([-1.0, 2.0])
    finding = check_function(lambda x: only_negative(x) + 0, positive, negative, -negative)
    assert finding.inputs[0] is negative
    assert str(finding) == "<lambda>: <lambda>([-1, 2]) warns: invalid value encountered in log"


def test_what_is_not_finite_when_it_comes_may_be_so_when_it_goes():
    assert check_function(np.tanh, np.array([np.nan, 1.0])) is None


def test_every_layer_of_the_library_passes():
    plain = [(layer, x) for layer, x in LAYERS.values() if not tree.leaves(layer) and isinstance(x, np.ndarray)]
    assert len(plain) > 50
    for layer, x in plain[::2]:
        assert type(layer).__name__ == "Dropout" or check_function(layer, x) is None, layer


def test_the_functions_work_on_copies_and_the_generators_are_put_back():
    def destroys(x):
        x[:] = 0
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        return x

    given, ours, theirs = X.copy(), repr(np.random.get_state()), random.getstate()  # noqa: NPY002
    check_function(destroys, given)
    check_derivative(destroys, destroys, given)
    grade(relu=destroys, softmax=destroys)
    assert np.array_equal(given, X)
    assert random.getstate() == theirs
    assert repr(np.random.get_state()) == ours  # noqa: NPY002


# --- slopes ----------------------------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("f", "df"),
    [
        (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
        (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
        (lambda x: np.abs(x).sum(), np.sign),
        (lambda x: float((x**3).sum()), lambda x: 3 * x**2),
        (lambda x: x**2, lambda x: 2 * x),
    ],
)
@pytest.mark.parametrize("x", [X, np.array([0.0, 1.0, -1.0]), 2.0, [1, 2]])
def test_a_right_derivative_passes_kinks_left_out(f, df, x):
    assert check_derivative(f, df, x) is None


def test_a_wrong_slope_beside_a_kink_is_found():
    assert "at [1], expected 1" in check_derivative(lambda x: np.maximum(x, 0), lambda x: 0 * x, [0.0, 1.0]).what


WRONG_SLOPES = {
    "gives 0.75 at [0, 0], expected 0.25": (np.zeros((1, 1)), sigmoid, lambda x: sigmoid(x) * (2 - sigmoid(x))),
    "gives the shape (1, 2), expected (2, 1)": (np.ones((2, 1)), sigmoid, lambda x: sigmoid(x).T),
    "gives the shape (), expected (2, 1)": (np.ones((2, 1)), np.tanh, lambda x: np.sum(x)),
    "gives 2 results, expected 1 result": (np.ones(2), np.tanh, lambda x: (x, [x, x])[1]),
    "raises ZeroDivisionError: division by zero": (np.ones(2), np.tanh, lambda x: 1 / 0),
    "has no slope to compare with: ValueError: gradient: f must return a number, got float64 array (3,)": (
        np.ones(2),
        lambda x: np.ones(3),
        lambda x: x,
    ),
}


@pytest.mark.parametrize("what", WRONG_SLOPES)
def test_a_wrong_derivative_is_a_finding(what):
    x, f, df = WRONG_SLOPES[what]
    assert check_derivative(f, df, x).what == what


def test_a_factor_in_a_derivative_is_told():
    finding = check_derivative(np.tanh, lambda x: 3 * (1 - np.tanh(x) ** 2), [[0.1], [0.2], [0.3]])
    assert finding.advice.endswith("too large by the factor n = 3, the number of rows: a sum where a mean belongs")


def test_a_gradient_is_that_of_the_number_returned():
    def right(y, target):
        return np.mean((y - target) ** 2), 2 * (y - target) / y.size

    def half(y, target):
        return np.mean((y - target) ** 2) / 2, 2 * (y - target) / y.size

    assert check_gradient(right, X, X[::-1]) is None
    assert (
        check_gradient(half, X.T, X.T[::-1]).advice == "all of it is off by one factor: it should be 0.5 times as large"
    )
    assert check_gradient(lambda y: y.sum(), X).what.startswith("has no slope to compare with: IndexError")


# --- grade -----------------------------------------------------------------------------------------------------------


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
        return x.T @ dy / len(x), dy.sum(axis=0) / len(x), dy @ weight.T

    grades = grade(dense_backward=dense_backward, rnn_backward=lambda *given: given[0] * 2)
    assert grades.mistakes == ()
    assert "too small by the factor n = 5, the number of rows: a mean where a sum belongs" in str(grades.findings[0])
    assert grades.findings[1].what == "gives 1 result, expected 4 results"


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
    (finding,) = grade(relu=counter()).findings
    assert finding.what == "gives another result when called again"


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


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", NASTY)
def test_whatever_a_function_gives_is_a_finding_and_no_crash(name, every):
    grades = grade(**dict.fromkeys(list(EXERCISES)[len(name) % every :: every], NASTY[name]))
    assert grades.share == 0
    assert len(str(grades).splitlines()) == len(grades.findings) + 1
    for finding in (check_function(NASTY[name], (X, X)), check_gradient(NASTY[name], X, X)):
        assert isinstance(finding, Finding)


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
            assert mistake in grade(**{name: suspect}).mistakes, (name, mistake)


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
    assert told(shuffle=lambda x, y, seed: x + 0).startswith("gives arrays (50, 2)..., expected pairs of x")
    assert told(shuffle=raises).startswith("raises TypeError")
    assert told(dropout=by_keep) == "drops a fraction of 0.79rate is the fraction to drop"
    assert told(dropout=raises).endswith("return y and a function backward(dy) -> dx")
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


def test_layers_losses_and_makers_are_graded_as_they_are():
    names = [name for name in SIGNATURES if isinstance(getattr(fnn, name, None), object) and name in dir(fnn)]
    records = {name: getattr(fnn, name) for name in names if hasattr(type(getattr(fnn, name)), "__record__")}
    assert len(records) == 14
    assert grade(**records).passed
    derivatives = {f"{name}_derivative": layer for name, layer in records.items()}
    gradients = {f"{name}_gradient": loss for name, loss in records.items()}
    both = {name: record for name, record in (derivatives | gradients).items() if name in SIGNATURES}
    assert len(both) == 9
    assert grade(**both, softmax_pullback=fnn.softmax).passed
    pooled = dict.fromkeys(("max_pool", "max_pool_backward"), fnn.max_pool(2))
    assert grade(**pooled, **dict.fromkeys(("batch_norm", "batch_norm_backward"), fnn.batch_norm())).passed


def test_a_layer_s_pullback_is_checked_too():
    (finding,) = grade(relu=Leaning()).findings
    assert finding.what.startswith("has a wrong pullback: the gradient of x is wrong at ")
    (finding,) = grade(relu_derivative=Leaning()).findings[:1]
    assert finding.what.startswith("has a wrong pullback")


# --- what is refused, and what it says of itself ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: grade(), "grade expects functions by name; write grade(softmax=my_softmax)"),
        (lambda: grade(softmx=abs), "grade: there is no 'softmx' to grade; there are accuracy, adam_step, batch_norm"),
        (lambda: grade(softmax=3), "grade expects a function softmax(x) -> y, whose rows sum to 1, got int 3"),
        (lambda: check_function(3, X), "check_function expects a function, got int 3"),
        (lambda: check_function(abs), "check_function expects inputs to try; write check_function(f, x)"),
        (lambda: check_derivative(3, abs, X), "check_derivative expects functions, got int 3"),
        (lambda: check_derivative(abs, 3, X), "check_derivative expects functions, got int 3"),
        (lambda: check_gradient(3, X), "check_gradient expects a function, got int 3"),
    ],
)
def test_what_cannot_be_judged_is_refused(attempt, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        attempt()


def test_every_signature_begins_with_its_name_and_every_mistake_says_what_to_write():
    assert all(signature.startswith(f"{name}(") and " -> " in signature for name, signature in SIGNATURES.items())
    assert len(SIGNATURES) == 50
    assert all(name and instead for name, instead in MISTAKES.values())


def test_long_inputs_are_described_and_short_ones_shown():
    assert str(
        Finding("f", "fails", (X, np.zeros((9, 2)), [np.ones(2)] * 4, {"b": 1.0}, "s", np.float64(0.12345)))
    ) == (
        "f: f([[1, -2, 3], [-0.5, 0.25, 2]], float64 array (9, 2), [[1, 1], [1, 1], [1, 1], ...], "
        "{'b': 1}, 's', 0.1235) fails"
    )
    assert Grades(("f",), ()).passed
