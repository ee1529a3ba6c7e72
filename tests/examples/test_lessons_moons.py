"""The lessons that map runs over processes: what they reproduce, and that it is the same wherever it is computed."""

import math
import re

import numpy as np
import pytest
from toolz import last

from fnn import Key, cross_entropy, sgd, split, start, states, train_step, tree
from fnn.data import epochs
from fnn.metrics import accuracy
from tests.examples.lessons import NO_FIGURES, number_after, run_lesson

MOONS, SWEEP = "05_moons.py", "11_sweep_on_a_cluster.py"
NO_DASK = ("dask", "dask.distributed")


pytestmark = pytest.mark.long  # some 5 seconds


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    return run_lesson(MOONS, tmp_path_factory.mktemp("moons"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return run_lesson(SWEEP, tmp_path_factory.mktemp("swept"), "--dask", without=(*NO_FIGURES, *NO_DASK))


def test_the_points_are_those_that_the_tutorial_shows(moons):
    (x, label), (x_test, _) = moons[0]["train"], moons[0]["test"]
    assert (x.shape, x_test.shape) == ((3750, 2), (1250, 2))
    assert label[:5].tolist() == [0, 1, 0, 1, 0]
    shown = [
        (-0.1196884, 1.03684845),
        (0.03370055, 0.2493631),
        (0.03864294, 0.33033539),
        (0.22222051, 1.03355193),
        (0.74448612, 0.69288687),
    ]
    for point in shown:
        assert np.abs(np.concatenate([x, x_test]) - point).max(axis=1).min() < 1e-7


def test_the_points_are_scikit_learn_s(moons):
    datasets, selection = pytest.importorskip("sklearn.datasets"), pytest.importorskip("sklearn.model_selection")
    x, label = datasets.make_moons(n_samples=5000, random_state=42, noise=0.1)
    x_train, x_test, train, test = selection.train_test_split(x.astype(np.float32), label, random_state=42)
    for ours, theirs in zip((*moons[0]["train"], *moons[0]["test"]), (x_train, train, x_test, test), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_step_of_the_tutorial_s_recipe_goes_down_the_sum_of_the_gradients_at_1e_4(moons):
    names, printed = moons
    assert "the sum of ten gradients is ten times their mean: True" in printed
    x, label = names["train"][0][:10], names["train"][1][:10]
    recipe = names["RECIPES"]["the tutorial's recipe"]
    net, optimizer = names["network"](recipe, 5)(Key(3), x), sgd(recipe.learning_rate)
    after = train_step(cross_entropy, optimizer)(start(net, optimizer), (x, label)).params
    weight_1, bias_1, weight_2, bias_2 = (leaf.astype(np.float64) for leaf in tree.leaves(net))
    hidden = np.maximum(x @ weight_1 + bias_1, 0)
    exponential = np.exp(hidden @ weight_2 + bias_2)
    dscores = exponential / exponential.sum(axis=1, keepdims=True) - np.eye(2)[label]
    dhidden = dscores @ weight_2.T * (hidden > 0)
    summed = x.T @ dhidden, dhidden.sum(axis=0), hidden.T @ dscores, dscores.sum(axis=0)
    moved = [new - old for new, old in zip(tree.leaves(after), tree.leaves(net), strict=True)]
    for step, gradient in zip(moved, summed, strict=True):
        np.testing.assert_allclose(step, -1e-4 * gradient, rtol=1e-3, atol=3e-7)


def test_it_is_the_learning_rate_that_decides_how_far_a_run_gets(moons):
    names, printed = moons
    mean = {name: summary["accuracy"].mean for name, summary in names["summaries"].items()}
    slow, fast = ("the tutorial's recipe", "smaller weights"), ("100 times the learning rate", "corrected: both")
    assert max(mean[name] for name in slow) < 0.92 < 0.98 < min(mean[name] for name in fast)
    initial = {name: summary["loss"].mean[0] for name, summary in names["summaries"].items()}
    assert initial["the tutorial's recipe"] > 4 * math.log(2)
    assert initial["smaller weights"] < 2 * math.log(2)
    assert number_after("correlation of loss and accuracy in the tutorial's runs:", printed) < -0.5


def test_another_process_and_an_ensemble_give_what_a_run_by_itself_gives(moons):
    names, _ = moons
    here = names["measured"](names["run"](names["RECIPES"]["corrected: both"], split(Key(0), 2)[1]))
    there = names["results"]["corrected: both"][1]
    assert there["accuracy"] == pytest.approx(here["accuracy"], abs=1e-3)
    np.testing.assert_allclose(there["loss"], here["loss"], rtol=1e-4)


def test_networks_that_are_trained_together_learn_as_each_would_alone(moons):
    names, printed = moons
    assert number_after("their weights differ by at most", printed) < 1e-5
    assert "the padding is still 0: True" in printed
    recipe, train, test = names["RECIPES"]["corrected: both"], names["train"], names["test"]
    widths, keys, alone = [4, 4, 7, 7], split(Key(5), 4), []
    for width, key in zip(widths, keys, strict=True):
        net_key, batch_key = split(key, 2)
        optimizer = sgd(recipe.learning_rate)
        state = start(names["network"](recipe, width)(net_key, train[0]), optimizer)
        final = last(states(train_step(cross_entropy, optimizer), state, epochs(train, 10, batch_key, epochs=1)))
        alone.append(pytest.approx(accuracy(final.params(test[0]), test[1]), abs=5e-3))
    together = names["trials"](recipe, 1, [{"width": width} for width in widths], keys)
    assert together.tolist() == alone
    assert len(set(together)) == 4


def test_each_width_is_tried_three_times(moons):
    names, printed = moons
    for by_width in names["by_width"].values():
        assert list(by_width) == [3, 8, 20]
        assert all(summary.n == 3 and 0.1 < summary.min < summary.max < 1 for summary in by_width.values())
    assert names["by_width"]["corrected: both"][20].min > 0.95
    assert printed.count(", 1 epochs, 3 widths: 3,375 steps of a network in ") == 2  # 3 widths, 3 trials, 375 steps


def test_a_sweep_gives_the_same_wherever_it_is_computed(swept):
    names, printed = swept
    assert names["by_pool"] == names["by_map"]
    assert len(names["by_map"]) == 8
    assert len({trial.result for trial in names["by_map"]}) > 4  # a key of its own for each
    assert "the same 8 results" in printed
    best = max(summary.mean for summary in names["results"].values())
    assert number_after("32 hidden units:", printed) == pytest.approx(best, abs=1e-4)
    assert best > 0.6


def test_an_error_in_a_sweep_says_where_it_was(swept):
    assert (
        "ValueError: dense: units must be at least 1, got 0\n"
        "sweep: in the configuration {'learning_rate': 0.1, 'width': 0} with the key Key(seed=0, path=(1, 0, 1))\n"
    ) in swept[1]


def test_what_is_missing_is_said_and_left_out(moons, swept):
    assert "without figures: " in moons[1]
    assert "without figures: " in swept[1]
    assert "not on Dask, which is not installed: pip install distributed" in swept[1]
    assert "wrote" not in moons[1] + swept[1]


def test_dask_gives_the_same(tmp_path):
    pytest.importorskip("dask.distributed")
    printed = run_lesson(SWEEP, tmp_path, "--dask")[1]
    assert re.search(r"Dask: ready after [\d.]+ s, the same 8 results", printed)
