"""Imports run one way, and the core needs numpy, attrs and toolz alone."""

import ast
import subprocess
import sys
from pathlib import Path

import fnn

PACKAGE = Path(fnn.__file__).parent
ORDER = [
    "errors", "arrays", "records", "structure", "layout", "tree", "keys", "core", "initializers", "special",
    "layers.activations", "layers.dense", "layers.shape", "layers.dropout", "layers.norm", "layers.embedding",
    "layers.windows", "layers.conv", "layers.pool", "layers.steps", "layers.lstm", "layers.gru", "layers.recurrent",
    "layers.positional", "layers.attention", "compose", "branches", "modes", "directions", "transformer", "sequences",
    "losses.mean", "losses.distances", "losses.binary", "losses.logits", "losses.objectives", "losses",
    "schedules", "transforms", "optim",
    "data.rows", "data.batches", "data.idx", "data.tables", "data.text", "data.prepare", "data.synthetic", "data",
    "metrics.labels", "metrics.ranking", "metrics.regression", "metrics.evaluation", "metrics",
    "train", "safetensors", "durable", "environment", "catalogue", "forms", "checkpoint", "streams", "reports",
    "experiments", "causes", "check", "numeric", "describe", "findings", "diagnosis", "allocator",
    "testing.mistakes", "testing.findings", "testing.calls", "testing.purity", "testing.slopes",
    "testing.exercises.exercise", "testing.exercises.activations", "testing.exercises.losses",
    "testing.exercises.layers", "testing.exercises.images", "testing.exercises.updates", "testing.exercises.data",
    "testing.exercises", "testing.grading", "testing",
    "plot.look", "plot.lines", "plot.cells", "plot.pictures", "plot.plane", "plot.networks", "plot",
]  # fmt: skip


def module_name(path):
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


def imports_of(tree, top_only):
    nodes = tree.body if top_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [name for name in names if name.removeprefix("fnn.") in MODULES]
            yield from known or [node.module]


def test_every_file_has_its_place_in_the_reading_order_and_imports_only_from_those_before_it():
    assert set(ORDER) | {"__init__", "layers"} == set(MODULES)
    for place, name in enumerate(ORDER):
        for imported in imports_of(MODULES[name], top_only=True):
            if imported.startswith("fnn"):
                assert imported.removeprefix("fnn.") in ORDER[:place], f"{name} imports {imported}"


def test_the_core_imports_numpy_attrs_toolz_and_the_standard_library_alone():
    for name, tree in MODULES.items():
        for imported in imports_of(tree, top_only=False):
            root = imported.split(".")[0]
            extra = {"matplotlib"} if name.split(".")[0] == "plot" else set()
            allowed = {"numpy", "attrs", "toolz", "fnn"} | sys.stdlib_module_names | extra
            assert root in allowed, f"{name} imports {imported}"


def test_importing_loads_nothing_else_that_is_heavy():
    script = "import sys, fnn; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    third_party = {"numpy", "attrs", "attr", "toolz", "fnn"}
    assert not loaded & {"matplotlib", "scipy", "torch", "jax", "sklearn", "tqdm", "pytest", "multiprocessing"}
    assert third_party <= loaded


def test_what_stands_around_it_is_loaded_when_it_is_asked_for():
    script = (
        "import sys, fnn; before = 'fnn.testing' in sys.modules, 'fnn.plot' in sys.modules; fnn.testing.grade\n"
        "try: fnn.plot.curves\n"
        "except ImportError as error: assert str(error) == 'fnn.plot needs matplotlib: pip install \"fnn[plot]\"'\n"
        "print(before, 'fnn.testing' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "(False, False) True"


def test_every_module_says_in_its_first_line_what_it_is_about():
    for name, tree in MODULES.items():
        assert (ast.get_docstring(tree) or "").strip(), name


def test_every_public_name_is_there_and_says_what_it_is():
    assert len(fnn.__all__) == len(set(fnn.__all__))
    for name in fnn.__all__:
        assert (getattr(fnn, name).__doc__ or "").strip(), name


def test_the_global_random_generator_is_left_alone():
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "numpy":
                # The one who watches what others do to it, and puts it back.
                assert name == "testing.calls" or "random" not in {alias.name for alias in node.names}, name
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
            ):
                assert node.attr in {"PCG64", "SeedSequence"}, f"{name} uses np.random.{node.attr}"
