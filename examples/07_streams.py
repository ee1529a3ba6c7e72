"""Lesson 7: training is a stream of states, and a callback is a function on it.

Other libraries have a loop that you hand your wishes to, as objects with methods for its beginning and its end. Here
the loop is a stream that you hold in your hands: each element is a state, a value that stays as it is. Early stopping
ends a stream, averaging changes its elements, saving looks at them as they pass, and the best so far is ``min``.

    python examples/07_streams.py           the lesson and its picture, 5 seconds
    python examples/07_streams.py --fast    the same with fewer steps
"""

# %% What can be chosen
import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from toolz import drop, last, pipe, take
from toolz.curried import take_nth

import fnn
from fnn import (
    Diverged,
    Key,
    adam,
    checkpointed,
    cross_entropy,
    dense,
    early_stopping,
    ema,
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
    until,
)
from fnn.data import epochs, moons, train_test_split
from fnn.metrics import accuracy
from fnn.optim.schedules import exponential

parser = argparse.ArgumentParser(description="Training is a stream of states.")
parser.add_argument("--seed", type=int, default=0, help="decides the data, the first weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="fewer steps")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
steps = 300 if options.fast else 2000

try:
    from matplotlib.figure import Figure

    from fnn import plot
except ImportError as missing:
    print(f"without pictures: {missing}")
    plot = Figure = None

# %% A run is a function that gives a stream
# Nothing is computed until somebody asks for an element, and a stream is read once. So a run is a function: call it
# again and it goes again, the same to the last bit.
data_key, split_key, net_key, batch_key = split(Key(options.seed), 4)
train, test = train_test_split(moons(300, 0.25, data_key), 0.5, split_key)
net = serial(dense(64), relu, dense(64), relu, dense(2))(net_key, train[0])


def run(optimizer):
    return states(train_step(cross_entropy, optimizer), start(net, optimizer), epochs(train, 15, batch_key))


def test_loss(state):
    return cross_entropy(state.params(test[0]), test[1])


usual = adam(1e-2)
final: Any = pipe(run(usual), lambda stream: take(steps + 1, stream), last)
print(f"after {final.step} steps: loss {final.loss:.4f} on its batch, {test_loss(final):.4f} on the test set")

# %% To look at states as they pass
# ``tap`` calls a function on every so-manieth state and hands on all of them. Nothing can go wrong by looking: a state
# cannot be changed.
pipe(
    run(usual),
    tap(lambda state: print(f"  step {state.step}: test loss {test_loss(state):.4f}"), every=steps // 4),
    until(lambda state: state.step == steps),
    last,
)

# %% Early stopping, and the best so far
# Every tenth state is looked at; where twenty looks in a row were no better than the best, the stream ends. The best of
# them is ``min`` with the same score: since states share nothing that could change, a snapshot is a variable.
looks: list[Any] = list(
    pipe(run(usual), take_nth(10), early_stopping(test_loss, 20), lambda stream: take(steps // 10, stream))
)
best = min(looks, key=test_loss)
print(f"\nstopped at step {looks[-1].step}; the best was step {best.step}, with a test loss of {test_loss(best):.4f}")


# %% Averaging
# The mean of the weights along the way is steadier than any of its steps. It is a stream with other parameters.
def measured(stream) -> Any:
    return pipe(take(steps + 1, stream), take_nth(10), history(step=lambda state: state.step, loss=test_loss))


each, average = measured(run(usual)), measured(ema(0.99)(run(usual)))
half = len(each["step"]) // 2
late = [float(np.mean(curve["loss"][half:])) for curve in (each, average)]
print(f"mean test loss in the second half of the run: of the states {late[0]:.4f}, of their average {late[1]:.4f}")

# %% Checkpoints
# A state is handed on only after it is safe on disk. What is loaded is the state, to the bit; and because batches and
# noise are addressed by the step, a run that goes on from it ends where the other one did.
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "moons.safetensors"
    pipe(run(usual), checkpointed(path, every=50), until(lambda state: state.step == steps // 2), last)
    halfway: Any = load(path)
rest = epochs(train, 15, batch_key, start=halfway.step)
resumed: Any = last(states(train_step(cross_entropy, usual), halfway, take(steps - halfway.step, rest)))
same = fnn.tree.equal(resumed.params, final.params)
print(f"resumed at step {halfway.step}: the same weights as without the stop, to the bit: {same}")


# %% Which learning rate? A range test
# Let the rate grow a little at each step, from too small to too large, and watch the loss (L. Smith, 2017). A schedule
# is a function of the step; a run that leaves the finite numbers says so and hands over its last good state.
def until_it_breaks(stream):
    try:
        yield from stream
    except Diverged as error:
        print(f"  {error}")


tests = 200
rate = exponential(1e-4, 1e6 ** (1 / tests))
curve: Any = pipe(
    run(sgd(rate)),
    until_it_breaks,
    lambda stream: take(tests, drop(1, stream)),
    history(loss=lambda state: state.loss, rate=lambda state: rate(state.step - 1)),
)
smooth = [float(np.mean(curve["loss"][max(i - 10, 0) : i + 1])) for i in range(len(curve["loss"]))]
lowest = curve["rate"][int(np.argmin(smooth))]
print(f"\nthe loss falls until the rate is {lowest:.2g}; a tenth of that is a cautious choice, {lowest / 10:.2g}")
print(f"accuracy with it after {steps} steps: ", end="")
chosen: Any = last(take(steps + 1, run(sgd(lowest / 10))))
print(f"{accuracy(chosen.params(test[0]), test[1]):.3f}, with adam: {accuracy(final.params(test[0]), test[1]):.3f}")

# %% The picture
if plot and Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = {"each state": each["loss"], "average of the states": average["loss"]}
    plot.curves(left, curves, x=each["step"], xlabel="step", ylabel="test cross-entropy")
    left.axvline(best.step, color="gray", linestyle=":")
    left.annotate(
        "the best", (best.step, left.get_ylim()[1]), ha="left", va="top", xytext=(3, -3), textcoords="offset points"
    )
    left.set_title("Early stopping and averaging")
    finite = [min(value, 2.0) if math.isfinite(value) else 2.0 for value in smooth]
    plot.curves(right, {"loss, mean of ten": finite}, x=curve["rate"], xlabel="learning rate", ylabel="cross-entropy")
    right.axvline(lowest / 10, color="gray", linestyle=":")
    right.set(xscale="log", title="Learning-rate range test")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "07_streams.png", dpi=120)
    print(f"wrote {options.out / '07_streams.png'}")
