"""An exercise is what a student is asked to write: a signature, a right version, inputs, and known wrong versions.

Exercise : signature, cases, right version, suspects, laws          case : arguments -> Case
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core.keys import Key, normals
from fnn.core.vjp import vjp
from fnn.testing.results import Finding

REFUSED = object()  # the right answer is an error, as for shapes that do not fit


@attrs.frozen(eq=False)
class Case:
    """Arguments to try, and what it means if they go wrong.

    ``mistake`` is the mistake of whoever fails here but not in the ordinary cases. ``answer`` is the right result where
    the right version does not return it, or ``REFUSED`` if only an error is right; ``may_refuse`` allows an error
    instead of the answer.
    """

    arguments: tuple[Any, ...]
    mistake: int | None = None
    answer: Any = None
    may_refuse: bool = False

    @property
    def ordinary(self) -> bool:
        """Return True if it is no edge."""
        return self.mistake is None


def case(*arguments: Any, mistake: int | None = None, answer: Any = None, may_refuse: bool = False) -> Case:
    """Build a case of these arguments; the rest as in ``Case``."""
    return Case(arguments, mistake, answer, may_refuse)


def no_laws(name: str, function: Callable[..., Any]) -> Iterable[Finding]:
    """Yield no finding: the right results are all that is asked for."""
    return ()


@attrs.frozen(eq=False)
class Exercise:
    """What a student is asked to write, and how it is graded.

    Args:
        signature: what the function takes and returns, in a line.
        cases: arguments to try, ordinary ones first.
        right: the right version, if there is one right result.
        suspects: wrong versions with the numbers of their mistakes; who returns what one of them returns has made it.
        axes: how many axes of the first argument a sample has, each with a result: 0 for numbers, 1 for rows.
        primal: of a derivative or a pullback, the activation that it belongs to.
        of_record: turns a layer or a loss into the function.
        laws: yields findings where there is no single right result.
        effects: which mistake an effect is (see ``purity.effects``).
        seed: the place of the argument that is a seed.
        tolerance: how far a number may be off, as a fraction of its array's largest.
        adapt: turns what the student wrote into a function that returns arrays.
    """

    signature: str
    cases: Sequence[Case]
    right: Callable[..., Any] | None = None
    suspects: Sequence[tuple[int, Callable[..., Any]]] = ()
    axes: int | None = None
    primal: Callable[..., Any] | None = None
    of_record: Callable[[Any], Callable[..., Any]] = lambda layer: layer
    laws: Callable[[str, Callable[..., Any]], Iterable[Finding]] = no_laws
    effects: dict[str, int] = attrs.field(factory=dict)
    seed: int | None = None
    tolerance: float = 1e-6
    adapt: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function

    @property
    def name(self) -> str:
        """Return the name of the function."""
        return self.signature.partition("(")[0]

    @property
    def takes(self) -> tuple[str, ...]:
        """Return the names of the arguments."""
        return tuple(self.signature.partition("(")[2].partition(")")[0].split(", "))

    @property
    def gives(self) -> tuple[str, ...]:
        """Return the names of the results, of which there may be a list."""
        result = self.signature.partition(" -> ")[2]
        several = re.match(r"(?:list of |the )?\(([\w, ]+)\)", result)
        return tuple(several[1].split(", ")) if several else (result.partition(",")[0],)


def slope_of(layer: Any) -> Callable[..., Any]:
    """Return the function x -> slope of an activation."""
    return partial(_slope, layer)


def pullback_of(layer: Any) -> Callable[..., Any]:
    """Return the function x, dy -> dx of a layer."""
    return partial(_pullback, layer)


def gradient_of(loss: Any) -> Callable[..., Any]:
    """Return the function prediction, target -> gradient of a loss."""
    return partial(_gradient, loss)


def _slope(layer: Any, x: Any) -> Any:
    return _pullback(layer, x, np.ones_like(x))


def _pullback(layer: Any, x: Any, dy: Any) -> Any:
    return vjp(layer, x)[1](dy)[1]()


def _gradient(loss: Any, prediction: Any, target: Any) -> Any:
    return vjp(loss, prediction, target)[1](1.0)[1]()


def times(right: Callable[..., Any], factor: Callable[..., Any]) -> Callable[..., Any]:
    """Return a suspect whose result is a factor too large; ``factor`` takes the arguments too."""
    return partial(_times, right, factor)


def _times(right: Callable[..., Any], factor: Callable[..., Any], *arguments: Any) -> Any:
    result = right(*arguments)
    if isinstance(result, tuple):
        return tuple([each * factor(*arguments) for each in result])
    return result * factor(*arguments)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return random numbers, none of them near 0, where kinks are."""
    x = normals(Key(seed, (77,)), shape)
    return x + 0.1 * np.sign(x)
