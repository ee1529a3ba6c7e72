"""Lesson 9: branches, joins, several inputs and several answers, without a graph: values inside values.

Keras calls it the functional API: tensors without content are handed through layers, and a model is what lies between
two of them. Here a network is a function already, and so is what is made of several: ``parallel`` gives the tuple of
what its branches make, ``concatenate`` and ``add`` join one, ``pick`` takes one of several inputs, ``residual`` adds
what its body makes. A layer that stands at two places is one layer.

    python examples/09_functional_model.py           the lesson and its picture, 5 seconds
    python examples/09_functional_model.py --fast    fewer steps
"""

# %% What can be chosen
import argparse
import sys
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

parser = argparse.ArgumentParser(description="Branches, joins, several inputs and several answers.")
parser.add_argument("--seed", type=int, default=0, help="decides the split, the first weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="fewer steps")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
steps = 150 if options.fast else 1500

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None

data_key, net_key, fit_key = split(Key(options.seed), 3)
(x, label), (test_x, test_label) = train_test_split(digits(), 0.2, data_key)

# %% A diamond
# Two branches see the same input; what they make is laid side by side. In Keras:
#     inputs = keras.Input((64,))
#     left = layers.Dense(8, activation="relu")(inputs)
#     right = layers.Dense(4, activation="tanh")(inputs)
#     outputs = layers.Dense(10)(layers.Concatenate()([left, right]))
#     model = keras.Model(inputs, outputs)
# Here the picture is the expression:
diamond = serial(concatenate(serial(dense(8), relu), serial(dense(4), tanh)), dense(10))(net_key, x)
print(summary(diamond, x), end="\n\n")

# %% Two inputs, two answers, and a way around
# The upper half of a digit comes in by one door and the lower half by the other. Both are looked at by the same layer:
# a record that stands at two places is one, and its gradient is the sum over both. A residual body adds what it makes
# to what came in. Of what they join to, one answer is the digit, the other is how much ink there is.
upper, lower = x[:, :32], x[:, 32:]
looking = dense(24)(split(net_key, 2)[0], upper)
net = serial(
    concatenate(serial(pick(0), looking, relu), serial(pick(1), looking, relu)),
    residual(dense(48), relu, dropout(0.2)),
    parallel(dense(10), dense(1)),
)(net_key, (upper, lower))
ink = x.mean(axis=1, keepdims=True)
test_ink = test_x.mean(axis=1, keepdims=True)

value, gradient = value_and_grad(combined(cross_entropy, mse), net, ((upper, lower), (label, ink)), fit_key)
shared = sum(leaf.size for leaf in tree.leaves(net))
print(f"{shared} parameters, the shared layer counted once; the first loss is {value:.3f}")

# %% Trained like any other
# A batch is what the network takes and what the loss takes: here a tuple and a tuple. Everything else is as it was.
objective, optimizer = combined(cross_entropy, mse), adam(2e-3)
batch = (upper, lower), (label, ink)
state = fit(objective, optimizer, start(net, optimizer), batch, steps=steps, size=32, key=fit_key)
trained = inference(state.params)
halves = test_x[:, :32], test_x[:, 32:]
scores, ink_found = trained(halves)
off = np.abs(ink_found - test_ink).mean()
print(f"digit: accuracy {accuracy(scores, test_label):.3f}; ink: off by {off:.4f} on average")

# Still one layer: the two places hold the same record.
first, second = (branch.layers[1] for branch in trained.layers[0].layers[0].branches)
print(f"the layer that stands at two places is one: {first is second}")

# %% Parts are networks, too
# A trained body takes another head: any finished part serves where a constructor would.
body = serial(*trained.layers[:-1])
odd = serial(body, dense(2))(net_key, halves)
print(f"the body gives {body(net_key, halves)(halves).shape}, with a new head {odd(halves).shape}")

# %% The picture
if plot and Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    plot.diagram(left, trained, halves)
    left.set_title("Two inputs, one shared layer, two answers")
    plot.filters(right, first.weight[:, np.argsort(-np.abs(first.weight).sum(axis=0))[:12]], shape=(4, 8))
    right.set_title("What the shared layer looks for")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "09_functional_model.png", dpi=120)
    print(f"wrote {options.out / '09_functional_model.png'}")
