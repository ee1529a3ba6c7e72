"""Attention lets each step of a sequence look at the others and take from each as much as fits what it looks for.

    attention : heads -> constructor          Attention : x (n, time, d) -> y, of the same shape; (x, lengths) -> (y, lengths)

Each step asks with a query, offers a key and holds a value, all three products of x. A query takes the mean of the
values, weighted by how well their keys fit: softmax(query key' / sqrt(size)) value. This is done in several heads side
by side, each on a slice of ``size = d / heads`` features, and the heads together are projected once more (Vaswani et
al., 2017). The order of the steps plays no part in it: that is what ``positional`` is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import counting, ones, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import apart, blank, within
from fnn.layers._stable import softmax
from fnn.layers.initializers import glorot_uniform, zeros


class Attention(Record):
    """Multi-head self-attention: PyTorch's ``MultiheadAttention`` with its weights transposed.

    ``weight`` (d, 3 d) and ``bias`` (3 d,) give queries, keys and values side by side, in each of them the heads side
    by side; ``output_weight`` (d, d) and ``output_bias`` (d,) project what the heads found. With ``causal`` a step
    looks at itself and at those before it alone. With lengths (n,), from 1 to time, nobody looks beyond a row's length,
    and y is 0 there.
    """

    weight: np.ndarray
    bias: np.ndarray
    output_weight: np.ndarray
    output_bias: np.ndarray
    heads: int
    causal: bool = False


@vjp.register
def attention_vjp(layer: Attention, x, key=None):
    x, lengths, _, parts = apart("attention", x)
    if parts == 3:
        raise LayerTypeError("attention", "expects x or the pair (x, lengths), got a tuple of 3")
    mask = None
    if layer.causal:  # whoever does not look ahead does not look beyond the length either
        mask = _causal_mask(x.shape[1], 0, x.dtype)
    elif lengths is not None:
        mask = _score_mask(within(lengths, x.shape[1])[:, None, None, :], x.dtype)
    # Whatever lies beyond the lengths, be it NaN, is left out at the door, both ways.
    y, pullback = _attend(layer, blank(x, lengths), mask)
    if lengths is None:
        return y, pullback

    def attention_of_pair_pullback(dy):
        dlayer, dx = pullback(blank(dy[0], lengths))
        return dlayer, lambda: (dx(), np.zeros(lengths.shape, x.dtype))

    return (blank(y, lengths), lengths), attention_of_pair_pullback


def look_back(layer: Attention, x: np.ndarray, before: tuple | None) -> tuple[np.ndarray, tuple]:
    """Attend from the next steps of a causal attention: give y, and the keys and values so far.

    ``before`` is what the last call gave, keys and values (n, heads, steps, size), or None at the start.
    """
    _, query, key, value = _project(layer, x)
    before = (key[:, :, :0], value[:, :, :0]) if before is None else before
    n, heads, _, size = key.shape
    shapes = [np.shape(each) for each in before] if isinstance(before, tuple) else []
    earlier = shapes[0][2] if shapes and len(shapes[0]) == 4 else 0
    if shapes != [(n, heads, earlier, size)] * 2:
        raise LayerValueError("attention", f"expects the state that advance gave, got {describe(before)}")
    key, value = np.concatenate([before[0], key], axis=2), np.concatenate([before[1], value], axis=2)
    _, found = _look(query, key, value, _causal_mask(x.shape[1], earlier, x.dtype))
    y = found.dot(layer.output_weight)
    y += layer.output_bias
    return y.reshape(x.shape), (key, value)


def _attend(layer: Attention, x: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, Callable]:
    """Let each step look at all, after ``mask`` has been added to the scores (n, heads, time, time)."""
    n, time, width = x.shape
    size = width // layer.heads
    rows = x.reshape(n * time, width)
    joint, query, key, value = _project(layer, x)
    share, found = _look(query, key, value, mask)
    y = found.dot(layer.output_weight)
    y += layer.output_bias

    def attention_pullback(dy):
        dy = dy.reshape(n * time, width)
        dfound = dy.dot(layer.output_weight.T)
        djoint = np.empty(joint.shape, dfound.dtype)
        dquery, dkey, dvalue = _thirds(djoint, x.shape, layer.heads)
        dheads = _by_head(dfound, x.shape, layer.heads)
        np.matmul(share.swapaxes(-1, -2), dheads, out=dvalue)
        dscores = np.matmul(dheads, value.swapaxes(-1, -2))
        # A softmax pulls back to share * (dshare - sum(share * dshare)), and that sum over the steps looked at equals
        # the one of found * dfound over a head's features, which are fewer (Dao et al., 2022).
        dscores -= _by_head(dfound * found, x.shape, layer.heads).dot(ones(size, dfound.dtype))[..., None]
        dscores *= share
        np.matmul(dscores, key, out=dquery)
        dquery *= 1 / math.sqrt(size)
        np.matmul(dscores.swapaxes(-1, -2), query, out=dkey)
        total = ones(n * time, dy.dtype)
        dlayer = Attention(
            read_only(rows.T.dot(djoint)),
            read_only(total.dot(djoint)),
            read_only(found.T.dot(dy)),
            read_only(total.dot(dy)),
            layer.heads,
            layer.causal,
        )
        return dlayer, lambda: djoint.dot(layer.weight.T).reshape(x.shape)

    return y.reshape(x.shape), attention_pullback


def _project(layer: Attention, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give queries, keys and values side by side, (n time, 3 d), and each of them by head; queries over sqrt(size)."""
    n, time, width = x.shape
    needed = layer.output_bias.size
    shapes = [each.shape for each in (layer.weight, layer.bias, layer.output_weight)]
    if shapes != [(needed, 3 * needed), (3 * needed,), (needed, needed)] or needed % layer.heads:
        wanted = f"weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the {layer.heads} heads"
        raise LayerValueError("attention", f"expects {wanted}, got {shapes} and {layer.output_bias.shape}")
    if width != needed:
        raise LayerValueError("attention", f"expects sequences (n, time, {needed}), got {x.shape}")
    joint = x.reshape(n * time, width).dot(layer.weight)
    joint += layer.bias
    query, key, value = _thirds(joint, x.shape, layer.heads)
    query *= 1 / math.sqrt(width // layer.heads)  # rather than the scores, which are more
    return joint, query, key, value


def _look(query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: np.ndarray | None) -> tuple:
    """Give the share (n, heads, queries, keys) of each key in what a query finds, and that as rows (n time, d)."""
    n, heads, time, size = query.shape
    share = np.matmul(query, key.swapaxes(-1, -2))
    if mask is not None:
        share += mask
    softmax(share, out=share)
    found = np.empty((n * time, heads * size), share.dtype)
    np.matmul(share, value, out=_by_head(found, (n, time, heads * size), heads))
    return share, found


def _by_head(rows: np.ndarray, shape: tuple, heads: int) -> np.ndarray:
    """View rows (n time, d) as (n, heads, time, size). BLAS reads and writes such a view, so that nothing is copied."""
    n, time, width = shape
    return rows.reshape(n, time, heads, width // heads).swapaxes(1, 2)


def _thirds(joint: np.ndarray, shape: tuple, heads: int) -> np.ndarray:
    """View rows (n time, 3 d) as queries, keys and values, each of them by head."""
    n, time, width = shape
    return joint.reshape(n, time, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)


def _causal_mask(time: int, earlier: int, dtype: np.dtype) -> np.ndarray:
    """Let each of ``time`` steps see itself and those before it, of which ``earlier`` came before them all."""
    return _score_mask(counting(earlier + time) <= earlier + counting(time)[:, None], dtype)


def _score_mask(seen: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Give what to add to a score: nothing where the key is seen, else so much that nothing is left of its exponential.

    Minus infinity would do it too, until it meets another. A quarter of the range leaves room for any score.
    """
    return np.where(seen, 0, np.finfo(dtype).min / 4).astype(dtype)


@constructor
def attention(heads: int, causal: bool = False) -> Construct:
    """Make a self-attention of ``heads`` heads; its width d, which they share out, comes from the data.

    With ``causal`` no step looks ahead, as in a model that is to continue a text. The weights of queries, keys, values
    and output are each drawn by ``glorot_uniform``, for (d, d); biases start at 0. Raises unless ``heads`` is a whole
    number, 1 or more, that divides d.

    >>> from fnn import Key
    >>> attention(2)(Key(0), np.zeros((1, 5, 4)))
    Attention(weight=f64[4,12], bias=f64[12], output_weight=f64[4,4], output_bias=f64[4], heads=2, causal=False)
    """
    if not isinstance(causal, bool):
        raise TypeError(f"attention: causal must be True or False, got {describe(causal)}")
    return partial(_construct_attention, heads=integer("attention: heads", heads), causal=causal)


def _construct_attention(key: Any, x: Any, *, heads: int, causal: bool) -> Attention:
    require_key("attention", key)
    x = apart("attention", x)[0]
    width, dtype = x.shape[2], x.dtype
    if width % heads:
        raise LayerValueError("attention", f"expects features that its {heads} heads can share out, got {width}")
    query, key_, value, output = [glorot_uniform(fold_in(key, place), (width, width), dtype) for place in range(4)]
    return Attention(
        read_only(np.concatenate([query, key_, value], axis=1)),
        zeros(key, (3 * width,), dtype),
        output,
        zeros(key, (width,), dtype),
        heads,
        causal,
    )
