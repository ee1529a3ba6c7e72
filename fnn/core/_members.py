"""Many trees alike are one tree whose arrays have an axis more, in front; as one array it has a row for each of them.

stack     : trees alike -> one tree               unstack : tree -> a tuple of trees, views
replicate : tree, n -> the same tree n times, a view
flat_rows : tree, n -> array (n, size), layout    such as ``flat`` has for one tree, so that rules serve both
"""

from __future__ import annotations

import functools
from itertools import accumulate, pairwise
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array, read_only
from fnn.core._errors import describe, integer
from fnn.core._flat import Layout, builder, builder_of, take_apart, uses_one_twice
from fnn.core._structure import Tree, Where, chosen, require_alike, require_numpy, walk
from fnn.core.record import is_record


def stack(trees: Any) -> Tree:
    """Return trees alike as one, whose leaves are theirs one behind the other, along a new first axis.

    Raises ``TypeError`` for what are no trees, ``ValueError`` without any, or with the path at which one differs from
    the first in structure, settings, shapes or dtypes.

    >>> stack([(np.array([1.0]),), (np.array([2.0]),)])
    (array([[1.],
           [2.]]),)
    """
    if is_array(trees) or is_record(trees) or not hasattr(trees, "__iter__"):
        raise TypeError(f"tree.stack expects several trees, got {describe(trees)}; write tree.stack([one, other])")
    several: list[Any] = list(trees)
    if not several:
        raise ValueError("tree.stack expects at least one tree, got none")
    first, form = take_apart(several[0])
    rows = [first]
    for place, other in enumerate(several[1:], 1):
        leaves, other_form = take_apart(other)
        if other_form != form:
            caller = f"tree.stack, the first tree and number {place}"
            require_alike(caller, several[0], other, to_the_shape=True)
            raise ValueError(f"{caller}: the trees differ in a setting, {_setting(form, other_form)}")
        rows.append(leaves)
    return builder_of(several[0])([read_only(np.stack(leaves)) for leaves in zip(*rows, strict=True)])


def _setting(form: list[Any], other: list[Any]) -> str:
    ours, theirs = next((a, b) for a, b in zip(form, other, strict=True) if a != b)
    return f"{describe(ours)} against {describe(theirs)}"


def unstack(tree: Tree) -> tuple[Tree, ...]:
    """Return the trees that were stacked: of each leaf its rows, as read-only views.

    Raises ``ValueError`` if the leaves have no first axis of one length, or there is no leaf.

    >>> unstack((np.array([[1.0], [2.0]]),))
    ((array([1.]),), (array([2.]),))
    """
    require_numpy("tree.unstack", tree)
    lengths = [(path, leaf.shape[:1]) for path, leaf in walk(tree)]
    if not lengths:
        raise ValueError("tree.unstack expects arrays, got a tree without any")
    for path, length in lengths:
        if length != lengths[0][1] or not length:
            (first, (*n,)), (other, (*m,)) = lengths[0], (path, length)
            raise ValueError(
                f"tree.unstack expects leaves with a first axis of one length, got {n} at {first or 'the root'}, "
                f"{m} at {other or 'the root'}"
            )
    return rows_of(tree, lengths[0][1][0])


def rows_of(tree: Tree, n: int) -> tuple[Tree, ...]:
    """Return ``n`` trees like one whose leaves have a first axis of n; without leaves, n times the tree."""
    leaves, build = take_apart(tree)[0], builder_of(tree)
    leaves = [leaf.view() for leaf in leaves]
    for leaf in leaves:
        leaf.setflags(write=False)
    return tuple([build([np.asarray(leaf[i, ...]) for leaf in leaves]) for i in range(n)])


def replicate(x: Tree, n: int) -> Tree:
    """Return the same x for each of ``n`` members of an ensemble: every array with an axis of n more, in front.

    ``x`` is an array or a tree, such as ``(x, target)``. It is a read-only view: nothing is copied.

    Raises ``TypeError`` for what is no array or tree of arrays, and unless ``n`` is an integer, ``ValueError`` for an n
    below 1.

    >>> replicate(np.array([1.0, 2.0]), 3)
    array([[1., 2.],
           [1., 2.],
           [1., 2.]])
    """
    n = integer("replicate: n", n)
    leaves, _ = take_apart(x)
    if not leaves:
        raise TypeError(f"replicate expects an array, or a tuple of arrays, got {describe(x)}")
    return builder_of(x)([np.broadcast_to(leaf, (n, *leaf.shape)) for leaf in leaves])


@attrs.frozen(eq=False)
class Rows(Layout):
    """Where the leaves of a tree of n lie in the array (n, size): each in some columns, a row for each of the n."""

    def gather(self, tree: Tree, like: Tree, caller: str) -> np.ndarray:
        """Copy the leaves of ``tree`` into a new array, if it has the form of ``like``, which has this layout."""
        leaves, form = take_apart(tree)
        if form != self.form:
            require_alike(caller, like, tree, to_the_shape=True)
        return _side_by_side(leaves)

    @functools.lru_cache(maxsize=64)  # noqa: B019 (asked at each step of training, with the same layout)
    def mask(self, caller: str, where: Where) -> np.ndarray:
        """Return for each column whether it belongs to a leaf that ``where`` chooses."""
        columns: list[Any] = [piece for piece, _ in self.cuts]
        sizes = [column.stop - column.start for _, column in columns]
        return read_only(np.repeat(chosen(caller, self.paths, where), sizes))


def flat_rows(tree: Tree, n: int, root: str) -> tuple[np.ndarray, Layout]:
    """Return the leaves of a tree of ``n`` as one read-only array (n, size), and the layout to cut it again.

    ``root`` is where the network lies in the tree: paths are those that it has by itself, for ``where`` to choose.
    Raises ``ValueError`` with the path of a leaf whose first axis is not n.
    """
    leaves, form = take_apart(tree)
    paths = [path.removeprefix(root).lstrip(".") for path, _ in walk(tree)]
    for path, leaf in zip(paths, leaves, strict=True):
        if leaf.shape[:1] != (n,):
            raise ValueError(f"an ensemble of {n} expects arrays ({n}, ...), got {leaf.shape} at {path or 'its root'}")
    array = read_only(_side_by_side(leaves) if leaves else np.zeros((n, 0), np.float32))
    ends = pairwise(accumulate((leaf.size // n for leaf in leaves), initial=0))
    dtypes = [leaf.dtype for leaf in leaves]
    uniform = all(dtype == array.dtype for dtype in dtypes)
    cuts: list[Any] = [((_ALL, slice(*pair)), leaf.shape) for pair, leaf in zip(ends, leaves, strict=True)]
    return array, Rows(
        form=form,
        dtype=array.dtype,
        paths=paths,
        cuts=cuts,
        dtypes=None if uniform else dtypes,
        build=builder(tree),
        remembered=uniform and len(leaves) > 0,
        twice=uses_one_twice(tree),
    )


_ALL = slice(None)


def _side_by_side(leaves: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
