"""An error says what was expected, where, what came, and what to write instead.

LayerError : caller, complaint, path -> "dense at layers[2] expects rows (n, 64), got (5, 8)"
describe   : value -> what it is, in a few words

integer, number, finite_number, positive, file_path : name, value -> the value, or an error that begins with the name
"""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

# As type[Any], so that isinstance leaves Any as it is: Pyright would go on with ndarray[Unknown, Unknown].
_ARRAY: type[Any] = np.ndarray
_SCALAR: Any = np.generic
_PARTIAL: type[Any] = functools.partial
_SEQUENCES: tuple[type[Any], ...] = (list, tuple)
_INTEGERS: tuple[type[Any], ...] = (int, np.integer)
_NUMBERS: tuple[type[Any], ...] = (*_INTEGERS, float, np.floating)


class LayerError(Exception):
    """An input that a layer cannot take; ``caller`` is the layer's name, ``path`` its place in the network.

    >>> str(LayerValueError("dense", "expects rows (n, 64), got (5, 8)").inside("layers[2]"))
    'dense at layers[2] expects rows (n, 64), got (5, 8)'
    """

    def __init__(self, caller: str, complaint: str, path: str = "") -> None:
        super().__init__(caller, complaint, path)
        self.caller: str = caller
        self.complaint: str = complaint
        self.path: str = path

    def __str__(self) -> str:
        place = f" at {self.path}" if self.path else ""
        return f"{self.caller}{place} {self.complaint}"

    def inside(self, parent: str) -> LayerError:
        """Return the same error as seen from the network ``parent`` around the layer."""
        return type(self)(self.caller, self.complaint, f"{parent}.{self.path}" if self.path else parent)


class LayerValueError(LayerError, ValueError):
    """A value of the right kind that does not fit: a rank, a width, a range."""


class LayerTypeError(LayerError, TypeError):
    """A value of the wrong kind: text, complex numbers, objects."""


class FormatError(ValueError):
    """A file whose bytes are not what its format promises; says which file, where, what was expected, what came."""


class MissingFile(FormatError, FileNotFoundError):
    """A folder that lacks a file that it should hold."""


def describe(value: Any) -> str:
    """Return what a value is in a few words, for the "got ..." of a message.

    >>> describe(np.zeros((3, 4))), describe([1, 2]), describe(0), describe(max)
    ('float64 array (3, 4)', 'list [1, 2]', 'int 0', 'the function max')
    >>> describe((np.zeros(3), 1.5))
    'tuple of float64 array (3,), float 1.5'
    """
    if isinstance(value, _ARRAY):
        return f"{value.dtype} array {value.shape}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if hasattr(value, "__array__") and hasattr(value, "shape") and not isinstance(value, _SCALAR):
        return f"{type(value).__module__.partition('.')[0]} {type(value).__name__} {tuple(value.shape)}"
    function = value.func if isinstance(value, _PARTIAL) else value
    if callable(function) and hasattr(function, "__name__"):
        return f"the function {function.__name__.lstrip('_')}"
    kind = type(value).__name__
    if kind == "Constructor":  # of a layer, whose class is in a room above; its repr is the call that made it
        return f"the constructor {value!r}"
    if isinstance(value, _SEQUENCES) and any(isinstance(part, np.ndarray) for part in value):
        return f"{kind} of {', '.join(map(describe, value[:3]))}{', ...' if len(value) > 3 else ''}"
    text = " ".join(repr(value).split())
    shown = text if len(text) <= 40 else text[:37] + "..."
    return shown if text.removeprefix("np.").startswith(f"{kind}(") else f"{kind} {shown}"


def file_path(caller: str, path: Any) -> Path:
    """Return a path as a ``Path``, or raise ``TypeError`` in the name of ``caller``.

    >>> file_path("read_csv", "train.csv").name
    'train.csv'
    """
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"{caller} expects a path, a str or a Path, got {describe(path)}") from None


def integer(what: str, value: Any, minimum: int = 1, below: int | None = None) -> int:
    """Return an integer as an int; raise in the name of ``what``, TypeError for the kind, ValueError for the size.

    >>> integer("epochs: the size", np.int64(3))
    3
    """
    if isinstance(value, bool) or not isinstance(value, _INTEGERS):
        raise TypeError(f"{what} must be an integer, got {describe(value)}")
    if value < minimum or (below is not None and value >= below):
        limit = "" if below is None else f" and below 2**{below.bit_length() - 1}"
        raise ValueError(f"{what} must be at least {minimum}{limit}, got {value}")
    if below is None and value >= 2**48:
        raise ValueError(f"{what} must be a number that memory can hold, got {describe(value)}")
    return int(value)


def number(what: str, value: Any, minimum: float = 0.0, below: float = math.inf) -> float:
    """Return a finite number as a float, or raise in the name of ``what``, as ``integer`` does.

    >>> number("dropout: the rate", 1)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise TypeError(f"{what} must be a number, got {describe(value)}")
    if not minimum <= value < below or (isinstance(value, int) and value > sys.float_info.max):
        limit = "finite" if below == math.inf else f"below {below}"
        raise ValueError(f"{what} must be at least {minimum:g} and {limit}, got {value}")
    return float(value)


def finite_number(what: str, value: Any) -> float:
    """Return a finite number of either sign as a float, or raise in the name of ``what``, as ``number`` does.

    >>> finite_number("pad: value", -1)
    -1.0
    """
    if isinstance(value, _NUMBERS) and not isinstance(value, bool) and not abs(value) <= sys.float_info.max:
        raise ValueError(f"{what} must be finite, got {value}")
    return number(what, value, -math.inf)


def positive(what: str, value: Any, why: str = "") -> float:
    """Return a finite number above 0 as a float, or raise as ``number`` does, with the words ``why`` at the end.

    >>> positive("one_cycle: the peak", 2)
    2.0
    """
    if number(what, value) == 0:
        raise ValueError(f"{what} must be above 0, got {value}{why}")
    return float(value)


def boolean(what: str, value: Any) -> bool:
    """Return True or False as it is, or raise ``TypeError`` in the name of ``what`` for anything else.

    >>> boolean("max_pool: ceil_mode", True)
    True
    """
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, got {describe(value)}")
    return value
