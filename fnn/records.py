"""A record is a frozen value. Arrays are its parameters, records and tuples its structure, all else its configuration.

record    : class -> frozen class, whose values show their shapes and can be called
children  : record or tuple -> its parts          rebuild : record or tuple, parts -> one like it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, dataclass_transform

import attrs
import numpy as np

T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """Make a class a record: ``attrs.frozen``, shown by shape, callable as the function it stands for.

    >>> @record
    ... class Gate:
    ...     weight: np.ndarray
    >>> Gate(np.ones((3, 2), np.float32))
    Gate(weight=f32[3,2])

    ``frozen`` does not freeze an array, and ``p.weight += 1`` on a frozen record changes the array before it
    raises. So arrays made by the library are read-only; those that you pass in stay yours, and are never written.
    """
    # A dict for each instance, not slots: ``fnn.tree`` remembers there which vector a tree was cut from.
    own = set(vars(cls))
    cls = attrs.frozen(cls, eq=False, repr=False, slots=False)
    added = {
        "__record__": tuple(field.name for field in attrs.fields(cls)),
        "__repr__": _repr,
        "__call__": _call,
        "__reduce__": _reduce,
    }
    for name, value in added.items():
        if name not in own:  # a class may show itself in a way of its own
            setattr(cls, name, value)
    return cls


def is_record(node: Any) -> bool:
    """Tell whether a value is a record (the class itself is none)."""
    return hasattr(type(node), "__record__")


def children(node: Any) -> tuple:
    """Give the parts of a record or a tuple, in order; of anything else, none."""
    names = getattr(type(node), "__record__", None)
    if names is not None:
        return tuple([getattr(node, name) for name in names])
    return tuple(node) if isinstance(node, tuple) else ()


def rebuild(node: Any, parts: Sequence) -> Any:
    """Make a record or tuple like ``node`` from other parts."""
    return type(node)(*parts) if type(node) is not tuple else tuple(parts)


def edges(node: Any) -> list[str]:
    """Name the way to each child, as in ``layers[0].weight``: ``.weight`` in a record, ``[0]`` in a tuple."""
    if is_record(node):
        return [f".{name}" for name in type(node).__record__]
    return [f"[{i}]" for i in range(len(node))] if isinstance(node, tuple) else []


def _repr(self) -> str:
    parts = zip(type(self).__record__, children(self), strict=True)
    return f"{type(self).__name__}({', '.join(f'{name}={_show(value)}' for name, value in parts)})"


def _show(value: Any) -> str:
    if isinstance(value, np.ndarray):
        kind, bits = value.dtype.kind, 8 * value.dtype.itemsize
        dtype = f"{kind}{bits}" if kind in "fiuc" else str(value.dtype)
        return f"{dtype}[{','.join(map(str, value.shape))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_show, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _call(self, *inputs, **named):
    from fnn.core import forward  # core is built on records, so it is looked up on the call

    return forward(self, *inputs, **named)


def _reduce(self):
    return _restore, (type(self), children(self))


def _restore(cls: type, parts: tuple):
    return cls(*map(_closed, parts))


def _closed(value: Any) -> Any:
    """Pickling drops ``writeable=False``: give arrays back as read-only views."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.setflags(write=False)
        return view
    return rebuild(value, [_closed(part) for part in value]) if isinstance(value, tuple) else value
