"""A graph computes what the same layers do by hand, forward and backward; a part of it is cut off by names."""

import numpy as np
import pytest

import fnn
from fnn import (
    Graph,
    Key,
    Node,
    advance,
    batch_norm,
    dense,
    dropout,
    inference,
    lstm,
    rnn,
    subgraph,
    summary,
    tree,
    vjp,
)
from tests.laws.cases import numbers, random_dense

FIRST, SECOND = random_dense(4, 3), random_dense(7, 2, seed=1)
NODES = (
    Node(fnn.tanh, ("x",), "bent"),
    Node(FIRST, ("bent",), "hidden"),
    Node(fnn.relu, ("hidden",), "active"),
    Node(fnn.concatenate, ("active", "x"), "both"),
    Node(SECOND, ("both",), "y"),
)
NET = Graph(NODES, ("x",), ("y",))
X, DY = numbers(5, 4), numbers(5, 2, seed=3)


def test_it_is_what_its_layers_are_by_hand():
    hidden = np.tanh(X) @ FIRST.weight + FIRST.bias
    y = np.concatenate([np.maximum(hidden, 0), X], axis=1) @ SECOND.weight + SECOND.bias
    np.testing.assert_allclose(NET(X), y, rtol=1e-12)
    found, pullback = vjp(NET, X)
    dlayer, dx = pullback(DY)
    dboth = DY @ SECOND.weight.T
    dhidden = dboth[:, :3] * (hidden > 0)
    np.testing.assert_allclose(dlayer.nodes[1].layer.weight, np.tanh(X).T @ dhidden, rtol=1e-12)
    np.testing.assert_allclose(dx(), dboth[:, 3:] + dhidden @ FIRST.weight.T * (1 - np.tanh(X) ** 2), rtol=1e-12)
    assert tree.equal(pullback(DY)[0], dlayer)
    assert np.array_equal(dx(), pullback(DY)[1]())
    assert np.array_equal(found, NET(X))


def test_nobody_computes_the_gradient_of_x_unless_it_is_asked_for():
    calls = []

    class Counted(fnn.Record):
        pass

    @vjp.register
    def counted_vjp(layer: Counted, x, key=None):
        def counted_pullback(dy):
            return layer, lambda: calls.append(1) or dy

        return x, counted_pullback

    net = Graph((Node(Counted(), ("x",), "a"), Node(FIRST, ("a",), "y")), ("x",), ("y",))
    _, dx = vjp(net, X)[1](numbers(5, 3))
    assert not calls
    dx()
    assert calls == [1]


def test_a_value_that_nobody_uses_has_no_gradient():
    net = Graph((*NODES, Node(random_dense(4, 4), ("x",), "unused")), ("x", "z"), ("y", "x"))
    _, pullback = vjp(net, (X, np.arange(3)))
    dlayer, dx = pullback((DY, np.ones_like(X)))
    assert not dlayer.nodes[-1].layer.weight.any()
    of_x, of_z = dx()
    np.testing.assert_allclose(of_x, vjp(NET, X)[1](DY)[1]() + 1, rtol=1e-12)
    assert of_z.dtype == np.float32
    assert of_z.tolist() == [0, 0, 0]


def test_keys_inference_steps_and_the_summary_reach_the_nodes():
    nodes = dropout(0.5), dense(3)(Key(0), X), batch_norm()(Key(0), numbers(2, 3)), dropout(0.5)
    names = "x", "a", "b", "c", "d"
    net = Graph(tuple(Node(nodes[i], (names[i],), names[i + 1]) for i in range(4)), ("x",), ("d",))
    chain = fnn.Serial(nodes)
    assert np.array_equal(net(X, Key(3)), chain(X, Key(3)))
    np.testing.assert_array_equal(inference(net, X)(X), inference(chain, X)(X))
    assert inference(Graph(net.nodes[:2], ("x",), ("b",))).nodes[0].layer == fnn.identity
    rows = [line.split() for line in str(summary(net, X)).splitlines()]
    assert rows[3] == ["nodes[1].layer", "Dense", "(n,", "3)", "15"]
    assert np.array_equal(net.nodes[1](X), nodes[1](X))


def test_steps_are_those_of_the_whole_sequence():
    x = numbers(2, 5, 3)
    net = Graph(
        (Node(rnn(4)(Key(0), x), ("x",), "a"), Node(lstm(4)(Key(1), x), ("x",), "b"), Node(fnn.add, ("a", "b"), "y")),
        ("x",),
        ("y",),
    )
    state, steps = None, []
    for t in range(5):
        y, state = advance(net, x[:, t : t + 1], state)
        steps.append(y)
    np.testing.assert_allclose(np.concatenate(steps, axis=1), net(x), rtol=1e-12)


def test_a_part_begins_and_ends_at_names():
    body = subgraph(NET, ("active",))
    assert body.nodes == NODES[:3]
    assert np.array_equal(body(X), np.maximum(FIRST(np.tanh(X)), 0))
    head = subgraph(NET, ("y", "both"), ("active", "x"))
    assert head.nodes == NODES[3:]
    y, both = head((body(X), X))
    assert np.array_equal(y, NET(X))
    assert both.shape == (5, 7)
    new = fnn.serial(body, dense(2))(Key(0), X)
    assert new(X).shape == (5, 2)


def test_what_does_not_fit_is_told():
    with pytest.raises(TypeError, match=r"graph: the inputs must be a tuple of names, got str 'x'; write \('x',\)"):
        Graph(NODES, "x", ("y",))
    with pytest.raises(TypeError, match=r"graph: the outputs must be a tuple of names, got int 3"):
        Graph(NODES, ("x",), 3)
    with pytest.raises(TypeError, match=r"graph expects a tuple of nodes, got list .*; write Graph\(\(Node\(...\),\)"):
        Graph([], ("x",), ("y",))(X)
    with pytest.raises(TypeError, match=r"graph expects a tuple of its inputs x, z, got float64 array \(5, 4\)"):
        Graph(NODES, ("x", "z"), ("y",))(X)
    with pytest.raises(ValueError, match=r"graph expects names of inputs and earlier nodes at nodes\[0\], got 'bent'"):
        Graph(NODES[1:], ("x",), ("y",))(X)
    with pytest.raises(ValueError, match=r"graph expects names of inputs and earlier nodes at outputs, got 'z'"):
        Graph(NODES, ("x",), ("z",))(X)
    with pytest.raises(ValueError, match=r"graph expects new names for values, got 'bent' again at nodes\[5\]"):
        Graph((*NODES, NODES[0]), ("x",), ("y",))(X)
    with pytest.raises(ValueError, match=r"dense at nodes\[1\].layer expects rows \(n, 4\), got \(5, 3\)"):
        NET(X[:, :3])
    with pytest.raises(TypeError, match="subgraph expects a Graph, got"):
        subgraph(FIRST, ("y",))
    with pytest.raises(TypeError, match="subgraph: outputs must be a tuple of names, got str 'y'"):
        subgraph(NET, "y")
    with pytest.raises(ValueError, match="subgraph: there is no value 'z' in the graph; its last are bent, hidden"):
        subgraph(NET, ("z",))
    with pytest.raises(ValueError, match="subgraph: y need x too; add it to inputs"):
        subgraph(NET, ("y",), ("active",))
