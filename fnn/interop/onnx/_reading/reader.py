"""A network that grows node by node as an ONNX graph is read: which value is which, and in which order of axes.

    operator : name, ... -> a decorator, for the function of an operator: (reader, op, input, ...) -> output
    Reader   : reader.add(layer, value, ...) -> value           reader.laid(value, order) -> value in this order
    Op       : a node of the graph: its settings and its constants
    Cannot   : what is raised for something that there is no layer for

It mirrors ``_writing/writer``. ONNX has channels first and fnn has them last: a value knows which of its own axes each
axis of ONNX's tensor is, so that a transpose there is often nothing here. An axis of length 1 that fnn does not have is
None. Shapes are found by evaluating each layer, on images that are an empty batch: it costs nothing.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from fnn.core import tree
from fnn.core.vjp import forward
from fnn.interop._onnx_arrays.operator import OnnxOperator
from fnn.layers.shape import Flatten, Permute, Reshape

Axes = tuple[int | None, ...]
OPERATORS: dict[str, Callable[..., Any]] = {}
# The operators of those whose first input may be a constant.
TAKES_CONSTANTS = {"Add", "Sub", "Mul", "Div", "Sum", "MatMul", "Gather", "Concat"}


class Cannot(Exception):
    """Something in a graph that there is no layer for; the words follow the operator's name."""


@attrs.frozen(eq=False)
class Tensor:
    """A value of the network; ``order`` has, for each axis of ONNX's tensor, its own axis, or None for a new one."""

    name: str
    order: Axes
    sample: Any = attrs.field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of ONNX's tensor, with that of the sample in the axis of rows."""
        return tuple([1 if axis is None else self.sample.shape[axis] for axis in self.order])

    @property
    def rank(self) -> int:
        """The number of axes of ONNX's tensor."""
        return len(self.order)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths of the axes of a row, in ONNX's order."""
        return self.shape[1:]


@attrs.frozen
class Op:
    """A node: ``outputs`` are the names of those of its outputs that somebody uses, others are empty."""

    name: str
    type: str
    opset: int
    settings: dict[str, Any]
    outputs: tuple[str, ...]

    def need(self, **wanted: Any) -> None:
        """Raise ``Cannot`` for a setting that is not the wanted one."""
        for name, value in wanted.items():
            if name in self.settings and self.settings[name] != value:
                raise Cannot(f"with {name}={self.settings[name]}")

    def __getitem__(self, name: str) -> Any:
        """Return a setting, None if the operator has no such."""
        return self.settings.get(name)


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that registers the function of one or more operators, ``(reader, op, input, ...) -> output``.

    It is given computed inputs as ``Tensor`` and constants as arrays, and returns what ``reader.add(layer, x)`` does.

    >>> from fnn import tanh
    >>> @operator("MyTanh")
    ... def my_tanh(reader, op, x):
    ...     return reader.add(tanh, x)
    >>> OPERATORS.pop("MyTanh") is my_tanh
    True
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def constant(value: Any, what: str) -> np.ndarray:
    """Return a constant, or raise ``Cannot`` for a computed value."""
    if isinstance(value, Tensor):
        raise Cannot(f"whose {what} is computed, not constant")
    return value


@attrs.define(eq=False)
class Step:
    """A node of the network in the making."""

    layer: Any
    inputs: tuple[str, ...]
    output: str


class Reader:
    """A network in the making; only ``from_onnx`` makes one."""

    _STATE = ("steps", "pending", "current", "_orders", "_made", "_values", "_names")

    def __init__(self, rows: int | None, guessed: bool) -> None:
        self.rows = rows  # as the graph declares them, None for any number
        self.guessed = guessed  # whether lengths of other axes were
        self.steps: list[Step] = []
        self.pending: Counter[str] = Counter()  # how often each value is still to be taken by nodes of the graph
        self.current = ""
        self._orders: dict[tuple[str, Axes], Tensor] = {}
        self._made: dict[str, Step] = {}
        self._values: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._known: dict[Any, list[Any]] = {}
        self._key, self._place = None, 0

    def begin(self, name: str, key: Any) -> None:
        """Begin with a node: what it adds is named after it; for a key seen before its layers are those of then."""
        self.current, self._key, self._place = name, key, 0

    def state(self) -> Any:
        """Return what there is so far, for ``restore``."""
        return tuple([copy.copy(getattr(self, name)) for name in self._STATE]), self._place

    def restore(self, state: Any) -> None:
        """Return to what there was: an attempt to read a node has failed."""
        values, self._place = state
        for name, value in zip(self._STATE, values, strict=True):
            setattr(self, name, value)

    def input(self, name: str, sample: Any) -> Tensor:
        """Return an input of the network."""
        name = self.name(name)
        self._values[name] = Tensor(name, tuple(range(np.ndim(sample))), sample)
        return self._values[name]

    def name(self, wanted: str) -> str:
        """Return a name that no value has yet."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}:{count}"
        self._names.add(name)
        return name

    def add(self, layer: Any, *inputs: Tensor | None, order: Axes | None = None) -> Tensor:
        """Add a layer and return its output, whose axes are those of the first input or ``order``."""
        layer = self._remembered(layer)
        given = tuple([None if each is None else each.sample for each in inputs])
        sample = forward(layer, given if len(given) != 1 else given[0])
        name = self.name(self.current)
        step = Step(layer, tuple(["" if each is None else each.name for each in inputs]), name)
        self.steps.append(step)
        self._made[name] = step
        first = inputs[0] if inputs else None
        self._values[name] = Tensor(name, first.order if order is None and first is not None else order or (), sample)
        return self._values[name]

    def _remembered(self, layer: Any) -> Any:
        """Return the layer that the same constants made before: a layer that is used twice is one record."""
        before, place = self._known.setdefault(self._key, []), self._place
        self._place += 1
        if place < len(before):
            old = before[place]
            if type(old) is type(layer) and tree.leaves(layer) and tree.equal(old, layer):
                return old
        before[place:] = [layer]
        return layer

    def producer(self, value: Tensor, kind: type[Any]) -> Step | None:
        """Return the step that made a value, if its layer is of a kind and nobody else takes the value."""
        step = self._made.get(value.name)
        if step is None or type(step.layer) is not kind or self.pending[value.name] > 1:
            return None
        return None if any(value.name in other.inputs for other in self.steps) else step

    def replaced(self, step: Step, value: Tensor, layer: Any) -> Tensor:
        """Return the value that a step makes with another layer, which does what the node does too."""
        self.steps.remove(step)
        name = self.name(self.current)
        self._made[name] = again = Step(self._remembered(layer), step.inputs, name)
        self.steps.append(again)
        self._values[name] = Tensor(name, value.order, value.sample)
        return self._values[name]

    def laid(self, value: Tensor, order: Axes) -> Tensor:
        """Return a value whose tensor has these axes of it; layers are added where it is another."""
        if value.order == order:
            return value
        known = self._orders.get((value.name, order))
        if known is None:
            known = self._orders[value.name, order] = self._rearranged(value, order)
        return known

    def _rearranged(self, value: Tensor, order: Axes) -> Tensor:
        axes = range(value.rank)
        wanted = sorted([axis for axis in axes if order[axis] is not None], key=lambda axis: order[axis] or 0)
        there = [axis for axis in axes if value.order[axis] is not None]
        dropped = [axis for axis in there if order[axis] is None]
        if any(value.shape[axis] != 1 for axis in dropped):
            raise Cannot(f"of a tensor of shape {value.shape}")
        front = [axis for axis in wanted if value.order[axis] is not None]
        permutation = tuple([value.order[axis] for axis in (*front, *dropped)])
        result = value
        if permutation != tuple(range(len(permutation))):
            result = self._permuted(permutation, result)
        if dropped or len(front) < len(wanted):
            rows_first = [front[0], *[axis for axis in wanted if axis != front[0]]]
            result = self.reshaped(result, tuple([value.shape[axis] for axis in rows_first[1:]]))
            if rows_first != wanted:
                result = self._permuted(tuple([rows_first.index(axis) for axis in wanted]), result)
        return attrs.evolve(result, order=order)

    def _permuted(self, order: Any, value: Tensor) -> Tensor:
        """Add what brings the axes into another order: integers stay integers."""
        if value.sample.dtype.kind == "f":
            return self.add(Permute(order), value)
        return self.add(OnnxOperator("Transpose", (("perm", order),)), value)

    def reshaped(self, value: Tensor, row: tuple[int, ...], order: Axes | None = None) -> Tensor:
        """Return a value whose own rows have another shape; one rearrangement after another is one."""
        order = tuple(range(len(row) + 1)) if order is None else order
        if self.guessed and sum(length > 1 for length in row) > 1:
            raise Cannot("to a shape of unknown lengths: pass x, an input of the shape that it is to take")
        layer: Any = Flatten() if len(row) == 1 else Reshape(row)
        if value.sample.dtype.kind != "f":
            return self.add(OnnxOperator("Reshape", (("shape", (-1, *row)),)), value, order=order)
        before = self.producer(value, Reshape) or self.producer(value, Flatten)
        if before is None:
            return self.add(layer, value, order=order)
        sample = value.sample.reshape(len(value.sample), *row)
        source = self._values[before.inputs[0]]
        if source.sample.shape == sample.shape:  # the two undo each other
            self.steps.remove(before)
            return attrs.evolve(source, order=order)
        return attrs.evolve(self.replaced(before, value, layer), order=order, sample=sample)

    def own_axis(self, value: Tensor, axis: int) -> int:
        """Return which axis of the value's own an axis of the tensor is; the last is -1."""
        own = value.order[axis % value.rank]
        if own is None:
            raise Cannot(f"along an axis of length 1 of {value.shape}")
        return -1 if own == np.ndim(value.sample) - 1 else own

    def plain(self, value: Tensor) -> Tensor:
        """Return a value whose axes are those of ONNX's tensor."""
        return self.laid(value, tuple(range(value.rank)))

    def images(self, value: Tensor) -> Tensor:
        """Return a value (n, ..., channels) of a tensor (n, channels, ...)."""
        return self.laid(value, first_features(value.rank, 1))

    def features(self, value: Tensor, axis: int) -> Tensor:
        """Return a value whose last axis is this axis of the tensor, the others where they are if that is possible."""
        axis %= value.rank
        if value.order[axis] == np.ndim(value.sample) - 1 and value.order[0] == 0:
            return value
        return self.laid(value, first_features(value.rank, axis))


def first_features(rank: int, axis: int) -> Axes:
    """Return the order of a tensor whose axis ``axis`` is the last of the value's: (0, 3, 1, 2) for 4 and 1."""
    others = iter(range(rank - 1))
    return tuple([rank - 1 if place == axis else next(others) for place in range(rank)])


def pruned(steps: Sequence[Step], outputs: Sequence[str]) -> list[Step]:
    """Return the steps that the outputs depend on."""
    needed, kept = set(outputs), []
    for step in reversed(steps):
        if step.output in needed:
            needed.update(step.inputs)
            kept.append(step)
    return kept[::-1]
