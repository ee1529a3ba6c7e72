# %% [markdown]
"""
# Lesson 15: a time series, and what a forecast has to beat

A forecast is easily good and of no use: to say that tomorrow will be like today is often close, and a test that lets a
network see the future makes any network look wise. This lesson forecasts the next day of a series hour by hour. The
series is made here by a rule, with a day, a week, a trend and noise, so that it is known how good a forecast can be at
all. The network is tested on the future alone, beside three forecasts that need no training and a linear model.

Figures of the tutorials: none; `15_time_series.png` is of this lesson.

    python examples/15_time_series.py           the lesson and its figures, 10 seconds
    python examples/15_time_series.py --fast    a shorter series
"""

# %%
import argparse
import sys
import tempfile
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from toolz import last, take_nth

from fnn import Dense, Key, adam, best, early_stopping, mlp, mse, split, start, states, train_step
from fnn.core.keys import normals, permutation
from fnn.data import epochs, windows
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
parser = argparse.ArgumentParser(description="A time series, and what a forecast has to beat.")
parser.add_argument("--seed", type=int, default=0, help="seed of the series, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="a shorter series")
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


series_key, net_key, batch_key, order_key = split(Key(options.seed), 4)
DAY, WEEK = 24, 7 * 24
N_WEEKS = 12 if options.fast else 40
N_EPOCHS = 30

# %% [markdown]
# ## A series whose rule is known
# The power that a small town takes, in megawatts, hour by hour. Working days have a peak in the morning and one in the
# evening, weekends another shape; the town grows; and there is weather, which lasts: noise of which 85 % is still there
# an hour later. All of these multiply, so they are sums in the logarithm.


# %%
def bump(hour, at, width, height):
    return height * np.exp(-(((hour - at) / width) ** 2) / 2)


def usual(hour_of_week):
    """Return the logarithm of a usual week, from Monday at 0 o'clock."""
    hour, day = hour_of_week % DAY, hour_of_week // DAY
    working_day = bump(hour, 8, 1.5, 0.5) + bump(hour, 13, 4, 0.3) + bump(hour, 19, 2.5, 0.7)
    weekend = bump(hour, 12, 3.5, 0.6) + bump(hour, 20, 2.5, 0.4)
    return np.where(day < 5, working_day, weekend)


LASTS = 0.85
n = N_WEEKS * WEEK
hours = np.arange(n)
rule = np.log(10 * (1 + 0.6 * hours / n)) + usual(hours % WEEK)
weather = np.array(list(accumulate(0.05 * normals(series_key, (n,)), lambda before, new: LASTS * before + new)))
power = np.exp(rule + weather)
print(f"{N_WEEKS} weeks of {WEEK} hours, from {power.min():.0f} to {power.max():.0f} MW")

# %% [markdown]
# ## Windows, and a cut in time
# The network sees two days and is to say the next one. `windows` cuts the series so, and no window sees what it is to
# foretell. But neighbors share nearly all of their hours, so windows must not be dealt to the training and the test set
# at random: cut the series in time. The first part is for training, the next to decide when to stop, and the last,
# which is looked at once, for the test. Its first window may look back across the cut, as it will when it is used; its
# targets all lie behind.
#
# The town grows, so the test has levels that the training never had. What stays is the shape: each window is divided by
# its own mean, and so is its target. With it comes what everybody knows of the future, the calendar.

# %%
SIZE, HORIZON = 2 * DAY, DAY
CUTS = 0, int(0.65 * N_WEEKS) * WEEK, int(0.8 * N_WEEKS) * WEEK, n


def calendar(hour):
    """Return the day of the week, one-hot, and the time of the day as three waves."""
    turns = 2 * np.pi * np.arange(1, 4) * hour[:, None] / DAY
    return np.concatenate([np.eye(7)[hour // DAY % 7], np.sin(turns), np.cos(turns)], axis=1)


def examples(begin, end, relative=True):
    """Return x and target, both over a level, the levels, and the hour at which each forecast begins."""
    before = max(begin - SIZE, 0)
    seen, target = windows(power[before:end], SIZE, HORIZON)
    origin = before + SIZE + np.arange(len(seen))
    level = seen.mean(axis=1, keepdims=True) if relative else np.full((len(seen), 1), power[: CUTS[1]].mean())
    x = np.concatenate([seen / level - 1, calendar(origin)], axis=1)
    return x.astype(np.float32), (target / level - 1).astype(np.float32), level, origin


train, dev, test = (examples(begin, end) for begin, end in pairwise(CUTS))
print(f"{len(train[0]):,} windows for training, {len(dev[0]):,} to decide when to stop, {len(test[0]):,} for the test")
print(f"the last hour of a training target is {train[3][-1] + HORIZON - 1}, the first of a test target {test[3][0]}")
origin = test[3]
truth = np.stack([power[origin + h] for h in range(HORIZON)], axis=1)


def errors(forecast, truth=truth):
    """Return the mean absolute error at each of the hours ahead, in megawatts."""
    return np.abs(forecast - truth).mean(axis=0)


# %% [markdown]
# ## What needs no training, and what nobody can beat
# The naive forecasts: it stays as it is now; it will be as it was at this hour yesterday, or a week ago. A forecast
# that does not beat these is worth nothing. At the other end is one who knows the rule: of the weather 85 % is left
# after each hour, and what will be new in it nobody knows. What lies between the two can be learned.

# %%
ahead = np.arange(HORIZON)
found = {
    "as the last hour": errors(power[origin - 1][:, None]),
    "as the day before": errors(power[origin[:, None] + ahead - DAY]),
    "as the week before": errors(power[origin[:, None] + ahead - WEEK]),
}
fading = LASTS ** (ahead + 1.0)
best_possible = errors(np.exp(rule[origin[:, None] + ahead] + weather[origin - 1][:, None] * fading))

# %% [markdown]
# ## A linear model
# It has the same inputs, and each hour ahead is a weighted sum of them: a network of one dense layer, whose best
# weights on the training set are the solution of linear equations.


# %%
def linear_model(x, target):
    """Return the dense layer with the least squared error."""
    ones = np.ones((len(x), 1))
    weights = np.linalg.lstsq(np.concatenate([x, ones], axis=1).astype(np.float64), target, rcond=None)[0]
    return Dense(weights[:-1], weights[-1])


def forecast(net, part):
    """Return what a network foretells, in megawatts."""
    x, _, level, _ = part
    return (net(x) + 1) * level


found["a linear model"] = errors(forecast(linear_model(*train[:2]), test))

# %% [markdown]
# ## A network
# Two hidden layers. After each epoch it is tried on the hours between the training and the test; five epochs without an
# improvement end the run, and what was best there is taken. The test has no part in that.


# %%
def trained(train, dev):
    optimizer, size = adam(1e-3), 64
    state = start(mlp(64, 64, HORIZON)(net_key, train[0][:1]), optimizer)
    batches = epochs(train[:2], size, batch_key, epochs=N_EPOCHS)
    run = states(train_step(mse, optimizer), state, batches)
    per_epoch = -(-len(train[0]) // size)

    def score(state):
        return mse(state.params(dev[0]), dev[1])

    return best(score, 5)(early_stopping(score, 5)(take_nth(per_epoch, run))).params


net = trained(train, dev)
found["a network"] = errors(forecast(net, test))
found["who knows the rule"] = best_possible

print(f"\nmean absolute error, MW{'mean':>9s}", "".join(f"{h:6d} h" for h in (1, 6, 12, 24)))
for name, each in found.items():
    print(f"{name:23s}{each.mean():9.2f}", "".join(f"{each[h - 1]:8.2f}" for h in (1, 6, 12, 24)))
to_learn = found["as the week before"].mean() - best_possible.mean()
learned = found["as the week before"].mean() - found["a network"].mean()
print(f"of what can be learned beyond the best naive forecast, the network has {learned / to_learn:.0%}")

# %%
if plot and Figure:
    figure = Figure(figsize=(12, 7), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    begin = int(np.argmax(origin % WEEK == 4 * DAY))  # a Friday at 0 o'clock: the weekend is new to the window
    places = begin + np.arange(0, 4 * DAY, DAY)
    shown = np.arange(origin[begin] - SIZE, origin[begin] + 4 * DAY)
    lines = {"what was": power[shown]}
    for name, each in (("a network", forecast(net, test)), ("as the day before", power[origin[:, None] + ahead - DAY])):
        lines[name] = np.concatenate([np.full(SIZE, np.nan), each[places].ravel()])
    plot.curves(top, lines, x=shown / DAY, xlabel="day", ylabel="MW")
    top.set_title("Four forecasts of a day each, made at midnight, from Friday on")
    plot.curves(bottom, found, x=ahead + 1, xlabel="hours ahead", ylabel="mean absolute error, MW")
    bottom.set_title("What each forecast has to beat")
    show(figure, "15_time_series.png")

# %% [markdown]
# ## Levels that were never seen
# What if the windows are not divided by their own mean, but all by one? The training errors are as low. But the town
# has grown, and the network is asked about sizes that it never saw.

# %%
raw = [examples(begin, end, relative=False) for begin, end in pairwise(CUTS)]
raw_net = trained(raw[0], raw[1])
for name, net_of, parts in (("own mean", net, (train, test)), ("one level", raw_net, (raw[0], raw[2]))):
    known, new = [np.abs(forecast(net_of, part) - (part[1] + 1) * part[2]).mean() for part in parts]
    print(f"divided by {name:9s}: error in training {known:.2f}, in the future {new:.2f} MW")

# %% [markdown]
# ## A test that lies
# Which of two networks is better, one with two layers of 64 units, or one with 256 that is trained for longer? Suppose
# that somebody tests them as one tests with tables, on a fifth of the past windows, dealt at random. Each of these
# shares its hours with windows that are trained on, and what it is to foretell is, an hour later, in their input. The
# large network remembers that, and wins the test. In the future, which nobody remembers, it loses.

# %%
past = tuple(np.concatenate(pair) for pair in zip(train, dev, strict=True))
order = permutation(order_key, len(past[0]))
dealt, rest = order[: len(order) // 5], order[len(order) // 5 :]


def percent(net, part):
    """Return the mean absolute error in percent of the mean power."""
    power = (part[1] + 1) * part[2]
    return 100 * np.abs(forecast(net, part) - power).mean() / power.mean()


print(f"\n{'mean error of':22s}windows dealt at random   the future")
for width, learning_rate, n_epochs in ((64, 1e-3, 20), (256, 2e-3, 5 if options.fast else 50)):
    optimizer = adam(learning_rate)
    state = start(mlp(width, width, HORIZON)(net_key, past[0][:1]), optimizer)
    batches = epochs((past[0][rest], past[1][rest]), 64, batch_key, epochs=n_epochs)
    tried = last(states(train_step(mse, optimizer), state, batches)).params
    promised, kept = percent(tried, [part[dealt] for part in past]), percent(tried, test)
    print(f"{width:3d} units, {n_epochs:2d} epochs  {promised:20.1f} % {kept:10.1f} %")

# %% [markdown]
# ## Your turn
# Windows were divided by their own mean. What is more often done is to standardize: write the function that brings each
# column of x to a mean of 0 and a standard deviation of 1, and a constant column to 0. Put it in the place of the line
# that raises; `grade` tells what is wrong with it.
#
# To try: standardize the series by the mean and standard deviation before the first cut; why does that not help a town
# that grows? Take the calendar away; which forecasts get worse, and at which hours? Replace the network by
# `serial(gru(32), last_step, dense(HORIZON))`, which reads the two days hour by hour, `seen[..., None]`; is it better
# at one hour ahead, or at 24?


# %%
def standardize(x):
    raise NotImplementedError


print(grade(standardize=standardize))
