"""Networks leave as ONNX models: onnxruntime computes what fnn does, for every layer and for any number of rows."""

import re
import subprocess
import sys

import numpy as np
import pytest

import fnn
from fnn import (
    Graph,
    Key,
    Node,
    Permute,
    Record,
    Scale,
    Serial,
    batch_norm,
    concatenate,
    conv,
    dense,
    dropout,
    flatten,
    global_avg_pool,
    gru,
    identity,
    last_step,
    lstm,
    max_pool,
    pick,
    relu,
    residual,
    rnn,
    serial,
    softmax,
    tree,
    vjp,
)
from tests.interop.onnx_runs import evaluated, is_stacked, require_equal, rows, run, session, single
from tests.laws.cases import LAYERS, numbers
from tests.laws.random_cases import random_case

to_onnx, emit = fnn.interop.onnx.to_onnx, fnn.interop.onnx.emit

# Cases that ONNX cannot say, by what they are, with the reason.
CANNOT = {}


def random_network(number):
    """A network of the random cases, and its input."""
    case = random_case(number)
    return case.params, case.batch[0]


def require_the_same(layer, x):
    sizes = (None,) if is_stacked(layer) else (1, 3, 64)
    net, x = evaluated(layer, x)
    running = session(to_onnx(net, x))
    for n in sizes:
        batch = rows(n, x) if n else x
        require_equal(run(running, *tree.leaves((batch,))), net(batch))


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - CANNOT.keys()))
def test_every_layer(name):
    require_the_same(*LAYERS[name])


@pytest.mark.parametrize("number", range(40))
def test_random_networks(number):
    require_the_same(*random_network(number))


@pytest.mark.long
def test_500_random_networks():
    for number in range(500):
        require_the_same(*random_network(number))


def has_lengths(x):
    """Floats with lengths, in which anything may lie beyond a length."""
    return type(x) is tuple and len(x) > 1 and not isinstance(x[0], tuple) and x[0].dtype.kind == "f" and x[1].ndim == 1


@pytest.mark.parametrize("name", [name for name, (_, x) in LAYERS.items() if has_lengths(x)])
def test_rows_of_no_steps_and_whatever_lies_beyond_a_length(name):
    net, x = evaluated(*LAYERS[name])
    values, lengths = x[0].copy(), np.array([0, x[0].shape[1], 1])
    for row, length in enumerate(lengths):
        values[row, length:] = np.nan
    given = (values, lengths, *x[2:])
    require_equal(run(to_onnx(net, x), *tree.leaves((given,))), net(given))


class Gate(Record):
    weight: np.ndarray


@vjp.register
def gate_vjp(layer: Gate, x, key=None):
    return x * layer.weight, lambda dy: (Gate((dy * x).sum(axis=0)), lambda: dy * layer.weight)


@emit.register
def gate_emit(layer: Gate, graph, x):
    return graph.node("Mul", x, layer.weight)


class Unknown(Record):
    weight: np.ndarray


@vjp.register
def unknown_vjp(layer: Unknown, x, key=None):
    return x * layer.weight, lambda dy: (Unknown((dy * x).sum(axis=0)), lambda: dy * layer.weight)


def test_a_layer_of_your_own_after_a_convolution():
    x = numbers(2, 5, 4, 3, dtype=np.float32)
    net = serial(conv(2, 3), Gate(numbers(2, dtype=np.float32)), relu)(Key(0), x)
    require_equal(run(to_onnx(net, x), x), net(x))


def test_a_layer_without_a_function_is_named_with_its_place():
    with pytest.raises(
        TypeError, match=r"no function is registered for Unknown; write @emit.register above unknown_emit"
    ) as caught:
        to_onnx(Serial((relu, Unknown(np.ones(3)))), numbers(2, 3))
    assert caught.value.__notes__ == ["in layers[1]"]
    with pytest.raises(TypeError, match=r"to_onnx expects a finished network, got the constructor dense\(3\)"):
        to_onnx(dense(3), numbers(2, 3))
    with pytest.raises(TypeError, match="to_onnx expects a finished network, got the function max"):
        to_onnx(Serial((max,)), numbers(2, 3))


PAIR = numbers(3, 5, 4), np.array([2, 5, 1])


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (
            fnn.max_pool(2, 1, 2, dilation=2),
            numbers(2, 5, 6, 1),
            "cells around x has no operator beside a size of (2, 2)",
        ),
        (
            fnn.max_pool(2, 3, ceil_mode=True),
            PAIR,
            "max_pool with ceil_mode has no operator for rows of several lengths",
        ),
        (fnn.conv_transpose(2, 3, 2)(Key(0), PAIR), PAIR, "conv_transpose has no operator for rows of several lengths"),
        (
            fnn.group_norm(2)(Key(0), PAIR),
            PAIR,
            "group_norm has no operator for rows of several lengths; write layer_norm",
        ),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_what_onnx_has_no_operator_for_is_refused(layer, x, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        to_onnx(layer, x)


@pytest.mark.parametrize("layer", [dropout(0.5), batch_norm()])
def test_a_layer_that_still_trains_is_refused(layer):
    net = serial(relu, layer)(Key(0), numbers(3, 4))
    with pytest.raises(TypeError, match=r"but layers\[1\] trains in another way; call inference\(params\)"):
        to_onnx(net, numbers(3, 4))


def test_one_dtype():
    net = serial(dense(3))(Key(0), numbers(2, 4))
    assert [each.type.tensor_type.elem_type for each in to_onnx(net, numbers(2, 4)).graph.input] == [11]
    require_equal(run(to_onnx(net, numbers(2, 4)), numbers(2, 4)), net(numbers(2, 4)), 1e-12)
    for x in (numbers(2, 4, dtype=np.float32), numbers(2, 4, dtype=np.float16)):
        with pytest.raises(TypeError, match=r"all in float32, or all in float64, got .* write x.astype\(np.float32\)"):
            to_onnx(net, x)
    with pytest.raises(ValueError, match=r"to_onnx expects data \(n, ...\), got"):
        to_onnx(net, np.float32(1))


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_integers_are_cast_as_fnn_casts_them(dtype):
    x = (numbers(5, 4) > 0).astype(dtype) * np.array(1, dtype)
    net = serial(relu, dense(3))(Key(0), single(numbers(5, 4)))
    require_equal(run(to_onnx(net, x), x), net(x))


def transposes(net, x):
    return [node.op_type for node in to_onnx(net, x).graph.node].count("Transpose")


def test_transposes_stand_only_where_they_are_needed():
    x = single(numbers(2, 8, 8, 3))
    body = conv(4, 3), relu, max_pool(2), conv(4, 3), Scale(single(numbers(4)), single(numbers(4))), softmax
    blocks = residual(conv(4, 3), relu), concatenate(conv(2, 1), conv(3, 3))
    assert transposes(serial(*body, *blocks, global_avg_pool, dense(2))(Key(0), x), x) == 1
    assert transposes(serial(*body, flatten, dense(2))(Key(0), x), x) == 2
    assert transposes(serial(conv(4, (8, 8), padding="valid"), flatten, dense(2))(Key(0), x), x) == 1
    steps = single(numbers(2, 8, 3))
    assert transposes(serial(lstm(4), relu, gru(3), rnn(2), last_step)(Key(0), steps), steps) == 1


def test_constants_are_called_by_their_paths_and_a_layer_used_twice_has_them_once():
    x = single(numbers(2, 3))
    shared = dense(3)(Key(0), x)
    model = to_onnx(Serial((shared, relu, Serial((shared,)), dense(2)(Key(1), x))), x)
    assert [each.name for each in model.graph.initializer] == [
        "layers[0].weight",
        "layers[0].bias",
        "layers[3].weight",
        "layers[3].bias",
    ]


@pytest.mark.parametrize(
    ("layer", "x", "inputs", "outputs"),
    [
        (relu, numbers(2, 3), ["x"], ["y"]),
        (identity, numbers(2, 3), ["x"], ["y"]),
        (fnn.Parallel((identity, relu, identity)), numbers(2, 3), ["x"], ["y0", "y1", "y2"]),
        (pick(1), (numbers(2, 3), numbers(2, 2)), ["x0", "x1"], ["y"]),
        (relu, (numbers(3, 5, 2), np.array([1, 5, 2])), ["x", "lengths"], ["y", "y_lengths"]),
    ],
)
def test_names_of_inputs_and_outputs(layer, x, inputs, outputs):
    layer, x = single(layer), single(x)
    model = to_onnx(layer, x)
    assert [each.name for each in model.graph.input] == inputs
    assert [each.name for each in model.graph.output] == outputs
    assert {each.type.tensor_type.shape.dim[0].dim_param for each in model.graph.input} == {"n"}
    require_equal(run(model, *tree.leaves((x,))), layer(x))


def test_a_first_state_without_lengths():
    x = single((numbers(2, 4, 3), None, (numbers(2, 5), numbers(2, 5, seed=1))))
    net = single(lstm(5)(Key(0), x))
    require_equal(run(to_onnx(net, x), *tree.leaves((x,))), net(x))


def test_two_runs_of_different_layers():
    x = single(numbers(2, 4, 3))
    for pair in (rnn(2), gru(2)), (rnn(2), rnn(3)), (serial(rnn(2), relu), serial(rnn(2), relu)):
        net = fnn.Bidirectional(*(part(Key(0), x) for part in pair))
        require_equal(run(to_onnx(net, x), x), net(x))
        require_equal(run(to_onnx(net, (x, np.array([4, 2]))), x, np.array([0, 3])), net((x, np.array([0, 3]))))


def test_what_is_missing_is_told():
    script = "import sys; sys.modules['onnx'] = None; import fnn; fnn.interop.onnx"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'ImportError: fnn.interop.onnx needs onnx: pip install "fnn[onnx]"' in done.stderr
    with pytest.raises(AttributeError, match=r"module 'fnn\.interop' has no attribute 'keras'"):
        fnn.interop.keras  # noqa: B018 (it raises)


def test_a_value_that_a_permute_calls_otherwise_is_still_laid_right():
    """Two names for the axes of one tensor: a transpose of the one is not that of the other."""
    x = single(numbers(2, 3, 3))
    net = Graph((Node(Permute((0, 2, 1)), ("x",), "t"), Node(fnn.add, ("x", "t"), "y")), ("x",), ("y",))
    require_equal(run(to_onnx(net, x), x), net(x))
