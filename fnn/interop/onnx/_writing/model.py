"""A network as a model: what it takes, the graph that its layers make of that, and the file's own words around it.

to_onnx : params, x -> ModelProto
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fnn.core import tree
from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.core.record import is_record
from fnn.interop.onnx._writing.writer import Value, Writer, plain, sample_of, values_in
from fnn.layers._sequences import is_pair
from fnn.networks.ensemble import Ensemble
from fnn.networks.inference import needs_inference


def to_onnx(params: Any, x: Any) -> Any:
    """Return a network as an ONNX model that computes what ``params(x)`` does, for any number of rows.

    The input is called ``x`` and the output ``y``; with lengths they are ``x, lengths`` and ``y, y_lengths``, and of
    several there are ``x0, x1`` and so on, in the order of ``tree.leaves``. All axes but the first are as long as those
    of ``x``. Layers that have no operator of their own are written with several.

    Args:
        params: a network to evaluate with: ``inference(params)``.
        x: what it takes, say ``x[:1]`` of the data; its values play no part.

    Raises ``TypeError`` for a layer that trains in another way than it evaluates, for one that no function is
    registered for, or if floats are neither all float32 nor all float64; errors name the layer's path.

    >>> from fnn import Key, mlp
    >>> x = np.zeros((1, 4), np.float32)
    >>> [node.op_type for node in to_onnx(mlp(8, 3)(Key(0), x), x).graph.node]
    ['Gemm', 'Relu', 'Gemm']
    """
    if not is_record(params):
        raise TypeError(
            f"to_onnx expects a finished network, got {describe(params)}; make it first: constructor(key, x)"
        )
    training = needs_inference(params)
    if training is not None:
        raise TypeError(
            f"to_onnx expects a network to evaluate with, but {training} trains in another way; call "
            f"inference(params), or inference(params, x) with x a sample of the training set"
        )
    x = _as_arrays(x)
    graph = Writer(_dtype_of(params, x))
    graph.rows = int(isinstance(params, Ensemble))  # whose first axis is that of its members
    given = _given(graph, x, _numbered("x", x))
    inputs = values_in(given)
    y = graph.layer(params, given)
    names = map(graph.name, _numbered("y", sample_of(y)))
    return model_of(graph, inputs, list(zip(names, values_in(y), strict=True)))


def _as_arrays(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_as_arrays, x))
    if x is None:
        return None
    array = as_array("to_onnx", x)
    if array.ndim == 0:
        raise ValueError(f"to_onnx expects data (n, ...), got {describe(x)}")
    return array


def _dtype_of(params: Any, x: Any) -> np.dtype[Any]:
    arrays = [*tree.leaves(params), *tree.leaves((x,))]
    found = {array.dtype for array in arrays if array.dtype.kind == "f"} or {np.dtype(np.float32)}
    if len(found) > 1 or found - {np.dtype(np.float32), np.dtype(np.float64)}:
        kinds = " and ".join(sorted(map(str, found)))
        raise TypeError(
            f"to_onnx expects parameters and data all in float32, or all in float64, got {kinds}; "
            f"write x.astype(np.float32), tree.map(np.float32, params)"
        )
    return found.pop()


def _given(graph: Writer, x: Any, names: Iterator[str]) -> Any:
    if isinstance(x, tuple):
        return tuple([_given(graph, part, names) for part in x])
    return None if x is None else Value(graph.name(next(names)), plain(x.ndim), x)


def _numbered(letter: str, x: Any) -> Iterator[str]:
    """Return names for the arrays of an input or an output."""
    count = len(tree.leaves((x,)))
    if is_pair(x):
        return iter((letter, "lengths" if letter == "x" else f"{letter}_lengths"))
    return iter([letter] if count == 1 else [f"{letter}{place}" for place in range(count)])


def model_of(graph: Writer, inputs: Sequence[Value], outputs: Sequence[tuple[str, Value]]) -> Any:
    """Return the finished model, checked by ``onnx.checker``; the axes of rows are the symbolic n.

    Args:
        graph: what was written.
        inputs: its inputs.
        outputs: the names that the outputs get, with their values.
    """
    fixed = {value.name for value in inputs}
    renamed: dict[str, str] = {}
    for name, value in outputs:
        made = graph.laid(value, plain(value.rank))
        if made in fixed or made in renamed or made in graph.constants:
            graph.nodes.append(helper.make_node("Identity", [made], [name], name=name))
        else:
            renamed[made] = name
    for node in graph.nodes:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    given = [_described(value.name, value, graph.rows) for value in inputs]
    returned = [_described(name, value, graph.rows) for name, value in outputs]
    initializers = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "fnn", given, returned, initializers),
        producer_name="fnn",
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    # Of the format itself nothing is needed that the oldest version with these operators does not have.
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    onnx.checker.check_model(model)
    return model


def _described(name: str, value: Value, rows: int) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(value.sample.dtype)
    lengths = ["n" if axis == rows else length for axis, length in enumerate(value.shape)]
    return helper.make_tensor_value_info(name, kind, lengths)
