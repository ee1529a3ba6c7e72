"""A call that cannot do harm: its arguments are copies, its errors and warnings are part of what it gives.

    call       : function, arguments -> outcome          every : change, arguments -> arguments
    difference : outcome, expected, tolerance -> where and how the two differ, or None

Functions of students may return tuples, lists, dictionaries and generators: an outcome holds the arrays in them, by
their place.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

# The generator that all of NumPy shares: it is looked at here, and put back, and never drawn from.
from numpy import random as shared_generator

Parts = dict[str, np.ndarray]


@attrs.frozen(eq=False)
class Outcome:
    """What a call gave: arrays by place, or an error; and the floating-point alarm that it set off, if any."""

    parts: Parts
    error: BaseException | None = None
    alarm: str = ""

    @property
    def arrays(self) -> list[np.ndarray]:
        """List the arrays, in order."""
        return list(self.parts.values())

    @property
    def complaint(self) -> str:
        """Say which error was raised, in a line."""
        text = " ".join(str(self.error).split())
        return f"raises {type(self.error).__name__}{text and ': '}{text[:120]}"

    @property
    def finite(self) -> bool:
        """Tell whether no number is NaN or infinite."""
        return all(np.isfinite(array).all() for array in self.arrays if array.dtype.kind in "fc")

    def same_bits(self, other: Outcome) -> bool:
        """Tell whether two outcomes are equal to the bit."""
        if self.error or other.error:
            return type(self.error) is type(other.error)
        return _bits(self.parts) == _bits(other.parts)


def _bits(parts: Parts) -> list:
    return [(place, array.dtype, array.shape, array.tobytes()) for place, array in parts.items()]


@attrs.frozen(eq=False)
class Difference:
    """How a result differs from another: in words, and with the two arrays where there are both."""

    what: str
    found: Any = None
    expected: Any = None


def call(function: Callable, arguments: tuple) -> Outcome:
    """Call a function on these very arguments, with NumPy's alarms on; whatever it does, give an outcome.

    >>> call(np.log, (np.array([0.0]),))
    Outcome(parts={'': array([-inf])}, error=None, alarm='divide by zero encountered in log')
    >>> call(len, (5,)).error
    TypeError("object of type 'int' has no len()")
    """
    alarms = np.errstate(over="warn", divide="warn", invalid="warn", under="ignore")
    with alarms, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parts, error = flat(function(*arguments)), None
            if not parts:
                raise TypeError("it returns nothing, in a tuple, a list or a dictionary")
        except (Exception, SystemExit) as raised:
            parts, error = {}, raised
    heard = [str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)]
    return Outcome(parts, error, heard[0] if heard else "")


def flat(value: Any, place: str = "") -> Parts:
    """Give the arrays in tuples, lists, dictionaries and generators, by place.

    A list of numbers, or of such lists, is an array.

    >>> flat((np.zeros(1), {"bias": 2.0}))
    {'[0]': array([0.]), "[1]['bias']": array(2.)}
    >>> flat([[1.0, 2.0], [3.0, 4.0]])[""].shape
    (2, 2)
    """
    if value is None:
        raise TypeError("it returns None; write return")
    if isinstance(value, dict):
        parts = [flat(value[key], f"{place}[{key!r}]") for key in sorted(value, key=str)]
        return {where: array for part in parts for where, array in part.items()}
    if hasattr(value, "__next__"):
        value = list(value)
    if isinstance(value, list | tuple) and not _are_numbers(value):
        parts = [flat(part, f"{place}[{i}]") for i, part in enumerate(value)]
        return {where: array for part in parts for where, array in part.items()}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"it returns {type(value).__name__}, not real numbers")
    return {place: array}


def _are_numbers(value: Any) -> bool:
    """Tell whether a list, perhaps of lists, holds nothing but numbers, so that it is meant as an array."""
    if isinstance(value, list):
        return bool(value) and all(np.isscalar(part) or _are_numbers(part) for part in value)
    return isinstance(value, tuple) and bool(value) and all(np.isscalar(part) for part in value)


def every(change: Callable, value: Any) -> Any:
    """Change each array in tuples, lists and dictionaries, which are made anew.

    >>> every(np.negative, ([np.array([1.0])], 3))
    ([array([-1.])], 3)
    """
    if isinstance(value, np.ndarray):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)([every(change, part) for part in value])
    return {key: every(change, part) for key, part in value.items()} if isinstance(value, dict) else value


def arrays_in(value: Any) -> list[np.ndarray]:
    """List the arrays in tuples, lists and dictionaries."""
    found: list[np.ndarray] = []
    every(lambda array: found.append(array), value)
    return found


def difference(outcome: Outcome, expected: Parts, tolerance: float) -> Difference | None:
    """Say where an outcome differs from what is expected by more than ``tolerance`` of an array's largest number.

    >>> difference(call(np.exp, (np.array([0.0, 1.0]),)), {"": np.array([1.0, 2.0])}, 1e-6).what
    'gives 2.718 at [1], expected 2'
    """
    if outcome.error is not None:
        return Difference(outcome.complaint)
    if list(outcome.parts) != list(expected):
        return Difference(f"gives {_places(outcome.parts)}, expected {_places(expected)}")
    for place, right in expected.items():
        found, where = outcome.parts[place], f"as result {place} " if place else ""
        if found.shape != right.shape:
            return Difference(f"gives {where}the shape {found.shape}, expected {right.shape}", found, right)
        off = ~(np.abs(found.astype(np.float64) - right) <= tolerance * np.abs(right).max(initial=1e-300))
        if off.any():
            worst = tuple(int(i) for i in np.argwhere(off)[0])
            at = f" at {list(worst)}" if worst else ""
            what = f"gives {where}{_number(found[worst])}{at}, expected {_number(right[worst])}"
            return Difference(what, found, right)
    return None


def agree(one: Outcome, other: Outcome, tolerance: float = 1e-5) -> bool:
    """Tell whether two functions failed alike: the same error, or the same numbers, NaN among them, and alarms."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    if bool(one.alarm) != bool(other.alarm) or list(one.parts) != list(other.parts):
        return False
    pairs = zip(one.arrays, other.arrays, strict=True)
    return all(a.shape == b.shape and _close(a, b, tolerance) for a, b in pairs)


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    return bool(np.allclose(a.astype(np.float64), b, 0, tolerance * scale, equal_nan=True))


def _places(parts: Parts) -> str:
    return f"{len(parts)} result{'s' * (len(parts) != 1)}"


def _number(value: Any) -> str:
    return f"{float(value):.4g}"


def generators() -> tuple:
    """Give the states of the two generators that everybody shares, NumPy's and Python's, to be compared."""
    state: Any = shared_generator.get_state(legacy=False)  # noqa: NPY002
    return state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"], random.getstate()


def disturb(seed: int) -> None:
    """Seed both shared generators, as unrelated code might."""
    shared_generator.seed(seed)  # noqa: NPY002
    random.seed(seed)


@contextmanager
def judging() -> Iterator[None]:
    """Put the shared generators back as they were in the end; until then the judge's own arithmetic raises no alarm."""
    ours, theirs = shared_generator.get_state(), random.getstate()  # noqa: NPY002
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        shared_generator.set_state(ours)  # noqa: NPY002
        random.setstate(theirs)
