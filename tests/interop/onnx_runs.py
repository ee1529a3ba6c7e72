"""What the tests of ONNX share: a model computed by onnxruntime, beside fnn's own numbers."""

import numpy as np
import pytest

from fnn import BatchNorm, Dense, Ensemble, inference, tree
from fnn.core._structure import walk

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import helper, numpy_helper  # noqa: E402 (after it is known to be there)


def session(model):
    """A session on one thread, which for networks as small as these is the fastest."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, str) else model.SerializeToString()
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(model, *inputs):
    """The outputs of a model, for inputs in its own order."""
    running = model if isinstance(model, runtime.InferenceSession) else session(model)
    names = [each.name for each in running.get_inputs()]
    return running.run(None, dict(zip(names, inputs, strict=True)))


def single(node):
    """A network or its data in float32."""
    return tree.map(lambda leaf: leaf.astype(np.float32) if leaf.dtype.kind == "f" else leaf, node)


def rows(n, x):
    """n rows of an input: its own again and again."""
    if isinstance(x, tuple):
        return tuple(rows(n, part) for part in x)
    return None if x is None else np.resize(x, (n, *x.shape[1:]))


def evaluated(layer, x):
    """The network to evaluate with, and its input, in float32."""
    layer, x = single(layer), single(x)
    return inference(layer, rows(len(tree.leaves((x,))[0]) + 2, x) if kinds(layer) & {BatchNorm} else x), x


def require_equal(found, y, tolerance=1e-5):
    """Shapes, dtypes and numbers, these to a tolerance on the scale of 1 or of what is larger."""
    wanted = tree.leaves((y,))
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert one.dtype.kind == other.dtype.kind
        error = np.abs(one.astype(float) - other)
        assert (error <= tolerance * np.maximum(1, np.abs(other))).all(), f"off by {error.max():g}"


def kinds(layer):
    """The classes of records in a network."""
    return {type(node) for _, node in walk(layer, every=True)}


def is_stacked(layer):
    """Several networks as one, whose rows are no first axis."""
    return any(
        isinstance(node, Ensemble) or (isinstance(node, Dense) and node.weight.ndim > 2)
        for _, node in walk(layer, every=True)
    )


def model_of(operator, x, *constants, **settings):
    """A model of a single operator."""
    names = [f"k{place}" for place in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *names], ["y"], **settings)],
        "single",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in zip(names, constants, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
