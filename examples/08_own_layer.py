# %% [markdown]
"""
# Lesson 8: a layer of your own is a record and one function

What a layer holds is a record, a frozen class whose arrays are the parameters. What it does, and how a gradient comes
back through it, is one function that is registered for this class. There is nothing to override, no name to register
and no graph. `check_vjp` compares the gradient with finite differences, element by element, and says what is probably
wrong. The layer here is a radial basis: each unit has a center and responds to inputs near it.

Figures of the tutorials: none; `08_own_layer.png` is of this lesson.

    python examples/08_own_layer.py           the lesson and its figure, 3 seconds
    python examples/08_own_layer.py --fast    fewer steps
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from fnn import Key, Record, adam, check_vjp, cross_entropy, dense, fit, load, save, serial, split, start, vjp
from fnn.core.keys import uniforms
from fnn.data import circles, train_test_split
from fnn.metrics import accuracy
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="A layer of your own.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="fewer steps")
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
# ## What it holds
# A record is a subclass of `Record` with annotated fields. Arrays are parameters, everything else is a setting:
# `centers` (units, inputs) are learned, `width` is chosen. The record is frozen, has a repr and can be called, and its
# gradient is a record of the same class.


# %%
class Radial(Record):
    """y = exp(-|x - center|^2 / (2 width^2)), for each center."""

    centers: np.ndarray
    width: float = 0.5


# %% [markdown]
# ## What it does, and how its gradient comes back
# For a unit with the center c and the width w:
#
#     y = exp(-|x - c|^2 / (2 w^2))
#     pull = dy y / w^2 (x - c)          dc = sum over rows of pull          dx = -sum over units of pull
#
# The function returns y and the pullback. `dx` is itself a function, so that it is only computed if somebody needs it:
# nobody needs the first layer's.


# %%
@vjp.register
def radial_vjp(layer: Radial, x, key=None):
    difference = x[:, None, :] - layer.centers  # (n, units, inputs)
    y = np.exp(-np.sum(difference**2, axis=2) / (2 * layer.width**2))

    def radial_pullback(dy):
        pull = (dy * y / layer.width**2)[:, :, None] * difference
        return Radial(pull.sum(axis=0), layer.width), lambda: -pull.sum(axis=1)

    return y, radial_pullback


# %% [markdown]
# ## Is it right?
# `check_vjp` compares every element of every gradient with a finite difference, in float64, at random inputs.

# %%
inputs = 2 * uniforms(Key(1), (5, 3)) - 1
layer = Radial(2 * uniforms(Key(2), (4, 3)) - 1)
report = check_vjp(layer, inputs)
print(f"{report.coordinates} derivatives compared, relative error at most {max(report.errors.values()):.0e}")

# %% [markdown]
# And if it were wrong? The same layer with the wrong sign. A function is registered for a class and its subclasses,
# unless they have their own.


# %%
class Wrong(Radial):
    """The same, with a mistake in its pullback."""


@vjp.register
def wrong_vjp(layer: Wrong, x, key=None):
    y, pullback = vjp(Radial(layer.centers, layer.width), x)

    def wrong_pullback(dy):
        dlayer, dx = pullback(dy)
        return Wrong(-dlayer.centers, layer.width), dx

    return y, wrong_pullback


try:
    check_vjp(Wrong(layer.centers), inputs)
except AssertionError as error:
    print(f"with the wrong sign: {error}")

# %% [markdown]
# ## A constructor: shapes come from data
# A constructor is a function of a key and data that returns a layer. `radial(12)` returns one, and it can be used
# wherever `dense(12)` can. It draws the centers from the range of the data.


# %%
def radial(units, width=0.5):
    def construct(key, x):
        low, high = x.min(axis=0), x.max(axis=0)
        centers = low + (high - low) * uniforms(key, (units, x.shape[1]))
        return Radial(centers.astype(x.dtype), width)

    return construct


data_key, split_key, net_key, fit_key = split(Key(options.seed), 4)
train, test = train_test_split(circles(400, 0.1, data_key), 0.25, split_key)
net = serial(radial(12), dense(2))(net_key, train[0])
print(f"\n{net}")

# %% [markdown]
# ## It trains like any other
# Optimizers, trees and streams know nothing of particular layers.

# %%
optimizer = adam(2e-2)
steps = 100 if options.fast else 800
state = fit(cross_entropy, optimizer, start(net, optimizer), train, steps=steps, size=25, key=fit_key)
before, after = (accuracy(params(test[0]), test[1]) for params in (net, state.params))
print(f"accuracy {before:.3f} before, {after:.3f} after training")

# %% [markdown]
# ## It is saved and loaded like any other
# A file holds no code, so `load` must be told which classes of your own it may construct.

# %%
options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "08_own_layer.safetensors"
save(path, state.params)
loaded = load(path, records=(Radial,))
print(f"saved and loaded, its output is the same to the bit: {(loaded(test[0]) == state.params(test[0])).all()}")
path.unlink()

# %% [markdown]
# ## What it has learned

# %%
if plot and Figure:
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    for ax, (title, params) in zip(figure.subplots(1, 2), (("before", net), ("after", state.params)), strict=True):
        plot.decision_boundary(ax, params, *test)
        ax.plot(*params.layers[0].centers.T, "x", color="black", markersize=9, label="centers")
        ax.set_title(f"{title} training: accuracy {accuracy(params(test[0]), test[1]):.2f}")
        ax.legend(loc="upper right")
    show(figure, "08_own_layer.png")

# %% [markdown]
# ## Your turn
# A layer without parameters has a pullback, too. Write that of softmax over rows, dx from x and dy. Every output
# depends on every input of its row. Put it in the place of the line that raises; `grade` tells what is wrong with it.


# %%
def softmax_pullback(x, dy):
    raise NotImplementedError


print(grade(softmax_pullback=softmax_pullback))
