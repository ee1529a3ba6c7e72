"""The heart of attention, without anything to learn: queries, keys and values come from whoever makes them.

dot_product_attention : layer          DotProductAttention : (query, key, value, mask) -> y (n, queries, heads size)
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import LayerValueError, boolean, describe, integer, positive
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._attending import Inputs, Window, alsos, hidden, none_or, read, softcaps, unmasked, wide, windows
from fnn.layers._stable import computed_in
from fnn.layers._weighing import overflowed, weigh


def _offset(value: Any) -> int | str:
    if isinstance(value, str):
        if value != "end":
            raise ValueError(f"dot_product_attention: offset must be an integer or 'end', got {describe(value)}")
        return value
    return integer("dot_product_attention: offset", value, 0)


class DotProductAttention(Record):
    """y = softmax(scale query key' + mask) value, in each of the heads that lie side by side (Vaswani et al., 2017).

    Query (n, queries, heads size), key (n, keys, kv_heads size), value (n, keys, kv_heads depth) and mask, with lengths
    or without, are as in ``Attention``. So are ``causal``, ``kv_heads``, ``window``, ``softcap`` and ``also``.

    Args:
        heads: the number of heads.
        causal: whether no query looks ahead.
        kv_heads: how many heads of keys and values there are; as many as ``heads`` if None.
        window: how many steps before and after itself a query sees; all if None.
        scale: of the products, 1 / sqrt(size) if None.
        softcap: the bound of the scores; none if None.
        also: what is returned beside y.
        offset: the key that stands where the first query stands, as after so many keys of earlier steps; "end" if the
            last query of a row stands where its last key does.

    >>> x = np.array([[[1.0], [3.0]]])
    >>> dot_product_attention(x).round(4), dot_product_attention(causal=True)(x).round(4)
    (array([[[2.7616],
            [2.9951]]]), array([[[1.    ],
            [2.9951]]]))
    """

    heads: int = attrs.field(default=1, converter=partial(integer, "dot_product_attention: heads"))
    causal: bool = attrs.field(default=False, converter=partial(boolean, "dot_product_attention: causal"))
    kv_heads: int | None = attrs.field(default=None, converter=none_or(integer, "dot_product_attention: kv_heads"))
    window: Window | None = windows("dot_product_attention")
    scale: float | None = attrs.field(default=None, converter=none_or(positive, "dot_product_attention: scale"))
    softcap: float | None = softcaps("dot_product_attention")
    also: str | None = alsos("dot_product_attention")
    offset: int | str = attrs.field(default=0, converter=_offset)


@vjp.register
@wide
def dot_product_attention_vjp(layer: DotProductAttention, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    inputs = read("dot_product_attention", x)
    query, keys, values = _by_role(layer, inputs)
    (n, _, queries, size), count = query.shape, keys.shape[2]
    scale = 1 / math.sqrt(size) if layer.scale is None else layer.scale
    offset: Any = layer.offset
    if offset == "end":
        last_query = queries if inputs.lengths is None else inputs.lengths
        offset = (count if inputs.key_lengths is None else inputs.key_lengths) - last_query
    unseen, bias = hidden("dot_product_attention", layer, inputs, (n, layer.heads, queries, count), offset)
    context, also, pull = weigh(layer, query * query.dtype.type(scale), keys, values, unseen, bias)
    if overflowed(context, inputs):
        return computed_in(np.float64, dot_product_attention_vjp, layer, x, like=unmasked(x))

    def dot_product_attention_pullback(dy):
        def dx():
            dcontext, dalso = inputs.unpacked(dy, layer.also)
            dtype = context.dtype
            gradients = [np.empty(inputs.sources[place].shape, dtype) for place in inputs.places]
            dquery, dkeys, dvalues = _heads_of(layer, gradients)
            dmask = pull(dcontext.reshape(context.shape), dalso, dquery, dkeys, dvalues)
            dquery *= dtype.type(scale)
            dsources: list[Any] = [None] * len(inputs.sources)
            for place, each in zip(inputs.places, gradients, strict=True):
                dsources[place] = each if dsources[place] is None else dsources[place] + each
            return inputs.gradient(dsources, dmask)

        return layer, dx

    return inputs.packed(context.reshape(n, queries, context.shape[1]), also), dot_product_attention_pullback


def _by_role(layer: DotProductAttention, inputs: Inputs) -> list[np.ndarray]:
    """Return queries, keys and values by head, or raise if their features do not fit the heads."""
    given = [inputs.sources[place] for place in inputs.places]
    heads, few = layer.heads, layer.kv_heads or layer.heads
    query, key, value = (each.shape[2] for each in given)
    if heads % few or query % heads or key != query // heads * few or value % few:
        wanted = f"{heads} heads of queries and {few} of keys and of values, queries and keys of one size"
        shapes = " and ".join(str(each.shape) for each in given)
        raise LayerValueError("dot_product_attention", f"expects features of {wanted}, got {shapes}")
    return _heads_of(layer, given)


def _heads_of(layer: DotProductAttention, arrays: list[np.ndarray]) -> list[np.ndarray]:
    heads = layer.heads, layer.kv_heads or layer.heads, layer.kv_heads or layer.heads
    return [
        each.reshape(*each.shape[:2], count, each.shape[2] // count).swapaxes(1, 2)
        for each, count in zip(arrays, heads, strict=True)
    ]


dot_product_attention: DotProductAttention = DotProductAttention()
