"""A pure function looks at its arguments alone and touches nothing: call it again, in other ways, and see.

check_function : function, input, ... -> the first finding, or None
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.testing.calls import (
    Outcome,
    arrays_in,
    call,
    difference,
    disturb,
    every,
    generators,
    judging,
)
from fnn.testing.findings import Finding

# The kinds of effects, by which an exercise says which mistake each is.
WRITES, SHARES, PROMOTES, ORDER = "writes", "shares", "promotes", "order"
HIDDEN, GLOBAL, MOVES = "hidden", "global", "moves"


@judging()
def check_function(function: Callable, *inputs: Any) -> Finding | None:
    """Give the first finding on any of the inputs, or None: is the function pure, finite, and true to its dtype?

    Each input is one array, or a tuple of arguments. It is a finding if the function raises; gives NaN or infinity, or
    sets off a floating-point warning, for finite numbers; writes to an argument, or returns an array that shares memory
    with one; gives other bits when called again or after somebody else used ``np.random`` or ``random``, or draws from
    these itself; makes float64 of float32; gives something else, or fails, for the same numbers read-only, in Fortran's
    order or strided. Every call is on copies, and the shared generators are put back as they were.

    Raises ``TypeError`` for what cannot be called, and if there is no input.

    >>> def relu(x):
    ...     x[x < 0] = 0
    ...     return x
    >>> print(check_function(relu, np.array([1.0, 2.0]), np.array([-1.0, 2.0])))
    relu: mistake 2, the input is written to, or handed back as the result: relu([1, 2]) returns an array that shares \
memory with its input; make a new array: np.maximum(x, 0)
    >>> check_function(lambda x: np.exp(x), np.array([1.0]), np.array([800.0])).what
    'warns: overflow encountered in exp'
    >>> check_function(np.tanh, np.array([-1.0, 2.0])) is None
    True
    """
    if not callable(function):
        raise TypeError(f"check_function expects a function, got {describe(function)}")
    if not inputs:
        raise TypeError("check_function expects inputs to try; write check_function(f, x) or check_function(f, (x, y))")
    name = getattr(function, "__name__", type(function).__name__)
    for given in inputs:
        arguments = given if isinstance(given, tuple) else (given,)
        for finding in (*_accidents(name, function, arguments), *effects(name, function, arguments).values()):
            return finding
    return None


def _accidents(name: str, function: Callable, arguments: tuple) -> Iterator[Finding]:
    """Yield what goes wrong in an ordinary call."""
    outcome = call(function, every(np.copy, arguments))
    if outcome.error is not None:
        yield Finding(name, outcome.complaint, arguments)
    elif all(np.isfinite(array).all() for array in arrays_in(arguments) if array.dtype.kind == "f"):
        if outcome.alarm:
            yield Finding(name, f"warns: {outcome.alarm}", arguments)
        elif not outcome.finite:
            yield Finding(name, "gives NaN or infinity for finite numbers", arguments)


def effects(
    name: str, function: Callable, arguments: tuple, numbers: dict[str, int] | None = None
) -> dict[str, Finding]:
    """Give what a function does besides giving a result, by kind; ``numbers`` says which mistake each kind is.

    A call that raises has no effect here.
    """
    mistakes = {WRITES: 2, SHARES: 2, GLOBAL: 27, MOVES: 27} | (numbers or {})
    given = every(np.copy, arguments)
    outcome = call(function, given)
    if outcome.error is not None:
        return {}
    found: dict[str, str] = {}
    if flat_bits(given) != flat_bits(arguments):
        found[WRITES] = "writes to its input"
    elif any(np.may_share_memory(a, b) for a in outcome.arrays for b in arrays_in(given)):
        found[SHARES] = "returns an array that shares memory with its input"
    found |= _memory(function, arguments)
    for order, change in _ORDERS.items():
        again = call(function, every(change, arguments))
        wrong = difference(again, outcome.parts, 1e-9) if outcome.finite else None
        if wrong and not found:
            kind = WRITES if "read-only" in str(again.error) else ORDER
            found[kind] = f"{wrong.what}, if its input is {order}"
    promoted = _promoted(function, arguments)
    if promoted:
        found[PROMOTES] = promoted
    return {kind: Finding(name, what, arguments, mistake=mistakes.get(kind)) for kind, what in found.items()}


def flat_bits(arguments: tuple) -> list:
    """Give what must stay as it is: all arrays in the arguments, to the bit."""
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays_in(arguments)]


def _memory(function: Callable, arguments: tuple) -> dict[str, str]:
    """Say whether a function remembers something from call to call, or shares a random generator with others."""
    once, moved = _seeded_by_others(function, arguments, 1234567)
    again, _ = _seeded_by_others(function, arguments, 1234567)
    other, _ = _seeded_by_others(function, arguments, 7654321)
    if not once.same_bits(again):
        return {HIDDEN: "gives another result when called again"}
    if not once.same_bits(other):
        return {GLOBAL: "gives another result after somebody else used np.random or random"}
    return {MOVES: "moves or seeds the generator of np.random or random, which everybody shares"} if moved else {}


def _seeded_by_others(function: Callable, arguments: tuple, seed: int) -> tuple[Outcome, bool]:
    disturb(seed)
    before = generators()
    outcome = call(function, every(np.copy, arguments))
    return outcome, generators() != before


def repeats(function: Callable, arguments: tuple) -> bool:
    """Tell whether a function gives the same again, whatever happened to the shared generators in between."""
    return set(_memory(function, arguments)) <= {MOVES}


def _promoted(function: Callable, arguments: tuple) -> str:
    """Say which dtype float32 becomes, if it does not stay."""
    if not any(array.dtype.kind == "f" for array in arrays_in(arguments)):
        return ""
    outcome = call(function, every(_single, arguments))
    kinds = {array.dtype for array in outcome.arrays if array.dtype.kind == "f" and array.ndim} - {np.dtype(np.float32)}
    return f"makes {min(map(str, kinds))} of float32" if kinds else ""


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


def _strided(array: np.ndarray) -> np.ndarray:
    return np.repeat(array, 2, axis=0)[::2] if array.ndim else array.copy()


_ORDERS = {"read-only": _read_only, "in Fortran's order": lambda a: np.array(a, order="F"), "strided": _strided}
