"""What layers the operators of ONNX are that make images larger or smaller: margins, and other numbers of cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.interop._onnx_arrays.operator import FORMULAS, OnnxOperator
from fnn.interop._onnx_arrays.resize import along, matrix, places_of, sizes_of
from fnn.interop.onnx._reading.reader import Cannot, Op, Reader, Tensor, constant, first_features, operator
from fnn.layers.margins import Pad
from fnn.layers.upsample import Upsample


@operator("Resize", "Upsample")
def resize(reader: Reader, op: Op, x: Tensor, *given: Any) -> Tensor:
    """Read as ``Upsample`` what is one; other sizes, and other ways to count cells, are Resize's own."""
    names = ("roi", "scales", "sizes") if op.type == "Resize" and op.opset > 10 else ("scales",)
    settings = dict(op.settings)
    for name, each in zip(names, given, strict=False):
        if each is not None and constant(each, name).size:
            settings[name] = tuple(each.tolist())
    if op.opset <= 10:
        settings |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    usual = FORMULAS["Resize"].defaults
    settings = {
        name: tuple(each) if isinstance(each, list) else each
        for name, each in settings.items()
        if each is not None and usual.get(name) != each
    }
    layer = OnnxOperator("Resize", tuple(settings.items()))
    simple = _upsample(x, settings)
    if simple is not None:
        return reader.add(simple, reader.images(x))
    return reader.add(layer, reader.plain(x))


def _upsample(x: Tensor, settings: dict[str, Any]) -> Upsample | None:
    """Return the layer that does the same, by its matrices, if there is one."""
    mode, axes = settings.get("mode", "nearest"), settings.get("axes", tuple(range(x.rank)))
    others = {"keep_aspect_ratio_policy", "exclude_outside", "antialias"} & settings.keys()
    if (
        mode == "cubic"
        or others
        or x.rank < 3
        or settings.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    ):
        return None
    scales, sizes = sizes_of(x.shape, list(axes), settings.get("scales"), settings.get("sizes"))
    found = {axis % x.rank: (scale, size) for axis, scale, size in zip(axes, scales, sizes, strict=True)}
    factors = []
    for axis, n in enumerate(x.shape):
        scale, size = found.get(axis, (1.0, n))
        factor = round(scale)
        if axis < 2:
            if scale != 1 and n:
                return None
            continue
        usual = matrix(places_of(n, factor, factor * n, "half_pixel"), n, factor, mode)
        if factor < 1 or size != factor * n or not np.allclose(usual, along(n, scale, size, settings), atol=1e-6):
            return None
        factors.append(factor)
    return Upsample(factors[0] if len(set(factors)) == 1 else tuple(factors), mode)


@operator("Pad")
def pad(reader: Reader, op: Op, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    op.need(mode="constant")
    pads = op["pads"] if pads is None else constant(pads, "pads").tolist()
    axes = [axis % x.rank for axis in (range(x.rank) if axes is None else constant(axes, "axes").tolist())]
    sides = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    last = x.order.index(x.rank - 1) if None not in x.order and not any(sides.get(x.order.index(x.rank - 1), ())) else 1
    if any(any(sides.get(axis, ())) for axis in (0, last)) or x.rank < 3 or min(pads) < 0:
        raise Cannot(f"with pads={pads}, of rows, of channels, or below 0")
    x = reader.laid(x, first_features(x.rank, last)) if last == 1 else x
    width = tuple([tuple(sides.get(x.order.index(place), (0, 0))) for place in range(1, x.rank - 1)])
    return reader.add(Pad(width, (op["value"] or 0.0) if value is None else constant(value, "value").item()), x)
