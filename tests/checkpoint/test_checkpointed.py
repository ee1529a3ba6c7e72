"""Laws of ``checkpointed``: what was passed on is on the disk, and whoever goes on from there ends at the same bits."""

import math
import os
import pickle
import re
from itertools import count, repeat

import numpy as np
import pytest
from toolz import curried, last, pipe, take

from fnn import (
    Diverged,
    FormatError,
    Key,
    Record,
    State,
    adam,
    cross_entropy,
    dense,
    dropout,
    mlp,
    mse,
    relu,
    serial,
    sgd,
    split,
    start,
    states,
    tap,
    train_step,
    tree,
    update,
)
from fnn.checkpoint.checkpointed import checkpointed
from fnn.checkpoint.files import load, notes, save
from fnn.checkpoint.safetensors import pack
from fnn.data import epochs, moons
from fnn.train.streams import ema
from tests.each_of import each_of
from tests.laws.cases import numbers

DATA = moons(23, 0.1, Key(1))  # batches of 5, so the last has 3
STEPS = 12  # two epochs and two steps
OPTIMIZER = adam(0.01)
INIT_KEY, DATA_KEY, NOISE_KEY = split(Key(2), 3)


def first():
    return start(serial(dense(6), relu, dropout(0.3), dense(2))(INIT_KEY, DATA[0][:1]), OPTIMIZER)


def run(state, steps=STEPS):
    """The states from this one to the last, whether it is the first or was loaded."""
    batches = take(steps - state.step, epochs(DATA, 5, DATA_KEY, start=state.step))
    return states(train_step(cross_entropy, OPTIMIZER, NOISE_KEY), state, batches)


def at_step(step, value=1.0):
    return State((np.full(2, value),), (), step, 0.5)


def is_same(state, other):
    """Whether two states are equal to the bit; the loss of the first is NaN, which equals nothing."""
    same_loss = state.loss == other.loss or (math.isnan(state.loss) and math.isnan(other.loss))
    return tree.equal((state.params, state.opt), (other.params, other.opt)) and state.step == other.step and same_loss


@pytest.fixture
def saved(monkeypatch):
    """The steps that are saved, in order, next to saving them."""
    steps = []

    def note_and_save(path, state):
        steps.append(state.step)
        save(path, state)

    monkeypatch.setattr("fnn.checkpoint.checkpointed.save", note_and_save)
    return steps


# --- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "every"), [(STEPS, 10), pytest.param(60, 1, marks=pytest.mark.long)])
def test_a_run_stopped_after_any_step_goes_on_from_the_disk_and_ends_bit_identical(steps, every, tmp_path):
    path, whole = tmp_path / "run.fnn", last(run(first(), steps))
    for stop in range(steps + 1):
        stopped = pipe(run(first(), steps), checkpointed(path, every), curried.take(stop + 1), last)
        state = load(path)
        assert is_same(state, stopped)
        assert state.step == stop
        assert is_same(pipe(run(state, steps), checkpointed(path, every), last), whole)
        assert is_same(load(path), whole)


def test_a_run_that_was_killed_after_any_step_goes_on_from_the_last_save_and_ends_bit_identical(tmp_path):
    path, whole, ends = tmp_path / "run.fnn", last(run(first())), []
    for state in checkpointed(path, every=5)(run(first())):
        on_disk = load(path)  # what a kill at this moment leaves
        assert on_disk.step == state.step // 5 * 5
        ends.append(last(run(on_disk)))
    assert len(ends) == STEPS + 1
    assert all(is_same(end, whole) for end in ends)


@pytest.mark.parametrize("stop", [0, 1, 4, 5, 8, 10, 11])
def test_a_run_taken_up_again_saves_at_the_same_steps(stop, saved, tmp_path):
    last(checkpointed(tmp_path / "whole.fnn", every=5)(run(first())))
    assert saved == [0, 5, 10, STEPS]
    expected, path = saved.copy(), tmp_path / "run.fnn"
    saved.clear()
    pipe(run(first()), checkpointed(path, every=5), curried.take(stop + 1), last)
    last(checkpointed(path, every=5)(run(load(path))))
    assert saved.count(stop) == 2  # where it was stopped, and where it went on
    assert set(saved) == {*expected, stop}
    assert path.read_bytes() == (tmp_path / "whole.fnn").read_bytes()


# --- what is saved ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [
        ([], 1, []),
        ([0], 1, [0]),
        ([0], 10, [0]),
        ([0, 1, 2, 3], 1, [0, 1, 2, 3]),
        ([0, 1, 2, 3], 2, [0, 2, 3]),
        ([0, 1, 2, 3, 4], 2, [0, 2, 4]),  # the last is not saved twice
        ([0, 1, 2, 3], 100, [0, 3]),
        ([7, 8, 9, 10, 11], 5, [7, 10, 11]),  # multiples of the step, not every fifth element
        ([10, 11, 12], 5, [10, 12]),
        (range(0, 61, 3), 10, [0, 30, 60]),
        ([5, 4, 3], 2, [5, 4, 3]),
    ],
)
def test_the_first_the_multiples_and_the_last_are_saved_each_once(steps, every, expected, saved, tmp_path):
    stream = [at_step(step) for step in steps]
    passed = list(checkpointed(tmp_path / "run.fnn", every)(stream))
    assert all(ours is theirs for ours, theirs in zip(passed, stream, strict=True))
    assert saved == expected


def test_a_state_that_comes_twice_is_saved_once(saved, tmp_path):
    one, two = at_step(0), at_step(2)
    list(checkpointed(tmp_path / "run.fnn")([one, one, two, two]))
    assert saved == [0, 2]


def test_a_state_is_on_the_disk_before_it_is_passed_on(tmp_path):
    path = tmp_path / "run.fnn"
    for state in checkpointed(path)(run(first())):
        assert is_same(load(path), state)
    assert os.listdir(tmp_path) == ["run.fnn"]


def test_nothing_is_read_nor_written_before_it_is_asked_for_nor_ahead(tmp_path):
    read = []
    stream = checkpointed(tmp_path / "run.fnn")((read.append(n), at_step(n))[1] for n in count())
    assert (read, os.listdir(tmp_path)) == ([], [])
    for n in range(5):
        next(stream)
        assert read == list(range(n + 1))


def test_it_pickles_and_takes_a_path_as_text(tmp_path):
    function = pickle.loads(pickle.dumps(checkpointed(str(tmp_path / "run.fnn"), every=2)))
    for _ in range(2):
        assert last(function(at_step(n) for n in range(4))).step == load(tmp_path / "run.fnn").step == 3


class Snapshot(Record):
    """Any record with a step will do."""

    step: int
    average: np.ndarray


def test_any_record_with_a_step_can_be_saved(tmp_path):
    list(checkpointed(tmp_path / "run.fnn", every=2)(Snapshot(n, np.full(2, float(n))) for n in range(3)))
    assert load(tmp_path / "run.fnn", records=(Snapshot,)).average.tolist() == [2.0, 2.0]


def test_averages_are_saved_if_they_are_what_comes_by(tmp_path):
    final = pipe(run(first()), ema(0.9), checkpointed(tmp_path / "run.fnn", every=10), last)
    assert is_same(load(tmp_path / "run.fnn"), final)


# --- however it ends -------------------------------------------------------------------------------------------------


def failing(n, error):
    yield from (at_step(step) for step in range(n))
    raise error


@pytest.mark.parametrize("error", [RuntimeError("the step failed"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_if_a_step_fails_the_state_before_it_is_saved_and_the_error_is_its_own(error, saved, tmp_path):
    with pytest.raises(type(error)) as caught:
        list(checkpointed(tmp_path / "run.fnn", every=100)(failing(8, error)))
    assert caught.value is error
    assert saved == [0, 7]
    assert load(tmp_path / "run.fnn").step == 7


def test_if_nobody_asks_for_the_rest_the_last_that_was_asked_for_is_saved(saved, tmp_path):
    stream = checkpointed(tmp_path / "run.fnn", every=100)(at_step(n) for n in count())
    assert last(take(4, stream)).step == 3
    assert saved == [0]
    stream.close()
    assert saved == [0, 3]
    unread = checkpointed(tmp_path / "run.fnn")(at_step(n) for n in count())
    unread.close()
    assert saved == [0, 3]


@each_of("every", [1, 7, 1000])
@each_of("seed", range(5))
def test_a_run_that_diverges_leaves_the_last_good_state_and_nothing_that_is_not_finite(seed, every, tmp_path):
    x = numbers(8, 3, seed=seed, dtype=np.float32)
    data, optimizer, path = (x, (x**2).sum(axis=1, keepdims=True)), sgd(10.0), tmp_path / "run.fnn"
    looked_at = []

    def look(state):
        looked_at.append(load(path).step)
        assert all(np.isfinite(leaf).all() for leaf in tree.leaves(load(path)))

    with pytest.raises(Diverged) as caught:
        pipe(
            states(train_step(mse, optimizer), start(mlp(8, 1)(Key(seed), x), optimizer), repeat(data, 200)),
            checkpointed(path, every),
            tap(look),
            last,
        )
    assert caught.value.step > 1
    assert looked_at == [step // every * every for step in range(caught.value.step + 1)]
    assert is_same(load(path), caught.value.state)
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves(load(path)))


def test_a_memory_of_the_optimizer_that_overflows_is_never_saved_though_the_parameters_are_finite(tmp_path):
    x, path = np.zeros((4, 2), np.float32), tmp_path / "run.fnn"
    state = start(mlp(1)(Key(0), x), OPTIMIZER)
    large = tree.map(lambda leaf: np.full_like(leaf, 1e30), state.params)
    with np.errstate(over="ignore"):  # its square is infinite; a step of training raises then, an update alone does not
        after = update(OPTIMIZER, large, state)
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves(after.params))
    message = rf"checkpointed: opt\S* of step 1 holds NaN or infinity; {re.escape(str(path))} was left as it was; lower"
    for every in (1, 10):
        with pytest.raises(ValueError, match=message):
            last(checkpointed(path, every)([state, after]))
        assert load(path).step == 0


# --- mistakes --------------------------------------------------------------------------------------------------------


def never_read():
    yield at_step(0)
    raise AssertionError("a step was taken")


def test_a_folder_that_is_not_there_is_an_error_before_a_step_is_taken(tmp_path):
    path = tmp_path / "mistyped" / "run.fnn"
    with pytest.raises(FileNotFoundError, match=re.escape(f"make it first: '{path.parent}'")):
        last(checkpointed(path, every=10)(never_read()))
    assert os.listdir(tmp_path) == []


def test_what_is_no_checkpoint_is_never_replaced(tmp_path):
    table = tmp_path / "train.csv"
    table.write_bytes(b"label,pixel0\n7,255\n")
    with pytest.raises(FormatError, match=re.escape(str(table))):
        last(checkpointed(table)(never_read()))
    assert table.read_bytes() == b"label,pixel0\n7,255\n"
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        last(checkpointed(tmp_path)(never_read()))


def test_a_file_of_another_program_or_version_is_never_replaced(tmp_path):
    for name, metadata in {"theirs": {}, "later": {"fnn": "3"}}.items():
        path = tmp_path / name
        path.write_bytes(pack({"weight": np.ones(2)}, metadata))
        before = path.read_bytes()
        expected = {
            "theirs": "expected a file that save wrote, found a safetensors file of another program",
            "later": "written by another version of fnn, in the form '3'; this reads '1' and '2'",
        }
        with pytest.raises(FormatError, match=f"^{re.escape(f'{path}: {expected[name]}')}$"):
            last(checkpointed(path)(never_read()))
        assert path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_neither_read_nor_replaced(tmp_path):
    path = tmp_path / "run.fnn"
    os.mkfifo(path)
    pipe_ = os.open(path, os.O_RDWR)
    os.write(pipe_, bytes(16))  # or to read from it would wait for ever
    with pytest.raises(OSError, match="this is a device or a pipe"):
        last(checkpointed(path)(never_read()))
    assert os.read(pipe_, 100) == bytes(16)
    os.close(pipe_)


def test_of_the_file_that_is_there_the_header_alone_is_read(tmp_path, monkeypatch):
    path = tmp_path / "run.fnn"
    save(path, at_step(3))
    whole = path.read_bytes()
    end_of_header = 8 + int.from_bytes(whole[:8], "little")
    path.write_bytes(whole[:end_of_header])  # the arrays are lost, but it was a checkpoint
    assert next(checkpointed(path)([at_step(4)])).step == 4
    assert load(path).step == 4
    for end in (0, 5, 8, 20, end_of_header - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=f"^{re.escape(str(path))}: offset [08]: expected "):
            last(checkpointed(path)(never_read()))
        assert path.read_bytes() == whole[:end]


def test_a_checkpoint_of_another_run_is_replaced_from_the_first_state_on(tmp_path):
    path = tmp_path / "run.fnn"
    save(path, mlp(3, 1)(Key(0), np.ones((1, 2))), made_by="somebody else")
    next(checkpointed(path)([at_step(4)]))
    assert load(path).step == 4
    assert notes(path) == {}


def test_a_save_that_fails_ends_the_run_and_is_not_tried_again(tmp_path, monkeypatch):
    tried = []

    def full(path, state):
        tried.append(state.step)
        if state.step == 4:
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("fnn.checkpoint.checkpointed.save", full)
    passed = []
    with pytest.raises(OSError, match="No space left on device"):
        last(tap(passed.append)(checkpointed(tmp_path / "run.fnn", every=2)(at_step(n) for n in range(9))))
    assert tried == [0, 2, 4]
    assert [state.step for state in passed] == [0, 1, 2, 3]


class Counted:
    step = 1


@each_of(
    ("element", "shown"),
    [
        (3, "int 3"),
        ((), "tuple ()"),
        (Counted(), "Counted"),
        (cross_entropy, "CrossEntropy"),
        (State((), (), 1.5, 0.0), "State"),
    ],
)
def test_elements_that_are_no_states_are_refused_and_the_state_before_is_saved(element, shown, tmp_path):
    message = re.escape(f"checkpointed expects states, records with an integer step, got {shown}")
    with pytest.raises(TypeError, match=message):
        list(checkpointed(tmp_path / "run.fnn", every=10)([at_step(0), at_step(1), element]))
    assert load(tmp_path / "run.fnn").step == 1


@each_of(
    ("arguments", "kind", "message"),
    [
        ((100, "run.fnn"), TypeError, "checkpointed expects a path, a str or a Path, got int 100"),
        ((b"run.fnn",), TypeError, "checkpointed expects a path, a str or a Path, got bytes b'run.fnn'"),
        ((None,), TypeError, "checkpointed expects a path, a str or a Path, got NoneType None"),
        (("run.fnn", 0), ValueError, "checkpointed: every must be at least 1, got 0"),
        (("run.fnn", 2.5), TypeError, "checkpointed: every must be an integer, got float 2.5"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        checkpointed(*arguments)
