"""What all networks made of parts share: how a part is constructed, and how an error says in which part it arose.

require_constructors : caller, parts, field -> nothing, or an error
may_construct        : part -> whether it can be called with a key and data
constructed          : part, key, x -> layer
part_vjp             : part, x, key, place -> y, pullback
unseen               : layer -> the same, whose batch norms take a single row
locate               : error, place, layer? -> the error, with its place
inside               : place -> a context that does so
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fnn.core._errors import LayerError, describe
from fnn.core.keys import Key
from fnn.core.record import Record, children, is_record, rebuild
from fnn.core.vjp import Pullback, registered, vjp
from fnn.layers._constructor import Construct
from fnn.layers.norm import BatchNorm, Unseen

Part = Construct | Record


def require_constructors(caller: str, parts: tuple[Any, ...], field: str) -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless each part is a constructor or a finished layer."""
    for place, part in enumerate(parts):
        hint = "; write the layer itself, say relu or Relu()" if isinstance(part, type) else ""
        hint = f"; write {caller}(*layers)" if isinstance(part, list | tuple) else hint
        if not hint and callable(part) and not may_construct(part):
            hint = "; a function of x is no layer: write tanh or relu of fnn, or a record with a function for vjp"
        if hint or not (is_record(part) or callable(part)):
            raise TypeError(f"{caller} expects constructors or layers, got {describe(part)} at {field}[{place}]{hint}")


def may_construct(part: Any) -> bool:
    """Return True for what can be called with a key and data, as far as can be seen without a call."""
    if is_record(part) or isinstance(part, np.ufunc):
        return is_record(part)
    return takes(part, 2)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Return False if a function is known not to take so many positional arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # one that is not written in Python may have no signature
        return True
    return True


def constructed(part: Part, key: Key, x: Any) -> Any:
    """Return the layer that a constructor builds; a finished layer serves as a constructor of itself.

    Raises ``TypeError`` if what it builds is an array.
    """
    layer = part if isinstance(part, Record) else part(key, x)
    if isinstance(layer, np.ndarray | np.generic):
        raise TypeError(
            f"expected a layer from {describe(part)}(key, x), got {describe(layer)}; a function is no layer"
        )
    return layer


def part_vjp(part: Any, x: Any, key: Key | None, place: str) -> tuple[Any, Pullback]:
    """Return what ``vjp`` returns for a part; an error says at which place it arose."""
    try:
        return registered(type(part), vjp)(part, x, key)
    except Exception as error:
        locate(error, place, part)
        raise


def unseen(node: Any) -> Any:
    """Return a network with each ``BatchNorm`` in it as ``Unseen``, to learn shapes from a row that stands for many.

    >>> unseen((BatchNorm(np.ones(2), np.zeros(2)), 3))
    (Unseen(scale=f64[2], shift=f64[2], epsilon=1e-05), 3)
    """
    parts = children(node)
    if isinstance(node, BatchNorm):
        return Unseen(*parts)
    replaced = [unseen(part) for part in parts]
    same = all(new is part for new, part in zip(replaced, parts, strict=True))
    return node if same else rebuild(node, replaced)


def locate(error: Exception, place: str, layer: Any = None) -> None:
    """Add to an error the place where it arose, say ``layers[2]``: raise one of ours anew, give any other a note.

    The error that a function registered for ``layer`` raises because it takes no key is told in other words.
    """
    function = vjp.dispatch(type(layer))
    if isinstance(error, TypeError) and layer is not None and not takes(function, 3):
        name = getattr(function, "__name__", "its function")
        raise TypeError(
            f"{type(layer).__name__} at {place}: a network passes a key, which {name}{inspect.signature(function)} "
            f"does not take; write def {name}(layer: {type(layer).__name__}, x, key=None)"
        ) from None
    if isinstance(error, LayerError):
        raise error.inside(place) from None
    error.add_note(f"in {place}")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Locate the errors of a block, as ``locate`` does; a plain ``try`` is faster, where each step of training goes."""
    try:
        yield
    except Exception as error:
        locate(error, place)
        raise
