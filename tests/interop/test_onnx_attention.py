"""Attention comes in from ONNX with constant masks, and goes there and back, step by step of its settings."""

import numpy as np
import pytest

import fnn
from fnn import DotProductAttention, Key, attention, decoder_block, rotary, serial, transformer_block
from tests.each_of import each_of
from tests.interop.onnx_runs import require_equal, run, session, single
from tests.laws.cases import numbers, random_like

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 (after onnx is known to be there)
from onnx.reference import ReferenceEvaluator  # noqa: E402

from_onnx, to_onnx = fnn.interop.onnx.from_onnx, fnn.interop.onnx.to_onnx
X = numbers(3, 5, 8, dtype=np.float32)
MEMORY = numbers(3, 4, 8, seed=1, dtype=np.float32)


def model_of(*constants, **settings):
    """A model of an Attention of x alone, and constants from its fourth input on."""
    names = [f"k{place}" if each is not None else "" for place, each in enumerate(constants)]
    node = helper.make_node("Attention", ["x", "x", "x", *names], ["y"], q_num_heads=2, kv_num_heads=2, **settings)
    graph = helper.make_graph(
        [node],
        "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, X.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(each, name) for each, name in zip(constants, names, strict=True) if name],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)


AHEAD = np.arange(5) - np.arange(5)[:, None]


@each_of(
    ("mask", "settings"),
    [
        (AHEAD <= 0, {"causal": True}),
        (np.where(AHEAD <= 0, 0, -np.inf).astype(np.float32)[None, None], {"causal": True}),
        (np.abs(AHEAD) <= 2, {"window": (2, 2)}),
        ((AHEAD <= 0) & (AHEAD >= -1), {"window": (1, 0)}),
        (AHEAD >= -1, {"window": (1, None)}),
        (AHEAD < 9, {}),
    ],
)
def test_a_constant_mask_is_a_setting(mask, settings):
    net = from_onnx(model_of(mask))
    found = [node.layer for node in net.nodes] if hasattr(net, "nodes") else [*net.layers]
    (layer,) = [each for each in found if isinstance(each, DotProductAttention)]
    assert repr(layer) == repr(DotProductAttention(2, **settings))
    require_equal(run(model_of(mask), X), net(X))


@each_of("mask", [numbers(5, 5, dtype=np.float32), numbers(5, 5) > 0, numbers(3, 1, 5, 5) > 0])
def test_any_other_constant_mask_is_read_as_what_the_operator_stands_for(mask):
    if mask.dtype == bool:
        mask = mask | np.eye(5, dtype=bool)  # onnxruntime has other numbers for a query that may look at nothing
    model = model_of(mask)
    net = from_onnx(model)
    require_equal(run(model, X), net(X))
    assert "DotProductAttention" not in repr(net)


@each_of(
    ("constructor", "x"),
    [
        (attention(2), X),
        (attention(4, True, kv_heads=2, softcap=2.0), X),
        (attention(2, window=(2, 1)), X),
        (attention(2, also="weights"), X),
        (attention(2), (X, MEMORY)),
        (attention(2), (X, MEMORY, None, numbers(3, 2, 5, 4, dtype=np.float32))),
        (attention(2), (X, MEMORY, None, numbers(3, 1, 5, 4) > 0)),
        (transformer_block(2, 9, True), X),
        (serial(transformer_block(2, 9), transformer_block(2, 5, norm_first=False)), X),
        (decoder_block(2, 9), (X, MEMORY)),
    ],
)
def test_there_and_back(constructor, x):
    net = single(random_like(constructor(Key(0), x)))
    model = to_onnx(net, x)
    back = from_onnx(model)
    given = tuple(each for each in x if each is not None) if isinstance(x, tuple) else x
    require_equal(fnn.tree.leaves((back(given),)), net(x))
    require_equal(run(session(to_onnx(back, given)), *fnn.tree.leaves((given,))), net(x))


def test_what_is_not_written_says_so():
    layer = DotProductAttention(2, causal=True, offset="end")
    with pytest.raises(TypeError, match="an offset of 'end' beside lengths is not in what it writes"):
        to_onnx(layer, (X, (MEMORY, np.array([4, 1, 2]))))
    assert rotary(X).shape == X.shape


@each_of("after", [True, False])
def test_a_gru_is_that_of_onnx_in_float64(after):
    layer = random_like(fnn.gru(4, reset_after=after)(Key(0), numbers(1, 1, 3)))
    x, units = numbers(5, 6, 3), 4
    order = [slice(units, 2 * units), slice(units), slice(2 * units, 3 * units)]  # z, r, h
    weight, hidden = (np.concatenate([each[:, gate] for gate in order], axis=1).T for each in (
        layer.input_weight, layer.hidden_weight))  # fmt: skip
    bias = np.concatenate([*[layer.bias[gate] for gate in order], np.zeros(2 * units), layer.hidden_bias])
    constants = {"w": weight[None], "r": hidden[None], "b": bias[None]}
    node = helper.make_node("GRU", ["x", *constants], ["y"], hidden_size=units, linear_before_reset=int(after))
    graph = helper.make_graph(
        [node],
        "gru",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, (6, 5, 3))],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(np.ascontiguousarray(each), name) for name, each in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    (theirs,) = ReferenceEvaluator(model).run(None, {"x": x.swapaxes(0, 1).copy()})
    np.testing.assert_allclose(layer(x), theirs[:, 0].swapaxes(0, 1), rtol=1e-10, atol=1e-12)
    back = from_onnx(model, x.swapaxes(0, 1).copy())
    assert f"reset_after={after}" in repr(back)
    np.testing.assert_allclose(back(x.swapaxes(0, 1).copy()), theirs, rtol=1e-10, atol=1e-12)
