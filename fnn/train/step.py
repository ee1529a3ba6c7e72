"""Training is a fold: a pure step takes a state and a batch and gives the next state, and nothing else changes.

    start      : params, optimizer -> state
    train_step : loss, optimizer, key? -> step           step : state, batch -> state
    states     : step, state, batches -> stream of states, the first one included

Since states share nothing that can be written to, a snapshot is a variable, and the best so far is ``min``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from toolz import accumulate, last, take

from fnn.core.grad import objective
from fnn.data.batches import epochs
from fnn.core._errors import describe, whole
from fnn.core.keys import Key, fold_in, require_key, split
from fnn.core._flat import flat
from fnn.core.record import is_record, Record
from fnn.core._structure import Tree
from fnn.optim.transform import Transform, update
from fnn.core._flat import all_finite
from fnn.core.tree import require_floats

_LARGE = 1e9


class State(Record):
    """Where training is: parameters, the optimizer's memory, the steps taken, the last step's loss (NaN before it)."""

    params: Tree
    opt: Any
    step: int
    loss: float


class Diverged(ArithmeticError):
    """Training left the finite numbers at ``step``, with ``loss``; ``state`` is the last good one.

    ``diagnose(error.state.params, batch)`` tells where.
    """

    def __init__(self, step: int, loss: float, state: State) -> None:
        super().__init__(step, loss, state)
        self.step, self.loss, self.state = step, loss, state

    def __str__(self) -> str:
        what = "the new parameters are not finite" if math.isfinite(self.loss) else "the loss is not finite"
        return (
            f"diverged at step {self.step}: {what} (loss {self.loss}); lower the rate or clip the gradient; "
            "print(diagnose(error.state.params, batch)) tells where"
        )


def start(params: Tree, optimizer: Transform) -> State:
    """Give the state before the first step.

    The parameters are copied: nothing that you do to your arrays later reaches the run. Raises ``TypeError`` if a leaf
    is not of floats or there is no finished network, ``ValueError`` if a leaf holds NaN or infinity.
    """
    if not is_record(params) and not isinstance(params, tuple):
        raise TypeError(f"start expects a finished network, got {describe(params)}; make it first: net = maker(key, x)")
    if not isinstance(optimizer, Transform):
        raise TypeError(f"start expects an optimizer, say adam(1e-3), got {describe(optimizer)}")
    require_floats("start", params)
    vector, layout = flat(params)
    params = layout.cut(vector.copy())
    return State(params, optimizer.init(params), 0, math.nan)


def train_step(loss: Any, optimizer: Transform, key: Key | None = None):
    """Give the pure function ``(state, batch) -> state`` that takes one step of training.

    With a ``key``, the layers that draw random numbers get ``fold_in(key, state.step)``. The step raises ``Diverged``,
    before anything is committed, when the loss or the parameters it would make are not finite, or when the optimizer's
    memory overflows, after which it would stand still in silence.
    """
    if not isinstance(optimizer, Transform):
        raise TypeError(f"train_step expects an optimizer, say adam(1e-3), got {describe(optimizer)}")
    if key is not None:
        require_key("train_step", key)
    return functools.partial(_train_step, loss, optimizer, key)


def _train_step(loss: Any, optimizer: Transform, key: Key | None, state: State, batch: tuple) -> State:
    if not hasattr(state, "opt"):
        raise TypeError(f"a step of training expects a state, got {describe(state)}; write start(net, optimizer)")
    try:
        return _stepped(loss, optimizer, key, state, batch)
    except (FloatingPointError, RuntimeWarning):
        # NumPy was told to raise on overflow. Whether that matters is for the step to say, and a pure step can simply
        # be taken again, with the alarm off; to turn it off each time would cost as much as a layer.
        with np.errstate(all="ignore"):
            return _stepped(loss, optimizer, key, state, batch)


def _stepped(loss: Any, optimizer: Transform, key: Key | None, state: State, batch: tuple) -> State:
    step_key = None if key is None else fold_in(key, state.step)
    value, grads = objective(loss)(loss, state.params, batch, step_key)
    try:
        finite = math.isfinite(value)
    except TypeError:
        raise TypeError(f"train_step expects a loss whose value is a number, got {describe(loss)}") from None
    if not finite:
        raise Diverged(state.step, value, state)
    following = update(optimizer, grads, state, float(value))  # a loss of one's own may give NumPy's float
    # The square of a gradient can overflow where the gradient does not, and a division by it hides that from the
    # parameters. It takes a loss that is on its way out; to look at the optimizer's memory each time takes long.
    if not all_finite(following.params) or (abs(value) > _LARGE and not all_finite(following.opt)):
        raise Diverged(state.step, value, state)
    return following


def states(step, state: State, batches: Iterable) -> Iterator[State]:
    """Give the lazy stream of states: the given one, then one after each batch.

    A state of your own may be anything but a bare array. Raises ``TypeError`` unless there are a step, a function such
    as ``train_step`` gives, and batches.
    """
    if not callable(step):
        raise TypeError(f"states expects a step, say train_step(mse, adam()), got {describe(step)}")
    if isinstance(state, np.ndarray):
        raise TypeError(f"states expects a state, got {describe(state)}; write start(net, optimizer)")
    try:
        batches = iter(batches)
    except TypeError:
        what = f"a stream of batches, say epochs(data, 32, key), got {describe(batches)}"
        raise TypeError(f"states expects {what}") from None
    return accumulate(step, batches, state)  # type: ignore[arg-type]  # toolz types its default as text


def fit(loss: Any, optimizer: Transform, state: State, data: tuple, *, steps: int, size: int = 32, key: Key) -> State:
    """Train for ``steps`` steps on shuffled batches of ``size`` rows and give the last state.

    Batches and noise are addressed by ``state.step``, so training for k steps and then for n - k more gives, to the
    bit, what n steps give.
    """
    if not isinstance(state, State):
        raise TypeError(f"fit expects a state, got {describe(state)}; write start(net, optimizer)")
    shuffle_key, noise_key = split(require_key("fit", key), 2)
    batches = take(whole("fit: steps", steps, 0), epochs(data, size, shuffle_key, start=state.step))
    return last(states(train_step(loss, optimizer, noise_key), state, batches))
