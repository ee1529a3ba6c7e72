"""An exercise is what a student is asked to write: a signature, a right version, inputs, and known wrong versions.

Exercise : signature, right, cases, suspects, laws          case : arguments -> case
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core.keys import Key, normals
from fnn.core.vjp import vjp
from fnn.testing.findings import Finding

REFUSED = object()  # the right answer is an error, as for shapes that do not fit


@attrs.frozen(eq=False)
class Case:
    """Arguments to try. ``mistake`` is what it means if this goes wrong where ordinary cases do not.

    ``answer`` is the right result where the right version does not say it, ``REFUSED`` if only an error is right;
    ``may_refuse`` allows an error instead of the answer.
    """

    arguments: tuple
    mistake: int | None = None
    answer: Any = None
    may_refuse: bool = False


def case(*arguments: Any, mistake: int | None = None, answer: Any = None, may_refuse: bool = False) -> Case:
    """Make a case of arguments."""
    return Case(arguments, mistake, answer, may_refuse)


def no_laws(name: str, function: Callable) -> Iterable[Finding]:
    """Ask for nothing besides the right results."""
    return ()


@attrs.frozen(eq=False)
class Exercise:
    """What a student is asked to write, and how it is judged.

    ``suspects`` are wrong versions with the numbers of their mistakes: whoever gives what one of them gives has made
    its mistake. ``laws`` yields findings where there is no single right result. ``effects`` says which mistake an
    effect is (see ``purity.effects``) and ``seed`` which argument is one. ``of_record`` makes the function from a layer
    or loss, ``adapt`` from what the student gives.
    """

    signature: str
    cases: Sequence[Case]
    right: Callable | None = None
    suspects: Sequence[tuple[int, Callable]] = ()
    laws: Callable = no_laws
    effects: dict[str, int] = attrs.field(factory=dict)
    seed: int | None = None
    tolerance: float = 1e-6
    of_record: Callable = lambda layer: layer
    adapt: Callable = lambda function: function


def slope_of(layer: Any) -> Callable:
    """Make the function x -> slope of an activation."""
    return partial(_slope, layer)


def pullback_of(layer: Any) -> Callable:
    """Make the function x, dy -> dx of a layer."""
    return partial(_pullback, layer)


def gradient_of(loss: Any) -> Callable:
    """Make the function prediction, target -> gradient of a loss."""
    return partial(_gradient, loss)


def _slope(layer: Any, x: Any) -> Any:
    return _pullback(layer, x, np.ones_like(x))


def _pullback(layer: Any, x: Any, dy: Any) -> Any:
    return vjp(layer, x)[1](dy)[1]()


def _gradient(loss: Any, prediction: Any, target: Any) -> Any:
    return vjp(loss, prediction, target)[1](1.0)[1]()


def times(right: Callable, factor: Callable) -> Callable:
    """Make a suspect that is a factor too large: ``factor`` takes the arguments."""
    return partial(_times, right, factor)


def _times(right: Callable, factor: Callable, *arguments: Any) -> Any:
    result = right(*arguments)
    if isinstance(result, tuple):
        return tuple([each * factor(*arguments) for each in result])
    return result * factor(*arguments)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Give random numbers, none of them near 0, where kinks are."""
    x = normals(Key(seed, (77,)), shape)
    return x + 0.1 * np.sign(x)
