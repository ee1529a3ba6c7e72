"""What the laws are tried on: layers, losses, penalties, transforms and schedules, with inputs that fit.

A new layer is one line in ``LAYERS``, a transform one in ``TRANSFORMS``, a schedule one in ``SCHEDULES``. A loss is
found by itself; if its targets are not any numbers, it has a line in ``FAMILIES``. Any other function is one line in
``calls.py``. What is public and has no case fails in ``test_contract.py``, which says what to add where.
"""

import numpy as np

import fnn
from fnn import Dense, Key, Reshape, Serial, combined, dense, embedding, l1, l2, mlp, schedules, serial, tree
from fnn.core.keys import normals
from fnn.core.record import is_record
from fnn.layers.initializers import normal

VALUES = {name: getattr(fnn, name) for name in fnn.__all__ if is_record(getattr(fnn, name))}
OF_SEVERAL = ("gaussian_nll", "triplet")  # losses of a tuple of predictions, whose cases are written out below
LOSSES = {
    name: value
    for name, value in VALUES.items()
    if type(value).__module__.startswith("fnn.losses") and name not in OF_SEVERAL
}
ACTIVATIONS = {  # those that keep the shape
    name: value
    for name, value in VALUES.items()
    if type(value).__module__
    in ("fnn.layers.activations", "fnn.layers.smooth", "fnn.layers.hard", "fnn.layers.softmax")
}


def sort_of(name):
    """What a case is a case of, and whether rows have lengths: the first of each sort is tried by default."""
    return name.split(",")[0], "lengths" in name


# Layers that draw random numbers need a key; all others take one and leave it.
KEY = Key(5)


def numbers(*shape, seed=0, dtype=np.float64):
    """Random numbers, none of them near 0, where most kinks are."""
    x = normals(Key(seed, (1,)), shape)
    return (x + 0.1 * np.sign(x)).astype(dtype)


def random_network(seed):
    """Equal and distinct widths, any depth, any smooth or bent activation between."""
    choose = np.random.Generator(np.random.PCG64(seed))
    names = sorted(set(ACTIVATIONS) - {"heaviside"})
    parts = []
    for _ in range(choose.integers(1, 4)):
        parts += [dense(int(choose.choice([1, 3, 3, 5])), normal, normal), ACTIVATIONS[str(choose.choice(names))]]
    nested = serial(serial(*parts[:2]), *parts[2:])
    return nested(Key(seed), np.zeros((1, 3)))


CONSTRUCTORS = {}  # those that the cases below are made with, by what they show


def made(constructor, *shape):
    """A network in float64, of random weights."""
    return constructed(constructor, Key(1), np.zeros(shape))


def constructed(constructor, key, x):
    CONSTRUCTORS[repr(constructor)] = constructor
    return constructor(key, x)


def random_like(layer, seed=0):
    """The same layer with random parameters, so that nothing is hidden by a scale of 1 or a shift of 0."""
    return tree.map(lambda leaf: numbers(*leaf.shape, seed=seed), layer)


def random_dense(n_in, units, seed=0, dtype=np.float64):
    return constructed(dense(units, normal, normal), Key(seed), np.zeros((1, n_in), dtype))


SYMBOLS = np.array([[0, 3, 3], [1, 0, 3]])
LENGTHS = np.array([2, 3, 1])
SHARED = random_dense(4, 4)
TABLE = random_like(constructed(embedding(5, 4), Key(0), SYMBOLS))

LAYERS = {
    **{name: (layer, numbers(5, 3)) for name, layer in ACTIVATIONS.items()},
    **{f"{name}, one sequence": (layer, numbers(1, 3, 4)) for name, layer in ACTIVATIONS.items()},
    "leaky_relu, steep": (fnn.LeakyRelu(slope=1.5), numbers(5, 3)),
    "elu, alpha 0.3": (fnn.Elu(alpha=0.3), numbers(5, 3)),
    "gelu, tanh": (fnn.Gelu(approximate="tanh"), numbers(5, 3)),
    "hard_tanh, from -2 to 0.5": (fnn.HardTanh(-2, 0.5), numbers(5, 3)),
    "hard_sigmoid, steep": (fnn.HardSigmoid(0.4, 0.3), numbers(5, 3)),
    "softmax, axis 1": (fnn.Softmax(axis=1), numbers(2, 3, 4, 2)),
    "log_softmax, axis -2": (fnn.LogSoftmax(axis=-2), numbers(2, 3, 4, 2)),
    "glu": (fnn.glu, numbers(5, 4)),
    "glu, sequences": (fnn.glu, numbers(2, 3, 4)),
    "glu, axis 1": (fnn.Glu(axis=1), numbers(2, 4, 3, 1)),
    "swiglu": (fnn.swiglu, numbers(5, 4)),
    "swiglu, sequences": (fnn.swiglu, numbers(2, 3, 4)),
    "swiglu, axis 1": (fnn.SwiGlu(axis=1), numbers(2, 4, 3, 1)),
    "prelu": (random_like(made(fnn.prelu(), 1, 3)), numbers(5, 3)),
    "prelu, images": (random_like(made(fnn.prelu(0.1), 1, 2, 2, 3)), numbers(2, 3, 3, 3)),
    "prelu, one slope": (fnn.PRelu(numbers(1)), numbers(2, 3, 4)),
    "flatten": (fnn.flatten, numbers(3, 2, 5)),
    "flatten, start 2": (fnn.flatten(start=2), numbers(3, 2, 5, 2)),
    "flatten, lengths": (fnn.flatten(start=2), (numbers(3, 5, 2, 2), LENGTHS)),
    "reshape": (Reshape((3, 2)), numbers(4, 6)),
    "permute": (fnn.permute((0, 3, 1, 2)), numbers(3, 2, 5, 4)),
    "dense": (random_dense(3, 5), numbers(7, 3)),
    "dense, one row": (random_dense(3, 5), numbers(1, 3)),
    "dense, square": (random_dense(3, 3), numbers(3, 3)),
    "dense, one unit": (random_dense(4, 1), numbers(5, 4)),
    "dense, sequences": (random_dense(3, 5), numbers(2, 4, 3)),
    "dense, lengths": (random_dense(3, 5), (numbers(3, 3, 3), LENGTHS)),
    "dense, ensemble": (Dense(numbers(2, 3, 5), numbers(2, 5)), numbers(2, 4, 3)),
    "dropout": (fnn.dropout(0.4), numbers(5, 7)),
    "dropout, channels": (fnn.dropout(0.4, channels=True), numbers(2, 3, 2, 5)),
    "dropout, channels, sequences": (fnn.dropout(0.4, True), numbers(2, 3, 5)),
    "gaussian_noise": (fnn.gaussian_noise(0.3), numbers(5, 3)),
    "gaussian_noise of nothing": (fnn.gaussian_noise(0), numbers(5, 3)),
    "pad": (fnn.pad(((1, 2), 1), 0.5), numbers(2, 3, 2, 2)),
    "pad, sequences": (fnn.pad(1), numbers(2, 3, 2)),
    "crop": (fnn.crop(((1, 0), 1)), numbers(2, 3, 4, 2)),
    "crop, sequences": (fnn.crop(1), numbers(2, 4, 2)),
    "upsample": (fnn.upsample((2, 3)), numbers(2, 3, 2, 2)),
    "upsample, linear": (fnn.upsample(2, "linear"), numbers(2, 3, 2, 2)),
    "upsample, linear, sequences": (fnn.upsample(3, "linear"), numbers(2, 3, 2)),
    "upsample, volumes": (fnn.upsample(2), numbers(1, 2, 1, 2, 2)),
    "dropout of nothing": (fnn.dropout(0), numbers(5, 3)),
    "dropout, inside": (made(serial(dense(4), fnn.dropout(0.5), dense(2)), 1, 3), numbers(5, 3)),
    "scale": (fnn.Scale(numbers(3), numbers(3, seed=1)), numbers(5, 3)),
    "batch_norm": (random_like(made(fnn.batch_norm(), 1, 3)), numbers(7, 3)),
    "batch_norm, a constant column": (random_like(made(fnn.batch_norm(0.5), 1, 2)), np.array([[1.0, 2.0]] * 4)),
    "batch_norm, images": (random_like(made(fnn.batch_norm(), 1, 2, 2, 3)), numbers(3, 2, 3, 3)),
    "layer_norm": (random_like(made(fnn.layer_norm(), 1, 5)), numbers(3, 5)),
    "layer_norm, one row": (random_like(made(fnn.layer_norm(), 1, 5)), numbers(1, 5)),
    "layer_norm, one feature": (random_like(made(fnn.layer_norm(), 1, 1)), numbers(3, 1)),
    "layer_norm, sequences": (random_like(made(fnn.layer_norm(), 1, 2, 4)), numbers(3, 2, 4)),
    "rms_norm": (random_like(made(fnn.rms_norm(), 1, 5)), numbers(2, 3, 5)),
    "layer_norm, images": (random_like(made(fnn.layer_norm(axis=(1, 2, 3)), 1, 2, 3, 2)), numbers(3, 2, 3, 2)),
    "rms_norm, several axes": (random_like(made(fnn.rms_norm(0.1, axis=(-2, -1)), 1, 4, 3, 2)), numbers(2, 4, 3, 2)),
    "group_norm": (random_like(made(fnn.group_norm(2), 1, 2, 3, 4)), numbers(3, 2, 3, 4)),
    "group_norm, rows": (random_like(made(fnn.group_norm(2, 0.1), 1, 6)), numbers(3, 6)),
    "group_norm, sequences": (random_like(made(fnn.group_norm(3), 1, 4, 6)), numbers(2, 4, 6)),
    "instance_norm": (random_like(made(fnn.instance_norm(), 1, 2, 3, 2)), numbers(3, 2, 3, 2)),
    "local_response_norm": (fnn.LocalResponseNorm(3, alpha=0.5), numbers(2, 3, 3, 5)),
    "local_response_norm, wide": (fnn.LocalResponseNorm(9, 2.0, 0.5, 0.3), numbers(3, 5)),
    "norms, inside": (made(serial(dense(4), fnn.batch_norm(), fnn.tanh, fnn.layer_norm()), 1, 3), numbers(5, 3)),
    "embedding": (TABLE, SYMBOLS[0]),
    "embedding, sequences": (TABLE, SYMBOLS),
    "embedding, lengths": (TABLE, (np.tile(SYMBOLS[:1], (3, 1)), LENGTHS)),
    "embedding, inside": (serial(TABLE, dense(3, normal), fnn.tanh)(Key(0), SYMBOLS), SYMBOLS),
    **{
        f"{constructor.__name__}, {kind}": (random_like(made(constructor(3), 1, 2, 2)), x)
        for constructor, state in (
            (fnn.rnn, numbers(3, 3)),
            (fnn.gru, numbers(3, 3)),
            (fnn.lstm, (numbers(3, 3), numbers(3, 3, seed=1))),
        )
        for kind, x in {
            "five steps": numbers(2, 5, 2),
            "one row": numbers(1, 2, 2),
            "one step": numbers(3, 1, 2),
            "lengths": (numbers(3, 3, 2), LENGTHS),
            "lengths and state": (numbers(3, 3, 2), LENGTHS, state),
        }.items()
    },
    "gru, reset before": (random_like(made(fnn.gru(3, reset_after=False), 1, 2, 2)), numbers(2, 5, 2)),
    "gru, reset before, lengths and state": (
        random_like(made(fnn.gru(3, reset_after=False), 1, 2, 2)),
        (numbers(3, 3, 2), LENGTHS, numbers(3, 3)),
    ),
    "recurrent, stacked": (
        made(serial(fnn.rnn(2), fnn.gru(3), fnn.lstm(2), fnn.last_step, dense(2)), 1, 2, 2),
        numbers(2, 3, 2),
    ),
    "bidirectional": (random_like(made(fnn.bidirectional(fnn.lstm(2)), 1, 2, 2)), numbers(2, 3, 2)),
    "bidirectional, lengths": (random_like(made(fnn.bidirectional(fnn.gru(2)), 1, 2, 2)), (numbers(3, 3, 2), LENGTHS)),
    "bidirectional, one step": (random_like(made(fnn.bidirectional(fnn.rnn(3)), 1, 2, 3)), numbers(1, 1, 3)),
    "last_step": (fnn.last_step, numbers(3, 4, 2)),
    "last_step, lengths": (fnn.last_step, (numbers(3, 3, 2), LENGTHS)),
    "attention": (random_like(made(fnn.attention(2), 1, 4, 4)), numbers(3, 4, 4)),
    "attention, causal": (random_like(made(fnn.attention(3, causal=True), 1, 5, 6)), numbers(1, 5, 6)),
    "attention, one step": (random_like(made(fnn.attention(5), 1, 1, 5)), numbers(3, 1, 5)),
    "attention, lengths": (random_like(made(fnn.attention(2), 1, 4, 4)), (numbers(3, 3, 4), LENGTHS)),
    "attention, all settings": (
        random_like(made(fnn.attention(4, True, 2, (2, None), fnn.rotary(base=50.0), 3.0), 1, 5, 8)),
        numbers(3, 5, 8),
    ),
    "attention, weights": (random_like(made(fnn.attention(2, also="weights"), 1, 4, 4)), numbers(3, 4, 4)),
    "attention, memory": (
        random_like(constructed(fnn.attention(2), KEY, (numbers(1, 4, 4), numbers(1, 3, 4)))),
        (numbers(3, 4, 4), numbers(3, 3, 4, seed=1)),
    ),
    "attention, query, key, value, mask": (
        random_like(constructed(fnn.attention(2), KEY, (numbers(1, 4, 4), numbers(1, 3, 5), numbers(1, 3, 2)))),
        (numbers(3, 4, 4), numbers(3, 3, 5, seed=1), numbers(3, 3, 2, seed=2), numbers(3, 2, 4, 3)),
    ),
    "attention, lengths of both": (
        random_like(constructed(fnn.attention(2), KEY, (numbers(1, 4, 4), numbers(1, 3, 4)))),
        ((numbers(3, 4, 4), LENGTHS), (numbers(3, 3, 4, seed=1), LENGTHS[::-1].copy())),
    ),
    "dot_product_attention, mask": (
        fnn.dot_product_attention(heads=2),
        (numbers(3, 4, 4), numbers(3, 3, 4, seed=1), numbers(3, 3, 6, seed=2), numbers(3, 1, 4, 3) > 0),
    ),
    "dot_product_attention, all settings": (
        fnn.DotProductAttention(4, True, 2, (1, None), 0.3, 2.0, "products", 1),
        (numbers(3, 4, 8), numbers(3, 5, 4, seed=1), numbers(3, 5, 4, seed=2)),
    ),
    "dot_product_attention, its own steps": (fnn.dot_product_attention(heads=2), numbers(3, 4, 4)),
    "rotary": (fnn.rotary, numbers(3, 4, 6)),
    "rotary, cosines and sines": (
        fnn.rotary(features=4),
        (numbers(3, 4, 2, 6), numbers(3, 4, 2, seed=1), numbers(3, 4, 2, seed=2)),
    ),
    "rotary, by head": (fnn.Rotary(100.0, 2, True), numbers(3, 4, 2, 3)),
    "positional": (made(fnn.positional(), 1, 4, 5), numbers(3, 4, 5)),
    "positional, learned": (random_like(made(fnn.positional(7), 1, 4, 5)), numbers(3, 4, 5)),
    "transformer_block": (random_like(made(fnn.transformer_block(2, 3), 1, 4, 4)), numbers(2, 3, 4)),
    "transformer_block, dropout": (
        random_like(made(fnn.transformer_block(2, 3, True, 0.3), 1, 3, 2)),
        numbers(2, 3, 2),
    ),
    "transformer_block, lengths": (
        random_like(made(fnn.transformer_block(1, 3), 1, 3, 2)),
        (numbers(3, 3, 2), LENGTHS),
    ),
    "transformer_block, norms last": (
        random_like(made(fnn.transformer_block(2, 3, norm_first=False), 1, 4, 4)),
        numbers(2, 3, 4),
    ),
    "decoder_block": (
        random_like(constructed(fnn.decoder_block(1, 2), KEY, (numbers(1, 3, 3), numbers(1, 2, 3)))),
        (numbers(2, 3, 3), numbers(2, 2, 3, seed=1)),
    ),
    "decoder_block, lengths, norms last": (
        random_like(constructed(fnn.decoder_block(1, 3, norm_first=False), KEY, (numbers(1, 3, 3), numbers(1, 2, 3)))),
        ((numbers(3, 3, 3), LENGTHS), (numbers(3, 3, 3, seed=1), LENGTHS[::-1].copy())),
    ),
    "conv": (random_like(made(fnn.conv(3, 3), 1, 5, 4, 2)), numbers(2, 5, 4, 2)),
    "conv, one image": (random_like(made(fnn.conv(2, (2, 3)), 1, 3, 5, 1)), numbers(1, 3, 5, 1)),
    "conv, 1 x 1": (random_like(made(fnn.conv(2, 1), 1, 3, 4, 3)), numbers(2, 3, 4, 3)),
    "conv, stride, groups": (random_like(made(fnn.conv(4, 3, 2, "valid", groups=2), 1, 6, 5, 4)), numbers(2, 6, 5, 4)),
    "conv, dilation": (random_like(made(fnn.conv(2, 3, dilation=2), 1, 5, 4, 2)), numbers(2, 5, 4, 2)),
    "conv, sequences": (random_like(made(fnn.conv(3, 3, 2), 1, 7, 2)), numbers(2, 7, 2)),
    "conv, lengths": (random_like(made(fnn.conv(3, 3, 2), 1, 7, 2)), (numbers(3, 3, 2), LENGTHS)),
    "conv, sides": (random_like(made(fnn.conv(2, 3, 2, ((0, 1), (2, 0))), 1, 5, 4, 2)), numbers(2, 5, 4, 2)),
    "conv, causal": (random_like(made(fnn.conv(3, 3, padding="causal", dilation=2), 1, 7, 2)), numbers(2, 7, 2)),
    "conv, volumes": (random_like(made(fnn.conv(2, 2, (1, 2, 1), 1), 1, 3, 4, 3, 2)), numbers(2, 3, 4, 3, 2)),
    "conv_transpose": (random_like(made(fnn.conv_transpose(3, 3, 2), 1, 3, 2, 2)), numbers(2, 3, 2, 2)),
    "conv_transpose, all settings": (
        random_like(made(fnn.conv_transpose(4, (2, 3), (3, 2), ((1, 0), 1), (1, 2), 2, (2, 0)), 1, 3, 2, 4)),
        numbers(2, 3, 2, 4),
    ),
    "conv_transpose, sequences": (random_like(made(fnn.conv_transpose(2, 3, 2, "valid"), 1, 4, 3)), numbers(2, 4, 3)),
    "conv_transpose, volumes": (
        random_like(made(fnn.conv_transpose(2, 2, 3), 1, 2, 1, 2, 2)),
        numbers(2, 2, 1, 2, 2),
    ),
    "separable_conv": (random_like(made(fnn.separable_conv(3, 2, multiplier=2), 1, 3, 4, 2)), numbers(2, 3, 4, 2)),
    "conv, inside": (
        made(serial(fnn.conv(2, 3), fnn.tanh, fnn.max_pool(2), fnn.flatten, dense(2)), 1, 4, 4, 1),
        numbers(3, 4, 4, 1),
    ),
    "max_pool": (fnn.max_pool(2), numbers(2, 4, 6, 3)),
    "max_pool, overlapping": (fnn.max_pool(3, 2, "same"), numbers(2, 5, 4, 2)),
    "max_pool, sequences": (fnn.max_pool(2), numbers(3, 3, 2)),
    "avg_pool": (fnn.avg_pool(2), numbers(2, 4, 6, 3)),
    "avg_pool, overlapping": (fnn.avg_pool(3, 2, "same"), numbers(2, 5, 4, 2)),
    "avg_pool, sequences": (fnn.avg_pool(3, 2, 1), numbers(3, 3, 2)),
    "avg_pool, lengths": (fnn.avg_pool(3, 2, 1), (numbers(3, 3, 2), LENGTHS)),
    "max_pool, lengths": (fnn.max_pool(2, 1, "same"), (numbers(3, 3, 2), LENGTHS)),
    "max_pool, volumes": (fnn.max_pool(2), numbers(2, 4, 2, 5, 3)),
    "max_pool, dilation, last window": (fnn.max_pool(3, 2, ((0, 1), 1), 2, True), numbers(2, 7, 6, 2)),
    "max_pool, causal": (fnn.max_pool(3, 2, "causal"), numbers(2, 5, 2)),
    "max_pool, last window, sequences": (fnn.max_pool(3, 2, ((1, 0),), 1, True), numbers(2, 6, 2)),
    "max_pool, dilation, sequences": (fnn.max_pool(2, 1, dilation=3), numbers(2, 5, 2)),
    "avg_pool, volumes": (fnn.avg_pool(2, 1), numbers(2, 3, 2, 4, 3)),
    "avg_pool, dilation, last window": (fnn.avg_pool(3, 2, ((0, 1), 1), 2, True), numbers(2, 7, 6, 2)),
    "avg_pool, last window, sequences": (fnn.avg_pool(3, 2, ((1, 0),), ceil_mode=True), numbers(2, 6, 2)),
    "global_max_pool": (fnn.global_max_pool, numbers(2, 3, 4, 5)),
    "global_max_pool, sequences": (fnn.global_max_pool, numbers(3, 5, 2)),
    "global_avg_pool": (fnn.global_avg_pool, numbers(2, 3, 4, 5)),
    "global_avg_pool, lengths": (fnn.global_avg_pool, (numbers(3, 3, 2), LENGTHS)),
    "serial, empty": (Serial(()), numbers(4, 3)),
    "serial, leading flatten": (serial(fnn.flatten, dense(2))(Key(0), np.zeros((1, 2, 3))), numbers(4, 2, 3)),
    "serial, nothing to learn": (Serial((fnn.tanh, fnn.sigmoid)), numbers(4, 3)),
    "mlp": (made(mlp(4, 3), 1, 5), numbers(3, 5)),
    "ensemble": (random_like(made(fnn.ensemble(mlp(4, 3, activation=fnn.tanh), 2), 1, 5)), numbers(2, 3, 5)),
    "ensemble, one after the other": (
        made(fnn.ensemble(serial(dense(4), fnn.layer_norm(), fnn.dropout(0.3), fnn.flatten, dense(2)), 2), 1, 3),
        numbers(2, 3, 3),
    ),
    "parallel": (made(fnn.parallel(dense(2), fnn.tanh, dense(5)), 1, 3), numbers(4, 3)),
    "parallel, one branch": (made(fnn.parallel(dense(2)), 1, 3), numbers(4, 3)),
    "parallel, inside": (made(serial(dense(3), fnn.parallel(dense(2), dense(2)), fnn.add), 1, 4), numbers(4, 4)),
    "pick": (fnn.pick(1), (numbers(4, 3), numbers(4, 2))),
    "pick, inside": (fnn.Parallel((fnn.pick(1), fnn.pick(0), fnn.pick(1))), (numbers(4, 3), numbers(4, 2))),
    "concatenate": (fnn.concatenate, (numbers(4, 3), numbers(4, 2, seed=1))),
    "concatenate, constructors": (made(fnn.concatenate(dense(2), dense(3)), 1, 4), numbers(3, 4)),
    "add": (fnn.add, (numbers(4, 3), numbers(4, 3, seed=1), numbers(4, 3, seed=2))),
    "concatenate, axis 1": (fnn.concatenate(axis=1), (numbers(4, 3, 2, 1), numbers(4, 1, 2, 1, seed=1))),
    "concatenate, lengths": (fnn.concatenate, ((numbers(3, 3, 2), LENGTHS), (numbers(3, 3, 1, seed=1), LENGTHS))),
    "add, axes of 1": (fnn.add, (numbers(4, 3, 2, 1), numbers(4, 1, 2, 1, seed=1), numbers(4, 3, 1, 1, seed=2))),
    "multiply": (fnn.multiply, (numbers(4, 3), numbers(4, 3, seed=1), numbers(4, 3, seed=2))),
    "multiply, axes of 1": (fnn.multiply, (numbers(4, 3, 2, 1), numbers(4, 1, 1, 1, seed=1))),
    "multiply, lengths": (fnn.multiply, ((numbers(3, 3, 2), LENGTHS), (numbers(3, 3, 1, seed=1), LENGTHS))),
    "multiply, constructors": (made(fnn.multiply(dense(2), serial(dense(2), fnn.sigmoid)), 1, 4), numbers(3, 4)),
    "add, lengths": (fnn.add, ((numbers(3, 3, 2), LENGTHS), (numbers(3, 3, 2, seed=1), LENGTHS))),
    "add, one": (fnn.add, (numbers(4, 3),)),
    "add, constructors": (made(fnn.add(dense(2), dense(2)), 1, 4), numbers(3, 4)),
    "residual": (made(fnn.residual(dense(3), fnn.tanh), 1, 3), numbers(4, 3)),
    "residual, lengths": (made(fnn.residual(dense(3), fnn.tanh), 1, 3), (numbers(3, 3, 3), LENGTHS)),
    "residual, one layer": (made(fnn.residual(dense(3)), 1, 3), numbers(4, 3)),
    "residual, nested": (made(fnn.residual(fnn.residual(dense(3)), fnn.tanh), 1, 3), numbers(4, 3)),
    "graph": (
        fnn.Graph(
            (
                fnn.Node(fnn.tanh, ("x",), "a"),
                fnn.Node(SHARED, ("a",), "b"),
                fnn.Node(fnn.add, ("x", "a", "b"), "c"),
                fnn.Node(SHARED, ("c",), "d"),
                fnn.Node(fnn.concatenate, ("d", "x"), "y"),
            ),
            ("x",),
            ("y",),
        ),
        numbers(3, 4),
    ),
    "graph, two inputs and outputs": (
        fnn.Graph(
            (
                fnn.Node(fnn.parallel(dense(2), fnn.tanh)(Key(1), np.zeros((1, 4))), ("x0",), "pair"),
                fnn.Node(fnn.pick(0), ("pair",), "a"),
                fnn.Node(fnn.concatenate, ("a", "x1"), "b"),
                fnn.Node(fnn.sigmoid, ("x1",), "unused"),
            ),
            ("x0", "x1"),
            ("b", "a"),
        ),
        (numbers(3, 4), numbers(3, 2)),
    ),
    "a layer used twice": (Serial((SHARED, fnn.tanh, SHARED)), numbers(5, 4)),
    "a layer used twice, in branches": (
        Serial((fnn.Parallel((Serial((fnn.pick(0), SHARED)), Serial((fnn.pick(1), SHARED)))), fnn.add)),
        (numbers(3, 4), numbers(3, 4, seed=1)),
    ),
    **{f"random network {seed}": (random_network(seed), numbers(4, 3)) for seed in range(10)},
}

WEIGHTS = np.array([1.0, 2.0, 0.0, 0.5, 3.0])
STEP_WEIGHTS = np.array([[1.0, 0.0], [2.0, 0.5], [0.0, 0.0], [3.0, 1.0], [0.1, 4.0]])
STEPS = np.array([2, 1, 0, 1, 2])  # how many of two steps are there
SOFT = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3]])
LABELS = np.array([0, 2, 1, 2, 0])
SIGNS = np.where(SOFT > 0.3, 1.0, -1.0)

# The kinds of targets that a loss takes for predictions (5, 3); a loss that is not here takes any values.
TARGETS = {
    "values": SOFT,
    "vectors": SOFT,
    "probabilities": SOFT,
    "signs": SIGNS,
    "distributions": SOFT,
    "labels": LABELS,
}
OF_ROWS = ("vectors", "distributions", "labels")  # those of losses that have one number for the three
FAMILIES = {
    "binary_cross_entropy": ("probabilities",),  # each from 0 to 1
    "hinge": ("signs",),
    "kl_divergence": ("distributions",),  # the probabilities of a row sum to 1
    "cross_entropy": ("distributions", "labels"),
    "nll": ("distributions", "labels"),
    "focal": ("distributions", "labels"),
    "binary_focal": ("probabilities",),
    "poisson_nll": ("probabilities",),  # 0 or more
    "cosine_distance": ("vectors",),
}


def families(loss):
    """The kinds of targets of a loss, by its name."""
    return FAMILIES.get(loss, ("values",))


def target_for(loss):
    """A target (5, 3) that fits a loss."""
    return TARGETS[families(loss)[0]]


def _loss_cases():
    for name, loss in LOSSES.items():
        for kind in families(name):
            case, target = f"{name}, {kind}", TARGETS[kind]
            yield case, (loss, numbers(5, 3), target)
            yield f"{case}, weights", (loss, numbers(5, 3), target, WEIGHTS)
            yield f"{case}, one row", (loss, numbers(1, 3), target[1:2])
            steps = np.stack([target, target], 1)
            sequences = loss, numbers(5, 2, 3), steps
            yield f"{case}, sequences", sequences
            yield f"{case}, sequences, weights", (*sequences, WEIGHTS)
            yield f"{case}, sequences, weights of steps", (*sequences, STEP_WEIGHTS)
            yield f"{case}, lengths", (loss, (numbers(5, 2, 3), STEPS), steps)
            yield f"{case}, lengths, weights", (loss, (numbers(5, 2, 3), STEPS), steps, WEIGHTS)
            yield f"{case}, lengths, weights of steps", (loss, (numbers(5, 2, 3), STEPS), steps, STEP_WEIGHTS)
            if hasattr(loss, "label_smoothing"):
                smooth = type(loss)(label_smoothing=0.2)
                yield f"{case}, smoothed", (smooth, numbers(5, 3), target)
                yield f"{case}, smoothed, weights", (smooth, numbers(5, 3), target, WEIGHTS)
            if kind not in OF_ROWS:
                yield f"{case}, one axis", (loss, numbers(5), target[:, 0])
            for setting, value in {"class_weights": (0.5, 0.0, 3.0), "positive_weight": 3.0}.items():
                if hasattr(loss, setting):
                    weighted = type(loss)(**{setting: value})
                    yield f"{case}, {setting}", (weighted, numbers(5, 3), target)
                    yield f"{case}, {setting}, sequences, weights", (weighted, numbers(5, 2, 3), steps, WEIGHTS)
            if hasattr(loss, "ignore") and kind == "labels":
                ignoring = type(loss)(ignore=2)
                yield f"{case}, ignored", (ignoring, numbers(5, 3), target)
                yield f"{case}, ignored, weights", (ignoring, numbers(5, 3), target, WEIGHTS)
                yield f"{case}, ignored, lengths", (ignoring, (numbers(5, 2, 3), STEPS), steps)
    for gamma in (0.0, 0.5, 3.0):
        yield f"focal, gamma {gamma}", (fnn.Focal(gamma), numbers(5, 3), LABELS)
        yield f"binary_focal, gamma {gamma}", (fnn.BinaryFocal(gamma), numbers(5, 3), SOFT)
    for case, shape, further in (
        ("", (5, 3), ()),
        (", one row", (1, 3), ()),
        (", weights", (5, 3), (WEIGHTS,)),
        (", sequences, weights of steps", (5, 2, 3), (STEP_WEIGHTS,)),
    ):
        mean, variance, target = numbers(*shape), 1 + numbers(*shape, seed=1) ** 2, numbers(*shape, seed=2)
        yield f"gaussian_nll{case}", (fnn.gaussian_nll, (mean, variance), target, *further)
        for margin, squared in ((0.2, True), (30.0, True), (5.0, False)):
            loss = fnn.Triplet(margin, squared)
            yield f"triplet{case}, {margin}, {squared}", (loss, (mean, variance, target), None, *further)
    paired = (numbers(5, 2, 3), STEPS), (1 + numbers(5, 2, 3, seed=1) ** 2, STEPS)
    yield "gaussian_nll, lengths", (fnn.gaussian_nll, paired, numbers(5, 2, 3, seed=2), WEIGHTS)
    three = *paired, (numbers(5, 2, 3, seed=3), STEPS)
    yield "triplet, lengths", (fnn.Triplet(9.0), three, LABELS)
    yield "gaussian_nll, one axis", (fnn.gaussian_nll, (numbers(5), 1 + numbers(5, seed=1) ** 2), numbers(5, seed=2))
    yield "huber, delta 0.3", (fnn.Huber(delta=0.3), numbers(5, 3), SOFT)
    two = combined(fnn.mse, fnn.cross_entropy, weights=(1.0, 0.3))
    yield "combined", (two, (numbers(5, 2), numbers(5, 3)), (numbers(5, 2, seed=1), LABELS))
    yield "combined, weights", (two, (numbers(5, 2), numbers(5, 3)), (numbers(5, 2, seed=1), LABELS), WEIGHTS)


LOSS_CASES = dict(_loss_cases())


def is_bias(path):
    return path.endswith("bias")


_PARAMS = random_like(mlp(4, 3)(Key(0), np.zeros((1, 5))))
PENALTIES = {
    "l1": (l1(0.3), _PARAMS),
    "l1, all": (l1(0.3, ""), _PARAMS),
    "l2": (l2(0.3), _PARAMS),
    "l2, one layer": (l2(0.3, "layers[2]"), _PARAMS),
    "l2, biases": (l2(0.3, is_bias), _PARAMS),
    "l2, a layer used twice": (l2(0.3), Serial((SHARED, fnn.tanh, SHARED))),
}

TRANSFORMS = {
    "trace": fnn.trace(0.9),
    "trace, nesterov": fnn.trace(0.9, nesterov=True),
    "scale_by_adam": fnn.scale_by_adam(),
    "scale_by_rms": fnn.scale_by_rms(),
    "scale_by_adagrad": fnn.scale_by_adagrad(),
    "clip": fnn.clip(0.5),
    "clip_by_global_norm": fnn.clip_by_global_norm(0.5),
    "weight_decay": fnn.weight_decay(0.1),
    "weight_decay, weights": fnn.weight_decay(0.1, tree.is_weight),
    "freeze": fnn.freeze("layers[0]"),
    "descend": fnn.descend(0.1),
    "descend, schedule": fnn.descend(schedules.inverse_time(0.1, 1.0)),
    "sgd": fnn.sgd(0.1),
    "sgd, momentum": fnn.sgd(0.1, momentum=0.9),
    "sgd, nesterov": fnn.sgd(0.1, momentum=0.9, nesterov=True),
    "adagrad": fnn.adagrad(0.1),
    "rmsprop": fnn.rmsprop(0.1),
    "rmsprop, momentum": fnn.rmsprop(0.1, momentum=0.5),
    "adam": fnn.adam(1e-3),
    "adamw": fnn.adamw(1e-3, where=tree.is_weight),
    "adam, amsgrad": fnn.adam(1e-3, amsgrad=True),
    "rmsprop, centered": fnn.rmsprop(0.01, centered=True, eps=1e-3),
    "scale_by_nadam": fnn.scale_by_nadam(),
    "scale_by_adamax": fnn.scale_by_adamax(),
    "scale_by_adadelta": fnn.scale_by_adadelta(),
    "scale_by_lion": fnn.scale_by_lion(),
    "nadam": fnn.nadam(1e-3),
    "adamax": fnn.adamax(1e-3),
    "adadelta": fnn.adadelta(),
    "lion": fnn.lion(1e-3, 0.1, where=tree.is_weight),
    "chain": fnn.chain(fnn.clip_by_global_norm(0.5), fnn.trace(0.5), fnn.scale_by_adam(), fnn.descend(0.1)),
    "accumulate_gradients": fnn.accumulate_gradients(2, fnn.adam(1e-3)),
    "masked": fnn.masked("layers[0]", fnn.adam(1e-3), fnn.sgd(0.1, momentum=0.9)),
    "masked, weights": fnn.chain(fnn.masked(tree.is_weight, fnn.scale_by_lion()), fnn.descend(0.01)),
    "masked, one in the other": fnn.masked(
        tree.is_weight,
        fnn.masked("layers[0]", fnn.adam(1e-3), fnn.lion(1e-3)),
        fnn.accumulate_gradients(2, fnn.adadelta()),
    ),
}

SCHEDULES = {  # over 60 steps
    "constant": schedules.constant(0.05),
    "piecewise": schedules.piecewise([20, 40], [0.1, 0.05, 0.01]),
    "exponential": schedules.exponential(0.1, 0.5, steps=20),
    "inverse_time": schedules.inverse_time(0.1, 0.1),
    "cosine": schedules.cosine(0.1, 60),
    "warmup": schedules.warmup(10, schedules.cosine(0.1, 50)),
    "one_cycle": schedules.one_cycle(0.1, 60),
    "polynomial": schedules.polynomial(0.1, 60, 2.0, 0.001),
    "cosine_restarts": schedules.cosine_restarts(0.1, 10, 2),
    "join": schedules.join([schedules.polynomial(0.1, 20), 0.05, schedules.cosine(0.1, 20)], [20, 40]),
}
