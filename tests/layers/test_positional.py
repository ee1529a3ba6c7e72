"""Codes for positions against their formulas."""

import math

import numpy as np
import pytest

from fnn import (
    Serial,
    check_vjp,
    vjp,
)
from fnn.layers.attention import attention
from fnn.layers.positional import Positional, Sinusoidal, coded, positional
from tests.each_of import each_of
from tests.laws.cases import made, numbers, random_like


def random_attention(heads, width, causal=False):
    return random_like(made(attention(heads, causal), 1, 1, width))


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


@each_of("shape", [(3, 4, 5), (1, 1, 1), (2, 7, 2)], ids=str)
@each_of("constructor", [positional(), positional(7)], ids=["sinusoidal", "learned"])
def test_the_gradients_of_positions_are_the_numeric_ones(constructor, shape):
    assert max(check_vjp(random_like(made(constructor, *shape)), numbers(*shape)).errors.values()) <= 1e-8


def test_attention_alone_knows_no_order_and_a_position_makes_it_known():
    layer, x, order = random_attention(2, 6), numbers(2, 5, 6), [3, 0, 4, 1, 2]
    np.testing.assert_allclose(layer(x[:, order]), layer(x)[:, order], rtol=1e-11, atol=1e-12)
    for code in (made(positional(), 1, 5, 6), random_like(made(positional(5), 1, 5, 6))):
        placed = Serial((code, layer))
        assert not np.allclose(placed(x[:, order]), placed(x)[:, order])


def test_sequences_may_begin_at_any_position_that_the_layer_knows():
    x = numbers(2, 5, 6)
    for layer in (Sinusoidal(), Positional(numbers(5, 6, seed=1))):
        whole, later = layer(x), coded(layer, x[:, 2:], 2)[0]
        np.testing.assert_allclose(later, whole[:, 2:], rtol=1e-15)
    with pytest.raises(ValueError, match=r"positional knows 5 positions, got 6; write positional\(6\) or more"):
        coded(layer, x, 1)
