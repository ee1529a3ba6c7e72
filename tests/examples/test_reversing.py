"""The sequence-to-sequence example: what it is fed, what it writes, and that it learns."""

import numpy as np
import pytest

from fnn import Key
from tests.examples.lessons import number_after, run_script


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The names of the example after a few steps, and what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reversing"))
        return run_script("reversing.py", "--steps", "3", "--strings", "200", "--width", "8", "--length", "4")


def test_it_runs_and_counts_strings_it_has_not_seen(example):
    names, printed = example
    assert "200 strings to learn from, " in printed
    assert 0 <= number_after("\nexact:", printed) <= 1
    (source, written), target = names["as_batch"](["ab", "c"])
    np.testing.assert_array_equal(source[0], [[2, 3, 0], [4, 0, 0]])
    np.testing.assert_array_equal(written[0], [[1, 3, 2], [1, 4, 0]])
    np.testing.assert_array_equal(target, [[3, 2, 0], [4, 0, 0]])
    np.testing.assert_array_equal(source[1], [3, 2])


def test_what_it_writes_step_by_step_is_the_likeliest_at_once(example):
    names, _ = example
    given = ["abc", "zz", "q"]
    batch = names["as_batch"](given)
    net = names["model"](8)(Key(3), tuple(names["first_row"](each) for each in batch[0]))
    for string, written in zip(given, names["backwards"](net, given), strict=True):
        source = names["symbols"](string)[None]
        so_far = np.array([[names["BEGIN"], *[names["LETTERS"].index(letter) + 2 for letter in written]]])
        scores = net(((source, np.array([source.shape[1]])), (so_far, np.array([so_far.shape[1]]))))[0]
        likeliest = scores[0].argmax(axis=1)
        np.testing.assert_array_equal(likeliest[: len(written)], so_far[0, 1:])


@pytest.mark.long
def test_it_learns_to_write_backwards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, printed = run_script("reversing.py", "--steps", "700", "--length", "3", "--width", "32")
    assert number_after("\nexact:", printed) > 0.9
