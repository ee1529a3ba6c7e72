"""What layers that look at each row or step alone add to an ONNX graph.

SAME : record -> operator, and by which names it knows the record's settings; a line adds a layer
of_each_step : function for arrays alone -> the same, which takes (x, lengths) too
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.interop.onnx._writing.writer import Value, Writer, channels_first, emit, plain, sample_of
from fnn.layers import activations, gated, hard, smooth, softmax
from fnn.layers._sequences import is_pair
from fnn.layers.dense import Dense
from fnn.layers.embedding import Embedding
from fnn.layers.group_norm import GroupNorm
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.norm import Scale
from fnn.layers.prelu import PRelu
from fnn.layers.response import LocalResponseNorm
from fnn.layers.shape import Flatten, Permute, Reshape

Emit = Callable[[Any, Writer, Any], Any]

# A layer that is one operator on each number: the operator, and which setting of the record each attribute is.
SAME: dict[type[Any], tuple[str, dict[str, str]]] = {
    activations.Sigmoid: ("Sigmoid", {}),
    activations.Tanh: ("Tanh", {}),
    activations.Relu: ("Relu", {}),
    activations.LeakyRelu: ("LeakyRelu", {"alpha": "slope"}),
    smooth.Elu: ("Elu", {"alpha": "alpha"}),
    smooth.Selu: ("Selu", {"alpha": "alpha", "gamma": "scale"}),
    smooth.Gelu: ("Gelu", {"approximate": "approximate"}),
    smooth.Softplus: ("Softplus", {}),
    smooth.Mish: ("Mish", {}),
    smooth.Softsign: ("Softsign", {}),
    hard.HardSigmoid: ("HardSigmoid", {"alpha": "slope", "beta": "shift"}),
    hard.HardSwish: ("HardSwish", {}),
}
# The same over an axis.
OVER_AXIS: dict[type[Any], str] = {softmax.Softmax: "Softmax", softmax.LogSoftmax: "LogSoftmax"}


def of_each_step(function: Emit) -> Emit:
    """Decorate the emit of a layer that looks at each step alone so that it takes (x, lengths): ``stepwise``."""

    @functools.wraps(function)
    def of_each_step_emit(layer: Any, graph: Writer, x: Any) -> Any:
        if not is_pair(sample_of(x)):
            return function(layer, graph, x)
        values, lengths = x
        return zero_padding(graph, graph.layer(layer, values), lengths), lengths

    return of_each_step_emit


def mask(graph: Writer, lengths: Value, time: int, rank: int = 2) -> str:
    """Return the name of what says which steps belong to their rows, (n, time), with axes of 1 behind up to a rank."""
    column = graph.reshaped(graph.node("Cast", lengths, to=7), 0, 1)
    there = graph.node("Less", np.arange(time)[None], column)
    return there if rank == 2 else graph.reshaped(there, 0, 0, *[1] * (rank - 2))


def zero_padding(graph: Writer, values: Value, lengths: Value | None, fill: float = 0.0) -> Value:
    """Return values with ``fill`` beyond the lengths."""
    if lengths is None:
        return values
    beyond = np.array(fill, values.sample.dtype)
    y = graph.node("Where", mask(graph, lengths, values.shape[1], values.rank), values, beyond)
    return Value(y, plain(values.rank), values.sample)


def _elementwise(layer: Any, graph: Writer, x: Value) -> Value:
    operator, names = SAME[type(layer)]
    x = graph.floats(x)
    y = graph.node(operator, x.name, **{name: getattr(layer, field) for name, field in names.items()})
    return Value(y, x.order)


def _over_axis(layer: Any, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    return Value(graph.node(OVER_AXIS[type(layer)], x.name, axis=x.axis(layer.axis)), x.order)


for _kind in SAME:
    emit.register(_kind, of_each_step(_elementwise))
for _kind in OVER_AXIS:
    emit.register(_kind, of_each_step(_over_axis))


@emit.register(activations.Identity)
@of_each_step
def identity_emit(layer: Any, graph: Writer, x: Value) -> Value:
    return graph.floats(x)


@emit.register(activations.Heaviside)
@of_each_step
def heaviside_emit(layer: Any, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    above = graph.node("Greater", x.name, np.zeros((), graph.dtype))
    return Value(graph.node("CastLike", above, x.name), x.order)


@emit.register(smooth.Silu)
@of_each_step
def silu_emit(layer: Any, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    return Value(graph.node("Mul", x.name, graph.node("Sigmoid", x.name)), x.order)


@emit.register(hard.HardTanh)
@of_each_step
def hard_tanh_emit(layer: hard.HardTanh, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    return Value(
        graph.node("Clip", x.name, *(np.array(each, graph.dtype) for each in (layer.low, layer.high))), x.order
    )


@emit.register(PRelu)
@of_each_step
def prelu_emit(layer: PRelu, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    return Value(graph.node("PRelu", x.name, _along_features(x, layer.slope)), x.order)


@emit.register(gated.Glu)
@emit.register(gated.SwiGlu)
@of_each_step
def glu_emit(layer: gated.Glu | gated.SwiGlu, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    a, b = graph.node("Split", x.name, outputs=2, axis=x.axis(layer.axis), num_outputs=2)
    if isinstance(layer, gated.Glu):
        return Value(graph.node("Mul", a, graph.node("Sigmoid", b)), x.order)
    return Value(graph.node("Mul", graph.node("Mul", a, graph.node("Sigmoid", a)), b), x.order)


@emit.register(Dense)
@of_each_step
def dense_emit(layer: Dense, graph: Writer, x: Value) -> Any:
    x = graph.floats(x)
    if x.rank == 2:
        return graph.node("Gemm", x, layer.weight, layer.bias)
    bias = layer.bias if layer.weight.ndim == 2 else layer.bias[..., None, :]
    return graph.node("Add", graph.node("MatMul", x, layer.weight), bias)


@emit.register(Scale)
@of_each_step
def scale_emit(layer: Scale, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    scale, shift = (_along_features(x, each) for each in (layer.scale, layer.shift))
    return Value(graph.node("Add", graph.node("Mul", x.name, scale), shift), x.order)


def _along_features(x: Value, values: np.ndarray) -> np.ndarray:
    """Return values (features,) so that they lie along the features of x in its own order."""
    behind = x.rank - 1 - x.axis(-1)
    return values.reshape(-1, *[1] * behind) if behind else values


@emit.register(LayerNorm)
@of_each_step
def layer_norm_emit(layer: LayerNorm, graph: Writer, x: Value) -> Any:
    settings = {"axis": -layer.scale.ndim, "epsilon": layer.epsilon}
    return graph.node("LayerNormalization", graph.floats(x), layer.scale, layer.shift, **settings)


@emit.register(RMSNorm)
@of_each_step
def rms_norm_emit(layer: RMSNorm, graph: Writer, x: Value) -> Any:
    values = graph.floats(x)
    name = graph.laid(values, plain(values.rank))
    squares = graph.node("ReduceMean", graph.node("Mul", name, name), np.arange(-layer.scale.ndim, 0))
    rms = graph.node("Sqrt", graph.node("Add", squares, np.array(layer.epsilon, graph.dtype)))
    return graph.node("Mul", graph.node("Div", name, rms), layer.scale)


@emit.register(GroupNorm)
def group_norm_emit(layer: GroupNorm, graph: Writer, x: Any) -> Value:
    if is_pair(sample_of(x)):
        raise TypeError("to_onnx: group_norm has no operator for rows of several lengths; write layer_norm or rms_norm")
    x, order = graph.floats(x), channels_first(x.rank)
    images = graph.laid(x, order)
    dtype, groups = graph.dtype, layer.groups
    rows = graph.reshaped(images, 0, groups, -1)
    settings = np.ones(groups, dtype), np.zeros(groups, dtype)
    z = graph.node("InstanceNormalization", rows, *settings, epsilon=layer.epsilon)
    back = Value(graph.reshaped(z, 0, *[x.shape[axis] for axis in order[1:]]), order)
    scale, shift = (_along_features(back, each) for each in (layer.scale, layer.shift))
    return Value(graph.node("Add", graph.node("Mul", back.name, scale), shift), order)


@emit.register(Embedding)
def embedding_emit(layer: Embedding, graph: Writer, x: Any) -> Any:
    if is_pair(sample_of(x)):  # beyond its length a row may hold anything, which is no symbol
        values, lengths = x
        y = graph.layer(layer, zero_padding(graph, values, lengths))
        return zero_padding(graph, y, lengths), lengths
    symbols = x if x.sample.dtype in (np.int64, np.int32) else graph.node("Cast", x, to=7)
    return graph.node("Gather", layer.weight, symbols)


@emit.register(Flatten)
@of_each_step
def flatten_emit(layer: Flatten, graph: Writer, x: Value) -> Any:
    return _rearranged(graph, x, (*x.shape[1 : layer.start], math.prod(x.shape[layer.start :])))


@emit.register(Reshape)
def reshape_emit(layer: Reshape, graph: Writer, x: Value) -> Any:
    return _rearranged(graph, x, layer.shape)


def _rearranged(graph: Writer, x: Value, shape: tuple[int, ...]) -> str:
    x = graph.floats(x)
    # Where only one axis of a row is longer than 1, its order is all the same: no transpose.
    same = sum(length > 1 for length in x.shape[1:]) < 2 and x.order[0] == 0
    return graph.reshaped(x.name if same else x, 0, *shape)


@emit.register(Permute)
def permute_emit(layer: Permute, graph: Writer, x: Value) -> Value:
    x = graph.floats(x)
    # The tensor stays as it is: its axes are others of y.
    new = {axis: place for place, axis in enumerate(layer.order)}
    return Value(x.name, tuple([new[axis] for axis in x.order]))


@emit.register(LocalResponseNorm)
@of_each_step
def local_response_norm_emit(layer: LocalResponseNorm, graph: Writer, x: Value) -> Value:
    order = channels_first(x.rank)
    settings = {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "bias": layer.bias}
    name, (channels, *cells) = graph.laid(graph.floats(x), order), (x.shape[axis] for axis in order[1:])
    if x.rank == 4:
        return Value(graph.node("LRN", name, **settings), order)
    as_image = graph.reshaped(name, 0, channels, math.prod(cells), 1)  # onnxruntime takes nothing else
    return Value(graph.reshaped(graph.node("LRN", as_image, **settings), 0, channels, *cells), order)
