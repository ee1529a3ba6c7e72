"""No right function is blamed, in whatever form it is written."""

import pytest

from fnn.testing import grade
from tests.testing.table import counted
from tests.testing.variants import variants


def blamed(each):
    """Return what is said against a right function in some form: by its keywords anything, without them a mistake."""
    told, exercise, function, keywords = each
    grades = grade(**keywords, **{exercise: function})
    if not grades.passed:
        return f"{told}: {grades}"
    if keywords:
        findings = grade(**{exercise: function}).findings
        # Where another form gives other numbers, it is said to be right there; equal numbers pass.
        if any(each.conventions == {} for each in findings):
            return f"{told}, not said: {findings}"
    return ""


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.long)])
def test_no_right_function_is_blamed_in_any_form(every):
    tried = list(variants())
    assert len(tried) >= 500
    assert [line for each in tried[::every] if (line := blamed(each))] == []


@pytest.mark.long
def test_the_table_has_no_miss_and_no_blame():
    counts = counted()
    assert {row for (_, row), count in counts.items() if count} == {
        "passed", "passed once their form is said", "named"
    }  # fmt: skip
    assert sum(counts.values()) > 700
