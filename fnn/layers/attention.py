"""Attention lets each step of a sequence look at the others and take from each as much as fits what it looks for.

    attention : heads -> constructor          Attention : x (n, time, d) -> y (n, time, d)
                                                          (x, lengths)   -> (y, lengths)

Each step asks with a query, offers a key and holds a value, all three products of x. Its weights say how well each key
fits its query, and its context is the mean of the values by these weights: softmax(query key' / sqrt(size)) value. This
is done in several heads side by side, each on a slice of ``size = d / heads`` features, and their contexts together are
projected once more (Vaswani et al., 2017). The order of the steps plays no part: that is what ``positional`` is for.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import counting, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import mask, unpack, zero_padding
from fnn.layers._stable import computed_in, softmax, sum_of_rows, widened
from fnn.layers.initializers import glorot_uniform, zeros

KeysAndValues = tuple[np.ndarray, np.ndarray]


def _flag(causal: Any) -> bool:
    if not isinstance(causal, bool | np.bool_):
        raise TypeError(f"attention: causal must be True or False, got {describe(causal)}")
    return bool(causal)


class Attention(Record):
    """Multi-head self-attention: PyTorch's ``MultiheadAttention`` with its weights transposed.

    ``weight`` (d, 3 d) and ``bias`` (3 d,) compute queries, keys and values side by side, in each of them the heads
    side by side; ``output_weight`` (d, d) and ``output_bias`` (d,) project the contexts. With ``causal`` a step looks
    at itself and at those before it alone. With lengths (n,), from 0 to time, no step looks beyond its row's length,
    and y is 0 there.
    """

    weight: np.ndarray
    bias: np.ndarray
    output_weight: np.ndarray
    output_bias: np.ndarray
    heads: int = attrs.field(converter=partial(integer, "attention: heads"))
    causal: bool = attrs.field(default=False, converter=_flag)


@vjp.register
@widened
def attention_vjp(layer: Attention, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    x, lengths, _, parts = unpack("attention", x)
    if parts == 3:
        raise LayerTypeError("attention", "expects x or the pair (x, lengths), got a tuple of 3")
    visible = None
    if layer.causal:  # a step that does not look ahead does not look beyond the length either
        visible = _so_far(x.shape[1], 0)
    elif lengths is not None:
        visible = mask(lengths, x.shape[1])[:, None, None, :]
    # Whatever lies beyond the lengths, be it NaN, is set to 0 first, in x and in dy.
    y, pullback = _attend(layer, zero_padding(x, lengths), visible)
    if lengths is None:
        return y, pullback

    def attention_of_pair_pullback(dy):
        dlayer, dx = pullback(zero_padding(dy[0], lengths))
        return dlayer, lambda: (dx(), np.zeros(lengths.shape, x.dtype))

    return (zero_padding(y, lengths), lengths), attention_of_pair_pullback


def look_back(layer: Attention, x: np.ndarray, before: KeysAndValues | None) -> tuple[np.ndarray, KeysAndValues]:
    """Attend from the next steps of a causal attention, and return y and the keys and values so far.

    Args:
        layer: a causal attention.
        x: the next steps, (n, time, d).
        before: what the last call returned, keys and values (n, heads, steps, size), or None at the start.

    Raises ``ValueError`` for any other ``before``.
    """
    _, query, key, value = _project(layer, x)
    before = (key[:, :, :0], value[:, :, :0]) if before is None else before
    n, heads, _, size = key.shape
    shapes = [np.shape(each) for each in before] if isinstance(before, tuple) else []
    earlier = shapes[0][2] if shapes and len(shapes[0]) == 4 else 0
    if shapes != [(n, heads, earlier, size)] * 2:
        raise LayerValueError("attention", f"expects the state that advance returned, got {describe(before)}")
    key, value = np.concatenate([before[0], key], axis=2), np.concatenate([before[1], value], axis=2)
    _, context = _weigh(query, key, value, _so_far(x.shape[1], earlier))
    return _output(layer, context).reshape(x.shape), (key, value)


def _attend(layer: Attention, x: np.ndarray, visible: np.ndarray | None) -> tuple[np.ndarray, Pullback]:
    """Let each step look at those that are ``visible`` to it, all if that is None: (n, heads, queries, keys)."""
    n, time, width = x.shape
    size = width // layer.heads
    rows = x.reshape(n * time, width)
    joint, query, key, value = _project(layer, x)
    weights, context = _weigh(query, key, value, visible)
    if x.dtype.itemsize < 8 and not np.isfinite(context).all() and np.isfinite(x).all():
        # Products of queries and keys overflowed, which may well have a softmax.
        return computed_in(np.float64, lambda layer, x, _: _attend(layer, x, visible), layer, x)

    def attention_pullback(dy):
        dy = dy.reshape(n * time, width)
        dcontext = dy.dot(layer.output_weight.T)
        djoint = np.empty(joint.shape, dcontext.dtype)
        dquery, dkey, dvalue = _thirds(djoint, x.shape, layer.heads)
        dheads = _by_head(dcontext, x.shape, layer.heads)
        np.matmul(weights.swapaxes(-1, -2), dheads, out=dvalue)
        dscores = np.matmul(dheads, value.swapaxes(-1, -2))
        # A softmax pulls back to weights * (dweights - sum(weights * dweights)). That sum over the keys equals the one
        # of context * dcontext over a head's features, which are fewer (Dao et al., 2022); but where one key has all of
        # the weight, only this one leaves exactly 0.
        dscores -= np.einsum("...k,...k->...", weights, dscores)[..., None]
        dscores *= weights
        np.matmul(dscores, key, out=dquery)
        dquery *= 1 / math.sqrt(size)
        np.matmul(dscores.swapaxes(-1, -2), query, out=dkey)
        dlayer = Attention(
            read_only(rows.T.dot(djoint)),
            sum_of_rows(djoint),
            read_only(context.T.dot(dy)),
            sum_of_rows(dy),
            layer.heads,
            layer.causal,
        )
        return dlayer, lambda: djoint.dot(layer.weight.T).reshape(x.shape)

    return _output(layer, context).reshape(x.shape), attention_pullback


def _project(layer: Attention, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return queries, keys and values side by side, (n time, 3 d), and each by head; queries over sqrt(size)."""
    n, time, width = x.shape
    needed = layer.output_bias.size
    shapes = [each.shape for each in (layer.weight, layer.bias, layer.output_weight, layer.output_bias)]
    if shapes != [(needed, 3 * needed), (3 * needed,), (needed, needed), (needed,)] or needed % layer.heads:
        wanted = f"weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the {layer.heads} heads"
        raise LayerValueError("attention", f"expects {wanted}, got {shapes[:3]} and {shapes[3]}")
    if width != needed:
        raise LayerValueError("attention", f"expects sequences (n, time, {needed}), got {x.shape}")
    joint = x.reshape(n * time, width).dot(layer.weight)
    joint += layer.bias
    query, key, value = _thirds(joint, x.shape, layer.heads)
    query *= 1 / math.sqrt(width // layer.heads)  # rather than the scores, which are more
    return joint, query, key, value


def _weigh(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, visible: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (n, heads, queries, keys), and each query's context, as rows (n time, d)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _softmax_of_products(query, key, value, visible)


def _softmax_of_products(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, visible: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    n, heads, time, size = query.shape
    scores = np.matmul(query, key.swapaxes(-1, -2))
    if visible is not None:
        # Of what is not visible, so much is taken that nothing is left of its exponential. Minus infinity would do so
        # too, until it meets another. A quarter of the range leaves room for any score.
        scores += np.where(visible, 0, np.finfo(scores.dtype).min / 4).astype(scores.dtype)
    weights = softmax(scores, out=scores)
    context = np.empty((n * time, heads * size), weights.dtype)
    np.matmul(weights, value, out=_by_head(context, (n, time, heads * size), heads))
    return weights, context


def _output(layer: Attention, context: np.ndarray) -> np.ndarray:
    y = context.dot(layer.output_weight)
    y += layer.output_bias
    return y


def _by_head(rows: np.ndarray, shape: tuple[int, ...], heads: int) -> np.ndarray:
    """View rows (n time, d) as (n, heads, time, size). BLAS reads and writes such a view, so that nothing is copied."""
    n, time, width = shape
    return rows.reshape(n, time, heads, width // heads).swapaxes(1, 2)


def _thirds(joint: np.ndarray, shape: tuple[int, ...], heads: int) -> np.ndarray:
    """View rows (n time, 3 d) as queries, keys and values, each of them by head."""
    n, time, width = shape
    return joint.reshape(n, time, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)


def _so_far(time: int, earlier: int) -> np.ndarray:
    """Return which keys each of ``time`` steps sees: itself and those before it, and ``earlier`` ones before them."""
    return counting(earlier + time) <= earlier + counting(time)[:, None]


@constructor
def attention(heads: int, causal: bool = False) -> Construct:
    """Construct a self-attention of ``heads`` heads; its width d, which they divide, and its dtype come from the data.

    With ``causal`` no step looks ahead, as in a model that continues a text. The weights of queries, keys, values and
    output are each drawn by ``glorot_uniform``, for (d, d); biases start at 0. Raises ``TypeError`` or ``ValueError``
    unless ``heads`` is an integer, 1 or more, that divides d.

    >>> attention(2)(Key(0), np.zeros((1, 5, 4)))
    Attention(weight=f64[4,12], bias=f64[12], output_weight=f64[4,4], output_bias=f64[4], heads=2, causal=False)
    """
    return partial(_construct_attention, heads=integer("attention: heads", heads), causal=_flag(causal))


def _construct_attention(key: Key, x: Any, *, heads: int, causal: bool) -> Attention:
    require_key("attention", key)
    x = unpack("attention", x)[0]
    width, dtype = x.shape[2], x.dtype
    if width % heads:
        raise LayerValueError("attention", f"expects features that are a multiple of its {heads} heads, got {width}")
    parts = [glorot_uniform(fold_in(key, place), (width, width), dtype) for place in range(4)]
    return Attention(
        read_only(np.concatenate(parts[:3], axis=1)),
        zeros(key, (3 * width,), dtype),
        parts[3],
        zeros(key, (width,), dtype),
        heads,
        causal,
    )
