"""Runs and their diagnosis: what is asked of a step, a stream of states, a loss, a measure."""

import numpy as np
import pytest

from fnn import (
    adam,
    combined,
    cross_entropy,
    dense,
    mse,
    regularized,
    relu,
    sgd,
    states,
    train_step,
    tree,
    update,
    weight_decay,
)
from fnn.data import batches, moons, read_csv
from fnn.diagnostics.diagnose import diagnose
from fnn.diagnostics.numeric import derivative
from fnn.metrics import confusion_matrix, evaluate
from tests.errors import check, message
from tests.laws.test_bad_input import KEY, NET, STATE, T, V, X, Y

STEP = train_step(cross_entropy, adam())
MASKED = np.ma.masked_less(X, 0)

ROWS = [
    (lambda: relu(MASKED), T, "relu expects a plain array, got a masked one; fill its gaps, say x.filled(0)"),
    (
        lambda: batches((MASKED, Y), 2),
        T,
        "batches: data[0] must be a plain array, got a masked one; replace its gaps, data[0].filled(0)",
    ),
    (
        lambda: moons(9, 0.1, KEY, dtype=int),
        T,
        "moons: dtype must be one of floats, say np.float32, got the class int",
    ),
    (lambda: read_csv(3), T, "read_csv expects a path, a str or a Path, got int 3"),
    (lambda: dense(2**50), V, f"dense: units must be a number that memory can hold, got int {2**50}"),
    (lambda: derivative(3, 1.0), T, "derivative expects a function of x, got int 3"),
    (lambda: update(sgd, NET, STATE), T, "update expects an optimizer, say adam(1e-3), got the function sgd"),
    (lambda: update(adam(), NET, 3), T, "update expects a state, got int 3; write start(net, optimizer)"),
    (lambda: tree.at(3, np.negative, NET), T, "tree.at expects a path, say layers[0].weight, got int 3"),
    (lambda: tree.map(3, NET), T, "tree.map expects a function, got int 3"),
    (
        lambda: tree.allclose((X,), (X.astype(object),)),
        T,
        "tree.allclose expects arrays of numbers, got object array (5, 4)",
    ),
    (
        lambda: weight_decay(1e-2, 3),
        T,
        'decay expects a path or a function of one, got int 3; write weight_decay(1e-2, "layers[0]")',
    ),
    (
        lambda: train_step(cross_entropy, sgd(str))(STATE, (X, Y)),
        T,
        "descend: the rate of now, of the schedule, must be a number, got str '0'",
    ),
    (
        lambda: diagnose(NET, (X, Y), relu),
        T,
        "diagnose expects a loss whose value is a number, got Relu()",
    ),
    (
        lambda: train_step(relu, adam())(STATE, (X, Y)),
        T,
        "train_step expects a loss whose value is a number, got Relu()",
    ),
    (lambda: STEP(3, (X, Y)), T, "a step of training expects a state, got int 3; write start(net, optimizer)"),
    (lambda: states(3, STATE, []), T, "states expects a step, say train_step(mse, adam()), got int 3"),
    (
        lambda: states(STEP, np.zeros(3), []),
        T,
        "states expects a state, got float64 array (3,); write start(net, optimizer)",
    ),
    (
        lambda: states(STEP, STATE, 3),
        T,
        "states expects a stream of batches, say epochs(data, 32, key), got int 3",
    ),
    (lambda: regularized(3), T, "regularized expects a loss, got int 3; write regularized(mse, l2(1e-4))"),
    (lambda: combined(mse, 3), T, "combined expects losses, got int 3; write combined(mse, cross_entropy)"),
    (
        lambda: combined(mse, weights=3),
        T,
        "combined expects weights as a tuple, a number for each loss, got int 3",
    ),
    (lambda: evaluate(3, NET, (X, Y)), T, "evaluate expects a metric or a loss, say accuracy, got int 3"),
    (
        lambda: confusion_matrix(np.array([0, 2**15]), np.array([0, 1])),
        V,
        "confusion_matrix counts up to 32768 classes, one by one, got labels to 32768, or classes=32769",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
