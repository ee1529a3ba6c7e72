"""Rotary positions against complex numbers."""

import numpy as np

from fnn import Rotary, rotary, vjp
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
