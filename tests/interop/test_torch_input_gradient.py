"""The gradient by the input is PyTorch's, to rounding in float64, of networks that ``to_torch`` writes as modules."""

import numpy as np
import pytest

import fnn
from fnn import Key, input_gradient, serial
from tests.each_of import each_of
from tests.laws.cases import numbers

torch = pytest.importorskip("torch")

from fnn.interop.torch import to_torch  # noqa: E402 (only where PyTorch is)

X, IMAGES, SEQUENCES = numbers(6, 4), numbers(6, 8, 8, 2), numbers(6, 5, 4)
LABELS, VALUES = np.array([0, 2, 1, 2, 0, 1]), numbers(6, 3, seed=3)
NETS = {
    "dense": (serial(fnn.dense(8), fnn.tanh, fnn.dense(3)), X),
    "gelu and layer norm": (serial(fnn.dense(8), fnn.layer_norm(), fnn.gelu, fnn.dense(3)), X),
    "images": (
        serial(fnn.conv(4, 3), fnn.relu, fnn.max_pool(2), fnn.conv(3, 3), fnn.silu, fnn.global_avg_pool, fnn.dense(3)),
        IMAGES,
    ),
    "lstm": (serial(fnn.lstm(5), fnn.last_step, fnn.dense(3)), SEQUENCES),
    "transformer": (serial(fnn.transformer_block(2, 8), fnn.last_step, fnn.dense(3)), SEQUENCES),
}
LOSSES = {
    "cross_entropy": (fnn.cross_entropy, torch.nn.functional.cross_entropy, LABELS),
    "mse": (fnn.mse, torch.nn.functional.mse_loss, VALUES),
}


@each_of("loss", LOSSES)
@each_of("name", NETS)
def test_it_is_pytorchs(name, loss):
    constructor, x = NETS[name]
    ours, theirs, target = LOSSES[loss]
    net = fnn.tree.map(lambda leaf: numbers(*leaf.shape, seed=leaf.size), constructor(Key(0), x))
    module = to_torch(net)
    as_given = torch.tensor(x, requires_grad=True)
    moved = as_given.movedim(-1, 1) if x.ndim == 4 else as_given  # its images have their channels first
    theirs(module(moved), torch.from_numpy(target)).backward()
    found, expected = input_gradient(ours, net, (x, target)), as_given.grad.numpy()
    assert np.abs(found - expected).max() <= 1e-10 * max(1.0, np.abs(expected).max())
    assert np.abs(expected).max() > 1e-4
