"""Bad input is refused with what was expected, where, and what came: TypeError for kinds, ValueError for values."""

import math
import re
from functools import partial

import numpy as np
import pytest

import fnn
from fnn import (
    Bidirectional,
    CrossEntropy,
    Dense,
    Diverged,
    Key,
    Parallel,
    Record,
    Relu,
    Residual,
    Serial,
    adam,
    binary_cross_entropy,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    fit,
    flatten,
    forward,
    inference,
    mlp,
    mse,
    relu,
    reshape,
    rnn,
    serial,
    sgd,
    softmax,
    split,
    start,
    sum_squared_error,
    summary,
    tap,
    trace,
    train_step,
    until,
    update,
    value_and_grad,
)
from fnn.data import batches, epochs, line, mnist, moons, one_hot, standardize, train_test_split
from fnn.layers.initializers import glorot_uniform
from fnn.metrics import accuracy, confusion_matrix
from tests.each_of import each_of

T, V = TypeError, ValueError
KEY = Key(0)
X, Y = np.ones((5, 4), np.float32), np.array([0, 1, 2, 0, 1])
NET = mlp(8, 3)(KEY, X)
LOGITS, COLUMN, FLAT = np.zeros((5, 3)), np.ones((5, 1)), np.ones(5)
RAGGED = [[1], [1, 2]]
HALVES = np.full((5, 3), 0.5)
STATE = start(NET, adam())
to_fit = partial(fit, cross_entropy, adam(), steps=1, key=KEY)


def affine(n_in, units, weight=1.0):
    return Dense(np.full((n_in, units), weight, np.float32), np.zeros(units, np.float32))


class Unregistered(Record):
    """A layer whose function was forgotten."""


LAYERS = [
    (lambda: NET(X[:, :3]), V, "dense at layers[0] expects rows (n, 4), got (5, 3)"),
    (lambda: NET(X[0]), V, "dense at layers[0] expects rows (n, 4), got (4,); write x[None] for a single row"),
    (lambda: NET(1.0), V, "dense at layers[0] expects rows (n, 4), got ()"),
    (lambda: affine(6, 2)(np.ones((5, 2, 3))), V, "dense expects rows (n, 6), got (5, 2, 3); put flatten before it"),
    (lambda: NET(X.astype(object)), T, "real numbers, got object array (5, 4); convert it, say x.astype(np.float32)"),
    (lambda: NET(X + 1j), T, "dense at layers[0] expects an array of real numbers, got complex64 array (5, 4)"),
    (lambda: NET("abc"), T, "dense at layers[0] expects an array of real numbers, got str 'abc'"),
    (lambda: NET(None), T, "dense at layers[0] expects an array of real numbers, got NoneType None"),
    (
        lambda: NET([[1, 2], [3]]),
        T,
        "dense at layers[0] expects an array, got rows of unequal lengths: list [[1, 2], [3]]",
    ),
    (lambda: relu("abc"), T, "relu expects an array of real numbers, got str 'abc'"),
    (lambda: softmax(X[:, :0]), V, "softmax expects at least one number along the last axis, got (5, 0)"),
    (lambda: flatten(np.array(1.0)), V, "flatten expects rows of at least 1 axes, got ()"),
    (lambda: serial(relu, reshape((2, 3)))(KEY, X), V, "reshape at layers[1] expects rows of 6 numbers, got (5, 4)"),
    (
        lambda: reshape([2, 3]),
        T,
        "reshape expects the shape of a row as a tuple, got list [2, 3]; write reshape((28, 28, 1))",
    ),
    (lambda: reshape((2, -1)), V, "reshape: each axis of a row must be at least 1, got -1"),
    (lambda: reshape((2, 1.5)), T, "reshape: each axis of a row must be an integer, got float 1.5"),
    (
        lambda: forward(Unregistered(), X),
        T,
        "vjp: no function is registered for Unregistered; write @vjp.register above unregistered_vjp",
    ),
    (lambda: forward(3, X), T, "vjp expects a layer or a loss, got int 3"),
    (lambda: forward(Relu, X), T, "vjp expects a layer or a loss, got the class Relu; write Relu()"),
    (
        lambda: forward(dense(3), X),
        T,
        "vjp expects a finished layer, got the constructor dense(3); make it first: net = constructor(key, x)",
    ),
    (lambda: Dense(X, FLAT)(X[:, :1].repeat(5, 1)), V, "dense expects a bias (4,), got (5,)"),
    (lambda: Serial((relu, Dense(X.T, FLAT[:1])))(X), V, "dense at layers[1] expects a bias (5,), got (1,)"),
    (lambda: Serial((relu, Dense(X[0], FLAT)))(X), V, "dense at layers[1] expects a weight (inputs, units), got (4,)"),
    (lambda: Serial(relu)(X), T, "Serial expects a tuple of layers, got Relu()"),
    (lambda: Serial([relu])(X), T, "Serial expects a tuple of layers, got list [Relu()]"),
]

MAKERS = [
    (lambda: dense(0), V, "dense: units must be at least 1, got 0"),
    (lambda: dense(2.5), T, "dense: units must be an integer, got float 2.5"),
    (lambda: dense(True), T, "dense: units must be an integer, got bool True"),
    (lambda: mlp(), V, "mlp expects at least one width, got none; write mlp(64, 10)"),
    (lambda: mlp(3, -1), V, "dense: units must be at least 1, got -1"),
    (lambda: mlp(3)(KEY, X[:, :0]), V, "dense at layers[0] expects rows (n, inputs), got (5, 0)"),
    (lambda: mlp(3)(KEY, FLAT), V, "dense at layers[0] expects rows (n, inputs), got (5,)"),
    (lambda: mlp(3)(KEY, "abc"), T, "dense at layers[0] expects an array of real numbers, got str 'abc'"),
    (lambda: serial(dense(3))(7, X), T, "serial expects a key, got int 7; write Key(7)"),
    (lambda: dense(3)(0, X), T, "dense expects a key, got int 0; write Key(0)"),
    (
        lambda: serial(dense, relu)(KEY, X),
        T,
        "dense expects its number of units before the key and the data; write dense(64)\nin layers[0]",
    ),
    (lambda: mlp(3)(None, X), T, "serial expects a key, got NoneType None; write Key(0)"),
    (lambda: mlp(3)(X, KEY), T, "serial expects a key, got float32 array (5, 4); write Key(0)"),
    (
        lambda: serial(dense(3), Relu),
        T,
        "serial expects constructors or layers, got the class Relu at layers[1]; "
        "write the layer itself, say relu or Relu()",
    ),
    (lambda: serial("relu"), T, "serial expects constructors or layers, got str 'relu' at layers[0]"),
    (lambda: serial([relu]), T, "serial expects constructors or layers, got list [Relu()] at layers[0]"),
    (lambda: serial(relu, lambda key, x: 5)(KEY, X), T, "vjp expects a layer or a loss, got int 5\nin layers[1]"),
    (
        lambda: serial(*NET.layers[:-1], dense(5))(KEY, X[:, :2]),
        V,
        "dense at layers[0] expects rows (n, 4), got (5, 2)",
    ),
    (
        lambda: Serial((relu, Dense))(X),
        T,
        "vjp expects a layer or a loss, got the class Dense; write Dense()\nin layers[1]",
    ),
    (
        lambda: Serial((relu, Serial((dense(3),))))(X),
        T,
        "make it first: net = constructor(key, x)\nin layers[0]\nin layers[1]",
    ),
    (lambda: Serial((3,))(X), T, "vjp expects a layer or a loss, got int 3\nin layers[0]"),
    (
        lambda: dense(3, bias=glorot_uniform)(KEY, X),
        V,
        "initializer: a weight has at least two axes (inputs, outputs), got the shape (3,)",
    ),
]

LOSSES = [
    (
        lambda: mse(COLUMN, FLAT),
        V,
        "mse expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (lambda: mse(FLAT, COLUMN), V, "mse expects a target of the prediction's shape (5,), got (5, 1)"),
    (
        lambda: sum_squared_error(COLUMN, FLAT),
        V,
        "sum_squared_error expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
    (lambda: mse(COLUMN, COLUMN[:3]), V, "mse expects a target of the prediction's shape (5, 1), got (3, 1)"),
    (lambda: mse(COLUMN[:0], COLUMN[:0]), V, "mse expects at least one row, got the shape (0, 1)"),
    (lambda: mse(FLAT, np.array([None] * 5)), T, "mse expects an array of real numbers, got object array (5,)"),
    (lambda: mse(FLAT, RAGGED), T, "mse expects an array, got rows of unequal lengths: list [[1], [1, 2]]"),
    (
        lambda: cross_entropy(LOGITS, RAGGED),
        T,
        "cross_entropy expects an array, got rows of unequal lengths: list [[1], [1, 2]]",
    ),
    (lambda: mse(COLUMN, COLUMN, FLAT[:3]), V, "mse expects one weight a row, (5,), got (3,)"),
    (lambda: mse(COLUMN, COLUMN, LOGITS), V, "mse expects one weight a row, (5,), got (5, 3); for one a step or value"),
    (
        lambda: mse(COLUMN, COLUMN, 2 - Y * 2.0),
        V,
        "mse expects weights that are finite and not negative, got -2.0 at [2, 0]",
    ),
    (
        lambda: cross_entropy(LOGITS, Y, FLAT * np.nan),
        V,
        "cross_entropy expects weights that are finite and not negative, got nan at row 0",
    ),
    (
        lambda: sum_squared_error(COLUMN, COLUMN, FLAT * np.inf),
        V,
        "sum_squared_error expects weights that are finite and not negative, got inf at [0, 0]",
    ),
    (lambda: mse(COLUMN, COLUMN, "abcde"), T, "mse expects an array of real numbers, got str 'abcde'"),
    (
        lambda: cross_entropy(LOGITS, Y - 1),
        V,
        "cross_entropy expects labels from 0 to 2, got -1 at row 0; they go from -1 to 1",
    ),
    (
        lambda: cross_entropy(LOGITS, Y + 1),
        V,
        "cross_entropy expects labels from 0 to 2, got 3 at row 2; they go from 1 to 3, so",
    ),
    (
        lambda: cross_entropy(LOGITS, Y.astype(float)),
        T,
        "cross_entropy expects integers as labels, got float64 array (5,); write target.astype(int)",
    ),
    (
        lambda: cross_entropy(LOGITS, np.array(list("abcab"))),
        T,
        "cross_entropy expects integers as labels, got <U1 array (5,); write names, target = np.unique(target",
    ),
    (
        lambda: cross_entropy(LOGITS, Y[:, None]),
        V,
        "cross_entropy expects labels (5,) or probabilities (5, 3) for logits (5, 3), got (5, 1); write target[:, 0]",
    ),
    (
        lambda: cross_entropy(LOGITS, Y[:3]),
        V,
        "cross_entropy expects labels (5,) or probabilities (5, 3) for logits (5, 3), got (3,)",
    ),
    (lambda: cross_entropy(LOGITS, HALVES), V, "the rows of a target (n, classes) to be probabilities that sum to 1"),
    (
        lambda: cross_entropy(LOGITS, np.tile([2.0, -1, 0], (5, 1))),
        V,
        "the rows of a target (n, classes) to be probabilities that sum to 1",
    ),
    (
        lambda: cross_entropy(LOGITS, LOGITS * np.nan),
        V,
        "the rows of a target (n, classes) to be probabilities that sum to 1",
    ),
    (lambda: cross_entropy(LOGITS[0], Y[0]), V, "cross_entropy expects logits (n, classes), got (3,)"),
    (
        lambda: cross_entropy(LOGITS + 1j, Y),
        T,
        "cross_entropy expects an array of real numbers, got complex128 array (5, 3)",
    ),
    (lambda: cross_entropy(LOGITS[:0], Y[:0]), V, "cross_entropy expects at least one row, got the shape (0,)"),
    (lambda: binary_cross_entropy(COLUMN, 2 * COLUMN), V, "binary_cross_entropy expects targets from 0 to 1,"),
    (lambda: binary_cross_entropy(FLAT, FLAT * np.nan), V, "binary_cross_entropy expects targets from 0 to 1,"),
    (
        lambda: binary_cross_entropy(COLUMN, FLAT),
        V,
        "binary_cross_entropy expects a target of the prediction's shape (5, 1), got (5,); write target[:, None]",
    ),
]

METRICS = [
    (lambda: accuracy(COLUMN, Y), V, "accuracy expects scores (n, classes) or labels (n,), got float64 array (5, 1)"),
    (lambda: accuracy(LOGITS, Y[:, None]), V, "accuracy expects one label a row, got (5,) against a target (5, 1)"),
    (lambda: accuracy(Y, Y[:3]), V, "accuracy expects one label a row, got (5,) against a target (3,)"),
    (lambda: accuracy(LOGITS[:0], Y[:0]), V, "accuracy expects one label a row, got (0,) against a target (0,)"),
    (
        lambda: accuracy(FLAT, Y),
        T,
        "accuracy expects the prediction as integers or as scores (n, classes), got float64 array (5,)",
    ),
    (
        lambda: accuracy(Y, FLAT),
        T,
        "accuracy expects the target as integers or as scores (n, classes), got float64 array (5,)",
    ),
    (lambda: accuracy(LOGITS, RAGGED), T, "accuracy expects an array, got rows of unequal lengths: list [[1], [1, 2]]"),
    (lambda: confusion_matrix(Y, Y, 0), V, "confusion_matrix: classes must be at least 1, got 0"),
    (lambda: confusion_matrix(Y, Y, 3.0), T, "confusion_matrix: classes must be an integer, got float 3.0"),
    (lambda: confusion_matrix(Y, Y, 2), V, "confusion_matrix expects labels from 0 to 1,"),
    (lambda: confusion_matrix(Y, Y - 1), V, "confusion_matrix expects labels from 0 to 2,"),
]

TRAINING = [
    (lambda: value_and_grad(cross_entropy, NET, [X, Y]), T, "a batch is (x, target) or (x, target, weights), got list"),
    (
        lambda: value_and_grad(mse, NET, X),
        T,
        "a batch is (x, target) or (x, target, weights), got float32 array (5, 4)",
    ),
    (lambda: value_and_grad(mse, NET, (X, Y), 3), T, "value_and_grad expects a key, got int 3; write Key(3)"),
    (lambda: value_and_grad(mse, mlp(3), (X, Y)), T, "make it first: net = constructor(key, x)"),
    (
        lambda: value_and_grad(CrossEntropy, NET, (X, Y)),
        T,
        "vjp expects a layer or a loss, got the class CrossEntropy; write CrossEntropy()",
    ),
    (
        lambda: start(mlp(3), adam()),
        T,
        "start expects a finished network, got the constructor mlp(3); make it first: net = constructor(key, x)",
    ),
    (
        lambda: inference(mlp(3)),
        T,
        "inference expects a finished network, got the constructor mlp(3); make it first: constructor(key, x)",
    ),
    (
        lambda: summary(NET, np.array(1.0)),
        V,
        "summary expects data (n, ...), of which it shows the network a row, got float64 array ()",
    ),
    (lambda: start(Dense, adam()), T, "start expects a finished network, got the class Dense"),
    (lambda: start([X], adam()), T, "start expects a finished network, got list"),
    (lambda: start({"w": X}, adam()), T, "start expects a finished network, got dict {'w'"),
    (lambda: start(NET, 0.1), T, "start expects an optimizer, say adam(1e-3), got float 0.1"),
    (
        lambda: start(Serial((relu, Serial([affine(2, 2)]))), adam()),
        T,
        "start: layers[1].layers is a list, no part of a tree; use a tuple or a record",
    ),
    (
        lambda: start(Serial((Dense(np.ones((2, 2), int), np.zeros(2)),)), adam()),
        T,
        "start: layers[0].weight must hold floats, got int64 array (2, 2); convert it, say to np.float32",
    ),
    (
        lambda: start((X, X + 1j), sgd(1.0)),
        T,
        "start: [1] must hold floats, got complex64 array (5, 4); convert it, say to np.float32",
    ),
    (lambda: start(Serial((relu, affine(2, 2, np.nan))), adam()), V, "start: layers[1].weight holds NaN or infinity"),
    (lambda: start((X, X * np.inf), sgd(1.0)), V, "start: [1] holds NaN or infinity"),
    (lambda: sgd(-1), V, "descend: the learning rate must be at least 0 and finite, got -1"),
    (lambda: sgd("fast"), T, "descend: the learning rate must be a number, got str 'fast'"),
    (lambda: adam(math.nan), V, "descend: the learning rate must be at least 0 and finite, got nan"),
    (lambda: adam(math.inf), V, "descend: the learning rate must be at least 0 and finite, got inf"),
    (lambda: sgd(0.1, 1.0), V, "sgd: momentum must be at least 0 and below 1, got 1.0"),
    (lambda: trace(1.0), V, "trace: decay must be at least 0 and below 1, got 1.0"),
    (lambda: adam(b1=-0.1), V, "adam: b1 must be at least 0 and below 1, got -0.1"),
    (lambda: adam(b2=1.0), V, "adam: b2 must be at least 0 and below 1, got 1.0"),
    (lambda: adam(eps=-1), V, "adam: eps must be at least 0 and finite, got -1"),
    (lambda: adam(eps=math.nan), V, "adam: eps must be at least 0 and finite, got nan"),
    (
        lambda: clip_by_global_norm(0),
        V,
        "clip_by_global_norm: max_norm must be above 0, got 0: nothing would ever move",
    ),
    (lambda: clip_by_global_norm(math.nan), V, "clip_by_global_norm: max_norm must be at least 0 and finite, got nan"),
    (lambda: chain(adam(), 3), T, "chain expects transforms, say clip(1.0) and adam(1e-3), got int 3"),
    (lambda: train_step(mse, adam), T, "train_step expects an optimizer, say adam(1e-3), got the function adam"),
    (lambda: train_step(mse, adam(), 0), T, "train_step expects a key, got int 0; write Key(0)"),
    (
        lambda: update(adam(), NET.layers, STATE),
        V,
        "optimizer: parameters and gradient: trees differ at the root: Serial against tuple",
    ),
    (
        lambda: update(adam(), fnn.tree.at("layers[2].bias", lambda bias: bias[:1], NET), STATE),
        V,
        "trees differ at layers[2].bias: float32 array (3,) against float32 array (1,)",
    ),
    (
        lambda: update(sgd(1.0), (X.astype(np.float64),), start((X,), sgd(1.0))),
        V,
        "trees differ at [0]: float32 array (5, 4) against float64 array (5, 4)",
    ),
    (lambda: tap(print, every=0), V, "tap: every must be at least 1, got 0"),
    (lambda: tap(print, every=2.0), T, "tap: every must be an integer, got float 2.0"),
    (lambda: tap(3), T, "tap expects a function of a state, got int 3"),
    (lambda: until(3), T, "until expects a function of a state, got int 3"),
    (lambda: to_fit(STATE, [X, Y]), T, "expects a tuple of arrays, say (x, target), got list"),
    (lambda: to_fit(STATE, (X, Y[:3])), V, "the arrays must have the same number of rows, got 5 and 3"),
    (lambda: to_fit(STATE, (X, Y), size=0), V, "the size must be at least 1, got 0"),
    (lambda: to_fit(STATE, (X, Y), steps=-1), V, "fit: steps must be at least 0, got -1"),
    (lambda: to_fit(STATE, (X, Y), steps=1.0), T, "fit: steps must be an integer, got float 1.0"),
    (
        lambda: to_fit(affine(4, 3), (X, Y)),
        T,
        "fit expects a state, got Dense(weight=f32[4,3], bias=f32[3]); write start(net, optimizer)",
    ),
    (lambda: to_fit(STATE, (X, Y), key=1), T, "expects a key, got int 1; write Key(1)"),
    (
        lambda: to_fit(STATE, (X, Y + 1)),
        V,
        "cross_entropy expects labels from 0 to 2, got 3 at row 2; they go from 1 to 3, so",
    ),
    (
        lambda: to_fit(STATE, (X * np.nan, Y)),
        Diverged,
        "diverged at step 0: the loss is not finite (loss nan); lower the learning rate or clip the gradient",
    ),
]

DATA = [
    (lambda: batches((X, Y), 0), V, "batches: the size must be at least 1, got 0"),
    (lambda: batches((X, Y), 2.0), T, "batches: the size must be an integer, got float 2.0"),
    (lambda: epochs((X, Y), -1, KEY), V, "epochs: the size must be at least 1, got -1"),
    (lambda: batches((X, Y[:3]), 2), V, "batches: the arrays must have the same number of rows, got 5 and 3"),
    (lambda: batches([X, Y], 2), T, "batches expects a tuple of arrays, say (x, target), got list"),
    (lambda: epochs(X, 2, KEY), T, "epochs expects a tuple of arrays, say (x, target), got float32 array (5, 4)"),
    (
        lambda: batches((X, [0] * 5), 2),
        T,
        "batches: data[1] must be an array of real numbers, got list [0, 0, 0, 0, 0]",
    ),
    (
        lambda: batches((X.astype("O"),), 2),
        T,
        "batches: data[0] must be an array of real numbers, got object array (5, 4)",
    ),
    (
        lambda: batches((X, X + 1j), 2),
        T,
        "batches: data[1] must be an array of real numbers, got complex64 array (5, 4)",
    ),
    (
        lambda: batches((np.array(["a"]),), 2),
        T,
        "batches: data[0] must be an array of real numbers, got <U1 array (1,)",
    ),
    (lambda: batches((np.array(1.0),), 2), V, "batches: data[0] must have rows, got a single number"),
    (lambda: epochs((X[:0], Y[:0]), 2, KEY), V, "epochs: the data has no rows"),
    (lambda: batches((), 2), T, "batches expects a tuple of arrays, say (x, target), got tuple ()"),
    (lambda: batches((X, Y), 2, 5), T, "batches expects a key, got int 5; write Key(5)"),
    (lambda: epochs((X, Y), 2, None), T, "epochs expects a key, got NoneType None; write Key(0)"),
    (lambda: epochs((X, Y), 2, KEY, -1), V, "epochs: the number of epochs must be at least 0, got -1"),
    (lambda: epochs((X, Y), 2, KEY, epochs=True), T, "the number of epochs must be an integer, got bool True"),
    (lambda: epochs((X, Y), 2, KEY, start=-1), V, "epochs: start must be at least 0, got -1"),
    (lambda: train_test_split((X, Y), 0.0, KEY), V, "train_test_split: 0.0 of 5 rows leaves none for testing"),
    (lambda: train_test_split((X, Y), 1.0, KEY), V, "the fraction must be at least 0 and below 1, got 1.0"),
    (
        lambda: train_test_split((X, Y), 2, KEY),
        V,
        "train_test_split: the fraction must be at least 0 and below 1, got 2",
    ),
    (lambda: train_test_split((X, Y), math.nan, KEY), V, "the fraction must be at least 0 and below 1, got nan"),
    (lambda: train_test_split((X, Y), 0.01, KEY), V, "train_test_split: 0.01 of 5 rows leaves none for testing"),
    (
        lambda: train_test_split((X, FLAT * np.nan), 0.5, KEY),
        V,
        "train_test_split: data[1] holds NaN or infinity in 5 rows, the first is row 0; take them out first",
    ),
    (
        lambda: train_test_split((X, np.array([0, 0, np.inf, 0, np.nan])), 0.5, KEY),
        V,
        "data[1] holds NaN or infinity in 2 rows, the first is row 2; take them out first",
    ),
    (lambda: train_test_split((X * np.inf,), 0.5, KEY), V, "data[0] holds NaN or infinity in 5 rows"),
    (
        lambda: train_test_split((X, Y[:4]), 0.5, KEY),
        V,
        "train_test_split: the arrays must have the same number of rows, got 5 and 4",
    ),
    (lambda: train_test_split((X, Y), 0.5, 0), T, "expects a key, got int 0; write Key(0)"),
    (lambda: one_hot(FLAT, 3), T, "one_hot expects integers, got float64 array (5,)"),
    (lambda: one_hot(np.array(["a"]), 3), T, "one_hot expects integers, got <U1 array (1,)"),
    (lambda: one_hot(RAGGED, 3), T, "one_hot expects an array, got rows of unequal lengths: list [[1], [1, 2]]"),
    (lambda: one_hot(Y, 0), V, "one_hot: classes must be at least 1, got 0"),
    (lambda: one_hot(Y, 2.5), T, "one_hot: classes must be an integer, got float 2.5"),
    (lambda: one_hot(Y - 1, 3), V, "one_hot expects labels from 0 to 2, got -1 at row 0; they go from -1 to 1"),
    (lambda: one_hot(Y, 2), V, "one_hot expects labels from 0 to 1, got 2 at row 2; they go from 0 to 2"),
    (lambda: standardize(X, like=X[:, :2]), V, "rows of the same shape, like with at least one, got (5, 4) and (5, 2)"),
    (lambda: standardize(X[:0]), V, "rows of the same shape, like with at least one, got (0, 4) and (0, 4)"),
    (lambda: standardize(1.0), V, "rows of the same shape, like with at least one, got () and ()"),
    (lambda: standardize(["a"]), T, "standardize expects an array of real numbers, got list ['a']"),
    (lambda: standardize(RAGGED), T, "standardize expects an array, got rows of unequal lengths: list [[1], [1, 2]]"),
    (lambda: standardize(X * np.nan), V, "standardize: the data holds NaN or infinity; take those rows out first"),
    (lambda: standardize(X, like=X * np.nan), V, "standardize: the data holds NaN or infinity"),
    (lambda: line(1, 0.0, KEY), V, "line: the number of rows must be at least 2, got 1"),
    (lambda: moons(9.0, 0.1, KEY), T, "moons: the number of rows must be an integer, got float 9.0"),
    (lambda: moons(9, -1, KEY), V, "moons: the noise, a standard deviation, must be at least 0 and finite, got -1"),
    (
        lambda: line(9, math.nan, KEY),
        V,
        "line: the noise, a standard deviation, must be at least 0 and finite, got nan",
    ),
    (
        lambda: moons(9, math.inf, KEY),
        V,
        "moons: the noise, a standard deviation, must be at least 0 and finite, got inf",
    ),
    (lambda: moons(9, 0.1, 3), T, "moons expects a key, got int 3; write Key(3)"),
    (
        lambda: mnist("no such folder"),
        fnn.FormatError,
        "mnist: no such folder should hold MNIST's four files; missing: train-images-idx3-ubyte[.gz], ",
    ),
]

CASES = [*LAYERS, *MAKERS, *LOSSES, *METRICS, *TRAINING, *DATA]


@each_of(("call", "kind", "message"), CASES, ids=[message[:60] for _, _, message in CASES])
def test_bad_input_is_refused_with_what_was_expected_where_and_what_came(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert not isinstance(caught.value, {T: V, V: T}.get(kind, ()))


@each_of("integer", [np.int64, np.int16, np.uint8])
@each_of(
    "call",
    [lambda n: tuple(batches((X, Y), n)), lambda n: dense(n)(KEY, X), lambda n: split(KEY, n)],
    ids=["batches", "dense", "split"],
)
def test_numpys_whole_numbers_are_as_good_as_pythons(call, integer):
    assert fnn.tree.equal(call(integer(3)), call(3))


# --- the place of a mistake, however deep ----------------------------------------------------------------------------

PLACES = ["layers[0]", "layers[2].layers[0]", "layers[2].layers[1].layers[1]", "layers[3]"]


def nested(*widths):
    """A network whose dense layers, at PLACES, expect rows of these widths and give rows of 4."""
    a, b, c, d = (affine(width, 4) for width in widths)
    return Serial((a, relu, Serial((b, Serial((relu, c)))), d))


@each_of("place", range(4), ids=PLACES)
def test_a_width_that_does_not_fit_is_reported_at_its_layer(place):
    widths = [4] * 4
    widths[place] = 9
    message = f"dense at {PLACES[place]} expects rows (n, 9), got (5, 4)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        nested(*widths)(X)


@each_of("place", range(4), ids=PLACES)
def test_a_rank_that_does_not_fit_is_reported_at_its_layer_while_the_net_is_made(place):
    constructors = [dense(4) if i != place else serial(reshape((2, 2, 1)), dense(4), affine(9, 1)) for i in range(4)]
    a, b, c, d = constructors
    message = f"dense at {PLACES[place]}.layers[2] expects rows (n, 9), got (5, 2, 2, 4)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        serial(a, relu, serial(b, serial(relu, c)), d)(KEY, X)


@each_of("wrong", [Relu, dense(3), 3, None], ids=["class", "constructor", "number", "None"])
@each_of("place", range(4), ids=PLACES)
def test_what_is_no_layer_is_reported_with_every_network_around_it(place, wrong):
    net = fnn.tree.at(PLACES[place], lambda _: wrong, nested(4, 4, 4, 4))
    with pytest.raises(TypeError, match=r"vjp expects a (finished )?layer") as caught:
        net(X)
    around = re.findall(r"layers\[\d\]", PLACES[place])
    assert caught.value.__notes__ == [f"in {layer}" for layer in reversed(around)]


class Failing(Record):
    """A layer of somebody's own in which something else goes wrong."""


@fnn.vjp.register
def failing_vjp(layer: Failing, x, key=None):
    try:
        return {}["weights"], None
    except KeyError as error:
        raise ValueError("no weights yet") from error


AROUND = {
    "layers[0]": lambda layer: Serial((layer,)),
    "branches[1]": lambda layer: Parallel((relu, layer)),
    "body": Residual,
    "backwards": lambda layer: Bidirectional(rnn(2)(KEY, X[None]), layer),
}


@each_of("place", AROUND)
def test_the_error_of_a_layer_of_your_own_comes_through_as_it_is_with_its_cause_and_its_place(place):
    with pytest.raises(ValueError, match=r"^no weights yet") as caught:
        AROUND[place](Failing())(X[None])
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__notes__ == [f"in {place}"]


@pytest.mark.parametrize("function", [forward, lambda net, x: value_and_grad(mse, net, (x, x)), lambda net, x: net(x)])
def test_the_place_is_the_same_whoever_calls(function):
    with pytest.raises(ValueError, match=r"^dense at layers\[2\]\.layers\[0\] expects rows \(n, 7\), got \(5, 4\)$"):
        function(nested(4, 7, 4, 4), X)


def test_nothing_is_committed_when_a_step_is_refused():
    before = fnn.tree.map(np.copy, STATE.params)
    for batch in ((X[:, :2], Y), (X, Y + 1), (X, Y[:2]), (X, Y, -FLAT), (X * np.nan, Y)):
        with pytest.raises((ValueError, Diverged)):
            train_step(cross_entropy, adam())(STATE, batch)
    assert fnn.tree.equal(STATE.params, before)
    assert STATE.step == 0
