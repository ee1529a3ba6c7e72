# %% [markdown]
"""
# Lesson 10: the same network without the library, each derivative by hand, in plain NumPy

One hidden layer, 64-64-10, softmax and cross-entropy, stochastic gradient descent: what the four tutorials arrive at,
with the arithmetic put right. The gradient of a bias has an element for each unit rather than one for all; loss and
gradient are both means over the rows of the batch; the softmax is shifted by each row's own maximum; no array is
changed in place. Then the library takes the same initial weights and the same batches, and arrives at the same weights.

Figures of the tutorials: none; `10_from_scratch.png` is of this lesson.

    python examples/10_from_scratch.py           the lesson and its figure, 5 seconds
    python examples/10_from_scratch.py --fast    a fifth of the epochs
"""

# %%
import argparse
import inspect
import sys
import tempfile
from pathlib import Path

import numpy as np

import fnn
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="The same network without the library.")
parser.add_argument("--seed", type=int, default=0, help="seed of the split, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="a fifth of the epochs")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
n_epochs, batch_size, learning_rate = (6 if options.fast else 30), 32, 0.2

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
# ## The data
# 1,797 digits of 8x8 pixels, as rows of 64 values from 0 to 1. 360 of them are held out as the test set. The data are
# all that comes from the library until the last part.

# %%
x, label = fnn.data.digits()
x = x.astype(np.float64)
order = np.random.default_rng(options.seed).permutation(len(x))
train, test = order[360:], order[:360]

# %% [markdown]
# ## The initial weights
# Uniform between -limit and limit, limit = sqrt(6 / (inputs + outputs)), so that a signal neither grows nor vanishes on
# its way through the layers (Glorot and Bengio, 2010). Biases are zero.


# %%
def first_params(n_in, units, classes, seed, dtype=np.float64):
    generator = np.random.default_rng(seed)
    limit1, limit2 = np.sqrt(6 / (n_in + units)), np.sqrt(6 / (units + classes))
    return (
        generator.uniform(-limit1, limit1, (n_in, units)).astype(dtype),
        np.zeros(units, dtype),
        generator.uniform(-limit2, limit2, (units, classes)).astype(dtype),
        np.zeros(classes, dtype),
    )


# %% [markdown]
# ## Forward
#
#     hidden = max(x W1 + b1, 0)          scores = hidden W2 + b2


# %%
def forward(params, x):
    weight1, bias1, weight2, bias2 = params
    hidden = np.maximum(x @ weight1 + bias1, 0)
    return hidden, hidden @ weight2 + bias2


# %% [markdown]
# ## The loss, and backward
#
#     loss = mean over n rows of ln(sum of exp(scores)) - score of the label
#     dscores = (softmax(scores) - one-hot label) / n
#
# From there, each line is the derivative of a line of the forward pass, the last one first.


# %%
def loss_and_gradient(params, x, label):
    _, _, weight2, _ = params
    rows = np.arange(len(x))
    hidden, scores = forward(params, x)
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponential = np.exp(shifted)
    total = exponential.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, label])
    dscores = exponential / total
    dscores[rows, label] -= 1
    dscores /= len(x)
    dhidden = (dscores @ weight2.T) * (hidden > 0)
    return loss, (x.T @ dhidden, dhidden.sum(axis=0), hidden.T @ dscores, dscores.sum(axis=0))


# %% [markdown]
# ## A step
# First the whole gradient, then the update of all weights: new arrays, and the old ones stay as they were.


# %%
def train_step(params, x, label, learning_rate):
    loss, gradient = loss_and_gradient(params, x, label)
    return loss, tuple(p - learning_rate * g for p, g in zip(params, gradient, strict=True))


# %% [markdown]
# ## The training loop
# Each epoch has its own order of the rows, and each row is in exactly one of its batches.


# %%
def batches(rows, seed, n_epochs):
    for epoch in range(n_epochs):
        shuffled = np.random.default_rng([seed, epoch]).permutation(rows)
        for begin in range(0, len(shuffled), batch_size):
            yield shuffled[begin : begin + batch_size]


def learn(params, seed, n_epochs):
    losses = []
    for rows in batches(train, seed, n_epochs):
        loss, params = train_step(params, x[rows], label[rows], learning_rate)
        losses.append(float(loss))
    return losses, params


first = first_params(64, 64, 10, options.seed)
losses, params = learn(first, options.seed, n_epochs)

# %%
print("epoch  mean loss of its batches")
by_epoch = np.reshape(losses, (n_epochs, -1)).mean(axis=1)
for epoch in range(0, n_epochs, n_epochs // 6):
    print(f"{epoch + 1:5d}  {by_epoch[epoch]:.4f}")
accuracy = np.mean(forward(params, x[test])[1].argmax(axis=1) == label[test])
print(f"test accuracy {accuracy:.4f}")

# %% [markdown]
# ## The same with the library
# The same network, from the same initial weights, on the same batches.


# %%
def network():
    return fnn.serial(fnn.dense(64), fnn.relu, fnn.dense(10))


def learn_with_the_library(net, seed, n_epochs):
    step, state = fnn.train_step(fnn.cross_entropy, fnn.sgd(learning_rate)), fnn.start(net, fnn.sgd(learning_rate))
    return fnn.states(step, state, ((x[rows], label[rows]) for rows in batches(train, seed, n_epochs)))


weight1, bias1, weight2, bias2 = first
net = fnn.Serial((fnn.Dense(weight1, bias1), fnn.relu, fnn.Dense(weight2, bias2)))
run = list(learn_with_the_library(net, options.seed, n_epochs))
difference = max(np.abs(a - b).max() for a, b in zip(params, fnn.tree.leaves(run[-1].params), strict=True))
largest = max(abs(loss - state.loss) for loss, state in zip(losses, run[1:], strict=True))
print(f"\nafter {len(losses)} steps the weights by hand and by the library differ by at most {difference:.0e},")
print(f"and the losses of the steps by at most {largest:.0e}")

# %% [markdown]
# ## What the library saves you
# Lines of code of each. The code by hand is for this network; the code with the library is for any.


# %%
def lines(*functions):
    code = [line.strip() for function in functions for line in inspect.getsource(function).splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in code)


by_hand = lines(first_params, forward, loss_and_gradient, train_step, learn)
by_library = lines(network, learn_with_the_library)
print(f"\nby hand {by_hand} lines, with the library {by_library}")

# %% [markdown]
# ## The losses, and their difference

# %%
if plot and Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    library_losses = [state.loss for state in run[1:]]
    both = {"by hand": by_epoch, "with the library": np.reshape(library_losses, (n_epochs, -1)).mean(axis=1)}
    plot.curves(left, both, x=np.arange(1, n_epochs + 1), xlabel="epoch", ylabel="cross-entropy", log=True)
    left.get_lines()[1].set_linestyle("--")
    left.legend(frameon=False)
    left.set_title("Training loss")
    differences = np.abs(np.subtract(losses, library_losses))
    right.semilogy(np.flatnonzero(differences), differences[differences > 0], ".", color="#009E73", markersize=3)
    right.axhline(np.finfo(np.float64).eps, color="gray", linestyle=":")
    right.annotate("the spacing of float64 at 1", (len(losses), 5e-16), ha="right", color="gray")
    right.set(xlabel="step", ylabel="difference of the two losses", ylim=(1e-18, 1e-14), title="Rounding differences")
    right.spines[["top", "right"]].set_visible(False)
    show(figure, "10_from_scratch.png")

# %% [markdown]
# ## Your turn
# Write the gradient of the mean cross-entropy by the logits without looking at the one above, for logits of any size:
# 1000 as well. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def cross_entropy_gradient(logits, labels):
    raise NotImplementedError


print(grade(cross_entropy_gradient=cross_entropy_gradient))
