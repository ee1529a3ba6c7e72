"""A constructor is a function of a key and data that returns a layer; shapes come from the data that it sees.

Constructor : key, x -> layer          constructor : a function that returns such a function -> the same, shown
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import attrs

from fnn.core.keys import Key

P = ParamSpec("P")
Construct = Callable[[Key, Any], Any]


@attrs.frozen(repr=False, eq=False)
class Constructor:
    """A function ``(key, x) -> layer`` whose repr is the call that made it: ``dense(64)``."""

    construct: Construct
    shown: str

    def __call__(self, key: Key, x: Any) -> Any:
        return self.construct(key, x)

    def __repr__(self) -> str:
        return self.shown


def constructor(function: Callable[P, Construct]) -> Callable[P, Constructor]:
    """Let the functions that ``function`` returns show themselves as they were asked for.

    >>> from fnn import dense, mlp
    >>> dense(64), mlp(64, 10)
    (dense(64), mlp(64, 10))
    """

    @functools.wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> Constructor:
        written = [_written(each) for each in args] + [f"{name}={_written(each)}" for name, each in kwargs.items()]
        return Constructor(function(*args, **kwargs), f"{function.__name__}({', '.join(written)})")

    return shown


def _written(value: Any) -> str:
    return value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)
