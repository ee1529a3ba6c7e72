"""Networks and runs in files."""

import json
import math

import numpy as np

from fnn import FormatError, Record, State, mlp
from fnn.checkpoint._atomic import write_durably
from fnn.checkpoint.checkpointed import checkpointed
from fnn.checkpoint.files import load, notes, save
from fnn.checkpoint.safetensors import pack
from tests.each_of import each_of
from tests.errors import check, message
from tests.laws.test_bad_input import FLAT, NET, T, V, X, affine


class Gate(Record):
    """A record of one's own."""

    weight: object


def another():
    """Return a class of the same name."""

    class Gate(Record):
        weight: object

    return Gate


OtherGate = another()


def nested(depth, inner):
    for _ in range(depth):
        inner = [inner] if isinstance(inner, int | list) else (inner,)
    return inner


def saved(tree, **arguments):
    save("net.fnn", tree)
    return load("net.fnn", **arguments)


def similar_to(name):
    save(f"my_{name}", X)
    return load(name)


def elsewhere(arrays, like):
    """Load what another program wrote."""
    write_durably("net.safetensors", pack(arrays, {}))
    return load("net.safetensors", like=like)


def with_metadata(read=load, arrays=None, **metadata):
    write_durably("net.fnn", pack(arrays or {}, {"fnn": "1", **metadata}))
    return read("net.fnn")


def formed(form, arrays=None):
    return with_metadata(form=json.dumps(form), arrays=arrays)


ROWS = [
    # --- what cannot be saved ---
    (
        lambda: save("net.fnn", NET, rate=np.float32(0.1)),
        T,
        "save: the note rate must be text, a number, a bool, None, or a list or a dictionary by text of "
        "them, got np.float32(0.1); convert it, say with float() or list()",
    ),
    (
        lambda: save("net.fnn", NET, rates=[0.1, {"best": X}]),
        T,
        "save: the note rates[1]['best'] must be text, a number, a bool, None, or a list or a dictionary "
        "by text of them, got float32 array (5, 4); convert it, say with float() or list()",
    ),
    (
        lambda: save(NET, "net.fnn"),
        T,
        "save expects a path, a str or a Path, got Serial(layers=(Dense(weight=f32[4,8],...",
    ),
    (
        lambda: save("net.fnn", (X, [X])),
        T,
        "save: [1] must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, "
        "got list of float32 array (5, 4); use a plain tuple or a record",
    ),
    (
        lambda: save("net.fnn", (X, np.float64(1))),
        T,
        "save: [1] must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, "
        "got np.float64(1.0); write float(...)",
    ),
    (
        lambda: save("net.fnn", (X, math.sqrt)),
        T,
        "save: [1] must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, "
        "got the function sqrt; a file holds values, not code",
    ),
    (
        lambda: save("net.fnn", (X, object)),
        T,
        "save: [1] must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, "
        "got the class object; a file holds values, not code",
    ),
    (
        lambda: save("net.fnn", (X, X + 1j)),
        T,
        "save: [1] must be an array of booleans, integers or floats in the machine's byte order, "
        "got complex64 array (5, 4); convert it, say to np.float32",
    ),
    (
        lambda: save("net.fnn", np.array(["a"])),
        T,
        "save: the tree must be an array of booleans, integers or floats in the machine's byte "
        "order, got <U1 array (1,); convert it, say to np.float32",
    ),
    (
        lambda: save("net.fnn", np.ma.masked_array(X)),
        T,
        "save: the tree must be an array of booleans, integers or floats in the machine's byte "
        "order, got a masked array; convert it, say to np.float32",
    ),
    (
        lambda: save("net.fnn", (Gate(X), OtherGate(X))),
        T,
        "save: [1] is a Gate of tests.checkpoint.test_errors, and there is another Gate, of "
        "tests.checkpoint.test_errors: records are found again by the names of their classes; rename yours",
    ),
    (
        lambda: save("net.fnn", nested(300, X)),
        V,
        "trees may lie in trees 200 deep at most, found more at "
        "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]...",
    ),
    # --- what cannot be loaded ---
    (lambda: load(3), T, "load expects a path, a str or a Path, got int 3"),
    (lambda: load("nett.fnn"), FileNotFoundError, "load: there is no nett.fnn"),
    (lambda: load("no/such/folder"), FileNotFoundError, "load: there is no no/such/folder: there is no folder no/such"),
    (lambda: load("."), IsADirectoryError, "load: . is a folder, expected a file that save wrote"),
    (lambda: similar_to("net.fnn"), FileNotFoundError, "load: there is no net.fnn; similar names there: my_net.fnn"),
    (
        lambda: load("net.fnn", like=mlp(3)),
        T,
        "load: like must be a finished network or a state, got the constructor mlp(3); make it first: "
        "net = constructor(key, x)",
    ),
    (
        lambda: load("net.fnn", records=Gate),
        T,
        "load: records must be a tuple of classes, got one class; write records=(Gate,)",
    ),
    (lambda: load("net.fnn", records=3), T, "load: records must be a tuple of classes, got int 3"),
    (lambda: load("net.fnn", records=(3,)), T, "load: records must be record classes, got int 3"),
    (
        lambda: load("net.fnn", records=(Gate, OtherGate)),
        V,
        "load: there are two records named Gate, of tests.checkpoint.test_errors and of "
        "tests.checkpoint.test_errors; rename yours",
    ),
    (lambda: saved(NET, like=(X,)), V, "load: like and net.fnn: trees differ at the root: tuple against Serial"),
    (lambda: saved((X, 1), like=(X, 2)), V, "load: like and net.fnn: trees differ at [1]: int 2 against int 1"),
    (
        lambda: save("net.fnn", {"a": X}),
        T,
        "save: the tree must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, got dict …; "
        "a tree has no dictionaries: save a record or a tuple, and what else you want to keep as notes by name",
    ),
    (lambda: saved((X, 1), like=(X, 1.0)), V, "load: like and net.fnn: trees differ at [1]: float 1.0 against int 1"),
    (
        lambda: elsewhere({"a": X}, like=NET),
        V,
        "load: the names in net.safetensors are not the paths of like: it lacks layers[0].weight, "
        "layers[0].bias, layers[2].weight, layers[2].bias and has a, which like has not",
    ),
    (
        lambda: elsewhere({"layers[0].weight": X}, like=affine(2, 2)),
        V,
        "load: the names in net.safetensors are not the paths of like: it lacks weight, bias and has "
        "layers[0].weight, which like has not",
    ),
    (
        lambda: elsewhere({"weight": X, "bias": FLAT, "scale": X}, like=affine(2, 2)),
        V,
        "load: the names in net.safetensors are not the paths of like: it has scale, which like has not",
    ),
    (
        lambda: elsewhere({"weight": X, "bias": FLAT}, like=affine(2, 2)),
        V,
        "load: like and net.safetensors: trees differ at weight: float32 array (2, 2) against float32 array (5, 4)",
    ),
    (
        lambda: with_metadata(fnn="9"),
        FormatError,
        "net.fnn: written by another version of fnn, in the form '9'; this reads '1' and '2'",
    ),
    (lambda: with_metadata(), FormatError, "net.fnn: expected the metadata 'form', found fnn"),
    (
        lambda: with_metadata(form="["),
        FormatError,
        "net.fnn: the metadata 'form' is not JSON that can be read: Expecting value: line 1 column 2 (char 1)",
    ),
    (
        lambda: with_metadata(form="3", notes="[]", read=notes),
        FormatError,
        "net.fnn: the metadata 'notes' must be a JSON object, found a list",
    ),
    (
        lambda: formed({"a": 1}),
        FormatError,
        "net.fnn: the tree must be a value, a list, an array or a record, found an object of 'a'",
    ),
    (
        lambda: formed({"array": "w"}),
        FormatError,
        "net.fnn: the tree is the array 'w', which the file does not hold, or holds once",
    ),
    (
        lambda: formed({"same": "layers[0]"}),
        FormatError,
        "net.fnn: the tree is the record at 'layers[0]' again, but there is none before it",
    ),
    (lambda: formed({"int": "ten"}), FormatError, "net.fnn: the tree must be an integer like 0x1f, found 'ten'"),
    (
        lambda: formed({"record": "Gate", "fields": {}}),
        FormatError,
        "net.fnn: the tree is a record Gate, and fnn has none of this name; if it is yours, write "
        "load(path, records=(Gate,))",
    ),
    (
        lambda: formed({"record": "Dense", "fields": {"weight": 1}}),
        FormatError,
        "net.fnn: the tree is a Dense with weight, but Dense has weight, bias: the class has changed "
        "since this was written",
    ),
    (
        lambda: formed({"record": "Dense", "fields": {}}),
        FormatError,
        "net.fnn: the tree is a Dense with no fields, but Dense has weight, bias: the class has changed "
        "since this was written",
    ),
    (
        lambda: formed({"record": "Key", "fields": {"seed": -1, "path": []}}),
        FormatError,
        "net.fnn: the tree cannot be a Key: Key: the seed must be at least 0 and below 2**128, got -1",
    ),
    (
        lambda: formed(nested(300, 1)),
        FormatError,
        "net.fnn: trees may lie in trees 200 deep at most, found more at "
        "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]...",
    ),
    (lambda: formed([], arrays={"w": X, "b": X}), FormatError, "net.fnn: the arrays b, w have no place in the tree"),
    # --- a run in a file ---
    (lambda: checkpointed(3), T, "checkpointed expects a path, a str or a Path, got int 3"),
    (lambda: checkpointed("run.fnn", every=0), V, "checkpointed: every must be at least 1, got 0"),
    (
        lambda: list(checkpointed("run.fnn")([3])),
        T,
        "checkpointed expects states, records with an integer step, got int 3",
    ),
    (
        lambda: list(checkpointed("run.fnn")([State((X * np.inf,), (), 7, 0.5)])),
        V,
        "checkpointed: params[0] of step 7 holds NaN or infinity; run.fnn was left as it was; lower the "
        "learning rate or clip the gradient",
    ),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)
