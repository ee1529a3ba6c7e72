"""What an ONNX graph is as a network: its nodes, one after the other, each of which adds layers.

Read ``reader``, a network that grows: ``operator`` registers the function that makes layers of an operator, and a
value knows in which order its axes are. ``network`` has ``from_onnx``; it takes a model from its ``file``, finds out
what that takes (``inputs``), and reads its ``nodes``. Which layers an operator is: ``operators``, many of them a line
of a table; ``arranging``, ``scanning``, ``attention`` and ``resizing``. One without a layer is read by ``arrays`` as
what it makes of arrays, or by ``bodies`` as the nodes that ONNX says it stands for.

What was written is read by the tables that it was written by: this room imports from ``_writing``.
"""

from fnn.interop.onnx._reading import arranging, attention, operators, resizing, scanning  # noqa: F401 (they register)
