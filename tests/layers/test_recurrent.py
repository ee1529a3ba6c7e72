"""Recurrent layers against slow loops over their formulas, one gate at a time; beyond a row's end there is nothing."""

import re

import numpy as np
import pytest

from fnn import (
    Key,
    Serial,
    check_vjp,
    dense,
    embedding,
    flatten,
    fold_in,
    mse,
    parallel,
    pick,
    relu,
    serial,
    tree,
    vjp,
)
from fnn.layers import _gates
from fnn.layers.gru import Gru, gru
from fnn.layers.initializers import glorot_uniform, orthogonal
from fnn.layers.lstm import Lstm, lstm
from fnn.layers.recurrent import LastStep, last_step, rnn
from fnn.layers.rotary import rotary
from fnn.networks.bidirectional import bidirectional
from fnn.networks.decoding import advance
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like

T, V = TypeError, ValueError


CONSTRUCTORS = {"rnn": rnn, "lstm": lstm, "gru": gru}


GATES = {"rnn": 1, "lstm": 4, "gru": 3}


GATES_IN_BLOCK = {"rnn": 1, "lstm": 5, "gru": 4}  # what a step computes before the loop over the steps of a block


SHAPES = [(1, 1, 3), (3, 1, 2), (1, 3, 2), (2, 4, 4)]


each_cell = pytest.mark.parametrize("cell", CONSTRUCTORS)


each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def layer_for(cell, features, units=4):
    return random_like(made(CONSTRUCTORS[cell](units), 1, 2, features))


def state_for(cell, n, units=4):
    h = numbers(n, units, seed=7)
    return (h, numbers(n, units, seed=8)) if cell == "lstm" else h


def lengths_for(n, time):
    """Lengths from 1 to time, the longest not first."""
    return (np.arange(n) * 2 + 1) % time + 1


def zero_for(cell, n, units=4):
    return tree.map(np.zeros_like, (state_for(cell, n, units),))[0]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gate_of(layer, gate, x, h):
    """What a gate gets from a step x (features,) and a state h (units,), from each its own block of columns."""
    units = len(h)
    block = slice(gate * units, (gate + 1) * units)
    return x @ layer.input_weight[:, block] + layer.bias[block], h @ layer.hidden_weight[:, block]


def next_rnn(layer, x, h):
    return np.tanh(sum(gate_of(layer, 0, x, h)))


def next_lstm(layer, x, state):
    h, c = state
    i, f, o = (sigmoid(sum(gate_of(layer, gate, x, h))) for gate in (0, 1, 3))
    g = np.tanh(sum(gate_of(layer, 2, x, h)))
    c = f * c + i * g
    return o * np.tanh(c), c


def next_gru(layer, x, h):
    r, z = (sigmoid(sum(gate_of(layer, gate, x, h))) for gate in (0, 1))
    from_x, from_h = gate_of(layer, 2, x, h)
    n = np.tanh(from_x + r * (from_h + layer.hidden_bias))
    return (1 - z) * n + z * h


SLOWLY = {"rnn": next_rnn, "lstm": next_lstm, "gru": next_gru}


def slow(cell, layer, x, lengths, state):
    """The outputs, 0 beyond the lengths, and the last states, in one loop over rows and one over steps."""
    n, units = len(x), layer.hidden_weight.shape[0]
    y, last = np.zeros((n, x.shape[1], units)), []
    for row in range(n):
        now = (state[0][row], state[1][row]) if cell == "lstm" else state[row]
        for t in range(lengths[row]):
            now = SLOWLY[cell](layer, x[row, t], now)
            y[row, t] = now[0] if cell == "lstm" else now
        last.append(now)
    return y, tuple(map(np.stack, zip(*last, strict=True))) if cell == "lstm" else np.stack(last)


def close(ours, expected):
    for a, b in zip(tree.leaves((ours,)), tree.leaves((expected,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@each_cell
@each_shape
def test_a_layer_is_the_loop_over_its_formulas(cell, shape):
    n, time, features = shape
    layer, x, state = layer_for(cell, features), numbers(*shape), state_for(cell, n)
    every, some = np.full(n, time), lengths_for(n, time)
    at_zero, from_state = (slow(cell, layer, x, every, first) for first in (zero_for(cell, n), state))
    close(layer(x), at_zero[0])
    close(layer((x, every)), (at_zero[0], every))
    close(layer((x, None, None)), (at_zero[0], None, at_zero[1]))
    close(layer((x, None, state)), (from_state[0], None, from_state[1]))
    y, last = slow(cell, layer, x, some, state)
    close(layer((x, some, state)), (y, some, last))
    close(layer((x, some)), (slow(cell, layer, x, some, zero_for(cell, n))[0], some))


@pytest.mark.long
@each_cell
@each_shape
def test_the_gradients_by_x_the_first_state_and_every_weight_are_the_numeric_ones(cell, shape):
    n, time, features = shape
    layer, x, state, lengths = layer_for(cell, features), numbers(*shape), state_for(cell, n), lengths_for(n, time)
    for given in (x, (x, lengths), (x, None, None), (x, None, state), (x, lengths, None), (x, lengths, state)):
        assert max(check_vjp(layer, given).errors.values()) <= 1e-8


@pytest.mark.long
@each_cell
def test_the_gradients_of_two_on_top_of_each_other_are_the_numeric_ones(cell):
    net = random_like(made(serial(CONSTRUCTORS[cell](3), CONSTRUCTORS[cell](4), dense(2)), 1, 2, 3))
    assert max(check_vjp(net, numbers(2, 5, 3)).errors.values()) <= 1e-8
    assert max(check_vjp(Serial(net.layers[:2]), (numbers(3, 5, 3), np.array([2, 5, 1]))).errors.values()) <= 1e-8


def test_saturated_gates_neither_overflow_nor_lose_their_limits():
    x = np.full((1, 3, 1), 1e4)
    for cell in CONSTRUCTORS:
        layer = tree.map(np.ones_like, layer_for(cell, 1))
        for sign in (1, -1):
            assert np.isfinite(layer(sign * x)).all()
    close(tree.map(np.ones_like, layer_for("rnn", 1))(-x), np.full((1, 3, 4), -1.0))
    close(tree.map(np.ones_like, layer_for("lstm", 1))(x)[0, :, 0], np.tanh([1.0, 2.0, 3.0]))  # all gates open: a count


def test_an_lstm_that_only_remembers_keeps_its_first_c():
    """With f = 1 and i = 0, c_T = c_0: the gradient gets through 200 steps as it is."""
    layer = layer_for("lstm", 2)
    shut = np.repeat([-1e3, 1e3, 0.0, 0.0], 4)
    layer = tree.at("bias", lambda bias: bias + shut, tree.map(lambda leaf: leaf / 100, layer))
    x, (h, c) = numbers(3, 200, 2), state_for("lstm", 3)
    (y, _, last), pullback = vjp(layer, (x, None, (h, c)))
    close(last[1], c)
    dc = numbers(3, 4, seed=9)
    _, dx = pullback((np.zeros_like(y), None, (np.zeros_like(c), dc)))
    close(dx()[2][1], dc)
    assert not np.any(dx()[2][0])


def test_a_gru_with_z_at_one_keeps_its_first_state():
    layer = tree.at("bias", lambda bias: bias + np.repeat([0.0, 1e3, 0.0], 4), layer_for("gru", 2))
    state = state_for("gru", 3)
    close(layer((numbers(3, 50, 2), None, state))[2], state)


def everything(layer, given, dy):
    y, pullback = vjp(layer, given)
    dlayer, dx = pullback(dy)
    return y, dlayer, dx()


@each_cell
@each_of("around", [lambda constructor: constructor, bidirectional], ids=["", "bidirectional"])
@each_of("garbage", [1e3, -1e3, np.nan], ids=str)
def test_what_lies_beyond_a_row_s_end_changes_nothing(cell, around, garbage):
    n, time, lengths = 5, 6, np.array([3, 6, 1, 2, 5])
    layer, x = random_like(made(around(CONSTRUCTORS[cell](4)), 1, 2, 3)), numbers(n, time, 3)
    beyond = np.arange(time) >= lengths[:, None]
    filled = np.where(beyond[..., None], garbage, x)
    dy = numbers(*layer(x).shape, seed=1)
    filled_dy = np.where(beyond[..., None], garbage, dy)
    clean = everything(layer, (x, lengths), (dy, lengths))
    assert tree.equal(clean, everything(layer, (filled, lengths), (filled_dy, lengths)))
    (y, given_back), _, (dx, dlengths) = clean
    assert np.array_equal(given_back, lengths)
    assert not y[beyond].any()
    assert not dx[beyond].any()
    assert dlengths.shape == lengths.shape
    assert not dlengths.any()
    for row, length in enumerate(lengths):
        close(y[row, :length], layer(x[row : row + 1, :length])[0])


@each_cell
def test_the_gradient_of_rows_of_several_lengths_is_the_sum_of_each_alone(cell):
    layer, x, lengths, state = layer_for(cell, 3), numbers(3, 5, 3), np.array([2, 5, 3]), state_for(cell, 3)
    (y, _, last), pullback = vjp(layer, (x, lengths, state))
    dy, dlast = numbers(*y.shape, seed=1), tree.map(lambda leaf: numbers(*leaf.shape, seed=2), (last,))[0]
    together, dx = pullback((dy, None, dlast))
    alone = []
    for row, length in enumerate(lengths):

        def only(leaf, row=row):
            return leaf[row : row + 1]

        one_state, one_dlast = tree.map(only, (state, dlast))
        _, pull = vjp(layer, (x[row : row + 1, :length], None, one_state))
        dlayer, one_dx = pull((dy[row : row + 1, :length], None, one_dlast))
        alone.append(dlayer)
        close(dx()[0][row, :length], one_dx()[0][0])
        close(tree.map(only, (dx()[2],))[0], one_dx()[2])
    close(together, tree.add(tree.add(alone[0], alone[1]), alone[2]))


def test_the_lengths_that_are_given_back_are_not_the_caller_s_own():
    lengths = np.array([2, 1])
    for layer in (layer_for("rnn", 3), random_like(made(bidirectional(rnn(2)), 1, 2, 3))):
        assert not np.shares_memory(layer((numbers(2, 2, 3), lengths))[1], lengths)


@each_cell
@each_of("k", [1, 3, 5])
def test_a_run_in_two_parts_is_the_whole_run(cell, k):
    layer, x, state = layer_for(cell, 3), numbers(2, 6, 3), state_for(cell, 2)
    y, _, last = layer((x, None, state))
    first, _, middle = layer((x[:, :k], None, state))
    second, _, end = layer((x[:, k:], None, middle))
    close((np.concatenate([first, second], axis=1), end), (y, last))
    first, middle = advance(layer, x[:, :k], state)
    second, end = advance(layer, x[:, k:], middle)
    close((np.concatenate([first, second], axis=1), end), (y, last))


@each_cell
def test_the_gradient_goes_through_the_state_between_two_parts(cell):
    """Backward in two parts, the state's gradient handed over, is backward in one."""
    layer, x, state = layer_for(cell, 3), numbers(2, 6, 3), state_for(cell, 2)
    (y, _, last), pullback = vjp(layer, (x, None, state))
    dy, dlast = numbers(*y.shape, seed=1), tree.map(lambda leaf: numbers(*leaf.shape, seed=2), (last,))[0]
    whole, dx = pullback((dy, None, dlast))
    (_, _, middle), first = vjp(layer, (x[:, :2], None, state))
    _, second = vjp(layer, (x[:, 2:], None, middle))
    dlater, dx_later = second((dy[:, 2:], None, dlast))
    dearlier, dx_earlier = first((dy[:, :2], None, dx_later()[2]))
    close(tree.add(dearlier, dlater), whole)
    close((np.concatenate([dx_earlier()[0], dx_later()[0]], axis=1), dx_earlier()[2]), (dx()[0], dx()[2]))


@each_cell
def test_dx_has_the_form_of_x(cell):
    layer, x, lengths, state = layer_for(cell, 3), numbers(2, 4, 3), np.array([4, 2]), state_for(cell, 2)
    for given in (x, (x, lengths), (x, lengths, state), (x, None, state)):
        y, pullback = vjp(layer, given)
        dx = pullback(tree.map(np.ones_like, y) if isinstance(y, tuple) and y[1] is not None else _ones(y))[1]()
        shapes = [leaf.shape for leaf in tree.leaves((dx,))]
        assert shapes == [leaf.shape for leaf in tree.leaves((given,))]


def _ones(y):
    return (np.ones_like(y[0]), None, tree.map(np.ones_like, (y[2],))[0]) if isinstance(y, tuple) else np.ones_like(y)


def test_dx_has_none_where_nothing_was_given():
    layer, x = layer_for("lstm", 3), numbers(2, 4, 3)
    (y, lengths, last), pullback = vjp(layer, (x, None, None))
    assert lengths is None
    dx = pullback((np.ones_like(y), None, tree.map(np.ones_like, last)))[1]()
    assert dx[1:] == (None, None)
    assert dx[0].shape == x.shape


def test_an_encoder_gives_its_state_to_a_decoder():
    encoder, decoder = layer_for("lstm", 3), layer_for("lstm", 2)
    source, lengths = numbers(3, 5, 3), np.array([5, 1, 3])
    _, _, state = encoder((source, lengths, None))
    for row in range(3):
        alone = encoder((source[row : row + 1, : lengths[row]], None, None))[2]
        expected = decoder((numbers(3, 4, 2)[row : row + 1], None, alone))[0]
        close(decoder((numbers(3, 4, 2), None, state))[0][row : row + 1], expected)


def test_the_last_step_is_each_row_s_own():
    x, lengths = numbers(3, 4, 2), np.array([2, 4, 1])
    close(last_step(x), x[:, 3])
    close(last_step((x, lengths)), np.stack([x[0, 1], x[1, 3], x[2, 0]]))
    assert check_vjp(last_step, x).errors["x"] <= 1e-8
    assert check_vjp(last_step, (x, lengths)).errors["x[0]"] <= 1e-8
    assert isinstance(last_step, LastStep)
    assert not np.shares_memory(last_step(x), x)


@pytest.mark.long
def test_a_network_over_symbols_with_lengths():
    constructor = serial(
        parallel(serial(pick(0), embedding(5, 3)), pick(1)), bidirectional(lstm(4)), gru(3), last_step, dense(1)
    )
    symbols, lengths = np.array([[1, 2, 4, 0], [3, 0, 0, 0], [1, 1, 2, 0]]), np.array([3, 1, 4])
    net = random_like(constructor(Key(0), (symbols, lengths)))
    y = net((symbols, lengths))
    assert y.shape == (3, 1)
    changed = symbols.copy()
    changed[1, 1:] = 4
    close(net((changed, lengths)), y)
    assert max(check_vjp(net, (symbols, lengths)).errors.values()) <= 1e-8


@each_cell
def test_each_gate_s_weights_are_drawn_from_a_key_of_its_own(cell):
    layer = CONSTRUCTORS[cell](4, hidden_weight=orthogonal)(Key(3), np.zeros((1, 2, 5)))
    assert layer.input_weight.shape == (5, GATES[cell] * 4)
    for gate in range(GATES[cell]):
        block = slice(4 * gate, 4 * gate + 4)
        of_input, of_hidden = (fold_in(fold_in(Key(3), place), gate) for place in (0, 1))
        assert tree.equal((layer.input_weight[:, block],), (glorot_uniform(of_input, (5, 4), np.float64),))
        assert tree.equal((layer.hidden_weight[:, block],), (orthogonal(of_hidden, (4, 4), np.float64),))
    assert not any(leaf.flags.writeable for leaf in tree.leaves(layer))


def test_biases_start_at_0_but_for_the_forget_gate_s():
    x = np.zeros((1, 2, 5))
    assert lstm(2)(Key(0), x).bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert not rnn(2)(Key(0), x).bias.any()
    assert not gru(2)(Key(0), x).bias.any()
    assert gru(2)(Key(0), x).hidden_bias.tolist() == [0, 0]


@each_cell
def test_parameters_take_their_dtype_from_the_data_and_keep_it(cell):
    for dtype, expected in ((np.float32, np.float32), (np.float64, np.float64), (np.uint8, np.float32)):
        layer = CONSTRUCTORS[cell](3)(Key(0), np.zeros((1, 2, 2), dtype))
        x, state = np.ones((2, 3, 2), dtype), zero_for(cell, 2, 3)
        (y, _, last), pullback = vjp(layer, (x, np.array([1, 3]), state))
        dlayer, dx = pullback((np.ones_like(y), None, tree.map(np.ones_like, (last,))[0]))
        assert {leaf.dtype for leaf in tree.leaves((layer, y, last, dlayer, dx()))} == {np.dtype(expected)}


X = numbers(4, 3, 2)


NETS = {name: layer_for(name, 2) for name in CONSTRUCTORS} | {"bidirectional": made(bidirectional(rnn(3)), 1, 2, 2)}


BAD = [
    (V, numbers(4, 3), r"sequences (n, time, features), got (4, 3); write x[..., None] if a step is one number, put "
     "embedding before it if it is a symbol"),
    (V, numbers(4), "sequences (n, time, features), got (4,)"),
    (V, numbers(2, 2, 2, 2), "sequences (n, time, features), got (2, 2, 2, 2)"),
    (V, np.zeros((4, 0, 2)), "sequences (n, time, features), got (4, 0, 2)"),
    (T, "text", "an array of real numbers, got str 'text'"),
    (T, (X,) * 4, "x, (x, lengths) or (x, lengths, state), got a tuple of 4"),
    (T, (), "x, (x, lengths) or (x, lengths, state), got a tuple of 0"),
    (V, (X, np.array([1, 2, 4, 3])), "lengths from 0 to 3, the steps there are, got some from 1 to 4"),
    (V, (X, np.array([1, -2, 3, 3])), "lengths from 0 to 3, the steps there are, got some from -2 to 3"),
    (V, (X, np.array([1, 2])), "one length a row, (4,), got (2,)"),
    (T, (X, np.ones(4)), "integers as lengths, got float64 array (4,); convert them to int"),
    (T, (X, None), "integers as lengths, got NoneType None; convert them to int"),
]  # fmt: skip


@each_of("name", NETS)
@each_of(("kind", "x", "message"), BAD, ids=[message[:40] for *_, message in BAD])
def test_what_is_no_batch_of_sequences_is_refused_by_its_name(name, kind, x, message):
    with pytest.raises(kind, match=re.escape(f"{name} expects {message}")):
        NETS[name](x)
    with pytest.raises(kind, match=re.escape(f"last_step expects {message}")):
        last_step(x)


@each_cell
def test_the_wrong_width_state_or_weights_are_refused(cell):
    layer, wrong = NETS[cell], numbers(3, 4)
    with pytest.raises(V, match=re.escape(f"{cell} at layers[1] expects sequences (n, time, 2), got (4, 3, 5)")):
        Serial((relu, layer))(numbers(4, 3, 5))
    wrong_state, other_kind = ((wrong, wrong), wrong) if cell == "lstm" else (wrong, (wrong, wrong))
    with pytest.raises(V, match=re.escape(f"{cell} expects a state (4, 4), rows and units, got (3, 4)")):
        layer((X, None, wrong_state))
    kind = "the pair (h, c) as its state" if cell == "lstm" else "an array"
    with pytest.raises(T, match=re.escape(f"expects {kind}")):
        layer((X, None, other_kind))
    width = "units" if cell == "rnn" else f"{GATES[cell]} units"
    message = f"{cell} expects weights (features, {width}), (units, {width}) and a bias ({width},), got"
    for path in ("input_weight", "hidden_weight", "bias"):
        broken = tree.at(path, lambda leaf: leaf[..., :-1], layer)
        with pytest.raises(V, match=re.escape(message)):
            broken(X)


def test_a_gru_s_second_bias_is_checked():
    broken = tree.at("hidden_bias", lambda leaf: leaf[:1], NETS["gru"])
    with pytest.raises(V, match=re.escape("gru expects a hidden_bias (4,), got (1,)")):
        broken(X)


@each_cell
def test_a_constructor_says_what_it_was_not_given(cell):
    constructor = CONSTRUCTORS[cell]
    with pytest.raises(T, match=f"{cell} expects its number of units before the key and the data; write {cell}"):
        constructor(Key(0), X)
    with pytest.raises(T, match=f"{cell}: units must be an integer, got float 1.5"):
        constructor(1.5)
    with pytest.raises(V, match=f"{cell}: units must be at least 1, got 0"):
        constructor(0)
    with pytest.raises(T, match=f"{cell} expects a key, got int 0; write Key"):
        constructor(3)(0, X)
    with pytest.raises(V, match=re.escape(f"{cell} at layers[1] expects sequences (n, time, features), got (4, 6)")):
        serial(flatten, constructor(3))(Key(0), X)


@pytest.mark.long
def test_a_recurrent_network_learns_what_a_step_alone_does_not_say():
    """Was the first number larger than the last? Seen at the last step, after five others."""
    from fnn import adam, start, train_step

    def batch(seed):
        x = numbers(32, 6, 1, seed=seed)
        return x, (x[:, :1, 0] > x[:, -1:, 0]).astype(np.float64)

    for constructor in (rnn, lstm, gru):
        net = made(serial(constructor(8), last_step, dense(1)), 1, 6, 1)
        step, state = train_step(mse, adam(2e-2)), start(net, adam(2e-2))
        for number in range(150):
            state = step(state, batch(number))
        x, target = batch(1000)
        assert mse(state.params(x), target) < 0.1  # of the 0.25 of always answering a half


def test_a_gru_with_the_reset_before_the_product_is_its_formula():
    layer = random_like(made(gru(3, reset_after=False), 1, 2, 2))
    x, h = numbers(4, 5, 2), np.zeros((4, 3))

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    inputs, (of_r, of_z, of_n) = x @ layer.input_weight + layer.bias, np.split(layer.hidden_weight, 3, axis=1)
    for step in range(5):
        a_r, a_z, a_n = np.split(inputs[:, step], 3, axis=1)
        r, z = sigmoid(a_r + h @ of_r), sigmoid(a_z + h @ of_z)
        h = (1 - z) * np.tanh(a_n + (r * h) @ of_n + layer.hidden_bias) + z * h
        np.testing.assert_allclose(layer(x)[:, step], h, rtol=1e-12)
    assert not np.allclose(layer(reset_after=True)(x), layer(x))
    assert max(check_vjp(layer, x).errors.values()) <= 1e-8


def test_a_wider_state_or_table_beside_float16_does_not_widen_y():
    x = numbers(2, 4, 6, dtype=np.float16)
    state = numbers(2, 3)
    for constructor, given in ((rnn(3), state), (gru(3), state), (lstm(3), (state, state))):
        y, _, last = constructor(Key(0), x)((x, None, given))
        assert {leaf.dtype for leaf in tree.leaves((y, last))} == {np.dtype(np.float16)}
    tables = numbers(1, 4, 3)
    assert rotary((x, tables, tables)).dtype == np.float16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gate_that_is_nearly_shut_is_exact_and_one_that_is_shut_is_0(dtype):
    def with_gate(at):
        """What an LSTM writes through the input gate, and what a GRU keeps through z, of units at these values."""
        at = np.array(at, dtype)
        shut, none = np.full_like(at, -np.inf), np.zeros_like(at)
        weights = np.zeros((1, 4 * len(at)), dtype), np.zeros((len(at), 4 * len(at)), dtype)
        x, h = np.zeros((1, 1, 1), dtype), np.ones((1, len(at)), dtype)
        lstm_layer = Lstm(*weights, np.concatenate([at, shut, none + np.arctanh(dtype(0.5)), none]))
        gru_layer = Gru(*[w[:, : 3 * len(at)] for w in weights], np.concatenate([none, at, none]), none)
        return lstm_layer((x, None, (h, h)))[2][1][0], gru_layer((x, None, h))[2][0]

    written, kept = with_gate([-60.0, -20.0, 3.0])
    exact = np.array([8.75651076269652e-27, 2.061153618190204e-09, 0.9525741268224334])
    np.testing.assert_allclose(written, exact / 2, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(kept, exact, rtol=4 * np.finfo(dtype).eps)
    for states in with_gate([-1e4, -1e30]):
        np.testing.assert_array_equal(states, 0)


@each_cell
def test_blocks_of_steps_change_nothing(cell, monkeypatch):
    layer, x = layer_for(cell, 2), numbers(3, 5, 2)
    whole = vjp(layer, x, None)[1](numbers(3, 5, 4, seed=1))
    for steps in (1, 2, 3):
        monkeypatch.setattr(_gates, "_BLOCK", steps * GATES_IN_BLOCK[cell] * 3 * 4)
        dlayer, dx = vjp(layer, x, None)[1](numbers(3, 5, 4, seed=1))
        assert all(map(np.array_equal, tree.leaves((dlayer, dx())), tree.leaves((whole[0], whole[1]()))))
