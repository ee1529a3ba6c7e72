# %% [markdown]
"""
# Lesson 3: a hidden layer, and any number of them

The third of the four tutorials (hidden layers) puts a layer between input and output and derives forward, backward and
update by hand; the fourth (deep layers) allows any depth. Its three-layer version has a backward pass for two layers,
and it reads the stored activations one layer off, which stays hidden while all layers have the same width. Here the
three functions are written out for one hidden layer, compared with the library's to the last digits, and then left to
the library for any depth.

Figures of the tutorials: none; `03_hidden_layers.png` is of this lesson.

    python examples/03_hidden_layers.py           the lesson and its figure, 6 seconds
    python examples/03_hidden_layers.py --fast    a tenth of the steps
"""

# %%
import argparse
import sys
import tempfile
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from toolz import curry, iterate, last, nth, take, valmap

from fnn import Key, adam, dense, identity, mse, relu, serial, sgd, sigmoid, start, states, tanh, train_step, tree
from fnn.core.keys import uniforms
from fnn.optim.schedules import cosine
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="A hidden layer, and any number of them.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data and the initial weights")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="a tenth of the steps")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
steps = 200 if options.fast else 2000

# %%
try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without figures: {missing}")
    plot = Figure = None


def show(figure, name):
    """Write the figure into the folder --out; in a notebook, show it below its cell."""
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    if notebook:
        from IPython.display import Image, display  # pyright: ignore[reportMissingImports]

        display(Image(filename=options.out / name))
    else:
        print(f"wrote {options.out / name}")


# %% [markdown]
# ## Something that is not a line
# The data are 64 points of a sine wave with noise. One neuron can only fit a line through them; the error of the best
# line is what a network has to beat.

# %%
x = np.linspace(-1, 1, 64)[:, None]
target = np.sin(4 * x) + 0.05 * (uniforms(Key(options.seed), x.shape) - 0.5)
line = np.polynomial.Polynomial.fit(x[:, 0], target[:, 0], 1)
best_line = float(np.mean((line(x) - target) ** 2))
print(f"the best line has a squared error of {best_line:.4f}")

# %% [markdown]
# ## Forward: two layers with an activation function between them
#
#     hidden = tanh(x W1 + b1)          prediction = hidden W2 + b2
#
# The backward pass will need the hidden activations, so the forward pass returns them too, under their name rather than
# at an index of a list.


# %%
class Weights(NamedTuple):
    weight_1: np.ndarray
    bias_1: np.ndarray
    weight_2: np.ndarray
    bias_2: np.ndarray


def forward(weights, x):
    hidden = np.tanh(x @ weights.weight_1 + weights.bias_1)
    return hidden @ weights.weight_2 + weights.bias_2, hidden


# %% [markdown]
# ## Backward: the chain rule, from the last layer to the first
# Each line turns the gradient with respect to a layer's output into the gradient with respect to its input. The
# derivative of tanh is 1 - tanh^2.


# %%
def backward(weights, x, target):
    prediction, hidden = forward(weights, x)
    dprediction = 2 * (prediction - target) / prediction.size
    dhidden = dprediction @ weights.weight_2.T
    dsum = dhidden * (1 - hidden**2)
    return Weights(x.T @ dsum, dsum.sum(axis=0), hidden.T @ dprediction, dprediction.sum(axis=0))


# %% [markdown]
# ## Update: against the gradient
# The update returns new arrays; the weights of the step before stay as they were.


# %%
@curry
def update(learning_rate, x, target, weights):
    gradient = backward(weights, x, target)
    return Weights(*(weight - learning_rate * slope for weight, slope in zip(weights, gradient, strict=True)))


# %% [markdown]
# ## The same with the library
# A network of the same form, and a hundred steps from the same initial weights, by hand and by the library.

# %%
net, optimizer = serial(dense(8), tanh, dense(1))(Key(options.seed), x), sgd(0.1)
by_hand: Any = nth(100, iterate(update(0.1, x, target), Weights(*tree.leaves(net))))
by_library = nth(100, states(train_step(mse, optimizer), start(net, optimizer), repeat((x, target))))
difference = max(np.abs(a - b).max() for a, b in zip(by_hand, tree.leaves(by_library.params), strict=True))
print(f"after 100 steps the weights by hand and by the library differ by at most {difference:.1e}")

# %% [markdown]
# ## Any depth, any width, any activation function
# A layer is a value and a network is a tuple of layers, so a deeper network is a longer tuple.

# %%
networks = {
    "linear layers only": serial(dense(8), identity, dense(8), identity, dense(1)),
    "one layer, tanh": serial(dense(8), tanh, dense(1)),
    "two layers, tanh": serial(dense(8), tanh, dense(8), tanh, dense(1)),
    "two layers, relu": serial(dense(8), relu, dense(8), relu, dense(1)),
    "tanh, then sigmoid": serial(dense(16), tanh, dense(8), sigmoid, dense(1)),
}


def trained(constructor):
    net, optimizer = constructor(Key(options.seed), x), adam(cosine(1e-2, steps))
    return list(take(steps + 1, states(train_step(mse, optimizer), start(net, optimizer), repeat((x, target)))))


runs = valmap(trained, networks)
final = valmap(last, runs)
print(f"\nsquared error after {steps} steps")
for name, state in final.items():
    print(f"{name:20s} {state.loss:.5f}")

# %% [markdown]
# ## Why linear layers stay a line
#
#     (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2)
#
# is one weight and one bias. Without an activation function, any number of layers is a single linear neuron.

# %%
first, _, second, _, third = final["linear layers only"].params.layers
weight = first.weight @ second.weight @ third.weight
bias = (first.bias @ second.weight + second.bias) @ third.weight + third.bias
deep = final["linear layers only"].params(x)
print(f"\nthree linear layers are the line {weight[0, 0]:.4f} x {bias[0]:+.4f}; they differ by at most ", end="")
print(f"{np.abs(x @ weight + bias - deep).max():.0e}, and the best line has the slope {line.convert().coef[1]:.4f}")

# %% [markdown]
# ## The loss of each network, and what two of them have learned

# %%
if plot and Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = valmap(lambda run: [state.loss for state in run[1:]], runs)
    plot.curves(left, losses, xlabel="step", ylabel="squared error", log=True)
    left.axhline(best_line, color="gray", linestyle=":")
    left.annotate(
        "the best line", (steps, best_line), ha="right", xytext=(0, 4), textcoords="offset points", color="gray"
    )
    left.set_title("Training loss")
    learned = {name: final[name].params(x)[:, 0] for name in ("linear layers only", "one layer, tanh")}
    plot.curves(right, learned, x=x[:, 0], xlabel="x", ylabel="y")
    right.plot(x, target, ".", color="black", markersize=4, label="data")
    right.set(title="Predictions after training", ylim=(-1.2, 1.9))
    right.legend(frameon=False)
    show(figure, "03_hidden_layers.png")

# %% [markdown]
# ## Your turn
# Write the backward pass for any number of layers tanh(x @ weight), without biases. dy is the gradient by the last
# output; return a list with a gradient for each weight. It is one loop forward, which keeps what goes into each layer,
# and one back. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def mlp_backward(weights, x, dy):
    raise NotImplementedError


print(grade(mlp_backward=mlp_backward))
