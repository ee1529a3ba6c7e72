"""No file is a program: nothing in fnn unpickles, evaluates or imports what a file says, checked on the syntax tree."""

import ast
import re
from pathlib import Path

import fnn
from tests.each_of import each_of

PACKAGE = Path(fnn.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}

UNPICKLERS = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "codeop", "runpy",
}  # fmt: skip
RUNNERS = {"eval", "exec", "compile", "__import__", "builtins", "__builtins__"}
LOADERS = {"__import__", "__builtins__", "__loader__", "exec_module", "load_module"}
NUMPY_FILES = {"load", "save", "savez", "savez_compressed", "fromfile", "memmap"}


def root(name):
    return (name or "").split(".")[0]


WORDS = re.compile("|".join([*UNPICKLERS, *RUNNERS, *LOADERS, *NUMPY_FILES, "allow_pickle", "import_module"]))


def faults(source):
    """List what in a module could run code that comes from data, with the line."""
    if not WORDS.search(source):  # which is sooner seen than by a walk
        return []
    return sorted({(node.lineno, what) for node in ast.walk(ast.parse(source)) for what in _faults(node)})


def _faults(node):
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names if root(alias.name) in UNPICKLERS | {"builtins"})
        case ast.ImportFrom(module=module, names=names):
            if root(module) in UNPICKLERS | {"builtins"}:
                yield module
            yield from (
                f"{module}.{alias.name}"
                for alias in names
                if (module, alias.name) == ("importlib", "import_module")  # it could go by any name then
                or (root(module) == "numpy" and alias.name in NUMPY_FILES)
            )
        case ast.Name(id=name) if name in RUNNERS:
            yield name
        case ast.Attribute(attr=name) if name in LOADERS:
            yield name
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name) if name in NUMPY_FILES:
            yield f"np.{name}"
        case ast.keyword(arg="allow_pickle", value=value) if not (
            isinstance(value, ast.Constant) and value.value is False
        ):
            yield "allow_pickle"
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str()), *_]):
            pass
        case ast.Call(func=ast.Attribute(attr="import_module")):
            yield "import_module"


# To grade a program is to run it; this is where, and in a process of its own with limits.
RUNS_PROGRAMS = "programs/running.py"


@each_of("name", sorted(MODULES.keys() - {RUNS_PROGRAMS}))
def test_no_module_of_fnn_can_run_code_that_comes_from_a_file(name):
    assert faults(MODULES[name]) == []


def test_what_runs_programs_does_that_alone_and_nothing_else_imports_it():
    assert {what for _, what in faults(MODULES[RUNS_PROGRAMS])} == {"compile", "exec"}
    users = {name for name, source in MODULES.items() if re.search(r"import .*\bstops\b|programs\.running", source)}
    assert {name.split("/")[0] for name in users} <= {"programs", "testing"}


def test_every_file_of_the_package_was_looked_at():
    assert set(MODULES) == {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert any(name.startswith("checkpoint") for name in MODULES)


PLANTED = {
    "import pickle": "pickle",
    "import pickle as safe": "pickle",
    "import _pickle": "_pickle",
    "from pickle import loads": "pickle",
    "def f():\n    import cPickle": "cPickle",
    "import dill": "dill",
    "import cloudpickle": "cloudpickle",
    "import joblib": "joblib",
    "from joblib import load": "joblib",
    "import numpy, joblib.numpy_pickle": "joblib.numpy_pickle",
    "import marshal": "marshal",
    "import shelve": "shelve",
    "from runpy import run_path": "runpy",
    "eval(text)": "eval",
    "tuple(map(eval, texts))": "eval",
    "run = exec": "exec",
    "exec(text)": "exec",
    "compile(text, '', 'exec')": "compile",
    "__import__(name)": "__import__",
    "import builtins": "builtins",
    "from builtins import eval as number": "builtins",
    "__builtins__['eval'](text)": "__builtins__",
    "module.__builtins__": "__builtins__",
    "spec.loader.exec_module(module)": "exec_module",
    "np.load(path)": "np.load",
    "np.load(path, allow_pickle=False)": "np.load",
    "numpy.save(path, x)": "np.save",
    "np.savez(path, x)": "np.savez",
    "reader = np.load": "np.load",
    "from numpy import load": "numpy.load",
    "from numpy import save as write": "numpy.save",
    "read(path, allow_pickle=True)": "allow_pickle",
    "read(path, allow_pickle=trusted)": "allow_pickle",
    "importlib.import_module(name)": "import_module",
    "importlib.import_module(f'fnn.{name}')": "import_module",
    "importlib.import_module(name=text)": "import_module",
    "from importlib import import_module": "importlib.import_module",
    "from importlib import import_module as look": "importlib.import_module",
}


@each_of(("source", "fault"), PLANTED.items())
def test_planted_code_is_found(source, fault):
    assert fault in [what for _, what in faults(f"x = 1\n{source}\n")]
    assert faults(source)[0][0] == source.count("\n") + 1


@each_of(
    "source",
    [
        "importlib.import_module('tqdm')",
        "re.compile('x')",
        "read(path, allow_pickle=False)",
        "tree.load(path)",
        "np.loadtxt(path)",
        "'pickle eval(text)'  # exec",
        "def load(path): ...",
        "code = [0, 1]",
    ],
)
def test_what_runs_nothing_is_left_alone(source):
    assert faults(source) == []
