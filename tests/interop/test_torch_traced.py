"""Modules with a forward of their own, as people write them, come in as what their forward calls."""

import numpy as np
import pytest

import fnn
from fnn import BatchNorm, Graph, Key, Node, Serial, dense, inference, serial, tree
from tests.interop.test_torch_networks import arbitrary, difference, tensor
from tests.laws.cases import numbers

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

from fnn.interop.torch import from_torch, to_torch  # noqa: E402 (only where PyTorch is)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = self.dropout(torch.tanh(self.second(x)))
        return F.log_softmax(self.third(x), dim=1)


class Cnn(nn.Module):
    """PyTorch's own example of digits."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, 1), nn.Conv2d(4, 6, 3, 1)
        self.fc1, self.fc2 = nn.Linear(24, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = F.dropout(F.relu(self.fc1(x)), training=self.training)
        return self.fc2(x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False)) if stride != 1 else None

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.down is None else self.down(x)
        return F.relu(y)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layers = nn.Sequential(Block(4, 4), Block(4, 6, 2))
        self.pool, self.head = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(6, 2)

    def forward(self, x):
        x = self.layers(self.stem(x))
        return self.head(torch.flatten(self.pool(x), 1))


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.middle, self.up = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = F.silu(self.down(x))
        b = F.interpolate(self.middle(F.avg_pool2d(a, 2)), scale_factor=2)
        return self.up(torch.cat([a, b], dim=1)) * 0.5


class Squeeze(nn.Module):
    """Squeeze and excitation, with the mean over pixels written out."""

    def __init__(self):
        super().__init__()
        self.conv, self.less, self.more, self.head = (
            nn.Conv2d(3, 3, 1),
            nn.Linear(3, 2),
            nn.Linear(2, 3),
            nn.Linear(3, 2),
        )

    def forward(self, x):
        x = self.conv(x)
        gate = torch.sigmoid(self.more(F.relu(self.less(x.mean(dim=[2, 3])))))
        return self.head(x.mean((2, 3)) * gate)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(5, 4), nn.LSTM(4, 3, batch_first=True)
        self.norm, self.head = nn.LayerNorm(3), nn.Linear(3, 2)

    def forward(self, x):
        y, _ = self.lstm(self.embedding(x))
        return self.head(self.norm(y))


class LastState(Tagger):
    def forward(self, x):
        _, (h, _) = self.lstm(self.embedding(x))
        return self.head(h[-1])


class LastOfSteps(Tagger):
    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0][:, -1, :])


class Convolved(Tagger):
    """Text by a convolution over time: the axes are turned and turned back."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 3, 3, padding=1)

    def forward(self, x):
        y = F.gelu(self.conv(self.embedding(x).transpose(1, 2))).permute(0, 2, 1)
        return self.head(y.mean(dim=1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 6, 4))
        self.attention, self.norm = nn.MultiheadAttention(4, 2, batch_first=True), nn.LayerNorm(4)
        self.feed = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, x):
        x = x + self.position
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        return x + self.feed(x)


class Positions(Tagger):
    """A table of positions, looked up by numbers that the module holds; a setting of forward that stays as it is."""

    def __init__(self):
        super().__init__()
        self.places = nn.Embedding(5, 4)
        self.register_buffer("order", torch.arange(5))

    def forward(self, x, scale=None):
        y = self.embedding(x) + self.places(self.order)
        y = y if scale is None else y * scale
        return self.head(self.norm(self.lstm(y)[0])).view(x.size(0) * 1, -1)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x, z):
        y = (self.a(x) - self.b(z)) * self.scale / 2 + 1
        return 1 - y, y - 0.5


IMAGES, ROWS, STEPS = numbers(2, 8, 8, 3, dtype=np.float32), numbers(5, 4, dtype=np.float32), (2, 6, 4)
SYMBOLS = np.array([[0, 3, 3, 1, 2], [1, 0, 2, 4, 4]])
MODULES = {
    "mlp": (Mlp, ROWS, Serial), "cnn": (Cnn, IMAGES, Serial), "resnet": (ResNet, IMAGES, Serial),
    "unet": (Unet, IMAGES, Graph), "squeeze": (Squeeze, IMAGES, Graph), "tagger": (Tagger, SYMBOLS, Serial),
    "last state": (LastState, SYMBOLS, Serial), "last of steps": (LastOfSteps, SYMBOLS, Serial),
    "convolved": (Convolved, SYMBOLS, Serial), "positions": (Positions, SYMBOLS, Serial),
    "transformer": (Transformer, numbers(*STEPS, dtype=np.float32), Graph),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_with_a_forward_of_its_own(name):
    make, x, kind = MODULES[name]
    module = arbitrary(make())
    net = from_torch(module, x)
    assert isinstance(net, kind)
    images = x.ndim == 4
    with torch.no_grad():
        theirs = module(tensor(np.moveaxis(x, -1, 1).copy() if images else x))
    ours = tensor(inference(net, x)(x))
    assert difference(ours.movedim(-1, 1) if ours.ndim == 4 else ours, theirs) < 1e-5
    out = to_torch(net, x).eval()
    with torch.no_grad():
        assert difference(out(tensor(np.moveaxis(x, -1, 1).copy() if images else x)), theirs) < 1e-5
    assert tree.equal(from_torch(out, x), net)


def test_a_module_of_several_inputs_and_outputs():
    module, x, z = arbitrary(Two()), ROWS, numbers(5, 4, seed=3, dtype=np.float32)
    net = from_torch(module, (x, z))
    assert isinstance(net, Graph)
    assert net.inputs == ("x", "z")
    with torch.no_grad():
        for ours, theirs in zip(net((x, z)), module(tensor(x), tensor(z)), strict=True):
            assert difference(tensor(ours), theirs) < 1e-5


def test_a_traced_network_is_cut_and_trained_like_any():
    net = from_torch(arbitrary(ResNet()), IMAGES)
    assert not any(isinstance(layer, BatchNorm) for layer in net.layers)
    head = serial(*net.layers[:-1], dense(4))(Key(0), IMAGES)
    assert head(IMAGES).shape == (2, 4)


def module_of_forward(function):
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.conv = nn.Linear(4, 4), nn.Conv1d(4, 4, 1)
            self.lstm = nn.LSTM(4, 4, batch_first=True)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x):
            return function(self, x)

    return Mine()


STEP = numbers(2, 4, 4, dtype=np.float32)


@pytest.mark.parametrize(
    ("function", "x", "message"),
    [
        (lambda self, x: self.linear(x) if x.sum() > 0 else x, ROWS, "Mine, whose forward cannot be traced .*Seq"),
        (lambda self, x: torch.fft.rfft(x).real, ROWS, "Mine, whose forward calls .*fft.*; write it as nn.Sequential"),
        (lambda self, x: F.hardshrink(self.linear(x)), ROWS, "Mine, whose forward calls hardshrink"),
        (lambda self, x: self.linear(x).view(-1), ROWS, "Mine, whose forward calls view in a way that no layer is"),
        (lambda self, x: 1 / self.linear(x), ROWS, "Mine, whose forward"),
        (lambda self, x: x * torch.ones(5, 1), ROWS, r"computes with an array of shape \(5, 1\)"),
        (lambda self, x: self.lstm(x)[1][1], STEP, "takes 1 of what a module returns; take y, or the last state"),
        (lambda self, x: self.lstm(x, (x[None, :, 0], x[None, :, 0]))[0], STEP, "Mine, whose forward"),
        (
            lambda self, x: self.lstm(x, (torch.ones(1, 2, 4), torch.ones(1, 2, 4)))[0], STEP,
            "Mine, which computes something else than its calls one after the other",
        ),
        (
            lambda self, x: self.attention(self.linear(x), x, x)[0], STEP,
            "Mine, whose forward gives MultiheadAttention more than one array",
        ),
        (lambda self, x: torch.cat([x, x], 0), ROWS, "joins arrays in a way that no layer is, at cat"),
        (lambda self, x: 3, ROWS, "Mine, which returns int 3"),
        (lambda self, x: torch.ones(3), ROWS, "Mine, which returns what does not depend on its input"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_said(function, x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_torch(module_of_forward(function).eval(), x)


def test_hooks_that_change_what_a_module_returns_are_found():
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    module.register_forward_hook(lambda module, x, y: y + 1)
    with pytest.raises(ValueError, match="Sequential does more than its parts, one after the other; see layer_of"):
        from_torch(module, ROWS)


def test_a_graph_whose_branches_have_their_channels_at_different_places_goes_out():
    conv, mix = (make(Key(0), IMAGES) for make in (fnn.conv(5, 3), dense(5)))
    nodes = Node(conv, ("x",), "a"), Node(mix, ("x",), "b"), Node(fnn.add, ("a", "b"), "y"), Node(fnn.relu, ("b",), "z")
    net = Graph(nodes, ("x",), ("y", "z"))
    out = to_torch(net, IMAGES)
    with torch.no_grad():
        theirs = out(tensor(np.moveaxis(IMAGES, -1, 1).copy()))
    for ours, other in zip(net(IMAGES), theirs, strict=True):
        assert difference(tensor(ours).movedim(-1, 1), other) < 1e-5
