"""What comes in from other libraries and goes out to them: a room for each, which needs it, loaded when asked for.

    onnx    : a network as the graph that other runtimes compute, and such a graph as a network
    sklearn : networks as estimators of scikit-learn, on arrays and tables
    torch   : networks as PyTorch's modules, and these as networks

    huggingface : pretrained language models, read from their folders

Any room can be read by itself. What it offers is imported from the room, ``from fnn.interop.onnx import to_onnx``: the
files in it, whose names begin with ``_``, are its parts. Two things lie beside the rooms, as NumPy is all they need:
``_weights``, how PyTorch keeps the weights of each layer, is for ``torch`` and ``huggingface``; ``_onnx_arrays``, what
operators of ONNX compute that no layer is, serves networks that were read from ``onnx`` and saved.
"""

from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Load the room of a library when somebody first asks for it."""
    if name == "onnx":
        import fnn.interop.onnx as module
    elif name == "sklearn":
        import fnn.interop.sklearn as module
    elif name == "torch":
        import fnn.interop.torch as module
    elif name == "huggingface":
        import fnn.interop.huggingface as module
    else:
        raise AttributeError(f"module 'fnn.interop' has no attribute {name!r}")
    return module
