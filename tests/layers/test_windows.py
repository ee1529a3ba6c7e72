"""What convolution and pooling share: margins, single precision, no images at all, and what does not fit."""

import math

import numpy as np
import pytest

from fnn import Key, relu, serial, tree, vjp
from fnn.layers.conv import Conv, conv
from fnn.layers.global_pool import global_avg_pool
from fnn.layers.pool import avg_pool, max_pool
from tests.each_of import each_of
from tests.laws.cases import numbers


def margin(padding, length, size, stride, dilation=1):
    """TensorFlow's: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2."""
    span = (size - 1) * dilation + 1
    if padding == "same":
        total = max((math.ceil(length / stride) - 1) * stride + span - length, 0)
        return total // 2, total - total // 2
    return (0, 0) if padding == "valid" else (padding, padding)


def random_conv(kernel, inputs, filters, *settings):
    return Conv(numbers(*kernel, inputs, filters), numbers(filters, seed=1), *settings)


ALL = {
    "conv": (random_conv((3, 3), 2, 4, 2, "same", 1, 2), numbers(3, 5, 6, 4)),
    "conv, sequences": (Conv(numbers(3, 2, 4), numbers(4)), numbers(3, 5, 2)),
    "max_pool": (max_pool(2), numbers(3, 4, 5, 2)),
    "avg_pool": (avg_pool(3, 2, "same"), numbers(3, 4, 5, 2)),
    "global_avg_pool": (global_avg_pool, numbers(3, 4, 5, 2)),
}


everything = each_of(("layer", "x"), ALL.values(), ids=ALL)


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


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: conv(0, 3), ValueError, "conv: filters must be at least 1, got 0"),
        (lambda: conv(2.5, 3), TypeError, "conv: filters must be an integer, got float 2.5"),
        (lambda: conv(8, 0), ValueError, "conv: size must be at least 1, got 0"),
        (lambda: conv(8, "3"), TypeError, "conv: size must be an integer, got str '3'"),
        (
            lambda: conv(8, (3, 3, 3, 3)),
            ValueError,
            r"conv: size must be an integer or a tuple of 2 \(height, width\), or 1, or 3, got \(3, 3, 3, 3\)",
        ),
        (lambda: conv(8, 3, stride=0), ValueError, "conv: stride must be at least 1, got 0"),
        (lambda: conv(8, 3, dilation=(1, 0)), ValueError, "conv: dilation must be at least 1, got 0"),
        (
            lambda: conv(8, 3, padding="full"),
            ValueError,
            "conv: padding must be 'same', 'valid', 'causal' or an integer, got 'full'",
        ),
        (lambda: conv(8, 3, padding=-1), ValueError, "conv: padding must be at least 0, got -1"),
        (lambda: conv(8, 3, padding=1.5), TypeError, "conv: padding must be an integer, got float 1.5"),
        (lambda: conv(8, 3, groups=3), ValueError, "conv expects filters that are a multiple of its 3 groups, got 8"),
        (lambda: conv(8, 3, groups=0), ValueError, "conv: groups must be at least 1, got 0"),
        (lambda: max_pool(0), ValueError, "max_pool: size must be at least 1, got 0"),
        (lambda: avg_pool(2, 1.5), TypeError, "avg_pool: stride must be an integer, got float 1.5"),
        (lambda: avg_pool(2, padding="no"), ValueError, "avg_pool: padding must be 'same', 'valid', 'causal' or"),
    ],
)
def test_a_setting_that_makes_no_sense(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@each_of(
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
