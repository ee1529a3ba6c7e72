"""What comes in from other libraries and goes out to them; each file is loaded when asked for, and needs its library.

    onnx : a network as the graph that other runtimes compute

Any file can be read by itself. Those that begin with ``_onnx`` are the parts of ``onnx``: ``_onnx_writer``, a graph
that grows node by node, and ``_onnx_layers``, ``_onnx_windows``, ``_onnx_sequences`` and ``_onnx_networks``, what each
layer adds to it.
"""

import importlib

_FILES = ("onnx",)  # one for each library


def __getattr__(name: str):
    """Load the file of a library when somebody first asks for it."""
    if name in _FILES:
        return importlib.import_module(f"fnn.interop.{name}")
    raise AttributeError(f"module 'fnn.interop' has no attribute {name!r}")
