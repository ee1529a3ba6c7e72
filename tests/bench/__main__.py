"""Time a training step of fnn and of each peer that is installed, and print one table.

    python -m tests.bench                      all workloads
    python -m tests.bench moons --rounds 15    one of them, more rounds

Each library runs in a process of its own, one at a time, in turn: a round is one run of each, so that a drift of the
machine meets all alike, and no library's idle threads or memory disturb another: each waits until the threads of the
one before it sleep. A time is the median over rounds; a ratio is the median of the ratios within a round, fnn over the
other: below 1 fnn is faster. In the rows with a number in their name fnn's loss is cut into so many shards: "cnn, 2" on
two threads, "cnn, 2 proc" in two processes, "full, 64" one after the other, "full, 16, 2" sixteen on two threads.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from statistics import median
from typing import Any

from tests.bench.deep import DEEP
from tests.bench.ensembles import ENSEMBLE_RUNNERS, ENSEMBLES
from tests.bench.measure import measure
from tests.bench.runners import PERCEPTRONS, RUNNERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("workloads", nargs="*", help="names of workloads; all if none is given")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    workloads = PERCEPTRONS + DEEP + ENSEMBLES
    names = [workload.name for workload in workloads]
    for name in options.workloads:
        if name not in names:
            parser.error(f"no workload {name!r}; there are {', '.join(names)}")
    for title, table, runners in (
        ("us a step", PERCEPTRONS + DEEP, RUNNERS),
        ("us a network", ENSEMBLES, ENSEMBLE_RUNNERS),
    ):
        chosen = [workload for workload in table if not options.workloads or workload.name in options.workloads]
        if chosen:
            _print(title, chosen, [name for name in runners if name != "fnn"], options.rounds)


def _print(title: str, workloads: Iterable[Any], columns: list[str], rounds: int) -> None:
    """Measure workloads, and print a table with the time of each runner and the ratio to it."""
    print(f"{title:<16}{'fnn':>10}" + "".join(f"{name:>11}{'ratio':>7}" for name in columns))
    for workload in workloads:
        times = measure(workload, rounds)
        row = f"{workload.name:<16}{median(times['fnn']) * 1e6:>10.1f}"
        for name in columns:
            if name not in times:
                row += f"{'-':>11}{'-':>7}"
                continue
            ratio = median(ours / theirs for ours, theirs in zip(times["fnn"], times[name], strict=True))
            row += f"{median(times[name]) * 1e6:>11.1f}{ratio:>7.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
