"""Right functions in many forms: by rows and columns, in float32, a row at a time, with other orders, lists, a cache.

variants : -> stream of (what it is called, exercise, function, keywords under which it is right)
"""

import re
from itertools import permutations

import fnn
from fnn.testing import SIGNATURES
from tests.testing.functions import (
    FITTING,
    as_lists,
    by_columns,
    in_fortran_order,
    in_single,
    reordered,
    result_first,
    stacked,
)
from tests.testing.functions import RIGHT as OF_FIELD
from tests.testing.test_mistakes import RIGHT, name_of

ROWWISE = {"softmax", "log_softmax", "softmax_pullback", "dense_forward", "one_hot"}
ELEMENTWISE = {"relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "silu"}
SLOPES = {f"{name}_{kind}" for name in ELEMENTWISE for kind in ("derivative", "pullback")}
LIBRARY = sorted(ELEMENTWISE | {"softmax"})
BY_SAMPLE = ROWWISE | {"dense_backward", "batch_norm", "batch_norm_backward", "standardize", "mlp_backward", "mlp_step",
                       "sigmoid_mlp_backward", "cross_entropy", "cross_entropy_gradient"}  # fmt: skip
NO_ARRAYS = {"init", "minibatches", "shuffle", "dropout", "evaluate", "numerical_gradient", "loss_and_gradient"}


def names(exercise):
    """Return what the signature calls the arguments and the results."""
    takes = re.search(r"\(([^)]*)\)", SIGNATURES[exercise])[1].split(", ")
    gives = re.match(r".* -> \(([\w, ]+)\)", SIGNATURES[exercise])
    return takes, gives[1].split(", ") if gives else [""]


def bases():
    """Yield functions that are right by the signature."""
    for function in RIGHT:
        yield function.__name__, name_of(function), function
    for name in LIBRARY:
        layer = getattr(fnn, name)
        yield f"{name} of the library", name, layer.__call__
    for place, (name, function) in enumerate(OF_FIELD):
        if function not in FITTING.values():
            yield f"{name} {place}", name, function


def variants():
    """Yield every form of every one of them, with the keywords of ``grade`` that say so."""
    for told, exercise, function in bases():
        yield told, exercise, function, {}
        if exercise in NO_ARRAYS or exercise not in SIGNATURES:
            continue
        takes, gives = names(exercise)
        yield f"{told}, in Fortran's order", exercise, in_fortran_order(function), {}
        if "step" not in exercise and "list" not in told and "list" not in SIGNATURES[exercise]:
            yield f"{told}, in lists", exercise, as_lists(function), {}
        by_row = exercise in ROWWISE - {"dense_forward", "one_hot"} or exercise in ELEMENTWISE | SLOPES
        if by_row:
            yield f"{told}, row after row", exercise, stacked(function), {}
        if "cosh" not in told and "clipped" not in told:  # whose constants are those of float64
            yield f"{told}, in float32", exercise, in_single(function), {}
        yield f"{told}, with a cache", exercise, result_first(function), {"cached": True}
        columns = {"columns": True}
        if exercise in BY_SAMPLE or by_row:
            of_columns = by_columns(function, takes, gives)
            yield f"{told}, by columns", exercise, of_columns, columns
            yield f"{told}, by columns with a cache", exercise, result_first(of_columns), {**columns, "cached": True}
            if by_row:
                yield (
                    f"{told}, row after row by columns",
                    exercise,
                    by_columns(stacked(function), takes, gives),
                    columns,
                )
        if 1 < len(takes) < 4:
            for order in list(permutations(range(len(takes))))[1:]:
                keywords = {"order": tuple([takes[place] for place in order])}
                yield f"{told}, taking {order}", exercise, reordered(function, order), keywords
