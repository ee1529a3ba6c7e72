"""ONNX models come in as networks: they compute what onnxruntime does, and leave again as they came."""

import numpy as np
import pytest

import fnn
from fnn import Bidirectional, Conv, Dense, Graph, Key, Lstm, Permute, Scale, Serial, check_vjp, subgraph, tree
from fnn.core._errors import FormatError
from tests.each_of import each_of
from tests.interop.onnx_runs import evaluated, is_stacked, model_of, require_equal, rows, run, session, single
from tests.laws.cases import LAYERS, numbers
from tests.laws.random_cases import random_case

onnx = pytest.importorskip("onnx")
from onnx import helper  # noqa: E402 (after it is known to be there)

from_onnx, to_onnx = fnn.interop.onnx.from_onnx, fnn.interop.onnx.to_onnx


def as_given(x):
    """The inputs of a model from those of a network: a tuple of several, in order."""
    leaves = tuple(tree.leaves((x,)))
    return leaves if len(leaves) != 1 else leaves[0]


def require_there_and_back(layer, x, sizes=(1, 3)):
    net, x = evaluated(layer, x)
    stacked = is_stacked(net)
    back = from_onnx(to_onnx(net, x), as_given(x) if stacked else None)
    again = session(to_onnx(back, as_given(x)))
    for n in sizes:
        batch = x if stacked else rows(n, x)
        require_equal(tree.leaves((back(as_given(batch)),)), net(batch))
        require_equal(run(again, *tree.leaves((batch,))), net(batch))
    return back


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_comes_back(name):
    require_there_and_back(*LAYERS[name])


def there_and_back(number):
    case = random_case(number)
    require_there_and_back(case.params, case.batch[0])


@each_of("number", range(30))
def test_random_networks(number):
    there_and_back(number)


@pytest.mark.long
@each_of("number", range(500))
def test_500_random_networks(number):
    there_and_back(number)


def test_the_layers_are_those_that_went_out():
    x = single(numbers(2, 6, 6, 3))
    parts = fnn.conv(4, 3), fnn.relu, fnn.max_pool(2), fnn.flatten, fnn.dense(3), fnn.leaky_relu(slope=0.1)
    net = fnn.serial(*parts)(Key(0), x)
    back = from_onnx(to_onnx(net, x))
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in net.layers]
    assert tree.equal(Serial(tuple(back.layers[1:])), Serial(tuple(net.layers[1:]))) or tree.leaves(back)
    assert all(np.array_equal(a, b) for a, b in zip(tree.leaves(back), tree.leaves(net), strict=True))
    assert repr(back.layers[0]).endswith("stride=1, padding=1, dilation=1, groups=1)")


def test_a_layer_that_is_used_twice_is_one_record_again():
    x = single(numbers(2, 4))
    shared = fnn.dense(4)(Key(0), x)
    back = from_onnx(to_onnx(Serial((shared, fnn.tanh, shared)), x))
    assert back.layers[0] is back.layers[2]
    other = fnn.dense(4)(Key(0), x)  # with the same numbers, but another
    back = from_onnx(to_onnx(Serial((shared, fnn.tanh, other)), x))
    assert back.layers[0] is not back.layers[2]


def test_recurrent_layers_of_pytorch_s_pattern():
    x = single(numbers(2, 5, 3))
    net = fnn.serial(fnn.bidirectional(fnn.lstm(4)), fnn.gru(2), fnn.last_step, fnn.dense(2))(Key(0), x)
    back = from_onnx(to_onnx(net, x))
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in net.layers]
    assert isinstance(back.layers[0], Bidirectional)
    assert isinstance(back.layers[0].forwards, Lstm)


# Single operators, beside onnxruntime: (operator, settings, shape of x, further inputs).
def weight(*shape):
    return numbers(*shape, seed=7, dtype=np.float32)


IMAGES, STEPS = (2, 3, 7, 6), (5, 2, 3)
SINGLE = {
    "Conv": ("Conv", {"pads": [1, 1, 1, 1], "strides": [2, 1]}, IMAGES, [weight(4, 3, 3, 3), weight(4)]),
    "Conv, groups, dilations": ("Conv", {"group": 3, "dilations": [2, 1]}, IMAGES, [weight(6, 1, 2, 3)]),
    "Conv, SAME_UPPER": ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, IMAGES, [weight(4, 3, 3, 2)]),
    "Conv, VALID": ("Conv", {"auto_pad": "VALID"}, IMAGES, [weight(4, 3, 3, 2)]),
    "Conv, sequences": ("Conv", {"pads": [1, 1]}, (2, 3, 7), [weight(4, 3, 3), weight(4)]),
    "MaxPool": ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2]}, IMAGES, []),
    "MaxPool, ceil_mode, nothing left": ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 1}, IMAGES, []),
    "AveragePool": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, IMAGES, []),
    "GlobalAveragePool": ("GlobalAveragePool", {}, IMAGES, []),
    "ReduceMean": ("ReduceMean", {"keepdims": 0}, IMAGES, [np.array([2, 3])]),
    "ReduceMean, channels last": ("ReduceMean", {}, IMAGES, [np.array([1, 2])]),
    "LRN": ("LRN", {"size": 3, "alpha": 0.5}, IMAGES, []),
    "BatchNormalization": (
        "BatchNormalization", {}, IMAGES, [weight(3), weight(3), weight(3), np.abs(weight(3))]
    ),
    "InstanceNormalization": ("InstanceNormalization", {}, IMAGES, [weight(3), weight(3)]),
    "LayerNormalization": ("LayerNormalization", {"axis": 2}, IMAGES, [weight(7, 6), weight(7, 6)]),
    "Gemm": ("Gemm", {"transB": 1, "alpha": 0.5, "beta": 2.0}, (4, 3), [weight(5, 3), weight(1, 5)]),
    "Gemm, no bias": ("Gemm", {}, (4, 3), [weight(3, 5)]),
    "MatMul": ("MatMul", {}, (2, 4, 3), [weight(3, 5)]),
    "Add, channels": ("Add", {}, IMAGES, [weight(3, 1, 1)]),
    "Add, a number": ("Add", {}, IMAGES, [weight()]),
    "Add, positions": ("Add", {}, (2, 4, 3), [weight(1, 4, 3)]),
    "Sub": ("Sub", {}, (4, 3), [weight(3)]),
    "Mul": ("Mul", {}, IMAGES, [weight(6)]),
    "Div": ("Div", {}, (4, 3), [weight(3)]),
    "Clip": ("Clip", {}, (4, 3), [np.float32(-0.5), np.float32(1)]),
    "Clip, relu": ("Clip", {}, (4, 3), [np.float32(0)]),
    "PRelu": ("PRelu", {}, IMAGES, [weight(3, 1, 1)]),
    "Softmax": ("Softmax", {"axis": 1}, IMAGES, []),
    "LogSoftmax": ("LogSoftmax", {}, IMAGES, []),
    "LeakyRelu": ("LeakyRelu", {"alpha": 0.3}, IMAGES, []),
    "HardSigmoid": ("HardSigmoid", {}, IMAGES, []),
    "Gelu, tanh": ("Gelu", {"approximate": "tanh"}, IMAGES, []),
    "Flatten": ("Flatten", {}, IMAGES, []),
    "Transpose": ("Transpose", {"perm": [0, 2, 3, 1]}, IMAGES, []),
    "Transpose, rows": ("Transpose", {"perm": [1, 0, 2]}, (2, 4, 3), []),
    "Reshape": ("Reshape", {}, IMAGES, [np.array([0, -1, 6])]),
    "Unsqueeze": ("Unsqueeze", {}, (4, 3), [np.array([1, 3])]),
    "Squeeze": ("Squeeze", {}, (4, 1, 3, 1), [np.array([1, -1])]),
    "Dropout": ("Dropout", {}, (4, 3), []),
    "LSTM": ("LSTM", {"hidden_size": 4}, STEPS, [weight(1, 16, 3), weight(1, 16, 4), weight(1, 32)]),
    "LSTM, both": (
        "LSTM", {"hidden_size": 4, "direction": "bidirectional"}, STEPS,
        [weight(2, 16, 3), weight(2, 16, 4), weight(2, 32)],
    ),
    "GRU": (
        "GRU", {"hidden_size": 4, "linear_before_reset": 1}, STEPS,
        [weight(1, 12, 3), weight(1, 12, 4), weight(1, 24)],
    ),
    "RNN": ("RNN", {"hidden_size": 4}, STEPS, [weight(1, 4, 3), weight(1, 4, 4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_operator(name):
    operator, settings, shape, constants = SINGLE[name]
    x = weight(*shape)
    model = model_of(operator, x, *constants, **settings)
    net = from_onnx(model)
    assert isinstance(net, Serial)
    require_equal(run(model, x), net(x))
    require_equal(run(to_onnx(net, x), x), net(x))


@pytest.mark.parametrize(
    ("operator", "settings", "shape", "constants", "why"),
    [
        ("Conv", {}, IMAGES, [weight(4, 2, 2, 2)], r"Conv conv expects images \(n, height, width, 2\)"),
        ("MatMul", {}, (2, 4, 3), [weight(5, 5)], r"MatMul dense expects rows \(n, 5\)"),
        ("GRU", {"hidden_size": 4, "clip": 1.0}, STEPS, [weight(1, 12, 3), weight(1, 12, 4)], "GRU with clip=1.0"),
        ("RNN", {"hidden_size": 4, "direction": "reverse"}, STEPS, [weight(1, 4, 3), weight(1, 4, 4)],
         "RNN with direction=reverse"),
        ("RNN", {"hidden_size": 4, "activations": ["Relu"]}, STEPS, [weight(1, 4, 3), weight(1, 4, 4)],
         r"RNN with activations=\['Relu'\]"),
        ("Reshape", {}, (4, 3), [np.array([5, -1])], r"Reshape of \(4, 3\) to \(5, -1\), which does not keep the rows"),
        ("Squeeze", {}, (2, 3), [np.array([0])], "Squeeze of rows"),
        ("Add", {}, IMAGES, [weight(5, 6)], r"Add of a constant of shape \(5, 6\)"),
        ("LayerNormalization", {}, IMAGES, [weight(5)], r"LayerNormalization with a scale of shape \(5,\)"),
        ("PRelu", {}, IMAGES, [weight(5, 6)], r"PRelu with a slope of shape \(5, 6\)"),
        ("Asin", {}, (4, 3), [], r"Asin \(at "),
    ],
)  # fmt: skip
def test_a_setting_that_no_layer_has(operator, settings, shape, constants, why):
    with pytest.raises(FormatError, match=f"from_onnx has what fnn has no layer for: {why}"):
        from_onnx(model_of(operator, weight(*shape), *constants, **settings))


def graph_model(nodes, inputs, outputs, constants=(), opset=18):
    describe = [helper.make_tensor_value_info(name, 1, shape) for name, shape in inputs]
    returned = [helper.make_tensor_value_info(name, 1, None) for name in outputs]
    held = [onnx.numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(nodes, "g", describe, returned, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_everything_that_is_missing_is_named_at_once():
    nodes = [
        helper.make_node("Asin", ["x"], ["a"], name="first"),
        helper.make_node("Asin", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("NonZero", ["c"], ["y"]),
        helper.make_node("FusedGemm", ["x"], ["z"], domain="com.microsoft"),
    ]
    with pytest.raises(FormatError) as caught:
        from_onnx(graph_model(nodes, [("x", [2, 3])], ["y", "z"]))
    assert str(caught.value) == (
        "from_onnx has what fnn has no layer for: Asin (at first and 1 more); NonZero (at y); "
        "com.microsoft.FusedGemm (at z)"
    )


def test_control_flow_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["b"])], "b", [], [helper.make_tensor_value_info("b", 1, None)]
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch, name="choice")
    model = graph_model([node], [("x", [2, 3]), ("c", [])], ["y"])
    with pytest.raises(FormatError, match=r"If, control flow that depends on the data \(at choice\)"):
        from_onnx(model)


def test_an_output_that_nobody_can_give_is_named():
    node = helper.make_node("MaxPool", ["x"], ["y", "places"], kernel_shape=[2, 2])
    with pytest.raises(FormatError, match="MaxPool of which places is used, its output 2"):
        from_onnx(graph_model([node], [("x", [1, 1, 4, 4])], ["y", "places"]))
    from_onnx(graph_model([node], [("x", [1, 1, 4, 4])], ["y"]))
    with pytest.raises(FormatError, match="its output c does not depend on its inputs"):
        from_onnx(graph_model([helper.make_node("Identity", ["k"], ["c"])], [("x", [1, 2])], ["c"], [("k", weight(2))]))


def test_states_of_recurrent_layers():
    x, h, c = weight(5, 2, 3), weight(1, 2, 4), weight(1, 2, 4) / 2
    for operator, states, gates in (("RNN", [h], 1), ("LSTM", [h, c], 4)):
        names = ["h", "c"][: len(states)]
        node = helper.make_node(
            operator, ["x", "w", "r", "", "", *names], ["y", *[f"{name}_n" for name in names]], hidden_size=4
        )
        constants = [("w", weight(1, 4 * gates, 3)), ("r", weight(1, 4 * gates, 4))]
        inputs = [("x", [5, 2, 3]), *[(name, [1, 2, 4]) for name in names]]
        model = graph_model([node], inputs, list(node.output), constants)
        net = from_onnx(model)
        require_equal(run(model, x, *states), net((x, *states)))


def test_shapes_that_are_computed_from_x():
    """PyTorch's x.view(x.size(0), -1) and its kind."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axis"], ["row"]),
        helper.make_node("Concat", ["row", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    constants = [("zero", np.array(0)), ("axis", np.array([0])), ("rest", np.array([-1]))]
    model = graph_model(nodes, [("x", ["n", 3, 4, 5])], ["y"], constants)
    x = weight(2, 3, 4, 5)
    require_equal(run(model, x), from_onnx(model)(x))
    nodes[3:4] = [helper.make_node("Mul", ["row", "rest"], ["shape"])]
    with pytest.raises(FormatError, match="Mul of the number of rows"):
        from_onnx(graph_model(nodes, [("x", ["n", 3, 4, 5])], ["y"], constants))


def test_lengths_that_the_model_leaves_open():
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Reshape", ["a", "shape"], ["y"])]
    constants = [("w", weight(2, 3, 3, 3)), ("shape", np.array([0, 2, -1]))]
    model = graph_model(nodes, [("x", ["n", 3, "h", "w"])], ["y"], constants)
    x = weight(2, 3, 6, 5)
    require_equal(run(model, x), from_onnx(model)(x))  # 0 and -1 say it for any size
    nodes[1:] = [helper.make_node("GlobalAveragePool", ["a"], ["b"]), helper.make_node("Squeeze", ["b", "axes"], ["y"])]
    nodes.append(helper.make_node("Flatten", ["x"], ["z"]))
    model = graph_model(nodes[:1] + nodes[3:], [("x", ["n", 3, "h", "w"])], ["a", "z"], constants)
    require_equal(run(model, x), from_onnx(model)(x))
    shape = [helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = graph_model(shape, [("x", ["n", 3, "h", "w"])], ["y"])
    with pytest.raises(FormatError, match="Shape of unknown lengths: pass x, an input of the shape"):
        from_onnx(model)
    require_equal(run(model, x), from_onnx(model, x)(x))
    with pytest.raises(FormatError, match="from_onnx takes 1 inputs, x, got tuple of"):
        from_onnx(model, (x, x))


def test_a_graph_is_looked_at_cut_and_trained():
    x = single(numbers(6, 6, 6, 3))
    body = fnn.serial(fnn.conv(4, 3), fnn.relu), fnn.serial(fnn.conv(2, 1), fnn.tanh)
    net = fnn.serial(fnn.concatenate(*body), fnn.global_avg_pool, fnn.dense(3))(Key(0), x)
    images = x.transpose(0, 3, 1, 2)
    model = to_onnx(Serial((Permute((0, 2, 3, 1)), net)), images)
    graph = from_onnx(model)
    assert isinstance(graph, Graph)
    require_equal([graph(images)], net(x))
    values = [node.output for node in graph.nodes]
    cut = subgraph(graph, (values[-2],))
    assert not isinstance(cut.nodes[-1].layer, Dense)
    new = fnn.serial(cut, fnn.dense(2))(Key(1), images)
    check_vjp(tree.map(np.float64, new), images.astype(float))
    labels = np.array([0, 1, 0, 1, 0, 1])
    optimizer = fnn.adam(0.03)
    state = fnn.fit(fnn.cross_entropy, optimizer, fnn.start(new, optimizer), (images, labels), steps=60, key=Key(2))
    assert state.loss < 0.4
    require_equal(run(to_onnx(state.params, images), images), state.params(images))


def test_a_batch_normalization_and_what_scales_after_it_are_one_scale():
    nodes = [
        helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["a"]),
        helper.make_node("Mul", ["a", "s4"], ["c"]),
        helper.make_node("Add", ["c", "s4"], ["y"]),
    ]
    vectors = [(name, np.abs(weight(3))) for name in "sbmv"]
    model = graph_model(nodes, [("x", [2, 3, 4, 5])], ["y"], [*vectors, ("s4", weight(3, 1, 1))])
    net = from_onnx(model)
    assert [type(layer) for layer in net.layers] == [Permute, Scale, Permute]
    require_equal(run(model, weight(2, 3, 4, 5)), net(weight(2, 3, 4, 5)))


def test_a_value_used_twice_keeps_its_own_layer():
    nodes = [
        helper.make_node("Mul", ["x", "k"], ["a"]),
        helper.make_node("Add", ["a", "k"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    model = graph_model(nodes, [("x", [2, 3])], ["y"], [("k", weight(3))])
    require_equal(run(model, weight(2, 3)), from_onnx(model)(weight(2, 3)))


def test_weights_that_are_computed_from_constants():
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["w"], value=helper.make_tensor("v", 1, [1], [0.5])),
        helper.make_node("Transpose", ["w"], ["t"]),
        helper.make_node("MatMul", ["x", "t"], ["a"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    model = graph_model(nodes, [("x", ["n", 3])], ["y"], [("s", np.array([4, 3])), ("b", weight(4))])
    net = from_onnx(model)
    assert [type(layer) for layer in net.layers] == [Dense]
    require_equal(run(model, weight(2, 3)), net(weight(2, 3)))


def test_random_numbers_are_no_constants():
    nodes = [helper.make_node("RandomNormal", [], ["r"], shape=[3]), helper.make_node("Add", ["x", "r"], ["y"])]
    with pytest.raises(FormatError, match=r"has no layer for: RandomNormal \(at r\)"):
        from_onnx(graph_model(nodes, [("x", [2, 3])], ["y"]))


def test_a_convolution_of_images_reads_them_as_onnx_has_them():
    net = from_onnx(model_of("Conv", weight(*IMAGES), weight(4, 3, 3, 3)))
    assert [type(layer) for layer in net.layers] == [Permute, Conv, Permute]


def test_the_last_state_alone_and_a_constant_sequence():
    constants = [("w", weight(1, 16, 3)), ("r", weight(1, 16, 4))]
    node = helper.make_node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=4)
    model = graph_model([node], [("x", [5, 2, 3])], ["h"], constants)
    require_equal(run(model, weight(5, 2, 3)), from_onnx(model)(weight(5, 2, 3)))
    node = helper.make_node("LSTM", ["x", "w", "r", "", "", "h"], ["y"], hidden_size=4)
    model = graph_model([node], [("h", [1, 2, 4])], ["y"], [*constants, ("x", weight(5, 2, 3))])
    with pytest.raises(FormatError, match=r"LSTM of a constant \(at y\)"):
        from_onnx(model)


def test_inputs_that_are_no_arrays():
    model = graph_model([helper.make_node("Relu", ["x"], ["y"])], [("x", [2, 3])], ["y"])
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    with pytest.raises(FormatError, match="from_onnx: its input x is no array"):
        from_onnx(model)


def test_an_operator_of_your_own_to_read():
    class Cosine(fnn.Record):
        pass

    @fnn.vjp.register
    def cosine_vjp(layer: Cosine, x, key=None):
        return np.cos(x), lambda dy: (layer, lambda: -dy * np.sin(x))

    @fnn.interop.onnx.operator("Cos")
    def cosine_of(reader, op, x):
        return reader.add(Cosine(), x)

    model = model_of("Cos", X := weight(4, 3))
    net = from_onnx(model)
    assert [type(layer) for layer in net.layers] == [Cosine]
    require_equal(run(model, X), net(X))
    fnn.interop.onnx._reading.reader.OPERATORS.pop("Cos")
