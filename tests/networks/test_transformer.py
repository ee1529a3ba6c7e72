"""A transformer block is its two formulas, with lengths and without."""

import numpy as np
import pytest

from fnn import (
    Key,
    advance,
    attention,
    check_vjp,
    decoder_block,
    inference,
    pick,
    relu,
    rotary,
    serial,
    transformer_block,
    tree,
    vjp,
)
from tests.each_of import each_of
from tests.laws.cases import numbers, random_like
from tests.layers.test_attention import by_loops

LENGTHS = np.array([4, 1, 3])
each_causal = pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])


BLOCKS = {
    "plain": transformer_block(2, 7),
    "causal": transformer_block(3, 5, causal=True),
    "dropout": transformer_block(2, 7, dropout=0.3),
    "relu": transformer_block(1, 4, activation=relu),
}


@pytest.mark.long
@pytest.mark.parametrize("n_and_time", [(3, 4), (1, 1)], ids=str)
@pytest.mark.parametrize("constructor", BLOCKS.values(), ids=BLOCKS)
def test_the_gradients_of_a_block_are_the_numeric_ones(constructor, n_and_time):
    x = numbers(*n_and_time, 6)
    pair = x, LENGTHS[: n_and_time[0]] if n_and_time[1] > 1 else np.array([1])
    for each in (x, pair) if n_and_time[1] > 1 else (x,):
        net = random_like(constructor(Key(0), each))
        assert max(check_vjp(net, each, key=Key(1)).errors.values()) <= 1e-8


@each_causal
def test_a_block_is_its_two_formulas(causal):
    x = numbers(3, 4, 6)
    net = random_like(transformer_block(2, 7, causal, activation=relu)(Key(0), x))
    parts = net.layers[0].body.layers, net.layers[1].body.layers
    assert [type(part).__name__ for part in parts[0] + parts[1]] == [
        "LayerNorm", "Attention", "LayerNorm", "Dense", "Relu", "Dense",
    ]  # fmt: skip

    def norm(layer, x):
        deviation = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        return (x - x.mean(axis=-1, keepdims=True)) / deviation * layer.scale + layer.shift

    (first, attend), (second, widen, _, narrow) = parts
    middle = x + by_loops(attend, norm(first, x))
    hidden = np.maximum(norm(second, middle) @ widen.weight + widen.bias, 0)
    np.testing.assert_allclose(net(x), middle + hidden @ narrow.weight + narrow.bias, rtol=1e-10, atol=1e-11)


@each_causal
def test_a_block_over_pairs_is_the_block_over_each_row_cut_to_its_length(causal):
    x, constructor = numbers(3, 4, 6), transformer_block(2, 7, causal)
    over_pairs, over_rows = constructor(Key(0), (x, LENGTHS)), constructor(Key(0), x)
    over_rows = tree.ravel(over_rows)[1](tree.ravel(over_pairs)[0])  # the same parameters, in the same order
    y, lengths = over_pairs((x, LENGTHS))
    np.testing.assert_array_equal(lengths, LENGTHS)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(y[row, :length], over_rows(x[row : row + 1, :length])[0], rtol=1e-11, atol=1e-12)


def test_blocks_over_pairs_chain_and_what_lies_beyond_a_length_changes_nothing_within():
    x = numbers(3, 4, 6)
    beyond = np.arange(4) >= LENGTHS[:, None]
    filled = np.where(beyond[..., None], 50.0, x)
    net = serial(transformer_block(2, 7), transformer_block(3, 5))(Key(0), (x, LENGTHS))
    (y, _), pullback = vjp(net, (x, LENGTHS))
    (again, _), pullback_again = vjp(net, (filled, LENGTHS))
    dy = np.where(beyond[..., None], 0.0, numbers(3, 4, 6, seed=1))
    gradients = [pull((dy, np.zeros(3))) for pull in (pullback, pullback_again)]
    np.testing.assert_array_equal(y[~beyond], again[~beyond])
    assert tree.allclose(*[(dlayer, dx()[0]) for dlayer, dx in gradients], rtol=1e-12, atol=1e-14)


def test_dropout_stands_in_both_bodies_and_inference_takes_it_out():
    x, key = numbers(3, 4, 6), Key(1)
    for given in (x, (x, LENGTHS)):
        net = transformer_block(2, 7, dropout=0.5)(Key(0), given)
        plain = transformer_block(2, 7)(Key(0), given)
        assert repr(net).count("Dropout(rate=0.5, channels=False)") == 2
        assert "Dropout" not in repr(plain)
        assert tree.allclose((inference(net)(given),), (plain(given),), rtol=1e-13)
        assert not tree.allclose((net(given, key),), (plain(given),))


NORMS = pytest.mark.parametrize("norm_first", [True, False], ids=["norms first", "norms last"])


@NORMS
def test_a_decoder_writes_step_by_step_what_it_writes_at_once(norm_first):
    x, memory = numbers(3, 5, 6), (numbers(3, 4, 8, seed=1), LENGTHS)
    blocks = decoder_block(2, 7, norm_first=norm_first), decoder_block(3, 5, norm_first=norm_first)
    net = random_like(serial(*blocks, pick(0))(Key(0), (x, memory)))
    whole, state = net((x, memory)), None
    for step in range(5):
        y, state = advance(net, (x[:, step : step + 1], memory), state)
        np.testing.assert_allclose(y, whole[:, step : step + 1], rtol=1e-11, atol=1e-12)


@NORMS
def test_a_decoder_s_lengths_are_those_of_its_rows_and_of_the_memory(norm_first):
    x, memory, lengths = numbers(3, 5, 6), numbers(3, 4, 6, seed=1), np.array([5, 0, 2])
    net = random_like(decoder_block(2, 7, norm_first=norm_first)(Key(0), (x, memory)))
    (y, same), (kept, _) = net(((x, lengths), (memory, LENGTHS)))
    np.testing.assert_array_equal(same, lengths)
    np.testing.assert_array_equal(kept, np.where((np.arange(4) < LENGTHS[:, None])[..., None], memory, 0))
    for row in (0, 2):
        alone = net((x[row : row + 1, : lengths[row]], memory[row : row + 1, : LENGTHS[row]]))[0]
        np.testing.assert_allclose(y[row, : lengths[row]], alone[0], rtol=1e-11, atol=1e-12)
    assert not y[1].any()


def test_blocks_take_attentions_with_settings_of_their_own():
    own, look = attention(4, True, kv_heads=2, rotary=rotary, window=(3, 0)), attention(2, softcap=5.0)
    x, memory = numbers(2, 6, 8), numbers(2, 3, 8, seed=1)
    block = random_like(transformer_block(own, 9)(Key(0), x))
    assert block.layers[0].body.layers[1].kv_heads == 2
    decoder = random_like(decoder_block(own, 9, memory_heads=look)(Key(0), (x, memory)))
    for net, given in ((block, (x,)), (decoder, (x, memory))):
        whole, state = net(given if len(given) > 1 else x), None
        for step in range(6):
            piece = (x[:, step : step + 1], *given[1:])
            y, state = advance(net, piece if len(given) > 1 else piece[0], state)
            ours, all_of_it = (y[0], whole[0]) if len(given) > 1 else (y, whole)
            np.testing.assert_allclose(ours, all_of_it[:, step : step + 1], rtol=1e-11, atol=1e-12)


def test_a_causal_block_is_so_with_an_attention_of_its_own():
    x, memory = numbers(2, 6, 8), numbers(2, 3, 8, seed=1)
    own = attention(2, kv_heads=1)
    for causal in (False, True):
        block = transformer_block(own, 9, causal)
        decoder = decoder_block(own, 9, causal, memory_heads=own)
        for net, given in ((block(Key(0), x), (x,)), (decoder(Key(0), (x, memory)), (x, memory))):
            later = (np.concatenate([x[:, :3], -x[:, 3:]], axis=1), *given[1:])
            y, other = (tree.leaves((net(each if len(each) > 1 else each[0]),))[0] for each in (given, later))
            assert np.array_equal(y[:, :3], other[:, :3]) == causal
    assert "kv_heads=1" in repr(block)


def test_dropout_stands_in_all_three_parts_of_a_decoder():
    given = numbers(3, 5, 6), numbers(3, 4, 6, seed=1)
    for norm_first in (True, False):
        net = decoder_block(2, 7, dropout=0.5, norm_first=norm_first)(Key(0), given)
        assert repr(net).count("Dropout(rate=0.5, channels=False)") == 3
        assert "Dropout" not in repr(inference(net))
        assert not np.allclose(net(given, Key(1))[0], net(given, Key(2))[0])


@each_of(
    ("call", "kind", "message"),
    [
        (lambda: decoder_block(attention(2), 4), TypeError, "expects memory_heads beside an attention of its own"),
        (lambda: decoder_block(2, 4, memory_heads=0), ValueError, "decoder_block: memory_heads must be at least 1"),
        (lambda: decoder_block(2, 4, norm_first=1), TypeError, "decoder_block: norm_first must be True or False"),
        (lambda: transformer_block(2, 4, norm_first=1), TypeError, "transformer_block: norm_first must be True or"),
        (
            lambda: decoder_block(2, 4)(Key(0), numbers(2, 3, 4)),
            TypeError,
            r"decoder_block expects \(x, memory\), either with lengths, got float64 array \(2, 3, 4\)",
        ),
        (
            lambda: decoder_block(2, 4)(Key(0), (np.zeros((2, 3), int), numbers(2, 3, 4))),
            ValueError,
            r"decoder_block expects sequences \(n, time, features\), got \(2, 3\); put an embedding before it",
        ),
    ],
)
def test_a_block_refuses(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
