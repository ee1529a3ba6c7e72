"""Findings and grades as text."""

import numpy as np

from fnn.testing import Finding, Grades

X = np.array([[1.0, -2.0, 3.0], [-0.5, 0.25, 2.0]])


def test_long_inputs_are_described_and_short_ones_shown():
    assert str(
        Finding("f", "fails", (X, np.zeros((9, 2)), [np.ones(2)] * 4, {"b": 1.0}, "s", np.float64(0.12345)))
    ) == (
        "f: f([[1, -2, 3], [-0.5, 0.25, 2]], float64 array (9, 2), [[1, 1], [1, 1], [1, 1], ...], "
        "{'b': 1}, 's', 0.1235) fails"
    )
    assert Grades(("f",), ()).passed
