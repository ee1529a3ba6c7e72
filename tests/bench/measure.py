"""How it is timed: each library in a process of its own, which runs when it is told to and reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

_PAUSE = 0.2  # seconds; after a product idle threads of BLAS and OpenMP keep a core busy for a while


def _work(connection: Connection, workload: Any, runner: Callable) -> None:
    """Run whenever asked, and answer with the seconds a step took; in a process of its own."""
    try:
        run = runner(workload, workload.data())
        run()
    except ImportError:
        connection.send(None)
        return
    connection.send(0.0)
    while connection.recv():
        begin = time.perf_counter()
        steps = run()
        connection.send((time.perf_counter() - begin) / steps)


def measure(workload: Any, rounds: int) -> dict[str, list[float]]:
    """Return the seconds a step took in each round, by runner; runners whose library is missing are left out."""
    times, connections = {}, {}
    for name, runner in workload.runners.items():
        ours, theirs = get_context("spawn").Pipe()
        get_context("spawn").Process(target=_work, args=(theirs, workload, runner)).start()
        theirs.close()  # so that a process that fails is an error here, and no wait for ever
        if ours.recv() is not None:
            connections[name], times[name] = ours, []
    for _ in range(rounds):
        for name, connection in connections.items():
            time.sleep(_PAUSE)
            connection.send(True)
            times[name].append(connection.recv())
    for connection in connections.values():
        connection.send(False)
    return times
