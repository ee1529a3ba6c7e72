"""Errors of networks, in all their words."""

import math

import numpy as np

from fnn import (
    Bidirectional,
    Dense,
    Parallel,
    Record,
    Relu,
    Residual,
    Rnn,
    Serial,
    add,
    advance,
    attention,
    batch_norm,
    bidirectional,
    concatenate,
    dense,
    dropout,
    flatten,
    inference,
    last_step,
    mlp,
    multiply,
    parallel,
    pick,
    positional,
    relu,
    reshape,
    residual,
    rnn,
    serial,
    transformer_block,
    vjp,
)
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, T, V, X, affine

IMAGES, SEQUENCES, LENGTHS = np.ones((2, 4, 4, 2)), np.ones((2, 3, 2)), np.array([3, 1])
RNN = rnn(3)(KEY, SEQUENCES)


class Keyless(Record):
    """A layer whose function takes no key."""

    rate: float


@vjp.register
def keyless_vjp(layer: Keyless, x):
    return layer.rate * x, lambda dy: (layer, lambda: layer.rate * dy)


class Eager(Record):
    """A layer whose pullback computes dx at once."""

    weight: np.ndarray


@vjp.register
def eager_vjp(layer: Eager, x, key=None):
    def eager_pullback(dy):
        return Eager((dy * x).sum(axis=0)), (dy * layer.weight).astype(np.float32)

    return x * layer.weight, eager_pullback


class Mistaken(Record):
    """A layer whose pullback raises an error of its own."""


@vjp.register
def mistaken_vjp(layer: Mistaken, x, key=None):
    def mistaken_pullback(dy):
        raise TypeError("a mistake in a pullback")

    return x, mistaken_pullback


def _twice(x):
    return 2 * x


ROWS = [
    (lambda: mlp([64, 10]), T, "mlp expects widths one after the other, got list [64, 10]; write mlp(*widths)"),
    (
        lambda: serial([dense(3), relu]),
        T,
        "serial expects constructors or layers, got list [dense(3), Relu()] at layers[0]; write serial(*layers)",
    ),
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
    (lambda: Serial((relu, affine(3, 2)))(X), V, "dense at layers[1] expects rows (n, 3), got (5, 4)"),
    (lambda: Serial((relu, 3))(X), T, "vjp expects a layer or a loss, got int 3\nin layers[1]"),
    (lambda: serial(relu, dense(2))(0, X), T, "serial expects a key, got int 0; write Key(0)"),
    (lambda: serial(relu, dense(2))(KEY, FLAT), V, "dense at layers[1] expects rows (n, inputs), got (5,); write x…"),
    (lambda: serial(relu, 3), T, "serial expects constructors or layers, got int 3 at layers[1]"),
    # --- a constructor, a function, a rule of one's own ---
    (
        lambda: mlp(8, 2)(X),
        T,
        "mlp(8, 2) is a constructor: call it with a key and data, net = mlp(8, 2)(Key(0), x), "
        "and then the network with data, net(x)",
    ),
    (lambda: dense(3)(), T, "dense(3) is a constructor: call it with a key and data, net = dense(3)(Key(0), x), …"),
    (lambda: dense(3)(KEY), T, "dense(3) is a constructor: call it with a key and data, net = dense(3)(Key(0), x), …"),
    (
        lambda: serial(dense(3), np.tanh),
        T,
        "serial expects constructors or layers, got the function tanh at layers[1]; "
        "a function of x is no layer: write tanh or relu of fnn, or a record with a function for vjp",
    ),
    (
        lambda: parallel(math.tanh),
        T,
        "parallel expects constructors or layers, got the function tanh at branches[0]; …",
    ),
    (lambda: residual(_twice), T, "residual expects constructors or layers, got the function twice at body[0]; a fun…"),
    (lambda: mlp(8, 2, activation=np.tanh), T, "…got the function tanh at …; a function of x is no layer: …"),
    (lambda: add(dense(3), np.tanh), T, "…got the function tanh at branches[1]; a function of x is no layer: …"),
    (lambda: bidirectional(np.tanh), T, "bidirectional expects the constructor of a layer, say lstm(64), got the …"),
    (
        lambda: serial(dense(3), lambda key, x: np.tanh(x))(KEY, X),
        T,
        "expected a layer from the function <lambda>(key, x), got float32 array (5, 3); a function is no layer\n"
        "in layers[1]",
    ),
    (
        lambda: serial(dense(3), Keyless(3.0))(KEY, X),
        T,
        "Keyless at layers[1]: a network passes a key, which keyless_vjp(layer: …Keyless, x) does not take; "
        "write def keyless_vjp(layer: Keyless, x, key=None)",
    ),
    (lambda: Serial((relu, Keyless(3.0)))(X), T, "Keyless at layers[1]: a network passes a key, …"),
    (lambda: Residual(Keyless(3.0))(X), T, "Keyless at body: a network passes a key, …"),
    *(
        (
            lambda net=net: vjp(net, X)[1](X)[1](),
            T,
            "eager_vjp.eager_pullback must return (dlayer, dx) with dx a function, got float32 array (5, 4); "
            "write lambda: dx",
        )
        for net in (
            Serial((Eager(np.ones(4)),)),
            Serial((relu, Eager(np.ones(4)))),
            Serial((Eager(np.ones(4)), relu)),
            Serial((affine(4, 4), Eager(np.ones(4)), relu)),
        )
    ),
    (lambda: serial(max)(KEY, X), T, "…not supported between instances of…\nin layers[0]"),
    (lambda: vjp(Serial((relu, Mistaken())), X)[1](X)[1](), T, "a mistake in a pullback"),
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
    (
        lambda: concatenate(axis=1)((X[None], X)),
        V,
        "concatenate expects arrays of one shape but for axis 1, got (1, 5, 4) and (5, 4)",
    ),
    (lambda: concatenate(axis=2)((X, X)), V, "concatenate expects arrays with an axis 2, got (5, 4)"),
    (lambda: concatenate(axis=1.0), T, "concatenate: axis must be an integer, got float 1.0"),
    (
        lambda: concatenate(axis=1)(((SEQUENCES, LENGTHS), (SEQUENCES, LENGTHS))),
        V,
        "concatenate keeps the rows and steps of pairs (x, lengths), got axis=1 and (2, 3, 2) and (2, 3, 2)",
    ),
    (
        lambda: multiply(((SEQUENCES, LENGTHS * 0), (SEQUENCES[:, :1], LENGTHS * 0))),
        V,
        "multiply keeps the rows and steps of pairs (x, lengths), got axis=-1 and (2, 3, 2) and (2, 1, 2)",
    ),
    (
        lambda: multiply((X, X[:, :1], X[:1])),
        V,
        "multiply expects arrays of one shape, or axes of 1 behind the rows, got (5, 4) and (5, 1) and (1, 4)",
    ),
    (
        lambda: multiply((X, X[..., None])),
        V,
        "multiply expects arrays of one shape, or axes of 1 behind the rows, got…",
    ),
    (
        lambda: multiply(X),
        T,
        "multiply expects a tuple of arrays, got float32 array (5, 4); put parallel(...) before it",
    ),
    (lambda: add((X, X[:3])), V, "add expects arrays of one shape, got (5, 4) and (3, 4)"),
    (
        lambda: add((FLAT, FLAT)),
        V,
        "add expects arrays (n, ..., features), got (5,) and (5,); write x[None] for a single row",
    ),
    (
        lambda: concatenate((FLAT, np.float32(3))),
        V,
        "concatenate expects arrays (n, ..., features), got (5,) and (); write x[None] for a single row",
    ),
    (lambda: add(()), T, "add expects a tuple of arrays, got tuple (); put parallel(...) before it"),
    # --- inference ---
    (
        lambda: inference(mlp(3)),
        T,
        "inference expects a finished network, got the constructor mlp(3); make it first: constructor(key, x)",
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
    # --- bidirectional ---
    (
        lambda: bidirectional(RNN),
        T,
        "bidirectional expects the constructor of a layer, say lstm(64), got Rnn(input_weight=f64[2,3], hidden_wei...",
    ),
    (
        lambda: bidirectional(rnn)(KEY, SEQUENCES),
        T,
        "rnn expects its number of units before the key and the data; write rnn(64)\nin forwards",
    ),
    (
        lambda: bidirectional(rnn(3))(KEY, SEQUENCES)((SEQUENCES, LENGTHS, None)),
        T,
        "bidirectional expects x or (x, lengths), got a tuple of 3; its two runs begin at 0",
    ),
    (
        lambda: bidirectional(rnn(3))(KEY, SEQUENCES)(SEQUENCES[..., :1]),
        V,
        "rnn at forwards expects sequences (n, time, 2), got (2, 3, 1)",
    ),
    (
        lambda: bidirectional(flatten),
        T,
        "bidirectional expects the constructor of a layer, say lstm(64), got Flatten(start=1)",
    ),
    (
        lambda: Bidirectional(last_step, last_step)(SEQUENCES),
        V,
        "bidirectional expects layers that return (2, 3, units), got (2, 2)",
    ),
    (lambda: Bidirectional(RNN, 3)(SEQUENCES), T, "vjp expects a layer or a loss, got int 3\nin backwards"),
    (
        lambda: bidirectional(None),
        T,
        "bidirectional expects the constructor of a layer, say lstm(64), got NoneType None",
    ),
    (
        lambda: bidirectional(Rnn),
        T,
        "bidirectional expects the constructor of a layer, say lstm(64), got the class Rnn",
    ),
    (lambda: bidirectional(rnn(3))(0, SEQUENCES), T, "bidirectional expects a key, got int 0; write Key(0)"),
    (lambda: bidirectional(rnn(3))(KEY, X), V, "bidirectional expects sequences (n, time, features), got (5, 4)…"),
    # --- transformer ---
    (lambda: transformer_block(2, 4)(0, SEQUENCES), T, "transformer_block expects a key, got int 0; write Key(0)"),
    (lambda: transformer_block(0, 4), V, "transformer_block: heads must be at least 1, got 0"),
    (lambda: transformer_block(2, 0), V, "transformer_block: hidden must be at least 1, got 0"),
    (lambda: transformer_block(2, 4, dropout=1), V, "transformer_block: dropout must be at least 0 and below 1, got 1"),
    (
        lambda: transformer_block(2, 4, activation=Relu),
        T,
        "transformer_block expects constructors or layers, got the class Relu at activation[0]; write the "
        "layer itself, say relu or Relu()",
    ),
    (
        lambda: transformer_block(2, 4)(KEY, X),
        V,
        "transformer_block expects sequences (n, time, features), got (5, 4); put an embedding before it",
    ),
    (
        lambda: transformer_block(2, 4)(KEY, IMAGES),
        V,
        "transformer_block expects sequences (n, time, features), got (2, 4, 4, 2)",
    ),
    (lambda: transformer_block(2, 4, causal="yes"), T, "attention: causal must be True or False, got str 'yes'"),
    # --- step by step ---
    (
        lambda: advance(dropout(0.5), SEQUENCES),
        T,
        "Dropout cannot advance: call inference(params) first, which removes it",
    ),
    (
        lambda: advance(batch_norm()(KEY, SEQUENCES), SEQUENCES),
        T,
        "BatchNorm cannot advance on the statistics of one step: call inference(params, x) first",
    ),
    (
        lambda: advance(flatten, SEQUENCES),
        T,
        "Flatten cannot advance: it needs the whole sequence; call the network on all of it instead",
    ),
    (
        lambda: advance(serial(RNN, reshape((3,)))(KEY, SEQUENCES[:, :1]), SEQUENCES[:, :1]),
        T,
        "Reshape at layers[1] cannot advance: it needs the whole sequence; call the network on all of it instead",
    ),
    (
        lambda: advance(RNN, (SEQUENCES, LENGTHS)),
        T,
        "advance expects one step of every row, (n, 1, features), got a tuple of 2",
    ),
    (
        lambda: advance(attention(2)(KEY, SEQUENCES), SEQUENCES),
        T,
        "attention cannot advance: it looks ahead; write attention(heads, causal=True)",
    ),
    (
        lambda: advance(attention(2, causal=True)(KEY, SEQUENCES), (SEQUENCES, LENGTHS)),
        T,
        "advance expects one step of every row, (n, 1, features), got a tuple of 2",
    ),
    (
        lambda: advance(attention(2, causal=True)(KEY, SEQUENCES), SEQUENCES, 3),
        V,
        "attention expects the state that advance returned, got int 3",
    ),
    (
        lambda: advance(Serial((RNN, relu)), SEQUENCES, (None,)),
        V,
        "Serial expects the state that advance returned, a tuple of 2, got tuple (None,)",
    ),
    (
        lambda: advance(Parallel((RNN, relu)), SEQUENCES, 3),
        V,
        "Parallel expects the state that advance returned, a tuple of 2, got int 3",
    ),
    (
        lambda: advance(positional()(KEY, SEQUENCES), SEQUENCES, -1),
        V,
        "advance: the position must be at least 0, got -1",
    ),
    (
        lambda: advance(Residual(dropout(0.5)), SEQUENCES),
        T,
        "Dropout at body cannot advance: call inference(params) first, which removes it",
    ),
    (
        lambda: advance(Parallel((relu, dropout(0.5))), SEQUENCES),
        T,
        "Dropout at branches[1] cannot advance: call inference(params) first, which removes it",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
