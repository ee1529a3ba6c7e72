"""What layers over time add to an ONNX graph: it has recurrent operators, whose gates lie in another order.

gates     : weight, order -> the same with its gates in ONNX's order
RECURRENT : record -> operator, the order of its gates, the number of its states
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.interop.onnx._writing.layers import zero_padding
from fnn.interop.onnx._writing.networks import part
from fnn.interop.onnx._writing.writer import Value, Writer, emit, plain
from fnn.layers.gru import Gru
from fnn.layers.lstm import Lstm
from fnn.layers.positional import Positional, Sinusoidal
from fnn.layers.recurrent import LastStep, Rnn
from fnn.networks.bidirectional import Bidirectional

TIME_FIRST = (1, 0, 2)

# i, f, g, o of fnn are i, o, f, c of ONNX, and r, z, n are z, r, h: which of fnn's comes first, second, ...
RECURRENT: dict[type[Any], tuple[str, tuple[int, ...], int]] = {
    Rnn: ("RNN", (0,), 1),
    Gru: ("GRU", (1, 0, 2), 1),
    Lstm: ("LSTM", (0, 3, 1, 2), 2),
}


def gates(values: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Return values (..., gates units) with the gates in another order.

    >>> gates(np.array([1, 2, 3]), (2, 0, 1))
    array([3, 1, 2])
    """
    return np.concatenate([np.split(values, len(order), axis=-1)[gate] for gate in order], axis=-1)


def _weights(layer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights of x, those of h and both biases of one direction, as ONNX has them."""
    _, order, _ = RECURRENT[type(layer)]
    bias = gates(layer.bias, order)
    hidden_bias = np.zeros_like(bias)
    if isinstance(layer, Gru):
        units = len(layer.hidden_bias)
        hidden_bias[2 * units :] = layer.hidden_bias
    both = np.concatenate([bias, hidden_bias])
    return gates(layer.input_weight, order).T, gates(layer.hidden_weight, order).T, both


def _recurrent(
    graph: Writer, layers: list[Any], x: Value, lengths: Value | None, first: tuple[Value, ...] = ()
) -> tuple[str, ...]:
    """Add the operator for one layer, or for two that run in both directions, and return the names of its outputs."""
    operator, _, states = RECURRENT[type(layers[0])]
    stacked = [np.stack(each) for each in zip(*map(_weights, layers), strict=True)]
    given = None if lengths is None else graph.node("Cast", lengths, to=6)
    started = [graph.node("Unsqueeze", each, np.array([0])) for each in first]
    settings: dict[str, Any] = {"hidden_size": layers[0].hidden_weight.shape[0]}
    if len(layers) == 2:
        settings["direction"] = "bidirectional"
    if operator == "GRU":
        settings["linear_before_reset"] = int(layers[0].reset_after)
    steps = graph.laid(graph.floats(x), TIME_FIRST)
    return graph.node(operator, steps, *stacked, given, *started, outputs=1 + states, **settings)


@emit.register(Rnn)
@emit.register(Gru)
@emit.register(Lstm)
def recurrent_emit(layer: Any, graph: Writer, x: Any) -> Any:
    parts = x if isinstance(x, tuple) else (x,)
    values: Value = parts[0]
    lengths, state = (*parts[1:], None, None)[:2]
    first = () if state is None else state if isinstance(state, tuple) else (state,)
    y, *last = _recurrent(graph, [layer], values, lengths, first)
    y = Value(graph.node("Squeeze", y, np.array([1])), TIME_FIRST)
    if len(parts) < 3:
        return (y, lengths) if len(parts) == 2 else y
    ends = [graph.node("Squeeze", each, np.array([0])) for each in last]
    if lengths is not None and first:  # the last state of a row of no steps is its first
        some = graph.reshaped(graph.node("Greater", lengths, np.zeros((), lengths.sample.dtype)), 0, 1)
        ends = [graph.node("Where", some, end, begin) for end, begin in zip(ends, first, strict=True)]
    return y, lengths, ends[0] if len(ends) == 1 else tuple(ends)


@emit.register(Bidirectional)
def bidirectional_emit(layer: Bidirectional, graph: Writer, x: Any) -> Any:
    values, lengths = x if isinstance(x, tuple) else (x, None)
    pair = [layer.forwards, layer.backwards]
    if type(pair[0]) is type(pair[1]) and type(pair[0]) in RECURRENT and _kind(pair[0]) == _kind(pair[1]):
        y, *_ = _recurrent(graph, pair, values, lengths)  # (time, directions, n, units)
        both = graph.reshaped(graph.node("Transpose", y, perm=(2, 0, 1, 3)), 0, 0, 2 * _units(pair[0]))
    else:
        ahead = part(graph, layer.forwards, x, "forwards")
        back = part(graph, layer.backwards, _reversed(graph, x), "backwards")
        parts = (
            ahead if lengths is None else ahead[0],
            _reversed(graph, back) if lengths is None else _reversed(graph, back)[0],
        )
        both = graph.node("Concat", *parts, axis=2)
    return both if lengths is None else (both, lengths)


def _kind(layer: Any) -> tuple[int, bool]:
    """Return what two layers need to have in common to be one operator."""
    return _units(layer), getattr(layer, "reset_after", True)


def _units(layer: Any) -> int:
    return layer.hidden_weight.shape[0]


def _reversed(graph: Writer, x: Any) -> Any:
    """Return x, or (x, lengths), with each row read from its end."""
    if isinstance(x, tuple):
        values, lengths = x
        count = graph.node("Cast", lengths, to=7)
        name = graph.node("ReverseSequence", values, count, batch_axis=0, time_axis=1)
        return Value(name, plain(values.rank), values.sample), lengths
    far = np.array([np.iinfo(np.int64).min])
    name = graph.node("Slice", x, np.array([-1]), far, np.array([1]), np.array([-1]))
    return Value(name, plain(x.rank), x.sample)


@emit.register(LastStep)
def last_step_emit(layer: LastStep, graph: Writer, x: Any) -> Any:
    if not isinstance(x, tuple):
        x = graph.floats(x)
        return graph.node("Gather", x.name, np.array(x.shape[1] - 1), axis=x.axis(1))
    values, lengths = graph.floats(x[0]), graph.node("Cast", x[1], to=7)
    last = graph.reshaped(graph.node("Sub", lengths, np.array(1)), 0, 1)
    there = graph.reshaped(graph.node("Equal", np.arange(values.shape[1])[None], last), 0, 0, 1)
    kept = graph.node("Where", there, values, np.zeros((), graph.dtype))
    return graph.node("ReduceSum", kept, np.array([1]), keepdims=0)


@emit.register(Sinusoidal)
@emit.register(Positional)
def positional_emit(layer: Any, graph: Writer, x: Any) -> Any:
    if isinstance(x, tuple):
        values, lengths = x
        return zero_padding(graph, graph.layer(layer, zero_padding(graph, values, lengths)), lengths), lengths
    x = graph.floats(x)
    # fnn's own code: what it adds to a row of zeros.
    return graph.node("Add", x, layer(np.zeros((1, *x.shape[1:]), graph.dtype))[0])
