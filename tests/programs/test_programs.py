"""Programs of others: where they stop, what they may not do, and which of their functions is which."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fnn.programs import confined, discovery, running
from fnn.programs.discovery import discovered
from fnn.programs.loops import HOOK
from fnn.testing import SIGNATURES
from tests.each_of import each_of


def file_of(folder, text):
    path = folder / "homework.py"
    path.write_text(text)
    return path


STOPS = {
    "x = [": "cannot be read at line 1: '[' was never closed",
    "\nexit()\nx = 1": "ends itself by exit() at line 2",
    "import sys\nsys.exit('no data')": "ends itself by exit() at line 2",
    "def f():\n    raise MemoryError\nf()": "needs more than 7 MB at line 2",
    "import nowhere_at_all": "stops at line 1: ModuleNotFoundError: No module named 'nowhere_at_all'",
}


@each_of("text", STOPS)
def test_where_a_program_stops_is_said(text, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "use_reserve", lambda: None)
    assert list(running.stops(file_of(tmp_path, text), {HOOK: print}, 10, 7)) == [STOPS[text]]


def test_what_is_no_program_is_said(tmp_path):
    def told(name, content):
        (tmp_path / name).write_bytes(content)
        return next(running.stops(tmp_path / name, {HOOK: print}, 10, 7))

    assert told("a.ipynb", b"{").startswith("cannot be read: JSONDecodeError: ")
    assert told("a.ipynb", b"{}") == "cannot be read: KeyError: 'cells'"
    assert told("a.py", b"\xff\xff").startswith("cannot be read: SyntaxError: invalid or missing encoding declaration")
    assert told("a.py", b"x = 1\0").startswith("cannot be read at line ")
    assert told("a.py", b"-" * 100_000 + b"1").startswith(("cannot be read at line ", "stops at line 1: "))


def test_a_class_that_cannot_be_made_in_time_is_not_graded(monkeypatch):
    names = {"__name__": "__main__"}
    exec(
        "class Tanh:\n    def __init__(self):\n        while True: pass\n    def forward(self, x):\n        return x",
        names,
    )
    monkeypatch.setattr(discovery, "alarm", lambda seconds: confined.alarm(seconds / 20))
    found, misfits = discovered(names, SIGNATURES)
    assert (found, misfits) == ({}, ["Tanh is not graded: is stopped after 0.1 s"])


def test_annotations_are_not_evaluated_as_the_program_asked(tmp_path):
    text = "from __future__ import annotations\ndef f(x: Unknown) -> None: ..."
    assert list(running.stops(file_of(tmp_path, text), {HOOK: print}, 10, 7)) == []


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """The hook that confine adds, and what it has refused; the limits are not set."""
    hooks, refused, limits = [], [], []
    resource = SimpleNamespace(
        RLIMIT_AS=1,
        RLIMIT_FSIZE=2,
        RLIMIT_CPU=3,
        RLIMIT_CORE=4,
        getrlimit=lambda kind: limits[-1][1],
        setrlimit=lambda *given: limits.append(given),
    )
    monkeypatch.setitem(sys.modules, "resource", resource)
    monkeypatch.setattr(confined.sys, "addaudithook", hooks.append)
    assert confined.confine(str(tmp_path), 100, 3.5, refused) == ""
    assert limits == [(2, (32 << 20,) * 2), (3, (8, 8)), (4, (0, 0)), (1, (100 << 20, 612 << 20))]
    confined.use_reserve()
    assert limits.pop() == (1, (612 << 20, 612 << 20))
    return hooks[0], refused


@pytest.mark.parametrize(
    ("event", "given", "words"),
    [
        ("open", ("/etc/hosts", "w", 0), "changes the file /etc/hosts"),
        ("open", ("/etc/hosts", None, 1), "changes the file /etc/hosts"),
        ("open", (b"/etc/hosts", "r+", 0), "changes the file /etc/hosts"),
        ("os.remove", ("/etc/hosts", -1), "changes the file /etc/hosts"),
        ("os.rename", ("INSIDE", "/etc/hosts", -1, -1), "changes the file /etc/hosts"),
        ("os.fork", (), r"starts or ends a process \(os.fork\)"),
        ("subprocess.Popen", ("ls",), r"starts or ends a process \(subprocess.Popen\)"),
        ("socket.connect", (None, "1.1.1.1"), r"uses the network \(socket.connect\)"),
    ],
)
def test_what_reaches_beyond_the_folder_is_refused_and_kept(event, given, words, audit, tmp_path):
    hook, refused = audit
    with pytest.raises(PermissionError, match=f"^not allowed here: it {words}$"):
        hook(event, tuple(str(tmp_path / "a") if each == "INSIDE" else each for each in given))
    assert len(refused) == 1


def test_what_stays_inside_or_only_reads_is_let_through(audit, tmp_path):
    hook, refused = audit
    for event, given in (
        ("open", (str(tmp_path / "a"), "w", 0)),
        ("open", ("/etc/hosts", "r", 0)),
        ("open", (3, "w", 0)),
        ("open", ("/dev/null", "w", 0)),
        ("os.mkdir", (str(tmp_path / "b"), 0o777, -1)),
        ("os.mkdir", (str(tmp_path), 0o777, -1)),
        ("import", ("numpy",)),
    ):
        hook(event, given)
    assert refused == []


def test_a_library_that_starts_a_process_by_itself_is_refused_and_nobody_is_blamed(audit):
    hook, refused = audit
    asking = "def start(hook):\n    hook('subprocess.Popen', ('fc-list',))"
    for file, blamed in (("/opt/lib/site-packages/fonts.py", 0), (confined.STANDARD + "/os.py", 1), ("helper.py", 2)):
        names = {}
        exec(compile(asking, file, "exec"), names)
        with pytest.raises(PermissionError, match=r"^not allowed here: it starts or ends a process"):
            names["start"](hook)
        assert len(refused) == blamed


def test_arguments_are_told_by_their_names_and_methods_by_their_class():
    names = {"__name__": "__main__"}
    exec(
        "import numpy as np\n"
        "def mse_gradient(y_true, y_pred):\n    return 2 * (y_pred - y_true) / y_true.size\n"
        "def tanh_backward(dA, cache):\n    return dA * (1 - np.tanh(cache) ** 2)\n"
        "class ReLU:\n"
        "    def forward(self, x):\n        self.mask = x > 0\n        return x * self.mask\n"
        "    def backward(self, dout):\n        self.dinputs = dout * self.mask\n"
        "    def sigmoid(self, x):\n        return x\n"
        "class Unmade:\n"
        "    def __init__(self, net):\n        pass\n"
        "    def softmax(self, x):\n        return x\n",
        names,
    )
    found, _ = discovered(names, SIGNATURES)
    in_order, _ = discovered(names, SIGNATURES, ordered=True)
    y, target = np.array([3.0]), np.array([1.0])
    assert found["mse_gradient"][1](y, target) == 4
    assert in_order["mse_gradient"][1](y, target) == -4
    assert found["tanh_pullback"][1](0.0, 3.0) == 3
    x, dy = np.array([-1.0, 2.0]), np.array([5.0, 7.0])
    assert found["relu"][1](x).tolist() == [0, 2]
    assert found["relu_derivative"][1](x).tolist() == [0, 1]
    assert found["relu_pullback"][1](x, dy).tolist() == [0, 7]
    assert (found["sigmoid"][0], found["softmax"][0]) == ("ReLU.sigmoid", "Unmade.softmax")
    assert found["softmax"][1](x) is x


def test_a_class_of_an_optimizer_is_told_how_its_step_is_graded():
    names = {"__name__": "__main__"}
    exec(
        "class SGD:\n"
        "    def __init__(self, params, lr):\n        self.params, self.lr = params, lr\n"
        "    def step(self):\n        pass\n"
        "class Adam:\n"
        "    def adam_step(self, p, g, m, v, t, lr):\n        return p, m, v\n",
        names,
    )
    found, misfits = discovered(names, SIGNATURES)
    assert {exercise: label for exercise, (label, _) in found.items()} == {"adam_step": "Adam.adam_step"}
    told = "an optimizer is graded by its step, as a function or a method of the name sgd_step"
    assert misfits == [f"SGD is not graded: {told}"]


def test_a_notebook_runs_cell_by_cell(tmp_path):
    sources = ["%magic\nx = 3", "def f():\n    return 1 / 0", ["y = x\n", "f()"], "%%bash\nls"]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "raw", "source": "text"}, *cells]}))
    names = {"__name__": "__main__", HOOK: lambda *given: None}
    assert list(running.stops(path, names, 10, 7)) == ["stops at cell 3, line 2: ZeroDivisionError: division by zero"]
    assert names["y"] == 3


def _names_after(path):
    names = {"__name__": "__main__", HOOK: lambda *given: None}
    assert list(running.stops(path, names, 10, 7)) == []
    return names


def test_only_magics_are_taken_out_of_a_notebook(tmp_path):
    sources = [
        "%matplotlib inline\nx = (7\n  % 4)\nif x:\n    !ls -l 'it\nx?\n?x\nfiles = !ls\nnp.array??",
        "\n%%bash\nls",
        "%%time\ny = x + 1\ndisplay(y, clear=True)",
        '!pip install "fnn\nz = """\n% no magic\n"""',
    ]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8-sig")
    names = _names_after(path)
    assert (names["x"], names["y"], names["files"]) == (3, 4, None)


def test_a_program_is_read_in_the_encoding_that_it_names(tmp_path):
    (tmp_path / "a.py").write_bytes("# coding: latin-1\ncity = 'K\xf6ln'".encode("latin-1"))
    assert _names_after(tmp_path / "a.py")["city"] == "K\xf6ln"


def test_a_program_may_end_with_success(tmp_path):
    text = "import sys\ndef main():\n    return 0\nif __name__ == '__main__':\n    sys.exit(main())"
    assert "main" in _names_after(file_of(tmp_path, text))


def test_a_layer_may_keep_what_it_needs_in_slots(tmp_path):
    text = """
import numpy as np
class ReLU:
    __slots__ = "x"
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, dy):
        return dy * (self.x > 0)
class Dense:
    __slots__ = ("weight", "bias")
    def forward(self, x):
        return x @ self.weight + self.bias
"""
    found, misfits = discovered(_names_after(file_of(tmp_path, text)), SIGNATURES)
    x = np.array([-1.0, 2.0])
    assert found["relu"][1](x).tolist() == [0, 2]
    assert found["relu_pullback"][1](x, 3 * x).tolist() == [0, 6]
    assert misfits == ["Dense is not graded: Dense keeps its weight and its bias where nobody finds them"]


def test_a_function_keeps_its_docstring(tmp_path):
    names = _names_after(file_of(tmp_path, 'def f():\n    """Return 1."""\n    return 1\nassert f.__doc__.strip()'))
    assert names["f"].__doc__ == "Return 1."


def test_when_the_time_is_over_a_program_only_defines(tmp_path):
    names = {"__name__": "__main__", HOOK: lambda *given: None}
    path = file_of(tmp_path, "import math\nx = 1\ndef f():\n    return math.pi")
    assert list(running.stops(path, names, -1, 7)) == []
    assert "x" not in names
    assert names["f"]() > 3


def test_source_is_there_for_those_who_ask(tmp_path):
    text = "import inspect\ndef f():\n    return 1\nassert inspect.getsource(f).endswith('return 1\\n')"
    assert list(running.stops(file_of(tmp_path, text), {"__name__": "__main__", HOOK: print}, 10, 7)) == []


def test_where_python_has_no_resource_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(confined.sys, "addaudithook", lambda hook: None)
    words = "no limit of memory: Python has no module resource on this system"
    assert confined.confine(str(tmp_path), 100, 3.5, []) == words


def test_layers_of_other_makes_are_found_and_fitted():
    names = {"__name__": "__main__"}
    exec(
        "import numpy as np\n"
        "class Affine:\n"
        "    def __init__(self, W, b):\n        self.W, self.b = W, b\n"
        "    def forward(self, x):\n        self.x = x\n        return x @ self.W + self.b\n"
        "    def backward(self, dout, learning_rate):\n"
        "        dx = dout @ self.W.T\n"
        "        self.W = self.W - learning_rate * self.x.T @ dout\n"
        "        self.b = self.b - learning_rate * dout.sum(axis=0)\n        return dx\n"
        "class Layer_Dense:\n"
        "    def __init__(self, n_inputs, n_neurons):\n"
        "        self.params = {'w': np.zeros((n_inputs, n_neurons)), 'b': np.zeros((1, n_neurons))}\n"
        "        self.grads = {}\n"
        "    def forward(self, inputs):\n"
        "        self.inputs, self.output = inputs, inputs @ self.params['w'] + self.params['b']\n"
        "    def backward(self, dvalues):\n"
        "        self.grads = {'w': self.inputs.T @ dvalues, 'b': dvalues.sum(axis=0, keepdims=True)}\n"
        "        self.dinputs = dvalues @ self.params['w'].T\n"
        "class Linear:\n"
        "    def __init__(self, shape):\n        self.shape = shape\n"
        "    def forward(self, x):\n        return x\n"
        "class Sigmoid:\n"
        "    def __init__(self, unknown):\n        pass\n"
        "    def __call__(self, z):\n        return 1 / (1 + np.exp(-z))\n"
        "    def derivative(self, z):\n        return self(z) * (1 - self(z))\n"
        "def mse(y, y_hat):\n    return np.mean((y - y_hat) ** 2)\n"
        "def relu_derivative(dout, x):\n    return dout * (x > 0)\n",
        names,
    )
    (own, _), affine = discovered(names, SIGNATURES), names.pop("Affine")
    found, misfits = discovered(names, SIGNATURES)
    assert {exercise: label for exercise, (label, _) in found.items()} == {
        "mse": "mse", "dense_forward": "Layer_Dense.forward", "dense_backward": "Layer_Dense.backward",
        "sigmoid": "Sigmoid.__call__", "sigmoid_derivative": "Sigmoid.derivative",
    }  # fmt: skip
    x, weight, dy = np.ones((3, 2)), np.arange(4.0).reshape(2, 2), np.ones((3, 2))
    assert own["dense_backward"][0] == f"{affine.__name__}.backward"
    for each in (own, found):
        gradients = each["dense_backward"][1](x, weight, dy)
        for ours, right in zip(gradients, (x.T @ dy, dy.sum(axis=0), dy @ weight.T), strict=True):
            np.testing.assert_allclose(ours, right)
        np.testing.assert_allclose(each["dense_forward"][1](x, weight, np.ones(2)), x @ weight + 1)
    assert found["sigmoid_derivative"][1](np.zeros(1)) == 0.25
    assert misfits == [
        "Linear is not graded: the meaning of the argument 'shape' is not known",
        "relu_derivative(dout, x) is no relu_derivative(x) -> slope at x, 0 at 0",
    ]
    exec(
        "class Affine:\n    def __init__(self, n_in, n_out):\n        self.n = n_in\n    def forward(self, x): ...",
        names,
    )
    _, (told, *_) = discovered({"Affine": names["Affine"]}, SIGNATURES)
    assert told == "Affine is not graded: Affine keeps its weight and its bias where nobody finds them"
