"""Parameters of a wrong rank are refused by every layer that has any, in its own words, before anything is computed."""

import numpy as np
import pytest

from fnn import Dense, Embedding, vjp
from fnn.core._errors import LayerError
from fnn.core._structure import walk
from fnn.core.record import children, edges, rebuild
from tests.each_of import each_of
from tests.laws.cases import KEY, LAYERS, numbers

CHANGES = {
    "an axis in front": lambda a: a[None],
    "an axis at the end": lambda a: a[..., None],
    "twice, in front": lambda a: np.stack([a, a]),
    "twice, at the end": lambda a: np.stack([a, a], axis=-1),
    "without the first axis": lambda a: a[0],
    "without the last axis": lambda a: a[..., 0],
    "a number": lambda a: np.ones(()),
}


def changed(node, at, change, path=""):
    """A tree with the array at a path replaced by another."""
    if isinstance(node, np.ndarray):
        return change(node) if path.lstrip(".") == at else node
    parts = [changed(part, at, change, path + edge) for edge, part in zip(edges(node), children(node), strict=True)]
    return rebuild(node, parts) if parts else node


# A scale of fewer axes is that of a norm over fewer, whose shift, if there is one, says so too.
FEWER = {"without the first axis": CHANGES["without the first axis"]}
PARAMETERS = [
    (name, path) for name, (layer, _) in LAYERS.items() if "random network" not in name for path, _ in walk(layer)
]


def is_refused(layer, x):
    try:
        vjp(layer, x, KEY)
    except LayerError:
        return True
    return False


@each_of(("name", "path"), PARAMETERS, ids=lambda value: str(value))
def test_a_parameter_of_a_wrong_rank_is_refused(name, path):
    layer, x = LAYERS[name]
    changes = CHANGES.items() - FEWER.items() if name == "rms_norm, several axes" else CHANGES.items()
    accepted = [what for what, change in changes if not is_refused(changed(layer, path, change), x)]
    assert not accepted


@each_of("shape", [(), (5,), (5, 4, 4), (1, 5, 4), (5, 4, 1)], ids=str)
def test_an_embedding_s_table_has_two_axes(shape):
    with pytest.raises(ValueError, match=r"embedding expects a weight \(symbols, features\), got "):
        Embedding(np.ones(shape))(np.array([1]))


def test_an_ensemble_of_dense_layers_needs_its_axis_in_all_three():
    members = Dense(numbers(2, 3, 5), numbers(2, 5))
    assert members(numbers(2, 4, 3)).shape == (2, 4, 5)
    with pytest.raises(ValueError, match=r"dense expects rows \(2, n, 3\), got \(4, 3\)"):
        members(numbers(4, 3))
