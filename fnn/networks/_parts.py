"""What all networks made of parts share: how a part is constructed, and how an error says in which part it arose.

require_constructors : caller, parts, field -> nothing, or an error
constructed          : part, key, x -> layer
part_vjp             : part, x, key, place -> y, pullback
unseen               : layer -> the same, whose batch norms take a single row
locate               : error, place -> the error, with its place
inside               : place -> a context that does so
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
        if isinstance(part, type) or not (is_record(part) or callable(part)):
            hint = "; write the layer itself, say relu or Relu()" if isinstance(part, type) else ""
            raise TypeError(f"{caller} expects constructors or layers, got {describe(part)} at {field}[{place}]{hint}")


def constructed(part: Part, key: Key, x: Any) -> Any:
    """Return the layer that a constructor builds; a finished layer serves as a constructor of itself."""
    return part if isinstance(part, Record) else part(key, x)


def part_vjp(part: Any, x: Any, key: Key | None, place: str) -> tuple[Any, Pullback]:
    """Return what ``vjp`` returns for a part; an error says at which place it arose."""
    try:
        return registered(type(part), vjp)(part, x, key)
    except Exception as error:
        locate(error, place)
        raise


def unseen(node: Any) -> Any:
    """Return a network with each ``BatchNorm`` in it as ``Unseen``, to learn shapes from a row that stands for many.

    >>> import numpy as np
    >>> unseen((BatchNorm(np.ones(2), np.zeros(2)), 3))
    (Unseen(scale=f64[2], shift=f64[2], epsilon=1e-05), 3)
    """
    parts = children(node)
    if isinstance(node, BatchNorm):
        return Unseen(*parts)
    replaced = [unseen(part) for part in parts]
    same = all(new is part for new, part in zip(replaced, parts, strict=True))
    return node if same else rebuild(node, replaced)


def locate(error: Exception, place: str) -> None:
    """Add to an error the place where it arose, say ``layers[2]``: raise one of ours anew, give any other a note."""
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
