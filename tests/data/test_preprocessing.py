"""Laws of what is done before training: one-hot rows, columns of one scale, weights of mean 1."""

import math

import numpy as np
import pytest

import fnn
from fnn import Key, data
from fnn.data import balanced, normalized, one_hot, standardization, standardize, train_test_split, unstandardize
from tests.each_of import each_of

T, V = TypeError, ValueError
KEY = Key(0)

FUNCTIONS = {
    "train_test_split": lambda x, y: train_test_split((x, y), 0.3, Key(0)),
    "one_hot": lambda x, y: one_hot(y, 10),
    "standardize": lambda x, y: standardize(x),
    "standardize like": lambda x, y: standardize(x[:3], like=x),
}


@each_of("function", FUNCTIONS.values(), ids=FUNCTIONS)
@each_of("order", ["C", "F"])
def test_the_caller_s_data_stay_as_they_are(function, order):
    x, y = np.array(np.arange(20.0).reshape(10, 2), order=order), np.arange(10)
    before = x.tobytes(), y.tobytes()
    first = function(x, y)
    assert (x.tobytes(), y.tobytes()) == before
    assert x.flags.writeable
    assert y.flags.writeable
    x.setflags(write=False)
    y.setflags(write=False)
    assert repr(function(x, y)) == repr(first)


# --- labels and scales -----------------------------------------------------------------------------------------------


@each_of("dtype", [np.uint8, np.int8, np.int64, np.uint64])
def test_one_hot_puts_a_one_at_the_place_of_each_label(dtype):
    rows = one_hot(np.array([2, 0, 1], dtype), 4)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_one_hot_takes_labels_of_any_shape():
    assert one_hot([[1], [0]], 2).tolist() == [[[0, 1]], [[1, 0]]]
    assert one_hot(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_standardized_columns_have_mean_0_and_standard_deviation_1(dtype):
    x = np.array([[1, 10], [3, 20], [5, 60]], dtype)
    root = math.sqrt(8 / 3), math.sqrt(1400 / 3)
    expected = [[-2 / root[0], -20 / root[1]], [0, -10 / root[1]], [2 / root[0], 30 / root[1]]]
    scaled = standardize(x)
    assert scaled.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-12)


def test_a_constant_column_becomes_0():
    assert standardize(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1, 0], [1, 0]]
    assert standardize(np.array([[5.0, 7.0]], np.float32)).tolist() == [[0, 0]]


@each_of("value", [0.1, 1e8 + 0.1])
@each_of("dtype", [np.float32, np.float64])
def test_a_constant_column_becomes_exactly_0_though_its_mean_is_rounded(value, dtype):
    assert standardize(np.full((3, 1), value, dtype)).tolist() == [[0]] * 3


def test_a_standard_deviation_whose_square_is_0_divides_nothing_by_0():
    assert np.isfinite(standardize(np.array([[0.0], [1e-200]]))).all()


def test_a_test_set_is_scaled_as_its_training_set_was():
    train, test = np.array([[0.0, 1.0], [4.0, 1.0]]), np.array([[6.0, 3.0]])
    assert standardize(test, like=train).tolist() == [[2.0, 2.0]]  # (6 - 2) / 2 and, unscaled, 3 - 1


def test_standardize_gives_an_array_of_its_own():
    x = np.array([[0.0, 0.0], [2.0, 2.0]]) - 1  # standardized already
    scaled = standardize(x)
    assert scaled.tolist() == x.tolist()
    assert not np.shares_memory(scaled, x)


@each_of("size", [5e-324, 1e-308, 1e-200, 1e-30, 1e30, 1e200, 1.7e308])
def test_values_of_any_size_are_standardized(size):
    assert standardize(np.array([[size], [-size]])).tolist() == [[1], [-1]]
    assert standardize(np.array([[size, 1.0], [-size, 3.0]])).tolist() == [[1, -1], [-1, 1]]


@each_of(("dtype", "sizes"), [(np.float16, (6e-8, 6e4)), (np.float32, (1e-45, 1e-30, 1e20, 3e38))])
@each_of("n", [2, 70_000])
def test_narrow_values_are_standardized_in_float64(dtype, sizes, n):
    for size in sizes:
        x = np.full((n, 1), size, dtype)
        x[::2] *= -1
        scaled = standardize(x)
        assert scaled.dtype == dtype
        np.testing.assert_array_equal(scaled, np.sign(x))


def test_values_close_together_far_from_0_are_told_apart():
    assert standardize(1e16 + np.array([[0.0], [2.0]])).tolist() == [[-1], [1]]  # their mean is no float64
    assert standardize(np.array([[1.0], [1 + 2**-52]])).tolist() == [[-1], [1]]


@each_of("dtype", [np.int64, np.int32, np.uint32])
def test_integers_that_a_float32_would_round_are_told_apart(dtype):
    """As seconds since 1970 are, of which a float32 has one in 128."""
    times = np.array([1_600_000_000, 1_600_000_001, 1_600_000_005], dtype)
    scaling = standardization(times)
    y = standardize(times, like=scaling)
    assert y.dtype == np.float32
    assert scaling.mean == 1_600_000_002
    np.testing.assert_allclose(y, np.array([-2, -1, 3]) / np.sqrt(14 / 3), rtol=1e-6)
    for like in (None, times, times.astype(np.float64)):
        np.testing.assert_array_equal(standardize(times, like=like), y)


def test_a_test_set_too_far_from_its_training_set_is_an_error():
    train, test = np.array([[1e-3], [2e-3]], np.float16), np.array([[6e4]], np.float16)
    message = "standardize: so far from the mean of like, some of x are too large for float16"
    with pytest.raises(ValueError, match=message):
        standardize(test, like=train)


# --- a scaling that is kept ------------------------------------------------------------------------------------------

TRAIN = np.array([[1.0, 5.0, 1e16], [3.0, 5.0, 1e16 + 2], [8.0, 5.0, 1e16 + 8]])


def test_a_scaling_holds_the_mean_and_the_standard_deviation_of_each_column():
    scaling = standardization(TRAIN[:, :2])
    assert isinstance(scaling, data.Standardization)
    assert scaling.mean.tolist() == [4.0, 5.0]
    np.testing.assert_allclose(scaling.std, [np.std(TRAIN[:, 0]), 1.0], rtol=1e-15)
    assert not any(leaf.flags.writeable for leaf in fnn.tree.leaves(scaling))


@each_of("dtype", [np.float32, np.float64])
def test_new_rows_are_scaled_by_it_as_by_the_rows_themselves_to_the_bit_and_back_again(dtype):
    train = TRAIN.astype(dtype)
    scaling = standardization(train)
    for x in (train, train[:1], train + train[:1] / 2, train[:0]):
        y = standardize(x, like=scaling)
        assert y.dtype == dtype
        assert y.tobytes() == standardize(x, like=train).tobytes()
        back = unstandardize(y, scaling)
        assert back.dtype == dtype
        np.testing.assert_allclose(back, x, rtol=3 * np.finfo(dtype).eps)


@each_of("size", [1e-320, 1e-300, 1.0, 1e300])
def test_values_of_any_size_come_back(size):
    x = size * np.array([1.0, 2.0, 5.0])
    scaling = standardization(x)
    np.testing.assert_allclose(
        unstandardize(standardize(x, like=scaling), scaling), x, rtol=1e-3 if size < 1e-310 else 1e-14
    )


def test_what_the_mean_is_off_by_is_kept_too():
    x = np.array([1e16, 1e16 + 2])  # whose mean is no float64
    scaling = standardization(x)
    assert unstandardize(standardize(x, like=scaling), scaling).tolist() == x.tolist()


def test_a_column_that_is_constant_comes_back_and_images_and_flat_values_have_a_scaling_too():
    scaling = standardization(np.full((3, 1), 0.1))
    assert standardize(np.array([[0.1], [0.6]]), like=scaling).tolist() == [[0.0], [0.5]]
    assert unstandardize(np.zeros((2, 1)), scaling).tolist() == [[0.1], [0.1]]
    for shape in ((7,), (7, 4, 4, 2)):
        x = np.arange(np.prod(shape), dtype=float).reshape(shape)
        np.testing.assert_allclose(unstandardize(standardize(x), standardization(x)), x, rtol=1e-12, atol=1e-12)


def test_a_scaling_is_saved_beside_its_network(tmp_path):
    scaling, net = standardization(TRAIN), fnn.mlp(4, 2)(KEY, TRAIN)
    fnn.save(tmp_path / "net", (net, scaling))
    _, loaded = fnn.load(tmp_path / "net")
    assert type(loaded) is data.Standardization
    assert fnn.tree.equal(loaded, scaling)


# --- weights ---------------------------------------------------------------------------------------------------------


@each_of("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
def test_normalized_weights_have_mean_1_and_keep_their_ratios(dtype):
    weights = np.array([[1, 0, 1], [1, 1, 0]], dtype)
    scaled = normalized(weights)
    assert scaled.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float32)
    np.testing.assert_allclose(scaled, 1.5 * weights.astype(float), rtol=1e-6)


@each_of("size", [1e-320, 1e-200, 1.0, 1e200, 1e308])
def test_weights_of_any_size_are_normalized(size):
    np.testing.assert_allclose(
        normalized(size * np.array([0.5, 1.5])), [0.5, 1.5], rtol=1e-3 if size < 1e-300 else 1e-15
    )
    assert normalized(np.full(70_000, 66, np.float16)).tolist() == [1.0] * 70_000


def test_balanced_weights_have_mean_1_and_give_each_class_that_occurs_the_same():
    labels = np.array([7, 2, 2, 2, 2, -1, 7], np.int8)
    weights = balanced(labels)
    assert (weights.shape, weights.dtype) == ((7,), np.float64)
    assert weights.mean() == pytest.approx(1, rel=1e-15)
    for label in (7, 2, -1):
        assert weights[labels == label].sum() == pytest.approx(7 / 3, rel=1e-15)
    assert balanced(np.zeros(4, int)).tolist() == [1.0] * 4


def test_a_column_too_small_for_a_standard_deviation_counts_as_constant():
    x = np.array([[5e-324, 1.0], [0.0, 3.0], [0.0, 5.0]])
    scaling = standardization(x)
    assert scaling.std[0] == 1.0
    y = standardize(x)
    assert np.abs(y[:, 0]).max() <= 5e-324
    np.testing.assert_allclose(unstandardize(y, scaling), x, atol=5e-324)
