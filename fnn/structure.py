"""How a tree is put together, and how one like it is cut from a single vector.

    walk       : tree -> (path, leaf), ...          take_apart : tree -> arrays, form
    flat       : tree -> vector, layout             layout.cut : vector -> tree

An update of a network is three array operations on one vector, where leaf by leaf it would be three a leaf, with
fresh memory for each. From outside nobody sees the vector: the leaves are read-only views into it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from fnn.arrays import read_only
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
    """Give the leaves and the form: all that must agree for two trees to be added, as a list that compares fast."""
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
        form.append(None)


def has_leaves(node: Tree) -> bool:
    """Tell whether there is an array anywhere in a tree."""
    for child in children(node):
        if isinstance(child, np.ndarray) or has_leaves(child):
            return True
    return isinstance(node, np.ndarray)


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


Build = Callable[[list], Any]
Collect = Callable[[Any, list], None]


class _Unlike(Exception):
    """A tree that does not have the form it should have; turned into an error with the path by the caller."""


def builder(tree: Tree) -> Build:
    """Give the function that builds a tree like this one from the list of its leaves."""
    return _builder(tree, 0)[0] or (lambda leaves: tree)


def _builder(node: Any, begin: int) -> tuple[Build | None, int]:
    """Give the builder of a node whose first leaf has the number ``begin``, and the number after its last."""
    if isinstance(node, np.ndarray):
        return operator.itemgetter(begin), begin + 1
    parts, end = [], begin
    for child in children(node):
        build, end = _builder(child, end)
        parts.append((build, None if build else child))
    if end == begin:
        return None, end  # nothing below is a parameter: the node itself serves in every tree
    make = type(node)
    if all(isinstance(child, np.ndarray) for child in children(node)) and make is not tuple:
        return lambda leaves: make(*leaves[begin:end]), end
    if make is tuple:
        return lambda leaves: tuple([build(leaves) if build else child for build, child in parts]), end
    return lambda leaves: make(*[build(leaves) if build else child for build, child in parts]), end


def _collector(node: Any) -> Collect:
    """Give the function that appends the leaves of a tree like ``node`` to a list, or raises ``_Unlike``.

    What such a tree looks like is found out here, once, so that little is left to do at each step of training.
    """
    kind = type(node)
    if isinstance(node, np.ndarray):
        return _append
    if not is_record(node) and not isinstance(node, tuple):
        return _expect_configuration
    parts = [_collector(child) for child in children(node)]
    names = kind.__record__ if is_record(node) else None

    def collect(other: Any, into: list) -> None:
        if type(other) is not kind or (names is None and len(other) != len(parts)):
            raise _Unlike
        others = other if names is None else [getattr(other, name) for name in names]
        for part, child in zip(parts, others):  # noqa: B905 (their lengths are equal)
            part(child, into)

    if names is None or len(names) < 2 or not all(isinstance(child, np.ndarray) for child in children(node)):
        return collect
    get = operator.attrgetter(*names)

    def collect_arrays(other: Any, into: list) -> None:  # the same for a record of arrays alone, such as Dense
        if type(other) is not kind:
            raise _Unlike
        into += get(other)

    return collect_arrays


def _append(array: Any, into: list) -> None:
    into.append(array)


def _expect_configuration(other: Any, into: list) -> None:
    if is_record(other) or isinstance(other, np.ndarray | tuple):
        raise _Unlike


@attrs.frozen(eq=False)
class Layout:
    """Where each leaf of a tree lies in the vector of them all, and how the tree is built from them."""

    shapes: list[tuple[int, ...]]
    dtypes: list[np.dtype]
    dtype: np.dtype
    cuts: list[tuple[slice, tuple[int, ...] | None]]
    collect: Collect
    build: Build
    uniform: bool
    remembered: bool

    def gather(self, tree: Tree, like: Tree, who: str) -> np.ndarray:
        """Copy the leaves of ``tree`` into a new vector, if it has the form of ``like``, which has this layout."""
        arrays: list[np.ndarray] = []
        try:
            self.collect(tree, arrays)
            if [a.shape for a in arrays] == self.shapes and [a.dtype for a in arrays] == self.dtypes:
                return _joined(arrays)
        except (_Unlike, AttributeError):  # AttributeError: something that is no array in an array's place
            pass
        require_alike(who, like, tree, to_the_shape=True)
        raise AssertionError("unreachable: trees that are alike were found to differ")

    def cut(self, vector: np.ndarray) -> Tree:
        """Build the tree whose leaves are read-only views into a vector that the caller gives up."""
        vector.setflags(write=False)
        leaves = [vector[where] if shape is None else vector[where].reshape(shape) for where, shape in self.cuts]
        if not self.uniform:  # leaves of several dtypes share no vector: each becomes an array of its own
            leaves = [read_only(leaf.astype(dtype)) for leaf, dtype in zip(leaves, self.dtypes, strict=True)]
        tree = self.build(leaves)
        if self.remembered:
            # Remembered, not recomputed: a record is frozen and these leaves are read-only, so it stays true.
            tree.__dict__[_VECTOR] = vector, self
        return tree


_VECTOR = "(vector)"  # no field can have this name
_NOTHING: dict = {}


def flat(tree: Tree) -> tuple[np.ndarray, Layout]:
    """Give the leaves of a tree as one read-only vector, and the layout that turns such a vector into such a tree."""
    known = getattr(tree, "__dict__", _NOTHING).get(_VECTOR)
    if known is not None:
        return known
    arrays, _ = take_apart(tree)
    ends = np.cumsum([0] + [array.size for array in arrays]).tolist()
    cuts = [
        (slice(begin, end), None if array.ndim == 1 else array.shape)
        for begin, end, array in zip(ends, ends[1:], arrays, strict=False)
    ]
    vector = read_only(_joined(arrays))
    shapes, dtypes = [array.shape for array in arrays], [array.dtype for array in arrays]
    uniform = all(dtype == vector.dtype for dtype in dtypes)
    remembered = uniform and is_record(tree)
    return vector, Layout(shapes, dtypes, vector.dtype, cuts, _collector(tree), builder(tree), uniform, remembered)


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays, axis=None) if arrays else np.zeros(0, np.float32)
