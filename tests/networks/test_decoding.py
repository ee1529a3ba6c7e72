"""Step by step, ``advance`` returns what one call on the whole sequence returns; its states are values."""

import re

import numpy as np
import pytest

from fnn import (
    Key,
    Lstm,
    Serial,
    add,
    advance,
    attention,
    batch_norm,
    bidirectional,
    concatenate,
    dense,
    dot_product_attention,
    dropout,
    embedding,
    flatten,
    gru,
    last_step,
    layer_norm,
    lstm,
    parallel,
    pick,
    positional,
    relu,
    reshape,
    residual,
    rnn,
    rotary,
    serial,
    tanh,
    transformer_block,
    tree,
)
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like

T, V = TypeError, ValueError
SYMBOLS = np.array([[0, 3, 3, 1, 4], [1, 0, 2, 4, 4]])
X = numbers(4, 3, 2)


def close(ours, expected):
    for a, b in zip(tree.leaves((ours,)), tree.leaves((expected,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def step_by_step(net, x):
    ys, state = [], None
    for t in range(x.shape[1]):
        y, state = advance(net, x[:, t : t + 1], state)
        ys.append(y)
    return np.concatenate(ys, axis=1)


@each_of(
    "constructor",
    [
        rnn(3), lstm(3), gru(3), dense(2), relu, layer_norm(),
        serial(lstm(3), gru(4), dense(2)),
        serial(dense(3), residual(serial(gru(3), tanh)), dense(2)),
        serial(parallel(rnn(3), serial(lstm(2), dense(3))), add),
        serial(concatenate(rnn(3), dense(2)), residual(lstm(5))),
        serial(parallel(rnn(2), gru(3)), pick(1)),
    ],
    ids=repr,
)  # fmt: skip
def test_step_by_step_is_the_whole_sequence(constructor):
    x = numbers(2, 5, 3)
    net = random_like(serial(constructor)(Key(0), x))
    close(step_by_step(net, x), net(x))
    y, state = advance(net, x[:, :3])
    close((y, advance(net, x[:, 3:], state)[0]), (net(x)[:, :3], net(x)[:, 3:]))


def test_a_state_is_a_value_from_which_to_go_on_twice():
    net, x = random_like(made(serial(lstm(3), dense(2)), 1, 2, 3)), numbers(2, 3, 3)
    _, state = advance(net, x[:, :1])
    first, _ = advance(net, x[:, 1:2], state)
    other, _ = advance(net, x[:, 2:], state)
    again, _ = advance(net, x[:, 1:2], state)
    assert tree.equal((first,), (again,))
    assert not np.array_equal(first, other)


def test_symbols_are_taken_one_at_a_time():
    symbols = np.array([[0, 3, 1], [2, 2, 0]])
    net = random_like(serial(embedding(4, 3), gru(5), dense(4))(Key(0), symbols))
    close(step_by_step(net, symbols), net(symbols))


def test_the_last_step_of_a_step_is_the_step_itself():
    x = numbers(2, 4, 3)
    net, state = random_like(made(serial(rnn(3), last_step, dense(2)), 1, 2, 3)), None
    for t in range(4):
        y, state = advance(net, x[:, t : t + 1], state)
        close(y, net(x[:, : t + 1]))


def language_model(code=None, causal=True):
    code = code or positional()
    body = transformer_block(2, 7, causal), transformer_block(3, 5, causal), layer_norm(), dense(4)
    return serial(embedding(5, 6), code, *body)(Key(0), SYMBOLS)


def advanced(net, x, cuts, state=None):
    """What ``advance`` gives, piece by piece."""
    pieces = []
    for piece in np.split(x, cuts, axis=1):
        y, state = advance(net, piece, state)
        pieces.append(y)
    return np.concatenate(pieces, axis=1), state


@each_of("cuts", [[1, 2, 3, 4], [3, 4], [2]], ids=["step by step", "a beginning first", "two halves"])
@each_of("code", [positional(), positional(5)], ids=["sinusoidal", "learned"])
def test_step_by_step_a_causal_model_gives_what_it_gives_at_once(code, cuts):
    net = tree.map(np.float64, random_like(language_model(code)))
    y, _ = advanced(net, SYMBOLS, cuts)
    np.testing.assert_allclose(y, net(SYMBOLS), rtol=1e-11, atol=1e-12)


def test_a_state_is_a_value_that_can_be_continued_in_two_ways():
    net = tree.map(np.float64, random_like(language_model()))
    begun, state = advanced(net, SYMBOLS[:, :3], [1, 2])
    ways = np.array([[1, 1], [4, 0]]), np.array([[2, 3], [0, 0]])
    for way in (*ways, ways[0]):
        after, _ = advanced(net, way, [1], state)
        whole = net(np.concatenate([SYMBOLS[:, :3], way], axis=1))
        np.testing.assert_allclose(np.concatenate([begun, after], axis=1), whole, rtol=1e-11, atol=1e-12)


def test_a_step_stays_float32_and_its_state_holds_no_more_than_keys_and_values():
    layer, x = attention(2, causal=True)(Key(0), np.zeros((1, 1, 6), np.float32)), numbers(3, 2, 6, dtype=np.float32)
    y, state = advance(layer, x[:, :1])
    y, state = advance(layer, x[:, 1:], state)
    assert y.dtype == np.float32
    assert [(part.shape, part.dtype) for part in state] == [((3, 2, 2, 3), np.float32)] * 2
    assert all(part.base is None for part in advance(layer, x)[1])


def test_a_memory_that_somebody_writes_to_is_another_one_at_the_next_step():
    x, memory = numbers(2, 2, 4), numbers(2, 3, 5, seed=1)
    layer = attention(2)(Key(0), (x, memory))
    _, state = advance(layer, (x[:, :1], memory))
    memory *= -2.0
    close(advance(layer, (x[:, 1:], memory), state)[0], layer((x[:, 1:], memory)))


def test_a_step_whose_products_overflow_is_what_it_is_in_the_whole():
    x = 3e20 * numbers(2, 4, 6, dtype=np.float32)
    layer = attention(2, causal=True)(Key(0), x)
    y = step_by_step(layer, x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, layer(x), rtol=1e-5)


@each_of(
    ("layer", "message"),
    [
        (dropout(0.5), "Dropout at layers[1] cannot advance: call inference(params) first, which removes it"),
        (
            made(batch_norm(), 1, 2),
            "BatchNorm at layers[1] cannot advance on the statistics of one step: call inference",
        ),
        (
            made(bidirectional(rnn(3)), 1, 2, 2),
            "Bidirectional at layers[1] cannot advance: it needs the whole sequence",
        ),
        (flatten, "Flatten at layers[1] cannot advance: it needs the whole sequence"),
        (reshape((2,)), "Reshape at layers[1] cannot advance: it needs the whole sequence"),
        (pick(0), "pick at layers[1] expects a tuple"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_take_a_step_says_why(layer, message):
    with pytest.raises(T, match=re.escape(message)):
        advance(Serial((relu, layer)), X[:, :1])


def test_advance_takes_its_own_states_and_no_lengths():
    net = made(serial(rnn(3), parallel(dense(2), dense(2))), 1, 2, 2)
    with pytest.raises(
        V, match=re.escape("Serial expects the state that advance returned, a tuple of 2, got tuple (None,)")
    ):
        advance(net, X[:, :1], (None,))
    with pytest.raises(
        V, match=re.escape("Parallel at layers[1] expects the state that advance returned, a tuple of 2")
    ):
        advance(net, X[:, :1], (None, (None,)))
    with pytest.raises(
        T, match=re.escape("advance at layers[0] expects one step of every row, (n, 1, features), got a")
    ):
        advance(net, (X[:, :1], np.ones(4, int)))
    with pytest.raises(V, match=re.escape("rnn at layers[0] expects a state (4, 3), rows and units, got (2, 3)")):
        advance(net, X[:, :1], (np.zeros((2, 3)), None))
    with pytest.raises(T, match="vjp expects a finished layer"):
        advance(rnn(3), X)


def test_positions_that_are_turned_are_counted():
    x, state, pieces = numbers(2, 5, 4), None, []
    for piece in np.split(x, [1, 3], axis=1):
        y, state = advance(rotary, piece, state)
        pieces.append(y)
    close(np.concatenate(pieces, axis=1), rotary(x))
    assert state == 5
    with pytest.raises(
        TypeError, match="dot_product_attention cannot advance: it has no keys to keep; write attention"
    ):
        advance(dot_product_attention, x)
    with pytest.raises(V, match=re.escape("rotary expects sequences (n, time, ..., size), got (5, 4)")):
        advance(rotary, x[0])


@each_of(
    "constructor",
    [
        rnn(6), gru(6), lstm(6), positional(), positional(12), rotary, layer_norm(),
        attention(2, causal=True), attention(4, causal=True, window=4, rotary=rotary),
        transformer_block(2, 16, causal=True), serial(lstm(5), residual(gru(5)), dense(3)),
    ],
    ids=repr,
)  # fmt: skip
def test_float16_is_computed_in_float32_step_by_step_too(constructor):
    x = (4 * numbers(2, 12, 8)).astype(np.float16)
    net = serial(constructor)(Key(0), x)
    whole, steps = net(x), step_by_step(net, x)
    assert whole.dtype == steps.dtype == np.float16
    apart = np.abs(whole.astype(float) - steps)
    # What differs in the last bit of a float32 may be rounded to the next float16, at most.
    assert (apart <= np.spacing(np.abs(whole))).all()
    assert (apart > 0).mean() < 0.02


def test_a_sum_of_steps_that_float16_cannot_count_is_not_lost_in_a_state():
    """A cell that adds 0.75 at each step stands still at 2048 in float16, where the spacing is 2."""
    layer = Lstm(np.zeros((1, 4), np.float16), np.zeros((1, 4), np.float16), np.array([20, 20, 0.973, 20], np.float16))
    x = np.zeros((1, 2800, 1), np.float16)
    _, state = advance(layer, x)
    before = float(state[1][0, 0])
    assert 2048 < before < 2200
    for _ in range(100):
        _, state = advance(layer, x[:, :1], state)
    assert abs(float(state[1][0, 0]) - before - 75) < 1


def test_a_memory_of_float16_is_looked_at_as_on_the_whole():
    x, memory = (numbers(2, 5, 4, seed=seed).astype(np.float16) for seed in (0, 1))
    layer = attention(2)(Key(0), (x, memory))
    whole, (ys, state) = layer((x, memory)), ([], None)
    for t in range(5):
        y, state = advance(layer, (x[:, t : t + 1], memory), state)
        ys.append(y)
    np.testing.assert_allclose(np.concatenate(ys, axis=1), whole, rtol=1e-3)
