"""Operators that ONNX itself says in others: an operator without a layer is read as the nodes that it stands for.

body_of   : node, opset, types -> (nodes, opset), or None
branch_of : node, taken -> (nodes, constants)
used_in   : nodes -> the names that they use, those in their branches too
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import onnx
from onnx import defs, helper


def body_of(node: Any, opset: int, types: list[Any]) -> tuple[list[Any], int] | None:
    """Return the nodes that an operator stands for, with the version of their operators; None if it is its own.

    Args:
        node: the node.
        opset: the version of its operator.
        types: the types of its inputs, those left out as an empty one.
    """
    try:
        schema: Any = defs.get_schema(node.op_type, opset, node.domain)
    except defs.SchemaError:
        return None
    narrow = [each.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for each in types]
    if any(narrow):
        return _widened(node, opset, types, narrow)
    function = onnx.FunctionProto()
    if schema.has_function:
        function.CopyFrom(schema.function_body)
    elif schema.has_context_dependent_function:
        made = schema.get_context_dependent_function(
            node.SerializeToString(), [each.SerializeToString() for each in types]
        )
        function.ParseFromString(made)
    if not function.node:  # it is its own, or would need a length that is not known
        return None
    settings = {name: each.default_value for name, each in schema.attributes.items() if each.default_value.type}
    settings |= {each.name: each for each in node.attribute}
    names = dict.fromkeys(function.input, "") | dict(zip(function.input, node.input, strict=False))
    names |= dict(zip(function.output, node.output, strict=False))
    nodes = [_filled(each, settings) for each in function.node]
    version = next((each.version for each in function.opset_import if not each.domain), opset)
    return _renamed(nodes, names, _prefix(node)), version


def _widened(node: Any, opset: int, types: list[Any], narrow: list[bool]) -> tuple[list[Any], int] | None:
    """Return the nodes of an operator of float16, which compute in float32 as layers do, and cast what comes out."""
    wide, prefix = onnx.NodeProto(), f"{_prefix(node)}wide/"
    wide.CopyFrom(node)
    wide.input[:] = [f"{prefix}{name}" if each else name for name, each in zip(node.input, narrow, strict=False)]
    wide.output[:] = [f"{prefix}{name}" if name else "" for name in node.output]
    known = [_as_float32(each) if each_narrow else each for each, each_narrow in zip(types, narrow, strict=True)]
    found = body_of(wide, opset, known)
    if found is None:
        return None
    before = [_cast(name, new, 1) for name, new, each in zip(node.input, wide.input, narrow, strict=False) if each]
    after = [_cast(new, name, 10) for name, new in zip(node.output, wide.output, strict=True) if name]
    return [*before, *found[0], *after], found[1]


def _cast(name: str, new: str, to: int) -> Any:
    return helper.make_node("Cast", [name], [new], to=to)


def _as_float32(kind: Any) -> Any:
    wide = onnx.TypeProto()
    wide.CopyFrom(kind)
    wide.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return wide


def branch_of(node: Any, taken: bool) -> tuple[list[Any], list[Any]]:
    """Return the nodes of the branch of an If that is taken, and its constants."""
    branch = next(each.g for each in node.attribute if each.name == ("then_branch" if taken else "else_branch"))
    prefix = _prefix(node)
    names = {each.name: f"{prefix}{each.name}" for each in branch.initializer}
    names |= {name: f"{prefix}{name}" for each in branch.node for name in each.output if name}
    returned = [
        helper.make_node("Identity", [str(names.get(each.name, each.name))], [name])
        for each, name in zip(branch.output, node.output, strict=True)
    ]
    constants = []
    for each in branch.initializer:
        constant = onnx.TensorProto()
        constant.CopyFrom(each)
        constant.name = names[each.name]
        constants.append(constant)
    return [*_renamed(branch.node, names, None), *returned], constants


def _prefix(node: Any) -> str:
    return f"{next(filter(None, node.output))}/"


def _filled(node: Any, settings: dict[str, Any]) -> Any:
    """Return a node of a function with the settings of the operator in place of their names."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    del made.attribute[:]
    for each in node.attribute:
        if each.ref_attr_name and each.ref_attr_name not in settings:
            continue
        setting = made.attribute.add()
        setting.CopyFrom(settings[each.ref_attr_name] if each.ref_attr_name else each)
        setting.name = each.name
    return made


def _renamed(nodes: Iterable[Any], names: dict[str, str], prefix: str | None) -> list[Any]:
    """Return nodes with other names for their values: those that have none get a prefix, or stay."""

    def other(name: str) -> str:
        return names.get(name, name if prefix is None or not name else f"{prefix}{name}")

    found = []
    for node in nodes:
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.name = ""
        made.input[:] = map(other, node.input)
        made.output[:] = map(other, node.output)
        for each in made.attribute:
            for graph in [each.g] if each.type == onnx.AttributeProto.GRAPH else each.graphs:
                inner = _renamed(graph.node, names, prefix)
                del graph.node[:]
                graph.node.extend(inner)
                for value in (*graph.output, *graph.initializer):
                    value.name = other(value.name)
        found.append(made)
    return found


def used_in(nodes: Iterable[Any]) -> Iterator[str]:
    """Yield the names that nodes use, as often as they do, and those that their branches use."""
    for node in nodes:
        yield from node.input
        for each in node.attribute:
            for graph in [each.g] if each.type == onnx.AttributeProto.GRAPH else each.graphs:
                yield from used_in(graph.node)
                yield from [value.name for value in graph.output]
