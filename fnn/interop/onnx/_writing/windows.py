"""What convolutions and pools add to an ONNX graph: they have channels first there, and lay rows with lengths out.

windowed : operator, graph, x, layer, ... -> the operator's output, with channels first
laid_out : graph, (x, lengths), ... -> each row as if it were alone, as ``by_length`` does
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.interop.onnx._writing.layers import zero_padding
from fnn.interop.onnx._writing.writer import Value, Writer, channels_first, emit, plain, sample_of
from fnn.layers._convolution import exchanged
from fnn.layers._sequences import is_pair
from fnn.layers._windows import margins_of, per_axis, sides_of, spans
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose, lengths_and_margins
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.margins import Crop, Pad
from fnn.layers.pool import AvgPool, MaxPool
from fnn.layers.upsample import Upsample


def windowed(graph: Writer, operator: str, x: Value, margins: Any, *weights: np.ndarray, **attributes: Any) -> Value:
    """Return what an operator computes that looks through windows.

    Args:
        graph: the graph.
        operator: its type.
        x: images or sequences.
        margins: cells to add before and after, for each axis.
        weights: its further inputs.
        attributes: its settings but for the margins.
    """
    order = channels_first(x.rank)
    pads = [before for before, _ in margins] + [after for _, after in margins]
    return Value(graph.node(operator, graph.laid(x, order), *weights, pads=pads, **attributes), order)


@emit.register(Conv)
def conv_emit(layer: Conv, graph: Writer, x: Any) -> Any:
    axes = layer.weight.ndim - 2
    stride, dilation = per_axis("conv: stride", layer.stride, axes), per_axis("conv: dilation", layer.dilation, axes)
    kernel = layer.weight.shape[:axes]
    span = spans(kernel, dilation)
    weight = layer.weight.transpose(axes + 1, axes, *range(axes))
    settings = {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "group": layer.groups}
    if is_pair(sample_of(x)):
        rows, _, counts = laid_out(graph, "conv", layer, x, span[0], stride[0])
        return _cut(graph, layer, x, windowed(graph, "Conv", rows, [(0, 0)], weight, layer.bias, **settings), counts)
    x = graph.floats(x)
    margins = margins_of("conv", layer.padding, x.sample, span, stride)
    return windowed(graph, "Conv", x, margins, weight, layer.bias, **settings)


@emit.register(MaxPool)
@emit.register(AvgPool)
def pool_emit(layer: MaxPool | AvgPool, graph: Writer, x: Any) -> Any:
    caller, operator = ("max_pool", "MaxPool") if isinstance(layer, MaxPool) else ("avg_pool", "AveragePool")
    if is_pair(sample_of(x)):
        return _pool_of_pair(layer, graph, x, caller, operator)
    x = graph.floats(x)
    size, stride, dilation = _settings(layer, caller, x.rank - 2)
    margins = margins_of(caller, layer.padding, x.sample, spans(size, dilation), stride, layer.ceil_mode)
    if any(max(margin) >= n for margin, n in zip(margins, size, strict=True)):
        raise TypeError(f"to_onnx: {caller} with {margins} cells around x has no operator beside a size of {size}")
    return windowed(graph, operator, x, margins, kernel_shape=size, strides=stride, **_dilations(graph, dilation))


def _settings(layer: MaxPool | AvgPool, caller: str, axes: int) -> list[tuple[int, ...]]:
    return [per_axis(f"{caller}: size", each, axes) for each in (layer.size, layer.stride, layer.dilation)]


def _dilations(graph: Writer, dilation: tuple[int, ...]) -> dict[str, Any]:
    if set(dilation) == {1}:
        return {}
    graph.opset = max(graph.opset, 19)  # the first with a mean that has them
    return {"dilations": dilation}


def _pool_of_pair(layer: Any, graph: Writer, x: Any, caller: str, operator: str) -> Any:
    if layer.ceil_mode:
        raise TypeError(f"to_onnx: {caller} with ceil_mode has no operator for rows of several lengths")
    (size,), (stride,), (dilation,) = _settings(layer, caller, 1)
    (span,), more = spans((size,), (dilation,)), _dilations(graph, (dilation,))
    largest = operator == "MaxPool"
    rows, real, counts = laid_out(graph, caller, layer, x, span, stride, -math.inf if largest else 0.0)
    y = windowed(graph, operator, rows, [(0, 0)], kernel_shape=(size,), strides=(stride,), **more)
    if not largest:  # the cells around a row do not count
        cells = graph.node("Cast", real, to=1 if graph.dtype == np.float32 else 11)
        of_real = Value(cells, plain(3), rows.sample[..., :1])
        share = windowed(graph, operator, of_real, [(0, 0)], kernel_shape=(size,), strides=(stride,), **more).name
        zero, one = np.zeros((), graph.dtype), np.ones((), graph.dtype)
        divisor = graph.node("Where", graph.node("Greater", share, zero), share, one)
        y = Value(graph.node("Div", y.name, divisor), y.order)
    return _cut(graph, layer, x, y, counts)


def laid_out(
    graph: Writer, caller: str, layer: Any, x: Any, span: int, stride: int, fill: float = 0.0
) -> tuple[Value, str, str]:
    """Return rows that a window without padding sees each as if alone; which cells are real; how many windows each has.

    Args:
        graph: the graph.
        caller: the layer's name, for messages.
        layer: the layer, with its padding.
        x: the pair (x, lengths).
        span: the steps that a window covers.
        stride: the steps from one window to the next.
        fill: the value of the cells around a row.
    """
    values, lengths = graph.floats(x[0]), graph.node("Cast", x[1], to=7)
    time = values.shape[1]
    ((first, last),) = margins_of(caller, layer.padding, values.sample, (span,), (stride,))

    def number(value: int) -> np.ndarray:
        return np.array(value, np.int64)

    def at_least_0(name: str) -> str:
        return graph.node("Max", name, number(0))

    # Whole numbers are divided towards 0 in ONNX, so none of these may be negative.
    if layer.padding == "same":
        counts = graph.node("Div", graph.node("Add", lengths, number(stride - 1)), number(stride))
        ends = graph.node("Mul", counts, number(stride))
        missing = graph.node("Sub", graph.node("Add", ends, number(span - stride)), lengths)
        before = graph.node("Div", at_least_0(missing), number(2))
    else:
        room = at_least_0(graph.node("Add", lengths, number(first + last - span + stride)))
        there = graph.node("Cast", graph.node("Greater", lengths, number(0)), to=7)
        counts = graph.node("Mul", graph.node("Div", room, number(stride)), there)
        before = (
            graph.node("Mul", lengths, number(0))
            if not first
            else graph.node("Add", graph.node("Mul", lengths, number(0)), number(first))
        )
    cells = (time + first + last - span) // stride * stride + span
    from_step = graph.node("Sub", np.arange(cells)[None], graph.reshaped(before, 0, 1))
    begun = graph.node("GreaterOrEqual", from_step, number(0))
    real = graph.node("And", begun, graph.node("Less", from_step, graph.reshaped(lengths, 0, 1)))
    place = graph.node("Where", real, from_step, number(0))
    taken = graph.node("GatherND", values, graph.reshaped(place, 0, 0, 1), batch_dims=1)
    real = graph.reshaped(real, 0, 0, 1)
    rows = graph.node("Where", real, taken, np.array(fill, graph.dtype))
    sample = np.zeros((len(values.sample), cells, values.shape[2]), graph.dtype)
    return Value(rows, plain(3), sample), real, counts


def _cut(graph: Writer, layer: Any, x: Any, y: Value, counts: str) -> Any:
    """Return (y, counts) with 0 beyond the counts."""
    samples = layer(sample_of(x))
    pair = Value(y.name, y.order, samples[0]), Value(counts, (0,), samples[1])
    return zero_padding(graph, *pair), pair[1]


@emit.register(GlobalAvgPool)
def global_avg_pool_emit(layer: GlobalAvgPool, graph: Writer, x: Any) -> Any:
    if is_pair(sample_of(x)):
        values, lengths = graph.floats(x[0]), x[1]
        total = graph.node("ReduceSum", zero_padding(graph, values, lengths), np.array([1]), keepdims=0)
        steps = graph.node("Max", graph.node("Cast", lengths, to=7), np.array(1))
        return graph.node("Div", total, graph.reshaped(graph.node("CastLike", steps, total), 0, 1))
    x = graph.floats(x)
    if x.order == channels_first(x.rank):
        return graph.reshaped(graph.node("GlobalAveragePool", x.name), 0, x.shape[-1])
    cells = sorted(x.axis(place) for place in range(1, x.rank - 1))
    return graph.node("ReduceMean", x.name, np.array(cells), keepdims=0)


@emit.register(GlobalMaxPool)
def global_max_pool_emit(layer: GlobalMaxPool, graph: Writer, x: Any) -> Any:
    if is_pair(sample_of(x)):
        values, lengths = graph.floats(x[0]), x[1]
        filled = zero_padding(graph, values, lengths, -math.inf)
        largest = graph.node("ReduceMax", filled, np.array([1]), keepdims=0)
        none = graph.node("Equal", graph.reshaped(graph.node("Cast", lengths, to=7), 0, 1), np.array(0))
        return graph.node("Where", none, np.zeros((), graph.dtype), largest)
    x = graph.floats(x)
    cells = sorted(x.axis(place) for place in range(1, x.rank - 1))
    return graph.node("ReduceMax", x.name, np.array(cells), keepdims=0)


@emit.register(ConvTranspose)
def conv_transpose_emit(layer: ConvTranspose, graph: Writer, x: Any) -> Value:
    if is_pair(sample_of(x)):
        raise TypeError("to_onnx: conv_transpose has no operator for rows of several lengths")
    x, axes = graph.floats(x), layer.weight.ndim - 2
    what, kernel = "conv_transpose: stride", layer.weight.shape[:axes]
    stride, dilation = per_axis(what, layer.stride, axes), per_axis(what, layer.dilation, axes)
    span = spans(kernel, dilation)
    lengths, margins = lengths_and_margins(layer, x.sample, span, stride)
    full = [(n - 1) * step + s - sum(m) for n, step, s, m in zip(x.shape[1:-1], stride, span, margins, strict=True)]
    extra = [length - n for length, n in zip(lengths, full, strict=True)]
    weight = exchanged(layer.weight, layer.groups).transpose(axes + 1, axes, *range(axes))
    settings = {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "group": layer.groups}
    return windowed(graph, "ConvTranspose", x, margins, weight, layer.bias, output_padding=extra, **settings)


@emit.register(Pad)
@emit.register(Crop)
@emit.register(Upsample)
def resized_emit(layer: Pad | Crop | Upsample, graph: Writer, x: Any) -> Value:
    name = type(layer).__name__.lower()
    if is_pair(sample_of(x)):
        raise TypeError(f"to_onnx: {name} has no operator for rows of several lengths")
    x = graph.floats(x)
    axes, cells = x.rank - 2, [x.axis(place) for place in range(1, x.rank - 1)]
    if isinstance(layer, Upsample):
        scales = np.ones(x.rank, np.float32)
        scales[cells] = per_axis("upsample: size", layer.size, axes)
        settings: dict[str, Any] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        if layer.method == "linear":
            settings = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return Value(graph.node("Resize", x.name, None, graph.node("Cast", scales, to=1), **settings), x.order)
    sides = np.array(sides_of(f"{name}: width", layer.width, axes))
    if isinstance(layer, Crop):
        ends = np.array(x.shape[1:-1]) - sides[:, 1]
        return Value(graph.node("Slice", x.name, sides[:, 0].copy(), ends, np.array(cells)), x.order)
    pads = np.zeros((2, x.rank), np.int64)
    pads[:, cells] = sides.T
    return Value(graph.node("Pad", x.name, pads.ravel(), np.array(layer.value, graph.dtype)), x.order)
