"""Convolution and pooling give PyTorch's outputs and gradients, from the same parameters and dy, in float64."""

import functools
import itertools

import numpy as np
import pytest

from fnn import vjp
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.global_pool import global_avg_pool, global_max_pool
from fnn.layers.margins import crop, pad
from fnn.layers.pool import avg_pool, max_pool
from fnn.layers.upsample import upsample
from tests.laws.cases import numbers

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def agree(layer, x, theirs, parameters=()):
    """Compare y, dx and the parameters' gradients with those of ``theirs``, whose channels are the second axis."""
    y, pullback = vjp(layer, x)
    dy = numbers(*y.shape, seed=9)
    dlayer, dx = pullback(dy)
    inputs = [torch.tensor(each, requires_grad=True) for each in (x, *parameters)]
    output = theirs(inputs[0].movedim(-1, 1), *inputs[1:]).movedim(1, -1)
    gradients = torch.autograd.grad(output, inputs, torch.tensor(dy))
    ours = y, dx(), *((dlayer.weight, dlayer.bias) if parameters else ())
    for found, expected in zip(ours, (output, *gradients), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=0, atol=1e-10)


SETTINGS = list(itertools.product([1, 2, 3], ["valid", 1, 2], [1, 2], [1, 2]))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), SETTINGS)
def test_conv_of_images(stride, padding, dilation, groups):
    weight, bias = numbers(3, 4, 4 // groups, 6), numbers(6, seed=1)

    def theirs(x, weight, bias):
        return functional.conv2d(x, weight.permute(3, 2, 0, 1), bias, stride, padding, dilation, groups)

    agree(Conv(weight, bias, stride, padding, dilation, groups), numbers(2, 10, 9, 4), theirs, (weight, bias))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), SETTINGS)
def test_conv_of_sequences(stride, padding, dilation, groups):
    weight, bias = numbers(3, 4 // groups, 6), numbers(6, seed=1)

    def theirs(x, weight, bias):
        return functional.conv1d(x, weight.permute(2, 1, 0), bias, stride, padding, dilation, groups)

    agree(Conv(weight, bias, stride, padding, dilation, groups), numbers(2, 9, 4), theirs, (weight, bias))


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 2, 2), ((1, 2, 3), 1, 1, 1)]
)
def test_conv_of_volumes(stride, padding, dilation, groups):
    weight, bias = numbers(2, 3, 2, 4 // groups, 2), numbers(2, seed=1)

    def theirs(x, weight, bias):
        return functional.conv3d(x, weight.permute(4, 3, 0, 1, 2), bias, stride, padding, dilation, groups)

    agree(Conv(weight, bias, stride, padding, dilation, groups), numbers(2, 5, 6, 5, 4), theirs, (weight, bias))


def test_conv_with_other_cells_before_than_after():
    weight, bias = numbers(3, 4, 3, 2), numbers(2, seed=1)

    def theirs(x, weight, bias):
        return functional.conv2d(functional.pad(x, (3, 1, 0, 2)), weight.permute(3, 2, 0, 1), bias, 2)

    agree(Conv(weight, bias, 2, ((0, 2), (3, 1))), numbers(2, 6, 5, 3), theirs, (weight, bias))
    weight = weight[0]

    def causal(x, weight, bias):
        return functional.conv1d(functional.pad(x, (6, 0)), weight.permute(2, 1, 0), bias, 2, dilation=2)

    agree(Conv(weight, bias, 2, "causal", 2), numbers(2, 6, 3), causal, (weight, bias))


TRANSPOSED = list(itertools.product([1, 2, 3], ["valid", 1, 2], [1, 2], [1, 2]))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), TRANSPOSED)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_conv_transpose(axes, stride, padding, dilation, groups):
    weight, bias, extra = numbers(*(3, 2, 2)[:axes], 4 // groups, 6), numbers(6, seed=1), stride - 1
    sides = (1 if dilation == 1 else padding) if axes > 1 and padding != "valid" else padding  # below a window of 2
    function = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[axes - 1]

    def theirs(x, weight, bias):
        turned = weight.unflatten(-1, (groups, 6 // groups)).movedim(-2, 0)  # groups, ..., inputs, outputs
        turned = turned.movedim(-2, 1).flatten(0, 1).movedim(-1, 1)
        cut = 0 if sides == "valid" else sides
        return function(x, turned, bias, stride, cut, extra, groups, dilation)

    layer = ConvTranspose(weight, bias, stride, sides, dilation, groups, extra)
    agree(layer, numbers(2, *(4, 3, 3)[:axes], 4), theirs, (weight, bias))


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@pytest.mark.parametrize("kernel", [(1, 1), (3, 5), (2, 4)], ids=str)
@pytest.mark.parametrize("dilation", [1, (2, 3)], ids=str)
def test_same_is_pytorch_s_same_for_even_kernels_too(kernel, dilation):
    weight, bias = numbers(*kernel, 3, 2), numbers(2, seed=1)

    def theirs(x, weight, bias):
        return functional.conv2d(x, weight.permute(3, 2, 0, 1), bias, padding="same", dilation=dilation)

    agree(Conv(weight, bias, dilation=dilation), numbers(2, 9, 8, 3), theirs, (weight, bias))


def from_torch(module):
    """A Conv of the parameters of a torch.nn.Conv2d."""
    state = {name: value.numpy() for name, value in module.state_dict().items()}
    weight = np.ascontiguousarray(state["weight"].transpose(2, 3, 1, 0))
    return Conv(weight, state["bias"], module.stride, module.padding, module.dilation, module.groups)


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": 1}, {"stride": 2, "padding": (1, 2)}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}],
    ids=str,
)
def test_the_weights_of_a_conv2d_with_their_axes_turned_give_its_outputs(options):
    module = torch.nn.Conv2d(4, 6, 3, dtype=torch.float64, **options)
    x = numbers(2, 7, 8, 4)
    expected = module(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).detach()
    np.testing.assert_allclose(from_torch(module)(x), expected.numpy(), rtol=0, atol=1e-12)


POOLS = [(2, 2, 0), (3, 3, 0), (3, 2, 0), (3, 1, 1), (2, 3, 1), ((2, 3), (2, 3), 0), ((3, 2), (1, 2), (1, 0))]


@pytest.mark.parametrize(("size", "stride", "padding"), POOLS, ids=str)
def test_pooling_of_images(size, stride, padding):
    x = numbers(2, 7, 8, 3)
    agree(max_pool(size, stride, padding), x, lambda x: functional.max_pool2d(x, size, stride, padding))

    def mean(x):
        return functional.avg_pool2d(x, size, stride, padding, count_include_pad=False)

    agree(avg_pool(size, stride, padding), x, mean)


@pytest.mark.parametrize(("size", "stride", "padding"), POOLS[:5], ids=str)
def test_pooling_of_sequences(size, stride, padding):
    x = numbers(2, 8, 3)
    agree(max_pool(size, stride, padding), x, lambda x: functional.max_pool1d(x, size, stride, padding))

    def mean(x):
        return functional.avg_pool1d(x, size, stride, padding, count_include_pad=False)

    agree(avg_pool(size, stride, padding), x, mean)


CEILS = [(2, 3, 0, 1), (3, 2, 1, 1), (3, 2, 1, 2), (2, 2, 0, 3)]


@pytest.mark.parametrize(("size", "stride", "padding", "dilation"), CEILS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pooling_with_a_last_window_and_dilation(axes, size, stride, padding, dilation):
    x, kinds = numbers(2, *(8, 7, 9)[:axes], 2), ("1d", "2d", "3d")
    for ceil in (False, True):
        largest = getattr(functional, f"max_pool{kinds[axes - 1]}")
        layer = max_pool(size, stride, padding, dilation, ceil)
        agree(layer, x, lambda x: largest(x, size, stride, padding, dilation, ceil))  # noqa: B023
        if dilation == 1:
            mean = getattr(functional, f"avg_pool{kinds[axes - 1]}")
            layer = avg_pool(size, stride, padding, ceil_mode=ceil)
            agree(layer, x, lambda x: mean(x, size, stride, padding, ceil, count_include_pad=False))  # noqa: B023


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_upsampling(axes, size):
    x, modes = numbers(2, *(5, 4, 1)[:axes], 2), ("linear", "bilinear", "trilinear")
    agree(upsample(size), x, lambda x: functional.interpolate(x, scale_factor=size))
    linear = functools.partial(functional.interpolate, scale_factor=size, mode=modes[axes - 1], align_corners=False)
    agree(upsample(size, "linear"), x, linear)


def test_cells_around_and_their_removal():
    x = numbers(2, 5, 4, 2)
    agree(pad(((1, 2), (0, 3)), 0.5), x, lambda x: functional.pad(x, (0, 3, 1, 2), value=0.5))
    agree(crop(((1, 2), (0, 1))), x, lambda x: functional.pad(x, (0, -1, -1, -2)))


def test_the_global_maximum():
    agree(global_max_pool, numbers(2, 5, 4, 3), lambda x: functional.adaptive_max_pool2d(x, 1)[:, :, 0, 0])
    agree(global_max_pool, numbers(2, 5, 3), lambda x: functional.adaptive_max_pool1d(x, 1)[:, :, 0])


def test_ties_go_where_pytorch_sends_them():
    x = np.round(numbers(3, 6, 7, 2)).clip(0)  # many equal numbers
    for size, stride in ((2, 2), (3, 1), (3, 2)):
        agree(max_pool(size, stride), x, lambda x, size=size, stride=stride: functional.max_pool2d(x, size, stride))


def test_the_global_mean():
    agree(global_avg_pool, numbers(2, 5, 4, 3), lambda x: functional.adaptive_avg_pool2d(x, 1)[:, :, 0, 0])
