"""A learning rate that falls when a score stops improving, as part of the state: where it stands is saved with it.

plateau : learning_rate -> step, learning_rate, score, ... -> step          step : state, batch -> state

A function on the stream sees what has been, and cannot reach the step that comes next. So this is a function from
steps to a step: its states say what the learning rate is and how long the score has stood still, and any stream of
them, stopped anywhere, goes on to the bit.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from fnn.core._arrays import is_array, read_only
from fnn.core._errors import describe, integer, number, positive
from fnn.core._numbers import Numbers, positives
from fnn.train.state import Averaged, Lowered

Step = Callable[[Any, Any], Any]
_WORST = sys.float_info.max  # no infinity, which a checkpoint would take for a run that diverged


def plateau(
    step_of: Callable[[Any], Step],
    learning_rate: Numbers,
    score: Callable[[Any], Any],
    *,
    every: int,
    patience: int = 10,
    factor: float = 0.1,
    min_delta: float = 0.0,
    minimum: float = 0.0,
) -> Step:
    """Return a step whose learning rate is multiplied by ``factor`` when the score has stopped improving.

    Its states are ``Lowered`` records, and all that it knows is in them: a checkpoint of any of them resumes the run to
    the bit, and so do ``states`` and all functions on the stream. Between two changes the run is that of
    ``step_of(learning_rate)``, to the bit. PyTorch's ReduceLROnPlateau with a threshold_mode of "abs" and a patience of
    one less: as with ``early_stopping``, it is the ``patience``-th score in a row that counts.

        step = plateau(lambda rate: train_step(cross_entropy, adam(rate)), 1e-2, validation_loss, every=100, patience=5)
        final = pipe(states(step, start(net, adam()), batches), checkpointed(path, every=100), last)

    Args:
        step_of: ``learning_rate -> step``; the optimizers of all of them must have the same memory.
        learning_rate: the first one; for an ensemble perhaps an array (n,).
        score: a number for each state, the lower the better, or an array (n,), one for each member of an ensemble, each
            of which then has a learning rate of its own. NaN is never better.
        every: the score is taken of states whose ``step`` is a multiple of this.
        patience: how many scores in a row may be no better than the best before the learning rate falls.
        factor: above 0 and below 1.
        min_delta: better means lower than the best by more than this.
        minimum: the learning rate does not fall below this one.

    Raises ``TypeError`` or ``ValueError`` for arguments of another kind, and ``TypeError`` if a score is no number.

    >>> from fnn import Dense, mse, sgd, start, states, train_step
    >>> step = plateau(lambda rate: train_step(mse, sgd(rate)), 0.5, lambda state: 1.0, every=1, patience=2, factor=0.5)
    >>> batches = [(np.ones((1, 1)), np.ones((1, 1)))] * 6
    >>> run = states(step, start(Dense(np.zeros((1, 1)), np.zeros(1)), sgd(0.5)), batches)
    >>> [state.learning_rate for state in list(run)[1:]]
    [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    """
    for name, function in (("step_of", step_of), ("score", score)):
        if not callable(function):
            raise TypeError(f"plateau: {name} must be a function, got {describe(function)}")
    factor = positive("plateau: the factor", number("plateau: the factor", factor, below=1))
    rule = functools.partial(
        _lowered,
        integer("plateau: the patience", patience),
        factor,
        number("plateau: min_delta", min_delta),
        number("plateau: the minimum", minimum),
    )
    rate = positives("plateau: the learning rate", learning_rate)
    return functools.partial(_step, _StepOf(step_of), rate, score, integer("plateau: every", every), rule)


class _StepOf:
    """The steps for the learning rates that there were: to make one anew each time costs as much as a small step."""

    def __init__(self, step_of: Callable[[Any], Step]) -> None:
        self.step_of: Callable[[Any], Step] = step_of
        self.known: dict[Any, Step] = {}

    def __call__(self, learning_rate: Any) -> Step:
        name = learning_rate.tobytes() if is_array(learning_rate) else learning_rate
        if name not in self.known:
            self.known = {name: self.step_of(learning_rate)}  # the earlier ones do not come back
        return self.known[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return _StepOf, (self.step_of,)


def _step(
    steps: _StepOf,
    first: Any,
    score: Callable[[Any], Any],
    every: int,
    rule: Callable[..., Any],
    state: Any,
    batch: Any,
) -> Lowered:
    if isinstance(state, Averaged):
        state = state.run
    memory: Any = (first, _WORST, -1)  # whether the first score is a number or NaN, the count is 0 after it
    if isinstance(state, Lowered):
        state, memory = state.run, (state.learning_rate, state.best, state.fruitless)
    following = steps(memory[0])(state, batch)
    if following.step % every == 0:
        memory = rule(*memory, score(following))
    return Lowered(following.params, following.opt, following.step, following.loss, following, *memory)


def _lowered(
    patience: int, factor: float, min_delta: float, minimum: float, rate: Any, best: Any, fruitless: Any, score: Any
) -> tuple[Any, Any, Any]:
    """Return the learning rate after one more score, and what is known of the scores."""
    if not is_array(score) or score.ndim != 1:
        if not isinstance(score, Real):
            raise TypeError(f"plateau expects the score to be a number, got {describe(score)}")
        better = float(score) < best - min_delta
        best, fruitless = (float(score), 0) if better else (best, fruitless + 1)
        if fruitless < patience:
            return rate, best, fruitless
        return _not_below(minimum, rate, rate * factor), best, 0
    better = score < best - min_delta
    best, fruitless = np.where(better, score, best), np.where(better, 0, fruitless + 1)
    late = fruitless >= patience
    before: np.ndarray = np.asarray(rate)
    lower = np.where(late, _not_below(minimum, before, before * factor), before)
    return read_only(lower), read_only(best), read_only(np.where(late, 0, fruitless))


def _not_below(minimum: float, rate: Any, lower: Any) -> Any:
    """Return the lower learning rate, or the minimum; one that began below the minimum stays."""
    if is_array(lower):
        return np.maximum(lower, np.minimum(minimum, rate))
    return max(lower, min(minimum, rate))
