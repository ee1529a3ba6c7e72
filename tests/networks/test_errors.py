"""Networks, keys and trees."""

import numpy as np
import pytest

import fnn
from fnn import (
    Bidirectional,
    Dense,
    Key,
    Parallel,
    Relu,
    Residual,
    Serial,
    State,
    add,
    concatenate,
    dense,
    ema,
    fold_in,
    forward,
    inference,
    mlp,
    parallel,
    pick,
    relu,
    residual,
    rnn,
    serial,
    sgd,
    split,
    start,
    summary,
    tree,
)
from fnn.core.keys import permutation, uniforms
from fnn.layers.initializers import glorot_uniform
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, NET, Ruleless, T, V, X, Y, affine

SHARED = affine(4, 4)
RNN = rnn(3)(KEY, np.ones((2, 3, 2)))


def averaging(*params):
    return list(ema(0.5)([State(each, (), step, 0.0) for step, each in enumerate(params)]))


ROWS = [
    # --- the package ---
    (lambda: fnn.nothing, AttributeError, "module 'fnn' has no attribute 'nothing'"),
    # --- serial ---
    (
        lambda: Serial([relu])(X),
        T,
        "Serial expects a tuple of layers, got list [Relu()]; write Serial((first, second))",
    ),
    (lambda: Serial(relu)(X), T, "Serial expects a tuple of layers, got Relu(); write Serial((first, second))"),
    (
        lambda: serial(relu, Dense),
        T,
        "serial expects constructors or layers, got the class Dense at layers[1]; write the layer itself, say relu or Relu()",
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
        "residual expects constructors or layers, got the class Relu at body[0]; write the layer itself, say relu or Relu()",
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
    # --- initializers ---
    (
        lambda: dense(3, bias=glorot_uniform)(KEY, X),
        V,
        "initializer: a weight has at least two axes (inputs, outputs), got the shape (3,); for a bias "
        "take zeros, uniform or normal",
    ),
    # --- vjp ---
    (lambda: forward(Relu, X), T, "vjp expects a layer or a loss, got the class Relu; write Relu()"),
    (lambda: forward(Ruleless(), X), T, "vjp: no rule for Ruleless; register one with @vjp.register"),
    (
        lambda: forward(dense(3), X),
        T,
        "vjp expects a finished layer, got the constructor dense(...); make it first: net = constructor(key, x)",
    ),
    (lambda: forward(3, X), T, "vjp expects a layer or a loss, got int 3"),
    # --- inference, summary ---
    (
        lambda: inference(mlp(3)),
        T,
        "inference expects a finished network, got the constructor serial(...); make it first: constructor(key, x)",
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
    (
        lambda: summary(NET, np.array(1.0)),
        V,
        "summary expects data (n, ...), of which it shows the network a row, got float64 array ()",
    ),
    (lambda: summary(NET, X[:, :3]), V, "dense at layers[0] expects rows (n, 4), got (1, 3)"),
    # --- keys ---
    (lambda: Key(-1), V, "Key: the seed must be at least 0 and below 2**128, got -1"),
    (
        lambda: Key(2**128),
        V,
        "Key: the seed must be at least 0 and below 2**128, got 340282366920938463463374607431768211456",
    ),
    (lambda: Key(0.5), T, "Key: the seed must be an integer, got float 0.5"),
    (lambda: Key(0, [1]), T, "Key: the path must be a tuple, got list [1]; write fold_in(key, i)"),
    (lambda: Key(0, (1.5,)), T, "Key: each number of the path must be an integer, got float 1.5"),
    (lambda: Key(0, (2**32,)), V, "Key: each number of the path must be at least 0 and below 2**32, got 4294967296"),
    (lambda: fold_in(0, 1), T, "fold_in expects a key, got int 0; write Key(0)"),
    (lambda: fold_in(KEY, -1), V, "Key: each number of the path must be at least 0 and below 2**32, got -1"),
    (lambda: split(0, 2), T, "split expects a key, got int 0; write Key(0)"),
    (lambda: split(KEY, -1), V, "split: n must be at least 0 and below 2**32, got -1"),
    (lambda: uniforms("seed", 3), T, "drawing expects a key, got str 'seed'; write Key(0)"),
    (lambda: permutation(KEY, -1), V, "permutation: n must be at least 0, got -1"),
    # --- trees ---
    (lambda: tree.map(np.add, NET, NET.layers), V, "tree.map: trees differ at the root: Serial against tuple"),
    (
        lambda: tree.map(np.add, (X, X), (X,)),
        V,
        "tree.map: trees differ at the root: a tuple of 2 against a tuple of 1",
    ),
    (lambda: tree.map(np.add, (X, relu), (X, 3)), V, "tree.map: trees differ at [1]: Relu against int 3"),
    (
        lambda: tree.map(np.add, (X, Serial((SHARED, SHARED))), (X, Serial((SHARED, affine(4, 4))))),
        V,
        "tree.map: trees differ at [1].layers[1]: the Dense of [1].layers[0] again against a Dense of its own",
    ),
    (
        lambda: tree.map(np.add, (X, Serial((SHARED, affine(4, 4)))), (X, Serial((SHARED, SHARED)))),
        V,
        "tree.map: trees differ at [1].layers[1]: a Dense of its own against the Dense of [1].layers[0] again",
    ),
    (
        lambda: tree.add((X,), (X[0],)),
        V,
        "tree.add: trees differ at [0]: float32 array (5, 4) against float32 array (4,)",
    ),
    (
        lambda: tree.add((X,), (X.astype(np.float64),)),
        V,
        "tree.add: trees differ at [0]: float32 array (5, 4) against float64 array (5, 4)",
    ),
    (lambda: tree.allclose((X,), X), V, "tree.allclose: trees differ at the root: tuple against float32 array (5, 4)"),
    (
        lambda: tree.at("layers[0].weigth", np.copy, NET),
        V,
        "tree.at: no weigth in 'layers[0].weigth': Dense has weight, bias",
    ),
    (lambda: tree.at("layers[7]", np.copy, NET), V, "tree.at: no [7] in 'layers[7]': tuple has [0], [1], [2]"),
    (
        lambda: tree.at("layers[0].weight.size", np.copy, NET),
        V,
        "tree.at: no size in 'layers[0].weight.size': ndarray has no parts",
    ),
    (
        lambda: tree.at("layers[0]weight", np.copy, NET),
        V,
        "tree.at: cannot read the path 'layers[0]weight'; write it like layers[0].weight",
    ),
    (lambda: tree.ravel(NET)[1](FLAT), V, "unravel expects a vector (67,), got float64 array (5,)"),
    (
        lambda: start(X, sgd(1.0)),
        T,
        "start expects a finished network, got float32 array (5, 4); make it first: net = constructor(key, x)",
    ),
    (
        lambda: averaging((X,), (X[0],)),
        V,
        "ema: trees differ at [0]: float32 array (5, 4) against float32 array (4,)",
    ),
    (lambda: start((X, {}), sgd(1.0)), T, "start: [1] is a dict, no part of a tree; use a tuple or a record"),
    (lambda: start((X, [X]), sgd(1.0)), T, "start: [1] is a list, no part of a tree; use a tuple or a record"),
    (
        lambda: start((X, Y), sgd(1.0)),
        T,
        "start: [1] must hold floats, got int64 array (5,); convert it, say to np.float32",
    ),
    (lambda: start((X, X * np.inf), sgd(1.0)), V, "start: [1] holds NaN or infinity"),
    (lambda: averaging([X]), T, "ema: the tree is a list, no part of a tree; use a tuple or a record"),
    (
        lambda: averaging(Y),
        T,
        "ema: the tree must hold floats, got int64 array (5,); convert it, say to np.float32",
    ),
    (lambda: averaging(X * np.nan), V, "ema: the tree holds NaN or infinity"),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
