"""Attention with a memory, masks and groups of heads gives PyTorch's outputs and all of its gradients, in float64."""

import itertools

import numpy as np
import pytest

from fnn import DotProductAttention, Key, attention, inference, tree, vjp
from tests.each_of import each_of
from tests.laws.cases import numbers, random_like

torch = pytest.importorskip("torch")

from fnn.interop.torch import from_torch, to_torch  # noqa: E402 (after PyTorch is known to be there)

QUERY, SAME = numbers(3, 5, 6), numbers(3, 4, 6, seed=1)
KEY, VALUE = numbers(3, 4, 8, seed=2), numbers(3, 4, 2, seed=3)
LENGTHS = np.array([4, 1, 3])
SEEN = np.arange(4) < LENGTHS[:, None]
MASKS = {
    "none": (None, None),
    "booleans": (numbers(5, 4) + np.eye(5, 4) > 0, None),
    "a bias": (numbers(5, 4), None),
    "lengths": (None, SEEN),
    "a bias by row and head": (numbers(6, 5, 4), None),
}


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


@each_of(("sources", "mask"), itertools.product(["memory", "three", "the same"], MASKS))
def test_multihead_attention(sources, mask):
    given = {"memory": (QUERY, SAME), "three": (QUERY, KEY, VALUE), "the same": (QUERY, SAME, SAME)}[sources]
    layer = random_like(attention(2, also="weights")(Key(0), given))
    module = to_torch(layer(also=None), None).attention
    first, padding = MASKS[mask]
    if first is not None and first.dtype == bool:
        first[:, 0] = True  # of a query that may look at nothing PyTorch makes NaN
    ours = first if first is None or first.ndim == 2 else first.reshape(3, 2, 5, 4)
    parts = [*given, None][:3] if padding is None else [given[0], *[(each, LENGTHS) for each in given[1:]], None][:3]
    (y, weights), pullback = vjp(layer, (*parts, ours))
    dy, dweights = numbers(*y.shape, seed=5), numbers(*weights.shape, seed=6)
    dlayer, dx = pullback((dy, dweights))
    tensors = [torch.tensor(each, requires_grad=True) for each in given]
    theirs = None if first is None else torch.tensor(~first if first.dtype == bool else first)
    if theirs is not None and theirs.dtype.is_floating_point:
        theirs.requires_grad_()
    hidden = None if padding is None else torch.tensor(~padding)
    query, key, value = (*tensors, tensors[-1])[:3]
    expected = module(query, key, value, hidden, True, theirs, average_attn_weights=False)
    close(y, expected[0])
    close(weights, expected[1])
    torch.autograd.backward(expected, [torch.tensor(dy), torch.tensor(dweights)])
    for ours_of, tensor in zip(dx()[: len(tensors)], tensors, strict=False):
        close(ours_of[0] if isinstance(ours_of, tuple) else ours_of, tensor.grad)
    if theirs is not None and theirs.requires_grad:
        close(dx()[3].reshape(theirs.shape), theirs.grad)
    gradients = dict(module.named_parameters())
    close(dlayer.bias, gradients["in_proj_bias"].grad)
    close(dlayer.output_weight.T, gradients["out_proj.weight"].grad)
    close(dlayer.output_bias, gradients["out_proj.bias"].grad)
    if sources == "three":
        for field, name in (("weight", "q"), ("key_weight", "k"), ("value_weight", "v")):
            close(getattr(dlayer, field).T, gradients[f"{name}_proj_weight"].grad)
    else:
        close(dlayer.weight.T, gradients["in_proj_weight"].grad)
    assert tree.equal(from_torch(module, given), layer(also=None))


@each_of(("heads", "few"), [(4, 4), (4, 2), (6, 1)])
@each_of("settings", [{}, {"scale": 0.3}, {"causal": True}, {"mask": "bool"}, {"mask": "bias"}])
def test_scaled_dot_product_attention(heads, few, settings):
    shapes = (2, 5, heads * 3), (2, 4, few * 3), (2, 4, few * 2)
    query, key, value = (numbers(*shape, seed=place) for place, shape in enumerate(shapes))
    mask = {"bool": numbers(2, 1, 5, 4) > -0.5, "bias": numbers(2, heads, 5, 4)}.get(settings.get("mask"))
    rest = {name: value for name, value in settings.items() if name != "mask"}
    layer = DotProductAttention(heads, kv_heads=few, **rest)
    y, pullback = vjp(layer, (query, key, value, mask))
    dy = numbers(*y.shape, seed=7)
    given = [torch.tensor(each, requires_grad=True) for each in (query, key, value)]
    by_head = [
        each.reshape(*each.shape[:2], n, -1).transpose(1, 2) for each, n in zip(given, (heads, few, few), strict=True)
    ]
    theirs = None if mask is None else torch.tensor(mask, requires_grad=mask.dtype != bool)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *by_head, theirs, scale=settings.get("scale"), is_causal="causal" in settings, enable_gqa=True
    )
    expected = expected.transpose(1, 2).reshape(y.shape)
    close(y, expected)
    expected.backward(torch.tensor(dy))
    dx = pullback(dy)[1]()
    for ours, tensor in zip(dx[:3], given, strict=True):
        close(ours, tensor.grad)
    if theirs is not None and theirs.requires_grad:
        close(dx[3], theirs.grad)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_decoder_comes_in(norm_first, batch_first):
    settings = {"dropout": 0.1, "norm_first": norm_first, "batch_first": batch_first, "dtype": torch.float64}
    layer = torch.nn.TransformerDecoderLayer(6, 2, 9, **settings).eval()
    stack = torch.nn.TransformerDecoder(layer, 2, torch.nn.LayerNorm(6, dtype=torch.float64)).eval()
    for module in (layer, stack):
        net = from_torch(module, (QUERY, SAME))
        given = [torch.tensor(each if batch_first else each.swapaxes(0, 1)) for each in (QUERY, SAME)]
        theirs = module(*given)
        close(inference(net)((QUERY, SAME)), theirs if batch_first else theirs.swapaxes(0, 1))
        assert repr(net).count("Dropout(rate=0.1") == 4 * (1 if module is layer else 2)
