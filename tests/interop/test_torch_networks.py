"""PyTorch's networks come in, ours go out, and each comes back: the same outputs to rounding, the same weights."""

import re

import numpy as np
import pytest

import fnn
from fnn import Dense, Key, Record, Scale, Serial, inference, serial, tree, vjp
from fnn.core._errors import FormatError
from fnn.core._structure import walk
from fnn.data import digits
from tests.laws.cases import LAYERS, numbers, random_like

torch = pytest.importorskip("torch")
nn = torch.nn

from fnn.interop.torch import from_torch, layer_of, module_of, to_torch  # noqa: E402 (only where PyTorch is)


def tensor(x):
    """Return an array, or each of a tuple, as a tensor."""
    return tuple(map(tensor, x)) if isinstance(x, tuple) else torch.from_numpy(np.array(x))


def channels_first(x):
    return x.movedim(-1, 1)


def time_first(x):
    return x.movedim(1, 0)


def same(x):
    return x


def results(module, x):
    with torch.no_grad():
        y = module(x, x, x) if isinstance(module, nn.MultiheadAttention) else module(x)
    return y[0] if isinstance(module, nn.RNN | nn.GRU | nn.LSTM | nn.MultiheadAttention) else y


def arbitrary(module):
    """Return a module in evaluation, with weights and statistics of which none is 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.is_floating_point():
                drawn = torch.rand(value.shape, generator=generator)
                value.copy_(0.6 * drawn - 0.3 if value.ndim > 1 else 0.8 * drawn + 0.1)
    return module.eval()


IMAGES, SEQUENCES, ROWS, VOLUMES = (2, 6, 9, 4), (3, 7, 4), (5, 4), (2, 3, 4, 5, 4)
SYMBOLS = np.array([[0, 3, 3, 1], [1, 0, 2, 4]])
ENCODER = {"d_model": 4, "nhead": 2, "dim_feedforward": 5}

# A module, the shape of a sample in the order of our axes, and what brings a tensor into the order of PyTorch's.
MODULES = {
    "Linear": (lambda: nn.Linear(4, 3), ROWS, same),
    "Linear, no bias, sequences": (lambda: nn.Linear(4, 3, bias=False), SEQUENCES, same),
    "Flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(216, 3)), IMAGES, channels_first),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, 2, 1, groups=2), IMAGES, channels_first),
    "Conv2d, same": (lambda: nn.Conv2d(4, 6, (2, 3), dilation=(1, 2), padding="valid"), IMAGES, channels_first),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, padding="same", bias=False), SEQUENCES, channels_first),
    "pools": (lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d((1, 2))), IMAGES, channels_first),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGES, channels_first),
    "pools of sequences": (lambda: nn.Sequential(nn.MaxPool1d(2), nn.AvgPool1d(2)), SEQUENCES, channels_first),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), IMAGES, channels_first),
    "AdaptiveAvgPool2d, more": (lambda: nn.AdaptiveAvgPool2d((3, None)), IMAGES, channels_first),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(3), IMAGES, channels_first),
    "AdaptiveAvgPool1d": (lambda: nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten()), SEQUENCES, channels_first),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), ROWS, same),
    "BatchNorm1d, sequences": (lambda: nn.BatchNorm1d(4, affine=False), SEQUENCES, channels_first),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, 0.1), IMAGES, channels_first),
    "BatchNorm1d, of the batch": (lambda: nn.BatchNorm1d(4, track_running_stats=False), ROWS, same),
    "LayerNorm": (lambda: nn.LayerNorm(4, 0.1), SEQUENCES, same),
    "LayerNorm, no weights": (lambda: nn.LayerNorm(4, elementwise_affine=False), ROWS, same),
    "RMSNorm": (lambda: nn.RMSNorm(4), ROWS, same),
    "Embedding": (lambda: nn.Embedding(5, 3, padding_idx=0), SYMBOLS, same),
    "RNN": (lambda: nn.RNN(4, 3, batch_first=True), SEQUENCES, same),
    "GRU": (lambda: nn.GRU(4, 3, 2, batch_first=True, bidirectional=True), SEQUENCES, same),
    "LSTM": (lambda: nn.LSTM(4, 3, 3, batch_first=True), SEQUENCES, same),
    "LSTM, time first": (lambda: nn.LSTM(4, 3, 2, bidirectional=True, dropout=0.3), SEQUENCES, time_first),
    "GRU, no bias": (lambda: nn.GRU(4, 3, bias=False), SEQUENCES, time_first),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2, batch_first=True), SEQUENCES, same),
    "MultiheadAttention, time first": (lambda: nn.MultiheadAttention(4, 2, bias=False), SEQUENCES, time_first),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(**ENCODER), SEQUENCES, time_first),
    "TransformerEncoderLayer, pre-norm": (
        lambda: nn.TransformerEncoderLayer(**ENCODER, activation="gelu", batch_first=True, norm_first=True),
        SEQUENCES,
        same,
    ),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(**ENCODER, activation=nn.SiLU(), batch_first=True, norm_first=True),
            2,
            nn.LayerNorm(4),
            enable_nested_tensor=False,
        ),
        SEQUENCES,
        same,
    ),
    "activations": (
        lambda: nn.Sequential(nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU(), nn.GELU(), nn.SiLU(), nn.Softplus()),
        SEQUENCES,
        same,
    ),
    "activations again": (lambda: nn.Sequential(nn.Tanh(), nn.ReLU(), nn.Sigmoid(), nn.Softmax(-1)), ROWS, same),
    "LogSoftmax": (lambda: nn.Sequential(nn.Identity(), nn.LogSoftmax(1)), IMAGES, channels_first),
    "Unflatten": (lambda: nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 1)), ROWS, same),
    "Unflatten, sequences": (lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 3)), ROWS, same),
    "Conv3d": (lambda: nn.Conv3d(4, 6, (2, 2, 3), padding=1, dilation=(1, 1, 2)), VOLUMES, channels_first),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2), SEQUENCES, channels_first),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, (3, 2), bias=False, dilation=2), IMAGES, channels_first),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 2, 2, 2), VOLUMES, channels_first),
    "pools of volumes": (lambda: nn.Sequential(nn.MaxPool3d(2, 1), nn.AvgPool3d((2, 1, 2))), VOLUMES, channels_first),
    "MaxPool2d, ceil_mode, dilation": (
        lambda: nn.MaxPool2d(3, 2, 1, dilation=(1, 2), ceil_mode=True),
        IMAGES,
        channels_first,
    ),
    "AvgPool1d, ceil_mode": (lambda: nn.AvgPool1d(2, ceil_mode=True), SEQUENCES, channels_first),
    "AvgPool2d, zeros that count": (lambda: nn.AvgPool2d(3, 2, 1), IMAGES, channels_first),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(1), VOLUMES, channels_first),
    "AdaptiveMaxPool1d": (lambda: nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten()), SEQUENCES, channels_first),
    "Upsample": (lambda: nn.Upsample(scale_factor=(2, 3)), IMAGES, channels_first),
    "Upsample, size": (lambda: nn.Upsample((12, 9), mode="bilinear"), IMAGES, channels_first),
    "Upsample, sequences": (lambda: nn.Upsample(scale_factor=2, mode="linear"), SEQUENCES, channels_first),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 2, 0, 3)), IMAGES, channels_first),
    "ConstantPad1d": (lambda: nn.ConstantPad1d((2, 0), 0.5), SEQUENCES, channels_first),
    "ConstantPad3d, cut": (lambda: nn.ConstantPad3d((-1, 0, -1, -1, 0, 0), 0.5), VOLUMES, channels_first),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), VOLUMES, channels_first),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4, 0.1), IMAGES, channels_first),
    "GroupNorm, no weights": (lambda: nn.GroupNorm(2, 4, affine=False), SEQUENCES, channels_first),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4), SEQUENCES, channels_first),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), IMAGES, channels_first),
    "InstanceNorm2d, statistics": (
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        IMAGES,
        channels_first,
    ),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(4), VOLUMES, channels_first),
    "LayerNorm, images": (lambda: nn.LayerNorm((4, 6, 9)), IMAGES, channels_first),
    "LayerNorm, images behind a convolution": (
        lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.LayerNorm((3, 6, 9))),
        IMAGES,
        channels_first,
    ),
    "LayerNorm, steps": (lambda: nn.LayerNorm((7, 4)), SEQUENCES, same),
    "RMSNorm, steps": (lambda: nn.RMSNorm((7, 4)), SEQUENCES, same),
    "GLU": (lambda: nn.GLU(), SEQUENCES, same),
    "GLU, images": (lambda: nn.GLU(1), IMAGES, channels_first),
    "PReLU": (lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.PReLU(3)), IMAGES, channels_first),
    "PReLU, one slope": (lambda: nn.PReLU(), ROWS, same),
    "Dropout2d": (lambda: nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(4, 3, 1)), IMAGES, channels_first),
    "activations with bounds": (
        lambda: nn.Sequential(
            nn.Hardtanh(-0.5, 0.7),
            nn.ReLU6(),
            nn.Hardswish(),
            nn.Mish(),
            nn.Softsign(),
            nn.GELU("tanh"),
            nn.Hardsigmoid(),
        ),
        SEQUENCES,
        same,
    ),
    "a network": (
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.4)),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.BatchNorm1d(60),
            nn.LayerNorm(60),
            nn.Dropout(),
            nn.Linear(60, 3),
        ),
        IMAGES,
        channels_first,
    ),
    "a global pool": (
        lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)),
        IMAGES,
        channels_first,
    ),
}


def sample(shape):
    return shape if isinstance(shape, np.ndarray) else numbers(*shape, dtype=np.float32)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_comes_in_goes_out_and_comes_back(name):
    make, shape, turned = MODULES[name]
    module, x = arbitrary(make()), sample(shape)
    theirs = results(module, turned(tensor(x)))

    def close(params):
        ours = inference(params, x)(x)
        assert ours.dtype == np.float32
        sides = [same, time_first, channels_first]
        return min(difference(turned(tensor(ours)), theirs) for turned in (sides if ours.ndim > 2 else sides[:1]))

    net = from_torch(module, x)
    assert close(net) < 1e-6
    assert tree.equal(from_torch(module, turned(tensor(x))), net)  # as a tensor, in the order of PyTorch's axes
    out = to_torch(net, x).eval()
    assert close(from_torch(out, x)) < 1e-6
    if turned is not time_first:
        assert difference(results(out, turned(tensor(x))), theirs) < 1e-6


@pytest.mark.parametrize("make", [lambda: nn.PixelShuffle(2), lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.Flatten(2))])
def test_a_module_comes_in_that_goes_out_as_others(make):
    module, x = arbitrary(make()), sample(IMAGES)
    assert (
        difference(channels_first(tensor(from_torch(module, x)(x))), results(module, channels_first(tensor(x)))) < 1e-6
    )


def test_a_transposed_convolution_goes_out_where_pytorch_has_its_margins():
    x = sample(IMAGES)
    net = fnn.conv_transpose(3, 4, 2)(Key(0), x)
    assert difference(results(to_torch(net), channels_first(tensor(x))), channels_first(tensor(net(x)))) < 1e-6
    with pytest.raises(TypeError, match="to_torch has no module for ConvTranspose"):
        to_torch(fnn.conv_transpose(3, 3, 2)(Key(0), x))


def difference(ours, theirs):
    if ours.shape != theirs.shape:
        return np.inf
    return float(((ours - theirs).abs() / theirs.abs().clamp(min=1)).max())


# Those that PyTorch has no module for, or one with its channels elsewhere: they are refused by name.
GO_OUT = {
    "Identity", "Heaviside", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Mish",
    "Softsign", "HardTanh", "HardSigmoid", "HardSwish", "Softmax", "LogSoftmax", "Flatten", "Reshape", "Dense",
    "Dropout", "Scale", "BatchNorm", "LayerNorm", "RMSNorm", "Embedding", "Rnn", "Gru", "Lstm", "Bidirectional",
    "LastStep", "Attention", "Sinusoidal", "Positional", "Conv", "MaxPool", "AvgPool", "GlobalAvgPool", "Serial",
    "Parallel", "Pick", "Concatenate", "Add", "Residual", "Multiply", "Glu", "SwiGlu", "PRelu", "GroupNorm", "Pad",
    "Crop", "Upsample", "GlobalMaxPool", "ConvTranspose", "Graph", "Node",
}  # fmt: skip
# With settings that PyTorch has no module for, or as arrays beside lengths, which it has in another form.
NOT_SO = (
    "avg_pool, dilation", "avg_pool, last", "conv, causal", "conv, sides", "conv_transpose, all",
    "conv_transpose, volumes", "flatten, start",
    "glu, axis", "max_pool, causal", "max_pool, dilation, last", "max_pool, last", "swiglu, axis",
    "attention, all", "attention, weights", "gru, reset before",
    "dense, ensemble", "concatenate, axis", "hard_sigmoid, steep", "log_softmax, axis", "softmax, axis",
)  # fmt: skip


def is_not_so(name):
    return name.startswith(NOT_SO) or name == "conv_transpose"  # whose windows are an odd number longer than its stride


def classes_of(layer):
    return {type(node).__name__ for _, node in walk(layer, every=True) if isinstance(node, Record)}


ALONE = {
    name: (layer, x)
    for name, (layer, x) in LAYERS.items()
    if classes_of(layer) <= GO_OUT and not is_not_so(name) and not re.search("lengths|state|mask", name)
}


def test_all_of_these_kinds_are_tried():
    assert set().union(*(classes_of(layer) for layer, _ in ALONE.values())) == GO_OUT


@pytest.mark.parametrize("name", ALONE)
def test_every_layer_goes_out_and_comes_back_to_the_bit(name):
    layer, x = ALONE[name]
    first = "conv", "max_pool", "avg_pool", "global", "group", "instance", "pad", "crop", "upsample"
    images = name.startswith((*first, "dropout, channels")) or (not isinstance(x, tuple) and x.ndim == 4)
    module = to_torch(layer, None if isinstance(x, tuple) else x).eval()
    y = inference(layer, x)(x) if not name.startswith("batch_norm") else layer(x)
    theirs = results(module, channels_first(tensor(x)) if images else tensor(x))
    for ours, other in zip(tree.leaves((y,)), theirs if isinstance(theirs, tuple) else (theirs,), strict=True):
        other = other.movedim(1, -1) if images and other.ndim > 2 else other
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-10, atol=1e-10)
    assert tree.equal(from_torch(module, x), layer)


@pytest.mark.parametrize(
    "name", [name for name in LAYERS if is_not_so(name) or not classes_of(LAYERS[name][0]) <= GO_OUT]
)
def test_a_layer_without_a_module_is_refused_by_name(name):
    layer, x = LAYERS[name]
    with pytest.raises(TypeError, match="to_torch has no module for"):
        to_torch(layer, None if isinstance(x, tuple) else x)


def test_the_convolutional_network_of_the_digits_predicts_the_same_in_pytorch():
    x, label = digits()
    body = fnn.conv(8, 3), fnn.relu, fnn.conv(16, 3), fnn.relu, fnn.max_pool(2)
    constructor = serial(fnn.reshape((8, 8, 1)), *body, fnn.flatten, fnn.dense(32), fnn.relu, fnn.dense(10))
    net = constructor(Key(0), x[:1])
    state = fnn.fit(fnn.cross_entropy, fnn.adam(3e-3), fnn.start(net, fnn.adam(3e-3)), (x, label), steps=60, key=Key(1))
    module = to_torch(state.params)
    ours, theirs = state.params(x), results(module, tensor(x)).numpy()
    assert fnn.metrics.accuracy(ours, label) > 0.8
    np.testing.assert_array_equal(ours.argmax(1), theirs.argmax(1))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert isinstance(module[6], nn.Flatten)
    assert tree.equal(from_torch(module, x[:2]), state.params)


def test_a_module_that_was_trained_goes_on_here():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    net = from_torch(module, np.ones((2, 3), np.float32))
    before, rows = module[0].weight.detach().clone(), (numbers(8, 3, dtype=np.float32), numbers(8, 1, dtype=np.float32))
    state = fnn.fit(fnn.mse, fnn.sgd(0.1), fnn.start(net, fnn.sgd(0.1)), rows, steps=3, key=Key(0))
    assert not tree.equal(state.params, net)
    assert torch.equal(module[0].weight, before)
    assert module.training


def test_neither_way_draws_random_numbers_of_pytorch_or_changes_what_it_was_given():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2), nn.Dropout(0.1))
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in module.state_dict().items()}
    net = from_torch(module, numbers(2, 4, 4, 2, dtype=np.float32))
    out = to_torch(net)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert all(each.training for each in module.modules())
    weight = net.layers[3].weight.copy()
    with torch.no_grad():
        for value in (*module.parameters(), *out.parameters()):
            value.zero_()
    np.testing.assert_array_equal(net.layers[3].weight, weight)


def test_a_batch_norm_comes_in_as_a_scale_with_its_statistics():
    module = arbitrary(nn.BatchNorm1d(2))
    layer = from_torch(module, np.zeros((2, 2), np.float32))
    assert type(layer) is Scale
    expected = module.weight / torch.sqrt(module.running_var + module.eps)
    np.testing.assert_allclose(layer.scale, expected.detach().numpy(), rtol=1e-6)


def test_a_module_at_two_places_is_one_layer_and_goes_out_as_one():
    shared = nn.Linear(3, 3)
    net = from_torch(nn.Sequential(shared, nn.Tanh(), shared), np.ones((2, 3), np.float32))
    assert net.layers[0] is net.layers[2]
    assert to_torch(net)[0] is to_torch(net)[2] or len(list(to_torch(net).parameters())) == 2


def test_bfloat16_comes_in_as_float32():
    module = nn.Linear(3, 2).to(torch.bfloat16)
    layer = from_torch(module, torch.ones(2, 3, dtype=torch.bfloat16))
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(layer.weight.T, module.weight.detach().float().numpy())


class Gate(Record):
    weight: np.ndarray


@vjp.register
def gate_vjp(layer: Gate, x, key=None):
    return x * layer.weight, lambda dy: (Gate((dy * x).sum(axis=0)), lambda: dy * layer.weight)


class TorchGate(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        return x * self.weight


class LastOf(nn.Module):
    def forward(self, found):
        return found[:, -1]


class Wrong(nn.Module):
    def forward(self, x):
        return x + 1


class NoLayer(Wrong):
    pass


class Plus(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x


@layer_of.register
def layer_of_gate(module: TorchGate, x):
    return Gate(module.weight.detach().numpy().copy())


@layer_of.register
def layer_of_last(module: LastOf, x):
    return fnn.last_step


@layer_of.register
def layer_of_wrong(module: Wrong, x):
    return fnn.tanh


@layer_of.register
def layer_of_no_layer(module: NoLayer, x):
    return 3


@module_of.register
def module_of_gate(layer: Gate):
    return TorchGate(torch.from_numpy(layer.weight.copy()))


def test_modules_and_layers_of_one_s_own():
    x = numbers(2, 5, 3, dtype=np.float32)
    module = nn.Sequential(nn.Linear(3, 3), LastOf(), TorchGate(torch.tensor([1.0, 2.0, 3.0])))
    net = from_torch(module, x)
    assert [type(layer) for layer in net.layers] == [Dense, fnn.LastStep, Gate]
    again = to_torch(net)
    assert type(again[2]) is TorchGate
    np.testing.assert_allclose(net(x), results(again, tensor(x)).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (
            lambda: nn.Sequential(nn.Hardshrink(), nn.Sequential(nn.Linear(4, 4), nn.Softshrink()), nn.Softplus(2.0)),
            ROWS,
            r"from_torch has no layer for Hardshrink at 0; Softshrink at 1\.1; Softplus at 2 with beta=2",
        ),
        (lambda: nn.Conv2d(4, 2, 3, padding_mode="reflect"), IMAGES, r"Conv2d with padding_mode='reflect'\."),
        (lambda: nn.LSTM(4, 3, proj_size=2, batch_first=True), SEQUENCES, r"LSTM with proj_size=2"),
        (lambda: nn.RNN(4, 3, nonlinearity="relu"), SEQUENCES, r"RNN with nonlinearity='relu'"),
        (lambda: nn.AvgPool2d(3, padding=1, ceil_mode=True), IMAGES, r"AvgPool2d with count_include_pad=True"),
        (lambda: nn.Upsample(scale_factor=1.5), IMAGES, r"Upsample by \(1.5, 1.5\), which are no integers"),
        (
            lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
            IMAGES,
            r"Upsample with mode='bicubic', align_corners=None",
        ),
        (lambda: nn.ZeroPad2d((1, 0, -1, 0)), IMAGES, r"ZeroPad2d with padding=\(1, 0, -1, 0\), which adds and cuts"),
        (lambda: nn.GLU(2), np.zeros((2, 4, 6, 8), np.float32), r"GLU with dim=2"),
        (lambda: nn.AvgPool2d(2, divisor_override=3), IMAGES, r"AvgPool2d with divisor_override=3"),
        (lambda: nn.AdaptiveAvgPool2d(4), IMAGES, r"AdaptiveAvgPool2d with output_size=4, into which \(6, 9\) does"),
        (lambda: nn.Softplus(2.0), ROWS, r"Softplus with beta=2"),
        (lambda: nn.Softmax(2), IMAGES, r"Softmax with dim=2"),
        (lambda: nn.Flatten(0), IMAGES, r"Flatten with start_dim=0"),
        (lambda: nn.Flatten(1, 2), IMAGES, r"Flatten with end_dim=2"),
        (lambda: nn.Unflatten(1, (2, 1, 2)), ROWS, r"Unflatten with 2 channels: fnn has these last"),
        (lambda: nn.Unflatten(2, (2, 2)), SEQUENCES, r"Unflatten with dim=2, unflattened_size=\(2, 2\)"),
        (lambda: nn.Embedding(5, 2, max_norm=1.0), SYMBOLS, r"Embedding with max_norm=1"),
        (lambda: nn.MultiheadAttention(4, 2, kdim=4, vdim=4, add_zero_attn=True), SEQUENCES, r"add_zero_attn=True"),
        (
            lambda: nn.TransformerEncoderLayer(**ENCODER, activation=lambda x: x, batch_first=True),
            SEQUENCES,
            r"TransformerEncoderLayer with activation=<function",
        ),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (6, 6, 6)), nn.Hardshrink()),
            IMAGES,
            r"Unflatten at 1 with 6 channels: fnn has these last; Hardshrink at 2",
        ),
        (
            lambda: nn.Sequential(nn.Flatten(), TorchGate(torch.ones(216))),
            IMAGES,
            r"TorchGate at 1 behind features that were flattened from channels",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_has_no_layer_is_named_all_of_it_at_once(make, x, message):
    with pytest.raises(TypeError, match=message):
        from_torch(make(), sample(x))


@pytest.mark.parametrize(
    ("module", "x", "kind", "message"),
    [
        (
            nn.Linear(3, 2),
            ROWS,
            ValueError,
            r"Linear cannot compute a sample that is float32 array \(5, 4\) to",
        ),
        (Wrong(), ROWS, ValueError, r"Tanh does not compute the same on the sample: float32 array \(5, 4\) beside"),
        (nn.Flatten(), IMAGES, ValueError, r"the network ends in features that were flattened from channels"),
    ],
    ids=["shape", "wrong", "flattened"],
)
def test_what_does_not_compute_the_same_is_refused(module, x, kind, message):
    with pytest.raises(kind, match=f"from_torch: {message}"):
        from_torch(module, sample(x))


def test_other_things_than_modules_are_refused(tmp_path):
    x = np.ones((1, 3), np.float32)
    with pytest.raises(TypeError, match=r"from_torch expects a module of PyTorch, got int 3"):
        from_torch(3, x)
    with pytest.raises(TypeError, match=r"from_torch expects a module .* its state_dict is for from_state_dict"):
        from_torch(nn.Linear(3, 2).state_dict(), x)
    with pytest.raises(TypeError, match=r"from_torch expects a sample as an array or a tensor, got list"):
        from_torch(nn.Linear(3, 2), [[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match=r"layer_of must return a layer for NoLayer, got int 3"):
        from_torch(NoLayer(), x)
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "net.pt")
    with pytest.raises(FormatError, match=r"net\.pt: a file of torch\.save is a pickle, .*weights_only=True"):
        from_torch(tmp_path / "net.pt", x)


class Odd(Record):
    size: int = 3


def test_layers_without_a_module_are_named_all_at_once():
    net = Serial((Odd(), Dense(np.ones((2, 3, 1)), np.ones((2, 1))), fnn.Selu(alpha=1.0)))
    with pytest.raises(TypeError, match=r"no module for Odd\(size=3\) at layers\[0\]; Dense\(.*\[1\]; Selu\(.*\[2\]"):
        to_torch(net)
    with pytest.raises(TypeError, match=r"to_torch has no module for Bidirectional"):
        to_torch(fnn.Bidirectional(random_like(LAYERS["dense"][0]), random_like(LAYERS["dense"][0])))
    with pytest.raises(TypeError, match=r"to_torch expects a finished network, got the constructor dense\(3\); make"):
        to_torch(fnn.dense(3))


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (Serial((fnn.flatten, LAYERS["dense"][0])), "Flatten"),
        (Serial((fnn.max_pool(2), fnn.flatten)), "MaxPool"),
        (fnn.global_avg_pool, "GlobalAvgPool"),
    ],
    ids=["flatten", "max_pool", "global_avg_pool"],
)
def test_a_sample_is_asked_for_where_the_layers_do_not_say_enough(net, name):
    with pytest.raises(ValueError, match=rf"to_torch: {name} needs to know the axes .* write to_torch\(params, x\)"):
        to_torch(net)


def test_flattened_features_at_the_end_are_refused_on_the_way_out():
    net = serial(fnn.conv(2, 1), fnn.flatten)(Key(0), numbers(1, 2, 2, 2))
    with pytest.raises(ValueError, match=r"to_torch: the network ends in features that were flattened from channels"):
        to_torch(net)


def test_images_come_out_with_their_channels_first_whatever_comes_last():
    x = numbers(2, 4, 5, 3)
    net = random_like(serial(fnn.conv(2, 1), fnn.layer_norm(), fnn.dense(6))(Key(0), x))
    y = results(to_torch(net), channels_first(tensor(x)))
    assert y.shape == (2, 6, 4, 5)
    np.testing.assert_allclose(y.movedim(1, -1).numpy(), net(x), rtol=1e-10)
