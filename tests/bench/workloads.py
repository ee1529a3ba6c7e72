"""What is timed: training steps of a multi-layer perceptron, float32, plain SGD, cross-entropy, on random rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    runners: Mapping[str, Callable]

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
