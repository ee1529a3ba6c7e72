"""How does a network change as it learns? Look at it every few steps: which layers learn, vanish, saturate or die.

watch : every, batch, effect, loss?, key? -> (stream of states -> the same stream)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any

import attrs

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe, integer
from fnn.core.keys import fold_in, require_key, require_keys
from fnn.core.record import is_record
from fnn.diagnostics.diagnose import Diagnoses, Diagnosis, diagnose
from fnn.losses.classification import cross_entropy
from fnn.networks.ensemble import Ensemble, keys_of


@attrs.frozen
class Watched:
    """What was found of a state: its step, and what ``diagnose`` says of its parameters, for an ensemble of each's."""

    step: int
    found: Diagnosis | Diagnoses


def watch(
    every: int, batch: tuple[Any, ...], effect: Callable[[Watched], Any], loss: Any = cross_entropy, key: Any = None
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Diagnose each state whose ``step`` is a multiple of ``every``, call ``effect`` on that, and pass everything on.

    The states themselves are passed on, so the run is the one that it is without this, wherever it stands in the pipe.
    What ``effect`` keeps is there even after ``Diverged``, when nothing else comes out of the pipe:

        seen = []
        final = pipe(states(step, state, batches), watch(100, batch, seen.append), last)
        plot.watched(ax, seen, "gradient")

    What is found of a state depends on the state alone. So a run that goes on from a checkpoint finds what one without
    a stop does, and what both parts found is that of the whole run; a step that both saw is in it twice, the same.

    Args:
        every: how many steps from one look to the next; a look costs as much as a few steps on this batch.
        batch: what ``diagnose`` takes, ``(x, target)`` or ``(x, target, weights)``; for an ensemble with an axis for
            the members, say ``replicate(batch, n)``. Some rows of the data will do.
        effect: what is called on each ``Watched``, such as ``append`` of a list.
        loss: the loss that the run descends.
        key: for layers that draw random numbers, as of ``train_step``: the one of a state is ``fold_in(key, step)``.

    Raises ``TypeError`` for an effect that is no function and for elements that are no records with ``params`` and an
    integer ``step``, and what ``diagnose`` raises.

    >>> import numpy as np
    >>> from fnn import Dense, mse, sgd, start, states, train_step
    >>> net, optimizer, x = Dense(np.ones((1, 1)), np.zeros(1)), sgd(0.1), np.array([[1.0]])
    >>> seen = []
    >>> run = states(train_step(mse, optimizer), start(net, optimizer), [(x, 3 * x)] * 4)
    >>> _ = list(watch(2, (x, 3 * x), seen.append, mse)(run))
    >>> [(each.step, round(each.found.leaves[0].gradient, 2)) for each in seen]
    [(0, 4.0), (2, 1.44), (4, 0.52)]
    """
    if not callable(effect):
        raise TypeError(f"watch expects a function of what is found, say append of a list, got {describe(effect)}")
    if is_tuple(key):
        require_keys("watch", key)
    elif key is not None:
        require_key("watch", key)
    return functools.partial(_watch, integer("watch: every", every), batch, effect, loss, key)


def _watch(
    every: int, batch: tuple[Any, ...], effect: Callable[[Watched], Any], loss: Any, key: Any, stream: Iterable[Any]
) -> Iterator[Any]:
    for state in stream:
        if _step(state) % every == 0:
            effect(Watched(_step(state), diagnose(state.params, batch, loss, _key_at(key, state))))
        yield state


def _step(state: Any) -> int:
    step = getattr(state, "step", None)
    if not is_record(state) or not hasattr(state, "params") or not isinstance(step, Integral):
        raise TypeError(f"watch expects states, records with params and an integer step, got {describe(state)}")
    return int(step)


def _key_at(key: Any, state: Any) -> Any:
    """Return the key that a step of training from this state has, for an ensemble those of its members."""
    if key is None:
        return None
    if isinstance(state.params, Ensemble):
        return keys_of("watch", key, state.params.n).at(state.step)
    return fold_in(require_key("watch", key), state.step)
