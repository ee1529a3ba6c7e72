"""A step's features are turned by its position: how well a key then fits a query depends on how far apart they are.

    rotary : layer          Rotary : x (n, time, ..., size) -> y, its pairs of features turned

Attention turns its queries and keys so, head by head: ``attention(8, rotary=rotary)``.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, floats, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, boolean, describe, integer, positive
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._sequences import over_time


def _some(value: Any) -> int | None:
    return None if value is None else integer("rotary: features", value, 2)


class Rotary(Record):
    """(a, b) becomes (a cos - b sin, a sin + b cos) of the angle position / base**(2 i / features), pair i.

    Of (n, time, ..., size) the last axis is turned, the second is the position (Su et al., 2021, section 3.4). A pair
    is a feature of the first half and the one at its place in the second, or, ``interleaved``, two neighbors, as in
    the paper. ``features``, all if None, are turned, the others stay. Cosines and sines of your own go beside x, in
    (x, cos, sin), for each step, or as tables with the position of each step in (x, cos, sin, positions).

    >>> Rotary()(np.array([[[1.0, 0.0], [1.0, 0.0]]])).round(4)
    array([[[1.    , 0.    ],
            [0.5403, 0.8415]]])
    """

    base: float = attrs.field(default=10000.0, converter=partial(positive, "rotary: base"))
    features: int | None = attrs.field(default=None, converter=_some)
    interleaved: bool = attrs.field(default=False, converter=partial(boolean, "rotary: interleaved"))


@vjp.register
@over_time
def rotary_vjp(layer: Rotary, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if isinstance(x, tuple):
        return _by_tables(layer, x)
    x = steps_of(x)
    return turned(layer, x, 0), lambda dy: (layer, lambda: turned(layer, dy, 0, back=True))


def steps_of(x: Any) -> np.ndarray:
    """Return x as an array of floats, or raise unless it has rows, steps and features."""
    x = floats("rotary", x)
    if x.ndim < 3:
        hint = "; put an embedding before it"
        raise LayerValueError("rotary", f"expects sequences (n, time, ..., size), got {x.shape}{hint}")
    return x


def _by_tables(layer: Rotary, x: tuple[Any, ...]) -> tuple[np.ndarray, Pullback]:
    """Turn by (x, cos, sin), (n or 1, time, features / 2), or by the rows of tables at positions: (..., positions)."""
    if len(x) not in (3, 4):
        raise LayerTypeError("rotary", f"expects x, (x, cos, sin) or (x, cos, sin, positions), got a tuple of {len(x)}")
    values, cos, sin = (floats("rotary", each) for each in x[:3])
    found = f"{values.shape}, {cos.shape} and {sin.shape}"
    misfit = LayerValueError("rotary", f"expects (n, time, ..., size) and cos and sin for each step, got {found}")
    if values.ndim < 3 or not cos.ndim or cos.shape != sin.shape:
        raise misfit
    tables, (n, time) = cos, values.shape[:2]
    places = None if len(x) == 3 else as_array("rotary", x[3])
    if places is not None:
        if places.dtype.kind not in "iu" or places.shape != (n, time):
            raise LayerValueError("rotary", f"expects integers as positions ({n}, {time}), got {describe(places)}")
        if places.size and not 0 <= places.min() <= places.max() < len(cos):
            found = f"from {places.min()} to {places.max()}"
            raise LayerValueError("rotary", f"expects positions from 0 to {len(cos) - 1}, got some {found}")
        cos, sin = cos[places], sin[places]
    half = cos.shape[-1]
    if cos.shape not in ((n, time, half), (1, time, half)):
        raise misfit
    if 2 * half != (layer.features or values.shape[-1]) or 2 * half > values.shape[-1]:
        raise LayerValueError("rotary", f"expects cos and sin of half the features that turn, got {half}")
    a, b = pairs(layer, 2 * half)
    by_step = len(cos), time, *[1] * (values.ndim - 3), half
    cos, sin = cos.reshape(by_step), sin.reshape(by_step)

    def rotary_pullback(dy):
        def dx():
            dangles = [dy[..., a] * values[..., a] + dy[..., b] * values[..., b]]
            dangles.append(dy[..., b] * values[..., a] - dy[..., a] * values[..., b])
            dtables = [each.sum(axis=tuple(range(2, each.ndim - 1))) for each in dangles]
            if places is not None:
                scattered = [np.zeros_like(tables), np.zeros_like(tables)]
                for table, each in zip(scattered, dtables, strict=True):
                    np.add.at(table, places, each)
                dtables = [*scattered, np.zeros(places.shape, dy.dtype)]
            elif len(cos) != n:
                dtables = [each.sum(axis=0, keepdims=True) for each in dtables]
            return (_turn(dy, a, b, cos, -sin), *dtables)

        return layer, dx

    return _turn(values, a, b, cos, sin), rotary_pullback


def _turn(x: np.ndarray, a: slice, b: slice, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    y = x.copy()
    y[..., a] = x[..., a] * cos - x[..., b] * sin
    y[..., b] = x[..., a] * sin + x[..., b] * cos
    return y


def turned(layer: Rotary, x: np.ndarray, first: int, time_axis: int = 1, back: bool = False) -> np.ndarray:
    """Return x with its last axis turned by the positions along ``time_axis``, which begin at ``first``.

    Args:
        layer: which features to turn, and how.
        x: (n, time, ..., size).
        first: the position of the first step.
        time_axis: the axis of positions.
        back: whether to turn the other way: the inverse, and the gradient.

    Raises ``ValueError`` if there are fewer features than are to be turned, or an odd number.
    """
    features = x.shape[-1] if layer.features is None else layer.features
    if features % 2 or features > x.shape[-1]:
        raise LayerValueError("rotary", f"expects an even number of features to turn, got {features} of {x.shape[-1]}")
    time = x.shape[time_axis]
    shape = [1] * x.ndim
    shape[time_axis], shape[-1] = time, features // 2
    cos, sin = (each.reshape(shape) for each in waves(layer.base, first, time, features, x.dtype))
    a, b = pairs(layer, features)
    return _turn(x, a, b, cos, -sin if back else sin)


def pairs(layer: Rotary, features: int) -> tuple[slice, slice]:
    """Return where the first and the second of each pair are."""
    if layer.interleaved:
        return slice(0, features, 2), slice(1, features, 2)
    return slice(0, features // 2), slice(features // 2, features)


@lru_cache(maxsize=64)
def waves(base: float, first: int, time: int, features: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return cosine and sine of the angles (time, features / 2), the same arrays each time."""
    angles = np.arange(first, first + time)[:, None] / base ** (np.arange(0, features, 2) / features)
    return read_only(np.cos(angles).astype(dtype)), read_only(np.sin(angles).astype(dtype))


rotary: Rotary = Rotary()
