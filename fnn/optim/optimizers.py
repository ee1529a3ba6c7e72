"""The usual optimizers by their usual names, each a short chain of rules.

    sgd, adagrad, rmsprop, adam, adamw    : learning rate, ... -> transform
    nadam, adamax, adadelta, lion         : likewise

A learning rate is a number or a schedule, ``step -> number``, as in ``schedules.py``. Where libraries differ, these are
PyTorch's rules; each says so. All raise ``TypeError`` for an argument that is no number, and ``ValueError`` for one
below 0 or for a momentum or decay of 1 or more.
"""

from __future__ import annotations

import numpy as np

from fnn.core._numbers import Numbers, numbers
from fnn.core._structure import Where
from fnn.optim.adaptive import (
    scale_by_adadelta,
    scale_by_adagrad,
    scale_by_adamax,
    scale_by_lion,
    scale_by_nadam,
    scale_by_rms,
)
from fnn.optim.rules import LearningRate, descend, scale_by_adam, trace
from fnn.optim.rules import weight_decay as decayed
from fnn.optim.transform import Transform, chain


def sgd(learning_rate: LearningRate, momentum: Numbers = 0.0, nesterov: bool = False) -> Transform:
    """Descend by the gradient, p - learning_rate g; with momentum v = momentum v + g, p - learning_rate v.

    Args:
        learning_rate: a number or a schedule.
        momentum: of Polyak's heavy ball (1964), from 0 up to but not including 1.
        nesterov: look one step ahead, p - learning_rate (g + momentum v).

    PyTorch's SGD. Raises ``ValueError`` for ``nesterov`` without momentum.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(sgd(0.1), (np.array([5.0]),), start((np.ones(1),), sgd(0.1))).params
    (array([0.5]),)
    """
    if np.any(numbers("sgd: momentum", momentum, below=1)):
        return chain(trace(momentum, nesterov), descend(learning_rate))
    if nesterov:
        raise ValueError("sgd: nesterov needs a momentum above 0; write sgd(0.1, momentum=0.9, nesterov=True)")
    return descend(learning_rate)


def adagrad(learning_rate: LearningRate = 1e-2, eps: float = 1e-10) -> Transform:
    """Descend by Adagrad's rule (Duchi et al., 2011): rare features keep a high learning rate, frequent ones lose it.

    PyTorch's Adagrad.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(adagrad(0.1), (np.array([5.0]),), start((np.ones(1),), adagrad(0.1))).params
    (array([0.9]),)
    """
    return chain(scale_by_adagrad(eps), descend(learning_rate))


def rmsprop(
    learning_rate: LearningRate = 1e-3,
    decay: float = 0.9,
    momentum: Numbers = 0.0,
    eps: float = 1e-8,
    centered: bool = False,
) -> Transform:
    """Descend by RMSprop's rule (Tieleman and Hinton, 2012): steps are divided by the root of the mean square gradient.

    Args:
        learning_rate: a number or a schedule.
        decay: of the running mean of squares, PyTorch's ``alpha``. Hinton's 0.9; PyTorch's default is 0.99.
        momentum: from 0 up to but not including 1; it acts after the scaling, as in PyTorch.
        eps: added to the root.
        centered: divide by the root of the variance, for which see ``scale_by_rms``.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(rmsprop(0.1, decay=0.75), (np.array([5.0]),), start((np.ones(1),), rmsprop())).params[0].round(6)
    array([0.8])
    """
    if np.any(numbers("rmsprop: momentum", momentum, below=1)):
        return chain(scale_by_rms(decay, eps, centered), trace(momentum), descend(learning_rate))
    return chain(scale_by_rms(decay, eps, centered), descend(learning_rate))


def adam(
    learning_rate: LearningRate = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
) -> Transform:
    """Descend by Adam's rule (Kingma and Ba, 2015): each parameter moves by about the learning rate in a step.

    Args:
        learning_rate: a number or a schedule.
        b1, b2: the decay of the running means of the gradient and of its square.
        eps: added to the root of the second.
        amsgrad: take the largest mean square so far (Reddi et al., 2018), for which see ``scale_by_adam``.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(adam(0.1), (np.array([5.0]),), start((np.ones(1),), adam(0.1))).params[0].round(6)
    array([0.9])
    """
    return chain(scale_by_adam(b1, b2, eps, amsgrad), descend(learning_rate))


def adamw(
    learning_rate: LearningRate = 1e-3,
    weight_decay: Numbers = 1e-2,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    where: Where | None = None,
    amsgrad: bool = False,
) -> Transform:
    """Descend by Adam's rule with decoupled weight decay: p - learning_rate (adam + weight_decay p).

    Loshchilov and Hutter, 2019; PyTorch's AdamW.

    Args:
        learning_rate: a number or a schedule.
        weight_decay: the strength of the decay, which the learning rate multiplies.
        b1, b2, eps: those of ``adam``.
        where: which leaves decay, a path or a function of one; all if None. See ``fnn.weight_decay``.
        amsgrad: that of ``adam``.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(adamw(0.1, 0.5), (np.array([5.0]),), start((np.ones(1),), adamw(0.1))).params[0].round(6)
    array([0.85])
    """
    return chain(scale_by_adam(b1, b2, eps, amsgrad), decayed(weight_decay, where), descend(learning_rate))


def nadam(
    learning_rate: LearningRate = 2e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
) -> Transform:
    """Descend by Adam's rule with Nesterov's momentum (Dozat, 2016), which rises from b1 / 2 to b1.

    Args:
        learning_rate: a number or a schedule.
        b1, b2, eps: those of ``adam``.
        momentum_decay: how fast the momentum rises.

    PyTorch's NAdam.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(nadam(0.1), (np.array([5.0]),), start((np.ones(1),), nadam(0.1))).params[0].round(4)
    array([0.8944])
    """
    return chain(scale_by_nadam(b1, b2, eps, momentum_decay), descend(learning_rate))


def adamax(learning_rate: LearningRate = 2e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Transform:
    """Descend by Adam's rule in the maximum norm (Kingma and Ba, 2015): no step is longer than the learning rate.

    Args:
        learning_rate: a number or a schedule.
        b1, b2: the decay of the running mean of the gradient, and of its largest size.
        eps: added to the size of the gradient.

    PyTorch's Adamax.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(adamax(0.1), (np.array([5.0]),), start((np.ones(1),), adamax(0.1))).params[0].round(6)
    array([0.9])
    """
    return chain(scale_by_adamax(b1, b2, eps), descend(learning_rate))


def adadelta(learning_rate: LearningRate = 1.0, decay: float = 0.9, eps: float = 1e-6) -> Transform:
    """Descend by Adadelta's rule (Zeiler, 2012): updates in the parameters' own units, with no learning rate to choose.

    Args:
        learning_rate: a number or a schedule, which the paper does not have: 1.
        decay: of the running mean squares of gradients and updates, PyTorch's ``rho``.
        eps: above 0; the first updates are made of it.

    PyTorch's Adadelta.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(adadelta(), (np.array([5.0]),), start((np.ones(1),), adadelta())).params[0].round(6)
    array([0.996838])
    """
    return chain(scale_by_adadelta(decay, eps), descend(learning_rate))


def lion(
    learning_rate: LearningRate = 1e-4,
    weight_decay: Numbers = 1e-3,
    b1: float = 0.9,
    b2: float = 0.99,
    where: Where | None = None,
) -> Transform:
    """Descend by Lion's rule (Chen et al., 2023): each parameter moves by the learning rate, up or down, and decays.

    Args:
        learning_rate: a number or a schedule, some three to ten times smaller than for ``adamw``.
        weight_decay: decoupled, p - learning_rate (sign + weight_decay p); some three to ten times larger than there.
        b1, b2: how much of the earlier gradients is in the update, and how much of them is remembered.
        where: which leaves decay, a path or a function of one; all if None. See ``fnn.weight_decay``.

    Optax's lion; PyTorch has none.

    >>> import numpy as np
    >>> from fnn import start, update
    >>> update(lion(0.1, 0.5), (np.array([5.0]),), start((np.ones(1),), lion(0.1))).params
    (array([0.85]),)
    """
    return chain(scale_by_lion(b1, b2), decayed(weight_decay, where), descend(learning_rate))
