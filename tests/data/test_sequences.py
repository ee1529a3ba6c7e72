"""Laws of sequences: padding hides nothing, and no window sees what it is to foretell."""

import numpy as np

from fnn import Key, cross_entropy, dense, forward, last_step, lstm, serial, value_and_grad
from fnn.data import batches, pad_rows, standardize, windows
from tests.each_of import each_of


def rows_of(*lengths, step=(2,), dtype=np.float32):
    return [np.arange(n * int(np.prod(step))).reshape(n, *step).astype(dtype) + i for i, n in enumerate(lengths)]


@each_of("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64])
@each_of("step", [(), (2,), (2, 3)], ids=str)
def test_rows_come_back_out_of_their_padding(step, dtype):
    rows = rows_of(3, 0, 5, 1, step=step, dtype=dtype)
    x, lengths = pad_rows(rows, value=7)
    assert (x.shape, x.dtype, lengths.dtype) == ((4, 5, *step), dtype, np.int64)
    for row, padded, n in zip(rows, x, lengths, strict=True):
        assert n == len(row)
        np.testing.assert_array_equal(padded[:n], row)
        assert (padded[n:] == 7).all()


def test_rows_may_be_lists_a_generator_or_empty_and_the_time_may_be_given():
    x, lengths = pad_rows(([*range(n)] for n in (2, 0, 3)), length=4)
    assert (x.tolist(), lengths.tolist()) == ([[0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 2, 0]], [2, 0, 3])
    assert x.dtype == np.int64  # an empty list is no reason for floats
    assert pad_rows([[], [[1, 2]]])[0].tolist() == [[[0, 0]], [[1, 2]]]
    assert pad_rows([np.zeros((0, 3))])[0].shape == (1, 0, 3)


def test_rows_stay_as_they_are_and_the_result_is_nobody_s():
    rows = rows_of(2, 3)
    before = [row.tobytes() for row in rows]
    x, _ = pad_rows(rows)
    x[:] = -1
    assert [row.tobytes() for row in rows] == before


def test_the_pair_trains_a_network_as_each_row_alone_does():
    rows = rows_of(4, 2, 3)
    x, lengths = pad_rows(rows, length=6, value=99)
    net = serial(lstm(3), last_step, dense(2))(Key(0), (x[:1], lengths[:1]))
    y = forward(net, (x, lengths))
    for i, row in enumerate(rows):
        np.testing.assert_allclose(y[i], forward(net, row[None])[0], rtol=1e-5)
    data = (x, lengths), np.array([0, 1, 0])
    assert [part[0][0].shape for part in batches(data, 2)] == [(2, 6, 2), (1, 6, 2)]
    assert value_and_grad(cross_entropy, net, data)[0] > 0


# --- windows ---------------------------------------------------------------------------------------------------------


@each_of(
    ("time", "size", "horizon", "stride"), [(9, 3, 1, 1), (9, 3, 2, 2), (10, 4, 3, 2), (5, 4, 1, 3), (20, 1, 5, 4)]
)
@each_of("step", [(), (2,)], ids=str)
def test_windows_are_the_slices_that_a_loop_takes(time, size, horizon, stride, step):
    series = np.arange(time * int(np.prod(step))).reshape(time, *step)
    x, y = windows(series, size, horizon, stride)
    begins = range(0, time - size - horizon + 1, stride)
    np.testing.assert_array_equal(x, [series[i : i + size] for i in begins])
    np.testing.assert_array_equal(y, [series[i + size : i + size + horizon] for i in begins])


def test_windows_are_read_only_views_and_the_series_stays_writeable():
    series = np.arange(8.0)
    x, y = windows(series, 3)
    assert series.flags.writeable
    for part in (x, y):
        assert np.shares_memory(part, series)
        assert not part.flags.writeable


def test_another_series_is_foretold():
    series = np.arange(12.0).reshape(6, 2)
    x, y = windows(series, 2, target=series[:, 1])
    assert (x.shape, y.tolist()) == ((4, 2, 2), [[5.0], [7.0], [9.0], [11.0]])


def test_no_step_after_the_cut_moves_what_is_trained_on_and_all_of_them_are_tested():
    """The recipe of the docstring, on a series whose future is replaced by another one."""
    size, cut, series = 3, 7, np.sin(np.arange(10.0))
    other = np.where(np.arange(10) < cut, series, 1e6)
    train = [windows(standardize(each, like=each[:cut])[:cut], size) for each in (series, other)]
    for ours, theirs in zip(*train, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    _, tested = windows(series[cut - size :], size)
    assert tested[:, 0].tolist() == series[cut:].tolist()
