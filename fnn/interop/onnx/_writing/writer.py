"""An ONNX graph that grows node by node: names, constants, and each tensor in the order of axes in which it was made.

    emit   : layer, graph, x -> y, what a layer adds to a graph: the generic function, as ``vjp`` is
    Value  : a tensor of the graph, with the order of its axes and what fnn computes for it on a sample
    Writer : graph.node(operator, x, array, ...) -> name          graph.layer(layer, x, path) -> y
             graph.laid(x, order) -> name of x with its axes in this order

ONNX has channels first, time first in recurrent layers, and fnn has them last and second. A value keeps the order in
which its operator made it, a layer that looks at each number alone takes it as it is, and a transpose is written where
somebody needs another order, once.
"""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np
import onnx
from onnx import helper

from fnn.core._errors import describe
from fnn.core.record import children, is_record
from fnn.core.vjp import forward

Order = tuple[int, ...]

# The oldest set of operators that has most of what is written, and the first ones of those that came later.
OPSET = 18
SINCE = {"Gelu": 20, "Attention": 23, "RotaryEmbedding": 23}


@functools.singledispatch
def emit(layer: Any, graph: Writer, x: Any) -> Any:
    """Add what a layer computes to a graph, and return its output.

    For a layer of your own register a function, as for ``vjp``. It gets x as a ``Value``, or as a tuple of them, and
    returns the name that ``graph.node`` gave it, or a tuple of names.

    Args:
        layer: the layer.
        graph: the ``Writer`` to add nodes to; an array that a node is given becomes a constant of the graph.
        x: its input.

    Raises ``TypeError`` for a type without a registered function.

    >>> from fnn import Record, vjp
    >>> class Gate(Record):
    ...     weight: np.ndarray
    >>> @vjp.register
    ... def gate_vjp(layer: Gate, x, key=None):
    ...     return x * layer.weight, lambda dy: (Gate((dy * x).sum(axis=0)), lambda: dy * layer.weight)
    >>> @emit.register
    ... def gate_emit(layer: Gate, graph, x):
    ...     return graph.node("Mul", x, layer.weight)
    >>> from fnn.interop.onnx import to_onnx
    >>> [node.op_type for node in to_onnx(Gate(np.ones(3, np.float32)), np.ones((1, 3), np.float32)).graph.node]
    ['Mul']
    """
    if is_record(layer):
        name = type(layer).__name__
        raise TypeError(
            f"to_onnx: no function is registered for {name}; write @emit.register above {name.lower()}_emit"
        )
    raise TypeError(f"to_onnx expects a finished network, got {describe(layer)}; make it first: constructor(key, x)")


@attrs.frozen(eq=False)
class Value:
    """A tensor of the graph; ``order`` says which of fnn's axes each of its axes is, ``sample`` is fnn's own array."""

    name: str
    order: Order
    sample: Any = None

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that fnn's array has on the sample, whatever the order."""
        return self.sample.shape

    def axis(self, place: int) -> int:
        """Return where fnn's axis ``place`` lies in the tensor."""
        return self.order.index(place % self.rank)


def plain(rank: int) -> Order:
    """Return the order of fnn's own axes."""
    return tuple(range(rank))


def channels_first(rank: int) -> Order:
    """Return the order in which the last axis stands behind the rows: (0, 3, 1, 2) for images."""
    return (0, rank - 1, *range(1, rank - 1))


class Writer:
    """A graph in the making; only ``to_onnx`` makes one."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.opset = OPSET
        self.rows = 0  # the axis of rows of inputs and outputs
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._taken: dict[str, int] = {}
        self._laid: dict[str, tuple[str, Order]] = {}  # of which tensor each is a transpose, and how
        self._tensors: dict[str, dict[Order, str]] = {}
        self._of_layers: dict[tuple[int, int], str] = {}
        self._kept: list[Any] = []
        self._path, self._layer, self._count = "", None, 0

    def node(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node, and return the name of its output, or a tuple of them if there are several.

        Args:
            operator: its type, as ONNX names it.
            inputs: values, which are taken in fnn's order of axes; names of tensors; arrays, which become constants;
                None for one that is left out.
            outputs: how many there are.
            attributes: its settings.
        """
        self.opset = max(self.opset, SINCE.get(operator, 0))
        names = [self._input(each) for each in inputs]
        made = [self.name(f"{self._path}.{operator}".lstrip(".")) for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, made, name=made[0], **attributes))
        return made[0] if outputs == 1 else tuple(made)

    def _input(self, given: Any) -> str:
        if given is None or isinstance(given, str):
            return given or ""
        return self.laid(given, plain(given.rank)) if isinstance(given, Value) else self.constant(given)

    def name(self, wanted: str) -> str:
        """Return a name that nothing has yet: the wanted one, or that with a number."""
        self._taken[wanted] = count = self._taken.get(wanted, 0) + 1
        return wanted if count == 1 else self.name(f"{wanted}:{count}")

    def constant(self, array: Any) -> str:
        """Return the name of a constant; those of a layer that is used twice are one.

        A field of the layer at hand is called by its path in the network.
        """
        array = np.asarray(array)
        layer, place = self._layer, self._count
        self._count += 1
        known = self._of_layers.get((id(layer), place))
        if known is not None and np.array_equal(self.constants[known], array):
            return known
        fields = getattr(layer, "__record__", ())
        field = next((name for name, part in zip(fields, children(layer), strict=True) if part is array), "constant")
        name = self.name(f"{self._path}.{field}".lstrip("."))
        self.constants[name] = array.astype(self.dtype) if array.dtype.kind == "f" else array
        self._of_layers[id(layer), place] = name
        self._kept.append(layer)  # as long as it lives nothing else has its id
        return name

    def laid(self, value: Value, order: Order) -> str:
        """Return the name of a value with its axes in this order; a transpose is written where there is none yet."""
        # By the axes of the tensor that was made first: what a value calls its axes is another matter, as a permute
        # gives them other numbers and leaves the tensor as it is.
        tensor, axes = self._laid.setdefault(value.name, (value.name, plain(value.rank)))
        wanted = tuple([axes[value.order.index(axis)] for axis in order])
        known = self._tensors.setdefault(tensor, {axes: value.name})
        if wanted not in known:
            known[wanted] = self.node("Transpose", value.name, perm=[value.order.index(axis) for axis in order])
            self._laid[known[wanted]] = tensor, wanted
        return known[wanted]

    def floats(self, value: Value) -> Value:
        """Return a value as floats: integers and booleans are cast, as ``fnn`` does."""
        if value.sample.dtype.kind == "f":
            return value
        cast = self.node("Cast", value.name, to=helper.np_dtype_to_tensor_dtype(self.dtype))
        return Value(cast, value.order, value.sample.astype(self.dtype))

    def reshaped(self, name: str | Value, *shape: int) -> str:
        """Return the name of a tensor of another shape; an axis of 0 is as long as it was at this place."""
        return self.node("Reshape", name, np.array(shape, np.int64))

    def layer(self, layer: Any, x: Any, path: str = "") -> Any:
        """Add a layer with all that it is made of, and return its output.

        Args:
            layer: the layer.
            x: its input.
            path: its place in the layer around it: ``"layers[0]"``.
        """
        around = self._path, self._layer, self._count
        self._path, self._layer, self._count = f"{self._path}.{path}".strip("."), layer, 0
        y = emit(layer, self, x)
        self._path, self._layer, self._count = around
        return y if _is_known(y) else _with_samples(y, forward(layer, sample_of(x)))


def sample_of(x: Any) -> Any:
    """Return fnn's own arrays of a value, or of a tuple of them."""
    return tuple(map(sample_of, x)) if isinstance(x, tuple) else None if x is None else x.sample


def values_in(x: Any) -> list[Value]:
    """Return the values in a tuple of tuples, in order; a part that is not given is left out."""
    return [each for part in x for each in values_in(part)] if isinstance(x, tuple) else [] if x is None else [x]


def _is_known(y: Any) -> bool:
    if isinstance(y, tuple):
        return all(map(_is_known, y))
    return y is None or (isinstance(y, Value) and y.sample is not None)


def _with_samples(y: Any, sample: Any) -> Any:
    if isinstance(y, tuple):
        return tuple([_with_samples(part, of_it) for part, of_it in zip(y, sample, strict=True)])
    if isinstance(y, Value):
        return y if y.sample is not None else attrs.evolve(y, sample=sample)
    return None if y is None else Value(y, plain(np.ndim(sample)), np.asarray(sample))
