"""Initializers have the variances of their formulas."""

import math

import numpy as np
import pytest

import fnn
from fnn import (
    Key,
)
from tests.each_of import each_of


@each_of(
    ("initializer", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
        ("normal", 1.0),
        ("uniform", 0.1**2 / 12),
    ],
)
def test_initializers_have_the_variance_of_their_formula(initializer, variance):
    w = getattr(fnn.initializers, initializer)(Key(0), (300, 200), np.float64)
    assert w.var() == pytest.approx(variance, rel=0.03)
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    kernel = getattr(fnn.initializers, initializer)(Key(0), (3, 5, 20, 40), np.float32)
    scale = {"glorot": 2 / (15 * 60), "he_uni": 2 / 300, "he_nor": 2 / 300, "lecun_": 1 / 300}.get(
        initializer[:6], variance
    )
    assert kernel.var() == pytest.approx(scale, rel=0.05)
    assert kernel.dtype == np.float32
    assert not kernel.flags.writeable


def test_orthogonal_columns_or_rows_are_orthonormal():
    for shape in ((5, 3), (3, 5), (4, 4)):
        w = fnn.initializers.orthogonal(Key(0), shape, np.float64, gain=2.0)
        gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
        np.testing.assert_allclose(gram, 4 * np.eye(min(shape)), atol=1e-12)
