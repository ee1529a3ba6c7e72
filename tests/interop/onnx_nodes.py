"""ONNX's own tests of single operators and of PyTorch's modules, each read by ``from_onnx`` and compared.

OPERATORS : those of neural networks, of which there are 687 tests
cases     : -> (name, model, [(inputs, outputs), ...], rtol, atol)
outcome   : case -> "pass", "wrong: ...", or why fnn does not say it
"""

import glob
import os

import numpy as np
import onnx
from onnx import numpy_helper, version_converter
from onnx.backend.test.loader import load_model_tests

from fnn.core._errors import FormatError, LayerError
from fnn.interop.onnx import from_onnx

OPERATORS = frozenset(
    """
    Relu Sigmoid Tanh Softplus LeakyRelu Elu Selu Gelu Swish Softmax LogSoftmax Gemm MatMul Conv ConvTranspose
    MaxPool AveragePool GlobalAveragePool BatchNormalization LayerNormalization RNN GRU LSTM Attention
    SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss Flatten Reshape Gather Dropout Concat Add Sum Identity
    Adam Adagrad Momentum Celu HardSigmoid HardSwish Mish Softsign ThresholdedRelu Hardmax PRelu Shrink SwiGLU
    GroupNormalization InstanceNormalization RMSNormalization LRN LpPool LpNormalization GlobalMaxPool
    MeanVarianceNormalization CausalConvWithState DeformConv LinearAttention FlexAttention RotaryEmbedding
    MaxUnpool Resize Upsample DepthToSpace SpaceToDepth Pad Clip GridSample Mean Einsum Gradient
    """.split()  # noqa: SIM905 (as it is read)
)


def cases():
    for test in load_model_tests(kind="node"):
        operators = [node.op_type for node in test.model.graph.node]
        if len(operators) == 1 and operators[0] in OPERATORS and "_expanded" not in test.name:
            yield test.name, test.model, test.data_sets, test.rtol, test.atol
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for test in load_model_tests(kind=kind):
            model, sets = (test.model, test.data_sets) if test.model is not None else _from_folder(test.model_dir)
            if any(node.op_type in OPERATORS for node in model.graph.node):
                yield test.name, model, sets, test.rtol, test.atol


def _from_folder(folder):
    def arrays(place, kind):
        paths = [
            os.path.join(place, f"{kind}_{i}.pb") for i in range(len(glob.glob(os.path.join(place, f"{kind}_*.pb"))))
        ]
        return [numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]

    places = sorted(glob.glob(os.path.join(folder, "test_data_set_*")))
    return onnx.load(os.path.join(folder, "model.onnx")), [(arrays(p, "input"), arrays(p, "output")) for p in places]


def _array(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _with_constants(model, names, inputs, kept):
    """Return the model with all inputs but the first few as constants, as the weights of a network are."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for name, value in list(zip(names, inputs, strict=True))[kept:]:
        fixed.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    given = [each for each in fixed.graph.input if each.name in names[:kept]]
    del fixed.graph.input[:]
    fixed.graph.input.extend(given)
    return fixed


def outcome(case):
    _, model, sets, rtol, atol = case
    reasons = []
    if next((each.version for each in model.opset_import if not each.domain), 7) < 7:  # as from_onnx says to
        try:
            model = version_converter.convert_version(model, 18)
        except Exception as error:
            return f"cannot be converted: {error}"
    constants = {each.name for each in model.graph.initializer}
    names = [each.name for each in model.graph.input if each.name not in constants]
    for kept in dict.fromkeys((len(names), 1)):
        try:
            for inputs, outputs in sets:
                inputs, outputs = [_array(each) for each in inputs], [_array(each) for each in outputs]
                x = tuple(inputs[:kept]) if kept > 1 else inputs[0]
                y = from_onnx(_with_constants(model, names, inputs, kept), x)(x)
                found = list(y) if isinstance(y, tuple) else [y]
                if len(found) != len(outputs):
                    return f"{len(found)} of {len(outputs)} outputs"
                for ours, theirs in zip(found, outputs, strict=True):
                    if theirs.dtype.kind in "iub" and ours.dtype.kind == "f":
                        return "integers become floats"
                    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
                        return f"wrong: {ours.dtype} {ours.shape}, where {theirs.dtype} {theirs.shape} is expected"
                    np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=rtol, atol=atol)
            return "pass"
        except AssertionError as error:
            return f"wrong: {' '.join(str(error).split())[:200]}"
        except (FormatError, LayerError) as error:
            reasons.append(str(error).replace("from_onnx has what fnn has no layer for: ", ""))
        except Exception as error:  # what is no network at all: no inputs, sequences of tensors, scalars
            reasons.append(f"{type(error).__name__}: {error}")
    return reasons[-1]
