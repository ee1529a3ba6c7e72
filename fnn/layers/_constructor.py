"""A constructor is a function of a key and data that returns a layer; shapes come from the data that it sees.

Constructor : key, x -> layer, whose repr is the call that it came from, ``dense(64)``
constructor : a function that returns functions (key, x -> layer) -> one that returns constructors
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

import attrs

from fnn.core.keys import Key

P = ParamSpec("P")
Construct = Callable[[Key, Any], Any]
MISSING: Any = inspect.Parameter.empty  # of an argument that was not given, for None is one


@attrs.frozen(repr=False, eq=False)
class Constructor:
    """A function ``(key, x) -> layer`` whose repr is the call that it came from: ``dense(64)``."""

    construct: Construct
    shown: str

    def __call__(self, key: Key = MISSING, x: Any = MISSING) -> Any:
        if key is MISSING or x is MISSING:
            raise TypeError(
                f"{self.shown} is a constructor: call it with a key and data, net = {self.shown}(Key(0), x), "
                "and then the network with data, net(x)"
            )
        return self.construct(key, x)

    def __repr__(self) -> str:
        return self.shown


def constructor(function: Callable[P, Construct]) -> Callable[P, Constructor]:
    """Decorate ``function`` so that what it returns is shown as the call that was written.

    Its signature shows functions among the defaults by their names, ``weight=glorot_uniform``.

    >>> from fnn import dense, mlp
    >>> dense(64), mlp(64, 10)
    (dense(64), mlp(64, 10))
    """

    # On the function itself, from which ``wraps`` takes it, and from which tools for documentation read it.
    function.__signature__ = _readable(inspect.signature(function))  # type: ignore[attr-defined]

    @functools.wraps(function)
    def constructed(*args: P.args, **kwargs: P.kwargs) -> Constructor:
        return Constructor(function(*args, **kwargs), _call(function.__name__, args, kwargs))

    return constructed


def _call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    written = [_written(each) for each in args] + [f"{key}={_written(each)}" for key, each in kwargs.items()]
    return f"{name}({', '.join(written)})"


def _written(value: Any) -> str:
    if isinstance(value, functools.partial):
        return _call("partial", (value.func, *value.args), value.keywords)
    return value.__name__ if hasattr(value, "__name__") else repr(value)


def _readable(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature with functions among the defaults shown by name, and with what the decorator returns."""
    parameters = [
        each.replace(default=_Named(each.default)) if inspect.isfunction(each.default) else each
        for each in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=Constructor)


@attrs.frozen(repr=False)
class _Named:
    """A function whose repr is its name."""

    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return self.function.__name__
