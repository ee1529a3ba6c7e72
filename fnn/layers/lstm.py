"""A long short-term memory adds to its state instead of replacing it, so that what was seen long ago can stay.

    lstm : units -> constructor          Lstm : x (n, time, features) -> y (n, time, units)

c' = f c + i g, h' = o tanh(c'). The other forms of x are those of ``rnn``, in ``recurrent.py``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core import tree
from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._gates import blocks, by_gate, by_member, dbias, dweight, for_gates, inputs, sigmoid_of_minus
from fnn.layers._recurrent import Steps, allocate_states, incoming, outgoing, read, recurrent, result
from fnn.layers._stable import first_of, widened
from fnn.layers.initializers import Initializer, glorot_uniform


class Lstm(Record):
    """The long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

    i, f, o = sigmoid(...), g = tanh(...) of x @ input_weight + h @ hidden_weight + bias, side by side in the order
    i, f, g, o: (features, 4 units), (units, 4 units) and (4 units,). PyTorch's weights, transposed, and the sum of its
    two biases give PyTorch's values.
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray


@vjp.register
@partial(widened, like=first_of)
def lstm_vjp(layer: Lstm, x: Any, key: Key | None = None) -> tuple[Any, Pullback]:
    return lstm_over(layer, read("lstm", layer, x, gates=4, states=2))


# As they lie in memory: the sigmoids together, and i and f beside each other as g and c are, so that one product of
# arrays is both i g and f c.
_O, _I, _F, _G, _C = range(5)
_ORDER = [3, 0, 1, 2]


def lstm_over(layer: Lstm, steps: Steps) -> tuple[Any, Pullback]:
    """Evaluate a layer, or a stack of them, over the steps of a batch."""
    time, n, _ = steps.x.shape
    units = layer.hidden_weight.shape[-2]
    input_weight, hidden_weight, bias = [for_gates(leaf, _ORDER, 3) for leaf in tree.leaves(layer)]
    from_x = inputs(steps.x, input_weight, bias)
    # At each step a block for each gate, as NumPy is slow on parts of rows, and one for the c before it.
    each_step = np.empty((time + 1, 5, n, units), from_x.dtype)
    gates = each_step.swapaxes(0, 1)
    h, c = allocate_states(steps, gates, units), allocate_states(steps, gates, units, 1, out=gates[_C])
    tanh_c, from_h, products = np.empty_like(h[1:]), np.empty_like(from_x[:, 0]), np.empty_like(gates[:2, 0])
    h_of_each, from_h_of_each = by_member(layer, h), by_member(layer, from_h)
    with np.errstate(over="ignore"):
        for t in range(time):
            now = each_step[t]
            np.matmul(h_of_each[t], hidden_weight, out=from_h_of_each)
            np.add(from_x[:, t], from_h, out=now[:_C])
            sigmoid_of_minus(now[:_G])
            np.tanh(now[_G], out=now[_G])
            np.multiply(now[_I:_G], now[_G:], out=products)  # i g and f c
            np.add(products[0], products[1], out=c[t + 1])
            np.tanh(c[t + 1], out=tanh_c[t])
            np.multiply(now[_O], tanh_c[t], out=h[t + 1])

    def lstm_pullback(dy):
        dys, dlast = incoming(steps, dy)
        dgates = np.empty((time, n, 4 * units), gates.dtype)
        each_dgate = by_gate(dgates, 4)
        dh, dc, dtanh = np.zeros_like(h[0]), np.zeros_like(h[0]), np.empty_like(h[0])
        dgates_of_each, dh_of_each, back = by_member(layer, dgates), by_member(layer, dh), layer.hidden_weight.mT
        for begin, end in blocks(time, 5 * n * units):
            ifg, o, to_c = _slopes(gates[:, begin:end], h[begin + 1 : end + 1], tanh_c[begin:end])
            for t in reversed(range(begin, end)):
                dh += dys[t]
                if dlast is not None:
                    dc += dlast[t]
                dc += np.multiply(dh, to_c[t - begin], out=dtanh)
                np.multiply(dc, ifg[:, t - begin], out=each_dgate[:3, t])
                np.multiply(dh, o[t - begin], out=each_dgate[3, t])
                dc *= gates[_F, t]
                np.matmul(dgates_of_each[t], back, out=dh_of_each)
        dlayer = Lstm(
            dweight(layer.input_weight, steps.x, dgates),
            dweight(layer.hidden_weight, h[:-1], dgates),
            dbias(layer.bias, dgates),
        )
        return dlayer, outgoing(steps, dy, dgates, layer.input_weight, dh, dc)

    return result(steps, h, c), lstm_pullback


def _slopes(gates: np.ndarray, h: np.ndarray, tanh_c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slopes of c' by what i, f and g are taken of, of h' by what o is taken of, and of h' by c'.

    g i (1 - i), c f (1 - f), i (1 - g**2), tanh(c') o (1 - o) and o (1 - tanh(c')**2), each of them as a - a b or
    a - b d of what is known: they depend on no gradient, and so many steps are computed at once.
    """
    o, i, _, g, _ = gates
    slopes = np.empty_like(gates)
    ifs, products = slopes[:2], slopes[3:]  # products: where the last two slopes come when they are done with
    np.multiply(gates[_I:_G], gates[_G:], out=products)  # i g and f c
    np.multiply(products, gates[_I:_G], out=ifs)
    np.subtract(products, ifs, out=ifs)
    for slope, a, b, d in ((slopes[2], i, products[0], g), (slopes[3], h, h, o), (slopes[4], o, h, tanh_c)):
        np.multiply(b, d, out=slope)
        np.subtract(a, slope, out=slope)
    return slopes[:3], slopes[3], slopes[4]


@constructor
def lstm(
    units: int, input_weight: Initializer = glorot_uniform, hidden_weight: Initializer = glorot_uniform
) -> Construct:
    """Construct a long short-term memory; its features and its dtype come from the data.

    The bias of the forget gate starts at 1, so that it remembers until it has learned what to forget (Jozefowicz et
    al., 2015); the others start at 0.

    Args:
        units: the number of outputs at each step.
        input_weight: the initializer of the weights of x, called for each gate with a key of its own.
        hidden_weight: the initializer of the weights of h, called likewise.

    Raises ``TypeError`` or ``ValueError`` unless ``units`` is an integer, 1 or more.

    >>> lstm(3)(Key(0), np.zeros((1, 5, 2), np.float32))
    Lstm(input_weight=f32[2,12], hidden_weight=f32[3,12], bias=f32[12])
    """
    return recurrent(Lstm, units, (input_weight, hidden_weight), (0.0, 1.0, 0.0, 0.0))
