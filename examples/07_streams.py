# %% [markdown]
"""
# Lesson 7: training is a stream of states, and a callback is a function on it

Other libraries have a loop that takes your callbacks as objects with methods for its beginning and its end. Here
training is a lazy stream, and each element is a state, a value that never changes. Early stopping ends the stream,
averaging maps over it, a checkpoint saves what goes by, and the best state so far is `min`. A step of training is a
composition as well: one function of your own fits between its parts.

Figures of the tutorials: none; `07_streams.png` is of this lesson.

    python examples/07_streams.py           the lesson and its figure, 10 seconds
    python examples/07_streams.py --fast    the same with fewer steps
"""

# %%
import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from toolz import compose_left, curry, last, pipe, sliding_window
from toolz.curried import drop, take, take_nth

from fnn import (
    Diverged,
    Key,
    adam,
    checkpointed,
    cross_entropy,
    dense,
    differentiated,
    early_stopping,
    ema,
    finite,
    fold_in,
    history,
    load,
    relu,
    serial,
    sgd,
    split,
    start,
    states,
    tap,
    train_step,
    tree,
    until,
    updated,
)
from fnn.core.keys import normals
from fnn.data import epochs, moons, train_test_split
from fnn.metrics import accuracy
from fnn.optim.schedules import exponential
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="Training is a stream of states.")
parser.add_argument("--seed", type=int, default=0, help="seed of the data, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="fewer steps")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)
steps = 300 if options.fast else 2000

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
# ## A run is a function that returns a stream
# Nothing is computed until somebody asks for an element, and a stream is read once. So a run is a function: call it
# again and it runs again, the same to the bit.

# %%
data_key, split_key, net_key, batch_key, noise_key = split(Key(options.seed), 5)
train, test = train_test_split(moons(300, 0.25, data_key), 0.5, split_key)
net = serial(dense(64), relu, dense(64), relu, dense(2))(net_key, train[0])


def run(step, optimizer):
    return states(step, start(net, optimizer), epochs(train, 15, batch_key))


def test_loss(state):
    return cross_entropy(state.params(test[0]), test[1])


optimizer = adam(1e-2)
step = train_step(cross_entropy, optimizer)
final: Any = pipe(run(step, optimizer), take(steps + 1), last)
print(f"after {final.step} steps: loss {final.loss:.4f} on its batch, {test_loss(final):.4f} on the test set")

# %% [markdown]
# ## Watching
# `tap` calls a function on every n-th state and passes all of them on; `until` ends the stream. The function cannot do
# any harm: a state is read-only.

# %%
pipe(
    run(step, optimizer),
    tap(lambda state: print(f"  step {state.step}: test loss {test_loss(state):.4f}"), every=steps // 4),
    until(lambda state: state.step == steps),
    last,
)

# %% [markdown]
# ## Early stopping, and the best so far
# Every tenth state is tested, and where twenty tests in a row are no better than the best, the stream ends. The best of
# them is `min` with the same score: states share nothing that could change, so a snapshot is a variable.

# %%
tested: Any = pipe(run(step, optimizer), take_nth(10), early_stopping(test_loss, patience=20), take(steps // 10), list)
best = min(tested, key=test_loss)
print(f"\nstopped at step {tested[-1].step}; the best was step {best.step}, with a test loss of {test_loss(best):.4f}")

# %% [markdown]
# ## Averaging
# An exponential moving average of the weights is steadier than the weights of any step. `ema` returns a stream of the
# same states with the averages as parameters; training goes on from the others.


# %%
def measured(stream) -> Any:
    return pipe(stream, take(steps + 1), take_nth(10), history(step=lambda state: state.step, loss=test_loss))


each, average = measured(run(step, optimizer)), measured(ema(0.99)(run(step, optimizer)))
half = len(each["step"]) // 2
late = [float(np.mean(curve["loss"][half:])) for curve in (each, average)]
print(f"mean test loss in the second half of the run: of the states {late[0]:.4f}, of their average {late[1]:.4f}")

# %% [markdown]
# ## Checkpoints
# `checkpointed` passes a state on only after it is safe on disk. What `load` returns is the state, to the bit; and
# because batches and random numbers are addressed by the step, a run that is resumed from it ends where the other one
# did.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "moons.safetensors"
    pipe(run(step, optimizer), checkpointed(path, every=50), until(lambda state: state.step == steps // 2), last)
    halfway: Any = load(path)
rest = epochs(train, 15, batch_key, start=halfway.step)
resumed: Any = pipe(states(step, halfway, rest), take(steps - halfway.step + 1), last)
same = tree.equal(resumed.params, final.params)
print(f"resumed at step {halfway.step}: the same weights as without the interruption, to the bit: {same}")

# %% [markdown]
# ## A step taken apart
# `train_step` is a composition of three public functions, and so is this one: evaluate the network and the loss and
# pull the gradient back; raise `Diverged` if the loss is not finite; update the parameters.

# %%
composed = compose_left(differentiated(cross_entropy), finite, updated(optimizer))
again: Any = pipe(run(composed, optimizer), take(steps + 1), last)
print(f"\nthe composition gives the weights of train_step, to the bit: {tree.equal(again.params, final.params)}")

# %% [markdown]
# Between two of them goes a function of your own, from `(state, value, gradient)` to the same. This one adds normal
# noise to the gradient, with a variance that falls as training goes on (Neelakantan et al., 2015). The noise is
# addressed by the step like everything random here, so this run can be repeated and resumed too.


# %%
@curry
def noisy(variance, key, evaluated):
    state, value, gradient = evaluated
    vector, unravel = tree.ravel(gradient)
    std = np.sqrt(variance / (1 + state.step) ** 0.55)
    noise = std * normals(fold_in(key, state.step), vector.shape)
    return state, value, unravel(vector + noise.astype(vector.dtype))


with_noise = compose_left(differentiated(cross_entropy), noisy(1e-4, noise_key), finite, updated(optimizer))
disturbed = measured(run(with_noise, optimizer))
print(f"test loss, lowest and last: {min(each['loss']):.4f} and {each['loss'][-1]:.4f}; with noise ", end="")
print(f"{min(disturbed['loss']):.4f} and {disturbed['loss'][-1]:.4f}")

# %% [markdown]
# ## Which learning rate? A range test
# Increase the learning rate a little at each step, from too small to too large, and look at the loss (Smith, 2017). A
# schedule is a function of the step. A run that diverges raises an error with its step and its last good state.


# %%
def until_diverged(stream):
    try:
        yield from stream
    except Diverged as error:
        print(f"  {error}")


tests = 200
schedule = exponential(1e-4, 1e6 ** (1 / tests))
curve: Any = pipe(
    run(train_step(cross_entropy, sgd(schedule)), sgd(schedule)),
    until_diverged,
    drop(1),
    take(tests),
    history(loss=lambda state: state.loss, learning_rate=lambda state: schedule(state.step - 1)),
)

# %% [markdown]
# The loss of a batch of 15 rows is noisy. Its mean over a sliding window of ten steps is clearer.

# %%
smooth = [float(np.mean(window)) for window in sliding_window(10, curve["loss"])]
learning_rates = curve["learning_rate"][9:]
lowest = learning_rates[int(np.argmin(smooth))]
print(
    f"\nthe loss falls up to a learning rate of {lowest:.2g}; a tenth of that is a cautious choice, {lowest / 10:.2g}"
)
cautious = sgd(lowest / 10)
chosen: Any = pipe(run(train_step(cross_entropy, cautious), cautious), take(steps + 1), last)
print(f"accuracy with it after {steps} steps: {accuracy(chosen.params(test[0]), test[1]):.3f}, ", end="")
print(f"with adam: {accuracy(final.params(test[0]), test[1]):.3f}")

# %% [markdown]
# ## The figure

# %%
if plot and Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = {"states": each["loss"], "moving average": average["loss"], "with gradient noise": disturbed["loss"]}
    plot.curves(left, curves, x=each["step"], xlabel="step", ylabel="test cross-entropy")
    left.axvline(best.step, color="gray", linestyle=":")
    left.annotate(
        "the best", (best.step, left.get_ylim()[1]), ha="left", va="top", xytext=(3, -3), textcoords="offset points"
    )
    left.set_title("Early stopping, averaging and gradient noise")
    clipped = [min(value, 2.0) for value in smooth]
    plot.curves(right, {"mean of ten steps": clipped}, x=learning_rates, xlabel="learning rate", ylabel="cross-entropy")
    right.axvline(lowest / 10, color="gray", linestyle=":")
    right.set(xscale="log", title="Learning-rate range test")
    show(figure, "07_streams.png")

# %% [markdown]
# ## Your turn
# Write a step with momentum: from a parameter, its gradient and its velocity to the next parameter and velocity. Like
# everything in a stream, they are new values: nothing is changed. Put it in the place of the line that raises; `grade`
# tells what is wrong with it.


# %%
def momentum_step(p, g, v, learning_rate, momentum):
    raise NotImplementedError


print(grade(momentum_step=momentum_step))
