"""How a tree is put together: the paths of its leaves, which leaves are chosen, and where two trees differ.

    walk          : tree -> (path, leaf), ...
    places        : tree -> (address, leaf), ..., at each place where it stands
    chosen        : paths, where -> a bool for each path          is_weight : path -> bool
    difference    : tree, tree -> where they differ, or None
    require_numpy : tree -> nothing, or an error with the path of another library's array
    require_alike : tree, tree -> nothing, or an error with the path

A record that is used twice in a tree is one record: its leaves are counted once, at its first place.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from fnn.core._arrays import is_array, is_tuple
from fnn.core._errors import describe
from fnn.core._foreign import conversion
from fnn.core.record import Record, children, edges, is_record

Tree = Any
Where = str | tuple[str, ...] | Callable[[str], bool]


def walk(tree: Tree, every: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, in order; with ``every``, each node and each setting too.

    >>> [path for path, _ in walk((np.zeros(1), ("text", np.zeros(1))))]
    ['[0]', '[1][1]']
    """
    return _walk(tree, "", every, set())


def _walk(node: Any, path: str, every: bool, seen: set[int]) -> Generator[tuple[str, Any], None, bool]:
    """Yield as ``walk`` does, and return True if there is a leaf: a record without one may be anybody's."""
    if id(node) in seen:
        return True
    found = is_array(node)
    if every or found:
        yield path.lstrip("."), node
    for edge, child in zip(edges(node), children(node), strict=True):
        found |= yield from _walk(child, path + edge, every, seen)
    if found and isinstance(node, Record):
        seen.add(id(node))
    return found


def places(node: Tree, owner: int = 0, way: str = "") -> Iterator[tuple[tuple[int, str], np.ndarray]]:
    """Yield the leaf at each place, and before it an address: the record that it lies in, and the way from there.

    The leaves of a record that is used twice have two places and one address.

    >>> pair = (np.zeros(1), np.zeros(2))
    >>> [way for (_, way), _ in places((pair, pair))]  # a tuple has no identity, a record has
    ['[0][0]', '[0][1]', '[1][0]', '[1][1]']
    """
    if is_array(node):
        yield (owner, way), node
    if isinstance(node, Record):
        owner, way = id(node), ""
    for edge, child in zip(edges(node), children(node), strict=True):
        yield from places(child, owner, way + edge)


def uses_one_twice(tree: Tree) -> bool:
    """Return True if a record with leaves stands at two places of a tree."""
    addresses = [address for address, _ in places(tree)]
    return len(set(addresses)) < len(addresses)


def require_numpy(caller: str, tree: Tree) -> None:
    """Raise ``TypeError`` with the path of an array that is not NumPy's: it would be a setting, and never trained."""
    for path, node in walk(tree, every=True):
        remedy = conversion(node, path.rpartition(".")[2] or "it")
        if remedy:
            place = path or "the tree"
            raise TypeError(f"{caller}: {place} must be an array of NumPy's, got {describe(node)}; write {remedy}")


def require_where(caller: str, where: Any, example: str) -> None:
    """Raise ``TypeError`` unless ``where`` is a path, a tuple of paths, or a function of one."""
    paths = where if is_tuple(where) else (where,)
    if not all(isinstance(path, str) for path in paths) and not callable(where):
        raise TypeError(f"{caller} expects a path or a function of one, got {describe(where)}; write {example}")


def chosen(caller: str, paths: Sequence[str], where: Where) -> list[bool]:
    """Return for each path whether ``where`` chooses it: a path with all below it, several such, or a function of one.

    Raises ``ValueError`` in the name of ``caller``, with the paths there are, if none is chosen.

    >>> chosen("freeze", ["layers[0].weight", "layers[0].bias", "layers[2].weight"], "layers[0]")
    [True, True, False]
    """
    found = [lies_in(path, where) for path in paths]
    if not any(found):
        there = ", ".join(paths[:6]) + (", ..." if len(paths) > 6 else "")
        raise ValueError(f"{caller}: {describe(where)} chooses no leaf; there are {there or 'none'}")
    return found


def lies_in(path: str, where: Where) -> bool:
    """Return True if ``where`` chooses a path.

    >>> lies_in("layers[0].weight", ("layers[1]", "layers[0]")), lies_in("layers[0].bias", is_weight)
    (True, False)
    """
    if callable(where):
        return bool(where(path))
    return any(_lies_below(path, root) for root in ((where,) if isinstance(where, str) else where))


def _lies_below(path: str, root: str) -> bool:
    return (path.startswith(root) and path[len(root) : len(root) + 1] in ("", ".", "[")) or not root


def is_weight(path: str) -> bool:
    """Return True if a path leads to a leaf whose name is or ends in ``weight``, not to a bias, scale or shift.

    >>> is_weight("layers[0].weight"), is_weight("layers[1].hidden_weight"), is_weight("layers[0].bias")
    (True, True, False)
    """
    return path.rpartition(".")[2].rpartition("_")[2] == "weight"


def require_alike(caller: str, tree: Tree, other: Tree, to_the_shape: bool = False) -> None:
    """Raise ``ValueError`` in the name of ``caller``, with the path at which two trees differ in structure.

    With ``to_the_shape`` the shapes and dtypes of their leaves must be equal too.
    """
    found = difference(tree, other, to_the_shape)
    if found:
        path, ours, theirs = found
        place = path.lstrip(".") or "the root"
        raise ValueError(f"{caller}: trees differ at {place}: {ours} against {theirs}{_of_one_dtype(ours, theirs)}")


def _of_one_dtype(ours: str, theirs: str) -> str:
    """Return what to do about arrays that differ in their dtype of floats alone: nearly always it is the data's."""
    (dtype, _, shape), (other, _, other_shape) = ours.partition(" "), theirs.partition(" ")
    if shape != other_shape or not (dtype.startswith("float") and other.startswith("float")):
        return ""
    return f"; a batch in {other} makes a gradient in {other}: write x.astype(np.{dtype})"


def difference(tree: Tree, other: Tree, to_the_shape: bool = False) -> tuple[str, str, str] | None:
    """Return the path at which two trees differ in structure, and what each has there; None if they do not differ.

    With ``to_the_shape`` the shapes and dtypes of their leaves must be equal too.

    >>> difference((np.zeros(1), np.zeros(2)), (np.zeros(1), 2.0))
    ('[1]', 'float64 array (2,)', 'float 2.0')
    """
    return _difference(tree, other, "", to_the_shape, ({}, {}))


def _difference(
    ours: Any, theirs: Any, path: str, to_the_shape: bool, seen: tuple[dict[int, str], dict[int, str]]
) -> tuple[str, str, str] | None:
    if is_array(ours) and is_array(theirs):
        same = not to_the_shape or (ours.shape == theirs.shape and ours.dtype == theirs.dtype)
        return None if same else (path, describe(ours), describe(theirs))
    if type(ours) is not type(theirs) and any(isinstance(node, np.ndarray | Record | tuple) for node in (ours, theirs)):
        return path, _name(ours), _name(theirs)
    parts, their_parts = children(ours), children(theirs)
    if len(parts) != len(their_parts):
        return path, f"a tuple of {len(parts)}", f"a tuple of {len(their_parts)}"
    if isinstance(ours, Record) and next(walk(ours), None):
        first, other_first = seen[0].setdefault(id(ours), path), seen[1].setdefault(id(theirs), path)
        if first != other_first:
            return path, _again(ours, first, path), _again(theirs, other_first, path)
        if first != path:
            return None
    for edge, a, b in zip(edges(ours), parts, their_parts, strict=True):
        found = _difference(a, b, path + edge, to_the_shape, seen)
        if found:
            return found
    return None


def _again(node: Any, first: str, path: str) -> str:
    return f"a {_name(node)} of its own" if first == path else f"the {_name(node)} of {first.lstrip('.')} again"


def _name(node: Any) -> str:
    return type(node).__name__ if is_record(node) or is_tuple(node) else describe(node)
