"""Rotary positions against complex numbers."""

import re

import numpy as np
import pytest

from fnn import Rotary, check_vjp, rotary, vjp
from tests.each_of import each_of
from tests.laws.cases import numbers


@each_of(
    "layer", [rotary, Rotary(100.0), Rotary(interleaved=True), Rotary(50.0, 4, True), Rotary(features=2)], ids=repr
)
def test_pairs_are_complex_numbers_times_a_phase(layer):
    x = numbers(2, 5, 3, 6)
    features = layer.features or 6
    places = range(0, features, 2) if layer.interleaved else range(features // 2)
    step = 1 if layer.interleaved else features // 2
    expected = x.copy()
    for i, a in enumerate(places):
        phase = np.exp(1j * np.arange(5) / layer.base ** (2 * i / features))[:, None]
        z = (x[..., a] + 1j * x[..., a + step]) * phase
        expected[..., a], expected[..., a + step] = z.real, z.imag
    np.testing.assert_allclose(layer(x), expected, rtol=1e-13, atol=1e-14)
    # A turn keeps lengths, and the gradient is turned back.
    y, pullback = vjp(layer, x)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(pullback(y)[1](), x, rtol=1e-12, atol=1e-13)


@each_of("layer", [rotary, Rotary(interleaved=True), Rotary(features=4)], ids=repr)
def test_tables_of_its_own_angles_turn_as_the_layer_does(layer):
    x, features = numbers(2, 5, 3, 6), layer.features or 6
    angles = np.arange(9)[:, None] / layer.base ** (np.arange(0, features, 2) / features)
    cos, sin, places = np.cos(angles), np.sin(angles), np.array([[0, 1, 2, 3, 4], [2, 0, 8, 8, 1]])
    np.testing.assert_allclose(layer((x, cos[None, :5], sin[None, :5])), layer(x), rtol=1e-13, atol=1e-14)
    y = layer((x, cos, sin, places))
    np.testing.assert_allclose(y[0], layer(x)[0], rtol=1e-13, atol=1e-14)
    for step, place in enumerate(places[1]):
        alone = layer(np.repeat(x[1:, step : step + 1], 9, axis=1))[0, place]
        np.testing.assert_allclose(y[1, step], alone, rtol=1e-12, atol=1e-13)
    assert max(check_vjp(layer, (x, cos, sin, places)).errors.values()) <= 1e-8
    assert max(check_vjp(layer, (x, cos[None, :5], sin[None, :5])).errors.values()) <= 1e-8


X, HALF = numbers(2, 3, 4), np.ones((2, 3, 2))
BAD = {
    "two": (lambda: rotary((X, HALF)), TypeError, "expects x, (x, cos, sin) or (x, cos, sin, positions), got a tuple"),
    "other steps": (
        lambda: rotary((X, HALF[:, :2], HALF[:, :2])),
        ValueError,
        "expects (n, time, ..., size) and cos and sin for each step, got (2, 3, 4), (2, 2, 2) and (2, 2, 2)",
    ),
    "no steps at all": (
        lambda: rotary((X[0, 0], HALF, HALF)),
        ValueError,
        "expects (n, time, ..., size) and cos and sin for each step, got (4,), (2, 3, 2) and (2, 3, 2)",
    ),
    "numbers as tables": (
        lambda: rotary((X, 1.0, 1.0, np.zeros((2, 3), int))),
        ValueError,
        "expects (n, time, ..., size) and cos and sin for each step, got (2, 3, 4), () and ()",
    ),
    "tables of two lengths": (
        lambda: rotary((X, np.ones((5, 2)), np.ones((4, 2)), np.full((2, 3), 4))),
        ValueError,
        "expects (n, time, ..., size) and cos and sin for each step, got (2, 3, 4), (5, 2) and (4, 2)",
    ),
    "other features": (
        lambda: rotary((X, HALF[..., :1], HALF[..., :1])),
        ValueError,
        "rotary expects cos and sin of half the features that turn, got 1",
    ),
    "positions of floats": (
        lambda: rotary((X, HALF[0], HALF[0], np.ones((2, 3)))),
        ValueError,
        "rotary expects integers as positions (2, 3), got float64 array (2, 3)",
    ),
    "positions beyond": (
        lambda: rotary((X, HALF[0], HALF[0], np.full((2, 3), 3))),
        ValueError,
        "rotary expects positions from 0 to 2, got some from 3 to 3",
    ),
}


@each_of(("call", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
