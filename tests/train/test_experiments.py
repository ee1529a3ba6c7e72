"""Repeating and sweeping: one result for each item, the same whatever maps, and in the same order."""

import functools
import io
import math
import pickle
import re
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from fnn import Key, adam, cross_entropy, fit, fold_in, mlp, split, start
from fnn.data import moons
from fnn.train.experiments import Summary, Trial, repeat, summarize, sweep

KEYS = split(Key(5), 6)
GRID = {"width": [3, 4, 5], "rate": [0.1, 0.01]}


def address(key):
    return key.path


def configured(configuration, key):
    return configuration["width"], configuration["rate"], key.path


def trained(configuration, key):
    data = moons(40, 0.1, fold_in(key, 0))
    state = start(mlp(configuration["width"], 2)(fold_in(key, 1), data[0]), adam(configuration["rate"]))
    return fit(cross_entropy, adam(configuration["rate"]), state, data, steps=5, size=10, key=key).loss


def failing(configuration, key):
    if configuration["width"] == 4:
        raise ValueError("no such width")
    return configuration["width"]


def failing_with_key(key):
    raise ArithmeticError("no luck")


def test_a_run_is_repeated_for_each_key_in_order():
    assert repeat(address, KEYS) == [(0,), (1,), (2,), (3,), (4,), (5,)]
    assert repeat(address, iter(KEYS)) == repeat(address, KEYS)
    assert repeat(address, []) == []


def test_a_sweep_goes_through_all_combinations_the_last_name_changing_fastest():
    trials = sweep(configured, GRID)
    assert [trial.configuration for trial in trials] == [
        {"width": width, "rate": rate} for width in (3, 4, 5) for rate in (0.1, 0.01)
    ]
    assert all(isinstance(trial, Trial) for trial in trials)
    assert [trial.result for trial in trials][:3] == [(3, 0.1, (0, 0)), (3, 0.01, (0, 1)), (4, 0.1, (1, 0))]


def test_a_configuration_keeps_its_key_when_values_are_appended():
    before = {(w, r): path for w, r, path in (trial.result for trial in sweep(configured, GRID))}
    after = {
        (w, r): path
        for w, r, path in (
            trial.result for trial in sweep(configured, {"width": [3, 4, 5, 6], "rate": [0.1, 0.01, 1.0]})
        )
    }
    assert len(after) == 12
    assert {each: after[each] for each in before} == before
    assert len(set(after.values())) == 12


def test_any_iterable_of_configurations_is_a_grid():
    grid = ({"width": w, "rate": 0.5} for w in (7, 9))
    assert [trial.result for trial in sweep(configured, grid, Key(1))] == [(7, 0.5, (0,)), (9, 0.5, (1,))]
    assert sweep(lambda name, key: name * 2, ["a", "b"]) == [("a", "aa"), ("b", "bb")]


def test_another_key_gives_other_results_and_the_same_key_the_same():
    one, again, other = (sweep(trained, GRID, key) for key in (Key(1), Key(1), Key(2)))
    assert one == again
    assert all(a.result != b.result for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_change_nothing(workers):
    with ThreadPoolExecutor(workers) as pool:
        assert sweep(trained, GRID, map=pool.map) == sweep(trained, GRID)


def test_processes_change_nothing():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert sweep(trained, GRID, map=pool.map) == sweep(trained, GRID)
        assert repeat(address, KEYS, map=functools.partial(pool.map, chunksize=4)) == repeat(address, KEYS)
        with pytest.raises(ValueError, match="no such width") as caught:
            sweep(failing, GRID, map=pool.map)
    assert caught.value.__notes__ == [
        "sweep: in the configuration {'width': 4, 'rate': 0.1} with the key Key(seed=0, path=(1, 0))"
    ]


def test_an_error_carries_the_configuration_or_the_key():
    with pytest.raises(ValueError, match="no such width") as caught:
        sweep(failing, GRID)
    assert "{'width': 4, 'rate': 0.1}" in caught.value.__notes__[0]
    with pytest.raises(ArithmeticError, match="no luck") as caught:
        repeat(failing_with_key, KEYS)
    assert caught.value.__notes__ == [f"repeat: with the key {KEYS[0]}"]


def backwards(function, items):
    return [function(item) for item in reversed(items)]


def losing_one(function, items):
    return [function(item) for item in items[1:]] if len(items) == 1 else [function(item) for item in items[:-1]]


UNORDERED = "expects a map that keeps the order, got item 5 in the place of 0; give pool.map, not pool.imap_unordered"
BAD = [
    (lambda: sweep(configured, GRID, map=backwards), ValueError, f"sweep {UNORDERED}"),
    (lambda: repeat(address, KEYS, map=backwards), ValueError, f"repeat {UNORDERED}"),
    (
        lambda: repeat(address, KEYS, map=losing_one),
        ValueError,
        "repeat expects a map that gives a result for each of 6 items, got 5",
    ),
    (lambda: repeat(3, KEYS), TypeError, "repeat expects a function of a key, got int 3"),
    (lambda: repeat(address, 5), TypeError, "repeat expects keys, say split(Key(0), 5), got int 5"),
    (lambda: repeat(address, [5]), TypeError, "repeat expects a key, got int 5; write Key(5)"),
    (lambda: sweep(None, GRID), TypeError, "sweep expects a function of a configuration and a key, got NoneType None"),
    (lambda: sweep(configured, GRID, 3), TypeError, "sweep expects a key, got int 3; write Key(3)"),
    (
        lambda: sweep(configured, 3),
        TypeError,
        "sweep expects a dictionary of lists or an iterable of configurations, got int 3",
    ),
    (lambda: sweep(configured, {"width": 3}), TypeError, "sweep: grid['width'] must be a list of values, got int 3"),
    (lambda: sweep(configured, {"name": "ab"}), TypeError, "must be a list of values, got str 'ab'; write ['ab']"),
    (lambda: sweep(configured, {"width": []}), ValueError, "sweep expects a grid of at least one configuration"),
    (lambda: summarize([]), ValueError, "summarize expects at least one result, got none"),
    (lambda: summarize([1.0, "a"]), TypeError, "summarize expects numbers, arrays of numbers or dictionaries of them"),
    (lambda: summarize([1.0, 1j]), TypeError, "got complex 1j at 1"),
    (
        lambda: summarize([np.ones(2), np.ones(3)]),
        ValueError,
        "summarize expects results of one shape, got (2,) and (3,)",
    ),
    (
        lambda: summarize([{"a": 1}, {"b": 1}]),
        ValueError,
        "summarize expects results with the names ['a'], got ['b'] at 1",
    ),
    (lambda: summarize([{"a": 1}, 2]), ValueError, "summarize expects results with the names ['a'], got int 2 at 1"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input_is_refused_by_name(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_progress_shows_on_a_terminal_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setitem(sys.modules, "tqdm", None)
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert repeat(address, KEYS) == [(i,) for i in range(6)]
        assert ("6 of 6 (100 %)" in stream.getvalue()) is shown


NUMBERS = [0.91, 0.94, 0.98, 0.9, 0.95]


def test_a_summary_is_that_of_statistics():
    summary = summarize(NUMBERS)
    assert summary.mean == pytest.approx(statistics.fmean(NUMBERS), abs=1e-16)
    assert summary.std == pytest.approx(statistics.stdev(NUMBERS), rel=1e-14)
    assert (summary.min, summary.max, summary.n) == (0.9, 0.98, 5)
    assert type(summary.mean) is float
    assert repr(summary) == "0.936 +- 0.032 (0.9 to 0.98, n = 5)"


def test_the_order_of_the_results_does_not_matter():
    numbers = [1e16, 1.0, -1e16, 3.0, 1e-3]
    assert summarize(numbers).mean == summarize(numbers[::-1]).mean == 4.001 / 5
    assert summarize(numbers).std == summarize(numbers[::-1]).std


def test_equal_results_have_a_standard_deviation_of_0():
    assert summarize([0.1, 0.1, 0.1]).std == 0  # a third of the sum of three tenths is not a tenth


def test_a_single_result_has_no_standard_deviation():
    summary = summarize([2])
    assert summary.mean == summary.min == summary.max == 2
    assert math.isnan(summary.std)


def test_arrays_are_summarized_element_by_element():
    curves = [np.array([[1.0, 2.0]]), np.array([[3.0, 2.0]])]
    summary = summarize(curves)
    np.testing.assert_array_equal(summary.mean, [[2.0, 2.0]])
    np.testing.assert_allclose(summary.std, [[math.sqrt(2), 0.0]])
    np.testing.assert_array_equal(summary.max, [[3.0, 2.0]])
    assert repr(summary) == "Summary of 2 arrays (1, 2)"
    assert summarize([[1, 2], [3, 4]]).mean.tolist() == [2.0, 3.0]  # a curve may be a list
    assert summarize([np.zeros((0, 3))] * 2).std.shape == (0, 3)


def test_dictionaries_are_summarized_by_name_and_trials_by_their_results():
    results = [{"loss": 1.0, "curve": [1, 2]}, {"loss": 2.0, "curve": [3, 4]}]
    summary = summarize(Trial({"width": n}, result) for n, result in enumerate(results))
    assert summary["loss"].mean == 1.5
    assert summary["curve"].mean.tolist() == [2.0, 3.0]


def test_a_summary_is_a_record_that_pickles():
    summary = pickle.loads(pickle.dumps(summarize(NUMBERS)))
    assert isinstance(summary, Summary)
    assert repr(summary) == repr(summarize(NUMBERS))
