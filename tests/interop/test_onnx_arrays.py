"""Operators that no layer is: what they make of arrays is what onnxruntime makes of them, their gradient is right."""

import subprocess
import sys

import numpy as np
import pytest

import fnn
from fnn import Graph, Key, Upsample, check_vjp, tree, vjp
from fnn.core._errors import FormatError, LayerTypeError, LayerValueError
from tests.each_of import each_of
from tests.interop.onnx_runs import model_of, require_equal, run
from tests.laws.cases import numbers

onnx = pytest.importorskip("onnx")
from onnx import helper, numpy_helper  # noqa: E402 (after it is known to be there)

from fnn.interop._onnx_arrays.operator import FORMULAS, Constant, Integers, OnnxOperator, integers  # noqa: E402
from fnn.interop.onnx import from_onnx, to_onnx  # noqa: E402 (both need onnx)


def floats(*shape, seed=7):
    return numbers(*shape, seed=seed, dtype=np.float32)


def positive(*shape):
    return np.abs(floats(*shape)) + np.float32(0.5)


def ints(*values):
    return np.array(values, np.int64)


X, IMAGES = floats(2, 3, 4), floats(2, 4, 6, 8)
B = floats(2, 3, 4, seed=8)
CORNERS = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
BY = np.float32([1, 1, 1.5, 0.7])
WHOLE = np.arange(-6, 6, dtype=np.int32).reshape(3, 4)

# (operator, settings, its computed inputs, its constant ones); the names of cases are the operators'.
CASES = [
    *[(name, {}, [X], []) for name in ("Neg", "Abs", "Exp", "Erf", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign")],
    *[(name, {}, [positive(2, 3)], []) for name in ("Sqrt", "Log", "Reciprocal")],
    *[(name, {}, [X, B], []) for name in ("Sub", "Div", "Max", "Min", "Mean", "Equal", "Less", "GreaterOrEqual")],
    *[(name, {}, [X, floats(3, 1)], []) for name in ("Add", "Sub", "Mul", "Div", "Mean", "Max", "Greater")],
    *[(name, {}, [WHOLE, WHOLE[:, :1] + 9], []) for name in ("Add", "Sub", "Mul", "Div")],
    *[(name, {}, [X > 0, B > 0], []) for name in ("And", "Or", "Xor")],
    ("Not", {}, [X > 0], []),
    ("Pow", {}, [positive(2, 3), floats(3)], []),
    ("Pow", {}, [X], [np.float32(2)]),
    ("Pow", {}, [X], [floats(4) * 0 + 3]),
    ("Div", {}, [positive(2, 3)], [np.float32(2)]),
    ("Sub", {}, [X], [floats(3, 4)]),
    ("Add", {}, [WHOLE], [np.int32(3)]),
    ("PRelu", {}, [IMAGES], [floats(6, 8)]),
    ("Sum", {}, [X, B, floats(4)], []),
    ("Where", {}, [X > 0, X, floats(3, 1)], []),
    ("Clip", {}, [WHOLE], [np.int32(-2), np.int32(3)]),
    ("Cast", {"to": 7}, [X], []),
    ("CastLike", {}, [X, WHOLE], []),
    *[
        (name, settings, [positive(2, 3, 4)], [ints(-1, 0)])
        for name in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                     "ReduceLogSum", "ReduceLogSumExp")
        for settings in ({}, {"keepdims": 0})
    ],
    ("ReduceSum", {}, [X], []),
    ("ReduceSum", {"noop_with_empty_axes": 1}, [X], []),
    *[(name, {"axis": 1, "select_last_index": 1}, [X.round()], []) for name in ("ArgMax", "ArgMin")],
    ("ArgMax", {"axis": -1, "keepdims": 0}, [X.round()], []),
    ("Hardmax", {"axis": 1}, [X], []),
    ("MatMul", {}, [X, floats(2, 4, 5)], []),
    ("MatMul", {}, [floats(3), X], []),
    ("MatMul", {}, [X, floats(4)], []),
    ("MatMul", {}, [X], [floats(2, 4, 5)]),
    ("Gemm", {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}, [floats(4, 3), floats(5, 4), floats(3, 1)], []),
    ("Gemm", {}, [floats(4, 3), floats(3, 5)], []),
    ("Einsum", {"equation": "...ij,...jk->...ik"}, [X, floats(2, 4, 5)], []),
    ("Einsum", {"equation": "ij,k"}, [floats(2, 3), floats(4)], []),
    ("Einsum", {"equation": "bij->b"}, [X], []),
    ("Reshape", {}, [X], [ints(4, 0, -1)[[0, 2]]]),
    ("Flatten", {"axis": 2}, [X], []),
    ("Flatten", {"axis": -3}, [X], []),
    ("Squeeze", {}, [floats(1, 3, 1)], []),
    ("Expand", {}, [floats(3, 1)], [ints(2, 1, 4)]),
    ("Tile", {}, [X], [ints(1, 2, 3)]),
    ("Slice", {}, [X], [ints(-1, 1), ints(-9, 3), ints(1, 2), ints(-1, 1)]),
    ("Slice", {}, [X], [ints(1), ints(9)]),
    ("Gather", {"axis": 1}, [X], [ints(2, -1)]),
    ("Gather", {}, [X], [np.int64(1)]),
    ("Gather", {"axis": 2}, [X], [np.arange(100).reshape(4, 25) % 4]),
    ("Gather", {"axis": 1}, [X, ints(2, 0)], []),
    ("GatherElements", {"axis": 1}, [X], [np.array([[[0, 1, 2]], [[2, 1, 0]]])]),
    ("GatherND", {"batch_dims": 1}, [X], [np.array([[[0], [2]], [[1], [1]]])]),
    ("Split", {"axis": 1, "num_outputs": 2}, [X], []),
    ("Split", {"axis": 2}, [X], [ints(1, 3)]),
    ("DepthToSpace", {"blocksize": 2}, [IMAGES], []),
    ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, [IMAGES], []),
    ("SpaceToDepth", {"blocksize": 2}, [IMAGES], []),
    ("Trilu", {"upper": 0}, [X], [np.int64(-1)]),
    ("Trilu", {}, [X], []),
    ("ReverseSequence", {"batch_axis": 0, "time_axis": 1}, [X], [ints(2, 3)]),
    ("Concat", {"axis": 0}, [X, B], []),
    ("Concat", {"axis": 1}, [X], [floats(2, 2, 4)]),
    ("Pad", {}, [X], [ints(0, 1, 0, 1, 0, 2), np.float32(2)]),
    ("Pad", {}, [X], [ints(-1, 0, 1, 0), np.float32(2), ints(1, 2)]),
    *[("Pad", {"mode": mode}, [X], [ints(0, 1, 2, 0, 1, 1)]) for mode in ("reflect", "edge", "wrap")],
    *[
        ("Resize", {"mode": mode, "coordinate_transformation_mode": way}, [IMAGES], [None, BY])
        for mode in ("nearest", "linear", "cubic")
        for way in ("half_pixel", "asymmetric", "half_pixel_symmetric", "pytorch_half_pixel")
    ],
    ("Resize", CORNERS, [IMAGES], [None, None, ints(2, 4, 9, 5)]),
    ("Resize", {"mode": "linear", "antialias": 1}, [IMAGES], [None, np.float32([1, 1, 0.5, 0.4])]),
    ("Resize", {"mode": "cubic", "exclude_outside": 1}, [IMAGES], [None, None, ints(2, 4, 5, 9)]),
    ("Resize", {"nearest_mode": "ceil"}, [IMAGES], [None, None, ints(2, 4, 9, 12)]),
    (
        "Resize",
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 3.0},
        [IMAGES], [np.float32([0, 0, 0.2, 0.3, 1, 1, 1.4, 0.8]), None, ints(2, 4, 5, 3)],
    ),
]  # fmt: skip
# Operators that stand for others, as ONNX says, or that are several layers.
STAND_FOR = [
    ("Celu", {"alpha": 2.0}, [X], []),
    ("Shrink", {"lambd": 0.3, "bias": 0.1}, [X], []),
    ("ThresholdedRelu", {"alpha": 0.4}, [X], []),
    ("MeanVarianceNormalization", {}, [IMAGES], []),
    ("LayerNormalization", {"axis": 1}, [X], [floats(3, 4), floats(3, 4)]),
    ("LpNormalization", {"p": 1}, [X], []),
    ("LpNormalization", {"axis": 1}, [X], []),
    ("LpPool", {"kernel_shape": [2, 2], "pads": [1, 0, 1, 0]}, [IMAGES], []),
    ("LpPool", {"kernel_shape": [3, 2], "p": 1, "auto_pad": "SAME_UPPER"}, [IMAGES], []),
    ("SoftmaxCrossEntropyLoss", {"ignore_index": 1}, [X, np.array([[0, 1, 2, 0], [2, 2, 1, 0]])], [positive(3)]),
    ("SoftmaxCrossEntropyLoss", {"reduction": "none"}, [floats(4, 3)], [ints(0, 2, 1, 1)]),
    ("NegativeLogLikelihoodLoss", {"reduction": "sum"}, [floats(4, 3), ints(0, 2, 1, 1)], []),
    ("ConvTranspose", {"output_shape": [12, 17], "strides": [2, 2]}, [IMAGES], [floats(4, 2, 3, 3)]),
    ("ConvTranspose", {"output_shape": [12, 15], "strides": [2, 2]}, [IMAGES], [floats(4, 2, 3, 3)]),
]  # fmt: skip


def model_of_case(operator, settings, computed, constants, outputs=1):
    names = [f"x{place}" for place in range(len(computed))]
    held = [("" if array is None else f"k{place}", array) for place, array in enumerate(constants)]
    if operator == "Split":
        outputs = 2
    node = helper.make_node(
        operator, [*names, *[name for name, _ in held]], [f"y{place}" for place in range(outputs)], **settings
    )
    graph = helper.make_graph(
        [node], "single",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for name, x in zip(names, computed, strict=True)],
        [helper.make_empty_tensor_value_info(name) for name in node.output],  # onnxruntime finds their types
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held if name],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def require_as_onnxruntime(operator, settings, computed, constants, thorough=True):
    model = model_of_case(operator, settings, computed, constants)
    x = tuple(computed) if len(computed) > 1 else computed[0]
    net = from_onnx(model, x)
    wanted = run(model, *computed)
    y = net(x)
    require_equal(wanted, y if isinstance(y, tuple) else (y,))
    if not thorough:
        return net
    require_equal(run(to_onnx(net, x), *computed), y if isinstance(y, tuple) else (y,))
    if all(each.dtype.kind == "f" for each in tree.leaves((y,))) and any(x.dtype.kind == "f" for x in computed):
        wide = tree.map(lambda leaf: leaf.astype(float) if leaf.dtype.kind == "f" else leaf, (net, x))
        check_vjp(*wide)
    return net


@each_of("operator, settings, computed, constants", CASES)
def test_an_operator_of_arrays(operator, settings, computed, constants):
    require_as_onnxruntime(operator, settings, computed, constants, thorough=False)


@each_of("operator, settings, computed, constants", STAND_FOR)
def test_an_operator_that_is_several_layers(operator, settings, computed, constants):
    require_as_onnxruntime(operator, settings, computed, constants, thorough=False)


FIRST = {case[0]: case for case in reversed(CASES)}  # of each operator


@each_of("operator, settings, computed, constants", list(FIRST.values())[::4])
def test_gradients_of_some_operators_and_the_way_out_again(operator, settings, computed, constants):
    require_as_onnxruntime(operator, settings, computed, constants)


@pytest.mark.long
@each_of("operator, settings, computed, constants", CASES + STAND_FOR)
def test_gradients_of_all_operators_and_the_way_out_again(operator, settings, computed, constants):
    require_as_onnxruntime(operator, settings, computed, constants)


def test_every_formula_is_among_the_cases():
    elsewhere = {"Identity", "LessOrEqual", "Unsqueeze", "Transpose", "Softmax"}  # that layers are, but of integers
    assert FORMULAS.keys() - {each[0] for each in CASES + STAND_FOR} == elsewhere


def test_a_row_of_minus_infinity_has_no_softmax_and_no_gradient():
    layer, x = OnnxOperator("Softmax"), np.array([[0.5, 0.2, -np.inf], [-np.inf] * 3])
    y, pullback = vjp(layer, x)
    np.testing.assert_array_equal(np.isnan(y), [[False] * 3, [True] * 3])
    dx = pullback(np.array([[1.0, 0.0, 0.0], [0.0] * 3]))[1]()
    assert (dx[1] == 0).all()
    assert np.isfinite(dx).all()
    check_vjp(layer, numbers(3, 4))


def test_integers_keep_their_order_of_axes():
    """Symbols that are turned before they are looked up, and compared: no float is made of them."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("Unsqueeze", ["t", "axis"], ["u"]),
        helper.make_node("Identity", ["u"], ["i"]),
        helper.make_node("LessOrEqual", ["i", "three"], ["y"]),
        helper.make_node("Gather", ["table", "t"], ["z"]),
    ]
    constants = [("axis", ints(0)), ("three", np.int64(3)), ("table", floats(9, 2))]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 7, [2, 3])],
        [helper.make_tensor_value_info("y", 9, None), helper.make_tensor_value_info("z", 1, None)],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    x = np.array([[1, 5, 2], [3, 8, 4]])
    require_equal(run(model, x), from_onnx(model)(x))


@pytest.mark.parametrize(
    ("settings", "constants", "layer"),
    [
        ({"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, [None, np.float32([1, 1, 2, 3])],
         Upsample((2, 3))),
        ({}, [None, np.float32([1, 1, 2, 2])], Upsample(2)),
        ({"mode": "linear"}, [None, None, ints(2, 4, 12, 16)], Upsample(2, "linear")),
    ],
)  # fmt: skip
def test_a_resize_that_is_an_upsample_becomes_one(settings, constants, layer):
    net = require_as_onnxruntime("Resize", settings, [IMAGES], constants)
    assert [repr(each) for each in net.layers if isinstance(each, Upsample)] == [repr(layer)]


def test_what_older_versions_have_as_settings_is_the_same_layer():
    for opset, operator, settings, constants, wanted in (
        (9, "Slice", {"starts": [1], "ends": [3], "axes": [2]}, [], X[:, :, 1:3]),
        (9, "ReduceSum", {"axes": [1], "keepdims": 0}, [], X.sum(axis=1)),
        (9, "Pad", {"pads": [0, 0, 1, 0, 0, 0], "mode": "edge"}, [], X[:, :, [0, 0, 1, 2, 3]]),
        (9, "Pad", {"pads": [0, 0, -1, 0, 0, 0], "value": 2.0}, [], X[:, :, 1:]),
        (9, "Upsample", {}, [np.float32([1, 1, 2])], X.repeat(2, axis=2)),
        (10, "Resize", {}, [np.float32([1, 1, 2])], X.repeat(2, axis=2)),
        (12, "Split", {"axis": 2, "split": [4]}, [], X),
    ):  # fmt: skip
        model = model_of(operator, X, *constants, **settings)
        model.opset_import[0].version = opset
        np.testing.assert_allclose(from_onnx(model, X)(X), wanted, rtol=1e-6)


def test_a_graph_of_arrays_trains_is_saved_and_loaded(tmp_path):
    """Attention written out, as others export it: two products, a scale, a mask."""
    nodes = [
        helper.make_node("MatMul", ["x", "q"], ["query"]),
        helper.make_node("Transpose", ["x"], ["key"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["query", "key"], ["scores"]),
        helper.make_node("Div", ["scores", "two"], ["scaled"]),
        helper.make_node("Where", ["mask", "scaled", "low"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["weights"]),
        helper.make_node("MatMul", ["weights", "x"], ["y"]),
    ]
    constants = [
        ("q", floats(4, 4)),
        ("two", np.float32(2)),
        ("mask", np.tri(3, dtype=bool)),
        ("low", np.float32(-1e9)),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, ["n", 3, 4])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    net = from_onnx(model)
    assert isinstance(net, Graph)
    assert [leaf.shape for leaf in tree.leaves(net)] == [(4, 4), (4,)]  # what was learned: of Dense
    require_equal(run(model, X), net(X))
    fnn.save(tmp_path / "net", net)
    assert tree.equal(fnn.load(tmp_path / "net"), net)
    state = fnn.fit(fnn.mse, fnn.adam(0.01), fnn.start(net, fnn.adam(0.01)), (X, B), steps=5, key=Key(0))
    assert state.loss < fnn.mse(net(X), B)


def test_constants_of_a_graph():
    y, pullback = vjp(Constant(floats(3)), ())
    gradient, dx = pullback(np.ones(3, np.float32))
    np.testing.assert_array_equal(gradient.value, np.ones(3))
    assert dx() == ()
    layer = integers(np.array([[True, False]]))
    y, pullback = vjp(layer, ())
    np.testing.assert_array_equal(y, [[True, False]])
    gradient, dx = pullback(np.ones((1, 2)))
    assert (type(gradient), dx()) == (Integers, ())
    assert not y.flags.writeable


def test_numbers_that_are_not_finite_are_no_warning():
    with np.errstate(all="raise"):
        y, pullback = vjp(OnnxOperator("Sqrt"), np.array([-1.0, 0.0]))
        assert np.isnan(y[0])
        assert pullback(np.ones(2))[1]()[1] == np.inf


def test_arrays_that_an_operator_cannot_take():
    with pytest.raises(LayerTypeError, match="onnx_operator Nothing is none of Abs, Add"):
        OnnxOperator("Nothing")(X)
    with pytest.raises(LayerValueError, match=r"onnx_operator MatMul cannot take tuple of float32 array \(2, 3, 4\)"):
        OnnxOperator("MatMul")((X, X))
    diagonal = OnnxOperator("Einsum", (("equation", "ii->i"),))
    np.testing.assert_array_equal(diagonal(np.eye(3)), np.ones(3))
    with pytest.raises(ValueError, match="einsum: a term with a letter twice has no gradient, got ii"):
        vjp(diagonal, np.eye(3))[1](np.ones(3))[1]()


@pytest.mark.parametrize(
    ("operator", "settings", "computed", "constants", "why"),
    [
        ("Reshape", {}, [X, ints(2, 12)], [], "Reshape whose shape is computed, not constant"),
        ("Tile", {}, [X, ints(1, 2, 3)], [], "Tile whose repeats is computed, not constant"),
        ("Tile", {}, [X], [ints(1, 2, 3), ints(1)], "Tile of 3 inputs"),
        ("Dropout", {}, [X], [np.float32(0.5), np.bool_(True)], "Dropout that trains"),
        ("Cast", {"to": 8}, [X], [], "Cast"),
    ],
)
def test_what_is_no_constant_where_it_must_be(operator, settings, computed, constants, why):
    x = tuple(computed) if len(computed) > 1 else computed[0]
    with pytest.raises(FormatError, match=f"has no layer for: .*{why}"):
        from_onnx(model_of_case(operator, settings, computed, constants), x)


def branches(condition):
    """y = relu(x + k) if the condition holds, else -x."""
    then = helper.make_graph(
        [helper.make_node("Add", ["x", "k"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], "then", [],
        [helper.make_tensor_value_info("b", 1, None)], [numpy_helper.from_array(floats(4), "k")],
    )  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["b"])], "else", [], [helper.make_tensor_value_info("b", 1, None)]
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)], "g",
        [helper.make_tensor_value_info("x", 1, ["n", 3, 4])], [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.bool_(condition), "c")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_a_branch_that_is_known_to_be_taken_is_read():
    for condition in (True, False):
        model = branches(condition)
        require_equal(run(model, X), from_onnx(model)(X))


def test_a_graph_that_mixes_rows_is_read_for_as_many_as_x_has():
    model = model_of_case("ReduceMax", {"keepdims": 0}, [IMAGES], [ints(0)])
    require_equal(run(model, IMAGES), from_onnx(model, IMAGES)(IMAGES))
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("ReduceProd", ["s"], ["n"]),
             helper.make_node("Reshape", ["x", "n"], ["y"])]  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, ["n", 3, 4])], [helper.make_tensor_value_info("y", 1, None)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model.graph.node[1].attribute.append(helper.make_attribute("keepdims", 1))
    with pytest.raises(FormatError, match=r"ReduceProd of the number of rows .*; pass x, an input, and it is read"):
        from_onnx(model)
    np.testing.assert_array_equal(from_onnx(model, X)(X), X.ravel())


def test_a_slice_up_to_the_number_of_rows_is_no_slice_up_to_the_last():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], end=1),
        helper.make_node("Slice", ["z", "zero", "s", "zero"], ["y"]),
    ]
    given = [helper.make_tensor_value_info(name, 1, ["n", 3]) for name in "xz"]
    graph = helper.make_graph(
        nodes, "g", given, [helper.make_tensor_value_info("y", 1, None)], [numpy_helper.from_array(ints(0), "zero")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(FormatError, match="Slice of the number of rows"):
        from_onnx(model)
    x, z = floats(2, 3), floats(4, 3)
    require_equal(run(model, x, z), from_onnx(model, (x, z))((x, z)))


def test_inputs_of_kinds_that_numpy_has_not():
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g", [helper.make_tensor_value_info("x", 16, [2, 3])],
        [helper.make_tensor_value_info("y", 16, None)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(FormatError, match="from_onnx: its input x is of bfloat16, which NumPy has not"):
        from_onnx(model)


def test_a_saved_network_computes_where_onnx_is_not(tmp_path):
    net = fnn.Serial(tuple(OnnxOperator(name) for name in ("Neg", "Transpose", "ReduceSum", "Squeeze")))
    fnn.save(tmp_path / "net.npz", (net, X))
    script = (
        "import sys; sys.modules['onnx'] = None; import fnn, fnn.interop._onnx_arrays; "
        "net, x = fnn.load(sys.argv[1]); print(net(x).item())"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "net.npz"], capture_output=True, text=True)
    assert float(done.stdout or "nan") == net(X).item() == pytest.approx(-X.sum(), rel=1e-5), done.stderr
