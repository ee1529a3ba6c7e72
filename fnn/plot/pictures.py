"""Pictures side by side: the images of a data set, and the filters of a network.

images  : ax, images (n, h, w) or (n, h, w, c), titles?, columns?, marked? -> ax
filters : ax, weight (kh, kw, in, out) or (in, out), shape?                -> ax
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from fnn.core._arrays import as_array
from fnn.core._errors import describe, integer
from fnn.plot._style import (
    DARK,
    LIGHT,
    ORANGE,
    TEXT,
    canvas,
    numbers,
    readable,
    require_axes,
    scale_bar,
    size_in_points,
    texts,
)

_LINE = 1.5 * TEXT  # points from one line of a title to the next


def images(
    ax: Axes,
    images: ArrayLike,
    titles: Iterable[Any] | None = None,
    columns: int | None = None,
    marked: ArrayLike | None = None,
) -> Axes:
    """Draw images in one grid, a title over each, the ``marked`` ones in another color.

    Args:
        ax: the axes to draw on.
        images: (n, height, width), or (n, height, width, channels) with 1 channel, 3 (red, green, blue) or 4. One
            channel is drawn like ink, the larger the darker, on one scale for all.
        titles: n texts or numbers.
        columns: how many images in a row; without it they are as large as the axes allow.
        marked: n booleans, say ``predicted != target``.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for other shapes, colors outside 0 to 1, or
    unless there is a title or mark for each image.

    >>> from matplotlib.figure import Figure
    >>> ax = images(Figure().subplots(), np.zeros((3, 8, 8)), titles=[5, 0, 4], marked=[False, True, False])
    >>> [text.get_text() for text in ax.texts]
    ['5', '0', '4']
    """
    require_axes("images", ax)
    images = _images(images)
    n, height, width = images.shape[:3]
    titles = [] if titles is None else texts("images", "titles", titles, n, "image")
    marks = np.zeros(n, bool) if marked is None else as_array("plot.images, as marked,", marked)
    if marks.dtype != bool or marks.shape != (n,):
        raise ValueError(f"plot.images: marked must be {n} booleans, one for each image, got {describe(marked)}")
    columns = None if columns is None else integer("plot.images: columns", columns)
    lines = max([title.count("\n") + 1 for title in titles], default=0)
    _, corners = _mosaic(ax, images, columns, lines, cmap="gray_r")
    ink, alarm = readable(DARK, canvas(ax)), readable(ORANGE, canvas(ax))
    for place, (left, top) in enumerate(corners):
        if marks[place]:
            _frame(ax, left, top, width, height, ORANGE, 2.0)
        if titles:
            ax.annotate(
                titles[place], (left + (width - 1) / 2, top - 0.5), (0, 3), textcoords="offset points",
                ha="center", va="bottom", fontsize=TEXT, color=alarm if marks[place] else ink, parse_math=False,
            )  # fmt: skip
    return ax


def _images(images: Any) -> np.ndarray:
    """Return images (n, height, width), or in color (n, height, width, 3 or 4) from 0 to 1."""
    array = numbers("images", "images", images, finite=False)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (3, 4))):
        hint = "; write x.reshape(-1, height, width)" if array.ndim == 2 else ""
        raise ValueError(
            f"plot.images expects (n, height, width) or (n, height, width, 1, 3 or 4), got {describe(array)}{hint}"
        )
    if array.ndim == 4 and array.dtype == np.uint8:
        array = array / 255
    if array.ndim == 4 and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"plot.images expects colors from 0 to 1, got some from {array.min():g} to {array.max():g}")
    return array


def _mosaic(
    ax: Axes, images: np.ndarray, columns: int | None, lines: int, **scale: Any
) -> tuple[AxesImage, list[tuple[int, int]]]:
    """Draw all images as one, with space for ``lines`` of text above each; return it and their upper left corners."""
    n, height, width = images.shape[:3]
    gap = max(1, round(width / 8))
    columns = columns or _columns(ax, n, (height, width), gap, lines)
    size = _size(ax, n, columns, (height, width), gap, lines)
    above = math.ceil(lines * _LINE / size)
    down, across = height + above + gap, width + gap
    corners = [(place % columns * across, place // columns * down + above) for place in range(n)]
    shape = (corners[-1][1] + height, min(n, columns) * across - gap)
    if images.ndim == 3:
        canvas = np.full(shape, np.nan)
    else:
        canvas = np.zeros((*shape, 4))  # transparent between the images: the fourth channel is opacity
        images = np.concatenate([images, np.ones((n, height, width, 1))], axis=3)[..., :4]
    for image, (left, top) in zip(images, corners, strict=True):
        canvas[top : top + height, left : left + width] = image
        _frame(ax, left, top, width, height, LIGHT, 0.8)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax.imshow(canvas, interpolation="nearest", **scale), corners


def _columns(ax: Axes, n: int, shape: tuple[int, int], gap: int, lines: int) -> int:
    """Return the number of columns with which the images are largest, or nearly so with a fuller last row."""
    sizes = {columns: _size(ax, n, columns, shape, gap, lines) for columns in range(1, n + 1)}
    large = [columns for columns, size in sizes.items() if size > 0.85 * max(sizes.values())]
    return min(large, key=lambda columns: (-n % columns, -sizes[columns]))


def _size(ax: Axes, n: int, columns: int, shape: tuple[int, int], gap: int, lines: int) -> float:
    """Return how many points wide and high a pixel can be, with so many columns."""
    (height, width), (across, down) = shape, size_in_points(ax)
    by_width, by_height = across / columns / (width + gap), (down / -(-n // columns) - lines * _LINE) / (height + gap)
    return max(min(by_width, by_height), by_width / 100)


def _frame(ax: Axes, left: int, top: int, width: int, height: int, color: str, thickness: float) -> None:
    corner = (left - 0.5, top - 0.5)
    ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=color, linewidth=thickness, clip_on=False))


def filters(ax: Axes, weight: ArrayLike, shape: tuple[int, ...] | None = None) -> Axes:
    """Draw the weights of each filter as an image, all on one scale: blue below 0, white at 0, red above.

    Args:
        ax: the axes to draw on.
        weight: of a ``Conv``, (kernel height, kernel width, inputs, filters), where several inputs give a row for each
            input and a column for each filter; or of a ``Dense``, (inputs, units).
        shape: for a ``Dense``, the shape of the images that it takes as rows, (height, width) or (height, width,
            channels).

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for other shapes, NaN or infinity.

    >>> from matplotlib.figure import Figure
    >>> ax = filters(Figure().subplots(), np.ones((64, 10)), shape=(8, 8))
    >>> ax.images[0].get_clim()
    (-1.0, 1.0)
    """
    require_axes("filters", ax)
    kernels = _kernels(numbers("filters", "the weight", weight), shape)
    height, width, inputs, count = kernels.shape
    largest = float(np.abs(kernels).max()) or 1.0
    tiles = kernels.transpose(2, 3, 0, 1).reshape(inputs * count, height, width)
    image, _ = _mosaic(ax, tiles, count if inputs > 1 else None, 0, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set_xlabel(f"{count} filters of {height} x {width}")
    ax.set_ylabel(f"{inputs} inputs" if inputs > 1 else "")
    scale_bar(ax, image, "weight")
    return ax


def _kernels(weight: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    """Return a weight as kernels (height, width, inputs, filters)."""
    if shape is None:
        if weight.ndim != 4 or weight.size == 0:
            hint = "; for a dense layer's give the shape of its images, say (8, 8)" if weight.ndim == 2 else ""
            wanted = "a weight (kernel height, kernel width, inputs, filters)"
            raise ValueError(f"plot.filters expects {wanted}, got {describe(weight)}{hint}")
        return weight
    if not isinstance(shape, tuple) or len(shape) not in (2, 3):
        raise ValueError(f"plot.filters: shape must be (height, width) or (height, width, channels), got {shape}")
    pixels = math.prod(integer("plot.filters: each number of the shape", length) for length in shape)
    if weight.ndim != 2 or len(weight) != pixels or weight.size == 0:
        raise ValueError(f"plot.filters expects a weight ({pixels}, units) for images {shape}, got {describe(weight)}")
    return weight.reshape(*shape[:2], pixels // math.prod(shape[:2]), weight.shape[1])
