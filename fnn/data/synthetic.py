"""Synthetic data: points drawn by a rule, so that the right answer is known.

    line    : n, noise, key -> x (n, 1), y (n, 1)             a straight line, for regression
    moons   : n, noise, key -> x (n, 2), label (n,)           two half circles, for classification
    circles : n, noise, key -> x (n, 2), label (n,)           a circle inside a circle
    spirals : n, noise, key -> x (n, 2), label (n,)           arms wound around each other
    blobs   : n, noise, key -> x (n, features), label (n,)    round clouds
    xor     : n, noise, key -> x (n, 2), label (n,)           four corners, opposite corners of the same class

``noise`` is the standard deviation of the values added to each coordinate (for a line, to y). The key alone chooses the
points, and the noise moves them. Rows come in random order, and the sizes of the classes differ by at most one row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fnn.core._arrays import as_array
from fnn.core._errors import describe, finite_number, integer, number
from fnn.core.keys import Key, fold_in, normals, permutation, require_key, uniforms
from fnn.data._rows import Data, take_rows


def line(
    n: int, noise: float, key: Key, *, slope: float = 2.0, intercept: float = 1.0, dtype: DTypeLike = np.float32
) -> Data:
    """Draw x evenly from [-1, 1) and return it with y = slope x + intercept + noise.

    Args:
        n: rows, 2 or more.
        noise: the standard deviation of the noise, 0 or more.
        key: for the points and the noise.
        slope, intercept: of the line.
        dtype: a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, y = line(100, 0.0, Key(0))
    >>> x.shape, y.shape, bool(np.allclose(y, 2 * x + 1))
    ((100, 1), (100, 1), True)
    """
    _require("line", n, noise, key, dtype)
    slope, intercept = finite_number("line: the slope", slope), finite_number("line: the intercept", intercept)
    x = 2 * uniforms(fold_in(key, 0), (n, 1)) - 1
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused below
        y = slope * x + intercept
    return x.astype(dtype), _moved("line", y, noise, key, dtype)


def moons(n: int, noise: float, key: Key, *, dtype: DTypeLike = np.float32) -> Data:
    """Return points evenly spaced on two interleaving half circles of radius 1, with their labels, 0 and 1.

    The upper moon, 0, has its center at (0, 0), the lower, 1, at (1, 0.5). These are the moons of scikit-learn.

    Args:
        n: rows, 2 or more.
        noise: the standard deviation of the noise, 0 or more.
        key: for the order and the noise.
        dtype: of x, a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, label = moons(5000, 0.1, Key(0))
    >>> x.shape, label.shape, np.bincount(label)
    ((5000, 2), (5000,), array([2500, 2500]))
    """
    _require("moons", n, noise, key, dtype)
    upper = np.linspace(0, np.pi, n // 2)
    lower = np.linspace(0, np.pi, n - n // 2)
    x = np.concatenate([np.cos(upper), 1 - np.cos(lower), np.sin(upper), 0.5 - np.sin(lower)]).reshape(2, n).T
    return _finished("moons", x, np.repeat([0, 1], [n // 2, n - n // 2]), noise, key, dtype)


def circles(n: int, noise: float, key: Key, *, factor: float = 0.5, dtype: DTypeLike = np.float32) -> Data:
    """Return points evenly spaced on two circles around (0, 0), of radius 1 (label 0) and ``factor`` (label 1).

    These are the circles of scikit-learn.

    Args:
        n: rows, 2 or more.
        noise: the standard deviation of the noise, 0 or more.
        key: for the order and the noise.
        factor: the radius of the inner circle, from 0 to below 1.
        dtype: of x, a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, label = circles(5, 0.0, Key(0))
    >>> label, np.hypot(x[:, 0], x[:, 1]).round(6)
    (array([1, 0, 1, 1, 0]), array([0.5, 1. , 0.5, 0.5, 1. ], dtype=float32))
    """
    _require("circles", n, noise, key, dtype)
    factor = number("circles: the factor", factor, below=1)
    counts = [n // 2, n - n // 2]
    angle = np.concatenate([2 * np.pi * np.arange(count) / count for count in counts])
    label = np.repeat([0, 1], counts)
    return _finished("circles", _around(np.where(label == 0, 1.0, factor), angle), label, noise, key, dtype)


def spirals(
    n: int, noise: float, key: Key, *, arms: int = 2, turns: float = 1.0, dtype: DTypeLike = np.float32
) -> Data:
    """Return points on spiral arms that wind ``turns`` times around (0, 0), with labels from 0 to arms - 1.

    They are spirals of Archimedes: at the angle 2 pi (turns r + label / arms) the radius is r. It grows evenly to 1,
    and starts above 0, where all arms would meet.

    Args:
        n: rows, at least one for each arm, and 2 or more.
        noise: the standard deviation of the noise, 0 or more.
        key: for the order and the noise.
        arms: how many, a class each.
        turns: how often each arm winds around the origin, from 0 to below 2**32.
        dtype: of x, a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, label = spirals(300, 0.0, Key(0), arms=3)
    >>> x.shape, np.bincount(label)
    ((300, 2), array([100, 100, 100]))
    """
    _require("spirals", n, noise, key, dtype, integer("spirals: the number of arms", arms))
    turns = number("spirals: turns", turns, below=2**32)  # so that an angle is right to a millionth of a turn
    label = np.arange(n) % arms
    radius = np.arange(1, n + 1) / n
    return _finished("spirals", _around(radius, 2 * np.pi * (turns * radius + label / arms)), label, noise, key, dtype)


def blobs(
    n: int, noise: float, key: Key, *, centers: int | ArrayLike = 3, features: int = 2, dtype: DTypeLike = np.float32
) -> Data:
    """Return points normally distributed around centers; a point's label is the number of its center.

    Args:
        n: rows, at least one for each center.
        noise: the standard deviation of the points around their center, 0 or more.
        key: for the centers, the order and the noise.
        centers: how many to draw, evenly from [-10, 10) in each feature; or the centers themselves, (k, features).
        features: how many, if centers are drawn.
        dtype: of x, a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, label = blobs(4, 0.0, Key(0), centers=[[0.0, 1.0, 2.0], [7.0, 8.0, 9.0]])
    >>> label
    array([1, 1, 0, 0])
    >>> x[1:3]
    array([[7., 8., 9.],
           [0., 1., 2.]], dtype=float32)
    """
    places = _centers(centers, features, key)
    _require("blobs", n, noise, key, dtype, len(places))
    label = np.arange(n) % len(places)
    return _finished("blobs", places[label], label, noise, key, dtype)


def xor(n: int, noise: float, key: Key, *, dtype: DTypeLike = np.float32) -> Data:
    """Return points on the corners of the unit square, with the label 1 where exactly one coordinate is 1.

    No straight line separates the two classes, so a network needs a hidden layer (Minsky and Papert, 1969).

    Args:
        n: rows, 4 or more.
        noise: the standard deviation of the noise, 0 or more.
        key: for the order and the noise.
        dtype: of x, a dtype of floats.

    Raises ``TypeError`` for an argument of the wrong type, ``ValueError`` for one outside its range or
    values that the dtype cannot hold.

    >>> x, label = xor(4, 0.0, Key(0))
    >>> bool((label == (x[:, 0] != x[:, 1])).all()), sorted(x.tolist())
    (True, [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    """
    _require("xor", n, noise, key, dtype, 4)
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])  # in turn, so that labels alternate
    place = np.arange(n) % 4
    return _finished("xor", corners[place], place % 2, noise, key, dtype)


def _centers(centers: int | ArrayLike, features: int, key: Key) -> np.ndarray:
    """Return the centers (k, features), drawn or given, in float64."""
    if isinstance(centers, int | np.integer):
        shape = integer("blobs: the number of centers", centers), integer("blobs: the number of features", features)
        return 20 * uniforms(fold_in(require_key("blobs", key), 2), shape) - 10
    wrong = f"blobs expects centers as an integer or as numbers (k, features), got {describe(centers)}"
    given = as_array("blobs", centers)
    if given.dtype.kind not in "iuf":
        raise TypeError(wrong)
    if given.ndim != 2 or given.size == 0:
        raise ValueError(wrong)
    if not np.isfinite(given).all():
        raise ValueError("blobs: the centers hold NaN or infinity")
    return given.astype(np.float64)


def _around(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the points (n, 2) at these distances from the origin and angles."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _finished(caller: str, x: np.ndarray, label: np.ndarray, noise: float, key: Key, dtype: DTypeLike) -> Data:
    """Shuffle the rows, then add the noise."""
    x, label = take_rows((x, label.astype(np.int64)), permutation(fold_in(key, 0), len(x)))
    return _moved(caller, x, noise, key, dtype), label


def _moved(caller: str, x: np.ndarray, noise: float, key: Key, dtype: DTypeLike) -> np.ndarray:
    """Return values moved by the noise, or raise ``ValueError`` for the first that the dtype cannot hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        moved = x + noise * normals(fold_in(key, 1), x.shape)
        cast = moved.astype(dtype)
    for row in np.flatnonzero(~np.isfinite(cast).all(axis=1))[:1]:
        largest, limit = moved[row][np.abs(moved[row]).argmax()], np.finfo(cast.dtype).max
        raise ValueError(
            f"{caller}: {cast.dtype} holds numbers up to {limit:.3g}, got {largest:.3g} at row {row}; write smaller "
            "settings, or a wider dtype"
        )
    return cast


def _require(caller: str, n: int, noise: float, key: Key, dtype: DTypeLike, least: int = 2) -> None:
    """Raise ``TypeError`` or ``ValueError`` in the name of ``caller`` unless these can be used, ``least`` for n."""
    integer(f"{caller}: the number of rows", n, least)
    number(f"{caller}: the noise, a standard deviation,", noise)
    require_key(caller, key)
    if not _is_floating(dtype):
        raise TypeError(f"{caller}: dtype must be one of floats, say np.float32, got {describe(dtype)}")


def _is_floating(dtype: DTypeLike) -> bool:
    try:
        return isinstance(dtype, str | type | np.dtype) and np.dtype(dtype).kind == "f"
    except TypeError:
        return False
