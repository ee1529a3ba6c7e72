"""Errors of arrays, arguments, ``vjp``, ``value_and_grad``, keys and trees, in all their words."""

import functools

import numpy as np

import fnn
from fnn import (
    Key,
    Relu,
    Serial,
    State,
    dense,
    ema,
    fold_in,
    forward,
    grad,
    mse,
    relu,
    schedules,
    sgd,
    split,
    start,
    tree,
    value_and_grad,
)
from fnn.core._arrays import floats
from fnn.core._errors import describe, file_path, integer, number, positive
from fnn.core.keys import permutation, uniforms
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, NET, T, Unregistered, V, X, Y, affine

SHARED = affine(4, 4)


def averaging(*params):
    return list(ema(0.5)([State(each, (), step, 0.0) for step, each in enumerate(params)]))


ROWS = [
    # --- the package ---
    (lambda: fnn.nothing, AttributeError, "module 'fnn' has no attribute 'nothing'"),
    # --- vjp ---
    (lambda: forward(Relu, X), T, "vjp expects a layer or a loss, got the class Relu; write Relu()"),
    (
        lambda: forward(Unregistered(), X),
        T,
        "vjp: no function is registered for Unregistered; write @vjp.register above unregistered_vjp",
    ),
    (
        lambda: forward(dense(3), X),
        T,
        "vjp expects a finished layer, got the constructor dense(3); make it first: net = constructor(key, x)",
    ),
    (lambda: forward(3, X), T, "vjp expects a layer or a loss, got int 3"),
    # --- arrays ---
    (
        lambda: floats("relu", np.array([1j])),
        T,
        "relu expects an array of real numbers, got complex128 array (1,); convert it, say x.astype(np.float32)",
    ),
    (
        lambda: floats("relu", "text"),
        T,
        "relu expects an array of real numbers, got str 'text'; convert it, say x.astype(np.float32)",
    ),
    (
        lambda: floats("relu", np.ma.masked_less(X, 0)),
        T,
        "relu expects a plain array, got a masked one; fill its gaps, say x.filled(0)",
    ),
    (
        lambda: floats("relu", (X, 3)),
        T,
        "relu expects an array, got a tuple of 2; join them with concatenate or add, or take one with pick",
    ),
    (lambda: floats("relu", [[1], []]), T, "relu expects an array, got rows of unequal lengths: list [[1], []]"),
    # --- arguments ---
    (lambda: integer("fit: steps", True), T, "fit: steps must be an integer, got bool True"),
    (lambda: integer("fit: steps", 2.0), T, "fit: steps must be an integer, got float 2.0"),
    (lambda: integer("fit: steps", np.int64(-1), 0), V, "fit: steps must be at least 0, got -1"),
    (lambda: integer("fit: steps", 2**48), V, "fit: steps must be a number that memory can hold, got int 28147497671…"),
    (lambda: integer("seed", 8, 0, 8), V, "seed must be at least 0 and below 2**3, got 8"),
    (lambda: number("clip: limit", True), T, "clip: limit must be a number, got bool True"),
    (lambda: number("clip: limit", -1), V, "clip: limit must be at least 0 and finite, got -1"),
    (lambda: number("clip: limit", 10**400), V, "clip: limit must be at least 0 and finite, got 1000…"),
    (lambda: number("clip: limit", np.float32("nan")), V, "clip: limit must be at least 0 and finite, got nan"),
    (lambda: number("momentum", 1, below=1), V, "momentum must be at least 0 and below 1, got 1"),
    (lambda: positive("clip: limit", 0, ": no"), V, "clip: limit must be above 0, got 0: no"),
    (lambda: file_path("load", 3), T, "load expects a path, a str or a Path, got int 3"),
    (lambda: file_path("load", b"a"), T, "load expects a path, a str or a Path, got bytes b'a'"),
    # --- value_and_grad ---
    (
        lambda: value_and_grad(mse, NET, [X, X]),
        T,
        "a batch is (x, target) or (x, target, weights), got list of float32 array (5, 4), float32 array (5, 4)",
    ),
    (
        lambda: grad(mse, NET, (X,)),
        T,
        "a batch is (x, target) or (x, target, weights), got tuple of float32 array (5, 4)",
    ),
    (lambda: value_and_grad(mse, NET, (X, X), 3), T, "value_and_grad expects a key, got int 3; write Key(3)"),
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
    # --- arrays ---
    (
        lambda: relu(np.ma.masked_less(X, 0)),
        T,
        "relu expects a plain array, got a masked one; fill its gaps, say x.filled(0)",
    ),
    # --- trees ---
    (lambda: tree.map(3, NET), T, "tree.map expects a function, got int 3"),
    (lambda: tree.reduce(None, NET, 0), T, "tree.reduce expects a function, got NoneType None"),
    (lambda: tree.at("layers", 3, NET), T, "tree.at expects a function, got int 3"),
    (lambda: tree.at(0, np.copy, NET), T, "tree.at expects a path, say layers[0].weight, got int 0"),
    (
        lambda: tree.allclose((np.array(["a"]),), (np.array(["a"]),)),
        T,
        "tree.allclose expects arrays of numbers, got <U1 array (1,)",
    ),
    (lambda: tree.map(3, NET), T, "tree.map expects a function, got int 3"),
    (lambda: tree.at(3, np.negative, NET), T, "tree.at expects a path, say layers[0].weight, got int 3"),
    (
        lambda: tree.allclose((X,), (X.astype(object),)),
        T,
        "tree.allclose expects arrays of numbers, got object array (5, 4)",
    ),
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
        "tree.add: trees differ at [0]: float32 array (5, 4) against float64 array (5, 4); a batch in float64 makes a "
        "gradient in float64: write x.astype(np.float32)",
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


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)


@each_of(
    ("value", "words"),
    [
        (np.float32(0.5), "np.float32(0.5)"),
        (np.ones((2, 0), bool), "bool array (2, 0)"),
        ([X, 1, 2, 3], "list of float32 array (5, 4), int 1, int 2, ..."),
        ("line\nline", "str 'line\\nline'"),
        (list(range(20)), "list [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..."),
        (Relu, "the class Relu"),
        (relu, "Relu()"),
        (dense, "the function dense"),
        (dense(3), "the constructor dense(3)"),
        (schedules.constant(0.1), "the function constant"),
        (functools.partial(relu), "partial functools.partial(Relu())"),
        (None, "NoneType None"),
    ],
)
def test_a_value_is_described_in_a_few_words(value, words):
    assert describe(value) == words
