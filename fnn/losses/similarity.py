"""How far apart rows lie: by their directions, or one from two others.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

A row is an embedding, (n, features). Distances are computed in float64, where squares of float32 have room.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array
from fnn.core._errors import boolean, number
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.losses._reduction import Evaluated, Slopes, reduced
from fnn.losses._rows import Matched, same_shape
from fnn.losses._several import together


class CosineDistance(Record):
    """mean(1 - y t / (|y| |t|)), over all rows: 0 where y has the direction of the target t, 2 where the opposite one.

    It is computed as |u - v|**2 / 2 of the directions u and v, of which nothing is lost where they are close. A row of
    zeros has no direction: its distance is 1, and its slope 0.

    >>> round(cosine_distance(np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])), 4)
    0.1464
    """


@vjp.register
def cosine_distance_vjp(loss: CosineDistance, prediction: Any, target: Any, weights: Any = None) -> Evaluated:
    return reduced("cosine_distance", loss, _cosine_distance_rows, prediction, target, weights, _matched_vectors)


def _matched_vectors(caller: str, loss: Any, prediction: Any, target: Any) -> Matched:
    prediction, target, shape, there = same_shape(caller, loss, prediction, target)
    if len(shape) < 2 or not shape[-1]:
        raise ValueError(f"{caller} expects vectors (n, features), got {shape}")
    return prediction, target, shape[:-1], there


def _cosine_distance_rows(loss: CosineDistance, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    (u, size, norm), (v, _, _) = _direction(y), _direction(target)
    apart = u - v
    distance = 0.5 * np.vecdot(apart, apart)
    still = ~(u.any(axis=1) & v.any(axis=1))
    distance[still] = 1.0

    def slopes(scale):
        dy = apart - distance[:, None] * u  # cos u - v
        dy[still] = 0
        dy *= np.expand_dims(scale, -1)
        dy /= norm
        dy /= size  # by one after the other: the product of both may overflow
        return dy

    return distance, slopes


def _direction(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return y / |y|, and |y| as two factors: the largest element, and the norm of what is divided by it."""
    y = y.astype(np.float64)
    size = np.abs(y).max(axis=1, keepdims=True)
    size = np.where(size > 0, size, 1)
    y /= size
    norm = np.sqrt(np.vecdot(y, y))[:, None]
    norm = np.where(norm > 0, norm, 1)
    return y / norm, size, norm


class Triplet(Record):
    """mean(max(0, |a - p|**2 - |a - n|**2 + margin)), for the prediction (a, p, n): anchor, positive and negative.

    The positive is of the anchor's kind, the negative is not, and a margin farther away (Schroff et al., 2015, with
    embeddings of length 1). Without ``squared`` it is |a - p| - |a - n| + margin, PyTorch's triplet_margin_loss. The
    slope at the margin itself, and of a distance of 0, is 0.

    The three are embeddings (n, features). There is nothing to compare them with: ``target`` is None, or anything with
    a row for each, such as the anchors' labels. A network makes the three if it stands in three branches, where it is
    one network with one gradient; its data is ((anchors, positives, negatives), labels).

    >>> from fnn import Key, Parallel, Serial, dense, pick, value_and_grad
    >>> x = np.eye(3)
    >>> body = dense(2)(Key(0), x)
    >>> net = Parallel(tuple([Serial((pick(place), body)) for place in range(3)]))
    >>> value, gradient = value_and_grad(triplet, net, ((x, x[::-1], 2 * x), None))
    >>> gradient.branches[0].layers[1] is gradient.branches[2].layers[1]
    True
    >>> triplet((np.zeros((1, 2)), np.ones((1, 2)), np.array([[1.0, 0.0]])), None)  # 2 - 1 + 0.2
    1.2
    """

    margin: float = attrs.field(default=0.2, converter=partial(number, "triplet: margin"))
    squared: bool = attrs.field(default=True, converter=partial(boolean, "triplet: squared"))


@vjp.register
def triplet_vjp(loss: Triplet, prediction: Any, target: Any = None, weights: Any = None) -> Evaluated:
    hint = "its docstring shows the network that returns one"
    three, apart = together("triplet", ("anchor", "positive", "negative"), prediction, hint)
    value, pullback = reduced("triplet", loss, _triplet_rows, three, target, weights, _matched_triplets)

    def triplet_pullback(dvalue):
        _, dthree = pullback(dvalue)
        return loss, lambda: apart(dthree())

    return value, triplet_pullback


def _matched_triplets(caller: str, loss: Any, prediction: np.ndarray, target: Any) -> Matched:
    rows = prediction.shape[:-2]
    if not rows:
        raise ValueError(f"{caller} expects embeddings (n, features), got {prediction.shape[:-1]}")
    if target is not None and as_array(caller, target).shape[:1] != rows[:1]:
        found = as_array(caller, target).shape
        raise ValueError(f"{caller} expects None as target, or a row for each of {rows[0]}, got {found}")
    return prediction, np.zeros(rows), rows, None


def _triplet_rows(loss: Triplet, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Slopes]:
    anchor, positive, negative = np.moveaxis(prediction.astype(np.float64), -1, 0)
    near, far = anchor - positive, anchor - negative
    distances = np.vecdot(near, near), np.vecdot(far, far)
    if loss.squared:
        near, far = 2 * near, 2 * far  # the slopes of the distances
    else:
        distances = np.sqrt(distances[0]), np.sqrt(distances[1])
        near, far = (d / np.where(size > 0, size, 1)[..., None] for d, size in zip((near, far), distances, strict=True))
    shortfall = distances[0] - distances[1] + loss.margin

    def slopes(scale):
        dprediction = np.stack([near - far, -near, far], axis=-1)
        dprediction *= np.asarray((shortfall > 0) * scale)[..., None, None]
        return dprediction

    return np.maximum(shortfall, 0), slopes


cosine_distance: CosineDistance = CosineDistance()
triplet: Triplet = Triplet()
