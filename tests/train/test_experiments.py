"""Repeating and sweeping: one result for each item, the same whatever maps, and in the same order."""

import functools
import io
import itertools
import math
import re
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

from fnn import Key, adam, cross_entropy, fit, fold_in, mlp, split, start
from fnn.data import moons, train_test_split
from fnn.train.experiments import Trial, repeat, sweep
from fnn.train.summaries import summarize
from tests.each_of import each_of

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


@pytest.mark.long
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


def submitted(function, items):
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(function, item) for item in items]


def completed(function, items):
    return as_completed(submitted(function, items))


def lengths_alone(function, items):
    return [len(str(function(item))) for item in items]


def applying_nothing(function, items):
    return list(items)


def ignoring(function, items):
    return [None for _ in items]


def with_a_pool(name):
    """Map with a method of a pool of threads that is no map."""

    def mapped(function, items):
        with ThreadPool(2) as pool:
            return getattr(pool, name)(function, items)

    return mapped


def submitting(function, items):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, items)


DASK = "and of Dask client.get_executor().map"
NO_RESULTS = {
    "a list of futures, as Dask's": (submitted, "expects a map that returns results, got Future <Future at "),
    "as_completed": (completed, "expects a map that returns results, got Future <Future at "),
    "submit": (submitting, "expects a map that returns results, got Future <Future at "),
    "map_async": (with_a_pool("map_async"), "expects a map that returns results, got MapResult <"),
    "apply_async": (with_a_pool("apply_async"), "expects a map that returns results, got ApplyResult <"),
    "apply": (with_a_pool("apply"), "expects a map that calls its function with one item, got "),
    "starmap": (with_a_pool("starmap"), "expects a map that calls its function with one item, got 2"),
    "Python's starmap": (itertools.starmap, "expects a map that calls its function with one item, got 2"),
    "something about each result": (lengths_alone, "expects a map that returns results, got int "),
    "a map that applies nothing": (applying_nothing, "expects a map that returns results, got tuple (0, "),
    "filter": (filter, "expects a map that returns results, got tuple (0, "),
    "nothing for each": (ignoring, "expects a map that returns results, got NoneType None"),
    "nothing at all": (lambda function, items: None, "expects a map that returns results, got NoneType None"),
}
NO_MAP = {
    "an executor": (ThreadPoolExecutor(1), "got ThreadPoolExecutor <"),
    "a number of workers": (2, "got int 2"),
    "a name": ("map", "got str 'map'"),
    "nothing": (None, "got NoneType None"),
    "a function of one argument, as joblib's": (lambda calls: list(calls), "got the function <lambda>"),
    "of three": (lambda pool, function, items: [], "got the function <lambda>"),
}


@each_of("how", NO_RESULTS)
@each_of("caller", [repeat, sweep])
def test_a_map_that_returns_no_results_is_refused_with_the_maps_that_do(how, caller):
    mapped, message = NO_RESULTS[how]
    run, items = (address, KEYS) if caller is repeat else (configured, GRID)
    with pytest.raises(TypeError, match=re.escape(f"{caller.__name__} {message}")) as caught:
        caller(run, items, map=mapped)
    assert str(caught.value).endswith(DASK)


@each_of("what", NO_MAP)
@each_of("caller", [repeat, sweep])
def test_what_is_no_map_is_refused_before_anything_runs(what, caller):
    mapped, got = NO_MAP[what]

    def run(*given):
        raise AssertionError

    message = f"{caller.__name__}: map must be a function of a function and a list, {got}"
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        caller(run, KEYS, map=mapped)
    assert str(caught.value).endswith(DASK)


def test_any_ordered_map_of_results_will_do():
    with ThreadPool(2) as pool, ThreadPoolExecutor(2) as executor:
        for mapped in (
            pool.map,
            pool.imap,
            executor.map,
            functools.partial(executor.map, timeout=60),
            lambda function, items: (function(item) for item in items),
            lambda function, items: tuple(map(function, items)),
        ):
            assert repeat(address, KEYS, map=mapped) == repeat(address, KEYS)
            assert sweep(configured, GRID, map=mapped) == sweep(configured, GRID)


# --- the same luck for all -------------------------------------------------------------------------------------------

TRIALS = Key(11)


def split_of_its_own(settings, key):
    train, test = train_test_split((np.arange(40),), 0.25, key)
    return train[0].tolist(), test[0].tolist()


def split_of_its_trial(settings, key):
    return split_of_its_own(settings, fold_in(TRIALS, settings["trial"]))


def test_settings_are_compared_by_the_same_luck_if_it_comes_from_a_key_of_the_trial_alone():
    grid = {"rate": [0.1, 0.2, 0.4], "trial": range(4)}
    paired, alone = (
        {(t.configuration["rate"], t.configuration["trial"]): t.result for t in sweep(run, grid, Key(3))}
        for run in (split_of_its_trial, split_of_its_own)
    )
    for trial in range(4):
        assert paired[0.1, trial] == paired[0.2, trial] == paired[0.4, trial]
        assert alone[0.1, trial] != alone[0.2, trial] != alone[0.4, trial]
    assert len({str(paired[0.1, trial]) for trial in range(4)}) == 4
    again = sweep(split_of_its_trial, {"trial": range(4), "rate": [0.4, 0.8]}, Key(9))  # another grid, another key
    assert [t.result for t in again[::2]] == [paired[0.4, trial] for trial in range(4)]


def noisy(settings, key):
    x, _ = moons(60, settings["noise"], fold_in(TRIALS, settings["trial"]) if settings["paired"] else key)
    return float(x.std())


def test_pairs_show_a_difference_more_surely_than_runs_by_themselves():
    grid = {"paired": [True, False], "noise": [0.1, 0.12], "trial": range(30)}
    results = np.array([t.result for t in sweep(noisy, grid)]).reshape(2, 2, 30)
    paired, alone = (summarize(louder - quieter) for quieter, louder in results)
    assert paired.std < alone.std / 3
    assert paired.mean > 4 * paired.std / math.sqrt(paired.n)  # found, where
    assert abs(alone.mean) < 4 * alone.std / math.sqrt(alone.n)  # the other sees nothing


def test_progress_shows_on_a_terminal_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setitem(sys.modules, "tqdm", None)
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert repeat(address, KEYS) == [(i,) for i in range(6)]
        assert ("6 of 6 (100 %)" in stream.getvalue()) is shown
