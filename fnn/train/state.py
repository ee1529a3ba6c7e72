"""A state is where training is: a value from which it goes on.

    start : params, optimizer -> the state before the first step

States share nothing that can be written to, so a snapshot is a variable, and the best so far is ``min``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnn.core._arrays import is_array
from fnn.core._errors import describe
from fnn.core._flat import flat
from fnn.core._structure import Tree
from fnn.core.record import Record
from fnn.core.tree import require_floats
from fnn.optim._memory import owned
from fnn.optim.transform import Transform, require_optimizer
from fnn.train._members import no_losses


class State(Record):
    """Where training is: parameters, the optimizer's memory, the steps taken, the last step's loss (NaN before it)."""

    params: Tree
    opt: Any
    step: int
    loss: Any  # a float; of an ensemble, an array (n,)


class Averaged(Record):
    """What ``ema`` makes of a state: the average as ``params``, all else as it is there, and the state as ``run``.

    Training goes on from ``run``, so that a step from this one, and one that is loaded, continue the run itself.
    ``average`` is the vector of averages where leaves of a narrow dtype or of several could not hold it exactly.
    """

    params: Tree
    opt: Any
    step: int
    loss: Any
    run: Any
    average: np.ndarray | None = None


class Lowered(Record):
    """A state of ``plateau``: that of the run, and what the learning rate depends on.

    ``params, opt, step, loss`` are those of ``run``, the state itself, from which a plain step goes on.
    ``learning_rate`` is that of the next step, ``best`` the lowest score so far, ``fruitless`` how many scores in a row
    were no better; of an ensemble arrays (n,).
    """

    params: Tree
    opt: Any
    step: int
    loss: Any
    run: Any
    learning_rate: Any
    best: Any
    fruitless: Any


def itself(state: Any) -> Any:
    """Return the state that a derived one was made of, and any other as it is."""
    while isinstance(state, Averaged | Lowered):
        state = state.run
    return state


class Diverged(ArithmeticError):
    """Training left the finite numbers at ``step``, with ``loss``; ``state`` is the last good one, for ``diagnose``."""

    def __init__(self, step: int, loss: Any, state: State) -> None:
        super().__init__(step, loss, state)
        self.step: int = step
        self.loss: Any = loss
        self.state: State = state

    def __str__(self) -> str:
        if is_array(self.loss) and self.loss.ndim:
            what = f"no member of {len(self.loss)} is left whose loss, parameters and optimizer's memory are finite"
        else:
            finite = math.isfinite(self.loss)
            what = "the new parameters or the optimizer's memory are" if finite else "the loss is"
            what = f"{what} not finite (loss {self.loss})"
        return (
            f"diverged at step {self.step}: {what}; lower the learning rate or "
            "clip the gradient; print(diagnose(error.state.params, batch)) tells where"
        )


def start(params: Tree, optimizer: Transform) -> State:
    """Return the state before the first step. It copies the parameters: what you do to your arrays stays yours.

    Raises ``TypeError`` if this is no finished network or a leaf is not of floats, ``ValueError`` if a leaf holds NaN
    or infinity.

    >>> from fnn import Dense, sgd
    >>> start(Dense(np.ones((2, 1)), np.zeros(1)), sgd(0.1))
    State(params=Dense(weight=f64[2,1], bias=f64[1]), opt=(), step=0, loss=nan)
    """
    if not isinstance(params, Record | tuple):
        raise TypeError(
            f"start expects a finished network, got {describe(params)}; make it first: net = constructor(key, x)"
        )
    require_optimizer("start", optimizer)
    require_floats("start", params)
    vector, layout = flat(params)
    params = layout.cut(vector.copy())
    loss = math.nan if vector.ndim == 1 else no_losses(len(vector))
    return owned(optimizer, State(params, optimizer.init(params), 0, loss))
