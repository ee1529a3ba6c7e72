"""Lesson 6: handwritten digits, 784-32-16-10, from a table or a folder of files.

The fourth tutorial's network and recipe: Kaggle's table of 42,000 digits, 1,000 of them set aside, 500 steps of plain
gradient descent on all the others at once, the accuracy every 10 steps. It starts from weights between -1/2 and 1/2,
which are too large for 784 inputs: the first loss says so before anything is trained. And each of its steps looks at
all rows, where 64 would do: with a tenth of the rows looked at, small batches end ahead.

    python examples/06_mnist.py                   1,797 digits of 8x8 pixels that come with the package; 20 seconds
    python examples/06_mnist.py --csv FILE        Kaggle's train.csv: a column label and 784 pixels; minutes
    python examples/06_mnist.py --mnist FOLDER    MNIST's own four files, gzipped or not; minutes
    python examples/06_mnist.py --fast            a fifth of the steps
"""

# %% What can be chosen
import argparse
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
from toolz import take_nth

from fnn import Key, cross_entropy, dense, history, relu, serial, sgd, split, start, states, summary, train_step
from fnn.data import digits, epochs, mnist, read_csv, train_test_split
from fnn.layers.initializers import he_uniform, normal, uniform
from fnn.metrics import accuracy, confusion_matrix

parser = argparse.ArgumentParser(description="Handwritten digits, 784-32-16-10.")
source = parser.add_mutually_exclusive_group()
source.add_argument("--csv", type=Path, metavar="FILE", help="a table with a column label and one for each pixel")
source.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files")
parser.add_argument("--seed", type=int, default=0, help="decides the split, the first weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the pictures go")
parser.add_argument("--fast", action="store_true", help="a fifth of the steps")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
iterations = 100 if options.fast else 500

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


# %% The data, and 1,000 rows that nobody trains on
# A row is an image, pixel after pixel, and each pixel is brought to the range from 0 to 1. The rows are shuffled first:
# a table may be sorted. Of a small one a fifth is set aside.
split_key, net_key, batch_key = split(Key(options.seed), 3)
test = None
if options.csv:
    pixels, answers = read_csv(options.csv)
    data = pixels / 255, answers
elif options.mnist:
    data, test = mnist(options.mnist)
else:
    data = digits()
n = len(data[0])
train, dev = train_test_split(data, min(1000, n // 5) / n, split_key)
side = math.isqrt(train[0].shape[1])
print(f"{n:,} digits of {side}x{side} pixels: {len(train[0]):,} to train on, {len(dev[0]):,} to look at")


# %% The network
# 784 pixels in, 32 and 16 hidden units, 10 scores out, one for each digit. Softmax is part of the loss.
def network(*initializers):
    layers = dense(32, *initializers), relu, dense(16, *initializers), relu, dense(10, *initializers)
    return serial(*layers)(net_key, train[0])


print(summary(network(), train[0]))

# %% The first loss
# Who knows nothing gives each digit a tenth, and that costs -ln(1/10) = ln 10 = 2.30. A fresh network should know
# nothing. If its first loss is far above, it is certain, and wrong: its weights are too large, since 784 numbers are
# added up in each unit. He's rule divides by the root of their number.
tutorials = partial(uniform, low=-0.5, high=0.5)
starts = {
    "normal, deviation 1": network(normal, normal),
    "uniform from -1/2 to 1/2": network(tutorials, tutorials),
    "He's rule": network(he_uniform),
}
first_loss = {name: cross_entropy(net(train[0]), train[1]) for name, net in starts.items()}
print(f"\nthe first loss, where ln 10 = {math.log(10):.2f} is to know nothing")
for name, loss in first_loss.items():
    print(f"{name:25s} {loss:6.2f}")


# %% All rows at each step
# The tutorial's loop: an iteration is one step of rate 0.1 on all rows, and every tenth the accuracy is looked at. Here
# a run is a stream of states, and to look is to keep every tenth.
def watched(net, size, passes, every):
    run = states(train_step(cross_entropy, sgd(0.1)), start(net, sgd(0.1)), epochs(train, size, batch_key, passes))
    look = history(
        net=lambda state: state.params,
        train=lambda state: accuracy(state.params(train[0]), train[1]),
        dev=lambda state: accuracy(state.params(dev[0]), dev[1]),
    )
    return look(take_nth(every, run))


def print_by_ten(name, accuracies):
    print(f"\n{name}: training accuracy every 10 iterations")
    for place in range(0, len(accuracies) - 1, 10):
        row = " ".join(f"{share:.3f}" for share in accuracies[place : place + 10])
        print(f"{10 * place:4d}  {row}")
    print(f"{10 * (len(accuracies) - 1):4d}  {accuracies[-1]:.3f}")


all_rows = {
    name: watched(starts[start_name], len(train[0]), iterations, 10)
    for name, start_name in (("all rows, from -1/2 to 1/2", "uniform from -1/2 to 1/2"), ("all rows, He", "He's rule"))
}
for name, looks in all_rows.items():
    print_by_ten(name, looks["train"])

# %% 64 rows at each step
# The same rate, the same first weights, the same number of rows looked at. A pass over the rows is one step for those
# who take all of them, and many steps for those who take 64.
passes = iterations // 10
steps_a_pass = -(-len(train[0]) // 64)
small = watched(starts["He's rule"], 64, passes, steps_a_pass)
print(f"\ndev accuracy by rows looked at; a pass is 1 step with all rows, {steps_a_pass} steps with 64")
print("passes  all rows  64 rows")
for place in range(0, passes + 1, 10):
    print(f"{place:6d}  {all_rows['all rows, He']['dev'][place // 10]:8.3f}  {small['dev'][place]:7.3f}")
reached = all_rows["all rows, He"]["dev"][-1]
sooner = next((place for place, share in enumerate(small["dev"]) if share >= reached), None)
when = f"after pass {sooner}" if sooner is not None else f"in none of {passes} passes"
print(f"what {iterations} passes of all rows reach, {reached:.3f}, 64 rows a step reach {when}")

if plot and Figure:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    every_ten, curves = np.arange(0, iterations + 1, 10), {name: looks["dev"] for name, looks in all_rows.items()}
    ax = plot.curves(figure.subplots(), curves, x=every_ten)
    plot.curves(ax, {"64 rows, He": small["dev"]}, np.arange(passes + 1), "passes over the rows", "dev accuracy")
    ax.set(title="All rows a step, or 64, at the same rate", ylim=(0, 1), xlim=(0, iterations))
    save(figure, "06_mnist_accuracy.png")

# %% What it reads
# The score that is largest is the answer. The rows set aside have never been trained on.
net = small["net"][-1]
read_as = net(dev[0]).argmax(axis=1)
wrong = read_as != dev[1]
print(f"\nit is    {' '.join(map(str, dev[1][:20]))}")
print(f"read as  {' '.join(map(str, read_as[:20]))}")
print(f"{np.count_nonzero(wrong)} of {len(wrong)} misread; accuracy {accuracy(net(dev[0]), dev[1]):.4f}")
if test is not None:
    print(f"on the {len(test[0]):,} digits of the test set, looked at once: {accuracy(net(test[0]), test[1]):.4f}")

# %% Which are taken for which
# One number hides that some digits are harder. Truth down, what it was taken for across, and the share that is right.
counts = confusion_matrix(net(dev[0]), dev[1], classes=10)
print("\n    " + "".join(f"{digit:5d}" for digit in range(10)) + "    right")
for digit, row in enumerate(counts):
    share = f"{row[digit] / row.sum():.3f}" if row.any() else "none"
    print(f"{digit:4d}" + "".join(f"{count or '.':>5}" for count in row) + f"    {share}")

if plot and Figure:
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = np.r_[np.flatnonzero(~wrong)[:15], np.flatnonzero(wrong)[:15]]
    titles = [f"{dev[1][row]}" if not wrong[row] else f"{dev[1][row]}, read {read_as[row]}" for row in shown]
    plot.images(left, dev[0][shown].reshape(-1, side, side), titles, columns=5, marked=wrong[shown])
    left.set_title("Some that it reads, and some that it misreads")
    plot.confusion(right, counts)
    right.set_title(f"{np.count_nonzero(wrong)} of {len(wrong)} misread")
    save(figure, "06_mnist_predictions.png")
