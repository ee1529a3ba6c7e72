"""A transform on some leaves alone, and another on the rest: a learning rate, a decay or a rule for each group.

masked : where, transform, otherwise? -> transform

The leaves of a group lie together in a vector of their own, so that what looks at all of them, such as the norm of a
gradient, looks at the group, and what is remembered is of the group. Paths are those of the whole network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import compress
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe
from fnn.core._flat import FLAT, Layout, flat, take_apart
from fnn.core._structure import Tree, Where, chosen, lies_in, require_where
from fnn.core.record import children, rebuild
from fnn.optim.transform import Chosen, Flat, Lifted, Masked, Transform, hold, over_trees, require_optimizer


def masked(where: Where, transform: Transform, otherwise: Transform | None = None) -> Transform:
    """Apply a transform to the leaves that ``where`` chooses, and ``otherwise`` to all others.

    Without ``otherwise`` the gradient of the others stays what it is, for what comes next in a chain. So several groups
    are several of them, one in the other or one after the other; what no group takes goes on as it came, and if there
    is no ``descend`` behind, that is uphill: give the rest an ``otherwise``, or ``freeze`` it.

        adam with a tenth of the rate below the head, where biases do not decay:
            masked("layers[0]", adam(1e-4), otherwise=adamw(1e-3, where=is_weight))

    Args:
        where: a path with all that lies below it, a tuple of paths, or a function of a path.
        transform: for these leaves, whose gradient's norm is their own. One of your own is given the chosen leaves as
            the tuple of a record.
        otherwise: for the other leaves.

    Optax's masked and multi_transform. Raises ``TypeError`` for another ``where`` or what is no transform, and
    ``ValueError``, when it is given the parameters, if ``where`` chooses nothing, or nothing is left for ``otherwise``.

    >>> from fnn import Dense, sgd
    >>> net = Dense(np.ones((1, 1)), np.ones(1))
    >>> optimizer = masked("bias", sgd(1.0), otherwise=sgd(0.1))
    >>> updates, _ = optimizer.update(net, optimizer.init(net), net, 0)
    >>> updates.weight, updates.bias
    (array([[-0.1]]), array([-1.]))
    """
    require_where("masked", where, 'masked("layers[0]", adam(1e-3))')
    require_optimizer("masked", transform)
    groups: tuple[tuple[Where, Transform], ...] = ((where, transform),)
    if otherwise is not None:
        require_optimizer("masked", otherwise, "a transform as otherwise, say adam(1e-3)")
        groups += ((_Others(where), otherwise),)
    frozen = tuple([_Both(group, held) for group, each in groups for held in getattr(each.update, "frozen", ())])
    init = functools.partial(_init_groups, tuple([(group, each.init) for group, each in groups]))
    rule = functools.partial(_in_groups, tuple([(group, each.update) for group, each in groups]))
    return Transform(init, Lifted(rule, frozen))


@attrs.frozen
class _Others:
    """All paths that ``where`` does not choose."""

    where: Where

    def __call__(self, path: str) -> bool:
        return not lies_in(path, self.where)


@attrs.frozen
class _Both:
    """The paths that two choose: what is frozen in a group is frozen there alone."""

    group: Where
    where: Where

    def __call__(self, path: str) -> bool:
        return lies_in(path, self.group) and lies_in(path, self.where)


def _init_groups(groups: tuple[tuple[Where, Callable[[Tree], Any]], ...], params: Tree) -> Masked:
    network = children(params)[0] if type(params) in FLAT else params
    paths = list(network.paths) if isinstance(network, Chosen) else flat(params)[1].paths
    return Masked(tuple([init(_part(params, paths, _which(paths, where))) for where, init in groups]))


def _which(paths: list[str], where: Where) -> list[bool]:
    if isinstance(where, _Others) and all(lies_in(path, where.where) for path in paths):
        raise ValueError(
            f"masked: {describe(where.where)} chooses every leaf, which leaves none for otherwise; there are "
            f"{', '.join(paths[:6])}"
        )
    return chosen("masked", paths, where)


def _part(params: Tree, paths: list[str], which: list[bool]) -> Tree:
    """Return the chosen leaves as a tree; of an ensemble, as the network of one."""
    part = Chosen(tuple(compress(take_apart(params)[0], which)), tuple(compress(paths, which)))
    return rebuild(params, [part, *children(params)[1:]]) if type(params) in FLAT else part


@attrs.frozen(eq=False)
class _Group:
    """Where the leaves of a group lie in the vector of all, in pieces, and the layout of their own."""

    pieces: list[slice]
    layout: Layout

    def take(self, vector: np.ndarray) -> np.ndarray:
        """Return their part of a vector: a view, if they lie side by side."""
        if len(self.pieces) == 1:
            return vector[..., self.pieces[0]]
        return np.concatenate([vector[..., piece] for piece in self.pieces], axis=-1)

    def put(self, part: np.ndarray, vector: np.ndarray) -> None:
        """Write their part into a vector."""
        begin = 0
        for piece in self.pieces:
            end = begin + piece.stop - piece.start
            vector[..., piece] = part[..., begin:end]
            begin = end


@functools.lru_cache(maxsize=64)
def _group(layout: Layout, where: Where, shape: tuple[int, ...]) -> _Group:
    which = _which(layout.paths, where)
    tree = _part(layout.cut(np.zeros(shape, layout.dtype)), layout.paths, which)
    own = attrs.evolve(flat(tree)[1], paths=list(compress(layout.paths, which)))
    ends: list[tuple[int, int]] = []
    cuts: Any = layout.cuts  # those of an ensemble are of both axes
    for cut, _ in compress(cuts, which):
        columns: Any = cut[-1] if is_tuple(cut) else cut
        begin = ends.pop()[0] if ends and ends[-1][1] == columns.start else columns.start
        ends.append((begin, columns.stop))
    pieces = [slice(*each) for each in ends]
    return _Group(pieces, own)


def _in_groups(
    groups: tuple[tuple[Where, Callable[..., Any]], ...], g: np.ndarray, state: Masked, params: Flat, step: int
) -> tuple[np.ndarray, Masked]:
    values, layout = params
    memories: list[Any] = []
    for (where, update), memory in zip(groups, state.groups, strict=True):
        group = _group(layout, where, values.shape)
        gradient, own = group.take(g), group.take(values)
        updates, memory = _updated(update, gradient, memory, (own, group.layout), step)
        memories.append(memory)
        group.put(updates, g)
    return g, Masked(tuple(memories))


def _updated(update: Callable[..., Any], g: np.ndarray, memory: Any, params: Flat, step: int) -> tuple[np.ndarray, Any]:
    """Update a group: by a rule on its vector, or, for a transform of your own, by a function on its tree."""
    values, layout = params
    if isinstance(update, Lifted):
        vectors = over_trees(lambda tree: flat(tree)[0], memory)
        updates, memory = update.rule(g, vectors, params, step)
        if update.frozen:
            hold(update.frozen, updates, layout)
        return updates, over_trees(layout.cut_wide, memory)
    own = layout.cut(values.astype(layout.dtype))
    updates, memory = update(layout.cut(g.astype(layout.dtype)), memory, own, step)
    return layout.gather(updates, own, "masked: parameters and updates"), memory
