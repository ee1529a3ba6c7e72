"""How a tree is put together: its leaves, their paths, and where two trees differ.

    walk       : tree -> (path, leaf), ...          require_alike : tree, tree -> nothing, or an error with the path
    take_apart : tree -> arrays, form               has_leaves    : tree -> bool
    places     : tree -> the number of the leaf at each place
    chosen     : paths, where -> a bool for each

A record that is used twice in a tree is one record: its leaves are counted once, at its first place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from fnn.errors import describe
from fnn.records import children, edges, is_record

Tree = Any


def walk(node: Tree, path: str = "", every: bool = False, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, in order; with ``every``, each node and each piece of configuration too."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    if is_record(node) and has_leaves(node):
        seen.add(id(node))
    if every or isinstance(node, np.ndarray):
        yield path.lstrip("."), node
    for edge, child in zip(edges(node), children(node), strict=True):
        yield from walk(child, path + edge, every, seen)


def take_apart(tree: Tree) -> tuple[list[np.ndarray], list]:
    """Give the leaves, and the form: all the rest of a tree, as a list that compares with another tree's."""
    arrays: list[np.ndarray] = []
    form: list = []
    _collect(tree, arrays, form, {})
    return arrays, form


def _collect(node: Any, arrays: list, form: list, seen: dict[int, tuple]) -> None:
    names = getattr(type(node), "__record__", None)
    if names is not None:
        if id(node) in seen:
            form.append(seen[id(node)])
            return
        begin = len(arrays)
        form.append(type(node))
        for name in names:
            _collect(getattr(node, name), arrays, form, seen)
        if len(arrays) > begin:
            seen[id(node)] = ("the record whose first leaf is", begin)
    elif isinstance(node, np.ndarray):
        arrays.append(node)
        form += (node.shape, node.dtype)
    elif isinstance(node, tuple):
        form.append(len(node))
        for child in node:
            _collect(child, arrays, form, seen)
    else:
        form.append(node)


def places(tree: Tree) -> list[int]:
    """Give the number of the leaf at each place; the leaves of a record that is used twice are at two.

    >>> pair = (np.zeros(1), np.zeros(2))
    >>> places((pair, pair))  # a tuple has no identity, a record has
    [0, 1, 2, 3]
    """
    numbers: list[int] = []
    seen: dict[int, list[int]] = {}
    following = count()

    def visit(node: Any) -> None:
        begin = len(numbers)
        if isinstance(node, np.ndarray):
            numbers.append(next(following))
        elif id(node) in seen:
            numbers.extend(seen[id(node)])
        else:
            for child in children(node):
                visit(child)
            if is_record(node):
                seen[id(node)] = numbers[begin:]

    visit(tree)
    return numbers


Where = str | tuple[str, ...] | Callable[[str], bool]


def require_where(who: str, where: Any, example: str) -> None:
    """Raise ``TypeError`` unless ``where`` is a path, a tuple of paths, or a function of one."""
    paths = where if isinstance(where, tuple) else (where,)
    if not all(isinstance(path, str) for path in paths) and not callable(where):
        raise TypeError(f"{who} expects a path or a function of one, got {describe(where)}; write {example}")


def chosen(who: str, paths: Sequence[str], where: Where) -> list[bool]:
    """Tell for each path whether ``where`` chooses it: a path with all below it, several such, or a function of a path.

    Raises ``ValueError`` in the name of ``who``, with the paths there are, if none is chosen.

    >>> chosen("freeze", ["layers[0].weight", "layers[0].bias", "layers[2].weight"], "layers[0]")
    [True, True, False]
    """
    if callable(where):
        found = [bool(where(path)) for path in paths]
    else:
        roots = (where,) if isinstance(where, str) else where
        found = [any(_lies_below(path, root) for root in roots) for path in paths]
    if not any(found):
        there = ", ".join(paths[:6]) + (", ..." if len(paths) > 6 else "")
        raise ValueError(f"{who}: {describe(where)} chooses no leaf; there are {there or 'none'}")
    return found


def is_weight(path: str) -> bool:
    """Tell whether a path leads to a leaf whose name is or ends in ``weight``, not to a bias, scale or shift.

    >>> is_weight("layers[0].weight"), is_weight("layers[1].hidden_weight"), is_weight("layers[0].bias")
    (True, True, False)
    """
    return path.rpartition(".")[2].rpartition("_")[2] == "weight"


def _lies_below(path: str, root: str) -> bool:
    return (path.startswith(root) and path[len(root) : len(root) + 1] in ("", ".", "[")) or not root


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
    found = _difference(tree, other, "", to_the_shape, ({}, {}))
    if found:
        path, ours, theirs = found
        raise ValueError(f"{who}: trees differ at {path.lstrip('.') or 'the root'}: {ours} against {theirs}")


def _difference(ours: Any, theirs: Any, path: str, to_the_shape: bool, seen: tuple) -> tuple[str, str, str] | None:
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
    if is_record(ours) and has_leaves(ours):
        first, other_first = seen[0].setdefault(id(ours), path), seen[1].setdefault(id(theirs), path)
        if first != other_first:
            return path, _again(ours, first, path), _again(theirs, other_first, path)
        if first != path:
            return None
    for edge, a, b in zip(edges(ours), children(ours), children(theirs), strict=True):
        found = _difference(a, b, path + edge, to_the_shape, seen)
        if found:
            return found
    return None


def _again(node: Any, first: str, path: str) -> str:
    return f"a {_name(node)} of its own" if first == path else f"the {_name(node)} of {first.lstrip('.')} again"


def _name(node: Any) -> str:
    return type(node).__name__ if is_record(node) or isinstance(node, tuple) else describe(node)
