"""What a graph of ONNX takes: the types of its inputs, arrays like them, and what is constant from the start.

samples_of   : inputs, given, fixed -> an array like each
computed_now : node, opset, constants -> the outputs of a node whose inputs are constants
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator


def type_of(array: np.ndarray, rows: bool) -> Any:
    """Return the type of an array of this shape, or of any number of rows."""
    shape = [None if rows and axis == 0 else n for axis, n in enumerate(array.shape)]
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), shape)


def declared(given: Any) -> list[int | None]:
    """Return the lengths of an input's axes, None for what may be any."""
    dims = given.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims]


def dtype_of(given: Any) -> np.dtype[Any]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type))


def samples_of(inputs: list[Any], given: tuple[Any, ...], fixed: bool) -> list[tuple[np.ndarray, bool]]:
    """Return an array like each input, and whether lengths of its axes, but for the first, were guessed.

    Beside images there are no rows, unless their number is fixed: shapes are seen without computing anything.
    """
    shapes = [declared(each) if x is None else list(np.shape(x)) for each, x in zip(inputs, given, strict=True)]
    of_images = [shape[0] for shape in shapes if len(shape) > 3]
    samples = []
    for each, shape in zip(inputs, shapes, strict=True):
        # Images of unknown size are taken to be 224 x 224, sequences of 16 steps.
        lengths = [length if length is not None else 224 if len(shape) > 3 else 16 for length in shape]
        if shape and not fixed:
            lengths[0] = 0 if shape[0] in of_images or (of_images and shape[0] is None) else shape[0] or 3
        samples.append((np.zeros(lengths, dtype_of(each)), None in shape[1:]))
    return samples


def computed_now(node: Any, opset: int, given: list[Any]) -> Any:
    """Return the outputs of a node with constant inputs, by ONNX's own reference, or None if it does not know it."""
    names = [f"i{place}" if each is not None else "" for place, each in enumerate(given)]
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    alone.input[:] = names
    of_any = [helper.make_tensor_value_info(name, 0, None) for name in names if name]
    returned = [helper.make_tensor_value_info(name, 0, None) for name in node.output]
    model = helper.make_model(
        helper.make_graph([alone], "constant", of_any, returned), opset_imports=[helper.make_opsetid("", opset)]
    )
    feeds = {name: each for name, each in zip(names, given, strict=True) if name}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [np.asarray(each) for each in ReferenceEvaluator(model).run(None, feeds)]
    except Exception:  # whatever another library raises there: it is told as a node that cannot be computed
        return None
