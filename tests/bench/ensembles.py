"""Many networks of one architecture, each with its own shuffle: as an ensemble, vectorized elsewhere, one at a time.

A time is that of a step of one network. ``jax.scan`` has the whole run in one compiled ``lax.scan`` over ``vmap``, the
orders of all its batches drawn before; ``torch.func`` stacks modules and maps their gradient; both update with one
operation a leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import attrs
import numpy as np

from tests.bench import runners
from tests.bench.workloads import RATE, Workload

Run = Callable[[], int]


@attrs.frozen
class Many(Workload):
    """``members`` networks that take ``steps`` steps each; one at a time, a few of them do."""

    members: int = attrs.field(kw_only=True)


def _orders(workload: Many, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the rows of each member's next batch, (members, size), without an end."""
    whole = workload.rows - workload.rows % workload.size
    while True:
        each = np.stack([generator.permutation(workload.rows)[:whole] for _ in range(workload.members)])
        yield from each.reshape(workload.members, -1, workload.size).swapaxes(0, 1)


def _first(workload: Many) -> list[tuple[np.ndarray, np.ndarray]]:
    generator, n = np.random.default_rng(0), workload.members
    layers = []
    for i, o in pairwise(workload.widths):
        weight = generator.standard_normal((n, i, o), dtype=np.float32) / np.sqrt(i, dtype=np.float32)
        layers.append((weight, np.zeros((n, o), np.float32)))
    return layers


def fnn(workload: Many, data: tuple) -> Run:
    from toolz import last, take

    from fnn import Key, cross_entropy, ensemble, keep_freed_memory, mlp, sgd, split, start, states, train_step
    from fnn.data import epochs

    keep_freed_memory()
    optimizer, keys = sgd(RATE), split(Key(1), workload.members)
    step = train_step(cross_entropy, optimizer)
    state = start(ensemble(mlp(*workload.widths[1:]), workload.members)(Key(0), data[0][:1]), optimizer)

    def run() -> int:
        last(states(step, state, take(workload.steps, epochs(data, workload.size, keys))))
        return workload.steps * workload.members

    return run


def alone(workload: Many, data: tuple) -> Run:
    return runners.fnn(workload, data)


def jax_scan(workload: Many, data: tuple) -> Run:
    import jax
    import jax.numpy as jnp

    def loss(params, x, target):
        *hidden, (weight, bias) = params
        for w, b in hidden:
            x = jax.nn.relu(x @ w + b)
        scores = jax.nn.log_softmax(x @ weight + bias)
        return -jnp.mean(jnp.take_along_axis(scores, target[:, None], axis=1))

    x, target = jnp.asarray(data[0]), jnp.asarray(data[1].astype(np.int32))

    def descend(params, rows):
        grads = jax.grad(loss)(params, x[rows], target[rows])
        return jax.tree.map(lambda p, g: p - RATE * g, params, grads)

    @jax.jit
    def whole(params, orders):
        return jax.lax.scan(lambda params, rows: (jax.vmap(descend)(params, rows), None), params, orders)[0]

    orders, first = _orders(workload, np.random.default_rng(0)), _first(workload)

    def run() -> int:
        rows = np.stack(list(islice(orders, workload.steps))).astype(np.int32)
        jax.block_until_ready(whole(first, rows))
        return workload.steps * workload.members

    return run


def torch_func(workload: Many, data: tuple) -> Run:
    import torch

    def module() -> torch.nn.Module:
        layers = []
        for i, o in pairwise(workload.widths):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    nets = [module() for _ in range(workload.members)]
    stacked, buffers = torch.func.stack_module_state(nets)
    x, target = map(torch.from_numpy, data)

    def loss(params, buffers, x, target):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(nets[0], (params, buffers), (x,)), target)

    gradient = torch.func.vmap(torch.func.grad(loss))
    orders = _orders(workload, np.random.default_rng(0))

    def run() -> int:
        params = {name: leaf.detach().clone() for name, leaf in stacked.items()}
        with torch.no_grad():
            for rows in map(torch.from_numpy, islice(orders, workload.steps)):
                grads = gradient(params, buffers, x[rows], target[rows])
                params = {name: leaf - RATE * grads[name] for name, leaf in params.items()}
        return workload.steps * workload.members

    return run


ENSEMBLE_RUNNERS = {
    "fnn": fnn, "alone": alone, "jax.scan": jax_scan, "torch.func": torch_func, "torch": runners.torch,
}  # fmt: skip
ENSEMBLES = (
    Many("ensemble", (2, 64, 2), rows=3750, size=10, steps=375, runners=ENSEMBLE_RUNNERS, members=100),
    Many("digits x 32", (784, 32, 16, 10), rows=6400, size=64, steps=100, runners=ENSEMBLE_RUNNERS, members=32),
)
