"""What the checks of other people's functions refuse, and what they say of a function that returns nothing usable."""

import numpy as np

from fnn import relu, softmax
from fnn.testing import check_derivative, check_function, check_gradient, grade
from fnn.testing._sandbox import call
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import T, X


def called(function):
    """Raise what is noted of a student's function."""
    raise call(function, ()).error


ROWS = [
    (lambda: grade(), T, "grade expects functions by name; write grade(softmax=my_softmax)"),
    (lambda: grade(softmx=softmax), T, "grade: there is no 'softmx' to grade; there are …, softmax, …"),
    (lambda: grade(softmax=3), T, "grade expects a function softmax(x) -> y, whose rows sum to 1, got int 3"),
    (
        lambda: grade(dense_forward=max, order=("x",)),  # was ignored
        T,
        "grade: order must be all names of one of these, in an order, got ('x',): dense_forward(x, weight, bias) -> y",
    ),
    (lambda: grade(mse=max, order=5), T, "grade: order must be all names of one of these, in an order, got 5: mse(…"),
    (
        lambda: grade(mse=max, order="y"),
        T,
        "grade: order must be all names of one of these, in an order, got 'y': mse(…",
    ),
    (
        lambda: grade(relu=max, dropout=max, returns=("y", "y")),
        T,
        "grade: returns must be all names of one of these, in an order, got ('y', 'y'): relu(x) -> y; dropout(x, …",
    ),
    (lambda: grade(relu=max, columns="no"), T, "grade: columns must be True or False, got str 'no'"),
    (lambda: grade(leaky_relu=max, slope="0.2"), T, "grade: slope must be a number, got str '0.2'"),
    (lambda: check_function(3, X), T, "check_function expects a function, got int 3"),
    (
        lambda: check_function(relu),
        T,
        "check_function expects inputs to try; write check_function(f, x) or check_function(f, (x, y))",
    ),
    (lambda: check_derivative(np.sin, 3, 1.0), T, "check_derivative expects functions, got int 3"),
    (lambda: check_derivative(3, np.cos, 1.0), T, "check_derivative expects functions, got int 3"),
    (lambda: check_gradient(3, X), T, "check_gradient expects a function, got int 3"),
    (lambda: called(lambda: None), T, "it returns None; write return"),
    (lambda: called(lambda: []), T, "it returns nothing, in a tuple, a list or a dictionary"),
    (lambda: called(lambda: "text"), T, "it returns str, not real numbers"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)
