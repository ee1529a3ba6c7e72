"""ONNX's own tests of single operators: what is read is right, all else is refused, and nothing breaks."""

from collections import Counter

import numpy as np
import pytest

import fnn
from fnn.core._errors import FormatError

onnx = pytest.importorskip("onnx")
from onnx import numpy_helper  # noqa: E402 (after it is known to be there)
from onnx.backend.test.loader import load_model_tests  # noqa: E402

from_onnx = fnn.interop.onnx.from_onnx

# Shown by pytest -m long -s tests/interop/test_onnx_nodes.py
READ = 165


def with_constants(model, inputs, kept):
    """The model whose inputs are those at these places; the others are constants, as weights are in files."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for place, given in enumerate(model.graph.input):
        if place not in kept:
            fixed.graph.initializer.append(numpy_helper.from_array(inputs[place], given.name))
            fixed.graph.input.remove(next(each for each in fixed.graph.input if each.name == given.name))
    return fixed


def outcome(test):
    """What becomes of a test: read, if one way of calling it is, or refused, or no matter of arrays."""
    inputs, outputs = (
        [numpy_helper.to_array(each) if isinstance(each, onnx.TensorProto) else each for each in part]
        for part in test.data_sets[0]
    )
    if not all(isinstance(each, np.ndarray) for each in (*inputs, *outputs)):
        return "no arrays"
    last = len(inputs) - 1
    for kept in ({*range(len(inputs))}, {0}, {last}, {0, last}):
        try:
            net = from_onnx(with_constants(test.model, inputs, kept))
        except FormatError:
            continue
        given = tuple([each for place, each in enumerate(inputs) if place in kept])
        y = net(given if len(given) != 1 else given[0])
        for found, wanted in zip(y if isinstance(y, tuple) else (y,), outputs, strict=True):
            assert found.shape == wanted.shape, test.name
            rtol = max(test.rtol, 1e-3 if wanted.dtype == np.float16 else 0)
            np.testing.assert_allclose(found.astype(float), wanted.astype(float), rtol, test.atol, err_msg=test.name)
        return "read"
    return "refused"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of what makes the data of the tests
def test_the_node_tests_of_the_onnx_package():
    with np.errstate(all="ignore"):
        tests = [test for test in load_model_tests(kind="node") if test.model and len(test.model.graph.node) == 1]
        found = Counter(outcome(test) for test in tests if "_expanded" not in test.name)
    print(dict(found))
    assert found["read"] >= READ
