"""Which records a file may name: a table of all that the package has, and the classes that you pass by hand.

by_name : classes -> the classes by their names

A file says only the name of a class. That it must be found here is why no file can make anything be run or imported.
"""

from __future__ import annotations

from collections.abc import Iterable

from fnn import branches, compose, directions, losses, optim, transforms
from fnn.core._errors import describe
from fnn.core.keys import Key
from fnn.layers import (
    activations,
    attention,
    conv,
    dense,
    dropout,
    embedding,
    norm,
    pool,
    positional,
    recurrent,
    shape,
    steps,
)
from fnn.train.step import State

KNOWN: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Key, State,
        activations.Elu, activations.Gelu, activations.Identity, activations.LeakyRelu, activations.LogSoftmax,
        activations.Relu, activations.Selu, activations.Sigmoid, activations.Silu, activations.Softmax,
        activations.Softplus, activations.Step, activations.Tanh,
        attention.Attention, conv.Conv, dense.Dense, dropout.Dropout, embedding.Embedding,
        norm.BatchNorm, norm.LayerNorm, norm.Scale, pool.AvgPool, pool.GlobalAvgPool, pool.MaxPool,
        positional.Positional, positional.Sinusoidal, recurrent.Gru, recurrent.Lstm, recurrent.Rnn,
        shape.Flatten, shape.Reshape, steps.LastStep,
        compose.Serial, branches.Add, branches.Concatenate, branches.Parallel, branches.Pick, branches.Residual,
        directions.Bidirectional,
        losses.BinaryCrossEntropy, losses.Combined, losses.CrossEntropy, losses.Hinge, losses.Huber,
        losses.KLDivergence, losses.L1, losses.L2, losses.MeanAbsoluteError, losses.MeanSquaredError,
        losses.Penalised, losses.SumSquaredError,
        optim.Moments, optim.Squares, optim.Trace, transforms.Accumulated,
    )
}  # fmt: skip


def by_name(records: Iterable[type]) -> dict[str, type]:
    """Give classes by their names, which must not be those of others.

    Raises ``TypeError`` for what is no class of records, ``ValueError`` for two classes of one name.

    >>> from fnn import Dense
    >>> by_name((Dense,))
    {'Dense': <class 'fnn.layers.dense.Dense'>}
    """
    if isinstance(records, type):
        raise TypeError(f"load: records must be a tuple of classes, got one class; write records=({records.__name__},)")
    found: dict[str, type] = {}
    for cls in records:
        if not isinstance(cls, type) or not hasattr(cls, "__record__"):
            raise TypeError(f"load: records must be record classes, got {describe(cls)}")
        other = found.setdefault(cls.__name__, KNOWN.get(cls.__name__, cls))
        if other is not cls:
            raise ValueError(
                f"load: there are two records named {cls.__name__}, of {other.__module__} and of {cls.__module__}; "
                "rename yours"
            )
    return found
