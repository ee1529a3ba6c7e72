"""The weights of a state_dict, or of a safetensors file, go to the layers by order or by name, and back."""

import numpy as np
import pytest

import fnn
from fnn import FormatError, Key, Serial, inference, serial, tree
from tests.laws.cases import numbers, random_like

torch = pytest.importorskip("torch")
nn = torch.nn

from fnn.interop.torch import from_state_dict, from_torch, to_state_dict  # noqa: E402 (only where PyTorch is)

X = numbers(2, 6, 6, 3, dtype=np.float32)


class Reader(nn.Module):
    """A network as people write it, whose order only its forward knows."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.fc1 = nn.Linear(36, 5)
        self.fc2 = nn.Linear(5, 2, bias=False)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


def reader():
    torch.manual_seed(0)
    module = Reader().eval()
    with torch.no_grad():
        module.norm.running_mean.uniform_()
        module.norm.running_var.uniform_(0.5, 2)
        return module, module(torch.from_numpy(X).movedim(-1, 1)).numpy()


def ours(norm=None):
    body = fnn.conv(4, 3), norm or fnn.batch_norm(), fnn.relu, fnn.max_pool(2), fnn.flatten
    return serial(*body, fnn.dense(5), fnn.tanh, fnn.dense(2))(Key(0), X)


NAMES = {"layers[0]": "conv", "layers[1]": "norm", "layers[5]": "fc1", "layers[7]": "fc2"}


@pytest.mark.parametrize("names", [None, NAMES], ids=["in order", "by name"])
def test_the_weights_of_a_module_of_one_s_own_come_in(names):
    module, expected = reader()
    net = from_state_dict(ours(), module.state_dict(), names)
    assert type(net.layers[1]) is fnn.Scale
    np.testing.assert_allclose(net(X), expected, rtol=1e-5, atol=1e-6)


def test_they_come_from_a_safetensors_file_too(tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    module, expected = reader()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    net = from_state_dict(ours(), tmp_path / "model.safetensors", NAMES)  # whose order is its own
    np.testing.assert_allclose(net(X), expected, rtol=1e-5, atol=1e-6)


def test_and_go_out_by_the_names_of_the_module(tmp_path):
    module, expected = reader()
    net = from_state_dict(ours(), module.state_dict())
    other = Reader().eval()
    state = to_state_dict(net, NAMES)
    other.norm = nn.BatchNorm2d(4, eps=1e-30).eval()  # what is left of it is a scale and a shift
    assert set(state) == set(dict(other.named_parameters())) | {"fc2.bias"}
    other.load_state_dict(state, strict=False)
    with torch.no_grad():
        np.testing.assert_allclose(other(torch.from_numpy(X).movedim(-1, 1)), expected, rtol=1e-5, atol=1e-6)
    assert tree.equal(from_state_dict(net, state, NAMES), net)


STACKS = {
    "lstm": (lambda: nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), fnn.lstm),
    "gru": (lambda: nn.GRU(3, 4, 3, batch_first=True), fnn.gru),
}


@pytest.mark.parametrize("name", STACKS)
def test_layers_of_a_recurrent_module(name):
    make, layer = STACKS[name]
    torch.manual_seed(1)
    module = nn.ModuleDict({"rnn": make(), "head": nn.Linear(8 if name == "lstm" else 4, 2)})
    layers = [fnn.bidirectional(layer(4))] * 2 if name == "lstm" else [layer(4)] * 3
    x = numbers(2, 5, 3, dtype=np.float32)
    like = serial(*layers, fnn.dense(2))(Key(0), x)
    net = from_state_dict(like, module.state_dict())
    expected = from_torch(nn.Sequential(module["head"]), from_torch(module["rnn"], x)(x))
    np.testing.assert_allclose(net(x), expected(from_torch(module["rnn"], x)(x)), rtol=1e-6)
    names = {f"layers[{place}]": f"rnn.l{place}" for place in range(len(layers))} | {f"layers[{len(layers)}]": "head"}
    state = to_state_dict(net, names)
    assert state.keys() == module.state_dict().keys()
    assert tree.equal(from_state_dict(like, state, names), net)


def test_attention_and_tables():
    x = np.array([[0, 1, 2], [3, 3, 0]])
    net = serial(fnn.embedding(4, 6), fnn.positional(5), fnn.attention(2), fnn.layer_norm(), fnn.rms_norm())(Key(0), x)
    net = random_like(net)
    state = to_state_dict(net)
    assert "layers.2.out_proj.weight" in state
    assert tree.equal(from_state_dict(tree.zeros_like(net), state), net)


def test_the_channels_of_images_that_are_flattened_at_once():
    module = nn.Sequential(nn.Flatten(), nn.Linear(108, 4))
    like = serial(fnn.flatten, fnn.dense(4))(Key(0), X)
    with torch.no_grad():
        expected = module(torch.from_numpy(X).movedim(-1, 1)).numpy()
    net = from_state_dict(like, module.state_dict(), channels=3)
    np.testing.assert_allclose(net(X), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(to_state_dict(net, channels=3)["layers.1.weight"], module[1].weight)


def test_features_flattened_from_channels_keep_their_order_through_norms():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LayerNorm(64), nn.BatchNorm1d(64), nn.Linear(64, 2)
    ).eval()
    with torch.no_grad():
        for each in (module[2].weight, module[3].running_mean):
            each.uniform_()
        expected = module(torch.from_numpy(X).movedim(-1, 1)).numpy()
    body = fnn.conv(4, 3, padding="valid"), fnn.flatten, fnn.layer_norm(), fnn.batch_norm(), fnn.dense(2)
    net = from_state_dict(serial(*body)(Key(0), X), module.state_dict())
    np.testing.assert_allclose(inference(net)(X), expected, rtol=1e-4, atol=1e-6)


def test_reshaped_rows_become_images_with_channels():
    x = numbers(2, 12, dtype=np.float32)
    net = serial(fnn.reshape((2, 2, 3)), fnn.flatten, fnn.dense(2))(Key(0), x)
    assert not torch.equal(to_state_dict(net)["layers.2.weight"], torch.from_numpy(net.layers[2].weight.T.copy()))
    assert tree.equal(from_state_dict(tree.zeros_like(net), to_state_dict(net)), net)


@pytest.mark.parametrize(
    ("state", "names", "message"),
    [
        (
            {"conv.weight": np.zeros((4, 3, 3, 3))},
            None,
            r"4 layers have parameters \(layers\[0\], .*\), but the state has 1 modules \(conv\); give names",
        ),
        ({}, NAMES, r"layers\[0\]: the state has no module 'conv'; layers\[1\]: the state .*; .*module 'fc2'$"),
        ({"more.weight": np.zeros(3)}, NAMES, r"module 'more' has no layer$"),
        ({}, {"layers[0]": "conv", "layers[9]": "x"}, r"names has 'layers\[9\]', .*; names lacks layers\[1\]"),
        (
            {"fc1.weight": np.zeros((5, 7)), "norm.running_mean": np.zeros(5)},
            NAMES,
            r"layers\[1\] and 'norm': expected weight \(4,\).*; layers\[5\] and 'fc1': expected weight \(5, 36\), bias",
        ),
    ],
    ids=["count", "missing", "more", "names", "shapes"],
)  # fmt: skip
def test_what_does_not_fit_is_told_all_of_it_at_once(state, names, message):
    whole = {name: value.numpy() for name, value in reader()[0].state_dict().items()}
    if names is NAMES and state:
        state = whole | state
    with pytest.raises(ValueError, match=f"from_state_dict: .*{message}"):
        from_state_dict(ours(), state, names)


def test_files_and_values_that_are_no_state_are_refused(tmp_path):
    net = ours()
    torch.save(reader()[0].state_dict(), tmp_path / "model.pt")
    with pytest.raises(
        FormatError, match=r"model\.pt: a file of torch\.save is a pickle, .*safetensors\.torch\.save_file"
    ):
        from_state_dict(net, tmp_path / "model.pt")
    (tmp_path / "model.pt").rename(tmp_path / "model.safetensors")
    with pytest.raises(FormatError, match=r"expected a safetensors file, found a zip archive, as torch\.save"):
        from_state_dict(net, tmp_path / "model.safetensors")
    fnn.save(tmp_path / "net.fnn", net)
    with pytest.raises(FormatError, match=r"net\.fnn: a network that fnn\.save wrote; read it with fnn\.load"):
        from_state_dict(net, tmp_path / "net.fnn")
    with pytest.raises(TypeError, match=r"expects tensors by name or a safetensors file, got int 3"):
        from_state_dict(net, 3)
    with pytest.raises(TypeError, match=r"'model' must be a tensor or array, got dict .*; take the part of the file"):
        from_state_dict(net, {"model": {}})
    with pytest.raises(TypeError, match=r"'step' must be a tensor or array, got int 3$"):
        from_state_dict(net, {"step": 3})


class Own(fnn.Record):
    weight: np.ndarray


def test_layers_without_a_module_and_without_a_name():
    with pytest.raises(TypeError, match=r"state_dict: PyTorch has no module for Own at layers\[1\]$"):
        to_state_dict(Serial((fnn.relu, Own(np.zeros(3)))))
    with pytest.raises(ValueError, match=r"to_state_dict: names lacks layers\[5\], layers\[7\]$"):
        to_state_dict(ours(), {"layers[0]": "conv", "layers[1]": "norm"})
