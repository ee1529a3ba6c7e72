# %% [markdown]
"""
# Lesson 14: what a network looks at, and what fools it

Training asks which weights would lower the loss. The same pullbacks answer another question: which pixels would? The
gradient by the input says where a network looks, and it shows how little it takes to fool it. A network that reads 96
of 100 digits is wrong about most of them after a change that nobody would call another digit. The lesson looks at a
network while it learns and after it has learned, checks whether what seems to matter does, finds the smallest change
that fools it, and trains one that is harder to fool.

Figures of the tutorials: none; `14_what_it_looks_at.png`, `14_what_it_looks_at_inside.png` and
`14_what_it_looks_at_fooled.png` are of this lesson.

    python examples/14_what_it_looks_at.py           the lesson and its figures, 10 seconds
    python examples/14_what_it_looks_at.py --fast    shorter trainings
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from toolz import last

from fnn import (
    Key,
    adam,
    cross_entropy,
    dense,
    ensemble,
    input_gradient,
    mlp,
    numeric,
    replicate,
    split,
    start,
    states,
    train_step,
    vjp,
    watch,
)
from fnn.core.keys import normals, permutation, uniforms
from fnn.data import digits, epochs, train_test_split
from fnn.metrics import accuracy
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
parser = argparse.ArgumentParser(description="What a network looks at, and what fools it.")
parser.add_argument("--seed", type=int, default=0, help="seed of the split, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="shorter trainings")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
N_EPOCHS = 4 if options.fast else 30


def show(figure, name):
    """Write the figure into the folder --out; in a notebook, show it below its cell."""
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    if notebook:
        from IPython.display import Image, display  # pyright: ignore[reportMissingImports]

        display(Image(filename=options.out / name))
    else:
        print(f"wrote {options.out / name}")


split_key, net_key, batch_key, noise_key = split(Key(options.seed), 4)
train, test = train_test_split(digits(), 0.25, split_key)
x, labels = test

# %% [markdown]
# ## Inside, while it learns
# `watch` is a function on the stream of states, as in lesson 7. Every so many steps it calls `diagnose` on some rows,
# and gives what that finds to a function, here `append` of a list. The states go by as they are. So afterwards there is
# a network, and beside it the story of each of its layers: how large the weights, outputs and gradients were, and which
# units did nothing on any row.

# %%
optimizer = adam(3e-3)
seen = []
batches = epochs(train, 32, batch_key, epochs=N_EPOCHS)
state = start(mlp(128, 64, 10)(net_key, train[0]), optimizer)
some = train[0][:200], train[1][:200]
run = states(train_step(cross_entropy, optimizer), state, batches)
net = last(watch(10, some, seen.append)(run)).params

for look in (seen[0], seen[-1]):
    weights = [leaf for leaf in look.found.leaves if leaf.path.endswith("weight")]
    dead = [layer.dead for layer in look.found.layers if layer.dead is not None]
    print(f"step {look.step:4d}: gradients", " ".join(f"{leaf.gradient:.1e}" for leaf in weights), end="; ")
    print("dead", " ".join(f"{fraction:.0%}" for fraction in dead))
print(f"accuracy on {len(x)} test digits: {accuracy(net(x), labels):.3f}")

# %%
if plot and Figure:
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    for ax, what in zip(figure.subplots(1, 3), ("gradient", "weight", "saturated"), strict=True):
        plot.watched(ax, seen, what)
    figure.suptitle("Each layer, step by step")
    show(figure, "14_what_it_looks_at_inside.png")

# %% [markdown]
# ## The gradient by the input
# Backward, each layer gets `dy`, and its pullback returns the gradient of its weights and `dx`, which is the `dy` of
# the layer before. The `dx` of the first layer nobody needs for training, so it is a function that nobody calls.
# `input_gradient` calls it: the slope of the loss with respect to each pixel. Central differences find the same.

# %%
net64 = mlp(128, 64, 10)(net_key, x[:1].astype(np.float64))
row, label = x[:1].astype(np.float64), labels[:1]
slope = input_gradient(cross_entropy, net64, (row, label))
slope_by_differences = numeric.gradient(lambda row: cross_entropy(net64(row), label), row)
print(f"by differences it is the same to {np.abs(slope - slope_by_differences).max():.0e}")


def saliency(net, x, labels):
    """Return how much the loss of each row would change with each pixel: the size of the slope."""
    return np.abs(input_gradient(cross_entropy, net, (x, labels))) * len(x)  # the loss is a mean over the rows


# %% [markdown]
# ## Does it look where it seems to?
# A bright pixel in a map of slopes only says that the loss is steep there, and such pictures persuade easily. A test
# that can fail: set to their mean value the pixels with the largest gradient times deviation from the mean, and as many
# at random. If the first were no better a choice than the second, the map would say nothing.

# %%
mean = train[0].mean(axis=0)
rank_of_effect = np.argsort(np.argsort(-input_gradient(cross_entropy, net, (x, net(x).argmax(axis=1))) * (mean - x)))
rank_at_random = np.stack([permutation(key, 64) for key in split(noise_key, len(x))])
COUNTS = [0, 2, 4, 8, 12, 16]
farthest = np.argsort(np.argsort(-np.abs(mean - x)))
without = {
    name: [accuracy(net(np.where(rank < count, mean, x)), labels) for count in COUNTS]
    for name, rank in (
        ("by the gradient", rank_of_effect),
        ("farthest from the mean", farthest),
        ("at random", rank_at_random),
    )
}
print("\naccuracy without pixels", " ".join(f"{count:5d}" for count in COUNTS))
for name, found in without.items():
    print(f"{name:23s}", " ".join(f"{each:.3f}" for each in found))

# %% [markdown]
# ## A step in the worst direction
# Add a little to each pixel, or take it away: up to 0.1 where white is 1. In a random direction nothing happens. In the
# direction in which the loss rises, all 64 little changes add up: x + size sign(slope), the fast gradient sign method
# (Goodfellow et al., 2015). It is one step of gradient ascent on the input, where training takes steps of descent on
# the weights. Pixels stay between 0 and 1.


# %%
def fast_gradient_sign(net, x, labels, size):
    slope = input_gradient(cross_entropy, net, (x, labels))
    return np.clip(x + np.float32(size) * np.sign(slope), 0, 1)


def random_signs(x, size, key):
    return np.clip(x + np.float32(size) * np.sign(uniforms(key, x.shape) - 0.5).astype(np.float32), 0, 1)


SIZES = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3]


def accuracies(net):
    """Return the accuracy after a step of each size, in the worst direction and in a random one."""
    worst = [accuracy(net(fast_gradient_sign(net, x, labels, size)), labels) for size in SIZES]
    return worst, [accuracy(net(random_signs(x, size, noise_key)), labels) for size in SIZES]


worst, random = accuracies(net)
print("\nsize of the step       ", " ".join(f"{size:5.2f}" for size in SIZES))
print("in a random direction  ", " ".join(f"{each:.3f}" for each in random))
print("in the worst direction ", " ".join(f"{each:.3f}" for each in worst))

# %% [markdown]
# ## The smallest change that fools it
# How far is a digit from the border of its class? If the scores were linear in x, with the difference d of the score of
# another class and that of its own, and w the slope of d, the nearest point of the border would be x - d w / |w|^2, at
# the distance |d| / |w|. A network is not linear, but in a small neighborhood it nearly is: take the nearest of the
# nine borders, step onto it, look at the slopes there, and go on until the class changes. That is DeepFool
# (Moosavi-Dezfooli et al., 2016). It steps 2 % too far each time, to cross the border, and lets pixels be a little
# below 0 or above 1. Where the borders bend that may be too far by more, so the last part of the way is gone back, by
# halving. The slopes of all ten scores are ten calls of one pullback: forward once, backward once for each class.


# %%
def slopes_of_scores(net, x):
    """Return the scores (n, classes), and the slope of each with respect to x (classes, n, pixels)."""
    scores, pullback = vjp(net, x)
    each_class = np.eye(scores.shape[1], dtype=scores.dtype)
    return scores, np.stack([pullback(np.tile(row, (len(x), 1)))[1]() for row in each_class])


def step_to_the_border(net, x, own):
    """Return the step from each row to the nearest border of its class, as if the scores were linear."""
    scores, slopes = slopes_of_scores(net, x)
    rows = np.arange(len(x))
    d, w = scores.T - scores[rows, own], slopes - slopes[own, rows]
    length = np.linalg.norm(w, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(length > 0, np.abs(d) / length, np.inf)  # its own class is no border
    nearest = distance.argmin(axis=0)
    w, length = w[nearest, rows], length[nearest, rows]
    return (distance[nearest, rows] / length)[:, None] * w


def deep_fool(net, x, limit=20):
    """Return the rows, changed by little, in which the network sees another class than in x, and the steps it took."""
    own = net(x).argmax(axis=1)
    fooled, going, steps = x, np.ones(len(x), bool), 0
    while going.any() and steps < limit:
        step = np.float32(1.02) * step_to_the_border(net, fooled, own)
        fooled, steps = np.where(going[:, None], fooled + step, fooled), steps + 1
        going = net(fooled).argmax(axis=1) == own
    low, high = np.zeros((len(x), 1), np.float32), np.ones((len(x), 1), np.float32)
    for _ in range(10):
        middle = (low + high) / 2
        same = (net(x + middle * (fooled - x)).argmax(axis=1) == own)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return x + high * (fooled - x), steps


right = net(x).argmax(axis=1) == labels
digit, truth = x[right], labels[right]
fooled, steps = deep_fool(net, digit)
print(f"\nDeepFool: {steps} steps at most, fooled on {(net(fooled).argmax(axis=1) != truth).mean():.0%} of the digits")
distance = np.linalg.norm(fooled - digit, axis=1)
nearest = [np.linalg.norm(digit - one, axis=1)[truth != other].min() for one, other in zip(digit, truth, strict=True)]
print(f"median distance to what fools it {np.median(distance):.2f}, to the nearest digit of another class", end=" ")
print(f"{np.median(nearest):.2f}, and the length of a digit is {np.median(np.linalg.norm(digit, axis=1)):.2f}")
anywhere = normals(noise_key, digit.shape).astype(np.float32)
anywhere *= (distance / np.linalg.norm(anywhere, axis=1))[:, None]
print(f"as far in a random direction it is fooled on {(net(digit + anywhere).argmax(axis=1) != truth).mean():.1%}")

# %% [markdown]
# Of a network without a hidden layer the scores are linear, and one step must end on the border: there, two scores are
# equal. So the arithmetic can be checked.

# %%
line = dense(10)(net_key, x.astype(np.float64))
onto = digit.astype(np.float64)
scores = np.sort(line(onto + step_to_the_border(line, onto, line(onto).argmax(axis=1))), axis=1)
print(f"on the border of a linear network the two highest scores differ by {(scores[:, -1] - scores[:, -2]).max():.0e}")

# %%
if plot and Figure:
    chosen = np.sort(np.argsort(distance)[len(distance) // 2 - 5 : len(distance) // 2 + 5])  # those around the median
    rows = {
        "digits": (digit, truth),
        "what the loss looks at": (saliency(net, digit, truth), truth),
        "a step of 0.1 in the worst direction": 2 * (fast_gradient_sign(net, digit, truth, 0.1),),
        "the smallest step that fools it": 2 * (fooled,),
    }
    figure = Figure(figsize=(11, 6.6), layout="compressed")
    for ax, (title, (pixels, titles)) in zip(figure.subplots(4, 1), rows.items(), strict=True):
        seen_as = titles if titles.ndim == 1 else net(titles).argmax(axis=1)
        shown = np.maximum(pixels[chosen] / pixels[chosen].max(axis=1, keepdims=True), 0)
        plot.images(ax, shown.reshape(-1, 8, 8), seen_as[chosen], marked=seen_as[chosen] != truth[chosen], columns=10)
        ax.set_title(title + ("" if titles.ndim == 1 else ", and what it sees"), fontsize=10)
    show(figure, "14_what_it_looks_at.png")

# %% [markdown]
# ## What fools one fools others
# Is it an accident of one network? Five others, of other initial weights, trained as one (lesson 13): `input_gradient`
# of an ensemble has the slopes of each member on its own rows, here the same. They look at much the same pixels. And
# what was made to fool the first network fools many of them: someone who wants to fool a network need not have it.

# %%
N_OTHERS = 5
keys = split(batch_key, N_OTHERS)
others = ensemble(mlp(128, 64, 10), N_OTHERS)(noise_key, train[0])
steps = states(train_step(cross_entropy, optimizer), start(others, optimizer), epochs(train, 32, keys, epochs=N_EPOCHS))
others = last(steps).params


def of_others(x):
    """Return the accuracy of each of the others on rows."""
    return [accuracy(scores, labels) for scores in others(replicate(x, N_OTHERS))]


slopes = input_gradient(cross_entropy, others, replicate((x, labels), N_OTHERS))
own = input_gradient(cross_entropy, net, (x, labels))
alike = [np.corrcoef(np.sign(each).ravel(), np.sign(own).ravel())[0, 1] for each in slopes]
print(
    f"\nfive others: the signs of their slopes correlate with those of the first, {min(alike):.2f} to {max(alike):.2f}"
)
for name, rows in (
    ("digits", x),
    ("a random step of 0.2", random_signs(x, 0.2, noise_key)),
    ("a step of 0.2 against the first", fast_gradient_sign(net, x, labels, 0.2)),
):
    first = accuracy(net(rows), labels)
    print(f"{name:32s} accuracy of the others {np.mean(of_others(rows)):.3f}, of the first {first:.3f}")

# %% [markdown]
# ## A network that is harder to fool
# A step of training is a function of a state and a batch, so the batch can be made worse on its way: half of its rows
# take a step against the network as it is now, and it learns from these too. That costs one more gradient a step.


# %%
def against(state, batch):
    """Return the batch with its first half moved in the worst direction, as the network is now."""
    x, labels = batch
    half = len(x) // 2
    worse = fast_gradient_sign(state.params, x[:half], labels[:half], 0.15)
    return state, (np.concatenate([worse, x[half:]]), labels)


plain_step = train_step(cross_entropy, optimizer)


def hardened_step(state, batch):
    return plain_step(*against(state, batch))


batches = epochs(train, 32, batch_key, epochs=N_EPOCHS)
hardened = last(states(hardened_step, state, batches)).params
after, _ = accuracies(hardened)
print("\nsize of the step         ", " ".join(f"{size:5.2f}" for size in SIZES))
print("trained on digits        ", " ".join(f"{each:.3f}" for each in worst))
print("and on what would fool it", " ".join(f"{each:.3f}" for each in after))
still_right = hardened(x).argmax(axis=1) == labels
harder = np.linalg.norm(deep_fool(hardened, x[still_right])[0] - x[still_right], axis=1)
print(f"median distance to what fools it {np.median(harder):.2f}, before {np.median(distance):.2f}")

# %%
if plot and Figure:
    figure = Figure(figsize=(14, 4), layout="constrained")
    left, middle, right_side = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
    plot.curves(left, without, x=COUNTS, xlabel="pixels set to their mean", ylabel="accuracy")
    left.set_title("Does it look there?")
    found = {
        "random direction": random,
        "worst direction": worst,
        "worst direction, hardened": after,
    }
    plot.curves(middle, found, x=SIZES, xlabel="size of the step", ylabel="accuracy")
    middle.set_title("Steps that fool it")
    pictures = np.concatenate([saliency(each, digit[chosen[:8]], truth[chosen[:8]]) for each in (net, hardened)])
    pictures = np.concatenate([digit[chosen[:8]], pictures / pictures.max(axis=1, keepdims=True)])
    plot.images(right_side, pictures.reshape(-1, 8, 8), columns=8)
    right_side.set_title("Digits, slopes, slopes when hardened")
    show(figure, "14_what_it_looks_at_fooled.png")

# %% [markdown]
# ## Your turn
# On its way back to the pixels the gradient passes each relu. Write what it becomes there: dx from x, what came in, and
# dy, the gradient of what went out. At 0, relu is flat. Put it in the place of the line that raises; `grade` tells what
# is wrong with it.
#
# To try: replace `mlp(128, 64, 10)` by a convolution (`examples/digits_cnn.py`); is it harder to fool, and where does
# it look? The fast gradient sign method takes one step: take ten of a tenth of the size, each clipped to lie within the
# whole step (Madry et al., 2018); how much lower does the accuracy of the hardened network get? And go down instead of
# up, from noise: what does the network take for a perfect 3?


# %%
def relu_pullback(x, dy):
    raise NotImplementedError


print(grade(relu_pullback=relu_pullback))
