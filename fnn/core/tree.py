"""Records and tuples of arrays, treated as one thing: a network, its gradient and an optimizer's memory are trees.

map    : f, tree, ... -> tree        leaves  : tree -> arrays            paths      : tree -> paths of the leaves
reduce : f, tree, start -> value     at      : path, f, tree -> tree     zeros_like : tree -> tree
ravel  : tree -> vector, unravel     unravel : vector -> tree            add        : tree, tree -> tree
stack  : trees alike -> tree         unstack : tree -> trees

equal, allclose : tree, tree -> bool
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, is_array, read_only
from fnn.core._errors import describe
from fnn.core._flat import Layout, flat, has_leaves, rebuilt_like, take_apart
from fnn.core._members import stack, unstack
from fnn.core._structure import Tree, is_weight, require_alike, require_numpy, walk
from fnn.core.record import children, edges, is_record, rebuild

__all__ = [
    "add", "allclose", "at", "equal", "is_weight", "leaves", "map", "paths", "ravel", "reduce", "stack", "unstack",
    "zeros_like",
]  # fmt: skip
_SCALARS: type[Any] = np.generic
_LIST: type[Any] = list
_CONTAINERS: tuple[type[Any], ...] = (list, dict)


def leaves(tree: Tree) -> list[np.ndarray]:
    """Return the arrays of a tree, in order.

    >>> leaves((np.array([1.0]), (np.array([2.0]), "not an array")))
    [array([1.]), array([2.])]
    """
    return [*take_apart(tree)[0]]


def paths(tree: Tree) -> list[str]:
    """Return the path of each leaf of a tree, in the same order.

    >>> paths((np.zeros(1), (np.zeros(2),)))
    ['[0]', '[1][0]']
    """
    require_numpy("tree.paths", tree)
    return [path for path, _ in walk(tree)]


def map(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply a function to each leaf, or to the leaves that trees of one structure have at the same place.

    Args:
        function: takes an array of each tree and returns one.
        tree: the tree whose settings the result has.
        others: trees of the same structure.

    Arrays in the result are read-only (views, so that nothing of yours is flagged). Raises ``ValueError`` with the path
    where the trees differ, ``TypeError`` for what is no function.

    >>> map(np.add, (np.array([1.0]),), (np.array([2.0]),))
    (array([3.]),)
    """
    _require_function("tree.map", function)
    first, form = take_apart(tree)
    columns = [first]
    for other in others:
        column, other_form = take_apart(other)
        if other_form != form:  # perhaps in shapes or settings alone
            require_alike("tree.map", tree, other)
        columns.append(column)
    return rebuilt_like(tree, [_read_only(function(*arrays)) for arrays in zip(*columns, strict=True)])


def reduce(function: Callable[[Any, np.ndarray], Any], tree: Tree, start: Any) -> Any:
    """Fold a function over the leaves: ``function(function(start, leaf0), leaf1)`` and so on.

    Args:
        function: takes the value so far and a leaf, and returns the next value.
        tree: the tree.
        start: the value before the first leaf.

    Raises ``TypeError`` for what is no function.

    >>> reduce(lambda n, leaf: n + leaf.size, (np.zeros(3), np.zeros((2, 2))), 0)
    7
    """
    _require_function("tree.reduce", function)
    return functools.reduce(function, leaves(tree), start)


def zeros_like(tree: Tree) -> Tree:
    """Return the same tree with every leaf zero.

    >>> zeros_like((np.array([1.0, 2.0]),))
    (array([0., 0.]),)
    """
    return map(np.zeros_like, tree)


def add(tree: Tree, other: Tree) -> Tree:
    """Add two trees leaf by leaf.

    Raises ``ValueError`` with the path of a leaf whose shape or dtype this would change: nothing is ever broadcast.

    >>> add((np.array([1.0, 2.0]),), (np.array([0.5, 0.5]),))
    (array([1.5, 2.5]),)
    """
    if take_apart(tree)[1] != take_apart(other)[1]:
        require_alike("tree.add", tree, other, to_the_shape=True)
    return map(np.add, tree, other)


def equal(tree: Tree, other: Tree) -> bool:
    """Return True if two trees are the same to the bit: structure, settings, shapes, dtypes and bytes.

    >>> equal((np.zeros(2),), (np.zeros(2),)), equal((np.zeros(2),), (np.zeros(2, np.float32),))
    (True, False)
    """
    (ours, form), (theirs, other_form) = take_apart(tree), take_apart(other)
    return form == other_form and all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))


def allclose(tree: Tree, other: Tree, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Return True if two trees of one structure agree within a tolerance, ``|a - b| <= atol + rtol |b|``.

    Args:
        tree, other: the trees; leaves of different shapes do not agree.
        rtol: the tolerance relative to ``other``.
        atol: the absolute tolerance.

    Raises ``ValueError`` with the path where the structures differ, ``TypeError`` for arrays of anything but numbers.

    >>> allclose((np.ones(2),), (np.ones(2) + 1e-9,))
    True
    """
    require_alike("tree.allclose", tree, other)
    pairs = zip(leaves(tree), leaves(other), strict=True)
    return all(a.shape == b.shape and _close(a, b, rtol, atol) for a, b in pairs)


def _close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> bool:
    for array in (a, b):
        if array.dtype.kind not in "biufc":
            raise TypeError(f"tree.allclose expects arrays of numbers, got {describe(array)}")
    return np.allclose(a, b, rtol, atol)


def at(path: str, function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return a new tree in which the node at ``path`` is ``function(node)``; the rest is shared.

    Args:
        path: the way to a leaf or to a part of the tree, such as ``"layers[0].weight"``.
        function: takes the node there and returns what stands in its place.
        tree: the tree, which stays as it is.

    A record that stands at several places is one, and changes at all of them. Raises ``ValueError`` if there is no
    such node, and says what there is.

    >>> at("[1][0]", lambda a: a * 10, (np.array([1.0]), (np.array([2.0]),)))
    (array([1.]), (array([20.]),))
    """
    _require_function("tree.at", function)
    passed: list[tuple[Any, int]] = []
    node = tree
    for edge in _edges_of(path):
        there = edges(node)
        place = _place(edge, there)
        if place is None:
            parts = ", ".join(there).replace(".", "") or "no parts"
            raise ValueError(f"tree.at: no {edge.lstrip('.')} in {path!r}: {type(node).__name__} has {parts}")
        passed.append((node, place))
        node = children(node)[place]
    new = _read_only(function(node))
    while passed and not (is_record(node) and has_leaves(node)):  # arrays and tuples have no identity, records have
        node, place = passed.pop()
        parts = children(node)
        new = rebuild(node, [*parts[:place], new, *parts[place + 1 :]])
    return _replaced(tree, {id(node): new})


def _replaced(node: Any, new: dict[int, Any]) -> Any:
    """Return the tree with other nodes in place of those whose ids are given, wherever they stand."""
    if id(node) in new:
        return new[id(node)]
    parts = children(node)
    others = [_replaced(part, new) for part in parts]
    if all(part is other for part, other in zip(parts, others, strict=True)):
        return node
    built = rebuild(node, others)
    if is_record(node):
        new[id(node)] = built
    return built


def _require_function(caller: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"{caller} expects a function, got {describe(function)}")


def _edges_of(path: Any) -> list[str]:
    """Split ``layers[0].weight`` into ``.layers``, ``[0]``, ``.weight``."""
    if not isinstance(path, str):
        raise TypeError(f"tree.at expects a path, say layers[0].weight, got {describe(path)}")
    dotted = path if path.startswith("[") or not path else f".{path}"
    found = re.findall(r"\.[^.\[\]]+|\[-?\d+\]", dotted)
    if "".join(found) != dotted:
        raise ValueError(f"tree.at: cannot read the path {path!r}; write it like layers[0].weight")
    return found


def _place(edge: str, there: list[str]) -> int | None:
    if edge.startswith("[-"):
        edge = f"[{len(there) + int(edge[1:-1])}]"
    return there.index(edge) if edge in there else None


def ravel(tree: Tree) -> tuple[np.ndarray, Callable[[np.ndarray], Tree]]:
    """Return all leaves as one read-only vector, and the function that builds such a tree from such a vector.

    Leaves of several dtypes are promoted to one, as NumPy does it, and built in their own again. ``unravel`` raises
    ``ValueError`` for a vector of another length.

    >>> vector, unravel = ravel((np.array([1.0]), np.array([[2.0, 3.0]])))
    >>> vector, unravel(vector * 10)
    (array([1., 2., 3.]), (array([10.]), array([[20., 30.]])))
    """
    vector, layout = flat(tree)
    return vector.reshape(-1), functools.partial(_unravel, layout, vector.shape, vector.dtype)


def _unravel(layout: Layout, shape: tuple[int, ...], dtype: np.dtype[Any], vector: np.ndarray) -> Tree:
    vector, size = as_array("unravel", vector), math.prod(shape)
    if vector.shape != (size,):
        raise ValueError(f"unravel expects a vector ({size},), got {describe(vector)}")
    return layout.cut(vector.astype(dtype).reshape(shape))  # a copy: the caller's vector stays the caller's


def require_floats(caller: str, tree: Tree) -> None:
    """Raise unless every leaf is a finite float array, and no array hides in a list or dictionary.

    The error begins with ``caller`` and the leaf's path: ``TypeError`` for the kind, ``ValueError`` for the values.
    """
    require_numpy(caller, tree)
    for path, node in walk(tree, every=True):
        place = path or "the tree"
        if isinstance(node, _CONTAINERS):
            numbers = _of_numbers(node)
            remedy = f"write np.asarray({place.rpartition('.')[2]})" if numbers else "use a tuple or a record"
            raise TypeError(f"{caller}: {place} is a {type(node).__name__}, no part of a tree; {remedy}")
        if is_array(node) and (node.dtype.kind != "f" or type(node) is not np.ndarray):
            raise TypeError(f"{caller}: {place} must hold floats, got {describe(node)}; convert it, say to np.float32")
        if is_array(node) and not np.isfinite(node).all():
            raise ValueError(f"{caller}: {place} holds NaN or infinity")


def _of_numbers(node: Any) -> bool:
    return isinstance(node, int | float) or (isinstance(node, _LIST) and all(_of_numbers(each) for each in node))


def _read_only(value: Any) -> Any:
    """Return an array as a read-only view, a NumPy scalar as an array without axes, anything else as it is."""
    if isinstance(value, _SCALARS):
        value = np.asarray(value)
    return read_only(value.view()) if is_array(value) and value.flags.writeable else value
