"""What a network is in ONNX: a graph that grows node by node, to which each layer adds its own.

Read ``writer``: the graph, and ``emit``, for which each layer registers a function; ``model`` has ``to_onnx``. What
each layer adds: ``layers``, most of them a line of a table; ``windows``, ``sequences`` and ``attention``; ``networks``,
which are made of layers; and ``arrays``, operators that no layer is, as they came.
"""

from fnn.interop.onnx._writing import arrays, attention, layers, networks, sequences, windows  # noqa: F401 (they register)
