"""Lesson 8: a layer of your own is a record and one function, and then you find out whether its gradient is right.

No base class, no registration by name, no graph. What a layer holds is a frozen record; what it does, and how a
gradient comes back through it, is one function. ``check_vjp`` compares that with small differences, leaf by leaf, and
says what is probably wrong. The layer here is a radial basis: each unit has a place, and answers to what is near it.

    python examples/08_own_layer.py           the lesson and its picture, 3 seconds
    python examples/08_own_layer.py --fast    fewer steps
"""

# %% What can be chosen
import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

from fnn import Key, Record, adam, check_vjp, cross_entropy, dense, fit, load, save, serial, split, start, vjp
from fnn.core.keys import uniforms
from fnn.data import circles, train_test_split
from fnn.metrics import accuracy

parser = argparse.ArgumentParser(description="A layer of your own.")
parser.add_argument("--seed", type=int, default=0, help="decides the data, the first weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="fewer steps")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None


# %% What it holds
# Arrays are parameters, all else is configuration. ``centers`` (units, inputs) are learned, ``width`` is chosen.
class Radial(Record):
    """y = exp(-|x - center|^2 / (2 width^2)), for each center."""

    centers: np.ndarray
    width: float = 0.5


# %% What it does, and what comes back
# y = exp(-|x - c|^2 / (2 w^2)). With g = dy y / w^2:    dc = sum over rows g (x - c),    dx = -sum over units g (x - c)
# ``dx`` is a function, so that nobody computes it who does not need it: the first layer's is never asked for.
@vjp.register
def radial_vjp(layer: Radial, x, key=None):
    apart = x[:, None, :] - layer.centers  # (n, units, inputs)
    y = np.exp(-np.sum(apart**2, axis=2) / (2 * layer.width**2))

    def radial_pullback(dy):
        pull = (dy * y / layer.width**2)[:, :, None] * apart
        return Radial(pull.sum(axis=0), layer.width), lambda: -pull.sum(axis=1)

    return y, radial_pullback


# %% Is it right?
# At random places, in float64, each number of each leaf against its small difference.
points = 2 * uniforms(Key(1), (5, 3)) - 1
layer = Radial(2 * uniforms(Key(2), (4, 3)) - 1)
report = check_vjp(layer, points)
print(f"{report.coordinates} slopes compared, off by {max(report.errors.values()):.0e} at most")


# And if it were wrong? The same layer, with a sign forgotten.
class Wrong(Radial):
    """The same, with a mistake in it."""


@vjp.register
def wrong_vjp(layer: Wrong, x, key=None):
    y, pullback = vjp(Radial(layer.centers, layer.width), x)

    def wrong_pullback(dy):
        dlayer, dx = pullback(dy)
        return Wrong(-dlayer.centers, layer.width), dx

    return y, wrong_pullback


try:
    check_vjp(Wrong(layer.centers), points)
except AssertionError as error:
    print(f"with a sign forgotten: {error}")


# %% A constructor: shapes come from data
# A constructor is a function of a key and a batch. With one, the layer goes wherever any other does.
def _make_radial(units, width, key, x):
    low, high = x.min(axis=0), x.max(axis=0)
    return Radial((low + (high - low) * uniforms(key, (units, x.shape[1]))).astype(x.dtype), width)


def radial(units, width=0.5):
    return partial(_make_radial, units, width)


data_key, split_key, net_key, fit_key = split(Key(options.seed), 4)
train, test = train_test_split(circles(400, 0.1, data_key), 0.25, split_key)
net = serial(radial(12), dense(2))(net_key, train[0])
print(f"\n{net}")

# %% It trains, and is saved, like any other
# Optimizers, trees, streams and files know nothing of particular layers. Only a file has to be told which classes it
# may name, because it can bring no code of its own.
optimizer = adam(2e-2)
state = fit(
    cross_entropy, optimizer, start(net, optimizer), train, steps=100 if options.fast else 800, size=25, key=fit_key
)
print(f"accuracy {accuracy(net(test[0]), test[1]):.3f} before, {accuracy(state.params(test[0]), test[1]):.3f} after")

options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "08_own_layer.safetensors"
save(path, state.params)
same = (load(path, records=(Radial,))(test[0]) == state.params(test[0])).all()
print(f"saved and loaded, it answers the same to the bit: {same}")
path.unlink()

# %% The picture
if plot and Figure:
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    for ax, (title, layers) in zip(figure.subplots(1, 2), (("before", net), ("after", state.params)), strict=True):
        plot.decision_boundary(ax, layers, *test)
        centers = layers.layers[0].centers
        ax.plot(*centers.T, "x", color="black", markersize=9, label="centers")
        ax.set_title(f"{title}: accuracy {accuracy(layers(test[0]), test[1]):.2f}")
        ax.legend(loc="upper right")
    figure.savefig(options.out / "08_own_layer.png", dpi=120)
    print(f"wrote {options.out / '08_own_layer.png'}")
