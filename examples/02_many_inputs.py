"""Lesson 2: one neuron with many inputs, written with arrays instead of loops.

The second tutorial gives the neuron of lesson 1 five inputs, each with a weight of its own, and draws the figure of
errors again. The tutorials sum a gradient where they average the loss, so that a learning rate means another thing for
another number of rows; here both are means. The two figures look alike because they are the same one: only the length
of the input counts, and with it the largest rate that still learns.

    python examples/02_many_inputs.py           the lesson and its picture, 3 seconds
    python examples/02_many_inputs.py --fast    the same with a coarser figure
"""

# %% What can be chosen
import argparse
import sys
from pathlib import Path

import numpy as np

from fnn import Dense, Key, grad, mse, split, tree, value_and_grad
from fnn.core.keys import uniforms

parser = argparse.ArgumentParser(description="One neuron with many inputs, written with arrays.")
parser.add_argument("--seed", type=int, default=0, help="decides the inputs and the first weights")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="a coarser figure")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None

# %% Five inputs, five weights
# Each input is multiplied by its own weight, and all are added up. A loop says it number by number; the product of an
# array x (1, 5) with an array of weights (5, 1) says the same in one word.
x_key, weight_key, rows_key = split(Key(options.seed), 3)
x, target = 3 * uniforms(x_key, (1, 5)), np.array([[1.0]])
weight, bias = uniforms(weight_key, (5, 1)), np.zeros(1)


def by_loop(weight, bias, x):
    total = bias[0]
    for i in range(5):
        total += x[0, i] * weight[i, 0]
    return total


def predict(weight, bias, x):
    return x @ weight + bias


print(f"by a loop {by_loop(weight, bias, x):.12f}, as a product {predict(weight, bias, x)[0, 0]:.12f}")


# %% The slopes are a product, too
#     slope in the weights = x.T @ 2 (prediction - target)        slope in the bias = the sum of 2 (prediction - target)
# With several rows both are divided by their number n, as the error is: it is a mean, and so is its slope.
def error(weight, bias, x, target):
    return float(np.mean((predict(weight, bias, x) - target) ** 2))


def slopes(weight, bias, x, target):
    difference = 2 * (predict(weight, bias, x) - target) / len(x)
    return x.T @ difference, difference.sum(axis=0)


def step(weight, bias, x, target, rate):
    weight_slope, bias_slope = slopes(weight, bias, x, target)
    return weight - rate * weight_slope, bias - rate * bias_slope


neuron = Dense(weight, bias)
gradient = grad(mse, neuron, (x, target))
same = tree.allclose(gradient, Dense(*slopes(weight, bias, x, target)), rtol=1e-14)
print(f"the library's gradient is the same: {same}")


# %% Two figures that are one
# Lesson 1 had a single x, and its error fell by the factor (1 - 2 rate (x^2 + 1))^2 at each step. Now x^2 becomes the
# sum of the squares. More inputs, larger inputs: a smaller rate. So inputs are scaled before a network sees them.
def error_after(epochs, rate, x):
    w, b = weight[: x.shape[1]], bias
    for _ in range(epochs):
        w, b = step(w, b, x, target, rate)
    return error(w, b, x, target)


one, five = np.array([[2.0]]), x
limits = {"one input": 1 / (np.sum(one**2) + 1), "five inputs": 1 / (np.sum(five**2) + 1)}
for name, limit in limits.items():
    print(f"{name}: learns below the rate {limit:.4f}, fastest at {limit / 2:.4f}")
for name, inputs in (("one input", one), ("five inputs", five)):
    below, above = (error_after(50, limits[name] * factor, inputs) for factor in (0.99, 1.01))
    print(f"{name}: from {error_after(0, 0, inputs):.4f} to {below:.4f} just below that, to {above:.4f} just above")

if plot and Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for ax, (name, inputs) in zip(figure.subplots(1, 2), (("one input", one), ("five inputs", five)), strict=True):
        rates = np.linspace(0.0, 1.2 * limits[name], 25 if options.fast else 241)
        curves = {
            f"{n} epoch{'s' if n > 1 else ''}": [max(error_after(n, rate, inputs), 1e-9) for rate in rates]
            for n in (1, 2, 5, 10)
        }
        plot.curves(ax, curves, x=rates, xlabel="learning rate", ylabel="squared error", log=True)
        ax.axvspan(limits[name], rates[-1], color="gray", alpha=0.15, linewidth=0)
        ax.set(title=f"{name}: learns below {limits[name]:.3f}", ylim=(1e-8, None), xlim=(0, rates[-1]))
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "02_many_inputs.png", dpi=120)
    print(f"wrote {options.out / '02_many_inputs.png'}")

# %% Many rows, and what a mean is good for
# The same rows given twice are the same task. A mean gives the same slope for them; a sum gives twice the slope, and
# the rate that was right is now too large. That is how a rate comes to depend on the size of a batch.
rows, answers = uniforms(rows_key, (20, 5)), np.ones((20, 1))
once, twice = (
    value_and_grad(mse, neuron, batch) for batch in ((rows, answers), (np.r_[rows, rows], np.r_[answers, answers]))
)
print(f"the slope in the bias: {once[1].bias[0]:.6f} from 20 rows, {twice[1].bias[0]:.6f} from the same rows twice")
print(f"as a sum it would be: {20 * once[1].bias[0]:.6f} and {40 * twice[1].bias[0]:.6f}")
