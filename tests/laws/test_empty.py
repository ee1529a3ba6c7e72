"""An empty batch passes every layer and its pullback, and a row of length 0 is all padding."""

import numpy as np

from fnn import BatchNorm, tree, vjp
from fnn.core._flat import tied
from fnn.core._structure import walk
from tests.each_of import each_of
from tests.laws.cases import KEY, LAYERS, numbers

# Statistics of no rows are an error, by intention.
CASES = {
    name: (layer, x)
    for name, (layer, x) in LAYERS.items()
    if not any(isinstance(node, BatchNorm) for _, node in walk(layer, every=True))
}


def first(n, x):
    """The first n rows of an input; the members of a stack of layers stay."""
    return tuple(first(n, each) for each in x) if isinstance(x, tuple) else x[:n]


def cotangent(y):
    return tree.map(lambda array: numbers(*array.shape, seed=1, dtype=array.dtype), y)


@each_of("name", CASES)
@each_of("dtype", [np.float32, np.float64])
def test_an_empty_batch_passes_every_layer_and_its_pullback(name, dtype):
    layer, x = CASES[name]
    cut = (lambda n, x: x[:, :n]) if "ensemble" in name else first
    layer = tree.map(dtype, layer)
    x = tree.map(lambda array: array.astype(dtype) if array.dtype.kind == "f" else array, x)
    y, _ = vjp(layer, cut(1, x), KEY)
    empty, pullback = vjp(layer, cut(0, x), KEY)
    for none, one in zip(tree.leaves((empty,)), tree.leaves((y,)), strict=True):
        assert none.shape == cut(0, one).shape
        assert none.dtype == one.dtype
    dlayer, dx = pullback(cotangent(empty))
    for leaf, gradient in zip(tree.leaves(layer), tree.leaves(tied(layer, dlayer)), strict=True):
        assert gradient.shape == leaf.shape
        assert not gradient.any()
    for given, gradient in zip(tree.leaves((cut(0, x),)), tree.leaves((dx(),)), strict=True):
        assert gradient.shape == given.shape
