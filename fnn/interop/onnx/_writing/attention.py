"""What attention adds to an ONNX graph: the operator ``Attention``, between products with its weights.

It is one of version 23. What it has no word for, a window or lengths, is a mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.interop.onnx._writing.layers import mask, zero_padding
from fnn.interop.onnx._writing.writer import Value, Writer, emit, plain, sample_of
from fnn.layers._attending import Inputs, hidden, read
from fnn.layers._projections import by_source
from fnn.layers.attention import Attention
from fnn.layers.dot_product import DotProductAttention
from fnn.layers.rotary import Rotary, pairs, waves

# What is asked for beside y, as qk_matmul_output_mode; products are those after the cap, if there is one.
MODES = {"weights": 3, "scores": 2, "products": 1}


class _Given:
    """The inputs as values of the graph, beside fnn's own of the sample; each source with 0 beyond its lengths."""

    def __init__(self, caller: str, graph: Writer, x: Any) -> None:
        self.inputs: Inputs = read(caller, sample_of(x))
        parts = x if self.inputs.parts else (x,)
        given: list[Any] = [*parts, None, None, None][:4]
        formed = [each if is_pair else (each, None) for each, is_pair in zip(given, self.inputs.pairs, strict=False)]
        (query, self.lengths), (key, of_keys), (value, of_values) = formed
        self.key_lengths = self.lengths if key is None and value is None else of_values if of_keys is None else of_keys
        counts = self.lengths, self.key_lengths, self.key_lengths
        self.sources: list[Value] = [
            zero_padding(graph, graph.floats(each), count)
            for each, count in zip((query, key, value), counts, strict=True)
            if each is not None
        ]
        self.mask: Value | None = given[3]


@emit.register(Attention)
def attention_emit(layer: Attention, graph: Writer, x: Any) -> Any:
    given = _Given("attention", graph, x)
    weights, biases, columns = by_source(layer, given.inputs)
    roles: list[str] = []
    for role, place in enumerate(given.inputs.places):
        begin = columns[given.inputs.places.index(place)]
        own = slice(columns[role] - begin, columns[role + 1] - begin)
        product = graph.node("MatMul", given.sources[place], np.ascontiguousarray(weights[place][:, own]))
        heads = graph.node("Add", product, np.ascontiguousarray(biases[place][own]))
        if layer.rotary is not None and role < 2:
            sizes = given.inputs.shapes[role][1], layer.heads if role == 0 else layer.kv_heads or layer.heads
            heads = _turned(graph, layer.rotary, heads, sizes[0], columns[role + 1] - columns[role], sizes[1])
        roles.append(heads)

    def project(context: str) -> str:
        return graph.node("Add", graph.node("MatMul", context, layer.output_weight), layer.output_bias)

    return _attended(layer, graph, given, roles, project)


@emit.register(DotProductAttention)
def dot_product_attention_emit(layer: DotProductAttention, graph: Writer, x: Any) -> Any:
    given = _Given("dot_product_attention", graph, x)
    return _attended(layer, graph, given, [given.sources[place] for place in given.inputs.places], lambda name: name)


def _attended(layer: Any, graph: Writer, given: _Given, roles: list[Any], project: Callable[[str], str]) -> Any:
    """Add the operator, and return what the layer does, its y projected."""
    queries, keys = given.inputs.shapes[0][1], given.inputs.shapes[1][1]
    settings: dict[str, Any] = {"q_num_heads": layer.heads, "kv_num_heads": layer.kv_heads or layer.heads}
    offset = getattr(layer, "offset", 0)
    if layer.causal and layer.window is None and offset == 0:
        settings["is_causal"] = 1
    if getattr(layer, "scale", None) is not None:
        settings["scale"] = layer.scale
    if layer.softcap is not None:
        settings["softcap"] = layer.softcap
    seen = _mask(layer, graph, given, offset, "is_causal" in settings, queries, keys)
    if layer.also is None:
        y, also = graph.node("Attention", *roles, seen, **settings), None
    else:
        mode = 0 if layer.also == "products" and layer.softcap is None else MODES[layer.also]
        y, *_, also = graph.node("Attention", *roles, seen, outputs=4, qk_matmul_output_mode=mode, **settings)
    y = project(y)
    if given.lengths is not None:
        there = mask(graph, given.lengths, queries, 3)
        y = graph.node("Where", there, y, np.zeros((), graph.dtype)), given.lengths
        if also is not None:
            by_query = graph.reshaped(mask(graph, given.lengths, queries), 0, 1, -1, 1)
            also = graph.node("Where", by_query, also, np.zeros((), graph.dtype))
    if not given.inputs.pairs[0]:
        y = y[0] if isinstance(y, tuple) else y
    return y if also is None else (y, also)


def _mask(layer: Any, graph: Writer, given: _Given, offset: Any, is_causal: bool, queries: int, keys: int) -> Any:
    """Return what the operator is given as its mask, None if there is nothing that it does not know."""
    terms: list[Any] = []
    bias: Any = None
    alone = len(given.sources) == 1 and layer.causal
    if given.key_lengths is not None and not alone:
        terms.append(graph.reshaped(mask(graph, given.key_lengths, keys), 0, 1, 1, keys))
    if offset == "end" and given.key_lengths is not None:
        raise TypeError("to_onnx: an offset of 'end' beside lengths is not in what it writes")
    if given.mask is not None:
        if given.mask.sample.dtype.kind == "b":
            terms.append(given.mask)
        else:
            bias = given.mask
    if not is_causal:
        bare = Inputs(given.inputs.query, given.inputs.key, given.inputs.value, None, None, None, 0, (False,) * 3)
        first = keys - queries if offset == "end" else offset
        far, _ = hidden("to_onnx", layer, bare, (1, 1, queries, keys), first)
        if far is not None:
            terms.append(~far)
    seen = None
    if terms:  # onnxruntime wants all queries and keys in a mask
        whole = terms[-1].shape[-2:] == (queries, keys) if not isinstance(terms[-1], str) else False
        seen = terms.pop() if whole else np.ones((queries, keys), bool)
    for term in terms:
        seen = graph.node("And", seen, term)
    if bias is not None and bias.shape[-2:] != (queries, keys):
        bias = graph.node("Add", bias, np.zeros((queries, keys), graph.dtype))
    if bias is None or seen is None:
        return seen if bias is None else bias
    return graph.node("Where", seen, bias, np.array(-np.inf, graph.dtype))


@emit.register(Rotary)
def rotary_emit(layer: Rotary, graph: Writer, x: Any) -> Any:
    if isinstance(x, tuple) and len(x) > 2:
        return _by_tables(layer, graph, *x)
    given: Any = x if isinstance(x, tuple) else (x, None)
    values, lengths = given
    values = zero_padding(graph, graph.floats(values), lengths)
    name = graph.laid(values, plain(values.rank))
    time, size = values.shape[1], values.shape[-1]
    y = _turned(graph, layer, name, time, size, 1, values.rank)
    return y if lengths is None else (y, lengths)


def _by_tables(layer: Rotary, graph: Writer, x: Value, cos: Value, sin: Value, positions: Value | None = None) -> Any:
    """Add the operator that turns by cosines and sines that it is given."""
    if x.rank > 4:
        raise TypeError("to_onnx: rotary of cosines and sines is for (n, time, size) or (n, time, heads, size)")
    settings = {"interleaved": int(layer.interleaved), "rotary_embedding_dim": layer.features or 0}
    order = (0, 1, 2) if x.rank == 3 else (0, 2, 1, 3)  # heads before the steps
    settings |= {"num_heads": 1} if x.rank == 3 else {}
    places = None if positions is None else graph.node("Cast", positions, to=7)
    y = graph.node("RotaryEmbedding", graph.laid(graph.floats(x), order), cos, sin, places, **settings)
    return Value(y, order)


def _turned(graph: Writer, layer: Rotary, x: str, time: int, width: int, heads: int, rank: int = 3) -> str:
    """Turn features: x times a cosine, plus x with its pairs exchanged, which is a product, times a sine."""
    size = width // heads
    features = size if layer.features is None else layer.features
    cosine, sine, exchange = np.ones((time, size)), np.zeros((time, size)), np.zeros((size, size))
    (a, b), (cos, sin) = pairs(layer, features), waves(layer.base, 0, time, features, sine.dtype)
    first, second = np.arange(size)[a], np.arange(size)[b]
    cosine[:, a], cosine[:, b], sine[:, a], sine[:, b] = cos, cos, -sin, sin
    exchange[first, second] = exchange[second, first] = 1
    shape = (time, *[1] * (rank - 3), width)
    cosine, sine = (np.tile(each, heads).reshape(shape).astype(graph.dtype) for each in (cosine, sine))
    exchanged = graph.node("MatMul", x, np.kron(np.eye(heads), exchange).astype(graph.dtype))
    return graph.node("Add", graph.node("Mul", x, cosine), graph.node("Mul", exchanged, sine))
