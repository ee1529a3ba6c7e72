"""What is timed: training steps of a multi-layer perceptron, float32, plain SGD, cross-entropy, on random rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import attrs
import numpy as np

RATE = 0.01


@attrs.frozen
class Workload:
    """``rows`` of ``widths[0]`` numbers, in batches of ``size``; one measurement runs ``steps`` steps.

    With ``shards`` above 1, the loss of fnn is cut into so many, on ``workers`` threads, or ``processes``.
    """

    name: str
    widths: tuple[int, ...]
    rows: int
    size: int
    steps: int
    runners: Mapping[str, Callable]
    shards: int = 1
    workers: int = 1
    on: str = "threads"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        x = generator.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        return x, generator.integers(0, self.widths[-1], self.rows)

    @property
    def epochs(self) -> int:
        """Epochs over the data that hold at least ``steps`` steps."""
        return -(-self.steps * self.size // self.rows)

    @property
    def whole_steps(self) -> int:
        """The steps in that many epochs."""
        return self.epochs * -(-self.rows // self.size)


def loss_of(workload: Any) -> Any:
    """Return the loss of a workload for fnn; the workers of a sharded one stay until the process ends."""
    import fnn

    if workload.shards == 1:
        return fnn.cross_entropy
    if workload.workers == 1:
        return fnn.sharded(fnn.cross_entropy, workload.shards)
    workers = getattr(fnn, workload.on)(workload.workers)
    return fnn.sharded(fnn.cross_entropy, workload.shards, map=_KEPT.enter_context(workers))


_KEPT = ExitStack()
