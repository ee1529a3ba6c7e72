"""Rows of a table on their way through a network: what it sees of them, and what it says of them.

Rows       : what the network sees, what its loss and its score compare with, weights
shown      : x, key -> some rows of x, if there are many
evaluating : network, sample -> the network to evaluate with
predicted  : network, x -> its outputs
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from fnn.core.keys import Key, permutation
from fnn.core.vjp import forward
from fnn.networks.inference import inference, needs_inference

PIECE = 1024  # rows that are predicted at a time, and that batch normalization takes its statistics of


@attrs.frozen
class Rows:
    """Rows of a table: what the network sees, what its loss and its score compare with, weights of mean 1 or None."""

    x: np.ndarray
    target: np.ndarray
    true: np.ndarray
    weights: np.ndarray | None

    def at(self, index: np.ndarray) -> Rows:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.x[index], self.target[index], self.true[index], weights)

    def data(self) -> tuple[np.ndarray, ...]:
        """Return what a step of training takes, (x, target) or (x, target, weights)."""
        return (self.x, self.target) if self.weights is None else (self.x, self.target, self.weights)


def shown(x: np.ndarray, key: Key) -> np.ndarray:
    """Return the rows that a network is shown before it is trained; they may be sorted by class, and so are mixed."""
    return x if len(x) <= PIECE else x[permutation(key, len(x))[:PIECE]]


def evaluating(params: Any, sample: np.ndarray) -> Any:
    """Return the network to evaluate with; the sample is shown to it only if a layer asks for it."""
    return inference(params, sample if needs_inference(params) else None)


def predicted(network: Any, x: np.ndarray) -> np.ndarray:
    """Return the outputs of a network, some thousand rows at a time: images need much memory on the way."""
    if len(x) <= PIECE:
        return forward(network, x)
    return np.concatenate([forward(network, x[begin : begin + PIECE]) for begin in range(0, len(x), PIECE)])
