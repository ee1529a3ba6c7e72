"""The one engine of central differences: exact on squares, float64 and out of place, with what its callers ask for."""

import numpy as np
import pytest

from fnn.diagnostics._differences import differences, sides, step_for
from tests.laws.cases import numbers


def test_the_step_follows_x_and_is_the_cube_root_of_the_rounding_error_near_0():
    h = 2.0 ** (-52 / 3)
    np.testing.assert_allclose(step_for(np.array([[0.0, -1.0], [0.5, -300.0]])), [[h, h], [h, 300 * h]], rtol=1e-15)


def test_sides_are_f_on_either_side_along_one_coordinate_at_a_time():
    x, seen = np.array([[1.0, 2.0], [3.0, 4.0]]), []
    found = list(sides(lambda point: seen.append(point - x) or point.sum(), x, [(0, 1), (1, 0)], 0.25))
    assert found == [(10.25, 9.75, 0.5)] * 2
    moves = [[[0, 0.25], [0, 0]], [[0, -0.25], [0, 0]], [[0, 0], [0.25, 0]], [[0, 0], [-0.25, 0]]]
    assert [move.tolist() for move in seen] == moves


def test_the_width_is_the_distance_between_the_two_points_that_there_are():
    x = np.array([1000.0])
    [(high, low, width)] = sides(lambda point: point[0], x, [0], 1e-9)
    assert high - low == width != 2e-9


def test_f_may_write_to_what_it_is_given_and_return_the_same_array_again():
    x, buffer = np.array([1.0, 2.0]), np.empty(2)
    x.setflags(write=False)

    def f(point):
        np.multiply(point, point, out=buffer)
        point += 100
        return buffer

    found = differences(f, x, range(2), 0.5, np.array([1.0, 10.0]))
    assert found.slopes.tolist() == [2, 40]
    assert found.curvature.tolist() == [2 * 0.5, 20 * 0.5]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_what_f_returns_is_subtracted_in_double_precision(dtype):
    found = differences(lambda point: np.array(200 - 100 * point, dtype), np.array([0.5, 1.0]), [...], 0.5)
    assert found.slopes.dtype == np.float64
    assert found.slopes.tolist() == [[-100, -100]]  # 100 - 200 wraps round in uint8


def test_all_places_at_once_give_the_slope_of_each_number():
    x = numbers(3, 2)
    found = differences(np.sin, x, [...], 1e-5)
    assert found.slopes.shape == found.curvature.shape == (1, 3, 2)
    np.testing.assert_allclose(found.slopes[0], np.cos(x), rtol=1e-9)
    np.testing.assert_allclose(found.curvature[0], 1e-5 * np.abs(np.sin(x)), rtol=1e-4)


def test_curvature_is_the_step_from_slope_to_slope_at_a_kink():
    x = np.array([-1.0, 0.0, 4e-6, 1.0])
    found = differences(lambda point: 3 * np.abs(point), x, range(4), 1e-5, np.ones(4))
    np.testing.assert_allclose(found.curvature, [0, 6, 6 * (1 - 0.4), 0], atol=1e-8)


def test_noise_counts_the_outputs_that_moved_or_all_if_none_did():
    weights = np.array([1.0, -2.0])
    eps = 2.0**-52

    def noise(f):
        return differences(f, np.array([3.0]), [0], 0.5, weights).noise

    assert noise(lambda x: np.array([x[0], 1e6])) == 4 * eps * 3 / 0.5
    assert noise(lambda x: np.array([5.0, 7.0])) == 4 * eps * (5 + 2 * 7) / 0.5


def test_what_does_not_depend_on_a_place_adds_no_rounding_to_its_slope():
    def f(x):
        return np.array([1e16, 3 * x[0], -1e16])

    assert differences(f, np.array([1.0]), [0], 0.5, np.array([1.0, 1.0, 0.7])).slopes.tolist() == [3]


def test_without_places_there_is_nothing_to_find():
    found = differences(np.sum, np.zeros((0, 3)), [], 1e-5, np.float64(1))
    assert found.slopes.shape == found.curvature.shape == (0,)
