"""SciPy's methods on a loss over all rows: to the minimum, in the network's own dtype, or in words."""

import re
import sys

import numpy as np
import pytest

import fnn
from fnn import (
    Dense,
    Key,
    Minimum,
    Serial,
    cross_entropy,
    dense,
    dropout,
    ensemble,
    l2,
    load,
    minimize,
    mlp,
    mse,
    regularized,
    relu,
    save,
    serial,
    sharded,
    tanh,
    tree,
    value_and_grad,
)
from fnn.data import moons
from tests.laws.cases import numbers

pytest.importorskip("scipy")
METHODS = ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "SLSQP"]
X, T = numbers(40, 3), numbers(40, 2, seed=1)


@pytest.mark.parametrize("method", [*METHODS, "l-bfgs-b"])
def test_least_squares_is_solved_as_linear_algebra_solves_it(method):
    net = Dense(np.zeros((3, 2)), np.zeros(2))
    found = minimize(mse, net, (X, T), method)
    exact = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), T, rcond=None)[0]
    np.testing.assert_allclose(found.params.weight, exact[:3], atol=2e-4)
    np.testing.assert_allclose(found.params.bias, exact[3], atol=2e-4)
    assert found.converged
    assert found.loss == mse(found.params(X), T)
    assert found.losses[0] == mse(net(X), T)
    assert len(found.losses) - 1 == found.steps > 0
    assert found.evaluations >= found.steps
    assert isinstance(found.message, str)


@pytest.mark.parametrize("penalized", [False, True])
def test_weights_and_penalties_count_as_they_do_in_a_step_and_the_slope_is_gone(penalized):
    weights = np.arange(40) / 20
    loss = regularized(cross_entropy, l2(0.1)) if penalized else regularized(cross_entropy, l2(1e-3))
    data = X, np.arange(40) % 2, weights
    found = minimize(loss, mlp(5, 2, activation=tanh)(Key(0), X), data, options={"gtol": 1e-9, "ftol": 0.0})
    value, gradient = value_and_grad(loss, found.params, data)
    assert value == found.loss
    assert max(np.abs(leaf).max() for leaf in tree.leaves(gradient)) < 1e-6
    again = minimize(sharded(loss, 3), mlp(5, 2, activation=tanh)(Key(0), X), data)
    assert again.loss == pytest.approx(found.loss, rel=1e-3)


def test_it_ends_below_what_as_many_steps_of_adam_reach():
    data = moons(100, 0.1, Key(1))
    net = mlp(8, 2, activation=tanh)(Key(0), data[0])
    found = minimize(cross_entropy, net, data, steps=20)
    optimizer = fnn.adam(0.01)
    state = fnn.fit(cross_entropy, optimizer, fnn.start(net, optimizer), data, steps=20, size=100, key=Key(0))
    assert found.loss < 0.5 * cross_entropy(state.params(data[0]), data[1])
    assert found.steps == 20
    assert not found.converged
    assert "LIMIT" in found.message.upper()
    assert list(found.losses) == sorted(found.losses, reverse=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_narrow_network_is_minimized_in_float64_and_comes_back_as_it_was(dtype):
    net = tree.map(dtype, mlp(4, 2)(Key(0), X))
    before = [leaf.tobytes() for leaf in tree.leaves(net)]
    found = minimize(cross_entropy, net, (X.astype(dtype), np.arange(40) % 2), steps=20)
    assert [leaf.tobytes() for leaf in tree.leaves(net)] == before
    assert {leaf.dtype for leaf in tree.leaves(found.params)} == {np.dtype(dtype)}
    assert not any(leaf.flags.writeable for leaf in tree.leaves(found.params))
    assert found.loss < 0.8 * found.losses[0]


def test_random_layers_draw_the_same_at_each_evaluation():
    net = serial(dense(8), relu, dropout(0.5), dense(2))(Key(0), X)
    runs = [minimize(mse, net, (X, T), steps=5, key=Key(3)) for _ in range(2)]
    assert tree.equal(runs[0].params, runs[1].params)
    with pytest.raises(TypeError, match="Dropout at layers\\[2\\] needs a key"):
        minimize(mse, net, (X, T))


def test_a_layer_that_stands_twice_and_what_was_found_can_be_saved(tmp_path):
    shared = dense(3)(Key(0), X)
    found = minimize(mse, Serial((shared, tanh, shared)), (X, X), steps=5)
    assert found.params.layers[0] is found.params.layers[2]
    save(tmp_path / "found.fnn", found)
    again = load(tmp_path / "found.fnn")
    assert isinstance(again, Minimum)
    assert tree.equal(again.params, found.params)
    assert again.losses == found.losses


NET = dense(2)(Key(0), X)
LATE = Dense(np.full((3, 2), 1e200), np.zeros(2))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: minimize(mse, ensemble(dense(2), 3)(Key(0), X), (X, T)),
            TypeError,
            "minimize expects one network, got an ensemble of 3, whose members have steps of their own; write "
            "[minimize(loss, net, data) for net in members(ensemble)]",
        ),
        (
            lambda: minimize(mse, dense(2), (X, T)),
            TypeError,
            "minimize expects a finished network, got the constructor dense(2); write constructor(key, x)",
        ),
        (
            lambda: minimize(mse, NET, (X, T), "newton"),
            ValueError,
            "minimize: the method must be one of L-BFGS-B, BFGS, CG, Newton-CG, SLSQP, got str 'newton'",
        ),
        (lambda: minimize(mse, NET, (X, T), steps=0), ValueError, "minimize: steps must be at least 1, got 0"),
        (lambda: minimize(mse, NET, X), TypeError, "minimize expects a tuple of arrays, say (x, target), got float64"),
        (
            lambda: minimize(mse, LATE, (X, T)),
            ValueError,
            "minimize: the loss of the parameters that it begins with is inf; scale the data",
        ),
        (
            lambda: minimize(fnn.Rows(mse), NET, (X, T)),
            TypeError,
            "value_and_grad expects a loss that is one number",
        ),
    ],
)
def test_what_is_refused(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


class Hole(fnn.Record):
    """A loss that falls without end, and at some place is not there."""


@fnn.vjp.register
def hole_vjp(loss: Hole, prediction, target, weights=None):
    value = float(prediction.mean())
    return -np.inf if value > 50 else -value, lambda dvalue: (
        loss,
        lambda: -dvalue * np.ones_like(prediction) / prediction.size,
    )


class Pair(fnn.Record):
    """A loss of two numbers."""


@fnn.vjp.register
def pair_vjp(loss: Pair, prediction, target, weights=None):
    return np.zeros(2), lambda dvalue: (loss, lambda: prediction)


def test_gaps_in_the_data_and_options_that_are_none_are_told():
    with pytest.raises(ValueError, match=r"begins with is nan; the data holds NaN: take such rows out$"):
        minimize(mse, NET, (np.where(X > 1, np.nan, X), T))
    with pytest.raises(TypeError, match=r"minimize expects options as a dictionary, .* got list \[1\]"):
        minimize(mse, NET, (X, T), options=[1])


def test_a_loss_without_a_minimum_is_told():
    with pytest.raises(
        ValueError, match=r"minimize: after \d+ steps the loss is -inf; add a penalty, or scale the data"
    ):
        minimize(Hole(), NET, (np.abs(X), T))
    with pytest.raises(TypeError, match="minimize expects a loss whose value is a number, got float64 array"):
        minimize(Pair(), NET, (X, T))


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=re.escape('fnn.minimize needs SciPy: pip install "fnn[scipy]"')):
        minimize(mse, NET, (X, T))


def test_weights_that_are_none_are_no_weights():
    net = dense(2)(Key(0), X)
    assert tree.equal(minimize(mse, net, (X, T, None)).params, minimize(mse, net, (X, T)).params)
