"""Measure the memory that a training step takes, of fnn and of PyTorch: what a process holds at most, less before it.

    python -m tests.bench.memory                  all workloads
    python -m tests.bench.memory cnn transformer

Each library runs in a process of its own: first a batch of two rows, so that all is loaded; then the peak is set back,
and three steps of the whole batch are taken. Linux alone tells and sets back the peak of a process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs

from tests.bench.deep import DEEP
from tests.bench.runners import PERCEPTRONS

LIBRARIES = ("fnn", "torch")


def _status(name: str) -> int:
    """Return a number of bytes of this process, as Linux tells it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])


def _work(connection: Connection, workload: Any, runner: Callable) -> None:
    data = workload.data()
    try:
        runner(attrs.evolve(workload, size=2, steps=1, shards=1), data)()
    except ImportError:
        connection.send(None)
        return
    run = runner(attrs.evolve(workload, steps=3), data)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    connection.send(_status("VmHWM") - before)


def memory(workload: Any) -> dict[str, int]:
    """Return the bytes that steps of a workload take, by library."""
    found: dict[str, int] = {}
    for name in LIBRARIES:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(
            target=_work, args=(theirs, workload, workload.runners[name]), daemon=True
        )
        process.start()
        theirs.close()  # so that a process that fails is an error here, and no wait for ever
        answer = ours.recv()
        process.join()
        if answer is not None:
            found[name] = answer
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the memory of a training step beside PyTorch's.")
    parser.add_argument("workloads", nargs="*", help="names of workloads; all if none is given")
    names = parser.parse_args().workloads
    print(f"{'MB a step':<16}" + "".join(f"{name:>10}" for name in LIBRARIES) + f"{'ratio':>7}")
    for workload in PERCEPTRONS + DEEP:
        if names and workload.name not in names:
            continue
        found = memory(workload)
        row = f"{workload.name:<16}" + "".join(
            f"{found[name] / 1e6:>10.1f}" if name in found else f"{'-':>10}" for name in LIBRARIES
        )
        if len(found) == 2:
            row += f"{found['fnn'] / found['torch']:>7.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
