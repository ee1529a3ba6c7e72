"""What the package can complain of, read off its syntax: each place where it does, with the pieces of text it says.

    statements : package -> Statement, ...

A place is a ``raise``, and also what makes an error for others to raise or adds to one that passes: the ``return`` of a
function that gives an error, the ``__str__`` of an error, ``add_note``, and the first argument of ``whole`` and its
like, which names what they check. A piece is a literal part of the message, such as stands between the braces of an
f-string, here or in what was assigned to a name in it: so hints count too.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import attrs


@attrs.frozen
class Statement:
    """A place where something is said: ``lines`` are its own, ``pieces`` the literal parts of what it may say."""

    file: str
    lines: range
    source: str
    pieces: tuple[str, ...]
    is_raise: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.lines.start}: {self.source}"


def statements(package: Path) -> list[Statement]:
    """Find all places in the modules of a package where it complains."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parents: dict[ast.AST, ast.AST] = {}
        nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
        for node in nodes:
            children = list(ast.iter_child_nodes(node))
            parents.update(dict.fromkeys(children, node))
            nodes += children
        for node in nodes:
            if isinstance(node, ast.Raise) or _speaks(node, parents):
                lines = range(node.lineno, node.end_lineno + 1)
                said = node.args[0] if _is_check(node) else node
                pieces = tuple(dict.fromkeys(_pieces(said, parents)))
                file = path.relative_to(package).as_posix()
                found.append(Statement(file, lines, ast.unparse(node), pieces, isinstance(node, ast.Raise)))
    return found


_ERRORS = ("Error", "Exception")
_CHECKS = ("whole", "number", "above_zero", "require_key", "per_axis", "require_padding")


def _is_check(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CHECKS


def _speaks(node: ast.AST, parents: dict) -> bool:
    if isinstance(node, ast.Call):
        return _is_check(node) or (isinstance(node.func, ast.Attribute) and node.func.attr == "add_note")
    if not isinstance(node, ast.Return):
        return False
    function = node
    while not isinstance(function, ast.FunctionDef):
        function = parents[function]
    if function.name == "__str__":
        return any(ast.unparse(base).endswith(_ERRORS) for base in parents[function].bases)
    return function.returns is not None and ast.unparse(function.returns).endswith(_ERRORS)


def _pieces(node: ast.AST | None, parents: dict, inside_a_call: bool = False) -> Iterator[str]:
    """Yield the literal texts of an expression, and of whatever the local names in it may stand for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from (piece for piece in node.value.split("{}") if re.search("[a-z]{2}", piece))
    elif isinstance(node, ast.Name):
        for value in _assigned(node.id, node, parents):
            yield from _pieces(value, parents, True)
    elif isinstance(node, ast.FormattedValue | ast.Subscript):
        yield from _pieces(node.value, parents, True)  # neither how wide it is printed nor where it is looked up
    elif isinstance(node, ast.Call):
        of_text = isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "format", "get")
        if of_text or not inside_a_call:  # else it is said to another function, and not here
            for part in (node.func.value if of_text else None, *node.args):
                yield from _pieces(part, parents, True)
    elif node is not None and not isinstance(node, ast.Compare):
        for child in ast.iter_child_nodes(node):
            yield from _pieces(child, parents, inside_a_call)


@functools.cache
def _assignments(statement: ast.AST) -> list[ast.Assign]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Assign)]


def _assigned(name: str, node: ast.AST, parents: dict) -> Iterator[ast.AST]:
    """Yield what a local name may stand for at a node: back to where it is assigned under no condition."""
    while not isinstance(node, ast.FunctionDef | ast.Module):
        node, inner = parents[node], node
        if isinstance(node, ast.For):
            each = node.iter.elts if isinstance(node.iter, ast.Tuple) else [node.iter]
            yield from (value for item in each for value in _values(name, node.target, item))
        for block in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
            if isinstance(block, list) and inner in block:
                for earlier in reversed(block[: block.index(inner)]):
                    found = [v for each in _assignments(earlier) for v in _values(name, each.targets[0], each.value)]
                    yield from found
                    if found and isinstance(earlier, ast.Assign):
                        return


def _values(name: str, target: ast.AST, value: ast.AST) -> Iterator[ast.AST]:
    """Yield what an assignment gives to a name, which may be one of several."""
    if not isinstance(target, ast.Tuple):
        targets, values = [target], [value]
    else:
        targets = target.elts
        values = value.elts if isinstance(value, ast.Tuple) else [value] * len(targets)
    for each, its in zip(targets, values, strict=False):
        if isinstance(each, ast.Name) and each.id == name:
            yield its
