"""Attention against loops over rows, heads, queries and keys, and which steps are visible to which."""

import math
import re

import numpy as np
import pytest

from fnn import (
    Key,
    check_vjp,
    serial,
    tree,
    vjp,
)
from fnn.layers._looking_back import look_back
from fnn.layers.attention import Attention, attention
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like

LENGTHS = np.array([4, 1, 3])


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
            context = np.zeros(width)
            for head in range(layer.heads):
                begin = head * size
                seen = range(step + 1 if layer.causal else until)
                scores = []
                for other in seen:
                    products = [joint[step, begin + i] * joint[other, width + begin + i] for i in range(size)]
                    scores.append(math.exp(sum(products) / math.sqrt(size)))
                for other, score in zip(seen, scores, strict=True):
                    for i in range(begin, begin + size):
                        context[i] += score / sum(scores) * joint[other, 2 * width + i]
            y[row, step] = context @ layer.output_weight + layer.output_bias
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
@each_of("garbage", [7.0, 1e5, np.nan])
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


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4], [3], []], ids=str)
def test_looking_back_on_keys_and_values_is_looking_at_the_whole_sequence(cuts):
    layer, x, state, pieces = random_attention(2, 6, causal=True), numbers(3, 5, 6), None, []
    for piece in np.split(x, cuts, axis=1):
        y, state = look_back(layer, piece, state)
        pieces.append(y)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), layer(x), rtol=1e-12, atol=1e-13)
    assert [part.shape for part in state] == [(3, 2, 5, 3)] * 2


def test_scores_of_any_size_overflow_nowhere():
    x = numbers(2, 4, 6)
    for causal in (False, True):
        layer = random_attention(2, 6, causal)
        huge = Attention(1e3 * layer.weight, layer.bias, layer.output_weight, layer.output_bias, 2, causal)
        for dtype in (np.float32, np.float64):
            y, pullback = vjp(tree.map(dtype, huge), x.astype(dtype))
            assert np.isfinite(y).all()
            assert np.isfinite(pullback(y)[1]()).all()
        # So far apart, the best key takes all: each head's context is a single value, whatever else is there.
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
    "a length below 0": (
        lambda: TWO((X, [3, -1])),
        ValueError,
        "attention expects lengths from 0 to 3, the steps there are, got some from -1 to 3",
    ),
    "a length too long": (
        lambda: TWO((X, [3, 4])),
        ValueError,
        "attention expects lengths from 0 to 3, the steps there are, got some from 3 to 4",
    ),
    "the state of another layer": (
        lambda: look_back(random_attention(2, 6, True), X, 3),
        ValueError,
        "attention expects the state that advance returned, got int 3",
    ),
    "the state of other rows": (
        lambda: look_back(random_attention(2, 6, True), X, (numbers(1, 2, 4, 3), numbers(1, 2, 4, 3))),
        ValueError,
        "attention expects the state that advance returned, got tuple of float64 array (1, 2, 4, 3)",
    ),
}


@each_of(("call", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
