"""What a network looks like from outside: its layers, the shapes that flow between them, what each has to learn.

summary : params, x -> table, as text
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnn.branches import Parallel, Residual
from fnn.compose import Serial
from fnn.core import forward
from fnn.errors import describe
from fnn.modes import inference
from fnn.tree import leaves, map


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
    x = x if isinstance(x, tuple) else np.asarray(x)
    if any(array.ndim == 0 for array in leaves(x)):
        raise ValueError(f"summary expects data (n, ...), of which it shows the network a row, got {describe(x)}")
    x = map(lambda array: array[:1], x)
    inference(params, x)  # a layer that does not fit is named here, by its path
    rows = [(path, type(layer).__name__, _shape(y), size) for path, layer, y, size in _flow(params, x, "", set())]
    head = ("path", "layer", "output", "parameters")
    total = ("total", "", "", f"{_size(params):,}")
    widths = [max(len(row[i]) for row in [head, *rows, total]) for i in range(4)]
    path, layer, output, size = widths
    lines = [f"{p:<{path}}  {name:<{layer}}  {y:<{output}}  {n:>{size}}" for p, name, y, n in [head, *rows, total]]
    rule = "-" * len(lines[0])
    return "\n".join([line.rstrip() for line in (lines[0], rule, *lines[1:-1], rule, lines[-1])])


def _flow(node: Any, x: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield each layer with its path, its output and its size, inside nested networks too.

    What branches is shown before its parts, with no size of its own; a record met before is not counted again.
    """
    if isinstance(node, Serial):
        for place, layer in enumerate(node.layers):
            yield from _flow(layer, x, f"{path}.layers[{place}]", seen)
            x = forward(inference(layer, x), x)
        return
    y = forward(inference(node, x), x)
    size = "" if isinstance(node, Parallel | Residual) else "again" if id(node) in seen else f"{_size(node):,}"
    yield path.lstrip(".") or ".", node, y, size
    if _size(node):
        seen.add(id(node))
    if isinstance(node, Parallel):
        for place, branch in enumerate(node.branches):
            yield from _flow(branch, x, f"{path}.branches[{place}]", seen)
    if isinstance(node, Residual):
        yield from _flow(node.body, x, f"{path}.body", seen)


def _shape(y: Any) -> str:
    if isinstance(y, tuple):
        return ", ".join(_shape(each) for each in y)
    return f"({', '.join(['n', *[str(length) for length in y.shape[1:]]])})"


def _size(node: Any) -> int:
    return sum(leaf.size for leaf in leaves(node))
