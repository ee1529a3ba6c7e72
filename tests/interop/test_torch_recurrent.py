"""Recurrent layers give PyTorch's outputs and gradients, from the same weights, states and lengths, in float64."""

import numpy as np
import pytest

from fnn import Key, Serial, tree, vjp
from fnn.layers.gru import Gru, gru
from fnn.layers.lstm import Lstm, lstm
from fnn.layers.recurrent import Rnn, rnn
from fnn.networks.bidirectional import Bidirectional
from tests.laws.cases import numbers

torch = pytest.importorskip("torch")

CELLS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
RECORDS = {"rnn": Rnn, "lstm": Lstm, "gru": Gru}
each_cell = pytest.mark.parametrize("cell", CELLS)
each_shape = pytest.mark.parametrize("shape", [(1, 1, 3), (4, 1, 2), (1, 3, 5), (5, 7, 3)], ids=str)


# --- from PyTorch's state_dict to records, and gradients the same way ------------------------------------------------


def record_of(cell, arrays, suffix):
    """The record of one of PyTorch's runs, say ``l0`` or ``l1_reverse``, from its arrays by name.

    Weights are transposed. PyTorch adds up two biases, where one is enough, but for the n of a GRU: there the second
    is inside the product with r.
    """
    of_input, of_hidden, bias, second = (
        arrays[f"{name}_{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if cell != "gru":
        return RECORDS[cell](of_input.T, of_hidden.T, bias + second)
    units = of_hidden.shape[1]
    shared = np.concatenate([second[: 2 * units], np.zeros(units)])
    return Gru(of_input.T, of_hidden.T, bias + shared, second[2 * units :])


def network_of(cell, module, arrays):
    """The network of a whole module: its layers one after the other, each in both directions if it has them."""
    layers = []
    for place in range(module.num_layers):
        runs = [record_of(cell, arrays, f"l{place}{way}") for way in ("", "_reverse")[: 1 + module.bidirectional]]
        layers.append(Bidirectional(*runs) if module.bidirectional else runs[0])
    return Serial(tuple(layers))


def gradient_of(cell, module):
    """PyTorch's gradients as a tree like the network."""
    arrays = {name: each.grad.numpy() for name, each in module.named_parameters()}
    return network_of(cell, module, {name: halved(cell, name, each) for name, each in arrays.items()})


def halved(cell, name, gradient):
    """Halve what ``record_of`` adds up: the gradient by a sum of two biases is that by either, not their sum."""
    if not name.startswith("bias"):
        return gradient
    apart = gradient.copy()
    shared = 2 * len(gradient) // 3 if cell == "gru" else len(gradient)
    apart[:shared] /= 2
    return apart


def theirs(cell, features, units=4, **named):
    module = CELLS[cell](features, units, batch_first=True, dtype=torch.float64, **named)
    for place, each in enumerate(module.parameters()):
        each.data = torch.tensor(numbers(*each.shape, seed=20 + place))
    net = network_of(cell, module, {name: each.numpy() for name, each in module.state_dict().items()})
    return module, net


def close(ours, expected):
    ours, expected = tree.leaves((ours,)), tree.leaves((expected,))
    for a, b in zip(ours, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def tensor(array):
    return torch.tensor(array, requires_grad=True)


# --- the same numbers ------------------------------------------------------------------------------------------------


@each_cell
@each_shape
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_outputs_and_gradients(cell, shape, layers, bidirectional):
    module, net = theirs(cell, shape[-1], num_layers=layers, bidirectional=bidirectional)
    x = numbers(*shape)
    y, pullback = vjp(net, x)
    dy = numbers(*y.shape, seed=1)
    dnet, dx = pullback(dy)
    given = tensor(x)
    expected, _ = module(given)
    expected.backward(torch.tensor(dy))
    close(y, expected.detach().numpy())
    close(dx(), given.grad.numpy())
    close(dnet, gradient_of(cell, module))


@each_cell
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_outputs_and_gradients_of_rows_of_several_lengths_are_those_of_packed_sequences(cell, layers, bidirectional):
    module, net = theirs(cell, 3, num_layers=layers, bidirectional=bidirectional)
    x, lengths = numbers(5, 7, 3), np.array([3, 7, 1, 2, 7])
    (y, _), pullback = vjp(net, (x, lengths))
    dy = numbers(*y.shape, seed=1)
    dnet, dx = pullback((dy, lengths))
    given = tensor(x)
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0], batch_first=True)
    expected.backward(torch.tensor(dy))
    close(y, expected.detach().numpy())
    close(dx()[0], given.grad.numpy())
    close(dnet, gradient_of(cell, module))


@each_cell
@pytest.mark.parametrize("lengths", [None, np.array([3, 6, 1, 2, 6])], ids=["whole", "lengths"])
def test_first_and_last_states_and_their_gradients(cell, lengths):
    module, net = theirs(cell, 3)
    n = 5
    count = 2 if cell == "lstm" else 1
    x, first = numbers(n, 6, 3), [numbers(n, 4, seed=7 + place) for place in range(count)]
    (y, _, last), pullback = vjp(net.layers[0], (x, lengths, tuple(first) if count == 2 else first[0]))
    dy, dlast = numbers(*y.shape, seed=1), [numbers(n, 4, seed=3 + place) for place in range(count)]
    dlayer, dx = pullback((dy, lengths, tuple(dlast) if count == 2 else dlast[0]))

    inputs = [tensor(each) for each in (x, *first)]
    states = [each[None] for each in inputs[1:]]
    states = tuple(states) if count == 2 else states[0]
    if lengths is None:
        expected, ends = module(inputs[0], states)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(inputs[0], lengths, batch_first=True, enforce_sorted=False)
        expected, ends = module(packed, states)
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
    ends = list(ends) if count == 2 else [ends]
    torch.autograd.backward([expected, *ends], [torch.tensor(dy), *(torch.tensor(each)[None] for each in dlast)])
    close((y, last), (expected.detach().numpy(), *(each[0].detach().numpy() for each in ends)))
    of_x, _, of_first = dx()
    close((of_x, of_first), tuple(each.grad.numpy() for each in inputs))
    close(Serial((dlayer,)), gradient_of(cell, module))


@each_cell
def test_float32_is_close_too(cell):
    """A pass in single precision stays within its rounding of PyTorch's in double precision."""
    module, net = theirs(cell, 3, units=32)
    small = tree.map(lambda leaf: (leaf / 10).astype(np.float32), net)
    for each in module.parameters():
        each.data = each.data / 10
    x = numbers(8, 30, 3)
    expected, _ = module(torch.tensor(x))
    np.testing.assert_allclose(small(x.astype(np.float32)), expected.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("constructor", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
def test_the_parameters_of_a_layer_that_we_make_fit_a_module_of_theirs(constructor):
    layer = constructor(4)(Key(0), numbers(1, 2, 3))
    module = CELLS[constructor.__name__](3, 4, batch_first=True, dtype=torch.float64)
    second = torch.zeros_like(module.bias_hh_l0)
    if isinstance(layer, Gru):
        second[8:] = torch.tensor(layer.hidden_bias)
    parameters = (
        torch.tensor(layer.input_weight.T),
        torch.tensor(layer.hidden_weight.T),
        torch.tensor(layer.bias),
        second,
    )
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    module.load_state_dict(dict(zip(names, parameters, strict=True)))
    x = numbers(2, 5, 3)
    close(layer(x), module(torch.tensor(x))[0].detach().numpy())
