"""Layers that change axes alone."""

import numpy as np
import pytest

from fnn import Key, flatten, permute, relu, reshape, serial, vjp
from tests.laws.cases import numbers


@pytest.mark.parametrize(("layer", "shape"), [(flatten, (3, 8)), (reshape((4, 2)), (3, 4, 2))], ids=repr)
def test_values_stay_in_their_order_and_the_gradient_goes_back_as_it_came(layer, shape):
    x = numbers(3, 2, 4)
    y, pullback = vjp(layer, x)
    np.testing.assert_array_equal(y, x.reshape(shape))
    dlayer, dx = pullback(2 * y)
    assert dlayer is layer
    np.testing.assert_array_equal(dx(), 2 * x)
    assert not np.shares_memory(y, x)  # which the caller may write to


def test_rows_that_do_not_fit_are_refused_by_their_place():
    with pytest.raises(ValueError, match=r"reshape at layers\[1\] expects rows of 6 numbers, got \(5, 4\)"):
        serial(relu, reshape((2, 3)))(Key(0), numbers(5, 4))
    with pytest.raises(ValueError, match=r"flatten expects rows of at least 1 axes, got \(\)"):
        flatten(np.array(1.0))


def test_a_shape_is_a_tuple_of_sizes():
    with pytest.raises(TypeError, match=r"reshape expects the shape of a row as a tuple, got int 3; write reshape\("):
        reshape(3)
    with pytest.raises(ValueError, match="reshape: each axis of a row must be at least 1, got 0"):
        reshape((2, 0))


def test_permuting_puts_axes_in_another_order_and_back():
    x = numbers(2, 3, 4, 5)
    assert np.array_equal(permute((0, 3, 1, 2))(x), x.transpose(0, 3, 1, 2))
    assert np.array_equal(permute((0, 2, 3, 1))(permute((0, 3, 1, 2))(x)), x)
    for order in ((0, 2), (1, 1)):
        with pytest.raises(ValueError, match="permute: the order must have each axis once, counted from 0, got"):
            permute(order)
    with pytest.raises(ValueError, match="permute: each axis of the order must be at least 0, got -1"):
        permute((0, -1))
    with pytest.raises(
        TypeError, match=r"permute: the order must be a tuple of axes, got list \[1, 2\]; write permute"
    ):
        permute([1, 2])
    with pytest.raises(ValueError, match=r"permute expects 2 axes, got \(2, 3, 4, 5\)"):
        permute((1, 0))(x)
