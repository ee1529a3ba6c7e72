"""Train one network on all workers of a Dask cluster together, and a population of ensembles, each on one of them.

    python examples/cluster.py                        a cluster of two processes on this machine
    python examples/cluster.py tcp://10.0.0.5:8786    the cluster of this scheduler, on whose workers fnn is installed
    python examples/cluster.py --fast --kill          shorter, and a worker is killed in the middle of it

Both end at the bits of the same run in this process: the gradient of a batch depends on the number of its shards, and a
network of a population on its key, and neither on who computed it. BLAS must have one thread everywhere, so start the
workers with OPENBLAS_NUM_THREADS=1. What a step sends and receives is measured, and how long it takes, for that decides
what a cluster is good for: one network pays for all its parameters at every step, a population pays once.

A worker that dies takes nothing with it: Dask gives its work to another one. When all are gone, the run waits for a
minute and ends in an error; with --out FILE the same command then goes on from the last checkpoint.
"""

import argparse
import hashlib
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported; the processes of a local cluster inherit it

import numpy as np
from toolz import last, pipe, take

from fnn import (
    Ensemble,
    Key,
    State,
    adam,
    checkpointed,
    cross_entropy,
    fit,
    load,
    members,
    mlp,
    progress,
    sharded,
    split,
    start,
    states,
    sweep,
    tap,
    together,
    train_step,
    tree,
    value_and_grad,
)
from fnn.data import digits, epochs, train_test_split
from fnn.metrics import accuracy

Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]


def main() -> None:
    options = arguments()
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise SystemExit('this example needs Dask: pip install "fnn[parallel]"') from None
    if options.scheduler:
        with Client(options.scheduler) as client:
            show(client, options)
        return
    local: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=options.workers, **local) as cluster, Client(cluster) as client:
        show(client, options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One network, and then a population, on a Dask cluster.")
    parser.add_argument("scheduler", nargs="?", help="its address; without one, a cluster of this machine")
    parser.add_argument("--workers", type=int, default=2, help="processes of the cluster of this machine")
    parser.add_argument("--shards", type=int, default=4, help="parts of a batch; these decide the bits, workers do not")
    parser.add_argument("--rows", type=int, default=1024, help="rows of a batch")
    parser.add_argument("--width", type=int, default=256, help="units of the two hidden layers")
    parser.add_argument("--steps", type=int, help="steps of the one network, 200 or, with --fast, 20")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, initial weights and batches")
    parser.add_argument("--fast", action="store_true", help="shorter runs")
    parser.add_argument("--out", type=Path, metavar="FILE", help="checkpoints of the one network, to go on from")
    parser.add_argument("--kill", action="store_true", help="kill a worker of the cluster of this machine in mid-run")
    options = parser.parse_args()
    if options.kill and options.scheduler:
        parser.error("--kill is for the cluster of this machine alone")
    options.steps = options.steps or (20 if options.fast else 200)
    return options


def show(client: Any, options: argparse.Namespace) -> None:
    on_cluster = partial(client.get_executor().map, timeout=60)
    workers = client.scheduler_info()["workers"]
    print(f"{len(workers)} workers")
    list(on_cluster(ready, list(range(4 * len(workers)))))  # which imports what they need, before anything is timed
    one_network(client, on_cluster, options)
    population(on_cluster, options)


# --- one network ------------------------------------------------------------------------------------------------------


def one_network(client: Any, on_cluster: Map, options: argparse.Namespace) -> None:
    print(f"one network, {options.steps} steps of {options.rows} rows in {options.shards} shards:")
    here, here_ms = train(map, options, [])
    print(f"  in this process  {here_ms:7.1f} ms a step, parameters {digest(here.params)}")
    streams = [checkpointed(options.out, every=20)] if options.out else []
    streams += [tap(partial(kill_one, client, options.steps // 2))] if options.kill else []
    there, there_ms = train(on_cluster, options, streams, options.out)
    print(f"  on the cluster   {there_ms:7.1f} ms a step, parameters {digest(there.params)}")
    same(digest(here.params), digest(there.params))
    sent, received, nothing_ms = traffic(on_cluster, options)
    count = sum(leaf.size for leaf in tree.leaves(here.params))
    print(f"  a step sends {sent:,} bytes to the workers and {received:,} come back: to and from each shard")
    print(f"  {count:,} parameters of 4 bytes, and its rows; shards of one row each take {nothing_ms:.1f} ms")


def train(map: Map, options: argparse.Namespace, streams: list[Any], path: Path | None = None) -> tuple[State, float]:
    """Train a network whose batches are cut into shards for a map; return the last state, and milliseconds a step."""
    data, batches = rows_and_batches(options)
    optimizer = adam(1e-3)
    state = load(path) if path and path.exists() else start(first_network(options, data), optimizer)
    step = train_step(sharded(cross_entropy, options.shards, map=map), optimizer)
    run = states(step, state, take(options.steps - state.step, batches(state.step)))
    begin = time.perf_counter()
    final: Any = pipe(run, *streams, progress(options.steps), last)
    return final, 1e3 * (time.perf_counter() - begin) / max(options.steps - state.step, 1)


def rows_and_batches(options: argparse.Namespace) -> tuple[Any, Callable[[int], Iterable[Any]]]:
    split_key, _, batch_key = split(Key(options.seed), 3)
    data, _ = train_test_split(digits(), 0.2, split_key)
    return data, partial(epochs, data, options.rows, batch_key, None)


def first_network(options: argparse.Namespace, data: Any) -> Any:
    return mlp(options.width, options.width, 10)(split(Key(options.seed), 3)[1], data[0][:1])


def traffic(on_cluster: Map, options: argparse.Namespace) -> tuple[int, int, float]:
    """Return the bytes that a step sends and receives, and the milliseconds of one in which next to nothing is done."""
    data, batches = rows_and_batches(options)
    params, batch = first_network(options, data), next(iter(batches(0)))
    sizes = [0, 0]

    def weighed(function: Callable[[Any], Any], items: list[Any]) -> Iterable[Any]:
        for item in items:
            result = function(item)
            sizes[0] += len(pickle.dumps((function, item), 5))
            sizes[1] += len(pickle.dumps(result, 5))
            yield result

    value_and_grad(sharded(cross_entropy, options.shards, map=weighed), params, batch)
    few = batch[0][: options.shards], batch[1][: options.shards]
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        value_and_grad(sharded(cross_entropy, options.shards, map=on_cluster), params, few)
        seconds.append(time.perf_counter() - begin)
    return sizes[0], sizes[1], 1e3 * median(seconds)


def kill_one(client: Any, when: int, state: State) -> None:
    if state.step == when:
        pid = min(client.run(os.getpid).values())
        os.kill(pid, signal.SIGKILL)
        print(f"  killed a worker, process {pid}, at step {when}")


# --- a population -----------------------------------------------------------------------------------------------------


def population(on_cluster: Map, options: argparse.Namespace) -> None:
    """Train networks in ensembles, one of which is a worker's piece of work; both sweeps show a bar on a terminal."""
    rates, trials, size = ([1e-3, 1e-2], 4, 4) if options.fast else ([3e-4, 1e-3, 3e-3, 1e-2], 16, 16)
    grid = {"learning_rate": rates, "trial": range(trials)}
    print(f"a population of {len(rates) * trials} networks, in ensembles of {size}:")
    run = together(partial(trained, 5 * options.steps, options.seed), size=size)
    results = []
    for name, mapped in (("in this process", map), ("on the cluster", on_cluster)):
        begin = time.perf_counter()
        results.append(sweep(run, grid, Key(options.seed), map=mapped))
        print(f"  {name:<16} {time.perf_counter() - begin:7.1f} s")
    same(*results)
    best = max(results[0], key=lambda trial: trial.result[0])
    print(
        f"  the best has the learning rate {best.configuration['learning_rate']:g}, test accuracy {best.result[0]:.4f}"
    )


def trained(steps: int, seed: int, configurations: Any, keys: tuple[Key, ...]) -> list[tuple[float, str]]:
    """Train an ensemble, each member with its own learning rate; return the accuracy and the digest of each."""
    data, (x, label) = train_test_split(digits(), 0.2, split(Key(seed), 3)[0])
    nets = Ensemble(tree.stack([mlp(64, 10)(key, data[0][:1]) for key in keys]), len(keys))
    optimizer = adam(np.array([each["learning_rate"] for each in configurations]))
    final = fit(cross_entropy, optimizer, start(nets, optimizer), data, steps=steps, size=32, key=keys)
    return [(accuracy(net(x), label), digest(net)) for net in members(final.params)]


def same(here: Any, there: Any) -> None:
    if here != there:
        raise SystemExit("The two are NOT the same; has BLAS one thread on all workers, and they this version of fnn?")
    print("  the same to the bit")


def digest(params: Any) -> str:
    return hashlib.sha256(b"".join(leaf.tobytes() for leaf in tree.leaves(params))).hexdigest()[:16]


def ready(number: int) -> int:
    time.sleep(0.01)
    return number


if __name__ == "__main__":
    main()
