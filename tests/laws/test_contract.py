"""The contract holds for every public name: nothing is written to, the same twice, float32 stays float32.

Layers, losses and penalties are tried in ``test_laws.py``, transforms in ``tests/optim``, all others here. A public
name without a case is a failure that says where to add one.
"""

import pickle
import re
from pathlib import Path
from types import ModuleType

import numpy as np

import fnn
from fnn import sgd, tree, value_and_grad, vjp
from fnn.core._structure import walk
from fnn.core.record import Record
from tests.each_of import each_of
from tests.laws.calls import CALLS, NET
from tests.laws.cases import CONSTRUCTORS, LAYERS, LOSS_CASES, PENALTIES, SCHEDULES, TRANSFORMS, VALUES

calls = each_of("name", CALLS)

# Types and what changes the process: the room of the tests that have them.
ELSEWHERE = {
    "Record": "core", "Key": "core", "vjp": "laws", "check_vjp": "diagnostics", "Regularized": "laws",
    "Transform": "optim", "State": "train", "Diverged": "train", "Trial": "train", "Summary": "train",
    "Comparison": "train", "data.Standardization": "data",
    "keep_freed_memory": "train", "Sharded": "train", "Rows": "losses",
    "plateau": "train", "minimize": "interop", "Minimum": "interop", "threads": "train", "processes": "train",
    "FormatError": "checkpoint",
}  # fmt: skip
LINES = {
    "layers": "LAYERS in tests/laws/cases.py",
    "networks": "LAYERS in tests/laws/cases.py",
    "losses": "_loss_cases in tests/laws/cases.py",
    "optim": "TRANSFORMS in tests/laws/cases.py",
    "schedules": "SCHEDULES in tests/laws/cases.py",
}


def public_names():
    """Yield every public name, those in namespaces as ``tree.map``, with what it is and the room that it is from."""
    for name in fnn.__all__:
        value = getattr(fnn, name)
        if isinstance(value, ModuleType):
            for inner in getattr(value, "__all__", None) or written_in(value):
                yield f"{name}.{inner}", name
        else:
            yield name, getattr(value, "__module__", "fnn").split(".")[1]


def written_in(module):
    return [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    ]


def covered_names():
    """Return what the cases are cases of, as their names and the classes of their records tell."""
    cases = [*LAYERS, *LOSS_CASES, *PENALTIES, *TRANSFORMS, *CONSTRUCTORS]
    records = [layer for layer, _ in LAYERS.values()] + [first for first, *_ in (LOSS_CASES | PENALTIES).values()]
    classes = {type(node).__name__ for record in records for _, node in walk(record, every=True)}
    names = {re.match(r"\w+", case)[0] for case in cases} | {f"schedules.{name}" for name in SCHEDULES}
    return names | classes | set(CALLS) | set(ELSEWHERE)


def test_every_public_name_has_a_case():
    covered = covered_names()
    missing = [
        f"{name}: add a line to {LINES.get(room, 'CALLS in tests/laws/calls.py')}"
        for name, room in public_names()
        if name not in covered
    ]
    assert not missing, "public names without a case:\n" + "\n".join(missing)


def test_what_is_tried_elsewhere_is_there():
    for name, room in ELSEWHERE.items():
        texts = [path.read_text() for path in (Path(__file__).parents[1] / room).glob("test_*.py")]
        assert any(re.search(rf"\b{name}\b", text) for text in texts), f"no test of {name} in tests/{room}"


def test_every_layer_and_loss_of_the_package_has_a_function_of_its_own():
    for cls in Record.__subclasses__():
        if re.match(r"fnn\.(layers|networks|losses)\.", cls.__module__):
            function = vjp.registry.get(cls) or value_and_grad.registry.get(cls)
            assert function, f"no function for {cls.__name__}: write @vjp.register in {cls.__module__}"
            assert re.fullmatch(r"[a-z]\w+", function.__name__), f"give the function of {cls.__name__} a name"


def arranged(order, given):
    """Return the same with the arrays in another order in memory; those in trees are read-only already."""
    if isinstance(given, np.ndarray):
        return order(given)
    return tuple(arranged(order, each) for each in given) if type(given) is tuple else given


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


ORDERS = (np.copy, read_only, np.asfortranarray, lambda array: np.repeat(array, 2, axis=0)[::2])


@calls
def test_a_function_writes_to_nothing_and_gives_the_same_twice_whatever_the_order_in_memory(name):
    function, *usual = CALLS[name]
    plain = as_tree(function(*usual))
    for order in ORDERS:
        given = arranged(order, tuple(usual))
        before = [leaf.tobytes() for leaf in tree.leaves(given)]
        first, second = (as_tree(function(*given)) for _ in range(2))
        assert tree.equal(first, second)
        assert [leaf.tobytes() for leaf in tree.leaves(given)] == before
        for ours, theirs in zip(tree.leaves(first), tree.leaves(plain), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def as_tree(result):
    return tuple(map(as_tree, result)) if isinstance(result, list | tuple) else result


KEEPS_FLOAT32 = [
    "data.standardize", "data.unstandardize", "data.batches", "data.epochs", "data.block_epochs",
    "data.train_test_split", "data.kfold", "data.pad_rows", "data.windows", "tree.map", "tree.zeros_like", "tree.add",
    "tree.ravel", "tree.at", "forward", "grad", "value_and_grad", "input_gradient", "differentiated", "finite",
    "updated", "update", "start", "train_step", "states", "fit", "save", "data.augmented", "data.random_shift",
    "data.random_crop", "data.random_flip", "data.random_noise", "data.cutout", "data.mixup",
]  # fmt: skip


@each_of("name", KEEPS_FLOAT32)
def test_float32_in_float32_out(name):
    function, *given = CALLS[name]
    given = tree.map(lambda leaf: leaf.astype(np.float32) if leaf.dtype.kind == "f" else leaf, tuple(given))
    found = {leaf.dtype for leaf in tree.leaves(as_tree(function(*given))) if leaf.dtype.kind == "f"}
    assert found == {np.dtype(np.float32)}


@each_of("name", [name for name, (call, *_) in CALLS.items() if call.__module__ == "fnn.data.synthetic"])
def test_synthetic_data_comes_in_the_dtype_asked_for(name):
    function, *given = CALLS[name]
    for dtype in (np.float32, np.float64):
        assert function(*given, dtype=dtype)[0].dtype == dtype
    assert function(*given)[0].dtype == np.float32


@each_of("name", [name for name in CALLS if name.startswith("initializers")])
def test_initializers_give_read_only_arrays_of_the_dtype_asked_for(name):
    function, *given = CALLS[name]
    for dtype in (np.float32, np.float64):
        weight = function(*given, dtype)
        assert (weight.dtype, weight.shape) == (dtype, (4, 3))
        assert not weight.flags.writeable


@each_of("name", SCHEDULES)
def test_a_schedule_gives_python_floats_pickles_and_keeps_an_optimizer_in_float32(name):
    schedule = SCHEDULES[name]
    again = pickle.loads(pickle.dumps(schedule))
    for step in (0, 1, 5, 30, 59, 60, 1000):
        assert type(schedule(step)) is float
        assert again(step) == schedule(step) >= 0
    params = tree.map(np.float32, NET)
    updates, _ = sgd(schedule).update(params, (), params, 20)
    assert {leaf.dtype for leaf in tree.leaves(updates)} == {np.dtype(np.float32)}


@each_of("shown", CONSTRUCTORS)
def test_constructors_pickle(shown):
    assert repr(pickle.loads(pickle.dumps(CONSTRUCTORS[shown]))) == shown


RECORDS = VALUES | {name: first for name, (first, *_) in (LAYERS | LOSS_CASES | PENALTIES).items()}


@each_of("name", RECORDS)
def test_records_pickle(name):
    again = pickle.loads(pickle.dumps(RECORDS[name]))
    assert repr(again) == repr(RECORDS[name])
    assert tree.equal(again, RECORDS[name])
    assert not any(leaf.flags.writeable for leaf in tree.leaves(again))
