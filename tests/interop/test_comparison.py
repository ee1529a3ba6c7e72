"""Student's t and the number of pairs against SciPy's distributions."""

import math

import pytest

from fnn.train._intervals import needed, student

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.99, 0.9999])
def test_student_s_t_is_scipy_s(confidence):
    for n in (*range(2, 40), 100, 999):
        assert student(n, confidence) == pytest.approx(stats.t.ppf((1 + confidence) / 2, n - 1), rel=1e-9)


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.0, 1.5])
def test_the_number_of_pairs_has_the_power_that_the_noncentral_t_gives(effect):
    def power(n):
        return stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect * math.sqrt(n))

    exact = next(n for n in range(2, 10_000) if power(n) >= 0.8)
    assert abs(needed(effect, 1.0, 0.95) - exact) <= 1
