"""Who is timed: each library in its fastest ordinary idiom. A runner is ``workload, data -> run``, ``run() -> steps``.

Every one gathers a batch at a time in an order drawn anew for each epoch; no one shuffles a full batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, islice, pairwise

import attrs
import numpy as np

from tests.bench.workloads import RATE, Workload, loss_of

Run = Callable[[], int]


def _index(workload: Workload, generator: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        order = generator.permutation(workload.rows)
        for begin in range(0, workload.rows, workload.size):
            yield order[begin : begin + workload.size]


def fnn(workload: Workload, data: tuple) -> Run:
    from toolz import last, take

    from fnn import Key, keep_freed_memory, mlp, sgd, start, states, train_step
    from fnn.data import epochs

    keep_freed_memory()
    optimizer = sgd(RATE)
    step = train_step(loss_of(workload), optimizer)
    state = start(mlp(*workload.widths[1:])(Key(0), data[0][:1]), optimizer)

    def run() -> int:
        batches = take(workload.steps, epochs(data, workload.size, Key(1)))
        last(states(step, state, batches))
        return workload.steps

    return run


def torch(workload: Workload, data: tuple) -> Run:
    import torch

    layers = []
    for i, o in pairwise(workload.widths):
        layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    x, target = map(torch.from_numpy, data)

    def index() -> Iterator:
        while True:
            yield from torch.randperm(workload.rows).split(workload.size)

    def run() -> int:
        for rows in islice(index(), workload.steps) if workload.size < workload.rows else range(workload.steps):
            batch, label = (x, target) if workload.size >= workload.rows else (x[rows], target[rows])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(batch), label).backward()
            optimizer.step()
        return workload.steps

    return run


def jax(workload: Workload, data: tuple) -> Run:
    import jax
    import jax.numpy as jnp

    generator = np.random.default_rng(0)
    pairs = pairwise(workload.widths)
    first = [
        (generator.standard_normal((i, o)).astype(np.float32) / np.sqrt(i), np.zeros(o, np.float32)) for i, o in pairs
    ]

    def loss(params, x, target):
        *hidden, (weight, bias) = params
        for w, b in hidden:
            x = jax.nn.relu(x @ w + b)
        scores = jax.nn.log_softmax(x @ weight + bias)
        return -jnp.mean(jnp.take_along_axis(scores, target[:, None], axis=1))

    def descend(params, x, target):
        grads = jax.grad(loss)(params, x, target)
        return jax.tree.map(lambda p, g: p - RATE * g, params, grads)

    on_batch = jax.jit(descend, donate_argnums=0)
    on_rows = jax.jit(lambda params, x, target, rows: descend(params, x[rows], target[rows]), donate_argnums=0)
    x, target = jnp.asarray(data[0]), jnp.asarray(data[1].astype(np.int32))

    def run() -> int:
        params = jax.tree.map(jnp.array, first)
        if workload.size >= workload.rows:
            for _ in range(workload.steps):
                params = on_batch(params, x, target)
        else:
            for rows in islice(_index(workload, generator), workload.steps):
                params = on_rows(params, x, target, rows.astype(np.int32))
        jax.block_until_ready(params)
        return workload.steps

    return run


def sklearn(workload: Workload, data: tuple) -> Run:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    def run() -> int:
        net = MLPClassifier(
            workload.widths[1:-1], solver="sgd", momentum=0.0, alpha=0.0, learning_rate_init=RATE, tol=0.0,
            batch_size=workload.size, max_iter=workload.epochs, n_iter_no_change=10**6,
            shuffle=workload.size < workload.rows,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            net.fit(*data)
        return workload.whole_steps

    return run


def by_hand(workload: Workload, data: tuple) -> Run:
    """The same step without a library: all parameters in one vector, and the products written into its gradient."""
    generator = np.random.default_rng(0)
    sizes = [size for i, o in pairwise(workload.widths) for size in (i * o, o)]
    ends = list(accumulate(sizes, initial=0))
    vector, gradient = np.zeros((2, ends[-1]), np.float32)
    layers = []
    for place, (i, o) in enumerate(pairwise(workload.widths)):
        begin, middle, end = ends[2 * place : 2 * place + 3]
        weight, dweight = (each[begin:middle].reshape(i, o) for each in (vector, gradient))
        weight[:] = generator.standard_normal((i, o)) / np.sqrt(i)
        layers.append((weight, vector[middle:end], dweight, gradient[middle:end]))
    x, target = data
    ones, counting = np.ones(workload.size, np.float32), np.arange(workload.size)

    def step(x: np.ndarray, target: np.ndarray) -> float:
        n, inputs = len(x), [x]
        for weight, bias, _, _ in layers[:-1]:
            x = x @ weight
            x += bias
            inputs.append(np.maximum(x, 0, out=x))
        weight, bias, _, _ = layers[-1]
        dy = x @ weight
        dy += bias
        dy -= dy.max(axis=1, keepdims=True)
        np.exp(dy, out=dy)
        sums, rows = dy.sum(axis=1), counting[:n]
        loss = float(np.log(sums / dy[rows, target]).mean())
        dy /= (n * sums)[:, None]
        dy[rows, target] -= 1 / n
        for place in range(len(layers) - 1, -1, -1):
            weight, _, dweight, dbias = layers[place]
            np.dot(inputs[place].T, dy, out=dweight)
            np.dot(ones[:n], dy, out=dbias)
            if place:
                dy = dy @ weight.T
                dy *= inputs[place] > 0
        vector[:] -= RATE * gradient
        return loss

    def run() -> int:
        if workload.size >= workload.rows:
            for _ in range(workload.steps):
                step(x, target)
        else:
            for rows in islice(_index(workload, generator), workload.steps):
                step(x[rows], target[rows])
        return workload.steps

    return run


RUNNERS = {"fnn": fnn, "by hand": by_hand, "torch": torch, "jax.jit": jax, "sklearn": sklearn}
_MOONS = Workload("moons", (2, 64, 2), rows=3750, size=10, steps=7500, runners=RUNNERS)
_MNIST = Workload("mnist", (784, 32, 16, 10), rows=60_000, size=64, steps=1876, runners=RUNNERS)
_WIDE = Workload("wide", (784, 512, 512, 10), rows=60_000, size=128, steps=100, runners=RUNNERS)
_FULL = Workload("full", (784, 32, 16, 10), rows=41_000, size=41_000, steps=4, runners=RUNNERS)
PERCEPTRONS = (
    _MOONS,
    _MNIST,
    _WIDE,
    _FULL,
    attrs.evolve(_WIDE, name="wide, 2", shards=2, workers=2),
    attrs.evolve(_FULL, name="full, 64", shards=64),
    attrs.evolve(_FULL, name="full, 16, 2", shards=16, workers=2),
)
