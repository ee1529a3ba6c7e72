"""What layers the operators of ONNX are: a function for each, or a line of a table.

Each gets the reader, the node, and its inputs, computed ones as ``Tensor`` and constants as arrays, and returns its
output, or a tuple of several.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from onnx import helper

from fnn.interop._onnx_arrays.operator import OnnxOperator, integers
from fnn.interop.onnx._reading.reader import Cannot, Op, Reader, Tensor, constant, operator
from fnn.interop.onnx._writing.layers import OVER_AXIS, SAME
from fnn.layers.activations import Identity, Relu
from fnn.layers.dense import Dense
from fnn.layers.group_norm import GroupNorm
from fnn.layers.hard import HardTanh
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.norm import BatchNorm, Scale
from fnn.layers.positional import Positional
from fnn.layers.prelu import PRelu
from fnn.layers.response import LocalResponseNorm
from fnn.layers.smooth import Silu
from fnn.layers.softmax import LogSoftmax
from fnn.networks.joins import Add, Multiply

_ELEMENTWISE = {name: (kind, fields) for kind, (name, fields) in SAME.items()}
_OVER_AXIS = {name: kind for kind, name in OVER_AXIS.items()}


@operator(*_ELEMENTWISE)
def elementwise(reader: Reader, op: Op, x: Tensor) -> Tensor:
    kind, fields = _ELEMENTWISE[op.type]
    return reader.add(kind(**{field: op[name] for name, field in fields.items()}), x)


@operator(*_OVER_AXIS)
def over_axis(reader: Reader, op: Op, x: Tensor) -> Tensor:
    kind, axis = _OVER_AXIS[op.type], op["axis"] % x.rank
    if op.opset < 13 and math.prod(x.shape[axis + 1 :]) != 1:  # all axes from this one on were one
        if axis != 1:
            raise Cannot(f"over several axes, from {axis} on")
        return reader.reshaped(reader.add(kind(), reader.reshaped(reader.plain(x), (math.prod(x.lengths),))), x.lengths)
    return reader.add(kind(reader.own_axis(x, axis)), x)


@operator("Identity", "Dropout")
def identity(reader: Reader, op: Op, x: Tensor, ratio: Any = None, training: Any = None) -> Any:
    trains = training is not None and (isinstance(training, Tensor) or bool(training))
    if trains and (ratio is None or isinstance(ratio, Tensor) or bool(ratio)):
        raise Cannot("that trains")
    if any(op.outputs[1:]):  # which numbers have stayed: all
        return x, reader.add(OnnxOperator("Equal"), x, x)
    return x


@operator("Cast")
def cast(reader: Reader, op: Op, x: Tensor) -> Tensor:
    if x.sample.dtype.kind in "iu" and op["to"] in (6, 7):  # lengths and symbols: any integers will do
        return x
    if op["to"] not in (1, 10, 11):
        raise Cannot("to what is no float")
    wanted = helper.tensor_dtype_to_np_dtype(op["to"])
    if x.sample.dtype == wanted:
        return x
    if x.sample.dtype.kind == "f" or wanted != np.float32:
        return reader.add(OnnxOperator("Cast", (("to", op["to"]),)), x)
    return reader.add(Identity(), x)


@operator("Gemm")
def gemm(reader: Reader, op: Op, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    op.need(transA=0)
    weight = constant(weight, "weight")
    weight = weight.T if op["transB"] else weight
    weight = weight if op["alpha"] == 1 else weight * weight.dtype.type(op["alpha"])
    bias = np.zeros(1, weight.dtype) if bias is None else constant(bias, "bias") * weight.dtype.type(op["beta"])
    if bias.size not in (1, weight.shape[1]):
        raise Cannot(f"with a bias of shape {bias.shape}")
    return reader.add(_dense(weight, bias), reader.plain(x))


def _dense(weight: np.ndarray, bias: np.ndarray) -> Dense:
    return Dense(weight, np.broadcast_to(bias.reshape(-1), weight.shape[1:]).copy())


@operator("MatMul")
def matmul(reader: Reader, op: Op, x: Any, weight: Any) -> Tensor:
    weight = constant(weight, "second factor")
    if not isinstance(x, Tensor):
        raise Cannot("whose first factor is constant")
    if weight.ndim != 2 or x.rank < 2:
        raise Cannot(f"by a constant of shape {weight.shape}")
    x = reader.features(x, -1)
    y = reader.add(Dense(weight, np.zeros(weight.shape[1], weight.dtype)), x)
    return y


@operator("Add", "Sub", "Mul", "Div", "Sum")
def arithmetic(reader: Reader, op: Op, *terms: Any) -> Tensor:
    values: list[Tensor] = [term for term in terms if isinstance(term, Tensor)]
    if len(values) == len(terms):
        return _joined(reader, op, values)
    if len(values) != 1 or len(terms) > 2:
        raise Cannot("of several constants and values")
    x, *_ = values
    number = next(term for term in terms if not isinstance(term, Tensor))
    number = number if number.dtype.kind == "f" else number.astype(np.float32)
    if not number.ndim:  # as a divisor or an epsilon is: nothing to learn
        raise Cannot("of a single number")
    first, *_ = [isinstance(term, Tensor) for term in terms]
    if op.type == "Div" and not first:
        raise Cannot("of a constant by a value")
    if op.type in ("Mul", "Div"):
        return _scaled(reader, x, number if op.type == "Mul" else 1 / number, None)
    if op.type == "Sub":
        return _scaled(reader, x, None if first else np.full_like(number, -1), -number if first else number)
    return _scaled(reader, x, None, number)


def _joined(reader: Reader, op: Op, values: list[Tensor]) -> Tensor:
    if op.type not in ("Add", "Sum", "Mul"):
        raise Cannot("of two computed values")
    rank = max(each.rank for each in values)
    if any(each.rank != rank for each in values):
        raise Cannot(f"of {' and '.join(str(each.rank) for each in values)} axes")
    # The order of one that has all axes, so that the larger ones need no layer.
    order = next((each.order for each in values if None not in each.order), tuple(range(rank)))
    if all(each.order == values[0].order for each in values):
        order = values[0].order
    return reader.add(Multiply() if op.type == "Mul" else Add(), *[reader.laid(each, order) for each in values])


def _scaled(reader: Reader, x: Tensor, scale: np.ndarray | None, shift: np.ndarray | None) -> Tensor:
    """Return x * scale + shift, by a layer that is there where one of them may take it over."""
    given: Any = shift if scale is None else scale
    shape = given.shape
    axis = _only_axis(shape, x)
    if axis is None:
        if scale is None and shift is not None and x.rank == 3 and shift.shape in (x.lengths, (1, *x.lengths)):
            return reader.add(Positional(shift.reshape(x.lengths)), reader.plain(x))
        raise Cannot(f"of a constant of shape {shape} and a value of shape {x.shape}")
    x = reader.features(x, axis)
    count = x.sample.shape[-1]
    dtype = x.sample.dtype
    scale, shift = (
        np.full(count, each, dtype) if np.size(each) == 1 else np.reshape(each, -1).astype(dtype)
        for each in (1 if scale is None else np.asarray(scale), 0 if shift is None else np.asarray(shift))
    )
    before = reader.producer(x, Scale)
    if before is not None:
        old = before.layer
        return reader.replaced(before, x, Scale(old.scale * scale, old.shift * scale + shift))
    before = reader.producer(x, Dense)
    if before is not None and not before.layer.bias.any() and (scale == 1).all():
        return reader.replaced(before, x, Dense(before.layer.weight, shift))
    return reader.add(Scale(scale, shift), x)


def _only_axis(shape: tuple[int, ...], x: Tensor) -> int | None:
    """Return the axis of x along which a constant varies, the features' for a single number, or None."""
    behind = [len(shape) - place for place, length in enumerate(shape) if length > 1]
    if len(shape) > x.rank or len(behind) > 1 or (behind and behind[0] >= x.rank):
        return None
    last = np.ndim(x.sample) - 1
    axis = x.rank - behind[0] if behind else x.order.index(last)
    return axis if not behind or x.shape[axis] == shape[len(shape) - behind[0]] else None


@operator("BatchNormalization")
def batch_normalization(reader: Reader, op: Op, x: Tensor, *given: Any) -> Any:
    scale, bias, mean, variance = (constant(each, "statistics") for each in given)
    x = reader.features(x, 1)
    if op["training_mode"]:
        return reader.add(BatchNorm(scale, bias, op["epsilon"]), x)
    # In wide numbers: the variance may be as small as epsilon.
    factor = scale / np.sqrt(variance.astype(np.float64) + op["epsilon"])
    return _scaled(reader, x, *_over(1, x, factor.astype(scale.dtype), (bias - mean * factor).astype(scale.dtype)))


def _over(axis: int, x: Tensor, *vectors: np.ndarray) -> list[np.ndarray]:
    """Return vectors so that they broadcast along an axis of x."""
    return [vector.reshape(-1, *[1] * (x.rank - 1 - axis)) for vector in vectors]


@operator("LayerNormalization")
def layer_normalization(reader: Reader, op: Op, x: Tensor, scale: Any, bias: Any = None) -> Tensor:
    scale = constant(scale, "scale")
    bias = np.zeros_like(scale) if bias is None else constant(bias, "bias")
    return reader.add(LayerNorm(scale, bias, op["epsilon"]), _over_last(reader, op, x, scale))


@operator("RMSNormalization")
def rms_normalization(reader: Reader, op: Op, x: Tensor, scale: Any) -> Tensor:
    scale = constant(scale, "scale")
    return reader.add(RMSNorm(scale, op["epsilon"]), _over_last(reader, op, x, scale))


def _over_last(reader: Reader, op: Op, x: Tensor, scale: np.ndarray) -> Tensor:
    if scale.shape != x.shape[op["axis"] % x.rank :]:
        raise Cannot(f"with a scale of shape {scale.shape} for {x.shape} from axis {op['axis']} on")
    return reader.features(x, -1) if scale.ndim == 1 else reader.plain(x)


@operator("GroupNormalization", "InstanceNormalization")
def group_normalization(reader: Reader, op: Op, x: Tensor, scale: Any, bias: Any) -> Tensor:
    scale, bias = constant(scale, "scale"), constant(bias, "bias")
    groups = op["num_groups"] or len(scale)
    if len(scale) != x.shape[1]:  # before version 21 they were those of the groups
        scale, bias = (np.repeat(each, x.shape[1] // groups) for each in (scale, bias))
    return reader.add(GroupNorm(scale, bias, groups, op["epsilon"]), reader.features(x, 1))


@operator("LRN")
def lrn(reader: Reader, op: Op, x: Tensor) -> Tensor:
    layer = LocalResponseNorm(op["size"], op["alpha"], op["beta"], op["bias"])
    return reader.add(layer, reader.features(x, 1))


@operator("LpNormalization")
def lp_normalization(reader: Reader, op: Op, x: Tensor) -> Tensor:
    norm = OnnxOperator(f"ReduceL{op['p']}", (("axes", (op["axis"] % x.rank,)),))
    x = reader.plain(x)
    # Of zeros, which have no direction, nothing comes: they are divided by the least number that there is.
    least = (("B", float(np.finfo(x.sample.dtype).tiny)),)
    size = reader.add(OnnxOperator("Add", least), reader.add(norm, x))
    return reader.add(OnnxOperator("Div"), x, size)


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(reader: Reader, op: Op, x: Tensor, target: Any, weight: Any = None) -> Any:
    logs = reader.add(LogSoftmax(reader.own_axis(x, 1)), x)
    settings = {name: op[name] for name in ("reduction", "ignore_index") if op[name] is not None}
    if weight is not None:
        settings["weight"] = tuple(constant(weight, "weights").tolist())
    if not isinstance(target, Tensor):
        target = reader.add(integers(target), order=tuple(range(target.ndim)))
    layer = OnnxOperator("NegativeLogLikelihoodLoss", tuple(settings.items()))
    loss = reader.add(layer, reader.plain(logs), reader.plain(target))
    return attrs.evolve(loss, order=tuple(range(np.ndim(loss.sample)))), logs


@operator("Clip")
def clip(reader: Reader, op: Op, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    low = op["min"] if low is None else constant(low, "bound").item()
    high = op["max"] if high is None else constant(high, "bound").item()
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if low == 0 and high >= np.finfo(np.float32).max:
        return reader.add(Relu(), x)
    return reader.add(HardTanh(low, high), x)


@operator("PRelu")
def prelu(reader: Reader, op: Op, x: Tensor, slope: Any) -> Tensor:
    slope = constant(slope, "slope")
    axis = _only_axis(slope.shape, x)
    if axis is None:
        raise Cannot(f"with a slope of shape {slope.shape}")
    x = reader.features(x, axis)
    return reader.add(PRelu(np.broadcast_to(slope.reshape(-1), x.sample.shape[-1:]).copy()), x)


@operator("SwiGLU")
def swiglu(reader: Reader, op: Op, gate: Tensor, x: Tensor) -> Tensor:
    op.need(alpha=1.0)
    order = gate.order
    return reader.add(Multiply(), reader.add(Silu(), gate, order=order), reader.laid(x, order), order=order)
