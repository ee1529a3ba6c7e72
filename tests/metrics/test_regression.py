"""Errors and explained variance by hand, over any number of outputs."""

import math

import numpy as np
import pytest

from fnn import mse
from fnn.metrics import explained_variance, mae, mape, r2, rmse
from tests.each_of import each_of
from tests.metrics.cases import AIM, LOGITS, OUTPUTS, N


def test_rmse_and_r2_by_hand():
    prediction, target = np.array([2.5, 0.0, 2.0, 8.0]), np.array([3.0, -0.5, 2.0, 7.0])
    assert rmse(prediction, target) == pytest.approx(math.sqrt((0.25 + 0.25 + 0 + 1) / 4), rel=1e-15)
    assert r2(prediction, target) == pytest.approx(1 - 1.5 / 29.1875, rel=1e-15)  # the mean is 2.875


def test_mae_mape_and_explained_variance_by_hand():
    prediction, target = np.array([2.5, 0.0, 2.0, 8.0]), np.array([3.0, -0.5, 2.0, 7.0])
    assert mae(prediction, target) == pytest.approx((0.5 + 0.5 + 0 + 1) / 4, rel=1e-15)
    assert mape(prediction, target) == pytest.approx((0.5 / 3 + 1 + 0 + 1 / 7) / 4, rel=1e-15)
    # errors 0.5 -0.5 0 -1, their mean -0.25
    assert explained_variance(prediction, target) == pytest.approx(1 - (1.5 - 4 / 16) / 29.1875, rel=1e-15)
    assert mape(np.array([0.0, 1.0]), np.array([0.0, 0.0])) == 2.0**51  # a target of 0 counts as 2**-52


def test_what_does_not_vary_is_explained_by_what_is_off_by_a_constant():
    same = np.array([0.1, 0.1, 0.1])  # whose mean in float64 is not 0.1
    assert explained_variance(same + 5, same) == 1.0
    assert explained_variance(np.array([0.1, 0.1, 0.2]), same) == 0.0
    assert explained_variance(np.array([3.0]), np.array([1.0])) == 1.0
    for n in range(2, 200):  # of 0.1 or 0.3 so many times, the mean is often another float
        assert explained_variance(np.full(n, 0.1), np.full(n, 0.3)) == 1.0
    assert explained_variance(AIM + [3.0, -1e6], AIM) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_errors_of_any_size_neither_vanish_nor_overflow(size):
    prediction, target = size * np.array([1.0, 2.0, 4.0]), size * np.array([1.0, 3.0, 2.0])
    assert mae(prediction, target) == pytest.approx(size, rel=1e-14)
    assert explained_variance(prediction, target) == pytest.approx(1 - (14 / 3) / 2, rel=1e-12)
    assert mape(prediction, target) == pytest.approx((1 / 3 + 1) / 3, rel=1e-14) or size < 1e-16


def test_a_prediction_that_is_infinite_is_infinitely_wrong():
    prediction, target = np.array([np.inf, 1.0]), np.array([0.0, 1.0])
    assert mae(prediction, target) == mape(prediction, target) == math.inf
    assert explained_variance(prediction, target) == -math.inf


def test_rmse_is_the_root_of_mse():
    assert rmse(OUTPUTS, AIM) == pytest.approx(math.sqrt(mse(OUTPUTS, AIM)), rel=1e-14)
    assert rmse(OUTPUTS[:, 0], AIM[:, 0]) == pytest.approx(rmse(OUTPUTS[:, :1], AIM[:, :1]), rel=1e-14)


def test_integers_and_float32_are_computed_with_in_float64():
    assert rmse(np.array([0, 255], np.uint8), np.array([255, 0], np.uint8)) == 255.0
    assert rmse(np.array([2**24 + 1]), np.array([2**24])) == 1.0
    assert rmse(np.full(3, 1e30, np.float32), np.zeros(3, np.float32)) == pytest.approx(1e30, rel=1e-6)


def test_the_mean_has_r2_0_and_neither_shift_nor_scale_matter():
    assert r2(np.full((N, 2), AIM.mean(axis=0)), AIM) == pytest.approx(0, abs=1e-15)
    assert r2(AIM + 1, AIM) < 0.5
    assert r2(3 * OUTPUTS + 50, 3 * AIM + 50) == pytest.approx(r2(OUTPUTS, AIM), rel=1e-12)


def test_r2_of_several_outputs_is_the_mean_of_theirs():
    cube, aim = LOGITS[:100].reshape(25, 4, 4), np.roll(LOGITS[:100], 1).reshape(25, 4, 4)
    expected = np.mean([r2(cube[:, i, j], aim[:, i, j]) for i in range(4) for j in range(4)])
    assert r2(cube, aim) == pytest.approx(expected, rel=1e-13)


@each_of("value", [0.0, 0.1, -3.3])
@each_of("n", [2, 3, 10])
def test_a_target_that_does_not_vary_has_r2_1_if_met_and_0_if_not(value, n):
    target = np.full(n, value)  # the mean of three times 0.1 is not 0.1: 1 - residual / total would be -5e33
    assert r2(target, target) == 1.0
    assert r2(target + 1, target) == 0.0
    assert r2(np.stack([target, target + 1], 1), np.stack([target, target], 1)) == 0.5


SIZES = [1e-320, 1e-200, 1e-30, 1.0, 1e30, 1e200]


@each_of("size", SIZES)
def test_errors_of_any_size_have_a_root_of_their_mean_square(size):
    prediction, target = size * np.array([3.0, 1.0, 5.0, 1.0]), size * np.array([1.0, 1.0, 1.0, 3.0])
    assert rmse(prediction, target) == pytest.approx(size * math.sqrt(6), rel=1e-2 if size < 1e-300 else 1e-14, abs=0)
    assert r2(prediction, target) == pytest.approx(1 - 24 / 3, rel=1e-2 if size < 1e-300 else 1e-13)
    assert r2(target, target) == 1.0


@each_of("dtype", [np.float16, np.float32])
@each_of("n", [2, 70_000])
def test_narrow_floats_are_added_up_in_float64(dtype, n):
    largest = dtype(3e4 if dtype is np.float16 else 1e30)
    target = np.where(np.arange(n) % 2, largest, -largest)
    assert target.dtype == dtype
    assert rmse(np.zeros(n, dtype), target) == pytest.approx(float(largest), rel=1e-12)
    assert r2(target / dtype(2), target) == pytest.approx(0.75, rel=1e-12)


def test_columns_of_different_sizes_count_alike():
    aim = np.array([[1e-200, 1e200], [2e-200, 2e200], [4e-200, 4e200]])
    one = r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    assert r2(aim * [[1, 1], [1, 1], [0.75, 0.75]], aim) == pytest.approx(one, rel=1e-12)


def test_r2_of_values_that_lie_close_together_far_from_0():
    target = 1e16 + np.array([0.0, 2.0])  # whose mean is no float64
    assert r2(target, target) == 1.0
    assert r2(target[::-1].copy(), target) == pytest.approx(1 - 8 / 2, rel=1e-15)


def test_what_is_infinitely_far_off_is_infinite():
    assert rmse(np.array([np.inf, 1.0]), np.ones(2)) == math.inf
    assert r2(np.array([np.inf, 1.0]), np.array([1.0, 2.0])) == -math.inf
    assert r2(np.array([1e200, 1.0]), np.array([1.0, 2.0])) == -math.inf
