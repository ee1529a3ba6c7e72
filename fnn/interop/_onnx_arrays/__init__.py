"""What the operators of ONNX compute that no layer of ours is: the plumbing of graphs that others exported.

Attention written out as products, a mask, a root: ``operator`` has the record of them all, ``OnnxOperator``, and its
gradient. The formulas are registered by their kinds: ``arithmetic``, place by place; ``sums``, over axes and in
products; ``rearranging``, which only says where each number goes; and ``resize``.

This room needs no package but NumPy, and so it stands beside that of ``onnx``: after ``import
fnn.interop._onnx_arrays`` a saved network is loaded, and computes, without onnx.
"""

from fnn.interop._onnx_arrays import arithmetic, rearranging, resize, sums  # noqa: F401 (they register)
