"""Lesson 3: a hidden layer bends the line, and any number of them make a network.

The third tutorial puts a layer between input and output and derives forward, backward and update by hand; the fourth
makes it as deep as you like. Its three-layer version has a backward pass for two, and it indexes what the forward pass
kept one layer off, which nobody notices while all layers are equally wide. Here the three functions are written out for
one hidden layer, compared with the library's to the last digits, and then left to the library for any depth.

    python examples/03_hidden_layers.py           the lesson and its picture, 6 seconds
    python examples/03_hidden_layers.py --fast    a tenth of the steps
"""

# %% What can be chosen
import argparse
import sys
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from toolz import take

from fnn import Key, adam, dense, identity, mse, relu, serial, sgd, sigmoid, start, states, tanh, train_step, tree
from fnn.core.keys import uniforms
from fnn.optim.schedules import cosine

parser = argparse.ArgumentParser(description="A hidden layer bends the line.")
parser.add_argument("--seed", type=int, default=0, help="decides the data and the first weights")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="a tenth of the steps")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
steps = 200 if options.fast else 2000

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None

# %% Something that is no line
# 64 points of a wave. One neuron can only lay a line through them; what it leaves over is what bending is worth.
x = np.linspace(-1, 1, 64)[:, None]
target = np.sin(4 * x) + 0.05 * (uniforms(Key(options.seed), x.shape) - 0.5)
line = np.polynomial.Polynomial.fit(x[:, 0], target[:, 0], 1)
best_line = float(np.mean((line(x) - target) ** 2))
print(f"the best line has a squared error of {best_line:.4f}")


# %% Forward: two layers, and a bend between them
# hidden = tanh(x W1 + b1)          prediction = hidden W2 + b2
# What backward will need is kept: the hidden layer, under its name rather than at a place counted from the end.
class Weights(NamedTuple):
    weight_1: np.ndarray
    bias_1: np.ndarray
    weight_2: np.ndarray
    bias_2: np.ndarray


def forward(weights, x):
    hidden = np.tanh(x @ weights.weight_1 + weights.bias_1)
    return hidden @ weights.weight_2 + weights.bias_2, hidden


# %% Backward: the chain rule, from the end to the beginning
# Each line takes the slope with respect to what a layer gave and turns it into the slope with respect to what it got.
def backward(weights, x, target):
    prediction, hidden = forward(weights, x)
    d_prediction = 2 * (prediction - target) / prediction.size
    d_hidden = d_prediction @ weights.weight_2.T
    d_sum = d_hidden * (1 - hidden**2)  # the slope of tanh is 1 - tanh^2
    return Weights(x.T @ d_sum, d_sum.sum(axis=0), hidden.T @ d_prediction, d_prediction.sum(axis=0))


# %% Update: against the gradient
# New arrays, so that the weights of the step before are still there to be looked at.
def update(weights, gradient, rate):
    return Weights(*(weight - rate * slope for weight, slope in zip(weights, gradient, strict=True)))


# %% The same with the library
# A network of the same form, and the weights it begins with. Then a hundred steps, side by side.
net = serial(dense(8), tanh, dense(1))(Key(options.seed), x)
by_hand = Weights(*tree.leaves(net))
optimizer = sgd(0.1)
by_library = start(net, optimizer)
step = train_step(mse, optimizer)
for _ in range(100):
    by_hand = update(by_hand, backward(by_hand, x, target), 0.1)
    by_library = step(by_library, (x, target))
difference = max(np.abs(a - b).max() for a, b in zip(by_hand, tree.leaves(by_library.params), strict=True))
print(f"after 100 steps the weights by hand and by the library differ by {difference:.1e} at most")

# %% Any depth, any width, any bend
# A layer is a value and a network is a list of them, so depth is only more of the same.
networks = {
    "line after line": serial(dense(8), identity, dense(8), identity, dense(1)),
    "one layer, tanh": serial(dense(8), tanh, dense(1)),
    "two layers, tanh": serial(dense(8), tanh, dense(8), tanh, dense(1)),
    "two layers, relu": serial(dense(8), relu, dense(8), relu, dense(1)),
    "tanh, then sigmoid": serial(dense(16), tanh, dense(8), sigmoid, dense(1)),
}


def trained(constructor):
    net, optimizer = constructor(Key(options.seed), x), adam(cosine(1e-2, steps))
    return list(take(steps + 1, states(train_step(mse, optimizer), start(net, optimizer), repeat((x, target)))))


runs = {name: trained(constructor) for name, constructor in networks.items()}
print(f"\nsquared error after {steps} steps")
for name, run in runs.items():
    print(f"{name:20s} {run[-1].loss:.5f}")

# %% Why line after line stays a line
# (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2): one weight, one bias. However many layers, it is one neuron.
first, _, second, _, third = runs["line after line"][-1].params.layers
weight = first.weight @ second.weight @ third.weight
bias = (first.bias @ second.weight + second.bias) @ third.weight + third.bias
deep = runs["line after line"][-1].params(x)
print(f"\nthree layers of lines are the line {weight[0, 0]:.4f} x {bias[0]:+.4f}: they differ by ", end="")
print(f"{np.abs(x @ weight + bias - deep).max():.0e}; the best line has the slope {line.convert().coef[1]:.4f}")

# %% The picture
if plot and Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = {name: [state.loss for state in run[1:]] for name, run in runs.items()}
    plot.curves(left, losses, xlabel="step", ylabel="squared error", log=True)
    left.axhline(best_line, color="gray", linestyle=":")
    left.annotate(
        "the best line", (steps, best_line), ha="right", xytext=(0, 4), textcoords="offset points", color="gray"
    )
    left.set_title("Cost of each network")
    learned = {name: runs[name][-1].params(x)[:, 0] for name in list(networks)[:2]}
    plot.curves(right, learned, x=x[:, 0], xlabel="x", ylabel="y")
    right.plot(x, target, ".", color="black", markersize=4, label="data")
    right.set(title="What two of them have learned", ylim=(-1.2, 1.9))
    right.legend(frameon=False)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "03_hidden_layers.png", dpi=120)
    print(f"wrote {options.out / '03_hidden_layers.png'}")
