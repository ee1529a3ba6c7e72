"""Whose memory is in a training state: another optimizer's would be read as something that it is not.

    accept      : optimizer, state -> nothing, or an error that says whose memory was expected and whose came
    owned       : optimizer, state -> the same state, which remembers that this optimizer made it
    nothing_yet : params -> a tree of zeros like them, in float32 at least
    kept        : optimizer, state -> the optimizer's memory made of the records in the state, or None if one is missing

A memory is compared in its records, structure, shapes and dtypes, not in its values or settings: another learning rate
is not another optimizer. So each meaning has a record class of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnn.core._arrays import is_tuple
from fnn.core._errors import describe
from fnn.core._flat import flat, widened
from fnn.core._structure import Tree, difference
from fnn.core.record import Record, children, edges, is_record

OWNER = "(optimizer)"  # in a state's dict, as ``_flat`` remembers a vector: no field can have this name
# Two memories that had one class in 0.1.0: the newer name, what its checkpoints call both, the field.
_ONCE = {"SummedSquares": ("Squares", "square", "adaptive"), "NesterovTrace": ("Trace", "velocity", "rules")}


def nothing_yet(params: Tree) -> Tree:
    """Return a tree like the parameters in which every leaf is zero, in float32 at least: what is summed over steps."""
    vector, layout = flat(params)
    return layout.cut_wide(np.zeros(vector.shape, widened(vector.dtype)))


def accept(optimizer: Any, state: Any) -> None:
    """Raise ``ValueError`` unless the memory in a state is one that this optimizer makes for the state's parameters.

    A state remembers which optimizer made or accepted it. A step asks for that itself, and needs this only at first.
    """
    if getattr(state, OWNER, None) is optimizer:
        return
    if hasattr(getattr(state, "run", None), "opt"):  # one of ``ema``'s
        raise TypeError("expected the state that training goes on from, got an average of several; write state.run")
    expected = optimizer.init(state.params)
    found = _misfit(expected, state.opt)
    if found:
        raise ValueError(_another(expected, state.opt, *found))
    owned(optimizer, state)


def owned(optimizer: Any, state: Any) -> Any:
    """Return the state, which from now on remembers that this optimizer made or accepted it."""
    if hasattr(state, "__dict__"):  # a state of your own may have none, and is compared at each step
        state.__dict__[OWNER] = optimizer
    return state


def kept(optimizer: Any, state: Any) -> Any:
    """Return the memory that the optimizer would have at the state, from the records there; None if one is missing."""
    expected = optimizer.init(state.params)
    if not _misfit(expected, state.opt):
        return state.opt
    try:
        return _filled(expected, _records(state.opt))
    except LookupError:
        return None


def _filled(expected: Any, known: list[Record]) -> Any:
    """Return a memory like the expected one from known records; raise ``LookupError`` if there is none that fits."""
    if is_tuple(expected):
        return tuple([_filled(part, known) for part in expected])
    fitting = [place for place, record in enumerate(known) if not _misfit(expected, record)]
    return known.pop(fitting[0])


def _records(memory: Any) -> list[Record]:
    if is_record(memory):
        return [memory]
    return [record for part in memory for record in _records(part)] if is_tuple(memory) else []


def _misfit(expected: Any, found: Any) -> tuple[str, str, str] | None:
    """Return where two memories differ, and what is there in each."""
    if is_record(expected) and type(expected) is type(found):
        for name, ours, theirs in zip(expected.__record__, children(expected), children(found), strict=True):
            if ours is None or (is_tuple(ours) and not ours):
                continue  # a field of your own record that is empty at first may hold anything later
            different = difference(ours, theirs, to_the_shape=True)
            if different:
                return f".{name}{different[0]}", *different[1:]
        return None
    if is_tuple(expected) and is_tuple(found) and len(expected) == len(found):
        for edge, ours, theirs in zip(edges(expected), expected, found, strict=True):
            different = _misfit(ours, theirs)
            if different:
                return edge + different[0], *different[1:]
        return None
    return difference(expected, found, to_the_shape=True)


def _another(expected: Any, found: Any, path: str, ours: str, theirs: str) -> str:
    """Return the sentence of ``accept``."""
    names = _shown(expected), _shown(found)
    if names[0] == names[1]:  # alike but for the parameters that they are of
        place = f"state.opt{path}" if path.startswith("[") or not path else f"state.opt.{path.lstrip('.')}"
        names = f"{ours} at {place}", theirs
    old = ""
    name, field, file = _ONCE.get(ours, ("", "", ""))
    if name == theirs:
        there = f"{ours}(state.opt{path}.{field}) of fnn.optim.{file} there"
        old = f"; if 0.1.0 saved it, which called both {name}, put {there}"
    return (
        f"the memory in the state is another optimizer's or network's: expected {names[0]}, got {names[1]}; write "
        f"start(state.params, optimizer), or restart(state, optimizer) to keep a memory that fits{old}"
    )


def _shown(memory: Any) -> str:
    """Return the records of a memory by their names: all that tells one optimizer from another."""
    if is_tuple(memory):
        return f"({', '.join(map(_shown, memory))}{',' if len(memory) == 1 else ''})"
    return type(memory).__name__ if is_record(memory) else describe(memory)
