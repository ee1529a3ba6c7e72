"""Attention against loops over rows, heads, queries and keys; who may look at whom; positions; transformer blocks."""

import math
import pickle
import re

import numpy as np
import pytest

from fnn import (
    Key,
    LayerNorm,
    Serial,
    check_vjp,
    dense,
    embedding,
    gelu,
    inference,
    layer_norm,
    relu,
    serial,
    tree,
    vjp,
)
from fnn.layers.attention import Attention, attention
from fnn.layers.positional import Positional, Sinusoidal, positional
from fnn.networks.decoding import advance
from fnn.networks.transformer import transformer_block
from tests.laws.cases import made, numbers, random_like

LENGTHS = np.array([4, 1, 3])
SYMBOLS = np.array([[0, 3, 3, 1, 4], [1, 0, 2, 4, 4]])


def random_attention(heads, width, causal=False):
    return random_like(made(attention(heads, causal), 1, 1, width))


def by_loops(layer, x, lengths=None):
    """softmax(q k' / sqrt(size)) v, a number at a time."""
    n, time, width = x.shape
    size = width // layer.heads
    y = np.zeros(x.shape)
    for row in range(n):
        until = time if lengths is None else lengths[row]
        joint = x[row] @ layer.weight + layer.bias
        for step in range(until):
            found = np.zeros(width)
            for head in range(layer.heads):
                begin = head * size
                seen = range(step + 1 if layer.causal else until)
                fits = []
                for other in seen:
                    products = [joint[step, begin + i] * joint[other, width + begin + i] for i in range(size)]
                    fits.append(math.exp(sum(products) / math.sqrt(size)))
                for other, fit in zip(seen, fits, strict=True):
                    for i in range(begin, begin + size):
                        found[i] += fit / sum(fits) * joint[other, 2 * width + i]
            y[row, step] = found @ layer.output_weight + layer.output_bias
    return y


each_causal = pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
SIZES = [(1, 3, 4, 5), (2, 3, 4, 6), (5, 2, 3, 5), (2, 1, 4, 4), (3, 3, 1, 6), (1, 1, 1, 1)]
each_size = pytest.mark.parametrize(("heads", "n", "time", "width"), SIZES, ids=str)


@each_causal
@each_size
def test_attention_is_its_formula_by_loops(heads, n, time, width, causal):
    layer, x = random_attention(heads, width, causal), numbers(n, time, width)
    np.testing.assert_allclose(layer(x), by_loops(layer, x), rtol=1e-11, atol=1e-12)
    lengths = np.array([time, 1, max(1, time - 1)][:n])
    y, same = layer((x, lengths))
    np.testing.assert_allclose(y, by_loops(layer, x, lengths), rtol=1e-11, atol=1e-12)
    assert y.shape == x.shape
    np.testing.assert_array_equal(same, lengths)


@pytest.mark.long
@each_causal
@each_size
def test_the_gradients_are_the_numeric_ones(heads, n, time, width, causal):
    layer, x = random_attention(heads, width, causal), 0.5 * numbers(n, time, width)
    report = check_vjp(layer, x)
    assert sorted(report.errors) == ["bias", "output_bias", "output_weight", "weight", "x"]
    lengths = np.array([time, 1, max(1, time - 1)][:n])
    assert max(report.errors.values()) <= 1e-8
    assert max(check_vjp(layer, (x, lengths)).errors.values()) <= 1e-8


def test_a_causal_step_sees_nothing_of_what_comes_after_it():
    layer, x = random_attention(2, 6, causal=True), numbers(2, 5, 6)
    for step in range(4):
        other = x.copy()
        other[:, step + 1 :] = numbers(2, 4 - step, 6, seed=3)
        same = layer(other)[:, : step + 1] == layer(x)[:, : step + 1]
        assert same.all()
        assert (layer(other)[:, step + 1 :] != layer(x)[:, step + 1 :]).all()
    # And the other way round: the gradient of the steps up to t by those after it is 0.
    y, pullback = vjp(layer, x)
    dy = np.zeros(y.shape)
    dy[:, :2] = 1
    dx = pullback(dy)[1]()
    assert (dx[:, 2:] == 0).all()
    assert (dx[:, :2] != 0).all()


@each_causal
@pytest.mark.parametrize("garbage", [7.0, 1e5, np.nan])
def test_what_lies_beyond_a_length_changes_nothing(causal, garbage):
    layer, x = random_attention(2, 6, causal), numbers(3, 4, 6)
    beyond = np.arange(4) >= LENGTHS[:, None]
    filled, dy = np.where(beyond[..., None], garbage, x), numbers(3, 4, 6, seed=1)
    (y, _), pullback = vjp(layer, (x, LENGTHS))
    (again, _), pullback_again = vjp(layer, (filled, LENGTHS))
    dlayer, dx = pullback((dy, LENGTHS))
    dlayer_again, dx_again = pullback_again((np.where(beyond[..., None], garbage, dy), LENGTHS))
    np.testing.assert_array_equal(y, again)
    assert (y[beyond] == 0).all()
    assert tree.equal((dlayer, dx()), (dlayer_again, dx_again()))
    assert (dx()[0][beyond] == 0).all()
    assert dx()[1].shape == (3,)


@each_causal
def test_a_row_with_a_length_is_the_shorter_row_alone(causal):
    layer, x = random_attention(3, 6, causal), numbers(3, 4, 6)
    y, _ = layer((x, LENGTHS))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(y[row, :length], layer(x[row : row + 1, :length])[0], rtol=1e-12, atol=1e-13)
    full, _ = layer((x, np.full(3, 4)))
    np.testing.assert_allclose(full, layer(x), rtol=1e-13)


def test_attention_alone_knows_no_order_and_a_position_makes_it_known():
    layer, x, order = random_attention(2, 6), numbers(2, 5, 6), [3, 0, 4, 1, 2]
    np.testing.assert_allclose(layer(x[:, order]), layer(x)[:, order], rtol=1e-11, atol=1e-12)
    for code in (made(positional(), 1, 5, 6), random_like(made(positional(5), 1, 5, 6))):
        placed = Serial((code, layer))
        assert not np.allclose(placed(x[:, order]), placed(x)[:, order])


def test_scores_of_any_size_overflow_nowhere():
    x = numbers(2, 4, 6)
    for causal in (False, True):
        layer = random_attention(2, 6, causal)
        huge = Attention(1e3 * layer.weight, layer.bias, layer.output_weight, layer.output_bias, 2, causal)
        for dtype in (np.float32, np.float64):
            y, pullback = vjp(tree.map(dtype, huge), x.astype(dtype))
            assert np.isfinite(y).all()
            assert np.isfinite(pullback(y)[1]()).all()
        # So far apart, the best key takes all: each head finds a single value, whatever else is there.
        projected = np.linalg.solve(huge.output_weight.T, (huge(x) - huge.output_bias).reshape(-1, 6).T).T
        values = (x @ huge.weight + huge.bias)[..., 12:].reshape(2, 1, 4, 2, 3)
        away = np.abs(projected.reshape(2, 4, 1, 2, 3) - values).max(axis=-1).min(axis=2)
        assert np.median(away) <= 1e-6 * np.abs(values).max()


def test_float32_agrees_with_float64_and_stays():
    layer, x = made(attention(4, causal=True), 1, 9, 16), numbers(3, 9, 16)
    single = tree.map(np.float32, layer)
    y, pullback = vjp(single, (x.astype(np.float32), np.array([9, 2, 5])))
    dlayer, dx = pullback(y)
    assert {leaf.dtype for leaf in tree.leaves((y[0], dlayer, dx()))} == {np.dtype(np.float32)}
    np.testing.assert_allclose(y[0], layer((x, np.array([9, 2, 5])))[0], rtol=1e-4, atol=1e-5)


def test_the_weights_start_as_four_square_ones_and_the_biases_at_0():
    layer = attention(2)(Key(0), np.zeros((1, 1, 64), np.float32))
    assert repr(layer).startswith("Attention(weight=f32[64,192], bias=f32[192], output_weight=f32[64,64], output_bias=")
    limit = math.sqrt(6 / (64 + 64))
    for block in (*np.split(layer.weight, 3, axis=1), layer.output_weight):
        assert 0.98 * limit < np.abs(block).max() <= limit * (1 + 1e-6)
    assert not layer.bias.any()
    assert not layer.output_bias.any()
    assert not any(leaf.flags.writeable for leaf in tree.leaves(layer))


def test_the_sinusoidal_code_is_its_formula_for_even_and_odd_widths():
    for width in (1, 2, 5, 6):
        code = Sinusoidal()(np.zeros((2, 7, width)))
        for step in range(7):
            for i in range(width):
                angle = step / 10000 ** ((i - i % 2) / width)
                expected = math.sin(angle) if i % 2 == 0 else math.cos(angle)
                np.testing.assert_allclose(code[:, step, i], expected, rtol=1e-12, atol=1e-15)
    x = numbers(2, 7, 5)
    np.testing.assert_allclose(Sinusoidal()(x) - x, Sinusoidal()(np.zeros((2, 7, 5))), atol=1e-15)


def test_the_learned_code_is_its_rows_and_only_those_in_use_have_a_gradient():
    layer, x = Positional(numbers(5, 3)), numbers(2, 4, 3, seed=1)
    y, pullback = vjp(layer, x)
    dlayer, _ = pullback(y)
    for step in range(4):
        np.testing.assert_array_equal(y[:, step], x[:, step] + layer.weight[step])
        np.testing.assert_allclose(dlayer.weight[step], y[0, step] + y[1, step], rtol=1e-13)
    assert (dlayer.weight[4] == 0).all()


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 7, 2)], ids=str)
@pytest.mark.parametrize("constructor", [positional(), positional(7)], ids=["sinusoidal", "learned"])
def test_the_gradients_of_positions_are_the_numeric_ones(constructor, shape):
    assert max(check_vjp(random_like(made(constructor, *shape)), numbers(*shape)).errors.values()) <= 1e-8


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
        assert repr(net).count("Dropout(rate=0.5)") == 2
        assert "Dropout" not in repr(plain)
        assert tree.allclose((inference(net)(given),), (plain(given),), rtol=1e-13)
        assert not tree.allclose((net(given, key),), (plain(given),))


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


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4], [3, 4], [2]], ids=["step by step", "a beginning first", "two halves"])
@pytest.mark.parametrize("code", [positional(), positional(5)], ids=["sinusoidal", "learned"])
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_of_many_numbers_is_that_of_each_row_alone(dtype):
    x = numbers(7, 6000, dtype=dtype)  # more than are taken at a time
    y = gelu(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(gelu(np.asfortranarray(x)), y, rtol=1e-6)
    for row in range(7):
        np.testing.assert_allclose(gelu(x[row]), y[row], rtol=1e-6)


def test_gelu_in_single_precision_is_exact_to_some_units_in_the_last_place():
    x = np.linspace(-5, 9, 5001).astype(np.float32)
    expected = [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.tolist()]
    np.testing.assert_allclose(gelu(x), expected, rtol=2.5e-6)


def test_makers_and_layers_pickle():
    x = numbers(3, 4, 6)
    for constructor in (attention(2, True), positional(), positional(4), transformer_block(2, 7, dropout=0.1)):
        assert tree.equal(pickle.loads(pickle.dumps(constructor))(Key(0), x), constructor(Key(0), x))
        layer = constructor(Key(0), x)
        assert tree.equal(pickle.loads(pickle.dumps(layer)), layer)


X = numbers(2, 3, 6)
TWO = made(attention(2), 1, 1, 6)
BAD = {
    "heads 0": (lambda: attention(0), ValueError, "attention: heads must be at least 1, got 0"),
    "heads 2.0": (lambda: attention(2.0), TypeError, "attention: heads must be an integer, got float 2.0"),
    "causal 1": (lambda: attention(2, 1), TypeError, "attention: causal must be True or False, got int 1"),
    "no key": (lambda: attention(2)(0, X), TypeError, "attention expects a key, got int 0; write Key(0)"),
    "made for rows": (
        lambda: serial(attention(2))(Key(0), X[0]),
        ValueError,
        "attention at layers[0] expects sequences (n, time, features), got (3, 6)",
    ),
    "heads that do not divide": (
        lambda: attention(4)(Key(0), X),
        ValueError,
        "attention expects features that are a multiple of its 4 heads, got 6",
    ),
    "another width": (
        lambda: TWO(numbers(2, 3, 5)),
        ValueError,
        "attention expects sequences (n, time, 6), got (2, 3, 5)",
    ),
    "one sequence": (
        lambda: TWO(X[0]),
        ValueError,
        "attention expects sequences (n, time, features), got (3, 6)",
    ),
    "no steps": (lambda: TWO(X[:, :0]), ValueError, "attention expects sequences (n, time, features), got (2, 0, 6)"),
    "text": (lambda: TWO("abc"), TypeError, "attention expects an array of real numbers, got str 'abc'"),
    "weights that do not fit": (
        lambda: Attention(TWO.weight, TWO.bias, TWO.output_weight, TWO.output_bias, 4)(X),
        ValueError,
        "attention expects weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the 4 heads, got [(6, 18), (18,)",
    ),
    "a triple": (
        lambda: TWO((X, [1, 2], None)),
        TypeError,
        "attention expects x or the pair (x, lengths), got a tuple of 3",
    ),
    "lengths as floats": (
        lambda: TWO((X, np.ones(2))),
        TypeError,
        "attention expects integers as lengths, got float64 array (2,)",
    ),
    "too few lengths": (
        lambda: TWO((X, [1])),
        ValueError,
        "attention expects one length a row, (2,), got (1,)",
    ),
    "a length of 0": (
        lambda: TWO((X, [3, 0])),
        ValueError,
        "attention expects lengths from 1 to 3, the steps there are, got some from 0 to 3",
    ),
    "a length too long": (
        lambda: TWO((X, [3, 4])),
        ValueError,
        "attention expects lengths from 1 to 3, the steps there are, got some from 3 to 4",
    ),
    "an advance that looks ahead": (
        lambda: advance(language_model(causal=False), SYMBOLS[:, :1]),
        TypeError,
        "attention at layers[2].layers[0].body.layers[1] cannot advance: it looks ahead; write attention(heads, causal=True)",
    ),
    "an advance over pairs": (
        lambda: advance(made(attention(2, True), 1, 1, 6), (X, [3, 1])),
        TypeError,
        "advance expects one step of every row, (n, 1, features), got a tuple of 2",
    ),
    "the state of other rows": (
        lambda: advance(made(attention(2, True), 1, 1, 6), X, (numbers(1, 2, 4, 3), numbers(1, 2, 4, 3))),
        ValueError,
        "attention expects the state that advance returned, got tuple of float64 array (1, 2, 4, 3)",
    ),
    "a position that is none": (
        lambda: advance(Sinusoidal(), X, "1"),
        TypeError,
        "advance: the position must be an integer, got str '1'",
    ),
    "an advance beyond the positions": (
        lambda: advance(Positional(numbers(4, 6)), X, 2),
        ValueError,
        "positional knows 4 positions, got 5; write positional(5) or more",
    ),
    "positions 0": (lambda: positional(0), ValueError, "positional: positions must be at least 1, got 0"),
    "positions of rows": (
        lambda: positional()(Key(0), X[0]),
        ValueError,
        "positional expects sequences (n, time, features), got (3, 6); put an embedding before it",
    ),
    "a sequence too long": (
        lambda: positional(2)(Key(0), X)(X),
        ValueError,
        "positional knows 2 positions, got 3; write positional(3) or more",
    ),
    "positions of another width": (
        lambda: Positional(numbers(4, 5))(X),
        ValueError,
        "positional expects sequences (n, time, 5), got (2, 3, 6)",
    ),
    "a block of no heads": (
        lambda: transformer_block(0, 8),
        ValueError,
        "transformer_block: heads must be at least 1, got 0",
    ),
    "a block of nothing hidden": (
        lambda: transformer_block(2, 0),
        ValueError,
        "transformer_block: hidden must be at least 1, got 0",
    ),
    "a block that drops all": (
        lambda: transformer_block(2, 8, dropout=1),
        ValueError,
        "transformer_block: dropout must be at least 0 and below 1, got 1",
    ),
    "a block of another activation": (
        lambda: transformer_block(2, 8, activation=LayerNorm),
        TypeError,
        "transformer_block expects constructors or layers, got the class LayerNorm at activation[0]",
    ),
    "a block of rows": (
        lambda: transformer_block(2, 8)(Key(0), X[0]),
        ValueError,
        "transformer_block expects sequences (n, time, features), got (3, 6); put an embedding before it",
    ),
    "a block whose heads do not divide": (
        lambda: transformer_block(4, 8)(Key(0), X),
        ValueError,
        "attention at layers[0].body.layers[1] expects features that are a multiple of its 4 heads, got 6",
    ),
}


@pytest.mark.parametrize(("call", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
