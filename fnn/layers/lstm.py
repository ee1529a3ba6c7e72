"""A long short-term memory adds to its state instead of replacing it, so that what was seen long ago can stay.

    lstm : units -> constructor          Lstm : x (n, time, features) -> y (n, time, units)

c' = f c + i g, h' = o tanh(c'). The other forms of x are those of ``rnn``, in ``recurrent.py``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fnn.core.keys import Key
from fnn.core.record import Record
from fnn.core.vjp import Pullback, vjp
from fnn.layers._constructor import Construct, constructor
from fnn.layers._recurrent import (
    Steps,
    allocate_states,
    by_gate,
    dbias,
    dweight,
    incoming,
    inputs,
    outgoing,
    product,
    read,
    recurrent,
    result,
)
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


def lstm_over(layer: Lstm, steps: Steps) -> tuple[Any, Pullback]:
    """Evaluate a layer, or a stack of them, over the steps of a batch."""
    units = layer.hidden_weight.shape[-2]
    # sigmoid(a) = 1/2 + tanh(a / 2) / 2: with the columns of i, f and o halved, one sweep of tanh does all four gates.
    half = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], layer.bias.dtype), units)
    gates = inputs(steps, layer.input_weight * half, layer.bias * half)
    forward = layer.hidden_weight * half
    h, c = allocate_states(steps, gates, units), allocate_states(steps, gates, units, 1)
    tanh_c, from_h = np.empty_like(c[1:]), np.empty_like(gates[0])  # from_h: what h adds to the gates
    each_gate = by_gate(gates, 4)
    # As large as the gates: to multiply by a single row would take twice the time.
    scale, shift = np.full_like(from_h, half), np.full_like(from_h, 1 - half)
    for t in range(len(gates)):
        gates[t] += product(h[t], forward, out=from_h)
        np.tanh(gates[t], out=gates[t])
        gates[t] *= scale
        gates[t] += shift
        i, f, g, o = each_gate[t]
        np.multiply(i, g, out=c[t + 1])
        c[t + 1] += np.multiply(f, c[t], out=tanh_c[t])
        np.tanh(c[t + 1], out=tanh_c[t])
        np.multiply(o, tanh_c[t], out=h[t + 1])

    def lstm_pullback(dy):
        dys, dlast = incoming(steps, dy)
        back = layer.hidden_weight.mT.copy()
        dgates, slope = np.empty_like(gates), np.empty_like(gates[0])
        each_dgate = by_gate(dgates, 4)
        slope_if, slope_g, slope_o = slope[:, : 2 * units], slope[:, 2 * units : 3 * units], slope[:, 3 * units :]
        dh, dc, dtanh = np.zeros_like(h[0]), np.zeros_like(h[0]), np.empty_like(h[0])
        for t in reversed(range(len(gates))):
            dh += dys[t]
            if dlast is not None:
                dc += dlast[t]
            i, f, g, o = each_gate[t]
            di, df, dg, do = each_dgate[t]
            np.multiply(dh, tanh_c[t], out=do)
            np.multiply(tanh_c[t], tanh_c[t], out=dtanh)
            np.subtract(1, dtanh, out=dtanh)
            dtanh *= o
            dtanh *= dh
            dc += dtanh
            np.multiply(dc, g, out=di)
            np.multiply(dc, c[t], out=df)
            np.multiply(dc, i, out=dg)
            dc *= f
            # The slope of a sigmoid y is y - y**2, that of a tanh 1 - y**2.
            np.multiply(gates[t], gates[t], out=slope)
            np.subtract(gates[t][:, : 2 * units], slope_if, out=slope_if)
            np.subtract(1, slope_g, out=slope_g)
            np.subtract(o, slope_o, out=slope_o)
            dgates[t] *= slope
            product(dgates[t], back, out=dh)
        dlayer = Lstm(
            dweight(layer.input_weight, steps.x, dgates),
            dweight(layer.hidden_weight, h[:-1], dgates),
            dbias(layer.bias, dgates),
        )
        return dlayer, outgoing(steps, dy, dgates, layer.input_weight, dh, dc)

    return result(steps, h, c), lstm_pullback


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
