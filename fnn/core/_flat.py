"""A tree as one vector: an update of a whole network is then three array operations, not three for each leaf.

    flat       : tree -> vector, layout        layout.gather : a tree like it -> a new vector
    take_apart : tree -> leaves, form          layout.cut    : vector -> tree
    builder    : tree -> (leaves -> tree)
    tied       : params, gradient -> gradient, in which a record that is used twice has the sum of its uses

From outside nobody sees the vector: the leaves are read-only views into it. What a tree looks like is found out once
and handed on from state to state, so that a step of training has little left to do. A record that is used twice lies
in the vector once, and is one record again in the tree that is cut from it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise, repeat
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array, is_tuple, ones, read_only
from fnn.core._foreign import conversion
from fnn.core._structure import Tree, Where, chosen, places, require_alike, require_numpy, uses_one_twice, walk
from fnn.core.record import Record, children, rebuild

Build = Callable[[list[Any]], Any]
Form = list[Any]


def take_apart(tree: Tree) -> tuple[list[np.ndarray], Form]:
    """Return the leaves, and the form: all the rest of a tree, as a list that compares with another tree's.

    Both may be remembered by the tree: do not write to them.
    """
    known = getattr(tree, _PARTS, None)
    if known is not None:
        return known
    leaves: list[np.ndarray] = []
    form: Form = []
    _collect(tree, leaves, form, {}, tree)
    return leaves, form


def _collect(node: Any, leaves: list[np.ndarray], form: Form, seen: dict[Any, int], tree: Tree) -> None:
    if isinstance(node, Record):
        if node in seen:  # a record is equal to itself alone
            form.append(("the record whose first leaf is", seen[node]))
            return
        begin = len(leaves)
        form.append(type(node))
        for name in node.__record__:
            child = getattr(node, name)
            if child.__class__ is np.ndarray:  # most are leaves, and a call costs more than what is to do
                leaves.append(child)
                form += (child.shape, child.dtype)
            else:
                _collect(child, leaves, form, seen, tree)
        if len(leaves) > begin:
            seen[node] = begin
    elif node.__class__ is tuple or is_tuple(node):
        form.append(len(node))
        for child in node:
            _collect(child, leaves, form, seen, tree)
    elif is_array(node):
        leaves.append(node)
        form += (node.shape, node.dtype)
    else:
        if conversion(node, ""):
            require_numpy("tree", tree)  # which raises with the path
        form.append(node)


def has_leaves(node: Tree) -> bool:
    """Return True if there is an array anywhere in a tree."""
    if not isinstance(node, Record):
        return is_array(node) or any(map(has_leaves, children(node)))
    # Asked at every step: a generator, or a call for each array, would cost more than the answer.
    for name in node.__record__:
        child = getattr(node, name)
        if child.__class__ is np.ndarray or has_leaves(child):
            return True
    return False


def builder(tree: Tree) -> Build:
    """Return the function that builds a tree like this one from the list of its leaves."""
    if uses_one_twice(tree):
        hollow = _built(repeat(np.zeros(0)), tree, {})  # so that the tree's own arrays are not kept alive
        return lambda leaves: _built(iter(leaves), hollow, {})
    return _builder(tree, 0)[0] or (lambda leaves: tree)


def builder_of(tree: Tree) -> Build:
    """Return the builder of a tree, which a tree that was built by one remembers: to find it costs ten times as much.

    It stays true: a record is frozen, and its builder reads no array of it.
    """
    known = getattr(tree, _VECTOR, None)
    return known[1].build if known else getattr(tree, _BUILD, None) or builder(tree)


def rebuilt_like(tree: Tree, leaves: list[Any]) -> Tree:
    """Build a tree like another one from the list of its leaves; it remembers how, and what it consists of."""
    build = builder_of(tree)
    built = build(leaves)
    before, form = take_apart(tree)
    if before and isinstance(built, Record) and all(map(is_array, leaves)):
        built.__dict__[_BUILD] = build
        if all(map(_alike, leaves, before)):
            built.__dict__[_PARTS] = leaves, form
    return built


def _alike(leaf: np.ndarray, other: np.ndarray) -> bool:
    return leaf.shape == other.shape and leaf.dtype == other.dtype


def _built(leaves: Iterator[Any], node: Any, made: dict[int, Any]) -> Any:
    """Build a node from leaves; a record that was built before is that one again."""
    if is_array(node):
        return next(leaves)
    if id(node) in made:
        return made[id(node)]
    parts = children(node)
    built = rebuild(node, [_built(leaves, part, made) for part in parts]) if parts else node
    if isinstance(node, Record):
        made[id(node)] = built
    return built


def _builder(node: Any, begin: int) -> tuple[Build | None, int]:
    """Return the builder of a node whose first leaf has the number ``begin``, and the number after its last."""
    if is_array(node):
        return operator.itemgetter(begin), begin + 1
    parts: list[tuple[Build | None, Any]] = []
    end = begin
    for child in children(node):
        build, end = _builder(child, end)
        parts.append((build, None if build else child))
    if end == begin:
        return None, end  # nothing below is a parameter: the node itself serves in every tree
    make = node.__class__
    if make is tuple:
        return lambda leaves: tuple([build(leaves) if build else child for build, child in parts]), end
    # A step builds three trees and more, so the commonest records have a shorter way.
    if all(map(is_array, children(node))):
        return lambda leaves: make(*leaves[begin:end]), end  # such as Dense
    if len(parts) == 1:
        only: Any = parts[0][0]
        return lambda leaves: make(only(leaves)), end  # such as Serial
    return lambda leaves: make(*[build(leaves) if build else child for build, child in parts]), end


@attrs.frozen(eq=False)
class Layout:
    """Where each leaf of a tree lies in the vector of them all, and how the tree is built from them."""

    form: Form
    dtype: np.dtype[Any]
    paths: list[str]
    cuts: list[tuple[slice, tuple[int, ...] | None]]  # without a shape where it is the slice's own
    dtypes: list[np.dtype[Any]] | None  # of the leaves, where one is not the vector's
    build: Build
    remembered: bool
    twice: bool

    def gather(self, tree: Tree, like: Tree, caller: str) -> np.ndarray:
        """Copy the leaves of ``tree`` into a new vector, if it has the form of ``like``, which has this layout."""
        leaves, form = take_apart(tree)
        if form != self.form:  # perhaps in its settings alone, which no vector holds
            require_alike(caller, like, tree, to_the_shape=True)
        return _joined(leaves)

    def cut(self, vector: np.ndarray, wide: bool = False) -> Tree:
        """Build the tree whose leaves are read-only views into a vector that the caller gives up.

        With ``wide`` no leaf is of less than float32: for sums and means over steps, which vanish in a narrow dtype.
        """
        vector.setflags(write=False)
        leaves = [vector[where] if shape is None else vector[where].reshape(shape) for where, shape in self.cuts]
        if self.dtypes:  # leaves of several dtypes share no vector: each becomes an array of its own
            dtypes = map(widened, self.dtypes) if wide else self.dtypes
            leaves = [read_only(leaf.astype(dtype)) for leaf, dtype in zip(leaves, dtypes, strict=True)]
        tree = self.build(leaves)
        if self.remembered:
            # Remembered, not recomputed: a record is frozen and these leaves are read-only, so it stays true.
            tree.__dict__[_VECTOR] = vector, self
            if vector.dtype == self.dtype:
                tree.__dict__[_PARTS] = leaves, self.form
        return tree

    def cut_wide(self, vector: np.ndarray) -> Tree:
        """Build the tree of what is remembered over steps, for which see ``cut``."""
        return self.cut(vector, wide=True)

    @functools.lru_cache(maxsize=64)  # noqa: B019 (asked at each step of training, with the same layout)
    def mask(self, caller: str, where: Where) -> np.ndarray:
        """Return for each element of the vector whether it belongs to a leaf that ``where`` chooses."""
        sizes = [piece.stop - piece.start for piece, _ in self.cuts]
        return read_only(np.repeat(chosen(caller, self.paths, where), sizes))


_VECTOR, _BUILD, _PARTS = "(vector)", "(build)", "(parts)"  # no field can have these names
# Of a tree that is many in one: its type, and what makes of it an array (n, size), a vector for each.
FLAT: dict[type, Callable[[Any], tuple[np.ndarray, Layout]]] = {}


def flat(tree: Tree) -> tuple[np.ndarray, Layout]:
    """Return the leaves of a tree as one read-only vector, and the layout that turns such a vector into such a tree."""
    known = getattr(tree, _VECTOR, None)
    if known is not None:
        return known
    if type(tree) in FLAT:
        return FLAT[type(tree)](tree)
    leaves, form = take_apart(tree)
    vector = read_only(_joined([np.asarray(leaf) for leaf in leaves]))  # subclasses, such as matrices, stay out
    ends = pairwise(accumulate((leaf.size for leaf in leaves), initial=0))
    dtypes = [leaf.dtype for leaf in leaves]
    uniform = all(dtype == vector.dtype for dtype in dtypes)
    return vector, Layout(
        form=form,
        dtype=vector.dtype,
        paths=[path for path, _ in walk(tree)],
        cuts=[(slice(*pair), None if leaf.ndim == 1 else leaf.shape) for pair, leaf in zip(ends, leaves, strict=True)],
        dtypes=None if uniform else dtypes,
        build=builder(tree),
        remembered=uniform and isinstance(tree, Record) and len(leaves) > 0,  # without leaves the tree may be shared
        twice=uses_one_twice(tree),
    )


def tied(params: Tree, gradient: Tree) -> Tree:
    """Return the gradient in which each record of ``params`` that is used twice has the sum over its uses.

    A network without such a record gets its gradient back as it is.
    """
    known = getattr(params, _VECTOR, None)
    if not (known[1].twice if known else uses_one_twice(params)):
        return gradient
    sums: dict[Any, np.ndarray] = {}
    for (address, _), (_, leaf) in zip(places(params), places(gradient), strict=True):
        sums[address] = read_only(sums[address] + leaf) if address in sums else leaf
    return builder(params)(list(sums.values()))


def all_finite(tree: Tree) -> bool:
    """Return True if no leaf holds a NaN or an infinity.

    >>> all_finite((np.ones(2),)), all_finite((np.array([np.inf]),))
    (True, False)
    """
    if tree.__class__ is tuple:  # often an empty one, and asked at each step
        for part in tree:  # noqa: SIM110
            if not all_finite(part):
                return False
        return True
    known = getattr(tree, _VECTOR, None)
    if known is not None or type(tree) in FLAT:
        vector = flat(tree)[0]
        vector = vector if vector.ndim == 1 else vector.reshape(-1)  # of many in one, which lie in memory as one vector
    elif isinstance(tree, Record):
        return all([all_finite(getattr(tree, name)) for name in tree.__record__])  # noqa: C419 (a generator is slower)
    elif is_array(tree):
        vector = np.reshape(tree, -1)
    else:
        return all(map(all_finite, children(tree)))
    # A product with ones is one sweep without a temporary. It can overflow where no element did: then look at each.
    return math.isfinite(vector.dot(ones(vector.size, vector.dtype))) or bool(np.isfinite(vector).all())


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype of floats, or float32 in place of a narrower one.

    >>> widened(np.dtype(np.float16)), widened(np.dtype(np.float64))
    (dtype('float32'), dtype('float64'))
    """
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _joined(leaves: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(leaves, axis=None) if leaves else np.zeros(0, np.float32)
