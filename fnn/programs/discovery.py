"""Which of a program's functions is which exercise: by its name, by what its arguments are called, and as a method.

discovered : names of a program, signatures -> exercise -> (what it is called there, function)   called : by meaning
"""

from __future__ import annotations

import inspect
import random
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from functools import partial, update_wrapper
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

# The generator that all of NumPy shares: it is put back here, and never drawn from.
from numpy import random as shared_generator

from fnn.programs.confined import OutOfTime, alarm

Function = Callable[..., Any]
NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))


def plain(name: str) -> str:
    """Return a name without underscores and capitals, as the tables have it."""
    return re.sub(r"[\W_]", "", name).lower()


def aliases(exercises: Collection[str]) -> dict[str, list[str]]:
    """Return the exercises that a plain name may be."""
    found: dict[str, list[str]] = {}
    for exercise in exercises:
        base, _, kind = exercise.rpartition("_")
        own = [plain(exercise), *NAMES["functions"].get(exercise, [])]
        for each in [plain(base), *NAMES["functions"].get(base, [])] if base in exercises else []:
            own += [form.format(each) for form in NAMES["derived"].get(kind, [])]
        for name in own:
            found.setdefault(name, []).append(exercise)
    return found


def means(name: str, meaning: str) -> bool:
    """Return True if an argument or attribute of this name may have this meaning."""
    return plain(name) in (plain(meaning), *NAMES["parameters"].get(meaning, ()))


def fitted(function: Function, signature: str) -> Function | None:
    """Return a function that takes the arguments in the signature's order, or None if it does not take as many."""
    wanted = re.findall(r"\((.*?)\)", signature)[0].split(", ")
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


def tupled(result: Any, names: tuple[str, ...]) -> Any:
    """Return a dictionary of results as a tuple in the order of what its keys mean, and any other result as it is."""
    if not isinstance(result, dict) or not result:
        return result
    values = [[value for key, value in result.items() if means(str(key), name)] for name in names]
    if len(result) != len(names) or any(len(each) != 1 for each in values):
        raise TypeError(f"it returns a dictionary of {', '.join(map(repr, result))}, not of {', '.join(names)}")
    return tuple([each for (each,) in values])


def called(function: Function, values: dict[str, Any]) -> Any:
    """Call a function with what its arguments mean; TypeError where it needs one that has no value.

    The generators that everybody shares are put back: what a constructor draws is not its method's doing.
    """
    arguments = {}
    for each in inspect.signature(function).parameters.values():
        meaning = next((meaning for meaning in values if means(each.name, meaning)), None)
        if meaning and each.kind in (1, 3):
            arguments[each.name] = values[meaning]
        elif each.default is each.empty and each.kind in (0, 1, 3):
            raise TypeError(f"the meaning of the argument {each.name!r} is not known")
    of_numpy, of_python = shared_generator.get_state(), random.getstate()  # noqa: NPY002
    try:
        return function(**arguments)
    finally:
        shared_generator.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


def own_of(names: dict[str, Any]) -> dict[str, Any]:
    """Return what a program itself defines."""
    return {name: each for name, each in names.items() if getattr(each, "__module__", "") == "__main__"}


def methods(cls: type, kind: str) -> list[str]:
    """Return the methods of a class that are of this kind, the usual name first."""
    own = [name for name in vars(cls) if callable(getattr(cls, name))]
    return [name for want in NAMES["methods"][kind] for name in own if want in (name, plain(name))]


def _made(cls: type) -> Any:
    """Return an object of a class, which was never initialized if its constructor cannot be called."""
    try:
        return called(cls, {})
    except Exception:
        return object.__new__(cls)


def _attributes(layer: Any) -> dict[str, Any]:
    """Return the attributes of an object, those in slots too."""
    slots = {name for cls in type(layer).__mro__ for name in _in_tuple(vars(cls).get("__slots__", ()))}
    return {name: getattr(layer, name) for name in slots if hasattr(layer, name)} | getattr(layer, "__dict__", {})


def _in_tuple(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _computed(layer: Any, method: str, kind: str, *arguments: Any) -> Any:
    """Return what a method returns, or where that is nothing, the attribute in which it keeps it."""
    result = getattr(layer, method)(*arguments)
    kept = [value for name, value in _attributes(layer).items() if plain(name) in NAMES["kept"][kind]]
    return kept[0] if result is None and kept else result


def _arrays(layer: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield where a layer keeps its arrays: the dictionary, the key, and what its name is, w of grads being dw."""
    yield from (
        (vars(layer), name, name)
        for name, value in getattr(layer, "__dict__", {}).items()
        if isinstance(value, np.ndarray | np.generic)
    )
    for outer, inner in _attributes(layer).items():
        if isinstance(inner, dict):
            yield from ((inner, name, "d" * means(outer, "grads") + str(name)) for name in inner)


def _dense(cls: type, x: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    """Return a dense layer that holds copies of these parameters, whatever its constructor takes, and its output."""
    values = {"weight": weight.copy(), "bias": bias.copy(), "n_in": len(weight), "n_out": len(bias)}
    layer = called(cls, values | {"learning_rate": 1.0})
    given = {"weight": weight, "bias": bias}
    places = [(held, key, meaning) for held, key, name in _arrays(layer) for meaning in given if means(name, meaning)]
    for held, key, meaning in places:
        held[key] = given[meaning].reshape(held[key].shape).copy()
    if {meaning for *_, meaning in places} != set(given):
        raise TypeError(f"{cls.__name__} keeps its weight and its bias where nobody finds them")
    return layer, _computed(layer, methods(cls, "forward")[0], "forward", x)


def _dense_backward(cls: type, x: Any, weight: Any, dy: Any) -> list[Any]:
    """Return [dweight, dbias, dx] of a layer: from its attributes, or from what its own step of 1 changed."""
    layer, _ = _dense(cls, x, weight, np.zeros(weight.shape[1]))
    before, (backward, *_) = {name: np.copy(held[key]) for held, key, name in _arrays(layer)}, methods(cls, "backward")
    steps = (1.0,) if len(inspect.signature(getattr(layer, backward)).parameters) > 1 else ()
    results = [_computed(layer, backward, "backward", dy, *steps)]
    after = {name: held[key] for held, key, name in _arrays(layer)}
    for meaning, shape in (("bias", weight.shape[1:]), ("weight", weight.shape)):
        kept = [value for name, value in after.items() if means(name, f"d{meaning}")]
        moved = [before[name] - after[name] for name in before if means(name, meaning)]
        found = (kept or moved)[0]
        results.insert(0, np.reshape(found, shape) if np.size(found) == np.prod(shape) else found)
    return results


def _of_class(cls: type, known: dict[str, list[str]]) -> Iterator[tuple[str, str, Function]]:
    """Yield what the methods of a class may be: exercise, method, function."""
    forward, backward, slope = (next(iter(methods(cls, kind)), "") for kind in ("forward", "backward", "slope"))
    short = re.sub(r"^(activation|layer|loss)|(activation|layer|loss|function)$", "", plain(cls.__name__))

    def y(*arguments: Any) -> Any:
        return _computed(_made(cls), forward, "forward", *arguments)

    def pulled(x: Any, dy: Any) -> Any:
        layer = _made(cls)
        getattr(layer, forward)(x)
        return _computed(layer, backward, "backward", dy)

    def slopes(x: Any) -> Any:
        return pulled(x, np.ones_like(x))

    for exercise in dict.fromkeys([*known.get(plain(cls.__name__), ()), *known.get(short, ())]) if forward else ():
        if exercise == "dense_forward":
            _dense(cls, np.ones((2, 3)), np.ones((3, 2)), np.ones(2))  # who does not keep them is no such layer
            yield exercise, forward, lambda x, weight, bias: _dense(cls, x, weight, bias)[1]
            if backward:
                yield "dense_backward", backward, partial(_dense_backward, cls)
            continue
        yield exercise, forward, update_wrapper(y, getattr(_made(cls), forward))
        if slope:
            yield from (
                (f"{exercise}_{kind}", slope, getattr(_made(cls), slope)) for kind in ("derivative", "gradient")
            )
        if backward:
            yield from ((f"{exercise}_pullback", backward, pulled), (f"{exercise}_derivative", backward, slopes))
    own = [(e, name) for name in vars(cls) if not name.startswith("__") for e in known.get(plain(name), ())]
    for exercise, name in own:
        yield exercise, name, getattr(_made(cls), name)
    steps = [exercise for exercise in known.get(short, ()) if exercise.endswith("_step")]
    if steps and not own and not forward:  # its memory and the parameters are where nobody finds them
        raise TypeError(f"an optimizer is graded by its step, as a function or a method of the name {steps[0]}")


def discovered(
    names: dict[str, Any], signatures: dict[str, str], ordered: bool = False
) -> tuple[dict[str, tuple[str, Function]], list[str]]:
    """Return what to grade, by exercise, plain functions before methods, and in words what does not fit.

    Args:
        names: of the program.
        signatures: of each exercise, as "softmax(x) -> y".
        ordered: whether arguments stand in the order that was asked for, whatever they are called.
    """
    own, known = own_of(names), aliases(signatures)
    found: dict[str, tuple[str, Function]] = {}
    misfits: dict[str, str] = {}
    functions = {name: each for name, each in own.items() if inspect.isfunction(each)}
    candidates = [(e, name, f) for name, f in functions.items() for e in known.get(plain(name), ())]
    for name, cls in own.items():
        if isinstance(cls, type):
            try:
                with alarm(2.0):
                    candidates += [
                        (e, f"{name}.{method}", f) for e, method, f in _of_class(cls, known) if e in signatures
                    ]
            except (Exception, SystemExit, OutOfTime) as error:
                misfits[name] = f"{name} is not graded: {error}"
    for exercise, name, function in candidates:
        fits = fitted(function, signatures[exercise])
        if fits is None:
            misfits[name] = f"{name}{inspect.signature(function)} is no {signatures[exercise]}"
        else:
            found.setdefault(exercise, (name, function if ordered else fits))
    graded = {name for name, _ in found.values()}
    return found, [text for name, text in misfits.items() if name not in graded]
