"""Learn to read handwritten digits with a convolutional network, then look at what its first layer looks for.

    python examples/digits_cnn.py                    1,797 digits of 8x8 pixels that come with the package
    python examples/digits_cnn.py --mnist FOLDER     MNIST's own four files, with LeNet-5 (LeCun et al., 1998)
    python examples/digits_cnn.py --fast             a few seconds, on a part of the digits

Prints what the network looks like and how it gets better; writes a picture.
"""

import argparse
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
    inference,
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
from fnn.data import digits, epochs, mnist, train_test_split
from fnn.metrics import accuracy, evaluate
from fnn.optim.schedules import cosine

SIZE = 64


def small():
    """Two convolutions of 3x3, for images of 8x8."""
    body = conv(16, 3), relu, conv(32, 3), relu, max_pool(2)
    return serial(reshape((8, 8, 1)), *body, flatten, dense(64), relu, dense(10))


def lenet():
    """LeNet-5, for images of 28x28; with relu and the maximum, where 1998 had tanh and the mean."""
    body = conv(6, 5), relu, max_pool(2), conv(16, 5, padding="valid"), relu, max_pool(2)
    return serial(reshape((28, 28, 1)), *body, flatten, dense(120), relu, dense(84), relu, dense(10))


def main() -> None:
    options = arguments()
    init_key, data_key, batch_key = split(Key(options.seed), 3)

    # The data, and a network whose shapes follow from it.
    if options.mnist:
        (train, test), constructor, passes = mnist(options.mnist), lenet(), 10
    else:
        (train, test), constructor, passes = train_test_split(digits(), 0.2, data_key), small(), 40
    if options.fast:
        train, test, passes = (train[0][:600], train[1][:600]), (test[0][:200], test[1][:200]), 5
    passes = options.epochs or passes
    net = constructor(init_key, train[0][:1])
    print(f"{len(train[0])} digits to learn from, {len(test[0])} to be tested on\n")
    print(summary(net, train[0][:1]), end="\n\n")

    # Training is a stream of states, one a step. Once an epoch, look at the state that has been reached.
    steps_per_epoch = -(-len(train[0]) // SIZE)
    optimizer = adam(cosine(2e-3, passes * steps_per_epoch))
    step = train_step(cross_entropy, optimizer)
    run = states(step, start(net, optimizer), epochs(train, SIZE, batch_key, epochs=passes))
    history = []
    for epoch, state in enumerate(take_nth(steps_per_epoch, run)):
        history.append([loss(state.params, data) for data in (train, test)])
        print(f"epoch {epoch:3d}/{passes} loss: training {history[-1][0]:.4f}, test {history[-1][1]:.4f}", flush=True)

    # The result, on digits that the network has never seen.
    scores = inference(state.params)(test[0])
    print(f"\ntest accuracy {accuracy(scores, test[1]):.4f}")
    draw(options.out, history, state.params.layers[1].weight, test, scores)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits with a convolutional network.")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files, gzipped or not")
    parser.add_argument("--fast", action="store_true", help="600 digits and 5 epochs, to see that it works")
    parser.add_argument("--seed", type=int, default=0, help="decides the split, first weights and order of rows")
    parser.add_argument("--epochs", type=int, help="passes over the training set: 40, or 10 on MNIST, if not given")
    parser.add_argument("--out", type=Path, default=Path("digits_cnn.png"), help="where to write the picture")
    options = parser.parse_args()
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    return options


def loss(params, data: tuple) -> float:
    return evaluate(cross_entropy, inference(params), data)


def draw(path: Path, history: list, filters: np.ndarray, test: tuple, scores: np.ndarray) -> None:
    try:
        import matplotlib
    except ImportError:
        print('\nthe picture needs matplotlib: pip install "fnn[plot]"')
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    x, target = test
    taken_for = scores.argmax(axis=1)
    mistaken = np.flatnonzero(taken_for != target)[:12]
    side = round(x.shape[1] ** 0.5)

    figure = plt.figure(figsize=(12, 4), layout="constrained")
    grid = figure.add_gridspec(1, 3)
    left, middle, right = [figure.add_subfigure(grid[place]) for place in range(3)]
    curve = left.subplots()
    for name, values in zip(("training", "test"), zip(*history, strict=True), strict=True):
        curve.plot(values, label=name)
    curve.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="Loss of both splits")
    curve.legend(frameon=False)

    middle.suptitle("Filters of the first layer: red is above 0")
    largest = abs(filters).max()
    for place, image in enumerate(middle.subplots(4, 4).flat):
        image.axis("off")
        if place < filters.shape[3]:
            image.imshow(filters[:, :, 0, place], cmap="RdBu_r", vmin=-largest, vmax=largest)

    right.suptitle(f"{np.count_nonzero(taken_for != target)} of {len(target)} digits misread")
    for place, image in enumerate(right.subplots(3, 4).flat):
        image.axis("off")
        if place < len(mistaken):
            row = mistaken[place]
            image.imshow(x[row].reshape(side, side), cmap="gray_r")
            image.set_title(f"{target[row]}, read as {taken_for[row]}", fontsize=8)
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
