# %% [markdown]
"""
# Lesson 16: text, whose sentences have their own lengths

"The room was not bad but the food was dull" and "the room was dull but the food was not bad" have the same words, and
mean opposite things. Which is it: was the guest pleased? A count of words cannot tell; a network that reads the words
one after the other can. Sentences have different lengths and a batch is one array, so the short ones are padded. The
lesson shows that padding changes nothing, to the bit, as long as the lengths go along, what happens when they are
forgotten, and which words the network goes by.

Figures of the tutorials: none; `16_text.png` is of this lesson.

    python examples/16_text.py           the lesson and its figures, 15 seconds
    python examples/16_text.py --fast    fewer sentences and shorter trainings
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
    Serial,
    adam,
    cross_entropy,
    dense,
    embedding,
    global_avg_pool,
    grad,
    gru,
    input_gradient,
    mlp,
    positional,
    serial,
    split,
    start,
    states,
    train_step,
    transformer_block,
    tree,
)
from fnn.core.keys import uniforms
from fnn.data import epochs, pad_rows
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
parser = argparse.ArgumentParser(description="Text, whose sentences have their own lengths.")
parser.add_argument("--seed", type=int, default=0, help="seed of the sentences, the initial weights and their order")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figures")
parser.add_argument("--fast", action="store_true", help="fewer sentences and shorter trainings")
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


text_key, net_key, batch_key, take_key = split(Key(options.seed), 4)
N_TRAIN, N_TEST = (1000, 200) if options.fast else (3000, 1500)

# %% [markdown]
# ## Sentences by a small grammar
# A guest says something of a hotel. "Not" turns an adjective round; after "but" comes what counts, after "although"
# what does not. The phrases at the beginning and at the end mean nothing. Each key makes a sentence, whether its guest
# was pleased, and of which kind it is.

# %%
THINGS = "food", "room", "view", "pool", "garden", "breakfast", "music", "bed", "bath", "staff"
GOOD = "good", "lovely", "fresh", "clean", "warm", "quiet", "bright", "friendly", "perfect", "cheap"
BAD = "bad", "ugly", "stale", "dirty", "cold", "noisy", "dark", "rude", "awful", "expensive"
NOT, VERY = ("not", "never", "hardly"), ("", "", "very", "really", "quite")
OPENINGS = "", "", "when we came in march", "as i told my sister", "after a long day", "they say"
ENDINGS = "", "", "to be honest", "for the whole week", "if you ask me", "in the end"


def sentence(key):
    """Return a sentence, whether it is pleased, 0 or 1, and its kind."""
    draws = iter(uniforms(key, (24,)).tolist())

    def pick(choices):
        return choices[int(next(draws) * len(choices))]

    def clause(pleased):
        negated = next(draws) < 0.4
        adjective = pick(GOOD if pleased != negated else BAD)
        return f"the {pick(THINGS)} was {pick(NOT) if negated else ''} {pick(VERY)} {adjective}", negated

    pleased, form = next(draws) < 0.5, pick(("one", "and", "but", "although first", "although last"))
    (main, negated), (other, also) = clause(pleased), clause(pleased if form == "and" else not pleased)
    said = {
        "one": main,
        "and": f"{main} and {other}",
        "but": f"{other} but {main}",
        "although first": f"although {other} {main}",
        "although last": f"{main} although {other}",
    }[form]
    kind = "one opinion" if form in ("one", "and") else "two opinions"
    kind += ", not" if negated or (form != "one" and also) else ""
    return " ".join(f"{pick(OPENINGS)} {said} {pick(ENDINGS)}".split()), int(pleased), kind


made = {text: (pleased, kind) for text, pleased, kind in map(sentence, split(text_key, 2 * (N_TRAIN + N_TEST)))}
texts = list(made)[: N_TRAIN + N_TEST]  # each once, so that no sentence is in both parts
pleased = np.array([made[text][0] for text in texts])
kinds = np.array([made[text][1] for text in texts])
train, test = slice(N_TRAIN), slice(N_TRAIN, None)
for text in texts[:4]:
    print(f"{'pleased' if made[text][0] else 'not pleased':12s} {text}")

# %% [markdown]
# ## Words as numbers, sentences as rows
# A word is its place in the vocabulary of the training set, and 0 if it is not there. `pad_rows` makes one array of
# sentences of different lengths, and says how long each is. The pair `(x, lengths)` is what layers over time take.

# %%
vocabulary = {word: i for i, word in enumerate(sorted({word for text in texts[train] for word in text.split()}), 1)}
symbols = len(vocabulary) + 1


def ids_of(texts):
    return [np.array([vocabulary.get(word, 0) for word in text.split()]) for text in texts]


ids = ids_of(texts)
x, lengths = pad_rows(ids)
print(f"{len(texts):,} sentences of {lengths.min()} to {lengths.max()} words out of {symbols - 1}: x is {x.shape}")

# %% [markdown]
# ## The bag of words
# How often does each word occur? That is a row of a fixed length, and the usual first thing to try. Linear, it gives
# each word a weight. With a hidden layer it can see that "not" and "bad" are both there. What it cannot see is which
# adjective the "not" belongs to, and on which side of the "but".


# %%
def trained(constructor, data, sample, n_epochs, learning_rate):
    optimizer = adam(learning_rate)
    batches = epochs(data, 64, batch_key, epochs=n_epochs)
    state = start(constructor(net_key, sample), optimizer)
    return last(states(train_step(cross_entropy, optimizer), state, batches)).params


bag = np.stack([np.bincount(row, minlength=symbols) for row in ids]).astype(np.float32)
counts = bag[train], pleased[train]
scores = {
    "bag of words, linear": trained(dense(2), counts, bag[:1], 20, 1e-2)(bag[test]),
    "bag of words, hidden": trained(mlp(64, 2), counts, bag[:1], 20, 3e-3)(bag[test]),
}

# %% [markdown]
# ## Networks that read
# Both begin with an `embedding`, a vector to learn for each word, and end with the mean over the steps that are there:
# `global_avg_pool` of a pair leaves out the padding. In between, one reads word by word and remembers (`gru`), the
# other lets all words look at each other (attention); so that these know their order, the positions are added.

# %%
rows = (x[train], lengths[train]), pleased[train]
sample = x[:1], lengths[:1]
reader = serial(embedding(symbols, 16), gru(16), global_avg_pool, dense(2))
body = embedding(symbols, 32), positional(x.shape[1]), transformer_block(2, 32)
looker = serial(*body, global_avg_pool, dense(2))
net = trained(reader, rows, sample, 6, 4e-2)
attending = trained(looker, rows, sample, 1 if options.fast else 12, 1e-2)
scores["read word by word"] = net((x[test], lengths[test]))
scores["attention"] = attending((x[test], lengths[test]))

all_kinds = sorted(set(kinds.tolist()))
print(f"\naccuracy, held out{'all':>8s}", "".join(f"{kind:>18s}" for kind in all_kinds))
for name, each in scores.items():
    parts = [accuracy(each[kinds[test] == kind], pleased[test][kinds[test] == kind]) for kind in all_kinds]
    print(f"{name:20s}{accuracy(each, pleased[test]):6.3f}", "".join(f"{part:18.3f}" for part in parts))

# %% [markdown]
# ## Padding changes nothing
# Pad the same sentences to three times the length, with any word instead of 0. What the network says is the same to
# the last bit, since nothing beyond a length is ever looked at. The gradient is a sum over sentences and steps, and a
# sum of three times as many terms, most of them 0, is added up in another order: it is the same to rounding. So is what
# the network says of a sentence alone, without padding.

# %%
longer = pad_rows(ids, length=3 * x.shape[1], value=7)[0][test]
target, few = pleased[test][:100], lengths[test][:100]
same = np.array_equal(net((longer, lengths[test])), scores["read word by word"])
gradients = [tree.ravel(grad(cross_entropy, net, ((each[:100], few), target)))[0] for each in (x[test], longer)]
alone = np.concatenate([net(ids[place][None]) for place in range(N_TRAIN, N_TRAIN + 50)])
print(f"\n{longer.shape[1]} steps instead of {x.shape[1]}: what it says is the same to the bit: {same}")
print(f"the gradients differ by {np.abs(gradients[0] - gradients[1]).max():.0e}", end=", ")
print(f"sentences alone by {np.abs(alone - scores['read word by word'][:50]).max():.0e}")

# %% [markdown]
# Forget the lengths, and the network reads the padding too: the mean is over steps that nobody wrote, and the more of
# them, the less is left of the sentence. No error tells.

# %%
print("without the lengths, accuracy", end="")
forgotten = {time: accuracy(net(pad_rows(ids[test], length=time)[0]), pleased[test]) for time in (x.shape[1], 40, 80)}
print("".join(f"  {found:.3f} with {time} steps" for time, found in forgotten.items()))

# %% [markdown]
# ## Which words does it go by?
# A word cannot be changed by a little, but its vector can. So the network without its first layer gets the vectors, and
# `input_gradient` has the slope of the loss with each. Vector times slope says, in a first approximation, what the loss
# would lose without the word. But to leave out a word is no small change. So beside it stands what costs one more
# evaluation for each word, and is no approximation: leave out each in turn, and see what becomes of the loss.


# %%
def by_gradient(texts, pleased):
    """Return for each sentence what each of its words changes, as the gradient has it."""
    x, lengths = pad_rows(ids_of(texts))
    vectors, _ = pair = net.layers[0]((x, lengths))
    slopes, _ = input_gradient(cross_entropy, Serial(net.layers[1:]), (pair, pleased))
    return [row[:n] for row, n in zip(np.abs((vectors * slopes).sum(axis=2)), lengths, strict=True)]


def without(text, place):
    words = text.split()
    return " ".join([*words[:place], *words[place + 1 :]])


def by_leaving_out(texts, pleased):
    """Return for each sentence by how much the score of the truth is lower without each of its words."""
    cuts = [without(text, place) for text in texts for place in range(len(text.split()))]
    lengths = np.array([len(text.split()) for text in texts])
    of_cut, of_whole = (net(pad_rows(ids_of(each))) for each in (cuts, texts))
    sign = 2 * pleased - 1
    whole, cut = sign * (of_whole[:, 1] - of_whole[:, 0]), np.repeat(sign, lengths) * (of_cut[:, 1] - of_cut[:, 0])
    return np.split(np.repeat(whole, lengths) - cut, np.cumsum(lengths)[:-1])


few = slice(N_TRAIN, N_TRAIN + 200)
held_out, truth = texts[few], pleased[few]
before = net((x[few], lengths[few])).argmax(axis=1)
choices = {
    "at random": [int(draw * n) for draw, n in zip(uniforms(take_key, (200,)), lengths[few], strict=True)],
    "that the gradient picks": [int(np.argmax(each)) for each in by_gradient(held_out, truth)],
    "that is missed most": [int(np.argmax(each)) for each in by_leaving_out(held_out, truth)],
}
changed = {}
for name, places in choices.items():
    cut = pad_rows(ids_of(map(without, held_out, places)))
    changed[name] = (net(cut).argmax(axis=1) != before).mean()
    print(f"without the word {name:24s} it changes its mind on {changed[name]:.0%} of the sentences")
missed = [text.split()[place] for text, place in zip(held_out, choices["that is missed most"], strict=True)]
words, often = np.unique(missed, return_counts=True)
print("most often missed:", ", ".join(words[np.argsort(-often, kind="stable")][:8]))

# %%
if plot and Figure:
    chosen = [
        "the room was not bad but the food was awful",
        "the room was awful but the food was not bad",
        "although the bath was cold the view was lovely",
        "the bath was cold although the view was lovely",
        "when we came in march the staff was never rude",
        "the music was very noisy to be honest",
    ]
    seen_as = net(pad_rows(ids_of(chosen))).argmax(axis=1)
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    missing = [np.maximum(each, 0) / each.max() for each in by_leaving_out(chosen, np.array([0, 1, 1, 0, 1, 0]))]
    strength, _ = pad_rows(missing)
    left.imshow(strength, cmap="Oranges", vmin=0, vmax=2, aspect="auto")  # to half of the colors: words stay readable
    for row, text in enumerate(chosen):
        for column, word in enumerate(text.split()):
            left.text(column, row, word, ha="center", va="center", fontsize=9)
    left.set_xticks([])
    left.set_yticks(range(len(chosen)), ["pleased" if each else "not pleased" for each in seen_as])
    left.spines[:].set_visible(False)
    left.set_title("Which words would be missed, and what the network says")
    given = attending.layers[1](attending.layers[0](np.array(ids_of(chosen[:1]))))
    norm, attention = attending.layers[2].layers[0].body.layers
    plot.attention(right, attention, norm(given)[0], symbols=chosen[0].split())
    right.set_title("Which word looks at which, first head")
    show(figure, "16_text.png")

# %% [markdown]
# ## Your turn
# What reads word by word has learned by a gradient that goes back word by word. Write that of the simplest such layer,
# h = tanh(x[:, t] @ input_weight + h @ hidden_weight + bias): from x (n, time, features), and dy, the gradient of h
# after each step, (n, time, units), to the gradients of the three parameters and of x. Put it in the place of the line
# that raises; `grade` tells what is wrong with it.
#
# To try: replace `global_avg_pool` by `last_step` in the reader; does it learn as fast, and why does the mean help?
# Take `positional` out of the network with attention; which kinds of sentences does it then get wrong? Take "hardly"
# out of the training set alone; what becomes of a word that was never seen, and what of one that was never seen with
# "but"?


# %%
def rnn_backward(x, input_weight, hidden_weight, bias, dy):
    raise NotImplementedError


print(grade(rnn_backward=rnn_backward))
