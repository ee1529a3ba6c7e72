"""What layers the operators of ONNX are that look through windows, over whole images, or step by step."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from onnx import helper

from fnn.interop._onnx_arrays.operator import OnnxOperator
from fnn.interop.onnx._reading.reader import Axes, Cannot, Op, Reader, Tensor, constant, first_features, operator
from fnn.interop.onnx._writing.sequences import RECURRENT, gates
from fnn.layers._convolution import exchanged
from fnn.layers._windows import margins_of, spans
from fnn.layers.conv import Conv
from fnn.layers.conv_transpose import ConvTranspose
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.gru import Gru
from fnn.layers.margins import Pad
from fnn.layers.pool import AvgPool, MaxPool
from fnn.networks.bidirectional import Bidirectional
from fnn.networks.branches import Parallel, Pick

_POOLS = {"MaxPool": MaxPool, "AveragePool": AvgPool}
_CELLS = {name: (kind, np.argsort(order).tolist(), states) for kind, (name, order, states) in RECURRENT.items()}


@operator("Conv")
def conv(reader: Reader, op: Op, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    weight = constant(weight, "weight")
    bias = np.zeros(len(weight), weight.dtype) if bias is None else constant(bias, "bias")
    axes = weight.ndim - 2
    x = reader.images(x)
    stride, dilation = (tuple(op[name] or [1] * axes) for name in ("strides", "dilations"))
    span = tuple((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True))
    kernel = np.ascontiguousarray(weight.transpose(*range(2, 2 + axes), 1, 0))
    padding = _padding(op, x, span, stride)
    return reader.add(Conv(kernel, bias, _short(stride), _short(padding), _short(dilation), op["group"]), x)


def _short(value: Any) -> Any:
    """Return a number for a tuple that has nothing else."""
    return value[0] if isinstance(value, tuple) and len({*value}) == 1 and isinstance(value[0], int) else value


@operator(*_POOLS)
def pool(reader: Reader, op: Op, x: Tensor) -> Tensor:
    size = tuple(op["kernel_shape"])
    stride = tuple(op["strides"] or [1] * len(size))
    dilation = tuple(op["dilations"] or [1] * len(size))
    op.need(storage_order=0)
    whole = x.sample.dtype if x.sample.dtype.kind in "iu" else None
    x = reader.images(x)
    span, ceil_mode = spans(size, dilation), bool(op["ceil_mode"])
    padding = _padding(op, x, span, stride)
    if op["count_include_pad"] and padding != (0,) * len(size):
        if ceil_mode:
            raise Cannot("with count_include_pad=1")
        padding = margins_of(op.type, padding, x.sample, span, stride)
        x, padding = reader.add(Pad(padding), x), 0
    y = reader.add(_POOLS[op.type](*[_short(each) for each in (size, stride, padding, dilation)], ceil_mode), x)
    return (
        y if whole is None else reader.add(OnnxOperator("Cast", (("to", helper.np_dtype_to_tensor_dtype(whole)),)), y)
    )


@operator("LpPool")
def lp_pool(reader: Reader, op: Op, x: Tensor) -> Tensor:
    p, size = op["p"], tuple(op["kernel_shape"])
    powers = reader.add(OnnxOperator("Pow", (("Y", float(p)),)), reader.add(OnnxOperator("Abs"), x))
    counted = attrs.evolve(op, type="AveragePool", settings=op.settings | {"count_include_pad": 1})
    means = pool(reader, counted, powers)
    total = reader.add(OnnxOperator("Mul", (("B", float(math.prod(size))),)), means)
    return total if p == 1 else reader.add(OnnxOperator("Pow", (("Y", 1 / p),)), total)


def _padding(op: Op, x: Tensor, span: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """Return the padding of a layer, "same" where it is that on images of this size."""
    if op["auto_pad"] == "SAME_UPPER":
        return "same"
    if op["auto_pad"] == "SAME_LOWER":  # an odd cell at the beginning
        return tuple([(after, before) for before, after in margins_of(op.type, "same", x.sample, span, stride)])
    op.need(auto_pad="NOTSET") if op["auto_pad"] != "VALID" else None
    pads = op["pads"] or [0] * (2 * len(span))
    before, after = tuple(pads[: len(span)]), tuple(pads[len(span) :])
    if before == after:
        return before
    sides = tuple(zip(before, after, strict=True))
    if sides == margins_of(op.type, "same", x.sample, span, stride):
        return "same"
    return sides


@operator("GlobalAveragePool")
def global_average(reader: Reader, op: Op, x: Tensor) -> Tensor:
    return _reduced(reader, x, list(range(2, x.rank)), True, GlobalAvgPool())


@operator("GlobalMaxPool")
def global_max(reader: Reader, op: Op, x: Tensor) -> Tensor:
    return _reduced(reader, x, list(range(2, x.rank)), True, GlobalMaxPool())


@operator("ReduceMax")
def reduce_max(reader: Reader, op: Op, x: Tensor, axes: Any = None) -> Tensor:
    axes = op["axes"] if axes is None else constant(axes, "axes").tolist()
    return _reduced(reader, x, [axis % x.rank for axis in axes or range(x.rank)], bool(op["keepdims"]), GlobalMaxPool())


@operator("ConvTranspose")
def conv_transpose(reader: Reader, op: Op, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    weight, groups = constant(weight, "weight"), op["group"]
    axes, filters = weight.ndim - 2, weight.shape[1] * groups
    bias = np.zeros(filters, weight.dtype) if bias is None else constant(bias, "bias")
    stride, dilation, extra = (
        tuple(op[name] or [usual] * axes) for name, usual in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    x, pads = reader.images(x), op["pads"] or [0] * (2 * axes)
    padding: Any = "same" if op["auto_pad"] == "SAME_UPPER" else tuple(zip(pads[:axes], pads[axes:], strict=True))
    if op["output_shape"]:
        begun = zip(x.sample.shape[1:-1], stride, extra, spans(weight.shape[2:], dilation), strict=True)
        full = [step * (n - 1) + more + cells for n, step, more, cells in begun]
        cut = [n - wanted for n, wanted in zip(full, op["output_shape"][-axes:], strict=True)]
        padding = tuple([_split(max(cells, 0), op["auto_pad"]) for cells in cut])
        extra = tuple([more + max(-cells, 0) for more, cells in zip(extra, cut, strict=True)])
    elif op["auto_pad"] not in ("SAME_UPPER", "VALID"):
        op.need(auto_pad="NOTSET")
    kernel = np.ascontiguousarray(exchanged(weight.transpose(*range(2, 2 + axes), 1, 0), groups))
    settings = _short(stride), padding, _short(dilation), groups, _short(extra)
    return reader.add(ConvTranspose(kernel, bias, *settings), x)


def _split(cells: int, auto_pad: str) -> tuple[int, int]:
    """Return how many cells are cut off at the beginning and at the end: an odd one as the operator says."""
    first = cells // 2 if auto_pad == "SAME_UPPER" else cells - cells // 2
    return first, cells - first


@operator("ReduceMean")
def reduce_mean(reader: Reader, op: Op, x: Tensor, axes: Any = None) -> Tensor:
    axes = op["axes"] if axes is None else constant(axes, "axes").tolist()
    return _reduced(reader, x, [axis % x.rank for axis in axes or range(x.rank)], bool(op["keepdims"]), GlobalAvgPool())


def _reduced(reader: Reader, x: Tensor, axes: list[int], keep: bool, layer: Any) -> Tensor:
    left = [axis for axis in range(x.rank) if axis not in axes]
    if len(left) != 2 or left[0] != 0 or x.rank < 3:
        raise Cannot(f"over the axes {axes} of {x.rank}")
    x = reader.laid(x, first_features(x.rank, left[1]))
    order = [None if axis in axes else left.index(axis) for axis in range(x.rank)]
    return reader.add(layer, x, order=tuple(order if keep else (0, 1)))


_STEPS_FIRST: tuple[Axes, ...] = (1, 0, 2), (1, None, 0, 2), (1, 2, 0, 3), (None, 0, 1)
_ROWS_FIRST: tuple[Axes, ...] = (0, 1, 2), (0, 1, None, 2), (0, 1, 2, 3), (0, None, 1)


@operator(*_CELLS)
def recurrent(
    reader: Reader,
    op: Op,
    x: Tensor,
    weight: Any,
    hidden_weight: Any,
    bias: Any = None,
    lengths: Any = None,
    *first: Any,
) -> Any:
    kind, order, states = _CELLS[op.type]
    op.need(clip=0.0, input_forget=0)
    # Of x, of y, of y in both directions, and of a state: the axes of each, with rows first or the steps.
    of_x, of_y, of_both, of_state = _ROWS_FIRST if op["layout"] else _STEPS_FIRST
    both = op["direction"] == "bidirectional"
    op.need(direction="forward") if not both else None
    usual = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[op.type]
    if (op["activations"] or usual * 2)[: len(usual) * (1 + both)] != usual * (
        1 + both
    ):  # RNN's default is one too long
        raise Cannot(f"with activations={op['activations']}")
    if len(first) > states:
        raise Cannot("with peepholes")
    x = reader.laid(x, of_x)
    given = [constant(each, "weight") for each in (weight, hidden_weight)]
    bias = np.zeros((len(given[0]), 2 * given[0].shape[1]), given[0].dtype) if bias is None else constant(bias, "bias")
    layers = [_cell(op, kind, order, *each) for each in zip(*given, bias, strict=True)]
    if lengths is not None and not isinstance(lengths, Tensor):
        if (lengths != x.sample.shape[1]).any():
            raise Cannot("with constant lengths")
        lengths = None
    started = [each for each in first if isinstance(each, Tensor) or (each is not None and each.any())]
    if not started and not any(op.outputs[1:]) and (both or lengths is None):
        if not both:
            return (reader.add(layers[0], x, order=of_y),)
        time, units = x.sample.shape[1], layers[0].hidden_weight.shape[0]
        layer = Bidirectional(*layers)
        y = reader.add(layer, x) if lengths is None else reader.add(Pick(0), reader.add(layer, x, lengths))
        return (reader.reshaped(y, (time, 2, units), order=of_both),)
    if both:
        raise Cannot("in both directions with a state")
    if started and not all(isinstance(each, Tensor) for each in (*first, *[None] * (states - len(first)))):
        raise Cannot("with a constant first state")
    states_before = [reader.laid(each, of_state) for each in started]
    return _with_state(reader, layers[0], x, lengths, states_before, of_y, of_state)


def _with_state(
    reader: Reader, layer: Any, x: Tensor, lengths: Any, first: list[Tensor], of_y: Axes, of_state: Axes
) -> Any:
    """Return y and the last state of a layer that takes (x, lengths, state), in these orders of axes."""
    state = first[0] if first else None
    if len(first) == 2:
        state = reader.add(Parallel((Pick(0), Pick(1))), *first)
    whole = reader.add(layer, x, lengths, state)
    y = reader.add(Pick(0), whole, order=of_y)
    last = reader.add(Pick(2), whole, order=of_state)
    if not isinstance(last.sample, tuple):
        return y, last
    return y, *[reader.add(Pick(place), last) for place in range(2)]


def _cell(
    op: Op, kind: type[Any], order: list[int], weight: np.ndarray, hidden_weight: np.ndarray, bias: np.ndarray
) -> Any:
    """Return the layer of one direction; its gates are in fnn's order."""
    places = tuple(order)
    of_x, of_h = np.split(bias, 2)
    weights = [np.ascontiguousarray(gates(each.T, places)) for each in (weight, hidden_weight)]
    of_x, of_h = gates(of_x, places), gates(of_h, places)
    if kind is not Gru:
        return kind(*weights, of_x + of_h)
    units = len(of_h) // 3
    joint = of_x + np.concatenate([of_h[: 2 * units], np.zeros(units, of_h.dtype)])
    return Gru(weights[0], weights[1], joint, of_h[2 * units :], bool(op["linear_before_reset"]))
