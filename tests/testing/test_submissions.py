"""Whole files are run and graded in processes of their own; what they do there reaches nobody."""

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fnn.testing import Finding, Grades, Submission, Submissions, exercise, grade_file, grade_files, submissions
from fnn.testing import _worker as worker
from fnn.testing._page import page

HOMEWORK = """
import numpy as np
from numpy import tanh

def sigmoid(z):
    return np.where(z < 0, np.exp(np.minimum(z, 0)), 1) / (1 + np.exp(-np.abs(z)))

def sigmoid_prime(a):
    return sigmoid(a) * (1 - sigmoid(a))

def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum(axis=1, keepdims=True)

def mean_squared_error_grad(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_true.size

def accuracy(model, x, y):
    return np.mean(model(x) == y)

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, dout):
        return dout * self.mask

class Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues)
        return dvalues @ self.weights.T

class Network:
    def __init__(self, sizes):
        self.W = [np.random.randn(a, b) * 0.5 for a, b in zip(sizes[:-1], sizes[1:])]
        self.b = [np.zeros(b) for b in sizes[1:]]
    @staticmethod
    def tanh(x):
        return np.tanh(x)
    def fit(self, X, y, epochs=10, batch_size=16, lr=0.1):
        for epoch in range(epochs):
            order = np.random.permutation(len(X))
            for i in range(0, len(X), batch_size):
                xb, yb = X[order[i:i + batch_size]], y[order[i:i + batch_size]]
                h = self.tanh(xb @ self.W[0] + self.b[0])
                d = 2 * (h @ self.W[1] + self.b[1] - yb) / yb.size
                dh = d @ self.W[1].T * (1 - h ** 2)
                self.W[1] -= lr * h.T @ d
                self.W[0] -= lr * xb.T @ dh
                self.b[1] -= lr * d.sum(axis=0)

print("hello", np.load("data.npy").sum())
"""


def file_of(folder, text, name="homework.py"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A file of functions, classes and a loop, graded once."""
    folder = tmp_path_factory.mktemp("homework")
    np.save(folder / "data.npy", np.ones(3))
    return grade_file(file_of(folder, HOMEWORK), files=[folder / "data.npy"], seconds=100)


def test_functions_methods_and_training_are_found_by_their_names(graded):
    assert graded.labels == {
        "sigmoid": "sigmoid", "sigmoid_derivative": "sigmoid_prime", "softmax": "softmax",
        "mse_gradient": "mean_squared_error_grad", "relu": "ReLU.forward", "relu_derivative": "ReLU.backward",
        "relu_pullback": "ReLU.backward",
        "dense_forward": "Dense.forward", "dense_backward": "Dense.backward", "tanh": "Network.tanh",
        "training": "Network.fit", "program": "homework.py",
    }  # fmt: skip
    assert graded.notes == ("accuracy(model, x, y) is no accuracy(predicted, labels) -> the fraction that is right",)
    assert graded.output == "hello 3.0\n"
    assert graded.grades.functions[-1] == "program"


def test_what_is_wrong_comes_back_with_its_numbers(graded):
    told = {finding.function: finding for finding in graded.grades.findings}
    assert set(told) == {"softmax", "dense_backward", "training"}
    assert (told["softmax"].mistake, told["dense_backward"].mistake) == (9, 4)
    assert "softmax([[0, 1], [-1000, -999]]) gives nan at [1, 0], expected 0.2689" in str(told["softmax"])
    assert told["softmax"].found.shape == told["softmax"].expected.shape == (2, 2)
    assert told["training"].what == "leaves the parameter self.b[0] as it was, to the bit, while others move"
    assert str(graded).startswith("homework.py: ")
    assert graded.seconds > 0


class Reader(HTMLParser):
    """Collects the tags and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.references = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "rect", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_stands_alone_and_shows_the_failing_case(graded):
    html = graded.html
    reader = Reader(html)
    assert reader.open == reader.references == []
    assert not {"script", "link", "img", "iframe", "object", "style"} & set(reader.tags) - {"style"}
    assert "url(" not in html
    assert "@import" not in html
    assert reader.tags.count("svg") == 2  # softmax has arrays of one shape, dense_backward of two
    assert "nan</text>" in html
    assert "subtract x.max(axis=1, keepdims=True)" in html
    assert re.findall(r'<article class="(\w+)"', html) == sorted(
        re.findall(r'<article class="(\w+)"', html), key=["wrong", "edge", "style"].index
    )
    assert f"{graded.grades.score:.0%}" in html


def test_a_page_escapes_what_a_submission_wrote():
    finding = Finding("<b>", "gives <script>alert(1)</script>", advice="a < b")
    html = page("<i>.py", Grades(("<b>",), (finding,)), {"<b>": "<u>"}, ("<note>",), "<script>")
    assert "<script>" not in html
    for tag in ("<b>", "<i>", "<u>", "<note>"):
        assert tag not in html.replace("<b>What to do", "")
    assert html.count("&lt;script&gt;") == 2
    assert "alert(1)" in html


def test_a_page_without_a_finding_says_so():
    html = page("a.py", Grades(("relu",), ()), {}, (), "")
    assert "<p>Nothing.</p>" in html
    assert "100%" in html


def test_a_class_is_a_table_json_and_a_page_each(graded, tmp_path):
    other = Submission(Path("a.py"), Grades(("relu",), ()), {"relu": "relu"}, (), "", 0.1)
    both = Submissions((graded, other))
    head, line, first, second = str(both).splitlines()
    assert head.split() == ["file", "score", *graded.grades.functions]
    assert set(line) == {"-"}
    assert ">a.py</td>" in both.table._repr_html_()
    assert first.split() == ["a.py", "100%", *["1.00"]]
    assert second.startswith("homework.py")
    both.write(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.py.html", "grades.json", "grades.txt", "homework.py.html"
    ]  # fmt: skip
    told = json.loads((tmp_path / "out" / "grades.json").read_text())
    assert [each["file"] for each in told] == ["homework.py", "a.py"]
    assert told[0]["credit"] == graded.grades.credit()
    assert {each["mistake"] for each in told[0]["findings"]} == {9, 4, None}


def test_files_of_one_name_are_told_apart_and_odd_characters_written(tmp_path):
    odd = Finding("relu", "raises ValueError: \udc80")
    ada, bob = (Submission(Path("/class", name, "hw.py"), Grades(("relu",), found), {}, (), "", 0.1)
                for name, found in (("ada", ()), ("bob", (odd,))))  # fmt: skip
    both = Submissions((bob, ada, bob))
    assert [line.split()[0] for line in str(both).splitlines()[2:]] == ["ada/hw.py", "bob/hw.py", "bob/hw.py"]
    assert [each["file"] for each in json.loads(both.json)] == ["bob/hw.py", "ada/hw.py", "bob/hw.py"]
    both.write(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["ada-hw.py.html", "bob-hw.py.html"]
    assert r"raises ValueError: \udc80" in (tmp_path / "bob-hw.py.html").read_text("utf-8")
    assert str(Submissions(())) == str(Submissions(()).table)


CELLS = [
    "%matplotlib inline\nimport numpy as np\nimport os",
    "def tanh(x):\n    return np.tanh(x)\nx = 1 / 0\nexit()",
    "%%bash\nrm -rf /",
    "def relu(x:",
    "def sigmoid(x):\n    os._exit(3)\ndef softplus(x):\n    return np.logaddexp(x, 0)",
    "open(OUTSIDE, 'w')",
    "np.save('inside.npy', np.ones(3))\nprint(os.path.exists('inside.npy'), sorted(os.environ))",
]


def test_a_notebook_is_graded_whatever_ends_it_and_writes_nowhere(tmp_path):
    outside = tmp_path / "outside.txt"
    cells = [{"cell_type": "code", "source": cell.replace("OUTSIDE", repr(str(outside)))} for cell in CELLS]
    notebook = json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Text"]}, *cells]})
    graded = grade_file(file_of(tmp_path, notebook, "homework.ipynb"), seconds=100)
    told = [(finding.function, finding.what) for finding in graded.grades.findings]
    assert told == [
        ("sigmoid", "ends its own process, with the code 3"),
        ("program", "stops at cell 3, line 3: ZeroDivisionError: division by zero (and 3 more statements)"),
        ("program", f"changes the file {outside}, which is refused"),
    ]
    assert set(graded.grades.right) == {"tanh", "softplus"}
    assert not outside.exists()
    assert graded.output.startswith("True ")
    assert "PYTEST_CURRENT_TEST" not in graded.output
    assert not (tmp_path / "inside.npy").exists()


def test_a_process_that_has_no_time_is_ended_and_said(tmp_path):
    graded = grade_file(file_of(tmp_path, "x = 1"), seconds=0.05)
    assert [finding.what[:17] for finding in graded.grades.findings] == ["is stopped after "]
    assert graded.notes == ("nothing was graded after program",)


def test_a_test_of_two_lines(tmp_path, monkeypatch):
    for name in ("ada.py", "bob.py"):
        file_of(tmp_path, "", name)
    wrong = Finding("softmax", "gives nan", mistake=8)
    grades = {
        "ada.py": Grades(("softmax", "relu"), (Finding("relu", "warns", severity="style"),)),
        "bob.py": Grades(("softmax",), (wrong,)),
    }
    monkeypatch.setattr(submissions, "grade_file", lambda path: SimpleNamespace(grades=grades[path.name]))
    names = {"__file__": str(tmp_path / "test_homework.py"), "exercise": exercise}
    exec('test = exercise("*.py", "softmax", "relu")\neverything = exercise("ada.py")', names)
    (mark,) = names["test"].pytestmark
    assert [each.id for each in mark.args[1]] == ["ada.py-softmax", "ada.py-relu", "bob.py-softmax", "bob.py-relu"]
    names["test"](tmp_path / "ada.py", "softmax")
    names["test"](tmp_path / "ada.py", "relu")
    names["everything"](tmp_path / "ada.py", "all")
    with pytest.raises(pytest.fail.Exception, match=r"^softmax: mistake 8, .*gives nan"):
        names["test"](tmp_path / "bob.py", "softmax")
    with pytest.raises(pytest.fail.Exception, match=r"^bob.py has no function for relu\(x\) -> y$"):
        names["test"](tmp_path / "bob.py", "relu")
    with pytest.raises(FileNotFoundError, match=r"^exercise: there is no file 'carl.py' in /"):
        exec('exercise("carl.py")', names)


@pytest.mark.long
def test_an_order_reaches_the_process(tmp_path):
    text = "def dense_backward(x, weight, dy):\n    return x.T @ dy, dy.sum(axis=0), dy @ weight.T"
    graded = grade_file(file_of(tmp_path, text), seconds=100, returns=("dx", "dweight", "dbias"))
    assert graded.notes == ()
    (finding,) = graded.grades.findings
    assert finding.what == "is right, with the results (dweight, dbias, dx)"


def test_what_is_no_convention_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"^grade_file: there is no convention 'columnz'; there are columns, "):
        grade_file(file_of(tmp_path, ""), columnz=True)


def test_what_is_no_file_or_another_kind_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^grade_file: there is no file .*/none\.py$"):
        grade_file(tmp_path / "none.py")
    with pytest.raises(ValueError, match=r"^grade_file reads a \.py or \.ipynb file, got essay\.txt$"):
        grade_file(file_of(tmp_path, "", "essay.txt"))


# --- what runs in the process, here without its limits ---------------------------------------------------------------


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """Grade a text as the process does, in this one; return the lines that it tells."""
    monkeypatch.setattr(worker, "confine", lambda *given: "no limits here")
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def graded(text, **settings):
        given = {"file": str(file_of(tmp_path, text)), "results": str(tmp_path / "results"), "folder": str(tmp_path)}
        worker.main(given | {"skip": [], "seconds": 100, "megabytes": 500, "conventions": {}} | settings)
        return [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]

    return graded


def test_each_thing_is_told_before_it_begins(inside):
    lines = inside(
        "import numpy as np\ntanh = lambda x: np.tanh(x)\ndef relu(x):\n    raise KeyError(3)", skip=["tanh"]
    )
    assert lines[0] == {"begins": "program", "notes": ["no limits here"]}
    assert [line["begins"] for line in lines if "begins" in line] == ["program", "relu", "training"]
    told = {line["name"]: line["findings"] for line in lines if "name" in line}
    assert [each["what"] for each in told["relu"]] == ["raises KeyError: 3"]
    assert told["program"] == []
    assert lines[-1]["done"]


def test_conventions_are_those_of_grade(inside):
    by_columns = "import numpy as np\ndef softmax(x):\n    e = np.exp(x - x.max(axis=0))\n    return e / e.sum(axis=0)"
    told = [line["findings"] for line in inside(by_columns, conventions={"columns": True}) if "name" in line]
    assert told == [[], []]
    in_order = "def mse(y_true, y_pred):\n    return ((y_true - y_pred) ** 2).mean()"
    order = {"order": ["target", "y"]}
    assert [line["name"] for line in inside(in_order, conventions=order) if "name" in line] == ["mse", "program"]


def test_nobody_pays_for_a_fault_of_the_grader(inside, monkeypatch):
    monkeypatch.setattr(worker, "grade", lambda **given: 1 / 0)
    lines = inside("def relu(x):\n    return x")
    assert {"notes": ["relu is not graded: ZeroDivisionError: division by zero"]} in lines
    assert [line["name"] for line in lines if "name" in line] == ["program"]


@pytest.mark.long
def test_endless_functions_and_programs_are_stopped_by_themselves(inside):
    endless = "def relu(x):\n    while True:\n        pass\nx = 0\nwhile True:\n    x += 1\n"
    lines = inside(endless + "def tanh(x):\n    return x", seconds=0.5)
    told = {line["name"]: [each["what"] for each in line["findings"]] for line in lines if "name" in line}
    assert re.fullmatch(r"is stopped after 0.5 s at line [56]: an endless loop, or long work", *told["program"])
    assert told["relu"] == ["is stopped after 0.5 s: an endless loop, or a very slow one"]
    assert told["tanh"]


def test_what_trains_is_called_in_the_form_that_suits_it(inside):
    by_columns = """
import numpy as np
def train(X, Y, num_iterations=30, learning_rate=0.5):
    w, b = np.ones((4, 4)), np.zeros((4, 1))
    for i in range(num_iterations):
        a = w @ X + b
        cost = np.mean((a - Y) ** 2)
        dz = 2 * (a - Y) / Y.size
        w = w - learning_rate * (dz @ X.T).reshape(4, 4)
        b = b - learning_rate * dz.sum(axis=1, keepdims=True)
    return w, b
def fit(X, what_is_this):
    pass
"""
    assert [line["label"] for line in inside(by_columns) if line.get("name") == "training"] == ["train"]
    lines = inside(by_columns.replace("w - learning_rate", "w + learning_rate"))
    (told,) = [line["findings"] for line in lines if line.get("name") == "training"]
    assert "expected it to fall" in told[0]["what"]
    assert len(told[0]["found"]) == 6


# --- what a submission may do to the machine -------------------------------------------------------------------------

HARMFUL = {
    "an endless loop": ("while True:\n    pass", r"is stopped after [\d.]+ s at line \d"),
    "one that catches everything": (
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        r"is stopped after [\d.]+ s",
    ),
    "exit": ("exit()", r"ends itself by exit\(\) at line 1"),
    "10 GB": ("import numpy as np\nx = np.ones((10_000, 125_000))", "needs more than 2000 MB at line 2"),
    "10 GB by and by": (
        "import numpy as np\nheld = []\nwhile True:\n    held.append(np.empty(10_000_000))",
        "needs more than 2000 MB at line 4",
    ),
    "forks of itself": ("import os\nwhile True:\n    os.fork()", r"starts or ends a process \(os.fork\)"),
    "starts of itself": (
        "import subprocess, sys\nwhile True:\n    subprocess.Popen([sys.executable, __file__])",
        r"starts or ends a process \(subprocess.Popen\)",
    ),
    "much output": ("while True:\n    print('x' * 1000)", r"(is stopped after|stops at line 2: OSError)"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", HARMFUL)
def test_what_would_harm_costs_seconds_and_is_reported(name, tmp_path):
    text, words = HARMFUL[name]
    began = time.monotonic()
    graded = grade_file(file_of(tmp_path, text + "\ndef tanh(x):\n    import numpy\n    return numpy.tanh(x)"))
    assert time.monotonic() - began < 15
    assert any(re.search(words, finding.what) for finding in graded.grades.findings if finding.function == "program")
    if name != "one that catches everything":
        assert "tanh" in graded.grades.right


@pytest.mark.long
def test_a_lesson_is_a_program_that_is_right_but_for_what_is_left_to_its_reader():
    lesson = Path(__file__).parents[2] / "examples" / "10_from_scratch.py"
    grades = grade_file(lesson, seconds=100).grades
    assert grades.right == ("training", "program")
    assert [finding.what for finding in grades.findings] == ["is not written yet"]


@pytest.mark.long
def test_what_is_left_running_is_ended(tmp_path):
    """A process that got past what refuses it, here as C code would, ends with its group."""
    text = (
        "import _posixsubprocess, os, sys\n"
        "from subprocess import _fork_exec\n"
        "r, w = os.pipe()\n"
        "child = _fork_exec([b'/bin/sleep', b'600'], (b'/bin/sleep',), True, (w,), None, None, -1, -1, -1, -1, -1, -1,"
        " r, w, False, False, -1, None, None, None, -1, None, False)\n"
        "print(child)\n"
    )
    graded = grade_file(file_of(tmp_path, text))
    child = int(graded.output)
    time.sleep(0.2)
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] in "ZX"


@pytest.mark.long
def test_a_teacher_s_test_file_is_two_lines(tmp_path):
    file_of(tmp_path, "import numpy as np\ndef tanh(x):\n    return np.tanh(x)\ndef relu(x):\n    return x")
    file_of(
        tmp_path, 'from fnn.testing import exercise\ntest_it = exercise("homework.py", "tanh", "relu")', "test_it.py"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    root = str(Path(__file__).parents[2])
    run = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": root}, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in run.stdout
    assert "FAILED test_it.py::test_it[homework.py-relu] - Failed: relu: " in run.stdout


@pytest.mark.long
def test_many_files_are_graded_two_at_a_time(tmp_path):
    paths = [file_of(tmp_path, "import numpy as np\ndef tanh(x):\n    return np.tanh(x)", f"{i}.py") for i in range(3)]
    with ThreadPoolExecutor(2) as pool:
        both = grade_files(paths, map=pool.map)
    assert [each.path.name for each in both.submissions] == ["0.py", "1.py", "2.py"]
    assert all(each.grades.passed for each in both.submissions)
