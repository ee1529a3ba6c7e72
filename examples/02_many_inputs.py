# %% [markdown]
"""
# Lesson 2: one neuron with many inputs, written with arrays instead of loops

The second of the four tutorials (many inputs) gives the neuron of lesson 1 five inputs, each with a weight of its own,
and plots the error again. The tutorials average the loss but sum its gradient, so a learning rate means something else
for another number of rows; here both are means. The two figures look alike because they are the same: only the sum of
the squared inputs matters, and it decides the largest learning rate that still learns.

Figures of the tutorials: `02_many_inputs.png` has the first one's figure and, beside it, the second one's.

    python examples/02_many_inputs.py           the lesson and its figure, 3 seconds
    python examples/02_many_inputs.py --fast    the same with a coarser figure
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from toolz import curry, iterate, nth

from fnn import Dense, Key, grad, mse, split, tree, value_and_grad
from fnn.core.keys import uniforms
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="One neuron with many inputs, written with arrays.")
parser.add_argument("--seed", type=int, default=0, help="seed of the inputs and the initial weights")
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
# ## Five inputs, five weights
# Each input is multiplied by its own weight, and the products are added up. A loop does it element by element; the
# matrix product of x (1, 5) and weight (5, 1) says the same in one expression.

# %%
x_key, weight_key, rows_key = split(Key(options.seed), 3)
x, target = 3 * uniforms(x_key, (1, 5)), np.array([[1.0]])
weight, bias = uniforms(weight_key, (5, 1)), np.zeros(1)


def by_loop(params, x):
    weight, bias = params
    total = bias[0]
    for i in range(5):
        total += x[0, i] * weight[i, 0]
    return total


def predict(params, x):
    weight, bias = params
    return x @ weight + bias


print(f"by a loop {by_loop((weight, bias), x):.12f}, as a product {predict((weight, bias), x)[0, 0]:.12f}")

# %% [markdown]
# ## The gradient is a product, too
#
#     dweight = x.T @ 2 (prediction - target) / n          dbias = the sum of 2 (prediction - target) / n
#
# The error is a mean over n rows, so its gradient is divided by n as well.


# %%
def error(params, x, target):
    return float(np.mean((predict(params, x) - target) ** 2))


def gradient(params, x, target):
    difference = 2 * (predict(params, x) - target) / len(x)
    return x.T @ difference, difference.sum(axis=0)


neuron = Dense(weight, bias)
by_library = grad(mse, neuron, (x, target))
same = tree.allclose(by_library, Dense(*gradient((weight, bias), x, target)), rtol=1e-14)
print(f"the library's gradient is the same: {same}")

# %% [markdown]
# ## Two figures that are one
# Lesson 1 had a single x, and each step multiplied the error by (1 - 2 learning_rate (x^2 + 1))^2. Now the sum of
# squares takes the place of x^2. More inputs, or larger ones, need a smaller learning rate. This is why inputs are
# scaled before a network sees them.


# %%
@curry
def step(learning_rate, x, target, params):
    weight, bias = params
    dweight, dbias = gradient(params, x, target)
    return weight - learning_rate * dweight, bias - learning_rate * dbias


def error_after(epochs, learning_rate, x):
    initial = weight[: x.shape[1]], bias
    return error(nth(epochs, iterate(step(learning_rate, x, target), initial)), x, target)


one, five = np.array([[2.0]]), x
limits = {"one input": 1 / (np.sum(one**2) + 1), "five inputs": 1 / (np.sum(five**2) + 1)}
for name, limit in limits.items():
    print(f"{name}: learns below a learning rate of {limit:.4f}, fastest at {limit / 2:.4f}")

# %%
for name, inputs in (("one input", one), ("five inputs", five)):
    below, above = (error_after(50, limits[name] * factor, inputs) for factor in (0.99, 1.01))
    print(f"{name}: the error goes from {error_after(0, 0, inputs):.4f} to {below:.4f} just below this limit,", end="")
    print(f" to {above:.4f} just above it")

# %%
if plot and Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for ax, (name, inputs) in zip(figure.subplots(1, 2), (("one input", one), ("five inputs", five)), strict=True):
        learning_rates = np.linspace(0.0, 1.2 * limits[name], 25 if options.fast else 241)
        curves = {
            f"{n} epoch{'s' if n > 1 else ''}": [max(error_after(n, rate, inputs), 1e-9) for rate in learning_rates]
            for n in (1, 2, 5, 10)
        }
        plot.curves(ax, curves, x=learning_rates, xlabel="learning rate", ylabel="squared error", log=True)
        ax.axvspan(limits[name], learning_rates[-1], color="gray", alpha=0.15, linewidth=0)
        ax.set(title=f"{name}: learns below {limits[name]:.3f}", ylim=(1e-8, None), xlim=(0, learning_rates[-1]))
    show(figure, "02_many_inputs.png")

# %% [markdown]
# ## Many rows, and why the mean
# The same rows twice are the same task. The mean has the same gradient for them; the sum has twice the gradient, and
# the learning rate that was right is now too large. This is how a learning rate comes to depend on the batch size.

# %%
rows, targets = uniforms(rows_key, (20, 5)), np.ones((20, 1))
_, once = value_and_grad(mse, neuron, (rows, targets))
_, twice = value_and_grad(mse, neuron, (np.r_[rows, rows], np.r_[targets, targets]))
print(f"dbias of the mean: {once.bias[0]:.6f} from 20 rows, {twice.bias[0]:.6f} from the same rows twice")
print(f"dbias of the sum: {20 * once.bias[0]:.6f} and {40 * twice.bias[0]:.6f}")

# %% [markdown]
# ## Your turn
# Several neurons beside each other are a dense layer, y = x @ weight + bias. Write its backward pass: dy has a row for
# each row of x and a column for each neuron, and is the gradient of the whole loss. Return dweight, dbias and dx. Each
# bias has a sum of its own. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def dense_backward(x, weight, dy):
    raise NotImplementedError


print(grade(dense_backward=dense_backward))
