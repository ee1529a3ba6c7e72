"""To grade is to try a function on chosen inputs, compare it with the right one, and see which wrong one it resembles.

grade      : name=function, ... -> grades          SIGNATURES : name -> what the function takes and gives
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from fnn.core._errors import describe
from fnn.core.keys import Key
from fnn.core.record import is_record
from fnn.diagnostics.check import check_vjp
from fnn.testing.calls import Difference, Outcome, agree, call, difference, every, flat, judging
from fnn.testing.exercises import EXERCISES
from fnn.testing.exercises.exercise import REFUSED, Case, Exercise
from fnn.testing.findings import Finding, Grades
from fnn.testing.purity import HIDDEN, PROMOTES, effects, repeats
from fnn.testing.slopes import hint

SIGNATURES = {name: exercise.signature for name, exercise in EXERCISES.items()}


@judging()
def grade(**functions: Callable) -> Grades:
    """Grade functions written from scratch, each given under the name of what it is; a known mistake is named.

    The names, and what each function takes and gives, are in ``SIGNATURES``: print them with
    ``print(*SIGNATURES.values(), sep="\\n")``. A function is compared with this package's on ordinary inputs and at the
    edges: single rows, as many rows as columns, shifts of 1e5, numbers of +-1e4, rows far apart, bytes. It is also
    tried for what it does besides (see ``check_function``; float64 made of float32 counts in updates alone). A layer or
    loss, your own too, may be given for an activation, a loss or their derivatives; it goes through ``check_vjp`` as
    well. A function that raises has a finding, and every call is on copies.

    ``Grades`` prints as a line for each finding; ``grades.passed`` tells whether there is none, ``grades.share`` is the
    share of functions without, ``grades.mistakes`` are the numbers. Raises ``TypeError`` for a name that is not in the
    list, for what cannot be called, and if nothing is given.

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
    if isinstance(given, partial) and str(given.func.__module__).startswith("fnn.layers."):
        given = given(Key(0), first[0])  # one of the library's constructors
    function = exercise.of_record(given) if is_record(given) else exercise.adapt(given)
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


def _of_record(name: str, given: Any, arguments: tuple) -> Iterator[Finding]:
    """Yield what ``check_vjp`` says of a layer or a loss."""
    if is_record(given):
        outcome = call(lambda: check_vjp(given, *every(np.copy, arguments)).coordinates, ())
        if isinstance(outcome.error, AssertionError):
            yield Finding(name, f"has a wrong pullback: {outcome.error}", arguments)


def _of_effects(name: str, exercise: Exercise, function: Callable) -> dict[str, Finding]:
    """Give what a function does besides, by kind: float64 made of float32 only where it would change parameters."""
    arguments, numbers = exercise.cases[0].arguments, dict(exercise.effects)
    found = {}
    if exercise.seed is not None and not repeats(function, arguments):
        other = tuple([1 if place == exercise.seed else each for place, each in enumerate(arguments)])
        if repeats(function, other):
            what = "gives another result each time for the seed 0, but not for 1"
            found["seed"] = Finding(name, what, arguments, mistake=26)
            numbers[HIDDEN] = 26
    found |= effects(name, function, arguments, numbers)
    if PROMOTES not in exercise.effects or HIDDEN in found:
        found.pop(PROMOTES, None)
    return found


def _of_values(name: str, exercise: Exercise, function: Callable) -> Iterator[Finding]:
    """Yield where a function differs from the right one, and whom it resembles.

    Ordinary cases come first. Where one of them is wrong and resembles no known mistake, what follows from it at the
    edges is not looked at.
    """
    if exercise.right is None:
        return
    outcomes = _each_called(function, exercise)
    wrongs = [_wrong(exercise, *pair) for pair in zip(exercise.cases, outcomes, strict=True)]
    left = [place for place, wrong in enumerate(wrongs) if wrong]
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


def _called(function: Callable, each: Case) -> Outcome:
    return call(function, every(np.copy, each.arguments))


def _each_called(function: Callable, exercise: Exercise) -> list[Outcome]:
    return [_called(function, each) for each in exercise.cases]


def _rows(arguments: tuple) -> int:
    arrays = [each for each in arguments if isinstance(each, np.ndarray) and each.ndim]
    return len(arrays[0]) if arrays else 1


def _wrong(exercise: Exercise, each: Case, outcome: Outcome) -> Any:
    """Say what is wrong with an outcome, or None."""
    if outcome.error is not None and (each.may_refuse or each.answer is REFUSED):
        return None
    if each.answer is REFUSED:
        return Difference("gives a result, expected a ValueError", outcome.arrays)
    answer = each.answer if each.answer is not None else exercise.right(*each.arguments)  # type: ignore[misc]
    wrong = difference(outcome, flat(answer), exercise.tolerance)
    if wrong is None and outcome.alarm:
        return Difference(f"warns: {outcome.alarm}")
    return wrong
