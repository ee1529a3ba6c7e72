"""A step of an ensemble: each member goes on while its own numbers are finite, whatever becomes of the others.

    differentiated_members : loss, keys, state, batch            -> state, values (n,), gradient
    finite_members         : state, values                       -> values, NaN for members that have diverged
    updated_members        : optimizer, state, values, gradient  -> next state

The last two return None if no member is left. A member that diverges keeps its last good parameters and memory, and has
a loss of NaN from then on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import is_array, is_tuple, ones, read_only
from fnn.core._errors import describe
from fnn.core._flat import all_finite, flat
from fnn.core._structure import Tree
from fnn.core.record import children, is_record, rebuild
from fnn.losses._members import ensemble_value_and_grad
from fnn.networks.ensemble import Ensemble, keys_of
from fnn.optim._memory import owned
from fnn.optim.transform import Transform, update


def no_losses(n: int) -> np.ndarray:
    """Return the loss of each member before the first step."""
    return read_only(np.full(n, np.nan))


def going_on(state: Any) -> np.ndarray | None:
    """Return which members have not diverged in an earlier step, (n,), or None if that are all."""
    loss = state.loss
    if not state.step or not is_array(loss) or loss.dot(ones(len(loss), loss.dtype)) < np.inf:
        return None
    return ~np.isnan(loss)


def differentiated_members(loss: Any, key: Any, state: Any, batch: tuple[Any, ...]) -> tuple[Any, np.ndarray, Tree]:
    """Return the state, the loss of each member, and the gradient."""
    keys = None if key is None else keys_of("train_step", key, state.params.n).at(state.step)
    if going_on(state) is None:
        return state, *ensemble_value_and_grad(loss, state.params, batch, keys)
    with np.errstate(all="ignore"):  # a member that has diverged would do so, and be heard, at each step
        return state, *ensemble_value_and_grad(loss, state.params, batch, keys)


def finite_members(state: Any, values: np.ndarray) -> np.ndarray | None:
    """Return the values, with NaN for members that have diverged, now or before; None if these are all."""
    n = state.params.n
    if np.shape(values) != (n,):
        raise TypeError(
            f"a step of training expects a loss whose value is an array ({n},), a number for each member, "
            f"got {describe(values)}"
        )
    before = going_on(state)
    if before is None and all_finite(values):
        return values
    good = np.isfinite(values) if before is None else np.isfinite(values) & before
    return read_only(np.where(good, values, np.nan)) if good.any() else None


def updated_members(optimizer: Transform, state: Any, values: np.ndarray, gradient: Tree) -> Any:
    """Return the next state, in which members that have diverged are as they were; None if these are all."""
    following = update(optimizer, gradient, state, values)
    if all_finite(values) and all_finite(following.params) and all_finite(following.opt):
        return following
    bad = ~np.isfinite(values)
    _find_bad(following.params, bad)
    _find_bad(following.opt, bad)
    if not bad.any():
        return following
    if bad.all():
        return None
    params, memory = rows_kept(bad, following.params, state.params), rows_kept(bad, following.opt, state.opt)
    loss = read_only(np.where(bad, np.nan, values))
    return owned(optimizer, type(state)(params, memory, following.step, loss))


def _find_bad(tree: Tree, bad: np.ndarray) -> None:
    """Write into ``bad`` which members have a number in a tree that is not finite."""
    if isinstance(tree, Ensemble):
        bad |= ~np.isfinite(flat(tree)[0]).all(axis=1)
    elif is_array(tree):
        if tree.shape[:1] == bad.shape:
            bad |= ~np.isfinite(tree).reshape(len(tree), -1).all(axis=1)
    else:
        for part in children(tree):
            _find_bad(part, bad)


def rows_kept(bad: np.ndarray, new: Tree, old: Tree) -> Tree:
    """Return a tree in which members that are marked are as they were in the old one, and the others as in the new."""
    if isinstance(new, Ensemble):
        (values, layout), (before, _) = flat(new), flat(old)
        wide = values.dtype != layout.dtype
        return layout.cut(np.where(bad[:, None], before, values), wide)
    if is_array(new):
        if new.shape[:1] != bad.shape or new.shape != old.shape:
            return new
        return read_only(np.where(bad.reshape(-1, *[1] * (new.ndim - 1)), old, new))
    if is_record(new) or is_tuple(new):
        parts = zip(children(new), children(old), strict=True)
        return rebuild(new, [rows_kept(bad, *pair) for pair in parts])
    return new
