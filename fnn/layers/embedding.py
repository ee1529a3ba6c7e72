"""An embedding gives each symbol of a vocabulary a row of numbers of its own, to be learned.

    embedding : symbols, features -> constructor          Embedding : x (n, ...) integers -> y (n, ..., features)

It is a dense layer on one-hot rows, without the zeros: y = weight[x]. Where a symbol occurs more than once, its
gradients add.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import as_array, read_only
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer
from fnn.core.keys import fold_in, require_key
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers.initializers import uniform


class Embedding(Record):
    """y = weight[x]; ``weight`` is (symbols, features).

    >>> Embedding(np.array([[0.0, 1.0], [2.0, 3.0]]))(np.array([[1, 0]]))
    array([[[2., 3.],
            [0., 1.]]])
    """

    weight: np.ndarray


@vjp.register
def embedding_vjp(layer: Embedding, x, key=None):
    x = _symbols(x, len(layer.weight))

    def embedding_pullback(dy):
        # Integers cannot be nudged: their gradient is zero.
        return Embedding(_added_up(x, dy, layer.weight.shape)), lambda: np.zeros(x.shape, dy.dtype)

    return layer.weight[x], embedding_pullback


def _added_up(x: np.ndarray, dy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give, for each symbol, the sum of the rows of dy at which it stands."""
    dweight = np.zeros(shape, dy.dtype)
    symbols = x.reshape(-1)
    if symbols.size:
        order = symbols.argsort(kind="stable")  # equal symbols side by side, in one order whatever the machine
        grouped = symbols[order]
        begins = np.flatnonzero(np.diff(grouped, prepend=-1))
        dweight[grouped[begins]] = np.add.reduceat(dy.reshape(-1, shape[1])[order], begins, axis=0)
    return read_only(dweight)


def _symbols(x: Any, count: int) -> np.ndarray:
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
def embedding(symbols: int, features: int, weight: Callable = uniform) -> Construct:
    """Make an embedding of ``symbols`` different symbols, each as ``features`` numbers, float32.

    ``weight`` is an initializer. Raises unless both are integers, 1 or more.

    >>> from fnn import Key
    >>> embedding(65, 8)(Key(0), np.array([[3, 1]]))
    Embedding(weight=f32[65,8])
    """
    symbols, features = integer("embedding: symbols", symbols), integer("embedding: features", features)
    return partial(_construct_embedding, symbols=symbols, features=features, weight=weight)


def _construct_embedding(key: Any, x: Any, *, symbols: int, features: int, weight: Callable) -> Embedding:
    require_key("embedding", key)
    _symbols(x, symbols)
    return Embedding(weight(fold_in(key, 0), (symbols, features), np.float32))
