"""Configurations that run in groups: the results of each by itself, whoever maps."""

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from toolz import last

from fnn import (
    Ensemble,
    Key,
    cross_entropy,
    fold_in,
    mlp,
    repeat,
    sgd,
    split,
    start,
    states,
    sweep,
    together,
    train_step,
    tree,
)
from fnn.core.keys import uniforms
from fnn.data import epochs, moons
from tests.each_of import each_of
from tests.errors import check, message

T, V = TypeError, ValueError
GRID = {"rate": [0.1, 0.2], "width": [3, 4, 5], "trial": range(3)}


def alone(configuration, key):
    return {"width": configuration["width"], "score": float(configuration["rate"] * uniforms(key, 1)[0])}


def of_group(configurations, keys):
    assert len({each["width"] for each in configurations}) == 1
    rates = np.array([each["rate"] for each in configurations])
    scores = rates * np.array([uniforms(key, 1)[0] for key in keys])
    return {"width": [each["width"] for each in configurations], "score": scores}


def drawn(key):
    return float(uniforms(key, 1)[0])


def all_drawn(keys):
    return np.array([uniforms(key, 1)[0] for key in keys])


POINTS = moons(40, 0.1, Key(4))
NETWORKS = {"width": [3, 5], "rate": [0.1, 0.5], "trial": range(2)}


def trained(configuration, key):
    net_key, batch_key = split(key, 2)
    optimizer = sgd(configuration["rate"])
    state = start(mlp(configuration["width"], 2)(net_key, POINTS[0]), optimizer)
    return last(states(train_step(cross_entropy, optimizer), state, epochs(POINTS, 8, batch_key, epochs=2))).loss


def trained_together(configurations, keys):
    net_keys, batch_keys = zip(*[split(key, 2) for key in keys], strict=True)
    network = mlp(configurations[0]["width"], 2)
    nets = Ensemble(tree.stack([network(key, POINTS[0]) for key in net_keys]), len(keys))
    optimizer = sgd(np.array([configuration["rate"] for configuration in configurations]))
    batches = epochs(POINTS, 8, batch_keys, epochs=2)
    return last(states(train_step(cross_entropy, optimizer), start(nets, optimizer), batches)).loss


def test_a_group_trained_as_an_ensemble_has_the_bits_of_each_network_alone():
    assert sweep(together(trained_together, by="width"), NETWORKS, Key(6)) == sweep(trained, NETWORKS, Key(6))


@each_of("size", [None, 1, 4, 100])
def test_a_sweep_in_groups_is_the_sweep_one_by_one(size):
    trials = sweep(together(of_group, by="width", size=size), GRID, Key(3))
    assert trials == sweep(alone, GRID, Key(3))
    assert {type(trial.result["score"]) for trial in trials} == {float}


@each_of("size", [None, 1, 4, 7])
def test_a_repetition_in_groups_is_the_repetition_one_by_one(size):
    keys = split(Key(5), 7)
    assert repeat(together(all_drawn, size=size), keys) == repeat(drawn, keys)
    assert repeat(together(all_drawn, size=size), []) == []


def sizes(by, size=None, grid=GRID):
    """Return how many configurations each group has."""
    found = []

    def run(configurations, keys):
        assert len(configurations) == len(keys)
        found.append(len(keys))
        return keys

    trials = sweep(together(run, by, size), grid)
    assert [trial.result for trial in trials] == [trial.result for trial in sweep(lambda each, key: key, grid)]
    return found


def test_what_is_equal_makes_a_group_and_none_is_larger_than_asked_for():
    assert sizes(()) == [18]
    assert sizes((), 10) == [10, 8]
    assert sizes("width") == [6, 6, 6]
    assert sizes("width", 4) == [4, 2] * 3
    assert sizes(("width", "rate")) == [3] * 6
    assert sizes(lambda each: each["width"] < 5) == [12, 6]
    assert sizes("widths", grid={"widths": [[3], [3, 4]], "trial": range(2)}) == [2, 2]  # what has no hash
    assert sizes(lambda width: width, grid=[3, 4, 3]) == [2, 1]
    assert sizes((), grid=[3, 4, 3]) == [3]


def test_a_result_may_be_a_row_of_an_array_or_anything():
    curves = repeat(together(lambda keys: np.arange(6).reshape(3, 2)), split(Key(0), 3))
    assert [curve.tolist() for curve in curves] == [[0, 1], [2, 3], [4, 5]]
    assert repeat(together(lambda keys: iter("abc")), split(Key(0), 3)) == ["a", "b", "c"]
    assert repeat(together(lambda keys: ({"a": 1}, None)), split(Key(0), 2)) == [{"a": 1}, None]


@pytest.mark.long
def test_processes_change_nothing():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert sweep(together(of_group, "width", 2), GRID, map=pool.map) == sweep(alone, GRID)
        assert sweep(together(of_group, lambda each: each["width"]), GRID, map=pool.map) == sweep(alone, GRID)
        assert sweep(together(trained_together, "width"), NETWORKS, map=pool.map) == sweep(trained, NETWORKS)
        assert repeat(together(all_drawn, size=2), split(Key(5), 7), map=pool.map) == repeat(drawn, split(Key(5), 7))


def failing(configurations, keys):
    raise ValueError("no such width")


GROUP = "sweep: in a group of 9, of which the first is {'rate': 0.1, 'width': 3, 'trial': 0} with the key "
EACH = "expects a result for each of the 2 that ran together"
ROWS = [
    (lambda: together(3), T, "together expects a function of configurations and keys, got int 3"),
    (lambda: together(print, size=0), V, "together: the size must be at least 1, got 0"),
    (lambda: together(print, size=2.5), T, "together: the size must be an integer, got float 2.5"),
    (
        lambda: sweep(together(failing, "rate"), GRID, Key(7)),
        V,
        f"no such width\n{GROUP}Key(seed=7, path=(0, 0, 0))",
    ),
    (
        lambda: sweep(together(failing, "depth"), GRID),
        V,
        "sweep: together by 'depth': no setting 'depth' in the configuration {'rate': 0.1, 'width': 3, 'trial': 0}",
    ),
    (
        lambda: sweep(together(failing, "width"), [3, 4]),
        T,
        "sweep: together by 'width' expects configurations that are dictionaries, got int 3",
    ),
    (
        lambda: repeat(together(len), split(Key(0), 2)),
        T,
        f"repeat {EACH}, got int 2\nrepeat: in a group of 2, of which the first is Key(seed=0, path=(0,))",
    ),
    (lambda: repeat(together(lambda keys: "ab"), split(Key(0), 2)), T, f"repeat {EACH}, got str 'ab'\n…"),
    (
        lambda: repeat(together(lambda keys: np.float32(1)), split(Key(0), 2)),
        T,
        f"repeat {EACH}, got np.float32(1.0)\n…",
    ),
    (lambda: repeat(together(lambda keys: keys[1:]), split(Key(0), 2)), V, f"repeat {EACH}, got 1\n…"),
    (lambda: repeat(together(lambda keys: {"a": [1, 2, 3]}), split(Key(0), 2)), V, f"repeat {EACH}, got 3\n…"),
]


@each_of("row", ROWS, ids=message)
def test_a_mistake_is_told_in_these_words(row, tmp_path):
    check(row, tmp_path)


def test_a_group_s_key_is_a_configuration_s_own():
    trials = sweep(together(lambda configurations, keys: keys, by="width"), GRID, Key(2))
    assert trials[0].result == fold_in(fold_in(fold_in(Key(2), 0), 0), 0)
    assert re.fullmatch(r"Key\(seed=2, path=\(1, 2, 2\)\)", str(trials[-1].result))
