"""Attention lets each step of a sequence look at others and take from each as much as fits what it looks for.

    attention : heads -> constructor          Attention : x (n, time, d) -> y (n, time, d)
                                                          (x, lengths)   -> (y, lengths)
                                                          (x, memory)    -> y, from the steps of another sequence
                                                          (query, key, value, mask) -> y

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

from fnn.core._arrays import read_only
from fnn.core._errors import LayerValueError, boolean, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._attending import Window, alsos, hidden, none_or, read, softcaps, unmasked, wide, windows
from fnn.layers._constructor import Construct, constructor
from fnn.layers._projections import by_field, by_role, by_source, projected, rows_of, side_by_side
from fnn.layers._stable import add_to_rows, computed_in, sum_of_rows
from fnn.layers._weighing import overflowed, weigh
from fnn.layers.initializers import glorot_uniform, zeros
from fnn.layers.rotary import Rotary, turned


def _turning(rotary: Any) -> Rotary | None:
    if rotary is not None and not isinstance(rotary, Rotary):
        raise TypeError(f"attention: rotary must be a Rotary or None, got {describe(rotary)}; write rotary=rotary")
    return rotary


class Attention(Record):
    """y = softmax(query key' / sqrt(size) + mask) value, by head, projected: PyTorch's ``MultiheadAttention``.

    ``weight`` (d, 3 d) and ``bias`` (3 d,) compute queries, keys and values side by side, in each of them the heads
    side by side; ``output_weight`` (d, d) and ``output_bias`` (d,) project the contexts. With ``causal`` a step looks
    at itself and at those before it alone. With lengths (n,), from 0 to time, no step looks beyond its row's length,
    and y is 0 there.

    Of ``(query, key, value, mask)`` what is left out at the end, or None, is: for a key the query, for a value the key.
    Each of them is (n, time, features) or a pair with lengths. A mask fits (n, heads, queries, keys): booleans, True
    where a query may look, or floats that are added to the scores. A query that may look at nothing has the context 0.

    Args:
        weight: of queries, keys and values; PyTorch's, transposed.
        bias: likewise.
        output_weight: of the contexts.
        output_bias: likewise.
        heads: the number of heads.
        causal: whether no step looks ahead.
        kv_heads: how many heads of keys and values there are, each for a group of queries' heads side by side
            (Ainslie et al., 2023); as many as ``heads`` if None.
        window: how many steps before and after itself a step sees, as a number or a pair; all if None.
        rotary: how queries and keys are turned by their positions, if at all.
        softcap: the bound c of the scores s, which become c tanh(s / c) (Gemma Team, 2024); none if None.
        also: what is returned beside y, in ``(y, also)``: the "weights" (n, heads, queries, keys), the "scores" that
            they are the softmax of, or the "products", those without a mask.
        key_weight: of keys, if they have other features than queries: then ``weight`` is that of the queries alone.
        value_weight: of values, likewise.
    """

    weight: np.ndarray
    bias: np.ndarray
    output_weight: np.ndarray
    output_bias: np.ndarray
    heads: int = attrs.field(converter=partial(integer, "attention: heads"))
    causal: bool = attrs.field(default=False, converter=partial(boolean, "attention: causal"))
    kv_heads: int | None = attrs.field(default=None, converter=none_or(integer, "attention: kv_heads"))
    window: Window | None = windows("attention")
    rotary: Rotary | None = attrs.field(default=None, converter=_turning)
    softcap: float | None = softcaps("attention")
    also: str | None = alsos("attention")
    key_weight: np.ndarray | None = None
    value_weight: np.ndarray | None = None


@vjp.register
@wide
def attention_vjp(layer: Attention, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    inputs = read("attention", x)
    n, queries, _ = inputs.query.shape
    sources = inputs.sources
    weights, biases, columns = by_source(layer, inputs)
    joints = [projected(*each) for each in zip(sources, weights, biases, strict=True)]
    query, keys, values = by_role(layer, inputs, joints, columns)
    scale = 1 / math.sqrt(query.shape[-1])
    query *= scale  # rather than the scores, which are more
    turn(layer, query, 0)
    turn(layer, keys, 0)
    unseen, bias = hidden("attention", layer, inputs, (n, layer.heads, queries, keys.shape[2]))
    context, also, pull = weigh(layer, query, keys, values, unseen, bias)
    if overflowed(context, inputs):
        return computed_in(np.float64, attention_vjp, layer, x, like=unmasked(x))

    def attention_pullback(dy):
        dy, dalso = inputs.unpacked(dy, layer.also)
        dy = dy.reshape(n * queries, len(layer.output_bias))
        dcontext = dy.dot(layer.output_weight.T)
        djoints = [np.empty(joint.shape, dcontext.dtype) for joint in joints]
        dquery, dkeys, dvalues = by_role(layer, inputs, djoints, columns)
        dmask = pull(dcontext, dalso, dquery, dkeys, dvalues)
        turn(layer, dquery, 0, back=True)
        turn(layer, dkeys, 0, back=True)
        dquery *= scale
        dweights = [rows_of(source).T.dot(djoint) for source, djoint in zip(sources, djoints, strict=True)]
        dlayer = attrs.evolve(
            layer,
            **by_field(layer, inputs, dweights, columns),
            bias=side_by_side([sum_of_rows(djoint) for djoint in djoints]),
            output_weight=read_only(context.T.dot(dy)),
            output_bias=sum_of_rows(dy),
        )

        def dx():
            dsources = [djoint.dot(weight.T) for djoint, weight in zip(djoints, weights, strict=True)]
            return inputs.gradient([d.reshape(a.shape) for d, a in zip(dsources, sources, strict=True)], dmask)

        return dlayer, dx

    return inputs.packed(output(layer, context, n, queries), also), attention_pullback


def turn(layer: Attention, heads: np.ndarray, first: int, back: bool = False) -> None:
    """Turn queries or keys of positions from ``first`` on in their place, if the layer does."""
    if layer.rotary is not None:
        heads[...] = turned(layer.rotary, heads, first, time_axis=2, back=back)


def output(layer: Attention, context: np.ndarray, n: int, queries: int) -> np.ndarray:
    """Return what the contexts (n queries, d) are projected to, as (n, queries, d)."""
    y = add_to_rows(context.dot(layer.output_weight), layer.output_bias)
    return y.reshape(n, queries, len(layer.output_bias))


@constructor
def attention(
    heads: int,
    causal: bool = False,
    kv_heads: int | None = None,
    window: int | Window | None = None,
    rotary: Rotary | None = None,
    softcap: float | None = None,
    also: str | None = None,
) -> Construct:
    """Construct an attention of ``heads`` heads; its width d, which they divide, and its dtype come from the data.

    Data may be one sequence, which looks at itself, or a tuple ``(query, key, value)``. The weights of queries, keys,
    values and output are each drawn by ``glorot_uniform``; biases start at 0.

    Args:
        heads: the number of heads.
        causal: whether no step looks ahead, as in a model that continues a text.
        kv_heads: how many heads of keys and values there are; a divisor of ``heads``, which it is if None.
        window: how many steps before and after itself a step sees: a number, or a pair in which None is all.
        rotary: ``rotary``, or one with other settings, to turn queries and keys by their positions.
        softcap: the bound of the scores.
        also: what to return beside y: "weights", "scores" or "products".

    Raises ``TypeError`` or ``ValueError`` for a setting that ``Attention`` does not have, or heads that do not fit.

    >>> attention(2)(Key(0), np.zeros((1, 5, 4)))(np.ones((3, 5, 4))).shape
    (3, 5, 4)
    >>> looks_at = attention(2, also="weights")(Key(0), (np.zeros((1, 5, 4)), np.zeros((1, 3, 6))))
    >>> y, weights = looks_at((np.ones((2, 5, 4)), np.ones((2, 3, 6))))
    >>> y.shape, weights.shape
    ((2, 5, 4), (2, 2, 5, 3))
    """
    nothing = np.zeros(0)
    given: Any = heads, causal, kv_heads, window, rotary, softcap, also
    settings = Attention(nothing, nothing, nothing, nothing, *given)
    if settings.heads % (settings.kv_heads or 1):
        raise ValueError(f"attention: kv_heads must divide its {settings.heads} heads, got {settings.kv_heads}")
    return partial(_construct_attention, settings=settings)


def _construct_attention(key: Key, x: Any, *, settings: Attention) -> Attention:
    require_key("attention", key)
    inputs = read("attention", x)
    sources, heads = inputs.sources, settings.heads
    width, dtype = sources[0].shape[2], sources[0].dtype
    if width % heads:
        raise LayerValueError("attention", f"expects features that are a multiple of its {heads} heads, got {width}")
    few = width // heads * (settings.kv_heads or heads)
    features = [sources[place].shape[2] for place in inputs.places]
    shapes = [*zip(features, (width, few, few), strict=True), (width, width)]
    parts = [glorot_uniform(fold_in(key, role), shape, dtype) for role, shape in enumerate(shapes)]
    alike = len({*features}) == 1
    return attrs.evolve(
        settings,
        weight=read_only(np.concatenate(parts[:3], axis=1)) if alike else parts[0],
        bias=zeros(key, (width + 2 * few,), dtype),
        output_weight=parts[3],
        output_bias=zeros(key, (width,), dtype),
        key_weight=None if alike else parts[1],
        value_weight=None if alike else parts[2],
    )
