"""A code for each position is added to what stands there: without it a sentence is a bag of words to attention.

    positional : positions? -> constructor          Sinusoidal, Positional : x (n, time, d) -> y = x + code (time, d)

The code is fixed, waves of many lengths, or it is learned, a row for each position.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from fnn.core._arrays import floats, read_only
from fnn.core._errors import LayerValueError, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import over_time, values_of
from fnn.layers._stable import sums_along
from fnn.layers.initializers import uniform


class Sinusoidal(Record):
    """y = x + code, with code[t, 2 i] = sin(t / 10000**(2 i / d)) and code[t, 2 i + 1] the cosine of the same.

    It has no parameters and takes sequences of any length (Vaswani et al., 2017, section 3.5).

    >>> Sinusoidal()(np.zeros((1, 2, 3))).round(4)
    array([[[0.    , 1.    , 0.    ],
            [0.8415, 0.5403, 0.0022]]])
    """


class Positional(Record):
    """y = x + weight[:time]; ``weight`` is (positions, d).

    >>> Positional(np.array([[1.0], [2.0], [3.0]]))(np.zeros((1, 2, 1)))
    array([[[1.],
            [2.]]])
    """

    weight: np.ndarray


@vjp.register
@over_time
def sinusoidal_vjp(layer: Sinusoidal, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return coded(layer, x, 0)


@vjp.register
@over_time
def positional_vjp(layer: Positional, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    return coded(layer, x, 0)


def coded(layer: Sinusoidal | Positional, x: Any, first: int) -> tuple[np.ndarray, Pullback]:
    """Return y and the pullback for sequences that begin at position ``first``.

    Args:
        layer: which code to add.
        x: sequences (n, time, d).
        first: the position of their first step.

    Raises ``ValueError`` if the sequences do not fit, or go on beyond the positions that the layer knows.
    """
    x = _sequences(x)
    n, time, width = x.shape
    here = slice(first, first + time)
    if isinstance(layer, Sinusoidal):
        return x + _waves(first, time, width, x.dtype), lambda dy: (layer, lambda: dy)
    weight = layer.weight
    if weight.ndim != 2:
        raise LayerValueError("positional", f"expects a weight (positions, features), got {weight.shape}")
    if weight.shape[1] != width:
        raise LayerValueError("positional", f"expects sequences (n, time, {weight.shape[-1]}), got {x.shape}")
    if here.stop > len(weight):
        raise LayerValueError(
            "positional", f"knows {len(weight)} positions, got {here.stop}; write positional({here.stop}) or more"
        )

    def positional_pullback(dy):
        dweight = np.zeros(weight.shape, dy.dtype)
        dweight[here] = sums_along(dy.reshape(n, time * width)).reshape(time, width)
        return Positional(read_only(dweight)), lambda: dy

    return x + weight[here], positional_pullback


@lru_cache(maxsize=64)
def _waves(first: int, time: int, width: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the sinusoidal code of these positions, the same array each time."""
    angles = np.arange(first, first + time)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
    code = np.empty((time, width))
    code[:, 0::2], code[:, 1::2] = np.sin(angles), np.cos(angles[:, : width // 2])  # an odd width ends on a sine
    return read_only(code.astype(dtype))


def _sequences(x: Any) -> np.ndarray:
    """Return ``x`` as floats, or raise if it is not sequences."""
    x = floats("positional", x)
    if x.ndim != 3:
        hint = "; put an embedding before it" if x.ndim < 3 else ""
        raise LayerValueError("positional", f"expects sequences (n, time, features), got {x.shape}{hint}")
    return x


@constructor
def positional(positions: int | None = None) -> Construct:
    """Construct a layer that adds a code for each position: the sinusoidal one, or one that is learned.

    A learned code is for sequences of up to ``positions`` steps, and starts small, uniform on [-0.05, 0.05). Raises
    ``TypeError`` or ``ValueError`` unless ``positions`` is None or an integer, 1 or more.

    >>> positional()(Key(0), np.zeros((1, 5, 4))), positional(8)(Key(0), np.zeros((1, 5, 4)))
    (Sinusoidal(), Positional(weight=f64[8,4]))
    """
    if positions is not None:
        positions = integer("positional: positions", positions)
    return partial(_construct_positional, positions=positions)


def _construct_positional(key: Key, x: Any, *, positions: int | None) -> Sinusoidal | Positional:
    require_key("positional", key)
    x = _sequences(values_of(x))
    if positions is None:
        return Sinusoidal()
    return Positional(uniform(fold_in(key, 0), (positions, x.shape[2]), x.dtype))
