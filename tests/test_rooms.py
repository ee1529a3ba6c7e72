"""The rooms: imports between them run one way, the core needs little, and importing the package changes nothing."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fnn

PACKAGE = Path(fnn.__file__).parent

# From below to above: a room imports from the lines above its own, never from its own line or one further down.
ROOMS = [
    ("core",),
    ("layers", "optim", "data"),
    ("networks",),
    ("losses",),
    ("metrics",),
    ("train",),
    ("checkpoint",),
    ("diagnostics",),
    ("interop",),
    ("programs",),
    ("plot", "testing"),
    ("",),  # fnn/__init__.py
]
# The same for the rooms inside of a room, and for its files beside them; its own __init__.py is "".
HOUSES = {
    "": ROOMS,
    "interop": [("_weights", "_onnx_arrays"), ("huggingface", "onnx", "sklearn", "torch"), ("",)],
    "interop.onnx": [("_writing",), ("_reading",), ("",)],
}

NEEDED = {"numpy", "attrs", "toolz", "fnn"} | sys.stdlib_module_names
# Loaded when somebody asks for it; what lies beside these rooms does without.
NEEDED_IN = {
    "plot": {"matplotlib"},
    "interop.onnx": {"onnx"},
    "interop.sklearn": {"sklearn"},
    "interop.torch": {"torch"},
}
OPTIONAL = {"tqdm", "threadpoolctl", "pytest"}  # named inside the functions that use them, and there alone


def module_name(path):
    """``fnn.core.tree`` for fnn/core/tree.py, ``fnn.core`` for fnn/core/__init__.py."""
    return ".".join(("fnn", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_name(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def is_in(room, module):
    """True for the modules of a room: all are in ""."""
    return f"{module}.".startswith(f"fnn.{room}." if room else "fnn.")


def room_of(module, house=""):
    """The room of a house that a module is in: "layers" for fnn.layers.dense, "" for the house's own __init__.py."""
    return module.removeprefix(f"fnn.{house}" if house else "fnn").removeprefix(".").split(".")[0]


def imports_of(nodes):
    """Yield the full name of every module that these nodes import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (module if module in MODULES else node.module for module in modules)


@functools.cache
def all_imports_of(module):
    """The same for a whole module, what its functions import included."""
    return set(imports_of(ast.walk(MODULES[module])))


def test_a_room_imports_only_from_rooms_before_it():
    for house, lines in HOUSES.items():
        level = {room: number for number, line in enumerate(lines) for room in line}
        inside = [module for module in MODULES if is_in(house, module)]
        assert {room_of(module, house) for module in inside} == set(level), f"each room of {house} has a place above"
        for module in inside:
            for imported in all_imports_of(module).intersection(inside):
                room, other = room_of(module, house), room_of(imported, house)
                assert other == room or level[other] < level[room], f"{module} imports {imported}: see HOUSES above"


def test_no_file_imports_itself_by_way_of_others():
    graph = {}
    for module in MODULES:
        for_types = [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.If) and is_type_checking(node)]
        graph[module] = all_imports_of(module) - set(imports_of(child for node in for_types for child in node.body))
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which shows the circle


def is_type_checking(node):
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_package_is_its_rooms():
    inside = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert inside - rooms == {"__init__.py", "py.typed", "LICENSE"}
    assert rooms <= {room for line in ROOMS for room in line}, "give the new room its place in ROOMS above"


def test_a_room_names_its_files():
    for room in (path.parent for path in PACKAGE.rglob("__init__.py")):
        docstring = ast.get_docstring(MODULES[module_name(room / "__init__.py")]) or ""
        files = [path for path in room.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
        names = sorted({path.stem for path in files} - {"__init__"})
        missing = [name for name in names if not re.search(rf"(?<!\w){name}(?!\w)", docstring)]
        assert not missing, f"the docstring of {room.name}/__init__.py does not name {', '.join(missing)}"


def test_the_package_needs_numpy_attrs_toolz_and_the_standard_library_alone():
    for module, tree in MODULES.items():
        allowed = NEEDED.union(*[needed for room, needed in NEEDED_IN.items() if is_in(room, module)])
        for nodes, roots in ((tree.body, allowed), (ast.walk(tree), allowed | OPTIONAL)):
            for imported in imports_of(nodes):
                assert imported.split(".")[0] in roots, f"{module} imports {imported}"


def test_every_module_says_in_its_first_line_what_it_is_about():
    for module, tree in MODULES.items():
        assert (ast.get_docstring(tree) or "").strip(), module


def test_every_public_name_is_there_and_says_what_it_is():
    assert len(fnn.__all__) == len(set(fnn.__all__))
    for name in fnn.__all__:
        assert (getattr(fnn, name).__doc__ or "").strip(), name


@pytest.mark.long
def test_the_global_random_generator_is_left_alone():
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "numpy":
                # But for the rooms that watch what others do to it, and put it back.
                assert room_of(module) in ("programs", "testing") or "random" not in {
                    alias.name for alias in node.names
                }, module
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(".random"):
                assert node.attr in {"PCG64", "SeedSequence"}, f"{module} uses np.random.{node.attr}"


def printed_by(script):
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_importing_loads_nothing_else_that_is_heavy():
    loaded = set(printed_by("import sys, fnn; print(*{name.split('.')[0] for name in sys.modules})").split())
    assert not loaded & {"matplotlib", "scipy", "torch", "jax", "sklearn", "tqdm", "pytest", "multiprocessing"}
    assert {"numpy", "attrs", "attr", "toolz", "fnn"} <= loaded


def test_importing_changes_nothing():
    script = """
import ctypes, gc, locale, logging, os, random, signal, sys, threading, warnings
import attrs, numpy as np, toolz

def process():
    return (
        dict(os.environ), os.getcwd(), list(sys.path), sys.getrecursionlimit(), gc.get_threshold(),
        sys.excepthook, sys.displayhook, list(sys.meta_path), [signal.getsignal(n) for n in signal.valid_signals()],
        list(warnings.filters), np.geterr(), np.geterrcall(), np.get_printoptions(), random.getstate(),
        str(np.random.get_state()), list(logging.root.handlers), logging.root.level, locale.setlocale(locale.LC_ALL),
        threading.active_count(),
    )

def refuse(*args, **named):
    raise AssertionError("a C library was asked for: malloc's settings are for keep_freed_memory alone")

before, ctypes.CDLL = process(), refuse
import fnn
for then, now in zip(before, process(), strict=True):
    assert then == now, (then, now)
try:
    fnn.keep_freed_memory.__globals__["_is_gnu"] = lambda: True
    os.environ = {}
    fnn.keep_freed_memory()
except AssertionError:
    print("nothing, and it would have been seen")
"""
    assert printed_by(script) == "nothing, and it would have been seen"


@pytest.mark.long
def test_what_stands_around_it_is_loaded_when_it_is_asked_for():
    script = (
        "import sys, fnn; before = 'fnn.testing' in sys.modules, 'fnn.plot' in sys.modules; fnn.testing.grade\n"
        "try: fnn.plot.curves\n"
        "except ImportError as error: assert str(error) == 'fnn.plot needs matplotlib: pip install \"fnn[plot]\"'\n"
        "print(before, 'fnn.testing' in sys.modules)"
    )
    assert printed_by(script) == "(False, False) True"
