"""Files that others made: networks of the onnx package, public models, and what is wrong with a file."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

import fnn
from fnn import Serial, check_vjp, dense, tree
from fnn.core._errors import FormatError
from tests.interop.onnx_runs import require_equal, run, session, single
from tests.laws.cases import numbers

onnx = pytest.importorskip("onnx")
from onnx import helper, numpy_helper  # noqa: E402 (after it is known to be there)

from_onnx, to_onnx = fnn.interop.onnx.from_onnx, fnn.interop.onnx.to_onnx

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
NETWORKS = {
    "bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19",
    "zfnet512",
}  # fmt: skip
QUICK = {"squeezenet", "shufflenet"}


def light(name):
    return LIGHT / f"light_{name}.onnx"


def image(seed=0):
    return np.random.Generator(np.random.PCG64(seed)).random((1, 3, 224, 224), np.float32)


def with_random_weights(path):
    """The model with other weights and without its softmax: with its own, all 0.02, every class comes out the same."""
    model = onnx.load(path)
    shapes = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    random = np.random.Generator(np.random.PCG64(1))
    for node in list(model.graph.node):
        if node.op_type == "ConstantOfShape":
            shape = tuple(shapes[node.input[0]])
            if len(shape) > 1:
                values = random.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[1:]), dtype=np.float32)
            else:  # scales and variances too, which are positive
                values = 0.5 + random.random(shape, np.float32)
            model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
            model.graph.node.remove(node)
    if (last := model.graph.node[-1]).op_type == "Softmax":
        model.graph.node.remove(last)
        model.graph.output[0].name = last.input[0]
    return model


def require_what_the_package_says(name):
    with open(LIGHT / f"light_{name}_output_0.pb", "rb") as file:
        stored = onnx.TensorProto()
        stored.ParseFromString(file.read())
    net, x = from_onnx(light(name)), image()
    if name == "squeezenet":
        # Its 1,000 logits are all 1.05e10, where the next float32 is 1,024 away: equal they are in float64 alone.
        net, x = tree.map(np.float64, net), x.astype(float)
    wanted = numpy_helper.to_array(stored)
    assert net(x).shape == wanted.shape
    np.testing.assert_allclose(net(x), wanted, rtol=1e-3)


def require_what_onnxruntime_says(name):
    model, x = with_random_weights(light(name)), image()
    (wanted,) = session(model).run(None, {_input(model): x})
    assert wanted.std() > 0.01 * abs(wanted).max()  # of equal values nothing could be told
    net = from_onnx(model)
    for found in (net(x), run(to_onnx(net, x), x)[0]):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * abs(wanted).max())


def _input(model):
    held = {each.name for each in model.graph.initializer}
    return next(each.name for each in model.graph.input if each.name not in held)


def test_the_networks_are_those_of_the_package():
    assert {path.stem.removeprefix("light_") for path in LIGHT.glob("*.onnx")} == NETWORKS


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_network_of_the_onnx_package(name):
    require_what_the_package_says(name)
    require_what_onnxruntime_says(name)


@pytest.mark.long
def test_all_networks_of_the_onnx_package():
    for name in sorted(NETWORKS):
        require_what_the_package_says(name)
        require_what_onnxruntime_says(name)


def installed(package, file):
    """The path of a file of a package, which is not imported."""
    found = importlib.util.find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed")
    return Path(found.origin).parent / file


def test_a_public_network_that_tells_which_way_up_a_text_is():
    """PaddleOCR's, by rapidocr-onnxruntime: 53 convolutions, squeeze-and-excitation, hard swish; any size of image."""
    path = installed("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx")
    x = single(numbers(3, 3, 48, 192))
    net = from_onnx(path, x)
    require_equal(run(str(path), x), net(x), 1e-4)
    require_equal(run(to_onnx(net, x), x), net(x), 1e-4)
    assert len(tree.leaves(net)) > 100


# Files of rapidocr-onnxruntime and silero-vad that are not images of fixed size: the shapes of inputs, and the nodes.
PUBLIC = {
    "finds text (PaddleOCR)": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", [(1, 3, 64, 96)]),
    "reads text (PaddleOCR)": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", [(2, 3, 48, 96)]),
    "hears speech, a sequence": (
        "silero_vad", "data/silero_vad_16k_sequence.onnx", [(3, 576), (1, 1, 128), (1, 1, 128)]
    ),
    "hears speech, half": ("silero_vad", "data/silero_vad_half.onnx", [(2, 576), (2, 2, 128)]),
}  # fmt: skip


@pytest.mark.parametrize("what", PUBLIC)
def test_a_public_network(what):
    """Attention, LSTM with its state, a short-time Fourier transform, upsampling: as onnxruntime, and out again."""
    package, file, shapes = PUBLIC[what]
    path = installed(package, file)
    inputs = [single(numbers(*shape, seed=place)) for place, shape in enumerate(shapes)]
    x = tuple(inputs) if len(inputs) > 1 else inputs[0]
    net = from_onnx(path, x)
    y = net(x)
    require_equal(run(str(path), *inputs), y, 1e-4)
    if len({len(each) for each in inputs}) == 1:  # the first axis of all is that of rows in what is written
        require_equal(run(to_onnx(net, x), *inputs), y, 1e-4)


@pytest.mark.filterwarnings("ignore")  # of what the exporter traces
def test_what_pytorch_exports_is_read():
    """A vision transformer: patches, a token of its own in front, attention written out, of which the first step."""
    torch = pytest.importorskip("torch")

    class Vision(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.head = torch.nn.Conv2d(3, 8, 4, 4), torch.nn.Linear(8, 3)
            self.token = torch.nn.Parameter(torch.ones(1, 1, 8))
            self.block = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)

        def forward(self, x):
            y = self.patch(x).flatten(2).transpose(1, 2)
            y = torch.cat([self.token.expand(x.shape[0], -1, -1), y], 1)
            return self.head(self.block(y)[:, 0])

    torch.manual_seed(0)
    x, file = single(numbers(2, 3, 8, 8)), io.BytesIO()
    torch.onnx.export(Vision().eval(), (torch.tensor(x),), file, dynamo=False, opset_version=17)
    model = onnx.load_model_from_string(file.getvalue())
    net = from_onnx(model, x)
    require_equal(run(model, x), net(x))
    require_equal(run(to_onnx(net, x), x), net(x))
    check_vjp(tree.map(np.float64, net), x.astype(float), tolerance=1e-6)


def test_a_public_network_whose_branches_depend_on_an_input():
    with pytest.raises(FormatError, match=r"silero_vad\.onnx has what fnn has no layer for: If, control flow"):
        from_onnx(installed("silero_vad", "data/silero_vad.onnx"))


X = single(numbers(2, 4))


@pytest.fixture
def saved(tmp_path):
    """A model in a folder, its arrays in a file beside it."""
    path = tmp_path / "folder" / "net.onnx"
    path.parent.mkdir()
    net = Serial((dense(3)(fnn.Key(0), X),))
    onnx.save_model(to_onnx(net, X), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path, net


def elsewhere(path, location):
    """The model with its arrays said to be elsewhere."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = str(location)
    path.write_bytes(model.SerializeToString())


def test_arrays_in_a_file_beside_the_model(saved):
    path, net = saved
    require_equal([from_onnx(path)(X)], net(X))
    require_equal([from_onnx(str(path))(X)], net(X))
    model = onnx.load(path, load_external_data=False)
    before = model.SerializeToString()
    with pytest.raises(
        FormatError, match=r"from_onnx: .* lies in another file, 'weights.bin'; pass the path of the model"
    ):
        from_onnx(model)
    assert model.SerializeToString() == before


@pytest.mark.parametrize("way", ["../secret.bin", "{absolute}", "link.bin", "inner/../../secret.bin", ""])
def test_nothing_beyond_the_folder_of_a_model_is_read(saved, way, monkeypatch):
    path, _ = saved
    secret = path.parents[1] / "secret.bin"
    secret.write_bytes((path.parent / "weights.bin").read_bytes())
    (path.parent / "link.bin").symlink_to(secret)
    elsewhere(path, way.format(absolute=secret))
    monkeypatch.setattr(Path, "open", lambda *given: pytest.fail("a file was opened"))
    with pytest.raises(FormatError, match="which is not in the folder of the model; nothing beyond it is read"):
        from_onnx(path)


def test_arrays_that_are_missing_or_too_short(saved):
    path, _ = saved
    weights = path.parent / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(FormatError, match="which ends too early: 12 bytes from 48 on are needed, got 8"):
        from_onnx(path)
    weights.unlink()
    with pytest.raises(FormatError, match=r"net\.onnx: layers\[0\]\.weight lies in another file, .*, which is missing"):
        from_onnx(path)


def test_arrays_of_an_unknown_type_or_of_another_shape(saved):
    path, net = saved
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].data_type = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FormatError, match="of the unknown type 99"):
        from_onnx(path)
    model = to_onnx(net, X)
    model.graph.initializer[0].dims[0] = 5
    with pytest.raises(FormatError, match=r"layers\[0\]\.weight is no array of shape \(5, 3\): "):
        from_onnx(model)


def test_what_is_no_model(tmp_path):
    path = tmp_path / "net.onnx"
    for content in (b"", b"no model at all", to_onnx(dense(3)(fnn.Key(0), X), X).SerializeToString()[:-20]):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"from_onnx: .*net\.onnx is no ONNX model"):
            from_onnx(path)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "missing.onnx")
    with pytest.raises(TypeError, match="from_onnx expects a path, a str or a Path, got int 3"):
        from_onnx(3)


@pytest.mark.parametrize(("version", "hint"), [(6, "convert it with onnx.version_converter"), (999, "upgrade onnx")])
def test_operators_of_another_version(version, hint):
    model = to_onnx(dense(3)(fnn.Key(0), X), X)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", version))
    with pytest.raises(FormatError, match=f"has operators of version {version}; from 7 to .* are known; .*{hint}"):
        from_onnx(model)
