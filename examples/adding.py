"""Remember two numbers over a hundred steps: what a plain recurrent network cannot learn, and an LSTM can.

    python examples/adding.py                   a plain recurrent network and an LSTM, sequences of 100 steps; minutes
    python examples/adding.py --cell gru        one of them alone: rnn, lstm or gru
    python examples/adding.py --fast            sequences of 20 steps, in seconds

The adding problem (Hochreiter and Schmidhuber, 1997): at each step there is a number from [0, 1) and a marker, which
is 1 at one step of each half and else 0. The answer, at the end, is the sum of the two numbers that were marked. To
answer 1 whatever comes, the mean, has a squared error of 1/6 = 0.167: that is where a network begins that forgets.
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
    curves = {cell: losses(cell, options) for cell in options.cell}
    print()
    for cell, (_, curve) in curves.items():
        print(f"{cell}: test loss {curve[-1]:.4f}, where always answering the mean has {ALWAYS_THE_MEAN:.4f}")
    draw(options.out, options.length, curves)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to add two numbers that lie far apart.")
    parser.add_argument("--cell", choices=CELLS, help="the kind of recurrent layer; rnn, then lstm, if not given")
    parser.add_argument("--length", type=int, help="steps of a sequence: 100, or 20 with --fast, if not given")
    parser.add_argument("--steps", type=int, help="steps of training: 1500, or 500 with --fast, if not given")
    parser.add_argument("--fast", action="store_true", help="a shorter sequence and fewer steps")
    parser.add_argument("--seed", type=int, default=0, help="decides the first weights and all the data")
    parser.add_argument("--out", type=Path, default=Path("adding.png"), help="where to write the picture")
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
    """Give ``n`` sequences (n, length, 2) of values and markers, and what the marked values add up to (n, 1)."""
    values, (first, second) = uniforms(fold_in(key, 0), (n, length)), uniforms(fold_in(key, 1), (2, n))
    half = length // 2
    marked = np.stack([np.floor(first * half), half + np.floor(second * (length - half))], axis=1).astype(int)
    markers = np.zeros((n, length))
    np.put_along_axis(markers, marked, 1.0, axis=1)
    x, target = np.stack([values, markers], axis=2), np.sum(values * markers, axis=1, keepdims=True)
    return x.astype(np.float32), target.astype(np.float32)


def losses(cell: str, options: argparse.Namespace) -> tuple[list[int], list[float]]:
    """Train, and give the steps, about twenty of them and the first and last, and the loss on a test set at each."""
    init_key, data_key, test_key = split(Key(options.seed), 3)
    x, target = sequences(test_key, 1000, options.length)
    net = serial(CELLS[cell](32), last_step, dense(1))(init_key, x[:1])
    # Through many steps a gradient can grow as well as vanish: its norm is kept from above.
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


def draw(path: Path, length: int, curves: dict) -> None:
    try:
        import matplotlib
    except ImportError:
        print('\nthe picture needs matplotlib: pip install "fnn[plot]"')
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for cell, (steps, curve) in curves.items():
        axes.plot(steps, curve, label=cell)
    axes.axhline(ALWAYS_THE_MEAN, color="gray", linestyle=":", label="always the mean")
    axes.set(xlabel="steps of training", ylabel="squared error on the test set", yscale="log")
    axes.set_title(f"Adding two numbers from {length} steps")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
