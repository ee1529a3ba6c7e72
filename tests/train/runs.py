"""A run whose bits are compared, and the ways to start it: ``main(("processes", 3))``.

It has all that draws random numbers or depends on an order: shuffles, dropout, Adam, a ragged last batch.
"""

import hashlib
import multiprocessing
import struct
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace

import fnn
from fnn import Key, adam, cross_entropy, dense, dropout, fit, relu, serial, sharded, split, start, tree
from fnn.data import moons
from fnn.train.experiments import repeat

DATA = moons(103, 0.1, Key(3))  # batches of 10: the last of an epoch has 3 rows
OPTIMIZER = adam(1e-2)
NET = serial(dense(16), relu, dropout(0.2), dense(2))


def begin(key):
    """The state before the first step, and the key of its shuffles and masks."""
    init_key, run_key = split(key, 2)
    return start(NET(init_key, DATA[0][:1]), OPTIMIZER), run_key


def digest(state):
    """SHA-256 of everything in a state."""
    arrays = b"".join(leaf.tobytes() for leaf in tree.leaves((state.params, state.opt)))
    return hashlib.sha256(arrays + struct.pack("<qd", state.step, state.loss)).hexdigest()


def run(key, steps=50, loss=cross_entropy):
    """Train for some steps and return the digest of the last state."""
    state, run_key = begin(key)
    return digest(fit(loss, OPTIMIZER, state, DATA, steps=steps, size=10, key=run_key))


def run_in_shards(map=map):
    """Train with a loss in four shards: of the last batch of an epoch, three rows, each row is one."""
    return run(Key(0), loss=sharded(cross_entropy, 4, map=map))


EXECUTORS = {
    "map": lambda workers: nullcontext(SimpleNamespace(map=map)),
    "threads": ThreadPoolExecutor,
    "processes": partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn")),
}


@contextmanager
def dask(workers):
    """A cluster of so many processes."""
    from dask.distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": tempfile.gettempdir()}
    with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
        yield client.get_executor()


def joblib(backend):
    """Return the executor of joblib's that computes in ``backend``, its processes or its threads."""

    def on(workers):
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=workers, backend=backend)
        return nullcontext(SimpleNamespace(map=lambda function, items: parallel(map(delayed(function), items))))

    return on


def ours(kind):
    """Return the executor of a map of fnn's own."""

    @contextmanager
    def on(workers):
        with kind(workers) as mapped:
            yield SimpleNamespace(map=mapped)

    return on


OURS = {"fnn.threads": ours(fnn.threads), "fnn.processes": ours(fnn.processes)}
PEERS = {"dask": dask, "loky": joblib("loky"), "threading": joblib("threading")}


def main(*ways):
    """Print, for each executor with its number of workers, the digests of three runs, a key each."""
    for name, workers in ways:
        with EXECUTORS[name](workers) as executor:
            print(name, workers, *repeat(run, split(Key(0), 3), map=executor.map))


def main_in_shards(*ways):
    """Print, for each executor with its number of workers, the digest of one run whose loss is sharded."""
    for name, workers in ways:
        with (EXECUTORS | OURS | PEERS)[name](workers) as executor:
            print(name, workers, run_in_shards(executor.map))
