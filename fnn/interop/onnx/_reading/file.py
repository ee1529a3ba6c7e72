"""A model from a file, with its arrays: nothing outside the file's folder is read, and nothing of it is run.

model_in  : path or model -> the model, and its constants by name
attribute : node, opset -> its settings, the defaults filled in
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper

from fnn.core._errors import FormatError, file_path

# Before these the operators are others: they broadcast by attributes. Newer ones than the onnx package has are unknown.
OLDEST = 7


def model_in(source: Any) -> tuple[Any, int, str]:
    """Return a model with all its arrays in it, the version of its operators, and what to call it in messages.

    Raises ``FormatError`` for a file that is no ONNX model, for a version that is not known, and for arrays in other
    files that are missing, too short, or not in the folder of the file.
    """
    if isinstance(source, onnx.ModelProto):
        model, caller, folder = source, "from_onnx", None
    else:
        path = file_path("from_onnx", source)
        caller, folder = f"from_onnx: {path}", path.parent
        try:
            model = onnx.load(path, load_external_data=False)
        except OSError:
            raise
        except Exception:  # one of protobuf's, which is not ours to import
            raise FormatError(f"{caller} is no ONNX model") from None
    if not model.graph.node:
        raise FormatError(f"{caller} is no ONNX model: it has no nodes")
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    newest = defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        hint = "convert it with onnx.version_converter" if opset < OLDEST else "pip install --upgrade onnx"
        raise FormatError(f"{caller} has operators of version {opset}; from {OLDEST} to {newest} are known; {hint}")
    outside = [tensor for tensor in _tensors(model.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        known = onnx.ModelProto()
        known.CopyFrom(model)  # what was passed in is never written to
        for tensor in _tensors(known.graph):
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                _fill(tensor, folder, caller)
        model = known
    return model, opset, caller


def _tensors(graph: Any) -> list[Any]:
    """Return all arrays of a graph: its constants, and those in the settings of its nodes."""
    found = list(graph.initializer)
    for node in graph.node:
        for setting in node.attribute:
            found += [setting.t, *setting.tensors]
            for inner in (setting.g, *setting.graphs):
                found += _tensors(inner)
    return found


def _fill(tensor: Any, folder: Path | None, caller: str) -> None:
    """Read an array that lies in another file, if that is in the folder."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    name = where.get("location", "")
    what = f"{caller}: {tensor.name} lies in another file, {name!r}"
    if folder is None:
        raise FormatError(f"{what}; pass the path of the model, whose folder it is in")
    path, inside = (folder / name).resolve(), folder.resolve()
    if not name or Path(name).is_absolute() or not path.is_relative_to(inside):
        raise FormatError(f"{what}, which is not in the folder of the model; nothing beyond it is read")
    if not path.is_file():
        raise FormatError(f"{what}, which is missing")
    size = _size_of(tensor, what)
    offset = int(where.get("offset", "0") or "0")
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if len(data) != size:
        raise FormatError(f"{what}, which ends too early: {size} bytes from {offset} on are needed, got {len(data)}")
    tensor.raw_data = data
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _size_of(tensor: Any, what: str) -> int:
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError:
        raise FormatError(f"{what}, of the unknown type {tensor.data_type}") from None
    return int(np.prod(tensor.dims, dtype=object)) * dtype.itemsize


def array_of(tensor: Any, caller: str) -> np.ndarray:
    """Return an array of a model, or raise ``FormatError`` if its bytes are not what its shape says."""
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{caller}: {tensor.name} is no array of shape {tuple(tensor.dims)}: {error}") from None


def attributes(node: Any, opset: int) -> dict[str, Any]:
    """Return the settings of a node, those that it leaves out as its operator's version has them; text as str."""
    found: dict[str, Any] = {}
    try:
        schema = defs.get_schema(node.op_type, opset, node.domain)
    except defs.SchemaError:
        schema = None
    if schema is not None:
        for name, setting in schema.attributes.items():
            if setting.default_value.type:
                found[name] = helper.get_attribute_value(setting.default_value)
    found |= {setting.name: helper.get_attribute_value(setting) for setting in node.attribute}
    return {name: _readable(value) for name, value in found.items()}


def _readable(value: Any) -> Any:
    """Return a setting with text as str, and a float32 as the shortest number that it stands for: 1e-5."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return float(str(np.float32(value)))
    return [_readable(each) for each in value] if isinstance(value, list) else value
