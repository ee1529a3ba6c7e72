"""Learn to read handwritten digits in seconds, then look at the ones that were misread.

    python examples/digits.py                    1,797 digits of 8x8 pixels that come with the package
    python examples/digits.py --mnist FOLDER     MNIST's own four files, with the network 784-32-16-10

Prints what the network looks like, how it gets better, and which digits it takes for which; writes a picture.
"""

import argparse
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
    print(f"{len(x)} digits to learn from, {len(test[0])} to be tested on, {x.shape[1]} pixels each\n")
    print(summary(net, x), end="\n\n")

    # Training is a stream of states, one a step. Once an epoch, look at the state that has been reached.
    passes = options.epochs or (20 if options.mnist else 100)
    optimizer = adam(1e-3 if options.mnist else 2e-3)
    step = train_step(cross_entropy, optimizer)
    run = states(step, start(net, optimizer), epochs(train, 64, batch_key, epochs=passes))
    steps_per_epoch = -(-len(x) // 64)
    history = []
    for epoch, state in enumerate(take_nth(steps_per_epoch, run)):
        history.append(losses(state.params, train, test))
        if epoch % max(passes // 20, 1) == 0:
            print_progress(epoch, passes, history[-1])

    # The result, on digits that the network has never seen.
    scores = inference(state.params)(test[0])
    print(f"\ntest accuracy {accuracy(scores, test[1]):.4f}\n")
    print_confusion(confusion_matrix(scores, test[1]))
    draw(options.out, history, test, scores)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits.")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="a folder with MNIST's four files, gzipped or not")
    parser.add_argument(
        "--seed", type=int, default=0, help="decides the split, the first weights and the order of rows"
    )
    parser.add_argument("--epochs", type=int, help="passes over the training set: 100, or 20 on MNIST, if not given")
    parser.add_argument("--out", type=Path, default=Path("digits.png"), help="where to write the picture")
    options = parser.parse_args()
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    return options


def losses(params, train, test) -> tuple[float, float]:
    net = inference(params)
    return cross_entropy(net(train[0]), train[1]), cross_entropy(net(test[0]), test[1])


def print_progress(epoch: int, of: int, measured: tuple[float, float]) -> None:
    bar = ("#" * round(30 * epoch / of)).ljust(30)
    print(f"epoch {epoch:3d}/{of} [{bar}] loss: training {measured[0]:.4f}, test {measured[1]:.4f}", flush=True)


def print_confusion(counts: np.ndarray) -> None:
    print("what it is (down) and what it was taken for (across)")
    print("    " + "".join(f"{digit:5d}" for digit in range(10)))
    for digit, row in enumerate(counts):
        print(f"{digit:4d}" + "".join(f"{count or '.':>5}" for count in row))


def draw(path: Path, history: list, test: tuple, scores: np.ndarray) -> None:
    try:
        import matplotlib
    except ImportError:
        print('\nthe picture needs matplotlib: pip install "fnn[plot]"')
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    x, target = test
    taken_for = scores.argmax(axis=1)
    mistaken = np.flatnonzero(taken_for != target)[:15]
    side = round(x.shape[1] ** 0.5)

    figure = plt.figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.add_gridspec(1, 2, width_ratios=(1, 1.25))
    curve = figure.add_subplot(left)
    for name, values in zip(("training", "test"), zip(*history, strict=True), strict=True):
        curve.plot(values, label=name)
    curve.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="Loss of both splits")
    curve.legend(frameon=False)
    grid = right.subgridspec(3, 5)
    for place, row in enumerate(mistaken):
        image = figure.add_subplot(grid[place // 5, place % 5])
        image.imshow(x[row].reshape(side, side), cmap="gray_r")
        image.set_title(f"{target[row]}, read as {taken_for[row]}", fontsize=9)
        image.axis("off")
    figure.suptitle(f"{np.count_nonzero(taken_for != target)} of {len(target)} digits misread")
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
