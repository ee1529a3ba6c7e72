"""What is timed: training steps of a multi-layer perceptron, float32, plain SGD, cross-entropy, on random rows."""

from __future__ import annotations

import attrs
import numpy as np

RATE = 0.01


@attrs.frozen
class Workload:
    """``rows`` of ``widths[0]`` numbers, in batches of ``size``; one measurement runs ``steps`` steps."""

    name: str
    widths: tuple[int, ...]
    rows: int
    size: int
    steps: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        x = generator.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        return x, generator.integers(0, self.widths[-1], self.rows)

    @property
    def passes(self) -> int:
        """Whole passes over the data that hold at least ``steps`` steps."""
        return -(-self.steps * self.size // self.rows)

    @property
    def whole_steps(self) -> int:
        """The steps in that many passes."""
        return self.passes * -(-self.rows // self.size)


WORKLOADS = (
    Workload("moons", (2, 64, 2), rows=3750, size=10, steps=7500),
    Workload("mnist", (784, 32, 16, 10), rows=60_000, size=64, steps=1876),
    Workload("wide", (784, 512, 512, 10), rows=60_000, size=128, steps=100),
    Workload("full", (784, 32, 16, 10), rows=41_000, size=41_000, steps=4),
)
