"""A training loop is judged by what it does: calls are put into its loops and functions, and tell what passes by.

hooked : source -> statements that call HOOK     Loops : rows, parameters, memory and losses seen -> what is wrong
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from numbers import Real
from typing import Any

import numpy as np

HOOK = "__fnn_watch__"
# What code from scratch calls its data, its losses, its parameters, an optimizer's memory, and what is none of these.
DATA = re.compile(r"(train_?)?(x|a|z|inputs?|data|features|images)(_?(data|train(ing)?|inputs?|batch|b))?\d*")
LOSSES = re.compile(r"(train(ing)?_?)?(loss|cost|error)(e?s|_?history|_?list)?|mse_?list")
PARAMETER = re.compile(r"(w|b)(_?[a-z]{0,2})?_?\d*|syn_?\d+|(weight|bias|kernel|theta|gamma|param|coef).*")
MEMORY = re.compile(r"(?P<kind>m|v|s)(_?d?_?[wb])?(_?t)?_?\d*|\w*(?P<word>velocit|moment)\w*")
OTHER = re.compile(r".*(init|old|prev|best|true|start|history|copy|grad|dw|db|delta|norm|shape|mean|cache).*")


def hooked(source: str) -> list[ast.stmt]:
    """Return a program's statements, in which each loop calls HOOK at its turns and its end, each function once."""
    return ast.fix_missing_locations(_Hooks().visit(ast.parse(source))).body


class _Hooks(ast.NodeTransformer):
    depth, function = 0, ""

    def _call(self, line: int, depth: int) -> ast.stmt:
        call = ast.parse(f"{HOOK}('{self.function}:{line}', {depth}, locals())").body[0]
        for node in ast.walk(call):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        return call

    def visit_For(self, node: Any) -> Any:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        node.body.insert(0, self._call(node.lineno, self.depth))
        return [node, self._call(node.lineno, self.depth)]

    visit_While = visit_For

    def visit_FunctionDef(self, node: Any) -> Any:
        outside = self.depth, self.function
        self.depth, self.function = 0, node.name
        self.generic_visit(node)
        node.body.insert(ast.get_docstring(node) is not None, self._call(node.lineno, -1))
        self.depth, self.function = outside
        return node


@cache
def _names(path: str) -> list[str]:
    return re.findall(r"[a-z_]\w*", path.lower())


@cache
def _is_parameter(path: str) -> bool:
    names = _names(path)
    return bool(PARAMETER.fullmatch(names[-1])) and not any(OTHER.fullmatch(n) or MEMORY.fullmatch(n) for n in names)


def _memory(path: str) -> str:
    """Return which memory of an optimizer a path names, m, v, s or a word, or nothing."""
    found = [match for match in map(MEMORY.fullmatch, _names(path)) if match]
    return found[0]["kind"] or found[0]["word"] if found else ""


def _parts(path: str, value: Any, seen: set[int], depth: int = 5) -> Iterator[tuple[str, Any]]:
    """Yield arrays and lists of numbers by path, from containers and from objects of the program's own classes."""
    listed = isinstance(value, list | tuple)
    if isinstance(value, np.ndarray) or (listed and len(value) > 4 and all(isinstance(each, Real) for each in value)):
        yield path, value
    elif depth and id(value) not in seen:
        seen.add(id(value))
        inside: dict[str, Any] = {}
        if isinstance(value, dict):
            inside = {f"[{key!r}]": part for key, part in value.items()}
        elif listed:
            inside = {f"[{place}]": part for place, part in enumerate(value)}
        elif type(value).__module__ == "__main__":
            inside = {f".{name}": part for name, part in getattr(value, "__dict__", {}).items()}
        for place, part in list(inside.items())[:64]:
            yield from _parts(path + place, part, seen, depth - 1)


def _rows(array: np.ndarray) -> tuple[float, ...]:
    """Return a number for each row, equal for equal rows; nothing for what is too large or not finite."""
    if array.dtype.kind not in "fiub" or array.size > 4_000_000:
        return ()
    flat = array.reshape(len(array), -1).astype(np.float64)
    sums = (flat * np.sin(1.0 + np.arange(flat.shape[1]) ** 1.3)).sum(axis=1)
    return tuple(np.round(sums, 9).tolist()) if np.isfinite(sums).all() else ()


class Loops:
    """What has been seen while a program ran: it is what HOOK calls."""

    def __init__(self) -> None:
        self.turns: Counter[str] = Counter()
        self.data: set[frozenset[float]] = set()  # the rows of arrays that may be all data
        self.known: set[float] = set()
        self.batches: list[tuple[float, ...]] = []
        self.tokens: dict[tuple[str, str], Any] = {}
        self.first: dict[tuple[str, str], np.ndarray] = {}
        self.last: dict[tuple[str, str], np.ndarray] = {}
        self.losses: dict[tuple[int, str], list[float]] = {}

    def __call__(self, where: str, depth: int, names: dict[str, Any]) -> None:
        """Look at the local names of a function, or of a loop: at its early turns, and then at some."""
        self.turns[where] += 1
        for name, value in names.items() if depth >= 0 else ():
            if isinstance(value, Real) and LOSSES.fullmatch(name.lower()):
                self.losses.setdefault((depth, where + name), []).append(float(value))
        if self.turns[where] < 400 or self.turns[where] % 97 == 0:
            seen = {id(names)}
            for name, value in list(names.items()):
                if not name.startswith("__") and (depth >= 0 or name != "self"):
                    for path, part in _parts(name, value, seen):
                        self._look((where.split(":")[0], path), part, depth >= 0)

    def _look(self, key: tuple[str, str], part: Any, in_loop: bool) -> None:
        name = _names(key[1])[-1]
        if not isinstance(part, np.ndarray):
            if LOSSES.fullmatch(name):
                self.losses[-1, key[1]] = part
            return
        if in_loop and part.dtype.kind == "f" and part.ndim:
            self.last[key] = part
            if _is_parameter(key[1]):
                self.first.setdefault(key, part.copy())
        if part.ndim < 2 or not part.size or len(self.batches) > 20_000:
            return
        token = id(part), part.shape, part.item(0), part.item(-1)
        if self.tokens.get(key) == token:
            return
        self.tokens[key] = token
        for array in (part, part.T) if part.ndim == 2 else (part,):  # samples are rows, or columns
            rows = _rows(array)
            if DATA.fullmatch(name) and len(set(rows)) == len(rows) >= 8 and len(self.data) < 64:
                self.data.add(frozenset(rows))
                self.known |= set(rows)
            if rows and self.known.issuperset(rows):
                self.batches.append(rows)

    @property
    def moved(self) -> set[tuple[str, str]]:
        """Return the places of the parameters that changed."""
        return {key for key, first in self.first.items() if not np.array_equal(first, self.last[key])}

    @property
    def trained(self) -> bool:
        """Return True if parameters moved, or a loss was kept."""
        return bool(self.moved) or any(len(each) > 4 for each in self.losses.values())

    def findings(self) -> Iterator[dict[str, Any]]:
        """Yield what is wrong: what, advice, and perhaps the number of a mistake, a severity, the losses found."""
        yield from self._of_losses()
        yield from self._of_parameters()
        yield from self._of_batches()

    def _of_losses(self) -> Iterator[dict[str, Any]]:
        outermost = min((depth for depth, _ in self.losses), default=0)
        series = [np.array(each, float) for (depth, _), each in self.losses.items() if depth == outermost]
        series = sorted([each for each in series if len(each) > 4], key=len)
        if series and not any(map(_falls, series)):
            first, last = (f"{series[-1][place]:.4g}" for place in (0, -1))
            what = f"goes from a loss of {first} to {last} in {len(series[-1])} records, expected it to fall"
            advice = "is the gradient subtracted, is it this loss's own, is the learning rate small enough?"
            yield {"what": what, "advice": advice, "found": series[-1]}

    def _of_parameters(self) -> Iterator[dict[str, Any]]:
        moved = self.moved
        known = {id(self.last[key]) for key in moved}  # the same array may be seen under several names
        kinds = {(function, path.isidentifier()) for function, path in moved}  # a local name is judged beside others
        still = [key for key in self.first if key not in moved and id(self.last[key]) not in known]
        for path in sorted({path for function, path in still if (function, path.isidentifier()) in kinds})[:3]:
            what = f"leaves the parameter {path} as it was, to the bit, while others move"
            yield {"what": what, "advice": "does its gradient reach it, and is it in the update?"}
        for function, local in sorted(kinds):
            here = {p: array for (f, p), array in self.last.items() if f == function and p.isidentifier() == local}
            weights = Counter({id(here[p]): here[p].shape for f, p in moved if f == function and p in here}.values())
            memory: dict[tuple[str, tuple[int, ...]], set[int]] = {}
            for path, array in here.items():
                if (kind := _memory(path)) and array.ndim > 1:
                    memory.setdefault((kind, array.shape), set()).add(id(array))
            for (kind, shape), arrays in memory.items():
                if len(arrays) < weights[shape]:
                    what = f"keeps {len(arrays)} array {kind!r} for {weights[shape]} weights of the same shape {shape}"
                    yield {"what": what, "advice": "each parameter needs a memory of its own", "mistake": 21}
                    return

    def _of_batches(self) -> Iterator[dict[str, Any]]:
        rows, epochs = max(
            ((rows, self._epochs(rows)) for rows in sorted(self.data, key=len)),
            key=lambda each: sum(map(len, each[1])), default=((), []),
        )  # fmt: skip
        if len(epochs) < 2 or len(epochs[0]) < 2:
            return
        n, size = len(rows), len(epochs[0][0])
        lost = n - len({row for epoch in epochs for batch in epoch for row in batch})
        left_out = n - sum(map(len, epochs[0]))
        if left_out:
            what = f"never sees {lost} of {n} rows" if lost else f"leaves out {left_out} of {n} rows in each epoch"
            advice = f"a last batch shorter than {size} is a batch too: range(0, n, size), without n // size"
            yield {"what": what, "advice": advice, "severity": "edge" if lost else "style"}
        same = len({tuple(epoch) for epoch in epochs}) == 1
        if same or (size > 1 and len({frozenset(map(frozenset, epoch)) for epoch in epochs}) == 1):
            order = "in the same order" if same else "in another order"
            what = f"has the same batches, {order}, in all of {len(epochs)} epochs: the same rows always meet"
            advice = "make a new permutation of the rows in each epoch"
            yield {"what": what, "advice": advice, "severity": "edge", "mistake": None if same else 23}

    def _epochs(self, rows: frozenset[float]) -> list[list[tuple[float, ...]]]:
        """Return the batches of these rows, by epoch; none where they are drawn with replacement."""
        within = [batch for batch in self.batches if len(batch) < len(rows) and rows.issuperset(batch)]
        size = max(Counter(map(len, within)).items(), key=lambda each: each[1], default=(0, 0))[0]
        epochs: list[list[tuple[float, ...]]] = [[]]
        for batch, _ in groupby(batch for batch in within if len(batch) <= size):
            if len(set(batch)) < len(batch):
                return []
            if not {row for each in epochs[-1] for row in each}.isdisjoint(batch):
                epochs.append([])
            epochs[-1].append(batch)
        length = max(Counter(map(len, epochs)).items(), key=lambda each: each[1])[0]
        whole = [epoch for epoch in epochs if len(epoch) == length and 2 * sum(map(len, epoch)) > len(rows)]
        return whole if len(whole) > 0.6 * len(epochs) else []  # two batches of one sort, one after the other, are one


def _falls(losses: np.ndarray) -> bool:
    """Return True if the last part is lower than the first, by halves or by fifths: a batch's own loss is noisy."""
    pairs = [(losses[:some].mean(), losses[-some:].mean()) for some in (len(losses) // 2, len(losses) // 5)]
    return bool(np.isfinite(losses).all() and any(last < first for first, last in pairs))
