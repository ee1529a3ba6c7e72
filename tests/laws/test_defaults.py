"""Defaults are part of the contract: the signature of everything public, in ``defaults.txt``, for a person to read.

Whoever changes one on purpose writes the file anew, and shows the difference in the review:

    python -m tests.laws.test_defaults
"""

import difflib
import importlib.util
import inspect
import types
from pathlib import Path

import fnn
from tests.each_of import each_of

TABLE = Path(__file__).with_name("defaults.txt")
# Namespaces that are loaded when asked for.
OPTIONAL = {"fnn.plot": ["matplotlib"], "fnn.testing": [], "fnn.interop.sklearn": ["sklearn"]}


def shown(value):
    """A default as text that is the same on every machine and version."""
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type):
        return value.__name__
    return repr(value)


def line(name, function):
    """Return the name of a function or class with its parameters and their defaults."""
    parts = []
    for parameter in inspect.signature(function).parameters.values():
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is parameter.KEYWORD_ONLY and not any(part.startswith("*") for part in parts):
            parts.append("*")
        default = "" if parameter.default is parameter.empty else f"={shown(parameter.default)}"
        parts.append(f"{star}{parameter.name}{default}")
    return f"{name}({', '.join(parts)})"


def lines_of(namespace, path, seen):
    """Yield a line for each function and class that a namespace offers, and for those of the namespaces in it."""
    names = getattr(namespace, "__all__", None) or [name for name in vars(namespace) if not name.startswith("_")]
    for name in names:
        value = getattr(namespace, name)
        place = f"{path}.{name}"
        if isinstance(value, types.ModuleType):
            if value.__name__.startswith("fnn.") and value not in seen:
                yield from lines_of(value, place, {*seen, value})
        elif callable(value) and getattr(value, "__module__", "").startswith("fnn") and has_signature(value):
            yield line(place, value)


def has_signature(value):
    """Return False for records that are values, such as ``relu``, and for exceptions."""
    return isinstance(value, type | types.FunctionType) and not (
        isinstance(value, type) and issubclass(value, BaseException)
    )


def table():
    """Return all the lines; those of a namespace whose library is not installed are missing."""
    found = [*lines_of(fnn, "fnn", {fnn})]
    for name, needs in OPTIONAL.items():
        if all(map(importlib.util.find_spec, needs)):
            found += lines_of(importlib.import_module(name), name, {fnn})
    return sorted(set(found))


def expected():
    lines = TABLE.read_text().splitlines()
    missing = [name for name, needs in OPTIONAL.items() if not all(map(importlib.util.find_spec, needs))]
    return [each for each in lines if not each.startswith(tuple(f"{name}." for name in missing))]


def test_no_default_changes_unseen():
    difference = "\n".join(difflib.unified_diff(expected(), table(), "defaults.txt", "fnn", lineterm="", n=0))
    assert not difference, f"{difference}\nif this is on purpose: python -m tests.laws.test_defaults"


def test_everything_public_that_takes_arguments_is_in_the_table():
    names = {each.partition("(")[0] for each in table()}
    for name in fnn.__all__:
        value = getattr(fnn, name)
        if has_signature(value):
            assert f"fnn.{name}" in names
    assert {"fnn.adamw", "fnn.Dense", "fnn.schedules.one_cycle", "fnn.tree.allclose", "fnn.data.epochs"} <= names


@each_of(("one", "other"), [(0.1, 0.2), (None, 0), (1, 1.0), (True, 1), ((), None)])
def test_another_default_is_another_line(one, other):
    def make(default):
        def function(x, *, a=default):
            return x, a

        return line("function", function)

    assert make(one) != make(other)
    assert make(0.5) == "function(x, *, a=0.5)"


if __name__ == "__main__":
    TABLE.write_text("\n".join(table()) + "\n")
