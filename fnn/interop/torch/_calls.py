"""What each call is that a traced forward makes: told by a table, or by where it puts each number.

Calls     : calls.called(node, args, kwargs) -> value, and the nodes so far
Value     : a value of the graph
values_in : arguments -> the values among them

A function of one array is the module that is the same. What only arranges numbers, as a ``view``, a ``permute`` or
``x[:, -1]``, is applied to an array of places. Sums and products are tried as the layers that they may be.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import torch
from torch import nn

from fnn.core.vjp import forward
from fnn.interop.torch._kinds import Unsupported, to_numpy
from fnn.interop.torch._sample import joined
from fnn.layers.activations import Identity
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool
from fnn.layers.norm import Scale
from fnn.layers.positional import Positional
from fnn.layers.recurrent import LastStep
from fnn.layers.shape import Flatten, Reshape
from fnn.networks.graph import Node
from fnn.networks.joins import Add, Concatenate, Multiply
from fnn.networks.serial import Serial

# Functions of one array, by the module that is the same.
FUNCTIONS: dict[str, Any] = {
    "relu": nn.ReLU, "relu_": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU,
    "elu": nn.ELU, "selu": nn.SELU, "leaky_relu": nn.LeakyReLU, "softplus": nn.Softplus, "mish": nn.Mish,
    "softsign": nn.Softsign, "hardtanh": nn.Hardtanh, "relu6": nn.ReLU6, "hardswish": nn.Hardswish, "glu": nn.GLU,
    "hardsigmoid": nn.Hardsigmoid, "softmax": nn.Softmax, "log_softmax": nn.LogSoftmax, "dropout": nn.Dropout,
    "max_pool1d": nn.MaxPool1d, "max_pool2d": nn.MaxPool2d, "max_pool3d": nn.MaxPool3d, "avg_pool1d": nn.AvgPool1d,
    "avg_pool2d": nn.AvgPool2d, "avg_pool3d": nn.AvgPool3d, "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d, "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d, "interpolate": nn.Upsample, "pixel_shuffle": nn.PixelShuffle,
}  # fmt: skip
ARRANGE = {
    "view", "reshape", "flatten", "permute", "transpose", "movedim", "contiguous", "squeeze", "unsqueeze", "getitem",
    "swapaxes", "clone", "detach",
}  # fmt: skip
POOLS = {"mean": GlobalAvgPool, "amax": GlobalMaxPool}
IN_PLACE = {"iadd": "add", "isub": "sub", "imul": "mul", "add_": "add", "mul_": "mul", "div": "truediv"}
FACTORS = {"mul": lambda s: (s, 0 * s), "truediv": lambda s: (1 / s, 0 * s), "add": lambda s: (1 + 0 * s, s),
           "sub": lambda s: (1 + 0 * s, -s)}  # fmt: skip
KNOWN = {"size", "dim", "getattr"}  # what is asked of an array but its numbers


@attrs.frozen(eq=False)
class Value:
    """A value of the graph: its name and the sample there, and which part of what a module returns it is."""

    name: str
    sample: Any
    part: str = "all"


class Calls:
    """The nodes of a graph so far: each call adds those that it is."""

    def __init__(self, fold: Any, path: str) -> None:
        self.fold, self.path = fold, path
        self.nodes: list[Node] = []
        self.inputs: list[str] = []

    def called(self, node: Any, args: Any, kwargs: Any) -> Any:
        """Return what a call of a function or a method gives: a value, or what is no array of the graph."""
        values = values_in((args, kwargs))
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        name = IN_PLACE.get(name, name)
        function = _function_of(node)
        if not values:
            return function(*args, **kwargs)
        if name in KNOWN:
            return function(*_theirs(args), **kwargs)
        if name == "getitem" and args[0].part != "all":
            return self.state(args[0], args[1])
        if name in FUNCTIONS:
            return self.function(node, FUNCTIONS[name], args, kwargs)
        if name in ARRANGE or name in POOLS:
            return self.arranged(node, name, lambda x: function(x, *args[1:], **kwargs), args[0])
        if name in FACTORS and len(values) == 2 and len(args) == 2:
            first = args[0]
            second = self.scaled(node, args[1], -1.0, 0.0) if name == "sub" else args[1]
            if name != "truediv":
                join = Multiply() if name == "mul" else Add()
                theirs = (operator.mul if name == "mul" else operator.add)(*_theirs((first, second)))
                return self.joined(node, [join], [first, second], theirs)
        if name in FACTORS and len(args) == 2:
            return self.factor(node, name, args)
        if name in ("cat", "concat", "concatenate"):
            parts = list(args[0])
            ways = [Concatenate(), *[Concatenate(axis) for axis in range(1, np.ndim(parts[0].sample.ours))]]
            return self.joined(node, ways, parts, function(_theirs(parts), *args[1:], **kwargs))
        raise Unsupported(f", whose forward calls {name}; write it as nn.Sequential, or register a function for it")

    def state(self, value: Value, place: Any) -> Any:
        """Return a part of what a recurrent module or attention returns: y, or the last state of the last layer."""
        if value.part == "several" and place == 0:
            return attrs.evolve(value, part="all")
        if value.part == "several" and place == 1:
            return attrs.evolve(value, part="states")
        if value.part == "states" and place == 0:  # h of an LSTM's h and c, or of one layer
            return attrs.evolve(value, part="h")
        if value.part in ("states", "h") and place == -1:
            layer = LastStep()
            name = f"{value.name}_last"
            self.nodes.append(Node(layer, (value.name,), name))
            ours = forward(layer, value.sample.ours)
            theirs = value.sample.theirs[-1] if value.sample.axes == "time" else value.sample.theirs[:, -1]
            return Value(name, attrs.evolve(value.sample, ours=ours, theirs=theirs, axes="same"))
        raise Unsupported(f", whose forward takes {place!r} of what a module returns; take y, or the last state h[-1]")

    def function(self, node: Any, kind: Any, args: Any, kwargs: Any) -> Value:
        """Read a function as a module with its settings."""
        known = inspect.signature(kind).parameters
        named = {name: value for name, value in kwargs.items() if name in known and name not in ("inplace", "input")}
        value = args[0] if args else kwargs["input"]
        made = kind(*args[1 : 1 + len(known)], **named).eval()
        layer, behind = self.fold.layer_at(made, value.sample, f"{self.path}.{node.name}".lstrip("."))
        return self.add(node, layer, [value], behind)

    def arranged(self, node: Any, name: str, function: Callable[[Any], Any], value: Value) -> Any:
        """Read what arranges numbers, or pools over axes: the layer that puts each number where the function does."""
        sample, theirs = value.sample, function(value.sample.theirs)
        row = tuple(theirs.shape[1:])
        ways: list[Any] = [Identity(), Flatten(), LastStep()]
        ways += [Reshape(shape) for shape in {row, (*row[1:], *row[:1])} if row and all(n > 0 for n in shape)]
        if name in POOLS:
            pool = POOLS[name]()
            ways = [pool, *[Serial((pool, Reshape(shape))) for shape in {row, (*row[1:], *row[:1])} if row]]
        count = sample.theirs.numel()
        places = torch.arange(count, dtype=torch.float64).reshape(sample.theirs.shape)
        places = places[torch.randperm(len(places), generator=torch.Generator().manual_seed(0))]
        probe = self.fold.as_ours(attrs.evolve(sample, theirs=places))
        for layer in ways:
            found = self.fold.found_behind(layer, probe, function(places), 1e-12)
            if found is None:
                continue
            behind = attrs.evolve(found, ours=forward(layer, sample.ours), theirs=theirs)
            still = isinstance(layer, Identity)  # another order of axes there, and nothing here
            return attrs.evolve(value, sample=behind) if still else self.add(node, layer, [value], behind)
        raise Unsupported(f", whose forward calls {name} in a way that no layer is")

    def joined(self, node: Any, ways: list[Any], values: list[Any], theirs: Any) -> Value:
        for layer in ways:
            found = self.fold.found_behind(layer, joined([each.sample for each in values]), theirs)
            if found is not None:
                return self.add(node, layer, values, found)
        raise Unsupported(f", whose forward joins arrays in a way that no layer is, at {node.name}")

    def factor(self, node: Any, name: str, args: Any) -> Value:
        """Read a sum or a product with what is no computed array: a number, a parameter, a buffer."""
        value, other = (args[0], args[1]) if isinstance(args[0], Value) else (args[1], args[0])
        turned = not isinstance(args[0], Value)
        if turned and name == "truediv":
            raise Unsupported(", whose forward divides by what it computes")
        number = other.detach() if torch.is_tensor(other) else torch.tensor(float(other))
        if turned and name == "sub":  # other - x
            return self.scaled(node, value, -1.0, to_numpy(number))
        return self.scaled(node, value, *FACTORS[name](to_numpy(number)))

    def scaled(self, node: Any, value: Value, factor: Any, shift: Any) -> Value:
        """Return factor * x + shift, of numbers, of vectors along the features, or of positions."""
        sample = value.sample
        ours = sample.ours
        features, dtype = ours.shape[-1], ours.dtype
        theirs = sample.theirs * torch.as_tensor(factor) + torch.as_tensor(shift)
        ways: list[Any] = []
        if np.size(factor) in (1, features) and np.size(shift) in (1, features):
            vectors = [np.broadcast_to(np.reshape(each, -1), features).astype(dtype) for each in (factor, shift)]
            ways.append(Scale(*vectors))
        if ours.ndim == 3 and np.size(shift) == ours[0].size and np.all(np.asarray(factor) == 1):
            ways.append(Positional(np.reshape(shift, ours.shape[1:]).astype(dtype)))
        for layer in ways:
            found = self.fold.found_behind(layer, sample, theirs.to(sample.theirs.dtype))
            if found is not None:
                return self.add(node, layer, [value], found)
        shape = max(np.shape(factor), np.shape(shift), key=len)
        raise Unsupported(f", whose forward computes with an array of shape {shape} in a way that no layer is")

    def add(self, node: Any, layer: Any, values: list[Any], behind: Any) -> Value:
        name, count = node.name, 1
        while name in {*self.inputs, *[each.output for each in self.nodes]}:
            count += 1
            name = f"{node.name}:{count}"
        self.nodes.append(Node(layer, tuple([each.name for each in values]), name))
        return Value(name, behind)


def _function_of(node: Any) -> Callable[..., Any]:
    """Return what a node calls, a method as the function of its array."""
    if node.op != "call_method":
        return node.target
    return lambda x, *args, **kwargs: getattr(x, node.target)(*args, **kwargs)


def values_in(tree: Any) -> list[Value]:
    """Return the values among arguments, which may be lists and dictionaries of them."""
    if isinstance(tree, Value):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, tuple | list) else ()
    return [value for part in parts for value in values_in(part)]


def _theirs(args: Any) -> list[Any]:
    return [each.sample.theirs if isinstance(each, Value) else each for each in args]
