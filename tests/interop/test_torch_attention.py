"""A transformer's weights go to PyTorch and back, and give PyTorch's outputs and all of its gradients, in float64.

PyTorch keeps a matrix as (outputs, inputs), so every weight but an embedding's is transposed on its way. The functions
below say where each one goes: for a dense layer, a layer norm, an embedding, an attention and a whole block.
"""

import numpy as np
import pytest

import fnn
from fnn import Dense, Embedding, Key, LayerNorm, Serial, dense, embedding, layer_norm, residual, serial, tree, vjp
from fnn.layers.attention import Attention, attention
from fnn.layers.positional import positional
from fnn.networks.transformer import transformer_block
from tests.laws.cases import made, numbers, random_like

torch = pytest.importorskip("torch")


def to_torch(layer):
    """Return the ``state_dict`` entries of PyTorch's module for a layer: name to array.

    Dense -> Linear, LayerNorm -> LayerNorm, Embedding -> Embedding, Attention -> MultiheadAttention.
    """
    match layer:
        case Dense(weight=weight, bias=bias):
            return {"weight": weight.T, "bias": bias}
        case LayerNorm(scale=scale, shift=shift):
            return {"weight": scale, "bias": shift}
        case Embedding(weight=weight):
            return {"weight": weight}
        case Attention():
            return {
                "in_proj_weight": layer.weight.T,
                "in_proj_bias": layer.bias,
                "out_proj.weight": layer.output_weight.T,
                "out_proj.bias": layer.output_bias,
            }
    raise TypeError(f"no module for {layer}")


def from_torch(layer, state):
    """Return a layer like ``layer`` with the numbers of a ``state_dict``; the inverse of ``to_torch``."""
    arrays = {name: value.detach().numpy().copy() for name, value in state.items()}
    match layer:
        case Dense():
            return Dense(arrays["weight"].T, arrays["bias"])
        case LayerNorm():
            return LayerNorm(arrays["weight"], arrays["bias"], layer.epsilon)
        case Embedding():
            return Embedding(arrays["weight"])
        case Attention():
            return Attention(
                arrays["in_proj_weight"].T,
                arrays["in_proj_bias"],
                arrays["out_proj.weight"].T,
                arrays["out_proj.bias"],
                layer.heads,
                layer.causal,
            )
    raise TypeError(f"no layer like {layer}")


def parts_of_block(block):
    """Name the layers of a ``transformer_block`` as ``TransformerEncoderLayer(norm_first=True)`` names its modules."""
    (first, attend), (second, widen, _, narrow) = (part.body.layers for part in block.layers)
    return {"norm1": first, "self_attn": attend, "norm2": second, "linear1": widen, "linear2": narrow}


def block_to_torch(block):
    """Return the ``state_dict`` of the ``TransformerEncoderLayer`` that a block is."""
    return {f"{name}.{key}": v for name, part in parts_of_block(block).items() for key, v in to_torch(part).items()}


def loaded(module, state):
    """Return a PyTorch module, in float64, with these weights."""
    module = module.double()
    module.load_state_dict({name: torch.tensor(np.ascontiguousarray(value)) for name, value in state.items()})
    return module


def close(ours, theirs, rows=...):
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours[rows], theirs.detach().numpy()[rows], rtol=1e-10, atol=1e-10)


def agree(layer, x, theirs, module, state_of, within=None):
    """Compare y, dx and the gradient of each parameter; beyond the lengths PyTorch's y is left out of it."""
    lengths = None if within is None else within.sum(axis=1)
    y, pullback = vjp(layer, x if lengths is None else (x, lengths))
    y = y if lengths is None else y[0]
    dy = numbers(*y.shape, seed=9) * (1 if within is None else within[..., None])
    dlayer, dx = pullback(dy if lengths is None else (dy, np.zeros(lengths.shape)))
    given = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    expected = theirs(given)
    expected.backward(torch.tensor(dy))
    close(y, expected, ... if within is None else within)
    if given.requires_grad:
        close(dx() if lengths is None else dx()[0], given.grad)
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert gradients.keys() == state_of(dlayer).keys()
    for name, ours in state_of(dlayer).items():
        close(ours, gradients[name])


def hidden_after(time):
    return torch.triu(torch.ones(time, time, dtype=torch.bool), diagonal=1)


WITHIN = np.arange(7) < np.array([7, 1, 4])[:, None]
each_way = pytest.mark.parametrize("within", [None, WITHIN], ids=["", "lengths"])
each_causal = pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])


@each_way
@each_causal
@pytest.mark.parametrize("heads", [1, 3, 6])
def test_attention(heads, causal, within):
    layer = random_like(made(attention(heads, causal), 1, 1, 6))
    module = loaded(torch.nn.MultiheadAttention(6, heads, batch_first=True), to_torch(layer))

    def theirs(x):
        padding = None if within is None else torch.tensor(~within)
        mask = hidden_after(7) if causal else None
        return module(x, x, x, key_padding_mask=padding, attn_mask=mask, need_weights=False)[0]

    agree(layer, numbers(3, 7, 6), theirs, module, to_torch, within)


@each_causal
@pytest.mark.parametrize("n_and_time", [(3, 7), (1, 1)], ids=str)
def test_a_block(n_and_time, causal):
    x = numbers(*n_and_time, 6)
    block = random_like(transformer_block(2, 9, causal)(Key(0), x))
    module = torch.nn.TransformerEncoderLayer(6, 2, 9, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=True)
    module = loaded(module, block_to_torch(block))
    mask = hidden_after(n_and_time[1]) if causal else None
    agree(block, x, lambda x: module(x, src_mask=mask), module, block_to_torch)


def test_a_block_over_pairs():
    x = numbers(3, 7, 6)
    over_pairs = random_like(transformer_block(2, 9)(Key(0), (x, WITHIN.sum(axis=1))))
    form = transformer_block(2, 9)(Key(0), x)

    def state_of(net):
        return block_to_torch(tree.ravel(form)[1](tree.ravel(net)[0]))  # the same parameters, in the same order

    module = torch.nn.TransformerEncoderLayer(6, 2, 9, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=True)
    module = loaded(module, state_of(over_pairs))
    padding = torch.tensor(~WITHIN)
    agree(over_pairs, x, lambda x: module(x, src_key_padding_mask=padding), module, state_of, WITHIN)


def parts_of_decoder(block, norm_first):
    """Name the layers of a ``decoder_block`` as ``TransformerDecoderLayer`` names its modules."""
    layers = [node.layer for node in block.nodes]
    if norm_first:
        (first, own), second, look, _, feed = layers[0].body.layers, layers[1], layers[2], layers[3], layers[4]
        third, widen, _, narrow = feed.body.layers
    else:
        own, first = layers[0].layers[0].body, layers[0].layers[1]
        look, second = layers[1], layers[3]
        widen, _, narrow = layers[4].layers[0].body.layers
        third = layers[4].layers[1]
    return {"norm1": first, "self_attn": own, "norm2": second, "multihead_attn": look, "norm3": third,
            "linear1": widen, "linear2": narrow}  # fmt: skip


@pytest.mark.parametrize("lengths", [False, True], ids=["", "lengths"])
@pytest.mark.parametrize("norm_first", [True, False], ids=["norms first", "norms last"])
def test_a_decoder_block(norm_first, lengths):
    x, memory = numbers(3, 7, 6), numbers(3, 4, 6, seed=1)
    within = np.arange(4) < np.array([4, 1, 3])[:, None]
    seen = (memory, within.sum(axis=1)) if lengths else memory
    constructor = fnn.decoder_block(2, 9, norm_first=norm_first)
    block = random_like(constructor(Key(0), (x, seen)))

    def state_of(net):
        parts = parts_of_decoder(net, norm_first)
        return {f"{name}.{key}": value for name, part in parts.items() for key, value in to_torch(part).items()}

    gelu = torch.nn.functional.gelu
    module = torch.nn.TransformerDecoderLayer(6, 2, 9, 0.0, gelu, batch_first=True, norm_first=norm_first)
    module = loaded(module, state_of(block))
    (y, _), pullback = vjp(block, (x, seen))
    given, looked = torch.tensor(x, requires_grad=True), torch.tensor(memory, requires_grad=True)
    padding = torch.tensor(~within) if lengths else None
    expected = module(given, looked, tgt_mask=hidden_after(7), memory_key_padding_mask=padding)
    close(y, expected)
    dy = numbers(*y.shape, seed=9)
    expected.backward(torch.tensor(dy))
    zero = np.zeros_like(memory)
    dblock, dx = pullback((dy, (zero, np.zeros(3)) if lengths else zero))
    close(dx()[0], given.grad)
    close(dx()[1][0] if lengths else dx()[1], looked.grad)
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert gradients.keys() == state_of(dblock).keys()
    for name, ours in state_of(dblock).items():
        close(ours, gradients[name])


@each_way
@each_causal
def test_a_block_with_its_norms_last(causal, within):
    x = numbers(3, 7, 6)
    block = random_like(transformer_block(2, 9, causal, norm_first=False)(Key(0), x))

    def state_of(net):
        (attend, first, feed, second) = net.layers
        widen, _, narrow = feed.body.layers
        parts = {"norm1": first, "self_attn": attend.body, "norm2": second, "linear1": widen, "linear2": narrow}
        return {f"{name}.{key}": v for name, part in parts.items() for key, v in to_torch(part).items()}

    gelu = torch.nn.functional.gelu
    module = loaded(torch.nn.TransformerEncoderLayer(6, 2, 9, 0.0, gelu, batch_first=True), state_of(block))
    padding = None if within is None else torch.tensor(~within)
    mask = hidden_after(7) if causal else None
    agree(block, x, lambda x: module(x, src_mask=mask, src_key_padding_mask=padding), module, state_of, within)


@pytest.mark.parametrize("learned", [False, True], ids=["sinusoidal", "learned"])
def test_a_causal_language_model(learned):
    symbols = np.array([[0, 3, 3, 1, 4], [1, 0, 2, 4, 4]])
    code = positional(5 if learned else None)
    constructor = serial(embedding(5, 6), code, transformer_block(2, 9, causal=True), layer_norm(), dense(5))
    net = tree.map(np.float64, random_like(constructor(Key(0), symbols)))
    modules = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(5, 6),
            "block": torch.nn.TransformerEncoderLayer(
                6, 2, 9, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=True
            ),
            "norm": torch.nn.LayerNorm(6),
            "out": torch.nn.Linear(6, 5),
        }
    )
    modules["place"] = torch.nn.Embedding(5, 6) if learned else torch.nn.Identity()

    def state_of(net):
        symbols, place, block, norm, out = net.layers
        states = {"embedding": to_torch(symbols), "block": block_to_torch(block), "norm": to_torch(norm)}
        states |= {"out": to_torch(out)} | ({"place": {"weight": place.weight}} if learned else {})
        return {f"{part}.{name}": value for part, state in states.items() for name, value in state.items()}

    modules = loaded(modules, state_of(net))
    waves = torch.tensor(fnn.forward(net.layers[1], np.zeros((1, 5, 6))))

    def theirs(x):
        x = modules["embedding"](x) + (modules["place"](torch.arange(5)) if learned else waves)
        return modules["out"](modules["norm"](modules["block"](x, src_mask=hidden_after(5))))

    agree(net, symbols, theirs, modules, state_of)


@pytest.mark.parametrize(
    "layer",
    [
        made(dense(3), 1, 5),
        made(layer_norm(), 1, 5),
        embedding(4, 5)(Key(0), np.zeros((1, 1), int)),
        made(attention(2, causal=True), 1, 1, 6),
    ],
    ids=["dense", "layer_norm", "embedding", "attention"],
)
def test_weights_come_back_as_they_went(layer):
    layer = random_like(layer)
    modules = {
        Dense: lambda: torch.nn.Linear(5, 3),
        LayerNorm: lambda: torch.nn.LayerNorm(5),
        Embedding: lambda: torch.nn.Embedding(4, 5),
        Attention: lambda: torch.nn.MultiheadAttention(6, 2, batch_first=True),
    }
    module = loaded(modules[type(layer)](), to_torch(layer))
    back = from_torch(layer, module.state_dict())
    assert tree.equal(back, layer)
    if not isinstance(layer, Attention | Embedding):
        x = numbers(3, 5)
        close(back(x), module(torch.tensor(x)))
    with pytest.raises(TypeError, match="no module for"):
        to_torch(Serial(()))
    with pytest.raises(TypeError, match="no layer like"):
        from_torch(residual(dense(5))(Key(0), numbers(1, 5)), {})
