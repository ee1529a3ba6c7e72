"""What layers say, word for word."""

import numpy as np

from fnn import (
    Attention,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    GroupNorm,
    Gru,
    Key,
    LayerNorm,
    Lstm,
    PRelu,
    RMSNorm,
    Rnn,
    Scale,
    attention,
    avg_pool,
    batch_norm,
    conv,
    conv_transpose,
    crop,
    dense,
    dropout,
    embedding,
    flatten,
    gaussian_noise,
    gelu,
    global_avg_pool,
    global_max_pool,
    glu,
    group_norm,
    gru,
    hard_tanh,
    inference,
    instance_norm,
    last_step,
    layer_norm,
    log_softmax,
    lstm,
    max_pool,
    pad,
    positional,
    prelu,
    relu,
    rms_norm,
    rnn,
    serial,
    softmax,
    swiglu,
    upsample,
)
from fnn.layers.initializers import glorot_uniform
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import COLUMN, FLAT, KEY, T, V, X, Y, affine

IMAGES, SEQUENCES = np.ones((2, 4, 4, 2)), np.ones((2, 3, 2))
LENGTHS = np.array([3, 1])
RNN = rnn(3)(KEY, SEQUENCES)


def ensemble(members, n_in, units):
    return Dense(np.ones((members, n_in, units)), np.ones((members, units)))


ROWS = [
    # --- arrays, dense ---
    (
        lambda: affine(4, 3)((X, np.array([0, 2, 1, 0, 2]))),  # said that it got (5,)
        V,
        "dense expects sequences (n, time, features) beside lengths, got (5, 4); of a batch (x, target) give the "
        "network x alone",
    ),
    (
        lambda: relu((X, X)),
        T,
        "relu expects an array, got a tuple of 2; join them with concatenate or add, or take one with pick",
    ),
    (lambda: ensemble(2, 4, 3)(np.ones((3, 5, 4))), V, "dense expects rows (2, n, 4), got (3, 5, 4)"),
    (lambda: ensemble(2, 4, 3)(np.ones((2, 5, 3))), V, "dense expects rows (2, n, 4), got (2, 5, 3)"),
    (lambda: Dense(X[0], FLAT)(X), V, "dense expects a weight (inputs, units), got (4,)"),
    (lambda: Dense(X.T, FLAT)(X.T), V, "dense expects rows (n, 4), got (4, 5)"),
    (lambda: Dense(X.T, FLAT[:1])(X), V, "dense expects a bias (5,), got (1,)"),
    (lambda: Dense(X.T, X.T)(X), V, "dense expects a bias (5,), got (4, 5)"),
    (lambda: affine(6, 2)(np.ones((5, 2, 3))), V, "dense expects rows (n, 6), got (5, 2, 3); put flatten before it"),
    (lambda: affine(4, 2)(X[0]), V, "dense expects rows (n, 4), got (4,); write x[None] for a single row"),
    (lambda: dense(Key(0), X), T, "dense expects its number of units before the key and the data; write dense(64)"),
    (
        lambda: dense(3)(KEY, FLAT),
        V,
        "dense expects rows (n, inputs), got (5,); write x[:, None] for rows of one number, x[None] for a single row",
    ),
    (lambda: dense(2**50), V, f"dense: units must be a number that memory can hold, got int {2**50}"),
    (lambda: softmax(X[:, :0]), V, "softmax expects at least one number along the last axis, got (5, 0)"),
    (lambda: log_softmax(np.array(1.0)), V, "log_softmax expects at least one number along the last axis, got ()"),
    (lambda: softmax(axis=2)(X), V, "softmax expects an array with an axis 2, got (5, 4)"),
    (lambda: log_softmax(axis=0)(X[:0]), V, "log_softmax expects at least one number along axis 0, got (0, 4)"),
    (
        lambda: softmax(axis=1)((SEQUENCES, LENGTHS)),
        T,
        "softmax takes lengths over the last axis alone, axis=-1, got axis=1",
    ),
    (lambda: softmax(axis=None), T, "softmax: axis must be an integer, got NoneType None"),
    (lambda: glu(X[:, :3]), V, "glu expects an even number of features, two halves, got (5, 3)"),
    (lambda: swiglu(X[:, :0]), V, "swiglu expects an even number of features, two halves, got (5, 0)"),
    (lambda: hard_tanh(1, -1), V, "hard_tanh: low must be below high, got 1.0 and -1.0"),
    (lambda: hard_tanh(low="0"), T, "hard_tanh: low must be a number, got str '0'"),
    (lambda: gelu(approximate="erf"), V, "gelu: approximate must be 'none' or 'tanh', got str 'erf'"),
    (lambda: prelu(np.inf), V, "prelu: slope must be finite, got inf"),
    (lambda: prelu()(KEY, FLAT), V, "prelu expects rows (n, ..., channels), got (5,)"),
    (lambda: prelu()(KEY, X)(X[:, :3]), V, "prelu expects rows (n, ..., 4), got (5, 3)"),
    (lambda: PRelu(X)(X), V, "prelu expects a slope (channels,), got (5, 4)"),
    # --- shape, dropout, embedding, norms ---
    (lambda: flatten(start=3)(X), V, "flatten expects rows of at least 3 axes, got (5, 4)"),
    (lambda: dropout(0.5)(X), T, "Dropout needs a key: call vjp(params, x, key), or inference(params) to remove it"),
    (lambda: dropout(1.0), V, "dropout: the rate, the fraction to drop, must be at least 0 and below 1, got 1.0"),
    (lambda: dropout("half"), T, "dropout: the rate, the fraction to drop, must be a number, got str 'half'"),
    (
        lambda: embedding(5, 2)(KEY, X),
        T,
        "embedding expects integers, got float32 array (5, 4); convert it, say x.astype(int)",
    ),
    (lambda: embedding(5, 2)(KEY, 3), V, "embedding expects symbols (n, ...), got a single one; write x[None]"),
    (
        lambda: embedding(5, 2)(KEY, np.array(3)),
        V,
        "embedding expects symbols (n, ...), got a single one; write x[None]",
    ),
    (
        lambda: embedding(3, 2)(KEY, np.array([[1, 3]])),
        V,
        "embedding expects symbols from 0 to 2, got some from 1 to 3",
    ),
    (lambda: embedding(3, 2)(KEY, Y)(Y - 1), V, "embedding expects symbols from 0 to 2, got some from -1 to 1"),
    (lambda: embedding(0, 2), V, "embedding: symbols must be at least 1, got 0"),
    (lambda: embedding(5, 0), V, "embedding: features must be at least 1, got 0"),
    (lambda: Scale(FLAT, FLAT[:2])(X), V, "scale expects a scale and a shift (features,), got (5,) and (2,)"),
    (lambda: Scale(COLUMN, COLUMN)(X), V, "scale expects a scale and a shift (features,), got (5, 1) and (5, 1)"),
    (lambda: rms_norm()(KEY, FLAT), V, "rms_norm expects rows (n, ..., features), got (5,)"),
    (lambda: BatchNorm(FLAT, FLAT)(X), V, "batch_norm expects rows (n, ..., 5), got (5, 4)"),
    (
        lambda: batch_norm()(KEY, X)(X[:0]),
        V,
        "batch_norm expects several rows, got (0, 4): statistics of no rows; to evaluate call…",
    ),
    (
        lambda: inference(batch_norm()(KEY, X), X[:0]),
        V,
        "batch_norm expects several rows, got (0, 4): statistics of no rows; to evaluate call…",
    ),
    (
        lambda: inference(batch_norm()(KEY, X)),
        T,
        "batch_norm needs statistics: call inference(params, x) with x a sample of the training set",
    ),
    (
        lambda: inference(serial(dense(3), batch_norm())(KEY, X)),
        T,
        "batch_norm at layers[1] needs statistics: call inference(params, x) with x a sample of the training set",
    ),
    (lambda: layer_norm()(KEY, FLAT), V, "layer_norm expects rows (n, ..., features), got (5,)"),
    (lambda: batch_norm(-1), V, "batch_norm: epsilon must be at least 0 and finite, got -1"),
    (lambda: layer_norm("small"), T, "layer_norm: epsilon must be a number, got str 'small'"),
    (
        lambda: layer_norm(axis=1)(KEY, SEQUENCES),
        V,
        "layer_norm expects the last axes of (2, 3, 2), (2,), got…",
    ),
    (lambda: layer_norm(axis=1.0), T, "layer_norm: axis must be an integer or a tuple of them, got float 1.0"),
    (lambda: rms_norm(axis=(1, 2))(KEY, X), V, "rms_norm expects rows (n, ..., features), got (5, 4)"),
    (lambda: LayerNorm(FLAT, FLAT[:2])(X), V, "layer_norm expects a scale and a shift of one shape, got (5,) and (2,)"),
    (lambda: LayerNorm(FLAT, FLAT)(X), V, "layer_norm expects rows (n, ..., 5), got (5, 4)"),
    (lambda: RMSNorm(np.ones(()))(X), V, "rms_norm expects a scale (features,), got ()"),
    (lambda: group_norm(3)(KEY, X), V, "group_norm expects channels that are a multiple of its 3 groups, got 4"),
    (lambda: group_norm(0), V, "group_norm: groups must be at least 1, got 0"),
    (
        lambda: instance_norm()(KEY, X),
        V,
        "instance_norm expects images (n, height, width, channels)…",
    ),
    (
        lambda: GroupNorm(FLAT, FLAT[:2], 1)(X),
        V,
        "group_norm expects a scale and a shift (channels,), got…",
    ),
    (lambda: GroupNorm(FLAT, FLAT, 1)(X), V, "group_norm expects images (n, ..., 5), got (5, 4)"),
    (lambda: GroupNorm(X[0], X[0], 3)(X), V, "group_norm expects channels that are a multiple of its 3 groups, got 4"),
    (
        lambda: group_norm(1)(KEY, IMAGES)((IMAGES, LENGTHS)),
        V,
        "group_norm expects lengths beside sequences (n, time, features) alone, got (2, 4, 4, 2)",
    ),
    (
        lambda: gaussian_noise(0.5)(X),
        T,
        "GaussianNoise needs a key: call vjp(params, x, key), or inference(params) to remove it",
    ),
    (lambda: gaussian_noise(-1), V, "gaussian_noise: std must be at least 0 and finite, got -1"),
    (lambda: dropout(0.5, channels=1), T, "dropout: channels must be True or False, got int 1"),
    (lambda: upsample(2, "cubic"), V, "upsample: method must be 'nearest' or 'linear', got str 'cubic'"),
    (lambda: upsample(2)(IMAGES[:, :0]), V, "upsample expects images with at least one cell, got (2, 0, 4, 2)"),
    (lambda: pad((1, 1))(SEQUENCES), V, "pad expects images (n, height, width, channels), got (2, 3, 2)…"),
    (lambda: crop(2)(IMAGES), V, "crop expects images larger than what is taken off, got (2, 4, 4, 2)"),
    (lambda: pad(-1), V, "pad: width must be at least 0, got -1"),
    # --- windows, convolution, pooling ---
    (lambda: conv(0, 3), V, "conv: filters must be at least 1, got 0"),
    (lambda: conv(4, [3, 3]), T, "conv: size must be an integer or a tuple of them, got list [3, 3]; write (3, 3)"),
    (lambda: conv(4, (3,) * 4), V, "conv: size must be an integer or a tuple of 2 (height, width), or 1, or 3, got…"),
    (lambda: conv(4, 3, stride=0), V, "conv: stride must be at least 1, got 0"),
    (lambda: conv(4, 3, dilation=0), V, "conv: dilation must be at least 1, got 0"),
    (
        lambda: conv(4, 3, padding="full"),
        V,
        "conv: padding must be 'same', 'valid', 'causal' or an integer, got 'full'",
    ),
    (lambda: conv(4, 3, padding=-1), V, "conv: padding must be at least 0, got -1"),
    (
        lambda: conv(4, 3, padding=((1, 0, 0), 1)),
        V,
        "conv: padding must be an integer or a pair (before, after) for each…",
    ),
    (lambda: conv(4, 3, padding=((1, -1), 1)), V, "conv: padding must be at least 0, got -1"),
    (
        lambda: conv(4, 3, padding="causal")(KEY, IMAGES)(IMAGES),
        V,
        "conv expects sequences (n, time, features) with padding='causal', got (2, 4, 4, 2)",
    ),
    (
        lambda: conv(4, 3)(KEY, np.ones((1,) * 6)),
        V,
        "conv expects images (n, height, width, channels), got (1, 1, 1, 1…",
    ),
    (
        lambda: conv(4, (3, 3, 3))(KEY, IMAGES),
        V,
        "conv expects volumes (n, depth, height, width, channels), got (2, 4, …",
    ),
    (lambda: max_pool(2, dilation=0), V, "max_pool: dilation must be at least 1, got 0"),
    (lambda: avg_pool(2, ceil_mode=1), T, "avg_pool: ceil_mode must be True or False, got int 1"),
    (
        lambda: conv_transpose(3, 3, groups=2),
        V,
        "conv_transpose expects filters that are a multiple of its 2 groups, got 3",
    ),
    (
        lambda: conv_transpose(4, 3, groups=2)(KEY, np.ones((1, 5, 3))),
        V,
        "conv_transpose expects channels that are a multiple of its 2 groups, got 3",
    ),
    (
        lambda: ConvTranspose(np.ones((3, 1, 3)), np.ones(3), groups=2)(np.ones((1, 5, 2))),
        V,
        "conv_transpose expects filters that are a multiple of its 2 groups, got 3",
    ),
    (
        lambda: conv_transpose(4, 3)(KEY, X),
        V,
        "conv_transpose expects images (n, height, width, channels), got (5, 4)…",
    ),
    (
        lambda: conv_transpose(4, 3, padding="causal"),
        V,
        "conv_transpose: padding must be 'same', 'valid' or an integer, …",
    ),
    (
        lambda: conv_transpose(4, 3, 2, output_padding=2)(KEY, IMAGES)(IMAGES),
        V,
        "conv_transpose expects an output_padding below its stride (2, 2), got (2, 2)",
    ),
    (
        lambda: conv_transpose(4, 3, 2, padding=3)(KEY, IMAGES)(IMAGES),
        V,
        "conv_transpose expects a padding below its window, got 3 beside a window of (3, 3)",
    ),
    (
        lambda: conv_transpose(4, 3, 2, padding=2)(KEY, IMAGES)(IMAGES[:, :1]),
        V,
        "conv_transpose expects an x of which something is left, got (2, 1, 4, 2)",
    ),
    (
        lambda: global_max_pool(X),
        V,
        "global_max_pool expects images (n, height, width, channels) or sequences, got (5, …",
    ),
    (lambda: conv(3, 3, groups=2), V, "conv expects filters that are a multiple of its 2 groups, got 3"),
    (lambda: conv(4, 3, groups=0), V, "conv: groups must be at least 1, got 0"),
    (
        lambda: conv(4, 3, groups=2)(KEY, np.ones((1, 5, 5, 3))),
        V,
        "conv expects channels that are a multiple of its 2 groups, got 3",
    ),
    (
        lambda: conv(4, 3)(KEY, X),
        V,
        "conv expects images (n, height, width, channels), got (5, 4); put reshape((2, 2, 1)) before it",
    ),
    (
        lambda: conv(4, 3)(KEY, np.ones((1, 784))),
        V,
        "conv expects images (n, height, width, channels), got (1, 784); put reshape((28, 28, 1)) before it",
    ),
    (
        lambda: conv(4, 3)(KEY, np.ones((1, 3072))),
        V,
        "conv expects images (n, height, width, channels), got (1, 3072); put reshape((32, 32, 3)) before it",
    ),
    (
        lambda: conv(4, 3)(KEY, np.ones((5, 5, 3, 2, 2, 1))),
        V,
        "conv expects images (n, height, width, channels), got (5, 5, 3, 2, 2, 1)",
    ),
    (
        lambda: conv(4, (3, 3))(KEY, np.ones((28, 28, 1))),
        V,
        "conv expects images (n, height, width, channels), got (28, 28, 1); write x[None] for a single image",
    ),
    (
        lambda: conv(4, (3, 3))(KEY, np.ones((5, 28, 28))),
        V,
        "conv expects images (n, height, width, channels), got (5, 28, 28); put reshape((28, 28, 1)) "
        "before it, or write x[None] for a single image",
    ),
    (lambda: conv(4, (3,))(KEY, IMAGES), V, "conv expects sequences (n, time, features), got (2, 4, 4, 2)"),
    (
        lambda: conv(4, 3, stride=(1, 1))(KEY, SEQUENCES)(SEQUENCES),
        V,
        "conv: stride must be an integer or a tuple of 1 for sequences, got (1, 1)",
    ),
    (
        lambda: conv(4, (3, 3), stride=(1,))(KEY, IMAGES)(IMAGES),
        V,
        "conv: stride must be an integer or a tuple of 2 (height, width), got (1,)",
    ),
    (
        lambda: conv(4, 3)(KEY, IMAGES)(IMAGES[..., :1]),
        V,
        "conv expects images (n, height, width, 2), got (2, 4, 4, 1)",
    ),
    (
        lambda: conv(4, 3)(KEY, IMAGES)(X),
        V,
        "conv expects images (n, height, width, channels), got (5, 4); put reshape((2, 2, 1)) before it",
    ),
    (lambda: conv(4, 3)(KEY, SEQUENCES)(IMAGES), V, "conv expects sequences (n, time, features), got (2, 4, 4, 2)"),
    (lambda: conv(4, 3)(KEY, SEQUENCES)(SEQUENCES[..., :1]), V, "conv expects sequences (n, time, 2), got (2, 3, 1)"),
    (
        lambda: conv(4, 5, padding="valid")(KEY, IMAGES)(IMAGES),
        V,
        "conv expects images of at least 5 x 5, got (2, 4, 4, 2); take a smaller size or padding='same'",
    ),
    (
        lambda: conv(4, 5, padding="valid")(KEY, SEQUENCES)(SEQUENCES),
        V,
        "conv expects sequences of at least 5, got (2, 3, 2); take a smaller size or padding='same'",
    ),
    (lambda: conv(4, 3, padding=3)(KEY, IMAGES)(IMAGES), V, "conv expects a padding below its window 3 x 3, got 3"),
    (lambda: Conv(X, FLAT)(IMAGES), V, "conv expects a weight (height, width, inputs, filters), got (5, 4)"),
    (lambda: Conv(np.ones((3, 3, 2, 4)), FLAT)(IMAGES), V, "conv expects a bias (4,), got (5,)"),
    (
        lambda: Conv(np.ones((3, 3, 1, 3)), FLAT[:3], groups=2)(IMAGES),
        V,
        "conv expects filters that are a multiple of its 2 groups, got 3",
    ),
    (lambda: max_pool(0), V, "max_pool: size must be at least 1, got 0"),
    (lambda: avg_pool(2, stride=0), V, "avg_pool: stride must be at least 1, got 0"),
    (
        lambda: max_pool(2, padding="full"),
        V,
        "max_pool: padding must be 'same', 'valid', 'causal' or an integer, got 'full'",
    ),
    (
        lambda: max_pool(2)(X),
        V,
        "max_pool expects images (n, height, width, channels), got (5, 4); put reshape((2, 2, 1)) before it",
    ),
    (
        lambda: avg_pool(2)(np.ones((28, 28))),
        V,
        "avg_pool expects images (n, height, width, channels), got (28, 28); put reshape((height, width, "
        "channels)) before it",
    ),
    (
        lambda: max_pool((2, 2))(np.ones((28, 28, 1))),
        V,
        "max_pool expects images (n, height, width, channels), got (28, 28, 1); write x[None] for a single image",
    ),
    (
        lambda: max_pool(5)(IMAGES),
        V,
        "max_pool expects images of at least 5 x 5, got (2, 4, 4, 2); take a smaller size or padding='same'",
    ),
    (
        lambda: global_avg_pool(X),
        V,
        "global_avg_pool expects images (n, height, width, channels) or sequences, got (5, 4)",
    ),
    # --- initializers ---
    (
        lambda: dense(3, bias=glorot_uniform)(KEY, X),
        V,
        "initializer: a weight has at least two axes (inputs, outputs), got the shape (3,); for a bias "
        "take zeros, uniform or normal",
    ),
    # --- recurrent layers, attention, positions ---
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
        "rnn expects lengths from 0 to 3, the steps there are, got some from 10 to 12",
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
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
