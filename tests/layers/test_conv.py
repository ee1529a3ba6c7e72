"""Convolution and pooling against loops over every number, and at the edges of an image."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import fnn
from fnn import Key, adam, check_vjp, cross_entropy, dense, flatten, relu, serial, tree, vjp
from fnn.layers.conv import Conv, conv
from fnn.layers.pool import AvgPool, MaxPool, avg_pool, global_avg_pool, max_pool
from tests.laws.cases import numbers


def margin(padding, length, size, stride, dilation=1):
    """TensorFlow's: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2."""
    span = (size - 1) * dilation + 1
    if padding == "same":
        total = max((math.ceil(length / stride) - 1) * stride + span - length, 0)
        return total // 2, total - total // 2
    return (0, 0) if padding == "valid" else (padding, padding)


def by_loops(layer, x):
    """Convolution as six loops: images, rows, columns, filters, and the kernel's height and width."""
    kernel_height, kernel_width, inputs, filters = layer.weight.shape
    (down, right), step = layer.stride, layer.dilation
    top, bottom = margin(layer.padding, x.shape[1], kernel_height, down, step)
    left, end = margin(layer.padding, x.shape[2], kernel_width, right, step)
    padded = np.pad(x, ((0, 0), (top, bottom), (left, end), (0, 0)))
    rows = (padded.shape[1] - (kernel_height - 1) * step - 1) // down + 1
    columns = (padded.shape[2] - (kernel_width - 1) * step - 1) // right + 1
    y = np.zeros((len(x), rows, columns, filters))
    for n, row, column, f in itertools.product(*map(range, y.shape)):
        first = f // (filters // layer.groups) * inputs
        for i, j in itertools.product(range(kernel_height), range(kernel_width)):
            pixel = padded[n, row * down + i * step, column * right + j * step, first : first + inputs]
            y[n, row, column, f] += pixel @ layer.weight[i, j, :, f]
        y[n, row, column, f] += layer.bias[f]
    return y


def random_conv(kernel, inputs, filters, *settings):
    return Conv(numbers(*kernel, inputs, filters), numbers(filters, seed=1), *settings)


CONVOLUTIONS = {
    "3 x 3": (random_conv((3, 3), 2, 3, (1, 1)), numbers(2, 5, 4, 2)),
    "valid": (random_conv((3, 3), 2, 3, (1, 1), "valid"), numbers(2, 5, 4, 2)),
    "as large as the image": (random_conv((4, 3), 2, 3, (1, 1), "valid"), numbers(2, 4, 3, 2)),
    "even": (random_conv((2, 4), 2, 3, (1, 1)), numbers(2, 5, 4, 2)),
    "even, valid": (random_conv((2, 4), 2, 3, (1, 1), "valid"), numbers(2, 5, 4, 2)),
    "strides with a remainder": (random_conv((3, 2), 2, 3, (2, 3)), numbers(2, 6, 8, 2)),
    "strides with a remainder, valid": (random_conv((3, 2), 2, 3, (2, 3), "valid"), numbers(2, 6, 8, 2)),
    "strides beyond the kernel": (random_conv((1, 2), 2, 3, (2, 3), "valid"), numbers(2, 6, 8, 2)),
    "padding of 1": (random_conv((3, 2), 2, 3, (2, 1), 1), numbers(2, 6, 5, 2)),
    "dilation": (random_conv((3, 2), 2, 3, (1, 1), "same", 2), numbers(2, 7, 5, 2)),
    "dilation, stride, valid": (random_conv((3, 2), 2, 3, (2, 1), "valid", 3), numbers(2, 9, 5, 2)),
    "groups": (random_conv((3, 3), 2, 6, (1, 1), "same", 1, 3), numbers(2, 4, 3, 6)),
    "each channel alone, stride": (random_conv((3, 3), 1, 4, (2, 2), "same", 1, 4), numbers(2, 5, 5, 4)),
    "1 x 1": (random_conv((1, 1), 3, 2, (1, 1)), numbers(2, 3, 4, 3)),
    "1 x 1, stride": (random_conv((1, 1), 3, 2, (2, 2)), numbers(2, 3, 4, 3)),
    "one image of one channel, one filter": (random_conv((3, 3), 1, 1, (1, 1)), numbers(1, 4, 5, 1)),
    "one pixel": (random_conv((3, 3), 1, 2, (1, 1)), numbers(2, 1, 1, 1)),
    "wide": (random_conv((2, 3), 1, 2, (1, 1)), numbers(1, 3, 20, 1)),  # windows are copied out along lines
}
convolutions = pytest.mark.parametrize(("layer", "x"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)


@convolutions
def test_a_convolution_is_six_loops(layer, x):
    np.testing.assert_allclose(layer(x), by_loops(layer, x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer(np.asfortranarray(x)), by_loops(layer, x), rtol=1e-12, atol=1e-12)


@pytest.mark.long
@convolutions
def test_its_gradients_are_the_numeric_ones(layer, x):
    report = check_vjp(layer, x)
    assert max(report.errors.values()) <= 1e-8
    assert report.skipped == 0


@convolutions
def test_dx_is_the_adjoint(layer, x):
    """<conv(x), z> = <x, conv_transposed(z)>, for a convolution without its bias is linear."""
    y, pullback = vjp(Conv(layer.weight, 0 * layer.bias, *settings_of(layer)), x)
    z = numbers(*y.shape, seed=3)
    assert np.vdot(y, z) == pytest.approx(np.vdot(x, pullback(z)[1]()), rel=1e-12)


def settings_of(layer):
    return layer.stride, layer.padding, layer.dilation, layer.groups


def test_by_hand():
    image = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])[None, :, :, None]
    kernel = np.array([[1.0, 10.0], [100.0, 1000.0]])[:, :, None, None]
    inside = [[1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000], [4 + 50 + 700 + 8000, 5 + 60 + 800 + 9000]]
    assert Conv(kernel, np.zeros(1), padding="valid")(image)[0, :, :, 0].tolist() == inside
    padded = [[*inside[0], 3 + 600], [*inside[1], 6 + 900], [7 + 80, 8 + 90, 9]]  # the odd zeros are at the end
    assert Conv(kernel, np.zeros(1))(image)[0, :, :, 0].tolist() == padded


SEQUENCES = {
    "three": ((3, 2, 4), (1, "same", 1, 1), (2, 5, 2)),
    "even, stride, valid": ((4, 2, 3), (3, "valid", 1, 1), (2, 9, 2)),
    "dilation": ((3, 2, 3), (1, "same", 2, 1), (2, 7, 2)),
    "groups, padding": ((3, 1, 4), (2, 2, 1, 2), (1, 6, 2)),
    "tuples of one": ((2, 1, 1), ((2,), (1,), (1,), 1), (1, 5, 1)),
    "one step": ((3, 2, 2), (1, "same", 1, 1), (2, 1, 2)),
}


@pytest.mark.parametrize(("kernel", "settings", "shape"), SEQUENCES.values(), ids=SEQUENCES)
def test_a_sequence_is_an_image_of_one_column(kernel, settings, shape):
    weight, bias, x = numbers(*kernel), numbers(kernel[-1], seed=1), numbers(*shape, seed=2)
    stride, padding, dilation, groups = (each[0] if isinstance(each, tuple) else each for each in settings)
    layer = Conv(weight, bias, *settings)
    padding = (padding, 0) if isinstance(padding, int) else padding
    image = Conv(weight[:, None], bias, (stride, 1), padding, (dilation, 1), groups)
    np.testing.assert_allclose(layer(x), image(x[:, :, None])[:, :, 0], rtol=1e-12)
    assert max(check_vjp(layer, x).errors.values()) <= 1e-8


def test_shapes_and_dtype_come_from_the_data():
    images, sequences = np.zeros((1, 7, 6, 4), np.float32), np.zeros((1, 7, 4))
    assert repr(conv(8, 3)(Key(0), images)).startswith("Conv(weight=f32[3,3,4,8], bias=f32[8], stride=1")
    assert repr(conv(8, (3, 2), groups=2)(Key(0), images)).startswith("Conv(weight=f32[3,2,2,8], bias=f32[8]")
    assert repr(conv(8, 3)(Key(0), sequences)).startswith("Conv(weight=f64[3,4,8], bias=f64[8]")
    assert "f32[3,3,1,2]" in repr(conv(2, 3)(Key(0), np.zeros((1, 4, 4, 1), np.uint8)))
    for stride, shape in ((1, (1, 7, 6, 8)), (2, (1, 4, 3, 8)), ((3, 1), (1, 3, 6, 8))):
        assert conv(8, 3, stride=stride)(Key(0), images)(images).shape == shape


def test_the_first_weights_keep_the_size_of_the_signal_whatever_the_number_of_channels():
    for channels in (1, 16, 64):
        x = numbers(4, 12, 12, channels)
        y = relu(conv(64, 3)(Key(0), x)(x))[:, 1:-1, 1:-1]
        assert np.mean(y**2) == pytest.approx(np.mean(x**2), rel=0.25)


def lenet(key, x):
    body = conv(6, 5), relu, max_pool(2), conv(16, 5, padding="valid"), relu, max_pool(2)
    return serial(*body, flatten, dense(120), relu, dense(84), relu, dense(10))(key, x)


def test_lenet_has_the_shapes_of_the_paper_and_starts_at_the_loss_of_guessing():
    x, target = fnn.data.digits()
    x = np.kron(x[:200].reshape(-1, 8, 8, 1), np.ones((1, 3, 3, 1), np.float32))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    net = lenet(Key(0), x[:1])
    assert [layer.weight.shape for layer in net.layers if tree.leaves((layer,))] == [
        (5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10),
    ]  # fmt: skip
    assert cross_entropy(net(x), target[:200]) == pytest.approx(math.log(10), rel=0.2)


def test_a_step_of_lenet_on_256_images_takes_little_memory():
    x, target = numbers(256, 28, 28, 1, dtype=np.float32), np.arange(256) % 10
    optimizer = adam(1e-3)
    state = fnn.start(lenet(Key(0), x[:1]), optimizer)
    step = fnn.train_step(cross_entropy, optimizer)
    step(state, (x, target))
    tracemalloc.start()
    step(state, (x, target))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


def test_many_images_go_through_in_blocks_and_few_at_once():
    layer, x = random_conv((3, 3), 8, 4, 1), numbers(40, 12, 12, 8)
    y, pullback = vjp(layer, x)
    dy = numbers(*y.shape, seed=2)
    dlayer, dx = pullback(dy)
    one_by_one = [vjp(layer, x[i : i + 1]) for i in range(40)]
    pulled = [pull(dy[i : i + 1]) for i, (_, pull) in enumerate(one_by_one)]
    np.testing.assert_allclose(y, np.concatenate([each for each, _ in one_by_one]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx(), np.concatenate([each() for _, each in pulled]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dlayer.weight, sum(d.weight for d, _ in pulled), rtol=1e-12)
    np.testing.assert_allclose(dlayer.bias, sum(d.bias for d, _ in pulled), rtol=1e-12)


# --- pooling ---------------------------------------------------------------------------------------------------------


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
windows = pytest.mark.parametrize(("size", "stride", "padding", "shape"), WINDOWS.values(), ids=WINDOWS)


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
    assert repr(max_pool((2, 3))) == "MaxPool(size=(2, 3), stride=(2, 3), padding='valid')"
    assert avg_pool(2)(np.zeros((1, 5, 4, 1))).shape == (1, 2, 2, 1)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 4, 2)], ids=str)
def test_the_global_mean_is_over_all_but_rows_and_channels(shape):
    x = numbers(*shape)
    np.testing.assert_allclose(global_avg_pool(x), x.mean(axis=tuple(range(1, x.ndim - 1))), rtol=1e-12)
    assert check_vjp(global_avg_pool, x).errors["x"] <= 1e-8


# --- all of them -----------------------------------------------------------------------------------------------------

ALL = {
    "conv": (random_conv((3, 3), 2, 4, 2, "same", 1, 2), numbers(3, 5, 6, 4)),
    "conv, sequences": (Conv(numbers(3, 2, 4), numbers(4)), numbers(3, 5, 2)),
    "max_pool": (max_pool(2), numbers(3, 4, 5, 2)),
    "avg_pool": (avg_pool(3, 2, "same"), numbers(3, 4, 5, 2)),
    "global_avg_pool": (global_avg_pool, numbers(3, 4, 5, 2)),
}
everything = pytest.mark.parametrize(("layer", "x"), ALL.values(), ids=ALL)


@everything
def test_single_precision_stays_and_is_as_exact_as_it_can_be(layer, x):
    y, pullback = vjp(layer, x)
    dy = numbers(*y.shape, seed=1)
    single = tree.map(np.float32, layer)
    y_single, pullback_single = vjp(single, x.astype(np.float32))
    dlayer, dx = pullback_single(dy.astype(np.float32))
    expected, expected_dx = pullback(dy)
    ours = [y_single, dx(), *tree.leaves((dlayer,))]
    for a, b in zip(ours, [y, expected_dx(), *tree.leaves((expected,))], strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@everything
def test_no_images_give_no_output_and_no_gradient(layer, x):
    y, pullback = vjp(layer, x[:0])
    dlayer, dx = pullback(np.zeros_like(y))
    assert y.shape == (0, *layer(x).shape[1:])
    assert dx().shape == (0, *x.shape[1:])
    assert not any(leaf.any() for leaf in tree.leaves((dlayer,)))


# --- what does not fit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: conv(0, 3), ValueError, "conv: filters must be at least 1, got 0"),
        (lambda: conv(2.5, 3), TypeError, "conv: filters must be an integer, got float 2.5"),
        (lambda: conv(8, 0), ValueError, "conv: size must be at least 1, got 0"),
        (lambda: conv(8, "3"), TypeError, "conv: size must be an integer, got str '3'"),
        (
            lambda: conv(8, (3, 3, 3)),
            ValueError,
            r"conv: size must be an integer or a tuple of 2 \(height, width\), got \(3, 3, 3\)",
        ),
        (lambda: conv(8, 3, stride=0), ValueError, "conv: stride must be at least 1, got 0"),
        (lambda: conv(8, 3, dilation=(1, 0)), ValueError, "conv: dilation must be at least 1, got 0"),
        (
            lambda: conv(8, 3, padding="full"),
            ValueError,
            "conv: padding must be 'same', 'valid' or an integer, got 'full'",
        ),
        (lambda: conv(8, 3, padding=-1), ValueError, "conv: padding must be at least 0, got -1"),
        (lambda: conv(8, 3, padding=1.5), TypeError, "conv: padding must be an integer, got float 1.5"),
        (lambda: conv(8, 3, groups=3), ValueError, "conv expects filters that are a multiple of its 3 groups, got 8"),
        (lambda: conv(8, 3, groups=0), ValueError, "conv: groups must be at least 1, got 0"),
        (lambda: max_pool(0), ValueError, "max_pool: size must be at least 1, got 0"),
        (lambda: avg_pool(2, 1.5), TypeError, "avg_pool: stride must be an integer, got float 1.5"),
        (lambda: avg_pool(2, padding="no"), ValueError, "avg_pool: padding must be 'same', 'valid' or"),
    ],
)
def test_a_setting_that_makes_no_sense(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("constructor", "shape", "complaint"),
    [
        (
            conv(8, 3),
            (32, 784),
            r"conv expects images (n, height, width, channels), got (32, 784); put reshape((28, 28, 1)) before it",
        ),
        (conv(8, 3), (2, 3072), "put reshape((32, 32, 3)) before it"),
        (conv(8, 3), (2, 7), "put reshape((height, width, channels)) before it"),
        (
            conv(8, (3, 3)),
            (2, 28, 28),
            "conv expects images (n, height, width, channels), got (2, 28, 28); put reshape((28, 28, 1)) before it, "
            "or write x[None] for a single image",
        ),
        (conv(8, (3,)), (2, 4, 4, 1), "conv expects sequences (n, time, features), got (2, 4, 4, 1)"),
        (conv(8, 3), (2, 4, 4, 0), "conv expects images (n, height, width, channels), got (2, 4, 4, 0)"),
        (conv(8, 3, groups=2), (2, 4, 4, 3), "conv expects channels that are a multiple of its 2 groups, got 3"),
        (
            conv(8, 5, padding="valid"),
            (2, 4, 6, 1),
            "conv expects images of at least 5 x 5, got (2, 4, 6, 1); take a smaller size or padding='same'",
        ),
        (conv(8, 3, dilation=2, padding=1), (2, 2, 6, 1), "conv expects images of at least 3 x 3, got (2, 2, 6, 1)"),
        (conv(8, 5, padding="valid"), (2, 4, 1), "conv expects sequences of at least 5, got (2, 4, 1)"),
        (conv(8, 3), (2, 0, 4, 1), "conv expects images of at least 1 x 1, got (2, 0, 4, 1)"),
        (conv(8, (3, 1), padding=1), (2, 4, 4, 1), "conv expects a padding below its window 3 x 1, got 1"),
        (
            conv(8, 3, stride=(1, 1)),
            (2, 4, 1),
            "conv: stride must be an integer or a tuple of 1 for sequences, got (1, 1)",
        ),
        (max_pool(2), (3, 16), "max_pool expects images (n, height, width, channels), got (3, 16); put reshape((4, 4"),
        (max_pool((2, 2)), (3, 4, 4), "max_pool expects images (n, height, width, channels), got (3, 4, 4); put"),
        (avg_pool(5), (3, 4, 6, 1), "avg_pool expects images of at least 5 x 5, got (3, 4, 6, 1); take"),
        (avg_pool(2, padding=2), (3, 4, 6, 1), "avg_pool expects a padding below its window 2 x 2, got 2"),
        (global_avg_pool, (3, 4), "global_avg_pool expects images (n, height, width, channels) or sequences, got (3"),
        (global_avg_pool, (3, 0, 4), "global_avg_pool expects images (n, height, width, channels) or sequences, got"),
    ],
)
def test_data_that_do_not_fit(constructor, shape, complaint):
    x = np.zeros(shape)
    caller, rest = complaint.split(" ", 1) if complaint.split(" ", 1)[0] in ALL else ("", complaint)
    for make in (serial(constructor), serial(relu, constructor)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
            make(Key(0), x)
        assert rest in str(caught.value)
        assert f"{caller} at layers[" in str(caught.value) if caller else True


def test_a_finished_layer_says_what_it_was_made_for():
    layer, along_time = random_conv((3, 3), 2, 4), Conv(numbers(3, 2, 4), numbers(4))
    for bad, x, complaint in (
        (layer, (5, 8, 8, 3), "conv expects images (n, height, width, 2), got (5, 8, 8, 3)"),
        (layer, (8, 8, 2), "conv expects images (n, height, width, channels), got (8, 8, 2); put reshape((8, 2, 1))"),
        (along_time, (5, 8, 3), "conv expects sequences (n, time, 2), got (5, 8, 3)"),
        (along_time, (5, 8), "conv expects sequences (n, time, features), got (5, 8)"),
        (Conv(numbers(3, 3), numbers(3)), (5, 8, 3), "conv expects a weight (height, width, inputs, filters), got (3,"),
        (Conv(layer.weight, numbers(3)), (5, 8, 8, 2), "conv expects a bias (4,), got (3,)"),
        (Conv(numbers(3, 3, 1, 3), numbers(3), groups=2), (5, 8, 8, 2), "conv expects filters that are a multiple"),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
            bad(np.zeros(x))
        assert complaint in str(caught.value)
    with pytest.raises(TypeError, match="conv expects an array of real numbers"):
        layer(np.zeros((1, 8, 8, 2), complex))
    with pytest.raises(TypeError, match="conv expects a key"):
        conv(8, 3)(0, np.zeros((1, 8, 8, 2)))
