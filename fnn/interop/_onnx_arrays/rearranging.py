"""What the operators of ONNX compute that only say where each number goes: slices, gathers, paddings, reshapes.

Each is one function of an array. Its gradient needs no second one: the function is applied to the places of the
numbers, counted from 1, and dy is added up by place; 0 is the place of what was filled in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.interop._onnx_arrays.operator import Pull, formula


def arranging(
    *names: str, inputs: str = "", fixed: str = "", fill: int | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator for an operator that only arranges the numbers of its first input.

    Args:
        names: the operators.
        inputs: the names of their inputs.
        fixed: the names of those that are settings where they are constant.
        fill: which of the inputs behind the first is the number to fill in, None if there is none.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def arranged(x: Any, *others: Any, **settings: Any) -> tuple[Any, Pull]:
            def pull(dy):
                unfilled = [None if place == fill else each for place, each in enumerate(others)]
                places = function(np.arange(1, x.size + 1).reshape(x.shape), *unfilled, **settings)
                return _by_place(x.shape, places, dy), *[None] * len(others)

            return function(x, *others, **settings), pull

        arranged.__wrapped__ = function  # type: ignore[attr-defined]
        return formula(*names, inputs=inputs, fixed=fixed)(arranged)

    return register


def _by_place(shape: tuple[int, ...], places: Any, dy: Any) -> np.ndarray:
    if not isinstance(places, tuple):
        places, dy = (places,), (dy,)
    count = math.prod(shape) + 1
    pairs = [(at.ravel(), each) for at, each in zip(places, dy, strict=True) if each is not None]
    total = sum((np.bincount(at, each.ravel(), count) for at, each in pairs), np.zeros(count))
    return total[1:].reshape(shape).astype(pairs[0][1].dtype if pairs else np.float32)


@arranging("Reshape", inputs="data shape", fixed="shape")
def reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    shape = [x.shape[axis] if n == 0 and not allowzero else n for axis, n in enumerate(map(int, shape))]
    if shape.count(-1) > 1 and shape[0] == -1:  # that of the rows
        shape[0] = len(x)
    if -1 in shape and not x.size:  # of no numbers NumPy cannot tell
        rest = math.prod(n for n in shape[1:] if n != -1)
        shape[shape.index(-1)] = 0 if shape[0] == -1 else math.prod(x.shape[1:]) // max(rest, 1)
    return x.reshape(shape)


@arranging("Flatten", inputs="input")
def flatten(x: Any, axis: int = 1) -> Any:
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@arranging("Squeeze", inputs="data axes", fixed="axes")
def squeeze(x: Any, axes: Any) -> Any:
    return x.squeeze(None if axes is None else tuple(axes))


@arranging("Unsqueeze", inputs="data axes", fixed="axes")
def unsqueeze(x: Any, axes: Any) -> Any:
    return np.expand_dims(x, tuple(axes))


@arranging("Transpose", inputs="data")
def transpose(x: Any, perm: Any = None) -> Any:
    return x.transpose(perm)


@arranging("Expand", inputs="input shape", fixed="shape")
def expand(x: Any, shape: Any) -> Any:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(map(int, shape))))


@arranging("Tile", inputs="input repeats", fixed="repeats")
def tile(x: Any, repeats: Any) -> Any:
    return np.tile(x, tuple(map(int, repeats)))


@arranging("Slice", inputs="data starts ends axes steps", fixed="starts ends axes steps")
def slices(x: Any, starts: Any, ends: Any, axes: Any, steps: Any) -> Any:
    axes, steps = range(len(starts)) if axes is None else axes, [1] * len(starts) if steps is None else steps
    where = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        n = x.shape[axis]
        # As in Python, but that an end far below 0 is in front of the first even where the step is below 0.
        where[axis] = slice(int(start), None if step < 0 and end < -n else int(end), int(step))
    return x[tuple(where)]


@arranging("Gather", inputs="data indices", fixed="indices")
def gather(x: Any, indices: Any, axis: int = 0) -> Any:
    return np.take(x, np.asarray(indices, np.int64), axis=axis)


@arranging("GatherElements", inputs="data indices", fixed="indices")
def gather_elements(x: Any, indices: Any, axis: int = 0) -> Any:
    indices = np.asarray(indices, np.int64)
    return np.take_along_axis(_first(x, indices.shape, axis), indices % x.shape[axis], axis=axis)


def _first(x: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Return the corner of x that is as long as a shape, but along an axis."""
    return x[tuple([slice(None) if place == axis % x.ndim else slice(n) for place, n in enumerate(shape)])]


@arranging("GatherND", inputs="data indices", fixed="indices")
def gather_nd(x: Any, indices: Any, batch_dims: int = 0) -> Any:
    indices = np.asarray(indices, np.int64)
    batch = np.indices(indices.shape[:batch_dims])
    behind = indices.ndim - 1 - batch_dims
    rows = [each.reshape(*each.shape, *[1] * behind) for each in batch]
    return x[(*rows, *np.moveaxis(indices, -1, 0))]


@arranging("Split", inputs="input split", fixed="split")
def split(x: Any, sizes: Any, axis: int = 0, num_outputs: int | None = None) -> Any:
    n = x.shape[axis]
    if sizes is None:
        size = -(-n // (num_outputs or 1))
        sizes = [min(size, n - begin) for begin in range(0, n, size)]
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis=axis))


@arranging("DepthToSpace", inputs="input")
def depth_to_space(x: Any, blocksize: int, mode: str = "DCR") -> Any:
    n, channels, height, width = x.shape
    left = channels // blocksize**2
    if mode == "DCR":
        parts = x.reshape(n, blocksize, blocksize, left, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(n, left, blocksize, blocksize, height, width).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, left, height * blocksize, width * blocksize)


@arranging("SpaceToDepth", inputs="input")
def space_to_depth(x: Any, blocksize: int, mode: str = "DCR") -> Any:
    n, channels, height, width = x.shape
    parts = x.reshape(n, channels, height // blocksize, blocksize, width // blocksize, blocksize)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return parts.transpose(order).reshape(n, channels * blocksize**2, height // blocksize, width // blocksize)


@arranging("Trilu", inputs="input k", fixed="k")
def trilu(x: Any, k: Any, upper: int = 1) -> Any:
    return (np.triu if upper else np.tril)(x, 0 if k is None else int(k))


@arranging("ReverseSequence", inputs="input sequence_lens")
def reverse_sequence(x: Any, lengths: Any, batch_axis: int = 1, time_axis: int = 0) -> Any:
    rows, steps = np.moveaxis(x, (batch_axis, time_axis), (0, 1)), np.arange(x.shape[time_axis])
    lengths = np.asarray(lengths)[:, None]
    places = np.where(steps < lengths, lengths - 1 - steps, steps)
    turned = rows[np.arange(len(rows))[:, None], places]
    return np.moveaxis(turned, (0, 1), (batch_axis, time_axis))


@arranging("Pad", inputs="data pads constant_value axes", fixed="pads axes constant_value", fill=1)
def pad(x: Any, pads: Any, value: Any, axes: Any, mode: str = "constant") -> Any:
    axes = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes]
    sides = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    cut = tuple([slice(max(-first, 0), n - max(-last, 0)) for n, (first, last) in _each(x, sides)])
    width = [(max(first, 0), max(last, 0)) for _, (first, last) in _each(x, sides)]
    if mode != "constant":
        known: Any = mode
        return np.pad(x[cut], width, mode=known)
    fill = 0 if value is None else np.reshape(value, ()).item()
    return np.pad(x[cut], width, constant_values=fill)


def _each(x: Any, sides: dict[int, tuple[int, int]]) -> list[tuple[int, tuple[int, int]]]:
    return [(n, sides.get(axis, (0, 0))) for axis, n in enumerate(x.shape)]


@formula("Concat")
def concat(*arrays: Any, axis: int) -> tuple[Any, Pull]:
    ends = np.cumsum([each.shape[axis] for each in arrays])[:-1]
    return np.concatenate(arrays, axis=axis), lambda dy: tuple(np.split(dy, ends, axis=axis))
