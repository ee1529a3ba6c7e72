# %% [markdown]
"""
# Lesson 9: branches, joins, several inputs and several outputs, without a graph

In Keras this is the functional API: placeholders are passed through layers, and a model is the graph between two of
them. Here a network is already a function, and so is a combination of several: `parallel` returns the tuple of its
branches' outputs, `concatenate` and `add` join them, `pick` takes one of several inputs, `residual` adds its input to
the output of its body. A layer in two places is one layer, with shared weights.

Figures of the tutorials: none; `09_functional_model.png` is of this lesson.

    python examples/09_functional_model.py           the lesson and its figure, 5 seconds
    python examples/09_functional_model.py --fast    fewer steps
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from fnn import (
    Key,
    adam,
    combined,
    concatenate,
    cross_entropy,
    dense,
    dropout,
    fit,
    inference,
    mse,
    parallel,
    pick,
    relu,
    residual,
    serial,
    split,
    start,
    summary,
    tanh,
    tree,
    value_and_grad,
)
from fnn.data import digits, train_test_split
from fnn.metrics import accuracy
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Branches, joins, several inputs and several outputs.")
parser.add_argument("--seed", type=int, default=0, help="seed of the split, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="fewer steps")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
steps = 150 if options.fast else 1500

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
# ## Two branches
# Both see the same input, and their outputs are concatenated. In Keras:
#
#     inputs = keras.Input((64,))
#     left = layers.Dense(8, activation="relu")(inputs)
#     right = layers.Dense(4, activation="tanh")(inputs)
#     outputs = layers.Dense(10)(layers.Concatenate()([left, right]))
#     model = keras.Model(inputs, outputs)
#
# Here the expression has the shape of the network:

# %%
data_key, net_key, fit_key = split(Key(options.seed), 3)
(x, label), (test_x, test_label) = train_test_split(digits(), 0.2, data_key)
branched = serial(concatenate(serial(dense(8), relu), serial(dense(4), tanh)), dense(10))(net_key, x)
print(summary(branched, x), end="\n\n")

# %% [markdown]
# ## Two inputs, two outputs, and a residual connection
# One input is the upper half of a digit, the other the lower half. The same layer sees both: a record in two places is
# one record, and its gradient is the sum over both. A residual body adds its output to its input. One output is a score
# for each digit, the other the amount of ink.

# %%
upper, lower = x[:, :32], x[:, 32:]
shared = dense(24)(split(net_key, 2)[0], upper)
net = serial(
    concatenate(serial(pick(0), shared, relu), serial(pick(1), shared, relu)),
    residual(dense(48), relu, dropout(0.2)),
    parallel(dense(10), dense(1)),
)(net_key, (upper, lower))

# %% [markdown]
# The loss is the sum of one loss for each output.

# %%
ink, test_ink = x.mean(axis=1, keepdims=True), test_x.mean(axis=1, keepdims=True)
loss, batch = combined(cross_entropy, mse), ((upper, lower), (label, ink))
value, gradient = value_and_grad(loss, net, batch, fit_key)
n_parameters = sum(leaf.size for leaf in tree.leaves(net))
print(f"{n_parameters} parameters, the shared layer counted once; the initial loss is {value:.3f}")

# %% [markdown]
# ## Trained like any other network
# A batch is what the network takes and what the loss takes: here a tuple and a tuple. Nothing else changes.

# %%
optimizer = adam(2e-3)
state = fit(loss, optimizer, start(net, optimizer), batch, steps=steps, size=32, key=fit_key)
trained = inference(state.params)
halves = test_x[:, :32], test_x[:, 32:]
scores, predicted_ink = trained(halves)
print(f"digit: accuracy {accuracy(scores, test_label):.3f}; ", end="")
print(f"ink: mean absolute error {np.abs(predicted_ink - test_ink).mean():.4f}")

# %% [markdown]
# The shared layer is still one layer after training: both places hold the same record.

# %%
first, second = (branch.layers[1] for branch in trained.layers[0].layers[0].branches)
print(f"both places hold the same layer: {first is second}")

# %% [markdown]
# ## Parts of a network are networks
# A trained body gets a new head: a finished network can stand wherever a constructor can.

# %%
body = serial(*trained.layers[:-1])
new_head = serial(body, dense(2))(net_key, halves)
print(f"the output of the body is {body(net_key, halves)(halves).shape}, with a new head {new_head(halves).shape}")

# %% [markdown]
# ## The network, and the weights of its shared layer

# %%
if plot and Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    plot.diagram(left, trained, halves)
    left.set_title("Two inputs, one shared layer, two outputs")
    largest = np.argsort(-np.abs(first.weight).sum(axis=0))[:12]
    plot.filters(right, first.weight[:, largest], shape=(4, 8))
    right.set_title("Weights of the shared layer's largest units")
    show(figure, "09_functional_model.png")

# %% [markdown]
# ## Your turn
# A network with several outputs descends a sum of losses. Write a loss of your own for one of them: return its value,
# of all of y, and its gradient by y, an array of the shape of y. Any loss will do, as long as the gradient is that of
# the very number that is returned. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def loss_and_gradient(y, target):
    raise NotImplementedError


print(grade(loss_and_gradient=loss_and_gradient))
