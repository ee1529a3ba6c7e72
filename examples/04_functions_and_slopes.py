"""Lesson 4: functions that bend, errors that count, and slopes that lead downhill.

What the tutorials take from the book "Deep Learning from Scratch" (K. Saitoh) before they train anything: activations,
matrix products, a small network's forward pass, two losses, and derivatives by small differences. Their numbers are
here again, next to the library's. What is put right: a softmax without the shift that keeps it from overflowing, a
small number added inside a logarithm to keep infinity out, and slopes taken by a step of 1e-50 or 1e-4 without saying
what that costs.

    python examples/04_functions_and_slopes.py           the lesson and its three pictures, 5 seconds
    python examples/04_functions_and_slopes.py --fast    fewer steps at the end
"""

# %% What can be chosen
import argparse
import sys
from pathlib import Path

import numpy as np

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

parser = argparse.ArgumentParser(description="Activation functions, errors that count, slopes that lead downhill.")
parser.add_argument("--seed", type=int, default=0, help="decides the data of the last part")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the pictures go")
parser.add_argument("--fast", action="store_true", help="fewer steps at the end")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None


def save(figure, name):
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    print(f"wrote {options.out / name}")


# %% Functions that bend
# A step decides, a sigmoid decides gently, relu lets through what is positive. Their slopes are what a network learns
# by: the step has none, so nothing can be learned through it.
if plot and Figure:
    figure = Figure(figsize=(9, 6), layout="constrained")
    functions = {
        "step": fnn.heaviside,
        "sigmoid": sigmoid,
        "tanh": fnn.tanh,
        "relu": relu,
        "elu": fnn.elu,
        "gelu": fnn.gelu,
    }
    for ax, (name, function) in zip(figure.subplots(2, 3).flat, functions.items(), strict=True):
        plot.activation(ax, function).set_title(name)
    save(figure, "04_activations.png")

# Softmax turns scores into shares. Only differences of scores count, so the largest is taken away first: then nothing
# overflows, whatever the scores. exp(1000) alone is infinity, and infinity over infinity is not a number.
scores = np.array([[0.3, 2.9, 4.0], [1010.0, 1000.0, 990.0]])
with np.errstate(all="ignore"):
    naive = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
print("softmax, naive  ", naive.round(4).tolist())
print("softmax, shifted", softmax(scores).round(4).tolist())

# %% Products of matrices
# Each number is a row times a column. The inner lengths must agree, and the outer ones are what comes out.
a, b = np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])
c, d = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 2], [3, 4], [5, 6]])
print("\n2x2 times 2x2:", (a @ b).tolist(), "  2x3 times 3x2:", (c @ d).tolist())

# %% A network is such products, with a bend between them
# Two inputs, three hidden, two hidden, two outputs, with the weights of the book.
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

# And the gradient of a 2x3 layer: every number says how the error moves with its weight.
layer = Dense(np.array([[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]]), np.zeros(3))
value, slopes = value_and_grad(cross_entropy, layer, (np.array([[0.6, 0.9]]), np.array([2])))
print(f"a 2x3 layer: loss {value:.8f}, gradient {slopes.weight.round(8).tolist()}")

# %% Errors that count
# Ten classes, the answer is class 2, and the network gives it 0.6. The book halves the sum of squares; and of the
# logarithms only the one of the right answer counts: -ln 0.6.
shares = np.array([[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]])
answer = fnn.data.one_hot(np.array([2]), 10).astype(np.float64)
print(f"\nhalf the sum of squares {sum_squared_error(shares, answer):.4f}, mean {mse(shares, answer):.4f}")
print(f"cross-entropy {-np.sum(answer * np.log(shares + 1e-7)):.4f} by the book, with 1e-7 inside the logarithm")
# The library takes scores rather than shares, so that no logarithm ever sees a zero. Any scores whose softmax gives the
# shares will do; for a share of 0 that is minus anything large.
logits = np.log(np.where(shares > 0, shares, 1e-300))
print(f"cross-entropy {cross_entropy(logits, np.array([2])):.4f} from scores, without")


# %% Slopes by small differences
# The slope at x is about (f(x + h) - f(x - h)) / 2h. The exact slope of this one is 0.02 x + 0.1.
def f(x):
    return 0.01 * x**2 + 0.1 * x


print(f"\nslope at 5: {numeric.derivative(f, 5):.10f}, at 10: {numeric.derivative(f, 10):.10f}")
# Too large a step and the bend counts, too small and the rounding does: at 1e-50, x + h is x.
for h in (1.0, 1e-5, 1e-13, 1e-50):
    print(f"  of sin at 1 with h = {h:.0e}: off by {abs((np.sin(1 + h) - np.sin(1 - h)) / (2 * h) - np.cos(1)):.0e}")


# Of two variables there are two slopes, and together they are the gradient. It points where the function grows fastest.
def bowl(x):
    return x[0] ** 2 + x[1] ** 2


print(f"gradient of x0^2 + x1^2 at (3, 4): {numeric.gradient(bowl, [3, 4]).round(8).tolist()}, at (0, 2): ", end="")
print(numeric.gradient(bowl, [0, 2]).round(8).tolist())


# %% Downhill
# One step against the gradient, and again. A rate of 10 flies off, 1e-10 does not move: the book's three.
def descended(rate, steps=100):
    path = [np.array([-3.0, 4.0])]
    for _ in range(steps):
        path.append(path[-1] - rate * numeric.gradient(bowl, path[-1]))
    return np.array(path)


paths = {rate: descended(rate, 20 if rate == 10 else 100) for rate in (0.1, 10, 1e-10)}
for rate, path in paths.items():
    print(f"rate {rate:g}: after {len(path) - 1} steps at ({path[-1][0]:.3g}, {path[-1][1]:.3g})")

if plot and Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(0, 20, 200)
    plot.tangent(left, f, 5, 0, 20)
    left.plot(
        x,
        numeric.tangent(f, 10)(x),
        color="C3",
        linestyle="--",
        label=f"tangent at 10, slope {numeric.derivative(f, 10):.1f}",
    )
    left.legend(frameon=False)
    left.set_title("0.01 x² + 0.1 x and its slopes")
    plot.gradient_field(right, bowl, -4.5, 4.5)
    plot.descent(right, paths[0.1])
    right.set_title("Down the gradient of x0² + x1², rate 0.1")
    save(figure, "04_slopes.png")

# %% All rows, some rows, one row
# The gradient over all rows points straight down; over a few it points down on average, and costs less. With the same
# number of rows looked at, the small batches have taken many more steps, each of them a little astray.
data = line(200, 0.2, split(Key(options.seed), 2)[0])
passes = 4 if options.fast else 12
first = Dense(np.array([[-1.0]]), np.array([3.0]))
kinds = {"all 200 rows": 200, "20 rows": 20, "one row": 1}
descents = {}
for name, size in kinds.items():
    optimizer = sgd(0.2 if size > 1 else 0.02)
    batches = epochs(data, size, Key(options.seed), epochs=passes)
    run = list(states(train_step(mse, optimizer), start(first, optimizer), batches))
    descents[name] = np.array([[state.params.weight[0, 0], state.params.bias[0]] for state in run])
    print(f"{name:12s} {len(run) - 1:5d} steps: error {mse(run[-1].params(data[0]), data[1]):.4f}")


def cost(weight_and_bias):
    weight, bias = weight_and_bias
    return float(np.mean((data[0] * weight + bias - data[1]) ** 2))


if plot and Figure:
    figure = Figure(figsize=(12, 4.2), layout="compressed")
    for ax, (name, path) in zip(figure.subplots(1, 3, sharey=True), descents.items(), strict=True):
        plot.gradient_field(ax, cost, -2, 4, arrows=13)
        plot.descent(ax, path)
        ax.set(title=f"{name} a step: {len(path) - 1} steps", xlabel="weight", ylabel="bias")
    save(figure, "04_batches.png")
