"""What layers the operators of ONNX are that arrange values: most are nothing but another order of axes.

rearranged : reader, x, row -> x with rows of another shape
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.interop.onnx._reading.reader import Cannot, Op, Reader, Tensor, constant, operator
from fnn.layers.embedding import Embedding
from fnn.layers.recurrent import LastStep
from fnn.networks.joins import Concatenate


@operator("Gather")
def gather(reader: Reader, op: Op, x: Any, places: Any) -> Tensor:
    axis = op["axis"]
    if not isinstance(x, Tensor):
        if axis or x.ndim != 2:
            raise Cannot(f"along axis {axis} of a constant of shape {x.shape}")
        return reader.add(Embedding(x), reader.plain(places), order=tuple(range(places.rank + 1)))
    axis %= x.rank
    places = constant(places, "index")
    if x.rank == 3 and x.order[axis] == 1 and places.ndim == 0 and int(places) in (-1, x.shape[axis] - 1):
        left = [place for place in x.order if place != 1]
        return reader.add(LastStep(), x, order=tuple([0 if place == 0 else 1 for place in left]))
    raise Cannot("of a value")


@operator("Concat")
def concat(reader: Reader, op: Op, *parts: Any) -> Tensor:
    values = [each for each in parts if isinstance(each, Tensor)]
    if len(values) != len(parts):
        raise Cannot("with a constant")
    axis = op["axis"] % values[0].rank
    if len(values) == 1:
        return values[0]
    if axis == 0:
        raise Cannot("of rows")
    order = next((each.order for each in values if None not in each.order), tuple(range(values[0].rank)))
    values = [reader.laid(each, order) for each in values]
    return reader.add(Concatenate(reader.own_axis(values[0], axis)), *values)


@operator("Transpose")
def transpose(reader: Reader, op: Op, x: Tensor) -> Tensor:
    permutation = op["perm"] or range(x.rank)[::-1]
    return Tensor(x.name, tuple([x.order[axis] for axis in permutation]), x.sample)


@operator("Flatten")
def flatten(reader: Reader, op: Op, x: Tensor) -> Tensor:
    if op["axis"] % x.rank != 1:
        raise Cannot(f"from axis {op['axis']} on")
    return rearranged(reader, x, (math.prod(x.lengths),))


@operator("Reshape")
def reshape(reader: Reader, op: Op, x: Tensor, shape: Any) -> Tensor:
    target = [int(length) for length in constant(shape, "shape")]
    op.need(allowzero=0)
    target = [x.shape[place] if not length and place else length for place, length in enumerate(target)]
    row, known = target[1:], math.prod(each for each in target[1:] if each != -1)
    size = math.prod(x.lengths)
    if -1 in row:
        row[row.index(-1)] = size // max(known, 1)
    if -1 in row or target[0] not in (0, -1, reader.rows) or math.prod(row) != size or x.order[0] != 0:
        raise Cannot(f"of {x.shape} to {tuple(target)}, which does not keep the rows")
    return rearranged(reader, x, tuple(row))


@operator("Squeeze")
def squeeze(reader: Reader, op: Op, x: Tensor, axes: Any = None) -> Tensor:
    axes = op["axes"] if axes is None else constant(axes, "axes").tolist()
    if axes is None and reader.rows == 1:
        raise Cannot("of rows")
    axes = [place for place in range(1, x.rank) if x.shape[place] == 1] if axes is None else axes
    axes = {axis % x.rank for axis in axes}
    kept = [place for place in range(x.rank) if place not in axes]
    if all(x.order[axis] is None for axis in axes):
        return Tensor(x.name, tuple([x.order[place] for place in kept]), x.sample)
    if 0 in axes:
        raise Cannot("of rows")
    return rearranged(reader, x, tuple([x.shape[place] for place in kept[1:]]))


@operator("Unsqueeze")
def unsqueeze(reader: Reader, op: Op, x: Tensor, axes: Any = None) -> Tensor:
    axes = op["axes"] if axes is None else constant(axes, "axes").tolist()
    rank = x.rank + len(axes)
    new = {axis % rank for axis in axes}
    left = iter(x.order)
    return Tensor(x.name, tuple([None if place in new else next(left) for place in range(rank)]), x.sample)


def rearranged(reader: Reader, x: Tensor, row: tuple[int, ...]) -> Tensor:
    """Return x with rows of another shape; where lengths of 1 come or go alone, no layer is needed."""
    long = [(axis, length) for axis, length in zip(x.order[1:], x.lengths, strict=True) if length != 1]
    own = [place for place, length in enumerate(x.sample.shape) if place and length != 1]
    same = [length for _, length in long] == [length for length in row if length != 1]
    if same and x.order[0] == 0 and len(own) == np.ndim(x.sample) - 1:
        left = iter([axis for axis, _ in long])
        return Tensor(x.name, (0, *[None if length == 1 else next(left) for length in row]), x.sample)
    if len(long) < 2 and x.order[0] == 0:  # the order of axes is all the same
        return reader.reshaped(Tensor(x.name, tuple(range(np.ndim(x.sample))), x.sample), row)
    return reader.reshaped(reader.plain(x), row)
