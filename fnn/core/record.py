"""A record is a frozen value. Arrays are its parameters, records and tuples its structure, all else its settings.

Record   : the base class, whose values show their shapes and can be called
children : record or tuple -> its parts          rebuild : record or tuple, parts -> one like it
edges    : record or tuple -> the way to each part, ".weight" or "[0]"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeGuard, dataclass_transform

import attrs

from fnn.core._arrays import is_array, is_tuple, read_only
from fnn.core.vjp import forward


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(attrs.field,))
class Record:
    """The base of every layer, loss and state: an ``attrs.frozen`` class, shown by shape, called like a function.

    A subclass is annotated fields, and a function registered with ``vjp`` that says what calling it does.

    >>> import numpy as np
    >>> class Gate(Record):
    ...     weight: np.ndarray
    >>> Gate(np.ones((3, 2), np.float32))
    Gate(weight=f32[3,2])

    ``frozen`` does not freeze an array, and ``p.weight += 1`` on a frozen record changes the array before it
    raises. So arrays made by the library are read-only; those that you pass in stay yours, and are never written.

    Called with settings alone, by name, a record returns one like it that has them: ``leaky_relu(slope=0.2)``.
    """

    __record__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        # No slots: they would make another class of it, and ``_flat`` remembers in a record's dict which vector its
        # leaves were cut from.
        attrs.frozen(cls, eq=False, repr=False, slots=False)
        cls.__record__ = tuple(field.name for field in attrs.fields(cls))

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if named and not inputs and named.keys() <= set(self.__record__):
            return attrs.evolve(self, **named)  # type: ignore[misc]
        return forward(self, *inputs, **named)

    def __repr__(self) -> str:
        parts = zip(self.__record__, children(self), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(value)}' for name, value in parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), children(self))


def is_record(node: Any) -> TypeGuard[Record]:
    """Return True if a value is a record (a class of records is none)."""
    return isinstance(node, Record)


def children(node: Any) -> tuple[Any, ...]:
    """Return the parts of a record or a tuple, in order; of anything else, none."""
    if isinstance(node, Record):
        return tuple([getattr(node, name) for name in node.__record__])
    return node if is_tuple(node) else ()


def rebuild(node: Any, parts: Sequence[Any]) -> Any:
    """Build a record or tuple like ``node`` from other parts."""
    return tuple(parts) if type(node) is tuple else type(node)(*parts)


def edges(node: Any) -> list[str]:
    """Return the way to each part, as in ``layers[0].weight``: ``.weight`` in a record, ``[0]`` in a tuple."""
    if isinstance(node, Record):
        return [f".{name}" for name in node.__record__]
    return [f"[{i}]" for i in range(len(children(node)))]


def _shown(value: Any) -> str:
    if is_array(value):
        kind, bits = value.dtype.kind, 8 * value.dtype.itemsize
        dtype = f"{kind}{bits}" if kind in "fiuc" else str(value.dtype)
        return f"{dtype}[{','.join(map(str, value.shape))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_shown, children(value)))}{',' if len(children(value)) == 1 else ''})"
    return repr(value)


def _restored(cls: Callable[..., Any], parts: tuple[Any, ...]) -> Any:
    return cls(*map(_read_only_again, parts))


def _read_only_again(value: Any) -> Any:
    """Return what was pickled with its arrays as read-only views: pickling drops ``writeable=False``."""
    if is_array(value):
        return read_only(value.view())
    return rebuild(value, [_read_only_again(part) for part in value]) if is_tuple(value) else value
