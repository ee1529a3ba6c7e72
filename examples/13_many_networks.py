# %% [markdown]
"""
# Lesson 13: many networks as one

The tutorials train a network a hundred times, one run after the other. A step of a small network is a little
arithmetic and much Python around it, so a hundred of them trained together, as arrays with one more axis, take only a
few times as long as one. And it is the same: each of them ends with the bits that it has when it is trained alone. So
learning rates, widths and seeds can be tried at once, a difference can be told from luck, and networks can vote.

Figures of the tutorials: none; `13_many_networks.png`, `13_many_networks_compared.png` and `13_many_networks_votes.png`
are of this lesson.

    python examples/13_many_networks.py           the lesson and its figures, half a minute
    python examples/13_many_networks.py --fast    fewer and shorter runs
"""

# %% [markdown]
# To compare times and bits, everything computes on one core; BLAS reads this setting when NumPy is imported.

# %%
import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from toolz import last, take_nth

from fnn import (
    Ensemble,
    Key,
    adam,
    compare,
    cross_entropy,
    ensemble,
    members,
    mlp,
    repeat,
    replicate,
    sgd,
    softmax,
    split,
    start,
    states,
    summarize,
    sweep,
    together,
    train_step,
    tree,
)
from fnn.data import digits, epochs, moons, train_test_split
from fnn.metrics import accuracy, calibration_error, evaluate, mutual_information
from fnn.testing import grade

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    plot = Figure = None
    print(f"without figures: {missing}")

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figures into the folder `--out`. As a notebook, it uses the
# defaults and shows each figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Many networks as one.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="fewer and shorter runs")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)


def show(figure, name):
    """Write the figure into the folder --out; in a notebook, show it below its cell."""
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    if notebook:
        from IPython.display import Image, display  # pyright: ignore[reportMissingImports]

        display(Image(filename=options.out / name))
    else:
        print(f"wrote {options.out / name}")


data_key, seed_key, grid_key, vote_key, digit_key = split(Key(options.seed), 5)
train, test = train_test_split(moons(2000, 0.2, data_key), 0.5, data_key)

# %% [markdown]
# ## An ensemble is a network whose arrays have one more axis
# `ensemble` takes a constructor and is one. Member i is what the constructor makes with the i-th key; `members` takes
# the ensemble apart again, without copying anything. Its input has an axis for the members as well; `replicate` shows
# all of them the same rows.

# %%
nets = ensemble(mlp(16, 2), 5)(seed_key, train[0])
print(nets)
print(members(nets)[0])
print("five networks look at 1,000 points:", nets(replicate(test[0], 5)).shape)

# %% [markdown]
# ## Learning rates by seeds, as one run
# What is a number for one network may be an array for an ensemble, such as the learning rate. Here are all pairs of a
# learning rate and a seed. A seed decides the initial weights and the order of the rows, so it is the same luck for all
# learning rates. `epochs` with a tuple of keys gives each member batches of its own, and `evaluate` returns a number
# for each.

# %%
RATES = np.geomspace(1e-3, 1e3, 7 if options.fast else 25)
SEEDS = split(seed_key, 4 if options.fast else 16)
N_EPOCHS, BATCH_SIZE = 1 if options.fast else 5, 10


def network(key, width=16):
    return mlp(width, 2)(key, train[0])


def trained(nets, rates, keys):
    optimizer = sgd(rates)
    batches = epochs(train, BATCH_SIZE, keys, epochs=N_EPOCHS)
    with np.errstate(over="ignore", invalid="ignore"):  # some learning rates are too large
        return last(states(train_step(cross_entropy, optimizer), start(nets, optimizer), batches))


def accuracy_if_finite(scores, target):
    return accuracy(scores, target) if np.isfinite(scores).all() else np.nan


def accuracies(final):
    """Return the accuracy of each member on the test set, and NaN for those that diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = evaluate(accuracy_if_finite, final.params, replicate(test, final.params.n))
    return np.where(np.isnan(final.loss), np.nan, found)


rates, keys = np.repeat(RATES, len(SEEDS)), SEEDS * len(RATES)
begin = time.perf_counter()
final = trained(Ensemble(tree.stack([network(key) for key in keys]), len(keys)), rates, keys)
seconds = time.perf_counter() - begin
by_rate = accuracies(final).reshape(len(RATES), len(SEEDS))
best = int(np.argmax(np.where(np.isnan(by_rate), 0, by_rate).mean(axis=1)))
print(f"{len(keys)} networks, {N_EPOCHS * len(train[0]) // BATCH_SIZE} steps each, in {seconds:.1f} s")
print(f"the best learning rate, {RATES[best]:.3g}: accuracy {summarize(by_rate[best])}")

# %% [markdown]
# ## A member that diverges is alone with it
# The largest learning rates are too large, and some of these networks come to numbers that are not finite. Such a
# member stays where it last was, and its loss is NaN; the others do not notice. `Diverged` is raised only when none is
# left.

# %%
print(f"{np.isnan(final.loss).sum()} of {len(keys)} diverged, all at learning rates from ", end="")
print(f"{rates[np.isnan(final.loss)].min():.3g} on" if np.isnan(final.loss).any() else "none")

# %%
if plot and Figure:
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    ax = figure.subplots()
    ax.set_facecolor("0.8")  # seen where there is no number
    image = ax.imshow(by_rate.T, cmap="viridis", aspect="auto", vmin=0.5, vmax=1)
    ticks = range(0, len(RATES), 1 if options.fast else 4)
    ax.set_xticks(ticks, [f"{RATES[place]:.3g}" for place in ticks])
    ax.set(xlabel="learning rate", ylabel="seed")
    ax.set_title(f"{len(keys)} networks, one run; gray: diverged")
    figure.colorbar(image, label="test accuracy")
    show(figure, "13_many_networks.png")

# %% [markdown]
# ## Together is the same as alone
# The law of an ensemble: its member i is the network that is trained alone with the same key and learning rate, to the
# bit. So nothing has to be believed, and a member that is interesting can be looked at by itself.

# %%
chosen = [place * len(SEEDS) for place in range(0, best + 1, max(best // 2, 1))]
begin = time.perf_counter()
alone = [trained(network(keys[place]), float(rates[place]), keys[place]) for place in chosen]
each = (time.perf_counter() - begin) / len(chosen)
same = [tree.equal(members(final.params)[place], one.params) for place, one in zip(chosen, alone, strict=True)]
print(f"{len(chosen)} of them alone end with the same bits: {all(same)}")
print(f"a network by itself takes {each:.2f} s, in the ensemble {seconds / len(keys):.4f} s")

# %% [markdown]
# ## Is the difference real?
# Two learning rates that were tried with the same seeds differ by luck less than two that were not: `compare` takes the
# differences seed by seed, and says in which interval their mean lies with 95 % confidence. If 0 is in it, it says how
# many seeds would settle the question.

# %%
pairs = [(best, best - 1), (best, max(best - (2 if options.fast else 6), 0))]
compared = [
    compare({f"rate {RATES[one]:.3g}": by_rate[one], f"rate {RATES[other]:.3g}": by_rate[other]}, key=grid_key)
    for one, other in pairs
]
for comparison in compared:
    print(comparison)

# %%
if plot and Figure:
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    ax = plot.comparison(figure.subplots(), compared, xlabel="difference in test accuracy")
    ax.set_title("Learning rates, pair by pair")
    show(figure, "13_many_networks_compared.png")

# %% [markdown]
# ## A sweep trains what it can together
# Networks of different widths are no ensemble, but those of one width are. `together` says so: `run` gets the
# configurations of a group and their keys, and returns a result for each. The trials are those of a sweep of runs one
# by one, with the same keys. With `map=` of a pool or a cluster, each worker takes a group at a time.


# %%
def run(configurations, keys):
    width = configurations[0]["width"]
    nets = Ensemble(tree.stack([network(key, width) for key in keys]), len(keys))
    return accuracies(trained(nets, np.array([each["learning_rate"] for each in configurations]), keys))


def run_alone(configuration, key):
    final = trained(network(key, configuration["width"]), configuration["learning_rate"], key)
    return accuracy(final.params(test[0]), test[1])


GRID = {"width": [4, 16] if options.fast else [2, 4, 8, 16, 32], "learning_rate": [0.03, 0.3], "trial": range(4)}
begin = time.perf_counter()
trials = sweep(together(run, by="width"), GRID, grid_key)
seconds = time.perf_counter() - begin
for width in GRID["width"]:
    print(f"{width:3d} units: {summarize(trial for trial in trials if trial.configuration['width'] == width)}")
begin = time.perf_counter()
one_by_one = sweep(run_alone, GRID, grid_key) if options.fast else sweep(run_alone, GRID | {"width": [2]}, grid_key)
print(f"the same trials one by one: {trials[: len(one_by_one)] == one_by_one}")

# %% [markdown]
# ## What they do not agree on
# Networks that learned from the same sixty points agree where there are points; elsewhere each draws its line where it
# likes. The mean of their probabilities is the vote (Lakshminarayanan et al., 2017). How sure is it? Its entropy has
# two parts: what each member is unsure of by itself, and the mutual information, by which they contradict each other.
# More data would lower the second. But far out, beyond all their lines, they agree again, on what they have never seen:
# a vote does not know all that it does not know.

# %%
N_VOTES = 20
few = moons(60, 0.25, vote_key)
optimizer = adam(1e-2)
voters = ensemble(mlp(32, 32, 2), N_VOTES)(vote_key, few[0])
batches = epochs(few, 10, split(vote_key, N_VOTES), epochs=10 if options.fast else 100)
voters = last(states(train_step(cross_entropy, optimizer), start(voters, optimizer), batches)).params


def votes(x):
    return softmax(voters(replicate(x, N_VOTES)))


def disagreement(x):
    return mutual_information(votes(x))


near, far = disagreement(few[0]).mean(), disagreement(few[0] * np.float32(3)).mean()
print(f"mutual information where the points are {near:.3f}, three times as far out {far:.3f} nats")

# %%
if plot and Figure:
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot.decision_boundary(left, lambda x: votes(x).mean(axis=0), *few)
    left.set_title(f"The vote of {N_VOTES} networks, and where each draws its line")
    ends = (left.get_xlim(), left.get_ylim())
    across, up = (np.linspace(low, high, 120, dtype=np.float32) for low, high in ends)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    for member in votes(plane):
        left.contour(across, up, member[:, 1].reshape(120, 120), levels=[0.5], colors=["0.25"], linewidths=0.5)
    across, up = np.linspace(-6, 7, 120, dtype=np.float32), np.linspace(-6, 6, 120, dtype=np.float32)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    contradiction = disagreement(plane).reshape(120, 120)
    image = right.imshow(contradiction, origin="lower", extent=(-6, 7, -6, 6), cmap="viridis", aspect="auto")
    right.scatter(*few[0].T, s=8, color="white")
    right.set(xlabel="feature 0", ylabel="feature 1")
    right.set_title("What they do not know: the points are white")
    figure.colorbar(image, label="mutual information in nats")
    show(figure, "13_many_networks_votes.png")

# %% [markdown]
# ## Ten networks read digits
# A vote of ten is right more often than one of them. Is it right as often as it says? Networks that are trained to the
# end are too sure of themselves, and a vote is less sure than its members: its calibration error is lower. But where
# they are not sure enough, as early in a training, the vote makes that worse. Five seeds decide the split, the initial
# weights and the order of the rows; half of the digits are for training. The figures of one network are the mean of the
# ten.

# %%
EARLY, LATE = (2, 4) if options.fast else (10, 80)


def read_digits(key):
    split_key, net_key, batch_key = split(key, 3)
    train, test = train_test_split(digits(), 0.5, split_key)
    optimizer, per_epoch = adam(1e-2), -(-len(train[0]) // 32)
    state = start(ensemble(mlp(32, 10), 10)(net_key, train[0]), optimizer)
    batches = epochs(train, 32, split(batch_key, 10), epochs=LATE)
    seen = take_nth(EARLY * per_epoch, states(train_step(cross_entropy, optimizer), state, batches))
    by_epoch = {state.step // per_epoch: softmax(state.params(replicate(test[0], 10))) for state in seen}
    return {
        f"{what}, {epoch} epochs": (np.mean([measure(p, test[1]) for p in each]), measure(each.mean(axis=0), test[1]))
        for what, measure in (("accuracy", accuracy), ("calibration error", calibration_error))
        for epoch, each in by_epoch.items()
        if epoch in (EARLY, LATE)
    }


results = repeat(read_digits, split(digit_key, 2 if options.fast else 5))
print(f"\ndigits, mean of {len(results)} seeds         one  ten together")
for name, summary in summarize(results).items():
    print(f"{name:28s} {summary.mean[0]:.4f}  {summary.mean[1]:.4f}")
for what in ("accuracy", "calibration error"):
    one, ten = zip(*[result[f"{what}, {LATE} epochs"] for result in results], strict=True)
    print(what, compare({"one": one, "ten": ten}))

# %% [markdown]
# ## Your turn
# A rule of an optimizer works number by number, so the same lines step one network or many. Write a step of Adam, from
# a parameter p, its gradient g and the two moments m and v to the next p, m and v. t counts from 1. Put it in the place
# of the line that raises; `grade` tells what is wrong with it.


# %%
def adam_step(p, g, m, v, t, learning_rate):
    raise NotImplementedError


print(grade(adam_step=adam_step))
