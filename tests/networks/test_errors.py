"""Errors of networks, in all their words."""

import numpy as np
import pytest

from fnn import (
    Bidirectional,
    Dense,
    Parallel,
    Relu,
    Residual,
    Serial,
    add,
    concatenate,
    dense,
    inference,
    mlp,
    parallel,
    pick,
    relu,
    residual,
    rnn,
    serial,
)
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, T, V, X, affine

SHARED = affine(4, 4)
RNN = rnn(3)(KEY, np.ones((2, 3, 2)))


ROWS = [
    # --- serial, mlp ---
    (
        lambda: Serial([relu])(X),
        T,
        "Serial expects a tuple of layers, got list [Relu()]; write Serial((first, second))",
    ),
    (lambda: Serial(relu)(X), T, "Serial expects a tuple of layers, got Relu(); write Serial((first, second))"),
    (
        lambda: serial(relu, Dense),
        T,
        "serial expects constructors or layers, got the class Dense at layers[1]; "
        "write the layer itself, say relu or Relu()",
    ),
    (lambda: serial(relu, 3), T, "serial expects constructors or layers, got int 3 at layers[1]"),
    (lambda: mlp(), V, "mlp expects at least one width, got none; write mlp(64, 10)"),
    # --- branches ---
    (
        lambda: Parallel([relu])(X),
        T,
        "Parallel expects a tuple of branches, got list [Relu()]; write Parallel((one, other))",
    ),
    (lambda: Parallel((relu, affine(3, 2)))(X), V, "dense at branches[1] expects rows (n, 3), got (5, 4)"),
    (lambda: Parallel((relu, 3))(X), T, "vjp expects a layer or a loss, got int 3\nin branches[1]"),
    (lambda: parallel(), V, "parallel expects at least one branch, got none; write parallel(dense(3), dense(4))"),
    (lambda: parallel(relu, "relu"), T, "parallel expects constructors or layers, got str 'relu' at branches[1]"),
    (lambda: parallel(relu, dense(2))(0, X), T, "parallel expects a key, got int 0; write Key(0)"),
    (
        lambda: parallel(relu, dense(2))(KEY, "x"),
        T,
        "dense at branches[1] expects an array of real numbers, got str 'x'; convert it, say x.astype(np.float32)",
    ),
    (lambda: residual(), V, "residual expects a body, got none; write residual(dense(64), relu, dense(64))"),
    (
        lambda: residual(Relu),
        T,
        "residual expects constructors or layers, got the class Relu at body[0]; "
        "write the layer itself, say relu or Relu()",
    ),
    (lambda: residual(dense(3))(KEY, X)(X), V, "residual expects a body that keeps the shape (5, 4), got (5, 3)"),
    (lambda: Residual(affine(3, 4))(X), V, "dense at body expects rows (n, 3), got (5, 4)"),
    (lambda: Residual(3)(X), T, "vjp expects a layer or a loss, got int 3\nin body"),
    (lambda: residual(dense(3))(3, X), T, "residual expects a key, got int 3; write Key(3)"),
    (lambda: pick(-1), V, "pick: the place must be at least 0, got -1"),
    (
        lambda: pick(2)((X, X)),
        T,
        "pick expects a tuple of at least 3 inputs, got tuple of float32 array (5, 4), float32 array (5, 4)",
    ),
    (lambda: pick(0)(X), T, "pick expects a tuple of at least 1 inputs, got float32 array (5, 4)"),
    (
        lambda: concatenate(X),
        T,
        "concatenate expects a tuple of arrays, got float32 array (5, 4); put parallel(...) before it",
    ),
    (
        lambda: concatenate((X, X[:3])),
        V,
        "concatenate expects arrays of one shape but for the last axis, got (5, 4) and (3, 4)",
    ),
    (lambda: add((X, X[:3])), V, "add expects arrays of one shape, got (5, 4) and (3, 4)"),
    (lambda: add((FLAT, FLAT)), V, "add expects arrays of one shape, got (5,) and (5,)"),
    (lambda: add(()), T, "add expects a tuple of arrays, got tuple (); put parallel(...) before it"),
    # --- inference ---
    (
        lambda: inference(mlp(3)),
        T,
        "inference expects a finished network, got Constructor mlp(3); make it first: constructor(key, x)",
    ),
    (
        lambda: inference(Parallel((relu, 3))),
        T,
        "inference expects a finished network, got int 3; make it first: constructor(key, x)\nin branches[1]",
    ),
    (
        lambda: inference(Serial((relu, 3))),
        T,
        "inference expects a finished network, got int 3; make it first: constructor(key, x)\nin layers[1]",
    ),
    (
        lambda: inference(Residual(3)),
        T,
        "inference expects a finished network, got int 3; make it first: constructor(key, x)\nin body",
    ),
    (
        lambda: inference(Bidirectional(RNN, 3)),
        T,
        "inference expects a finished network, got int 3; make it first: constructor(key, x)\nin backwards",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
