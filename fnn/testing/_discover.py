"""Which of a program's functions is which exercise: by its name, by what its arguments are called, and as a method.

discovered : names of a program -> exercise -> (what it is called there, function)      called : by meaning
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from fnn.testing._sandbox import isolated
from fnn.testing.exercises import EXERCISES

Function = Callable[..., Any]
NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))


def plain(name: str) -> str:
    """Return a name without underscores and capitals, as the tables have it."""
    return re.sub(r"[\W_]", "", name).lower()


def _aliases() -> dict[str, list[str]]:
    """Return the exercises that a plain name may be."""
    found: dict[str, list[str]] = {}
    for exercise in EXERCISES:
        base, _, kind = exercise.rpartition("_")
        own = [plain(exercise), *NAMES["functions"].get(exercise, [])]
        for each in [plain(base), *NAMES["functions"].get(base, [])] if base in EXERCISES else []:
            own += [form.format(each) for form in NAMES["derived"].get(kind, [])]
        for name in own:
            found.setdefault(name, []).append(exercise)
    return found


ALIASES = _aliases()


def means(name: str, meaning: str) -> bool:
    """Return True if an argument or attribute of this name may have this meaning."""
    return plain(name) in (plain(meaning), *NAMES["parameters"].get(meaning, ()))


def fitted(function: Function, exercise: str) -> Function | None:
    """Return a function that takes the arguments in the exercise's order, or None if it does not take as many."""
    wanted = re.findall(r"\((.*?)\)", EXERCISES[exercise].signature)[0].split(", ")
    given = [each for each in inspect.signature(function).parameters.values() if each.kind in (0, 1)]
    needed, names = [each for each in given if each.default is each.empty], [each.name for each in given][: len(wanted)]
    if not len(needed) <= len(wanted) == len(names):
        return None
    for order in permutations(range(len(wanted))) if len(wanted) < 5 else ():
        if all(map(means, names, [wanted[place] for place in order])):
            return function if sorted(order) == list(order) else partial(_swapped, function, order)
    return function


def _swapped(function: Function, order: tuple[int, ...], *arguments: Any) -> Any:
    return function(*[arguments[place] for place in order])


@isolated()
def called(function: Function, values: dict[str, Any]) -> Any:
    """Call a function with what its arguments mean; TypeError where it needs one that has no value."""
    arguments = {}
    for each in inspect.signature(function).parameters.values():
        meaning = next((meaning for meaning in values if means(each.name, meaning)), None)
        if meaning and each.kind in (1, 3):
            arguments[each.name] = values[meaning]
        elif each.default is each.empty and each.kind in (0, 1, 3):
            raise TypeError(f"the meaning of the argument {each.name!r} is not known")
    return function(**arguments)


def methods(cls: type, kind: str) -> list[str]:
    """Return the methods of a class that are of this kind, the usual name first."""
    own = [name for name in vars(cls) if callable(getattr(cls, name))]
    return [name for want in NAMES["methods"][kind] for name in own if want in (name, plain(name))]


def _bound(cls: type, method: str) -> Function:
    """Return a method of an object, which was never initialized if its constructor cannot be called."""
    try:
        return getattr(called(cls, {}), method)
    except Exception:
        return getattr(object.__new__(cls), method)


def _dense(cls: type, forward: str, x: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    """Return a dense layer that holds copies of these parameters, whatever its constructor takes, and its output."""
    values = {"weight": weight.copy(), "bias": bias.copy(), "n_in": len(weight), "n_out": len(bias)}
    layer = called(cls, values | {"learning_rate": 1.0})
    for name, value in list(vars(layer).items()):
        for meaning in ("weight", "bias"):
            if means(name, meaning) and isinstance(value, np.ndarray):
                setattr(layer, name, values[meaning].reshape(value.shape).copy())
    return layer, getattr(layer, forward)(x)


def _dense_backward(cls: type, forward: str, backward: str, x: Any, weight: Any, dy: Any) -> list[Any]:
    """Return [dweight, dbias, dx] of a layer: from its attributes, or from what its own step of 1 changed."""
    layer, _ = _dense(cls, forward, x, weight, np.zeros(weight.shape[1]))
    before, method = {name: np.copy(value) for name, value in vars(layer).items()}, getattr(layer, backward)
    results = [method(dy, 1.0) if len(inspect.signature(method).parameters) > 1 else method(dy)]
    for meaning, shape in (("bias", weight.shape[1:]), ("weight", weight.shape)):
        held = vars(layer)
        kept = [held[name] for name in held if means(name, f"d{meaning}")]
        found = (kept or [before[name] - held[name] for name in before if means(name, meaning)])[0]
        results.insert(0, np.reshape(found, shape) if np.size(found) == np.prod(shape) else found)
    return results


def _of_class(cls: type) -> Iterator[tuple[str, str, Function]]:
    """Yield what the methods of a class may be: exercise, method, function."""
    for exercise in ALIASES.get(plain(cls.__name__), ()):
        forward, backward, slope = (next(iter(methods(cls, kind)), "") for kind in ("forward", "backward", "slope"))

        def pulled(x: Any, dy: Any, forward: str = forward, backward: str = backward) -> Any:
            layer = _bound(cls, forward).__self__  # type: ignore[attr-defined]
            getattr(layer, forward)(x)
            return getattr(layer, backward)(dy)

        def dense(x: Any, weight: Any, bias: Any, forward: str = forward) -> Any:
            return _dense(cls, forward, x, weight, bias)[1]

        def undense(x: Any, weight: Any, dy: Any, forward: str = forward, backward: str = backward) -> Any:
            return _dense_backward(cls, forward, backward, x, weight, dy)

        if forward and exercise == "dense_forward":
            yield exercise, forward, dense
            if backward:
                yield "dense_backward", backward, undense
        elif forward:
            yield exercise, forward, _bound(cls, forward)
            if slope:
                yield from ((f"{exercise}_{kind}", slope, _bound(cls, slope)) for kind in ("derivative", "gradient"))
            if backward:
                yield f"{exercise}_pullback", backward, pulled
                yield f"{exercise}_derivative", backward, lambda x, pulled=pulled: pulled(x, np.ones_like(x))
    for name in vars(cls):
        for exercise in ALIASES.get(plain(name), ()) if not name.startswith("__") else ():
            yield exercise, name, _bound(cls, name)


def discovered(names: dict[str, Any], ordered: bool) -> tuple[dict[str, tuple[str, Function]], list[str]]:
    """Return what to grade, by exercise, plain functions before methods, and in words what does not fit.

    Args:
        names: of the program.
        ordered: whether arguments stand in the order that was asked for, whatever they are called.
    """
    own = {name: each for name, each in names.items() if getattr(each, "__module__", "") == "__main__"}
    functions = {name: each for name, each in own.items() if inspect.isfunction(each)}
    candidates = [(e, name, f) for name, f in functions.items() for e in ALIASES.get(plain(name), ())]
    for name, cls in own.items():
        if isinstance(cls, type):
            candidates += [(e, f"{name}.{method}", f) for e, method, f in _of_class(cls) if e in EXERCISES]
    found: dict[str, tuple[str, Function]] = {}
    misfits: dict[str, str] = {}
    for exercise, name, function in candidates:
        fits = fitted(function, exercise)
        if fits is None:
            misfits[name] = f"{name}{inspect.signature(function)} is no {EXERCISES[exercise].signature}"
        else:
            found.setdefault(exercise, (name, function if ordered else fits))
    graded = {name for name, _ in found.values()}
    return found, [text for name, text in misfits.items() if name not in graded]
