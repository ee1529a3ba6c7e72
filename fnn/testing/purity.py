"""A pure function looks at its arguments alone and changes nothing: call it again, in other ways, and compare.

check_function : function, input, ...          -> the first Finding, or None
effects        : name, function, arguments     -> kind of effect -> Finding
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.testing._compare import difference
from fnn.testing._sandbox import arrays_in, bits, call, generator_states, isolated, map_arrays, seed_shared_generators
from fnn.testing.results import Finding

# The kinds of effects, by which an exercise says which mistake each is.
WRITES, SHARES, PROMOTES, ORDER = "writes", "shares", "promotes", "order"
HIDDEN, GLOBAL, MOVES = "hidden", "global", "moves"
_SEVERITIES = {WRITES: "edge", ORDER: "edge", HIDDEN: "wrong"}  # the others are style


@isolated()
def check_function(function: Callable[..., Any], *inputs: Any) -> Finding | None:
    """Check that a function is pure, finite and true to its dtype; return the first finding on any input, or None.

    It is a finding if the function

    - raises;
    - gives NaN or infinity, or sets off a floating-point warning, for finite numbers;
    - writes to an argument, or returns an array that shares memory with one;
    - gives other bits when called again or after somebody else used ``np.random`` or ``random``, or draws from these;
    - makes float64 of float32;
    - gives something else, or fails, for the same numbers read-only, in Fortran's order or strided.

    Every call is on copies, and the shared generators are put back as they were.

    Args:
        function: takes and returns arrays, in tuples, lists and dictionaries too.
        inputs: what to call it with, one after the other: an array, or a tuple of arguments.

    Raises ``TypeError`` for what cannot be called, and if there is no input.

    >>> def relu(x):
    ...     x[x < 0] = 0
    ...     return x
    >>> print(check_function(relu, np.array([1.0, 2.0]), np.array([-1.0, 2.0])))
    relu: mistake 2, the input is written to, or returned as the result: relu([1, 2]) returns an array that shares \
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
        outcome = call(function, map_arrays(np.copy, arguments))
        finite = all(np.isfinite(array).all() for array in arrays_in(arguments) if array.dtype.kind == "f")
        alarm = f"warns: {outcome.warning}" if outcome.warning else "gives NaN or infinity for finite numbers"
        alarmed = finite and (outcome.warning or not outcome.finite)
        told = outcome.complaint if outcome.error else alarm if alarmed else ""
        for finding in [Finding(name, told, arguments)] if told else effects(name, function, arguments).values():
            return finding
    return None


def effects(
    name: str, function: Callable[..., Any], arguments: tuple[Any, ...], mistakes: dict[str, int] | None = None
) -> dict[str, Finding]:
    """Return what a function does besides returning a result, by kind. A call that raises has no effect here.

    ``mistakes`` says which mistake a kind is, where it is not the usual one.
    """
    mistakes = {WRITES: 2, SHARES: 2, GLOBAL: 27, MOVES: 27} | (mistakes or {})
    given = map_arrays(np.copy, arguments)
    outcome = call(function, given)
    if outcome.error is not None:
        return {}
    found: dict[str, str] = {}
    if bits(given) != bits(arguments):
        found[WRITES] = "writes to its input"
    elif any(np.may_share_memory(a, b) for a in outcome.arrays for b in arrays_in(given)):
        found[SHARES] = "returns an array that shares memory with its input"
    found |= _memory(function, arguments)
    for order, change in _ORDERS.items():
        again = call(function, map_arrays(change, arguments))
        wrong = difference(again, outcome.parts, 1e-9) if outcome.finite else None
        if wrong and not found:
            kind = WRITES if "read-only" in str(again.error) else ORDER
            found[kind] = f"{wrong.what}, if its input is {order}"
    single = map_arrays(lambda a: a.astype(np.float32) if a.dtype.kind == "f" else a.copy(), arguments)
    made = {str(array.dtype) for array in call(function, single).arrays if array.dtype.kind == "f" and array.ndim}
    if made - {"float32"} and any(array.dtype.kind == "f" for array in arrays_in(arguments)):
        found[PROMOTES] = f"makes {min(made - {'float32'})} of float32"
    return {kind: Finding(name, what, arguments, mistake=mistakes.get(kind), severity=_SEVERITIES.get(kind, "style"))
            for kind, what in found.items()}  # fmt: skip


def _memory(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, str]:
    """Return whether a function remembers something from call to call, or shares a random generator with others."""
    outcomes, moved = [], False
    for seed in (1234567, 1234567, 7654321):
        seed_shared_generators(seed)
        before = generator_states()
        outcomes.append(call(function, map_arrays(np.copy, arguments)))
        moved |= generator_states() != before
    once, again, other = outcomes
    if not once.same_bits(again):
        return {HIDDEN: "gives another result when called again"}
    if not once.same_bits(other):
        return {GLOBAL: "gives another result after somebody else used np.random or random"}
    return {MOVES: "moves or seeds the generator of np.random or random, which everybody shares"} if moved else {}


def repeats(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Return True if a function gives the same again, whatever happened to the shared generators in between."""
    return set(_memory(function, arguments)) <= {MOVES}


_ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "read-only": lambda a: np.broadcast_to(a.copy(), a.shape),  # which cannot be written to
    "in Fortran's order": lambda a: np.array(a, order="F"),
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2] if a.ndim else a.copy(),
}
