"""Layers over time: recurrent ones, attention, positions, and going step by step."""

import numpy as np
import pytest

from fnn import (
    Attention,
    Bidirectional,
    Gru,
    Key,
    Lstm,
    Parallel,
    Relu,
    Residual,
    Rnn,
    Serial,
    advance,
    attention,
    batch_norm,
    bidirectional,
    dropout,
    flatten,
    gru,
    last_step,
    lstm,
    positional,
    relu,
    reshape,
    rnn,
    serial,
    transformer_block,
)
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, KEY, T, V, X

IMAGES, SEQUENCES = np.ones((2, 4, 4, 2)), np.ones((2, 3, 2))
LENGTHS = np.array([3, 1])
RNN = rnn(3)(KEY, SEQUENCES)


ROWS = [
    # --- recurrent layers ---
    (lambda: rnn(Key(0), SEQUENCES), T, "rnn expects its number of units before the key and the data; write rnn(64)"),
    (lambda: lstm(0), V, "lstm: units must be at least 1, got 0"),
    (lambda: gru(2.5), T, "gru: units must be an integer, got float 2.5"),
    (
        lambda: rnn(3)(KEY, X),
        V,
        "rnn expects sequences (n, time, features), got (5, 4); write x[..., None] if a step is one "
        "number, put embedding before it if it is a symbol",
    ),
    (lambda: lstm(3)(KEY, np.ones((1, 2, 3, 4))), V, "lstm expects sequences (n, time, features), got (1, 2, 3, 4)"),
    (
        lambda: RNN((SEQUENCES, LENGTHS, None, None)),
        T,
        "rnn expects x, (x, lengths) or (x, lengths, state), got a tuple of 4",
    ),
    (lambda: RNN(()), T, "rnn expects x, (x, lengths) or (x, lengths, state), got a tuple of 0"),
    (lambda: RNN(SEQUENCES[..., :1]), V, "rnn expects sequences (n, time, 2), got (2, 3, 1)"),
    (
        lambda: RNN((SEQUENCES, FLAT)),
        T,
        "rnn expects integers as lengths, got float64 array (5,); convert them to int",
    ),
    (lambda: RNN((SEQUENCES, LENGTHS[:1])), V, "rnn expects one length a row, (2,), got (1,)"),
    (
        lambda: RNN((SEQUENCES, LENGTHS + 9)),
        V,
        "rnn expects lengths from 1 to 3, the steps there are, got some from 10 to 12",
    ),
    (lambda: RNN((SEQUENCES, LENGTHS, np.ones((2, 4)))), V, "rnn expects a state (2, 3), rows and units, got (2, 4)"),
    (
        lambda: RNN((SEQUENCES, LENGTHS, "start")),
        T,
        "rnn: the state expects an array of real numbers, got str 'start'; convert it, say x.astype(np.float32)",
    ),
    (
        lambda: lstm(3)(KEY, SEQUENCES)((SEQUENCES, LENGTHS, np.ones((2, 3)))),
        T,
        "lstm expects the pair (h, c) as its state, got float64 array (2, 3)",
    ),
    (
        lambda: Rnn(np.ones((2, 3)), np.ones((3, 3)), np.ones(4))(SEQUENCES),
        V,
        "rnn expects weights (features, units), (units, units) and a bias (units,), got [(2, 3), (3, 3), (4,)]",
    ),
    (
        lambda: Lstm(np.ones((2, 12)), np.ones((3, 3)), np.ones(12))(SEQUENCES),
        V,
        "lstm expects weights (features, 4 units), (units, 4 units) and a bias (4 units,), got [(2, 12), "
        "(3, 3), (12,)]",
    ),
    (
        lambda: Gru(np.ones((2, 9)), np.ones((3, 9)), np.ones(9), np.ones(9))(SEQUENCES),
        V,
        "gru expects a hidden_bias (3,), got (9,)",
    ),
    (
        lambda: last_step((SEQUENCES, LENGTHS, None)),
        T,
        "last_step expects x or (x, lengths), got a tuple of 3; put pick(0) before it",
    ),
    (
        lambda: last_step(X),
        V,
        "last_step expects sequences (n, time, features), got (5, 4); write x[..., None] if a step is "
        "one number, put embedding before it if it is a symbol",
    ),
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
        "bidirectional expects the constructor of a layer, say lstm(64), got Flatten()",
    ),
    (
        lambda: Bidirectional(last_step, last_step)(SEQUENCES),
        V,
        "bidirectional expects layers that return (2, 3, units), got (2, 2)",
    ),
    (lambda: Bidirectional(RNN, 3)(SEQUENCES), T, "vjp expects a layer or a loss, got int 3\nin backwards"),
    # --- attention, positions, transformer ---
    (lambda: attention(0), V, "attention: heads must be at least 1, got 0"),
    (lambda: attention(2, causal=1), T, "attention: causal must be True or False, got int 1"),
    (
        lambda: attention(2)(KEY, X),
        V,
        "attention expects sequences (n, time, features), got (5, 4); write x[..., None] if a step is "
        "one number, put embedding before it if it is a symbol",
    ),
    (
        lambda: attention(3)(KEY, np.ones((1, 5, 4))),
        V,
        "attention expects features that are a multiple of its 3 heads, got 4",
    ),
    (
        lambda: attention(2)(KEY, SEQUENCES)((SEQUENCES, LENGTHS, None)),
        T,
        "attention expects x or the pair (x, lengths), got a tuple of 3",
    ),
    (
        lambda: attention(2)(KEY, SEQUENCES)(np.ones((2, 3, 4))),
        V,
        "attention expects sequences (n, time, 2), got (2, 3, 4)",
    ),
    (
        lambda: Attention(np.ones((2, 6)), np.ones(6), np.ones((2, 2)), np.ones(2), heads=3)(SEQUENCES),
        V,
        "attention expects weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the 3 heads, got "
        "[(2, 6), (6,), (2, 2)] and (2,)",
    ),
    (
        lambda: Attention(np.ones((2, 2)), np.ones(6), np.ones((2, 2)), np.ones(2), heads=1)(SEQUENCES),
        V,
        "attention expects weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the 1 heads, got "
        "[(2, 2), (6,), (2, 2)] and (2,)",
    ),
    (lambda: positional(0), V, "positional: positions must be at least 1, got 0"),
    (
        lambda: positional()(KEY, X),
        V,
        "positional expects sequences (n, time, features), got (5, 4); put an embedding before it",
    ),
    (lambda: positional()(KEY, IMAGES), V, "positional expects sequences (n, time, features), got (2, 4, 4, 2)"),
    (
        lambda: positional(2)(KEY, SEQUENCES)(SEQUENCES),
        V,
        "positional knows 2 positions, got 3; write positional(3) or more",
    ),
    (
        lambda: positional(9)(KEY, SEQUENCES)(SEQUENCES[..., :1]),
        V,
        "positional expects sequences (n, time, 2), got (2, 3, 1)",
    ),
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


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
