"""What is saved is what is loaded, to the bit; what cannot be is refused before it is written; no file runs code."""

import ast
import importlib
import itertools
import json
import math
import os
import pkgutil
import random
import re
import subprocess
import sys
import types
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

import fnn
from fnn import (
    Dense,
    Huber,
    Key,
    Record,
    Serial,
    State,
    accumulate_gradients,
    adam,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    dropout,
    fit,
    freeze,
    l2,
    mlp,
    mse,
    regularized,
    relu,
    serial,
    sgd,
    start,
    tanh,
    tree,
)
from fnn.checkpoint._codec import DEEPEST, known, rebuilt, written
from fnn.checkpoint._fingerprint import EnvironmentChanged, fingerprint
from fnn.checkpoint.files import load, notes, save
from fnn.checkpoint.safetensors import pack, unpack
from fnn.core._errors import FormatError
from fnn.data import moons
from tests.core.test_tree import TREES
from tests.each_of import each_of
from tests.laws.cases import LAYERS, LOSS_CASES, LOSSES, PENALTIES, SHARED, TRANSFORMS, numbers


class Gate(Record):
    """A layer of one's own."""

    weight: np.ndarray


class Box(Record):
    """A record that holds anything."""

    inside: object


def through(folder, saved, **named):
    save(folder / "tree.fnn", saved)
    return load(folder / "tree.fnn", **named)


def require_same(loaded, saved):
    """The same to the bit, types of configuration included: ``tree.equal`` takes True and 1.0 for 1."""
    assert tree.equal(loaded, saved)
    assert repr(loaded) == repr(saved)
    assert tree.paths(loaded) == tree.paths(saved)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(loaded))


def handmade(path, form, arrays=None, /, **metadata):
    """A file with a right checksum and whatever else."""
    texts = {"fnn": "1", "form": json.dumps(form), "notes": "{}", "environment": json.dumps(fingerprint())}
    path.write_bytes(pack(arrays or {}, {**texts, **metadata}))
    return path


def network(dtype=np.float32):
    return mlp(4, 3)(Key(0), np.zeros((1, 2), dtype))


# --- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.long)])
@each_of("layer", [layer for layer, _ in LAYERS.values()], ids=LAYERS)
def test_every_layer_comes_back_to_the_bit(layer, dtype, tmp_path):
    saved = tree.map(dtype, layer)
    require_same(through(tmp_path, saved), saved)


@each_of("saved", TREES.values(), ids=TREES)
def test_so_does_every_tree(saved, tmp_path):
    loaded = through(tmp_path, saved)
    require_same(loaded, saved)
    for ours, theirs in zip(tree.leaves(loaded), tree.leaves(saved), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)


def test_so_does_every_loss_and_penalty(tmp_path):
    losses = tuple(case[0] for case in LOSS_CASES.values())
    penalties = tuple(penalty for name, (penalty, _) in PENALTIES.items() if name != "l2, biases")
    saved = losses, penalties, tuple(LOSSES.values()), regularized(mse, l2(0.1))
    require_same(through(tmp_path, saved), saved)


def test_dtypes_shapes_and_signs_survive(tmp_path):
    floats = [np.array([0.0, -0.0, np.nan, -np.inf, 65504.0], kind) for kind in (np.float16, np.float32, np.float64)]
    wholes = [
        np.array([np.iinfo(kind).min, np.iinfo(kind).max], kind)
        for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
    ]
    shapes = [np.zeros(()), np.zeros((0, 3)), np.zeros((2, 0), np.float32), np.ones((1,) * 12)]
    orders = [np.asfortranarray(numbers(3, 4)), numbers(6, 4)[::-2, 1::2], numbers(3, 4).T]
    saved = (*floats, *wholes, np.array([True, False]), *shapes, *orders)
    require_same(through(tmp_path, saved), saved)


CONFIGURATION = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 0.0, -0.0, 1.0, 0.1, 5e-324, 1e308,
    math.nan, math.inf, -math.inf, "", "text", 'quoted "so"', "Größe \N{SNOWMAN}", "\ud800 \0", "NaN", (), ((),),
    (1, (2.0, ("3",))), Key(0), Key(2**128 - 1, (2**32 - 1, 0)), relu, (1.5, np.ones(2), None), fnn.tree.is_weight,
]  # fmt: skip


@each_of("value", CONFIGURATION, ids=ascii)
def test_configuration_keeps_its_type_and_its_value(value, tmp_path):
    loaded = through(tmp_path, Box(value), records=(Box,)).inside
    assert type(loaded) is type(value)
    assert repr(loaded) == repr(value)
    assert tree.equal(Box(loaded), Box(value))


def test_the_form_is_json_that_any_language_reads(tmp_path):
    save(tmp_path / "tree.fnn", (math.nan, math.inf, -math.inf, 2**70))
    _, metadata = unpack((tmp_path / "tree.fnn").read_bytes(), "")
    form = json.loads(metadata["form"], parse_constant=pytest.fail)  # NaN and Infinity are not in the standard
    assert form == [{"float": "nan"}, {"float": "inf"}, {"float": "-inf"}, {"int": "0x400000000000000000"}]


def test_whole_numbers_of_any_size_survive(tmp_path):
    saved = 10**5000, -(10**5000)  # more digits than Python would print
    assert through(tmp_path, saved) == saved


def test_a_record_that_is_used_twice_is_stored_once_and_is_one_again(tmp_path):
    both = fnn.Bidirectional(Serial((SHARED,)), SHARED)
    saved = Serial((SHARED, tanh, SHARED)), both, Dense(SHARED.weight, SHARED.bias)
    loaded = through(tmp_path, saved)
    require_same(loaded, saved)
    serial_, again, apart = loaded
    assert serial_.layers[0] is serial_.layers[2] is again.backwards is again.forwards.layers[0]
    assert apart is not serial_.layers[0]
    arrays, _ = unpack((tmp_path / "tree.fnn").read_bytes(), "")
    assert sorted(arrays) == ["[0].layers[0].bias", "[0].layers[0].weight", "[2].bias", "[2].weight"]


def test_a_tie_is_found_again_where_the_fields_are_not_in_the_order_of_the_alphabet(tmp_path):
    saved = fnn.Bidirectional(SHARED, SHARED)
    loaded = through(tmp_path, saved)
    assert loaded.forwards is loaded.backwards
    assert tree.equal(loaded, saved)


def test_a_network_that_was_trained_with_ties_goes_on_with_ties(tmp_path):
    state = start(Serial((SHARED, tanh, SHARED)), adam())
    loaded = through(tmp_path, state)
    data = numbers(5, 4), numbers(5, 4, seed=1)
    ours, theirs = (fit(mse, adam(), each, data, steps=3, size=2, key=Key(1)) for each in (loaded, state))
    assert ours.params.layers[0] is ours.params.layers[2]
    require_same(ours, theirs)


def test_a_file_of_a_network_by_hand(tmp_path):
    save(tmp_path / "net.fnn", Serial((Dense(np.ones((2, 1)), np.zeros(1)), fnn.Dropout(0.5))), epoch=3)
    arrays, metadata = unpack((tmp_path / "net.fnn").read_bytes(), "")
    assert sorted(arrays) == ["layers[0].bias", "layers[0].weight"]
    np.testing.assert_array_equal(arrays["layers[0].weight"], [[1.0], [1.0]])
    dense_ = {"weight": {"array": "layers[0].weight"}, "bias": {"array": "layers[0].bias"}}
    layers = [{"record": "Dense", "fields": dense_}, {"record": "Dropout", "fields": {"rate": 0.5, "channels": False}}]
    assert json.loads(metadata["form"]) == {"record": "Serial", "fields": {"layers": layers}}
    assert json.loads(metadata["notes"]) == {"epoch": 3}
    assert json.loads(metadata["environment"]) == fingerprint()
    assert set(metadata) == {"fnn", "form", "notes", "environment"}


def test_5000_layers_are_no_matter(tmp_path):
    saved = Serial((SHARED, *(Dense(np.ones((1, 1)), np.zeros(1)) for _ in range(500)), *(relu,) * 4500))
    assert tree.equal(through(tmp_path, saved), saved)


def nested(depth):
    """A tree in which ``depth`` others lie in each other."""
    return () if depth == 1 else (nested(depth - 1),)


def test_what_can_be_saved_can_be_loaded_however_deep_and_deeper_is_refused_at_once(tmp_path):
    saved = nested(DEEPEST)
    assert through(tmp_path, saved) == saved
    saved = relu
    for _ in range(DEEPEST // 2 - 1):
        saved = Serial((saved,))
    require_same(through(tmp_path, saved), saved)
    with pytest.raises(ValueError, match=r"trees may lie in trees 200 deep at most, found more at \[0\]\[0\]"):
        save(tmp_path / "deep.fnn", nested(DEEPEST + 2))
    assert not (tmp_path / "deep.fnn").exists()


# --- runs ------------------------------------------------------------------------------------------------------------

DATA = moons(23, 0.1, Key(1))
RUNS = {
    **TRANSFORMS,
    "all at once": chain(
        freeze("layers[0]"),
        accumulate_gradients(3, chain(clip_by_global_norm(1.0), adam(fnn.schedules.cosine(0.1, 20)))),
        fnn.trace(0.5),
    ),
}
each_run = pytest.mark.parametrize("optimizer", RUNS.values(), ids=RUNS)


def trained(optimizer, state, steps):
    return fit(cross_entropy, optimizer, state, DATA, steps=steps, size=5, key=Key(2))


def beginning(optimizer, dtype=np.float32):
    return start(serial(dense(4), tanh, dropout(0.2), dense(2))(Key(0), DATA[0].astype(dtype)), optimizer)


@each_run
def test_a_run_taken_up_from_a_file_ends_bit_identical(optimizer, tmp_path):
    state = beginning(optimizer)
    half, whole = trained(optimizer, state, 3), trained(optimizer, state, 8)
    require_same(through(tmp_path, half), half)
    require_same(through(tmp_path, half, like=state), half)
    require_same(trained(optimizer, load(tmp_path / "tree.fnn"), 5), whole)


def require_resumable_anywhere(optimizer, folder, dtype, stops):
    state = beginning(optimizer, dtype)
    whole, passed = trained(optimizer, state, 60), state  # over epochs of five batches, the last of them of three rows
    for stop in range(61):
        if stop in stops:
            resumed = trained(optimizer, through(folder, passed), 60 - stop)
            assert tree.equal((resumed.params, resumed.opt), (whole.params, whole.opt))
            assert resumed.step == 60
            assert stop == 60 or resumed.loss == whole.loss
        passed = trained(optimizer, passed, 1)


def test_wherever_it_was_stopped(tmp_path):
    for dtype in (np.float32, np.float64):
        require_resumable_anywhere(adam(0.01), tmp_path, dtype, range(0, 61, 20))


@pytest.mark.long
@each_run
def test_wherever_it_was_stopped_at_every_step(optimizer, tmp_path):
    require_resumable_anywhere(optimizer, tmp_path, np.float32, range(61))


# --- the table of records --------------------------------------------------------------------------------------------


def records_of_the_package():
    """Every record class that a module of the package holds, ``fnn.plot`` and ``fnn.testing`` included, by name."""
    found = {"Key": Key}
    for name in [module.name for module in pkgutil.walk_packages(fnn.__path__, "fnn.")]:
        try:
            module = importlib.import_module(name)
        except ImportError as error:  # an extra that is not installed, such as matplotlib
            if "pip install" not in str(error):
                raise
            continue
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Record) and value.__module__.startswith("fnn."):
                assert found.setdefault(value.__name__, value) is value, "two records of one name"
    del found["Record"]  # the base class: nothing is only a record
    return found


def test_the_package_knows_every_record_that_it_has():
    found = records_of_the_package()
    assert known() == found
    public = {type(value) for name in fnn.__all__ if isinstance(value := getattr(fnn, name), Record)}
    public |= {
        value for name in fnn.__all__ if isinstance(value := getattr(fnn, name), type) and issubclass(value, Record)
    }
    assert public - {Record} <= set(found.values())
    assert all(name == cls.__name__ for name, cls in found.items())


KNOWN_ANEW = """
import fnn
from fnn.checkpoint._codec import known
before = known()
import fnn.testing
try:
    import fnn.plot
except ImportError:
    pass
print(sorted(before) == sorted(known()), *sorted(before))
"""


@pytest.mark.long
def test_a_new_process_knows_them_without_being_told_whatever_else_is_loaded():
    done = subprocess.run([sys.executable, "-c", KNOWN_ANEW], capture_output=True, text=True, check=True)
    same, *names = done.stdout.split()
    assert same == "True"
    own = {name for name, cls in records_of_the_package().items() if not cls.__module__.startswith("fnn.interop")}
    assert names == sorted(own)


def test_a_class_of_a_doctest_or_of_a_module_of_yours_is_not_one_of_the_package(tmp_path, monkeypatch):
    # A doctest's classes say that they are of the module that it is written in.
    inside = {"__name__": "fnn.layers.dense", "Record": Record}
    exec("class Gate(Record):\n    weight: object\nclass Dense(Record):\n    weight: object\n    bias: object", inside)
    assert inside["Gate"].__module__ == "fnn.layers.dense"
    yours = types.ModuleType("fnn_of_yours")
    exec("from fnn import Record\nclass Gated(Record):\n    weight: object", vars(yours))
    monkeypatch.setitem(sys.modules, "fnn_of_yours", yours)
    gone = type("Gone", (Record,), {"__module__": "fnn.no_such_module"})  # as when the import of a module fails
    assert known()["Dense"] is Dense
    assert not {"Gate", "Gated", "Gone"} & set(known())
    for value in (inside["Gate"](np.ones(2)), yours.Gated(np.ones(2)), gone()):
        name = type(value).__name__
        save(tmp_path / "own.fnn", value)
        with pytest.raises(FormatError, match=f"the tree is a record {name}, and fnn has none of this name"):
            load(tmp_path / "own.fnn")
        require_same(load(tmp_path / "own.fnn", records=(type(value),)), value)
    with pytest.raises(TypeError, match=r"is a Dense of \S+, and there is another Dense, of fnn.layers.dense"):
        save(tmp_path / "own.fnn", inside["Dense"](np.ones(2), np.ones(2)))


def test_a_record_of_one_s_own_needs_its_class(tmp_path):
    net = Serial((Gate(np.ones(2)), Gate(np.zeros(2))))
    require_same(through(tmp_path, net, records=(Gate,)), net)
    require_same(through(tmp_path, net, like=net), net)
    require_same(through(tmp_path, net, records=[Gate, Box, Dense]), net)  # those of the package do no harm
    message = f"{tmp_path}/tree.fnn: layers[0] is a record Gate, and fnn has none of this name; if it is yours, "
    with pytest.raises(FormatError, match=f"^{re.escape(message)}write load\\(path, records=\\(Gate,\\)\\)$"):
        load(tmp_path / "tree.fnn")


def own_class(name, *fields):
    return type(name, (Record,), {"__annotations__": dict.fromkeys(fields, object)})


def test_a_record_that_has_changed_since_is_refused(tmp_path):
    save(tmp_path / "gate.fnn", (Gate(np.ones(2)),))
    for fields, listed in (((), "no fields"), (("weight", "bias"), "weight, bias"), (("bias",), "bias")):
        message = rf"\[0\] is a Gate with weight, but Gate has {listed}: the class has changed since this was written"
        with pytest.raises(FormatError, match=message):
            load(tmp_path / "gate.fnn", records=(own_class("Gate", *fields),))


def test_fields_in_another_order_are_found_by_their_names(tmp_path):
    save(tmp_path / "pair.fnn", own_class("Pair", "a", "b")(SHARED, (SHARED, 1)))
    pair = load(tmp_path / "pair.fnn", records=(own_class("Pair", "b", "a"),))
    assert pair.b[0] is pair.a
    assert pair.b[1] == 1


def test_a_class_may_not_have_the_name_of_another(tmp_path):
    mine, other = own_class("Dense", "weight", "bias"), own_class("Gate", "weight")
    message = r"layers\[0\] is a Dense of \S+, and there is another Dense, of fnn.layers.dense: .* rename yours"
    with pytest.raises(TypeError, match=message):
        save(tmp_path / "mine.fnn", Serial((mine(np.ones(1), np.ones(1)),)))
    with pytest.raises(TypeError, match=r"^save: \[1\] is a Gate of .* there is another Gate"):
        save(tmp_path / "mine.fnn", (Gate(np.ones(1)), other(np.ones(1))))
    with pytest.raises(TypeError, match="the tree is a Key of"):
        save(tmp_path / "mine.fnn", own_class("Key")())
    assert not (tmp_path / "mine.fnn").exists()
    save(tmp_path / "net.fnn", network())
    with pytest.raises(ValueError, match=r"two records named Dense, of fnn.layers.dense and of \S+; rename yours"):
        load(tmp_path / "net.fnn", records=(mine,))
    with pytest.raises(ValueError, match="two records named Dense"):
        load(tmp_path / "net.fnn", like=(mine(np.ones(1), np.ones(1)),))
    with pytest.raises(ValueError, match="two records named Gate"):
        load(tmp_path / "net.fnn", records=(Gate, other))


@each_of(
    ("records", "message"),
    [
        (Gate, r"records must be a tuple of classes, got one class; write records=\(Gate,\)"),
        ((Gate(np.ones(1)),), r"records must be record classes, got .*Gate\("),
        ((int,), "records must be record classes, got the class int"),
        (("Gate",), "records must be record classes, got .*'Gate'"),
    ],
)
def test_records_are_classes(records, message, tmp_path):
    save(tmp_path / "net.fnn", network())
    with pytest.raises(TypeError, match=f"^load: {message}"):
        load(tmp_path / "net.fnn", records=records)


# --- what cannot be written ------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")
REFUSED = {
    "a function": (lambda x: x, "must be .*, got the function <lambda>; a file holds values, not code"),
    "an optimizer": (adam(), "must be .*, got .*Transform"),
    "a constructor": (dense(3), r"must be .*, got the constructor dense\(3\); a file holds values, not code"),
    "an object": (object(), "must be .*, got .*object"),
    "a class": (Dense, "got the class Dense; a file holds values, not code"),
    "a list": ([1, 2], r"must be .*, got .*\[1, 2\]; use a plain tuple or a record"),
    "a dictionary": ({"a": 1}, "got .*; use a plain tuple or a record"),
    "a named tuple": (Point(1, 2), r"got .*Point\(x=1, y=2\); use a plain tuple or a record"),
    "bytes": (b"abc", "got .*b'abc'"),
    "complex": (1j, "got .*1j"),
    "a NumPy float": (np.float64(0.5), r"got .*np.float64\(0.5\); write float\(...\)"),
    "a NumPy float32": (np.float32(0.5), r"got .*np.float32\(0.5\); write float\(...\)"),
    "a NumPy int": (np.int64(5), r"got .*np.int64\(5\); write int\(...\)"),
    "a NumPy bool": (np.bool_(True), r"write bool\(...\)"),
    "objects": (np.array([None]), r"got object array \(1,\); convert it, say to np.float32"),
    "complex numbers": (np.ones(2, complex), r"must be an array of .*, got complex128 array \(2,\)"),
    "text": (np.array(["a"]), r"got <U1 array \(1,\)"),
    "dates": (np.array(["2020"], "M8[Y]"), "got datetime64"),
    "another byte order": (np.ones(2, np.dtype("f4").newbyteorder()), "in the machine's byte order, got"),
    "a masked array": (np.ma.masked_array([1.0, 2.0], [True, False]), "got a masked array"),
}


@each_of(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written_is_refused_with_its_path_before_anything_is(value, message, tmp_path):
    path = tmp_path / "net.fnn"
    save(path, network())
    before = path.read_bytes()
    with pytest.raises(TypeError, match=rf"^save: layers\[1\].inside\[2\] {message}|" + message) as caught:
        save(path, Serial((relu, Box((1, 2, value)))))
    assert str(caught.value).startswith("save: layers[1].inside[2] must be ")
    with pytest.raises(TypeError, match=r"^save: the tree must be "):
        save(path, value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.fnn"]


def test_a_path_comes_first(tmp_path):
    with pytest.raises(TypeError, match=r"^save expects a path, a str or a Path, got .*Serial\("):
        save(network(), tmp_path / "net.fnn")
    with pytest.raises(TypeError, match=r"^load expects a path, a str or a Path, got .*3$"):
        load(3)
    with pytest.raises(TypeError, match=r"^notes expects a path, a str or a Path, got None"):
        notes(None)
    save(str(tmp_path / "net.fnn"), network())
    require_same(load(str(tmp_path / "net.fnn")), network())


# --- paths that do not lead to a file --------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [load, notes])
def test_a_mistyped_path_is_an_error_that_names_what_is_similar(read, tmp_path):
    for name in ("best.fnn", "last.fnn", "unrelated", ".bets.fnn.partial"):
        save(tmp_path / name, network())
    with pytest.raises(
        FileNotFoundError, match=r"^\w+: there is no \S+/bets.fnn; similar names there: best.fnn(, last.fnn)?$"
    ):
        read(tmp_path / "bets.fnn")
    with pytest.raises(FileNotFoundError, match=r"there is no \S+/quite-another$"):
        read(tmp_path / "quite-another")
    with pytest.raises(FileNotFoundError, match=r"there is no \S+/runs/best.fnn: there is no folder \S+/runs$"):
        read(tmp_path / "runs" / "best.fnn")
    with pytest.raises(IsADirectoryError, match=r"^\w+: \S+ is a folder, expected a file that save wrote$"):
        read(tmp_path)


# --- like ------------------------------------------------------------------------------------------------------------


def test_a_state_is_like_that_of_its_beginning_but_for_the_step_and_the_loss(tmp_path):
    optimizer = chain(clip_by_global_norm(1.0), adam(1e-2))
    first = start(network(), optimizer)
    state = trained(optimizer, first, 3)
    require_same(through(tmp_path, state, like=first), state)
    require_same(through(tmp_path, (state, Key(1)), like=(first, Key(1))), (state, Key(1)))
    with pytest.raises(ValueError, match=r"trees differ at opt: a tuple of 1 against a tuple of 2"):
        through(tmp_path, state, like=start(network(), chain(adam(1e-2))))
    with pytest.raises(ValueError, match=r"trees differ at \[1\]: .*Key\(seed=2.*\) against .*Key\(seed=1"):
        through(tmp_path, (state, Key(1)), like=(first, Key(2)))
    with pytest.raises(ValueError, match=r"differ at step: the class int against the class str$"):
        through(tmp_path, State(state.params, state.opt, "three", 0.0), like=first)


X = np.zeros((1, 2), np.float32)
UNLIKE = {
    "wider": (mlp(5, 3)(Key(0), X), r"layers\[0\].weight: float32 array \(2, 5\) against float32 array \(2, 4\)"),
    "dtype": (network(np.float64), r"layers\[0\].weight: float64 array \(2, 4\) against float32 array"),
    "activation": (mlp(4, 3, activation=tanh)(Key(0), X), r"layers\[1\]: Tanh against Relu"),
    "layers": (Serial(network().layers[:2]), "layers: a tuple of 2 against a tuple of 3"),
    "class": (fnn.Parallel(network().layers), "the root: Parallel against Serial"),
    "a tuple": ((network(),), "the root: tuple against Serial"),
    "an array": (np.zeros(1), r"the root: float64 array \(1,\) against Serial"),
}


@each_of(("like", "message"), UNLIKE.values(), ids=UNLIKE)
def test_what_is_not_like_is_an_error_with_the_path(like, message, tmp_path):
    save(tmp_path / "net.fnn", network())
    with pytest.raises(ValueError, match=rf"^load: like and {tmp_path}/net.fnn: trees differ at {message}"):
        load(tmp_path / "net.fnn", like=like)


def test_configuration_is_compared_too(tmp_path):
    def holding(value):
        return Box((value, np.ones(1)))

    for ours, theirs in itertools.permutations([0, 0.0, False, None, "", math.nan, 1, 1.0, Key(0), Key(1)], 2):
        save(tmp_path / "box.fnn", holding(theirs))
        with pytest.raises(ValueError, match=r"trees differ at inside\[0\]: .* against "):
            load(tmp_path / "box.fnn", like=holding(ours))
    for value in (math.nan, float("nan"), 0.1, None, Key(1)):
        save(tmp_path / "box.fnn", holding(value))
        load(tmp_path / "box.fnn", like=holding(value))
    with pytest.raises(ValueError, match=r"trees differ at inside\[0\]: the function <lambda> against Key"):
        load(tmp_path / "box.fnn", like=holding(lambda: 0))


def test_ties_are_compared_too(tmp_path):
    tied, apart = Serial((SHARED, SHARED)), Serial((SHARED, Dense(SHARED.weight, SHARED.bias)))
    require_same(through(tmp_path, tied, like=tied), tied)
    with pytest.raises(ValueError, match=r"differ at layers\[1\]: a Dense of its own against the Dense of layers\[0\]"):
        through(tmp_path, tied, like=apart)
    with pytest.raises(ValueError, match=r"differ at layers\[1\]: the Dense of layers\[0\] again against a Dense of"):
        through(tmp_path, apart, like=tied)


def test_like_is_a_finished_network(tmp_path):
    save(tmp_path / "net.fnn", network())
    with pytest.raises(
        TypeError,
        match=r"like must be a finished network or a state, got the constructor mlp\(4, 3\); make it first: net =",
    ):
        load(tmp_path / "net.fnn", like=mlp(4, 3))


# --- files from elsewhere --------------------------------------------------------------------------------------------


def foreign(path, arrays):
    """The simplest safetensors file, as another program writes it."""
    header, end = {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values()))
    return path


def test_a_file_from_elsewhere_is_a_dictionary_of_arrays_and_has_no_notes(tmp_path):
    path = foreign(tmp_path / "other", {"fc.weight": np.ones((2, 3), np.float32), "fc.bias": np.zeros(3, np.float32)})
    found = load(path)
    assert sorted(found) == ["fc.bias", "fc.weight"]
    np.testing.assert_array_equal(found["fc.weight"], np.ones((2, 3)))
    assert notes(path) == {}


def test_a_file_from_elsewhere_whose_names_are_paths_is_put_in_its_places(tmp_path):
    net = Serial((*network().layers, SHARED, SHARED, fnn.Dropout(0.5)))
    net = tree.map(np.float32, net)
    arrays = dict(zip(tree.paths(net), tree.leaves(net), strict=True))
    require_same(load(foreign(tmp_path / "other", arrays), like=tree.zeros_like(net)), net)
    lambda_inside = Box((lambda: 0, np.zeros(2, np.float32)))  # configuration that no file could hold
    loaded = load(foreign(tmp_path / "other", {"inside[1]": np.ones(2, np.float32)}), like=lambda_inside)
    assert loaded.inside[0] is lambda_inside.inside[0]
    root = load(foreign(tmp_path / "other", {"array": np.ones(2, np.float32)}), like=np.zeros(2, np.float32))
    np.testing.assert_array_equal(root, np.ones(2))


def test_each_name_that_is_missing_or_not_expected_is_named(tmp_path):
    net = network()
    arrays = dict(zip(tree.paths(net), tree.leaves(net), strict=True))
    for old, new in (("layers[0].bias", "layers[0].b"), ("layers[2].weight", "head")):
        arrays[new] = arrays.pop(old)
    message = (
        f"load: the names in {tmp_path}/other are not the paths of like: it lacks layers[0].bias, layers[2].weight "
        "and has head, layers[0].b, which like has not"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load(foreign(tmp_path / "other", arrays), like=net)
    del arrays["head"], arrays["layers[0].b"]
    with pytest.raises(ValueError, match=r"like: it lacks layers\[0\].bias, layers\[2\].weight$"):
        load(foreign(tmp_path / "other", arrays), like=net)
    with pytest.raises(ValueError, match=r"like: it has layers\[0\].weight, layers\[2\].bias, which like has not$"):
        load(foreign(tmp_path / "other", arrays), like=Serial(()))
    arrays = {path: np.ones(3, np.float32) for path in tree.paths(net)}
    with pytest.raises(ValueError, match=r"differ at layers\[0\].weight: float32 array \(2, 4\) against .* \(3,\)"):
        load(foreign(tmp_path / "other", arrays), like=net)


# --- notes -----------------------------------------------------------------------------------------------------------

NOTES = {
    "text": 'a "quoted" \N{SNOWMAN} \ud800', "number": 3, "large": 2**100, "score": 0.1, "nothing": None, "yes": True,
    "listed": [1, [2.5, "three", []], {}], "table": {"a": {"b c": [None]}, "": 1}, "endless": [math.inf, -math.inf],
    "undefined": math.nan, "environment": "mine", "NumPy": "0", "path": "p", "tree": 1, "fnn": 2, "form": "f",
    "format": "x", "sha256": "y", "notes": [],
}  # fmt: skip


def test_notes_are_given_back_equal_whatever_their_names(tmp_path):
    save(tmp_path / "net.fnn", network(), **NOTES)
    found = notes(tmp_path / "net.fnn")
    assert found == NOTES
    assert [type(found[name]) for name in NOTES] == [type(note) for note in NOTES.values()]
    require_same(load(tmp_path / "net.fnn"), network())
    save(tmp_path / "net.fnn", network())
    assert notes(tmp_path / "net.fnn") == {}


@each_of(
    ("note", "place"),
    [
        ((1, 2), "epochs"),
        ([1, (2,)], r"epochs\[1\]"),
        ({"a": [np.float64(1)]}, r"epochs\['a'\]\[0\]"),
        ({1: 2}, "epochs"),
        (np.ones(2), "epochs"),
        (Path("x"), "epochs"),
        (relu, "epochs"),
        ({1}, "epochs"),
    ],
    ids=repr,
)
def test_notes_that_json_cannot_hold_are_refused_before_anything_is_written(note, place, tmp_path):
    with pytest.raises(TypeError, match=rf"^save: the note {place} must be text, a number, .*, got .*; convert it"):
        save(tmp_path / "net.fnn", network(), good=1, epochs=note)
    assert os.listdir(tmp_path) == []


# --- the same bytes --------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
import numpy as np
from fnn import Key, adam, mlp, start
from fnn.checkpoint.files import save
save(sys.argv[1], start(mlp(4, 3)(Key(0), np.zeros((1, 2), np.float32)), adam()), b=[1, {"y": 2, "x": 3}], a="text")
"""


@pytest.mark.long
def test_the_same_tree_and_notes_give_the_same_bytes_in_any_process_and_order(tmp_path):
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "theirs"], check=True, env={**os.environ, "PYTHONHASHSEED": "77"}
    )
    save(tmp_path / "ours", start(network(), adam()), a="text", b=[1, {"x": 3, "y": 2}])
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    save(tmp_path / "again", load(tmp_path / "ours"), **notes(tmp_path / "ours"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "ours").read_bytes()


# --- another environment ---------------------------------------------------------------------------------------------


def test_a_state_from_another_environment_warns_once_and_a_network_does_not(tmp_path, monkeypatch):
    there = {**fingerprint(), "NumPy": "1.0", "BLAS threads": "640"}
    monkeypatch.setattr("fnn.checkpoint.files.fingerprint", lambda: there)
    state = start(network(), adam())
    for name, saved in {"state": state, "pair": (state, start(network(), sgd(0.1))), "net": network()}.items():
        save(tmp_path / name, saved)
    here = fingerprint()
    message = (
        f"{tmp_path}/state was written in another environment (NumPy 1.0 then, {here['NumPy']} now; "
        f"BLAS threads 640 then, {here['BLAS threads']} now): what follows will agree with the first run to rounding, "
        "not bit for bit"
    )
    for named in ({}, {"like": state}):
        with pytest.warns(EnvironmentChanged) as caught:
            require_same(load(tmp_path / "state", **named), state)
        assert [str(warning.message) for warning in caught] == [message]
        assert caught[0].filename == __file__
    with pytest.warns(EnvironmentChanged) as caught:
        load(tmp_path / "pair")
    assert len(caught) == 1
    assert issubclass(EnvironmentChanged, UserWarning)
    load(tmp_path / "net")  # warnings are errors in these tests
    notes(tmp_path / "state")


# --- files by hand, with a right checksum ----------------------------------------------------------------------------

ARRAYS = {"a": np.ones(2), "b": np.zeros(1)}
A, B = {"array": "a"}, {"array": "b"}
DENSE = {"record": "Dense", "fields": {"weight": A, "bias": B}}
WRONG = {
    "an array that is not there": ([{"array": "c"}], r"\[0\] is the array 'c', which the file does not hold"),
    "an array twice": ([A, A], r"\[1\] is the array 'a', which the file does not hold, or holds once"),
    "arrays left over": ([A], "the arrays b have no place in the tree"),
    "nothing but arrays": (None, "the arrays a, b have no place in the tree"),
    "no record before": ([{"same": "[1]"}, DENSE], r"\[0\] is the record at '\[1\]' again, but there is none before"),
    "itself": ({"record": "Serial", "fields": {"layers": [A, B, {"same": ""}]}}, r"layers\[2\] is the record at ''"),
    "a record without arrays again": ([{"record": "Relu", "fields": {}}, {"same": "[0]"}], r"the record at '\[0\]'"),
    "a tuple again": ([[A, B], {"same": "[0]"}], r"\[1\] is the record at '\[0\]' again"),
    "an unknown kind": ([{"code": "print()"}], r"\[0\] must be a value, .* or a record, found an object of 'code'"),
    "no kind": ({}, "the tree must be a value, a list, an array or a record, found an object of $"),
    "two kinds": ([{"array": "a", "same": "b"}], "found an object of 'array', 'same'"),
    "another float": ([{"float": "1e5"}], "found an object of 'float'"),
    "another function": ([{"function": "eval"}], "found an object of 'function'"),
    "an array's name": ([{"array": 3}], "found an object of 'array'"),
    "fields": ([{"record": "Dense", "fields": [A, B]}], "found an object of 'record', 'fields'"),
    "a class's name": ([{"record": ["Dense"], "fields": {}}], "found an object of 'record', 'fields'"),
    "no number": ([{"int": "one"}], r"\[0\] must be an integer like 0x1f, found 'one'"),
    "a field missing": ([{"record": "Dense", "fields": {"weight": A}}], "a Dense with weight, but Dense has"),
    "an unknown record": ([{"record": "os.system", "fields": {}}], "a record os.system, and fnn has none"),
    "an attribute": ([{"record": "__class__", "fields": {}}], r"a record __class__, and fnn has none"),
    "a value refused": ([{"record": "Huber", "fields": {"delta": -1}}], r"\[0\] cannot be a Huber: huber: delta must"),
    "a kind refused": ([{"record": "Huber", "fields": {"delta": []}}], r"\[0\] cannot be a Huber: huber: delta must"),
    "a bad key": ([{"record": "Key", "fields": {"seed": -1, "path": []}}], "cannot be a Key: Key: the seed must be"),
}  # fmt: skip


@each_of(("form", "message"), WRONG.values(), ids=WRONG)
def test_a_form_that_save_would_not_have_written_is_a_format_error(form, message, tmp_path):
    path = handmade(tmp_path / "hand", form, ARRAYS)
    with pytest.raises(FormatError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_form_by_hand_that_is_right_is_loaded(tmp_path):
    form = [DENSE, {"same": "[0]"}, {"int": "-0x10"}, {"float": "-inf"}, {"record": "Huber", "fields": {"delta": 2}}]
    dense_, again, number, endless, huber = load(handmade(tmp_path / "hand", form, ARRAYS))
    assert dense_ is again
    assert (number, endless) == (-16, -math.inf)
    assert type(huber) is Huber
    assert type(huber.delta) is float


METADATA = {
    "no form": ({"form": ""}, r"the metadata 'form' is not JSON that can be read: Expecting value"),
    "bad JSON": ({"form": "[1,"}, r"the metadata 'form' is not JSON"),
    "too deep for JSON": ({"form": "[" * 10**5}, r"the metadata 'form' is not JSON"),
    "too deep a list": (
        {"form": "[" * 300 + "]" * 300},
        r"trees may lie in trees 200 deep at most, found more at \[0\]",
    ),
    "too large a number": ({"form": "1" * 5000}, r"the metadata 'form' is not JSON"),
    "another version": ({"fnn": "3"}, r"written by another version of fnn, in the form '3'; this reads '1' and '2'"),
}


@each_of(("metadata", "message"), METADATA.values(), ids=METADATA)
def test_metadata_that_are_not_ours_are_format_errors(metadata, message, tmp_path):
    with pytest.raises(FormatError, match=message):
        load(handmade(tmp_path / "hand", None, **metadata))


def test_notes_and_environment_by_hand(tmp_path):
    with pytest.raises(FormatError, match="the metadata 'notes' must be a JSON object, found a list"):
        notes(handmade(tmp_path / "hand", None, notes="[1]"))
    state = {"record": "State", "fields": {"params": None, "opt": [], "step": 0, "loss": 0.5}}
    with pytest.raises(FormatError, match="the metadata 'environment' must be a JSON object, found a str"):
        load(handmade(tmp_path / "hand", state, environment='"Linux"'))
    (tmp_path / "bare").write_bytes(pack({}, {"fnn": "1"}))
    with pytest.raises(FormatError, match="bare: expected the metadata 'form', found fnn"):
        load(tmp_path / "bare")
    with pytest.warns(
        EnvironmentChanged, match=f"NumPy unknown then, {np.__version__} now; .*; cat yes then, unknown now"
    ):
        load(handmade(tmp_path / "hand", state, environment='{"cat": "yes"}'))


# --- and at random ---------------------------------------------------------------------------------------------------

ODDS = [
    None, True, 0, -1, 1.5, 10**30, "", "a", [], {}, [[]], "layers[0]", {"array": "layers[0].weight"}, {"array": ""},
    {"same": "layers[0]"}, {"same": ""}, {"float": "nan"}, {"float": None}, {"int": "0x_1"}, {"int": "-0xfffffffffff"},
    {"function": "is_weight"}, {"record": "Dense", "fields": {}}, {"record": "State", "fields": {"params": 1}},
    {"record": "Key", "fields": {"seed": 1, "path": [1]}}, {"record": "Huber", "fields": {"delta": "x"}},
    {"record": "Relu", "fields": {}}, {"record": "object", "fields": {}}, {"__class__": "int"},
]  # fmt: skip


def nodes_of(form, path=()):
    yield path
    for edge, part in form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ():
        yield from nodes_of(part, (*path, edge))


def at(form, path):
    for edge in path:
        form = form[edge]
    return form


def changed(choose, text):
    """A form with a node replaced, moved, repeated, renamed or removed; or the text with some characters changed."""
    if choose.random() < 0.3:
        letters = list(text)
        for _ in range(choose.randint(1, 4)):
            place = choose.randrange(len(letters))
            letters[place : place + choose.randint(0, 3)] = choose.sample('[]{},:"0-.eNaIf\\u', choose.randint(0, 2))
        return "".join(letters)
    form = json.loads(text)
    for _ in range(choose.randint(1, 3)):
        path = choose.choice(list(nodes_of(form)))
        new = choose.choice([choose.choice(ODDS), at(form, choose.choice(list(nodes_of(form))))])
        new = json.loads(json.dumps(new))
        if not path:
            form = choose.choice([form, [form], new])
            continue
        parent, edge = at(form, path[:-1]), path[-1]
        kind = choose.randrange(4)
        if kind == 0:
            del parent[edge]
        elif kind == 1 and isinstance(parent, dict):
            parent[choose.choice(["array", "same", "record", "fields", "weight", "loss", "x"])] = parent.pop(edge)
        elif kind == 2 and isinstance(parent, list):
            parent.insert(edge, new)
        else:
            parent[edge] = new
    return json.dumps(form)


def fuzz(folder, rounds, seed):
    """Load files whose metadata are changed and whose checksum is right; give how many were still files."""
    choose = random.Random(seed)
    shared = mlp(2)(Key(0), np.zeros((1, 2)))
    originals = []
    for tree_ in (start(network(), adam()), (Serial((shared, tanh, shared, fnn.Dropout(0.5))), Key(3, (1,)), l2(0.1))):
        save(folder / "original", tree_, note=[1, {"a": 0.5}])
        originals.append((tree_, *unpack((folder / "original").read_bytes(), "")))
    loaded, messages = 0, []
    for _ in range(rounds):
        tree_, arrays, metadata = choose.choice(originals)
        part = choose.choice(["form"] * 8 + ["notes", "environment"])
        (folder / "changed").write_bytes(pack(arrays, {**metadata, part: changed(choose, metadata[part])}))
        try:
            found = load(folder / "changed")
            notes(folder / "changed")
        except FormatError as error:
            messages.append(str(error))
        else:
            loaded += 1
            assert len(tree.paths(found)) == len(tree.leaves(found)) == len(arrays)
            require_same(rebuilt(*written(found, known()), known()), found)
        try:
            found = load(folder / "changed", like=tree_)
        except ValueError:
            pass
        else:
            assert [leaf.shape for leaf in tree.leaves(found)] == [leaf.shape for leaf in tree.leaves(tree_)]
    assert all(message.startswith(f"{folder}/changed: ") for message in messages)
    return loaded


@pytest.mark.filterwarnings("ignore::fnn.checkpoint._fingerprint.EnvironmentChanged")
@pytest.mark.parametrize("seed", range(2))
def test_a_changed_form_is_a_format_error_or_a_tree(seed, tmp_path):
    assert 0 < fuzz(tmp_path, 100, seed) < 70


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::fnn.checkpoint._fingerprint.EnvironmentChanged")
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_changed_form_is_a_format_error_or_a_tree_at_length(seed, tmp_path):
    assert 0 < fuzz(tmp_path, 1000, seed) < 700


# --- by what they are made of ----------------------------------------------------------------------------------------


ROOM = [module.name for module in pkgutil.iter_modules(fnn.checkpoint.__path__, "fnn.checkpoint.")]
RUNS_OR_IMPORTS = {"eval", "exec", "compile", "__import__", "import_module", "globals", "locals", "vars"}


@each_of("name", ROOM)
def test_nothing_here_imports_or_runs_by_name(name):
    tree_ = ast.parse(Path(importlib.import_module(name).__file__).read_text())
    called = {node.func.id for node in ast.walk(tree_) if isinstance(getattr(node, "func", None), ast.Name)}
    assert not called & RUNS_OR_IMPORTS
    assert called & {"getattr", "setattr", "delattr"} <= {
        "getattr"
    }  # of fields, and of modules that are loaded already
