"""The formula of attention, softmax(query key' + mask) value by head, and the way back through it.

weigh      : layer, query, key, value by head, ... -> contexts, what else was asked for, pull
by_head    : rows (n time, d), n, time, heads -> (n, heads, time, size), a view
overflowed : contexts, inputs -> whether they are to be computed in a wider dtype
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._arrays import ones
from fnn.layers._attending import Inputs


def weigh(
    layer: Any,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    unseen: np.ndarray | None,
    bias: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None, Callable[..., np.ndarray | None]]:
    """Return each query's context as rows (n queries, heads size), what else the layer is asked for, and a function.

    That function, ``pull(dcontext, dalso, dquery, dkey, dvalue)``, writes gradients into its last three arguments, and
    returns that of the bias. A key may serve several heads: those of a group, side by side.

    Args:
        layer: a record with ``softcap`` and ``also``.
        query: (n, heads, queries, size), each already times the scale.
        key: (n, fewer heads, keys, size).
        value: (n, fewer heads, keys, size of values).
        unseen: what no query may look at.
        bias: what is added to the scores.
    """
    n, heads, queries, size = query.shape
    few, keys, depth = value.shape[1:]
    groups = n, few, heads // few
    grouped = query.reshape(*groups, queries, size)
    with np.errstate(over="ignore", invalid="ignore"):
        products = np.matmul(grouped, key[:, :, None].swapaxes(-1, -2)).reshape(n, heads, queries, keys)
        capped: Any = None
        if layer.softcap is not None:
            if products.dtype.itemsize < 8:  # an overflow must still be seen in the contexts
                np.copyto(products, np.nan, where=np.isinf(products))
            products /= layer.softcap
            capped = np.tanh(products, out=products)
            products = capped * products.dtype.type(layer.softcap)
        scores = products.copy() if layer.also == "products" else products
        if bias is not None:
            scores += bias
        moderate = _moderate(scores)
        if unseen is not None:
            np.copyto(scores, -np.inf, where=unseen)
        also = products if layer.also == "products" else scores.copy() if layer.also == "scores" else None
        weights = _softmax(scores, moderate)
        context = np.empty((n * queries, heads * depth), weights.dtype)
        by_group = weights.reshape(*groups, queries, keys)
        np.matmul(by_group, value[:, :, None], out=by_head(context, n, queries, heads).reshape(*groups, queries, depth))
    if layer.also == "weights":
        also = weights.copy()

    def pull(
        dcontext: np.ndarray, dalso: Any, dquery: np.ndarray, dkey: np.ndarray, dvalue: np.ndarray
    ) -> np.ndarray | None:
        dheads = by_head(dcontext, n, queries, heads).reshape(*groups, queries, depth)
        _summed(by_group.swapaxes(-1, -2), dheads, dvalue)
        dscores = np.matmul(dheads, value[:, :, None].swapaxes(-1, -2)).reshape(n, heads, queries, keys)
        if layer.also == "weights":
            dscores += dalso
        # A softmax pulls back to weights * (dweights - sum(weights * dweights)). That sum over the keys equals the one
        # of context * dcontext over a head's features, which are fewer (Dao et al., 2022); but where one key has all of
        # the weight, only this one leaves exactly 0.
        dscores -= np.einsum("...k,...k->...", weights, dscores)[..., None]
        dscores *= weights
        if layer.also == "scores":
            dscores += dalso if unseen is None else np.where(unseen, np.zeros((), dscores.dtype), dalso)
        dbias = None if bias is None else _as_wide_as(dscores, bias)
        if layer.also == "products":
            dscores += dalso
        if layer.softcap is not None:
            dscores *= 1 - capped * capped
        dgroups = dscores.reshape(*groups, queries, keys)
        np.matmul(dgroups, key[:, :, None], out=dquery.reshape(*groups, queries, size))
        _summed(dgroups.swapaxes(-1, -2), grouped, dkey)
        return dbias

    return context, also, pull


def overflowed(context: np.ndarray, inputs: Inputs) -> bool:
    """Return True if products of queries and keys were too large for a narrow dtype: they may well have a softmax."""
    if context.dtype.itemsize > 4 or np.isfinite(context).all():
        return False
    return all(np.isfinite(each).all() for each in inputs.sources)


def _moderate(scores: np.ndarray) -> bool:
    """Return True if no score is so far from 0 that its exponential, or a sum of them, would overflow or be 0."""
    return scores.size > 0 and np.minimum.reduce(scores, axis=None) > -60 and np.maximum.reduce(scores, axis=None) < 60


def _softmax(scores: np.ndarray, moderate: bool) -> np.ndarray:
    """Replace scores by their softmax, 0 for a query that may look at nothing: its scores are minus infinity.

    Moderate ones need no shift by the largest of each row, which takes as long as the exponentials.
    """
    if not moderate:
        largest = np.maximum.reduce(scores, axis=-1, keepdims=True)
        np.copyto(largest, 0, where=largest == -np.inf)
        scores -= largest
    np.exp(scores, out=scores)
    *queries, keys = scores.shape
    total = scores.reshape(math.prod(queries), keys).dot(ones(keys, scores.dtype))  # of plain rows: twice as fast
    np.copyto(total, 1, where=total == 0)
    scores /= total.reshape(*queries, 1)
    return scores


def _summed(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Put a @ b, summed over the heads of each group, into ``out``."""
    if a.shape[2] == 1:
        np.matmul(a, b, out=out[:, :, None])
    else:
        np.add.reduce(np.matmul(a, b), axis=2, out=out)


def _as_wide_as(dscores: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the sum over the axes along which a bias was repeated."""
    ahead = dscores.ndim - bias.ndim
    axes = [axis for axis in range(dscores.ndim) if axis < ahead or bias.shape[axis - ahead] != dscores.shape[axis]]
    return dscores.sum(axis=tuple(axes), keepdims=True).reshape(bias.shape) if axes else dscores.copy()


def by_head(rows: np.ndarray, n: int, time: int, heads: int) -> np.ndarray:
    """View rows (n time, d) as (n, heads, time, size). BLAS reads and writes such a view, so that nothing is copied."""
    return rows.reshape(n, time, heads, rows.shape[1] // heads).swapaxes(1, 2)
