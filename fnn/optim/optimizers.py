"""The usual optimizers by their usual names, each a short chain of rules.

    sgd, adagrad, rmsprop, adam, adamw : learning rate, ... -> transform

A learning rate is a number or a schedule, ``step -> number``, as in ``schedules.py``. Where libraries differ, these are
PyTorch's rules; each says so.
"""

from __future__ import annotations

from fnn.core._errors import number
from fnn.core._structure import Where
from fnn.optim.rules import (
    LearningRate,
    descend,
    scale_by_adagrad,
    scale_by_adam,
    scale_by_rms,
    trace,
)
from fnn.optim.rules import weight_decay as decayed
from fnn.optim.transform import Transform, chain


def sgd(learning_rate: LearningRate, momentum: float = 0.0, nesterov: bool = False) -> Transform:
    """Descend stochastic gradients, p - learning_rate g; with momentum v = momentum v + g, p - learning_rate v.

    Args:
        learning_rate: a number or a schedule.
        momentum: of Polyak's heavy ball (1964), from 0 up to but not including 1.
        nesterov: look one step ahead, p - learning_rate (g + momentum v).

    PyTorch's SGD. Raises ``ValueError`` for ``nesterov`` without momentum.

    >>> sgd(0.1, momentum=0.9).init(()) == sgd(0.1).init(())
    False
    """
    if number("sgd: momentum", momentum, below=1):
        return chain(trace(momentum, nesterov), descend(learning_rate))
    if nesterov:
        raise ValueError(
            "sgd: nesterov needs a momentum above 0; write sgd(learning_rate, momentum=0.9, nesterov=True)"
        )
    return descend(learning_rate)


def adagrad(learning_rate: LearningRate = 1e-2, eps: float = 1e-10) -> Transform:
    """Adagrad (Duchi et al., 2011), as PyTorch's: rare features keep a high learning rate, frequent ones lose it."""
    return chain(scale_by_adagrad(eps), descend(learning_rate))


def rmsprop(
    learning_rate: LearningRate = 1e-3, decay: float = 0.9, momentum: float = 0.0, eps: float = 1e-8
) -> Transform:
    """RMSprop (Tieleman and Hinton, 2012), by PyTorch's rule, momentum after scaling.

    Args:
        learning_rate: a number or a schedule.
        decay: of the running mean of squares, PyTorch's ``alpha``. Hinton's 0.9; PyTorch's default is 0.99.
        momentum: from 0 up to but not including 1.
        eps: added to the root.
    """
    if number("rmsprop: momentum", momentum, below=1):
        return chain(scale_by_rms(decay, eps), trace(momentum), descend(learning_rate))
    return chain(scale_by_rms(decay, eps), descend(learning_rate))


def adam(learning_rate: LearningRate = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Adam (Kingma and Ba, 2015): each parameter moves by about the learning rate, whatever its gradient's size.

    Args:
        learning_rate: a number or a schedule.
        b1, b2: the decay of the running means of the gradient and of its square.
        eps: added to the root of the second.
    """
    return chain(scale_by_adam(b1, b2, eps), descend(learning_rate))


def adamw(
    learning_rate: LearningRate = 1e-3,
    weight_decay: float = 1e-2,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    where: Where | None = None,
) -> Transform:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as PyTorch's: p - rate (adam + weight_decay p).

    Args:
        learning_rate: a number or a schedule, the rate of the formula.
        weight_decay: the strength of the decay, which the learning rate multiplies.
        b1, b2, eps: those of ``adam``.
        where: which leaves decay, a path or a function of one; all if None. See ``fnn.weight_decay``.
    """
    return chain(scale_by_adam(b1, b2, eps), decayed(weight_decay, where), descend(learning_rate))
