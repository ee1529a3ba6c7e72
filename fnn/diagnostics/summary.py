"""What a network looks like from outside: its layers, the shapes that flow between them, what each has to learn.

summary : params, x -> Table
flow    : evaluate, params, x, key? -> stream of (path, layer, output)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.core._members import rows_of
from fnn.core.keys import Key, fold_in
from fnn.core.record import is_record
from fnn.core.tree import leaves, map
from fnn.core.vjp import forward
from fnn.diagnostics._table import Table
from fnn.networks._parts import unseen
from fnn.networks.branches import Parallel, Residual
from fnn.networks.ensemble import Ensemble, members, require_members
from fnn.networks.graph import Graph, given, returned, taken
from fnn.networks.inference import inference
from fnn.networks.serial import Serial


def summary(params: Any, x: Any) -> Table:
    """Return the table of path, layer, output shape and number of parameters, as text; a notebook shows it as HTML.

    Of an ensemble it is the table of a member, and the number of parameters of all.

    ``x`` is data, of which one row goes through the network. Raises ``ValueError`` for data without rows, and what a
    layer raises that x does not fit, with its path.

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
    if not is_record(params) and is_record(x):
        raise TypeError(f"summary expects a network and data, got {describe(params)} first; write summary(net, x)")
    x = x if isinstance(x, tuple) else as_array("summary", x)
    if isinstance(params, Ensemble):
        require_members(params.n, x)
        table = summary(members(params)[0], rows_of(x, params.n)[0])
        return Table(table.head, table.rows, (f"total of {params.n}", "", "", f"{_size(params):,}"))
    if any(array.ndim == 0 for array in leaves(x)):
        raise ValueError(f"summary expects data (n, ...), of which it shows the network a row, got {describe(x)}")
    x = map(lambda array: array[:1], x)
    forward(inference(unseen(params), x), x)  # a layer that does not fit is named here, by its path
    rows: list[tuple[str, str, str, str]] = []
    seen: set[int] = set()
    for path, layer, y in flow(lambda layer, x, key: forward(inference(unseen(layer), x), x), params, x):
        # What has branches has no size of its own; a record that is used a second time is not counted again.
        size = "" if isinstance(layer, Parallel | Residual) else "again" if id(layer) in seen else f"{_size(layer):,}"
        rows.append((path, type(layer).__name__, shape_of(y), size))
        if _size(layer):
            seen.add(id(layer))
    return Table(("path", "layer", "output", "parameters"), rows, ("total", "", "", f"{_size(params):,}"))


def flow(
    evaluate: Callable[[Any, Any, Any], Any], node: Any, x: Any, key: Key | None = None, path: str = ""
) -> Generator[tuple[str, Any, Any], None, Any]:
    """Yield each layer with its path and its output, inside nested networks too, and return the last output.

    A layer with branches comes before its parts. Each layer gets the key that it has in a step of training.

    Args:
        evaluate: a function ``(layer, x, key) -> output``.
        node: a network or a layer.
        x: what it takes.
        key: for layers that draw random numbers.
        path: where the node is.

    >>> import numpy as np
    >>> from fnn import Serial, relu, tanh
    >>> net = Serial((relu, Serial((tanh,))))
    >>> [path for path, _, _ in flow(lambda layer, x, key: layer(x), net, np.ones(3))]
    ['layers[0]', 'layers[1].layers[0]']
    """
    if isinstance(node, Serial):
        for place, layer in enumerate(node.layers):
            x = yield from flow(evaluate, layer, x, _below(key, place), f"{path}.layers[{place}]")
        return x
    if isinstance(node, Graph):
        values = given(node, x)
        for place, part in enumerate(node.nodes):
            way, part_key = f"{path}.nodes[{place}].layer", _below(key, place)
            values[part.output] = yield from flow(evaluate, part.layer, taken(values, part, place), part_key, way)
        return returned(node, values)
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


def shape_of(y: Any) -> str:
    """Return the shape of an output, or of each of several, as text with n for the number of rows."""
    if isinstance(y, tuple):
        return ", ".join(shape_of(each) for each in y)
    return f"({', '.join(['n', *[str(length) for length in y.shape[1:]]])})"


def _size(node: Any) -> int:
    return sum(leaf.size for leaf in leaves(node))
