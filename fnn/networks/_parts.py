"""What all networks made of parts share: how a part is constructed, and how an error says in which part it arose.

require_constructors : caller, parts, field -> nothing, or an error     constructed : part, key, x -> layer
locate : error, place -> the error with its place                       inside      : place -> a context that does so
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fnn.core._errors import LayerError, describe
from fnn.core.keys import Key
from fnn.core.record import is_record


def require_constructors(caller: str, parts: tuple[Any, ...], field: str) -> None:
    """Raise ``TypeError`` in the name of ``caller`` unless each part is a constructor or a finished layer."""
    for place, part in enumerate(parts):
        if isinstance(part, type) or not (is_record(part) or callable(part)):
            hint = "; write the layer itself, say relu or Relu()" if isinstance(part, type) else ""
            raise TypeError(f"{caller} expects constructors or layers, got {describe(part)} at {field}[{place}]{hint}")


def constructed(part: Any, key: Key, x: Any) -> Any:
    """Return the layer that a constructor makes; a finished layer serves as a constructor of itself."""
    return part if is_record(part) else part(key, x)


def locate(error: Exception, place: str) -> None:
    """Say in an error at which layer it arose, say ``layers[2]``: one of ours is raised anew, any other gets a note."""
    if isinstance(error, LayerError):
        raise error.inside(place) from None
    error.add_note(f"in {place}")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Locate the errors of a block, as ``locate`` does; where a step of training passes, a plain ``try`` is faster."""
    try:
        yield
    except Exception as error:
        locate(error, place)
        raise
