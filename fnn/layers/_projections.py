"""What an attention's weights make of each of its sources: queries, keys and values for all heads, side by side.

by_source : layer, inputs -> weight and bias of each source, and where queries, keys and values begin and end
projected : source, weight, bias -> rows (n time, columns)
by_role   : layer, inputs, rows of each source, columns -> queries, keys and values by head, as views
by_field  : layer, inputs, gradients of the weights of each source, columns -> those of the layer's fields

One sequence that is query, key and value is one product, with one weight; another one's keys and values are a second.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import LayerValueError
from fnn.layers._attending import Inputs
from fnn.layers._stable import add_to_rows
from fnn.layers._weighing import by_head


def by_source(layer: Any, inputs: Inputs) -> tuple[list[np.ndarray], list[np.ndarray], tuple[int, ...]]:
    """Return the weight and the bias of each source, and where queries, keys and values begin among all columns."""
    columns = _columns(layer)
    apart = [each for each in (layer.weight, layer.key_weight, layer.value_weight) if each is not None]
    weights: list[np.ndarray] = []
    biases: list[np.ndarray] = []
    for place, source in enumerate(inputs.sources):
        roles = [role for role in range(3) if inputs.places[role] == place]
        own = slice(columns[roles[0]], columns[roles[-1] + 1])
        if layer.key_weight is None:
            weight = layer.weight if len(roles) == 3 else layer.weight[:, own]
        else:
            parts = [apart[role] for role in roles]
            if len({*map(len, parts)}) > 1:
                features = ", ".join(str(len(each)) for each in apart)
                raise LayerValueError("attention", f"expects query, key and value apart, of {features} features")
            weight = np.concatenate(parts, axis=1) if len(roles) > 1 else parts[0]
        if source.shape[2] != len(weight):
            raise LayerValueError("attention", f"expects sequences (n, time, {len(weight)}), got {source.shape}")
        weights.append(weight)
        biases.append(layer.bias[own])
    return weights, biases, columns


def _columns(layer: Any) -> tuple[int, ...]:
    """Return where the queries, keys and values begin and end among all columns, or raise if weights do not fit."""
    heads, few = layer.heads, layer.kv_heads or layer.heads
    apart = [each for each in (layer.key_weight, layer.value_weight) if each is not None]
    shapes = [each.shape for each in (layer.weight, layer.bias, layer.output_weight, layer.output_bias, *apart)]
    if [len(shape) for shape in shapes] == [2, 1, 2, 1, 2, 2][: len(shapes)] and heads % few == 0 and len(apart) != 1:
        width, total, rows = shapes[0][1], shapes[1][0], shapes[2][0]
        value = rows // heads * few
        query = width if apart else (total - value) // (heads + few) * heads
        columns = 0, query, query + query // heads * few, query + query // heads * few + value
        widths = [b - a for a, b in itertools.pairwise(columns)] if apart else [columns[3]]
        found = [width, *[each.shape[1] for each in apart]]
        fits = columns[3] == total and shapes[2][1] == shapes[3][0] and rows % heads == 0 == query % heads
        if found == widths and fits and query:
            return columns
    if apart or layer.kv_heads is not None:
        wanted = f"weights whose columns are a multiple of {heads} heads for queries, {few} for keys and for values"
    else:
        wanted = f"weights (d, 3 d), (3 d,), (d, d) and (d,), d a multiple of the {heads} heads"
    listed = f"{shapes[:3]} and {shapes[3]}" if not apart else f"{shapes}"
    raise LayerValueError("attention", f"expects {wanted}, got {listed}")


def projected(source: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return all that a source is for the heads, side by side: (n time, columns)."""
    return add_to_rows(rows_of(source).dot(weight), bias)


def by_role(layer: Any, inputs: Inputs, joints: list[np.ndarray], columns: tuple[int, ...]) -> list[np.ndarray]:
    """View what was projected as queries, keys and values, each by head: (n, heads, time, size)."""
    views: list[np.ndarray] = []
    for role, place in enumerate(inputs.places):
        if place < len(joints):
            begin = columns[inputs.places.index(place)]
            own = joints[place][:, columns[role] - begin : columns[role + 1] - begin]
            heads = layer.heads if role == 0 else layer.kv_heads or layer.heads
            views.append(by_head(own, *inputs.shapes[role], heads))
    return views


def by_field(layer: Any, inputs: Inputs, dweights: list[np.ndarray], columns: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the gradients of the weights of sources as those of the fields."""
    if layer.key_weight is None:
        return {"weight": side_by_side(dweights)}
    fields: dict[str, np.ndarray] = {}
    for role, place in enumerate(inputs.places):
        begin = columns[inputs.places.index(place)]
        own = dweights[place][:, columns[role] - begin : columns[role + 1] - begin]
        fields[("weight", "key_weight", "value_weight")[role]] = read_only(np.ascontiguousarray(own))
    return fields


def side_by_side(parts: list[np.ndarray]) -> np.ndarray:
    return read_only(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1))


def rows_of(source: np.ndarray) -> np.ndarray:
    return source.reshape(source.shape[0] * source.shape[1], source.shape[2])
