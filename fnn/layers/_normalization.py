"""Normalization: z = (x - mean) / sqrt(variance + epsilon), over the rows or over the features, and its gradient.

normalized  : x, mean, epsilon -> z, root
pulled_back : layer, z, root, dy, mean -> dlayer, dx
mean_over_rows, mean_over_features : values, scale? -> the mean of values * scale, a ``Mean``
mean_of_squares : values, mean -> mean(values * values)
narrowed    : root, dtype -> the same in this dtype, above 0
over_the_last_axes : the vjp of a layer over the last axis -> over as many as its scale has

Mean and variance depend on x, so the pullback goes through them too: dx = (g - mean(g) - z mean(g z)) / root, g = dy
scale.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core._arrays import ones, read_only
from fnn.core.vjp import Pullback
from fnn.layers._stable import Vjp, sum_of_rows

Mean = Callable[..., np.ndarray]  # values, scale? -> the mean of values * scale, over rows or over features


def normalized(x: np.ndarray, mean: Mean, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x at mean 0 and standard deviation 1, and the root by which it was divided."""
    with np.errstate(over="ignore", invalid="ignore"):
        center = mean(x)
        z = x - center  # first: the mean of squares less the square of the mean cancels where the mean is large
        root = np.sqrt(mean_of_squares(z, mean) + epsilon)
        roots, excess = root.reshape(-1), np.abs(center)
        excess -= 8 * root
        # Written for speed: every root is finite and above 1/8 of its mean.
        usual = roots.dot(roots) < math.inf and (excess.size == 0 or np.maximum.reduce(excess, axis=None) < 0)
    if not usual:
        return _with_care(x, mean, epsilon)
    z /= root
    return z, root


def _with_care(x: np.ndarray, mean: Mean, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the same where the mean is large beside the deviations, or squares overflow: in float64, and scaled.

    What is taken off first is a value of x, so that of equal ones nothing is left.
    """
    wide = x.astype(np.float64)
    axis = -1 if mean is mean_over_features else tuple(range(x.ndim - 1))
    wide -= wide[..., :1] if axis == -1 else wide.reshape(-1, x.shape[-1])[0]
    wide -= mean(wide)
    size = np.maximum(np.abs(wide).max(axis=axis, keepdims=True), 1)
    wide /= size
    root = np.sqrt(mean_of_squares(wide, mean) + epsilon / size / size)
    wide /= root
    root = (root * size).reshape(mean(x[..., :1] if axis == -1 else x).shape)
    return wide.astype(x.dtype), narrowed(root, x.dtype)


def narrowed(root: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a root in a dtype in which it may be too small to be told from 0, by which nothing can be divided."""
    return np.maximum(root, np.finfo(dtype).tiny).astype(dtype)


def pulled_back(
    layer: Any, z: np.ndarray, root: np.ndarray, dy: np.ndarray, mean: Mean
) -> tuple[Any, Callable[[], np.ndarray]]:
    """Pull dy back through a normalization of which z and root are known."""
    product = dy * z

    def dx():
        g = dy * layer.scale
        # One after the other: their sum would be rounded once more, where little is left of g.
        g -= mean(dy, layer.scale)  # the means of g and of g z, without computing g z
        g -= z * mean(product, layer.scale)
        g /= root
        return g

    return type(layer)(sum_of_rows(product), sum_of_rows(dy), layer.epsilon), dx


def mean_over_rows(values: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the mean over the rows of values * scale, for each feature."""
    return sum_of_rows(values) * (scale / max(math.prod(values.shape[:-1]), 1))


def mean_over_features(values: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """Return the mean over the features of values * scale, for each row."""
    features = values.shape[-1]
    # Of more axes it would be a product for each matrix, which takes twice as long.
    rows = values if values.ndim == 2 else values.reshape(math.prod(values.shape[:-1]), features)
    means = rows.dot(ones(features, values.dtype) if scale is None else scale) / features
    return means[:, None] if rows is values else means.reshape(*values.shape[:-1], 1)


def mean_of_squares(values: np.ndarray, mean: Mean) -> np.ndarray:
    """Return mean(values * values); over features without writing the squares down."""
    if mean is mean_over_features:
        return np.vecdot(values, values)[..., None] / values.shape[-1]
    return mean(values * values)


def over_the_last_axes(function: Vjp) -> Vjp:
    """Decorate the vjp of a layer that normalizes over the last axis: over as many of them as its scale has."""

    @functools.wraps(function)
    def over_the_last_axes_vjp(layer: Any, x: np.ndarray, key: Any = None) -> tuple[np.ndarray, Pullback]:
        shape = layer.scale.shape
        if len(shape) < 2 or x.shape[1:][-len(shape) :] != shape or {a.shape for a in tree.leaves(layer)} != {shape}:
            return function(layer, x, key)  # which says what is wrong, if anything
        rows = x.reshape(*x.shape[: -len(shape)], math.prod(shape))
        y, pullback = function(tree.map(np.ravel, layer), rows, key)

        def over_the_last_axes_pullback(dy):
            dlayer, dx = pullback(dy.reshape(rows.shape))
            return tree.map(lambda leaf: read_only(leaf.reshape(shape)), dlayer), lambda: dx().reshape(x.shape)

        return y.reshape(x.shape), over_the_last_axes_pullback

    return over_the_last_axes_vjp
