"""Train to the accuracies that the README claims, next to scikit-learn on the same rows, and print one table.

python -m tests.bench.accuracy                     the embedded digits and the moons
python -m tests.bench.accuracy --mnist FOLDER      MNIST's files too
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, stdev

from toolz import last

from examples.digits_cnn import lenet
from fnn import Key, adam, cross_entropy, dense, fold_in, mlp, relu, serial, sgd, split, start, states, train_step
from fnn.data import augmented, digits, epochs, mnist, moons, random_shift, train_test_split
from fnn.layers.initializers import glorot_uniform, normal, zeros
from fnn.metrics import accuracy
from fnn.optim.schedules import cosine


def trained(constructor, optimizer, train, test, size, count, init_key, batch_key) -> float:
    state = start(constructor(init_key, train[0][:1]), optimizer)
    batches = epochs(train, size, batch_key, epochs=count)
    final = last(states(train_step(cross_entropy, optimizer), state, batches))
    return accuracy(final.params(test[0]), test[1])


def sklearn_mlp(hidden, train, test, seed, **options) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(MLPClassifier(hidden, random_state=seed, **options).fit(*train).score(*test))


def digits_64(seed: int) -> tuple[float, float]:
    init_key, data_key, batch_key = split(Key(seed), 3)
    train, test = train_test_split(digits(), 0.2, data_key)
    ours = trained(mlp(64, 10), adam(2e-3), train, test, 64, 100, init_key, batch_key)
    return ours, sklearn_mlp((64,), train, test, seed, max_iter=500)


def mnist_32_16(folder: Path, seed: int) -> tuple[float, float]:
    init_key, batch_key = split(Key(seed), 2)
    train, test = mnist(folder)
    ours = trained(mlp(32, 16, 10), adam(1e-3), train, test, 64, 20, init_key, batch_key)
    return ours, sklearn_mlp((32, 16), train, test, seed, max_iter=20, batch_size=64)


def mnist_lenet(folder: Path, size: int, pixels: int, seed: int) -> tuple[float, None]:
    """LeNet-5 for 10 epochs, as ``examples/digits_cnn.py --mnist FOLDER`` has it, with images shifted at random."""
    init_key, _, batch_key = split(Key(seed), 3)
    (x, label), test = mnist(folder)
    optimizer = adam(cosine(2e-3, 10 * -(-len(x) // size)))
    batches = epochs((x.reshape(-1, 28, 28, 1), label), size, batch_key, epochs=10)
    shifted = augmented(batches, fold_in(batch_key, 2**31), random_shift(pixels))
    state = start(lenet()(init_key, x[:1]), optimizer)
    return accuracy(last(states(train_step(cross_entropy, optimizer), state, shifted)).params(test[0]), test[1]), None


def moons_64(rate: float, weight: Callable, bias: Callable, seed: int) -> tuple[float, None]:
    """The tutorial's recipe; it sums gradients over a batch of 10 where we average, so its rate counts tenfold."""
    init_key, data_key, split_key, batch_key = split(Key(seed), 4)
    train, test = train_test_split(moons(5000, 0.1, data_key), 0.25, split_key)
    constructor = serial(dense(64, weight, bias), relu, dense(2, weight, bias))
    return trained(constructor, sgd(10 * rate), train, test, 10, 10, init_key, batch_key), None


def main() -> None:
    parser = argparse.ArgumentParser(description="Train to the accuracies that the README claims.")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    folder = parser.parse_args().mnist
    experiments: list[tuple[str, Callable, int]] = [
        ("digits, 64 units", digits_64, 5),
        ("digits, 64 units", digits_64, 20),
        ("moons, rate 1e-2", partial(moons_64, 1e-2, glorot_uniform, zeros), 20),
        ("moons, rate 1e-4, randn weights", partial(moons_64, 1e-4, normal, normal), 20),
    ]
    if folder:
        experiments.append(("MNIST, 784-32-16-10", partial(mnist_32_16, folder), 3))
        experiments.append(("MNIST, LeNet-5", partial(mnist_lenet, folder, 64, 0), 2))
        experiments.append(("MNIST, LeNet-5, images shifted", partial(mnist_lenet, folder, 32, 2), 2))
    print(f"{'test accuracy, mean +- std':<34}{'seeds':>6}{'fnn':>18}{'scikit-learn':>18}")
    for name, run, seeds in experiments:
        ours, theirs = zip(*map(run, range(seeds)), strict=True)
        columns = [f"{mean(a):.4f} +- {stdev(a):.4f}" if a[0] is not None else "-" for a in (ours, theirs)]
        print(f"{name:<34}{seeds:>6}" + "".join(f"{column:>18}" for column in columns), flush=True)


if __name__ == "__main__":
    main()
