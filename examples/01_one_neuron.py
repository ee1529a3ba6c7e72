# %% [markdown]
"""
# Lesson 1: one neuron learns y = m x + b

The smallest network there is: one weight, one bias, one input, one output. fnn grew out of four tutorials for beginners
on networks in NumPy (one neuron; many inputs; hidden layers; deep layers with MNIST and moons), and this is the first
one's: it trains the neuron for five epochs and plots the error against the learning rate and the number of epochs. The
tutorials compute the negative gradient and add it in the update, which is right only because the two signs cancel; here
the gradient is the gradient, and the update subtracts it. What is new is that the whole figure has a formula.

Figures of the tutorials: `01_one_neuron.png` is the first one's: the error against the learning rate and the number of
epochs.

    python examples/01_one_neuron.py            the lesson and its figure, 2 seconds
    python examples/01_one_neuron.py --fast     the same with a coarser figure
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from toolz import curry, iterate, merge_with, nth, take

from fnn import Dense, Key, dense, mse, sgd, start, states, train_step, value_and_grad
from fnn.core.keys import uniforms
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="One neuron learns y = m x + b.")
parser.add_argument("--seed", type=int, default=0, help="seed of the initial weight")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="a coarser figure")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)

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
# ## A neuron multiplies and adds
# It has a weight m and a bias b, and for an input x it predicts m x + b. For x = 2 it should learn to predict 1.

# %%
x, target = 2.0, 1.0
weight, bias = float(uniforms(Key(options.seed), (1,))[0]), 0.0


def predict(params, x):
    weight, bias = params
    return weight * x + bias


# %% [markdown]
# ## The error and its gradient
# The error is the squared difference. The chain rule gives its derivative with respect to each parameter:
#
#     error = (prediction - target)^2
#     d error / d weight = 2 (prediction - target) x          d error / d bias = 2 (prediction - target)


# %%
def error(params):
    return (predict(params, x) - target) ** 2


def gradient(params):
    difference = predict(params, x) - target
    return 2 * difference * x, 2 * difference


# %% [markdown]
# ## Five epochs
# With a single example, an epoch is one step against the gradient, and the learning rate scales the step. Nothing is
# changed in place: `step` returns the next weight and bias. So training is iteration of a pure function, and `iterate`
# yields params, step(params), step(step(params)) and so on.


# %%
@curry
def step(learning_rate, params):
    weight, bias = params
    dweight, dbias = gradient(params)
    return weight - learning_rate * dweight, bias - learning_rate * dbias


by_hand: list[Any] = list(take(6, iterate(step(0.02), (weight, bias))))
print("epoch  weight     bias  prediction  error")
for epoch, params in enumerate(by_hand):
    print(f"{epoch:5d}  {params[0]:6.4f}  {params[1]:7.4f}  {predict(params, x):10.4f}  {error(params):.5f}")

# %% [markdown]
# ## The error against the learning rate and the number of epochs
# The tutorial draws this figure by experiment. But each step multiplies the difference by the same factor,
#
#     1 - 2 learning_rate (x^2 + 1),
#
# so the error after n epochs is the initial error times this factor to the power of 2 n. With x = 2, a learning rate of
# 1/10 reaches the target in a single step, and above 1/5 every step makes the error larger: training diverges.


# %%
def error_after(epochs, learning_rate):
    return error(nth(epochs, iterate(step(learning_rate), (weight, bias))))


learning_rates = np.linspace(0.0, 0.24, 25 if options.fast else 241)
by_experiment = {n: np.array([error_after(n, rate) for rate in learning_rates]) for n in (1, 2, 5, 10)}
by_formula = {n: error((weight, bias)) * (1 - 2 * learning_rates * (x**2 + 1)) ** (2 * n) for n in by_experiment}
differences = merge_with(lambda curves: np.abs(np.subtract(*curves)).max(), by_experiment, by_formula)
print(f"\nthe curves by experiment and by formula differ by at most {max(differences.values()):.1e}")

# %%
for learning_rate, outcome in ((0.02, "slow"), (0.1, "one step"), (0.19, "oscillates"), (0.22, "diverges")):
    errors = ", ".join(f"{error_after(n, learning_rate):.2g}" for n in (0, 1, 2, 5, 10))
    print(f"learning rate {learning_rate:.2f}: error {errors} after 0, 1, 2, 5, 10 epochs: {outcome}")

# %%
if plot and Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = plot.curves(
        figure.subplots(),
        {f"{n} epoch{'s' if n > 1 else ''}": np.maximum(errors, 1e-9) for n, errors in by_experiment.items()},
        x=learning_rates,
        xlabel="learning rate",
        ylabel="squared error",
        log=True,
    )
    ax.axhline(error((weight, bias)), color="gray", linestyle=":")
    ax.annotate("initial error", (0.0, error((weight, bias))), xytext=(3, 4), textcoords="offset points", color="gray")
    ax.axvspan(0.2, learning_rates[-1], color="gray", alpha=0.15, linewidth=0)
    ax.annotate("diverges", (0.22, 2e-8), ha="center", color="gray")
    ax.set(title="One neuron: error against learning rate", ylim=(1e-8, None), xlim=(0, learning_rates[-1]))
    show(figure, "01_one_neuron.png")

# %% [markdown]
# ## The same with the library
# A neuron is a dense layer of one unit. Rows are examples, so a single input is an array of shape (1, 1). The gradient
# has the type of the layer.

# %%
neuron = Dense(weight=np.array([[weight]]), bias=np.array([bias]))
batch = np.array([[x]]), np.array([[target]])
value, dneuron = value_and_grad(mse, neuron, batch)
print(f"\nthe gradient by hand        {gradient((weight, bias))[0]:.6f}, {gradient((weight, bias))[1]:.6f}")
print(f"the gradient by the library {dneuron.weight[0, 0]:.6f}, {dneuron.bias[0]:.6f}")

# %% [markdown]
# `states` is the training loop: the stream of states that `train_step` goes through, the initial state first. And
# `dense(1)` is a constructor: with a key and data, it makes a new layer whose shape fits the data.

# %%
run = list(states(train_step(mse, sgd(0.02)), start(neuron, sgd(0.02)), [batch] * 5))
print(f"the weight after five epochs: by hand {by_hand[-1][0]:.6f}, by the library {run[-1].params.weight[0, 0]:.6f}")
print(f"a new neuron: {dense(1)(Key(options.seed), batch[0])}")

# %% [markdown]
# ## Your turn
# The error of many numbers is the mean of their squared differences. Write its gradient: an array of the shape of y,
# which for a single number is the one above. Put it in the place of the line that raises; `grade` tells what is wrong
# with it.


# %%
def mse_gradient(y, target):
    raise NotImplementedError


print(grade(mse_gradient=mse_gradient))
