"""Attention a few steps at a time, as a model decodes: the next steps look back at all that there were.

look_back : layer, next steps, state? -> y, state
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from fnn.core._arrays import unshared
from fnn.core._errors import LayerValueError, describe
from fnn.layers._attending import hidden, read
from fnn.layers._projections import by_role, by_source, projected
from fnn.layers._weighing import overflowed, weigh
from fnn.layers.attention import Attention, output, turn

State = tuple[Any, ...]


def look_back(layer: Attention, x: Any, before: State | None) -> tuple[Any, State]:
    """Attend from the next steps, and return y and what to go on from: the keys and values that there are so far.

    Args:
        layer: an attention, causal if it looks at its own steps.
        x: the next steps, (n, time, d), or a tuple of them and of the memory that they look at.
        before: what the last call returned, None at the start. Of own steps that is keys and values (n, heads, steps,
            size), and with a window, beyond which they are dropped, the number of steps; of a memory it is the memory,
            its keys and values, and the number of steps.

    Raises ``ValueError`` for any other ``before``.
    """
    inputs = read("attention", x)
    n, queries, _ = inputs.query.shape
    weights, biases, columns = by_source(layer, inputs)
    memory = (inputs.key, inputs.value, inputs.key_lengths) if inputs.key is not None else None
    past = None if before is None else _checked(layer, before, n, columns, memory)
    known = past is not None and memory is not None and _is_same(past[0], memory)
    given = zip(inputs.sources, weights, biases, strict=True)
    joints = [projected(*each) for each, _ in zip(given, range(1 if known else 3), strict=False)]
    query, *fresh = by_role(layer, inputs, joints, columns)
    steps = 0 if past is None else past[3]
    query *= 1 / math.sqrt(query.shape[-1])
    turn(layer, query, steps)
    if not known:
        turn(layer, fresh[0], 0 if memory is not None else steps)
    first = steps  # where the first query stands among the keys
    if memory is None and past is not None:
        first = past[1].shape[2]
        keys, values = (np.concatenate(each, axis=2) for each in zip(past[1:3], fresh, strict=True))
    else:
        keys, values = past[1:3] if past is not None and known else [each.copy() for each in fresh]
    count = keys.shape[2]
    unseen, bias = hidden("attention", layer, inputs.last_keys(count), (n, layer.heads, queries, count), first)
    context, also, _ = weigh(layer, query, keys, values, unseen, bias)
    if overflowed(context, inputs):
        q, k, v = (each.astype(np.float64) for each in (query, keys, values))
        context, also, _ = weigh(layer, q, k, v, unseen, bias)
        with np.errstate(over="ignore"):  # scores may be too large for the narrow dtype
            context, also = context.astype(query.dtype), None if also is None else also.astype(query.dtype)
    y = inputs.packed(output(layer, context, n, queries), also)
    if memory is not None:
        if past is not None and known:
            memory = past[0]
        else:  # copied if somebody could write to it: a state is a value, with which the next memory is compared
            memory = tuple([None if each is None else unshared(each) for each in memory])
        return y, (memory, keys, values, steps + queries)
    if layer.window is None or layer.window[0] is None:
        return y, (keys, values)
    kept = slice(max(0, count - layer.window[0]), None)
    return y, (keys[:, :, kept].copy(), values[:, :, kept].copy(), steps + queries)


def _checked(layer: Attention, before: Any, n: int, columns: tuple[int, ...], memory: Any) -> tuple[Any, ...]:
    """Return a state as memory, keys, values and the number of steps, or raise ``ValueError`` if it is none."""
    heads = layer.kv_heads or layer.heads
    windowed = layer.window is not None and layer.window[0] is not None
    parts = before if isinstance(before, tuple) else ()
    full = parts if memory is not None else (None, *parts) if windowed else (None, *parts, 0)
    if len(full) == 4 and isinstance(full[3], int) and all(np.ndim(each) == 4 for each in full[1:3]):
        sizes = [(end - begin) // heads for begin, end in itertools.pairwise(columns[1:])]
        shapes = [(n, heads, full[1].shape[2], size) for size in sizes]
        if [each.shape for each in full[1:3]] == shapes:
            return full if memory is not None or windowed else (*full[:3], full[1].shape[2])
    raise LayerValueError("attention", f"expects the state that advance returned, got {describe(before)}")


def _is_same(one: Any, other: Any) -> bool:
    """Return True if two memories are equal: then keys and values are those of before. To compare costs little."""
    if not isinstance(one, tuple) or len(one) != len(other):
        return False
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in zip(one, other, strict=True)
    )
