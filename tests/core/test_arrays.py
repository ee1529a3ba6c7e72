"""What layers ask of arrays: floats, arrays that nobody else writes to, sums that lose nothing."""

import numpy as np
import pytest

from fnn.core._arrays import as_array, counting, float_dtype, floats, ones, unshared
from tests.each_of import each_of


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_taken_as_they_are(dtype):
    x = np.ones(2, dtype)
    assert floats("relu", x) is x
    assert floats("relu", list(x)).dtype == dtype
    assert float_dtype(x) == dtype


@each_of("x", [np.array([0, 255], np.uint8), np.array([False, True]), [0, 255], [[1], [2]]])
def test_integers_and_booleans_become_float32(x):
    taken = floats("relu", x)
    assert taken.dtype == float_dtype(np.asarray(x)) == np.float32
    assert taken.tolist() == np.asarray(x).tolist()


def test_an_array_is_taken_as_it_is_and_a_list_becomes_one():
    x = np.array(["text"])
    assert as_array("relu", x) is x
    assert as_array("relu", [[1, 2]]).tolist() == [[1, 2]]


def test_the_arrays_that_are_shared_are_read_only_and_one():
    for shared, again in ((ones(3, np.dtype("f4")), ones(3, np.dtype("f4"))), (counting(3), counting(3))):
        assert shared is again
        assert not shared.flags.writeable
    assert ones(3, np.dtype("f4")).tolist() == [1, 1, 1]
    assert counting(3).tolist() == [0, 1, 2]


def test_only_an_array_that_somebody_could_write_to_is_copied():
    mine, shared = np.ones(2), ones(2, np.dtype("f8"))
    assert not np.shares_memory(unshared(mine), mine)
    assert unshared(mine).tolist() == [1, 1]
    assert unshared(shared) is shared
