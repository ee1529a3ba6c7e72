"""A right function may be right in another form than the one asked for: by columns, for the sum, with the target first.

Conventions : the keywords of ``grade``          Form : an exercise and the conventions in which it is called
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import combinations, permutations, product
from typing import Any

import attrs
import numpy as np

from fnn.core._errors import boolean, finite_number
from fnn.data import one_hot
from fnn.layers.activations import sigmoid
from fnn.layers.softmax import softmax
from fnn.programs.discovery import tupled
from fnn.testing._compare import Difference, difference
from fnn.testing._sandbox import Outcome, Parts, bits, call, map_arrays, parts_of
from fnn.testing.exercises.exercise import REFUSED, Case, Exercise
from fnn.testing.mistakes import TABLES

Order = tuple[str, ...]
LOSSES = {"mse", "mae", "cross_entropy", "binary_cross_entropy"}
# Conventions on the form alone: right numbers in another form are not those of a mistake.
FORMS = {"columns", "keepdims", "transposed", "cached", "returns", "one_hot_labels", "probabilities"}


@attrs.frozen
class Conventions:
    """The form in which functions are written; each field is a keyword of ``grade``."""

    columns: bool = False
    probabilities: bool = False
    one_hot_labels: bool = False
    half: bool = False
    summed: bool = False
    over_rows: bool = False
    averaged: bool = False
    keepdims: bool = False
    transposed: bool = False
    cached: bool = False
    of_output: bool = False
    scaled_at_test: bool = False
    slope: float | None = None
    order: Order | None = attrs.field(default=None, converter=attrs.converters.optional(tuple))
    returns: Order | None = attrs.field(default=None, converter=attrs.converters.optional(tuple))

    def beyond(self, asked: Conventions) -> dict[str, Any]:
        """Return the fields in which these are not those that were asked for."""
        return {name: value for name, value in attrs.asdict(self).items() if value != getattr(asked, name)}

    def words(self, asked: Conventions) -> str:
        """Return the same in words."""
        differing = self.beyond(asked).items()
        said = [TABLES["conventions"][name][not value].format(", ".join(value) if isinstance(value, tuple) else value)
                for name, value in differing]  # fmt: skip
        return " and ".join([", ".join(said[:-1]), said[-1]] if said[1:] else said)


@attrs.frozen(eq=False)
class Form:
    """An exercise in some conventions: how its function is called, and what it is then to return."""

    exercise: Exercise
    by: Conventions = Conventions()

    @property
    def cases(self) -> list[Case]:
        """Return the cases that there are in this form: not the logarithm of a probability that is 0."""
        every, right = not self.by.probabilities or self.exercise.takes[0] != "logits", self.exercise.right
        return [each for each in self.exercise.cases if every or (right and np.max(right(*each.arguments)) < 100)]

    def give(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments in the form in which the function takes them."""
        takes, by, values = self.exercise.takes, self.by, list(arguments)
        if by.probabilities and takes[0] == "logits":
            values[0] = (softmax if "labels" in takes else sigmoid)(values[0])
        if by.of_output and self.exercise.primal is not None:
            values[0] = self.exercise.primal(values[0])
        if by.one_hot_labels and takes[:2] == ("logits", "labels"):
            values[1] = one_hot(values[1], values[0].shape[1]).astype(np.float64)
        if not any(map(callable, arguments)):
            values = [self._turned(*each) for each in zip(takes, values, strict=True)]
        return tuple(_ordered(by.order, takes, values))

    def put(self, result: Any, arguments: tuple[Any, ...]) -> Any:
        """Return a right result for these arguments, by the signature, in the form in which the function gives it."""
        gives, slope = self.exercise.gives, self.by.slope
        values = list(result) if isinstance(result, tuple) else [result]
        for i, name in enumerate(gives):
            factor: Any = self._factor(name, arguments)
            if slope is not None and self.exercise.name.startswith("leaky_relu"):
                factor = np.where(arguments[0] < 0, slope / 0.01, 1.0)
            scaled = map_arrays(lambda each, c=factor: each * c, values[i])
            values[i] = self._turned(name, scaled * factor if np.isscalar(scaled) else scaled)
        return tuple(_ordered(self.by.returns, gives, values)) if isinstance(result, tuple) else values[0]

    def expected(self, each: Case) -> Parts:
        """Return the right result of a case, in this form."""
        answer = each.answer if each.answer is not None else self.exercise.right(*each.arguments)  # type: ignore[misc]
        return parts_of(self.put(answer, each.arguments))

    def call(self, function: Callable[..., Any], each: Case) -> Outcome:
        """Return the outcome of a function for a case, called in this form on copies."""
        return call(self.plain(function), map_arrays(np.copy, self.give(each.arguments)))

    def wrong(self, each: Case, outcome: Outcome) -> Difference | None:
        """Return what is wrong with the outcome of a case, or None."""
        if outcome.error is not None and (each.may_refuse or each.answer is REFUSED):
            return None
        if each.answer is REFUSED:
            return Difference("gives a result, expected a ValueError", outcome.arrays)
        axes, x = self.exercise.axes, self.give(each.arguments)[0]
        tolerance = max(self.exercise.tolerance, 1e-4 * self.by.probabilities)  # there may be an epsilon in a logarithm
        axes = -1 if axes is None or (axes and self.by.columns) else axes
        found = difference(outcome, self.expected(each), tolerance, x, axes)
        return Difference(f"warns: {outcome.warning}", right=True) if not found and outcome.warning else found

    def by_name(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a tuple of its results where it gives a dictionary of them."""
        gives = self.exercise.gives
        if not gives[1:] or " -> (" not in self.exercise.signature:
            return function
        return lambda *given: tupled(function(*given), _of(gives, self.by.returns) or gives)

    def plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function without its cache."""
        alone = len(self.exercise.gives) == 1

        def first(*given: Any) -> Any:
            result = function(*given)
            return result[0] if isinstance(result, tuple) and (alone or isinstance(result[0], tuple | list)) else result

        return first if self.by.cached else function

    def standard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the arguments and the results of the signature, for laws that call it."""
        adapted = self.exercise.adapt(lambda *arguments: self.plain(function)(*self.give(arguments)))

        def called(*arguments: Any) -> Any:
            result = adapted(*arguments)
            if self.by.scaled_at_test and "rate" in self.exercise.takes:
                return tuple([each / (1 - arguments[1]) for each in result])
            return self._back(result)

        return adapted if self.by == Conventions() else called

    def _back(self, value: Any) -> Any:
        names, parts = self.exercise.gives, list(value) if isinstance(value, list | tuple | Iterator) else [value]
        if len(parts) != len(names) or any(isinstance(part, list | tuple) for part in parts):
            return [self._back(part) for part in parts]
        turned = [self._turned(*each, back=True) for each in zip(names, parts, strict=True)]
        return turned if parts[1:] else turned[0]

    def _turned(self, name: str, value: Any, back: bool = False) -> Any:
        """Return arrays with rows turned to columns, or back; and biases as columns or rows of one."""
        by, turns = self.by, self.by.columns != (self.by.transposed and "weight" in name)
        if isinstance(value, dict):
            return {key: self._turned(key, part, back) for key, part in value.items()}
        if name.endswith("bias") and (by.columns or by.keepdims):
            shape = (-1, 1) if by.columns else (1, -1)
            if back:
                return np.ravel(value) if np.shape(value) == np.reshape(value, shape).shape else value
            return np.reshape(value, shape) if np.ndim(value) == 1 else value
        return map_arrays(lambda each: each.T if turns and each.ndim == 2 else each, value)

    def _factor(self, name: str, arguments: tuple[Any, ...]) -> float:
        """Return how many times the result of that name is as large as by the signature."""
        by, (loss, gradient, _) = self.by, f"{self.exercise.name}_".partition("_gradient")
        if loss.strip("_") in LOSSES:
            count = len(arguments[0]) if "labels" in self.exercise.takes else arguments[0].size
            summed, outputs = by.summed or (by.averaged and gradient), count // len(arguments[0])
            half = 0.5 if by.half and loss.startswith("mse") else 1.0
            return half * (count if summed else outputs if by.over_rows else 1)
        of_layer = by.averaged and "dy" in self.exercise.takes and name.startswith("d") and name != "dx"
        return 1 / len(arguments[self.exercise.takes.index("dy")]) if of_layer else 1.0


def _ordered(order: Order | None, names: Order, values: list[Any]) -> list[Any]:
    """Return the values in an order of their names, if it is of theirs."""
    return [values[names.index(name)] for name in _of(names, order) or names]


def _of(names: Order, order: Any) -> Order | None:
    """Return an order of these names, or None for all else; a loss may be said to take a prediction and a target."""
    order = tuple(order) if isinstance(order, list | tuple) else ()
    if names[1:2] in (("target",), ("labels",)):
        order = tuple([{"prediction": names[0], "target": names[1]}.get(name, name) for name in order])
    return order if len(order) == len(names) and all(name in order for name in names) else None


def concerning(exercise: Exercise, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``grade`` but for an order of names that are not those of this exercise."""
    names = {"order": exercise.takes, "returns": exercise.gives}
    return {name: value for name, value in settings.items() if name not in names or _of(names[name], value)}


def asked(caller: str, settings: dict[str, Any], exercises: Iterable[Exercise]) -> Conventions:
    """Return the conventions of these keywords, or raise where none of the exercises could follow one."""
    for name, value in settings.items():
        if isinstance(getattr(Conventions(), name), bool):
            boolean(f"{caller}: {name}", value)
        elif name == "slope" and value is not None:
            finite_number(f"{caller}: slope", value)
        elif value is not None and not any(concerning(each, {name: value}) for each in exercises):
            there = "; ".join(each.signature for each in exercises)
            raise TypeError(f"{caller}: {name} must be all names of one of these, in an order, got {value!r}: {there}")
    return Conventions(**settings)


def other_form(form: Form, function: Callable[..., Any]) -> Form | None:
    """Return the nearest other form in which a function is right on ordinary inputs, or makes a known mistake."""
    exercise, outcomes = form.exercise, {}
    if exercise.right is None:
        flips = ["columns", *["transposed", "keepdims"] * ("weight" in exercise.gives)]
        flips = ["scaled_at_test"] if "rate" in exercise.takes else flips
        others = [Form(exercise, by) for by in _changed(form.by, flips, [None], [None], 2)]
        laws = [(each, exercise.law(exercise.name, each.standard(function))) for each in others]
        fits = [each for each, law in laws if not law] or [each for each, law in laws if law and law.mistake]
        return fits[0] if fits else None
    sloped = [_table_row(Form(exercise, by)) for by in _slopes(form, function)]
    for other, given, key, expected, _ in [*sloped, *_table(exercise, form.by)]:
        if key not in outcomes:
            outcomes[key] = call(other.plain(function), map_arrays(np.copy, given))
        if not difference(outcomes[key], expected, exercise.tolerance + 1e-4 * other.by.probabilities) and not any(
            other.wrong(each, other.call(function, each)) for each in exercise.cases[1:] if each.ordinary
        ):
            return other
    return None


@cache
def _table(exercise: Exercise, asked: Conventions) -> list[tuple[Any, ...]]:
    """Return all other forms that differ, those with few changes first, with what they take and give."""
    start = _table_row(Form(exercise, asked))[-1]
    flips = [name for name, value in attrs.asdict(asked).items() if isinstance(value, bool) and (name == "cached" or
             _table_row(Form(exercise, attrs.evolve(asked, **{name: not value})))[-1] != start)]  # fmt: skip
    orders, returns = ([None, *permutations(names)] if len(names) < 4 else [None]
                       for names in (exercise.takes, exercise.gives))  # fmt: skip
    rows: dict[Any, tuple[Any, ...]] = {start: ()}
    for by in _changed(asked, flips, orders, returns, 4 if len(orders) > 1 < len(returns) else 3):
        row = _table_row(Form(exercise, by))
        rows.setdefault(row[-1], row)
    return list(rows.values())[1:]


def _table_row(form: Form) -> tuple[Any, ...]:
    first = form.exercise.cases[0]
    given = form.give(first.arguments)
    key, expected = (form.by.cached, form.by.order, *bits(given)), form.expected(first)
    return form, given, key, expected, (key, tuple(bits(expected)))


def _changed(asked: Conventions, flips: list[str], orders: Any, returns: Any, most: int) -> Iterator[Conventions]:
    """Yield conventions with up to so many changes: some flips, another order of arguments, another of results."""
    for changes in range(1, most + 1):
        for order, gives in product(orders, returns):
            left = changes - (order is not None) - (gives is not None)
            for chosen in combinations(flips, left) if left >= 0 else ():
                other = {name: not getattr(asked, name) for name in chosen}
                yield attrs.evolve(asked, order=order or asked.order, returns=gives or asked.returns, **other)


def _slopes(form: Form, function: Callable[..., Any]) -> Iterator[Conventions]:
    """Yield conventions with the slope that a leaky relu has on the left."""
    first, usual = form.exercise.cases[0], form.by.slope or 0.01
    found, right = form.call(function, first).arrays[:1], form.expected(first)
    if form.exercise.name.startswith("leaky_relu") and found and found[0].shape == right[""].shape:
        ratio = (found[0] / right[""])[first.arguments[0] < 0]
        yield attrs.evolve(form.by, slope=round(float(np.median(ratio)) * usual, 9))
