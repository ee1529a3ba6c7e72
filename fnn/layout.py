"""A tree as one vector: an update of a whole network is then three array operations, not three for each leaf.

    flat   : tree -> vector, layout            layout.cut    : vector -> tree
    layout : what a tree looks like            layout.gather : tree -> a new vector
    tied   : params, gradient -> gradient, in which a record that is used twice has the sum of both uses

From outside nobody sees the vector: the leaves are read-only views into it. What a tree looks like is found out once
and handed on from state to state, so that a step of training has little left to do. A record that is used twice lies
in the vector once, and is one record again in the tree that is cut from it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import attrs
import numpy as np

from fnn.arrays import read_only
from fnn.records import children, is_record, rebuild
from fnn.structure import Tree, Where, chosen, places, require_alike, take_apart, walk

Build = Callable[[list], Any]
Collect = Callable[[Any, list], None]


class _Unlike(Exception):
    """A tree that does not have the form it should have; turned into an error with the path by the caller."""


def builder(tree: Tree) -> Build:
    """Give the function that builds a tree like this one from the list of its leaves."""
    if _uses_one_twice(tree):
        hollow = _built(repeat(np.zeros(0)), tree, {})  # the tree's own arrays are not to be kept alive
        return lambda leaves: _built(iter(leaves), hollow, {})
    return _builder(tree, 0)[0] or (lambda leaves: tree)


def _uses_one_twice(tree: Tree) -> bool:
    numbers = places(tree)
    return len(set(numbers)) < len(numbers)


def _built(leaves: Iterator, node: Any, made: dict[int, Any]) -> Any:
    """Build a node from leaves, and a record that was built before not again."""
    if isinstance(node, np.ndarray):
        return next(leaves)
    if id(node) not in made:
        parts = children(node)
        made[id(node)] = rebuild(node, [_built(leaves, part, made) for part in parts]) if parts else node
    return made[id(node)]


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
    if make is tuple:
        return lambda leaves: tuple([build(leaves) if build else child for build, child in parts]), end
    if all(isinstance(child, np.ndarray) for child in children(node)):
        return lambda leaves: make(*leaves[begin:end]), end  # a record of arrays alone, such as Dense
    if len(parts) == 1:
        only = parts[0][0]
        return lambda leaves: make(only(leaves)), end  # type: ignore[misc]  # a record of one tree, such as Serial
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
    names, parts = getattr(kind, "__record__", None), [_collector(child) for child in children(node)]
    if not parts:
        return functools.partial(_expect, kind)

    def collect(other: Any, into: list) -> None:
        if type(other) is not kind or (names is None and len(other) != len(parts)):
            raise _Unlike
        others = other if names is None else [getattr(other, name) for name in names]
        for part, child in zip(parts, others):  # noqa: B905 (their lengths are equal)
            part(child, into)

    if names is None:
        return collect
    # The same for the two commonest records, without the loop: it is a twentieth of a small step.
    get = operator.attrgetter(*names)

    def collect_one(other: Any, into: list) -> None:  # a record of one tree, such as Serial
        if type(other) is not kind:
            raise _Unlike
        parts[0](get(other), into)

    def collect_arrays(other: Any, into: list) -> None:  # a record of arrays alone, such as Dense
        if type(other) is not kind:
            raise _Unlike
        into += get(other)

    if len(names) == 1:
        return collect_one
    return collect_arrays if all(isinstance(child, np.ndarray) for child in children(node)) else collect


def _collect_alike(form: list, other: Any, into: list) -> None:
    """Do the same for a tree that uses a record twice, by comparing all of its form."""
    arrays, other_form = take_apart(other)
    if other_form != form:
        raise _Unlike
    into += arrays


def _expect(kind: type, other: Any, into: list) -> None:
    if type(other) is not kind or (kind is tuple and other):
        raise _Unlike


def _append(array: Any, into: list) -> None:
    into.append(array)


def _expect_configuration(other: Any, into: list) -> None:
    if is_record(other) or isinstance(other, np.ndarray | tuple):
        raise _Unlike


@attrs.frozen(eq=False)
class Layout:
    """Where each leaf of a tree lies in the vector of them all, and how the tree is built from them."""

    paths: list[str]
    shapes: list[tuple[int, ...]]
    dtypes: list[np.dtype]
    dtype: np.dtype
    cuts: list[tuple[slice, tuple[int, ...] | None]]
    collect: Collect
    build: Build
    uniform: bool
    remembered: bool
    twice: bool

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

    def mask(self, who: str, where: Where) -> np.ndarray:
        """Tell for each element of the vector whether it belongs to a leaf that ``where`` chooses."""
        return _mask(self, who, where)


@functools.lru_cache(maxsize=64)  # asked at each step of training, with the same layout
def _mask(layout: Layout, who: str, where: Where) -> np.ndarray:
    sizes = [math.prod(shape) for shape in layout.shapes]
    return read_only(np.repeat(chosen(who, layout.paths, where), sizes))


_VECTOR = "(vector)"  # no field can have this name
_NOTHING: dict = {}


def flat(tree: Tree) -> tuple[np.ndarray, Layout]:
    """Give the leaves of a tree as one read-only vector, and the layout that turns such a vector into such a tree."""
    known = getattr(tree, "__dict__", _NOTHING).get(_VECTOR)
    if known is not None:
        return known
    arrays, form = take_apart(tree)
    twice = _uses_one_twice(tree)
    ends = np.cumsum([0] + [array.size for array in arrays]).tolist()
    cuts = [
        (slice(begin, end), None if array.ndim == 1 else array.shape)
        for begin, end, array in zip(ends, ends[1:], arrays, strict=False)
    ]
    vector = read_only(_joined([np.asarray(array) for array in arrays]))  # subclasses, such as matrices, stay out
    shapes, dtypes = [array.shape for array in arrays], [array.dtype for array in arrays]
    uniform = all(dtype == vector.dtype for dtype in dtypes)
    remembered = uniform and is_record(tree) and len(arrays) > 0  # without leaves the tree may be shared
    paths = [path for path, _ in walk(tree)]
    collect = functools.partial(_collect_alike, form) if twice else _collector(tree)
    return vector, Layout(paths, shapes, dtypes, vector.dtype, cuts, collect, builder(tree), uniform, remembered, twice)


def tied(params: Tree, gradient: Tree) -> Tree:
    """Give the gradient in which each record of ``params`` that is used twice has the sum over its uses.

    A network without such a record gets its gradient back as it is.
    """
    known = getattr(params, "__dict__", _NOTHING).get(_VECTOR)
    if known is not None and not known[1].twice:
        return gradient
    numbers = places(params)
    if len(set(numbers)) == len(numbers):
        return gradient
    sums: dict[int, np.ndarray] = {}
    for number, array in zip(numbers, _at_every_place(gradient), strict=True):
        sums[number] = read_only(sums[number] + array) if number in sums else array
    return builder(params)(list(sums.values()))


def _at_every_place(node: Tree) -> Iterator[np.ndarray]:
    if isinstance(node, np.ndarray):
        yield node
    for child in children(node):
        yield from _at_every_place(child)


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays, axis=None) if arrays else np.zeros(0, np.float32)
