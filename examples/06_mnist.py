# %% [markdown]
"""
# Lesson 6: handwritten digits, 784-32-16-10, from a table or a folder of files

The network and recipe of the fourth tutorial: Kaggle's table of 42,000 digits, 1,000 of them held out, 500 steps of
gradient descent on all the others at once, the accuracy every 10 steps. It initializes the weights between -1/2 and
1/2, which is too large for 784 inputs: the initial loss says so before anything is trained. And each of its steps uses
all rows, where 64 would do: after a tenth of the epochs, small batches are ahead.

Figures of the tutorials: `06_mnist_predictions.png` has the digits that the fourth one shows with their predictions;
`06_mnist_accuracy.png` draws the accuracy that it prints.

    python examples/06_mnist.py                   1,797 digits of 8x8 pixels that come with the package; 5 seconds
    python examples/06_mnist.py --csv FILE        Kaggle's train.csv: a column label and 784 pixels; minutes
    python examples/06_mnist.py --mnist FOLDER    MNIST's own four files, gzipped or not; minutes
    python examples/06_mnist.py --fast            a fifth of the steps
"""

# %%
import argparse
import math
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from toolz import partition_all, pipe, valmap
from toolz.curried import take_nth

import fnn
from fnn import Key, cross_entropy, dense, history, relu, serial, sgd, split, start, states, summary, train_step
from fnn.data import digits, epochs, mnist, read_csv, train_test_split
from fnn.layers.initializers import he_uniform, normal, uniform
from fnn.metrics import accuracy, confusion_matrix
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figures into the folder `--out`. As a notebook, it uses the
# defaults and shows each figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Handwritten digits, 784-32-16-10.")
source = parser.add_mutually_exclusive_group()
source.add_argument("--csv", type=Path, metavar="FILE", help="a table with a column label and one for each pixel")
source.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files")
parser.add_argument("--seed", type=int, default=0, help="seed of the split, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="a fifth of the steps")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
iterations = 100 if options.fast else 500

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
# ## The data, and 1,000 rows that are held out
# A row is an image, pixel after pixel, and each pixel is scaled to the range from 0 to 1. The rows are shuffled before
# they are split: a table may be sorted. Of a small table a fifth is held out, as the development set.
#
# With all of MNIST in one batch the arrays are large. `keep_freed_memory` then saves the time in which the system takes
# freed memory back and clears it again.

# %%
fnn.keep_freed_memory()
split_key, net_key, batch_key = split(Key(options.seed), 3)
test = None
if options.csv:
    pixels, labels = read_csv(options.csv)
    data = pixels / 255, labels
elif options.mnist:
    data, test = mnist(options.mnist)
else:
    data = digits()
n = len(data[0])
train, dev = train_test_split(data, min(1000, n // 5) / n, split_key)
side = math.isqrt(train[0].shape[1])
print(f"{n:,} digits of {side}x{side} pixels: {len(train[0]):,} for training, {len(dev[0]):,} for development")

# %% [markdown]
# ## The network
# 784 inputs, 32 and 16 hidden units, 10 outputs: a score for each digit. Softmax is part of the loss.


# %%
def network(*initializers):
    layers = dense(32, *initializers), relu, dense(16, *initializers), relu, dense(10, *initializers)
    return serial(*layers)(net_key, train[0])


print(summary(network(), train[0]))

# %% [markdown]
# ## The initial loss
# Without any knowledge, each digit has a probability of a tenth, and the loss is -ln(1/10) = ln 10 = 2.30. An untrained
# network should be there. If its initial loss is far above, it is sure and wrong: its weights are too large, since each
# unit adds up 784 inputs. He's initialization divides by the square root of their number.

# %%
tutorials = partial(uniform, low=-0.5, high=0.5)
initial = {
    "standard normal": network(normal, normal),
    "uniform from -1/2 to 1/2": network(tutorials, tutorials),
    "He": network(he_uniform),
}
initial_loss = valmap(lambda net: cross_entropy(net(train[0]), train[1]), initial)
print(f"\ninitial loss, where ln 10 = {math.log(10):.2f} is a guess")
for name, loss in initial_loss.items():
    print(f"{name:25s} {loss:6.2f}")

# %% [markdown]
# ## All rows at each step
# The tutorial's loop: an iteration is one step on all rows with a learning rate of 0.1, and every tenth iteration
# prints the accuracy. Here a run is a stream of states, of which every tenth is kept and measured.


# %%
def measured(net, batch_size, n_epochs, every) -> Any:
    batches = epochs(train, batch_size, batch_key, n_epochs)
    return pipe(
        states(train_step(cross_entropy, sgd(0.1)), start(net, sgd(0.1)), batches),
        take_nth(every),
        history(
            net=lambda state: state.params,
            train=lambda state: accuracy(state.params(train[0]), train[1]),
            dev=lambda state: accuracy(state.params(dev[0]), dev[1]),
        ),
    )


def print_by_ten(name, accuracies):
    print(f"\n{name}: training accuracy every 10 iterations")
    for place, row in enumerate(partition_all(10, accuracies)):
        print(f"{100 * place:4d}  {' '.join(f'{value:.3f}' for value in row)}")


all_rows = {
    "all rows, from -1/2 to 1/2": measured(initial["uniform from -1/2 to 1/2"], len(train[0]), iterations, 10),
    "all rows, He": measured(initial["He"], len(train[0]), iterations, 10),
}
for name, curves in all_rows.items():
    print_by_ten(name, curves["train"])

# %% [markdown]
# ## 64 rows at each step
# The same learning rate and the same initial weights. With all rows in one batch an epoch is one step, with batches of
# 64 it is many steps.

# %%
n_epochs = iterations // 10
steps_per_epoch = -(-len(train[0]) // 64)
small = measured(initial["He"], 64, n_epochs, steps_per_epoch)
print(f"\naccuracy on the development set; an epoch is 1 step on all rows, {steps_per_epoch} steps on 64")
print("epochs  all rows  64 rows")
for epoch in range(0, n_epochs + 1, 10):
    print(f"{epoch:6d}  {all_rows['all rows, He']['dev'][epoch // 10]:8.3f}  {small['dev'][epoch]:7.3f}")
reached = all_rows["all rows, He"]["dev"][-1]
sooner = next((epoch for epoch, value in enumerate(small["dev"]) if value >= reached), None)
when = f"after epoch {sooner}" if sooner is not None else f"in none of {n_epochs} epochs"
print(f"what {iterations} epochs of all rows reach, {reached:.3f}, steps on 64 rows reach {when}")

# %%
if plot and Figure:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    ax = figure.subplots()
    plot.curves(ax, valmap(lambda curves: curves["dev"], all_rows), x=np.arange(0, iterations + 1, 10))
    plot.curves(ax, {"64 rows, He": small["dev"]}, np.arange(n_epochs + 1), "epoch", "accuracy on the development set")
    ax.set(title="Steps on all rows or on 64, same learning rate", ylim=(0, 1), xlim=(0, iterations))
    show(figure, "06_mnist_accuracy.png")

# %% [markdown]
# ## What it predicts
# The digit with the largest score is the prediction. The network has not been trained on the rows that are held out.

# %%
net = small["net"][-1]
predicted = net(dev[0]).argmax(axis=1)
wrong = predicted != dev[1]
print(f"\nlabels       {' '.join(map(str, dev[1][:20]))}")
print(f"predictions  {' '.join(map(str, predicted[:20]))}")
print(f"{np.count_nonzero(wrong)} of {len(wrong)} wrong; accuracy {accuracy(net(dev[0]), dev[1]):.4f}")
if test is not None:
    print(f"on the {len(test[0]):,} digits of the test set, used once: {accuracy(net(test[0]), test[1]):.4f}")

# %% [markdown]
# ## Which digits it confuses
# A single accuracy hides that some digits are harder. In the confusion matrix a row is a label and a column a
# prediction; the last column is the recall, the fraction of the row that is right.

# %%
counts = confusion_matrix(net(dev[0]), dev[1], classes=10)
print("\n    " + "".join(f"{digit:5d}" for digit in range(10)) + "   recall")
for digit, row in enumerate(counts):
    recall = f"{row[digit] / row.sum():.3f}" if row.any() else "none"
    print(f"{digit:4d}" + "".join(f"{count or '.':>5}" for count in row) + f"    {recall}")

# %%
if plot and Figure:
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = np.r_[np.flatnonzero(~wrong)[:15], np.flatnonzero(wrong)[:15]]
    titles = [f"{dev[1][row]} as {predicted[row]}" if wrong[row] else f"{dev[1][row]}" for row in rows]
    plot.images(left, dev[0][rows].reshape(-1, side, side), titles, columns=5, marked=wrong[rows])
    left.set_title("Some right predictions, some wrong ones")
    plot.confusion(right, counts)
    right.set_title(f"{np.count_nonzero(wrong)} of {len(wrong)} wrong")
    show(figure, "06_mnist_predictions.png")

# %% [markdown]
# ## Your turn
# Write the first weights of a relu network of any sizes, as a list of pairs (weight, bias). They are graded by the loss
# that they begin with, as above. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def init(sizes, seed):
    raise NotImplementedError


print(grade(init=init))
