"""Lesson 1: one neuron learns y = m x + b, from one number.

The smallest network there is: one weight, one bias, one number in, one number out. It is the first tutorial's, which
trains it for five epochs and then plots the error against the learning rate and the number of epochs. The tutorials
compute the negative of a gradient and add it in the update, right by a double sign alone; here the gradient is what it
says, and the update goes against it. What is new is that the whole figure has a formula.

    python examples/01_one_neuron.py            the lesson and its picture, 2 seconds
    python examples/01_one_neuron.py --fast     the same with a coarser figure
"""

# %% What can be chosen
import argparse
import sys
from pathlib import Path

import numpy as np

from fnn import Dense, Key, dense, mse, sgd, start, states, train_step, value_and_grad
from fnn.core.keys import uniforms

parser = argparse.ArgumentParser(description="One neuron learns y = m x + b, from one number.")
parser.add_argument("--seed", type=int, default=0, help="decides the first weight")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="a coarser figure")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None

# %% A neuron multiplies and adds
# It has a weight m and a bias b, and what it makes of x is m x + b. With x = 2 it should answer 1.
x, target = 2.0, 1.0
weight, bias = float(uniforms(Key(options.seed), (1,))[0]), 0.0


def predict(weight, bias, x):
    return weight * x + bias


# %% How wrong it is, and which way is down
# The error is the squared difference. The chain rule gives its slope in each of the two numbers:
#     error = (prediction - target)^2
#     slope in the weight = 2 (prediction - target) x          slope in the bias = 2 (prediction - target)
def error(weight, bias):
    return (predict(weight, bias, x) - target) ** 2


def slopes(weight, bias):
    difference = predict(weight, bias, x) - target
    return 2 * difference * x, 2 * difference


# %% Five epochs
# One epoch is one step down the slope, as long as the learning rate says. Nothing is changed in place: a step gives the
# next weight and bias, and the old ones are still there.
def step(weight, bias, rate):
    weight_slope, bias_slope = slopes(weight, bias)
    return weight - rate * weight_slope, bias - rate * bias_slope


print("epoch  weight     bias  answer   error")
by_hand = [(weight, bias)]
for _ in range(5):
    by_hand.append(step(*by_hand[-1], rate=0.02))
for epoch, (w, b) in enumerate(by_hand):
    print(f"{epoch:5d}  {w:6.4f}  {b:7.4f}  {predict(w, b, x):6.4f}  {error(w, b):.5f}")


# %% The error against the rate and the number of epochs
# The tutorial draws this figure by trying. But each step multiplies the difference by the same number,
#     1 - 2 rate (x^2 + 1),
# so the error after n epochs is the first error times the 2n-th power of it. With x = 2 the difference is gone in a
# single step at the rate 1/10, and above 1/5 every step makes it larger: the neuron runs away.
def error_after(epochs, rate):
    w, b = weight, bias
    for _ in range(epochs):
        w, b = step(w, b, rate)
    return error(w, b)


rates = np.linspace(0.0, 0.24, 25 if options.fast else 241)
by_trying = {epochs: np.array([error_after(epochs, rate) for rate in rates]) for epochs in (1, 2, 5, 10)}
by_formula = {n: error(weight, bias) * (1 - 2 * rates * (x**2 + 1)) ** (2 * n) for n in by_trying}
largest = max(np.abs(by_trying[n] - by_formula[n]).max() for n in by_trying)
print(f"\nthe figure by trying and by its formula differ by {largest:.1e} at most")
for rate, words in ((0.02, "slow"), (0.1, "one step"), (0.19, "to and fro"), (0.22, "away")):
    errors = ", ".join(f"{error_after(n, rate):.2g}" for n in (0, 1, 2, 5, 10))
    print(f"rate {rate:.2f}: error {errors} after 0, 1, 2, 5, 10 epochs: {words}")

if plot and Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = plot.curves(
        figure.subplots(),
        {f"{n} epoch{'s' if n > 1 else ''}": np.maximum(errors, 1e-9) for n, errors in by_trying.items()},
        x=rates,
        xlabel="learning rate",
        ylabel="squared error",
        log=True,
    )
    ax.axhline(error(weight, bias), color="gray", linestyle=":")
    ax.annotate("where it began", (0.0, error(weight, bias)), xytext=(3, 4), textcoords="offset points", color="gray")
    ax.axvspan(0.2, rates[-1], color="gray", alpha=0.15, linewidth=0)
    ax.annotate("runs away", (0.22, 2e-8), ha="center", color="gray")
    ax.set(title="One neuron: the error against the learning rate", ylim=(1e-8, None), xlim=(0, rates[-1]))
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "01_one_neuron.png", dpi=120)
    print(f"\nwrote {options.out / '01_one_neuron.png'}")

# %% The same with the library
# A neuron is a dense layer of one unit. Rows are examples, so the one number is a table of one row and one column. The
# gradient has the form of the layer, and ``states`` is the loop: each of its elements is a value that stays.
neuron = Dense(weight=np.array([[weight]]), bias=np.array([bias]))
batch = np.array([[x]]), np.array([[target]])
value, gradient = value_and_grad(mse, neuron, batch)
print(f"\nthe slopes by hand {slopes(weight, bias)[0]:.6f} and {slopes(weight, bias)[1]:.6f},")
print(f"by the library     {gradient.weight[0, 0]:.6f} and {gradient.bias[0]:.6f}")

run = list(states(train_step(mse, sgd(0.02)), start(neuron, sgd(0.02)), [batch] * 5))
print(f"the weight after five epochs: by hand {by_hand[-1][0]:.6f}, by the library {run[-1].params.weight[0, 0]:.6f}")
print(f"a new one is made by a key: {dense(1)(Key(options.seed), batch[0])}")
