# %% [markdown]
"""
# Lesson 11: one sweep, on one core, on two, on a cluster, with the same results

The four tutorials try settings in loops, one after the other. A sweep is a map: a function applied to each
configuration of a grid. So any map can carry it out, here or on other machines, and the package needs to know nothing
about it. The results are the same everywhere because each configuration has a key of its own, from its place in the
grid: no result depends on what was computed before it, or where.

Figures of the tutorials: none; `11_sweep_on_a_cluster.png` is of this lesson.

    python examples/11_sweep_on_a_cluster.py           the lesson and its figure, half a minute
    python examples/11_sweep_on_a_cluster.py --fast    a smaller grid, and Dask only with --dask
"""

# %% [markdown]
# To compare times and bits, each process must compute on one core; BLAS reads this setting when NumPy is imported.

# %%
import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

from toolz import groupby, valmap

from fnn import Key, cross_entropy, fit, mlp, sgd, split, start, summarize, sweep
from fnn.data import digits, train_test_split
from fnn.metrics import accuracy
from fnn.testing import grade

# %% [markdown]
# ## Setup
# As a script, the lesson takes options and writes its figure into the folder `--out`. As a notebook, it uses the
# defaults and shows the figure below its cell.

# %%
notebook = "ipykernel" in sys.modules
parser = argparse.ArgumentParser(description="One sweep, on one core, on two, on a cluster.")
parser.add_argument("--seed", type=int, default=0, help="seed of the split, the initial weights and the order of rows")
parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="folder for the figure")
parser.add_argument("--fast", action="store_true", help="a smaller grid")
parser.add_argument("--dask", action="store_true", help="run on Dask even with --fast")
options = parser.parse_args(["--out", tempfile.mkdtemp()] if notebook else None)

# %% [markdown]
# Part of the sweep runs in other processes. These import this file to find the function, so whatever only the first
# process should do stands behind `if __name__ == "__main__"`.

# %%
Figure = None
if __name__ == "__main__":
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        print(f"without figures: {missing}")


def show(figure, name):
    """Write the figure into the folder --out; in a notebook, show it below its cell."""
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / name, dpi=120)
    if notebook:
        from IPython.display import Image, display  # pyright: ignore[reportMissingImports]

        display(Image(filename=options.out / name))
    else:
        print(f"wrote {options.out / name}")


# %% [markdown]
# ## A run is a function of a configuration and a key
# The configuration holds what is to be compared, the key stands for what is random. The run returns a number.

# %%
data_key, sweep_key = split(Key(options.seed), 2)
train, test = train_test_split(digits(), 0.2, data_key)
STEPS = 45 if options.fast else 450  # one epoch of batches of 32 rows, or ten


def run(configuration, key):
    net_key, fit_key = split(key, 2)
    optimizer = sgd(configuration["learning_rate"])
    state = start(mlp(configuration["width"], 10)(net_key, train[0]), optimizer)
    final = fit(cross_entropy, optimizer, state, train, steps=STEPS, size=32, key=fit_key)
    return accuracy(final.params(test[0]), test[1])


# %% [markdown]
# ## One after the other
# The grid is a dictionary of lists, and `sweep` tries every combination: learning rates, widths, and three trials that
# differ only in their keys. The default map is Python's own.

# %%
GRID = {
    "learning_rate": [0.1, 1.0] if options.fast else [0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
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

# %% [markdown]
# ## On two processes
# A new process has to import NumPy and the package first, which takes longer than a short run. (The functions of a
# notebook cannot be imported; there, `run` would have to be in a file of its own.)

# %%
workers = None
if __name__ == "__main__" and not notebook:
    workers = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    begin = time.perf_counter()
    workers.submit(int).result()
    print(f"two processes: ready after {time.perf_counter() - begin:.1f} s, ", end="")
    by_pool, seconds = timed(workers.map)
    assert by_pool == by_map
    print(f"the same {len(by_pool)} results in {seconds:.1f} s")

# %% [markdown]
# ## An error says where it happened
# One of these widths is a mistake. Its run raises an error, maybe in another process; the error ends the sweep and
# carries a note with the configuration and the key, with which the run can be repeated and debugged here.

# %%
if __name__ == "__main__":
    try:
        sweep(run, {"learning_rate": [0.1], "width": [4, 0, 8]}, sweep_key, map=workers.map if workers else map)
    except ValueError as error:
        print(f"\n{type(error).__name__}: {error}\n{error.__notes__[-1]}\n")
    if workers:
        workers.shutdown()

# %% [markdown]
# ## On a cluster
# Dask has a scheduler and workers, here two processes of this machine, where they cannot be faster than the two above.
# For other machines it is `Client("tcp://...:8786")`, and the rest stays the same. So it is with other engines:
#
#     joblib  sweep(run, GRID, key, map=lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items)))
#     Ray     sweep(run, GRID, key, map=ray.util.multiprocessing.Pool().map)
#     MPI     sweep(run, GRID, key, map=mpi4py.futures.MPIPoolExecutor().map)
#             and, to start it,  mpiexec -n 8 python -m mpi4py.futures examples/11_sweep_on_a_cluster.py
#
# A worker may also train several networks at a time, as an ensemble: lesson 13.


# %%
def by_dask():
    try:
        from dask.distributed import Client, LocalCluster  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("not on Dask, which is not installed: pip install distributed")
        return
    begin = time.perf_counter()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        print(f"Dask: ready after {time.perf_counter() - begin:.1f} s, ", end="")
        trials, seconds = timed(client.get_executor().map)
    assert trials == by_map
    print(f"the same {len(trials)} results in {seconds:.1f} s")


if __name__ == "__main__" and (options.dask or not options.fast):
    by_dask()

# %% [markdown]
# ## The results
# `groupby` collects the trials of a learning rate and a width. A few more units help a lot, many more hardly; but the
# more units, the larger the learning rate may be, up to where no network learns.


# %%
def setting(trial):
    return trial.configuration["learning_rate"], trial.configuration["width"]


if __name__ == "__main__":
    results = valmap(summarize, groupby(setting, by_map))
    best = max(results, key=lambda setting: results[setting].mean)
    print(f"best of {len(results)} settings: learning rate {best[0]}, {best[1]} hidden units: {results[best]}")

# %%
if Figure:
    figure = Figure(figsize=(6.5, 4.6), layout="constrained")
    ax = figure.subplots()
    means = [[results[rate, width].mean for width in GRID["width"]] for rate in GRID["learning_rate"]]
    ax.imshow(means, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
    for (rate, width), result in results.items():
        column, row = GRID["width"].index(width), GRID["learning_rate"].index(rate)
        weight, color = "bold" if (rate, width) == best else "normal", "white" if result.mean > 0.6 else "black"
        ax.text(column, row, f"{result.mean:.3f}", ha="center", va="center", color=color, fontweight=weight)
    ax.set_xticks(range(len(GRID["width"])), GRID["width"])
    ax.set_yticks(range(len(GRID["learning_rate"])), GRID["learning_rate"])
    ax.set(xlabel="hidden units", ylabel="learning rate")
    ax.set_title(f"Digits: test accuracy after {STEPS} steps, mean of {len(GRID['trial'])} trials")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    show(figure, "11_sweep_on_a_cluster.png")

# %% [markdown]
# ## Your turn
# Nothing depends on what was computed before if randomness is a value. Write one epoch of batches (x, y) of so many
# rows, in an order that the seed alone decides. The last may be shorter. Put it in the place of the line that raises;
# `grade` tells what is wrong with it.


# %%
def minibatches(x, y, size, seed):
    raise NotImplementedError


if __name__ == "__main__":
    print(grade(minibatches=minibatches))
