"""Lesson 11: one sweep, on one core, on two, on a cluster, and the same numbers from each.

The tutorials try settings in loops, one after the other. A sweep is a map: a function, applied to each configuration of
a grid. So whatever maps can carry it out, here or on other machines, and the package needs no part in it. What makes
the numbers the same everywhere is that each configuration has a key of its own, by its place in the grid: no result
depends on what was computed before it, or where.

    python examples/11_sweep_on_a_cluster.py           the lesson and its picture, half a minute
    python examples/11_sweep_on_a_cluster.py --fast    a smaller grid, and Dask only with --dask
"""

# %% What can be chosen
# To compare times and bits, each process is to compute on one core; it must be told before NumPy is there to ask.
import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

from toolz import groupby

from fnn import Key, cross_entropy, fit, mlp, sgd, split, start, summarize, sweep
from fnn.data import digits, train_test_split
from fnn.metrics import accuracy

parser = argparse.ArgumentParser(description="One sweep, on one core, on two, on a cluster.")
parser.add_argument("--seed", type=int, default=0, help="decides the split, the first weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the picture goes")
parser.add_argument("--fast", action="store_true", help="a smaller grid")
parser.add_argument("--dask", action="store_true", help="on Dask even with --fast")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

# %% A run is a function of a configuration and a key
# What is to be tried stands in the configuration, what is left to chance in the key. The run gives a number.
data_key, sweep_key = split(Key(options.seed), 2)
train, test = train_test_split(digits(), 0.2, data_key)
STEPS = 45 if options.fast else 450  # an epoch of batches of 32 rows, or ten of them


def run(configuration, key):
    net_key, fit_key = split(key, 2)
    optimizer = sgd(configuration["rate"])
    state = start(mlp(configuration["width"], 10)(net_key, train[0]), optimizer)
    final = fit(cross_entropy, optimizer, state, train, steps=STEPS, size=32, key=fit_key)
    return accuracy(final.params(test[0]), test[1])


# %% One after the other
# The grid is a dictionary of lists, and each combination is tried: rates, widths, and three trials, which differ by
# nothing but their keys. Without anything said, Python's own ``map`` carries it out.
GRID = {
    "rate": [0.1, 1.0] if options.fast else [0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
    "width": [4, 32] if options.fast else [2, 4, 8, 16, 32, 64],
    "trial": range(2 if options.fast else 3),
}


def timed(mapped):
    begin = time.perf_counter()
    trials = sweep(run, GRID, sweep_key, map=mapped)
    return trials, time.perf_counter() - begin


if __name__ == "__main__":
    by_map, seconds = timed(map)
    print(f"map: {len(by_map)} runs in {seconds:.1f} s; the first, {by_map[0].configuration}: {by_map[0].result:.4f}")

# %% On two processes
# They import this file, to find ``run`` in it; so what they are not to do stands behind ``if __name__ == "__main__"``.
# A process that starts has to import NumPy and the package first, which takes longer than a short run. (From a notebook
# nothing can be imported. Put the run into a file of its own there.)
workers = None
if __name__ == "__main__" and "ipykernel" not in sys.modules:
    workers = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    begin = time.perf_counter()
    workers.submit(int).result()
    print(f"two processes: ready after {time.perf_counter() - begin:.1f} s, ", end="")
    by_pool, seconds = timed(workers.map)
    assert by_pool == by_map
    print(f"the same {len(by_pool)} results in {seconds:.1f} s")

# %% An error says where it was
# One of these widths is a mistake. Its run raises, in another process; the error comes back, ends the sweep, and
# carries the configuration and the key, with which the run can be repeated here and looked into.
if __name__ == "__main__":
    try:
        sweep(run, {"rate": [0.1], "width": [4, 0, 8]}, sweep_key, map=workers.map if workers else map)
    except ValueError as error:
        print(f"\n{type(error).__name__}: {error}\n{error.__notes__[-1]}\n")
    if workers:
        workers.shutdown()


# %% On a cluster
# Dask has a scheduler and workers, here two processes of this machine, where they can do no more than the two above,
# and have more to do. For other machines it is ``Client("tcp://...:8786")``, and all else stays. So it is with others,
# of which the package knows none:
#     joblib  sweep(run, GRID, key, map=lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items)))
#     Ray     sweep(run, GRID, key, map=ray.util.multiprocessing.Pool().map)
#     MPI     sweep(run, GRID, key, map=mpi4py.futures.MPIPoolExecutor().map)
#             and, to start it,  mpiexec -n 8 python -m mpi4py.futures examples/11_sweep_on_a_cluster.py
def by_dask():
    try:
        from dask.distributed import Client, LocalCluster  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("not on Dask, which is not installed: pip install distributed")
        return
    begin = time.perf_counter()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        print(f"Dask: ready after {time.perf_counter() - begin:.1f} s, ", end="")
        found, seconds = timed(client.get_executor().map)
    assert found == by_map
    print(f"the same {len(found)} results in {seconds:.1f} s")


if __name__ == "__main__" and (options.dask or not options.fast):
    by_dask()


# %% What came out
# The trials of a rate and a width belong together. What more units buy is soon bought; but the more there are, the
# larger the rate may be, up to where no network learns.
def setting(trial):
    return trial.configuration["rate"], trial.configuration["width"]


if __name__ == "__main__":
    results = {place: summarize(trials) for place, trials in groupby(setting, by_map).items()}
    best = max(results, key=lambda place: results[place].mean)
    print(f"best of {len(results)} settings: rate {best[0]}, {best[1]} hidden units: {results[best]}")

    try:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.5, 4.6), layout="constrained")
        ax = figure.subplots()
        means = [[results[rate, width].mean for width in GRID["width"]] for rate in GRID["rate"]]
        ax.imshow(means, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
        for (rate, width), result in results.items():
            across, up = GRID["width"].index(width), GRID["rate"].index(rate)
            weight, shade = "bold" if (rate, width) == best else "normal", "white" if result.mean > 0.6 else "black"
            ax.text(across, up, f"{result.mean:.3f}", ha="center", va="center", color=shade, fontweight=weight)
        ax.set_xticks(range(len(GRID["width"])), GRID["width"])
        ax.set_yticks(range(len(GRID["rate"])), GRID["rate"])
        ax.set(xlabel="hidden units", ylabel="learning rate")
        ax.set_title(f"Digits: test accuracy after {STEPS} steps, mean of {len(GRID['trial'])} trials")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        options.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.out / "11_sweep_on_a_cluster.png", dpi=120)
        print(f"wrote {options.out / '11_sweep_on_a_cluster.png'}")
    except ImportError as missing:
        print(f"without a picture: {missing}")
