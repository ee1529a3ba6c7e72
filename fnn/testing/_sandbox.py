"""A call that cannot do harm: errors and warnings are part of what it returns, and shared generators are put back.

    call      : function, arguments -> Outcome        isolated   : a decorator for functions that call others
    parts_of  : value -> its arrays by place          map_arrays : change, arguments -> arguments

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

# The generator that all of NumPy shares: it is compared and put back here, and never drawn from.
from numpy import random as shared_generator

Parts = dict[str, np.ndarray]


@attrs.frozen(eq=False)
class Outcome:
    """The result of a call: arrays by place, or an error; and the first floating-point warning, if there was one."""

    parts: Parts
    error: BaseException | None = None
    warning: str = ""

    @property
    def arrays(self) -> list[np.ndarray]:
        """Return the arrays, in order."""
        return list(self.parts.values())

    @property
    def complaint(self) -> str:
        """Return a line that says which error was raised."""
        text = " ".join(str(self.error).split())
        return f"raises {type(self.error).__name__}{text and ': '}{text[:120]}"

    @property
    def finite(self) -> bool:
        """Return True if no number is NaN or infinite."""
        return all(np.isfinite(array).all() for array in self.arrays if array.dtype.kind in "fc")

    def same_bits(self, other: Outcome) -> bool:
        """Return True if two outcomes are equal to the bit."""
        alike = type(self.error) is type(other.error) and list(self.parts) == list(other.parts)
        return alike and bits(self.arrays) == bits(other.arrays)


def bits(value: Any) -> list[tuple[Any, ...]]:
    """Return the arrays in tuples, lists and dictionaries, to the bit, in a form that compares."""
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays_in(value)]


def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    """Call a function on these very arguments, with NumPy's warnings on, and return an outcome whatever it does.

    >>> call(np.log, (np.array([0.0]),))
    Outcome(parts={'': array([-inf])}, error=None, warning='divide by zero encountered in log')
    >>> call(len, (5,)).error
    TypeError("object of type 'int' has no len()")
    """
    alarms = np.errstate(over="warn", divide="warn", invalid="warn", under="ignore")
    with alarms, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parts, error = parts_of(function(*arguments)), None
            if not parts:
                raise TypeError("it returns nothing, in a tuple, a list or a dictionary")
        except (Exception, SystemExit) as raised:
            parts, error = {}, raised
    warned = [str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)]
    return Outcome(parts, error, warned[0] if warned else "")


def parts_of(value: Any, place: str = "") -> Parts:
    """Return the arrays in tuples, lists, dictionaries and generators, by place.

    A list of numbers, or of such lists, is an array. Raises ``TypeError`` for None and for what is no real number.

    >>> parts_of((np.zeros(1), {"bias": 2.0}))
    {'[0]': array([0.]), "[1]['bias']": array(2.)}
    >>> parts_of([[1.0, 2.0], [3.0, 4.0]])[""].shape
    (2, 2)
    """
    if value is None:
        raise TypeError("it returns None; write return")
    value = list(value) if hasattr(value, "__next__") else value
    if isinstance(value, dict) or (isinstance(value, list | tuple) and not _are_numbers(value)):
        pairs = sorted(value.items(), key=lambda pair: str(pair[0])) if isinstance(value, dict) else enumerate(value)
        parts = [parts_of(part, f"{place}[{key!r}]") for key, part in pairs]
        return {where: array for part in parts for where, array in part.items()}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"it returns {type(value).__name__}, not real numbers")
    return {place: array}


def _are_numbers(value: Any) -> bool:
    """Return True if a list, perhaps of lists, holds nothing but numbers, so that it is meant as an array."""
    if not isinstance(value, list | tuple):
        return False
    return bool(value) and all(np.isscalar(each) or (type(value) is list and _are_numbers(each)) for each in value)


def map_arrays(change: Callable[[np.ndarray], Any], value: Any) -> Any:
    """Return new tuples, lists and dictionaries in which each array is changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)([map_arrays(change, part) for part in value])
    return {key: map_arrays(change, part) for key, part in value.items()} if isinstance(value, dict) else value


def arrays_in(value: Any) -> list[np.ndarray]:
    """Return the arrays in tuples, lists and dictionaries."""
    found: list[np.ndarray] = []
    map_arrays(found.append, value)
    return found


def generator_states() -> tuple[Any, ...]:
    """Return the states of the two generators that everybody shares, NumPy's and Python's, in a form that compares."""
    state: Any = shared_generator.get_state(legacy=False)  # noqa: NPY002
    return state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"], random.getstate()


def seed_shared_generators(seed: int) -> None:
    """Seed both generators that everybody shares, as unrelated code might."""
    shared_generator.seed(seed)  # noqa: NPY002
    random.seed(seed)


@contextmanager
def isolated() -> Iterator[None]:
    """Put the shared generators back at the end; until then the checker's own arithmetic raises no warning."""
    of_numpy, of_python = shared_generator.get_state(), random.getstate()  # noqa: NPY002
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        shared_generator.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
