"""A tree as one vector: an update of a whole network is then three array operations, not three for each leaf.

    flat       : tree -> vector, layout        layout.gather : a tree like it -> a new vector
    take_apart : tree -> leaves, form          layout.cut    : vector -> tree
    builder    : tree -> (leaves -> tree)
    tied       : params, gradient -> gradient, in which a record that is used twice has the sum of both uses

From outside nobody sees the vector: the leaves are read-only views into it. What a tree looks like is found out once
and handed on from state to state, so that a step of training has little left to do. A record that is used twice lies
in the vector once, and is one record again in the tree that is cut from it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import read_only
from fnn.core._structure import Tree, Where, chosen, require_alike, walk
from fnn.core.record import Record, children, rebuild

Build = Callable[[list[Any]], Any]
Form = list[Any]


def take_apart(tree: Tree) -> tuple[list[np.ndarray], Form]:
    """Return the leaves, and the form: all the rest of a tree, as a list that compares with another tree's."""
    leaves: list[np.ndarray] = []
    form: Form = []
    _collect(tree, leaves, form, {})
    return leaves, form


def _collect(node: Any, leaves: list[np.ndarray], form: Form, seen: dict[int, int]) -> None:
    if isinstance(node, Record):
        if id(node) in seen:
            form.append(("the record whose first leaf is", seen[id(node)]))
            return
        begin = len(leaves)
        form.append(type(node))
        for name in node.__record__:
            child = getattr(node, name)
            if type(child) is np.ndarray:  # most are leaves, and a call costs more than what is to do
                leaves.append(child)
                form += (child.shape, child.dtype)
            else:
                _collect(child, leaves, form, seen)
        if len(leaves) > begin:
            seen[id(node)] = begin
    elif isinstance(node, np.ndarray):
        leaves.append(node)
        form += (node.shape, node.dtype)
    elif isinstance(node, tuple):
        form.append(len(node))
        for child in node:
            _collect(child, leaves, form, seen)
    else:
        form.append(node)


def has_leaves(node: Tree) -> bool:
    """Return True if there is an array anywhere in a tree."""
    if not isinstance(node, Record):
        return isinstance(node, np.ndarray) or (isinstance(node, tuple) and any(map(has_leaves, node)))
    for name in node.__record__:  # noqa: SIM110 (asked at every step of training, and a generator costs more than the answer)
        if has_leaves(getattr(node, name)):
            return True
    return False


def places(tree: Tree) -> list[int]:
    """Return the number of the leaf at each place; the leaves of a record that is used twice are at two.

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
            if isinstance(node, Record):
                seen[id(node)] = numbers[begin:]

    visit(tree)
    return numbers


def _uses_one_twice(tree: Tree) -> bool:
    numbers = places(tree)
    return len(set(numbers)) < len(numbers)


def builder(tree: Tree) -> Build:
    """Return the function that builds a tree like this one from the list of its leaves."""
    if _uses_one_twice(tree):
        hollow = _built(repeat(np.zeros(0)), tree, {})  # the tree's own arrays are not to be kept alive
        return lambda leaves: _built(iter(leaves), hollow, {})
    return _builder(tree, 0)[0] or (lambda leaves: tree)


def _built(leaves: Iterator[Any], node: Any, made: dict[int, Any]) -> Any:
    """Build a node from leaves, and a record that was built before not again."""
    if isinstance(node, np.ndarray):
        return next(leaves)
    if id(node) not in made:
        parts = children(node)
        made[id(node)] = rebuild(node, [_built(leaves, part, made) for part in parts]) if parts else node
    return made[id(node)]


def _builder(node: Any, begin: int) -> tuple[Build | None, int]:
    """Return the builder of a node whose first leaf has the number ``begin``, and the number after its last."""
    if isinstance(node, np.ndarray):
        return operator.itemgetter(begin), begin + 1
    parts: list[tuple[Build | None, Any]] = []
    end = begin
    for child in children(node):
        build, end = _builder(child, end)
        parts.append((build, None if build else child))
    if end == begin:
        return None, end  # nothing below is a parameter: the node itself serves in every tree
    make = type(node)
    if make is tuple:
        return lambda leaves: tuple([build(leaves) if build else child for build, child in parts]), end
    if all(isinstance(child, np.ndarray) for child in children(node)):
        return lambda leaves: make(*leaves[begin:end]), end  # a record of arrays alone, such as Dense
    if len(parts) == 1:
        only: Any = parts[0][0]
        return lambda leaves: make(only(leaves)), end  # a record of one tree, such as Serial
    return lambda leaves: make(*[build(leaves) if build else child for build, child in parts]), end


@attrs.frozen(eq=False)
class Layout:
    """Where each leaf of a tree lies in the vector of them all, and how the tree is built from them."""

    form: Form
    paths: list[str]
    shapes: list[tuple[int, ...]]
    dtypes: list[np.dtype]
    dtype: np.dtype
    cuts: list[tuple[slice, tuple[int, ...] | None]]
    build: Build
    uniform: bool
    remembered: bool
    twice: bool

    def gather(self, tree: Tree, like: Tree, caller: str) -> np.ndarray:
        """Copy the leaves of ``tree`` into a new vector, if it has the form of ``like``, which has this layout."""
        leaves, form = take_apart(tree)
        if form != self.form:  # perhaps in its settings alone, which no vector holds
            require_alike(caller, like, tree, to_the_shape=True)
        return _joined(leaves)

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

    def mask(self, caller: str, where: Where) -> np.ndarray:
        """Return for each element of the vector whether it belongs to a leaf that ``where`` chooses."""
        return _mask(self, caller, where)


@functools.lru_cache(maxsize=64)  # asked at each step of training, with the same layout
def _mask(layout: Layout, caller: str, where: Where) -> np.ndarray:
    sizes = [math.prod(shape) for shape in layout.shapes]
    return read_only(np.repeat(chosen(caller, layout.paths, where), sizes))


_VECTOR = "(vector)"  # no field can have this name
_NOTHING: dict[str, Any] = {}


def flat(tree: Tree) -> tuple[np.ndarray, Layout]:
    """Return the leaves of a tree as one read-only vector, and the layout that turns such a vector into such a tree."""
    known = getattr(tree, "__dict__", _NOTHING).get(_VECTOR)
    if known is not None:
        return known
    leaves, form = take_apart(tree)
    ends = np.cumsum([0] + [leaf.size for leaf in leaves]).tolist()
    cuts = [
        (slice(begin, end), None if leaf.ndim == 1 else leaf.shape)
        for begin, end, leaf in zip(ends, ends[1:], leaves, strict=False)
    ]
    vector = read_only(_joined([np.asarray(leaf) for leaf in leaves]))  # subclasses, such as matrices, stay out
    dtypes = [leaf.dtype for leaf in leaves]
    uniform = all(dtype == vector.dtype for dtype in dtypes)
    return vector, Layout(
        form=form,
        paths=[path for path, _ in walk(tree)],
        shapes=[leaf.shape for leaf in leaves],
        dtypes=dtypes,
        dtype=vector.dtype,
        cuts=cuts,
        build=builder(tree),
        uniform=uniform,
        remembered=uniform and isinstance(tree, Record) and len(leaves) > 0,  # without leaves the tree may be shared
        twice=_uses_one_twice(tree),
    )


def tied(params: Tree, gradient: Tree) -> Tree:
    """Return the gradient in which each record of ``params`` that is used twice has the sum over its uses.

    A network without such a record gets its gradient back as it is.
    """
    known = getattr(params, "__dict__", _NOTHING).get(_VECTOR)
    if known is not None and not known[1].twice:
        return gradient
    numbers = places(params)
    if len(set(numbers)) == len(numbers):
        return gradient
    sums: dict[int, np.ndarray] = {}
    for number, leaf in zip(numbers, _at_every_place(gradient), strict=True):
        sums[number] = read_only(sums[number] + leaf) if number in sums else leaf
    return builder(params)(list(sums.values()))


def _at_every_place(node: Tree) -> Iterator[np.ndarray]:
    if isinstance(node, np.ndarray):
        yield node
    for child in children(node):
        yield from _at_every_place(child)


def all_finite(tree: Tree) -> bool:
    """Return True if no leaf holds a NaN or an infinity.

    >>> all_finite((np.ones(2),)), all_finite((np.array([np.inf]),))
    (True, False)
    """
    vector, _ = flat(tree)
    # A sum of squares is one sweep without a temporary. It can overflow where no element did: then look at each.
    return math.isfinite(vector.dot(vector)) or bool(np.isfinite(vector).all())


def _joined(leaves: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(leaves, axis=None) if leaves else np.zeros(0, np.float32)
