# %% [markdown]
"""
# Lesson 4: activation functions, losses, and numerical derivatives

What the tutorials take from the book "Deep Learning from Scratch" by Koki Saitoh before they train anything: activation
functions, matrix products, the forward pass of a small network, two losses, and derivatives by finite differences.
Their results are here again, next to the library's. What is put right: a softmax without the shift that keeps it from
overflowing, a small constant inside a logarithm to keep infinity out, and finite differences with a step of 1e-50 or
1e-4 without saying what that costs.

Figures of the tutorials: `04_activations.png` has their activation functions; `04_slopes.png` their two tangents, and
the field of a gradient with the way down; `04_batches.png` is of this lesson.

    python examples/04_functions_and_slopes.py           the lesson and its three figures, 5 seconds
    python examples/04_functions_and_slopes.py --fast    fewer steps at the end
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from toolz import iterate, take

import fnn
from fnn import (
    Dense,
    Key,
    cross_entropy,
    mse,
    numeric,
    relu,
    sgd,
    sigmoid,
    softmax,
    split,
    start,
    states,
    sum_squared_error,
    train_step,
    value_and_grad,
)
from fnn.data import epochs, line
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figures into the folder `--out`. As a notebook, it uses the
# defaults and shows each figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Activation functions, losses, and numerical derivatives.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data of the last part")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="fewer steps at the end")
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
# ## Activation functions
# Heaviside's step function is 0 or 1, the sigmoid goes from 0 to 1 smoothly, relu passes on what is positive. A network
# learns by their derivatives: heaviside's is 0 everywhere, so nothing can be learned through it.

# %%
if plot and Figure:
    figure = Figure(figsize=(9, 6), layout="constrained")
    functions = {
        "heaviside": fnn.heaviside,
        "sigmoid": sigmoid,
        "tanh": fnn.tanh,
        "relu": relu,
        "elu": fnn.elu,
        "gelu": fnn.gelu,
    }
    for ax, (name, function) in zip(figure.subplots(2, 3).flat, functions.items(), strict=True):
        plot.activation(ax, function).set_title(name)
    show(figure, "04_activations.png")

# %% [markdown]
# Softmax turns scores, also called logits, into probabilities. Only their differences matter, so the largest is
# subtracted first: then nothing overflows, whatever the scores. exp(1000) alone is infinity, and infinity over infinity
# is not a number.

# %%
scores = np.array([[0.3, 2.9, 4.0], [1010.0, 1000.0, 990.0]])
with np.errstate(all="ignore"):
    naive = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
print("softmax, naive  ", naive.round(4).tolist())
print("softmax, shifted", softmax(scores).round(4).tolist())

# %% [markdown]
# ## Matrix products
# Each element is a row times a column. The inner lengths must agree, and the outer ones are the shape of the result.

# %%
a, b = np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])
c, d = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 2], [3, 4], [5, 6]])
print("\n2x2 times 2x2:", (a @ b).tolist(), "  2x3 times 3x2:", (c @ d).tolist())

# %% [markdown]
# ## A network is matrix products with activation functions between them
# Two inputs, three hidden units, two hidden units, two outputs, with the weights of the book.

# %%
net = fnn.Serial(
    (
        Dense(np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])),
        sigmoid,
        Dense(np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])),
        sigmoid,
        Dense(np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])),
    )
)
print("forward pass of 2-3-2-2:", fnn.forward(net, np.array([[1.0, 0.5]])).round(8).tolist())

# %% [markdown]
# The gradient of a 2x3 layer has the layer's shape: each element says how the loss changes with its weight.

# %%
layer = Dense(np.array([[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]), np.zeros(3))
value, gradient = value_and_grad(cross_entropy, layer, (np.array([[0.6, 0.9]]), np.array([2])))
print(f"a 2x3 layer: loss {value:.8f}, gradient {gradient.weight.round(8).tolist()}")

# %% [markdown]
# ## Losses
# There are ten classes, the label is class 2, and the network gives it a probability of 0.6. The book halves the sum of
# squares. Of the cross-entropy's logarithms only the label's counts: -ln 0.6.

# %%
probabilities = np.array([[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]])
target = fnn.data.one_hot(np.array([2]), 10).astype(np.float64)
print(f"\nhalf the sum of squares {sum_squared_error(probabilities, target):.4f}, ", end="")
print(f"mean {mse(probabilities, target):.4f}")
by_the_book = -np.sum(target * np.log(probabilities + 1e-7))
print(f"cross-entropy {by_the_book:.4f} by the book, with 1e-7 inside the logarithm")

# %% [markdown]
# The library takes logits rather than probabilities, so that no logarithm ever sees a zero. Any logits whose softmax is
# these probabilities will do; for a probability of 0 that is a large negative number.

# %%
logits = np.log(np.where(probabilities > 0, probabilities, 1e-300))
print(f"cross-entropy {cross_entropy(logits, np.array([2])):.4f} from logits, without")

# %% [markdown]
# ## Numerical derivatives
# The derivative at x is about (f(x + h) - f(x - h)) / 2h. The exact derivative of this function is 0.02 x + 0.1.


# %%
def f(x):
    return 0.01 * x**2 + 0.1 * x


print(f"\nderivative at 5: {numeric.derivative(f, 5):.10f}, at 10: {numeric.derivative(f, 10):.10f}")

# %% [markdown]
# If h is too large, the curvature of f makes the error; if it is too small, rounding does: with 1e-50, x + h is x.

# %%
for h in (1.0, 1e-5, 1e-13, 1e-50):
    error = abs((np.sin(1 + h) - np.sin(1 - h)) / (2 * h) - np.cos(1))
    print(f"  of sin at 1 with h = {h:.0e}: error {error:.0e}")

# %% [markdown]
# A function of two variables has two partial derivatives, and together they are the gradient. It points to where the
# function grows fastest.


# %%
def bowl(x):
    return x[0] ** 2 + x[1] ** 2


print(f"gradient of x0^2 + x1^2 at (3, 4): {numeric.gradient(bowl, [3, 4]).round(8).tolist()}, at (0, 2): ", end="")
print(numeric.gradient(bowl, [0, 2]).round(8).tolist())

# %% [markdown]
# ## Gradient descent
# One step against the gradient, and again. Of the book's three learning rates, 10 diverges and 1e-10 does not move.


# %%
def descended(learning_rate, steps=100):
    def step(x):
        return x - learning_rate * numeric.gradient(bowl, x)

    return np.array(list(take(steps + 1, iterate(step, np.array([-3.0, 4.0])))))


paths = {rate: descended(rate, 20 if rate == 10 else 100) for rate in (0.1, 10, 1e-10)}
for learning_rate, path in paths.items():
    print(f"learning rate {learning_rate:g}: after {len(path) - 1} steps at ({path[-1][0]:.3g}, {path[-1][1]:.3g})")

# %%
if plot and Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(0, 20, 200)
    plot.tangent(left, f, 5, 0, 20)
    label = f"tangent at x = 10, slope {numeric.derivative(f, 10):.1f}"
    left.plot(x, numeric.tangent(f, 10)(x), color="C3", linestyle="--", label=label)
    left.legend(frameon=False)
    left.set_title("0.01 x² + 0.1 x and two tangents")
    plot.gradient_field(right, bowl, -4.5, 4.5)
    plot.descent(right, paths[0.1])
    right.set_title("Gradient descent on x0² + x1², learning rate 0.1")
    show(figure, "04_slopes.png")

# %% [markdown]
# ## Full batch, minibatches, single rows
# The gradient over all rows is exact; over a few rows it is right on average, and costs less. In the same number of
# epochs, small batches take many more steps, each in a slightly wrong direction.

# %%
data = line(200, 0.2, split(Key(options.seed), 2)[0])
n_epochs = 4 if options.fast else 12
initial = Dense(np.array([[-1.0]]), np.array([3.0]))


def path_of(batch_size):
    optimizer = sgd(0.2 if batch_size > 1 else 0.02)
    batches = epochs(data, batch_size, Key(options.seed), epochs=n_epochs)
    run = states(train_step(mse, optimizer), start(initial, optimizer), batches)
    return np.array([[state.params.weight[0, 0], state.params.bias[0]] for state in run])


def loss_at(weight_and_bias):
    weight, bias = weight_and_bias
    return float(np.mean((data[0] * weight + bias - data[1]) ** 2))


descents = {"all 200 rows": path_of(200), "20 rows": path_of(20), "one row": path_of(1)}
for name, path in descents.items():
    print(f"{name:12s} {len(path) - 1:5d} steps: error {loss_at(path[-1]):.4f}")

# %%
if plot and Figure:
    figure = Figure(figsize=(12, 4.2), layout="compressed")
    for ax, (name, path) in zip(figure.subplots(1, 3, sharey=True), descents.items(), strict=True):
        plot.gradient_field(ax, loss_at, -2, 4, arrows=13)
        plot.descent(ax, path)
        ax.set(title=f"{name} a step: {len(path) - 1} steps", xlabel="weight", ylabel="bias")
    show(figure, "04_batches.png")

# %% [markdown]
# ## Your turn
# Write the softmax of the rows of x, with the shift that keeps it from overflowing. One row may be a thousand times as
# large as another. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def softmax(x):
    raise NotImplementedError


print(grade(softmax=softmax))
