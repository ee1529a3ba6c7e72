"""How far the mean of a few numbers, or of many, may lie from that of the population: intervals in plain arithmetic.

student     : n, confidence            -> standard errors from the mean of n normal numbers to the ends, both ways
studentized : numbers, confidence, key -> low, high, by the bootstrap
needed      : mean, std, confidence    -> n with which an interval leaves out 0 in four of five experiments
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from fnn.core.keys import Key, fold_in, uniforms

_POWER = 0.8  # Cohen's convention (1988)
_RESAMPLES = 10_000
_AT_ONCE = 2**20  # numbers drawn at once, 8 MB


def student(n: int, confidence: float) -> float:
    """Return the t, of n - 1 degrees of freedom, for which ``confidence`` lies between minus t and t.

    The probability between them is a finite sum of powers of cos(angle), where t = tan(angle) sqrt(n - 1) (Abramowitz
    and Stegun, 1964, 26.7.3 and 26.7.4). It grows with the angle, which bisection finds.

    >>> round(student(2, 0.95), 3), round(student(5, 0.95), 3), round(student(30, 0.95), 3)
    (12.706, 2.776, 2.045)
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, n - 1) < confidence else (low, middle)
    return math.tan(low) * math.sqrt(n - 1)


def _between(angle: float, freedom: int) -> float:
    """Return the probability of a t between minus and plus tan(angle) sqrt(freedom)."""
    cosine, odd = math.cos(angle), freedom % 2
    term, total = cosine if odd else 1.0, 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def studentized(numbers: np.ndarray, confidence: float, key: Key) -> tuple[float, float]:
    """Return the ends of an interval for the mean by the t of 10,000 resamples (bootstrap-t; Hall, 1988).

    Student's t is symmetric; this one follows the skewness of the numbers.
    """
    n, mean, std = len(numbers), float(numbers.mean()), float(numbers.std(ddof=1))
    found: list[np.ndarray] = []
    rows = max(_AT_ONCE // n, 1)
    for begin in range(0, _RESAMPLES, rows):
        drawn = uniforms(fold_in(key, begin), (min(rows, _RESAMPLES - begin), n))
        samples = numbers[(drawn * n).astype(np.intp)]
        # A resample may be one number repeated, whose own std is 0, or a rounding error.
        varied = samples.max(axis=1) > samples.min(axis=1)
        found.append((samples.mean(axis=1) - mean) / np.where(varied, samples.std(axis=1, ddof=1), std))
    low, high = np.quantile(np.concatenate(found), [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return mean - high * std, mean - low * std


def needed(mean: float, std: float, confidence: float) -> float:
    """Return how many numbers of this mean and std give an interval without 0 in four of five experiments, or infinity.

    n = ((z(confidence) + z(power)) std / mean)^2 + z(confidence)^2 / 2, where the last term is for Student's t in the
    place of the normal distribution (Guenther, 1981), and at least 2.

    >>> needed(0.5, 1.0, 0.95), needed(0.0, 1.0, 0.95)
    (34, inf)
    """
    if mean == 0:
        return math.inf
    ratio, z, z_power = std / abs(mean), -NormalDist().inv_cdf((1 - confidence) / 2), NormalDist().inv_cdf(_POWER)
    n = (z + z_power) * (z + z_power) * ratio * ratio + z * z / 2 if std else 0.0
    return max(math.ceil(n), 2) if n < math.inf else math.inf
