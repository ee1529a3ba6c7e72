"""Kill a training run, several times, resume it, and see that it ends at the same bits.

    python examples/resume.py                   a run of 3,000 steps that is killed three times
    python examples/resume.py --fast            a run of 300 steps that is killed once, in seconds
    python examples/resume.py --out run.fnn     keep the file with the final state

Every random number of a run has an address, its seed and its step, so a checkpoint needs no generator's state to resume
from; and a file is replaced whole or not at all, so a process may die at any moment, also while it saves.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from toolz import last, take

from fnn import (
    Key,
    State,
    adam,
    checkpointed,
    cross_entropy,
    dense,
    dropout,
    inference,
    load,
    relu,
    serial,
    split,
    start,
    states,
    train_step,
    tree,
)
from fnn.data import digits, epochs, train_test_split
from fnn.metrics import accuracy

Rows = tuple[np.ndarray, np.ndarray]


def main() -> None:
    options = arguments()
    if options.worker:
        for state in run(options.worker, options):
            print(state.step, flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        show(Path(folder) / "whole.fnn", options.out or Path(folder) / "run.fnn", options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill a run, resume it from its file, and end at the same bits.")
    parser.add_argument("--fast", action="store_true", help="a short run, killed once")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, initial weights, batches and dropout")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file for the run; without it, no file is kept")
    # For the processes that this one starts:
    parser.add_argument("--worker", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.out and options.out.exists():
        parser.error(f"--out must be a new file, and {options.out} is there already")
    options.steps, options.every, options.kills = (300, 10, [104]) if options.fast else (3000, 50, [731, 1498, 2222])
    return options


def data(options: argparse.Namespace) -> tuple[Rows, Rows]:
    return train_test_split(digits(), 0.2, split(Key(options.seed), 4)[0])


def run(path: Path, options: argparse.Namespace) -> Iterator[State]:
    """Return the stream of the run's states, from the beginning or from its file, saved as it goes by."""
    _, init_key, batch_key, noise_key = split(Key(options.seed), 4)
    (x, label), _ = data(options)
    optimizer = adam(1e-3)
    if options.resume:
        state = load(path)
    else:
        state = start(serial(dense(128), relu, dropout(0.2), dense(10))(init_key, x[:1]), optimizer)
    step = train_step(cross_entropy, optimizer, noise_key)
    batches = take(options.steps - state.step, epochs((x, label), 32, batch_key, start=state.step))
    return checkpointed(path, every=options.every)(states(step, state, batches))


def show(whole_path: Path, path: Path, options: argparse.Namespace) -> None:
    print(
        f"A run of {options.steps} steps on handwritten digits, with dropout and Adam, saved every {options.every}.\n"
    )
    whole = last(run(whole_path, options))
    print(f"never killed: {described(whole, options)}")

    command = [sys.executable, __file__, "--seed", str(options.seed), *["--fast"] * options.fast, "--worker", str(path)]
    for kill in options.kills:
        reached = killed(command, kill)
        print(f"killed after it reported step {reached}; the file holds step {load(path).step}")
        command = [*command, "--resume"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    resumed = load(path)
    print(f"resumed:      {described(resumed, options)}\n")

    if not tree.equal((whole.params, whole.opt), (resumed.params, resumed.opt)):
        raise SystemExit("The two are NOT the same.")
    print("The two are the same to the bit: all parameters, and Adam's moments of their gradients.")
    if options.out:
        print(f"wrote {path}")


def killed(command: list[str], after: int) -> int:
    """Start a process that trains, kill it when it has reported so many steps, and return the last it reported."""
    reached = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            reached = int(line)
            if reached == after:
                process.kill()  # SIGKILL, where there are signals: the process gets no chance to clean up
    return reached


def described(state: State, options: argparse.Namespace) -> str:
    _, (x, label) = data(options)
    correct = accuracy(inference(state.params)(x), label)
    return f"step {state.step}, test accuracy {correct:.4f}, parameters {digest(state)}"


def digest(state: State) -> str:
    return hashlib.sha256(b"".join(leaf.tobytes() for leaf in tree.leaves(state.params))).hexdigest()[:16]


if __name__ == "__main__":
    main()
