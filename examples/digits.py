"""Learn to read handwritten digits in seconds, then look at the ones that the network misreads.

    python examples/digits.py                    1,797 digits of 8x8 pixels that come with the package
    python examples/digits.py --mnist FOLDER     MNIST's own four files, with the network 784-32-16-10

Prints the network, its progress, its test accuracy and which digits it confuses; writes a figure.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from toolz import take_nth

from fnn import Key, adam, cross_entropy, dense, inference, relu, serial, split, start, states, summary, train_step
from fnn.data import digits, epochs, mnist, train_test_split
from fnn.metrics import accuracy, confusion_matrix


def main() -> None:
    options = arguments()
    init_key, data_key, batch_key = split(Key(options.seed), 3)

    # The data, and a network whose shapes follow from it.
    if options.mnist:
        train, test = mnist(options.mnist)
        constructor = serial(dense(32), relu, dense(16), relu, dense(10))
    else:
        train, test = train_test_split(digits(), 0.2, data_key)
        constructor = serial(dense(64), relu, dense(10))
    x = train[0]
    net = constructor(init_key, x[:1])
    print(f"{len(x):,} digits for training, {len(test[0]):,} for testing, {x.shape[1]} pixels each\n")
    print(summary(net, x), end="\n\n")

    # Training is a stream of states, one for each step. Once an epoch, measure the current one.
    n_epochs = options.epochs or (20 if options.mnist else 100)
    optimizer = adam(1e-3 if options.mnist else 2e-3)
    step = train_step(cross_entropy, optimizer)
    run = states(step, start(net, optimizer), epochs(train, 64, batch_key, epochs=n_epochs))
    steps_per_epoch = -(-len(x) // 64)
    losses = []
    for epoch, state in enumerate(take_nth(steps_per_epoch, run)):
        losses.append((loss(state.params, train), loss(state.params, test)))
        if epoch % max(n_epochs // 20, 1) == 0:
            print_progress(epoch, n_epochs, *losses[-1])

    # The result, on digits that the network has not been trained on.
    scores = inference(state.params)(test[0])
    print(f"\ntest accuracy {accuracy(scores, test[1]):.4f}\n")
    print_confusion(confusion_matrix(scores, test[1]))
    draw(options.out, losses, test, scores)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits.")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files, gzipped or not")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, initial weights and order of rows")
    parser.add_argument("--epochs", type=int, help="number of epochs, by default 100, or 20 on MNIST")
    parser.add_argument("--out", type=Path, default=Path("digits.png"), metavar="FILE", help="file for the figure")
    options = parser.parse_args()
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    return options


def loss(params, data: tuple[np.ndarray, np.ndarray]) -> float:
    x, label = data
    return cross_entropy(inference(params)(x), label)


def print_progress(epoch: int, n_epochs: int, training: float, test: float) -> None:
    bar = ("#" * round(30 * epoch / n_epochs)).ljust(30)
    print(f"epoch {epoch:3d}/{n_epochs} [{bar}] loss: training {training:.4f}, test {test:.4f}", flush=True)


def print_confusion(counts: np.ndarray) -> None:
    print("how often each digit (row) was read as which (column)")
    print("    " + "".join(f"{digit:5d}" for digit in range(10)))
    for digit, row in enumerate(counts):
        print(f"{digit:4d}" + "".join(f"{count or '.':>5}" for count in row))


def draw(
    path: Path, losses: list[tuple[float, float]], test: tuple[np.ndarray, np.ndarray], scores: np.ndarray
) -> None:
    try:
        from matplotlib.figure import Figure

        from fnn import plot
    except ImportError as missing:
        print(f"\nno figure: {missing}")
        return

    (x, label), predicted = test, scores.argmax(axis=1)
    misread = np.flatnonzero(predicted != label)
    side = math.isqrt(x.shape[1])

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    training_and_test = dict(zip(("training", "test"), zip(*losses, strict=True), strict=True))
    plot.curves(left, training_and_test, xlabel="epoch", ylabel="cross-entropy", log=True)
    left.set_title("Loss")
    if len(misread):
        titles = [f"{label[row]}, read as {predicted[row]}" for row in misread[:15]]
        plot.images(right, x[misread[:15]].reshape(-1, side, side), titles)
    right.set_title(f"{len(misread)} of {len(label):,} test digits are misread")
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
