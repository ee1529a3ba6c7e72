"""A network or a run in a file: saved whole or not at all, and loaded to the bit.

    save : path, tree, notes by name -> nothing          notes : path -> notes by name
    load : path, like?, records?     -> tree

The file is safetensors: arrays named by their paths in the tree, which any library that knows the format can read, and
in its metadata the tree's form (``_codec.py``), the notes and the environment. A record is rebuilt by the name of its
class, which is one of the package's or one that you pass; nothing in a file is ever run or imported.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from fnn.checkpoint._atomic import write_durably
from fnn.checkpoint._codec import ROOT, by_name, known, rebuilt, written
from fnn.checkpoint._fingerprint import fingerprint, warn_if_changed
from fnn.checkpoint.safetensors import pack, read_metadata, unpack
from fnn.core._errors import FormatError, describe, file_path
from fnn.core._flat import builder
from fnn.core._structure import Tree, require_alike, walk
from fnn.core.record import is_record
from fnn.core.tree import paths
from fnn.train.state import Averaged, Lowered, State

_VERSION = "2"
_BEFORE = "1"  # what 0.1.0 wrote; some records have other names now, or more fields
_COUNTS = ("step", "loss")
_SCORES = ("learning_rate", "best", "fruitless")
# The one NaN that is also the loss of a state before its first step: containers that hold the same object are equal.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def save(path: str | os.PathLike[str], tree: Tree, /, **notes: Any) -> None:
    """Write a tree, such as a network or a state of training, to a file, with whatever you want to note about it.

    Arrays keep their dtypes and shapes, settings their values, and a record that is used twice stays one record. The
    same tree, notes and environment give the same bytes.

    Args:
        path: the file, which is replaced if it is there.
        tree: records and tuples of arrays.
        notes: what JSON can hold: text, numbers, true, false, None, and lists and dictionaries of them.

    Raises ``TypeError`` with the path of what cannot be written, before anything is: a function, an object, a NumPy
    scalar (which computes in another precision than the Python number that it would come back as).

    >>> import tempfile
    >>> from fnn import Dense
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/head.fnn", Dense(np.ones((2, 1)), np.zeros(1)), trained_on="moons")
    ...     load(f"{folder}/head.fnn"), notes(f"{folder}/head.fnn")
    (Dense(weight=f64[2,1], bias=f64[1]), {'trained_on': 'moons'})
    """
    path = file_path("save", path)
    for name, note in notes.items():
        _require_plain(name, note)
    form, arrays = written(tree, known())
    metadata = {
        "fnn": _VERSION,
        "form": _text(form, sort=False),
        "notes": _text(notes),
        "environment": _text(fingerprint()),
    }
    write_durably(path, pack(arrays, metadata))


def load(path: str | os.PathLike[str], like: Tree = None, records: Iterable[type] = ()) -> Tree:
    """Read what ``save`` wrote: the same tree, to the bit, whose arrays are read-only.

    From a safetensors file of another program it reads a dictionary of arrays by name; with ``like``, it puts them in
    the places whose paths are their names.

    Args:
        path: the file.
        like: a network or state whose classes are then known, and which the tree must match in structure, shapes,
            dtypes and settings; only the step and the loss of a state may differ.
        records: record classes of your own that are in the file, such as ``records=(Gate,)``.

    Raises ``FileNotFoundError`` with the names that are similar to ``path``, ``FormatError`` for a file that is damaged
    or holds an unknown record, ``ValueError`` with the path where the tree is not like ``like``. Warns with
    ``EnvironmentChanged`` if a state comes from another environment.

    >>> import tempfile
    >>> from fnn import Record
    >>> class Gate(Record):
    ...     weight: np.ndarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/gate.fnn", Gate(np.ones(3)))
    ...     load(f"{folder}/gate.fnn", records=(Gate,))
    Gate(weight=f64[3])
    """
    _require_tree(like)
    own = by_name(records)
    where, arrays, metadata = _read("load", path)
    if "fnn" not in metadata:
        return arrays if like is None else _filled(where, like, arrays)
    if like is not None:
        theirs = [type(node) for _, node in walk(like, every=True) if is_record(node)]
        own = by_name(dict.fromkeys([*own.values(), *theirs]))
    form = _parsed(where, metadata, "form", object)
    try:
        tree = rebuilt(form, arrays, {**known(), **own}, of_0_1_0=metadata["fnn"] == _BEFORE)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    if like is not None:
        _require_like(where, like, tree)
    if any(isinstance(node, State) for _, node in walk(tree, every=True)):
        warn_if_changed(where, _parsed(where, metadata, "environment", dict))
    return tree


def notes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the notes that a file was saved with; for a file of another program, none. Raises as ``load`` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/nothing.fnn", (), accuracy=0.5, tried=["sgd", "adam"])
    ...     notes(f"{folder}/nothing.fnn")
    {'accuracy': 0.5, 'tried': ['sgd', 'adam']}
    """
    where, _, metadata = _read("notes", path)
    return _parsed(where, metadata, "notes", dict) if "fnn" in metadata else {}


def _require_plain(name: str, note: Any) -> None:
    if isinstance(note, list):
        for i, part in enumerate(note):
            _require_plain(f"{name}[{i}]", part)
    elif isinstance(note, dict) and all(type(key) is str for key in note):
        for key, part in note.items():
            _require_plain(f"{name}[{key!r}]", part)
    elif note is not None and type(note) not in (bool, int, float, str):
        raise TypeError(
            f"save: the note {name} must be text, a number, a bool, None, or a list or a dictionary by text of them, "
            f"got {describe(note)}; convert it, say with float() or list()"
        )


def _text(value: Any, sort: bool = True) -> str:
    return json.dumps(value, sort_keys=sort, separators=(",", ":"))


def _parsed(where: str, metadata: Mapping[str, str], name: str, kind: type) -> Any:
    try:
        value = json.loads(metadata[name], parse_constant=_CONSTANTS.__getitem__)
    except KeyError:
        raise FormatError(f"{where}: expected the metadata {name!r}, found {', '.join(metadata)}") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: the metadata {name!r} is not JSON that can be read: {error}") from None
    if not isinstance(value, kind):
        raise FormatError(f"{where}: the metadata {name!r} must be a JSON object, found a {type(value).__name__}")
    return value


def require_checkpoint(path: Path) -> None:
    """Raise ``FormatError`` unless the header of a file is that of one which ``save`` wrote; no more of it is read."""
    metadata = read_metadata(path)
    if "fnn" not in metadata:
        raise FormatError(f"{path}: expected a file that save wrote, found a safetensors file of another program")
    _require_version(str(path), metadata)


def _read(caller: str, path: str | os.PathLike[str]) -> tuple[str, dict[str, np.ndarray], dict[str, str]]:
    path = file_path(caller, path)
    if path.is_dir():
        raise IsADirectoryError(f"{caller}: {path} is a folder, expected a file that save wrote")
    if not path.exists():
        raise FileNotFoundError(f"{caller}: there is no {path}{_similar(path)}")
    arrays, metadata = unpack(path.read_bytes(), str(path))
    _require_version(str(path), metadata)
    return str(path), arrays, metadata


def _require_version(where: str, metadata: Mapping[str, str]) -> None:
    found = metadata.get("fnn", _VERSION)
    if found not in (_BEFORE, _VERSION):
        reads = f"this reads {_BEFORE!r} and {_VERSION!r}"
        raise FormatError(f"{where}: written by another version of fnn, in the form {found!r}; {reads}")


def _similar(path: Path) -> str:
    """Return the end of a message: which names in the folder are similar to a path that is not there."""
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    names = get_close_matches(path.name, [each.name for each in path.parent.iterdir() if each.name[0] != "."])
    return f"; similar names there: {', '.join(names)}" if names else ""


def _require_tree(like: Any) -> None:
    if not (like is None or is_record(like) or isinstance(like, tuple | np.ndarray)):
        raise TypeError(
            f"load: like must be a finished network or a state, got {describe(like)}; "
            "make it first: net = constructor(key, x)"
        )


def _filled(where: str, like: Tree, arrays: Mapping[str, np.ndarray]) -> Tree:
    """Build a tree like ``like`` from the arrays of another program's file, whose names are its paths."""
    names = [path or ROOT for path in paths(like)]
    missing = [name for name in names if name not in arrays]
    unexpected = sorted(set(arrays) - set(names))
    if missing or unexpected:
        lacks = f"lacks {', '.join(missing)}" if missing else ""
        has = f"has {', '.join(unexpected)}, which like has not" if unexpected else ""
        raise ValueError(
            f"load: the names in {where} are not the paths of like: it {' and '.join(filter(None, (lacks, has)))}"
        )
    tree = builder(like)([arrays[name] for name in names])
    _require_like(where, like, tree)
    return tree


def _require_like(where: str, like: Tree, tree: Tree) -> None:
    caller = f"load: like and {where}"
    require_alike(caller, like, tree, to_the_shape=True)
    theirs = _settings(tree)
    for path, value in _settings(like).items():
        other = theirs[path]
        both_nan = value != value and other != other
        if type(value) is not type(other) or not (value == other or both_nan):
            raise ValueError(f"{caller}: trees differ at {path}: {describe(value)} against {describe(other)}")


def _settings(tree: Tree) -> dict[str, Any]:
    """Return the settings by path; for the step and the loss of a state, which tell how far it is, only their types."""
    nodes = list(walk(tree, every=True))
    counts = {
        f"{path}.{name}".lstrip(".")
        for path, node in nodes
        if isinstance(node, State | Averaged | Lowered)
        for name in (_COUNTS + _SCORES if isinstance(node, Lowered) else _COUNTS)
    }
    return {
        path: type(node) if path in counts else node
        for path, node in nodes
        if not (is_record(node) or isinstance(node, tuple | np.ndarray))
    }
