"""What ONNX's Resize computes: along each axis a matrix, whose rows say how much of each cell is in a new one.

along : length, scale, new length, settings -> (new length, length)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.interop._onnx_arrays.operator import Pull, formula


def _triangle(distance: np.ndarray, a: float) -> np.ndarray:
    return np.maximum(1 - np.abs(distance), 0)


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Return Keys' kernel (1981), which is 0 from 2 on."""
    x = np.abs(distance)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def places_of(n: int, scale: float, new: int, way: str, part: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """Return where in x the cells of y stand.

    Args:
        n: how many cells x has.
        scale: how many new ones there are to one.
        new: how many cells y has.
        way: ONNX's coordinate_transformation_mode.
        part: of x, from where to where it is taken, for tf_crop_and_resize.
    """
    i = np.arange(new)
    if way == "align_corners":
        return i * ((n - 1) / (scale * n - 1)) if new > 1 else i * 0.0
    if way == "tf_crop_and_resize":
        begin, end = part
        return (begin + i * ((end - begin) / (new - 1)) if new > 1 else (begin + end) / 2 + i) * (n - 1)
    if way == "asymmetric":
        return i / scale
    middle = (i + 0.5) / scale - 0.5
    if way == "pytorch_half_pixel" and new == 1:
        return middle * 0
    if way == "half_pixel_symmetric":
        return middle + n / 2 * (1 - new / (scale * n))
    return middle


_ROUNDED = {
    "round_prefer_floor": lambda place: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: np.floor(place + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def along(
    n: int, scale: float, new: int, settings: dict[str, Any], part: tuple[float, float] = (0.0, 1.0)
) -> np.ndarray:
    """Return the matrix of one axis by the settings of the operator."""
    way = settings.get("coordinate_transformation_mode", "half_pixel")
    return matrix(
        places_of(n, scale, new, way, part), n, scale,
        **{ours: settings[name] for name, ours in _SETTINGS.items() if name in settings},
    )  # fmt: skip


_SETTINGS = {
    "mode": "mode", "nearest_mode": "nearest", "cubic_coeff_a": "a", "exclude_outside": "exclude",
    "antialias": "antialias",
}  # fmt: skip


def matrix(
    places: np.ndarray,
    n: int,
    scale: float,
    mode: str = "nearest",
    nearest: str = "round_prefer_floor",
    a: float = -0.75,
    exclude: int = 0,
    antialias: int = 0,
) -> np.ndarray:
    """Return how much of each of n cells is in a cell that stands at each place.

    Args:
        places: where they stand, in cells.
        n: how many cells there are.
        scale: how many new ones there are to a cell.
        mode: "nearest", "linear" or "cubic".
        nearest: which one is the nearest, as ONNX names it.
        a: of the cubic kernel.
        exclude: 1 if cells beyond the edge have no weight; else they are as those at the edge.
        antialias: 1 if the kernel is as wide as a new cell where that is wider.
    """
    y = np.zeros((len(places), n))
    if mode == "nearest":
        taken = np.clip(_ROUNDED[nearest](places), 0, n - 1).astype(int)
        y[np.arange(len(places)), taken] = 1
        return y
    kernel, radius = (_triangle, 1) if mode == "linear" else (_cubic, 2)
    narrow = min(scale, 1.0) if antialias else 1.0
    reach = math.ceil(radius / narrow) + 1
    cells = np.floor(places).astype(int)[:, None] + np.arange(-reach, reach + 1)
    weights = kernel((cells - places[:, None]) * narrow, a)
    if exclude:
        weights = np.where((cells >= 0) & (cells < n), weights, 0)
    if exclude or antialias:
        weights = weights / weights.sum(axis=1, keepdims=True)
    np.add.at(y, (np.arange(len(places))[:, None], np.clip(cells, 0, n - 1)), weights)
    return y


def sizes_of(
    shape: tuple[int, ...], axes: list[int], scales: Any, sizes: Any, policy: str = "stretch"
) -> tuple[list[float], list[int]]:
    """Return for each of the axes how many cells there are to one, and how many in all."""
    lengths = [shape[axis] for axis in axes]
    if scales is not None and len(scales):
        scales = [float(str(np.float32(each))) for each in scales]
        return scales, [math.floor(n * scale) for n, scale in zip(lengths, scales, strict=True)]
    # Of no rows, or of as many as there are, none are made.
    sizes = [n if size == -1 or not n else int(size) for size, n in zip(sizes, lengths, strict=True)]
    found = [size / n if n else 1.0 for size, n in zip(sizes, lengths, strict=True)]
    if policy == "stretch":
        return found, sizes
    scale = min(found) if policy == "not_larger" else max(found)
    return [scale] * len(axes), [math.floor(scale * n + 0.5) for n in lengths]


@formula("Resize", inputs="X roi scales sizes", fixed="roi scales sizes")
def resize(
    x: Any, roi: Any, scales: Any, sizes: Any, axes: Any = None, mode: str = "nearest", antialias: int = 0,
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75, exclude_outside: int = 0,
    extrapolation_value: float = 0.0, keep_aspect_ratio_policy: str = "stretch",
    nearest_mode: str = "round_prefer_floor",
) -> tuple[Any, Pull]:  # fmt: skip
    axes = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in axes]
    scales, sizes = sizes_of(x.shape, axes, scales, sizes, keep_aspect_ratio_policy)
    way, crops = coordinate_transformation_mode, coordinate_transformation_mode == "tf_crop_and_resize"
    settings = {
        "coordinate_transformation_mode": way, "mode": mode, "nearest_mode": nearest_mode, "antialias": antialias,
        "cubic_coeff_a": cubic_coeff_a, "exclude_outside": exclude_outside,
    }  # fmt: skip
    y, outside, matrices = x, np.zeros((1,) * x.ndim, bool), []
    for place, (axis, scale, new) in enumerate(zip(axes, scales, sizes, strict=True)):
        n = x.shape[axis]
        if not crops and n == new and scale == 1:
            continue
        part = (roi[place], roi[place + len(axes)]) if crops else (0.0, 1.0)
        if crops:
            places = places_of(n, scale, new, way, part)
            beyond = (places < 0) | (places > n - 1)
            outside = outside | np.expand_dims(beyond, [each for each in range(x.ndim) if each != axis])
        weights = along(n, scale, new, settings, part)
        matrices.append((axis, weights))
        # What is not finite stays where it is.
        y = np.take(y, weights.argmax(axis=1), axis) if mode == "nearest" else product(y, axis, weights)

    def pull(dy):
        dy = np.where(outside, 0, dy)
        for axis, weights in reversed(matrices):
            dy = product(dy, axis, weights.T)
        return dy, None, None, None

    return np.where(outside, extrapolation_value, y).astype(x.dtype) if outside.any() else y, pull


def product(x: np.ndarray, axis: int, weights: np.ndarray) -> np.ndarray:
    """Return the product of a matrix with x along an axis."""
    weights = weights.astype(x.dtype if x.dtype.kind == "f" else np.float32)
    return np.moveaxis(np.moveaxis(x, axis, -1) @ weights.T, -1, axis)
