"""Pooling against loops over windows."""

import itertools

import numpy as np
import pytest

from fnn import check_vjp, vjp
from fnn.layers.global_pool import global_avg_pool
from fnn.layers.pool import AvgPool, MaxPool, avg_pool, max_pool
from tests.each_of import each_of
from tests.laws.cases import numbers, sort_of
from tests.layers.test_windows import margin


def pooled_by_loops(layer, x, of_window):
    (height, width), (down, right) = layer.size, layer.stride
    top, bottom = margin(layer.padding, x.shape[1], height, down)
    left, end = margin(layer.padding, x.shape[2], width, right)
    rows = (x.shape[1] + top + bottom - height) // down + 1
    columns = (x.shape[2] + left + end - width) // right + 1
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    for n, row, column, channel in itertools.product(*map(range, y.shape)):
        i, j = row * down - top, column * right - left
        window = x[n, max(i, 0) : i + height, max(j, 0) : j + width, channel]
        y[n, row, column, channel] = of_window(window)
    return y


WINDOWS = {
    "side by side": ((2, 2), (2, 2), "valid", (2, 4, 6, 3)),
    "with a remainder": ((2, 3), (2, 3), "valid", (2, 5, 8, 3)),
    "with a remainder, same": ((2, 3), (2, 3), "same", (2, 5, 8, 3)),
    "overlapping": ((3, 3), (2, 1), "valid", (2, 6, 5, 2)),
    "overlapping, same": ((3, 4), (2, 1), "same", (2, 6, 5, 2)),
    "with gaps": ((1, 2), (2, 3), "valid", (2, 5, 8, 2)),
    "padding of 1": ((3, 2), (2, 2), 1, (2, 5, 6, 2)),
    "the whole image": ((4, 3), (4, 3), "valid", (1, 4, 3, 2)),
    "one cell": ((1, 1), (1, 1), "valid", (1, 3, 2, 2)),
    "one pixel": ((2, 2), (2, 2), "same", (2, 1, 1, 1)),
}


windows = each_of(("size", "stride", "padding", "shape"), WINDOWS.values(), ids=WINDOWS, one_of_each=sort_of)


@windows
def test_pooling_is_a_loop_over_windows(size, stride, padding, shape):
    for kind, of_window in ((MaxPool, np.max), (AvgPool, np.mean)):
        layer, x = kind(size, stride, padding), numbers(*shape) - 3  # zeros of the margin would be the largest
        np.testing.assert_allclose(layer(x), pooled_by_loops(layer, x, of_window), rtol=1e-13)
        report = check_vjp(layer, x)
        assert report.errors["x"] <= 1e-8
        assert report.skipped == 0


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, "valid"), (3, 2, "same"), ((3,), (1,), "valid")])
def test_a_sequence_is_pooled_along_time(size, stride, padding):
    x = numbers(2, 7, 3)
    whole = [each[0] if isinstance(each, tuple) else each for each in (size, stride)]
    for kind in (MaxPool, AvgPool):
        layer, of_images = kind(size, stride, padding), kind(*((each, 1) for each in whole), padding)
        np.testing.assert_array_equal(layer(x), of_images(x[:, :, None])[:, :, 0])
        assert check_vjp(layer, x).errors["x"] <= 1e-8


def test_of_equal_cells_the_first_in_reading_order_gets_the_gradient():
    def gradient(layer, rows):
        x = np.array(rows, np.float64)[None, :, :, None]
        y, pullback = vjp(layer, x)
        return pullback(np.ones_like(y))[1]()[0, :, :, 0].tolist()

    assert gradient(max_pool(2), [[0, 0], [0, 0]]) == [[1, 0], [0, 0]]
    assert gradient(max_pool(2), [[0, 1], [1, 0]]) == [[0, 1], [0, 0]]
    assert gradient(max_pool(3), [[0, 0, 5], [5, 5, 5], [5, 0, 0]]) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert gradient(max_pool((1, 2), (1, 1)), [[1, 2, 1]]) == [[0, 2, 0]]  # in both windows
    assert gradient(max_pool((1, 2), (1, 1)), [[2, 2, 2]]) == [[1, 1, 0]]


def test_the_margin_is_nothing_to_the_maximum_and_does_not_count_in_the_mean():
    x = np.full((1, 3, 3, 1), -7.0)
    for layer in (max_pool(2, padding="same"), avg_pool(2, padding="same"), avg_pool(3, 1, "same")):
        assert (layer(x) == -7).all()


def test_without_a_stride_windows_lie_side_by_side():
    assert repr(max_pool((2, 3))) == "MaxPool(size=(2, 3), stride=(2, 3), padding='valid', dilation=1, ceil_mode=False)"
    assert avg_pool(2)(np.zeros((1, 5, 4, 1))).shape == (1, 2, 2, 1)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 4, 2)], ids=str)
def test_the_global_mean_is_over_all_but_rows_and_channels(shape):
    x = numbers(*shape)
    np.testing.assert_allclose(global_avg_pool(x), x.mean(axis=tuple(range(1, x.ndim - 1))), rtol=1e-12)
    assert check_vjp(global_avg_pool, x).errors["x"] <= 1e-8
