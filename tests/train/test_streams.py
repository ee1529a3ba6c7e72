"""Laws of stream functions: each passes on what it was given, reads nothing ahead, and pickles."""

import io
import math
import pickle
import re
import sys
import types
from itertools import count
from operator import attrgetter, methodcaller

import numpy as np
import pytest
from toolz import compose, curried, identity, last, pipe, take, take_nth

from fnn import Dense, Key, Record, Serial, State, adam, cross_entropy, mlp, start, states, tap, train_step, tree, until
from fnn.data import epochs, moons
from fnn.train.progress import progress
from fnn.train.state import Averaged
from fnn.train.streams import early_stopping, ema, history, time_limit
from tests.each_of import each_of
from tests.laws.cases import numbers


def run():
    """A short run: the first state and 24 more."""
    data = moons(40, 0.1, Key(0))
    optimizer = adam(0.05)
    first = start(mlp(4, 2)(Key(1), data[0]), optimizer)
    return states(train_step(cross_entropy, optimizer), first, epochs(data, 10, Key(2), epochs=6))


def at_step(step, loss=1.0):
    return State((np.full(1, float(step)),), (), step, loss)


@pytest.fixture
def no_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # makes the import fail


@pytest.fixture
def bars(monkeypatch):
    """A module that stands in for tqdm, and the bars that were made by it."""
    made = []

    class Bar:
        def __init__(self, total, initial, unit):
            self.total, self.initial, self.n, self.unit = total, initial, initial, unit
            self.seen, self.text, self.closed = [], None, 0
            made.append(self)

        def set_postfix_str(self, text, refresh):
            assert refresh is False
            self.text = text

        def update(self, n):
            self.n += n
            self.seen.append((self.n, self.text))

        def close(self):
            self.closed += 1

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    return made


PASSING = {
    "tap": tap(abs, every=3),
    "until": until(math.isnan),
    "early_stopping": early_stopping(abs, 1000),
    "progress": progress(10),
    "progress, nothing to do": progress(0),
}
FUNCTIONS = {**PASSING, "ema": ema(0.9), "history": history(step=attrgetter("step"))}


# --- laws of all -----------------------------------------------------------------------------------------------------


@each_of("function", PASSING.values(), ids=PASSING)
@pytest.mark.usefixtures("no_tqdm")
def test_each_passes_on_the_very_elements_that_it_was_given(function):
    elements = [float(n) for n in range(10)]
    assert all(ours is theirs for ours, theirs in zip(function(elements), elements, strict=True))
    assert list(function([])) == []


@each_of("function", [*PASSING.values(), ema(0.9)], ids=[*PASSING, "ema"])
@pytest.mark.usefixtures("no_tqdm")
def test_nothing_is_read_before_it_is_asked_for_nor_ahead(function):
    read = []
    wants_states = function.func.__name__ == "_ema"
    stream = function((read.append(n), at_step(n) if wants_states else float(n))[1] for n in count())
    assert read == []
    for n in range(20):
        next(stream)
        assert read == list(range(n + 1))


@each_of("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.usefixtures("no_tqdm")
def test_each_pickles(function):
    again = pickle.loads(pickle.dumps(function))
    elements = [at_step(n) for n in range(5)]
    if function in (FUNCTIONS["tap"], FUNCTIONS["until"], FUNCTIONS["early_stopping"]):
        elements = [1.0, -2.0, 3.0]
    assert repr(list(again(elements))) == repr(list(function(elements)))


@pytest.mark.usefixtures("no_tqdm")
def test_they_compose_in_a_pipe_over_a_real_run():
    whole = pipe(run(), early_stopping(attrgetter("loss"), 1000), progress(24), ema(0.0), last)
    assert tree.equal(whole.params, last(run()).params)
    assert whole.step == 24


# --- early_stopping --------------------------------------------------------------------------------------------------

NAN = math.nan


@each_of(
    ("scores", "patience", "passed"),
    [
        ([5, 4, 3, 3, 3, 3, 3], 3, 6),  # equal is no improvement: the fourth, fifth and sixth
        ([5, 6, 7, 4, 5, 6, 7, 8], 3, 7),  # an improvement begins the count anew
        ([5, 6, 4, 6, 3, 6, 2, 6, 6], 2, 9),
        ([5, 6, 1], 1, 2),
        ([1, 2, 3, 0.5], 3, 4),
        ([3, 1, 2, 1.5, 0], 2, 4),  # better than the one before, but not than the best
        ([NAN, 5, 4, 4, 4, 4], 2, 5),  # the loss of the first state
        ([NAN, 5, 6], 1, 3),  # the first is not counted, or patience 1 would end a run that has not begun
        ([NAN, NAN, 5, 6, 7, 8], 2, 5),
        ([5, NAN, 4, NAN, NAN, 3], 2, 5),
        ([5, NAN, 6, 4], 2, 3),
        ([NAN] * 9, 3, 4),
        ([math.inf, math.inf, math.inf, 1], 2, 3),
        ([-1, -2, -3, -3, -3, -9], 2, 5),
        ([-math.inf, -math.inf, -math.inf, 0], 2, 3),
        ([3], 1, 1),
        ([], 1, 0),
    ],
)
def test_it_stops_at_the_element_that_counting_by_hand_says(scores, patience, passed):
    assert repr(list(early_stopping(identity, patience)(scores))) == repr(scores[:passed])


def test_an_improvement_is_one_by_more_than_min_delta():
    scores = [8, 7.5, 7, 6.5, 6, 5, 4.75, 4.5, 4.25, 4]
    assert list(early_stopping(identity, 2, min_delta=1.0)(scores)) == [8, 7.5, 7]  # 7 is better by 1, not by more
    assert list(early_stopping(identity, 3, min_delta=1.0)(scores)) == scores[:-1]  # 8, 6.5 and 5 count
    # Never are there two in a row that do not count:
    assert list(early_stopping(identity, 2, min_delta=0.25)(scores)) == scores


def test_min_delta_is_counted_from_the_best_that_counted():
    creeping = [10 - 0.5 * n for n in range(9)]  # each better by half, so every third by more than 1
    assert list(early_stopping(identity, 3, min_delta=1.0)(creeping)) == creeping
    assert list(early_stopping(identity, 2, min_delta=1.0)(creeping)) == creeping[:3]


def test_the_best_is_the_minimum_by_the_same_score():
    def score(state):
        return abs(state.step - 6)

    passed = list(early_stopping(score, 3)(at_step(n) for n in count()))
    assert [state.step for state in passed] == list(range(10))
    assert min(passed, key=score).step == 6


def test_the_best_by_the_loss_needs_the_first_state_left_out():
    losses = [NAN, 3.0, 1.0, 2.0, 2.0, 2.0, 0.0]
    stream = [at_step(n, loss) for n, loss in enumerate(losses)]
    loss = attrgetter("loss")
    assert min(pipe(stream, early_stopping(loss, 3), curried.drop(1)), key=loss).step == 2
    assert min(pipe(stream, early_stopping(loss, 3)), key=loss).step == 0  # what the docstring warns of


def test_the_score_of_an_element_is_asked_for_once_and_only_if_the_next_is_wanted():
    asked = []
    stream = early_stopping(lambda n: asked.append(n) or 0, 3)(range(9))
    assert next(stream) == 0
    assert asked == []
    assert [0, *stream] == [0, 1, 2, 3]
    assert asked == [0, 1, 2, 3]


def test_scores_may_be_numbers_of_any_kind():
    assert list(early_stopping(np.float32, 1)([2, 1, 1, 0])) == [2, 1, 1]
    assert list(early_stopping(np.int64, 1)([2, 1, 1, 0])) == [2, 1, 1]


# --- ema -------------------------------------------------------------------------------------------------------------


@each_of("dtype", [np.float32, np.float64])
@each_of("decay", [0.5, 0.9, 0.999])
def test_averages_are_those_of_a_loop_in_double_precision(decay, dtype):
    def params(step):
        return Serial((Dense(numbers(3, 2, seed=step, dtype=dtype), numbers(2, seed=step, dtype=dtype)),))

    run = [State(params(step), (), step, 0.0) for step in range(50)]
    expected = run[0].params.layers[0].weight.astype(np.float64)
    for ours, theirs in zip(ema(decay)(run), run, strict=True):
        if theirs.step > 0:
            expected = decay * expected + (1 - decay) * theirs.params.layers[0].weight.astype(np.float64)
        weight = ours.params.layers[0].weight
        np.testing.assert_allclose(weight, expected, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)
        assert weight.dtype == dtype


def test_averages_by_hand():
    run = [at_step(step) for step in (8, 4, 2)]
    assert [state.params[0].tolist() for state in ema(0.75)(run)] == [[8.0], [7.0], [5.75]]


def test_all_but_the_parameters_stays_and_the_parameters_are_read_only_and_of_the_same_form():
    before = list(run())
    after = list(ema(0.9)(before))
    assert [state.step for state in after] == list(range(25))
    for ours, theirs in zip(after, before, strict=True):
        assert type(ours) is Averaged
        assert ours.run is theirs
        assert ours.opt is theirs.opt
        assert ours.loss is theirs.loss
        assert tree.paths(ours.params) == tree.paths(theirs.params)
        assert not any(leaf.flags.writeable for leaf in tree.leaves(ours.params))
    assert tree.equal(after[0].params, before[0].params)
    assert not tree.equal(after[1].params, before[1].params)


def test_training_goes_on_from_the_states_that_are_not_averaged():
    seen = []
    list(ema(0.9)(tap(seen.append)(run())))
    assert all(tree.equal(ours.params, theirs.params) for ours, theirs in zip(seen, run(), strict=True))


def test_without_memory_the_average_is_the_state():
    for ours, theirs in zip(ema(0.0)(run()), run(), strict=True):
        assert tree.equal(ours.params, theirs.params)


def test_an_average_that_was_given_out_does_not_change_any_more():
    kept = list(ema(0.9)(run()))
    assert all(tree.equal(ours.params, again.params) for ours, again in zip(kept, ema(0.9)(run()), strict=True))


def test_nothing_that_was_passed_in_is_written_to():
    stream = [State((np.arange(3.0), (np.ones(2),)), (), step, 0.0) for step in range(4)]
    before = pickle.dumps(stream)
    list(ema(0.5)(stream))
    assert pickle.dumps(stream) == before
    assert all(leaf.flags.writeable for state in stream for leaf in tree.leaves(state.params))


class Snapshot(Record):
    """Any record with parameters, in any place, will do."""

    name: str
    params: tuple


def test_any_record_with_a_field_params_and_leaves_of_several_dtypes_can_be_averaged():
    stream = [Snapshot(f"number {n}", (np.full(2, n, np.float32), np.full(1, n, np.float64))) for n in (0, 4)]
    _, second = ema(0.75)(stream)
    assert second.name == "number 4"
    assert [leaf.dtype for leaf in second.params] == [np.float32, np.float64]
    assert [leaf.tolist() for leaf in second.params] == [[1.0, 1.0], [1.0]]


# --- progress --------------------------------------------------------------------------------------------------------

LINE = re.compile(
    r"step (?P<step>\d+) of (?P<total>\d+) \((?P<percent>\d+) %\)"
    r"(, loss (?P<loss>\S+))?, (?P<elapsed>\d+:\d\d:\d\d) elapsed(, (?P<left>\d+:\d\d:\d\d) left)?"
)


def reports(capsys):
    """What was printed, line by line, each read in full."""
    captured = capsys.readouterr()
    assert captured.out == ""
    found = [LINE.fullmatch(line) for line in captured.err.splitlines()]
    assert all(found)
    return [line.groupdict() for line in found]


@pytest.mark.usefixtures("no_tqdm")
def test_without_tqdm_a_line_says_where_the_run_is(capsys):
    list(progress(24)(run()))
    lines = reports(capsys)
    assert [int(line["step"]) for line in lines] == list(range(0, 25, 2))
    assert {line["total"] for line in lines} == {"24"}
    assert [int(line["percent"]) for line in lines] == [100 * step // 24 for step in range(0, 25, 2)]
    assert lines[0]["loss"] is None  # there is none before the first step
    assert [line["loss"] for line in lines[1:]] == [f"{state.loss:.4g}" for state in run()][2::2]


@each_of("total", [1, 9, 15, 16, 17, 31, 33, 100, 999, 1000])
@pytest.mark.usefixtures("no_tqdm")
def test_there_are_ten_to_twenty_lines_the_first_and_the_last_state_among_them(total, capsys):
    list(progress(total)(at_step(n) for n in range(total + 1)))
    steps = [int(line["step"]) for line in reports(capsys)]
    assert min(total + 1, 10) <= len(steps) <= 20
    assert (steps[0], steps[-1]) == (0, total)
    assert len(set(steps)) == len(steps)


@pytest.mark.usefixtures("no_tqdm")
def test_every_says_how_often(capsys):
    list(progress(10, every=4)(at_step(n) for n in range(11)))
    assert [line["step"] for line in reports(capsys)] == ["0", "4", "8", "10"]


@pytest.mark.usefixtures("no_tqdm")
def test_it_counts_steps_also_where_not_every_state_comes_by(capsys):
    list(progress(100, every=20)(take_nth(25, (at_step(n) for n in range(101)))))
    assert [line["step"] for line in reports(capsys)] == ["0", "25", "50", "75", "100"]


@pytest.mark.usefixtures("no_tqdm")
def test_time_passed_and_time_left_at_this_pace(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("fnn.train.progress.time.monotonic", lambda: now[0])
    for state in progress(450, every=100)(at_step(n) for n in range(300, 501)):  # taken up again at step 300
        now[0] += 40.0 if state.step < 400 else 0.0  # so the 50 that are left would take 2,000 s
    lines = reports(capsys)
    assert [(line["step"], line["elapsed"], line["left"]) for line in lines] == [
        ("300", "0:00:00", None),
        ("400", "1:06:40", "0:33:20"),
        ("500", "1:06:40", "0:00:00"),  # further than was said
    ]
    now[0] = 0.0
    for _ in take(3, progress(20, every=1)(at_step(n) for n in range(9))):
        now[0] += 200.0
    assert [line["left"] for line in reports(capsys)] == [None, "1:03:20", "1:00:00"]
    assert lines[-1]["percent"] == "111"


class Sealed:
    """Something that is no state, and whose fields of these names mean something else."""

    step, loss = "left foot", "of memory"


@each_of("element", [0, None, "text", Sealed(), cross_entropy, np.ones(3), {"step": 1}, mlp(1)])
@pytest.mark.usefixtures("no_tqdm")
def test_elements_that_are_no_states_are_counted(element, capsys):
    assert all(passed is element for passed in progress(3)([element] * 3))
    assert [(line["step"], line["loss"]) for line in reports(capsys)] == [("1", None), ("2", None), ("3", None)]


@pytest.mark.usefixtures("no_tqdm")
def test_nothing_to_do_and_nothing_to_read_are_shown_by_nothing(capsys):
    assert list(progress(0)(range(3))) == [0, 1, 2]
    assert list(progress(5)([])) == []
    assert reports(capsys) == []


@pytest.mark.usefixtures("no_tqdm")
def test_a_run_that_ends_early_says_where(capsys):
    last(take(4, progress(100, every=50)(at_step(n) for n in range(101))))
    last(progress(100, every=50)(until(lambda state: state.step == 7)(at_step(n) for n in range(101))))
    assert [line["step"] for line in reports(capsys)] == ["0", "3", "0", "7"]


def failing(n):
    yield from (at_step(step) for step in range(n))
    raise RuntimeError("the step failed")


@pytest.mark.usefixtures("no_tqdm")
def test_a_run_that_fails_says_where_and_fails_with_its_own_error(capsys):
    with pytest.raises(RuntimeError, match="the step failed"):
        list(progress(100, every=50)(failing(4)))
    assert [line["step"] for line in reports(capsys)] == ["0", "3"]


@pytest.mark.usefixtures("no_tqdm")
def test_lines_go_to_the_stderr_of_now(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(progress(1)([None]))
    assert LINE.fullmatch(sys.stderr.getvalue().strip())


def test_with_tqdm_a_bar_is_moved_to_each_step(bars, capsys):
    losses = [NAN, *[1 / (1 + n) for n in range(5)]]
    list(progress(5)(at_step(n, loss) for n, loss in enumerate(losses)))
    bar = bars[0]
    texts = ["", "loss 1", "loss 0.5", "loss 0.3333", "loss 0.25", "loss 0.2"]
    assert bar.seen == list(enumerate(texts))
    list(progress(100)(at_step(n) for n in range(101)))
    assert len(bars[1].seen) == 101
    assert (bar.total, bar.unit, bar.closed) == (5, "step", 1)
    assert capsys.readouterr() == ("", "")


def test_with_tqdm_a_run_taken_up_again_begins_where_it_was(bars):
    list(progress(500, every=10)(at_step(n) for n in range(470, 501)))
    assert bars[0].initial == 470  # or the pace of this run would be that of both
    assert [n for n, _ in bars[0].seen] == [470, 480, 490, 500]


def test_the_bar_is_closed_however_the_stream_ends(bars):
    last(take(4, progress(100)(at_step(n) for n in range(101))))
    last(progress(100)(until(lambda state: state.step == 7)(at_step(n) for n in range(101))))
    with pytest.raises(RuntimeError, match="the step failed"):
        list(progress(100, every=50)(failing(4)))
    with pytest.raises(ZeroDivisionError):
        list(tap(lambda state: 1 / (state.step - 5))(progress(100)(at_step(n) for n in range(101))))
    assert [(bar.n, bar.closed) for bar in bars] == [(3, 1), (7, 1), (3, 1), (5, 1)]


def test_no_bar_is_made_for_nothing(bars):
    assert list(progress(0)(range(3))) == [0, 1, 2]
    assert list(progress(5)([])) == []
    progress(5)(range(3))
    assert bars == []


# --- history ---------------------------------------------------------------------------------------------------------


def test_a_history_is_a_list_of_each_measure_by_name_in_the_order_of_the_stream():
    kept = pipe(run(), curried.take_nth(4), history(step=attrgetter("step"), loss=attrgetter("loss"), state=identity))
    assert list(kept) == ["step", "loss", "state"]
    assert kept["step"] == list(range(0, 25, 4))
    assert repr(kept["loss"]) == repr([state.loss for state in run()][::4])
    assert [state.step for state in kept["state"]] == kept["step"]


def test_a_history_of_anything_and_of_nothing():
    words = history(length=len, loud=methodcaller("upper"))
    assert words(["a", "bcd"]) == {"length": [1, 3], "loud": ["A", "BCD"]}
    assert words(iter([])) == {"length": [], "loud": []}


def test_a_history_may_be_taken_twice():
    squares = history(square=lambda n: n * n)
    assert squares(range(3)) == squares(range(3)) == {"square": [0, 1, 4]}
    assert compose(len, history(n=identity))(range(3)) == 1


def test_an_error_in_a_measure_says_which_measure_and_where():
    with pytest.raises(ZeroDivisionError, match="division") as caught:
        history(fine=identity, upside_down=lambda n: 1 / n)([2, 1, 0])
    assert caught.value.__notes__ == ["history: in the measure 'upside_down', of element 2"]


# --- mistakes --------------------------------------------------------------------------------------------------------


@each_of(
    ("make", "kind", "message"),
    [
        (lambda: early_stopping(3, 3), TypeError, "early_stopping expects a function of a state, got int 3"),
        (lambda: early_stopping(abs, 0), ValueError, "early_stopping: the patience must be at least 1, got 0"),
        (lambda: early_stopping(abs, 2.0), TypeError, "early_stopping: the patience must be an integer, got float 2.0"),
        (
            lambda: early_stopping(abs, 2, -1),
            ValueError,
            "early_stopping: min_delta must be at least 0 and finite, got -1",
        ),
        (
            lambda: early_stopping(abs, 2, NAN),
            ValueError,
            "early_stopping: min_delta must be at least 0 and finite, got nan",
        ),
        (
            lambda: list(early_stopping(lambda n: None, 2)([1])),
            TypeError,
            "early_stopping expects the score to be a number, got NoneType None",
        ),
        (
            lambda: list(early_stopping(np.atleast_2d, 2)([1.0])),
            TypeError,
            "early_stopping expects the score to be a number, got float64 array (1, 1)",
        ),
        (
            lambda: list(until(lambda n: np.array([True, False]))([1])),
            TypeError,
            "until expects True or False, got bool array (2,); for the members of an ensemble write .all() or .any()",
        ),
        (lambda: ema(1), ValueError, "ema: the decay must be at least 0 and below 1, got 1"),
        (lambda: ema(-0.1), ValueError, "ema: the decay must be at least 0 and below 1, got -0.1"),
        (lambda: ema("0.9"), TypeError, "ema: the decay must be a number, got str '0.9'"),
        (
            lambda: list(ema(0.9)([1])),
            TypeError,
            "ema expects states, records with a field params, got int 1",
        ),
        (lambda: list(ema(0.9)([cross_entropy])), TypeError, "records with a field params, got CrossEntropy"),
        (
            lambda: list(ema(0.9)([Snapshot("", (np.arange(3),))])),
            TypeError,
            "ema: [0] must hold floats, got int64 array (3,)",
        ),
        (
            lambda: list(ema(0.9)([Snapshot("", (np.ones(3),)), Snapshot("", (np.ones(1),))])),
            ValueError,
            "ema: trees differ at [0]: float64 array (3,) against float64 array (1,)",
        ),
        (lambda: progress(-1), ValueError, "progress: total must be at least 0, got -1"),
        (lambda: progress(10.0), TypeError, "progress: total must be an integer, got float 10.0"),
        (lambda: progress(10, 0), ValueError, "progress: every must be at least 1, got 0"),
        (lambda: progress(10, every=0.5), TypeError, "progress: every must be an integer, got float 0.5"),
        (history, TypeError, "history expects at least one measure by name, say loss=lambda state: state.loss"),
        (lambda: history(loss=3), TypeError, "history: loss expects a function of a state, got int 3"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


# --- time_limit -------------------------------------------------------------------------------------------------------


def test_a_time_limit_ends_with_the_first_element_that_comes_too_late(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("fnn.train.streams.time.monotonic", lambda: now[0])

    def slow():
        for place in count():
            now[0] += 4
            yield place

    assert list(time_limit(10.0)(slow())) == [0, 1, 2]  # at 4, 8 and 12 seconds
    assert list(time_limit(0.1)(slow())) == [0]
    assert list(time_limit(8)(slow())) == [0, 1]


@pytest.mark.parametrize(
    ("seconds", "kind", "message"),
    [
        (0, ValueError, "time_limit: seconds must be above 0, got 0"),
        (-1, ValueError, "time_limit: seconds must be at least 0 and finite, got -1"),
        ("1", TypeError, "time_limit: seconds must be a number, got str '1'"),
    ],
)
def test_a_time_limit_is_a_number_above_0(seconds, kind, message):
    with pytest.raises(kind, match=f"^{message}$"):
        time_limit(seconds)
