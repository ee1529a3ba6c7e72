"""An exercise is what a student is asked to write: a signature, a right version, inputs, and known wrong versions.

Exercise : name, cases, right version, suspects, law          case : arguments -> Case
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from fnn.core.keys import Key, normals
from fnn.core.vjp import vjp
from fnn.testing._sandbox import map_arrays
from fnn.testing.mistakes import TABLES
from fnn.testing.results import Finding

REFUSED = object()  # the right answer is an error, as for shapes that do not fit


@attrs.frozen(eq=False)
class Case:
    """Arguments to try; the mistake of whoever fails here but not in the ordinary cases; and the right result."""

    arguments: tuple[Any, ...]
    mistake: int | None = None
    answer: Any = None  # where the right version does not give it; ``REFUSED`` if only an error is right
    may_refuse: bool = False  # an error instead of the answer

    @property
    def ordinary(self) -> bool:
        """Return True if it is no edge."""
        return self.mistake is None


def case(*arguments: Any, mistake: int | None = None, answer: Any = None, may_refuse: bool = False) -> Case:
    """Build a case of these arguments; the rest as in ``Case``."""
    return Case(arguments, mistake, answer, may_refuse)


@attrs.frozen(eq=False)
class Fitted:
    """A wrong version with a number that is read from what was found: ``version(found arrays, arguments...)``."""

    version: Callable[..., Any]


@attrs.frozen(eq=False)
class Exercise:
    """What a student is asked to write, and how it is graded; what it takes and returns is in ``tables.toml``.

    A suspect is a wrong version after the number of its mistake or, without one, the advice to give: who returns what
    it returns has made it.
    """

    name: str
    cases: Sequence[Case]  # ordinary ones first
    right: Callable[..., Any] | None = None  # if there is one right result
    suspects: Sequence[tuple[int | str, Callable[..., Any] | Fitted]] = ()
    axes: int | None = None  # of a sample in the first argument, each with a result: 0 for numbers, 1 for rows
    primal: Callable[..., Any] | None = None  # of a derivative or a pullback, the activation
    of_record: Callable[[Any], Callable[..., Any]] = lambda layer: layer  # turns a layer or a loss into the function
    law: Callable[[str, Callable[..., Any]], Finding | None] = lambda name, function: None  # what else must hold
    effects: dict[str, int] = attrs.field(factory=dict)  # which mistake an effect is (see ``purity.effects``)
    seed: int | None = None  # the place of the argument that is a seed
    tolerance: float = 1e-6  # how far a number may be off, as a fraction of its array's largest
    adapt: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function  # to one that returns arrays

    @property
    def signature(self) -> str:
        """Return what the function takes and returns, in a line."""
        return self.name + TABLES["signatures"][self.name]

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
    return lambda x: vjp(layer, x)[1](np.ones_like(x))[1]()


def pullback_of(layer: Any) -> Callable[..., Any]:
    """Return the function x, dy -> dx of a layer."""
    return lambda x, dy: vjp(layer, x)[1](dy)[1]()


def gradient_of(loss: Any) -> Callable[..., Any]:
    """Return the function prediction, target -> gradient of a loss."""
    return lambda prediction, target: vjp(loss, prediction, target)[1](1.0)[1]()


def times(right: Callable[..., Any], factor: float | Callable[..., Any] = -1) -> Callable[..., Any]:
    """Return a suspect whose result is a factor too large; of the opposite sign without one."""

    c = factor if callable(factor) else lambda *arguments: factor
    return lambda *arguments: map_arrays(lambda each: each * c(*arguments), right(*arguments))


def then(function: Callable[..., Any], after: Callable[..., Any]) -> Callable[..., Any]:
    """Return the composition of a function of the first argument with one of its result and the other arguments."""
    return lambda x, *rest: after(function(x), *rest)


def near(right: Callable[..., Any], fraction: float) -> Fitted:
    """Return the suspect that is off by less than a fraction."""

    def about(found: list[np.ndarray], *arguments: Any) -> Any:
        expected = right(*arguments)
        alike = [each.shape for each in found] == [np.shape(expected)]
        return found[0] if alike and np.allclose(found[0], expected, 0, fraction * np.max(np.abs(expected))) else np.nan

    return Fitted(about)


def with_dy(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of a layer with a gradient of what it returns, which has the shape of x."""
    return [case(*each.arguments, numbers(*each.arguments[0].shape, seed=5), mistake=each.mistake) for each in cases]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return random numbers, none of them near 0, where kinks are."""
    x = normals(Key(seed, (77,)), shape)
    return x + 0.1 * np.sign(x)
