"""A network as an ONNX graph, which runtimes on phones, in browsers and on servers compute.

to_onnx   : params, x -> ModelProto
from_onnx : path or ModelProto -> params
emit      : layer, graph, x -> y, what a layer adds to a graph; register a function for a layer of your own
operator  : name -> a decorator: the function that makes layers of an operator, for one that is not read yet

onnx.save(to_onnx(net, x[:1]), "net.onnx")
onnxruntime.InferenceSession("net.onnx").run(None, {"x": x})
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

try:
    import onnx as _onnx  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.interop.onnx needs onnx: pip install "fnn[onnx]"') from _error

import numpy as np

from fnn.core import tree
from fnn.core._arrays import as_array
from fnn.core._errors import describe
from fnn.core.record import is_record
from fnn.interop import _onnx_attention, _onnx_layers, _onnx_networks, _onnx_sequences, _onnx_windows  # noqa: F401 (they register)
from fnn.interop._onnx_file import model_in
from fnn.interop._onnx_in import network_of
from fnn.interop._onnx_reader import operator
from fnn.interop._onnx_writer import Value, Writer, emit, model_of, plain, sample_of, values_in
from fnn.layers._sequences import is_pair
from fnn.networks.ensemble import Ensemble
from fnn.networks.inference import needs_inference

__all__ = ["Value", "Writer", "emit", "from_onnx", "operator", "to_onnx"]


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


def from_onnx(source: Any, x: Any = None) -> Any:
    """Return an ONNX model as a network: a value that can be looked at, cut, trained and written again.

    It takes what the model takes and returns what the model returns, in the same order of axes: of a model of images
    the first layer is a ``Permute`` that makes channels the last axis. A chain becomes a ``Serial``, anything else a
    ``Graph`` whose values have the model's names. Batch normalizations are those of evaluation, ``Scale``; dropout is
    left out. What is constant in the graph is computed now, and the lengths of all axes but the first are fixed. An
    operator that no layer is stays itself, an ``OnnxOperator`` with its gradient, or is read as the operators that ONNX
    says it stands for. A graph that mixes rows, or computes with their number, is read for as many rows as x has.

    Args:
        source: the path of a file, or a ``ModelProto``.
        x: an input, or a tuple of several, of the shape that the network is to take; for models that leave it open.

    Raises ``FormatError`` for what is no ONNX model, other versions of its operators than are known, and arrays in
    files that are missing or not in the model's folder; and one that names all that there is no layer for: register a
    function with ``operator`` for it.

    >>> from fnn import Key, mlp
    >>> x = np.zeros((1, 4), np.float32)
    >>> from_onnx(to_onnx(mlp(8, 3)(Key(0), x), x))
    Serial(layers=(Dense(weight=f32[4,8], bias=f32[8]), Relu(), Dense(weight=f32[8,3], bias=f32[3])))
    """
    return network_of(*model_in(source), x)


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
