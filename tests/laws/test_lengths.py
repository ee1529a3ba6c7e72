"""Lengths pass through: of (x, lengths) a layer makes of each row what it makes of the row alone, and of none 0."""

import numpy as np
import pytest

import fnn
from fnn import check_vjp, tree, vjp
from fnn.core._structure import walk
from tests.each_of import each_of
from tests.laws.cases import KEY, LAYERS, made, numbers, random_like, sort_of

# Layers in which rows, or the places of values, are no steps of their own.
ROWS_TOGETHER = fnn.BatchNorm | fnn.Dropout | fnn.GaussianNoise
NO_STEPS = fnn.Flatten | fnn.Reshape
TIME = 5
LENGTHS = np.array([3, 0, 1, TIME])


def holds(layer, kinds):
    return any(isinstance(node, kinds) for _, node in walk(layer, every=True))


def sequences_for(layer, x):
    """Sequences that fit a case, or None: its own width, or its own symbols."""
    if isinstance(x, tuple):
        x = x[0] if len(x) > 1 and isinstance(x[1], np.ndarray) and x[1].ndim == 1 else None
    if getattr(x, "ndim", 0) == 3 and x.dtype.kind == "f":
        return numbers(4, TIME, x.shape[2])
    return np.arange(4 * TIME).reshape(4, TIME) % 4 if isinstance(x, np.ndarray) and x.dtype.kind == "i" else None


# By what they show: cases that differ in their inputs alone are one here.
_DISTINCT = {
    (repr(layer), sequences_for(layer, x).shape): (name, layer)
    for name, (layer, x) in LAYERS.items()
    if sequences_for(layer, x) is not None and not holds(layer, NO_STEPS) and "ensemble" not in name
    if not getattr(layer, "also", None)  # which returns something beside the steps
}
CASES = {name: (layer, sequences_for(layer, LAYERS[name][1])) for name, layer in _DISTINCT.values()}
with_lengths = each_of(("layer", "x"), CASES.values(), ids=CASES)


def garbage(x):
    """The same within the lengths, and beyond them what must not be seen."""
    worst = np.nan if x.dtype.kind == "f" else -7
    beyond = np.arange(TIME) >= LENGTHS[:, None]
    return np.where(beyond.reshape(beyond.shape + (1,) * (x.ndim - 2)), np.array(worst, x.dtype), x)


def alone(layer, row):
    y = layer(row[None], KEY)
    return (y[0] if isinstance(y, tuple) else y)[0]


@with_lengths
def test_each_row_is_what_it_is_alone_whatever_lies_beyond_its_length(layer, x):
    y = layer((garbage(x), LENGTHS), KEY)
    if not isinstance(y, tuple):  # a layer that makes one row of the steps
        np.testing.assert_array_equal(y[1], 0)
        if not holds(layer, ROWS_TOGETHER):
            for i in (0, 2, 3):
                np.testing.assert_allclose(y[i], alone(layer, x[i, : LENGTHS[i]]), rtol=1e-12, atol=1e-12)
        return
    values, lengths = y[:2]
    assert lengths[1] == 0
    for row, steps in zip(values, lengths, strict=True):
        np.testing.assert_array_equal(row[steps:], 0)
    if not holds(layer, ROWS_TOGETHER):
        for i in np.flatnonzero(lengths):
            np.testing.assert_allclose(
                values[i, : lengths[i]], alone(layer, x[i, : LENGTHS[i]]), rtol=1e-12, atol=1e-12
            )


@each_of(("layer", "x"), CASES.values(), ids=CASES, one_of_each=sort_of)
def test_the_gradient_by_lengths_is_that_of_each_row_alone_and_0_beyond_them(layer, x):
    """That of a row alone is the numeric one: ``test_laws.py``."""
    y, pullback = vjp(layer, (garbage(x), LENGTHS), KEY)
    dy = tree.map(lambda a: numbers(*a.shape, seed=2), y) if isinstance(y, tuple) else numbers(*y.shape, seed=2)
    dlayer, dx = pullback(dy)
    (dx, dlengths) = dx()
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves((dlayer, dx)))
    assert not dlengths.any()
    assert dx.shape == x.shape
    for row, length in zip(dx, LENGTHS, strict=True):
        np.testing.assert_array_equal(row[length:], 0)
    if not isinstance(y, tuple) or holds(layer, ROWS_TOGETHER):  # a row of no steps counts, or rows count together
        assert max(check_vjp(layer, (x, LENGTHS), key=KEY).errors.values()) <= 1e-8
        return
    sums = tree.zeros_like(dlayer)
    for i in np.flatnonzero(y[1]):
        _, pull = vjp(layer, x[i : i + 1, : LENGTHS[i]], KEY)
        dlayer_alone, dx_alone = pull(dy[0][i : i + 1, : y[1][i]])
        sums = tree.add(sums, dlayer_alone)
        np.testing.assert_allclose(dx[i, : LENGTHS[i]], dx_alone()[0], rtol=1e-10, atol=1e-12)
    assert tree.allclose(dlayer, sums, rtol=1e-10, atol=1e-12)


@each_of("lengths", [np.zeros(4, int), np.full(4, TIME)], ids=["none", "all"])
@with_lengths
def test_no_steps_at_all_are_0_and_all_steps_what_they_are_without_lengths(layer, x, lengths):
    if holds(layer, fnn.BatchNorm) and not lengths.any():
        return  # statistics of no rows are an error, by intention
    y, pullback = vjp(layer, (x, lengths), KEY)
    values = y[0] if isinstance(y, tuple) else y
    if lengths.any():
        expected = layer(x, KEY)
        np.testing.assert_allclose(values, expected[0] if isinstance(expected, tuple) else expected, rtol=1e-10)
    elif isinstance(y, tuple) or isinstance(layer, fnn.LastStep | fnn.GlobalAvgPool):
        assert not values.any()
        dlayer, dx = pullback(tree.map(lambda a: np.ones(a.shape), y) if isinstance(y, tuple) else np.ones_like(y))
        assert not any(leaf.any() for leaf in tree.leaves((dlayer, dx())))


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_the_last_state_of_a_row_of_no_steps_is_its_first_and_so_is_its_gradient(name):
    layer = random_like(made(getattr(fnn, name)(2), 1, TIME, 3))
    first = (numbers(4, 2), numbers(4, 2, seed=1)) if name == "lstm" else numbers(4, 2)
    x = numbers(4, TIME, 3)
    (y, _, last), pullback = vjp(layer, (garbage(x), LENGTHS, first))
    for ours, given in zip(tree.leaves((last,)), tree.leaves((first,)), strict=True):
        np.testing.assert_array_equal(ours[1], given[1])
        assert (ours[0] != given[0]).all()
    assert not y[1].any()
    dlast = tree.map(lambda a: numbers(*a.shape, seed=3), first)
    dfirst = pullback((np.zeros_like(y), np.zeros(4), dlast))[1]()[2]
    for ours, given in zip(tree.leaves((dfirst,)), tree.leaves((dlast,)), strict=True):
        np.testing.assert_array_equal(ours[1], given[1])
    assert max(check_vjp(layer, (x, LENGTHS, first)).errors.values()) <= 1e-8
    (_, _, zero), _ = vjp(layer, (x, LENGTHS, None))
    assert not any(leaf[1].any() for leaf in tree.leaves((zero,)))
    _, _, same = layer((x, np.zeros(4, int), first))
    assert tree.equal((same,), (first,))


@pytest.mark.parametrize("layer", [fnn.flatten, fnn.reshape((5, 3, 1))], ids=repr)
def test_what_keeps_no_steps_says_what_to_put_before_it(layer):
    with pytest.raises(TypeError, match=r"takes no lengths; put last_step or global_avg_pool before it, or pick\(0\)"):
        layer((numbers(4, TIME, 3), LENGTHS))


def test_statistics_are_those_of_the_steps_that_are_there():
    x = numbers(4, TIME, 3)
    layer = fnn.batch_norm()(KEY, (x, LENGTHS))
    there = np.concatenate([row[:length] for row, length in zip(x, LENGTHS, strict=True)])
    y, _ = layer((garbage(x), LENGTHS))
    np.testing.assert_allclose(np.concatenate([y[0, :3], y[2, :1], y[3]]), layer(there), rtol=1e-12)
    np.testing.assert_allclose(fnn.inference(layer, (garbage(x), LENGTHS))(there), layer(there), rtol=1e-9)


@each_of(
    "constructor",
    [
        fnn.dense(3), fnn.layer_norm(), fnn.rms_norm(), fnn.batch_norm(), fnn.conv(3, 2), fnn.positional(),
        fnn.positional(9), fnn.attention(1), fnn.rnn(3), fnn.transformer_block(1, 4), fnn.residual(fnn.dense(3)),
        fnn.bidirectional(fnn.gru(2)), fnn.add(fnn.dense(2), fnn.dense(2)), fnn.concatenate(fnn.dense(2), fnn.rnn(4)),
    ],
    ids=repr,
)  # fmt: skip
def test_a_constructor_makes_of_a_pair_what_it_makes_of_its_values(constructor):
    x = numbers(4, TIME, 3)
    of_pair = constructor(KEY, (x, LENGTHS))
    assert tree.equal(of_pair, constructor(KEY, x))
    assert isinstance(of_pair((x, LENGTHS)), tuple)


def test_a_network_for_text_of_several_lengths_is_written_as_one_for_text_of_one():
    symbols = np.arange(20).reshape(4, TIME) % 6
    parts = fnn.embedding(6, 4), fnn.layer_norm(), fnn.dense(3), fnn.relu, fnn.dropout(0.2), fnn.lstm(3)
    net = fnn.serial(*parts, fnn.global_avg_pool, fnn.dense(2))(KEY, (symbols, LENGTHS))
    wide = tree.map(np.float64, net)
    assert max(check_vjp(wide, (symbols, LENGTHS), key=KEY).errors.values()) <= 1e-8
    evaluated = fnn.inference(net)
    np.testing.assert_allclose(evaluated((symbols, LENGTHS))[2:3], evaluated(symbols[2:3, :1]), rtol=1e-5)


BY_STEPS = {
    "dense": fnn.dense(7), "layer_norm": fnn.layer_norm(), "rnn": fnn.rnn(5), "gru": fnn.gru(5), "lstm": fnn.lstm(5),
    "global_avg_pool": fnn.global_avg_pool, "global_max_pool": fnn.global_max_pool,
}  # fmt: skip


@each_of("name", BY_STEPS)
def test_more_padding_changes_no_bit(name):
    lengths = np.arange(64) % 23
    x, longer = numbers(64, 22, 6).astype(np.float32), np.full((64, 66, 6), np.float32(np.nan))
    longer[:, :22] = x
    net = fnn.serial(fnn.dense(6), BY_STEPS[name])(KEY, (x, lengths))
    y, same = net((x, lengths)), net((longer, lengths))
    y, same = (y[0], same[0][:, :22]) if isinstance(y, tuple) else (y, same)
    np.testing.assert_array_equal(y, same)


def test_the_mean_of_a_row_s_steps_has_the_same_bits_in_every_company():
    x, lengths = numbers(40, 30, 6).astype(np.float32), 1 + np.arange(40) % 30
    together = fnn.global_avg_pool((x, lengths))
    for i in (0, 1, 7, 29):
        np.testing.assert_array_equal(
            fnn.global_avg_pool((x[i : i + 1, : lengths[i]], lengths[i : i + 1]))[0], together[i]
        )
        np.testing.assert_allclose(together[i], x[i, : lengths[i]].mean(axis=0, dtype=np.float64), rtol=1e-6)
    huge = np.full((1, 8, 1), 3e38, np.float32)
    np.testing.assert_allclose(fnn.global_avg_pool((huge, np.array([8]))), 3e38, rtol=1e-6)


def test_residual_and_joins_refuse_other_lengths():
    x = numbers(4, TIME, 3)
    with pytest.raises(ValueError, match=r"residual expects a body that keeps the shape \(4, 5, 3\) and the lengths"):
        fnn.Residual(fnn.max_pool(2))((x, LENGTHS))
    for join in (fnn.add, fnn.concatenate):
        with pytest.raises(ValueError, match=r"expects pairs .* of the same lengths, got tuple of int64 array"):
            join(((x, LENGTHS), (x, LENGTHS[::-1].copy())))


@each_of("layer", [fnn.relu, made(fnn.positional(), 1, 5, 3), fnn.max_pool(2), fnn.global_avg_pool])
def test_lengths_that_do_not_fit_are_refused(layer):
    x = numbers(4, TIME, 3)
    for lengths, words in (([1, 2, 3, 6], "lengths from 0 to 5"), ([1, 2], r"one length a row, \(4,\), got \(2,\)")):
        with pytest.raises(ValueError, match=words):
            layer((x, np.array(lengths)))
    with pytest.raises(ValueError, match="lengths from 0 to 5, the steps there are, got some from -1"):
        layer((x, np.array([1, -1, 2, 3])))
    with pytest.raises(TypeError, match="got a tuple of 2"):
        layer((x, np.array([1.0, 1.0, 2.0, 3.0])))


@each_of(
    "layer",
    [made(fnn.conv(2, 3), 1, 4, 4, 2), fnn.max_pool(2), fnn.avg_pool(2), fnn.global_avg_pool],
    ids=lambda layer: type(layer).__name__,
)
def test_lengths_beside_images_are_refused(layer):
    with pytest.raises(ValueError, match=r"expects lengths beside sequences \(n, time, features\) alone, got \(2, 4"):
        layer((numbers(2, 4, 4, 2), np.array([1, 2])))


@with_lengths
def test_lengths_are_integers_of_any_kind(layer, x):
    expected = layer((x, LENGTHS), KEY)
    for dtype in (np.uint8, np.int8, np.int32, np.uint64):
        assert tree.equal((layer((x, LENGTHS.astype(dtype)), KEY),), (expected,)), dtype
