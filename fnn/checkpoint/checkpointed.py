"""A stream of states is saved as it goes by, so that a run which is killed goes on from its file.

checkpointed : path, every -> (stream of states -> the same stream)
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from fnn.checkpoint.files import require_checkpoint, save
from fnn.core._errors import describe, file_path, integer
from fnn.core._structure import walk
from fnn.core.record import is_record


def checkpointed(path: str | os.PathLike[str], every: int = 1) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Save the states whose ``step`` is a multiple of ``every``, and pass everything on unchanged.

    A state is passed on only when it is on the disk. The first state is saved too, whatever its step, so that a
    mistyped folder is an error before there is anything to lose; and the last one, also when nobody asks for more or
    when a step fails: after ``Diverged`` the file holds the last good state. A run that is killed loses at most the
    steps since its last save, and goes on from there to the same bits:

        state = load(path)
        batches = epochs(data, 32, key, start=state.step)
        final = pipe(states(step, state, batches), checkpointed(path, every=100), last)

    This holds wherever it stands in the pipe; behind ``ema`` the averages go on too.

    The file is replaced whole or not at all, and only a checkpoint is ever replaced. Raises ``TypeError`` for elements
    that are no records with a ``step``, ``ValueError`` for a state that is not finite, as when an optimizer's memory
    overflows, ``FormatError`` if the file that is there is no checkpoint, ``OSError`` if it cannot be written.

    >>> import tempfile
    >>> import numpy as np
    >>> from fnn import State
    >>> from fnn.checkpoint.files import load
    >>> run = [State((np.ones(2),), (), step, 0.5) for step in range(6)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [load(f"{folder}/run.fnn").step for state in checkpointed(f"{folder}/run.fnn", every=2)(run)]
    ...     load(f"{folder}/run.fnn").step
    [0, 0, 2, 2, 4, 4]
    5
    """
    return functools.partial(_checkpointed, file_path("checkpointed", path), integer("checkpointed: every", every))


def _checkpointed(path: Path, every: int, stream: Iterable[Any]) -> Iterator[Any]:
    latest = saved = None
    try:
        for state in stream:
            due = _step(state) % every == 0 or saved is None
            if saved is None and path.is_file():
                require_checkpoint(path)
            latest = state
            if due and state is not saved:
                saved = state  # also when saving fails: it is not tried again on the way out
                _save_finite(path, state)
            yield state
    finally:  # also when nobody asks for the rest, or a step fails
        if latest is not saved:
            _save_finite(path, latest)


def _step(state: Any) -> int:
    step = getattr(state, "step", None)
    if not is_record(state) or not isinstance(step, Integral):
        raise TypeError(f"checkpointed expects states, records with an integer step, got {describe(state)}")
    return int(step)


def _save_finite(path: Path, state: Any) -> None:
    for place, leaf in walk(state):
        # The loss of each member of an ensemble is NaN before the first step, and where one has diverged.
        if leaf.dtype.kind == "f" and place not in ("loss", "run.loss") and not np.isfinite(leaf).all():
            raise ValueError(
                f"checkpointed: {place} of step {state.step} holds NaN or infinity; {path} was left as it was; "
                "lower the learning rate or clip the gradient"
            )
    save(path, state)
