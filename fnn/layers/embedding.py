"""An embedding has a row of values to learn for each symbol of a vocabulary.

    embedding : symbols, features -> constructor          Embedding : x (n, ...) integers -> y (n, ..., features)

It is a dense layer on one-hot rows, without the zeros: y = weight[x]. Where a symbol occurs more than once, its
gradients add.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._sequences import stepwise, values_of
from fnn.layers._stable import sums_along
from fnn.layers.initializers import Initializer, uniform


class Embedding(Record):
    """y = weight[x]; ``weight`` is (symbols, features).

    >>> Embedding(np.array([[0.0, 1.0], [2.0, 3.0]]))(np.array([[1, 0]]))
    array([[[2., 3.],
            [0., 1.]]])
    """

    weight: np.ndarray


@vjp.register
@partial(stepwise, read=as_array)
def embedding_vjp(layer: Embedding, x: Any, key: Key | None = None) -> tuple[np.ndarray, Pullback]:
    if layer.weight.ndim != 2:
        raise LayerValueError("embedding", f"expects a weight (symbols, features), got {layer.weight.shape}")
    x = _symbols(x, len(layer.weight))

    def embedding_pullback(dy):
        # Integers cannot be perturbed: their gradient is zero.
        return Embedding(_summed_by_symbol(x, dy, layer.weight.shape)), lambda: np.zeros(x.shape, dy.dtype)

    return layer.weight[x], embedding_pullback


def _summed_by_symbol(x: np.ndarray, dy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return, for each symbol, the sum of the rows of dy where x is that symbol.

    A symbol with many rows is summed by itself. Of all others the second rows are added to the first ones at once, then
    the third ones, and so on: no more than 2 sqrt(rows) steps, however often each symbol occurs.
    """
    dweight, symbols = np.zeros(shape, dy.dtype), x.reshape(-1)
    if not symbols.size:
        return read_only(dweight)
    if len(dweight) <= 2**16:
        symbols = symbols.astype(np.uint16)  # which NumPy sorts in a tenth of the time
    order = symbols.argsort(kind="stable")  # equal symbols side by side, in one order whatever the machine
    rows, symbols = dy.reshape(-1, shape[1])[order], symbols[order]
    edges = np.flatnonzero(np.concatenate([[True], symbols[1:] != symbols[:-1], [True]]))
    counts = edges[1:] - edges[:-1]
    often = (-counts).argsort(kind="stable")  # the most frequent symbol first
    begins, counts = edges[often], counts[often]
    sums = rows[begins]
    many = np.searchsorted(-counts, -math.isqrt(len(rows)))
    for place, (begin, count) in enumerate(zip(begins[:many].tolist(), counts[:many].tolist(), strict=True)):
        sums[place] = sums_along(rows[begin : begin + count])
    few, sums_of_few = begins[many:], sums[many:]
    steps = np.arange(1, counts[many:].max(initial=1))
    for step, left in zip(steps.tolist(), np.searchsorted(-counts[many:], -steps).tolist(), strict=True):
        sums_of_few[:left] += rows[few[:left] + step]
    dweight[symbols[begins]] = sums
    return read_only(dweight)


def _symbols(x: Any, count: int) -> np.ndarray:
    """Return ``x`` as integers, or raise if they are not symbols from 0 to ``count - 1``."""
    x = as_array("embedding", x)
    if x.dtype.kind not in "iu":
        raise LayerTypeError("embedding", f"expects integers, got {describe(x)}; convert it, say x.astype(int)")
    if x.ndim == 0:
        raise LayerValueError("embedding", "expects symbols (n, ...), got a single one; write x[None]")
    low, high = (x.min(), x.max()) if x.size else (0, 0)
    if low < 0 or high >= count:
        raise LayerValueError("embedding", f"expects symbols from 0 to {count - 1}, got some from {low} to {high}")
    return x.astype(np.int64, copy=False)


@constructor
def embedding(symbols: int, features: int, weight: Initializer = uniform) -> Construct:
    """Construct an embedding, in float32.

    Args:
        symbols: how many different ones there are; they are the integers from 0.
        features: the values that stand for a symbol.
        weight: the initializer of the weight.

    Raises ``TypeError`` or ``ValueError`` unless both sizes are integers, 1 or more.

    >>> embedding(65, 8)(Key(0), np.array([[3, 1]]))
    Embedding(weight=f32[65,8])
    """
    symbols, features = integer("embedding: symbols", symbols), integer("embedding: features", features)
    return partial(_construct_embedding, symbols=symbols, features=features, weight=weight)


def _construct_embedding(key: Key, x: Any, *, symbols: int, features: int, weight: Initializer) -> Embedding:
    require_key("embedding", key)
    _symbols(values_of(x), symbols)
    return Embedding(weight(fold_in(key, 0), (symbols, features), np.float32))
