"""A long short-term memory adds to its state instead of making it anew, so that what was seen long ago can stay.

Lstm : x (n, time, features) -> y (n, time, units)          c' = f c + i g, h' = o tanh(c')

The other forms of x, and the constructor, are in ``recurrent.py``.
"""

from __future__ import annotations

import numpy as np

from fnn.core._arrays import sum_of_rows
from fnn.core.record import Record
from fnn.core.vjp import vjp
from fnn.layers._sequences import arriving, by_gate, inputs, leaving, of_weight, places, read, result


class Lstm(Record):
    """The long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

    i, f, o = sigmoid(...), g = tanh(...) of x @ input_weight + h @ hidden_weight + bias, side by side in the order
    i, f, g, o: (features, 4 units), (units, 4 units) and (4 units,). PyTorch's weights, transposed, and the sum of its
    two biases give PyTorch's numbers.
    """

    input_weight: np.ndarray
    hidden_weight: np.ndarray
    bias: np.ndarray


@vjp.register
def lstm_vjp(layer: Lstm, x, key=None):
    steps = read("lstm", layer, x, gates=4, states=2)
    units = layer.hidden_weight.shape[0]
    # sigmoid(a) = 1/2 + tanh(a / 2) / 2: with the columns of i, f and o halved, one sweep of tanh does all four gates.
    half = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], layer.bias.dtype), units)
    gates = inputs(steps, layer.input_weight * half, layer.bias * half)
    forward = layer.hidden_weight * half
    h, c = places(steps, gates, units), places(steps, gates, units, 1)
    bent, through = np.empty_like(c[1:]), np.empty_like(gates[0])  # tanh(c), and what h contributes to the gates
    each_gate = by_gate(gates, 4)
    scale, shift = np.full_like(through, half), np.full_like(through, 1 - half)  # in full: a row costs twice as much
    for t in range(len(gates)):
        gates[t] += np.dot(h[t], forward, out=through)
        np.tanh(gates[t], out=gates[t])
        gates[t] *= scale
        gates[t] += shift
        i, f, g, o = each_gate[t]
        np.multiply(i, g, out=c[t + 1])
        c[t + 1] += np.multiply(f, c[t], out=bent[t])
        np.tanh(c[t + 1], out=bent[t])
        np.multiply(o, bent[t], out=h[t + 1])

    def lstm_pullback(dy):
        dys, dlast = arriving(steps, dy)
        back = layer.hidden_weight.T.copy()
        dgates, slope = np.empty_like(gates), np.empty_like(gates[0])
        each_dgate = by_gate(dgates, 4)
        slope_if, slope_g, slope_o = slope[:, : 2 * units], slope[:, 2 * units : 3 * units], slope[:, 3 * units :]
        dh, dc, dbent = np.zeros_like(h[0]), np.zeros_like(h[0]), np.empty_like(h[0])
        for t in reversed(range(len(gates))):
            dh += dys[t]
            if dlast is not None:
                dc += dlast[t]
            i, f, g, o = each_gate[t]
            di, df, dg, do = each_dgate[t]
            np.multiply(dh, bent[t], out=do)
            np.multiply(bent[t], bent[t], out=dbent)
            np.subtract(1, dbent, out=dbent)
            dbent *= o
            dbent *= dh
            dc += dbent
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
            np.dot(dgates[t], back, out=dh)
        dlayer = Lstm(of_weight(steps.x, dgates), of_weight(h[:-1], dgates), sum_of_rows(dgates))
        return dlayer, leaving(steps, dgates, layer.input_weight, dh, dc)

    return result(steps, h, c), lstm_pullback
