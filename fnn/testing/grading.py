"""To grade is to try a function on chosen inputs, compare it with the right one, and name the wrong one it resembles.

grade      : name=function, ... -> Grades          SIGNATURES : name -> what the function takes and returns
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.diagnostics.check import check_vjp
from fnn.layers._constructor import Constructor
from fnn.testing._compare import Difference, agree, difference
from fnn.testing._sandbox import Outcome, call, isolated, map_arrays, parts_of
from fnn.testing.derivatives import hint
from fnn.testing.exercises import EXERCISES
from fnn.testing.exercises.exercise import REFUSED, Case, Exercise
from fnn.testing.purity import HIDDEN, PROMOTES, effects, repeats
from fnn.testing.results import Finding, Grades

SIGNATURES = {name: exercise.signature for name, exercise in EXERCISES.items()}


@isolated()
def grade(**functions: Callable[..., Any]) -> Grades:
    """Grade functions written from scratch, each given under the name of what it is, and name known mistakes.

    The names, and what each function takes and returns, are in ``SIGNATURES``: print them with
    ``print(*SIGNATURES.values(), sep="\\n")``. A function is compared with this package's on ordinary inputs and at the
    edges: single rows, as many rows as columns, shifts of 1e5, numbers of +-1e4, rows far apart, bytes. It is also
    tried for what it does besides (see ``check_function``; float64 made of float32 counts in updates alone). A function
    that raises has a finding, and every call is on copies.

    A layer or loss, your own too, may be given for an activation, a loss or their derivatives; it goes through
    ``check_vjp`` as well. So may a constructor, such as ``max_pool(2)``.

    ``Grades`` prints as a line for each finding; ``grades.passed`` is True if there is none, ``grades.share`` is the
    fraction of functions without, ``grades.mistakes`` are the numbers.

    Raises ``TypeError`` for a name that is not in the list, for what cannot be called, and if nothing is given.

    >>> def softmax(z):
    ...     e = np.exp(z - z.max())
    ...     return e / e.sum(axis=1, keepdims=True)
    >>> def relu(x):
    ...     return x * (x > 0)
    >>> grades = grade(softmax=softmax, relu=relu)
    >>> print(grades)
    softmax: mistake 9, shifted by the maximum of all rows instead of each row's own: softmax([[0, 1], [-1000, -999]]) \
gives nan at [1, 0], expected 0.2689; subtract x.max(axis=1, keepdims=True)
    relu: no finding
    1 of 2 functions without a finding
    >>> grades.passed, grades.share, grades.mistakes
    (False, 0.5, (9,))
    """
    if not functions:
        raise TypeError("grade expects functions by name; write grade(softmax=my_softmax)")
    for name, function in functions.items():
        if name not in EXERCISES:
            raise TypeError(f"grade: there is no {name!r} to grade; there are {', '.join(sorted(EXERCISES))}")
        if not callable(function):
            raise TypeError(f"grade expects a function {SIGNATURES[name]}, got {describe(function)}")
    found = [finding for name, function in functions.items() for finding in _graded(name, function)]
    return Grades(tuple(functions), tuple(found))


def _graded(name: str, given: Any) -> Iterator[Finding]:
    """Yield what is wrong with one function, each mistake once."""
    exercise, seen = EXERCISES[name], set()
    first = exercise.cases[0].arguments
    if isinstance(given, Constructor):
        given = given(Key(0), first[0])
    function = exercise.of_record(given) if isinstance(given, Record) else exercise.adapt(given)
    besides = _of_effects(name, exercise, function)
    found = list(besides.values())
    if HIDDEN not in besides or exercise.seed is not None:  # what gives something else each time cannot be compared
        of_values = [*_of_record(name, given, first), *_of_values(name, exercise, function)]
        found = [*of_values, *exercise.laws(name, function), *found]
    for finding in found:
        mark = finding.mistake or finding.what
        if mark not in seen:
            seen.add(mark)
            yield finding


def _of_record(name: str, given: Any, arguments: tuple[Any, ...]) -> Iterator[Finding]:
    """Yield what ``check_vjp`` says of a layer or a loss."""
    if isinstance(given, Record):
        outcome = call(lambda: check_vjp(given, *map_arrays(np.copy, arguments)).coordinates, ())
        if isinstance(outcome.error, AssertionError):
            yield Finding(name, f"has a wrong pullback: {outcome.error}", arguments)


def _of_effects(name: str, exercise: Exercise, function: Callable[..., Any]) -> dict[str, Finding]:
    """Return what a function does besides, by kind: float64 made of float32 only where it would change parameters."""
    arguments, mistakes = exercise.cases[0].arguments, dict(exercise.effects)
    found: dict[str, Finding] = {}
    if exercise.seed is not None and not repeats(function, arguments):
        other = tuple([1 if place == exercise.seed else each for place, each in enumerate(arguments)])
        if repeats(function, other):
            what = "gives another result each time for the seed 0, but not for 1"
            found["seed"] = Finding(name, what, arguments, mistake=26)
            mistakes[HIDDEN] = 26
    found |= effects(name, function, arguments, mistakes)
    if PROMOTES not in exercise.effects or HIDDEN in found:
        found.pop(PROMOTES, None)
    return found


def _of_values(name: str, exercise: Exercise, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield where a function differs from the right one, and which known mistake that resembles.

    Ordinary cases come first. Where one of them is wrong and resembles no known mistake, the edges, which would be
    wrong with it, are left out.
    """
    if exercise.right is None:
        return
    outcomes = _each_called(function, exercise)
    pairs = zip(exercise.cases, outcomes, strict=True)
    wrongs = {place: wrong for place, pair in enumerate(pairs) if (wrong := _wrong(exercise, *pair))}
    left = list(wrongs)
    while left:
        place = left[0]
        each, wrong = exercise.cases[place], wrongs[place]
        alike = [pair for pair in exercise.suspects if agree(outcomes[place], _called(pair[1], each))]
        if alike:  # of several, the one that is alike on the most cases
            likeness = [
                [agree(*both) for both in zip(outcomes, _each_called(pair[1], exercise), strict=True)] for pair in alike
            ]
            best = max(range(len(alike)), key=lambda i: sum(likeness[i]))
            mistake = alike[best][0]
            left = [other for other in left if not likeness[best][other]]
        else:
            mistake = each.mistake
            left = [other for other in left if mistake and other != place and exercise.cases[other].mistake != mistake]
        advice = hint(wrong.found, wrong.expected, _rows(each.arguments)) if not mistake else ""
        if outcomes[place].error is not None and not mistake:
            advice = f"it is called as {exercise.signature}"
        yield Finding(name, wrong.what, each.arguments, wrong.expected, wrong.found, mistake, advice)


def _called(function: Callable[..., Any], each: Case) -> Outcome:
    return call(function, map_arrays(np.copy, each.arguments))


def _each_called(function: Callable[..., Any], exercise: Exercise) -> list[Outcome]:
    return [_called(function, each) for each in exercise.cases]


def _rows(arguments: tuple[Any, ...]) -> int:
    arrays = [each for each in arguments if isinstance(each, np.ndarray) and each.ndim]
    return len(arrays[0]) if arrays else 1


def _wrong(exercise: Exercise, each: Case, outcome: Outcome) -> Difference | None:
    """Return what is wrong with an outcome, or None."""
    if outcome.error is not None and (each.may_refuse or each.answer is REFUSED):
        return None
    if each.answer is REFUSED:
        return Difference("gives a result, expected a ValueError", outcome.arrays)
    answer = each.answer if each.answer is not None else exercise.right(*each.arguments)  # type: ignore[misc]
    wrong = difference(outcome, parts_of(answer), exercise.tolerance)
    if wrong is None and outcome.warning:
        return Difference(f"warns: {outcome.warning}")
    return wrong
