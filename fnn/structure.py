"""How a tree is put together: its leaves, their paths, and where two trees differ.

walk       : tree -> (path, leaf), ...          require_alike : tree, tree -> nothing, or an error with the path
take_apart : tree -> arrays, form               has_leaves    : tree -> bool
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.errors import describe
from fnn.records import children, edges, is_record

Tree = Any


def walk(node: Tree, path: str = "", every: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, in order; with ``every``, each node and each piece of configuration too."""
    if every or isinstance(node, np.ndarray):
        yield path.lstrip("."), node
    for edge, child in zip(edges(node), children(node), strict=True):
        yield from walk(child, path + edge, every)


def take_apart(tree: Tree) -> tuple[list[np.ndarray], list]:
    """Give the leaves, and the form: all the rest of a tree, as a list that compares with another tree's."""
    arrays: list[np.ndarray] = []
    form: list = []
    _collect(tree, arrays, form)
    return arrays, form


def _collect(node: Any, arrays: list, form: list) -> None:
    names = getattr(type(node), "__record__", None)
    if names is not None:
        form.append(type(node))
        for name in names:
            _collect(getattr(node, name), arrays, form)
    elif isinstance(node, np.ndarray):
        arrays.append(node)
        form += (node.shape, node.dtype)
    elif isinstance(node, tuple):
        form.append(len(node))
        for child in node:
            _collect(child, arrays, form)
    else:
        form.append(node)


def has_leaves(node: Tree) -> bool:
    """Tell whether there is an array anywhere in a tree."""
    names = getattr(type(node), "__record__", None)
    if names is None:
        return isinstance(node, np.ndarray) or (isinstance(node, tuple) and any(map(has_leaves, node)))
    for name in names:  # noqa: SIM110 (asked at every step of training, and a generator costs more than the answer)
        if has_leaves(getattr(node, name)):
            return True
    return False


def require_alike(who: str, tree: Tree, other: Tree, to_the_shape: bool = False) -> None:
    """Raise ``ValueError`` with the path at which two trees differ in structure (or in a leaf's shape or dtype)."""
    found = _difference(tree, other, "", to_the_shape)
    if found:
        path, ours, theirs = found
        raise ValueError(f"{who}: trees differ at {path.lstrip('.') or 'the root'}: {ours} against {theirs}")


def _difference(ours: Any, theirs: Any, path: str, to_the_shape: bool) -> tuple[str, str, str] | None:
    structured = is_record(ours) or is_record(theirs) or isinstance(ours, tuple) or isinstance(theirs, tuple)
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        same = not to_the_shape or (ours.shape == theirs.shape and ours.dtype == theirs.dtype)
        return None if same else (path, describe(ours), describe(theirs))
    if (
        (structured and type(ours) is not type(theirs))
        or isinstance(ours, np.ndarray)
        or isinstance(theirs, np.ndarray)
    ):
        return path, _name(ours), _name(theirs)
    if isinstance(ours, tuple) and len(ours) != len(theirs):
        return path, f"a tuple of {len(ours)}", f"a tuple of {len(theirs)}"
    for edge, a, b in zip(edges(ours), children(ours), children(theirs), strict=True):
        found = _difference(a, b, path + edge, to_the_shape)
        if found:
            return found
    return None


def _name(node: Any) -> str:
    return type(node).__name__ if is_record(node) or isinstance(node, tuple) else describe(node)
