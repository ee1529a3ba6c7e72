"""A network as an ONNX graph, which runtimes on phones, in browsers and on servers compute.

    to_onnx   : params, x -> ModelProto
    from_onnx : path or ModelProto -> params
    emit      : layer, graph, x -> y, what a layer adds to a graph; register a function for a layer of your own
    operator  : name -> a decorator: the function that makes layers of an operator, for one that is not read yet

    onnx.save(to_onnx(net, x[:1]), "net.onnx")
    onnxruntime.InferenceSession("net.onnx").run(None, {"x": x})

The way out is in ``_writing``, the way in is in ``_reading``; what operators compute for which there is no layer is in
the room beside this one, ``_onnx_arrays``.
"""

try:
    import onnx as _onnx  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.interop.onnx needs onnx: pip install "fnn[onnx]"') from _error

from fnn.interop.onnx._reading.network import from_onnx
from fnn.interop.onnx._reading.reader import operator
from fnn.interop.onnx._writing.model import to_onnx
from fnn.interop.onnx._writing.writer import Value, Writer, emit

__all__ = ["Value", "Writer", "emit", "from_onnx", "operator", "to_onnx"]
