"""Summaries of results: exact at any size, whatever the order, and honest about runs that diverged."""

import itertools
import math
import pickle
import random
import statistics
from fractions import Fraction

import numpy as np
import pytest

from fnn.train.experiments import Trial
from fnn.train.summaries import Summary, summarize
from tests.each_of import each_of

NUMBERS = [0.91, 0.94, 0.98, 0.9, 0.95]


def test_a_summary_is_that_of_statistics():
    summary = summarize(NUMBERS)
    assert summary.mean == pytest.approx(statistics.fmean(NUMBERS), abs=1e-16)
    assert summary.std == pytest.approx(statistics.stdev(NUMBERS), rel=1e-14)
    assert (summary.min, summary.max, summary.n) == (0.9, 0.98, 5)
    assert type(summary.mean) is float
    assert repr(summary) == "0.936 +- 0.032 (0.9 to 0.98, n = 5)"


def test_the_order_of_the_results_does_not_matter():
    numbers = [1e16, 1.0, -1e16, 3.0, 1e-3]
    assert summarize(numbers).mean == summarize(numbers[::-1]).mean == 4.001 / 5
    assert summarize(numbers).std == summarize(numbers[::-1]).std


def test_equal_results_have_a_standard_deviation_of_0():
    assert summarize([0.1, 0.1, 0.1]).std == 0  # a third of the sum of three tenths is not a tenth


def test_a_single_result_has_no_standard_deviation():
    summary = summarize([2])
    assert summary.mean == summary.min == summary.max == 2
    assert math.isnan(summary.std)


def exact(numbers):
    """Return the mean and the standard deviation, in fractions up to the last rounding."""
    mean = sum(map(Fraction, numbers)) / len(numbers)
    variance = sum((Fraction(number) - mean) ** 2 for number in numbers) / (len(numbers) - 1)
    root = Fraction(math.isqrt((variance.numerator << 4400) // variance.denominator), 1 << 2200)
    return float(mean), float(root) if root < Fraction(2) ** 1024 else math.inf


@each_of("power", [-308, -300, -200, -162, -141, -139, -30, 0, 4, 20, 30, 139, 141, 154, 200, 300, 307])
def test_a_summary_is_exact_to_a_few_units_at_any_size(power):
    dice = random.Random(power)
    for n in (2, 3, 7):
        numbers = [dice.uniform(-1, 1) * 10.0**power for _ in range(n)]
        for each in (numbers, [numbers[0], *[numbers[0] * (1 + 2**-50)] * (n - 1)]):
            summary = summarize(each)
            mean, std = exact(each)
            assert summary.mean == pytest.approx(mean, rel=1e-15, abs=0)
            assert summary.std == pytest.approx(std, rel=1e-14, abs=1e-322)
            assert summary.mean == summarize(each[::-1]).mean
            assert summary.std == summarize(each[::-1]).std


@each_of("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, bool])
def test_the_largest_numbers_of_a_dtype_are_summarized(dtype):
    largest = (
        np.array(True) if dtype is bool else np.array(getattr(np, "finfo" if dtype(1.5) == 1.5 else "iinfo")(dtype).max)
    )
    summary = summarize(np.full((3, 2), largest, dtype))
    assert summary.mean.tolist() == summary.max.tolist() == [float(largest)] * 2
    assert summary.std.tolist() == [0, 0]


def test_sums_beyond_float64_are_no_error():
    assert summarize([1.7e308, 1.7e308, 1.7e308]).mean == 1.7e308
    assert summarize([1.7e308, 1.7e308, 1.7e308]).std == 0
    assert summarize([1e308, -1e308]).mean == 0
    assert summarize([1e308, -1e308]).std == pytest.approx(math.sqrt(2) * 1e308, rel=1e-15)
    assert summarize([1.7e308, -1.7e308]).std == math.inf  # 2.4e308


@each_of(
    ("results", "expected"),
    [
        ([math.nan, 1.0, 2.0], [math.nan] * 4),
        ([math.nan, math.inf], [math.nan] * 4),
        ([math.inf, 1.0], [math.inf, math.nan, 1.0, math.inf]),
        ([-math.inf, 1.0, 2.0], [-math.inf, math.nan, -math.inf, 2.0]),
        ([math.inf, -math.inf, 0.0], [math.nan, math.nan, -math.inf, math.inf]),
        ([math.inf], [math.inf, math.nan, math.inf, math.inf]),
    ],
)
def test_a_run_that_diverged_is_seen_whatever_its_place(results, expected):
    for order in itertools.permutations(results):
        summary = summarize(order)
        np.testing.assert_array_equal([summary.mean, summary.std, summary.min, summary.max], expected)


def test_a_result_may_be_a_tuple_of_arrays():
    assert summarize([(np.zeros(2), np.ones(2)), (np.ones(2), np.ones(2))]).mean.tolist() == [[0.5, 0.5], [1, 1]]


def test_arrays_are_summarized_element_by_element():
    curves = [np.array([[1.0, 2.0]]), np.array([[3.0, 2.0]])]
    summary = summarize(curves)
    np.testing.assert_array_equal(summary.mean, [[2.0, 2.0]])
    np.testing.assert_allclose(summary.std, [[math.sqrt(2), 0.0]])
    np.testing.assert_array_equal(summary.max, [[3.0, 2.0]])
    assert repr(summary) == "Summary of 2 arrays (1, 2)"
    assert summarize([[1, 2], [3, 4]]).mean.tolist() == [2.0, 3.0]  # a curve may be a list
    assert summarize([np.zeros((0, 3))] * 2).std.shape == (0, 3)


def test_dictionaries_are_summarized_by_name_and_trials_by_their_results():
    results = [{"loss": 1.0, "curve": [1, 2]}, {"loss": 2.0, "curve": [3, 4]}]
    summary = summarize(Trial({"width": n}, result) for n, result in enumerate(results))
    assert summary["loss"].mean == 1.5
    assert summary["curve"].mean.tolist() == [2.0, 3.0]


def test_a_summary_is_a_record_that_pickles():
    summary = pickle.loads(pickle.dumps(summarize(NUMBERS)))
    assert isinstance(summary, Summary)
    assert repr(summary) == repr(summarize(NUMBERS))
