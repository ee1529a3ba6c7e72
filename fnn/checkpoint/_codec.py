"""A tree as plain text and arrays by name, and back: a file holds values, and nothing in it is ever run.

    written : tree, classes         -> form, arrays by their paths
    rebuilt : form, arrays, classes -> tree
    known   :                       -> the record classes of the package by name
    by_name : classes of your own   -> the same classes by name

A form is what JSON can hold. Text, integers, finite floats, true, false and null stand for themselves, a list for a
tuple, and an object for everything else:

    {"array": "layers[0].weight"}                           the array of this name
    {"record": "Dense", "fields": {"weight": ..., ...}}     a record, by the name of its class
    {"same": "layers[0]"}                                   the record that stands at this path already
    {"float": "nan"}  {"int": "0x1f"}                       floats that are not finite, integers beyond 64 bits
    {"function": "is_weight"}                               a function of the package that serves as a setting
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import FormatError, describe
from fnn.core._flat import has_leaves
from fnn.core._foreign import conversion
from fnn.core._structure import Tree, is_weight
from fnn.core.keys import Key
from fnn.core.record import Record, children, edges, is_record

Form = Any
Classes = Mapping[str, type]

ROOT = "array"  # the name of an array that is the whole tree, whose path is empty
DEEPEST = 200  # trees in trees: far beyond any network, and well within what Python can follow
_DTYPES = tuple(map(np.dtype, ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")))
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_FUNCTIONS = {"is_weight": is_weight}
_RENAMED = {"Step": "Heaviside", "Penalised": "Regularized"}  # names in files of 0.1.0, and what they are called now


def known() -> dict[str, type]:
    """Return the record classes of the package by name: those that a loaded module of it holds under their name.

    A class of a doctest says that it is of the module that the doctest is in, but that module does not hold it.
    """
    classes = [cls for cls in Record.__subclasses__() if cls.__module__.startswith("fnn.")]
    held = [cls for cls in classes if getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls]
    return {cls.__name__: cls for cls in (Key, *held)}


def by_name(records: Iterable[type]) -> dict[str, type]:
    """Return classes by name; no two may have the same name, and none that of a class of the package.

    Raises ``TypeError`` for what is no record class, ``ValueError`` for two classes of one name.

    >>> from fnn import Dense
    >>> by_name((Dense,))
    {'Dense': <class 'fnn.layers.dense.Dense'>}
    """
    if isinstance(records, type) or not isinstance(records, Iterable):
        one = f"one class; write records=({records.__name__},)" if isinstance(records, type) else describe(records)
        raise TypeError(f"load: records must be a tuple of classes, got {one}")
    ours, found = known(), dict[str, type]()
    for cls in records:
        if not isinstance(cls, type) or not (issubclass(cls, Record) or cls is Key):
            raise TypeError(f"load: records must be record classes, got {describe(cls)}")
        other = found.setdefault(cls.__name__, ours.get(cls.__name__, cls))
        if other is not cls:
            raise ValueError(
                f"load: there are two records named {cls.__name__}, of {other.__module__} and of {cls.__module__}; "
                "rename yours"
            )
    return found


def fields_of(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a record class, or of ``Key``.

    >>> fields_of(Key)
    ('seed', 'path')
    """
    return cls.__record__ if issubclass(cls, Record) else ("seed", "path")


def written(tree: Tree, classes: Classes) -> tuple[Form, dict[str, np.ndarray]]:
    """Return the form of a tree and its arrays by their paths. A record that is used twice is written once.

    ``classes`` are those that every reader knows: no other class may have the name of one of them. Raises ``TypeError``
    with the path of what cannot be written, ``ValueError`` for a tree that is too deep.

    >>> written((np.zeros(2), 1.5, None), {})
    ([{'array': '[0]'}, 1.5, None], {'[0]': array([0., 0.])})
    """
    arrays: dict[str, np.ndarray] = {}
    first_places: dict[int, str] = {}
    seen = dict(classes)

    def form_of(node: Any, path: str) -> Form:
        place = path.lstrip(".")
        if isinstance(node, np.ndarray):
            arrays[place or ROOT] = _storable(node, place)
            return {"array": place or ROOT}
        if type(node) is tuple:
            _require_shallow(ValueError, path)
            return [form_of(part, path + edge) for edge, part in zip(edges(node), children(node), strict=True)]
        if is_record(node) or type(node) is Key:
            if id(node) in first_places:
                return {"same": first_places[id(node)]}
            _require_shallow(ValueError, path)
            _require_known_by_name(type(node), place, seen)
            fields = {name: form_of(getattr(node, name), f"{path}.{name}") for name in fields_of(type(node))}
            if is_record(node) and has_leaves(node):
                first_places[id(node)] = place
            return {"record": type(node).__name__, "fields": fields}
        return _setting(node, place)

    return form_of(tree, ""), arrays


def _storable(array: np.ndarray, place: str) -> np.ndarray:
    if array.dtype not in _DTYPES or isinstance(array, np.ma.MaskedArray):
        what = "a masked array" if isinstance(array, np.ma.MaskedArray) else describe(array)
        raise TypeError(
            f"save: {_at(place)} must be an array of booleans, integers or floats in the machine's byte order, "
            f"got {what}; convert it, say to np.float32"
        )
    return array


def _require_known_by_name(cls: type, place: str, seen: dict[str, type]) -> None:
    """Raise ``TypeError`` if another class has the same name: a reader could not tell one from the other."""
    if seen.setdefault(cls.__name__, cls) is not cls:
        raise TypeError(
            f"save: {_at(place)} is a {cls.__name__} of {cls.__module__}, and there is another {cls.__name__}, of "
            f"{seen[cls.__name__].__module__}: records are found again by the names of their classes; rename yours"
        )


def _setting(node: Any, place: str) -> Form:
    """Return the form of what is no array, record or tuple."""
    if node is None or type(node) in (bool, str):
        return node
    if type(node) is int:
        return node if abs(node) < 2**63 else {"int": hex(node)}
    if type(node) is float:
        return node if math.isfinite(node) else {"float": str(node)}
    for name, function in _FUNCTIONS.items():
        if node is function:
            return {"function": name}
    if isinstance(node, np.generic):
        hint = f"; write {type(node.item()).__name__}(...)"  # a plain number would compute differently from this one
    elif conversion(node, ""):
        hint = f"; write {conversion(node, place.rpartition('.')[2] or 'it')}"
    elif isinstance(node, dict) and not place:
        hint = "; a tree has no dictionaries: save a record or a tuple, and what else you want to keep as notes by name"
    elif isinstance(node, list | tuple | dict):
        hint = "; use a plain tuple or a record"
    else:
        hint = "; a file holds values, not code" if callable(node) else ""
    raise TypeError(
        f"save: {_at(place)} must be an array, a record, a tuple, None, a bool, an int, a float, text or a key, "
        f"got {describe(node)}{hint}"
    )


def _require_shallow(error: type[ValueError], path: str) -> None:
    if path.count(".") + path.count("[") > DEEPEST:
        raise error(f"trees may lie in trees {DEEPEST} deep at most, found more at {path.lstrip('.')[:60]}...")


def _at(place: str) -> str:
    return place or "the tree"


def rebuilt(form: Form, arrays: Mapping[str, np.ndarray], classes: Classes, of_0_1_0: bool = False) -> Tree:
    """Build the tree of a form and its arrays; each record is made by its class, from exactly its fields.

    Args:
        form: what ``written`` returned.
        arrays: by the names that are in the form; each must have its place in the tree.
        classes: by the names that are in the form.
        of_0_1_0: whether 0.1.0 wrote it, in which some names were others, and records had fewer fields.

    Raises ``FormatError`` with the path for anything that ``written`` would not have written.

    >>> rebuilt([{"array": "[0]"}, 1.5, None], {"[0]": np.zeros(2)}, {})
    (array([0., 0.]), 1.5, None)
    """
    unused = dict(arrays)
    first_places: dict[str, Any] = {}

    def tree_of(form: Form, path: str) -> Tree:
        place = path.lstrip(".")
        if isinstance(form, list):
            _require_shallow(FormatError, path)
            return tuple([tree_of(part, f"{path}[{i}]") for i, part in enumerate(form)])
        if not isinstance(form, dict):
            return form
        match form:
            case {"array": str(name), **rest} if not rest:
                if name not in unused:
                    raise FormatError(
                        f"{_at(place)} is the array {name!r}, which the file does not hold, or holds once"
                    )
                return unused.pop(name)
            case {"same": str(first), **rest} if not rest:
                if first not in first_places:
                    raise FormatError(f"{_at(place)} is the record at {first!r} again, but there is none before it")
                return first_places[first]
            case {"float": str(name), **rest} if not rest and name in _FLOATS:
                return _FLOATS[name]
            case {"function": str(name), **rest} if not rest and name in _FUNCTIONS:
                return _FUNCTIONS[name]
            case {"int": str(digits), **rest} if not rest:
                return _integer(digits, place)
            case {"record": str(name), "fields": dict(fields), **rest} if not rest:
                _require_shallow(FormatError, path)
                cls = _class_of(name, place, classes, fields, of_0_1_0)
                made = _made(cls, {key: tree_of(part, f"{path}.{key}") for key, part in fields.items()}, place)
                if has_leaves(made):
                    first_places[place] = made
                return made
        found = ", ".join(map(repr, form))[:60]
        raise FormatError(f"{_at(place)} must be a value, a list, an array or a record, found an object of {found}")

    tree = tree_of(form, "")
    if unused:
        raise FormatError(f"the arrays {', '.join(sorted(unused)[:6])} have no place in the tree")
    return tree


def _integer(digits: str, place: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        raise FormatError(f"{_at(place)} must be an integer like 0x1f, found {digits[:40]!r}") from None


def _class_of(name: str, place: str, classes: Classes, fields: dict[str, Form], of_0_1_0: bool) -> type:
    cls = classes.get(name)
    renamed = classes.get(_RENAMED.get(name, "")) if of_0_1_0 else None
    if cls is None and renamed is not None and set(fields) == set(fields_of(renamed)):
        cls = renamed  # only if you have no class of the old name, and not for a file that holds one of yours
    if cls is None:
        raise FormatError(
            f"{_at(place)} is a record {name}, and fnn has none of this name; if it is yours, "
            f"write load(path, records=({name},))"
        )
    if set(fields) != set(fields_of(cls)) and not (of_0_1_0 and _added_since(cls, fields)):
        raise FormatError(
            f"{_at(place)} is a {name} with {_listed(fields)}, but {name} has {_listed(fields_of(cls))}: "
            "the class has changed since this was written"
        )
    return cls


def _added_since(cls: type, fields: dict[str, Form]) -> bool:
    """Return True if the last fields of a class of the package are new, with the defaults that they had before."""
    there, new = fields_of(cls)[: len(fields)], fields_of(cls)[len(fields) :]
    defaults = [attrs.fields_dict(cls)[name].default for name in new]
    return cls.__module__.startswith("fnn.") and set(there) == set(fields) and attrs.NOTHING not in defaults


def _listed(names: Any) -> str:
    return ", ".join(names) or "no fields"


def _made(cls: type, parts: dict[str, Any], place: str) -> Any:
    try:
        return cls(*[parts[name] for name in fields_of(cls) if name in parts])
    except (TypeError, ValueError) as error:
        raise FormatError(f"{_at(place)} cannot be a {cls.__name__}: {error}") from None
