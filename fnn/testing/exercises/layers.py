"""Exercises on dense and recurrent layers, and networks of them: forward, backward and a step of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, permutations
from typing import Any

import numpy as np

from fnn.core.vjp import vjp
from fnn.layers.activations import sigmoid
from fnn.layers.lstm import Lstm
from fnn.layers.recurrent import Rnn
from fnn.testing._sandbox import call
from fnn.testing.exercises.exercise import Exercise, Fitted, case, numbers, times
from fnn.testing.results import Finding

SIGMOID: Any = (sigmoid, lambda a: a * (1 - a))  # an activation, and its slope from its output


def _dense_backward(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy, dy.sum(axis=0), dy @ weight.T


def _updated_before_dx(found: list[np.ndarray], x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    """Return what is found if dx is pulled through weights that have taken a step of any length."""
    dweight, dbias, dx = _dense_backward(x, weight, dy)
    along = dy @ dweight.T
    moved = found[2] if len(found) == 3 and found[2].shape == dx.shape else dx
    return dweight, dbias, dx + float(np.vdot(along, moved - dx) / np.vdot(along, along)) * along


def outputs(activation: Callable[..., Any], weights: Sequence[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """Return x and the output of each layer."""
    return list(accumulate(weights, lambda a, weight: activation(a @ weight), initial=x))


def _backward(of: Any, weights: Any, x: Any, dy: Any, inward: int = 0, outward: int = 1, sums: bool = False) -> Any:
    """Return each weight's gradient; right if layer l has activations[l] for its input and [l + 1] for its output."""
    activations, dweights = outputs(of[0], weights, x), []
    for layer in reversed(range(len(weights))):
        dz = dy * of[1](activations[layer] @ weights[layer] if sums else activations[layer + outward])
        dweights.insert(0, activations[layer + inward].T @ dz)
        dy = dz @ weights[layer].T
    return dweights


def _step(weights: Any, x: Any, target: Any, learning_rate: float, on_the_way: bool = False) -> list[np.ndarray]:
    activations, weights = outputs(np.tanh, weights, x), list(weights)
    dy = activations[-1] - target
    for layer in reversed(range(len(weights))):
        dz, before = dy * (1 - activations[layer + 1] ** 2), weights[layer]
        weights[layer] = before - learning_rate * activations[layer].T @ dz
        dy = dz @ (weights[layer] if on_the_way else before).T
    return weights


def _recurrent(kind: Any, x: Any, input_weight: Any, hidden_weight: Any, bias: Any, dy: Any) -> tuple[Any, ...]:
    """Return the gradients of a recurrent layer of the library."""
    dlayer, dx = vjp(kind(input_weight, hidden_weight, bias), x)[1](dy)
    return dlayer.input_weight, dlayer.hidden_weight, dlayer.bias, dx()


def _through_time(gated: bool, wrong: Any, x: Any, input_weight: Any, hidden_weight: Any, bias: Any, dy: Any) -> Any:
    """Return the gradients of an rnn, or of an lstm, by loops in which something is wrong, such as the gates' order."""
    order = wrong if isinstance(wrong, tuple) else (0, 1, 2, 3)
    c = h = np.zeros((len(x), len(hidden_weight)))
    steps, dx = [], np.zeros_like(x)
    total = [np.zeros_like(each) for each in (input_weight, hidden_weight, bias)]
    for t in range(x.shape[1]):
        a = x[:, t] @ input_weight + h @ hidden_weight + bias
        parts = np.split(a, 4, axis=1) if gated else [a] * 4
        i, f, g, o = (np.tanh(parts[k]) if gate == 2 else sigmoid(parts[k]) for gate, k in enumerate(order))
        steps.append((h, c, i, f, g, o))
        c = f * c + i * g
        h = o * np.tanh(c) if gated else g
    dh = dc = np.zeros_like(h)
    for t in reversed(range(x.shape[1])):
        before, carried, i, f, g, o = steps[t]
        dh, squashed = dy[:, t] + dh, np.tanh(f * carried + i * g)
        da = dh * (1 - g * g)
        if gated:
            dc = (0 if wrong == "dc =" else dc) + dh * o * (1 if wrong == "no slope" else 1 - squashed**2)
            gates = dc * g * i * (1 - i), dc * carried * f * (1 - f), dc * i * (1 - g * g), dh * squashed * o * (1 - o)
            da, dc = np.concatenate([gates[k] for k in np.argsort(order)], axis=1), dc if wrong == "no f" else dc * f
        dx[:, t] = (dy[:, t] * (1 - g * g) if wrong == "own step" else da) @ input_weight.T
        for place, step in enumerate((x[:, t].T @ da, before.T @ da, da.sum(axis=0))):
            total[place] = step if wrong == "=" else total[place] + step
        dh = da @ hidden_weight.T * (wrong != "cut")
    return *total, dx


def _any_depth(name: str, function: Callable[..., Any]) -> Finding | None:
    """Return a finding if 5,000 layers raise RecursionError: a backward pass is a loop."""
    given = [np.array([[1.0]])] * 5000, np.array([[0.1]]), np.array([[1.0]])
    told = Finding(name, "raises RecursionError for 5,000 layers", given, mistake=42, severity="edge")
    return told if isinstance(call(function, given).error, RecursionError) else None


def _sequences(gates: int) -> list[Any]:
    """Return a case of four steps, and its first step alone."""
    x, dy = numbers(2, 4, 3), numbers(2, 4, 2, seed=4)
    weights = numbers(3, 2 * gates, seed=1), numbers(2, 2 * gates, seed=2), numbers(2 * gates, seed=3)
    return [case(x, *weights, dy), case(x[:, :1], *weights, dy[:, :1])]


NETWORKS = [
    ([numbers(3, 3), numbers(3, 3, seed=1), numbers(3, 3, seed=2)], numbers(5, 3, seed=3), numbers(5, 3, seed=4)),
    ([numbers(3, 4), numbers(4, 2, seed=1)], numbers(5, 3, seed=3), numbers(5, 2, seed=4)),
    ([numbers(2, 1)], numbers(1, 2, seed=3), numbers(1, 1, seed=4)),
]


def _network(name: str, of: Any, *suspects: Any) -> Exercise:
    right = partial(_backward, of)
    neighbors = [(36, partial(_backward, of, **each)) for each in ({"inward": 1}, {"inward": -1}, {"outward": 0})]
    wrong: list[Any] = [(3, times(right)), *neighbors, *suspects]
    return Exercise(name, [case(*each) for each in NETWORKS], right, wrong, law=_any_depth)


EXERCISES = [
    Exercise("dense_forward", [
        *[case(numbers(n, i), numbers(i, k, seed=1), numbers(k, seed=2)) for n, i, k in ((5, 3, 2), (3, 3, 3))],
        case(np.array([[200, 100]], np.uint8), np.array([[2.0], [3.0]]), np.array([0.5]), mistake=39),
    ], lambda x, weight, bias: x.astype(np.float64) @ weight + bias, axes=1),
    Exercise("dense_backward", [
        case(numbers(n, i), numbers(i, k, seed=1), numbers(n, k, seed=2))
        for n, i, k in ((5, 3, 2), (3, 3, 3), (1, 4, 2))
    ], _dense_backward, [
        (3, times(_dense_backward)),
        (4, lambda x, weight, dy: (x.T @ dy, dy.sum(), dy @ weight.T)),
        (4, lambda x, weight, dy: (x.T @ dy, np.full(dy.shape[1], dy.sum()), dy @ weight.T)),
        (4, lambda x, weight, dy: (x.T @ dy, dy.sum() / len(x), dy @ weight.T)),
        (4, lambda x, weight, dy: (x.T @ dy / len(x), dy.sum() / len(x), dy @ weight.T)),
        (22, Fitted(_updated_before_dx)),
    ]),
    _network("mlp_backward", (np.tanh, lambda a: 1 - a * a)),
    _network("sigmoid_mlp_backward", SIGMOID, (14, partial(_backward, SIGMOID, sums=True))),
    Exercise("mlp_step", [case(*network, 0.1) for network in NETWORKS], _step, [
        (3, lambda weights, x, target, rate: _step(weights, x, target, -rate)), (22, partial(_step, on_the_way=True)),
    ], effects={"writes": 1, "shares": 1, "promotes": 34}),
    Exercise("rnn_backward", _sequences(1), partial(_recurrent, Rnn), [
        (28, partial(_through_time, False, wrong)) for wrong in ("own step", "cut")]),
    Exercise("lstm_backward", _sequences(4), partial(_recurrent, Lstm), [
        (29, partial(_through_time, True, wrong))
        for wrong in ("dc =", "no slope", "no f", "=", "cut", *list(permutations(range(4)))[1:])]),
]  # fmt: skip
