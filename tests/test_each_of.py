"""A test over many cases tries them all, and says which of them fail."""

import tempfile
from pathlib import Path

import pytest

from tests.each_of import each_of, separate

pytestmark = pytest.mark.skipif(separate, reason="with --separate a case is a test of its own")


def test_all_cases_are_tried_and_those_that_fail_are_named_with_their_errors():
    tried = []

    @each_of(("a", "b"), [(1, 2), (2, 2), (3, 4)], ids=["less", "equal", "less again"])
    def wrong(a, b):
        tried.append(a)
        assert a == b, f"{a} is not {b}"

    with pytest.raises(BaseExceptionGroup, match=r"2 of 3 cases fail: \[less\], \[less again\]") as caught:
        wrong()
    assert tried == [1, 2, 3]
    first, second = caught.value.exceptions
    assert "1 is not 2" in str(first)
    assert second.__notes__ == ["in the case [less again]"]


def test_stacked_they_are_the_product_as_parametrize_has_it():
    tried = []

    @each_of("n", [1, 2])
    @each_of("name", ["a", "b"])
    def right(n, name):
        tried.append((n, name))

    right()
    assert sorted(tried) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_no_failure_hides_another_whatever_its_kind():
    @each_of("number", [0, 1, 2, 3])
    def odd(number):
        if number == 0:
            pytest.skip("not today")
        if number == 1:
            pytest.fail("on purpose")
        if number == 2:
            with pytest.raises(ValueError, match="never"):
                pass

    with pytest.raises(BaseExceptionGroup, match=r"3 of 4 cases fail: \[0\], \[1\], \[2\]"):
        odd()


def test_of_each_sort_the_first_is_tried_and_the_others_are_a_long_test():
    tried = []

    @each_of("n", {"a, 1": 1, "a, 2": 2, "b": 3}.values(), ids=["a, 1", "a, 2", "b"], one_of_each=lambda name: name[0])
    @each_of("sign", [1, -1])
    def right(n, sign, tmp_path):
        tried.append(n * sign)

    plain, long = right.pytestmark[0].args[1]
    assert long.marks[0].name == "long"
    for which, expected in ((plain, [1, -1, 3, -3]), (long.values[0], [2, -2])):
        tried.clear()
        with tempfile.TemporaryDirectory() as folder:
            right(which=which, tmp_path=Path(folder))
        assert sorted(tried) == sorted(expected)


def test_no_values_are_a_mistake():
    with pytest.raises(AssertionError, match="no values of n"):
        each_of("n", [])


@each_of("number", range(3))
def test_a_case_finds_nothing_of_the_one_before(number, tmp_path, monkeypatch):
    assert not list(tmp_path.iterdir())
    (tmp_path / "left behind").touch()
    with pytest.raises(KeyError):
        CHANGED["by a case"]
    monkeypatch.setitem(CHANGED, "by a case", number)


CHANGED = {}
