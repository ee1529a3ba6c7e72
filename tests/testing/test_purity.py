"""check_function sees every effect, and does no harm while it looks."""

import random

import numpy as np
import pytest

from fnn import tree
from fnn.testing import check_derivative, check_function, grade
from tests.each_of import each_of
from tests.laws.cases import LAYERS, numbers

X = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 2.0]])


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


def stops(x):
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
    "raises SystemExit": (stops, None),
    "raises TypeError: it returns None; write return": (lambda x: None, None),
    "raises TypeError: it returns str, not real numbers": (lambda x: "3", None),
    "raises TypeError: it returns Float64DType, not real numbers": (lambda x: (x + 1, x.dtype), None),
}


@each_of("what", EFFECTS)
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
    assert plain
    for layer, x in plain[::2]:
        draws = type(layer).__name__ in ("Dropout", "GaussianNoise")  # which need a key
        assert draws or check_function(layer, x) is None, layer


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
