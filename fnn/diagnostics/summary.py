"""What a network looks like from outside: its layers, the shapes that flow between them, what each has to learn.

summary : params, x -> table, as text
flow    : evaluate, params, x, key? -> stream of path, layer, output          table : head, rows -> text
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.core.keys import Key, fold_in
from fnn.core.tree import leaves, map
from fnn.core.vjp import forward
from fnn.networks.branches import Parallel, Residual
from fnn.networks.inference import inference
from fnn.networks.serial import Serial


def summary(params: Any, x: Any) -> str:
    """Give the table of path, layer, output shape and parameters; ``x`` is data of which one row is shown to the net.

    >>> import numpy as np
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
    x = x if isinstance(x, tuple) else as_array("summary", x)
    if any(array.ndim == 0 for array in leaves(x)):
        raise ValueError(f"summary expects data (n, ...), of which it shows the network a row, got {describe(x)}")
    x = map(lambda array: array[:1], x)
    inference(params, x)  # a layer that does not fit is named here, by its path
    rows, seen = [], set()
    for path, layer, y in flow(lambda layer, x, key: forward(inference(layer, x), x), params, x):
        # What branches has no size of its own; a record met before is not counted again.
        size = "" if isinstance(layer, Parallel | Residual) else "again" if id(layer) in seen else f"{_size(layer):,}"
        rows.append((path, type(layer).__name__, shape_of(y), size))
        if _size(layer):
            seen.add(id(layer))
    return table(("path", "layer", "output", "parameters"), rows, ("total", "", "", f"{_size(params):,}"))


def flow(
    evaluate: Callable[[Any, Any, Any], Any], node: Any, x: Any, key: Key | None = None, path: str = ""
) -> Generator[tuple[str, Any, Any], None, Any]:
    """Yield each layer with its path and its output, ``evaluate(layer, x, key)``, inside nested networks too.

    What branches comes before its parts. Each layer gets the key that it has in a step of training.
    """
    if isinstance(node, Serial):
        for place, layer in enumerate(node.layers):
            x = yield from flow(evaluate, layer, x, _below(key, place), f"{path}.layers[{place}]")
        return x
    y = evaluate(node, x, key)
    yield path.lstrip(".") or ".", node, y
    if isinstance(node, Parallel):
        for place, branch in enumerate(node.branches):
            yield from flow(evaluate, branch, x, _below(key, place), f"{path}.branches[{place}]")
    if isinstance(node, Residual):
        yield from flow(evaluate, node.body, x, key, f"{path}.body")
    return y


def _below(key: Key | None, place: int) -> Key | None:
    return None if key is None else fold_in(key, place)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str] = ()) -> str:
    """Lay out rows of text in columns, those of numbers to the right.

    >>> print(table(("path", "rms"), [("layers[0]", "0.5"), ("layers[1]", "12")]))
    path       rms
    --------------
    layers[0]  0.5
    layers[1]   12
    """
    lines = [head, *rows, *([total] if total else [])]
    columns = [_aligned(column) for column in zip(*lines, strict=True)]
    first, *others = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    rule = "-" * (sum(len(column[0]) for column in columns) + 2 * len(columns) - 2)
    return "\n".join([first, rule, *others[: len(rows)], *([rule, *others[len(rows) :]] if total else [])])


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(len(cell) for cell in column)
    right = any(cell[:1].isdigit() or cell in ("nan", "inf") for cell in column[1:])
    return [cell.rjust(width) if right else cell.ljust(width) for cell in column]


def shape_of(y: Any) -> str:
    """Write the shape of an output with n for the number of rows; of several outputs, each."""
    if isinstance(y, tuple):
        return ", ".join(shape_of(each) for each in y)
    return f"({', '.join(['n', *[str(length) for length in y.shape[1:]]])})"


def _size(node: Any) -> int:
    return sum(leaf.size for leaf in leaves(node))
