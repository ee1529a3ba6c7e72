"""Remember two values over a hundred steps: what a plain recurrent network cannot learn, and an LSTM can.

    python examples/adding.py                   a plain recurrent network and an LSTM, sequences of 100 steps; minutes
    python examples/adding.py --cell gru        one of them alone: rnn, lstm or gru
    python examples/adding.py --fast            sequences of 20 steps, in seconds

The adding problem (Hochreiter and Schmidhuber, 1997): each step has a value from [0, 1) and a marker, which is 1 at one
step of each half and 0 elsewhere. The target, at the end, is the sum of the two marked values. Its mean is 1, and
always predicting 1 has a squared error of 1/6 = 0.167: a network that remembers nothing gets no further.
"""

import argparse
from pathlib import Path

import numpy as np

from fnn import (
    Key,
    adam,
    chain,
    clip_by_global_norm,
    dense,
    fold_in,
    gru,
    last_step,
    lstm,
    mse,
    rnn,
    serial,
    split,
    start,
    states,
    train_step,
)
from fnn.core.keys import uniforms
from fnn.optim.schedules import cosine

CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru}
ALWAYS_THE_MEAN = 1 / 6


def main() -> None:
    options = arguments()
    losses = {cell: trained(cell, options) for cell in options.cell}
    print()
    for cell, (_, curve) in losses.items():
        print(f"{cell}: test loss {curve[-1]:.4f}; always predicting the mean has {ALWAYS_THE_MEAN:.4f}")
    draw(options.out, options.length, losses)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to add two values that lie far apart.")
    parser.add_argument("--cell", choices=CELLS, help="the recurrent layer, by default rnn and then lstm")
    parser.add_argument("--length", type=int, help="steps of a sequence, by default 100, or 20 with --fast")
    parser.add_argument("--steps", type=int, help="steps of training, by default 1500, or 500 with --fast")
    parser.add_argument("--fast", action="store_true", help="shorter sequences and fewer steps")
    parser.add_argument("--seed", type=int, default=0, help="seed of the initial weights and all data")
    parser.add_argument("--out", type=Path, default=Path("adding.png"), metavar="FILE", help="file for the figure")
    options = parser.parse_args()
    options.length = (20 if options.fast else 100) if options.length is None else options.length
    options.steps = (500 if options.fast else 1500) if options.steps is None else options.steps
    options.cell = [options.cell] if options.cell else ["rnn", "lstm"]
    if options.length < 2:
        parser.error(f"--length must be at least 2, got {options.length}")
    if options.steps < 1:
        parser.error(f"--steps must be at least 1, got {options.steps}")
    return options


def sequences(key: Key, n: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``n`` sequences (n, length, 2) of values and markers, and the sums of the marked values (n, 1)."""
    values, (first, second) = uniforms(fold_in(key, 0), (n, length)), uniforms(fold_in(key, 1), (2, n))
    half = length // 2
    marked = np.stack([np.floor(first * half), half + np.floor(second * (length - half))], axis=1).astype(int)
    markers = np.zeros((n, length))
    np.put_along_axis(markers, marked, 1.0, axis=1)
    x, target = np.stack([values, markers], axis=2), np.sum(values * markers, axis=1, keepdims=True)
    return x.astype(np.float32), target.astype(np.float32)


def trained(cell: str, options: argparse.Namespace) -> tuple[list[int], list[float]]:
    """Train, and return about twenty steps, the first and the last among them, with the test loss at each."""
    init_key, data_key, test_key = split(Key(options.seed), 3)
    x, target = sequences(test_key, 1000, options.length)
    net = serial(CELLS[cell](32), last_step, dense(1))(init_key, x[:1])
    # Over many time steps a gradient can explode as well as vanish, so its norm is clipped.
    optimizer = chain(clip_by_global_norm(1.0), adam(cosine(1e-2, options.steps)))
    batches = (sequences(fold_in(data_key, step), 50, options.length) for step in range(options.steps))
    run = states(train_step(mse, optimizer), start(net, optimizer), batches)
    steps, curve = [], []
    for state in run:
        if state.step % max(options.steps // 20, 1) == 0 or state.step == options.steps:
            steps.append(state.step)
            curve.append(mse(state.params(x), target))
            print(f"{cell}: step {state.step:4d} of {options.steps}, test loss {curve[-1]:.4f}", flush=True)
    return steps, curve


def draw(path: Path, length: int, losses: dict[str, tuple[list[int], list[float]]]) -> None:
    try:
        from matplotlib.figure import Figure

        from fnn import plot
    except ImportError as missing:
        print(f"\nno figure: {missing}")
        return

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    (steps, _), *_ = losses.values()
    curves = {cell: curve for cell, (_, curve) in losses.items()}
    plot.curves(ax, curves, x=steps, xlabel="step", ylabel="squared error on the test set", log=True)
    ax.axhline(ALWAYS_THE_MEAN, color="gray", linestyle=":", label="always the mean")
    ax.set_title(f"Adding two of {length} values")
    ax.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
