"""Local response normalization is the formula of its paper, channel by channel."""

import numpy as np
import pytest

from fnn import LocalResponseNorm, local_response_norm
from tests.laws.cases import numbers


def test_the_formula_channel_by_channel():
    x, layer = numbers(2, 3, 7), local_response_norm(5, alpha=0.5, beta=0.75, bias=2.0)
    for c in range(7):
        energy = (x[..., max(0, c - 2) : c + 3] ** 2).sum(axis=-1)
        np.testing.assert_allclose(layer(x)[..., c], x[..., c] / (2.0 + 0.5 / 5 * energy) ** 0.75, rtol=1e-12)


def test_what_does_not_fit_is_told():
    with pytest.raises(
        ValueError, match="local_response_norm: size must be odd, as many channels on either side, got 4"
    ):
        LocalResponseNorm(4)
    with pytest.raises(ValueError, match="local_response_norm: bias must be above 0, got 0"):
        local_response_norm(3, bias=0)
    with pytest.raises(ValueError, match=r"local_response_norm expects rows \(n, ..., channels\), got \(3,\)"):
        local_response_norm(3)(np.ones(3))
