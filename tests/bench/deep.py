"""What is timed besides perceptrons: networks for images and sequences, each also as a module of PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import attrs
import numpy as np

from tests.bench.workloads import RATE, loss_of

CLASSES = 64


@attrs.frozen
class Deep:
    """Batches of ``size`` random rows of the shape ``row``, of symbols or numbers; ``steps`` steps at a time."""

    name: str
    row: tuple[int, ...]
    target: tuple[int, ...]
    classes: int
    constructor: Callable[[], Any]
    module: Callable[[Any], Any]
    symbols: bool = False
    size: int = 64
    steps: int = 12
    shards: int = 1
    workers: int = 1
    on: str = "threads"

    @property
    def runners(self) -> dict[str, Callable]:
        return {"fnn": fnn, "torch": torch}

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        rows = 4 * self.size
        x = generator.standard_normal((rows, *self.row), dtype=np.float32)
        if self.symbols:
            x = generator.integers(0, self.classes, (rows, *self.row))
        return x, generator.integers(0, self.classes, (rows, *self.target))


def fnn(workload: Deep, data: tuple) -> Callable[[], int]:
    from toolz import last, take

    from fnn import Key, keep_freed_memory, sgd, start, states, train_step
    from fnn.data import epochs

    keep_freed_memory()
    optimizer = sgd(RATE)
    step = train_step(loss_of(workload), optimizer)
    state = start(workload.constructor()(Key(0), data[0][:1]), optimizer)

    def run() -> int:
        last(states(step, state, take(workload.steps, epochs(data, workload.size, Key(1)))))
        return workload.steps

    return run


def torch(workload: Deep, data: tuple) -> Callable[[], int]:
    import torch

    net = workload.module(torch)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    x, target = map(torch.from_numpy, data)
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()  # PyTorch's own order, channels before height and width

    def index():
        while True:
            yield from torch.randperm(len(x)).split(workload.size)

    def run() -> int:
        for rows in islice(index(), workload.steps):
            optimizer.zero_grad()
            scores, label = net(x[rows]), target[rows]
            torch.nn.functional.cross_entropy(scores.flatten(0, -2), label.flatten()).backward()
            optimizer.step()
        return workload.steps

    return run


def _lenet() -> Any:
    from fnn import conv, dense, flatten, max_pool, relu, serial

    body = conv(6, 5), relu, max_pool(2), conv(16, 5, padding="valid"), relu, max_pool(2)
    return serial(*body, flatten, dense(120), relu, dense(84), relu, dense(10))


def _lenet_module(torch: Any) -> Any:
    nn = torch.nn
    body = (
        nn.Conv2d(1, 6, 5, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    head = nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
    return nn.Sequential(*body, nn.Flatten(), *head)


def _cnn() -> Any:
    from fnn import conv, dense, flatten, max_pool, relu, serial

    body = conv(32, 3), relu, max_pool(2), conv(64, 3), relu, max_pool(2)
    return serial(*body, flatten, dense(128), relu, dense(10))


def _cnn_module(torch: Any) -> Any:
    nn = torch.nn
    first = nn.Conv2d(3, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(32, 64, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10))


def _lstm() -> Any:
    from fnn import dense, lstm, serial

    return serial(lstm(128), dense(CLASSES))


def _lstm_module(torch: Any) -> Any:
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(64, 128, batch_first=True)
            self.head = torch.nn.Linear(128, CLASSES)

        def forward(self, x):
            return self.head(self.lstm(x)[0])

    return Net()


def _transformer() -> Any:
    from fnn import dense, embedding, positional, serial, transformer_block

    return serial(embedding(CLASSES, 128), positional(64), transformer_block(4, 512), dense(CLASSES))


def _transformer_module(torch: Any) -> Any:
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(CLASSES, 128)
            self.places = torch.nn.Parameter(torch.zeros(64, 128))
            self.block = torch.nn.TransformerEncoderLayer(128, 4, 512, 0.0, "gelu", batch_first=True, norm_first=True)
            self.head = torch.nn.Linear(128, CLASSES)

        def forward(self, x):
            return self.head(self.block(self.embedding(x) + self.places))

    return Net()


_WHOLE = (
    Deep("lenet", (28, 28, 1), (), 10, _lenet, _lenet_module),
    Deep("cnn", (32, 32, 3), (), 10, _cnn, _cnn_module),
    Deep("lstm", (32, 64), (32,), CLASSES, _lstm, _lstm_module),
    Deep("transformer", (64,), (64,), CLASSES, _transformer, _transformer_module, symbols=True),
)
_TWO = [attrs.evolve(each, name=f"{each.name}, 2", shards=2, workers=2) for each in _WHOLE]
DEEP = (*_WHOLE, *_TWO, *[attrs.evolve(each, name=f"{each.name} proc", on="processes") for each in _TWO])
