"""The lesson on forty ways to be wrong: all are there, each fails as is said, and the tests that it names exist."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tests.examples.lessons import run_lesson
from tests.laws import test_mistakes_gradients, test_mistakes_numbers, test_mistakes_training

NAN, INF = math.nan, math.inf
TESTS = {
    name
    for module in (test_mistakes_gradients, test_mistakes_numbers, test_mistakes_training)
    for name, value in vars(module).items()
    if name.startswith("test_") and callable(value)
}


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names of the lesson and what it printed; it is run once for all."""
    before = repr(np.random.get_state())  # noqa: NPY002
    names, printed = run_lesson("12_forty_ways_to_be_wrong.py", tmp_path_factory.mktemp("lesson"))
    after = repr(np.random.get_state())  # noqa: NPY002
    return SimpleNamespace(**names, printed=printed, leaves_numpy_alone=before == after)


def numbered(lesson):
    return {number_of(each.test): each for each in lesson.mistakes if number_of(each.test)}


def number_of(test):
    match = re.match(r"test_mistake_(\d\d)_", test)
    return match and int(match[1])


def test_each_mistake_that_has_a_test_is_shown_once(lesson):
    shown = [number_of(each.test) for each in lesson.mistakes if number_of(each.test)]
    assert sorted(shown) == sorted(set(map(number_of, TESTS)) - {None})
    others = len(lesson.mistakes) - len(shown)
    assert f"{len(shown)} numbered mistakes, and {others} more from the tutorials" in lesson.printed
    assert lesson.leaves_numpy_alone


def test_each_names_a_test_that_exists(lesson):
    named = {each.test for each in lesson.mistakes}
    assert named <= TESTS
    assert set(re.findall(r"^     (test_\w+)$", lesson.printed, re.MULTILINE)) == named


def test_each_says_what_was_written_and_what_it_gives_and_that_this_is_wrong(lesson):
    for each in lesson.mistakes:
        wrong, right = lesson.as_text(each.wrong), lesson.as_text(each.right)
        assert wrong != right
        assert f"  {each.written}\n     {each.measure}: {wrong}; right: {right}\n     {each.test}\n" in lesson.printed
        assert "#" not in each.written


# The numbers of the list of mistakes, or worked out by hand: what it gives, and what is right.
EXPECTED = {
    1: (2, 3),
    3: (4.5 * 1.1**20, 4.5 * 0.9**20),
    5: ([-36, -72], [-9, -9]),  # -6 (1 + 0 + 1 + 4), twice as much; a quarter, an eighth of that
    6: ([50 / 105, 50 / 105, 5 / 105], [1, 1, 1]),
    7: (0.9515, 0.9643),
    8: ([[NAN] * 3], [[0.09003, 0.24473, 0.66524]]),
    9: ([NAN] * 2, [0.26894, 0.73106]),
    11: (-math.log(1e-15), 10_000),
    14: ([-6, 0, -2], [0.104994, 0.25, 0.104994]),
    15: ([0, INF], [0, 10_000]),
    16: ([-1, NAN], [-1, 10_000]),
    17: (1, 0),
    18: ([2.06, 0.317], [1, 1]),
    19: (1, 10),
    20: (1, 1.5**40),  # 1 steps to -1.5, and that to 1, for ever
    21: ([1, -1], [2.71, -2.71]),
    22: ([3, 2], [2, 2]),
    26: (False, True),
    27: (False, True),
    29: ([0.5, 0.5], [0.5, 0.875]),
    30: ([0, 0, 3, 2, 1, 0], [0, 0, 1, 2, 3, 0]),
    32: ([[NAN] * 3], [[0] * 3]),
    33: (2, 1),
    34: ([5, 3], [3]),
    35: (12 / 49, 0),  # 6 ones against six zeros in the column, and again in the row
    37: (188, 2.46),
    39: (0, 256),
    41: (3, 1),
}


@pytest.mark.parametrize("number", EXPECTED)
def test_the_numbers_are_those_of_the_list_or_of_a_hand_calculation(lesson, number):
    for found, expected in zip(numbered(lesson)[number][-2:], EXPECTED[number], strict=True):
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=4e-3, atol=1e-7)


# Where data or random numbers come in: about what the list measured, or as far as chance can take it.
ABOUT = {
    2: ((0.40, 0.05), (0, 1e-9)),
    4: ((0, 1e-16), (0.071, 0.001)),
    10: (([0.67, 0.91], 0.01), ([1, 1], 1e-12)),
    12: ((0.90, 0.01), (0, 1e-12)),
    13: ((0.13, 0.02), (0, 1e-12)),
    23: ((4, 0), (200, 10)),
    24: ((0.1, 0.03), (1, 0)),
    25: ((5, 0.1), (0, 0.1)),
    28: ((0.35, 0.01), (0, 1e-8)),
    31: ((1 / 8, 0.01), (1, 0.03)),
    36: ((1.25, 0.01), (0, 1e-12)),
    40: ((0.10, 0.001), (1, 0)),
}


@pytest.mark.parametrize("number", ABOUT)
def test_what_is_measured_on_data_is_about_what_the_list_says(lesson, number):
    for found, (expected, tolerance) in zip(numbered(lesson)[number][-2:], ABOUT[number], strict=True):
        np.testing.assert_allclose(np.asarray(found, float), expected, rtol=0, atol=tolerance)


def test_the_two_that_are_left(lesson):
    single, double = numbered(lesson)[38][-2:]
    assert double < 1e-9 < 1e-4 < single
    assert numbered(lesson)[42][-2:] == ("RecursionError", 1.0)
    assert set(EXPECTED) | set(ABOUT) | {38, 42} == set(numbered(lesson))


def test_grade_knows_seven_of_them_and_has_nothing_to_say_of_what_is_right(lesson):
    assert lesson.grades.mistakes == (2, 5, 9, 13, 14, 17, 40)
    assert lesson.grades.right == ("mse",)
    assert str(lesson.grades) in lesson.printed


def test_the_silent_ones_cost_what_the_curves_show(lesson):
    sums, gradients, weights = lesson.panels.values()
    ends = {name: curve[-1] for curves in (sums, gradients, weights) for name, curve in curves.items()}
    assert ends["sum, 8 rows"] < ends["mean, 64 rows a step"] < ends["sum, 64 rows"]
    assert ends["cross-entropy"] < 0.5 * min(ends["squared error"], ends["squared error, diagonal only"])
    assert weights["standard normal"][0] > 50 * weights["He"][0]
    assert ends["He"] < ends["standard normal"]
    for title, curves in lesson.panels.items():
        for name, curve in curves.items():
            assert len(curve) == 3  # the initial loss and two epochs
            assert f"{title}; {name}: from {curve[0]:.2f} to {curve[-1]:.3f}" in lesson.printed
