"""Lines of ``watched`` hold what was found at each step, layer by layer."""

# ruff: noqa: E402 (matplotlib may be missing)
import re

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from fnn import (
    Key,
    Serial,
    cross_entropy,
    dense,
    ensemble,
    members,
    mlp,
    plot,
    replicate,
    sgd,
    start,
    states,
    train_step,
    tree,
    watch,
)
from fnn.data import moons
from fnn.diagnostics.diagnose import Diagnoses
from fnn.diagnostics.watch import Watched
from tests.each_of import each_of
from tests.plot.drawing import axes

DATA = moons(20, 0.1, Key(1))


def seen_of(net, data=DATA, batch=DATA, every=2, rate=0.1):
    seen, optimizer = [], sgd(rate)
    run = states(train_step(cross_entropy, optimizer), start(net, optimizer), [data] * 6)
    list(watch(every, batch, seen.append)(run))
    return seen


NET = mlp(5, 5, 2)(Key(0), DATA[0])
SEEN = seen_of(NET)
OF_LEAVES, OF_LAYERS = ("weight", "gradient", "ratio"), ("output", "saturated", "dead")
WHERE = {"weight": "rms", "output": "rms"}


@each_of("what", [*OF_LEAVES, *OF_LAYERS])
def test_each_line_is_what_was_found_of_a_layer_at_each_step(what):
    ax = plot.watched(axes(), SEEN, what)
    name = WHERE.get(what, what)
    if what in OF_LEAVES:
        expected = {
            f"layers[{place}].weight": [getattr(each.found.leaves[place], name) for each in SEEN] for place in (0, 2, 4)
        }
    else:
        places = range(5) if what == "output" else (1, 3)
        kinds = ["Dense", "Relu", "Dense", "Relu", "Dense"]
        expected = {
            f"layers[{place}] {kinds[place]}": [getattr(each.found.layers[place], name) for each in SEEN]
            for place in places
        }
    assert {line.get_label(): line.get_ydata().tolist() for line in ax.get_lines()} == expected
    assert all(line.get_xdata().tolist() == [0, 2, 4, 6] for line in ax.get_lines())
    assert ax.get_yscale() == ("linear" if what in ("saturated", "dead") else "log")
    assert ax.get_xlabel() == "step"
    assert ax.get_ylabel().split()[0] in ("rms", "fraction")


def test_of_an_ensemble_the_mean_of_its_members_is_drawn_in_a_band():
    nets = ensemble(mlp(5, 2), 3)(Key(0), DATA[0])
    seen = seen_of(nets, replicate(DATA, 3), replicate(DATA, 3))
    ax = plot.watched(axes(), seen, "weight")
    alone = [[each.found.leaves[0].rms for each in seen_of(net)] for net in members(nets)]
    line = ax.get_lines()[0]
    assert line.get_label() == "layers[0].weight (3 runs)"
    np.testing.assert_allclose(line.get_ydata(), np.mean(alone, axis=0), rtol=1e-6)
    assert len(ax.collections) == 2


def test_looks_are_drawn_in_the_order_of_their_steps_and_of_a_step_the_last():
    other = Watched(2, SEEN[0].found)
    lines = plot.watched(axes(), [SEEN[3], *SEEN[:2], other], "gradient").get_lines()
    assert lines[0].get_xdata().tolist() == [0, 2, 6]
    assert lines[0].get_ydata()[0] == lines[0].get_ydata()[1] == SEEN[0].found.leaves[0].gradient


def test_a_layer_that_some_looks_do_not_have_is_a_gap_and_what_is_zero_everywhere_is_drawn():
    x = np.ones((20, 5), np.float32)
    shorter = seen_of(Serial(NET.layers[2:]), (x, DATA[1]), (x, DATA[1]))
    lines = plot.watched(axes(), [SEEN[0], Watched(1, shorter[0].found)], "weight").get_lines()
    assert np.isnan(lines[2].get_ydata()).tolist() == [False, True]
    still = [Watched(0, each.found) for each in seen_of(tree.zeros_like(NET))[:1]]
    assert plot.watched(axes(), still, "weight").get_yscale() == "linear"


@pytest.mark.parametrize(
    ("seen", "what", "kind", "message"),
    [
        (
            SEEN,
            "bias",
            ValueError,
            "what must be one of output, saturated, dead, weight, gradient, ratio, got str 'bias'",
        ),
        ([], "gradient", ValueError, "expects looks at a network, or at as many each time, got none"),
        (3, "gradient", TypeError, "plot.watched expects what watch found, say of seen.append, got int 3"),
        ([SEEN[0].found], "gradient", TypeError, "plot.watched expects what watch found, say of seen.append, got"),
        (
            [SEEN[0], Watched(2, Diagnoses((SEEN[0].found,) * 3))],
            "gradient",
            ValueError,
            "expects looks at a network, or at as many each time, got of 1 and of 3",
        ),
        (
            seen_of(dense(2)(Key(0), DATA[0])),
            "dead",
            ValueError,
            "plot.watched: no layer has 'dead', which is for activations such as relu and tanh",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is(seen, what, kind, message):
    ax = axes()
    with pytest.raises(kind, match=re.escape(message)):
        plot.watched(ax, seen, what)
    assert not ax.has_data()
