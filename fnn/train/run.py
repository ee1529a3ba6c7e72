"""A run is a stream of states: the first one, then one after each batch. Callbacks are functions on it.

states  : step, state, batches -> stream of states, the first one included
fit     : loss, optimizer, state, data, steps, key -> the last state
restart : state, optimizer -> state, with a memory for that optimizer
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from toolz import last, take  # pyright: ignore (toolz has no types)

from fnn.core._errors import describe, integer
from fnn.core.keys import require_key, split
from fnn.data.batching import epochs
from fnn.networks.ensemble import Ensemble, keys_of
from fnn.optim._memory import accept, kept
from fnn.optim.transform import Transform, require_optimizer
from fnn.train.state import Averaged, Lowered, State, itself
from fnn.train.step import OneKey, train_step


def states(step: Callable[..., Any], state: Any, batches: Iterable[Any]) -> Iterator[Any]:
    """Return the lazy stream of states: the given one, then one after each batch.

    Args:
        step: a function ``(state, batch) -> state``, such as ``train_step`` returns.
        state: the first state; a state of your own may be anything but a bare array.
        batches: any iterable of batches, such as ``epochs`` returns.

    Raises ``TypeError`` for anything else.

    >>> list(states(lambda total, batch: total + batch, 0, [1, 2, 3]))
    [0, 1, 3, 6]
    """
    if not callable(step) or hasattr(step, "opt"):  # a state is a record, which can be called
        hint = "; write states(step, state, batches)" if hasattr(step, "opt") else ""
        raise TypeError(f"states expects a step, say train_step(mse, adam()), got {describe(step)}{hint}")
    if isinstance(state, np.ndarray):
        raise TypeError(f"states expects a state, got {describe(state)}; write start(net, optimizer)")
    try:
        batches = iter(batches)
    except TypeError:
        raise TypeError(f"states expects batches, say epochs(data, 32, key), got {describe(batches)}") from None
    return _states(step, state, batches)


def _states(step: Callable[..., Any], state: Any, batches: Iterator[Any]) -> Iterator[Any]:
    yield state
    for batch in batches:
        handled = sys.exception()
        try:
            state = step(state, batch)
        except BaseException as error:
            _forget(handled, error)
            raise
        yield state


def _forget(handled: BaseException | None, error: BaseException | None) -> None:
    """Take from the causes of an error what was being handled when the step began.

    toolz' ``last`` tries ``stream[-n:]`` first, and reads the stream while it handles that error: a traceback would
    begin with it.
    """
    while handled is not None and error is not None:
        if error.__context__ is handled:
            error.__context__ = None
        error = error.__context__


def fit(
    loss: Any,
    optimizer: Transform,
    state: State | Averaged | Lowered,
    data: tuple[Any, ...],
    *,
    steps: int,
    size: int = 32,
    key: OneKey,
) -> State:
    """Train for ``steps`` steps on shuffled batches of ``size`` rows and return the last state.

    Batches and noise are addressed by ``state.step``: k steps and then n - k more give, to the bit, what n steps give.

    Args:
        loss, optimizer: those of ``train_step``.
        state: where to begin, say ``start(net, optimizer)``; for one of ``ema``'s or ``plateau``'s that is its ``run``.
        data: ``(x, target)`` or ``(x, target, weights)``.
        steps: how many steps to take.
        size: rows in a batch.
        key: for the shuffles and for the layers that draw random numbers. For an ensemble a tuple with a key for each
            member; a single key stands for ``split(key, n)``.

    >>> from fnn import Dense, Key, mse, sgd, start
    >>> net, optimizer, x = Dense(np.zeros((1, 1)), np.zeros(1)), sgd(0.25), np.ones((4, 1))
    >>> fit(mse, optimizer, start(net, optimizer), (x, 3 * x), steps=2, size=2, key=Key(0))
    State(params=Dense(weight=f64[1,1], bias=f64[1]), opt=(), step=2, loss=0.0)
    """
    state = itself(state)
    if not isinstance(state, State):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"fit expects a state, got {describe(state)}; write start(net, optimizer)")
    require_optimizer("fit", optimizer)
    accept(optimizer, state)
    if type(state.params) is Ensemble:
        keys = keys_of("fit", key, state.params.n).keys
        shuffle_key, noise_key = zip(*[split(each, 2) for each in keys], strict=True)
    else:
        shuffle_key, noise_key = split(require_key("fit", key), 2)
    endless = epochs(data, size, shuffle_key, start=state.step)
    batches: Any = take(integer("fit: steps", steps, 0), endless)  # pyright: ignore (toolz has no types)
    return last(states(train_step(loss, optimizer, noise_key), state, batches))  # pyright: ignore (toolz has no types)


def restart(state: State | Averaged | Lowered, optimizer: Transform) -> State:
    """Return the state from which training goes on with another optimizer.

    A memory that the new optimizer also uses is kept, and so is the step: the moments of ``chain(freeze("layers[0]"),
    adam())`` serve ``adam()``, and ``sgd(0.1)`` needs none. Otherwise the optimizer starts anew, with the steps counted
    from 0, since Adam corrects its means by how many steps they are of. For another learning rate alone, just pass the
    new optimizer: no restart is needed.

    Args:
        state: where training stands.
        optimizer: how to go on.

    Raises ``TypeError`` if one of them is not what its name says.

    >>> from fnn import Dense, adam, adamw, sgd, start
    >>> state = attrs.evolve(start(Dense(np.ones((2, 1)), np.zeros(1)), adam()), step=7)
    >>> restart(state, adamw()).step, restart(state, sgd(0.1)).step, restart(state, sgd(0.1, momentum=0.9)).step
    (7, 7, 0)
    """
    require_optimizer("restart", optimizer)
    if not hasattr(state, "opt"):
        raise TypeError(f"restart expects a state, got {describe(state)}; write start(net, optimizer)")
    run: State = itself(state)
    memory = kept(optimizer, run)
    if memory is None:
        return attrs.evolve(run, opt=optimizer.init(run.params), step=0)
    return attrs.evolve(run, opt=memory)
