"""One test over many cases: all of them are tried, and those that fail are named together.

    @each_of(("layer", "x"), LAYERS.values(), ids=LAYERS)
    def test_float32_stays_float32(layer, x):
        ...

It is written as ``pytest.mark.parametrize`` is, and stacks as that does. For pytest a case is a test of its own, whose
way through fixtures, hooks and reports takes longer than most cases do; here a case costs a call. ``pytest --separate``
makes tests of them again, for ``-k`` to choose from and ``--pdb`` to stop in.

    @each_of(("layer", "x"), LAYERS.values(), ids=LAYERS, one_of_each=sort_of)

tries the first case of each sort, ``sort_of(name)``, and leaves the others to ``pytest -m long``.
"""

import inspect
from functools import wraps
from itertools import product

import pytest

separate = False  # set by --separate, in conftest.py, before any test is imported


def each_of(names, values, ids=None, one_of_each=None):
    """Call a test once for each of these values; raise all errors together, each with the name of its case."""
    if separate:
        return pytest.mark.parametrize(names, values, ids=ids)
    if one_of_each is not None:
        return _in_two(names, dict(zip(ids, values, strict=True)), one_of_each)
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    values = list(values)
    shown = [None] * len(values) if ids is None or callable(ids) else list(ids)
    cases = [_case(names, value, name, ids) for value, name in zip(values, shown, strict=True)]
    assert cases, f"no values of {', '.join(names)}"

    def decorate(test):
        body, below = getattr(test, "cases", (test, [((), {})]))
        return _over([((*b, a), more | given) for (a, given), (b, more) in product(cases, below)], test, body)

    return decorate


def _in_two(names, cases, sort_of):
    """A test of the first case of each sort, and a long one of the others."""
    first = {sort_of(name): name for name in reversed(cases)}.values()
    halves = {"one of each": [name for name in cases if name in first], "others": [n for n in cases if n not in first]}

    def decorate(test):
        tests = {which: each_of(names, [cases[n] for n in half], half)(test) for which, half in halves.items()}

        def over_half(which, **fixtures):
            tests[which](**fixtures)

        which = inspect.Parameter("which", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(tests["others"]).parameters.values()
        over_half.__signature__ = inspect.Signature([which, *parameters])
        over_half.__name__ = test.__name__
        return pytest.mark.parametrize("which", ["one of each", pytest.param("others", marks=pytest.mark.long)])(
            over_half
        )

    return decorate


def _case(names, value, shown, ids):
    """The name of a case, and its arguments."""
    if hasattr(value, "marks"):  # pytest.param
        assert not value.marks, "a case has no marks of its own: write pytest.mark.parametrize"
        value, shown = value.values if len(names) > 1 else value.values[0], value.id or shown
    parts = tuple(value) if len(names) > 1 else (value,)
    if shown is None:
        shown = "-".join([_name(ids(part) if callable(ids) else part) for part in parts])
    return str(shown), dict(zip(names, parts, strict=True))


def _name(value):
    return str(getattr(value, "__name__", value))


def _over(cases, test, body):
    parameters = inspect.signature(body).parameters.values()
    wanted = [each for each in parameters if each.name not in cases[0][1] and each.default is each.empty]

    @wraps(test)
    def over_cases(**fixtures):
        failed = []
        for number, (names, arguments) in enumerate(cases):
            try:
                with pytest.MonkeyPatch.context() as patch:
                    body(**_own(fixtures, number, patch), **arguments)
            except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
                if isinstance(error, pytest.skip.Exception):
                    error = AssertionError(f"skipped, {error}: leave it out of the cases")
                case = f"[{'-'.join(names)}]"
                error.add_note(f"in the case {case}")
                failed.append((case, error))
        if failed:
            which, errors = zip(*failed, strict=True)
            raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases fail: {', '.join(which)}", errors)

    del over_cases.__wrapped__  # whose parameters pytest would take for fixtures
    over_cases.__signature__ = inspect.Signature(wanted)
    over_cases.cases = body, cases
    return over_cases


def _own(fixtures, number, patch):
    """The fixtures of one case, in which nothing is left of the case before."""
    own = dict(fixtures)
    if "tmp_path" in own:
        own["tmp_path"] = fixtures["tmp_path"] / str(number)
        own["tmp_path"].mkdir()
    if "monkeypatch" in own:
        own["monkeypatch"] = patch
    return own
