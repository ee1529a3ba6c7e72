"""Convolution against loops over every number, and at the edges of an image."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

import fnn
from fnn import Key, adam, check_vjp, cross_entropy, dense, flatten, relu, serial, tree, vjp
from fnn.layers.conv import Conv, conv
from fnn.layers.pool import max_pool
from tests.each_of import each_of
from tests.laws.cases import numbers
from tests.layers.test_windows import margin, random_conv


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


@each_of(("kernel", "settings", "shape"), SEQUENCES.values(), ids=SEQUENCES)
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
