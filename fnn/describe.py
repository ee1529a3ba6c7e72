"""What a network looks like from outside: its layers, the shapes that flow between them, what each has to learn.

summary : params, x -> table, as text
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.compose import Serial
from fnn.core import forward
from fnn.errors import describe
from fnn.modes import inference
from fnn.tree import leaves


def summary(params: Any, x: Any) -> str:
    """Give the table of path, layer, output shape and parameters; ``x`` is data of which one row is shown to the net.

    >>> from fnn import Key, mlp
    >>> x = np.zeros((1, 2), np.float32)
    >>> print(summary(mlp(64, 2)(Key(0), x), x))
    path       layer  output   parameters
    -------------------------------------
    layers[0]  Dense  (n, 64)         192
    layers[1]  Relu   (n, 64)           0
    layers[2]  Dense  (n, 2)          130
    -------------------------------------
    total                             322
    """
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError(f"summary expects data (n, ...), of which it shows the network a row, got {describe(x)}")
    x = x[:1]
    inference(params, x)  # a layer that does not fit is named here, by its path
    rows = [(path, type(layer).__name__, _shape(y), f"{_size(layer):,}") for path, layer, y in _flow(params, x, "")]
    head = ("path", "layer", "output", "parameters")
    total = ("total", "", "", f"{_size(params):,}")
    widths = [max(len(row[i]) for row in [head, *rows, total]) for i in range(4)]
    path, layer, output, size = widths
    lines = [f"{p:<{path}}  {name:<{layer}}  {y:<{output}}  {n:>{size}}" for p, name, y, n in [head, *rows, total]]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _flow(node: Any, x: np.ndarray, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield each layer with its path and its output, inside nested networks too."""
    if not isinstance(node, Serial):
        yield path or ".", node, forward(inference(node, x), x)
        return
    for place, layer in enumerate(node.layers):
        here = f"{path}.layers[{place}]".lstrip(".")
        for row in _flow(layer, x, here):
            yield row
            x = row[2]


def _shape(y: Any) -> str:
    return f"({', '.join(['n', *map(str, y.shape[1:])])})"


def _size(node: Any) -> int:
    return sum(leaf.size for leaf in leaves(node))
