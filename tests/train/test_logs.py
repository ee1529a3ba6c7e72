"""The file of ``logged`` is what the stream held, after any interruption what it would have been without."""

import csv
import itertools

import numpy as np
import pytest
from toolz import last, pipe, take

import fnn
from fnn import Key, adam, cross_entropy, load, logged, mlp, start, states, tap, train_step
from tests.errors import check, message

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
DATA = X, (X[:, 0] > 0).astype(int)
OPTIMIZER = adam(1e-2)


def run(state=None):
    state = start(mlp(4, 2)(Key(0), X[:1]), OPTIMIZER) if state is None else state
    batches = fnn.data.epochs(DATA, 8, Key(1), epochs=6, start=state.step)
    return states(train_step(cross_entropy, OPTIMIZER), state, batches)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def squares(state):
    return float(sum((leaf.astype(float) ** 2).sum() for leaf in fnn.tree.leaves(state.params)))


def test_it_holds_the_measures_of_each_so_manieth_state_exactly(tmp_path):
    seen = []
    final = pipe(
        run(), logged(tmp_path / "run.csv", 4, loss=lambda state: state.loss, squares=squares), tap(seen.append), last
    )
    written = rows(tmp_path / "run.csv")
    assert [int(row["step"]) for row in written] == list(range(0, 31, 4))
    assert [float(row["squares"]) for row in written] == [squares(state) for state in seen[::4]]
    np.testing.assert_array_equal([float(row["loss"]) for row in written], [state.loss for state in seen[::4]])
    assert final.step == 30


@pytest.mark.parametrize("stop", [1, 9, 10, 11, 29])
@pytest.mark.parametrize("torn", ["", "2", "24,0.1234", "900,1.0\n", "\n"])
def test_a_run_that_was_killed_and_goes_on_leaves_the_same_file(tmp_path, stop, torn):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    list(logged(whole, 3)(run()))
    checkpoint = tmp_path / "run.fnn"
    list(take(stop, pipe(run(), fnn.checkpointed(checkpoint, every=5), logged(parts, 3))))
    with open(parts, "a") as file:
        file.write(torn)  # what a run writes on its way to being killed
    list(logged(parts, 3)(run(load(checkpoint))))
    assert parts.read_bytes() == whole.read_bytes()


def test_a_row_is_there_before_its_state_is_passed_on(tmp_path):
    for state in itertools.islice(logged(tmp_path / "run.csv")(run()), 5):
        assert int(rows(tmp_path / "run.csv")[-1]["step"]) == state.step


def test_a_run_from_the_first_step_begins_anew(tmp_path):
    for _ in range(2):
        list(take(5, logged(tmp_path / "run.csv")(run())))
        assert len(rows(tmp_path / "run.csv")) == 5
    (tmp_path / "empty.csv").touch()
    list(logged(tmp_path / "empty.csv")(take(3, run())))
    assert len(rows(tmp_path / "empty.csv")) == 3


def other(text):
    with open("other.csv", "w") as file:
        file.write(text)
    return list(logged("other.csv")(run()))


ROWS = [
    (lambda: logged(3), TypeError, "logged expects a path, a str or a Path, got int 3"),
    (lambda: logged("a.csv", 0), ValueError, "logged: every must be at least 1, got 0"),
    (lambda: logged("a.csv", loss=1.0), TypeError, "logged: loss must be a function of a state, got float 1.0"),
    (
        lambda: list(logged("a.csv")([1])),
        TypeError,
        "logged expects states, records with an integer step, got int 1",
    ),
    (
        lambda: other("step,accuracy\n1,2\n"),
        ValueError,
        "logged: other.csv has the columns 'step,accuracy' and not step,loss; give another",
    ),
    (
        lambda: list(logged("b.csv", loss=lambda state: 1 / state.step)(run())),
        ZeroDivisionError,
        "division by zero\nlogged: in the measure 'loss', of step 0",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(row, tmp_path)


def test_a_file_of_others_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="has the columns"):
        other("name,age\nAda,36\n")
    assert (tmp_path / "other.csv").read_text() == "name,age\nAda,36\n"
