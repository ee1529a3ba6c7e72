"""Time a training step as the network, the batch or the number of members grows, beside PyTorch, as one picture.

    python -m tests.bench.growth                       all four, some minutes, into growth.png
    python -m tests.bench.growth width batch --rounds 3 --out FILE

Perceptrons, plain SGD, cross-entropy on random rows. ``width``: 64-width-width-10 on 64 rows. ``depth``: so many layers
of 64 units. ``batch``: 64-256-10 on so many rows. ``members``: so many networks 2-64-2 on ten rows each; in PyTorch
they are one, by batched products.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import attrs
import numpy as np

from tests.bench.measure import measure
from tests.bench.runners import fnn, torch
from tests.bench.workloads import RATE, Workload

BOTH = {"fnn": fnn, "torch": torch}


@attrs.frozen
class Many(Workload):
    """``members`` networks, each with batches of its own."""

    members: int = 1


def fnn_members(workload: Many, data: tuple) -> Callable[[], int]:
    from toolz import last, take

    from fnn import Key, cross_entropy, ensemble, keep_freed_memory, mlp, sgd, split, start, states, train_step
    from fnn.data import epochs

    keep_freed_memory()
    optimizer, n = sgd(RATE), workload.members
    step = train_step(cross_entropy, optimizer)
    state = start(ensemble(mlp(*workload.widths[1:]), n)(Key(0), data[0][:1]), optimizer)

    def run() -> int:
        last(states(step, state, take(workload.steps, epochs(data, workload.size, split(Key(1), n)))))
        return workload.steps

    return run


def torch_members(workload: Many, data: tuple) -> Callable[[], int]:
    import torch

    n = workload.members
    shapes = list(pairwise(workload.widths))
    weights = [(torch.randn(n, i, o) / i**0.5).requires_grad_() for i, o in shapes]
    biases = [torch.zeros(n, 1, o).requires_grad_() for _, o in shapes]
    optimizer = torch.optim.SGD([*weights, *biases], lr=RATE)
    x, target = map(torch.from_numpy, data)

    def run() -> int:
        for _ in range(workload.steps):
            rows = torch.randint(workload.rows, (n, workload.size))
            y = x[rows]
            for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                y = torch.baddbmm(bias, torch.relu(y) if place else y, weight)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(y.flatten(0, 1), target[rows].flatten(), reduction="sum")
            (loss / workload.size).backward()
            optimizer.step()
        return workload.steps

    return run


def widths(n: int) -> Workload:
    return Workload(f"width {n:,}", (64, n, n, 10), 1024, 64, _steps(64 * n * n), BOTH)


def depths(n: int) -> Workload:
    return Workload(f"depth {n:,}", (64,) * n + (10,), 1024, 64, _steps(64 * 64 * 64 * n), BOTH)


def batches(n: int) -> Workload:
    return Workload(f"batch {n:,}", (64, 256, 10), 4 * n, n, _steps(64 * 256 * n), BOTH)


def many(n: int) -> Workload:
    both = {"fnn": fnn_members, "torch": torch_members}
    return Many(f"members {n:,}", (2, 64, 2), 3750, 10, _steps(64 * 40 * n), both, members=n)


def _steps(products: int) -> int:
    """Return how many steps take some tenths of a second."""
    return max(2, min(500, int(2e9 / (products + 1e6))))


GROWTH: dict[str, tuple[Callable[[int], Workload], list[int]]] = {
    "width": (widths, [8, 16, 32, 64, 128, 256, 512, 1024, 2048]),
    "depth": (depths, [1, 3, 10, 30, 100, 300, 1000]),
    "batch": (batches, [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536]),
    "members": (many, [1, 3, 10, 30, 100, 300, 1000]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a training step as something grows, beside PyTorch.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(GROWTH)}; all if none is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, help="leave out what is larger")
    parser.add_argument("--out", type=Path, default=Path("growth.png"), metavar="FILE")
    options = parser.parse_args()
    names = options.names or list(GROWTH)
    for name in names:
        if name not in GROWTH:
            parser.error(f"no growth {name!r}; there are {', '.join(GROWTH)}")
    times: dict[str, dict[str, list[tuple[int, float]]]] = {}
    print(f"{'us a step':<16}{'fnn':>10}{'torch':>10}{'ratio':>7}")
    for name in names:
        workload_of, sizes = GROWTH[name]
        times[name] = {}
        for size in sizes:
            if options.largest and size > options.largest:
                continue
            workload = workload_of(size)
            found = measure(workload, options.rounds)
            row = f"{workload.name:<16}"
            for runner, each in found.items():
                times[name].setdefault(runner, []).append((size, median(each)))
                row += f"{1e6 * median(each):>10.1f}"
            if len(found) == 2:
                row += f"{median(a / b for a, b in zip(*found.values(), strict=True)):>7.2f}"
            print(row, flush=True)
    draw(times, options.out)
    print(f"wrote {options.out}")


def draw(times: dict[str, dict[str, list[tuple[int, float]]]], path: Path) -> None:
    """Draw a panel for each thing that grows, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(3.2 * len(times), 3.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(times), sharey=True))
    for ax, (name, by_runner) in zip(panels, times.items(), strict=True):
        for runner, color, marker in (("fnn", "tab:blue", "o"), ("torch", "tab:orange", "s")):
            points = by_runner.get(runner, [])
            ax.plot(*np.reshape(points, (-1, 2)).T * [[1], [1e3]], color=color, marker=marker, ms=4, label=runner)
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.grid(alpha=0.3)
    panels[0].set_ylabel("milliseconds a step")
    panels[0].legend(["fnn", "PyTorch"])
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
