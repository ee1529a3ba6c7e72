"""To grade is to try a function on chosen inputs, compare it with the right one, and name the wrong one it resembles.

grade      : name=function, ... -> Grades          SIGNATURES  : name -> what the function takes and returns
                                                   CONVENTIONS : keyword of grade -> what it says
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import describe
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.diagnostics.check import check_vjp
from fnn.layers._constructor import Constructor
from fnn.testing._compare import agree, is_single
from fnn.testing._sandbox import Outcome, call, isolated, map_arrays
from fnn.testing.conventions import FORMS, Conventions, Form, asked, other_form
from fnn.testing.derivatives import hint
from fnn.testing.exercises import EXERCISES
from fnn.testing.exercises.exercise import REFUSED, Case, Fitted
from fnn.testing.mistakes import TABLES
from fnn.testing.purity import HIDDEN, PROMOTES, effects, repeats
from fnn.testing.results import Finding, Grades

SIGNATURES = {name: exercise.signature for name, exercise in EXERCISES.items()}
CONVENTIONS = {name: told for name, (_, _, told) in TABLES["conventions"].items()}


@isolated()
def grade(**functions: Any) -> Grades:
    """Grade functions written from scratch, each given under the name of what it is, and name known mistakes.

    What each takes and returns: ``print(*SIGNATURES.values(), sep="\\n")``. A function is compared with this package's
    on ordinary inputs and at the edges: single rows, as many rows as columns, shifts of 1e5, numbers of +-1e4, rows far
    apart, bytes. It is also tried for what it does besides (see ``check_function``; float64 made of float32 counts in
    updates alone). A function that raises has a finding, and every call is on copies. A layer or loss, your own too, or
    a constructor may be given for an activation, a loss or their derivatives; it goes through ``check_vjp`` as well.

    ``Grades`` prints as a line for each finding; ``grades.passed`` is True if there is none, ``grades.share`` is the
    fraction of functions without, ``grades.score`` gives partial credit, ``grades.mistakes`` are the numbers.

    Where all functions follow another convention than the signatures, a keyword says so once, as ``columns=True``. The
    keywords and what they say are in ``CONVENTIONS``; each leaves alone what it does not concern. A function that is
    right under another convention than asked for is told that: "right, by columns".

    Raises ``TypeError`` for a name that is not in the list, for what cannot be called, if nothing is given, and for a
    keyword of another kind or an order of names that no function has.

    >>> def softmax(z):
    ...     e = np.exp(z - z.max())
    ...     return e / e.sum(axis=1, keepdims=True)
    >>> grades = grade(softmax=softmax, relu=lambda x: x * (x > 0))
    >>> print(grades)
    softmax: mistake 9, shifted by the maximum of all rows instead of each row's own: softmax([[0, 1], [-1000, -999]]) \
gives nan at [1, 0], expected 0.2689; subtract x.max(axis=1, keepdims=True)
    relu: no finding
    1 of 2 functions without a finding
    >>> grades.passed, grades.share, grades.score, grades.mistakes
    (False, 0.5, 0.875, (9,))
    >>> def dense_forward(x, weight, bias):
    ...     return weight @ x + bias
    >>> grade(dense_forward=dense_forward, columns=True).passed
    True
    >>> print(grade(dense_forward=dense_forward).findings[0].what)
    is right, by columns
    """
    settings = {name: functions.pop(name) for name in CONVENTIONS if name in functions}
    if not functions:
        raise TypeError("grade expects functions by name; write grade(softmax=my_softmax)")
    for name, function in functions.items():
        if name not in EXERCISES:
            raise TypeError(f"grade: there is no {name!r} to grade; there are {', '.join(sorted(EXERCISES))}")
        if not callable(function):
            raise TypeError(f"grade expects a function {SIGNATURES[name]}, got {describe(function)}")
    by = asked("grade", settings, [EXERCISES[name] for name in functions])
    found = [finding for name, function in functions.items() for finding in _graded(name, function, by)]
    return Grades(tuple(functions), tuple(found))


def _graded(name: str, given: Any, by: Conventions) -> Iterator[Finding]:
    """Yield what is wrong with one function, each mistake once."""
    exercise, seen, found = EXERCISES[name], set(), []
    first = exercise.cases[0].arguments
    if isinstance(given, Constructor):
        given = given(Key(0), first[0])
    function = exercise.of_record(given) if isinstance(given, Record) else given
    if isinstance(call(function, map_arrays(np.copy, first)).error, NotImplementedError):
        yield Finding(name, "is not written yet", advice=f"write {exercise.signature}")
        return
    if isinstance(given, Record):
        by, error = Conventions(), call(lambda: check_vjp(given, *map_arrays(np.copy, first)).coordinates, ()).error
        found = [Finding(name, f"has a wrong pullback: {error}", first)] if isinstance(error, AssertionError) else []
    for finding in [*found, *_in_its_form(Form(exercise, by), function)]:
        mark = finding.mistake or finding.what
        if mark not in seen:
            yield finding
        seen.add(mark)


def _in_its_form(form: Form, function: Callable[..., Any]) -> list[Finding]:
    """Return what is wrong with a function in the form asked for, or that it is right in another."""
    function = form.by_name(function)
    found = _findings(form, function)
    wrong = [each for each in found if each.severity == "wrong"]
    other = other_form(form, function) if wrong else None
    if other is None:
        return found
    there, known = _findings(other, function), [each for each in wrong if each.mistake]
    if known and any(each.severity != "style" for each in there):
        return found
    verb = "written" if any(each.severity == "wrong" for each in there) else "right"
    by, words = other.by.beyond(form.by), f"{verb}, {other.by.words(form.by)}"
    advice = f"grade it with {', '.join(f'{name}={value!r}' for name, value in by.items())}"
    if known and not set(by) <= FORMS:  # the numbers are those of a known mistake, and right for another question
        return [attrs.evolve(each, advice=f"it is {words}: {advice}", conventions=by) if each in known else each
                for each in found]  # fmt: skip
    given = other.give(form.exercise.cases[0].arguments)
    told = Finding(form.exercise.name, f"is {words}", given, advice=advice, severity="style", conventions=by)
    return [told, *there]


def _findings(form: Form, function: Callable[..., Any]) -> list[Finding]:
    """Return what is wrong with a function in one form."""
    exercise = form.exercise
    besides = _of_effects(form, function)
    found = list(besides.values())
    if HIDDEN not in besides or exercise.seed is not None:  # what gives something else each time cannot be compared
        law = exercise.law(exercise.name, form.standard(function))
        found = [*_of_values(form, function), *([law] if law else []), *found]
    return found


def _of_effects(form: Form, function: Callable[..., Any]) -> dict[str, Finding]:
    """Return what a function does besides, by kind: float64 made of float32 only where it would change parameters."""
    exercise, name = form.exercise, form.exercise.name
    arguments, mistakes = exercise.cases[0].arguments, dict(exercise.effects)
    if exercise.right is None:
        function = form.standard(function)
    else:
        arguments, function = form.give(arguments), form.plain(function)
    found: dict[str, Finding] = {}
    if exercise.seed is not None and not repeats(function, arguments):
        other = tuple([1 if place == exercise.seed else each for place, each in enumerate(arguments)])
        if repeats(function, other):
            told, mistakes[HIDDEN] = "gives another result each time for the seed 0, but not for 1", 26
            found["seed"] = Finding(name, told, arguments, mistake=26)
    found |= effects(name, function, arguments, mistakes)
    if PROMOTES not in exercise.effects or HIDDEN in found:
        found.pop(PROMOTES, None)
    return found


def _of_values(form: Form, function: Callable[..., Any]) -> Iterator[Finding]:
    """Yield where a function differs from the right one, and which known mistake that resembles.

    Edges are left out where an ordinary case, which comes first, is wrong and resembles no known mistake.
    """
    exercise = form.exercise
    if exercise.right is None:
        return
    outcomes = [form.call(function, each) for each in form.cases]
    pairs = [(_as_exact(each, outcome), outcome) for each, outcome in zip(form.cases, outcomes, strict=True)]
    wrongs = {place: wrong for place, pair in enumerate(pairs) if (wrong := form.wrong(*pair))}
    left = list(wrongs)
    while left:
        place = left[0]
        (each, outcome), wrong = pairs[place], wrongs[place]
        suspects = () if each.answer is REFUSED else exercise.suspects
        alike = [pair for pair in suspects if _alike(form, pair[1], each, outcome)]
        if alike:  # of several, the one that is alike on the most cases
            likeness = [[_alike(form, suspect, *pair) for pair in pairs] for _, suspect in alike]
            best = max(range(len(alike)), key=lambda i: sum(likeness[i]))
            key = alike[best][0]
            left = [other for other in left if not likeness[best][other]]
        else:
            key = each.mistake
            left = [other for other in left if key and other != place and pairs[other][0].mistake != key]
        mistake, advice = (None, key) if isinstance(key, str) else (key, "")
        given, severity = form.give(each.arguments), "wrong" if each.ordinary and not wrong.right else "edge"
        if mistake == 11 and isinstance(wrong.found, np.ndarray) and np.isnan(wrong.found).any():
            advice = "0 * log(0) is nan"
        elif not key and outcome.error is not None:
            advice = f"it is called as {exercise.signature}"
        elif not key:  # sums and means of rows are mixed up in gradients alone
            of_rows = "dy" in exercise.takes or exercise.takes[1:] in (("target",), ("labels",))
            advice = hint(wrong.found, wrong.expected, len(each.arguments[0]) if of_rows else 1)
        yield Finding(exercise.name, wrong.what, given, wrong.expected, wrong.found, mistake, advice, severity,
                      wrong.at, wrong.share)  # fmt: skip


def _as_exact(each: Case, outcome: Outcome) -> Case:
    """Return a case with its numbers as float32 has them, if the result is of float32."""
    if not any(map(is_single, outcome.arrays)):
        return each
    rounded = map_arrays(lambda a: a.astype(np.float32).astype(a.dtype) if a.dtype.kind == "f" else a, each.arguments)
    return attrs.evolve(each, arguments=rounded)


def _alike(form: Form, suspect: Callable[..., Any] | Fitted, each: Case, outcome: Outcome) -> bool:
    """Return True if a version that was written by the signature gives the same, in the form asked for."""
    version = partial(suspect.version, outcome.arrays) if isinstance(suspect, Fitted) else suspect
    given = map_arrays(np.copy, each.arguments)
    return agree(outcome, call(lambda *given: form.put(version(*given), each.arguments), given))
