"""An ONNX graph read node by node: what is constant is computed at once, what we have a layer for becomes one.

Reading : reading.read(node), one after the other; then reading.values by name, and reading.missing
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx

from fnn.core._errors import FormatError, describe
from fnn.interop._onnx_arrays.operator import FORMULAS
from fnn.interop.onnx._reading.arrays import array_operator
from fnn.interop.onnx._reading.bodies import body_of, branch_of, used_in
from fnn.interop.onnx._reading.file import array_of, attributes
from fnn.interop.onnx._reading.inputs import computed_now, declared, dtype_of, samples_of, type_of
from fnn.interop.onnx._reading.reader import OPERATORS, TAKES_CONSTANTS, Cannot, Op, Reader, Tensor

_MISSING = object()  # what comes out of a node that there is no layer for
_SHAPE_OF_MISSING = object()  # the shape of that, and what is computed from it: it would be constant

# Of a shape with -1 for the rows these make another such; anything else would compute with the -1.
_OF_SHAPES = {"Gather", "Slice", "Concat", "Unsqueeze", "Squeeze", "Cast", "Identity", "Reshape"}
_OF_SYMBOLS = {"Cast", "Gather", "Identity"}  # read as layers where they take integers too
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}


class Reading:
    """The values of a graph by name, as far as it is read; with ``fixed`` the number of rows is that of x."""

    def __init__(self, model: Any, opset: int, caller: str, x: Any, fixed: bool) -> None:
        self.graph, self.opset, self.caller, self.fixed = model.graph, opset, caller, fixed
        self.values: dict[str, Any] = {each.name: array_of(each, caller) for each in self.graph.initializer}
        self.inside = False  # of what an operator stands for
        self.of_rows: set[str] = set()  # constants in which -1 stands for the number of rows
        self.missing: Counter[str] = Counter()
        self.places: dict[str, str] = {}
        inputs = [each for each in self.graph.input if each.name not in self.values]
        for each in inputs:
            if each.type.WhichOneof("value") != "tensor_type" or not each.type.tensor_type.elem_type:
                raise FormatError(f"{caller}: its input {each.name} is no array")
            if dtype_of(each).kind not in "fiub":
                raise FormatError(f"{caller}: its input {each.name} is of {dtype_of(each)}, which NumPy has not")
        given = x if isinstance(x, tuple) else (x,) * (x is not None)
        if x is not None and len(given) != len(inputs):
            names = ", ".join(each.name for each in inputs)
            raise FormatError(f"{caller} takes {len(inputs)} inputs, {names}, got {describe(x)}")
        samples = samples_of(inputs, given or (None,) * len(inputs), fixed)
        self.inputs = [each.name for each in inputs]
        rows = next((declared(each)[0] for each in inputs if declared(each)), None)
        self.reader = Reader(rows, any(guessed for _, guessed in samples))
        for name, (sample, _) in zip(self.inputs, samples, strict=True):
            self.values[name] = self.reader.input(name, sample)
        self.uses = Counter(used_in(self.graph.node))
        self.uses.update(each.name for each in self.graph.output)
        for name in self.inputs:
            self.reader.pending[name] += self.uses[name]

    def read(self, node: Any) -> None:
        """Read a node: add its outputs to the values."""
        what = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        given = [self.values.get(name, _MISSING) if name else None for name in node.input]
        if what == "If" and isinstance(given[0], np.ndarray):
            nodes, constants = branch_of(node, bool(given[0]))
            self.values |= {each.name: array_of(each, self.caller) for each in constants}
            self.uses.update(used_in(nodes))
            for each in nodes:
                self.read(each)
            return None
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
        if missing:
            known = what in OPERATORS or what in FORMULAS or self._body(node, given) is not None
            return self._set(node, [_MISSING] * len(node.output)) if known else self._lacks(node, what, "")
        complaint = None
        for way in self._ways(node, what, given, computed):
            before = self._state()
            try:
                made = way()
            except (Cannot, ValueError, TypeError) as error:  # of a layer, which says what it expects
                complaint = str(error) if complaint is None else complaint
                self._restore(before)
            else:
                return None if made is None else self._set(node, list(made) if isinstance(made, tuple) else [made])
        return self._lacks(node, what, complaint or "")

    def _ways(self, node: Any, what: str, given: list[Any], computed: list[Tensor]) -> Iterator[Callable[[], Any]]:
        """Yield what can be tried: a layer, what ONNX makes of arrays, and the nodes that the operator stands for."""
        while given and given[-1] is None:
            given.pop()
        outputs = tuple([name if self.uses[name] else "" for name in node.output])
        name = next(filter(None, node.output))
        op = Op(node.name or name, what, self.opset, attributes(node, self.opset), outputs)
        constants = tuple([id(each) for each in given if isinstance(each, np.ndarray)])
        self.reader.begin(name, (what, constants, str(node.attribute)) if constants else None)
        whole = (
            all(each.sample.dtype.kind in "iub" for each in computed) and what in FORMULAS and what not in _OF_SYMBOLS
        )
        # ONNX lets a softmax see a row of -inf alone, and drops what comes of it: our layer would warn.
        if what in OPERATORS and not whole and not (self.inside and what == "Softmax"):
            yield lambda: self._layer(op, given)
        if what in FORMULAS:
            rows = [each in self.of_rows for each in node.input][: len(given)]
            yield lambda: array_operator(self.reader, op, given, rows)
        body = self._body(node, given)
        if body is not None:
            yield lambda: self._expanded(node, *body)

    def _layer(self, op: Op, given: list[Any]) -> Any:
        if not isinstance(given[0], Tensor) and op.type not in TAKES_CONSTANTS:
            raise Cannot("of a constant")
        if any(isinstance(each, Tensor) and each.rank == 0 for each in given):
            raise Cannot("of a single computed number")
        made = OPERATORS[op.type](self.reader, op, *given)
        count = len(made) if isinstance(made, tuple) else 1
        for place, name in enumerate(op.outputs[count:], count + 1):
            if name:
                raise Cannot(f"of which {name} is used, its output {place}")
        return made

    def _body(self, node: Any, given: list[Any]) -> Any:
        types = []
        for each in given:
            kind = each.sample if isinstance(each, Tensor) else each
            known = isinstance(kind, np.ndarray)
            rows = isinstance(each, Tensor) and not self.fixed
            types.append(type_of(kind, rows) if known else onnx.TypeProto())
        return body_of(node, self.opset, types)

    def _expanded(self, node: Any, nodes: list[Any], opset: int) -> None:
        """Read the nodes that a node stands for."""
        inside = Counter(used_in(nodes))
        for name in node.input:
            value = self.values.get(name)
            if isinstance(value, Tensor):
                self.reader.pending[value.name] += inside.pop(name, 0) - 1
        self.uses.update(inside)
        known, count = (self.opset, self.inside), self.missing.total()
        self.opset, self.inside = opset, True
        for each in nodes:
            self.read(each)
        self.opset, self.inside = known
        if self.missing.total() > count:
            raise Cannot("")

    def _state(self) -> Any:
        reader = self.reader.state()
        return (
            reader,
            *map(copy.copy, (self.values, self.of_rows, self.missing, self.places, self.uses)),
            self.opset,
            self.inside,
        )

    def _restore(self, state: Any) -> None:
        reader, self.values, self.of_rows, self.missing, self.places, self.uses, self.opset, self.inside = state
        self.reader.restore(reader)

    def _set(self, node: Any, made: list[Any]) -> None:
        for name, value in zip(node.output, made, strict=False):
            self.values[name] = value
            if isinstance(value, Tensor):
                self.reader.pending[value.name] += self.uses[name]
        for name in node.input:
            value = self.values.get(name)
            if isinstance(value, Tensor):
                self.reader.pending[value.name] -= 1

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
            made = computed_now(node, self.opset, given)
        if made is None:
            return self._lacks(node, what, "of constants")
        # A part of a shape may be without the rows, which are the only -1.
        self.of_rows.update(node.output if of_rows and (np.asarray(made[0]) == -1).any() else ())
        return self._set(node, list(made))

    def _shape(self, node: Any, x: Any) -> None:
        if self.reader.guessed:
            return self._lacks(node, "Shape", "of unknown lengths: pass x, an input of the shape that it is to take")
        of_rows = [axis == 0 and not self.fixed for axis in x.order]
        lengths = np.array([-1 if rows else n for rows, n in zip(of_rows, x.shape, strict=True)], np.int64)
        settings = attributes(node, self.opset)
        part = lengths[settings.get("start") or 0 : settings.get("end")]
        self.of_rows.update(node.output if (part == -1).any() else ())
        return self._set(node, [part])
