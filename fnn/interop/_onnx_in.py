"""An ONNX graph read node by node: what is constant is computed at once, what we have a layer for becomes one.

network_of : model, ... -> a Serial or a Graph, or one error with all that is missing
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from fnn.core._errors import FormatError, describe
from fnn.core.record import Record
from fnn.interop import _onnx_arranging, _onnx_operators, _onnx_scanning  # noqa: F401 (they register)
from fnn.interop._onnx_file import array_of, attributes
from fnn.interop._onnx_reader import OPERATORS, TAKES_CONSTANTS, Cannot, Op, Reader, Tensor, pruned
from fnn.networks.graph import Graph, Node
from fnn.networks.serial import Serial

_MISSING = object()  # what comes out of a node that there is no layer for
_SHAPE_OF_MISSING = object()  # the shape of that, and what is computed from it: it would be constant

# Of a shape with -1 for the rows these make another such; anything else would compute with the -1.
_OF_SHAPES = {"Gather", "Slice", "Concat", "Unsqueeze", "Squeeze", "Cast", "Identity", "Reshape"}
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}


class _Reading:
    """The values of a graph by name, as far as it is read."""

    def __init__(self, model: Any, opset: int, caller: str, x: Any) -> None:
        self.graph, self.opset, self.caller = model.graph, opset, caller
        self.values: dict[str, Any] = {each.name: array_of(each, caller) for each in self.graph.initializer}
        self.of_rows: set[str] = set()  # constants in which -1 stands for the number of rows
        self.missing: Counter[str] = Counter()
        self.places: dict[str, str] = {}
        inputs = [each for each in self.graph.input if each.name not in self.values]
        for each in inputs:
            if each.type.WhichOneof("value") != "tensor_type" or not each.type.tensor_type.elem_type:
                raise FormatError(f"{caller}: its input {each.name} is no array")
        given = x if isinstance(x, tuple) else (x,) * (x is not None)
        if x is not None and len(given) != len(inputs):
            names = ", ".join(each.name for each in inputs)
            raise FormatError(f"{caller} takes {len(inputs)} inputs, {names}, got {describe(x)}")
        samples = [_sample(each, given[place] if given else None) for place, each in enumerate(inputs)]
        self.inputs = [each.name for each in inputs]
        rows = next((_declared(each)[0] for each in inputs if _declared(each)), None)
        self.reader = Reader(rows, any(guessed for _, guessed in samples))
        for name, (sample, _) in zip(self.inputs, samples, strict=True):
            self.values[name] = self.reader.input(name, sample)
        self.uses = Counter(name for node in self.graph.node for name in node.input)
        self.uses.update(each.name for each in self.graph.output)
        for name in self.inputs:
            self.reader.pending[name] += self.uses[name]

    def read(self, node: Any) -> None:
        """Read a node: add its outputs to the values."""
        what = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        given = [self.values.get(name, _MISSING) if name else None for name in node.input]
        if any(setting.type in (setting.GRAPH, setting.GRAPHS) for setting in node.attribute):
            return self._lacks(node, what, "control flow that depends on the data")
        computed = [each for each in given if isinstance(each, Tensor)]
        missing = any(each is _MISSING or each is _SHAPE_OF_MISSING for each in given)
        if not computed and not missing and what not in _RANDOM:
            return self._constant(node, what, given)
        if what == "Shape" and computed:
            return self._shape(node, given[0])
        if not computed and missing and (what == "Shape" or not any(each is _MISSING for each in given)):
            return self._set(node, [_SHAPE_OF_MISSING] * len(node.output))
        function = OPERATORS.get(what)
        if function is None:
            return self._lacks(node, what, "")
        if missing:
            return self._set(node, [_MISSING] * len(node.output))
        if not isinstance(given[0], Tensor) and what not in TAKES_CONSTANTS:
            return self._lacks(node, what, "of a constant")
        if any(each.rank == 0 for each in computed):
            return self._lacks(node, what, "of a single computed number")
        outputs = tuple([name if self.uses[name] else "" for name in node.output])
        name = next(filter(None, node.output))
        op = Op(node.name or name, what, self.opset, attributes(node, self.opset), outputs)
        constants = tuple([id(each) for each in given if isinstance(each, np.ndarray)])
        self.reader.begin(name, (what, constants, str(node.attribute)) if constants else None)
        while given and given[-1] is None:
            given.pop()
        try:
            made = function(self.reader, op, *given)
        except Cannot as error:
            return self._lacks(node, what, str(error))
        except (ValueError, TypeError) as error:  # of a layer, which says what it expects
            return self._lacks(node, what, str(error))
        return self._set(node, list(made) if isinstance(made, tuple) else [made])

    def _set(self, node: Any, made: list[Any]) -> None:
        for name, value in zip(node.output, made, strict=False):
            self.values[name] = value
            if isinstance(value, Tensor):
                self.reader.pending[value.name] += self.uses[name]
        for name in node.input:
            value = self.values.get(name)
            if isinstance(value, Tensor):
                self.reader.pending[value.name] -= 1
        for name in node.output[len(made) :]:
            if self.uses[name]:
                self._lacks(node, node.op_type, f"of which {name} is used, its output {len(made) + 1}")

    def _lacks(self, node: Any, what: str, why: str) -> None:
        words = f"{what} {why}".strip() if not why.startswith("control") else f"{what}, {why}"
        self.missing[words] += 1
        self.places.setdefault(words, node.name or next(iter(node.output), ""))
        for name in node.output:
            self.values[name] = _MISSING

    def _constant(self, node: Any, what: str, given: list[Any]) -> None:
        of_rows = self.of_rows.intersection(node.input)
        if of_rows and what not in _OF_SHAPES:
            return self._lacks(node, what, "of the number of rows")
        if what == "Identity":
            made = given
        elif what == "Unsqueeze" and self.opset < 13:
            made = [np.expand_dims(given[0], tuple(attributes(node, self.opset)["axes"]))]
        else:
            made = _computed(node, self.opset, given)
        if made is None:
            return self._lacks(node, what, "of constants")
        self.of_rows.update(node.output if of_rows else ())
        return self._set(node, list(made))

    def _shape(self, node: Any, x: Any) -> None:
        if self.reader.guessed:
            return self._lacks(node, "Shape", "of unknown lengths: pass x, an input of the shape that it is to take")
        lengths = np.array([-1 if axis == 0 else n for axis, n in zip(x.order, x.shape, strict=True)], np.int64)
        self.of_rows.update(node.output)
        settings = attributes(node, self.opset)
        return self._set(node, [lengths[settings.get("start") or 0 : settings.get("end")]])


def _computed(node: Any, opset: int, given: list[Any]) -> Any:
    """Return the outputs of a node with constant inputs, by ONNX's own reference, or None if it does not know it."""
    names = [f"i{place}" if each is not None else "" for place, each in enumerate(given)]
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    alone.input[:] = names
    of_any = [helper.make_tensor_value_info(name, 0, None) for name in names if name]
    returned = [helper.make_tensor_value_info(name, 0, None) for name in node.output]
    model = helper.make_model(
        helper.make_graph([alone], "constant", of_any, returned), opset_imports=[helper.make_opsetid("", opset)]
    )
    feeds = {name: each for name, each in zip(names, given, strict=True) if name}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [np.asarray(each) for each in ReferenceEvaluator(model).run(None, feeds)]
    except Exception:  # whatever another library raises there: it is told as a node that cannot be computed
        return None


def _declared(given: Any) -> list[int | None]:
    """Return the lengths of an input's axes, None for what may be any."""
    dims = given.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims]


def _sample(given: Any, x: Any) -> tuple[np.ndarray, bool]:
    """Return an array like an input, and whether lengths of its axes, but for the first, were guessed.

    Of images it has no rows: their shapes are seen without computing anything.
    """
    dtype = helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    if x is not None:
        array = np.asarray(x)
        return np.zeros((0 if array.ndim > 3 else len(array), *array.shape[1:]), dtype), False
    lengths = _declared(given)
    # Images of unknown size are taken to be 224 x 224, sequences of 16 steps.
    guess = 224 if len(lengths) > 3 else 16
    shape = [length or guess for length in lengths]
    if shape:
        shape[0] = 0 if len(lengths) > 3 else lengths[0] or 3
    return np.zeros(shape, dtype), None in lengths[1:]


def network_of(model: Any, opset: int, caller: str, x: Any) -> Record:
    """Return the network of a model.

    Args:
        model: the model, with all its arrays.
        opset: the version of its operators.
        caller: what to call it in messages.
        x: an input whose shape it is to take, or None.

    Raises ``FormatError`` that names all operators that there is no layer for.
    """
    reading = _Reading(model, opset, caller, x)
    for node in model.graph.node:
        reading.read(node)
    if reading.missing:
        found = [f"{what} (at {reading.places[what]}{_times(n)})" for what, n in sorted(reading.missing.items())]
        raise FormatError(f"{caller} has what fnn has no layer for: {'; '.join(found)}")
    outputs = [reading.values.get(each.name, _MISSING) for each in model.graph.output]
    names: list[str] = []
    for each, value in zip(model.graph.output, outputs, strict=True):
        if not isinstance(value, Tensor):
            raise FormatError(f"{caller}: its output {each.name} does not depend on its inputs")
        reading.reader.begin(each.name, None)
        names.append(reading.reader.plain(value).name)
    return _network(pruned(reading.reader.steps, names), reading.inputs, names)


def _times(n: int) -> str:
    return f" and {n - 1} more" if n > 1 else ""


def _network(steps: list[Any], inputs: list[str], outputs: list[str]) -> Record:
    """Return a chain as a ``Serial``, anything else as a ``Graph``."""
    before = [*inputs, *[step.output for step in steps]]
    chain = len(inputs) == 1 and [(name,) for name in before[:-1]] == [step.inputs for step in steps]
    if chain and outputs == before[-1:]:
        return Serial(tuple([step.layer for step in steps]))
    nodes = tuple([Node(step.layer, step.inputs, step.output) for step in steps])
    return Graph(nodes, tuple(inputs), tuple(outputs))
