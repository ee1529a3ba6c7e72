"""Exercises on dense and recurrent layers, and networks of them: forward, backward and a step of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fnn.testing._sandbox import call
from fnn.testing.exercises.exercise import Exercise, case, numbers, times
from fnn.testing.results import Finding

Weights = Sequence[np.ndarray]


def _forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) @ weight + bias


def _dense_backward(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy, dy.sum(axis=0), dy @ weight.T


def _one_bias(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy, dy.sum(), dy @ weight.T


def _same_bias(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy, np.full(dy.shape[1], dy.sum()), dy @ weight.T


def _mean_bias(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy, dy.sum() / len(x), dy @ weight.T


def _all_means(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Any, ...]:
    return x.T @ dy / len(x), dy.sum() / len(x), dy @ weight.T


def tanh_activations(weights: Weights, x: np.ndarray) -> list[np.ndarray]:
    """Return x and the output of each layer."""
    activations = [x]
    for weight in weights:
        activations.append(np.tanh(activations[-1] @ weight))
    return activations


def mlp_backward(
    weights: Weights, x: np.ndarray, dy: np.ndarray, inward: int = 0, outward: int = 1
) -> list[np.ndarray]:
    """Return the gradient of each weight.

    Args:
        weights, x, dy: those of the exercise.
        inward: layer l takes ``activations[l + inward]`` for its input; right is 0.
        outward: and ``activations[l + outward]`` for its output; right is 1.
    """
    activations, dweights = tanh_activations(weights, x), []
    for layer in reversed(range(len(weights))):
        dz = dy * (1 - activations[layer + outward] ** 2)
        dweights.insert(0, activations[layer + inward].T @ dz)
        dy = dz @ weights[layer].T
    return dweights


def _neighbors_input(weights: Weights, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    return mlp_backward(weights, x, dy, inward=1)


def _neighbors_before(weights: Weights, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    return mlp_backward(weights, x, dy, inward=-1)


def _neighbors_slope(weights: Weights, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    return mlp_backward(weights, x, dy, outward=0)


def _negative(weights: Weights, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    return mlp_backward(weights, x, -dy)


def _mlp_step(weights: Weights, x: np.ndarray, target: np.ndarray, learning_rate: float) -> list[np.ndarray]:
    dy = tanh_activations(weights, x)[-1] - target
    return [
        weight - learning_rate * dweight for weight, dweight in zip(weights, mlp_backward(weights, x, dy), strict=True)
    ]


def _updated_on_the_way(weights: Weights, x: np.ndarray, target: np.ndarray, learning_rate: float) -> list[np.ndarray]:
    activations, weights = tanh_activations(weights, x), list(weights)
    dy = activations[-1] - target
    for layer in reversed(range(len(weights))):
        dz = dy * (1 - activations[layer + 1] ** 2)
        weights[layer] = weights[layer] - learning_rate * activations[layer].T @ dz
        dy = dz @ weights[layer].T
    return weights


def _uphill(weights: Weights, x: np.ndarray, target: np.ndarray, learning_rate: float) -> list[np.ndarray]:
    return _mlp_step(weights, x, target, -learning_rate)


def _rnn(x: Any, input_weight: Any, hidden_weight: Any, bias: Any, dy: Any, whole: bool = True) -> tuple[Any, ...]:
    h, dx = [np.zeros((len(x), len(hidden_weight)))], np.zeros_like(x)
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ input_weight + h[t] @ hidden_weight + bias))
    of_input, of_hidden, of_bias, dh = (np.zeros_like(each) for each in (input_weight, hidden_weight, bias, h[0]))
    for t in reversed(range(x.shape[1])):
        slope = 1 - h[t + 1] ** 2
        da = (dy[:, t] + dh) * slope
        dx[:, t] = (da if whole else dy[:, t] * slope) @ input_weight.T
        of_input, of_hidden, of_bias = of_input + x[:, t].T @ da, of_hidden + h[t].T @ da, of_bias + da.sum(axis=0)
        dh = da @ hidden_weight.T
    return of_input, of_hidden, of_bias, dx


def _its_own_step_alone(x: Any, input_weight: Any, hidden_weight: Any, bias: Any, dy: Any) -> tuple[Any, ...]:
    return _rnn(x, input_weight, hidden_weight, bias, dy, whole=False)


def _nothing_carried_back(x: Any, input_weight: Any, hidden_weight: Any, bias: Any, dy: Any) -> tuple[Any, ...]:
    h, parts = np.zeros((len(x), len(hidden_weight))), []
    for t in range(x.shape[1]):
        before, h = h, np.tanh(x[:, t] @ input_weight + h @ hidden_weight + bias)
        da = dy[:, t] * (1 - h**2)
        parts.append((x[:, t].T @ da, before.T @ da, da.sum(axis=0), da @ input_weight.T))
    of_input, of_hidden, of_bias, dx = zip(*parts, strict=True)
    return sum(of_input), sum(of_hidden), sum(of_bias), np.stack(dx, axis=1)


def _any_depth(name: str, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield a finding if 5,000 layers raise RecursionError: a backward pass is a loop."""
    given = [np.array([[1.0]])] * 5000, np.array([[0.1]]), np.array([[1.0]])
    if isinstance(call(function, given).error, RecursionError):
        yield Finding(name, "raises RecursionError for 5,000 layers", given, mistake=42)


RNN = [numbers(2, 4, 3), numbers(3, 2, seed=1), numbers(2, 2, seed=2), numbers(2, seed=3), numbers(2, 4, 2, seed=4)]
NETWORKS = [
    ([numbers(3, 3), numbers(3, 3, seed=1), numbers(3, 3, seed=2)], numbers(5, 3, seed=3), numbers(5, 3, seed=4)),
    ([numbers(3, 4), numbers(4, 2, seed=1)], numbers(5, 3, seed=3), numbers(5, 2, seed=4)),
    ([numbers(2, 1)], numbers(1, 2, seed=3), numbers(1, 1, seed=4)),
]

EXERCISES = {
    "dense_forward": Exercise(
        "dense_forward(x, weight, bias) -> y",
        [
            *[case(numbers(n, i), numbers(i, k, seed=1), numbers(k, seed=2)) for n, i, k in ((5, 3, 2), (3, 3, 3))],
            case(np.array([[200, 100]], np.uint8), np.array([[2.0], [3.0]]), np.array([0.5]), mistake=39),
        ],
        _forward,
    ),
    "dense_backward": Exercise(
        "dense_backward(x, weight, dy) -> (dweight, dbias, dx), dy being the gradient of the whole loss",
        [
            case(numbers(n, i), numbers(i, k, seed=1), numbers(n, k, seed=2))
            for n, i, k in ((5, 3, 2), (3, 3, 3), (1, 4, 2))
        ],
        _dense_backward,
        [
            (3, times(_dense_backward, lambda x, weight, dy: -1)),
            *[(4, suspect) for suspect in (_one_bias, _same_bias, _mean_bias, _all_means)],
        ],
    ),
    "mlp_backward": Exercise(
        "mlp_backward(weights, x, dy) -> list of dweights, for layers tanh(x @ weight)",
        [case(*network) for network in NETWORKS],
        mlp_backward,
        [(3, _negative), *[(36, each) for each in (_neighbors_input, _neighbors_before, _neighbors_slope)]],
        laws=_any_depth,
    ),
    "mlp_step": Exercise(
        "mlp_step(weights, x, target, learning_rate) -> new weights, descending sum((y - target)**2) / 2",
        [case(*network, 0.1) for network in NETWORKS],
        _mlp_step,
        [(3, _uphill), (22, _updated_on_the_way)],
        effects={"writes": 1, "shares": 1, "promotes": 34},
    ),
    "rnn_backward": Exercise(
        "rnn_backward(x, input_weight, hidden_weight, bias, dy) -> (dinput_weight, dhidden_weight, dbias, dx), "
        "for h = tanh(x[:, t] @ input_weight + h @ hidden_weight + bias) from h = 0, dy for h at each t",
        [case(*RNN), case(RNN[0][:, :1], *RNN[1:4], RNN[4][:, :1])],
        _rnn,
        [(28, _its_own_step_alone), (28, _nothing_carried_back)],
    ),
}
