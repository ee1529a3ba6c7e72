"""A whole image or sequence becomes one value for each channel, whatever its size.

    global_avg_pool : x (n, ..., channels) -> y (n, channels), the mean of each channel
    global_max_pool : x (n, ..., channels) -> y (n, channels), the largest value of each channel

Of (x, lengths) each row is taken over its own steps; one that has none is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._arrays import floats
from fnn.core._errors import LayerValueError
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import as_lengths, each_alone, is_pair, mask, zero_padding
from fnn.layers._stable import sums_along, widened


class GlobalAvgPool(Record):
    """y = the mean of each channel over the whole image or sequence."""


@vjp.register
@widened
def global_avg_pool_vjp(layer: GlobalAvgPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if is_pair(x):
        return _mean_of_steps(layer, x)
    x, cells = _cells("global_avg_pool", x)

    def global_avg_pool_pullback(dy):
        return layer, lambda: np.repeat((dy / cells)[:, None], cells, axis=1).reshape(x.shape)

    return sums_along(x.reshape(len(x), cells, x.shape[-1])) / cells, global_avg_pool_pullback


def _mean_of_steps(layer: GlobalAvgPool, x: Any) -> tuple[np.ndarray, Pullback]:
    """Evaluate on (x, lengths): the mean of a row over its own steps, and 0 if it has none."""
    values = floats("global_avg_pool", x[0])
    lengths = as_lengths("global_avg_pool", x[1], *values.shape[:2])
    if values.ndim != 3:
        raise LayerValueError(
            "global_avg_pool", f"expects lengths beside sequences (n, time, features) alone, got {values.shape}"
        )
    steps = np.maximum(lengths, 1)[:, None].astype(values.dtype)

    def mean_of_steps_pullback(dy):
        def dx():
            repeated = np.repeat((dy / steps)[:, None], values.shape[1], axis=1)
            return zero_padding(repeated, lengths), np.zeros(lengths.shape, repeated.dtype)

        return layer, dx

    return _means(values, lengths), mean_of_steps_pullback


def _means(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the mean of each row's own steps, added up in an order that depends on nothing but the row."""
    n, time, features = values.shape
    means = np.zeros((n, features), values.dtype)
    rows = np.flatnonzero(lengths)  # reduceat has no empty sums
    if rows.size:
        begins = np.cumsum(lengths) - lengths
        sums = np.add.reduceat(values[mask(lengths, time)], begins[rows], axis=0, dtype=np.float64)
        means[rows] = sums / lengths[rows, None]
    return means


class GlobalMaxPool(Record):
    """y = the largest value of each channel over the whole image or sequence. Of equal ones the first gets dy."""


@vjp.register
@each_alone
def global_max_pool_vjp(layer: GlobalMaxPool, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    x, cells = _cells("global_max_pool", x)
    places = x.reshape(len(x), cells, x.shape[-1])
    largest = places.argmax(axis=1)[:, None]

    def global_max_pool_pullback(dy):
        def dx():
            dplaces = np.zeros(places.shape, dy.dtype)
            np.put_along_axis(dplaces, largest, dy[:, None], axis=1)
            return dplaces.reshape(x.shape)

        return layer, dx

    return np.take_along_axis(places, largest, axis=1)[:, 0], global_max_pool_pullback


def _cells(caller: str, x: Any) -> tuple[np.ndarray, int]:
    """Return ``x`` as floats and how many cells it has, or raise in the name of ``caller`` if there is none."""
    x = floats(caller, x)
    cells = math.prod(x.shape[1:-1])
    if x.ndim < 3 or cells == 0:
        raise LayerValueError(caller, f"expects images (n, height, width, channels) or sequences, got {x.shape}")
    return x, cells


global_avg_pool: GlobalAvgPool = GlobalAvgPool()
global_max_pool: GlobalMaxPool = GlobalMaxPool()
