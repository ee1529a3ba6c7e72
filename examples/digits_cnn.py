"""Learn to read handwritten digits with a convolutional network, then look at the filters of its first layer.

    python examples/digits_cnn.py                    1,797 digits of 8x8 pixels that come with the package
    python examples/digits_cnn.py --mnist FOLDER     MNIST's own four files, with LeNet-5 (LeCun et al., 1998)
    python examples/digits_cnn.py --augment          the digits of each batch are shifted at random, in either
    python examples/digits_cnn.py --fast             a few seconds, on some of the digits

Prints the network, its progress and its test accuracy; writes a figure.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from toolz import take_nth

from fnn import (
    Key,
    adam,
    conv,
    cross_entropy,
    dense,
    flatten,
    fold_in,
    inference,
    keep_freed_memory,
    max_pool,
    relu,
    reshape,
    serial,
    split,
    start,
    states,
    summary,
    train_step,
)
from fnn.data import augmented, digits, epochs, mnist, random_shift, train_test_split
from fnn.metrics import accuracy, evaluate
from fnn.optim.schedules import cosine

BATCH_SIZE = 64


def small():
    """Construct two convolutions of 3x3, for images of 8x8."""
    body = conv(16, 3), relu, conv(32, 3), relu, max_pool(2)
    return serial(reshape((8, 8, 1)), *body, flatten, dense(64), relu, dense(10))


def lenet():
    """Construct LeNet-5 for images of 28x28, with relu and max pooling where 1998 had tanh and average pooling."""
    body = conv(6, 5), relu, max_pool(2), conv(16, 5, padding="valid"), relu, max_pool(2)
    return serial(reshape((28, 28, 1)), *body, flatten, dense(120), relu, dense(84), relu, dense(10))


def main() -> None:
    options = arguments()
    keep_freed_memory()  # a step allocates large arrays, and the next one the same again
    init_key, data_key, batch_key = split(Key(options.seed), 3)

    # The data, and a network whose shapes follow from it.
    if options.mnist:
        (train, test), constructor, n_epochs = mnist(options.mnist), lenet(), 10
    else:
        (train, test), constructor, n_epochs = train_test_split(digits(), 0.2, data_key), small(), 40
    if options.fast:
        train, test, n_epochs = (train[0][:600], train[1][:600]), (test[0][:200], test[1][:200]), 5
    n_epochs = options.epochs or n_epochs
    side = math.isqrt(train[0].shape[1])
    # Rows that are never the same twice are learned in more steps.
    batch_size, shift = (BATCH_SIZE // 2, [random_shift(side // 12 or 1)]) if options.augment else (BATCH_SIZE, [])
    net = constructor(init_key, train[0][:1])
    print(f"{len(train[0]):,} digits for training, {len(test[0]):,} for testing\n")
    print(summary(net, train[0][:1]), end="\n\n")

    # Training is a stream of states, one for each step. Once an epoch, measure the current one.
    steps_per_epoch = -(-len(train[0]) // batch_size)
    optimizer = adam(cosine(2e-3, n_epochs * steps_per_epoch))
    step = train_step(cross_entropy, optimizer)
    images = train[0].reshape(-1, side, side, 1), train[1]
    batches = epochs(images, batch_size, batch_key, epochs=n_epochs)
    batches = augmented(batches, fold_in(batch_key, 2**31), *shift)  # an address that no epoch has
    run = states(step, start(net, optimizer), batches)
    losses = []
    for epoch, state in enumerate(take_nth(steps_per_epoch, run)):
        losses.append([evaluate(cross_entropy, inference(state.params), data) for data in (train, test)])
        print(f"epoch {epoch:3d}/{n_epochs} loss: training {losses[-1][0]:.4f}, test {losses[-1][1]:.4f}", flush=True)

    # The result, on digits that the network has not been trained on.
    scores = inference(state.params)(test[0])
    print(f"\ntest accuracy {accuracy(scores, test[1]):.4f}")
    draw(options.out, losses, state.params.layers[1].weight, test, scores)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits with a convolutional network.")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files, gzipped or not")
    parser.add_argument("--augment", action="store_true", help="shift the digits of each batch at random")
    parser.add_argument("--fast", action="store_true", help="600 digits and 5 epochs, to see that it works")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, initial weights and order of rows")
    parser.add_argument("--epochs", type=int, help="number of epochs, by default 40, or 10 on MNIST")
    parser.add_argument("--out", type=Path, default=Path("digits_cnn.png"), metavar="FILE", help="file for the figure")
    options = parser.parse_args()
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    return options


def draw(
    path: Path,
    losses: list[list[float]],
    filters: np.ndarray,
    test: tuple[np.ndarray, np.ndarray],
    scores: np.ndarray,
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

    figure = Figure(figsize=(14, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    training_and_test = dict(zip(("training", "test"), zip(*losses, strict=True), strict=True))
    plot.curves(left, training_and_test, xlabel="epoch", ylabel="cross-entropy", log=True)
    left.set_title("Loss")
    plot.filters(middle, filters)
    middle.set_title("Filters of the first layer")
    if len(misread):
        titles = [f"{label[row]}, read as {predicted[row]}" for row in misread[:12]]
        plot.images(right, x[misread[:12]].reshape(-1, side, side), titles)
    right.set_title(f"{len(misread)} of {len(label):,} test digits are misread")
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
